"""Hand-written SQL against the book: as the application role, as the owner, on SQLite.

Every attempt runs alone in a session and must be refused by the database; at the end the book must
be what it was.
"""

import threading
from collections.abc import Iterator

import psycopg
import pytest
import sqlalchemy as sa

from ledger import journal
from ledger.database import Database
from ledger.errors import BalanceTooLow
from ledger.ids import new_id
from ledger.schema import Account, BalanceRow, Posting, Transaction, ledger_tables
from ledger.verification import verify
from tests.ledger.makers import World, move

DATABASE_ERRORS = (sa.exc.DBAPIError, psycopg.Error)

# The names are those of `_facts`; both databases understand every statement.
CHANGES = {
    "amount": "UPDATE ledger_posting SET amount_minor = amount_minor * 2",
    "amount of one leg": "UPDATE ledger_posting SET amount_minor = 1 WHERE leg_no = 1",
    "account of a leg": "UPDATE ledger_posting SET account_id = :bob WHERE account_id = :alice",
    "delete a leg": "DELETE FROM ledger_posting WHERE leg_no = 1",
    "delete all legs": "DELETE FROM ledger_posting",
    "narration": "UPDATE ledger_transaction SET narration = 'other'",
    "date": "UPDATE ledger_transaction SET occurred_on = '2020-01-01'",
    "key": "UPDATE ledger_transaction SET idempotency_key = 'free again'",
    "hash": "UPDATE ledger_transaction SET content_hash = request_hash",
    "delete a header": "DELETE FROM ledger_transaction WHERE id = :transaction",
    "rename an account": "UPDATE ledger_account SET code = 'Mine' WHERE id = :alice",
    "other commodity": "UPDATE ledger_account SET commodity = 'CNY' WHERE id = :alice",
    "delete an account": "DELETE FROM ledger_account WHERE id = :box",
    "more points": "UPDATE ledger_balance SET posted_in = posted_in + 100 WHERE account_id = :bob",
    "fewer spent": "UPDATE ledger_balance SET posted_out = 0 WHERE account_id = :alice",
    "lower floor": "UPDATE ledger_balance SET floor_minor = -100 WHERE account_id = :bob",
    "no floor": "UPDATE ledger_balance SET floor_minor = NULL WHERE account_id = :bob",
    "higher ceiling": "UPDATE ledger_balance SET ceiling_minor = 200 WHERE account_id = :box",
    "pretend a hold": "UPDATE ledger_balance SET pending_in = 5 WHERE account_id = :box",
    "delete a balance": "DELETE FROM ledger_balance WHERE account_id = :box",
    "empty the outbox": "DELETE FROM ledger_outbox",
    "redirect the outbox": "UPDATE ledger_outbox SET item_id = :fresh",
    "invent in the outbox": "INSERT INTO ledger_outbox VALUES (:book, :fresh)",
    "a leg without a header": (
        "INSERT INTO ledger_posting (community_id, transaction_id, leg_no, leg_count, account_id,"
        " amount_minor, is_pending) VALUES (:book, :fresh, 0, 2, :bob, 5, {false})"
    ),
    "a late leg": (
        "INSERT INTO ledger_posting (community_id, transaction_id, leg_no, leg_count, account_id,"
        " amount_minor, is_pending) VALUES (:book, :transaction, 2, 3, :bob, 5, {false})"
    ),
    "a late leg that is pending": (
        "INSERT INTO ledger_posting (community_id, transaction_id, leg_no, leg_count, account_id,"
        " amount_minor, is_pending) VALUES (:book, :fresh, 0, 2, :bob, 5, {true})"
    ),
    "a header without legs": (
        "INSERT INTO ledger_transaction (community_id, id, kind, leg_count, occurred_on,"
        " recorded_at, idempotency_key, request_hash, content_hash, actor, source, narration)"
        " SELECT community_id, :fresh, kind, leg_count, occurred_on, recorded_at, 'new',"
        " request_hash, content_hash, actor, source, narration FROM ledger_transaction"
        " WHERE id = :transaction"
    ),
    "a rich account": (
        "INSERT INTO ledger_balance (community_id, account_id, posted_in, posted_out, pending_in,"
        " pending_out, floor_minor, ceiling_minor, is_open)"
        " VALUES (:book, :issuance, 5, 0, 0, 0, NULL, NULL, {true})"
    ),
}


def _facts(world: World, transaction_id: object) -> dict[str, object]:
    return {
        "book": world.community_id,
        "alice": world.alice,
        "bob": world.bob,
        "box": world.box,
        "issuance": world.issuance,
        "transaction": transaction_id,
        "fresh": new_id(),
    }


def _run(database: Database, statement: str, facts: dict[str, object]) -> None:
    is_sqlite = database.is_sqlite
    words = ("0", "1") if is_sqlite else ("false", "true")
    written = statement.replace("{false}", words[0]).replace("{true}", words[1])
    used = {name: value for name, value in facts.items() if f":{name}" in written}
    if is_sqlite:
        used = {name: getattr(value, "hex", value) for name, value in used.items()}
    with database.begin() as session:
        session.execute(sa.text(written), used)


def _picture(database: Database) -> list[list[tuple[object, ...]]]:
    with database.reading() as session:
        return [
            sorted((tuple(row) for row in session.execute(sa.select(table))), key=str)
            for table in ledger_tables()
        ]


@pytest.fixture
def spent(own_world: World) -> Iterator[World]:
    """Alice earned 30 and spent 10; whatever the test tries, the book is the same afterwards."""
    own_world.give(own_world.alice, 30)
    own_world.post(move(own_world.alice, own_world.box, 10))
    before = _picture(own_world.database)
    yield own_world
    assert _picture(own_world.database) == before
    with own_world.database.reading() as session:
        assert verify(session) == []


def _transaction_id(world: World) -> object:
    with world.database.reading() as session:
        return session.scalars(sa.select(Transaction.id).order_by(Transaction.id)).first()


def test_the_application_role_and_any_sqlite_session_are_refused(spent: World) -> None:
    facts = _facts(spent, _transaction_id(spent))
    passed = []
    for name, statement in CHANGES.items():
        try:
            _run(spent.database, statement, facts)
        except DATABASE_ERRORS:
            continue
        passed.append(name)

    assert passed == []


def test_the_owner_is_refused_too(spent: World, owner_database: Database) -> None:
    facts = _facts(spent, _transaction_id(spent))
    passed = []
    for name, statement in CHANGES.items():
        try:
            _run(owner_database, statement, facts)
        except DATABASE_ERRORS:
            continue
        passed.append(name)

    assert passed == []


@pytest.mark.databases("postgresql")
def test_nobody_truncates(spent: World, owner_database: Database) -> None:
    for opened in (spent.database, owner_database):
        for table in ledger_tables():
            with opened.begin() as session, pytest.raises(sa.exc.DBAPIError):
                session.execute(sa.text(f"TRUNCATE {table.name} CASCADE"))


@pytest.mark.databases("postgresql")
def test_the_mark_of_the_door_opens_nothing_to_the_application_role(spent: World) -> None:
    facts = _facts(spent, _transaction_id(spent))
    for statement in CHANGES.values():
        with pytest.raises(DATABASE_ERRORS):
            _run(spent.database, f"SET LOCAL ledger.door = 'open'; {statement}", facts)


BREAK_INS = (
    "SET session_replication_role = replica",
    "ALTER TABLE ledger_posting DISABLE TRIGGER ALL",
    "DROP TRIGGER ledger_door ON ledger_posting",
    "DROP TABLE ledger_posting CASCADE",
    "CREATE OR REPLACE FUNCTION ledger_keep_out() RETURNS trigger LANGUAGE plpgsql AS"
    " 'BEGIN RETURN NULL; END'",
    "SELECT ledger_check_mirror('00000000-0000-0000-0000-000000000000',"
    " '00000000-0000-0000-0000-000000000000', NULL, NULL)",
    "CREATE TABLE public.ledger_account_2 (id int)",
    "SET ROLE timebank_owner",
    "LOCK TABLE ledger_posting IN ACCESS EXCLUSIVE MODE",
)


@pytest.mark.databases("postgresql")
def test_the_application_role_cannot_take_the_door_off(spent: World) -> None:
    for statement in BREAK_INS:
        with spent.database.begin() as session, pytest.raises(sa.exc.DBAPIError):
            session.execute(sa.text(statement))


@pytest.mark.databases("postgresql")
def test_a_table_of_the_same_name_in_another_schema_misleads_nobody(spent: World) -> None:
    with spent.database.begin() as session:
        session.execute(
            sa.text("CREATE TEMPORARY TABLE ledger_balance (LIKE ledger_balance) ON COMMIT DROP")
        )
        with pytest.raises(BalanceTooLow):
            journal.post(session, spent.community_id, move(spent.bob, spent.alice, 1))


WRONG_LEGS = (
    ("{alice,bob}", "{-5,6}"),
    ("{alice,bob}", "{-31,31}"),
    ("{alice}", "{-5}"),
    ("{}", "{}"),
    ("{alice,bob}", "{-5}"),
    ("{alice,bob}", "{0,0}"),
    ("{alice,bob}", "{NULL,NULL}"),
    ("{NULL,bob}", "{-5,5}"),
    ("{alice,bob}", "{-1000000000000001,1000000000000001}"),
)


@pytest.mark.databases("postgresql")
def test_the_door_itself_checks_what_it_is_called_with(spent: World) -> None:
    for accounts, amounts in WRONG_LEGS:
        _call_by_hand(spent, accounts, amounts)


def _call_by_hand(spent: World, accounts: str, amounts: str) -> None:
    named = accounts.replace("alice", str(spent.alice)).replace("bob", str(spent.bob))
    single = sa.text(
        "SELECT ledger_post(:book, :id, 'service', DATE '2026-11-09', now(), NULL, :key,"
        " decode(repeat('00', 32), 'hex'), decode(repeat('00', 32), 'hex'), 'a', 's', '',"
        " CAST(:accounts AS uuid[]), CAST(:amounts AS bigint[]))"
    )
    many = sa.text(
        "SELECT ledger_post_many(:book, ARRAY[CAST(:id AS uuid)], ARRAY['service'],"
        " ARRAY[DATE '2026-11-09'], now(), ARRAY[:key], ARRAY[decode(repeat('00', 32), 'hex')],"
        " ARRAY[decode(repeat('00', 32), 'hex')], ARRAY['a'], ARRAY['s'], ARRAY[''],"
        " array_fill(1, ARRAY[cardinality(CAST(:accounts AS uuid[]))]),"
        " CAST(:accounts AS uuid[]), CAST(:amounts AS bigint[]))"
    )
    for statement in (single, many):
        facts = {
            "book": spent.community_id,
            "id": new_id(),
            "key": "by hand",
            "accounts": named,
            "amounts": amounts,
        }
        try:
            with spent.database.begin() as session:
                answer = session.scalar(statement, facts)
        except DATABASE_ERRORS:
            answer = {"code": "database"}
        assert answer is not None, (accounts, amounts)


@pytest.mark.databases("sqlite")
def test_replace_drops_no_row_in_silence(spent: World) -> None:
    """INSERT OR REPLACE deletes without a trigger when a session forgot recursive_triggers."""
    for pragma in ("ON", "OFF"):
        for table in (Account, Transaction, Posting, BalanceRow):
            name = table.__tablename__
            with spent.database.begin() as session:
                session.execute(sa.text(f"PRAGMA recursive_triggers = {pragma}"))
                text = f"INSERT OR REPLACE INTO {name} SELECT * FROM {name}"
                with pytest.raises(sa.exc.DBAPIError):
                    session.execute(sa.text(text))
    with spent.database.begin() as session:
        session.execute(sa.text("PRAGMA recursive_triggers = ON"))


@pytest.mark.databases("sqlite")
def test_a_strict_table_keeps_whole_numbers_only(spent: World) -> None:
    for amount in ("5.5", "9223372036854775808", "'many'", "NULL", "0"):
        statement = CHANGES["a leg without a header"].replace(":bob, 5,", f":bob, {amount},")

        with pytest.raises(sa.exc.DBAPIError):
            _run(spent.database, statement, _facts(spent, None))


@pytest.mark.databases("postgresql")
def test_late_legs_fail_even_while_the_header_is_being_posted(
    spent: World, owner_database: Database
) -> None:
    """Two owner sessions try to attach legs at once; each is refused before it can wait."""
    facts = _facts(spent, _transaction_id(spent))
    refusals: list[BaseException] = []

    def attach() -> None:
        try:
            _run(owner_database, CHANGES["a late leg"], facts)
        except DATABASE_ERRORS as refused:
            refusals.append(refused)

    threads = [threading.Thread(target=attach) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(refusals) == 4
