"""A long chain checked by several processes, each one span of it.

Words: a *span* is a run of whole blocks. What is sealed never changes, so each process may read a
snapshot of its own; what still moves (the outbox, balances, open holds) stays with the first one,
which also puts the sums of all spans together. A span begins behind the block that the span before
it ends with, as it is stored there; that this is the same block is checked when both are done.
"""

from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Final, NamedTuple
from uuid import UUID

from sqlalchemy.orm import Session

from ledger.database import Database
from ledger.findings import Finding, guarded
from ledger.seal import NOTHING, Head
from ledger.verification import places
from ledger.verification.book import Book
from ledger.verification.rows import Raw
from ledger.verification.walk import Walk

SPAN_ITEM_COUNT_MIN: Final = 25_000
"""A process costs as much as this many items."""
_HEAD: Final = """
SELECT block_no, last_sequence, block_hash FROM ledger_seal_block
 WHERE community_id = :book AND last_sequence <= :sequence ORDER BY block_no DESC LIMIT 1
"""


class Span(NamedTuple):
    """What a process is told: the book, the head behind which to begin, the last place."""

    url: str
    community_id: UUID
    since: Head
    last_sequence: int


@dataclass(frozen=True)
class Share:
    """What a process answers: its findings, how far it came, and its sums by raw account key."""

    findings: list[Finding]
    head: Head
    item_count: int
    posting_count: int
    bad_block_no: int | None
    has_empty_places: bool
    months: dict[Raw, dict[str, list[int]]]
    pending_minor: dict[Raw, int]


def plan(session: Session, book: Book, worker_count: int) -> list[Span]:
    """Return the spans of the other processes; the first one is what lies before them.

    Args:
        session: whose database the processes open.
        book: to be checked from the beginning.
        worker_count: processes at most, this one included.
    """
    last = _head(book, 2**62).last_sequence
    count = min(worker_count, last // SPAN_ITEM_COUNT_MIN)
    url = session.get_bind().engine.url.render_as_string(hide_password=False)
    heads = [_head(book, last * part // count) for part in range(1, count)]
    ends = [*(head.last_sequence for head in heads[1:]), last]
    return [
        Span(url, book.community_id, head, end)
        for head, end in zip(heads, ends, strict=False)
        if head != NOTHING
    ]


@contextmanager
def others(spans: list[Span]) -> Iterator[list[Future[Share]]]:
    """Let other processes work on the spans for the length of the block."""
    if not spans:
        yield []
        return
    with ProcessPoolExecutor(len(spans), mp_context=get_context("spawn")) as pool:
        yield [pool.submit(check_span, span) for span in spans]


def answer(span: Span, working: "Future[Share]") -> Share:
    """Return what a process found; where the process itself ended, do its work here."""
    try:
        return working.result()
    except BrokenProcessPool:
        return check_span(span)


def check_span(span: Span) -> Share:
    """Check one span, in a process of its own."""
    database = Database(span.url)
    with database.reading() as session:
        book = Book(session, span.community_id)
        found = [*guarded("accounts", book.load()), *guarded("places", places.load(book))]
        walk = Walk(book, span.since, span.last_sequence)
        found += guarded("sealed", walk.sealed(None))
    database.dispose()
    accounts = [*book.accounts.values(), *book.ghosts.values()]
    return Share(
        findings=found,
        head=walk.head,
        item_count=book.item_count,
        posting_count=book.posting_count,
        bad_block_no=book.bad_block_no,
        has_empty_places=book.has_empty_places,
        months={account.id: account.months for account in accounts if account.months},
        pending_minor={account.id: account.pending_minor for account in accounts},
    )


def take(book: Book, share: Share) -> Iterator[Finding]:
    """Give the findings of a span, and add its sums to those of the book."""
    book.item_count += share.item_count
    book.posting_count += share.posting_count
    book.has_empty_places |= share.has_empty_places
    book.suspect(share.bad_block_no)
    for key, months in share.months.items():
        account = book.accounts.get(key) or book.ghost(key)
        for month, counted in months.items():
            before = account.months.get(month, [0, 0, 0])
            account.months[month] = [sum(pair) for pair in zip(before, counted, strict=True)]
    for key, pending_minor in share.pending_minor.items():
        account = book.accounts.get(key) or book.ghost(key)
        account.pending_minor += pending_minor
    yield from share.findings


def _head(book: Book, sequence: int) -> Head:
    found = book.rows.read(_HEAD, sequence=sequence)
    return Head(*found[0]) if found else NOTHING
