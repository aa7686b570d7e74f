"""Bring a book up to date: what the command line, the first start and the tests call.

Alembic is imported where tables are changed: a start that changes none is to be quick.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import sqlalchemy as sa
from sqlalchemy import Connection

from ledger import roles
from ledger.database import Database

if TYPE_CHECKING:
    from alembic.config import Config

FOLDER: Final = Path(__file__).parent


class UnknownTables(Exception):
    """The book stands at a revision that this version does not know."""


def configuration(connection: Connection | None = None) -> "Config":
    """Return Alembic's configuration, bound to a connection where one is given."""
    from alembic.config import Config

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(FOLDER))
    config.set_main_option("path_separator", "os")
    return config


def newest_revision() -> str:
    """Return the revision that this code expects: each is named like its file, with its number."""
    return max(path.stem for path in (FOLDER / "versions").glob("[0-9]*.py"))


def present_revision(database: Database) -> str | None:
    """Return the revision of a book; None if it has no tables yet."""
    with database.engine.connect() as connection:
        if not sa.inspect(connection).has_table("alembic_version"):
            return None
        revision: str | None = connection.scalar(sa.text("SELECT version_num FROM alembic_version"))
        return revision


@contextmanager
def changing(connection: Connection) -> Iterator[None]:
    """Change tables in one transaction.

    On SQLite foreign keys are looked at once, at its end: a table that is made anew under its old
    name is away for a moment. The pragma takes effect outside a transaction only.
    Source: https://www.sqlite.org/lang_altertable.html, "Making other kinds of table schema
    changes".
    """
    is_sqlite = connection.dialect.name == "sqlite"
    if is_sqlite:
        driver = connection.connection.driver_connection
        assert driver is not None, "the connection is open"
        driver.execute("PRAGMA foreign_keys = OFF")
    with connection.begin():
        yield
        if is_sqlite:
            dangling = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
            assert not dangling, f"rows that refer to nothing: {dangling[:3]}"


def upgrade(url: str, *, revision: str = "head", application_role: str | None = None) -> None:
    """Make or change the tables, all or nothing.

    Args:
        url: address of the book, as the owner of its tables.
        revision: where to stop; `head` is the newest.
        application_role: PostgreSQL role that is then allowed to call the ledger's door and nothing
            else of the ledger; made if absent. None leaves the roles alone.

    Raises:
        UnknownTables: a newer version made the tables of this book.
    """
    from alembic import command
    from alembic.util import CommandError

    database = Database(url)
    try:
        with database.engine.connect() as connection, changing(connection):
            command.upgrade(configuration(connection), revision)
            if application_role is not None:
                roles.apply(connection, application_role)
    except CommandError as error:
        raise UnknownTables(str(error)) from error
    finally:
        database.dispose()
