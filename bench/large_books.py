"""W4, W5, W6: what a long history costs, PostgreSQL.

Two books are made through the door, sealed and found whole: one of 10 thousand postings, one of a
million. W4: a balance. W5: the first statement page, a balance as of a day and a page of the feed,
of an account with a thousand lines. W6: everything recomputed, hashes and chain included, against
`hledger bal` over the export of the same book (the whole process).
"""

import os
import random
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import UUID

from sqlalchemy.orm import Session

from bench.books import BOOK
from bench.measure import Candidate, Figure, compare, publish, take_turns
from ledger import bulk, feed, history, journal, reports, seal
from ledger.database import Database
from ledger.journal import Draft, Leg
from ledger.verification import Plan, check_book
from migrations import run as migrations
from tests.servers import APPLICATION, Server, postgresql
from timebank.actors import Actor
from timebank.insight.exports import JournalFormat
from timebank.insight.exports import journal as exported

SMALL, LARGE = 10_000, 1_000_000
"""Postings."""
ACCOUNT_COUNT = 1_000
READER_LINES = 1_000
FIRST_DAY, DAYS = date(2024, 11, 1), 730
READS = {"balance": 2_000, "statement": 150, "as of": 150, "feed": 100}
FEED_PAGE = 100


@dataclass(frozen=True)
class LargeBook:
    """A book and the account whose history is read."""

    database: Database
    name: str
    posting_count: int
    account_ids: list[UUID]
    reader_id: UUID


def run(rounds: int) -> None:
    """Measure W4, W5 and W6."""
    with (
        postgresql() as server,
        made_book(server, "10k postings", SMALL) as small,
        made_book(server, "1M postings", LARGE) as large,
        TemporaryDirectory() as folder,
    ):
        _w4_and_w5(small, large, rounds)
        _w6(large, Path(folder) / "book.journal", rounds)


# ---------------------------------------------------------------- the books


@contextmanager
def made_book(server: Server, name: str, posting_count: int) -> Iterator[LargeBook]:
    """Make a book through the door, seal it and give it."""
    print(f"  making a book of {name}", flush=True)
    database_name = server.create()
    migrations.upgrade(server.url(database_name), application_role=APPLICATION)
    database = Database(server.url(database_name, APPLICATION))
    with database.begin() as session:
        account_ids = [
            journal.open_account(
                session, BOOK, code=f"Accounts:{number}", commodity="POINT", is_bounded=True
            ).id
            for number in range(ACCOUNT_COUNT + 1)
        ]
    book = LargeBook(database, name, posting_count, account_ids[1:], account_ids[0])
    with database.begin() as session:
        all_at_once = bulk.Bulk(session, BOOK)
        drafts = _drafts(book)
        while chunk := [
            draft for _, draft in zip(range(bulk.CHUNK_COUNT_MAX), drafts, strict=False)
        ]:
            all_at_once.post(chunk)
    while _seal(database):
        pass
    server.run("VACUUM ANALYZE", database=database_name)
    yield book
    database.dispose()


def _drafts(book: LargeBook) -> Iterator[Draft]:
    chance, transaction_count = random.Random(1), book.posting_count // 2
    every = transaction_count // READER_LINES
    for number in range(transaction_count):
        source, target = chance.sample(book.account_ids, 2)
        if number % every == 0:
            target = book.reader_id
        yield Draft(
            "transfer",
            (Leg(source, -1), Leg(target, 1)),
            FIRST_DAY + timedelta(days=number * DAYS // transaction_count),
            f"bench:{number}",
            "system:bench",
            "bench:1",
            "",
        )


def _seal(database: Database) -> int:
    with database.begin() as session:
        return seal.seal(session, BOOK)


# ---------------------------------------------------------------- the workloads


def _w4_and_w5(small: LargeBook, large: LargeBook, rounds: int) -> None:
    candidates = {
        f"{what} in {book.name}": reads(book, what) for book in (small, large) for what in READS
    }
    rates = take_turns(candidates, rounds)

    # Rates, so that the slower of the two has the smaller number: the time ratio is its inverse.
    def times(what: str, goal: str) -> list[Figure]:
        return [compare(rates, f"{what} in {small.name}", f"{what} in {large.name}", goal)]

    title = "PostgreSQL: time in the large book / time in the small one"
    publish("W4", f"the balance of an account, {title}", times("balance", "<= 1.1"))
    publish(
        "W5",
        f"an account with {READER_LINES} lines, {title}",
        [figure for what in ("statement", "as of", "feed") for figure in times(what, "<= 1.5")],
    )


def reads(book: LargeBook, what: str) -> Candidate:
    """Return how often a second `what` (see `READS`) is read."""
    chance = random.Random(book.posting_count)

    def once(session: Session) -> None:
        if what == "balance":
            reports.balance(session, BOOK, chance.choice(book.account_ids))
        elif what == "statement":
            page = reports.statement(session, BOOK, book.reader_id)
            assert len(page.lines) == 50
        elif what == "as of":
            day = FIRST_DAY + timedelta(days=chance.randrange(DAYS))
            held = history.balance_on(session, BOOK, book.reader_id, as_of=day)
            assert 0 < held <= READER_LINES
        else:
            after = chance.randrange(book.posting_count // 2 - FEED_PAGE)
            assert len(feed.events(session, BOOK, after=after, limit=FEED_PAGE)) == FEED_PAGE

    def read() -> float:
        with book.database.reading() as session:
            start = time.perf_counter()
            for _ in range(READS[what]):
                once(session)
            return READS[what] / (time.perf_counter() - start)

    return read


def _w6(book: LargeBook, path: Path, rounds: int) -> None:
    actor = Actor.system(BOOK, "bench")
    with book.database.reading() as session, path.open("w", encoding="utf-8") as file:
        file.writelines(exported(session, actor, journal_format=JournalFormat.HLEDGER))

    def summed() -> None:
        subprocess.run(
            ["hledger", "bal", "-f", str(path)], check=True, capture_output=True, text=True
        )

    candidates = {"verify": per_second(lambda: verified(book)), "hledger bal": per_second(summed)}
    rates = take_turns(candidates, rounds)
    publish(
        "W6",
        "verify from the beginning, 1M postings: time of verify / time of hledger bal",
        [compare(rates, "hledger bal", "verify", "<= 0.15")],
    )


def verified(book: LargeBook) -> None:
    """Check the book from the beginning."""
    plan = Plan(worker_count=os.cpu_count() or 1)  # as `timebank verify --full` does
    with book.database.reading() as session:
        assert check_book(session, BOOK, plan).findings == (), "the book is not whole"


def per_second(work: Callable[[], None]) -> Candidate:
    """Return how often a second a long piece of work could be done."""

    def run_once() -> float:
        start = time.perf_counter()
        work()
        return 1 / (time.perf_counter() - start)

    return run_once
