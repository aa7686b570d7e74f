"""Times that a person states instead of a scan: inside the slot, and nowhere else at that time."""

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from ledger import clock
from ledger.base import refers
from timebank.actors import Actor
from timebank.people.models import Member
from timebank.service import checks, timing
from timebank.service.errors import FutureTime, Overlap, WrongTimes
from timebank.service.models import Attendance, AttendanceState, Occasion, Slot

A_DAY: Final = timedelta(days=1)


def require_inside(
    session: Session, actor: Actor, slot: Slot, in_at: datetime, out_at: datetime
) -> None:
    """Refuse (422 `wrong_times`) times outside the slot, backwards or in the future."""
    if not slot.starts_at <= in_at < out_at <= min(slot.ends_at, clock.now()):
        raise _wrong(session, actor, slot, (in_at, out_at))


def require_here(session: Session, actor: Actor, slot: Slot, in_at: datetime) -> None:
    """Refuse (422 `wrong_times`) a stay without an end that did not begin inside a running slot."""
    now = clock.now()
    if now >= slot.ends_at or not slot.starts_at <= in_at <= now:
        raise _wrong(session, actor, slot, (in_at,))


def rows_around(
    session: Session, member: Member, occasion: Occasion
) -> list[tuple[Attendance, Occasion]]:
    """Return the member's rows of the occasion's day, and of the days that a night joins to it."""
    day = occasion.occurs_on
    found = session.execute(
        select(Attendance, Occasion)
        .join(Occasion, refers(Attendance.occasion_id, Occasion))
        .where(
            Attendance.community_id == member.community_id,
            Attendance.member_id == member.id,
            Occasion.occurs_on.between(day - A_DAY, day + A_DAY),
        )
        .execution_options(populate_existing=True)
    )
    return [(row, there) for row, there in found]


def refuse_overlap(
    session: Session,
    actor: Actor,
    others: list[tuple[Attendance, Occasion]],
    span: tuple[datetime, datetime],
) -> None:
    """Refuse (409 `overlap`) a stay during another one, naming it."""
    for row, there in others:
        if row.in_at is None or row.state is AttendanceState.NO_SHOW:
            continue
        end = row.out_at or clock.now()
        if timing.overlap(*span, row.in_at, end):
            zone, now = checks.community_of(session, actor).time_zone, clock.now()
            times = [timing.local_text(moment, zone, now) for moment in (row.in_at, end)]
            raise Overlap(other=there.title, times="–".join(times))


def _wrong(session: Session, actor: Actor, slot: Slot, times: tuple[datetime, ...]) -> WrongTimes:
    """Return the refusal that names the times and those that can be."""
    zone, now = checks.community_of(session, actor).time_zone, clock.now()
    if times[-1] > now:
        latest, present = (timing.local_text(moment, zone, now) for moment in (times[-1], now))
        return FutureTime(times=latest, now=present)
    given = [timing.local_text(moment, zone, now) for moment in times]
    span = [
        timing.local_text(moment, zone, now) for moment in (slot.starts_at, min(slot.ends_at, now))
    ]
    return WrongTimes(times="–".join(given), expected="–".join(span))
