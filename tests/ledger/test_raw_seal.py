"""Hand-written SQL against the seal, the outbox and the monthly activity: always refused.

As the application role, as the owner, and on SQLite by whoever opens the file: the guards stand in
the database, so that no program is needed to hold them.
"""

import sqlalchemy as sa

from ledger import acts, seal
from ledger.database import Database
from ledger.ids import new_id
from ledger.schema import ledger_tables
from tests.ledger.makers import World, move
from tests.ledger.test_raw_sql import DATABASE_ERRORS

BLOCK = (
    "INSERT INTO ledger_seal_block (community_id, block_no, first_sequence, last_sequence,"
    " merkle_root, previous_hash, block_hash, sealed_at)"
    " SELECT community_id, {block_no}, {first}, {last}, merkle_root, {previous}, block_hash,"
    " sealed_at FROM ledger_seal_block WHERE block_no = 1"
)
ITEM = (
    "INSERT INTO ledger_seal_item (community_id, sequence, item_id, kind, content_hash, block_no)"
    " VALUES (:book, {sequence}, {item}, 'transaction', {hash}, {block_no})"
)
WAITING_HASH = "(SELECT content_hash FROM ledger_transaction WHERE id = :waiting)"
MONTH = "'2026-11-01'"

# The names are those of `_facts`; both databases understand every statement.
ATTEMPTS = {
    # blocks
    "another root": "UPDATE ledger_seal_block SET merkle_root = block_hash",
    "another hash": "UPDATE ledger_seal_block SET block_hash = merkle_root WHERE block_no = 1",
    "cut off the chain": "UPDATE ledger_seal_block SET previous_hash = block_hash",
    "another moment": "UPDATE ledger_seal_block SET sealed_at = '2020-01-01'",
    "renumber the blocks": "UPDATE ledger_seal_block SET block_no = block_no + 1",
    "drop a block": "DELETE FROM ledger_seal_block WHERE block_no = 1",
    "drop all blocks": "DELETE FROM ledger_seal_block",
    "a second first block": BLOCK.format(block_no=1, first=1, last=1, previous="previous_hash"),
    "a block beyond the next": BLOCK.format(block_no=3, first=8, last=8, previous="block_hash"),
    "a block on the same items": BLOCK.format(block_no=2, first=1, last=7, previous="block_hash"),
    "a block after nothing": BLOCK.format(block_no=2, first=8, last=8, previous="previous_hash"),
    "a block of no items": BLOCK.format(block_no=2, first=8, last=7, previous="block_hash"),
    # items
    "another place": "UPDATE ledger_seal_item SET sequence = sequence + 100",
    "another content hash": "UPDATE ledger_seal_item SET content_hash = {hash}".replace(
        "{hash}", WAITING_HASH
    ),
    "another item": "UPDATE ledger_seal_item SET item_id = :waiting WHERE sequence = 1",
    "another kind": "UPDATE ledger_seal_item SET kind = 'act'",
    "drop an item": "DELETE FROM ledger_seal_item WHERE sequence = 7",
    "drop all items": "DELETE FROM ledger_seal_item",
    "an item in an old block": ITEM.format(
        sequence=8, item=":waiting", hash=WAITING_HASH, block_no=1
    ),
    "an item in no block": ITEM.format(sequence=8, item=":waiting", hash=WAITING_HASH, block_no=2),
    "an item that is none": ITEM.format(sequence=8, item=":fresh", hash=WAITING_HASH, block_no=1),
    "an item twice": ITEM.format(sequence=8, item=":sealed", hash=WAITING_HASH, block_no=1),
    # outbox
    "let what waits disappear": "DELETE FROM ledger_outbox WHERE item_id = :waiting",
    "seal it a second time": "INSERT INTO ledger_outbox VALUES (:book, :sealed)",
    "let something else wait": "UPDATE ledger_outbox SET item_id = :sealed",
    "let nothing wait": "INSERT INTO ledger_outbox VALUES (:book, :fresh)",
    # activity
    "more in a month": "UPDATE ledger_activity SET in_minor = in_minor + 5",
    "less out of a month": "UPDATE ledger_activity SET out_minor = 0",
    "fewer postings": "UPDATE ledger_activity SET posting_count = 0",
    "another month": f"UPDATE ledger_activity SET month_on = {MONTH}",
    "another account": "UPDATE ledger_activity SET account_id = :bob WHERE account_id = :alice",
    "drop a month": "DELETE FROM ledger_activity WHERE account_id = :alice",
    "invent a month": f"INSERT INTO ledger_activity VALUES (:book, :box, {MONTH}, 5, 0, 1)",
    # acts
    "another reason": "UPDATE ledger_act SET reason = 'other'",
    "drop an act": "DELETE FROM ledger_act",
    "another last day": "UPDATE ledger_act SET closed_through_on = '2020-01-01'",
}


def _world_with_a_seal(world: World) -> dict[str, object]:
    """Seal a post and an act, and let another post wait; return what the statements name."""
    sealed = world.give(world.alice, 30)
    with world.database.begin() as session:
        acts.close_account(session, world.community_id, world.box, reason="x", actor="system:test")
    with world.database.begin() as session:
        seal.seal(session, world.community_id)
    waiting = world.post(move(world.alice, world.bob, 1))
    return {
        "book": world.community_id,
        "alice": world.alice,
        "bob": world.bob,
        "box": world.box,
        "sealed": sealed.transaction_id,
        "waiting": waiting.transaction_id,
        "fresh": new_id(),
    }


def _passed(database: Database, facts: dict[str, object]) -> list[str]:
    """Return the names of the attempts that were not refused."""
    passed = []
    for name, statement in ATTEMPTS.items():
        used = {key: value for key, value in facts.items() if f":{key}" in statement}
        if database.is_sqlite:
            used = {key: getattr(value, "hex", value) for key, value in used.items()}
        try:
            with database.begin() as session:
                session.execute(sa.text(statement), used)
        except DATABASE_ERRORS:
            continue
        passed.append(name)
    return passed


def _picture(database: Database) -> list[list[str]]:
    with database.reading() as session:
        return [
            sorted(str(tuple(row)) for row in session.execute(sa.select(table)))
            for table in ledger_tables()
        ]


def test_nobody_writes_the_seal_by_hand(own_world: World, owner_database: Database) -> None:
    facts = _world_with_a_seal(own_world)
    before = _picture(own_world.database)

    assert _passed(own_world.database, facts) == []
    assert _passed(owner_database, facts) == []
    assert _picture(own_world.database) == before
    with own_world.database.begin() as session:
        assert seal.seal(session, own_world.community_id) == 1
