"""Re-checks the stored book against every promise, trusting none of the guards that keep it.

Words: a *finding* is one thing that is wrong, with a stable code, its subject and a sentence. Each
pass looks for one kind of damage and is guarded, so one broken row never hides another. All passes
read one snapshot: they run on a live book.

A book is checked from its beginning, or from a *checkpoint*: the head of its chain when it was last
found whole. From a checkpoint on, what is new is checked like everything else, and what is old is
covered by the block that must still be there and by the sums: every balance must be the monthly
activity and the tail. So such a check costs what is new and one look at each account. What was
changed in an old row since is found only by a check from the beginning.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from ledger import clock
from ledger.doors import inspection
from ledger.findings import Finding, guarded
from ledger.hashing import EPOCH
from ledger.schema import ledger_tables
from ledger.seal import NOTHING, Head
from ledger.verification import chain, links, periods, places, spans, standings
from ledger.verification.book import Book
from ledger.verification.chain import Anchor
from ledger.verification.rows import Raw
from ledger.verification.walk import Walk

WAITING_SECONDS_MAX = 60

__all__ = ["Anchor", "Outcome", "Plan", "books", "check_book", "faults", "verify"]


@dataclass(frozen=True, slots=True)
class Plan:
    """How a book is checked.

    Attributes:
        since: a head that was found whole earlier; `NOTHING` checks from the beginning.
        anchors: heads that somebody wrote down.
        is_seal_due: True where a sealer runs: nothing waits for it longer than a minute.
        keep: called with the head after every range of blocks while nothing was found, so that an
            interrupted check can go on from there.
        worker_count: processes that share a long chain; only where the session wrote nothing, since
            the others do not see what is not committed.
    """

    since: Head = NOTHING
    anchors: tuple[Anchor, ...] = ()
    is_seal_due: bool = False
    keep: Callable[[Head], None] | None = None
    worker_count: int = 1


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a check.

    Attributes:
        findings: in the order of the passes.
        item_count: transactions, accounts and acts that were gone through.
        head: the last block of the book.
    """

    findings: tuple[Finding, ...]
    item_count: int
    head: Head


def verify(session: Session, community_id: UUID | None = None) -> list[Finding]:
    """Check from the beginning and return all findings, none when the book is whole.

    Args:
        session: a reading session, whose snapshot is what is verified.
        community_id: one book; None is every book of the database.
    """
    found: list[Finding] = []
    ids = [community_id] if community_id is not None else []
    if community_id is None:
        found += guarded("books", books(session, ids))
    for id_ in ids:
        found += check_book(session, id_).findings
    return [*found, *guarded("door", faults(session))]


def faults(session: Session) -> Iterator[Finding]:
    """Every guard is there, and every reference leads somewhere."""
    for fault in inspection.faults(session):
        yield Finding(*fault)


def books(session: Session, found: list[UUID]) -> Iterator[Finding]:
    """Add every book that any ledger table has a row of; a pass without findings of its own."""
    ids: set[UUID] = set()
    for table in ledger_tables():
        column = table.c.community_id
        query = sa.select(column).order_by(column).limit(1)
        # From one to the next, by the key: the tables are long and the books are few.
        last = session.scalar(query)
        while last is not None:
            ids.add(last)
            last = session.scalar(query.where(column > last))
    found += sorted(ids)
    yield from ()


def check_book(session: Session, community_id: UUID, plan: Plan | None = None) -> Outcome:
    """Check one book, without the guards of the database around it (`faults`).

    Args:
        session: a reading session, whose snapshot is what is checked.
        community_id: the book; one without any row is whole.
        plan: None is from the beginning.
    """
    plan = plan or Plan()
    book = Book(session, community_id)
    since = Anchor(plan.since.block_no, plan.since.block_hash)
    found = [
        *guarded("accounts", book.load()),
        *guarded("places", places.load(book)),
        *guarded("anchors", chain.check_anchors(book, [since, *plan.anchors])),
    ]
    # A checkpoint that is not in the chain any more has nothing to build on.
    is_held = since.block_hash in chain.stored_hashes(book, since.block_no)
    start = plan.since if is_held else NOTHING
    shared = spans.plan(session, book, plan.worker_count) if start == NOTHING else []
    walk = Walk(book, start, shared[0].since.last_sequence if shared else None)
    found += _check_sealed(book, walk, shared, None if found else plan.keep)
    found += guarded("waiting", walk.waiting())
    found += _check_sums(book, walk, is_whole=start == NOTHING)
    found += _check_rows(book)
    if plan.is_seal_due and walk.head != NOTHING:
        found += guarded("unsealed", _unsealed(book))
    found += chain.first_bad_block(book)
    return Outcome(tuple(found), book.item_count, walk.head)


def _check_sealed(
    book: Book, walk: Walk, shared: list[spans.Span], keep: Callable[[Head], None] | None
) -> Iterator[Finding]:
    """Check the chain: its first span here, the others in other processes."""
    with spans.others(shared) as working:
        yield from guarded("sealed", walk.sealed(keep))
        for span, share in zip(shared, working, strict=True):
            if walk.head != span.since:
                number = span.since.block_no
                details = book.suspect(number)
                message = "The blocks before it do not lead to it."
                yield Finding("block_differs", f"block:{number}", message, details)
            answer = spans.answer(span, share)
            yield from spans.take(book, answer)
            walk.go_on_from(answer.head)
    if shared:
        yield from guarded("sealed", walk.finish())


def _check_sums(book: Book, walk: Walk, *, is_whole: bool) -> Iterator[Finding]:
    """Compare what is stored with what was summed up; from a checkpoint on, with the activity."""
    yield from guarded("places", places.check_once(book))
    nowhere: list[Raw] = []
    if is_whole:
        yield from guarded("places", places.check_all(book, walk.head, nowhere))
        yield from guarded("nowhere", walk.nowhere(nowhere))
        yield from guarded("postings", walk.headless())
        yield from guarded("block_numbers", chain.check_numbers(book))
        yield from guarded("activity", standings.check_activity(book))
    posted: standings.Counters = {}
    yield from guarded("sums", _into(posted, book, is_whole=is_whole))
    yield from guarded("balances", standings.check_balances(book, posted))
    yield from guarded(
        "trial_balance", standings.check_trial_balance(book, posted, has_pending=is_whole)
    )


def _into(posted: standings.Counters, book: Book, *, is_whole: bool) -> Iterator[Finding]:
    """Add the sums of every account; a pass without findings of its own."""
    posted |= standings.summed(book) if is_whole else standings.counted(book)
    yield from ()


def _check_rows(book: Book) -> Iterator[Finding]:
    """Check what has one row per account, act or open hold."""
    yield from guarded("accounts", standings.check_accounts(book))
    yield from guarded("open_accounts", standings.check_open(book))
    yield from guarded("bounds", standings.check_bounds(book))
    yield from guarded("acts", periods.check(book))
    yield from guarded("holds", links.check_open(book))


def _unsealed(book: Book) -> Iterator[Finding]:
    """Nothing waits for the sealer longer than a minute."""
    if book.oldest_waiting_microseconds is None:
        return
    since = EPOCH + timedelta(microseconds=book.oldest_waiting_microseconds)
    if clock.now() - since > timedelta(seconds=WAITING_SECONDS_MAX):
        yield Finding(
            "unsealed_too_long",
            f"book:{book.community_id}",
            f"An item of {since.isoformat(timespec='seconds')} is not sealed yet:"
            " does a sealer run?",
        )
