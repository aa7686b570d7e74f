"""Many writers on one bounded account: exactly as many win as the balance allows."""

import multiprocessing
import threading
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from datetime import date, timedelta
from uuid import UUID

import pytest
import sqlalchemy as sa

from ledger import acts, clock, holds, journal, standalone
from ledger.errors import Refusal
from ledger.holds import Resolution
from ledger.schema import SealItem
from ledger.seal import seal
from ledger.verification import verify
from tests.ledger.makers import NINTH, World, fresh_key, move
from tests.ledger.spender import spend

THREADS = 16
PROCESSES = 4


def _outcome(work: Callable[[], object]) -> str:
    """Return `won`, or the code of the refusal."""
    try:
        work()
    except Refusal as refused:
        return refused.code
    return "won"


def test_threads_race_for_the_last_point(world: World) -> None:
    world.give(world.alice, 1)

    def spend_one(_: int) -> str:
        return _outcome(lambda: world.post(move(world.alice, world.bob, 1)))

    with ThreadPoolExecutor(THREADS) as pool:
        outcomes = list(pool.map(spend_one, range(THREADS)))

    assert sorted(outcomes) == ["balance_too_low"] * (THREADS - 1) + ["won"]
    assert (world.holds(world.alice), world.holds(world.bob)) == (0, 1)


def test_processes_race_for_the_last_point(world: World) -> None:
    world.give(world.alice, 1)
    url = world.database.url.render_as_string(hide_password=False)
    context = multiprocessing.get_context("spawn")

    with ProcessPoolExecutor(PROCESSES, mp_context=context) as pool:
        tries = [
            pool.submit(spend, url, world.community_id, world.alice, world.bob, fresh_key())
            for _ in range(PROCESSES * 2)
        ]
        outcomes = [one.result() for one in tries]

    assert sorted(outcomes) == ["balance_too_low"] * (PROCESSES * 2 - 1) + ["won"]
    assert (world.holds(world.alice), world.holds(world.bob)) == (0, 1)


def test_opposite_transfers_never_deadlock_and_lose_nothing(world: World) -> None:
    world.give(world.alice, 100)
    world.give(world.bob, 100)

    def swap(n: int) -> None:
        one, other = (world.alice, world.bob) if n % 2 else (world.bob, world.alice)
        world.post(move(one, other, 1))
        world.post_many([move(one, other, 1), move(other, one, 1)])

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(swap, range(THREADS * 4)))

    assert (world.holds(world.alice), world.holds(world.bob)) == (100, 100)
    with world.database.reading() as session:
        assert verify(session, world.community_id) == []


def test_one_of_many_reversals_wins(world: World) -> None:
    posted = world.give(world.alice, 5)

    def reverse(_: int) -> str:
        return _outcome(lambda: world.reverse(posted.transaction_id))

    with ThreadPoolExecutor(THREADS) as pool:
        outcomes = list(pool.map(reverse, range(THREADS)))

    assert sorted(outcomes) == ["already_reversed"] * (THREADS - 1) + ["won"]
    assert (world.holds(world.alice), world.holds(world.issuance)) == (0, 0)


def test_one_account_is_opened_once_by_many(world: World) -> None:
    def open_account(_: int) -> UUID:
        with world.database.begin() as session:
            return journal.open_account(
                session, world.community_id, code="Raced", commodity="POINT", floor_minor=0
            ).id

    with ThreadPoolExecutor(THREADS) as pool:
        opened = set(pool.map(open_account, range(THREADS)))

    assert len(opened) == 1
    world.give(opened.pop(), 3)


@pytest.mark.parametrize("is_open", [True, False])
def test_closing_races_with_posting_and_the_book_stays_whole(world: World, is_open: bool) -> None:
    def work(n: int) -> str:
        if n != THREADS // 2:
            return _outcome(lambda: world.give(world.alice, 1))
        with world.database.begin() as session:
            change = acts.reopen_account if is_open else acts.close_account
            change(session, world.community_id, world.alice, reason="x", actor="system:test")
        return "closed"

    with ThreadPoolExecutor(THREADS) as pool:
        outcomes = list(pool.map(work, range(THREADS)))

    assert set(outcomes) <= {"won", "account_closed", "closed"}
    assert world.holds(world.alice) == outcomes.count("won")
    with world.database.reading() as session:
        assert verify(session, world.community_id) == []


def test_many_senders_of_one_key_have_one_effect_and_one_answer(world: World) -> None:
    wanted = move(world.issuance, world.alice, 5)

    with ThreadPoolExecutor(THREADS) as pool:
        answers = list(
            pool.map(
                lambda n: (
                    world.post(wanted)
                    if n % 2
                    else standalone.post(world.database, world.community_id, wanted)
                ),
                range(THREADS),
            )
        )

    assert len({answer[:3] for answer in answers}) == 1
    assert [answer.is_replay for answer in answers].count(False) == 1
    assert world.holds(world.alice) == 5


def test_one_of_many_who_end_a_hold_wins(world: World) -> None:
    world.give(world.alice, 20)
    hold_id = _place(world, 20)

    def end(n: int) -> str:
        way = holds.void if n % 2 else holds.post
        with world.database.begin() as session:
            resolution = Resolution(NINTH, fresh_key(), "system:test", "race:1")
            return _outcome(lambda: way(session, world.community_id, hold_id, resolution))

    with ThreadPoolExecutor(THREADS) as pool:
        outcomes = list(pool.map(end, range(THREADS)))

    assert sorted(outcomes) == ["hold_resolved"] * (THREADS - 1) + ["won"]
    _check_book(world)


def test_no_more_is_held_than_there_is_by_many_at_once(world: World) -> None:
    world.give(world.alice, 10)

    def place_or_spend(n: int) -> str:
        if n % 2:
            return _outcome(lambda: _place(world, 3))
        return _outcome(lambda: world.post(move(world.alice, world.bob, 3)))

    with ThreadPoolExecutor(THREADS) as pool:
        outcomes = list(pool.map(place_or_spend, range(THREADS)))

    assert sorted(outcomes) == ["balance_too_low"] * (THREADS - 3) + ["won"] * 3
    _check_book(world)


def test_two_sweepers_that_date_it_differently_expire_a_hold_once(world: World) -> None:
    """The second one waits for the first, and then finds it done: not another request."""
    world.give(world.alice, 20)
    _place(world, 20)
    days = [NINTH, NINTH + timedelta(days=1)] * (THREADS // 2)

    def sweep(day: date) -> int:
        with clock.at(clock.now() + timedelta(days=1)), world.database.begin() as session:
            return holds.expire_due(session, world.community_id, day)

    with ThreadPoolExecutor(THREADS) as pool:
        counts = list(pool.map(sweep, days))

    assert sorted(counts) == [0] * (THREADS - 1) + [1]
    _check_book(world)


def test_a_hold_that_expired_on_another_day_is_resolved(world: World) -> None:
    world.give(world.alice, 20)
    hold_id = _place(world, 20)

    def expire(day: date) -> str:
        with clock.at(clock.now() + timedelta(days=1)), world.database.begin() as session:
            return _outcome(lambda: holds.expire(session, world.community_id, hold_id, day))

    assert expire(NINTH) == expire(NINTH) == "won"
    assert expire(NINTH + timedelta(days=1)) == "hold_resolved"


def test_nothing_is_dated_in_a_period_while_it_closes(world: World) -> None:
    """What was posted before the closing returned is dated before it; nothing comes after."""
    closed = threading.Event()

    def work(n: int) -> tuple[bool, str]:
        if n == THREADS // 2:
            with world.database.begin() as session:
                acts.close_period(
                    session, world.community_id, through=NINTH, reason="x", actor="system:test"
                )
            closed.set()
            return True, "closed"
        was_closed = closed.is_set()
        return was_closed, _outcome(lambda: world.give(world.alice, 1))

    with ThreadPoolExecutor(THREADS) as pool:
        outcomes = list(pool.map(work, range(THREADS * 2)))

    assert set(outcomes) - {(True, "closed")} <= {
        (False, "won"),
        (False, "period_closed"),
        (True, "period_closed"),
    }
    _check_book(world)


def test_sealers_and_writers_leave_a_sequence_without_gaps(world: World) -> None:
    def work(n: int) -> str:
        if n % 4:
            return _outcome(lambda: world.give(world.alice, 1))
        with world.database.begin() as session:
            return _outcome(lambda: seal(session, world.community_id))

    with ThreadPoolExecutor(THREADS) as pool:
        outcomes = list(pool.map(work, range(THREADS * 4)))
    with world.database.begin() as session:
        while seal(session, world.community_id):
            continue

    assert set(outcomes) <= {"won", "seal_overtaken"}
    with world.database.reading() as session:
        places = session.scalars(
            sa.select(SealItem.sequence)
            .where(SealItem.community_id == world.community_id)
            .order_by(SealItem.sequence)
        ).all()
    assert list(places) == list(range(1, 5 + THREADS * 3 + 1))
    _check_book(world)


def _place(world: World, amount_minor: int) -> UUID:
    wanted, until = move(world.alice, world.bob, amount_minor), clock.now() + timedelta(hours=1)
    with world.database.begin() as session:
        return holds.place(session, world.community_id, wanted, expires_at=until).transaction_id


def _check_book(world: World) -> None:
    with world.database.reading() as session:
        assert verify(session, world.community_id) == []
