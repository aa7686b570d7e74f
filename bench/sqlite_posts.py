"""W7: a single durable post on SQLite, against the bare sqlite3 module writing the same rows.

The bare candidate writes header, legs, balances and outbox row in one transaction with the same
pragmas into equal tables with equal indexes, and checks nothing.
"""

import random
import sqlite3
import time
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import UUID

from bench.books import BOOK
from bench.measure import Candidate, compare, publish, take_turns
from ledger import clock, ids, journal, standalone
from ledger.database import Database
from ledger.journal import Draft, Leg
from ledger.verification import verify
from migrations import run as migrations

SECONDS = 3
ACCOUNT_COUNT = 2_000
DAY = date(2026, 11, 9)
_HASH = bytes(32)


def run(rounds: int) -> None:
    """Measure W7 and verify the book."""
    with TemporaryDirectory() as folder:
        path, bare_path = Path(folder) / "book.sqlite3", Path(folder) / "bare.sqlite3"
        migrations.upgrade(f"sqlite:///{path}")
        database = Database(f"sqlite:///{path}")
        accounts = _open_accounts(database)
        bare = _bare_copy(path, bare_path)
        rates = take_turns(
            {"bare sqlite3": _bare(bare, accounts), "post": _post(database, accounts)}, rounds
        )
        with database.reading() as session:
            assert verify(session) == [], "the book is not whole"
        bare.close()
        database.dispose()
    publish(
        "W7",
        "a single durable post on SQLite, synchronous=FULL",
        [compare(rates, "post", "bare sqlite3", ">= 0.7")],
    )


def _open_accounts(database: Database) -> list[UUID]:
    with database.begin() as session:
        return [
            journal.open_account(
                session, BOOK, code=f"Accounts:{n}", commodity="POINT", is_bounded=True
            ).id
            for n in range(ACCOUNT_COUNT)
        ]


def _bare_copy(path: Path, bare_path: Path) -> sqlite3.Connection:
    """Return the same tables and rows without their triggers."""
    source = sqlite3.connect(path)
    bare = sqlite3.connect(bare_path, isolation_level=None)
    source.backup(bare)
    source.close()
    for (name,) in bare.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
        bare.execute(f"DROP TRIGGER {name}")
    bare.execute("PRAGMA journal_mode = WAL")
    bare.execute("PRAGMA synchronous = FULL")
    return bare


def _post(database: Database, accounts: list[UUID]) -> Candidate:
    chance = random.Random(1)

    def once() -> None:
        source, target = chance.sample(accounts, 2)
        legs = (Leg(source, -1), Leg(target, 1))
        draft = Draft("transfer", legs, DAY, ids.new_id().hex, "system:bench", "bench:1", "")
        standalone.post(database, BOOK, draft)

    return lambda: _rate(once)


def _bare(connection: sqlite3.Connection, accounts: list[UUID]) -> Candidate:
    chance = random.Random(1)
    book = BOOK.hex
    header = f"INSERT INTO ledger_transaction VALUES ({', '.join('?' * 15)})"
    leg = "INSERT INTO ledger_posting VALUES (?, ?, ?, 2, ?, ?, 0)"
    move = (
        "UPDATE ledger_balance SET posted_in = posted_in + ?, posted_out = posted_out + ?"
        " WHERE community_id = ? AND account_id = ?"
    )

    def once() -> None:
        source, target = (account.hex for account in chance.sample(accounts, 2))
        id_ = ids.new_id().hex
        row = (book, id_, "transfer", 2, DAY.isoformat(), clock.now().isoformat())
        connection.execute("BEGIN IMMEDIATE")
        connection.execute(leg, (book, id_, 0, source, -1))
        connection.execute(leg, (book, id_, 1, target, 1))
        connection.execute(
            header, (*row, None, None, None, id_, _HASH, _HASH, "system:bench", "bench:1", "")
        )
        connection.execute(move, (0, 1, book, source))
        connection.execute(move, (1, 0, book, target))
        connection.execute("INSERT INTO ledger_outbox VALUES (?, ?)", (book, id_))
        connection.execute("COMMIT")

    return lambda: _rate(once)


def _rate(once: object) -> float:
    assert callable(once)
    start, count = time.perf_counter(), 0
    while time.perf_counter() - start < SECONDS:
        once()
        count += 1
    return count / (time.perf_counter() - start)
