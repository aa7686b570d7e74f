"""What a roster is planned from, read in a fixed number of statements: shifts, people, assignments.

A sign-up that a member made by themselves takes its place like an assignment. A published
assignment whose sign-up was withdrawn is over: it stands in the scene no more, and `gone` lists it.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Row, Select, and_, or_, select
from sqlalchemy.orm import Session

from ledger import clock
from ledger.base import refers
from timebank.duty import diary, wishes
from timebank.duty.diary import (
    FAIRNESS_DAYS,
    Diary,
    Obstacle,
    Pair,
    Person,
    Rules,
    Shift,
    Span,
    Validity,
)
from timebank.duty.models import (
    Assignment,
    AssignmentState,
    Roster,
    RosterMember,
    RosterSeries,
    Wishes,
)
from timebank.people.models import Community, Member, MemberStatus
from timebank.people.qualification_models import Qualification, QualificationKind
from timebank.service.models import (
    Attendance,
    AttendanceState,
    Occasion,
    OccasionKind,
    OccasionStatus,
    Series,
    Site,
    Slot,
)

_HELD = (
    *(AttendanceState.ENROLLED, AttendanceState.IN, AttendanceState.OUT),
    AttendanceState.POSTED,
)


Attended = Row[Attendance, Slot, Occasion, Member]


@dataclass(frozen=True, slots=True)
class ShiftLine:
    """A shift with what a page says of it; `is_open` may still be planned."""

    shift: Shift
    slot: Slot
    occasion: Occasion
    site_name: str
    is_open: bool


@dataclass(frozen=True, slots=True)
class Post:
    """A member on a shift; without `assignment` they signed up by themselves."""

    member: Member
    assignment: Assignment | None
    attendance: Attendance | None


@dataclass
class Scene:
    """Everything that a plan is made from."""

    roster: Roster
    zone: ZoneInfo
    lines: dict[UUID, ShiftLine]
    members: dict[UUID, Member]
    people: dict[UUID, Person]
    posts: dict[UUID, dict[UUID, Post]] = field(default_factory=lambda: defaultdict(dict))
    """By slot, then by member."""
    dropped: dict[Pair, Post] = field(default_factory=dict)
    """Off the plan, still on the list of the occasion."""
    gone: dict[Pair, Assignment] = field(default_factory=dict)
    withdrawn: dict[Pair, Attendance] = field(default_factory=dict)

    @property
    def rules(self) -> Rules:
        """Return what the roster asks of every plan."""
        return Rules(self.roster.rest_minutes, self.roster.daily_minutes_max)

    @property
    def open_shifts(self) -> list[Shift]:
        """Return the shifts that may be planned."""
        return [line.shift for line in self.lines.values() if line.is_open]

    @property
    def standing(self) -> list[Pair]:
        """Return who is on which open shift."""
        return [
            (slot_id, member_id)
            for slot_id, line in self.lines.items()
            if line.is_open
            for member_id in self.posts.get(slot_id, ())
        ]

    def diaries(self) -> dict[UUID, Diary]:
        """Return what each member of the roster holds, the plan included."""
        return diary.diaries(self.open_shifts, self.people.values(), self.standing)

    def assigned(self) -> Iterator[tuple[ShiftLine, Post, Assignment]]:
        """Give the assignments of open shifts, by begin."""
        for line in self.lines.values():
            for post in tuple(self.posts.get(line.slot.id, {}).values()):
                if line.is_open and post.assignment is not None:
                    yield line, post, post.assignment


def problem(
    diaries: dict[UUID, Diary], line: ShiftLine, member_id: UUID, rules: Rules
) -> Obstacle | None:
    """Return what is wrong with somebody on a shift of the plan, looked at by the rules of now."""
    theirs = diaries.get(member_id)
    if theirs is None or not line.is_open:
        return None
    theirs.remove(line.shift.span)
    found = theirs.obstacle(line.shift, rules)
    theirs.add(line.shift.span)
    return found


def read_scene(session: Session, roster: Roster) -> Scene:
    """Return what a roster is planned from, as it stands in the database now."""
    zone = ZoneInfo(session.get_one(Community, roster.community_id).time_zone)
    lines = _lines(session, roster, zone)
    members, said = _members(session, roster)
    attended = _attended(session, roster)
    held: dict[UUID, list[Span]] = defaultdict(list)
    for row, slot, occasion, _ in attended:
        line = lines.get(row.slot_id)
        if row.state in _HELD and not (line and line.is_open):
            held[row.member_id].append(span_of(row, slot, occasion))
    people = {
        member.id: Person(
            id=member.id,
            number=member.number,
            shifts_per_week_max=said[member.id].shifts_per_week_max,
            wishes=said[member.id].wishes,
            qualifications=valid,
            held=tuple(held[member.id]),
            is_active=member.status is MemberStatus.ACTIVE,
        )
        for member, valid in _with_qualifications(session, roster, members)
    }
    scene = Scene(roster, zone, lines, members, people)
    _post(session, scene, attended)
    return scene


def span_of(row: Attendance, slot: Slot, occasion: Occasion) -> Span:
    """Return the time that a row holds; counted minutes take the place of the planned ones."""
    ends_at = slot.ends_at
    if row.counted_minutes is not None:
        ends_at = slot.starts_at + timedelta(minutes=row.counted_minutes)
    return Span(
        slot.starts_at, ends_at, occasion.occurs_on, occasion.kind is OccasionKind.DUTY_SHIFT
    )


# ---------------------------------------------------------------- private


def _of_roster(roster: Roster) -> ColumnElement[bool]:
    """Return the condition of the occasions that a roster plans."""
    series = select(RosterSeries.series_id).where(
        RosterSeries.community_id == roster.community_id, RosterSeries.roster_id == roster.id
    )
    return and_(
        Occasion.community_id == roster.community_id,
        Occasion.series_id.in_(series),
        Occasion.occurs_on.between(roster.begins_on, roster.ends_on),
    )


def _lines(session: Session, roster: Roster, zone: ZoneInfo) -> dict[UUID, ShiftLine]:
    now = clock.now()
    found = session.execute(
        select(Slot, Occasion, Site.name, Series.qualification)
        .join(Occasion, refers(Slot.occasion_id, Occasion))
        .join(Site, refers(Occasion.site_id, Site))
        .join(Series, refers(Occasion.series_id, Series))
        .where(_of_roster(roster))
        .order_by(Slot.starts_at, Occasion.title, Slot.id)
        .execution_options(populate_existing=True)
    )
    return {
        slot.id: ShiftLine(
            Shift(
                slot.id,
                Span(slot.starts_at, slot.ends_at, occasion.occurs_on),
                diary.part_of(slot.starts_at.astimezone(zone)),
                min(roster.people_count, slot.capacity),
                qualification,
            ),
            slot,
            occasion,
            site_name,
            is_open(occasion, slot, now),
        )
        for slot, occasion, site_name, qualification in found
    }


def is_open(occasion: Occasion, slot: Slot, now: datetime) -> bool:
    """Tell whether a shift may still be planned: it stands, and has not begun."""
    return occasion.status is OccasionStatus.PLANNED and slot.starts_at > now


def _members(
    session: Session, roster: Roster
) -> tuple[dict[UUID, Member], dict[UUID, wishes.Wanted]]:
    found = session.execute(
        select(Member, Wishes)
        .join(RosterMember, refers(RosterMember.member_id, Member))
        .outerjoin(Wishes, refers(Wishes.member_id, Member))
        .where(
            RosterMember.community_id == roster.community_id, RosterMember.roster_id == roster.id
        )
        .order_by(Member.number)
        .execution_options(populate_existing=True)
    ).all()
    return (
        {member.id: member for member, _ in found},
        {member.id: wishes.read(row) for member, row in found},
    )


def _with_qualifications(
    session: Session, roster: Roster, members: dict[UUID, Member]
) -> Iterator[tuple[Member, dict[QualificationKind, Validity]]]:
    valid: dict[UUID, dict[QualificationKind, Validity]] = defaultdict(dict)
    for row in session.scalars(
        select(Qualification)
        .where(
            Qualification.community_id == roster.community_id,
            Qualification.member_id.in_(_member_ids(roster)),
        )
        .execution_options(populate_existing=True)
    ):
        valid[row.member_id][row.kind] = (row.granted_on, row.expires_on)
    for member in members.values():
        yield member, valid[member.id]


def _member_ids(roster: Roster) -> Select[UUID]:
    return select(RosterMember.member_id).where(
        RosterMember.community_id == roster.community_id, RosterMember.roster_id == roster.id
    )


def _attended(session: Session, roster: Roster) -> list[Attended]:
    """Return the rows of the roster's members around its days, and everybody's at its shifts."""
    first = roster.begins_on - timedelta(days=FAIRNESS_DAYS)
    last = roster.ends_on + timedelta(days=2)
    return list(
        session.execute(
            select(Attendance, Slot, Occasion, Member)
            .join(Slot, refers(Attendance.slot_id, Slot))
            .join(Occasion, refers(Attendance.occasion_id, Occasion))
            .join(Member, refers(Attendance.member_id, Member))
            .where(
                Attendance.community_id == roster.community_id,
                Attendance.state.in_((*_HELD, AttendanceState.WITHDRAWN)),
                Occasion.community_id == roster.community_id,
                Occasion.status != OccasionStatus.CANCELLED,
                Occasion.occurs_on.between(first, last),
                or_(Attendance.member_id.in_(_member_ids(roster)), _of_roster(roster)),
            )
            .order_by(Slot.starts_at, Member.number)
            .execution_options(populate_existing=True)
        ).all()
    )


def _post(session: Session, scene: Scene, attended: list[Attended]) -> None:
    """Put everybody on their shift: assignments first, then who signed up without one."""
    on_list: dict[Pair, tuple[Attendance, Member]] = {}
    for row, _, _, member in attended:
        if row.slot_id not in scene.lines:
            continue
        if row.state is AttendanceState.WITHDRAWN:
            scene.withdrawn[row.slot_id, row.member_id] = row
        else:
            on_list[row.slot_id, row.member_id] = row, member
    for assignment, member in _assignments(session, scene.roster):
        pair = (assignment.slot_id, assignment.member_id)
        if pair[0] in scene.lines:
            found = on_list.pop(pair, None)
            _seat(scene, Post(member, assignment, found[0] if found else None), assignment)
    for (slot_id, member_id), (row, member) in on_list.items():
        scene.posts[slot_id][member_id] = Post(member, None, row)


def _seat(scene: Scene, post: Post, assignment: Assignment) -> None:
    """Put an assignment where it belongs: on its shift, off the plan, or over."""
    pair = (assignment.slot_id, assignment.member_id)
    if assignment.state is not AssignmentState.DRAFT and post.attendance is None:
        scene.gone[pair] = assignment
    elif assignment.state is AssignmentState.DROPPED:
        scene.dropped[pair] = post
    else:
        scene.posts[pair[0]][pair[1]] = post


def _assignments(session: Session, roster: Roster) -> list[Row[Assignment, Member]]:
    return list(
        session.execute(
            select(Assignment, Member)
            .join(Member, refers(Assignment.member_id, Member))
            .where(
                Assignment.community_id == roster.community_id, Assignment.roster_id == roster.id
            )
            .order_by(Member.number)
            .execution_options(populate_existing=True)
        ).all()
    )
