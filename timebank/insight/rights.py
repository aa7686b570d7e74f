"""The rights of the database role that the application runs as: shown, applied, measured."""

from typing import Final

import sqlalchemy as sa

from ledger import roles
from ledger.database import Database

ROLE: Final = "timebank_app"
"""What the documents call the application role."""
NAMED_COUNT_MAX: Final = 2


def statements(database: Database, role: str) -> list[str]:
    """Return the SQL that gives a role exactly the rights of the application."""
    with database.reading() as session:
        return roles.statements(session.connection(), role)


def grant(database: Database, role: str) -> None:
    """Give a role exactly the rights of the application, all or nothing.

    Args:
        database: opened as the owner of its tables.
        role: made if absent.
    """
    with database.begin() as session:
        roles.apply(session.connection(), role)


def warning(database: Database) -> str | None:
    """Return one line if the role of this connection could do more than the door lets it."""
    with database.reading() as session:
        connection = session.connection()
        found = roles.excess(connection)
        if not found:
            return None
        role = connection.scalar(sa.text("SELECT current_user"))
    more = len(found) - NAMED_COUNT_MAX
    named = "; ".join(found[:NAMED_COUNT_MAX]) + (f"; and {more} more" if more > 0 else "")
    return (
        f"the database role {role} could go round the ledger's door: {named}."
        f" Serve as a role that has only what `timebank db roles --apply {ROLE}` gives."
    )
