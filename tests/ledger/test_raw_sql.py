"""Hand-written SQL against the book: as the application role, as the owner, on SQLite.

Every attempt of `tests.ledger.attempts` runs alone in a session and must be refused by the
database; at the end every row of the book must be what it was.
"""

import sqlite3
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta

import psycopg
import pytest
import sqlalchemy as sa

from ledger import acts, clock, holds, journal
from ledger.database import Database
from ledger.errors import BalanceTooLow
from ledger.ids import new_id
from ledger.schema import Posting, Transaction, ledger_tables
from ledger.seal import seal
from ledger.verification import verify
from tests.conftest import Book
from tests.ledger.attempts import BREAK_INS, CHANGES
from tests.ledger.makers import World, move

DATABASE_ERRORS = (sa.exc.DBAPIError, psycopg.Error)
Facts = dict[str, object]


def _picture(database: Database) -> list[list[tuple[object, ...]]]:
    with database.reading() as session:
        return [
            sorted((tuple(row) for row in session.execute(sa.select(table))), key=str)
            for table in ledger_tables()
        ]


@pytest.fixture
def spent(own_world: World) -> Iterator[World]:
    """Alice earned 30, spent 10 and has 5 on hold; the box is closed, all but one post is sealed.

    Whatever the test tries, the book is the same afterwards.
    """
    book = own_world.community_id
    own_world.give(own_world.alice, 30)
    own_world.post(move(own_world.alice, own_world.box, 10))
    with own_world.database.begin() as session:
        until = clock.now() + timedelta(days=1)
        wanted = move(own_world.alice, own_world.bob, 5, key="held")
        holds.place(session, book, wanted, expires_at=until)
        acts.close_account(session, book, own_world.box, reason="full", actor="system:test")
    with own_world.database.begin() as session:
        seal(session, book)
    own_world.give(own_world.alice, 1, key="waiting")
    before = _picture(own_world.database)
    yield own_world
    assert _picture(own_world.database) == before
    with own_world.database.reading() as session:
        assert verify(session) == []


@pytest.fixture
def facts(spent: World) -> Facts:
    """The names that the statements use."""
    with spent.database.reading() as session:
        id_of = {
            key: id_
            for id_, key in session.execute(
                sa.select(Transaction.id, Transaction.idempotency_key).order_by(Transaction.id)
            )
        }
    return {
        "book": spent.community_id,
        "alice": spent.alice,
        "bob": spent.bob,
        "box": spent.box,
        "issuance": spent.issuance,
        "minutes": spent.minutes,
        "transaction": next(iter(id_of.values())),
        "hold": id_of["held"],
        "waiting": id_of["waiting"],
        "fresh": new_id(),
    }


def _run(database: Database, statement: str, facts: Facts) -> None:
    is_sqlite = database.is_sqlite
    words = ("0", "1") if is_sqlite else ("false", "true")
    written = statement.replace("{false}", words[0]).replace("{true}", words[1])
    used = {name: value for name, value in facts.items() if f":{name}" in written}
    if is_sqlite:
        used = {name: getattr(value, "hex", value) for name, value in used.items()}
    with database.begin() as session:
        session.execute(sa.text(written), used)


def _passed(attempts: dict[str, str], attempt: Callable[[str], object]) -> list[str]:
    """Return the names of the attempts that were not refused."""
    passed = []
    for name, statement in attempts.items():
        try:
            attempt(statement)
        except DATABASE_ERRORS:
            continue
        passed.append(name)
    return passed


def test_the_application_role_and_any_sqlite_session_are_refused(
    spent: World, facts: Facts
) -> None:
    assert _passed(CHANGES, lambda statement: _run(spent.database, statement, facts)) == []


def test_the_owner_is_refused_too(owner_database: Database, facts: Facts) -> None:
    assert _passed(CHANGES, lambda statement: _run(owner_database, statement, facts)) == []


@pytest.mark.databases("postgresql")
def test_nobody_truncates(spent: World, owner_database: Database) -> None:
    for opened in (spent.database, owner_database):
        for table in ledger_tables():
            with opened.begin() as session, pytest.raises(sa.exc.DBAPIError):
                session.execute(sa.text(f"TRUNCATE {table.name} CASCADE"))


@pytest.mark.databases("postgresql")
def test_the_mark_of_the_door_opens_nothing_to_the_application_role(
    spent: World, facts: Facts
) -> None:
    def attempt(statement: str) -> None:
        _run(spent.database, f"SET LOCAL ledger.door = 'open'; {statement}", facts)

    assert _passed(CHANGES, attempt) == []


@pytest.mark.databases("postgresql")
def test_the_application_role_cannot_take_the_door_off(spent: World) -> None:
    assert _passed(BREAK_INS, lambda statement: _run(spent.database, statement, {})) == []


@pytest.mark.databases("postgresql")
@pytest.mark.parametrize("path", ["public", "pg_temp, public", "pg_temp, pg_catalog, public"])
def test_tables_of_the_same_name_in_another_schema_mislead_nobody(spent: World, path: str) -> None:
    with spent.database.begin() as session:
        for table in ledger_tables():
            text = f"CREATE TEMPORARY TABLE {table.name} (LIKE public.{table.name}) ON COMMIT DROP"
            session.execute(sa.text(text))
        session.execute(sa.text(f"SET LOCAL search_path = {path}"))
        with pytest.raises(BalanceTooLow):
            journal.post(session, spent.community_id, move(spent.bob, spent.alice, 1))


@pytest.mark.databases("postgresql")
@pytest.mark.parametrize("level", ["REPEATABLE READ", "SERIALIZABLE"])
def test_the_book_is_written_at_read_committed(spent: World, level: str) -> None:
    """Elsewhere a post could look at the acts as they were before a period was closed."""
    with spent.database.begin() as session:
        session.execute(sa.text(f"SET TRANSACTION ISOLATION LEVEL {level}"))
        with pytest.raises(psycopg.Error, match="READ COMMITTED"):
            journal.post(session, spent.community_id, move(spent.issuance, spent.alice, 1))


@pytest.mark.databases("sqlite")
def test_replace_drops_no_row_in_silence(spent: World) -> None:
    """INSERT OR REPLACE deletes without a trigger when a session forgot recursive_triggers."""
    for pragma in ("ON", "OFF"):
        for table in ledger_tables():
            # The row once more, and each row with the key of another.
            swapped = ", ".join(
                f"(SELECT max({column.name}) FROM {table.name})"
                if column in table.primary_key.columns.values()
                else column.name
                for column in table.columns
            )
            for chosen in ("*", swapped):
                with spent.database.begin() as session:
                    session.execute(sa.text(f"PRAGMA recursive_triggers = {pragma}"))
                    text = f"INSERT OR REPLACE INTO {table.name} SELECT {chosen} FROM {table.name}"
                    with pytest.raises(sa.exc.DBAPIError):
                        session.execute(sa.text(text))
    with spent.database.begin() as session:
        session.execute(sa.text("PRAGMA recursive_triggers = ON"))


@pytest.mark.databases("sqlite")
def test_a_strict_table_keeps_whole_numbers_only(spent: World, facts: Facts) -> None:
    for amount in ("5.5", "9223372036854775808", "'many'", "NULL", "0"):
        statement = CHANGES["a leg without a header"].replace(":bob, 5,", f":bob, {amount},")

        with pytest.raises(sa.exc.DBAPIError):
            _run(spent.database, statement, facts)


BY_HAND = {
    # kind, legs (account, amount, is pending), what it resolves, how many days later (-1: no end)
    "unbalanced": ("service", "issuance -5, alice 6", "", 0),
    "two commodities": ("service", "issuance -5, minutes 5", "", 0),
    "more than there is": ("service", "alice -17, bob 17", "", 0),
    "into a closed account": ("service", "alice -1, box 1", "", 0),
    "one leg": ("service", "alice -5", "", 0),
    "a pending leg of a post": ("service", "alice -5 held, bob 5 held", "", 0),
    "a posted leg of a hold": ("hold", "alice -5, bob 5", "", 0),
    "hold more than there is": ("hold", "alice -17 held, bob 17 held", "", 0),
    "a hold without an end": ("hold", "alice -1 held, bob 1 held", "", -1),
    "post more than held": (
        "hold_post",
        "alice 5 held, bob -5 held, alice -6, bob 6",
        "hold",
        0,
    ),
    "give back another's": ("hold_void", "bob 5 held, alice -5 held", "hold", 0),
    "give back less": ("hold_void", "alice 4 held, bob -4 held", "hold", 0),
    "give back more": ("hold_void", "alice 6 held, bob -6 held", "hold", 0),
    "give back one leg": ("hold_void", "alice 5 held, bob -4 held, bob -1 held", "hold", 0),
    "post nothing": ("hold_post", "alice 5 held, bob -5 held", "hold", 0),
    "void and post": ("hold_void", "alice 5 held, bob -5 held, alice -5, bob 5", "hold", 0),
    "post to another": ("hold_post", "alice 5 held, bob -5 held, alice -5, minutes 5", "hold", 0),
    "expire early": ("hold_expire", "alice 5 held, bob -5 held", "hold", 0),
    "post late": ("hold_post", "alice 5 held, bob -5 held, alice -5, bob 5", "hold", 2),
    "resolve what is no hold": ("hold_void", "alice 5 held, bob -5 held", "transaction", 0),
    "resolve nothing": ("hold_void", "alice 5 held, bob -5 held", "", 0),
    "resolve by a post": ("service", "alice 5 held, bob -5 held", "hold", 0),
}


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize("pragma", ["ignore_check_constraints = OFF", "recursive_triggers = OFF"])
def test_whole_transactions_written_by_hand_are_checked(
    spent: World, facts: Facts, pragma: str
) -> None:
    passed = []
    for name, (kind, legs, resolves, days) in BY_HAND.items():
        try:
            _write_by_hand(spent, facts, (kind, legs.split(", "), resolves, days), pragma)
        except DATABASE_ERRORS:
            continue
        passed.append(name)

    assert passed == []


@pytest.mark.databases("sqlite")
def test_bounds_hold_in_a_session_that_ignores_constraints(spent: World, facts: Facts) -> None:
    for name in ("more than there is", "hold more than there is"):
        kind, legs, resolves, days = BY_HAND[name]
        with pytest.raises(sa.exc.DBAPIError, match="within its bounds"):
            _write_by_hand(
                spent,
                facts,
                (kind, legs.split(", "), resolves, days),
                "ignore_check_constraints = ON",
            )


def _write_by_hand(
    spent: World, facts: Facts, wanted: tuple[str, list[str], str, int], pragma: str
) -> None:
    kind, legs, resolves, days = wanted
    with spent.database.begin() as session:
        session.execute(sa.text(f"PRAGMA {pragma}"))
    transaction_id, now = new_id(), clock.now() + timedelta(days=days)
    try:
        with spent.database.begin() as session:
            for number, leg in enumerate(legs):
                account, amount, *held = leg.split()
                session.execute(
                    sa.insert(Posting).values(
                        community_id=spent.community_id,
                        transaction_id=transaction_id,
                        leg_no=number,
                        leg_count=len(legs),
                        account_id=facts[account],
                        amount_minor=int(amount),
                        is_pending=bool(held),
                    )
                )
            session.execute(
                sa.insert(Transaction).values(
                    community_id=spent.community_id,
                    id=transaction_id,
                    kind=kind,
                    leg_count=len(legs),
                    occurred_on=now.date(),
                    recorded_at=now,
                    resolves_id=facts[resolves] if resolves else None,
                    expires_at=now + timedelta(days=1) if kind == "hold" and days == 0 else None,
                    idempotency_key=str(transaction_id),
                    request_hash=bytes(32),
                    content_hash=bytes(32),
                    actor="x",
                    source="x",
                    narration="",
                )
            )
    finally:
        with spent.database.begin() as session:
            session.execute(sa.text("PRAGMA ignore_check_constraints = OFF"))
            session.execute(sa.text("PRAGMA recursive_triggers = ON"))


@pytest.mark.databases("sqlite")
def test_late_legs_fail_beside_a_transaction_that_is_being_written(
    spent: World, book: Book, facts: Facts
) -> None:
    """A second session cannot write while the first one does, and comes too late afterwards."""
    path = book.url.removeprefix("sqlite:///")
    first, second = (sqlite3.connect(path, isolation_level=None, timeout=0) for _ in range(2))
    leg = "INSERT INTO ledger_posting VALUES (?, ?, ?, 3, ?, ?, 0)"
    book_id, transaction = spent.community_id.hex, new_id().hex
    for opened in (first, second):
        opened.execute("BEGIN")
        opened.execute("SELECT count(*) FROM ledger_transaction").fetchall()
    first.execute(leg, (book_id, transaction, 0, spent.issuance.hex, -5))

    with pytest.raises(sqlite3.OperationalError, match="locked"):
        second.execute(leg, (book_id, transaction, 2, spent.bob.hex, 5))
    first.execute("ROLLBACK")
    second.execute("ROLLBACK")
    late = getattr(facts["transaction"], "hex", "")
    with pytest.raises(sqlite3.DatabaseError, match="before its header"):
        second.execute(leg, (book_id, late, 2, spent.bob.hex, 5))
    for opened in (first, second):
        opened.close()


@pytest.mark.databases("postgresql")
def test_late_legs_fail_even_while_the_header_is_being_posted(
    spent: World, owner_database: Database, facts: Facts
) -> None:
    """Owner and application attach legs to a transaction that is written at that moment."""
    refusals: list[BaseException] = []

    def attach(opened: Database) -> None:
        try:
            _run(opened, CHANGES["a late leg"], facts)
        except DATABASE_ERRORS as refused:
            refusals.append(refused)

    opened = (owner_database, spent.database, owner_database, spent.database)
    threads = [threading.Thread(target=attach, args=(each,)) for each in opened]
    with spent.database.begin() as session:
        wanted = move(spent.issuance, spent.alice, 1)
        facts["transaction"] = journal.post(session, spent.community_id, wanted).transaction_id
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        session.rollback()

    assert len(refusals) == 4
