"""Answers for a key that was used before.

The same request gets the same answer; another request is refused, and the field that differs named.
"""

from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from ledger.errors import KeyReused
from ledger.records import Draft, Entry, Leg, Posted
from ledger.schema import Posting, Transaction

_FIELDS = ("kind", "legs", "occurred_on", "actor", "source", "narration")


def answers(session: Session, community_id: UUID, entries: list[Entry]) -> dict[str, Posted]:
    """Return the earlier answer of every entry whose key is known, by key.

    Raises:
        KeyReused: a key stands for another request (`key_reused`, with the `field` that differs).
    """
    wanted = {entry.draft.idempotency_key: entry for entry in entries}
    headers = session.scalars(
        sa.select(Transaction).where(
            Transaction.community_id == community_id, Transaction.idempotency_key.in_(wanted)
        )
    )
    stored = {header.idempotency_key: header for header in headers}
    for key, entry in wanted.items():  # in their order: the first that differs is named
        if key in stored and stored[key].request_hash != entry.request_hash:
            _refuse(session, stored[key], entry)
    return {
        key: Posted(header.id, header.recorded_at, header.content_hash, True)
        for key, header in stored.items()
    }


def check_same(first: Draft, second: Draft) -> None:
    """Refuse two drafts of one key that ask for different things.

    Raises:
        KeyReused: with the first `field` that differs (`key_reused`).
    """
    for field in _FIELDS:
        if getattr(first, field) != getattr(second, field):
            raise KeyReused(idempotency_key=first.idempotency_key, field=field)


def difference(session: Session, header: Transaction, draft: Draft) -> KeyReused:
    """Return why a draft is not what its key stands for, with the first `field` that differs."""
    try:
        check_same(_stored_draft(session, header), draft)
    except KeyReused as refused:
        return refused
    # The stored row no longer matches its own hash; verification names it, and no answer is safe.
    return KeyReused(idempotency_key=header.idempotency_key, field="request_hash")


def _refuse(session: Session, header: Transaction, entry: Entry) -> None:
    for field, wanted in entry.links._asdict().items():
        if getattr(header, field) != wanted:
            raise KeyReused(idempotency_key=header.idempotency_key, field=field)
    raise difference(session, header, entry.draft)


def _stored_draft(session: Session, header: Transaction) -> Draft:
    legs = session.execute(
        sa.select(Posting.account_id, Posting.amount_minor, Posting.is_pending)
        .where(Posting.community_id == header.community_id, Posting.transaction_id == header.id)
        .order_by(Posting.leg_no)
    )
    return Draft(
        header.kind,
        tuple(Leg(*leg) for leg in legs),
        header.occurred_on,
        header.idempotency_key,
        header.actor,
        header.source,
        header.narration,
    )
