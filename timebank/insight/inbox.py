"""The desk's inbox: what waits for somebody, counted.

Words: an *entry* is one kind of work with its count and its most pressing example; *overdue*
entries should have been done already.

Invariant: a constant number of statements, however much waits.
"""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from ledger import clock
from ledger.base import refers
from ledger.schema import BalanceRow
from timebank.actors import Actor, Permission
from timebank.duty import shifts
from timebank.insight.self_checks import SelfCheck, last_check
from timebank.insight.webhooks import paused_count
from timebank.people.models import Member
from timebank.service.correction_models import Correction, Dispute
from timebank.service.models import Attendance, AttendanceState, Occasion, OccasionStatus
from timebank.service.review import waiting_count
from timebank.shop.models import Item

LOW_STOCK_MAX: Final = 2
"""From this many pieces down a kind of goods is nearly gone."""
WAITING_STATES: Final = (AttendanceState.IN, AttendanceState.OUT)
COMING_STATES: Final = (AttendanceState.ENROLLED, *WAITING_STATES)


@dataclass(frozen=True, slots=True)
class OccasionsWaiting:
    """Occasions that wait for a leader: how many, and the one that waits longest."""

    count: int
    people_count: int
    first_id: UUID | None
    first_title: str
    first_on: date | None


@dataclass(frozen=True, slots=True)
class GoodsWaiting:
    """Goods that wait for the shop: how many kinds, and one of them."""

    count: int
    first_name: str
    first_pieces: int


@dataclass(frozen=True, slots=True)
class CasesWaiting:
    """Proposals or questions about settled rows: how many, and the oldest one's member and time."""

    count: int
    first_name: str
    first_at: datetime | None


@dataclass(frozen=True, slots=True)
class Inbox:
    """Everything that waits."""

    unconfirmed: OccasionsWaiting
    walk_ins: OccasionsWaiting
    unpriced: GoodsWaiting
    low_stock: GoodsWaiting
    paused_webhook_count: int
    corrections: CasesWaiting
    disputes: CasesWaiting
    swaps: OccasionsWaiting
    review_count: int
    last_check: SelfCheck | None

    @property
    def count(self) -> int:
        """How many things wait in all."""
        return (
            self.unconfirmed.count
            + self.walk_ins.people_count
            + self.unpriced.count
            + self.low_stock.count
            + self.paused_webhook_count
            + self.corrections.count
            + self.disputes.count
            + self.swaps.count
            + self.review_count
        )


def read_inbox(session: Session, actor: Actor) -> Inbox:
    """Return what waits in the actor's community.

    Args:
        session: a reading session.
        actor: needs `read_books`.

    Raises:
        NotAllowed: `not_allowed`.
    """
    actor.require(Permission.READ_BOOKS)
    is_over = Occasion.ends_at < clock.now()
    return Inbox(
        unconfirmed=_occasions(
            session, actor, sa.and_(is_over, Attendance.state.in_(WAITING_STATES))
        ),
        walk_ins=_occasions(
            session,
            actor,
            sa.and_(Attendance.needs_lead, Attendance.state.in_(COMING_STATES)),
        ),
        unpriced=_goods(session, actor, Item.price_points.is_(None), least_first=False),
        low_stock=_goods(
            session,
            actor,
            sa.and_(Item.price_points.is_not(None), _pieces() <= LOW_STOCK_MAX),
            least_first=True,
        ),
        paused_webhook_count=paused_count(session, actor.community_id),
        corrections=_cases(session, actor, Correction),
        disputes=_cases(session, actor, Dispute),
        swaps=_swaps(session, actor),
        review_count=waiting_count(session, actor.community_id),
        last_check=last_check(session, actor.community_id),
    )


def _occasions(
    session: Session, actor: Actor, condition: sa.ColumnElement[bool]
) -> OccasionsWaiting:
    rows = (
        sa.select(
            Occasion.id,
            Occasion.title,
            Occasion.occurs_on,
            sa.func.count().label("people"),
            sa.func.count().over().label("occasions"),
            sa.func.sum(sa.func.count()).over().label("all_people"),
        )
        .join(Attendance, refers(Attendance.occasion_id, Occasion))
        .where(
            Occasion.community_id == actor.community_id,
            Occasion.status != OccasionStatus.CANCELLED,
            condition,
        )
        .group_by(Occasion.id, Occasion.title, Occasion.occurs_on, Occasion.ends_at)
        .order_by(Occasion.ends_at, Occasion.id)
        .limit(1)
    )
    found = session.execute(rows).first()
    if found is None:
        return OccasionsWaiting(0, 0, None, "", None)
    return OccasionsWaiting(
        found.occasions, int(found.all_people), found.id, found.title, found.occurs_on
    )


def _swaps(session: Session, actor: Actor) -> OccasionsWaiting:
    """Return the swaps of shifts that both colleagues want and nobody has agreed to yet."""
    count, first = shifts.taken_swaps(session, actor)
    if first is None:
        return OccasionsWaiting(0, 0, None, "", None)
    return OccasionsWaiting(count, count, first.id, first.title, first.occurs_on)


def _cases(session: Session, actor: Actor, table: type[Correction] | type[Dispute]) -> CasesWaiting:
    """Return what waits for a second person, or for an answer."""
    asked_at = Correction.proposed_at if table is Correction else Dispute.raised_at
    rows = (
        sa.select(Member.name, sa.func.count().over().label("cases"), asked_at)
        .join_from(table, Member, refers(table.member_id, Member))
        .where(table.community_id == actor.community_id, table.state == "open")
        .order_by(asked_at, table.id)
        .limit(1)
    )
    found = session.execute(rows).first()
    return CasesWaiting(found.cases, found.name, found[2]) if found else CasesWaiting(0, "", None)


def _pieces() -> sa.ColumnElement[int]:
    """Return the pieces on the shelf, promised ones not counted."""
    return BalanceRow.posted_in - BalanceRow.posted_out - BalanceRow.pending_out


def _goods(
    session: Session, actor: Actor, condition: sa.ColumnElement[bool], *, least_first: bool
) -> GoodsWaiting:
    """Return goods that are on the shelf and fulfil the condition."""
    rows = (
        sa.select(Item.name, _pieces().label("pieces"), sa.func.count().over().label("kinds"))
        .join(
            BalanceRow,
            sa.and_(
                BalanceRow.community_id == Item.community_id,
                BalanceRow.account_id == Item.stock_account_id,
            ),
        )
        .where(Item.community_id == actor.community_id, _pieces() > 0, condition)
        .order_by(*((_pieces(),) if least_first else ()), Item.number)
        .limit(1)
    )
    found = session.execute(rows).first()
    return GoodsWaiting(found.kinds, found.name, found.pieces) if found else GoodsWaiting(0, "", 0)
