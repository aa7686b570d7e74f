"""Moving an occasion to another day or time.

Invariants: sign-ups and the queue survive and are told; a series has one occasion on a day at most,
and remembers the day that one was moved from; nothing is moved into the past, or away from people
who have come.
"""

from collections.abc import Sequence
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
from timebank.service.errors import AlreadyCame, DayTaken, WrongTimes
from timebank.service.models import Occasion, Series, Slot
from timebank.service.notices import Concerned
from timebank.service.occasions import lock_occasion, require_day_ahead, require_standing
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
    require_standing(occasion)
    require_open(occasion)
    came_count = arrivals(session, actor, [occasion.id]).get(occasion.id, 0)
    if came_count:
        raise AlreadyCame(count=came_count, title=occasion.title)
    require_day_ahead(community, occurs_on)
    slots = _slots(session, occasion)
    spans = _moved_spans(community, slots, occurs_on, start_time)
    if spans[0][0] == slots[0].starts_at:
        return occasion
    if series is not None:
        _take_day(session, series, occasion, occurs_on)
    before = occasion.starts_at
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


# ---------------------------------------------------------------- private


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
        raise WrongTimes(times=text[:5], expected="HH:MM")
    shift = datetime.combine(occurs_on, begin) - local[0][0]
    moved = [(first + shift, last + shift) for first, last in local]
    if moved[-1][0].date() != occurs_on:
        raise WrongTimes(times=f"{text}–{moved[-1][0]:%H:%M}", expected="–24:00")
    now = clock.now()
    if moved[0][0] <= _wall(now, zone):
        raise WrongTimes(times=text, expected=f"> {_wall(now, zone):%H:%M}")
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
    session: Session, community: Community, occasion: Occasion, before: datetime
) -> None:
    """Tell everybody concerned; who holds something else at the new time is told of it."""
    people = notices.concerned(session, community.community_id, [occasion.id])
    held = session.execute(
        places.held_elsewhere(
            community.community_id, [each.member_id for each in people], occasion.id
        ).where(Slot.starts_at < occasion.ends_at, Slot.ends_at > occasion.starts_at)
    ).all()
    outbox.write(
        session,
        community.community_id,
        [_moved_notice(session, community, occasion, before, each, held) for each in people],
    )


def _moved_notice(
    session: Session,
    community: Community,
    occasion: Occasion,
    before: datetime,
    each: Concerned,
    held: Sequence[Row[str, datetime, datetime, UUID]],
) -> Notice:
    facts = {
        **notices.facts(session, occasion, each.starts_at),
        "before": notices.moment_text(before, community.time_zone),
    }
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
