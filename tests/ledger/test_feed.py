"""The feed: gapless, every item once, at a cost that does not grow."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import date

import pytest
import sqlalchemy as sa

from ledger import acts, clock, feed, holds
from ledger.errors import SealOvertaken
from ledger.feed import AccountContent, ActContent, Event, EventLeg, TransactionContent
from ledger.schema import ItemKind, SealItem
from tests.ledger.makers import NINTH, World, move
from tests.ledger.test_seal import ITEMS_AT_START, seal_all
from tests.statements import counted

STATEMENTS_MAX = 5


def read(world: World, *, after: int = 0, limit: int = feed.EVENT_COUNT_MAX) -> list[Event]:
    with world.database.reading() as session:
        return feed.events(session, world.community_id, after=after, limit=limit)


def read_all(world: World, limits: list[int], *, after: int = 0) -> list[Event]:
    """Read page by page until a page is empty, with limits that take turns."""
    found: list[Event] = []
    for number in range(10_000):
        page = read(
            world,
            after=found[-1].sequence if found else after,
            limit=limits[number % len(limits)],
        )
        if not page:
            return found
        found += page
    pytest.fail("the feed never ended")


def test_an_event_holds_its_whole_content(world: World) -> None:
    seal_all(world)
    given_points = world.give(world.alice, 7)
    undone = world.reverse(given_points.transaction_id)
    with world.database.begin() as session:
        acts.close_period(
            session,
            world.community_id,
            through=date(2026, 10, 31),
            reason="October is checked",
            actor="system:test",
        )
    with world.database.begin() as session:
        acts.close_account(
            session, world.community_id, world.box, reason="full", actor="system:test"
        )
    seal_all(world)

    first, second, third, fourth = read(world, after=ITEMS_AT_START)

    assert first == Event(
        ITEMS_AT_START + 1,
        ItemKind.TRANSACTION,
        given_points.transaction_id,
        given_points.content_hash,
        given_points.recorded_at,
        TransactionContent(
            *("service", NINTH, "attendance:1", None, None, None),
            legs=[
                EventLeg("Issuance:Points", "POINT", -7, False),
                EventLeg("Members:V0001:Points", "POINT", 7, False),
            ],
        ),
    )
    assert isinstance(second.content, TransactionContent)
    assert (second.id, second.content.reverses_id) == (undone.transaction_id, first.id)
    assert third.content == ActContent("period_closed", None, date(2026, 10, 31))
    with world.database.reading() as session:
        listed = acts.list_acts(session, world.community_id)
    assert {(act.id, act.content_hash, act.recorded_at) for act in listed} == {
        (event.id, event.content_hash, event.recorded_at) for event in (third, fourth)
    }
    assert fourth.content == ActContent("account_closed", "Box", None)
    assert "wrong list" not in str([first, second, third, fourth])


def test_accounts_are_events_too(world: World) -> None:
    seal_all(world)

    found = read(world)

    assert {event.content for event in found} == {
        AccountContent("Issuance:Points", "POINT"),
        AccountContent("Members:V0001:Points", "POINT"),
        AccountContent("Members:V0002:Points", "POINT"),
        AccountContent("Box", "POINT"),
        AccountContent("Issuance:Service", "SERVICE"),
    }


def test_a_hold_and_its_end_name_each_other(world: World) -> None:
    world.give(world.alice, 9)
    until = clock.now().replace(year=2099)
    with world.database.begin() as session:
        placed = holds.place(
            session, world.community_id, move(world.alice, world.box, 4), expires_at=until
        )
    with world.database.begin() as session:
        holds.void(
            session,
            world.community_id,
            placed.transaction_id,
            holds.Resolution(NINTH, "void", "system:test", "desk:1"),
        )
    seal_all(world)

    hold, void = (event.content for event in read(world)[-2:])

    assert isinstance(hold, TransactionContent)
    assert isinstance(void, TransactionContent)
    assert (hold.kind, hold.expires_at) == ("hold", until)
    assert [leg.is_pending for leg in hold.legs] == [True, True]
    assert (void.kind, void.resolves_id) == ("hold_void", placed.transaction_id)


def test_what_is_not_sealed_is_not_there_yet(world: World) -> None:
    seal_all(world)
    world.give(world.alice, 1)

    assert [event.sequence for event in read(world)] == [1, 2, 3, 4, 5]
    assert read(world, after=5) == []
    assert read(world, after=10**15) == []


def test_another_book_is_not_in_it(world: World, shared_database: object) -> None:
    seal_all(world)
    with world.database.reading() as session:
        books = session.scalars(sa.select(SealItem.community_id).distinct()).all()

    mine = {event.id for event in read(world)}
    with world.database.reading() as session:
        for book in books:
            if book != world.community_id:
                others = feed.events(session, book, after=0, limit=feed.EVENT_COUNT_MAX)
                assert mine.isdisjoint(event.id for event in others)


def test_every_item_comes_once_however_it_is_read(world: World) -> None:
    for count in (3, 1, 30, 21):
        world.post_many([move(world.issuance, world.alice, 1) for _ in range(count)])
        seal_all(world)

    for limits in ([1], [2, 3], [7, 1, 40], [59], [60], [61], [1_000]):
        for after in (0, 1, 4, 5, 6, 59, 60, 61):
            found = read_all(world, limits, after=after)
            assert [event.sequence for event in found] == list(range(after + 1, 61))
            assert len({event.id for event in found}) == len(found)


def test_a_page_of_large_transactions_ends_early(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    seal_all(world)
    for _ in range(4):
        world.give(world.alice, 1)
    seal_all(world)
    monkeypatch.setattr(feed, "LEG_COUNT_PER_PAGE_MAX", 5)

    pages = [len(read(world, after=after)) for after in (0, 5, 7, 9)]
    assert pages == [7, 2, 2, 0]
    monkeypatch.setattr(feed, "LEG_COUNT_PER_PAGE_MAX", 1)
    assert len(read(world, after=5)) == 1


def test_a_page_costs_the_same_statements_whatever_it_holds(world: World) -> None:
    for _ in range(300):
        world.give(world.alice, 1)
    with world.database.begin() as session:
        acts.close_account(
            session, world.community_id, world.box, reason="full", actor="system:test"
        )
    seal_all(world)

    counts = {}
    for limit in (10, 1_000):
        with counted() as statements:
            read(world, limit=limit)
        counts[limit] = len(statements)

    assert counts[10] <= counts[1_000] <= STATEMENTS_MAX


def test_readers_see_a_gapless_sequence_while_it_grows(world: World) -> None:
    with _sealing(world) as done, ThreadPoolExecutor(6) as pool:
        followers = [pool.submit(_follow, world, done, limit) for limit in (1, 7, 1_000)]
        posted = list(pool.map(lambda _: world.give(world.alice, 1), range(40)))
        done.set()
        told = [follower.result() for follower in followers]
    seal_all(world)

    for found in told:
        found += read_all(world, [1_000], after=len(found))
        assert [event.sequence for event in found] == list(range(1, ITEMS_AT_START + 41))
        ids = {event.id for event in found}
        assert len(ids) == len(found)
        assert {one.transaction_id for one in posted} <= ids


@contextmanager
def _sealing(world: World) -> Iterator[threading.Event]:
    """Let two sealers race until the event is set; fail if they end in any other way."""
    done = threading.Event()

    def keep_sealing() -> None:
        while not done.is_set():
            with suppress(SealOvertaken):
                seal_all(world)

    with ThreadPoolExecutor(2) as pool:
        sealers = [pool.submit(keep_sealing) for _ in range(2)]
        try:
            yield done
        finally:
            done.set()
        for sealer in sealers:
            sealer.result()


def _follow(world: World, done: threading.Event, limit: int) -> list[Event]:
    """Read on behind the last event seen until everything is done and nothing more comes."""
    found: list[Event] = []
    while True:
        is_last_look = done.is_set()
        page = read(world, after=found[-1].sequence if found else 0, limit=limit)
        found += page
        if is_last_look and not page:
            return found


def test_a_cursor_or_limit_that_cannot_be_is_a_programmers_error(world: World) -> None:
    for after, limit in ((-1, 1), (0, 0), (0, feed.EVENT_COUNT_MAX + 1)):
        with pytest.raises(AssertionError):
            read(world, after=after, limit=limit)
