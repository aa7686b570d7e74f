"""The seal: a gapless sequence, block by block, whoever races and whatever is posted meanwhile."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from uuid import UUID

import pytest
import sqlalchemy as sa

from ledger import acts, clock, doors, holds, merkle, reports, seal
from ledger.database import Database
from ledger.errors import SealOvertaken
from ledger.ids import new_id
from ledger.records import Block
from ledger.schema import Activity, Outbox, Posting, SealBlock, SealItem, Transaction
from tests.ledger.makers import World, move

POSTS = 12
ITEMS_AT_START = 5
"""The accounts of the world."""


def seal_all(world: World) -> list[int]:
    """Seal until nothing waits; return the sizes of the blocks."""
    sizes: list[int] = []
    while True:
        with world.database.begin() as session:
            size = seal.seal(session, world.community_id)
        if not size:
            return sizes
        sizes.append(size)


def check_chain(world: World) -> int:
    """Recompute every block from the items of the book; return how many items are sealed."""
    with world.database.reading() as session:
        of_book = SealBlock.community_id == world.community_id
        rows = session.scalars(sa.select(SealBlock).where(of_book).order_by(SealBlock.block_no))
        last = seal.NOTHING
        for block in map(seal.as_block, rows):
            items = session.execute(
                sa.select(SealItem.sequence, SealItem.content_hash, SealItem.item_id)
                .where(
                    SealItem.community_id == world.community_id, SealItem.block_no == block.block_no
                )
                .order_by(SealItem.sequence)
            ).all()
            assert block.block_no == last.block_no + 1
            assert block.previous_hash == last.block_hash
            assert block.first_sequence == last.last_sequence + 1
            places = list(range(block.first_sequence, block.last_sequence + 1))
            assert [item.sequence for item in items] == places
            assert merkle.root([item.content_hash for item in items]) == block.merkle_root
            assert seal.block_hash(block) == block.block_hash
            assert [item.item_id for item in items] == sorted(item.item_id for item in items)
            last = seal.Head(block.block_no, block.last_sequence, block.block_hash)
        assert seal.head(session, world.community_id) == last
        return last.last_sequence


def _waiting_count(world: World) -> int:
    with world.database.reading() as session:
        of_book = Outbox.community_id == world.community_id
        return session.scalar(sa.select(sa.func.count()).select_from(Outbox).where(of_book)) or 0


def _activity(world: World, account_id: UUID) -> list[tuple[date, int, int, int]]:
    with world.database.reading() as session:
        rows = session.execute(
            sa.select(
                Activity.month_on, Activity.in_minor, Activity.out_minor, Activity.posting_count
            )
            .where(Activity.community_id == world.community_id, Activity.account_id == account_id)
            .order_by(Activity.month_on)
        )
        return [(row[0], row[1], row[2], row[3]) for row in rows]


def test_every_item_gets_its_place_and_nothing_waits(world: World) -> None:
    for _ in range(POSTS):
        world.give(world.alice, 1)
    with world.database.begin() as session:
        acts.close_account(
            session, world.community_id, world.box, reason="full", actor="system:test"
        )

    sizes = seal_all(world)

    assert sizes == [ITEMS_AT_START + POSTS + 1]
    assert check_chain(world) == ITEMS_AT_START + POSTS + 1
    assert _waiting_count(world) == 0


def test_an_empty_outbox_makes_no_block(world: World) -> None:
    seal_all(world)

    assert seal_all(world) == []
    assert check_chain(world) == ITEMS_AT_START


def test_a_block_holds_a_thousand_items_at_most(world: World) -> None:
    count = seal.BLOCK_ITEM_COUNT_MAX * 2 + 7 - ITEMS_AT_START
    for start in range(0, count, 500):
        world.post_many(
            [move(world.issuance, world.alice, 1) for _ in range(min(500, count - start))]
        )

    sizes = seal_all(world)

    assert sizes == [1000, 1000, 7]
    assert check_chain(world) == 2007
    assert _activity(world, world.alice) == [(date(2026, 11, 1), count, 0, count)]


def test_what_comes_later_comes_behind(world: World) -> None:
    first = world.give(world.alice, 5)
    seal_all(world)
    with clock.at(first.recorded_at.replace(year=2020)):
        earlier = world.give(world.alice, 5)  # its id sorts before everything that is sealed

    seal_all(world)

    assert earlier.transaction_id < first.transaction_id
    assert check_chain(world) == ITEMS_AT_START + 2
    with world.database.reading() as session:
        proof = seal.prove(session, world.community_id, earlier.transaction_id)
    assert proof is not None
    assert proof.sequence == ITEMS_AT_START + 2


def test_books_wait_by_themselves(world: World) -> None:
    with world.database.reading() as session:
        assert world.community_id in seal.waiting_books(session)

    seal_all(world)

    with world.database.reading() as session:
        waiting = seal.waiting_books(session)
        listed = session.scalars(sa.select(Outbox.community_id).distinct()).all()
    assert world.community_id not in waiting
    assert sorted(waiting) == sorted(listed)


def test_the_last_blocks_before_some_moments(world: World) -> None:
    moment = clock.now()
    for day in (9, 10):
        world.give(world.alice, 1)
        with clock.at(moment.replace(year=2027, month=3, day=day)):
            seal_all(world)

    moments = [moment.replace(year=2027, month=3, day=day, hour=0) for day in (9, 10, 11)]
    with world.database.reading() as session:
        found = seal.last_blocks_before(session, world.community_id, moments)
        run = list(seal.blocks(session, world.community_id, [(1, 2), (2, 3)]))

    assert [block and block.block_no for block in found] == [None, 1, 2]
    assert run == found[1:]


# ---------------------------------------------------------------- the monthly activity


def test_activity_and_what_waits_are_the_balance_at_every_step(world: World) -> None:
    for number in range(1, 4):
        world.give(world.alice, number, key=None)
        world.post(move(world.issuance, world.bob, 10, on=date(2026, 10, number)))
        expected = -sum(range(1, number + 1)) - 10 * number
        assert world.holds(world.issuance) == expected
        if number != 2:
            seal_all(world)
        assert world.holds(world.issuance) == expected

    assert _activity(world, world.issuance) == [
        (date(2026, 10, 1), 0, 30, 3),
        (date(2026, 11, 1), 0, 6, 3),
    ]
    assert _activity(world, world.alice) == [(date(2026, 11, 1), 6, 0, 3)]


def test_posting_goes_on_while_it_is_sealed(world: World) -> None:
    done = threading.Event()

    def keep_sealing() -> None:
        while not done.is_set():
            seal_all(world)

    def give(_: int) -> None:
        world.give(world.alice, 1)

    sealer = threading.Thread(target=keep_sealing)
    sealer.start()
    try:
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(give, range(60)))
    finally:
        done.set()
        sealer.join()
    seal_all(world)

    assert check_chain(world) == ITEMS_AT_START + 60
    assert (world.holds(world.alice), world.holds(world.issuance)) == (60, -60)
    assert _activity(world, world.issuance) == [(date(2026, 11, 1), 0, 60, 60)]


# ---------------------------------------------------------------- several sealers


def test_of_two_sealers_one_is_overtaken_and_goes_on(world: World) -> None:
    world.give(world.alice, 1)
    if world.database.is_sqlite:
        with pytest.raises(SealOvertaken):
            _seal_stale(world)
    else:
        _overtake(world)

    seal_all(world)

    assert check_chain(world) == ITEMS_AT_START + 1


def _seal_stale(world: World) -> None:
    """Hand the door a block that was made before another sealer wrote its own."""
    with world.database.reading() as session:
        item_id, content_hash = session.execute(
            sa.select(Transaction.id, Transaction.content_hash).where(
                Transaction.community_id == world.community_id
            )
        ).one()
    seal_all(world)
    block = Block(
        *(world.community_id, 1, 1, 1, merkle.root([content_hash])),
        *(seal.GENESIS, bytes(32), clock.now()),
    )
    with world.database.begin() as session:
        doors.of(session).seal(block, [(item_id, "transaction", content_hash)])


def _overtake(world: World) -> None:
    """Let a second sealer read while the first has not committed yet; it waits, then is told."""
    waits = threading.Event()
    outcomes: list[type[BaseException] | None] = []

    def second() -> None:
        waits.set()
        try:
            with world.database.begin() as session:
                seal.seal(session, world.community_id)
        except SealOvertaken as overtaken:
            outcomes.append(type(overtaken))
        else:
            outcomes.append(None)

    other = threading.Thread(target=second)
    with world.database.begin() as session:
        seal.seal(session, world.community_id)
        other.start()
        waits.wait()
        _until_somebody_waits(world.database)
    other.join()

    assert outcomes == [SealOvertaken]


def _until_somebody_waits(database: Database) -> None:
    query = sa.text(
        "SELECT count(*) FROM pg_locks l JOIN pg_database d ON d.oid = l.database"
        " WHERE l.locktype = 'advisory' AND NOT l.granted AND d.datname = current_database()"
    )
    for _ in range(2_000):
        with database.reading() as session:
            if session.scalar(query):
                return
    pytest.fail("the second sealer never waited")


def test_many_sealers_race_and_every_item_is_sealed_once(world: World) -> None:
    def work(number: int) -> str:
        try:
            if number % 2:
                world.give(world.alice, 1)
            else:
                with world.database.begin() as session:
                    seal.seal(session, world.community_id)
        except SealOvertaken:
            return "overtaken"
        return "done"

    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(work, range(80)))
    seal_all(world)

    assert set(outcomes) <= {"done", "overtaken"}
    assert check_chain(world) == ITEMS_AT_START + 40
    assert _activity(world, world.alice) == [(date(2026, 11, 1), 40, 0, 40)]


# ---------------------------------------------------------------- proofs


def test_every_sealed_item_is_proven_and_no_other(world: World) -> None:
    posted = [world.give(world.alice, 1) for _ in range(POSTS)]
    waiting = posted[0]
    with world.database.reading() as session:
        assert seal.prove(session, world.community_id, waiting.transaction_id) is None
    seal_all(world)

    with world.database.reading() as session:
        proofs = {
            one.content_hash: seal.prove(session, world.community_id, one.transaction_id)
            for one in posted
        }
        assert seal.prove(session, world.community_id, new_id()) is None
        assert seal.prove(session, new_id(), waiting.transaction_id) is None

    for content_hash, proof in proofs.items():
        assert proof is not None
        proven = [one.content_hash for one in posted if seal.is_proven(one.content_hash, proof)]
        assert proven == [content_hash]
        moved = proof.block._replace(last_sequence=proof.block.last_sequence + 1)
        for wrong in (
            seal.Proof(proof.sequence + 1, proof.beside, proof.block),
            seal.Proof(proof.sequence, proof.beside[1:], proof.block),
            seal.Proof(proof.sequence, proof.beside, moved),
        ):
            assert not seal.is_proven(content_hash, wrong)


# ---------------------------------------------------------------- holds and the pending layer


def test_pending_legs_are_sealed_and_counted_in_no_month(world: World) -> None:
    world.give(world.alice, 9)
    with world.database.begin() as session:
        until = clock.now().replace(year=2099)
        holds.place(session, world.community_id, move(world.alice, world.box, 4), expires_at=until)

    seal_all(world)

    assert _activity(world, world.alice) == [(date(2026, 11, 1), 9, 0, 1)]
    with world.database.reading() as session:
        held = reports.balance(session, world.community_id, world.alice)
        legs = session.scalar(
            sa.select(sa.func.count())
            .select_from(Posting)
            .where(Posting.community_id == world.community_id, Posting.is_pending)
        )
    assert (held.posted_minor, held.available_minor, legs) == (9, 5, 2)
