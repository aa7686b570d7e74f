"""The rule of rotation: shifts and people in, assignments and gaps with their reasons out. Pure.

For each shift, by day, those who can come are asked in the order of the minutes they have in the
eight weeks up to that day, fewest first; "rather not" counts as some hours more and "gladly" as one
hour less, so wishes are respected while the minutes of all stay close. A tie goes to the smaller
volunteer number: the same input gives the same plan.

Within a day, shifts that ask for a qualification come first, so that those few who hold one are not
used up. A shift for which nobody is left may take somebody from another shift of that week, if
a third can stand in there.

Invariants: those of `diary`; what was fixed stays.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from typing import Final
from uuid import UUID

from timebank.duty.diary import Obstacle, Pair, Person, Rules, Shift, When, Wish, diaries, week_of

RATHER_NOT_MINUTES: Final = 480
"""Who would rather not is asked as if they had served eight hours more."""
GLADLY_MINUTES: Final = 60


@dataclass(frozen=True, slots=True)
class Gap:
    """Places of a shift that nobody can take, and how many people each reason keeps away."""

    shift_id: UUID
    missing_count: int
    reasons: Mapping[Obstacle, int]


@dataclass(frozen=True, slots=True)
class Plan:
    """The outcome: pairs that were added to those given, and the gaps that are left."""

    added: tuple[Pair, ...]
    gaps: tuple[Gap, ...]


def plan(
    shifts: Sequence[Shift],
    people: Sequence[Person],
    rules: Rules,
    *,
    standing: Sequence[Pair] = (),
    barred: frozenset[Pair] = frozenset(),
) -> Plan:
    """Fill the places that are free, and say of each that stays so why.

    Args:
        shifts: any order.
        people: any order.
        rules: rest and daily cap.
        standing: pairs that stay as they are, also those that break a rule.
        barred: pairs that are not made: the member took the sign-up back.
    """
    return _Planner(shifts, people, rules, standing, barred).run()


class _Planner:
    """One run of the rule: the diaries, the minutes of eight weeks, and who is on which shift."""

    def __init__(
        self,
        shifts: Sequence[Shift],
        people: Sequence[Person],
        rules: Rules,
        standing: Sequence[Pair],
        barred: frozenset[Pair],
    ) -> None:
        self.rules, self.barred = rules, barred
        self.shifts = sorted(
            shifts,
            key=lambda each: (
                each.span.day,
                each.qualification is None,
                each.span.starts_at,
                each.id,
            ),
        )
        self.by_id = {shift.id: shift for shift in shifts}
        self.diaries = diaries(shifts, sorted(people, key=lambda each: each.number), standing)
        self.on: dict[UUID, list[UUID]] = {shift.id: [] for shift in shifts}
        for shift_id, person_id in standing:
            if shift_id in self.on:
                self.on[shift_id].append(person_id)
        self.added: set[Pair] = set()
        self.added_of_week: dict[tuple[UUID, date], list[UUID]] = defaultdict(list)
        self.minutes: dict[UUID, int] = {}

    def run(self) -> Plan:
        gaps = []
        for day, shifts in groupby(self.shifts, key=lambda each: each.span.day):
            self.minutes = {
                person_id: diary.minutes_before(day) for person_id, diary in self.diaries.items()
            }
            for shift in shifts:
                self._fill(shift)
                missing = shift.people_count - len(self.on[shift.id])
                if missing > 0:
                    gaps.append(Gap(shift.id, missing, self._reasons(shift)))
        order = {shift.id: place for place, shift in enumerate(self.shifts)}
        added = sorted(self.added, key=lambda pair: (order[pair[0]], pair[1]))
        return Plan(tuple(added), tuple(gaps))

    def _fill(self, shift: Shift) -> None:
        able = (
            person_id
            for person_id in self._in_turn(shift)
            if self.diaries[person_id].obstacle(shift, self.rules) is None
        )
        while len(self.on[shift.id]) < shift.people_count:
            person_id = next(able, None)
            if person_id is not None:
                self._put(shift, person_id)
            elif not self._exchange(shift):
                return

    def _in_turn(self, shift: Shift) -> list[UUID]:
        """Return who is not on the shift yet, in the order in which they are asked."""
        there = self.on[shift.id]
        when = shift.span.day.weekday(), shift.part
        return sorted(
            (
                person_id
                for person_id in self.diaries
                if person_id not in there and (shift.id, person_id) not in self.barred
            ),
            key=lambda person_id: self._turn(self.diaries[person_id].person, when),
        )

    def _turn(self, person: Person, when: When) -> tuple[int, int]:
        wish = person.wishes.get(when)
        more = RATHER_NOT_MINUTES * (wish is Wish.RATHER_NOT) - GLADLY_MINUTES * (
            wish is Wish.GLADLY
        )
        return self.minutes[person.id] + more, person.number

    def _exchange(self, shift: Shift) -> bool:
        """Let somebody come here from another shift of the week at which a third can stand in."""
        for person_id in self._in_turn(shift):
            diary = self.diaries[person_id]
            for other_id in tuple(self.added_of_week[person_id, week_of(shift.span.day)]):
                other = self.by_id[other_id]
                self._take_off(other, person_id)
                third = (
                    self._stand_in(other, person_id)
                    if diary.obstacle(shift, self.rules) is None
                    else None
                )
                if third is not None:
                    self._put(shift, person_id)
                    self._put(other, third)
                    return True
                self._put(other, person_id)
        return False

    def _stand_in(self, shift: Shift, but: UUID) -> UUID | None:
        for person_id in self._in_turn(shift):
            if person_id != but and self.diaries[person_id].obstacle(shift, self.rules) is None:
                return person_id
        return None

    def _put(self, shift: Shift, person_id: UUID) -> None:
        self.on[shift.id].append(person_id)
        self.diaries[person_id].add(shift.span)
        self.added.add((shift.id, person_id))
        self.added_of_week[person_id, week_of(shift.span.day)].append(shift.id)
        self.minutes[person_id] += shift.span.minutes

    def _take_off(self, shift: Shift, person_id: UUID) -> None:
        self.on[shift.id].remove(person_id)
        self.diaries[person_id].remove(shift.span)
        self.added.remove((shift.id, person_id))
        self.added_of_week[person_id, week_of(shift.span.day)].remove(shift.id)
        self.minutes[person_id] -= shift.span.minutes

    def _reasons(self, shift: Shift) -> dict[Obstacle, int]:
        found = Counter(
            Obstacle.WITHDREW
            if (shift.id, person_id) in self.barred
            else diary.obstacle(shift, self.rules)
            for person_id, diary in self.diaries.items()
            if person_id not in self.on[shift.id]
        )
        return {reason: found[reason] for reason in Obstacle if found[reason]}
