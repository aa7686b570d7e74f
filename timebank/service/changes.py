"""What becomes of what was planned: calling off, ending a series, more or fewer places.

Words: an *arrival* is a row of somebody who came, or of whom the leader said something; an occasion
with an arrival is neither moved nor called off, since minutes hang on it.

Invariants: who is signed up or waits is told in the same transaction; sign-ups survive a move;
every change of what is announced raises the occasion's `sequence`. Locks: series, occasions by id,
members by id. Another day or time: `moving`.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from sqlalchemy import Select, func, select, update
from sqlalchemy.orm import Session

from ledger import clock
from timebank import audit
from timebank.actors import Actor, Permission
from timebank.audit import AuditEvent
from timebank.messages import outbox
from timebank.messages.models import MessageKind
from timebank.messages.outbox import Notice
from timebank.service import checks, notices, waiting
from timebank.service.errors import (
    HasAttendance,
    OccasionSettled,
    PlacesTaken,
)
from timebank.service.models import (
    ADDRESS_LENGTH_MAX,
    CAPACITY_MAX,
    Attendance,
    AttendanceState,
    Occasion,
    OccasionStatus,
    Series,
    Slot,
    Wait,
    WaitState,
)
from timebank.service.notices import Concerned
from timebank.service.occasions import lock_occasion, require_day, require_standing
from timebank.service.repeating import lock_series

_BEFORE_ARRIVAL = (AttendanceState.ENROLLED, AttendanceState.WITHDRAWN)


@dataclass(frozen=True, slots=True)
class Ending:
    """What ending a series did: the days called off, and those kept because people had come."""

    series: Series
    called_off: list[Occasion]
    kept: list[Occasion]


@dataclass(frozen=True, slots=True)
class Concern:
    """What ending a series would concern: days called off, and people who would be told."""

    day_count: int
    people_count: int


# ---------------------------------------------------------------- calling off


def cancel_occasion(session: Session, actor: Actor, *, occasion_id: UUID, reason: str) -> Occasion:
    """Call an occasion off while nobody has checked in; calling off twice changes nothing.

    Who is signed up or waits is told, with the reason.

    Raises:
        NotAllowed: `not_allowed`.
        NotHere: `not_found`.
        WrongField: `wrong_field`, no reason.
        HasAttendance: `has_attendance`: their minutes count.
        OccasionSettled: `occasion_settled`.
    """
    actor.require(Permission.PLAN_OCCASION)
    why = checks.text("reason", reason, ADDRESS_LENGTH_MAX)
    occasion = lock_occasion(session, actor, occasion_id)
    if occasion.status is OccasionStatus.CANCELLED:
        return occasion
    came_count = arrivals(session, actor, [occasion.id]).get(occasion.id, 0)
    if came_count:
        raise HasAttendance(count=came_count, title=occasion.title)
    require_open(occasion)
    people = notices.concerned(session, actor.community_id, [occasion.id])
    revise(occasion)
    occasion.status = OccasionStatus.CANCELLED
    waiting.end_waits(session, occasion)
    outbox.write(
        session,
        actor.community_id,
        [
            Notice(
                each.member_id,
                MessageKind.CALLED_OFF,
                {**notices.facts(session, occasion, each.starts_at), "reason": why},
                f"called_off:{occasion.id.hex}:{each.member_id.hex}",
            )
            for each in people
        ],
    )
    audit.record(session, actor, "cancel_occasion", f"occasion:{occasion.id}", reason=why)
    session.flush()
    return occasion


def ending_of(session: Session, actor: Actor, *, series_id: UUID, from_on: date) -> Concern:
    """Return what ending a series from a day on would concern; changes nothing.

    Raises:
        NotAllowed: `not_allowed`.
        NotHere: `not_found`.
        WrongField: `wrong_field`, a day before today.
    """
    actor.require(Permission.PLAN_OCCASION)
    checks.fetch(session, actor, Series, series_id, "series")
    community = checks.community_of(session, actor)
    require_day("from_on", from_on, clock.today(community.time_zone), date.max)
    ids = session.scalars(_planned(actor, series_id, from_on).with_only_columns(Occasion.id)).all()
    came = arrivals(session, actor, ids)
    ids = [each for each in ids if each not in came]
    people = notices.concerned(session, actor.community_id, ids)
    return Concern(len(ids), len({each.member_id for each in people}))


def end_series(
    session: Session, actor: Actor, *, series_id: UUID, from_on: date, reason: str
) -> Ending:
    """End a series: planned days from one day on are called off in one step; again changes nothing.

    A day at which somebody has arrived stays as it is. Each member concerned gets one message.

    Args:
        session: a write session.
        actor: who plans occasions.
        series_id: the series.
        from_on: the first day without it, today or later; an earlier end stays.
        reason: 1..120 characters.

    Raises:
        NotAllowed: `not_allowed`.
        NotHere: `not_found`.
        WrongField: `wrong_field`.
    """
    actor.require(Permission.PLAN_OCCASION)
    why = checks.text("reason", reason, ADDRESS_LENGTH_MAX)
    community = checks.community_of(session, actor)
    series = lock_series(session, actor, series_id)
    require_day("from_on", from_on, clock.today(community.time_zone), date.max)
    series.ended_on = min(series.ended_on or from_on, from_on)
    planned = session.scalars(
        _planned(actor, series_id, series.ended_on)
        .order_by(Occasion.id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    ).all()
    came = arrivals(session, actor, [occasion.id for occasion in planned])
    called_off = [occasion for occasion in planned if occasion.id not in came]
    _call_off(session, actor, series, called_off, why)
    audit.record(
        session,
        actor,
        "end_series",
        f"service_series:{series.id}",
        from_on=series.ended_on.isoformat(),
        reason=why,
        count=len(called_off),
    )
    session.flush()
    kept = [occasion for occasion in planned if occasion.id in came]
    return Ending(series, sorted(called_off, key=lambda each: each.starts_at), kept)


def why_called_off(session: Session, actor: Actor, occasion: Occasion) -> str:
    """Return the reason that was given when an occasion, or its series, was called off.

    Empty for one that stands.

    Raises:
        NotAllowed: `not_allowed`.
    """
    actor.require(Permission.RUN_OCCASION)
    if occasion.status is not OccasionStatus.CANCELLED or occasion.revised_at is None:
        return ""
    subjects = [f"occasion:{occasion.id}", f"service_series:{occasion.series_id}"]
    details = session.scalar(
        select(AuditEvent.details)
        .where(
            AuditEvent.community_id == actor.community_id,
            AuditEvent.subject.in_(subjects),
            AuditEvent.action.in_(("cancel_occasion", "end_series")),
            AuditEvent.recorded_at >= occasion.revised_at,  # the act that called it off, no later
        )
        .order_by(AuditEvent.recorded_at, AuditEvent.id)
        .limit(1)
    )
    return str(details["reason"]) if details else ""


# ---------------------------------------------------------------- places


def set_capacity(session: Session, actor: Actor, *, slot_id: UUID, capacity: int) -> Slot:
    """Give a slot more or fewer places; more go at once to those who wait.

    Raises:
        NotAllowed: `not_allowed`.
        NotHere: `not_found`.
        OccasionCancelled, OccasionSettled: 409.
        WrongField: `wrong_field`, not 1..10,000.
        PlacesTaken: `places_taken`, more people are on the list.
    """
    actor.require(Permission.PLAN_OCCASION)
    checks.number("capacity", capacity, 1, CAPACITY_MAX)
    slot = checks.fetch(session, actor, Slot, slot_id, "slot")
    occasion = lock_occasion(session, actor, slot.occasion_id)
    require_standing(occasion)
    require_open(occasion)
    session.refresh(slot)
    if capacity < slot.enrolled_count:
        raise PlacesTaken(enrolled=slot.enrolled_count, capacity=capacity)
    if capacity != slot.capacity:
        slot.capacity = capacity
        audit.record(session, actor, "set_capacity", f"slot:{slot.id}", capacity=capacity)
        session.flush()
        waiting.fill(session, occasion, slot, waiting.lock_queue(session, occasion))
    return slot


# ---------------------------------------------------------------- private


def _planned(actor: Actor, series_id: UUID, from_on: date) -> Select[Occasion]:
    return select(Occasion).where(
        Occasion.community_id == actor.community_id,
        Occasion.series_id == series_id,
        Occasion.occurs_on >= from_on,
        Occasion.status == OccasionStatus.PLANNED,
    )


def require_open(occasion: Occasion) -> None:
    """Refuse (409 `occasion_settled`) an occasion whose list was confirmed."""
    if occasion.status is OccasionStatus.CLOSED:
        raise OccasionSettled(title=occasion.title)


def revise(occasion: Occasion) -> None:
    """Count a change of what is announced."""
    occasion.sequence += 1
    occasion.revised_at = clock.now()


def arrivals(session: Session, actor: Actor, occasion_ids: Collection[UUID]) -> dict[UUID, int]:
    """Return, for the occasions that have any, how many rows say that somebody came or not."""
    found = session.execute(
        select(Attendance.occasion_id, func.count())
        .where(
            Attendance.community_id == actor.community_id,
            Attendance.occasion_id.in_(occasion_ids),
            Attendance.state.not_in(_BEFORE_ARRIVAL),
        )
        .group_by(Attendance.occasion_id)
    )
    return {occasion_id: int(count) for occasion_id, count in found}


def _call_off(
    session: Session, actor: Actor, series: Series, occasions: Sequence[Occasion], why: str
) -> None:
    """Call days of a series off, and tell each member once."""
    if not occasions:
        return
    ids = [occasion.id for occasion in occasions]
    people = notices.concerned(session, actor.community_id, ids)
    session.execute(
        update(Wait)
        .where(
            Wait.community_id == actor.community_id,
            Wait.state == WaitState.WAITING,
            Wait.slot_id.in_(
                select(Slot.id).where(
                    Slot.community_id == actor.community_id, Slot.occasion_id.in_(ids)
                )
            ),
        )
        .values(state=WaitState.LEFT, ended_at=clock.now())
        .execution_options(synchronize_session=False)
    )
    for occasion in occasions:
        revise(occasion)
        occasion.status = OccasionStatus.CANCELLED
    days: dict[UUID, list[Concerned]] = {}
    for each in people:  # by begin
        days.setdefault(each.member_id, []).append(each)
    zone = checks.community_of(session, actor).time_zone
    outbox.write(
        session,
        actor.community_id,
        [
            Notice(
                member_id,
                MessageKind.SERIES_ENDED,
                {
                    "title": series.title,
                    "when": notices.moment_text(theirs[0].starts_at, zone),
                    "count": len(theirs),
                    "reason": why,
                },
                f"series_ended:{theirs[0].occasion_id.hex}:{member_id.hex}",
            )
            for member_id, theirs in days.items()
        ],
    )
