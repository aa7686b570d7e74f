"""What has become of reservations: read from the holds behind them, never stored a second time.

Words: a reservation is *open* while its pieces are kept; it was *collected* when its hold was
posted, *cancelled* when it was voided, and it has *lapsed* from the moment its time is over,
whether the sweeper has come by since or not.

Invariant: any list of reservations takes one statement.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from ledger import clock
from ledger.base import refers
from ledger.schema import Hold, Transaction, TransactionKind
from timebank.shop.models import Reservation

LISTED_MAX = 100


class ReservationState(StrEnum):
    """Where a reservation stands."""

    OPEN = "open"
    COLLECTED = "collected"
    CANCELLED = "cancelled"
    LAPSED = "lapsed"


_ENDINGS = {
    TransactionKind.HOLD_POST: ReservationState.COLLECTED,
    TransactionKind.HOLD_VOID: ReservationState.CANCELLED,
    TransactionKind.HOLD_EXPIRE: ReservationState.LAPSED,
}


@dataclass(frozen=True, slots=True)
class Reserved:
    """A reservation with what the ledger says of it.

    Args:
        reservation: what was put by, at which price.
        state: as it is now.
        reserved_at: when its hold was placed.
        expires_at: from this moment on it has lapsed.
        ended_by_id: the transaction that resolved the hold; None while there is none.
        is_replay: that it was already there when it was asked for.
    """

    reservation: Reservation
    state: ReservationState
    reserved_at: datetime
    expires_at: datetime
    ended_by_id: UUID | None = None
    is_replay: bool = True

    @property
    def is_open(self) -> bool:
        """Whether the pieces are kept."""
        return self.state is ReservationState.OPEN

    @property
    def last_moment(self) -> datetime:
        """Return the last moment at which it can be collected: it lies on the day to be told."""
        return self.expires_at - timedelta(microseconds=1)

    def last_day(self, time_zone: str) -> date:
        """Return the last day on which it can be collected, in a community's zone."""
        return self.last_moment.astimezone(ZoneInfo(time_zone)).date()


def read_reserved(
    session: Session,
    community_id: UUID,
    *conditions: sa.ColumnElement[bool],
    since: datetime | None = None,
) -> list[Reserved]:
    """Return the reservations that meet conditions on `Reservation`, the oldest first, 100 at most.

    Args:
        session: any session.
        community_id: whose.
        conditions: on `Reservation`.
        since: only those made at this moment or later; None is all.
    """
    placed, ending = aliased(Transaction, name="placed"), aliased(Transaction, name="ending")
    query = (
        sa.select(Reservation, placed.recorded_at, placed.expires_at, ending.kind, ending.id)
        .join(placed, refers(Reservation.transaction_id, placed))
        .outerjoin(
            ending,
            sa.and_(
                ending.community_id == Reservation.community_id,
                ending.resolves_id == Reservation.transaction_id,
            ),
        )
        .where(Reservation.community_id == community_id, *conditions)
        .order_by(Reservation.id)
        .limit(LISTED_MAX)
    )
    if since is not None:
        query = query.where(placed.recorded_at >= since)
    return [_reserved(*row) for row in session.execute(query)]


def is_open() -> sa.ColumnElement[bool]:
    """Return the condition that the pieces of a reservation are kept."""
    return sa.exists(_kept())


def open_points(community_id: UUID, member_ids: Sequence[UUID]) -> sa.ScalarSelect[int]:
    """Return how many points of members are kept for open reservations, inside a statement."""
    return (
        sa.select(sa.func.coalesce(sa.func.sum(Reservation.total_points), 0))
        .where(
            Reservation.community_id == community_id,
            Reservation.member_id.in_(member_ids),
            is_open(),
        )
        .scalar_subquery()
    )


def _kept() -> sa.Select[Any]:
    return sa.select(Hold.transaction_id).where(
        Hold.community_id == Reservation.community_id,
        Hold.transaction_id == Reservation.transaction_id,
        Hold.expires_at > clock.now(),
    )


def _reserved(
    reservation: Reservation,
    reserved_at: datetime,
    expires_at: datetime | None,
    ending: str | None,
    ended_by_id: UUID | None,
) -> Reserved:
    assert expires_at is not None, "a hold has its last moment"
    if ending is not None:
        state = _ENDINGS[TransactionKind(ending)]
    elif clock.now() < expires_at:
        state = ReservationState.OPEN
    else:
        state = ReservationState.LAPSED
    return Reserved(reservation, state, reserved_at, expires_at, ended_by_id)
