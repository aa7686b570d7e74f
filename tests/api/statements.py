"""The statements that reach a database while something is done, with their parameters."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa

from ledger.database import Database

Seen = list[tuple[str, Any]]


@contextmanager
def noted(database: Database) -> Iterator[Seen]:
    """Collect statement and parameters of everything but BEGIN, COMMIT and SAVEPOINT.

    Listens to every engine, since SQLite reads by an engine of its own.
    """
    seen: Seen = []
    url = database.engine.url

    def note(connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        is_control = statement.startswith(("BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE"))
        if connection.engine.url == url and not is_control:
            seen.append((statement, parameters))

    sa.event.listen(sa.Engine, "before_cursor_execute", note)
    yield seen
    sa.event.remove(sa.Engine, "before_cursor_execute", note)
