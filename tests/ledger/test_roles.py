"""The rights of the application role: exactly these, and a warning where there are more."""

from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import make_url

from ledger import roles
from ledger.database import Database
from tests.conftest import Book

pytestmark = pytest.mark.databases("postgresql")

ROLE = "timebank_clerk"


@pytest.fixture
def clerk(book: Book, owner_database: Database) -> Iterator[Database]:
    """A role of its own that has been given the rights of the application."""
    with owner_database.engine.begin() as connection:
        roles.apply(connection, ROLE)
    opened = Database(make_url(book.url).set(username=ROLE))
    yield opened
    opened.dispose()
    with owner_database.engine.begin() as connection:
        connection.exec_driver_sql(f"DROP OWNED BY {ROLE}")
        connection.exec_driver_sql(f"DROP ROLE {ROLE}")


def _excess(database: Database) -> list[str]:
    with database.reading() as session:
        return roles.excess(session.connection())


def _grant(database: Database, statement: str) -> None:
    with database.engine.begin() as connection:
        connection.exec_driver_sql(statement)


def test_the_role_of_the_application_has_nothing_in_excess(
    database: Database, clerk: Database
) -> None:
    assert _excess(database) == []
    assert _excess(clerk) == []


def test_the_owner_has(owner_database: Database) -> None:
    assert "it is a superuser" in _excess(owner_database)


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("GRANT INSERT ON ledger_posting TO {}", "it may insert ledger_posting"),
        ("GRANT UPDATE (floor_minor) ON ledger_balance TO {}", "it may update ledger_balance"),
        ("GRANT TRUNCATE ON ledger_outbox TO {}", "it may truncate ledger_outbox"),
        ("GRANT TRIGGER ON ledger_seal_block TO {}", "it may trigger ledger_seal_block"),
        ("GRANT DELETE ON ledger_act TO PUBLIC", "it may delete ledger_act"),
        ("GRANT pg_write_all_data TO {}", "it may delete ledger_account"),
        ("GRANT timebank_owner TO {}", "it acts for the owner of ledger_account"),
        ("GRANT CREATE ON SCHEMA public TO {}", "it may create in the schema public"),
        ("ALTER ROLE {} CREATEROLE", "it may create roles"),
        ("ALTER ROLE {} SUPERUSER", "it is a superuser"),
        ("GRANT EXECUTE ON FUNCTION ledger_refuse TO {}", "it may call ledger_refuse"),
    ],
)
def test_each_right_too_many_is_named(
    owner_database: Database, clerk: Database, statement: str, expected: str
) -> None:
    _grant(owner_database, statement.format(ROLE))

    assert expected in _excess(clerk)


def test_applied_again_the_rights_are_exact_again(
    owner_database: Database, clerk: Database
) -> None:
    for right in (
        "INSERT ON ledger_posting",
        "UPDATE (floor_minor) ON ledger_balance",
        "TRUNCATE ON ledger_outbox",
        "EXECUTE ON FUNCTION ledger_refuse",
        "CREATE ON SCHEMA public",
    ):
        _grant(owner_database, f"GRANT {right} TO {ROLE}")
    assert len(_excess(clerk)) == 5

    with owner_database.engine.begin() as connection:
        roles.apply(connection, ROLE)

    assert _excess(clerk) == []


def test_what_is_printed_is_what_is_applied(owner_database: Database, clerk: Database) -> None:
    with owner_database.reading() as session:
        statements = roles.statements(session.connection(), ROLE)
    _grant(owner_database, f"REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {ROLE}")
    for statement in statements:
        _grant(owner_database, statement)

    with clerk.begin() as session:
        assert session.scalar(sa.text("SELECT count(*) FROM ledger_posting")) == 0
        session.execute(sa.text("DELETE FROM street"))
    assert _excess(clerk) == []
