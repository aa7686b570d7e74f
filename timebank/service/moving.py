"""Moving an occasion to another day or time, and changing its title, leader or end.

Invariants: sign-ups and the queue survive and are told; a series has one occasion on a day at most,
and remembers the day that one was moved from; nothing is moved into the past, or away from people
who have come.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import Row, select
from sqlalchemy.orm import Session

from ledger import clock
from timebank import audit
from timebank.actors import Actor, Permission
from timebank.messages import outbox
from timebank.messages.models import MessageKind
from timebank.messages.outbox import Notice
from timebank.people.models import Community
from timebank.service import checks, notices, places, timing, waiting
from timebank.service.changes import arrivals, require_open, revise
from timebank.service.errors import AlreadyCame, DayTaken, PastTime, WrongClock, WrongTimes
from timebank.service.models import TITLE_LENGTH_MAX, Occasion, Series, Slot
from timebank.service.notices import Concerned
from timebank.service.occasions import (
    SlotPlan,
    checked_slots,
    lock_occasion,
    require_day_ahead,
    require_standing,
)
from timebank.service.repeating import lock_series, taken_days


def move_occasion(
    session: Session,
    actor: Actor,
    *,
    occasion_id: UUID,
    occurs_on: date,
    start_time: str | None = None,
) -> Occasion:
    """Move an occasion to another day or time; who is signed up stays so and is told.

    Several slots keep their distances. Moving to where it stands changes nothing.

    Args:
        session: a write session.
        actor: who plans occasions.
        occasion_id: the occasion.
        occurs_on: the local day, today or later, at most 400 days ahead.
        start_time: local `HH:MM` at which the first slot begins; None is as before.

    Raises:
        NotAllowed: `not_allowed`.
        NotHere: `not_found`.
        OccasionCancelled, OccasionSettled, AlreadyCame: 409, what stands in the way.
        DayTaken: `day_taken`, the series already has that day.
        WrongField, WrongTimes: in the past, too far ahead, or a slot would begin past midnight.
    """
    actor.require(Permission.PLAN_OCCASION)
    community = checks.community_of(session, actor)
    found = checks.fetch(session, actor, Occasion, occasion_id, "occasion")
    series = lock_series(session, actor, found.series_id) if found.series_id else None
    occasion = lock_occasion(session, actor, occasion_id)
    _require_nobody_came(session, actor, occasion)
    require_day_ahead(community, occurs_on)
    slots = _slots(session, occasion)
    spans = _moved_spans(community, slots, occurs_on, start_time)
    if spans[0][0] == slots[0].starts_at:
        return occasion
    if series is not None:
        _take_day(session, series, occasion, occurs_on)
    before = notices.moment_text(occasion.starts_at, community.time_zone)
    _write_spans(session, occasion, slots, spans)
    occasion.occurs_on = occurs_on
    revise(occasion)
    session.flush()
    _tell_moved(session, community, occasion, before)
    people = waiting.lock_queue(session, occasion)
    for slot in slots:
        waiting.fill(session, occasion, slot, people)
    audit.record(
        session, actor, "move_occasion", f"occasion:{occasion.id}", occurs_on=occurs_on.isoformat()
    )
    session.flush()
    return occasion


def change_occasion(
    session: Session,
    actor: Actor,
    *,
    occasion_id: UUID,
    title: str | None = None,
    leader_member_id: UUID | None = None,
    end_time: str | None = None,
) -> Occasion:
    """Change what an occasion says of itself; who is signed up is told of another end.

    What is None, or as it stands, stays; nothing new changes nothing.

    Args:
        session: a write session.
        actor: who plans occasions.
        occasion_id: the occasion.
        title: 1..60 characters.
        leader_member_id: a leader or social worker.
        end_time: local `HH:MM` at which the last slot ends; before its begin is past midnight.

    Raises:
        NotAllowed: `not_allowed`.
        NotHere: `not_found`, no such occasion or member.
        OccasionCancelled, OccasionSettled, AlreadyCame: 409, what stands in the way.
        WrongField, NotALeader: what was typed cannot be used.
        WrongTimes, WrongLength: no time, a slot too short or too long, or an end already past.
    """
    actor.require(Permission.PLAN_OCCASION)
    community = checks.community_of(session, actor)
    occasion = lock_occasion(session, actor, occasion_id)
    _require_nobody_came(session, actor, occasion)
    new_title = occasion.title if title is None else checks.text("title", title, TITLE_LENGTH_MAX)
    leader_id = leader_member_id or occasion.leader_member_id
    if leader_id != occasion.leader_member_id:
        checks.require_leader(session, actor, leader_id)
    last = _slots(session, occasion)[-1]
    ends_at = _new_end(community, last, end_time) if end_time else last.ends_at
    if (new_title, leader_id, ends_at) == (
        occasion.title,
        occasion.leader_member_id,
        occasion.ends_at,
    ):
        return occasion
    before = _span_text(community, occasion)
    is_longer_or_shorter = ends_at != occasion.ends_at
    occasion.title, occasion.leader_member_id = new_title, leader_id
    last.ends_at = occasion.ends_at = ends_at
    revise(occasion)
    session.flush()
    if is_longer_or_shorter:
        _tell_moved(session, community, occasion, before, _span_text(community, occasion))
    audit.record(
        session, actor, "change_occasion", f"occasion:{occasion.id}", leader=f"{leader_id}"
    )
    session.flush()
    return occasion


# ---------------------------------------------------------------- private


def _require_nobody_came(session: Session, actor: Actor, occasion: Occasion) -> None:
    require_standing(occasion)
    require_open(occasion)
    came_count = arrivals(session, actor, [occasion.id]).get(occasion.id, 0)
    if came_count:
        raise AlreadyCame(count=came_count, title=occasion.title)


def _new_end(community: Community, slot: Slot, end_time: str) -> datetime:
    """Return the moment at which a slot ends by another wall-clock time.

    Raises:
        WrongTimes, WrongLength: as when planning, and for an end that is past.
    """
    begin = _wall(slot.starts_at, ZoneInfo(community.time_zone))
    [typed] = checked_slots([SlotPlan(f"{begin:%H:%M}", end_time, slot.capacity)])
    span = timing.slot_span(begin.date(), typed.start_time, typed.end_time, community.time_zone)
    now = clock.now()
    if span[1] <= now:
        present = _wall(now, ZoneInfo(community.time_zone))
        raise PastTime(times=typed.end_time, now=f"{present:%H:%M}")
    return span[1]


def _span_text(community: Community, occasion: Occasion) -> str:
    """Return `2026-11-09 9:00–11:30`."""
    end = _wall(occasion.ends_at, ZoneInfo(community.time_zone))
    begin = notices.moment_text(occasion.starts_at, community.time_zone)
    return f"{begin}–{end.hour}:{end.minute:02d}"


def _slots(session: Session, occasion: Occasion) -> Sequence[Slot]:
    return session.scalars(
        select(Slot)
        .where(Slot.community_id == occasion.community_id, Slot.occasion_id == occasion.id)
        .order_by(Slot.starts_at)
        .execution_options(populate_existing=True)
    ).all()


def _moved_spans(
    community: Community, slots: Sequence[Slot], occurs_on: date, start_time: str | None
) -> list[tuple[datetime, datetime]]:
    """Return begin and end of each slot on the new day, by the wall clock.

    Raises:
        WrongTimes: `wrong_times`, no time of day, a begin past midnight, or already past.
    """
    zone = ZoneInfo(community.time_zone)
    local = [(_wall(slot.starts_at, zone), _wall(slot.ends_at, zone)) for slot in slots]
    text = timing.two_digits(start_time) if start_time else f"{local[0][0]:%H:%M}"
    begin = timing.read_clock(text)
    if begin is None:
        raise WrongClock(times=text[:5], field="start_time")
    shift = datetime.combine(occurs_on, begin) - local[0][0]
    moved = [(first + shift, last + shift) for first, last in local]
    if moved[-1][0].date() != occurs_on:
        raise WrongTimes(times=f"{text}–{moved[-1][0]:%H:%M}", expected="–24:00")
    now = clock.now()
    if moved[0][0] <= _wall(now, zone):
        raise PastTime(times=text, now=f"{_wall(now, zone):%H:%M}")
    return [(timing.at_wall(first, zone), timing.at_wall(last, zone)) for first, last in moved]


def _wall(moment: datetime, zone: ZoneInfo) -> datetime:
    """Return a moment as the wall clock shows it, without its zone."""
    return moment.astimezone(zone).replace(tzinfo=None)


def _take_day(session: Session, series: Series, occasion: Occasion, occurs_on: date) -> None:
    """Give an occasion another day of its series, and remember the day it was planned for."""
    if occurs_on != occasion.occurs_on:
        planned_on = occasion.moved_from_on or occasion.occurs_on
        taken = taken_days(session, series, min(occurs_on, planned_on))
        if occurs_on != planned_on and occurs_on in taken:
            raise DayTaken(title=series.title, on=occurs_on.isoformat())
        occasion.moved_from_on = None if occurs_on == planned_on else planned_on


def _write_spans(
    session: Session,
    occasion: Occasion,
    slots: Sequence[Slot],
    spans: Sequence[tuple[datetime, datetime]],
) -> None:
    """Write the new times one slot after the other, so that none takes the begin of another."""
    pairs = list(zip(slots, spans, strict=True))
    is_later = spans[0][0] > slots[0].starts_at
    for slot, (begin, end) in reversed(pairs) if is_later else pairs:
        slot.starts_at, slot.ends_at = begin, end
        session.flush()
    occasion.starts_at, occasion.ends_at = spans[0][0], spans[-1][1]


def _tell_moved(
    session: Session, community: Community, occasion: Occasion, before: str, when: str = ""
) -> None:
    """Tell everybody concerned; who holds something else at the new time is told of it.

    Args:
        session: a write session.
        community: of the occasion.
        occasion: with its new times.
        before: the time as it was, in words.
        when: the new time in words; empty is the begin of each one's slot.
    """
    told = {"before": before, **({"when": when} if when else {})}
    people = notices.concerned(session, community.community_id, [occasion.id])
    held = session.execute(
        places.held_elsewhere(
            community.community_id, [each.member_id for each in people], occasion.id
        ).where(Slot.starts_at < occasion.ends_at, Slot.ends_at > occasion.starts_at)
    ).all()
    outbox.write(
        session,
        community.community_id,
        [_moved_notice(session, occasion, told, each, held) for each in people],
    )


def _moved_notice(
    session: Session,
    occasion: Occasion,
    told: Mapping[str, str],
    each: Concerned,
    held: Sequence[Row[str, datetime, datetime, UUID]],
) -> Notice:
    facts = {**notices.facts(session, occasion, each.starts_at), **told}
    other = next(
        (
            title
            for title, begin, end, member_id in held
            if member_id == each.member_id
            and timing.overlap(each.starts_at, each.ends_at, begin, end)
        ),
        None,
    )
    kind = MessageKind.MOVED_WAITING if each.is_waiting else MessageKind.MOVED
    if other is not None and not each.is_waiting:  # who waits gets a place only if they are free
        kind, facts["other"] = MessageKind.MOVED_CLASH, other
    reference = f"moved:{occasion.id.hex}:{occasion.sequence}:{each.member_id.hex}"
    return Notice(each.member_id, kind, facts, reference)
