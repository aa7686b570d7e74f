"""Bring a book up to date: what the command line, the first start and the tests call."""

from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from ledger import roles
from ledger.database import Database

FOLDER: Final = Path(__file__).parent


def configuration(connection: Connection | None = None) -> Config:
    """Return Alembic's configuration, bound to a connection where one is given."""
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(FOLDER))
    config.set_main_option("path_separator", "os")
    return config


def newest_revision() -> str:
    """Return the revision that this code expects."""
    head = ScriptDirectory.from_config(configuration()).get_current_head()
    assert head is not None, "the history has exactly one head"
    return head


def present_revision(database: Database) -> str | None:
    """Return the revision of a book; None if it has no tables yet."""
    with database.engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def upgrade(url: str, *, revision: str = "head", application_role: str | None = None) -> None:
    """Make or change the tables, all or nothing.

    Args:
        url: address of the book, as the owner of its tables.
        revision: where to stop; `head` is the newest.
        application_role: PostgreSQL role that is then allowed to call the ledger's door and nothing
            else of the ledger; made if absent. None leaves the roles alone.
    """
    database = Database(url)
    try:
        with database.engine.begin() as connection:
            command.upgrade(configuration(connection), revision)
            if application_role is not None:
                roles.apply(connection, application_role)
    finally:
        database.dispose()
