"""The feed: every sealed item of a book, in the order of its sequence, to read on from anywhere.

Words: an *event* is one sealed item with its content; the *cursor* is a sequence number: what a
reader has seen last.

The seal gives out numbers without gaps and commits block by block, in order. So whoever asks for
what comes after the last number seen gets every item exactly once, whatever is posted and sealed
meanwhile.

Left out are the free texts (narration, reason) and the actor: a text written by hand may name
somebody, and who pressed the button is nobody's business outside. The content hash covers them.
"""

from datetime import date, datetime
from itertools import accumulate, takewhile
from typing import NamedTuple
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from ledger.base import refers
from ledger.schema import Account, Act, ItemKind, Posting, SealItem, Transaction

EVENT_COUNT_MAX = 1_000
LEG_COUNT_PER_PAGE_MAX = 10_000
"""A page ends before it holds more legs, so that a page of large transactions stays small too."""


class EventLeg(NamedTuple):
    """One leg, its account by code."""

    account_code: str
    commodity: str
    amount_minor: int
    is_pending: bool


class TransactionContent(NamedTuple):
    """What a transaction moved, and where it came from."""

    kind: str
    occurred_on: date
    source: str
    reverses_id: UUID | None
    resolves_id: UUID | None
    expires_at: datetime | None
    legs: list[EventLeg]


class AccountContent(NamedTuple):
    """The account that was opened."""

    code: str
    commodity: str


class ActContent(NamedTuple):
    """What was decided: about an account, or about all days through one (None: about no day)."""

    kind: str
    account_code: str | None
    closed_through_on: date | None


Content = TransactionContent | AccountContent | ActContent


class Event(NamedTuple):
    """One sealed item."""

    sequence: int
    kind: ItemKind
    id: UUID
    content_hash: bytes
    recorded_at: datetime
    content: Content


_Found = dict[UUID, tuple[datetime, Content]]
_Item = tuple[int, UUID, str, bytes]


class _Header(NamedTuple):
    """The stored header of a transaction."""

    id: UUID
    leg_count: int
    recorded_at: datetime
    kind: str
    occurred_on: date
    source: str
    reverses_id: UUID | None
    resolves_id: UUID | None
    expires_at: datetime | None


def events(session: Session, community_id: UUID, *, after: int, limit: int) -> list[Event]:
    """Return the events behind a cursor, in order; the cost does not grow with the book.

    Args:
        session: any session.
        community_id: the book.
        after: sequence number seen last; 0 begins at the beginning.
        limit: at most so many, 1 to 1,000; a page of large transactions ends earlier, but never
            before its first event.

    Returns:
        the events; none when there is nothing behind the cursor yet.
    """
    assert after >= 0, "sequence numbers begin with 1"
    assert 1 <= limit <= EVENT_COUNT_MAX, f"a page has 1 to {EVENT_COUNT_MAX} events"
    items = _items(session, community_id, after, limit)
    headers = _headers(session, community_id, _ids(items, ItemKind.TRANSACTION))
    items = _within_legs(items, {header.id: header.leg_count for header in headers})
    found = _transactions(session, community_id, headers, _ids(items, ItemKind.TRANSACTION))
    found |= _accounts(session, community_id, _ids(items, ItemKind.ACCOUNT))
    found |= _acts(session, community_id, _ids(items, ItemKind.ACT))
    return [
        Event(sequence, ItemKind(kind), item_id, content_hash, *found[item_id])
        for sequence, item_id, kind, content_hash in items
    ]


def _items(session: Session, community_id: UUID, after: int, limit: int) -> list[_Item]:
    rows = session.execute(
        sa.select(SealItem.sequence, SealItem.item_id, SealItem.kind, SealItem.content_hash)
        .where(SealItem.community_id == community_id, SealItem.sequence > after)
        .order_by(SealItem.sequence)
        .limit(limit)
    )
    return [(row[0], row[1], row[2], row[3]) for row in rows]


def _ids(items: list[_Item], wanted: ItemKind) -> list[UUID]:
    return [item_id for _, item_id, kind, _ in items if kind == wanted]


def _within_legs(items: list[_Item], leg_counts: dict[UUID, int]) -> list[_Item]:
    """Return the first items whose legs fit a page together; the very first one always does."""
    sums = accumulate(leg_counts.get(item_id, 0) for _, item_id, _, _ in items)
    count = len(list(takewhile(lambda legs: legs <= LEG_COUNT_PER_PAGE_MAX, sums)))
    return items[: max(count, 1)]


def _headers(session: Session, community_id: UUID, ids: list[UUID]) -> list[_Header]:
    if not ids:
        return []
    columns = [getattr(Transaction, field) for field in _Header._fields]
    rows = session.execute(
        sa.select(*columns).where(Transaction.community_id == community_id, Transaction.id.in_(ids))
    )
    return [_Header(*row) for row in rows]


def _transactions(
    session: Session, community_id: UUID, headers: list[_Header], ids: list[UUID]
) -> _Found:
    legs = _legs(session, community_id, ids)
    return {
        header.id: (
            header.recorded_at,
            TransactionContent(
                kind=header.kind,
                occurred_on=header.occurred_on,
                source=header.source,
                reverses_id=header.reverses_id,
                resolves_id=header.resolves_id,
                expires_at=header.expires_at,
                legs=legs[header.id],
            ),
        )
        for header in headers
        if header.id in legs
    }


def _legs(session: Session, community_id: UUID, ids: list[UUID]) -> dict[UUID, list[EventLeg]]:
    legs: dict[UUID, list[EventLeg]] = {transaction_id: [] for transaction_id in ids}
    if not ids:
        return legs
    of_account = refers(Posting.account_id, Account)
    rows = session.execute(
        sa.select(
            Posting.transaction_id,
            *(Account.code, Account.commodity, Posting.amount_minor, Posting.is_pending),
        )
        .join(Account, of_account)
        .where(Posting.community_id == community_id, Posting.transaction_id.in_(ids))
        .order_by(Posting.transaction_id, Posting.leg_no)
    )
    for row in rows:
        legs[row[0]].append(EventLeg(*row[1:]))
    return legs


def _accounts(session: Session, community_id: UUID, ids: list[UUID]) -> _Found:
    if not ids:
        return {}
    rows = session.execute(
        sa.select(Account.id, Account.opened_at, Account.code, Account.commodity).where(
            Account.community_id == community_id, Account.id.in_(ids)
        )
    )
    return {row[0]: (row[1], AccountContent(row[2], row[3])) for row in rows}


def _acts(session: Session, community_id: UUID, ids: list[UUID]) -> _Found:
    if not ids:
        return {}
    of_account = refers(Act.account_id, Account)
    rows = session.execute(
        sa.select(Act.id, Act.recorded_at, Act.kind, Account.code, Act.closed_through_on)
        .join(Account, of_account, isouter=True)
        .where(Act.community_id == community_id, Act.id.in_(ids))
    )
    return {row[0]: (row[1], ActContent(row[2], row[3], row[4])) for row in rows}
