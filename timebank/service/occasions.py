"""Planning: sites and occasions.

The story: a leader or social worker names a site and plans an occasion there, or a series of
them (`repeating`). What becomes of an occasion afterwards stands in `changes`.

Invariants: an occasion has one or more slots that do not overlap; its short code begins with the
community's code, so it is unique across the system.
"""

import base64
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from itertools import pairwise
from typing import Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from ledger import clock
from ledger.ids import new_id
from timebank import audit
from timebank.actors import Actor, Permission
from timebank.people.models import Community
from timebank.service import checks, timing
from timebank.service.errors import (
    OccasionCancelled,
    SameService,
    WrongClock,
    WrongDay,
    WrongLength,
    WrongTimes,
)
from timebank.service.models import (
    ADDRESS_LENGTH_MAX,
    CAPACITY_MAX,
    TITLE_LENGTH_MAX,
    Category,
    Occasion,
    OccasionKind,
    OccasionStatus,
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
    """One time window: local times `HH:MM` and places; an end before the begin is past midnight."""

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
    kind: OccasionKind = OccasionKind.SERVICE_DAY


# ---------------------------------------------------------------- sites


def create_site(session: Session, actor: Actor, *, name: str, address: str) -> Site:
    """Add a place where people meet.

    Args:
        session: a write session.
        actor: who plans occasions.
        name: 1..60 characters.
        address: how to find it, 1..120 characters.

    Raises:
        NotAllowed: `not_allowed`.
        WrongField: `wrong_field`.
    """
    actor.require(Permission.PLAN_OCCASION)
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
        actor: who plans occasions.
        activity: what, where, led by whom.
        occurs_on: the local day, today or later, at most 400 days ahead.
        slots: 1..12 time windows that do not overlap.

    Raises:
        NotAllowed: `not_allowed`.
        NotHere: `not_found`, no such site or member.
        SameService: `same_service`, it is planned already.
        WrongField, WrongTimes, NotALeader: what was typed cannot be used.
    """
    actor.require(Permission.PLAN_OCCASION)
    community = checks.community_of(session, actor)
    checked = checked_activity(session, actor, activity)
    planned = checked_slots(slots)
    require_day_ahead(community, occurs_on)
    lock_site(session, actor, checked.site_id)
    _refuse_same(session, community, checked, occurs_on, planned[0])
    [made] = make_occasions(session, community, checked, [occurs_on], planned)
    audit.record(session, actor, "create_occasion", f"occasion:{made.id}")
    return made


def make_occasions(
    session: Session,
    community: Community,
    activity: Activity,
    days: Sequence[date],
    slots: list[SlotPlan],
    series_id: UUID | None = None,
) -> list[Occasion]:
    """Make an occasion on each of some days.

    Args:
        session: a write session.
        community: whose.
        activity: checked.
        days: local days, none twice.
        slots: checked; the same on each day.
        series_id: of which the days are; None for single ones.
    """
    codes = _short_codes(session, community, len(days))
    made = [
        _occasion(community, activity, day, slots, code)
        for day, code in zip(days, codes, strict=True)
    ]
    for occasion, _ in made:
        occasion.series_id = series_id
    return _added(session, made)


def lock_occasion(session: Session, actor: Actor, occasion_id: UUID) -> Occasion:
    """Return an occasion of the actor's community, locked until the end of the transaction."""
    occasion = checks.fetch(session, actor, Occasion, occasion_id, "occasion")
    session.refresh(occasion, with_for_update={"key_share": True})
    return occasion


def lock_site(session: Session, actor: Actor, site_id: UUID) -> None:
    """Let a second planning at the same place wait for the first."""
    site = checks.fetch(session, actor, Site, site_id, "site")
    session.refresh(site, with_for_update={"key_share": True})


def hold_occasion(session: Session, actor: Actor, occasion_id: UUID) -> Occasion:
    """Return an occasion held as it is, with others who hold it, until the transaction ends."""
    occasion = checks.fetch(session, actor, Occasion, occasion_id, "occasion")
    session.refresh(occasion, with_for_update={"read": True})
    return occasion


def require_standing(occasion: Occasion) -> None:
    """Refuse (409 `occasion_cancelled`) an occasion that was called off."""
    if occasion.status is OccasionStatus.CANCELLED:
        raise OccasionCancelled(title=occasion.title)


def require_day_ahead(community: Community, occurs_on: date) -> None:
    """Refuse (422 `wrong_day`) a day before today or more than 400 days ahead."""
    today = clock.today(community.time_zone)
    require_day("occurs_on", occurs_on, today, today + timedelta(days=PLANNING_DAYS_MAX))


def require_day(field: str, day: date, first: date, last: date) -> None:
    """Refuse (422 `wrong_day`) a day outside two others, both included."""
    if not first <= day <= last:
        raise WrongDay(field=field, first=f"{first}", last=f"{last}", expected=f"{first}–{last}")


# ---------------------------------------------------------------- private


def checked_activity(session: Session, actor: Actor, activity: Activity) -> Activity:
    """Return the activity with its title cleaned; refuse what is not here or cannot lead."""
    checks.fetch(session, actor, Site, activity.site_id, "site")
    checks.require_leader(session, actor, activity.leader_member_id)
    title = checks.text("title", activity.title, TITLE_LENGTH_MAX)
    return replace(activity, title=title)


def _refuse_same(
    session: Session, community: Community, activity: Activity, day: date, slot: SlotPlan
) -> None:
    """Refuse (409 `same_service`) what stands there already by title, place and begin."""
    starts_at, _ = timing.slot_span(day, slot.start_time, slot.end_time, community.time_zone)
    found = session.scalar(
        select(Occasion.id)
        .where(
            Occasion.community_id == community.community_id,
            Occasion.site_id == activity.site_id,
            Occasion.starts_at == starts_at,
            Occasion.title == activity.title,
            Occasion.status != OccasionStatus.CANCELLED,
        )
        .limit(1)
    )
    if found is not None:
        raise SameService(title=activity.title)


def checked_slots(slots: Iterable[SlotPlan]) -> list[SlotPlan]:
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
        is_late = earlier.end_time <= earlier.start_time
        if is_late or later.start_time < earlier.end_time:
            raise WrongTimes(
                times=f"{later.start_time}–{later.end_time}",
                expected=f"{earlier.end_time} →",
            )
    return planned


def _check_slot(slot: SlotPlan) -> None:
    times = f"{slot.start_time}–{slot.end_time}"
    for field in ("start_time", "end_time"):
        if timing.read_clock(getattr(slot, field)) is None:
            raise WrongClock(times=getattr(slot, field)[:5], field=field)
    minutes = timing.slot_minutes(slot.start_time, slot.end_time)
    if not timing.SLOT_MINUTES_MIN <= minutes <= timing.SLOT_MINUTES_MAX:
        hours, rest = divmod(minutes, 60)
        expected = f"{timing.SLOT_MINUTES_MIN}–{timing.SLOT_MINUTES_MAX} min"
        raise WrongLength(times=times, hours=hours, minutes=rest, expected=expected)
    checks.number("capacity", slot.capacity, 1, CAPACITY_MAX)


def _occasion(
    community: Community, activity: Activity, day: date, slots: list[SlotPlan], code: str
) -> tuple[Occasion, list[Slot]]:
    occasion_id, zone = new_id(), community.time_zone
    spans = [timing.slot_span(day, slot.start_time, slot.end_time, zone) for slot in slots]
    made = [
        Slot(
            community_id=community.community_id,
            id=new_id(),
            occasion_id=occasion_id,
            starts_at=starts_at,
            ends_at=ends_at,
            capacity=slot.capacity,
            enrolled_count=0,
        )
        for slot, (starts_at, ends_at) in zip(slots, spans, strict=True)
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
        kind=activity.kind,
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
