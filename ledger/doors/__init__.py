"""The one door of the book, once per database: nothing else writes a ledger table.

`install` is called by the migration; `of` picks the door of a session. Both doors have the same
calls. The SQL stands in one file per room: posting, accounts, holds, seal, guards.
"""

import re
from pathlib import Path
from typing import Any, Protocol
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from ledger.doors import postgresql, sqlite
from ledger.records import AccountFacts, ActFacts, Block, Entry

_HERE = Path(__file__).parent
_ROOMS = ("posting", "accounts", "holds", "seal", "guards")
_END_OF_STATEMENT = "--;"


class Door(Protocol):
    """The calls that both doors have; each raises the kernel's refusals and then leaves nothing.

    Those that return a truth say False when there was nothing to write any more: the key was known.
    """

    def post(self, community_id: UUID, entry: Entry) -> bool:
        """Write one entry."""

    def post_many(self, community_id: UUID, entries: list[Entry]) -> bool:
        """Write all entries or none."""

    def place_hold(self, community_id: UUID, entry: Entry) -> bool:
        """Set the legs of one entry aside."""

    def resolve_hold(self, community_id: UUID, entry: Entry, posted_minor: list[int]) -> bool:
        """End the hold that the entry names."""

    def open_account(self, facts: AccountFacts, content_hash: bytes) -> UUID:
        """Open the account, or find the one of that code."""

    def open_accounts(self, accounts: list[tuple[AccountFacts, bytes]]) -> None:
        """Open accounts of one book, each with its content hash; a code that stands is left."""

    def act(self, facts: ActFacts, content_hash: bytes) -> bool:
        """Close or reopen an account or a period."""

    def seal(self, block: Block, items: list[tuple[UUID, str, bytes]]) -> None:
        """Write a block over items of the outbox."""


def of(session: Session) -> Door:
    """Return the door of a write session."""
    driver = session.connection().connection.driver_connection
    return at(session.get_bind().dialect.name, driver)


def at(dialect_name: str, driver: Any) -> Door:
    """Return the door of a connection of the driver itself."""
    return sqlite.Door(driver) if dialect_name == "sqlite" else postgresql.Door(driver)


def script(dialect_name: str) -> str:
    """Return the SQL of a door: `sqlite` or `postgresql`."""
    rooms = [_HERE / f"{dialect_name}_{room}.sql" for room in _ROOMS]
    return "\n".join(room.read_text(encoding="utf-8") for room in rooms if room.exists())


def sqlite_statements() -> list[str]:
    """Return the trigger statements of the SQLite door, as SQLite keeps them in its catalog."""
    parts = script("sqlite").split(_END_OF_STATEMENT)
    return [part[part.index("CREATE TRIGGER") :].strip().rstrip(";") for part in parts[:-1]]


def install(connection: sa.Connection) -> None:
    """Create the functions and triggers of the door on a migrated, still unguarded schema."""
    if connection.dialect.name == "sqlite":
        for statement in sqlite_statements():
            connection.exec_driver_sql(statement)
    else:
        # Straight to the driver: the script holds several statements and percent signs.
        cursor = connection.connection.cursor()
        cursor.execute(script("postgresql"))
        cursor.close()


def remove(connection: sa.Connection) -> None:
    """Take the door away before the tables go; on SQLite the triggers go with their tables."""
    if connection.dialect.name == "sqlite":
        return
    for name in postgresql_functions():
        connection.exec_driver_sql(f"DROP FUNCTION {name} CASCADE")


def postgresql_functions() -> dict[str, str]:
    """Return the bodies of the PostgreSQL door's functions by name."""
    pieces = re.split(r"^CREATE FUNCTION (\w+)", script("postgresql"), flags=re.MULTILINE)
    return {
        name: text.split("$$")[1] for name, text in zip(pieces[1::2], pieces[2::2], strict=True)
    }
