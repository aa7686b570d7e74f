"""Verify: every book checked again from the beginning, as if nobody could be trusted.

Words: a *finding* is one thing that is not as it should be, a *book report* all findings of one
book. The kernel checks the book by itself (legs, sums, balances, hashes); here the areas' papers
are laid beside it. All findings are collected: one fault does not hide the next.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from ledger import verification as kernel
from ledger.findings import Finding, guarded
from ledger.schema import Account, Transaction
from timebank.actors import Actor, Permission
from timebank.insight import bare_books, provenance
from timebank.insight.guards import guards_are_unchanged
from timebank.insight.import_papers import imports_are_whole
from timebank.insight.models import Book
from timebank.people import organisations
from timebank.people.models import Community


@dataclass(frozen=True, slots=True)
class BookReport:
    """What was found in one community's book."""

    community_code: str
    transaction_count: int
    findings: tuple[Finding, ...]


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


def verify(session: Session) -> Verification:
    """Check every book and the guards of the database; for the operator.

    Args:
        session: a reading session; what is verified is its snapshot, so a live book may go on.
    """
    communities: list[Community] = []
    unlisted = list(guarded("communities", _list_into(communities, session)))
    bare: list[Book] = []
    unlisted += guarded("bare_books", _list_bare_into(bare, session))
    ids = [book.community_id for book in (*communities, *bare)]
    return Verification(
        books=(
            *(_report(session, community) for community in communities),
            *(_bare_report(session, book) for book in bare),
        ),
        database_findings=(
            *unlisted,
            *guarded("door", kernel.faults(session)),
            *guarded("guards", guards_are_unchanged(session)),
            *guarded("books_of_nobody", _books_of_nobody(session, ids)),
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
    return _report(session, organisations.get_community(session, actor.community_id))


def _report(session: Session, community: Community) -> BookReport:
    community_id = community.community_id
    query = sa.select(sa.func.count()).select_from(Transaction)
    outcome = kernel.check_book(session, community_id)
    return BookReport(
        community_code=community.code,
        transaction_count=session.scalar(query.where(Transaction.community_id == community_id))
        or 0,
        findings=(
            *outcome.findings,
            *(
                finding
                for check in provenance.PASSES
                for finding in guarded(check.__name__, check(session, community_id))
            ),
        ),
    )


def _bare_report(session: Session, book: Book) -> BookReport:
    """A bare book has no members and no shop: what it keeps is what the kernel promises."""
    community_id = book.community_id
    query = sa.select(sa.func.count()).select_from(Transaction)
    return BookReport(
        community_code=book.name,
        transaction_count=session.scalar(query.where(Transaction.community_id == community_id))
        or 0,
        findings=(
            *kernel.check_book(session, community_id).findings,
            *guarded("imports_are_whole", imports_are_whole(session, community_id)),
        ),
    )


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
