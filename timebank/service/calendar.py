"""What is on: the lists of slots, occasions, series and sites that pages and machines show.

Invariant: each list is read in a fixed number of statements, however long the history.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, Select, Subquery, and_, case, func, or_, select
from sqlalchemy.orm import Session, aliased

from ledger import clock
from ledger.base import refers
from timebank.actors import Actor, Permission
from timebank.people.models import Member, MemberRole, MemberStatus
from timebank.service import checks, timing
from timebank.service.attendance import OPEN_STATES
from timebank.service.models import (
    Attendance,
    AttendanceState,
    Occasion,
    OccasionStatus,
    Site,
    Slot,
    Wait,
    WaitState,
)

DAYS_AHEAD: Final = 62
DAYS_BACK: Final = 400
LISTED_MAX: Final = 500
PRESENT_STATES: Final = (AttendanceState.IN, AttendanceState.OUT, AttendanceState.POSTED)


class Window(StrEnum):
    """Whether codes of an occasion can be scanned now."""

    EARLY = "early"
    OPEN = "open"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class SlotLine:
    """A slot as a volunteer sees it.

    `mine` is the state of their own row there, if any, and `mine_id` its id; `place_in_line` counts
    from 1, 0 is not waiting.
    """

    occasion: Occasion
    slot: Slot
    site: Site
    leader_name: str
    mine: AttendanceState | None
    mine_id: UUID | None
    waiting_count: int
    place_in_line: int

    @property
    def places_left(self) -> int:
        """Return the free places."""
        return self.slot.capacity - self.slot.enrolled_count

    @property
    def is_mine(self) -> bool:
        """Tell whether the reader is on the list of this slot."""
        return self.mine not in {None, AttendanceState.WITHDRAWN}

    @property
    def has_begun(self) -> bool:
        """Tell whether it is too late to sign up."""
        return clock.now() >= self.slot.starts_at

    @property
    def can_wait(self) -> bool:
        """Tell whether a place that comes free is still given to those who wait."""
        until = timing.withdraw_until(self.slot.starts_at)
        return self.places_left < 1 and clock.now() <= until

    @property
    def can_withdraw(self) -> bool:
        """Tell whether the reader may still take their sign-up back."""
        until = timing.withdraw_until(self.slot.starts_at)
        return self.mine is AttendanceState.ENROLLED and clock.now() <= until


@dataclass(frozen=True, slots=True)
class OccasionLine:
    """An occasion as those who run it see it, with how many are on the list, came and wait."""

    occasion: Occasion
    site: Site
    leader_name: str
    capacity: int
    enrolled_count: int
    present_count: int
    open_count: int

    @property
    def waits_for_confirmation(self) -> bool:
        """Tell whether the list should be confirmed now."""
        is_over = clock.now() >= self.occasion.ends_at
        return is_over and self.occasion.status is OccasionStatus.PLANNED and self.open_count > 0

    @property
    def is_running(self) -> bool:
        """Tell whether it is going on now."""
        is_now = self.occasion.starts_at <= clock.now() < self.occasion.ends_at
        return is_now and self.occasion.status is OccasionStatus.PLANNED

    @property
    def opens_at(self) -> datetime:
        """Return when check-in opens."""
        return timing.window_opens_at(self.occasion.starts_at)

    @property
    def closes_at(self) -> datetime:
        """Return when check-in closes (this moment is still open)."""
        return timing.window_closes_at(self.occasion.ends_at)

    @property
    def window(self) -> Window:
        """Return whether check-in is yet to open, open or closed."""
        if clock.now() < self.opens_at:
            return Window.EARLY
        is_over = clock.now() > self.closes_at
        is_cancelled = self.occasion.status is OccasionStatus.CANCELLED
        return Window.CLOSED if is_over or is_cancelled else Window.OPEN


def upcoming_slots(session: Session, actor: Actor) -> list[SlotLine]:
    """Return the slots of the coming two months that are not over, with the reader's own rows."""
    actor.require(Permission.TAKE_PART)
    now = clock.now()
    return _slot_lines(
        session,
        actor,
        and_(
            Slot.ends_at > now,
            Slot.starts_at < now + timedelta(days=DAYS_AHEAD),
            Occasion.status == OccasionStatus.PLANNED,
        ),
    )


def slots_of(session: Session, actor: Actor, occasion_id: UUID) -> list[SlotLine]:
    """Return the slots of one occasion, by begin.

    Raises:
        NotHere: `not_found`.
    """
    actor.require(Permission.TAKE_PART)
    checks.fetch(session, actor, Occasion, occasion_id, "occasion")
    return _slot_lines(session, actor, Occasion.id == occasion_id)


def occasion_of(session: Session, actor: Actor, slot_id: UUID) -> UUID:
    """Return the occasion of a slot.

    Raises:
        NotHere: `not_found`.
    """
    actor.require(Permission.TAKE_PART)
    return checks.fetch(session, actor, Slot, slot_id, "slot").occasion_id


def next_slot(session: Session, actor: Actor) -> SlotLine | None:
    """Return the slot the reader is awaited at next (or is at now)."""
    query = _slot_query(actor).where(
        Slot.ends_at > clock.now(),
        Occasion.status == OccasionStatus.PLANNED,
        Attendance.state.in_([AttendanceState.ENROLLED, AttendanceState.IN]),
    )
    found = session.execute(query.limit(1)).first()
    return SlotLine(*found) if found else None


def occasions_to_run(session: Session, actor: Actor) -> list[OccasionLine]:
    """Return what a leader has to do: today and the coming week, and lists not yet confirmed."""
    actor.require(Permission.RUN_OCCASION)
    now = clock.now()
    near = and_(
        Occasion.ends_at > now - timedelta(days=1), Occasion.starts_at < now + timedelta(days=8)
    )
    unsettled = and_(
        Occasion.status == OccasionStatus.PLANNED,
        Occasion.ends_at > now - timedelta(days=DAYS_BACK),
        Occasion.starts_at < now + timedelta(days=8),
    )
    lines = _occasion_lines(session, actor, or_(near, unsettled))
    return [line for line in lines if line.open_count or line.occasion.ends_at > now - timedelta(1)]


def occasions_between(
    session: Session, actor: Actor, *, begin: date, end: date
) -> list[OccasionLine]:
    """Return the occasions of a span of days, both included, newest 500 at most."""
    actor.require(Permission.RUN_OCCASION)
    return _occasion_lines(session, actor, Occasion.occurs_on.between(begin, end))


def days_of_series(
    session: Session, actor: Actor, series_id: UUID, *, begin: date
) -> list[OccasionLine]:
    """Return the occasions of a series from a day on, by begin, called-off ones too, 500 at most.

    Raises:
        NotAllowed: `not_allowed`.
    """
    actor.require(Permission.RUN_OCCASION)
    of_series = and_(Occasion.series_id == series_id, Occasion.occurs_on >= begin)
    return _occasion_lines(session, actor, of_series)


def occasion_line(session: Session, actor: Actor, occasion_id: UUID) -> OccasionLine:
    """Return one occasion with its counts.

    Raises:
        NotHere: `not_found`.
    """
    actor.require(Permission.RUN_OCCASION)
    checks.fetch(session, actor, Occasion, occasion_id, "occasion")
    [line] = _occasion_lines(session, actor, Occasion.id == occasion_id)
    return line


def sites(session: Session, actor: Actor) -> list[Site]:
    """Return the community's sites by name."""
    actor.require(Permission.TAKE_PART)
    return list(
        session.scalars(
            select(Site)
            .where(Site.community_id == actor.community_id)
            .order_by(Site.name, Site.id)
            .limit(LISTED_MAX)
        )
    )


def leaders(session: Session, actor: Actor) -> list[Member]:
    """Return the active members who may lead an occasion, by name."""
    actor.require(Permission.PLAN_OCCASION)
    holding = select(MemberRole.member_id).where(
        MemberRole.community_id == actor.community_id, MemberRole.role.in_(checks.LEADING_ROLES)
    )
    return list(
        session.scalars(
            select(Member)
            .where(
                Member.community_id == actor.community_id,
                Member.status == MemberStatus.ACTIVE,
                Member.id.in_(holding),
            )
            .order_by(Member.number)
            .limit(LISTED_MAX)
        )
    )


# ---------------------------------------------------------------- private


def _slot_query(
    actor: Actor,
) -> Select[Occasion, Slot, Site, str, AttendanceState | None, UUID | None, int, int]:
    leader, mine = aliased(Member), aliased(Wait)
    own_place = _waits(mine, mine.place).where(mine.member_id == actor.member_id).scalar_subquery()
    ahead, line = aliased(Wait), aliased(Wait)
    return (
        select(
            Occasion,
            Slot,
            Site,
            leader.name,
            Attendance.state,
            Attendance.id,
            _waits(line, func.count()).scalar_subquery(),
            _waits(ahead, func.count()).where(ahead.place <= own_place).scalar_subquery(),
        )
        .join(Slot, refers(Slot.occasion_id, Occasion))
        .join(Site, refers(Occasion.site_id, Site))
        .join(leader, refers(Occasion.leader_member_id, leader))
        .outerjoin(
            Attendance,
            and_(
                refers(Attendance.slot_id, Slot),
                Attendance.member_id == actor.member_id,
            ),
        )
        .where(Occasion.community_id == actor.community_id)
        .order_by(Slot.starts_at, Occasion.title, Slot.id)
        .limit(LISTED_MAX)
    )


def _waits(of: type[Wait], column: Any) -> Select[int]:
    """Select a column of the open waits of the slot of the query around it."""
    return (
        select(column)
        .select_from(of)
        .where(
            of.community_id == Slot.community_id,
            of.slot_id == Slot.id,
            of.state == WaitState.WAITING,
        )
        .correlate(Slot)
    )


def _slot_lines(session: Session, actor: Actor, condition: ColumnElement[bool]) -> list[SlotLine]:
    query = _slot_query(actor).where(condition)
    return [SlotLine(*line) for line in session.execute(query)]


def _occasion_lines(
    session: Session, actor: Actor, condition: ColumnElement[bool]
) -> list[OccasionLine]:
    leader = aliased(Member)
    places = (
        select(Slot.occasion_id, func.sum(Slot.capacity).label("capacity"))
        .where(
            Slot.community_id == actor.community_id, Slot.occasion_id.in_(_ids(actor, condition))
        )
        .group_by(Slot.occasion_id)
        .subquery()
    )
    people = _people(actor, condition)
    found = session.execute(
        select(
            Occasion,
            Site,
            leader.name,
            places.c.capacity,
            func.coalesce(people.c.enrolled, 0),
            func.coalesce(people.c.present, 0),
            func.coalesce(people.c.open, 0),
        )
        .join(Site, refers(Occasion.site_id, Site))
        .join(leader, refers(Occasion.leader_member_id, leader))
        .join(places, places.c.occasion_id == Occasion.id)
        .outerjoin(people, people.c.occasion_id == Occasion.id)
        .where(Occasion.community_id == actor.community_id, condition)
        .order_by(Occasion.starts_at, Occasion.title, Occasion.id)
        .limit(LISTED_MAX)
    )
    return [OccasionLine(*line[:3], *(int(number) for number in line[3:])) for line in found]


def _people(actor: Actor, condition: ColumnElement[bool]) -> Subquery:
    """Count, per occasion, who is on the list, who came and who waits."""
    return (
        select(
            Attendance.occasion_id,
            func.count().label("enrolled"),
            _count_of(PRESENT_STATES).label("present"),
            _count_of(OPEN_STATES).label("open"),
        )
        .where(
            Attendance.community_id == actor.community_id,
            Attendance.state != AttendanceState.WITHDRAWN,
            Attendance.occasion_id.in_(_ids(actor, condition)),
        )
        .group_by(Attendance.occasion_id)
        .subquery()
    )


def _ids(actor: Actor, condition: ColumnElement[bool]) -> Select[UUID]:
    return select(Occasion.id).where(
        Occasion.community_id == actor.community_id,
        condition,
    )


def _count_of(states: tuple[AttendanceState, ...]) -> ColumnElement[int]:
    return func.sum(case((Attendance.state.in_(states), 1), else_=0))
