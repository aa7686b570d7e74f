"""From a checkpoint on, verification looks at what is new, and at every balance."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from ledger import clock, seal
from ledger.database import Database
from ledger.findings import Finding
from ledger.schema import Outbox, SealBlock
from ledger.seal import NOTHING, Head
from ledger.verification import Anchor, Outcome, Plan, check_book, spans, walk
from tests.ledger.makers import World, move
from tests.ledger.tampering import guards_off


def _give(world: World, count: int) -> None:
    for _ in range(count):
        world.give(world.alice, 1)


def _seal(world: World) -> Head:
    with world.database.begin() as session:
        seal.seal(session, world.community_id)
        return seal.head(session, world.community_id)


def _check(world: World, plan: Plan | None = None) -> Outcome:
    with world.database.reading() as session:
        return check_book(session, world.community_id, plan)


def _after(world: World, owner: Database, damage: str, plan: Plan) -> list[Finding]:
    """Check the book in which a hand with the guards off has done something."""
    with owner.engine.connect() as connection, sa.orm.Session(connection) as session:
        with guards_off(owner, session):
            assert session.execute(sa.text(damage)).rowcount  # type: ignore[attr-defined]
            outcome = check_book(session, world.community_id, plan)
        session.rollback()
    return list(outcome.findings)


def test_only_what_is_new_is_gone_through(own_world: World) -> None:
    _give(own_world, 5)
    since = _seal(own_world)
    _give(own_world, 2)
    _seal(own_world)
    own_world.post(move(own_world.alice, own_world.bob, 1))

    outcome = _check(own_world, Plan(since=since))

    assert outcome.findings == ()
    assert outcome.item_count == 3
    assert outcome.head.block_no == 2
    assert _check(own_world).item_count == 3 + 5 + 5


@pytest.mark.parametrize(
    ("damage", "code"),
    [
        ("UPDATE ledger_balance SET posted_in = posted_in + 1", "balance_differs"),
        ("UPDATE ledger_activity SET in_minor = in_minor + 1", "balance_differs"),
        ("UPDATE ledger_balance SET ceiling_minor = 99 WHERE ceiling_minor > 0", "account_changed"),
        ("UPDATE ledger_seal_item SET kind = 'act' WHERE block_no = 2", "seal_differs"),
        ("UPDATE ledger_seal_block SET block_hash = merkle_root", "anchor_missing"),
        ("DELETE FROM ledger_seal_block WHERE block_no = 1", "anchor_missing"),
    ],
)  # fmt: skip
def test_what_every_check_sees_is_seen_from_a_checkpoint_too(
    own_world: World, owner_database: Database, damage: str, code: str
) -> None:
    _give(own_world, 3)
    since = _seal(own_world)
    _give(own_world, 2)
    _seal(own_world)

    findings = _after(own_world, owner_database, damage, Plan(since=since))

    assert code in {finding.code for finding in findings}


def test_an_old_entry_that_was_changed_is_found_from_the_beginning_only(
    own_world: World, owner_database: Database
) -> None:
    _give(own_world, 3)
    since = _seal(own_world)
    damage = "UPDATE ledger_transaction SET narration = 'x'"

    assert _after(own_world, owner_database, damage, Plan(since=since)) == []
    assert _after(own_world, owner_database, damage, Plan()) != []


def test_a_checkpoint_is_kept_after_every_range(
    own_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(walk, "RANGE_ITEM_COUNT", 12)
    heads = []
    for _ in range(4):
        _give(own_world, 5)
        heads.append(_seal(own_world))
    kept: list[Head] = []

    outcome = _check(own_world, Plan(keep=kept.append))

    assert outcome.findings == ()
    assert kept == [heads[0], heads[2], heads[3]]
    assert _check(own_world, Plan(since=kept[0])).item_count == 15


def test_no_checkpoint_is_kept_behind_a_finding(
    own_world: World, owner_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(walk, "RANGE_ITEM_COUNT", 12)
    for _ in range(4):
        _give(own_world, 5)
        _seal(own_world)
    kept: list[Head] = []
    damage = "UPDATE ledger_seal_block SET merkle_root = block_hash WHERE block_no = 3"

    findings = _after(own_world, owner_database, damage, Plan(keep=kept.append))

    assert [head.block_no for head in kept] == [1]
    assert [each.subject for each in findings if each.code == "first_bad_block"] == ["block:3"]


def test_a_range_of_any_size_comes_to_the_same(
    own_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    _give(own_world, 7)
    _seal(own_world)
    _give(own_world, 7)
    whole = _check(own_world)

    for size in (13, 14, 100):
        monkeypatch.setattr(walk, "RANGE_ITEM_COUNT", size)
        assert _check(own_world) == whole

    assert whole.findings == ()
    assert whole.item_count == 14 + 5


def test_a_head_that_was_written_down_must_still_be_there(own_world: World) -> None:
    _give(own_world, 1)
    head = _seal(own_world)
    kept, forged, beyond = (
        Anchor(1, head.block_hash),
        Anchor(1, bytes(32)),
        Anchor(2, head.block_hash),
    )

    assert _check(own_world, Plan(anchors=(kept,))).findings == ()
    for anchor in (forged, beyond):
        codes = [each.code for each in _check(own_world, Plan(anchors=(anchor,))).findings]
        assert codes == ["anchor_missing", "first_bad_block"]


def test_what_waits_longer_than_a_minute_is_named_where_a_sealer_runs(own_world: World) -> None:
    due = Plan(is_seal_due=True)
    _give(own_world, 1)
    assert _later(own_world, due, seconds=61) == []  # nothing was ever sealed here
    _seal(own_world)
    _give(own_world, 1)

    assert _later(own_world, due, seconds=50) == []
    assert _later(own_world, due, seconds=61) == ["unsealed_too_long"]
    assert _later(own_world, Plan(), seconds=61) == []


def _later(world: World, plan: Plan, *, seconds: int) -> list[str]:
    with clock.at(clock.now() + timedelta(seconds=seconds)):
        return [finding.code for finding in _check(world, plan).findings]


def test_a_book_without_any_row_is_whole(own_world: World) -> None:
    with own_world.database.reading() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(SealBlock)) == 0
        assert session.scalar(sa.select(sa.func.count()).select_from(Outbox)) == 5
        empty = check_book(session, own_world.alice)

    assert empty == Outcome((), 0, NOTHING)


def test_a_chain_that_several_processes_share_comes_to_the_same(
    own_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spans, "SPAN_ITEM_COUNT_MIN", 8)
    for _ in range(4):
        _give(own_world, 5)
        _seal(own_world)
    own_world.reverse(own_world.give(own_world.bob, 3).transaction_id)
    alone = _check(own_world)

    assert _check(own_world, Plan(worker_count=3)) == alone
    assert alone.findings == ()
    assert alone.item_count == 5 + 20 + 2


def test_what_is_wrong_in_the_span_of_another_process_is_named(
    own_world: World, owner_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spans, "SPAN_ITEM_COUNT_MIN", 8)
    for _ in range(4):
        _give(own_world, 5)
        _seal(own_world)
    with owner_database.engine.connect() as connection, sa.orm.Session(connection) as session:
        if owner_database.is_sqlite:
            session.execute(sa.text("DROP TRIGGER ledger_seal_block_keep"))
        else:
            session.execute(sa.text("SET LOCAL session_replication_role = replica"))
        session.execute(sa.text("UPDATE ledger_seal_block SET merkle_root = block_hash"))
        session.commit()

    alone, shared = _check(own_world), _check(own_world, Plan(worker_count=3))

    assert [each.subject for each in shared.findings] == [each.subject for each in alone.findings]
    assert [each.subject for each in alone.findings if each.code == "block_differs"] == [
        f"block:{number}" for number in (1, 2, 3, 4)
    ]
