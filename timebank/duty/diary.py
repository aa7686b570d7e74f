"""Shifts, people, and what each person holds: why somebody can or cannot take a shift. Pure.

Invariants: nobody is in two places, without rest, above the daily cap or their weekly maximum, at a
time they said never to, or without a qualification that is valid on the day.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

from timebank.people.qualification_models import QualificationKind
from timebank.service import timing

FAIRNESS_DAYS: Final = 56
WEEKDAYS: Final = 7
_NOON: Final = 12
_EVENING: Final = 18
_NEAR: Final = tuple(timedelta(days=days) for days in range(-2, 3))
"""A service and the rest after it end within two days."""


class Part(StrEnum):
    """Parts of a day, by the hour at which a shift begins: before 12, before 18, later."""

    MORNING = "morning"
    AFTERNOON = "afternoon"
    EVENING = "evening"


class Wish(StrEnum):
    """What a member says of a part of a weekday; nothing said is "can come"."""

    GLADLY = "gladly"
    RATHER_NOT = "rather_not"
    NEVER = "never"


class Obstacle(StrEnum):
    """Why somebody cannot take a shift; the first that holds is named."""

    NOT_ACTIVE = "not_active"
    QUALIFICATION = "qualification"
    NEVER = "never"
    OVERLAP = "overlap"
    REST = "rest"
    DAILY_CAP = "daily_cap"
    WEEKLY_MAX = "weekly_max"
    WITHDREW = "withdrew"
    """From this very shift: asked again by hand only."""


When = tuple[int, Part]
"""Weekday (0 is Monday) and part of the day."""
Pair = tuple[UUID, UUID]
"""Shift and person."""
Validity = tuple[date, date]
"""First and last day."""


@dataclass(frozen=True, slots=True)
class Span:
    """A time that a member holds: `day` is the local day, `is_shift` counts for the week."""

    starts_at: datetime
    ends_at: datetime
    day: date
    is_shift: bool = True

    @property
    def minutes(self) -> int:
        """Return its length."""
        return timing.whole_minutes(self.starts_at, self.ends_at)


@dataclass(frozen=True, slots=True)
class Shift:
    """A shift to be planned.

    Args:
        id: of the slot.
        span: when.
        part: of the local day.
        people_count: wanted.
        qualification: asked for; None asks for nothing.
    """

    id: UUID
    span: Span
    part: Part
    people_count: int
    qualification: QualificationKind | None = None


@dataclass(frozen=True, slots=True)
class Person:
    """A member as the rule sees them.

    Args:
        id: of the member.
        number: decides ties.
        shifts_per_week_max: 0 is none.
        wishes: by weekday and part.
        qualifications: first and last valid day by kind.
        held: what they hold besides the shifts that are planned, past eight weeks included.
        is_active: whether they may be planned at all.
    """

    id: UUID
    number: int
    shifts_per_week_max: int
    wishes: Mapping[When, Wish] = field(default_factory=dict)
    qualifications: Mapping[QualificationKind, Validity] = field(default_factory=dict)
    held: tuple[Span, ...] = ()
    is_active: bool = True


@dataclass(frozen=True, slots=True)
class Rules:
    """What a roster asks of every plan, in minutes."""

    rest_minutes: int
    daily_minutes_max: int


def part_of(local: datetime) -> Part:
    """Return the part of the day of a moment on the wall clock."""
    if local.hour < _NOON:
        return Part.MORNING
    return Part.AFTERNOON if local.hour < _EVENING else Part.EVENING


def week_of(day: date) -> date:
    """Return the Monday of a day's week."""
    return day - timedelta(days=day.weekday())


class Diary:
    """What one person holds, by day."""

    def __init__(self, person: Person) -> None:
        """Begin with what the person holds already."""
        self.person = person
        self.by_day: dict[date, list[Span]] = defaultdict(list)
        self.shifts_of_week: Counter[date] = Counter()
        for span in person.held:
            self.add(span)

    def add(self, span: Span) -> None:
        """Write a time in."""
        self.by_day[span.day].append(span)
        self.shifts_of_week[week_of(span.day)] += span.is_shift

    def remove(self, span: Span) -> None:
        """Take a time out again."""
        self.by_day[span.day].remove(span)
        self.shifts_of_week[week_of(span.day)] -= span.is_shift

    def minutes_on(self, day: date) -> int:
        """Return the minutes held on a day."""
        return sum(span.minutes for span in self.by_day.get(day, ()))

    def minutes_before(self, day: date) -> int:
        """Return the minutes of the eight weeks that end with a day."""
        first = day - timedelta(days=FAIRNESS_DAYS - 1)
        return sum(
            span.minutes
            for held_on, spans in self.by_day.items()
            if first <= held_on <= day
            for span in spans
        )

    def near(self, day: date) -> Iterator[Span]:
        """Give the times around a day, those that rest could be owed to."""
        for distance in _NEAR:
            yield from self.by_day.get(day + distance, ())

    def obstacle(self, shift: Shift, rules: Rules) -> Obstacle | None:
        """Return why the person cannot take a shift; None if they can."""
        return self._by_nature(shift) or self._by_time(shift.span, rules)

    def _by_nature(self, shift: Shift) -> Obstacle | None:
        """Return what no other plan would change."""
        person = self.person
        if not person.is_active:
            return Obstacle.NOT_ACTIVE
        if shift.qualification is not None:
            valid = person.qualifications.get(shift.qualification)
            if valid is None or not valid[0] <= shift.span.day <= valid[1]:
                return Obstacle.QUALIFICATION
        if person.wishes.get((shift.span.day.weekday(), shift.part)) is Wish.NEVER:
            return Obstacle.NEVER
        return None

    def _by_time(self, span: Span, rules: Rules) -> Obstacle | None:
        rest = timedelta(minutes=rules.rest_minutes)
        is_tired = False
        for held in self.near(span.day):
            if timing.overlap(span.starts_at, span.ends_at, held.starts_at, held.ends_at):
                return Obstacle.OVERLAP
            is_tired |= span.starts_at < held.ends_at + rest and held.starts_at < (
                span.ends_at + rest
            )
        if is_tired:
            return Obstacle.REST
        if self.minutes_on(span.day) + span.minutes > rules.daily_minutes_max:
            return Obstacle.DAILY_CAP
        if self.shifts_of_week[week_of(span.day)] >= self.person.shifts_per_week_max:
            return Obstacle.WEEKLY_MAX
        return None


def diaries(
    shifts: Iterable[Shift], people: Iterable[Person], standing: Iterable[Pair]
) -> dict[UUID, Diary]:
    """Return what each person holds once some pairs stand.

    Args:
        shifts: of the plan.
        people: of the plan.
        standing: pairs; one of a shift or a person that is not in the plan is left out.
    """
    spans = {shift.id: shift.span for shift in shifts}
    made = {person.id: Diary(person) for person in people}
    for shift_id, person_id in standing:
        if shift_id in spans and person_id in made:
            made[person_id].add(spans[shift_id])
    return made
