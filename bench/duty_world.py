"""A year of duty shifts for 60 members, always the same: what the two planners are given."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID

from timebank.duty.diary import Part, Person, Rules, Shift, Span, When, Wish, part_of
from timebank.people.qualification_models import QualificationKind

FIRST_DAY = date(2027, 1, 4)
WEEKS = 52
MEMBER_COUNT = 60
QUALIFIED_COUNT = 12
RULES = Rules(rest_minutes=11 * 60, daily_minutes_max=4 * 60)
SERIES = (
    ("market, morning", 8, 11, range(7), None),
    ("patrol, evening", 19, 21, range(7), None),
    ("gate, morning", 9, 12, range(6), None),
    ("gate, afternoon", 14, 17, range(6), None),
    ("first aid post", 9, 13, range(5, 7), QualificationKind.FIRST_AID),
)
_SEED = 20270104
_WISHES: tuple[Wish | None, ...] = (
    *(None,) * 6,
    *(Wish.GLADLY, Wish.RATHER_NOT, Wish.NEVER, Wish.NEVER),
)


@dataclass(frozen=True)
class World:
    """What is to be planned."""

    name: str
    shifts: tuple[Shift, ...]
    people: tuple[Person, ...]

    @property
    def seat_count(self) -> int:
        """Return how many places there are."""
        return sum(shift.people_count for shift in self.shifts)


def make_world(name: str, people_count: int) -> World:
    """Return a year of shifts with some people on each."""
    return World(name, tuple(_shifts(people_count)), tuple(_people()))


def _shifts(people_count: int) -> Iterator[Shift]:
    number = 0
    for distance in range(7 * WEEKS):
        day = FIRST_DAY + timedelta(days=distance)
        for _, begin, end, weekdays, qualification in SERIES:
            if day.weekday() not in weekdays:
                continue
            number += 1
            starts_at = datetime.combine(day, time(begin), UTC)
            ends_at = datetime.combine(day, time(end), UTC)
            span = Span(starts_at, ends_at, day)
            # A slot of a first aid post has two places, whatever the roster wants.
            wanted = min(people_count, 2) if qualification else people_count
            yield Shift(UUID(int=number), span, part_of(starts_at), wanted, qualification)


def _people() -> Iterator[Person]:
    chance = random.Random(_SEED)
    last = FIRST_DAY + timedelta(weeks=WEEKS)
    for number in range(1, MEMBER_COUNT + 1):
        wishes: dict[When, Wish] = {}
        for weekday in range(7):
            for part in Part:
                wish = chance.choice(_WISHES)
                if wish is not None:
                    wishes[weekday, part] = wish
        # A third of the qualifications runs out in the course of the year.
        expires_on = last - timedelta(days=150 if number % 3 == 0 else 0)
        valid = {QualificationKind.FIRST_AID: (FIRST_DAY, expires_on)}
        yield Person(
            id=UUID(int=10_000 + number),
            number=number,
            shifts_per_week_max=chance.choice((1, 2, 2, 3)),
            wishes=wishes,
            qualifications=valid if number <= QUALIFIED_COUNT else {},
        )
