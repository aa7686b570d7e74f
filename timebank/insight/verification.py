"""Verify: every book checked again from the beginning, as if nobody could be trusted.

Words: a *finding* is one thing that is not as it should be, a *book report* all findings of one
book. The kernel checks the book by itself (legs, sums, balances, hashes); here the areas' papers
are laid beside it. All findings are collected: one fault does not hide the next.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from ledger import verification as kernel
from ledger.findings import Finding, guarded
from ledger.schema import Account, Transaction
from ledger.seal import NOTHING, Head
from ledger.verification import Anchor
from timebank.actors import Actor, Permission
from timebank.insight import bare_books, provenance
from timebank.insight.guards import guards_are_unchanged
from timebank.insight.import_papers import imports_are_whole
from timebank.insight.models import Book
from timebank.insight.provenance import Pass
from timebank.people import organisations
from timebank.people.models import Community

BARE_PASSES: Final[tuple[Pass, ...]] = (imports_are_whole,)
"""A bare book has no members and no shop: what it keeps is what the kernel promises."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The last block of a book that was found whole, as a record keeps it.

    Attributes:
        sequence: of its last item.
        block_hash: 64 hex digits.
    """

    block_no: int
    sequence: int
    block_hash: str

    @classmethod
    def of(cls, head: Head) -> "Checkpoint":
        """Return the checkpoint of a head."""
        return cls(head.block_no, head.last_sequence, head.block_hash.hex())

    @property
    def head(self) -> Head:
        """Return the head that it stands for."""
        return Head(self.block_no, self.sequence, bytes.fromhex(self.block_hash))


@dataclass(frozen=True, slots=True)
class Scope:
    """How much is checked.

    Attributes:
        since: the heads from which on a book is checked; of a book that is not named, everything.
        anchors: heads that somebody wrote down, by the code of the community.
        is_seal_due: True where a sealer runs: in a sealed book nothing waits longer than a minute.
        keep: called with the book and its head after every range of blocks while nothing was found.
        worker_count: processes that share the chain of a large book.
    """

    since: Mapping[UUID, Head] = field(default_factory=dict)
    anchors: Mapping[str, tuple[Anchor, ...]] = field(default_factory=dict)
    is_seal_due: bool = False
    keep: Callable[[UUID, Checkpoint], None] | None = None
    worker_count: int = 1


EVERYTHING: Final = Scope()


@dataclass(frozen=True, slots=True)
class BookReport:
    """What was found in one community's book.

    Attributes:
        item_count: transactions, accounts and acts that were gone through.
        since_block_no: the block behind which the check began; 0 is the beginning.
        checkpoint: the last block of the book; None while nothing is sealed.
        milliseconds: how long it took.
    """

    community_id: UUID
    community_code: str
    transaction_count: int
    item_count: int
    since_block_no: int
    checkpoint: Checkpoint | None
    milliseconds: int
    findings: tuple[Finding, ...]

    @property
    def is_full(self) -> bool:
        """Whether the book was checked from its beginning, papers included."""
        return self.since_block_no == 0


@dataclass(frozen=True, slots=True)
class Verification:
    """What was found in all books, and in the database around them.

    Args:
        books: one report per community, by code, then one per bare book, by name.
        database_findings: guards that are missing, and books that belong to no community.
    """

    books: tuple[BookReport, ...]
    database_findings: tuple[Finding, ...]

    @property
    def finding_count(self) -> int:
        """Return how many things are not as they should be."""
        return len(self.database_findings) + sum(len(book.findings) for book in self.books)


def verify(session: Session, scope: Scope = EVERYTHING) -> Verification:
    """Check every book and the guards of the database; for the operator.

    Args:
        session: a reading session; what is verified is its snapshot, so a live book may go on.
        scope: how much; everything if left out.
    """
    communities: list[Community] = []
    unlisted = list(guarded("communities", _list_into(communities, session)))
    bare: list[Book] = []
    unlisted += guarded("bare_books", _list_bare_into(bare, session))
    named = [
        *((book.community_id, book.code, provenance.PASSES) for book in communities),
        *((book.community_id, book.name, BARE_PASSES) for book in bare),
    ]
    return Verification(
        books=tuple(_report(session, *each, scope=scope) for each in named),
        database_findings=(
            *unlisted,
            *guarded("door", kernel.faults(session)),
            *guarded("guards", guards_are_unchanged(session)),
            *guarded("books_of_nobody", _books_of_nobody(session, [id_ for id_, _, _ in named])),
            *_lost_books(scope, {code for _, code, _ in named}),
        ),
    )


def verify_book(session: Session, actor: Actor) -> BookReport:
    """Check the book of the actor's community.

    Args:
        session: a reading session.
        actor: needs `read_books`.

    Raises:
        NotAllowed: `not_allowed`.
    """
    actor.require(Permission.READ_BOOKS)
    community = organisations.get_community(session, actor.community_id)
    return _report(session, community.community_id, community.code, provenance.PASSES)


def _report(
    session: Session,
    community_id: UUID,
    code: str,
    papers: tuple[Pass, ...],
    *,
    scope: Scope = EVERYTHING,
) -> BookReport:
    """Check one book; its papers only with the whole of it, because old papers change too."""
    started_at = time.monotonic()
    since = scope.since.get(community_id, NOTHING)
    keep = scope.keep
    plan = kernel.Plan(
        since=since,
        anchors=scope.anchors.get(code, ()),
        is_seal_due=scope.is_seal_due,
        worker_count=scope.worker_count,
        keep=None if keep is None else lambda head: keep(community_id, Checkpoint.of(head)),
    )
    outcome = kernel.check_book(session, community_id, plan)
    count = sa.select(sa.func.count()).select_from(Transaction)
    findings = list(outcome.findings)
    for check in papers if since == NOTHING else ():
        findings += guarded(check.__name__, check(session, community_id))
    return BookReport(
        community_id=community_id,
        community_code=code,
        transaction_count=session.scalar(count.where(Transaction.community_id == community_id))
        or 0,
        item_count=outcome.item_count,
        since_block_no=since.block_no,
        checkpoint=Checkpoint.of(outcome.head) if outcome.head != NOTHING else None,
        milliseconds=round(1000 * (time.monotonic() - started_at)),
        findings=tuple(findings),
    )


def _lost_books(scope: Scope, codes: set[str]) -> Iterator[Finding]:
    """Give a finding for every book that an anchor names and that is not there any more."""
    for code in sorted(scope.anchors.keys() - codes):
        yield Finding("anchor_missing", f"book:{code}", "An anchor names a book that is not there.")


def _list_bare_into(bare: list[Book], session: Session) -> Iterator[Finding]:
    """Add every bare book; guarded like the communities."""
    bare += bare_books.list_books(session)
    yield from ()


def _list_into(communities: list[Community], session: Session) -> Iterator[Finding]:
    """Add every community; a pass without findings, so that it can be guarded like the others."""
    communities += organisations.list_communities(session)
    yield from ()


def _books_of_nobody(session: Session, community_ids: list[UUID]) -> Iterator[Finding]:
    """Give a finding for every book that is neither a community's nor a bare one."""
    query = sa.select(Account.community_id).distinct()
    for id_ in session.scalars(query.where(Account.community_id.not_in(community_ids))):
        yield Finding("book_of_nobody", f"book:{id_}", "No community stands behind this book.")
