"""Holds: amounts set aside until they are posted, voided or expired.

Words: `place` sets the legs of a draft aside in the pending layer; exactly one of `post`, `void`
and `expire` resolves the hold, and gives every leg back first. From `expires_at` on a hold can only
expire, even where the sweeper is late.

Invariants (checked by the door of each database, once more by `ledger.verification`): what is held
counts against the bounds; the open holds are what the pending counters say; of several who resolve
one hold, one succeeds.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from ledger import clock, doors, entries, replays
from ledger.checks import check_legs, check_texts
from ledger.errors import (
    AmountOutOfRange,
    BalanceTooHigh,
    BalanceTooLow,
    ExpiryInvalid,
    HoldResolved,
    IsHold,
    KeyReused,
    UnknownTransaction,
)
from ledger.records import Draft, Leg, Links, Posted
from ledger.schema import (
    AMOUNT_MINOR_MAX,
    HELD_LEG_COUNT_MAX,
    Hold,
    Posting,
    Transaction,
    TransactionKind,
)

SWEEPER = "system:sweeper"
SWEEP_COUNT_MAX = 500


@dataclass(frozen=True, slots=True)
class Resolution:
    """Who resolves a hold, when and why.

    Attributes:
        occurred_on: the community's calendar date.
        idempotency_key: as of any post.
        actor: member id as text, or `system:<name>`.
        source: `<table>:<uuid>` of the row that asks for it.
        narration: at most 500 characters, may be empty.
    """

    occurred_on: date
    idempotency_key: str
    actor: str
    source: str
    narration: str = ""


def place(session: Session, community_id: UUID, draft: Draft, *, expires_at: datetime) -> Posted:
    """Set the legs of a draft aside.

    Args:
        session: a write session.
        community_id: the book.
        draft: 2 to 500 legs that sum to zero per commodity; its kind is taken for `hold`.
        expires_at: aware; from this moment on the hold can only expire.

    Raises:
        ExpiryInvalid: the moment is past (`expiry_invalid`).
        BalanceTooLow: it would fall below its floor, other holds included (`balance_too_low`).
        BalanceTooHigh: it would rise above its ceiling (`balance_too_high`).
        Refusal: as `journal.post`.
    """
    draft = replace(
        draft,
        kind=TransactionKind.HOLD,
        legs=tuple(Leg(leg.account_id, leg.amount_minor, True) for leg in draft.legs),
    )
    check_legs(draft, HELD_LEG_COUNT_MAX)
    check_texts(draft)
    recorded_at = clock.now()
    links = Links(expires_at=expires_at.astimezone(UTC))
    entry = entries.make(community_id, draft, recorded_at, links)
    if expires_at <= recorded_at:
        earlier = replays.answers(session, community_id, [entry])
        if not earlier:
            raise ExpiryInvalid(recorded_at=recorded_at.isoformat())
        return earlier[draft.idempotency_key]  # a repetition may come late
    door = doors.of(session)
    is_written = with_room(
        session, community_id, draft.occurred_on, lambda: door.place_hold(community_id, entry)
    )
    return entries.answer(session, community_id, entry, is_written)


def post(
    session: Session,
    community_id: UUID,
    hold_id: UUID,
    resolution: Resolution,
    *,
    amounts_minor: list[int] | None = None,
) -> Posted:
    """Post a hold, wholly or in part; what is not posted is released.

    Args:
        session: a write session.
        community_id: the book.
        hold_id: the transaction that placed it.
        resolution: who, when and why.
        amounts_minor: one per leg of the hold, in its order, each between zero and the held amount;
            they sum to zero per commodity. None is everything.

    Raises:
        UnknownTransaction: not in this book (`unknown_transaction`).
        IsHold: it is no hold (`is_hold`).
        HoldResolved: by another key (`hold_resolved`).
        HoldExpired: its time is over (`hold_expired`).
        MoreThanHeld: a leg asks for more, or the other way round (`more_than_held`).
        AmountOutOfRange: every amount is zero: that is a void (`amount_out_of_range`).
        Refusal: as `journal.post`.
    """
    held = _held(session, community_id, hold_id)
    amounts = [leg.amount_minor for leg in held] if amounts_minor is None else amounts_minor
    assert len(amounts) == len(held), "one amount per leg of the hold"
    if not any(amounts):
        raise AmountOutOfRange(amount="0", amount_max=AMOUNT_MINOR_MAX)
    return _resolve(session, community_id, hold_id, TransactionKind.HOLD_POST, resolution, amounts)


def void(session: Session, community_id: UUID, hold_id: UUID, resolution: Resolution) -> Posted:
    """Give everything back.

    Raises:
        UnknownTransaction: not in this book (`unknown_transaction`).
        HoldResolved: by another key (`hold_resolved`).
        Refusal: as `journal.post`.
    """
    return _resolve(session, community_id, hold_id, TransactionKind.HOLD_VOID, resolution, [])


def expire(session: Session, community_id: UUID, hold_id: UUID, occurred_on: date) -> Posted:
    """Give everything back because its time is over.

    Raises:
        UnknownTransaction: not in this book (`unknown_transaction`).
        HoldNotExpired: its time is not over (`hold_not_expired`).
        HoldResolved: by another (`hold_resolved`).
    """
    subject = f"hold:{hold_id}"
    by_clock = Resolution(occurred_on, f"expire:{hold_id}", SWEEPER, subject)
    try:
        return _resolve(session, community_id, hold_id, TransactionKind.HOLD_EXPIRE, by_clock, [])
    except KeyReused as reused:  # it expired already, for somebody who dated it otherwise
        raise HoldResolved(transaction_id=str(hold_id)) from reused


def expire_due(
    session: Session, community_id: UUID, occurred_on: date, *, account_id: UUID | None = None
) -> int:
    """Expire the open holds of a book whose time is over, the oldest first.

    Args:
        session: a write session.
        community_id: the book.
        occurred_on: the community's calendar date.
        account_id: only the holds on this account, for a spender who is waiting; None is all.

    Returns:
        how many were expired: at most 500, so that no lock is kept for long.
    """
    due = (
        sa.select(Hold.transaction_id)
        .where(Hold.community_id == community_id, Hold.expires_at <= clock.now())
        .order_by(Hold.expires_at, Hold.transaction_id)
        .limit(SWEEP_COUNT_MAX)
    )
    if account_id is not None:
        due = due.where(
            sa.exists().where(
                Posting.community_id == community_id,
                Posting.transaction_id == Hold.transaction_id,
                Posting.account_id == account_id,
            )
        )
    expired_count = 0
    for hold_id in session.scalars(due).all():
        try:
            expired_count += not expire(session, community_id, hold_id, occurred_on).is_replay
        except HoldResolved:
            continue  # somebody resolved it since the list was read
    return expired_count


def with_room(
    session: Session, community_id: UUID, occurred_on: date, write: Callable[[], bool]
) -> bool:
    """Write; where a bound refuses, expire what is overdue on that account and write again.

    Args:
        session: a write session.
        community_id: the book.
        occurred_on: the day on which an overdue hold is then said to have expired.
        write: a call of the door, which leaves nothing behind when it refuses.

    Raises:
        Refusal: of the last attempt; nothing has expired then either.
    """
    try:
        return write()
    except (BalanceTooLow, BalanceTooHigh) as refused:
        with session.begin_nested():
            while expire_due(session, community_id, occurred_on, account_id=_named(refused)):
                try:
                    return write()
                except (BalanceTooLow, BalanceTooHigh) as again:
                    refused = again
            raise refused


def _named(refused: BalanceTooLow | BalanceTooHigh) -> UUID:
    return UUID(refused.details["account_id"])


def _held(session: Session, community_id: UUID, hold_id: UUID) -> list[Leg]:
    kind = session.scalar(
        sa.select(Transaction.kind).where(
            Transaction.community_id == community_id, Transaction.id == hold_id
        )
    )
    if kind is None:
        raise UnknownTransaction(transaction_id=str(hold_id))
    if kind != TransactionKind.HOLD:
        raise IsHold(transaction_id=str(hold_id))
    legs = session.execute(
        sa.select(Posting.account_id, Posting.amount_minor, Posting.is_pending)
        .where(Posting.community_id == community_id, Posting.transaction_id == hold_id)
        .order_by(Posting.leg_no)
    )
    return [Leg(*leg) for leg in legs]


def _resolve(  # one call for the three ways to end a hold
    session: Session,
    community_id: UUID,
    hold_id: UUID,
    kind: TransactionKind,
    resolution: Resolution,
    amounts: list[int],
) -> Posted:
    held = _held(session, community_id, hold_id)
    amounts = amounts or [0] * len(held)
    released = tuple(Leg(leg.account_id, -leg.amount_minor, True) for leg in held)
    posted = tuple(
        Leg(leg.account_id, amount) for leg, amount in zip(held, amounts, strict=True) if amount
    )
    draft = Draft(
        kind,
        released + posted,
        resolution.occurred_on,
        resolution.idempotency_key,
        resolution.actor,
        resolution.source,
        resolution.narration,
    )
    check_texts(draft)
    entry = entries.make(community_id, draft, clock.now(), Links(resolves_id=hold_id))
    is_written = doors.of(session).resolve_hold(community_id, entry, amounts)
    return entries.answer(session, community_id, entry, is_written)
