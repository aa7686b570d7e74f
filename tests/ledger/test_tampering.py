"""Whatever a hand changes with the guards off, verification names it, or an anchor does."""

from pathlib import Path
from uuid import UUID

import pytest
import sqlalchemy as sa

from ledger import merkle, seal
from ledger.base import Base
from ledger.database import Database
from ledger.hashing import content_hash
from ledger.records import Block
from ledger.schema import ledger_tables
from ledger.seal import Head
from ledger.verification import Anchor, Plan, check_book
from tests.ledger import tampering
from tests.ledger.tampering import guards_off

DOCUMENT = Path(__file__).parents[2] / "docs" / "tamper.md"
DERIVED = {"ledger_balance", "ledger_activity", "ledger_hold", "ledger_outbox"}
"""Not sealed themselves: what is wrong with them lies behind the chain."""
TAIL_ONLY = ["row dropped"]
"""Of the last act, which waits in the outbox."""


@pytest.fixture
def community_id(database: Database) -> UUID:
    return tampering.make_book(database)


def test_every_tampering_is_found_and_stands_in_the_table(
    owner_database: Database, community_id: UUID
) -> None:
    cases = tampering.all_cases(owner_database, community_id)

    results = list(tampering.run(owner_database, community_id, cases))

    assert [result.case for result in results if not result.codes] == []
    assert tampering.table_of(results) in DOCUMENT.read_text("utf-8")


def test_every_table_and_column_has_its_case(owner_database: Database, community_id: UUID) -> None:
    cases = tampering.all_cases(owner_database, community_id)

    for table in ledger_tables():
        mine = [case.what for case in cases if case.table == table.name]
        assert {"row dropped", "row added"} <= set(mine)
        for column in table.columns:
            assert any(what.startswith(f"`{column.name}`") for what in mine), column


def test_what_was_sealed_is_laid_at_its_block(owner_database: Database, community_id: UUID) -> None:
    """Of rows that wait in the outbox nothing can be said but that they are wrong."""
    cases = [
        case
        for case in tampering.all_cases(owner_database, community_id)
        if case.table not in DERIVED and "added" not in case.what
    ]

    results = tampering.run(owner_database, community_id, cases)

    assert [each.case.what for each in results if each.first_bad_block is None] == TAIL_ONLY


@pytest.mark.databases("sqlite")
def test_every_value_of_every_row_counts(owner_database: Database, community_id: UUID) -> None:
    cases = tampering.every_change(owner_database, community_id)

    results = tampering.run(owner_database, community_id, cases)

    assert [(each.case.table, each.case.what) for each in results if not each.codes] == []
    assert len(cases) > 500


def test_an_end_that_was_cut_off_without_a_trace_is_found_by_an_anchor(
    owner_database: Database, community_id: UUID
) -> None:
    with owner_database.engine.connect() as connection, sa.orm.Session(connection) as session:
        head = seal.head(session, community_id)
        with guards_off(owner_database, session):
            _cut_off(session, community_id, head)
            whole = check_book(session, community_id)
            anchored = check_book(session, community_id, Plan(anchors=(_anchor(head),)))
            since = check_book(session, community_id, Plan(since=head))
        session.rollback()

    assert whole.findings == ()
    for outcome in (anchored, since):
        assert [finding.code for finding in outcome.findings] == [
            "anchor_missing",
            "first_bad_block",
        ]
        assert outcome.findings[0].subject == f"block:{head.block_no}"


def test_a_history_that_was_written_anew_is_found_by_an_anchor(
    owner_database: Database, community_id: UUID
) -> None:
    with owner_database.engine.connect() as connection, sa.orm.Session(connection) as session:
        head = seal.head(session, community_id)
        with guards_off(owner_database, session):
            _write_anew(session, community_id)
            whole = check_book(session, community_id)
            anchored = check_book(session, community_id, Plan(anchors=(_anchor(head),)))
        session.rollback()

    assert whole.findings == ()
    assert "anchor_missing" in [finding.code for finding in anchored.findings]


def _anchor(head: Head) -> Anchor:
    return Anchor(head.block_no, head.block_hash)


def _table(name: str) -> sa.Table:
    return Base.metadata.tables[f"ledger_{name}"]


def _cut_off(session: sa.orm.Session, community_id: UUID, head: Head) -> None:
    """Take the last block away, which holds accounts only, and let its items wait once more."""
    item, block, outbox = _table("seal_item"), _table("seal_block"), _table("outbox")
    mine = sa.and_(item.c.community_id == community_id, item.c.block_no == head.block_no)
    for item_id in session.scalars(sa.select(item.c.item_id).where(mine)).all():
        session.execute(outbox.insert().values(community_id=community_id, item_id=item_id))
    session.execute(item.delete().where(mine))
    session.execute(block.delete().where(block.c.block_no == head.block_no))


def _write_anew(session: sa.orm.Session, community_id: UUID) -> None:
    """Let another have written an entry of the first block, and seal everything again."""
    entry, item, block = _table("transaction"), _table("seal_item"), _table("seal_block")
    first = session.execute(entry.select().order_by(entry.c.id).limit(1)).one()
    moved = first.recorded_at.replace(microsecond=first.recorded_at.microsecond ^ 1)
    forged = content_hash(community_id, first.id, moved, first.request_hash)
    session.execute(
        entry.update().where(entry.c.id == first.id).values(recorded_at=moved, content_hash=forged)
    )
    session.execute(item.update().where(item.c.item_id == first.id).values(content_hash=forged))
    previous_hash = seal.GENESIS
    for row in session.execute(block.select().order_by(block.c.block_no)).all():
        sealed = sa.select(item.c.content_hash).where(item.c.block_no == row.block_no)
        leaves = list(session.scalars(sealed.order_by(item.c.sequence)))
        again = Block(*row)._replace(
            merkle_root=merkle.root(leaves), previous_hash=previous_hash, block_hash=b""
        )
        previous_hash = seal.block_hash(again)
        values = {**again._asdict(), "block_hash": previous_hash}
        session.execute(block.update().where(block.c.block_no == row.block_no).values(values))
