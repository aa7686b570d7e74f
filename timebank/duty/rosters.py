"""Keeping rosters: which series, days and members one plans. `planning` fills it.

Invariants: a series stands in one roster for a day at most; a shift takes two to four hours. Locks:
roster, series by id.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ledger import clock
from ledger.base import refers
from ledger.ids import new_id
from timebank import audit
from timebank.actors import Actor, Permission
from timebank.duty.errors import (
    NotAShift,
    NothingToPlan,
    SeriesInRoster,
    ShiftLength,
)
from timebank.duty.models import (
    DAILY_MINUTES_MAX,
    PEOPLE_COUNT_MAX,
    REST_MINUTES_MAX,
    Roster,
    RosterMember,
    RosterSeries,
    RosterState,
)
from timebank.duty.scene import Scene, read_scene
from timebank.people.models import Member, MemberStatus
from timebank.service import checks, timing
from timebank.service.errors import NotHere, WrongField
from timebank.service.models import TITLE_LENGTH_MAX, OccasionKind, Series
from timebank.service.occasions import PLANNING_DAYS_MAX

SPAN_DAYS_MAX: Final = 366
SHIFT_MINUTES_MIN: Final = 120
SHIFT_MINUTES_MAX: Final = 240
SERIES_COUNT_MAX: Final = 30
MEMBER_COUNT_MAX: Final = 300
LISTED_MAX: Final = 200


@dataclass(frozen=True, slots=True)
class Terms:
    """What a roster is to plan; minutes are whole."""

    title: str
    begins_on: date
    ends_on: date
    series_ids: frozenset[UUID]
    member_ids: frozenset[UUID]
    rest_minutes: int = 11 * 60
    daily_minutes_max: int = 4 * 60
    people_count: int = 2


# ---------------------------------------------------------------- making


def create_roster(session: Session, actor: Actor, *, terms: Terms) -> Roster:
    """Make an empty roster.

    Args:
        session: a write session.
        actor: a social worker.
        terms: a span of at most 366 days that ends today or later, 1..30 duty series, 1..300
            members.

    Raises:
        NotAllowed: `not_allowed`.
        NotHere: `not_found`, another community's series or member.
        WrongField: `wrong_field`; NothingToPlan: `nothing_to_plan`.
        NotAShift, ShiftLength, SeriesInRoster: 409, a series that cannot be planned here.
    """
    actor.require(Permission.PLAN_SERVICE)
    title = checks.text("title", terms.title, TITLE_LENGTH_MAX)
    _check_terms(terms, clock.today(checks.community_of(session, actor).time_zone))
    for series in _locked_series(session, actor, terms.series_ids):
        _check_series(session, series, terms)
    _check_members(session, actor, terms.member_ids)
    roster = Roster(
        community_id=actor.community_id,
        id=new_id(),
        title=title,
        begins_on=terms.begins_on,
        ends_on=terms.ends_on,
        rest_minutes=terms.rest_minutes,
        daily_minutes_max=terms.daily_minutes_max,
        people_count=terms.people_count,
        state=RosterState.DRAFT,
        created_at=clock.now(),
    )
    session.add(roster)
    session.flush()
    key = {"community_id": actor.community_id, "roster_id": roster.id}
    session.add_all(RosterSeries(**key, series_id=each) for each in sorted(terms.series_ids))
    session.add_all(RosterMember(**key, member_id=each) for each in sorted(terms.member_ids))
    audit.record(session, actor, "create_roster", f"duty_roster:{roster.id}")
    session.flush()
    return roster


def set_members(
    session: Session, actor: Actor, *, roster_id: UUID, member_ids: frozenset[UUID]
) -> Roster:
    """Choose anew whom a roster plans; who is off it stays on their shifts until it is planned.

    Raises:
        NotAllowed: `not_allowed`.
        NotHere: `not_found`.
        WrongField: `wrong_field`; NothingToPlan: `nothing_to_plan`.
    """
    actor.require(Permission.PLAN_SERVICE)
    roster = lock_roster(session, actor, roster_id)
    _check_members(session, actor, member_ids)
    rows = session.scalars(
        select(RosterMember).where(
            RosterMember.community_id == actor.community_id, RosterMember.roster_id == roster_id
        )
    ).all()
    for row in rows:
        if row.member_id not in member_ids:
            session.delete(row)
    key = {"community_id": actor.community_id, "roster_id": roster_id}
    fresh = member_ids - {row.member_id for row in rows}
    session.add_all(RosterMember(**key, member_id=each) for each in sorted(fresh))
    audit.record(session, actor, "set_roster_members", f"duty_roster:{roster_id}")
    session.flush()
    return roster


def rosters(session: Session, actor: Actor) -> list[Roster]:
    """Return the community's rosters, the latest days first."""
    actor.require(Permission.PLAN_SERVICE)
    return list(
        session.scalars(
            select(Roster)
            .where(Roster.community_id == actor.community_id)
            .order_by(Roster.begins_on.desc(), Roster.id)
            .limit(LISTED_MAX)
        )
    )


def active_members(session: Session, actor: Actor) -> list[Member]:
    """Return the members whom a roster may plan, by number."""
    actor.require(Permission.PLAN_SERVICE)
    return list(
        session.scalars(
            select(Member)
            .where(Member.community_id == actor.community_id, Member.status == MemberStatus.ACTIVE)
            .order_by(Member.number)
            .limit(MEMBER_COUNT_MAX)
        )
    )


def show(session: Session, actor: Actor, roster_id: UUID) -> Scene:
    """Return one roster with its shifts and people.

    Raises:
        NotHere: `not_found`.
    """
    actor.require(Permission.PLAN_SERVICE)
    return read_scene(session, checks.fetch(session, actor, Roster, roster_id, "roster"))


def lock_roster(session: Session, actor: Actor, roster_id: UUID) -> Roster:
    """Return a roster of the actor's community, locked until the end of the transaction."""
    roster = checks.fetch(session, actor, Roster, roster_id, "roster")
    session.refresh(roster, with_for_update={"key_share": True})
    return roster


# ---------------------------------------------------------------- private


def _check_terms(terms: Terms, today: date) -> None:
    if not terms.series_ids:
        raise NothingToPlan
    checks.number("series_ids", len(terms.series_ids), 1, SERIES_COUNT_MAX)
    checks.number("rest_minutes", terms.rest_minutes, 0, REST_MINUTES_MAX)
    checks.number("daily_minutes_max", terms.daily_minutes_max, 1, DAILY_MINUTES_MAX)
    checks.number("people_count", terms.people_count, 1, PEOPLE_COUNT_MAX)
    if not 0 <= (terms.ends_on - terms.begins_on).days < SPAN_DAYS_MAX:
        raise WrongField(field="ends_on", expected=f"0–{SPAN_DAYS_MAX} d")
    if not today <= terms.ends_on <= today + timedelta(days=PLANNING_DAYS_MAX):
        raise WrongField(field="ends_on", expected=f"{today} – {PLANNING_DAYS_MAX} d")


def _locked_series(session: Session, actor: Actor, series_ids: frozenset[UUID]) -> Sequence[Series]:
    found = session.scalars(
        select(Series)
        .where(Series.community_id == actor.community_id, Series.id.in_(series_ids))
        .order_by(Series.id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    ).all()
    if len(found) < len(series_ids):
        raise NotHere(thing="series")
    return found


def _check_series(session: Session, series: Series, terms: Terms) -> None:
    if series.kind is not OccasionKind.DUTY_SHIFT:
        raise NotAShift(title=series.title)
    minutes = timing.slot_minutes(series.start_time, series.end_time)
    if not SHIFT_MINUTES_MIN <= minutes <= SHIFT_MINUTES_MAX:
        raise ShiftLength(
            title=series.title, minutes=minutes, min=SHIFT_MINUTES_MIN, max=SHIFT_MINUTES_MAX
        )
    other = session.scalars(
        select(Roster.title)
        .join(RosterSeries, refers(RosterSeries.roster_id, Roster))
        .where(
            Roster.community_id == series.community_id,
            RosterSeries.series_id == series.id,
            Roster.begins_on <= terms.ends_on,
            Roster.ends_on >= terms.begins_on,
        )
        .limit(1)
    ).first()
    if other is not None:
        raise SeriesInRoster(title=series.title, roster=other)


def _check_members(session: Session, actor: Actor, member_ids: frozenset[UUID]) -> None:
    """Refuse no members, too many, or another community's; who left is not planned, that is all."""
    if not member_ids:
        raise NothingToPlan
    checks.number("member_ids", len(member_ids), 1, MEMBER_COUNT_MAX)
    known = session.scalar(
        select(func.count())
        .select_from(Member)
        .where(Member.community_id == actor.community_id, Member.id.in_(member_ids))
    )
    if known != len(member_ids):
        raise NotHere(thing="member")
