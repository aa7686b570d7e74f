"""A sealer that is killed at a chosen statement: kept apart, to start without the tests' imports.

`python -m tests.ledger.killed_sealer URL BOOK N` seals until nothing waits and kills itself, as
`kill -9` does, just before the N-th statement that it sends; it ends with 0 when there were fewer.
"""

import os
import signal
import sqlite3
import sys
from typing import Any
from uuid import UUID

import psycopg
import sqlalchemy as sa

from ledger import seal
from ledger.database import Database


class Countdown:
    """Statements that are still let through."""

    def __init__(self, count: int) -> None:
        self.left = count

    def step(self, *_: object) -> None:
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


def _watch(database: Database, countdown: Countdown) -> None:
    """Count every statement of every connection, and every commit."""

    class Cursor(psycopg.Cursor[Any]):
        def execute(self, *arguments: Any, **options: Any) -> Any:
            countdown.step()
            return super().execute(*arguments, **options)

    def connect(connection: Any, _record: object) -> None:
        if isinstance(connection, sqlite3.Connection):
            connection.set_trace_callback(countdown.step)
        else:
            connection.cursor_factory = Cursor

    sa.event.listen(database.engine, "connect", connect)
    sa.event.listen(database.engine, "commit", countdown.step)


def main(url: str, book: str, count: str) -> int:
    database = Database(url)
    database.dispose()
    _watch(database, Countdown(int(count)))
    while True:
        with database.begin() as session:
            if not seal.seal(session, UUID(book)):
                return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
