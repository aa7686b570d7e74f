"""The tables: every key begins with the book, the history makes what the models say."""

import pytest
import sqlalchemy as sa
from alembic import command

from ledger.base import Base
from ledger.database import Database
from ledger.schema import ledger_tables
from migrations import run
from tests.conftest import Book
from tests.servers import Server
from timebank.tables import GLOBAL_TABLES

BOOK = "community_id"


def _keys(table: sa.Table) -> list[tuple[str, list[str]]]:
    named = [
        (str(item.name), [column.name for column in item.columns])
        for item in table.constraints
        if isinstance(item, sa.PrimaryKeyConstraint | sa.UniqueConstraint | sa.ForeignKeyConstraint)
    ]
    return named + [
        (str(index.name), [column.name for column in index.columns])
        for index in table.indexes
        if index.unique
    ]


def test_every_key_of_every_table_begins_with_the_book() -> None:
    wrong = [
        f"{table.name}: {name} {columns}"
        for table in Base.metadata.sorted_tables
        if table.name not in GLOBAL_TABLES
        for name, columns in _keys(table)
        if columns[0] != BOOK and not _points_out(table, name)
    ]

    assert wrong == []


def _points_out(table: sa.Table, name: str) -> bool:
    """A book's row may refer to a table that stands above all books."""
    return any(
        str(item.name) == name and item.referred_table.name in GLOBAL_TABLES
        for item in table.foreign_key_constraints
    )


def test_every_exception_is_a_table_and_has_its_reason() -> None:
    assert set(GLOBAL_TABLES) <= set(Base.metadata.tables)
    assert all(len(reason) > 10 for reason in GLOBAL_TABLES.values())


def test_no_ledger_table_refers_to_a_table_of_an_area() -> None:
    for table in ledger_tables():
        for key in table.foreign_key_constraints:
            assert key.referred_table.name.startswith("ledger_")


def test_the_history_makes_what_the_models_say(owner_database: Database) -> None:
    with owner_database.engine.begin() as connection:
        command.check(run.configuration(connection))


@pytest.mark.databases("sqlite")
def test_every_ledger_table_is_strict(database: Database) -> None:
    with database.reading() as session:
        listed = session.execute(sa.text("SELECT name, strict FROM pragma_table_list"))
        made = {row.name: row.strict for row in listed}

    assert {table.name: made[table.name] for table in ledger_tables()} == {
        table.name: 1 for table in ledger_tables()
    }


def test_the_history_goes_down_to_nothing_and_up_again(
    book: Book, owner_database: Database
) -> None:
    with owner_database.engine.begin() as connection:
        command.downgrade(run.configuration(connection), "base")
        left = set(sa.inspect(connection).get_table_names())
    run.upgrade(book.owner_url, application_role=None if book.is_sqlite else "timebank_app")

    assert left == {"alembic_version"}
    with owner_database.engine.begin() as connection:
        command.check(run.configuration(connection))


@pytest.mark.databases("postgresql")
def test_the_role_is_made_when_it_is_absent(
    book: Book, owner_database: Database, server: Server
) -> None:
    role = f"clerk {book.owner_url[-6:]}"
    run.upgrade(book.owner_url, application_role=role)

    with owner_database.reading() as session:
        may = session.scalar(
            sa.text(
                "SELECT has_function_privilege(:role, oid, 'EXECUTE') FROM pg_proc"
                " WHERE proname = 'ledger_post'"
            ),
            {"role": role},
        )
    assert may is True
    server.run("DROP OWNED BY {}", role, database=book.owner_url.split("/")[3].split("?")[0])
    server.run("DROP ROLE {}", role)
