"""Hand-written SQL that tries to break the book: as the application role, as any SQLite session.

`python -m tests.ledger.attempts` prints the list. Each attempt names what it is after; the tests
run all of them on both databases, and none may pass or leave a trace. `:names` are those of
`tests.ledger.test_raw_sql`; both databases understand every statement of `CHANGES`.
"""

import sys

_LEG = (
    "INSERT INTO ledger_posting (community_id, transaction_id, leg_no, leg_count, account_id,"
    " amount_minor, is_pending) VALUES "
)
_HEADER = (
    "INSERT INTO ledger_transaction (community_id, id, kind, leg_count, occurred_on, recorded_at,"
    " reverses_id, resolves_id, expires_at, idempotency_key, request_hash, content_hash, actor,"
    " source, narration) SELECT community_id, :fresh, {0}, leg_count, occurred_on, recorded_at,"
    " {1}, {2}, {3}, 'new', request_hash, content_hash, actor, source, narration"
    " FROM ledger_transaction WHERE id = :transaction"
)
_ACT = (
    "INSERT INTO ledger_act (community_id, id, act_no, kind, account_id, closed_through_on, reason,"
    " actor, recorded_at, content_hash) SELECT community_id, :fresh, {0}, {1}, {2}, {3}, 'x', 'x',"
    " recorded_at, content_hash FROM ledger_act WHERE community_id = :book AND act_no = 1"
)
_BLOCK = (
    "INSERT INTO ledger_seal_block (community_id, block_no, first_sequence, last_sequence,"
    " merkle_root, previous_hash, block_hash, sealed_at) SELECT community_id, block_no + {0},"
    " last_sequence + {1}, last_sequence + {1}, merkle_root, {2}, block_hash, sealed_at"
    " FROM ledger_seal_block WHERE community_id = :book"
)
_ITEM = (
    "INSERT INTO ledger_seal_item (community_id, sequence, item_id, kind, content_hash, block_no)"
    " SELECT community_id, {0}, {1}, kind, content_hash, block_no FROM ledger_seal_item"
    " WHERE community_id = :book AND sequence = 1"
)

CHANGES = {
    # What is posted
    "amount": "UPDATE ledger_posting SET amount_minor = amount_minor * 2",
    "amount of one leg": "UPDATE ledger_posting SET amount_minor = 1 WHERE leg_no = 1",
    "account of a leg": "UPDATE ledger_posting SET account_id = :bob WHERE account_id = :alice",
    "swap two legs": "UPDATE ledger_posting SET leg_no = 1 - leg_no",
    "post what is held": "UPDATE ledger_posting SET is_pending = {false}",
    "delete a leg": "DELETE FROM ledger_posting WHERE leg_no = 1",
    "delete all legs": "DELETE FROM ledger_posting",
    "narration": "UPDATE ledger_transaction SET narration = 'other'",
    "date": "UPDATE ledger_transaction SET occurred_on = '2020-01-01'",
    "key": "UPDATE ledger_transaction SET idempotency_key = 'free again'",
    "hash": "UPDATE ledger_transaction SET content_hash = request_hash",
    "delete a header": "DELETE FROM ledger_transaction WHERE id = :transaction",
    # Accounts and balances
    "rename an account": "UPDATE ledger_account SET code = 'Mine' WHERE id = :alice",
    "other commodity": "UPDATE ledger_account SET commodity = 'CNY' WHERE id = :alice",
    "no bounds": "UPDATE ledger_account SET is_bounded = {false} WHERE id = :alice",
    "delete an account": "DELETE FROM ledger_account WHERE id = :box",
    "more points": "UPDATE ledger_balance SET posted_in = posted_in + 100 WHERE account_id = :bob",
    "fewer spent": "UPDATE ledger_balance SET posted_out = 0 WHERE account_id = :alice",
    "lower floor": "UPDATE ledger_balance SET floor_minor = -100 WHERE account_id = :bob",
    "no floor": "UPDATE ledger_balance SET floor_minor = NULL WHERE account_id = :bob",
    "higher ceiling": "UPDATE ledger_balance SET ceiling_minor = 200 WHERE account_id = :box",
    "a balance of another": "UPDATE ledger_balance SET account_id = :issuance"
    " WHERE account_id = :bob",
    "delete a balance": "DELETE FROM ledger_balance WHERE account_id = :box",
    "a rich account": (
        "INSERT INTO ledger_balance (community_id, account_id, posted_in, posted_out, pending_in,"
        " pending_out, floor_minor, ceiling_minor, is_open)"
        " VALUES (:book, :issuance, 5, 0, 0, 0, NULL, NULL, {true})"
    ),
    # Legs and headers
    "a leg without a header": f"{_LEG} (:book, :fresh, 0, 2, :bob, 5, {{false}})",
    "a late leg": f"{_LEG} (:book, :transaction, 2, 3, :bob, 5, {{false}})",
    "a late leg in the place of none": f"{_LEG} (:book, :transaction, -1, 2, :bob, 5, {{false}})",
    "a late leg that is pending": f"{_LEG} (:book, :transaction, 2, 3, :bob, 5, {{true}})",
    "a late leg of a hold": f"{_LEG} (:book, :hold, 2, 3, :bob, 5, {{true}})",
    "a pending leg without a header": f"{_LEG} (:book, :fresh, 0, 2, :bob, 5, {{true}})",
    "a header without legs": _HEADER.format("'service'", "NULL", "NULL", "NULL"),
    "a reversal without legs": _HEADER.format("'reversal'", ":transaction", "NULL", "NULL"),
    "a hold without legs": _HEADER.format("'hold'", "NULL", "NULL", "recorded_at"),
    "a hold posted without legs": _HEADER.format("'hold_post'", "NULL", ":hold", "NULL"),
    "a hold voided without legs": _HEADER.format("'hold_void'", "NULL", ":hold", "NULL"),
    # Holds
    "pretend a hold": "UPDATE ledger_balance SET pending_in = 5 WHERE account_id = :box",
    "forget what is held": "UPDATE ledger_balance SET pending_out = 0 WHERE account_id = :alice",
    "hold less": "UPDATE ledger_balance SET pending_out = pending_out - 1"
    " WHERE account_id = :alice",
    "a hold of nothing": "INSERT INTO ledger_hold (community_id, transaction_id, expires_at)"
    " SELECT community_id, id, recorded_at FROM ledger_transaction WHERE id = :transaction",
    "a hold once more": "INSERT INTO ledger_hold (community_id, transaction_id, expires_at)"
    " SELECT community_id, transaction_id, expires_at FROM ledger_hold",
    "a longer hold": "UPDATE ledger_hold SET expires_at ="
    " (SELECT max(recorded_at) FROM ledger_transaction)",
    "another's hold": "UPDATE ledger_hold SET transaction_id = :transaction",
    "delete a hold": "DELETE FROM ledger_hold WHERE transaction_id = :hold",
    # Acts
    "close an account": "UPDATE ledger_balance SET is_open = {false} WHERE account_id = :bob",
    "reopen an account": "UPDATE ledger_balance SET is_open = {true} WHERE account_id = :box",
    "close twice": _ACT.format("2", "'account_closed'", ":box", "NULL"),
    "close what has no bounds": _ACT.format("2", "'account_closed'", ":issuance", "NULL"),
    "an act out of order": _ACT.format("7", "'account_closed'", ":bob", "NULL"),
    "an act in the place of another": _ACT.format("1", "'account_closed'", ":bob", "NULL"),
    "an act of no kind": _ACT.format("2", "'account_emptied'", ":bob", "NULL"),
    "a period with an account": _ACT.format("2", "'period_closed'", ":bob", "'2026-01-01'"),
    "reopen what is not closed": _ACT.format("2", "'period_reopened'", "NULL", "'2026-01-01'"),
    "renumber an act": "UPDATE ledger_act SET act_no = 5",
    "another reason": "UPDATE ledger_act SET reason = 'better'",
    "delete an act": "DELETE FROM ledger_act",
    # Outbox, seal and activity
    "empty the outbox": "DELETE FROM ledger_outbox",
    "skip one in the outbox": "DELETE FROM ledger_outbox WHERE item_id = :waiting",
    "redirect the outbox": "UPDATE ledger_outbox SET item_id = :fresh",
    "invent in the outbox": "INSERT INTO ledger_outbox VALUES (:book, :fresh)",
    "seal once more": "INSERT INTO ledger_outbox VALUES (:book, :transaction)",
    "another root": "UPDATE ledger_seal_block SET merkle_root = previous_hash",
    "another head": "UPDATE ledger_seal_block SET block_hash = merkle_root",
    "delete a block": "DELETE FROM ledger_seal_block",
    "a block out of order": _BLOCK.format("2", "1", "block_hash"),
    "a block that leaves a gap": _BLOCK.format("1", "2", "block_hash"),
    "a block beside the chain": _BLOCK.format("1", "1", "previous_hash"),
    "a block once more": _BLOCK.format("0", "0", "previous_hash"),
    "an item that is not there": _ITEM.format(
        "(SELECT max(sequence) + 1 FROM ledger_seal_item)", ":fresh"
    ),
    "an item that skips a place": _ITEM.format(
        "(SELECT max(sequence) + 2 FROM ledger_seal_item)", ":waiting"
    ),
    "an item of an old block": _ITEM.format(
        "(SELECT max(sequence) + 1 FROM ledger_seal_item)", ":waiting"
    ),
    "reorder the seal": "UPDATE ledger_seal_item SET sequence = sequence + 1",
    "hash of a sealed item": "UPDATE ledger_seal_item SET content_hash = item_id",
    "cut the tail": "DELETE FROM ledger_seal_item WHERE sequence > 1",
    "another month": "UPDATE ledger_activity SET month_on = '2020-01-01'",
    "more activity": "UPDATE ledger_activity SET in_minor = in_minor + 1",
    "no activity": "DELETE FROM ledger_activity",
    "activity of nothing": (
        "INSERT INTO ledger_activity (community_id, account_id, month_on, in_minor, out_minor,"
        " posting_count) VALUES (:book, :minutes, '2020-01-01', 1, 0, 1)"
    ),
}

BREAK_INS = {
    "let the triggers sleep": "SET session_replication_role = replica",
    "switch the triggers off": "ALTER TABLE ledger_posting DISABLE TRIGGER ALL",
    "drop a trigger": "DROP TRIGGER ledger_door ON ledger_posting",
    "drop a table": "DROP TABLE ledger_posting CASCADE",
    "drop a constraint": "ALTER TABLE ledger_balance DROP CONSTRAINT ck_ledger_balance_floor",
    "another guard": "CREATE OR REPLACE FUNCTION ledger_keep_out() RETURNS trigger"
    " LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
    "another step of a post": "CREATE OR REPLACE FUNCTION ledger_check_period(uuid, date)"
    " RETURNS void LANGUAGE plpgsql AS 'BEGIN RETURN; END'",
    "a step of the door": "SELECT ledger_check_mirror('00000000-0000-0000-0000-000000000000',"
    " '00000000-0000-0000-0000-000000000000', NULL, NULL)",
    "move what is held": "SELECT ledger_move_held('00000000-0000-0000-0000-000000000000',"
    " '{}', '{}', '{}', 1, true)",
    "a table beside": "CREATE TABLE public.ledger_account_2 (id int)",
    "a function beside": "CREATE FUNCTION public.length(text) RETURNS int LANGUAGE sql AS"
    " 'SELECT 32'",
    "be the owner": "SET ROLE timebank_owner",
    "own the session": "SET SESSION AUTHORIZATION timebank_owner",
    "lock the book": "LOCK TABLE ledger_posting IN ACCESS EXCLUSIVE MODE",
    "copy into the book": "COPY ledger_outbox FROM PROGRAM 'true'",
    "a trigger of one's own": "CREATE TRIGGER mine BEFORE INSERT ON ledger_posting"
    " FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()",
    "a rule of one's own": "CREATE RULE mine AS ON INSERT TO ledger_posting DO INSTEAD NOTHING",
    "a role that can more": "ALTER ROLE timebank_app SUPERUSER",
}
"""What the PostgreSQL application role tries on the door itself."""


def main() -> None:
    """Print the list."""
    for title, attempts in (("Every session", CHANGES), ("PostgreSQL", BREAK_INS)):
        sys.stdout.write(f"{title}: {len(attempts)} attempts\n")
        for name, statement in attempts.items():
            sys.stdout.write(f"  {name:32} {statement}\n")


if __name__ == "__main__":
    main()
