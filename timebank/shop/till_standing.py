"""Where the days of the tills stand: open, closed, signed, and by whom.

Invariant: any list of days takes two statements, however many days there are.
"""

from dataclasses import dataclass
from datetime import date
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.orm import Session

from ledger import clock
from timebank.actors import Actor, Permission
from timebank.people.models import Community, Member
from timebank.shop.cash_errors import (
    TillClosed,
    TillDayNotFound,
    TillLeftOpen,
)
from timebank.shop.cash_models import TillClosing, TillDay, TillSignature
from timebank.shop.errors import TillInvalid
from timebank.shop.sale_models import TILL_NUMBER_MAX

SYSTEM: Final = "–"
"""What stands for the name of who acted when nobody did."""


@dataclass(frozen=True, slots=True)
class DayOfTill:
    """A till day with what became of it, and the names of its people."""

    day: TillDay
    closing: TillClosing | None = None
    signature: TillSignature | None = None
    opened_by: str = SYSTEM
    closed_by: str = SYSTEM
    signed_by: str = SYSTEM

    @property
    def is_open(self) -> bool:
        """Whether nobody has closed it."""
        return self.closing is None


def find_current(
    session: Session, actor: Actor, *, till_number: int, lock: bool = False
) -> DayOfTill | None:
    """Return the day of a till that is open, from whenever, or else today's; None before either.

    Args:
        session: read-only, or write with `lock`.
        actor: needs `keep_shop`.
        till_number: 1 to 9.
        lock: keep a closing out until the commit.

    Raises:
        TillInvalid: till_invalid.
    """
    actor.require(Permission.KEEP_SHOP)
    check_till(till_number)
    is_todays = TillDay.day_on == clock.today(zone_of(session, actor))
    is_current = sa.and_(TillDay.till_number == till_number, sa.or_(is_todays, ~is_closed()))
    if lock:
        session.execute(
            sa.select(TillDay.id)
            .where(TillDay.community_id == actor.community_id, is_current)
            .with_for_update(read=True)
        )
    found = find_days(session, actor, is_current)
    return min(found, key=lambda each: not each.is_open, default=None)


def list_days(
    session: Session, actor: Actor, *, limit: int, before: date | None = None
) -> list[DayOfTill]:
    """Return the days of all tills, those that are open first, then the newest.

    Args:
        session: read-only.
        actor: needs `handle_cash`.
        limit: at most so many.
        before: only days before this one; None for the newest.
    """
    actor.require(Permission.HANDLE_CASH)
    is_wanted = TillDay.day_on < before if before else sa.true()
    return find_days(session, actor, is_wanted, limit=limit)


def open_till_days(session: Session, actor: Actor) -> list[DayOfTill]:
    """Return the days that nobody has closed: what stands in the way of a month's end."""
    actor.require(Permission.HANDLE_CASH)
    return find_days(session, actor, ~is_closed())


def read_day(session: Session, actor: Actor, *, day_id: UUID) -> DayOfTill:
    """Return one day of the actor's community.

    Raises:
        TillDayNotFound: till_day_not_found.
    """
    actor.require(Permission.HANDLE_CASH)
    found = find_days(session, actor, TillDay.id == day_id)
    if not found:
        raise TillDayNotFound
    return found[0]


# ---------------------------------------------------------------- leaves of all that ask


def check_till(till_number: int) -> None:
    """Refuse a till that no shop has.

    Raises:
        TillInvalid: till_invalid.
    """
    if not 1 <= till_number <= TILL_NUMBER_MAX:
        raise TillInvalid(number_max=TILL_NUMBER_MAX)


def zone_of(session: Session, actor: Actor) -> str:
    """Return the zone of the community's clock."""
    return session.get_one(Community, actor.community_id).time_zone


def closed(session: Session, actor: Actor, standing: DayOfTill) -> TillClosed:
    """Return the refusal of what comes after the closing: it says when, and by whom."""
    assert standing.closing is not None, "it is closed"
    closed_at = standing.closing.closed_at.astimezone(ZoneInfo(zone_of(session, actor)))
    return TillClosed(
        till_number=standing.day.till_number,
        closed_at=f"{closed_at:%Y-%m-%d %H:%M}",
        name=standing.closed_by,
    )


def left_open(standing: DayOfTill) -> TillLeftOpen:
    """Return the refusal of what comes before an earlier day was closed: it leads there."""
    day = standing.day
    return TillLeftOpen(
        till_number=day.till_number, day_on=day.day_on.isoformat(), day_id=str(day.id)
    )


def is_closed() -> sa.ColumnElement[bool]:
    """Return the condition that somebody has closed the day."""
    return (
        sa.exists()
        .where(
            TillClosing.community_id == TillDay.community_id,
            TillClosing.till_day_id == TillDay.id,
        )
        .correlate(TillDay)
    )


def find_days(
    session: Session,
    actor: Actor,
    condition: sa.ColumnElement[bool],
    limit: int | None = None,
) -> list[DayOfTill]:
    """Return days with their closings and signatures, and the names, in two statements."""
    rows = session.execute(
        sa.select(TillDay, TillClosing, TillSignature)
        .outerjoin(
            TillClosing,
            (TillClosing.community_id == TillDay.community_id)
            & (TillClosing.till_day_id == TillDay.id),
        )
        .outerjoin(
            TillSignature,
            (TillSignature.community_id == TillDay.community_id)
            & (TillSignature.till_day_id == TillDay.id),
        )
        .where(TillDay.community_id == actor.community_id, condition)
        .order_by(TillClosing.till_day_id.is_not(None), TillDay.day_on.desc(), TillDay.till_number)
        .limit(limit)
    ).all()
    names = names_of(session, actor.community_id, {key for row in rows for key in _people(*row)})
    return [
        DayOfTill(day, closing, signature, *(names.get(key, SYSTEM) for key in _people(*row)))
        for row in rows
        for day, closing, signature in [row]
    ]


def _people(
    day: TillDay, closing: TillClosing | None, signature: TillSignature | None
) -> tuple[UUID | None, UUID | None, UUID | None]:
    """Return who opened, who closed and who signed."""
    closed_by_id = None if closing is None else closing.closed_by_id
    signed_by_id = None if signature is None else signature.signed_by_id
    return day.opened_by_id, closed_by_id, signed_by_id


def names_of(
    session: Session, community_id: UUID, member_ids: set[UUID | None]
) -> dict[UUID | None, str]:
    """Return the names of members by id; None has none."""
    known = member_ids - {None}
    if not known:
        return {}
    rows = session.execute(
        sa.select(Member.id, Member.name).where(
            Member.community_id == community_id, Member.id.in_(known)
        )
    )
    return dict(rows.all())
