"""Planning: sites, recurring series, the occasions they make, single occasions, calling off.

The story: a social worker names a site, says "every month on the 9th, 9:00-11:30, 15 places" as a
series, and plans it up to a day; planning again makes only what is missing.

Invariants: an occasion has one or more slots that do not overlap; its short code begins with the
community's code, so it is unique across the system.
"""

import base64
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from typing import Final
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ledger import clock
from ledger.ids import new_id
from timebank import audit
from timebank.actors import Actor, Permission
from timebank.people.models import Community
from timebank.service import checks, recurrence, timing
from timebank.service.errors import (
    HasAttendance,
    OccasionCancelled,
    WrongField,
    WrongTimes,
)
from timebank.service.models import (
    ADDRESS_LENGTH_MAX,
    CAPACITY_MAX,
    TITLE_LENGTH_MAX,
    Attendance,
    AttendanceState,
    Category,
    Occasion,
    OccasionStatus,
    Series,
    Site,
    Slot,
)

PLANNING_DAYS_MAX: Final = 400
"""How far ahead (or, with the clock set back, how much history) one call plans."""
SLOTS_MAX: Final = 12
_SHORT_CODE_LENGTH: Final = 6
_SHORT_CODE_BYTES: Final = 4


@dataclass(frozen=True, slots=True)
class SlotPlan:
    """One time window: local times `HH:MM` and places."""

    start_time: str
    end_time: str
    capacity: int


@dataclass(frozen=True, slots=True)
class Activity:
    """What is done where, led by whom."""

    site_id: UUID
    leader_member_id: UUID
    title: str
    category: Category


# ---------------------------------------------------------------- sites


def create_site(session: Session, actor: Actor, *, name: str, address: str) -> Site:
    """Add a place where people meet.

    Args:
        session: a write session.
        actor: a social worker.
        name: 1..60 characters.
        address: how to find it, 1..120 characters.

    Raises:
        NotAllowed: `not_allowed`.
        WrongField: `wrong_field`.
    """
    actor.require(Permission.PLAN_SERVICE)
    site = Site(
        community_id=actor.community_id,
        id=new_id(),
        name=checks.text("name", name, TITLE_LENGTH_MAX),
        address=checks.text("address", address, ADDRESS_LENGTH_MAX),
    )
    session.add(site)
    audit.record(session, actor, "create_site", f"site:{site.id}")
    session.flush()
    return site


# ---------------------------------------------------------------- series


def create_series(
    session: Session,
    actor: Actor,
    *,
    activity: Activity,
    rule: str,
    starts_on: date,
    slot: SlotPlan,
) -> Series:
    """Add a recurring activity; nothing is planned yet, see `plan_series`.

    Args:
        session: a write session.
        actor: a social worker.
        activity: what, where, led by whom.
        rule: RRULE by days, such as `FREQ=MONTHLY;BYMONTHDAY=9`.
        starts_on: first day the rule counts from, at most 400 days from today.
        slot: local times and places of every occasion.

    Raises:
        NotAllowed: `not_allowed`.
        NotHere: `not_found`, no such site or member.
        WrongField, WrongTimes, WrongRecurrence, NotALeader: what was typed cannot be used.
    """
    actor.require(Permission.PLAN_SERVICE)
    checked = _checked_activity(session, actor, activity)
    recurrence.read_recurrence(rule)
    today = clock.today(checks.community_of(session, actor).time_zone)
    if abs((starts_on - today).days) > PLANNING_DAYS_MAX:
        raise WrongField(field="starts_on", expected=f"±{PLANNING_DAYS_MAX} d")
    [slot] = _check_slots([slot])
    series = Series(
        community_id=actor.community_id,
        id=new_id(),
        site_id=checked.site_id,
        leader_member_id=checked.leader_member_id,
        title=checked.title,
        category=checked.category,
        rule=rule.upper(),
        starts_on=starts_on,
        start_time=slot.start_time,
        end_time=slot.end_time,
        capacity=slot.capacity,
    )
    session.add(series)
    audit.record(session, actor, "create_series", f"service_series:{series.id}")
    session.flush()
    return series


def plan_series(session: Session, actor: Actor, *, series_id: UUID, until: date) -> list[Occasion]:
    """Make the occasions of a series from today up to a day; those that stand are left alone.

    Args:
        session: a write session.
        actor: a social worker.
        series_id: the series; its row is locked, so that two plannings do not meet.
        until: last day, at most 400 days ahead.

    Returns:
        The occasions that were missing, by day.

    Raises:
        NotAllowed: `not_allowed`.
        NotHere: `not_found`.
        WrongField: `wrong_field`, too far ahead.
    """
    actor.require(Permission.PLAN_SERVICE)
    community = checks.community_of(session, actor)
    series = checks.fetch(session, actor, Series, series_id, "series")
    session.refresh(series, with_for_update=True)
    today = clock.today(community.time_zone)
    if until > today + timedelta(days=PLANNING_DAYS_MAX):
        raise WrongField(field="until", expected=f"0–{PLANNING_DAYS_MAX} d")
    begin = max(series.starts_on, today)
    days = recurrence.dates(series.rule, starts_on=series.starts_on, begin=begin, until=until)
    standing = set(
        session.scalars(
            select(Occasion.occurs_on).where(
                Occasion.community_id == actor.community_id,
                Occasion.series_id == series_id,
                Occasion.occurs_on >= begin,
            )
        )
    )
    activity = Activity(series.site_id, series.leader_member_id, series.title, series.category)
    slot = SlotPlan(series.start_time, series.end_time, series.capacity)
    missing = [day for day in days if day not in standing]
    codes = _short_codes(session, community, len(missing))
    made = [
        _occasion(community, activity, day, [slot], code)
        for day, code in zip(missing, codes, strict=True)
    ]
    for occasion, _ in made:
        occasion.series_id = series_id
    return _added(session, made)


# ---------------------------------------------------------------- occasions


def create_occasion(
    session: Session,
    actor: Actor,
    *,
    activity: Activity,
    occurs_on: date,
    slots: Iterable[SlotPlan],
) -> Occasion:
    """Plan one occasion outside any series.

    Args:
        session: a write session.
        actor: a social worker.
        activity: what, where, led by whom.
        occurs_on: the local day, today or later, at most 400 days ahead.
        slots: 1..12 time windows that do not overlap.

    Raises:
        NotAllowed: `not_allowed`.
        NotHere: `not_found`, no such site or member.
        WrongField, WrongTimes, NotALeader: what was typed cannot be used.
    """
    actor.require(Permission.PLAN_SERVICE)
    community = checks.community_of(session, actor)
    checked = _checked_activity(session, actor, activity)
    planned = _check_slots(slots)
    today = clock.today(community.time_zone)
    if not today <= occurs_on <= today + timedelta(days=PLANNING_DAYS_MAX):
        raise WrongField(field="occurs_on", expected=f"0–{PLANNING_DAYS_MAX} d")
    [code] = _short_codes(session, community, 1)
    made = _occasion(community, checked, occurs_on, planned, code)
    audit.record(session, actor, "create_occasion", f"occasion:{made[0].id}")
    return _added(session, [made])[0]


def cancel_occasion(session: Session, actor: Actor, *, occasion_id: UUID, reason: str) -> Occasion:
    """Call an occasion off while nobody has checked in; calling off twice changes nothing.

    Raises:
        NotAllowed: `not_allowed`.
        NotHere: `not_found`.
        WrongField: `wrong_field`, no reason.
        HasAttendance: `has_attendance`.
        OccasionCancelled: `occasion_cancelled`, when it is already closed.
    """
    actor.require(Permission.PLAN_SERVICE)
    why = checks.text("reason", reason, ADDRESS_LENGTH_MAX)
    occasion = lock_occasion(session, actor, occasion_id)
    if occasion.status is OccasionStatus.CANCELLED:
        return occasion
    came = session.scalar(
        select(func.count())
        .select_from(Attendance)
        .where(
            Attendance.community_id == actor.community_id,
            Attendance.occasion_id == occasion_id,
            Attendance.state.not_in([AttendanceState.ENROLLED, AttendanceState.WITHDRAWN]),
        )
    )
    if came:
        raise HasAttendance(count=came, title=occasion.title)
    occasion.status = OccasionStatus.CANCELLED
    audit.record(session, actor, "cancel_occasion", f"occasion:{occasion.id}", reason=why)
    session.flush()
    return occasion


def lock_occasion(session: Session, actor: Actor, occasion_id: UUID) -> Occasion:
    """Return an occasion of the actor's community, locked until the end of the transaction."""
    occasion = checks.fetch(session, actor, Occasion, occasion_id, "occasion")
    session.refresh(occasion, with_for_update={"key_share": True})
    return occasion


def require_standing(occasion: Occasion) -> None:
    """Refuse (409 `occasion_cancelled`) an occasion that was called off."""
    if occasion.status is OccasionStatus.CANCELLED:
        raise OccasionCancelled(title=occasion.title)


# ---------------------------------------------------------------- private


def _checked_activity(session: Session, actor: Actor, activity: Activity) -> Activity:
    checks.fetch(session, actor, Site, activity.site_id, "site")
    checks.require_leader(session, actor, activity.leader_member_id)
    title = checks.text("title", activity.title, TITLE_LENGTH_MAX)
    return Activity(activity.site_id, activity.leader_member_id, title, activity.category)


def _check_slots(slots: Iterable[SlotPlan]) -> list[SlotPlan]:
    """Return the slots by begin; refuse times that cannot be, and overlaps."""
    typed = [
        SlotPlan(
            timing.two_digits(slot.start_time), timing.two_digits(slot.end_time), slot.capacity
        )
        for slot in slots
    ]
    planned = sorted(typed, key=lambda slot: slot.start_time)
    checks.number("slots", len(planned), 1, SLOTS_MAX)
    for slot in planned:
        _check_slot(slot)
    for earlier, later in pairwise(planned):
        if later.start_time < earlier.end_time:
            raise WrongTimes(
                times=f"{later.start_time}–{later.end_time}",
                expected=f"{earlier.end_time} →",
            )
    return planned


def _check_slot(slot: SlotPlan) -> None:
    begin, end = timing.read_clock(slot.start_time), timing.read_clock(slot.end_time)
    times = f"{slot.start_time}–{slot.end_time}"
    if begin is None or end is None:
        raise WrongTimes(times=times, expected="HH:MM–HH:MM")
    minutes = (end.hour - begin.hour) * 60 + end.minute - begin.minute
    if not timing.SLOT_MINUTES_MIN <= minutes <= timing.SLOT_MINUTES_MAX:
        raise WrongTimes(
            times=times,
            expected=f"{timing.SLOT_MINUTES_MIN}–{timing.SLOT_MINUTES_MAX} min",
        )
    checks.number("capacity", slot.capacity, 1, CAPACITY_MAX)


def _occasion(
    community: Community, activity: Activity, day: date, slots: list[SlotPlan], code: str
) -> tuple[Occasion, list[Slot]]:
    occasion_id, zone = new_id(), community.time_zone
    made = [
        Slot(
            community_id=community.community_id,
            id=new_id(),
            occasion_id=occasion_id,
            starts_at=timing.at_local(day, slot.start_time, zone),
            ends_at=timing.at_local(day, slot.end_time, zone),
            capacity=slot.capacity,
            enrolled_count=0,
        )
        for slot in slots
    ]
    occasion = Occasion(
        community_id=community.community_id,
        id=occasion_id,
        short_code=code,
        series_id=None,
        site_id=activity.site_id,
        leader_member_id=activity.leader_member_id,
        title=activity.title,
        category=activity.category,
        occurs_on=day,
        starts_at=made[0].starts_at,
        ends_at=made[-1].ends_at,
        status=OccasionStatus.PLANNED,
    )
    return occasion, made


def _added(session: Session, made: list[tuple[Occasion, list[Slot]]]) -> list[Occasion]:
    occasions = [occasion for occasion, _ in made]
    session.add_all(occasions)
    session.flush()
    session.add_all([slot for _, slots in made for slot in slots])
    session.flush()
    return occasions


def _short_codes(session: Session, community: Community, wanted: int) -> list[str]:
    """Return fresh codes; the UNIQUE constraint is the second guard."""
    found: set[str] = set()
    while len(found) < wanted:
        drawn = {_draw(community.code) for _ in range(wanted - len(found))}
        taken = session.scalars(
            select(Occasion.short_code).where(
                Occasion.community_id == community.community_id, Occasion.short_code.in_(drawn)
            )
        )
        found |= drawn - set(taken)
    return sorted(found)


def _draw(community_code: str) -> str:
    random = base64.b32encode(secrets.token_bytes(_SHORT_CODE_BYTES)).decode()
    return f"{community_code}-{random[:_SHORT_CODE_LENGTH]}"
