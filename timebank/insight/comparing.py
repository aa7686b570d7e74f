"""Papers against the book: what each says, and what its transaction moved.

Invariant: any number of papers takes one statement for each two hundred of them.
"""

from collections.abc import Iterator
from itertools import islice
from typing import Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from ledger.findings import Finding
from ledger.schema import Posting, Transaction
from timebank.insight.papers import Legs, Paper

PAPERS_PER_READING: Final = 200


def compared(session: Session, community_id: UUID, found: Iterator[Paper]) -> Iterator[Finding]:
    """Compare papers with the book, some at a time."""
    while page := list(islice(found, PAPERS_PER_READING)):
        held = _transactions(session, community_id, [paper.transaction_id for paper in page])
        for paper in page:
            source, posted, pending = held.get(paper.transaction_id, (None, {}, {}))
            legs = pending if paper.is_hold else posted
            for problem in _problems(paper, source, legs):
                yield Finding("paper_differs", paper.source, problem)


def _problems(paper: Paper, source: str | None, legs: Legs) -> Iterator[str]:
    yield from paper.problems
    if source is None:
        yield f"its transaction {paper.transaction_id} is not in the book"
    elif source != paper.source:
        yield f"its transaction {paper.transaction_id} names {source}"
    elif legs != paper.legs:
        yield (
            f"its transaction {paper.transaction_id} moves {_amounts(legs, paper.legs)}"
            f" where the paper says {_amounts(paper.legs, legs)}"
        )


def _transactions(
    session: Session, community_id: UUID, transaction_ids: list[UUID]
) -> dict[UUID, tuple[str, Legs, Legs]]:
    """Return source, posted and pending legs of the transactions there, with one statement."""
    query = (
        sa.select(
            Transaction.id,
            Transaction.source,
            Posting.account_id,
            Posting.amount_minor,
            Posting.is_pending,
        )
        .join_from(
            Transaction,
            Posting,
            sa.and_(
                Posting.community_id == Transaction.community_id,
                Posting.transaction_id == Transaction.id,
            ),
        )
        .where(Transaction.community_id == community_id, Transaction.id.in_(transaction_ids))
    )
    held: dict[UUID, tuple[str, Legs, Legs]] = {}
    for transaction_id, source, account_id, amount_minor, is_pending in session.execute(query):
        _, posted, pending = held.setdefault(transaction_id, (source, {}, {}))
        legs = pending if is_pending else posted
        legs[account_id] = legs.get(account_id, 0) + amount_minor
    return held


def _amounts(legs: Legs, other: Legs) -> str:
    """Say the amounts of `legs` that `other` has not."""
    different = {amount for account_id, amount in legs.items() if other.get(account_id) != amount}
    return ", ".join(map(str, sorted(different))) or "nothing"
