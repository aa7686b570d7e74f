"""What a hand with the guards off may do to the book, and what verification says to each of it.

Run as a program it prints the table that stands in docs/tamper.md. The list of cases comes from the
metadata: a new column has its cases by itself, and one that verification does not cover fails the
tests.
"""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from ledger import acts, clock, doors, holds, ids, journal, seal
from ledger.base import Base
from ledger.database import Database
from ledger.findings import Finding
from ledger.holds import Resolution
from ledger.schema import ledger_tables
from ledger.verification import check_book
from tests.ledger.makers import NINTH, World, fresh_key, make_world, move

Values = dict[str, Any]
SOON = timedelta(hours=1)
EARLIER = date(2026, 10, 31)
FAR = 100
"""From one number to another that no row has."""


@dataclass(frozen=True)
class Case:
    """One thing that somebody does to one row, or to two."""

    table: str
    what: str
    do: Callable[[Session], None]


@dataclass(frozen=True)
class Result:
    """What verification said to a case."""

    case: Case
    findings: tuple[Finding, ...]

    @property
    def codes(self) -> list[str]:
        return sorted({finding.code for finding in self.findings} - {"first_bad_block"})

    @property
    def first_bad_block(self) -> int | None:
        blocks = [each.details for each in self.findings if each.code == "first_bad_block"]
        return int(blocks[0]["block_no"]) if blocks else None


# ---------------------------------------------------------------- the book


def make_book(database: Database) -> UUID:
    """Keep a small book that has one of everything, in three blocks and a tail."""
    world = make_world(database)
    spent = world.give(world.alice, 90)
    world.give(world.bob, 40)
    world.post(move(world.alice, world.box, 30, on=EARLIER))
    _seal(world)
    world.reverse(spent_again(world))
    _holds(world)
    _decisions(world)
    _seal(world)
    _last_block_of_accounts(world)
    _seal(world)
    world.post(move(world.alice, world.bob, 2))
    _place(world, 1)
    with database.begin() as session:
        acts.close_account(
            session, world.community_id, world.bob, reason="moved away", actor="system:test"
        )
    assert spent.content_hash
    return world.community_id


def spent_again(world: World) -> UUID:
    """Give something that is taken back."""
    return world.give(world.alice, 5).transaction_id


def _seal(world: World) -> None:
    with world.database.begin() as session:
        assert seal.seal(session, world.community_id)


def _place(world: World, amount_minor: int, *, lasts: timedelta = SOON) -> UUID:
    with world.database.begin() as session:
        return holds.place(
            session,
            world.community_id,
            move(world.alice, world.bob, amount_minor),
            expires_at=clock.now() + lasts,
        ).transaction_id


def _holds(world: World) -> None:
    """Leave two holds open; post one, void one, let one run out."""
    book = world.community_id
    ends = [_place(world, amount) for amount in (7, 8, 9)]
    _place(world, 3)
    _place(world, 4, lasts=2 * SOON)
    resolution = Resolution(NINTH, fresh_key(), "system:test", "redemption:1")
    other = Resolution(NINTH, fresh_key(), "system:test", "redemption:2")
    with world.database.begin() as session:
        holds.post(session, book, ends[0], resolution, amounts_minor=[-6, 6])
        holds.void(session, book, ends[1], other)
        with clock.at(clock.now() + 3 * SOON):
            holds.expire(session, book, ends[2], NINTH)


def _decisions(world: World) -> None:
    """Close and reopen an account and a period."""
    book, by = world.community_id, {"actor": "system:test"}
    with world.database.begin() as session:
        acts.close_account(session, book, world.box, reason="stocktaking", **by)
        acts.reopen_account(session, book, world.box, reason="counted", **by)
        acts.close_period(session, book, through=EARLIER, reason="October", **by)
        acts.reopen_period(session, book, through=date(2026, 9, 30), reason="late", **by)


def _last_block_of_accounts(world: World) -> None:
    with world.database.begin() as session:
        for number in (1, 2):
            journal.open_account(
                session, world.community_id, code=f"Fund:{number}", commodity="POINT", floor_minor=0
            )


# ---------------------------------------------------------------- the guards off


@contextmanager
def guards_off(database: Database, session: Session) -> Iterator[None]:
    """Let the session do as it likes until it is rolled back."""
    connection = session.connection()
    if database.is_sqlite:
        for statement in doors.sqlite_statements():
            connection.exec_driver_sql(f"DROP TRIGGER {statement.split()[2]}")
        connection.exec_driver_sql("PRAGMA defer_foreign_keys = ON")
        connection.exec_driver_sql("PRAGMA ignore_check_constraints = ON")
        yield
        connection.exec_driver_sql("PRAGMA ignore_check_constraints = OFF")
        return
    connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
    for table in ledger_tables():
        for item in table.constraints:
            if isinstance(item, sa.CheckConstraint) and "only_on" not in item.info:
                connection.exec_driver_sql(f"ALTER TABLE {table.name} DROP CONSTRAINT {item.name}")
        for column in table.columns:
            if not column.nullable and not column.primary_key:
                connection.exec_driver_sql(
                    f"ALTER TABLE {table.name} ALTER {column.name} DROP NOT NULL"
                )
    yield


def run(database: Database, community_id: UUID, cases: list[Case]) -> Iterator[Result]:
    """Do one case after the other to the same book, each on its own."""
    for case in cases:
        with database.engine.connect() as connection, Session(connection) as session:
            with guards_off(database, session):
                case.do(session)
                session.flush()
                findings = check_book(session, community_id).findings
            session.rollback()
        yield Result(case, findings)


# ---------------------------------------------------------------- the cases


def all_cases(database: Database, community_id: UUID) -> list[Case]:
    """Return every case of every table."""
    cases: list[Case] = []
    with database.reading() as session:
        for table in ledger_tables():
            rows = _rows(session, table, community_id)
            cases += _changes(table, rows)
            cases.append(Case(table.name, "row dropped", _drop(table, rows[-1])))
            cases.append(Case(table.name, "row added", _add(table, rows)))
            cases += _swaps(table, rows)
        cases += _cuts(session, community_id)
    return cases


def every_change(database: Database, community_id: UUID) -> list[Case]:
    """Return a change of every value of every row."""
    with database.reading() as session:
        return [
            Case(table.name, f"{column.name} {word}", _update(table, row, {column.name: value}))
            for table in ledger_tables()
            for row in _rows(session, table, community_id)
            for column in table.columns
            for word, value in _others(column, row[column.name])
        ]


def _rows(session: Session, table: sa.Table, community_id: UUID) -> list[Values]:
    query = table.select().where(table.c.community_id == community_id).order_by(*table.primary_key)
    return [dict(row._mapping) for row in session.execute(query)]


def _changes(table: sa.Table, rows: list[Values]) -> Iterator[Case]:
    """Change a value of every column; of one that may be empty, empty it and fill it too."""
    for column in table.columns:
        seen: set[str] = set()
        for row in rows:
            for word, value in _others(column, row[column.name]):
                if word not in seen:
                    seen.add(word)
                    yield Case(
                        table.name,
                        f"`{column.name}` {word}",
                        _update(table, row, {column.name: value}),
                    )


def _others(column: sa.Column[Any], value: Any) -> list[tuple[str, Any]]:
    """Return other values for a column, each with the word for what it does."""
    filled = _other(column, value)
    if value is None:
        return [("filled", filled)]
    return [("changed", filled), ("emptied", None)] if column.nullable else [("changed", filled)]


def _other(column: sa.Column[Any], value: Any) -> Any:
    if value is None:
        return _EXAMPLES[column.name.rpartition("_")[2]]
    if isinstance(value, int) and not isinstance(value, bool):
        return value + (FAR if column.primary_key or column.name == "act_no" else 1)
    return _OTHERS[type(value)](value)


_OTHERS: dict[type, Callable[[Any], Any]] = {
    bool: lambda flag: not flag,
    str: lambda text: text + "x",
    bytes: lambda digest: bytes([digest[0] ^ 1]) + digest[1:],
    datetime: lambda moment: moment + timedelta(microseconds=1),
    date: lambda day: day + timedelta(days=1),
    UUID: lambda _: ids.new_id(),
}
_EXAMPLES = {"id": UUID(int=7), "minor": 5, "at": datetime(2030, 1, 1, tzinfo=UTC), "on": NINTH}
"""For an empty column, by the last part of its name."""


def _is(table: sa.Table, row: Values) -> sa.ColumnElement[bool]:
    return sa.and_(*(column == row[column.name] for column in table.primary_key))


def _update(table: sa.Table, row: Values, values: Values) -> Callable[[Session], None]:
    return lambda session: _execute(session, table.update().where(_is(table, row)).values(values))


def _drop(table: sa.Table, row: Values) -> Callable[[Session], None]:
    return lambda session: _execute(session, table.delete().where(_is(table, row)))


def _add(table: sa.Table, rows: list[Values]) -> Callable[[Session], None]:
    """Add a row like the last one, under keys that are free."""
    fresh: dict[str, Values] = {
        "ledger_account": {"id": ids.new_id(), "code": "Box:2"},
        "ledger_transaction": {
            "id": ids.new_id(), "idempotency_key": "x", "reverses_id": None, "resolves_id": None
        },
        "ledger_posting": {"leg_no": rows[-1].get("leg_count")},
        "ledger_balance": {"account_id": ids.new_id()},
        "ledger_hold": {"transaction_id": ids.new_id()},
        "ledger_act": {"id": ids.new_id(), "act_no": len(rows) + 1},
        "ledger_outbox": {"item_id": ids.new_id()},
        "ledger_seal_block": {"block_no": len(rows) + 1},
        "ledger_seal_item": {"sequence": len(rows) + 1, "item_id": ids.new_id()},
        "ledger_activity": {"month_on": date(2026, 1, 1)},
    }  # fmt: skip
    return lambda session: _execute(
        session, table.insert().values({**rows[-1], **fresh[table.name]})
    )


def _swaps(table: sa.Table, rows: list[Values]) -> Iterator[Case]:
    """Swap what stands behind the keys of two rows: of neighbours, and of the first and last."""
    pairs = [
        ("two rows swapped", rows[0], rows[1]),
        ("first and last row swapped", rows[0], rows[-1]),
    ]
    for what, one, other in pairs:
        values = [name for name in one if name not in table.primary_key.columns]
        if any(one[name] != other[name] for name in values):
            yield Case(table.name, what, _swap(table, one, other))


def _swap(table: sa.Table, one: Values, other: Values) -> Callable[[Session], None]:
    def swap(session: Session) -> None:
        keys = table.primary_key.columns.keys()
        for row in (one, other):
            _execute(session, table.delete().where(_is(table, row)))
        for row, values in ((one, other), (other, one)):
            kept = {name: row[name] for name in keys}
            _execute(session, table.insert().values({**values, **kept}))

    return swap


def _cuts(session: Session, community_id: UUID) -> Iterator[Case]:
    """Cut the end of the chain off: the block, its items, both."""
    block, item = (Base.metadata.tables[f"ledger_seal_{name}"] for name in ("block", "item"))
    last = _rows(session, block, community_id)[-1]["block_no"]
    both = [(block, "the block alone"), (item, "its items alone")]

    def cut(*tables: sa.Table) -> Callable[[Session], None]:
        def do(cutting: Session) -> None:
            for table in tables:
                where = sa.and_(table.c.community_id == community_id, table.c.block_no == last)
                _execute(cutting, table.delete().where(where))

        return do

    for table, words in both:
        yield Case("ledger_seal_block", f"tail cut: {words}", cut(table))
    yield Case("ledger_seal_block", "tail cut: the block and its items", cut(block, item))


def _execute(session: Session, statement: Any) -> None:
    done = session.execute(statement)
    assert done.rowcount, "the case does something"  # type: ignore[attr-defined]


# ---------------------------------------------------------------- the table


def table_of(results: list[Result]) -> str:
    """Return the table of docs/tamper.md."""
    lines = [
        "| table | what is done | what `timebank verify --full` finds | first bad block |",
        "|---|---|---|---|",
    ]
    for result in results:
        codes = ", ".join(f"`{code}`" for code in result.codes)
        block = "" if result.first_bad_block is None else str(result.first_bad_block)
        table = result.case.table.removeprefix("ledger_")
        lines.append(f"| {table} | {result.case.what} | {codes} | {block} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Print the table, as SQLite has it; a test holds PostgreSQL to the same."""
    from migrations import run as migrations

    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/book.sqlite3"
        migrations.upgrade(url)
        database = Database(url)
        community_id = make_book(database)
        print(table_of(list(run(database, community_id, all_cases(database, community_id)))))  # noqa: T201
        database.dispose()


if __name__ == "__main__":
    main()
