"""Series: what repeats, the days that its rule makes, days added to it by hand.

The story: "every month on the 9th, 9:00-11:30, 15 places" is a series, planned up to a day;
planning again makes only what is missing. One day is moved or called off, or the whole series
ended, in `changes`.

Invariants: a series has one occasion on a day at most; a day that was moved or called off is not
made again; a rule has at least one day.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import Select, func, or_, select
from sqlalchemy.orm import Session, aliased

from ledger import clock
from ledger.base import refers
from ledger.ids import new_id
from timebank import audit
from timebank.actors import Actor, Permission
from timebank.people.models import Community, Member
from timebank.people.qualification_models import QualificationKind
from timebank.service import checks, recurrence
from timebank.service.errors import DayTaken, NeverOccurs, SameService, SeriesOver
from timebank.service.models import Occasion, Series, Site
from timebank.service.occasions import (
    PLANNING_DAYS_MAX,
    Activity,
    SlotPlan,
    checked_activity,
    checked_slots,
    lock_site,
    make_occasions,
    require_day,
    require_day_ahead,
)

NEVER_AFTER_DAYS: Final = 3_653
"""Ten years: a rule without a day in them is taken for one that never occurs."""
LISTED_MAX: Final = 500


@dataclass(frozen=True, slots=True)
class SeriesLine:
    """A series with its site, its leader and the last day it is planned for."""

    series: Series
    site: Site
    leader_name: str
    planned_until: date | None


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
        actor: who plans occasions.
        activity: what, where, led by whom.
        rule: RRULE by days, such as `FREQ=MONTHLY;BYMONTHDAY=9`.
        starts_on: first day the rule counts from, at most 400 days from today.
        slot: local times and places of every occasion.

    Raises:
        NotAllowed: `not_allowed`.
        NotHere: `not_found`, no such site or member.
        SameService: `same_service`, it stands already.
        WrongField, WrongTimes, WrongRecurrence, NeverOccurs, NotALeader: what was typed cannot be
            used.
    """
    actor.require(Permission.PLAN_OCCASION)
    checked = checked_activity(session, actor, activity)
    recurrence.read_recurrence(rule)
    today = clock.today(checks.community_of(session, actor).time_zone)
    reach = timedelta(days=PLANNING_DAYS_MAX)
    require_day("starts_on", starts_on, today - reach, today + reach)
    _require_days(rule, starts_on)
    [slot] = checked_slots([slot])
    lock_site(session, actor, checked.site_id)
    _refuse_same(session, actor, checked, rule, slot)
    series = Series(
        community_id=actor.community_id,
        id=new_id(),
        site_id=checked.site_id,
        leader_member_id=checked.leader_member_id,
        title=checked.title,
        category=checked.category,
        kind=checked.kind,
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

    A day that was moved or called off is not made again, and a series that has ended has no more.

    Args:
        session: a write session.
        actor: who plans occasions.
        series_id: the series; its row is locked, so that two plannings do not meet.
        until: last day, at most 400 days ahead.

    Returns:
        The occasions that were missing, by day.

    Raises:
        NotAllowed: `not_allowed`.
        NotHere: `not_found`.
        WrongField: `wrong_field`, too far ahead.
    """
    actor.require(Permission.PLAN_OCCASION)
    community = checks.community_of(session, actor)
    series = lock_series(session, actor, series_id)
    today = clock.today(community.time_zone)
    require_day("until", until, date.min, today + timedelta(days=PLANNING_DAYS_MAX))
    if series.ended_on is not None:
        until = min(until, series.ended_on - timedelta(days=1))
    begin = max(series.starts_on, today)
    days = recurrence.dates(series.rule, starts_on=series.starts_on, begin=begin, until=until)
    standing = taken_days(session, series, begin)
    missing = [day for day in days if day not in standing]
    return _of_series(session, community, series, missing)


def add_day(
    session: Session,
    actor: Actor,
    *,
    series_id: UUID,
    occurs_on: date,
    slot: SlotPlan | None = None,
) -> Occasion:
    """Add a day to a series that its rule does not have.

    Args:
        session: a write session.
        actor: who plans occasions.
        series_id: the series.
        occurs_on: today or later, at most 400 days ahead.
        slot: other times and places than the series has; None is as always.

    Raises:
        NotAllowed: `not_allowed`.
        NotHere: `not_found`.
        WrongField, WrongTimes: what was typed cannot be used.
        DayTaken: `day_taken`; SeriesOver: `series_over`.
    """
    actor.require(Permission.PLAN_OCCASION)
    community = checks.community_of(session, actor)
    series = lock_series(session, actor, series_id)
    require_day_ahead(community, occurs_on)
    if series.ended_on is not None and occurs_on >= series.ended_on:
        raise SeriesOver(title=series.title, ended_on=series.ended_on.isoformat())
    if occurs_on in taken_days(session, series, occurs_on):
        raise DayTaken(title=series.title, on=occurs_on.isoformat())
    [checked] = checked_slots([slot]) if slot else [None]
    [made] = _of_series(session, community, series, [occurs_on], checked)
    audit.record(session, actor, "add_day", f"occasion:{made.id}")
    return made


def require_qualification(
    session: Session, actor: Actor, *, series_id: UUID, kind: QualificationKind | None
) -> Series:
    """Ask for a qualification of whoever signs up from now on; None asks for nothing.

    Who is on a list already stays there.

    Raises:
        NotAllowed: `not_allowed`.
        NotHere: `not_found`.
    """
    actor.require(Permission.PLAN_OCCASION)
    series = lock_series(session, actor, series_id)
    if series.qualification is not kind:
        series.qualification = kind
        asked = kind.value if kind else ""
        audit.record(
            session, actor, "require_qualification", f"service_series:{series.id}", kind=asked
        )
    session.flush()
    return series


def lock_series(session: Session, actor: Actor, series_id: UUID) -> Series:
    """Return a series of the actor's community, locked until the end of the transaction."""
    series = checks.fetch(session, actor, Series, series_id, "series")
    session.refresh(series, with_for_update=True)
    return series


def taken_days(session: Session, series: Series, begin: date) -> set[date]:
    """Return the days from `begin` that a series has, or had before one was moved from there."""
    found = session.execute(
        select(Occasion.occurs_on, Occasion.moved_from_on).where(
            Occasion.community_id == series.community_id,
            Occasion.series_id == series.id,
            or_(Occasion.occurs_on >= begin, Occasion.moved_from_on >= begin),
        )
    )
    return {day for line in found for day in line if day is not None}


def series(session: Session, actor: Actor) -> list[SeriesLine]:
    """Return the community's series by title, each with the last day it is planned for."""
    actor.require(Permission.PLAN_OCCASION)
    return [SeriesLine(*line) for line in session.execute(_series_query(actor))]


def series_line(session: Session, actor: Actor, series_id: UUID) -> SeriesLine:
    """Return one series.

    Raises:
        NotHere: `not_found`.
    """
    actor.require(Permission.PLAN_OCCASION)
    checks.fetch(session, actor, Series, series_id, "series")
    return SeriesLine(*session.execute(_series_query(actor).where(Series.id == series_id)).one())


# ---------------------------------------------------------------- private


def _series_query(actor: Actor) -> Select[Series, Site, str, date | None]:
    last = (
        select(func.max(Occasion.occurs_on))
        .where(Occasion.community_id == Series.community_id, Occasion.series_id == Series.id)
        .scalar_subquery()
    )
    leader = aliased(Member)
    return (
        select(Series, Site, leader.name, last)
        .join(Site, refers(Series.site_id, Site))
        .join(leader, refers(Series.leader_member_id, leader))
        .where(Series.community_id == actor.community_id)
        .order_by(Series.title, Series.id)
        .limit(LISTED_MAX)
    )


def _require_days(rule: str, starts_on: date) -> None:
    """Refuse (422 `never_occurs`) a rule such as every 30th of February."""
    until = starts_on + timedelta(days=NEVER_AFTER_DAYS)
    if not recurrence.dates(rule, starts_on=starts_on, begin=starts_on, until=until):
        raise NeverOccurs(starts_on=starts_on.isoformat())


def _refuse_same(
    session: Session, actor: Actor, activity: Activity, rule: str, slot: SlotPlan
) -> None:
    """Refuse (409 `same_service`) a series that stands already by title, place, rule and begin."""
    found = session.scalar(
        select(Series.id)
        .where(
            Series.community_id == actor.community_id,
            Series.site_id == activity.site_id,
            Series.title == activity.title,
            Series.rule == rule.upper(),
            Series.start_time == slot.start_time,
            Series.ended_on.is_(None),
        )
        .limit(1)
    )
    if found is not None:
        raise SameService(title=activity.title)


def _of_series(
    session: Session,
    community: Community,
    series: Series,
    days: Sequence[date],
    slot: SlotPlan | None = None,
) -> list[Occasion]:
    """Make occasions of a series; without `slot`, as the series says."""
    activity = Activity(
        series.site_id, series.leader_member_id, series.title, series.category, series.kind
    )
    slot = slot or SlotPlan(series.start_time, series.end_time, series.capacity)
    return make_occasions(session, community, activity, days, [slot], series.id)
