"""The one door of the book, once per database: nothing else writes a ledger table.

`install` is called by the migration; `of` picks the door of a session. Both doors have the same
calls. The SQL stands in one file per room: posting, accounts, holds, seal, guards.
"""

import re
from pathlib import Path
from types import ModuleType

import sqlalchemy as sa
from sqlalchemy.orm import Session

from ledger.doors import postgresql, sqlite

_HERE = Path(__file__).parent
_ROOMS = ("posting", "accounts", "holds", "seal", "guards")
_END_OF_STATEMENT = "--;"
_DOORS = {"postgresql": postgresql, "sqlite": sqlite}


def of(session: Session) -> ModuleType:
    """Return the door of a session's database."""
    return _DOORS[session.get_bind().dialect.name]


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
