"""Counts what is asked of the database, whichever engine asks it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa

OVERHEAD = ("BEGIN", "PRAGMA", "SAVEPOINT", "RELEASE")


@contextmanager
def counted() -> Iterator[list[str]]:
    """Collect the statements sent inside the block, those that only open a transaction left out."""
    statements: list[str] = []

    def note(*call: Any) -> None:
        if not str(call[2]).startswith(OVERHEAD):
            statements.append(str(call[2]))

    sa.event.listen(sa.Engine, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", note)
