"""W3: many transfers in one database transaction, against the same rows without any promise.

The bare candidate writes ready-made headers, legs and outbox rows (COPY on PostgreSQL, executemany
on SQLite) and moves the balances once per account, in equal tables with equal indexes but without
triggers or functions. W3b: `post_many` of a confirmed list of 500, against 500 single posts.
"""

import random
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import UUID

import psycopg

from bench.books import BOOK
from bench.measure import Figure, compare, publish, take_turns
from ledger import bulk, clock, entries, journal, standalone
from ledger.database import Database
from ledger.journal import Draft, Leg
from ledger.records import Entry
from ledger.verification import verify
from migrations import run as migrations
from tests.servers import APPLICATION, Server, postgresql

ACCOUNT_COUNT = 10_000
TRANSFER_COUNT = 100_000
LIST_COUNT = 500
LISTS_PER_ROUND = 4
DAY = date(2026, 11, 9)
HEADER = (
    "community_id, id, kind, leg_count, occurred_on, recorded_at, idempotency_key,"
    " request_hash, content_hash, actor, source, narration"
)
LEG = "community_id, transaction_id, leg_no, leg_count, account_id, amount_minor, is_pending"
MOVE = (
    "UPDATE ledger_balance SET posted_in = posted_in + {0}, posted_out = posted_out + {0}"
    " WHERE community_id = {0} AND account_id = {0}"
)

Rows = list[tuple[Any, ...]]


def run(rounds: int) -> None:
    """Measure W3 and W3b on both databases and verify the books."""
    figures: dict[str, list[Figure]] = {"W3": [], "W3b": []}
    with TemporaryDirectory() as folder:
        path = Path(folder) / "book.sqlite3"
        migrations.upgrade(f"sqlite:///{path}")
        accounts = _open_accounts(f"sqlite:///{path}")
        with _bare_sqlite(path, Path(folder) / "bare.sqlite3") as bare:
            _measure(Books("SQLite", f"sqlite:///{path}", accounts, bare), rounds, figures)
    with postgresql(durable=True) as server:
        name = server.create()
        migrations.upgrade(server.url(name), application_role=APPLICATION)
        accounts = _open_accounts(server.url(name, APPLICATION))
        with _bare_postgresql(server, server.create(name)) as bare:
            url = server.url(name, APPLICATION)
            _measure(Books("PostgreSQL", url, accounts, bare), rounds, figures)
    title = f"{TRANSFER_COUNT} transfers over {ACCOUNT_COUNT} accounts in one transaction"
    publish("W3", title, figures["W3"])
    publish("W3b", f"a list of {LIST_COUNT} at once", figures["W3b"])


@dataclass
class Books:
    """A book behind its door, and what makes ready rows for the tables beside it.

    `bare` takes entries and returns what then writes their rows.
    """

    name: str
    url: str
    accounts: list[UUID]
    bare: Callable[[list[Entry]], Callable[[], None]]


def _measure(books: Books, rounds: int, figures: dict[str, list[Figure]]) -> None:
    database = Database(books.url)
    work = _Work(books, database)
    bulk_name, bare_name = f"bulk, {books.name}", f"ready-made rows, {books.name}"
    rates = take_turns({bare_name: work.bare, bulk_name: work.bulk}, rounds)
    figures["W3"].append(compare(rates, bulk_name, bare_name, ">= 0.65"))
    many, single = f"post_many, {books.name}", f"single posts, {books.name}"
    rates = take_turns({single: work.singles, many: work.many}, rounds)
    figures["W3b"].append(compare(rates, many, single, ">= 6"))
    with database.reading() as session:
        assert verify(session) == [], "the book is not whole"
    database.dispose()


class _Work:
    """The candidates; every run has transfers of its own."""

    def __init__(self, books: Books, database: Database) -> None:
        self._books = books
        self._database = database
        self._chance = random.Random(1)
        self._numbers = count()

    def bulk(self) -> float:
        """Post drafts in one transaction, chunk by chunk."""
        drafts = self._drafts(TRANSFER_COUNT)
        start = time.perf_counter()
        with self._database.begin() as session:
            work = bulk.Bulk(session, BOOK)
            for first in range(0, len(drafts), bulk.CHUNK_COUNT_MAX):
                work.post(drafts[first : first + bulk.CHUNK_COUNT_MAX])
        return len(drafts) / (time.perf_counter() - start)

    def bare(self) -> float:
        """Write rows of the same shape."""
        moment = clock.now()
        ready = [entries.make(BOOK, draft, moment) for draft in self._drafts(TRANSFER_COUNT)]
        write = self._books.bare(ready)
        start = time.perf_counter()
        write()
        return len(ready) / (time.perf_counter() - start)

    def many(self) -> float:
        """Post a confirmed list in one transaction."""
        lists = [self._drafts(LIST_COUNT) for _ in range(LISTS_PER_ROUND)]
        start = time.perf_counter()
        for drafts in lists:
            with self._database.begin() as session:
                journal.post_many(session, BOOK, drafts)
        return LISTS_PER_ROUND * LIST_COUNT / (time.perf_counter() - start)

    def singles(self) -> float:
        """Post the same one by one, each durable by itself."""
        drafts = self._drafts(LIST_COUNT)
        start = time.perf_counter()
        for draft in drafts:
            standalone.post(self._database, BOOK, draft)
        return LIST_COUNT / (time.perf_counter() - start)

    def _drafts(self, number: int) -> list[Draft]:
        made = []
        for _ in range(number):
            source, target = self._chance.sample(self._books.accounts, 2)
            legs = (Leg(source, -1), Leg(target, 1))
            key = f"bench:{next(self._numbers)}"
            made.append(Draft("transfer", legs, DAY, key, "system:bench", "bench:1", ""))
        return made


def _open_accounts(url: str) -> list[UUID]:
    database = Database(url)
    with database.begin() as session:
        opened = [
            journal.open_account(
                session, BOOK, code=f"Accounts:{n}", commodity="POINT", is_bounded=True
            ).id
            for n in range(ACCOUNT_COUNT)
        ]
    database.dispose()
    return opened


# ---------------------------------------------------------------- ready-made rows


def _moves(ready: list[Entry], book: Any, key: Callable[[UUID], Any]) -> Rows:
    moved: dict[UUID, list[int]] = {}
    for entry in ready:
        for account_id, amount_minor, _ in entry.draft.legs:
            sums = moved.setdefault(account_id, [0, 0])
            sums[amount_minor < 0] += abs(amount_minor)
    return [(*sums, book, key(account_id)) for account_id, sums in sorted(moved.items())]


@contextmanager
def _bare_sqlite(
    path: Path, bare_path: Path
) -> Iterator[Callable[[list[Entry]], Callable[[], None]]]:
    source = sqlite3.connect(path)
    bare = sqlite3.connect(bare_path, isolation_level=None)
    source.backup(bare)
    source.close()
    for (name,) in bare.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
        bare.execute(f"DROP TRIGGER {name}")
    bare.execute("PRAGMA journal_mode = WAL")
    bare.execute("PRAGMA synchronous = FULL")
    bare.execute("PRAGMA foreign_keys = ON")
    yield lambda ready: _executemany(bare, ready)
    bare.close()


def _executemany(bare: sqlite3.Connection, ready: list[Entry]) -> Callable[[], None]:
    heads, legs = _rows(ready, BOOK.hex, lambda key: key.hex)
    heads = [(*row[:4], row[4].isoformat(), row[5].isoformat(), *row[6:]) for row in heads]
    outbox = [row[:2] for row in heads]
    moves = _moves(ready, BOOK.hex, lambda key: key.hex)

    def write() -> None:
        bare.execute("BEGIN IMMEDIATE")
        bare.executemany(f"INSERT INTO ledger_posting ({LEG}) VALUES ({_marks(LEG)})", legs)
        into = f"INSERT INTO ledger_transaction ({HEADER}) VALUES ({_marks(HEADER)})"
        bare.executemany(into, heads)
        bare.executemany("INSERT INTO ledger_outbox VALUES (?, ?)", outbox)
        bare.executemany(MOVE.format("?"), moves)
        bare.execute("COMMIT")

    return write


@contextmanager
def _bare_postgresql(
    server: Server, name: str
) -> Iterator[Callable[[list[Entry]], Callable[[], None]]]:
    with psycopg.connect(server.url(name).replace("+psycopg", "")) as connection:
        doors = (
            "SELECT format('DROP FUNCTION %s CASCADE', oid::regprocedure) FROM pg_proc"
            " WHERE pronamespace = 'public'::regnamespace AND proname LIKE 'ledger%'"
        )
        for (drop,) in connection.execute(doors).fetchall():
            connection.execute(drop)
        connection.commit()
        yield lambda ready: _copy(connection, ready)


def _copy(connection: "psycopg.Connection[Any]", ready: list[Entry]) -> Callable[[], None]:
    heads, legs = _rows(ready, BOOK, lambda key: key)
    moves = _moves(ready, BOOK, lambda key: key)
    tables = (
        ("ledger_transaction", HEADER, heads),
        ("ledger_posting", LEG, legs),
        ("ledger_outbox", "community_id, item_id", [row[:2] for row in heads]),
    )

    def write() -> None:
        with connection.cursor() as cursor:
            for table, columns, rows in tables:
                with cursor.copy(f"COPY {table} ({columns}) FROM STDIN") as copy:
                    for row in rows:
                        copy.write_row(row)
            cursor.executemany(MOVE.format("%s"), moves)
        connection.commit()

    return write


def _marks(columns: str) -> str:
    return ", ".join("?" * len(columns.split(",")))


def _rows(ready: list[Entry], book: Any, key: Callable[[UUID], Any]) -> tuple[Rows, Rows]:
    """Return the rows of headers and of legs, as the door writes them."""
    heads: Rows = []
    legs: Rows = []
    for entry in ready:
        draft, id_ = entry.draft, key(entry.id)
        heads.append(
            (
                *(book, id_, str(draft.kind), len(draft.legs), draft.occurred_on),
                *(entry.recorded_at, draft.idempotency_key),
                *(entry.request_hash, entry.content_hash),
                *(draft.actor, draft.source, draft.narration),
            )
        )
        for leg_no, (account_id, amount_minor, is_pending) in enumerate(draft.legs):
            row = (book, id_, leg_no, len(draft.legs), key(account_id), amount_minor, is_pending)
            legs.append(row)
    return heads, legs
