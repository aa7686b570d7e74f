"""The rule of rotation on any input: no overlap, rest, caps, wishes, qualifications, capacity."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from itertools import combinations, pairwise
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from timebank.duty.diary import (
    Obstacle,
    Pair,
    Part,
    Person,
    Rules,
    Shift,
    Span,
    Wish,
    part_of,
    week_of,
)
from timebank.duty.fairness import plan
from timebank.people.qualification_models import QualificationKind

MONDAY = date(2026, 11, 9)
FIRST_AID = QualificationKind.FIRST_AID
RULES = Rules(rest_minutes=11 * 60, daily_minutes_max=240)


def _id(number: int) -> UUID:
    return UUID(int=number)


def _shift(
    number: int,
    day: int = 0,
    hour: int = 9,
    hours: int = 3,
    count: int = 1,
    kind: QualificationKind | None = None,
) -> Shift:
    on = MONDAY + timedelta(days=day)
    begin = datetime(on.year, on.month, on.day, hour, tzinfo=UTC)
    span = Span(begin, begin + timedelta(hours=hours), on)
    return Shift(_id(number), span, part_of(begin), count, kind)


def _person(number: int, weekly: int = 7, **more: object) -> Person:
    return Person(id=_id(100 + number), number=number, shifts_per_week_max=weekly, **more)  # type: ignore[arg-type]


shifts = st.lists(
    st.builds(
        _shift,
        number=st.integers(1, 10_000),
        day=st.integers(0, 16),
        hour=st.integers(6, 19),
        hours=st.integers(2, 4),
        count=st.integers(1, 3),
        kind=st.sampled_from([None, None, FIRST_AID]),
    ),
    max_size=25,
    unique_by=lambda shift: shift.id,
)
people = st.lists(
    st.builds(
        _person,
        number=st.integers(1, 60),
        weekly=st.integers(0, 4),
        wishes=st.dictionaries(
            st.tuples(st.integers(0, 6), st.sampled_from(Part)), st.sampled_from(Wish)
        ),
        qualifications=st.one_of(
            st.just({}),
            st.integers(0, 16).map(lambda d: {FIRST_AID: (MONDAY, MONDAY + timedelta(days=d))}),
        ),
        held=st.lists(
            st.builds(lambda d, h: _shift(1, d, h).span, st.integers(-1, 16), st.integers(6, 19)),
            max_size=2,
        ).map(tuple),
        is_active=st.sampled_from([True, True, True, False]),
    ),
    max_size=8,
    unique_by=lambda person: person.number,
)
rules = st.builds(Rules, rest_minutes=st.integers(0, 1440), daily_minutes_max=st.integers(120, 600))


@given(shifts, people, rules)
def test_no_plan_breaks_a_rule(all_shifts: list[Shift], all_people: list[Person], r: Rules) -> None:
    found = plan(all_shifts, all_people, r)

    by_id = {shift.id: shift for shift in all_shifts}
    for person in all_people:
        mine = [by_id[shift_id] for shift_id, who in found.added if who == person.id]
        _keeps_the_times(person, mine, r)
        for shift in mine:
            assert person.is_active
            assert person.wishes.get((shift.span.day.weekday(), shift.part)) is not Wish.NEVER
            if shift.qualification:
                first, last = person.qualifications[shift.qualification]
                assert first <= shift.span.day <= last
    taken = Counter(shift_id for shift_id, _ in found.added)
    missing = {gap.shift_id: gap.missing_count for gap in found.gaps}
    for shift in all_shifts:
        assert taken[shift.id] + missing.get(shift.id, 0) == shift.people_count
    assert len(set(found.added)) == len(found.added)
    assert plan(all_shifts[::-1], all_people[::-1], r) == found


def _keeps_the_times(person: Person, mine: list[Shift], r: Rules) -> None:
    """Check a person's planned times against each other and against what was held before."""
    new = [shift.span for shift in mine]
    rest = timedelta(minutes=r.rest_minutes)
    pairs = [*combinations(new, 2), *((a, b) for a in new for b in person.held)]
    for one, other in pairs:
        first, second = sorted((one, other), key=lambda span: span.starts_at)
        assert second.starts_at >= first.ends_at + rest
    for day in {span.day for span in new}:
        spans = [span for span in (*new, *person.held) if span.day == day]
        assert sum(span.minutes for span in spans) <= r.daily_minutes_max
    weeks = Counter(week_of(span.day) for span in (*new, *person.held))
    for week in {week_of(span.day) for span in new}:
        assert weeks[week] <= person.shifts_per_week_max


def test_fewest_minutes_come_first_and_ties_go_to_the_smaller_number() -> None:
    days = [_shift(number, day=number) for number in range(1, 7)]
    team = [_person(3), _person(1), _person(2)]

    found = plan(days, team, RULES)

    assert [person.int - 100 for _, person in found.added] == [1, 2, 3, 1, 2, 3]


def test_minutes_of_the_last_eight_weeks_count_and_older_ones_do_not() -> None:
    recent, old = (_shift(9, day=-days).span for days in (55, 56))
    tired, rested = _person(1, held=(recent,)), _person(2, held=(old,))

    assert plan([_shift(1)], [tired, rested], RULES).added == ((_id(1), rested.id),)


def test_rather_not_is_asked_when_the_others_are_far_ahead() -> None:
    unwilling = _person(1, wishes={(day, Part.MORNING): Wish.RATHER_NOT for day in range(7)})
    willing = _person(2)
    found = plan([_shift(n, day=n) for n in range(6)], [unwilling, willing], RULES)

    order = [person for _, person in found.added]
    assert order[:3] == [willing.id] * 3
    assert unwilling.id in order


def test_a_gap_says_what_keeps_people_away() -> None:
    team = [
        _person(1, weekly=0),
        _person(2, wishes={(0, Part.MORNING): Wish.NEVER}),
        _person(3, is_active=False),
        _person(4, held=(_shift(9, day=-1, hour=20, hours=2).span,)),
    ]

    [gap] = plan([_shift(1, hour=8)], team, RULES).gaps

    assert gap.reasons == {
        Obstacle.NOT_ACTIVE: 1,
        Obstacle.NEVER: 1,
        Obstacle.REST: 1,
        Obstacle.WEEKLY_MAX: 1,
    }


def test_who_alone_can_help_comes_from_another_shift_that_a_third_takes() -> None:
    skilled = _person(1, weekly=1, qualifications={FIRST_AID: (MONDAY, MONDAY + timedelta(9))})
    other = _person(2, weekly=1, held=(_shift(9, day=-20).span,))
    monday, friday = _shift(1), _shift(2, day=4, kind=FIRST_AID)

    found = plan([monday, friday], [skilled, other], RULES)

    assert set(found.added) == {(monday.id, other.id), (friday.id, skilled.id)}
    assert found.gaps == ()


def test_what_stands_stays_and_what_is_barred_is_not_made() -> None:
    shift, person, other = _shift(1), _person(1), _person(2)
    standing: list[Pair] = [(shift.id, other.id)]

    assert plan([shift], [person, other], RULES, standing=standing).added == ()
    barred = frozenset({(shift.id, person.id)})
    assert plan([shift], [person], RULES, barred=barred).gaps[0].reasons == {Obstacle.WITHDREW: 1}


def test_rest_counts_across_midnight_and_two_short_shifts_fill_a_day() -> None:
    person = _person(1)
    day = [_shift(1, hour=8, hours=2), _shift(2, hour=14, hours=2), _shift(3, hour=18, hours=2)]

    found = plan(day, [person], Rules(rest_minutes=60, daily_minutes_max=240))

    assert [shift_id for shift_id, _ in found.added] == [_id(1), _id(2)]
    assert all(a.starts_at < b.starts_at for a, b in pairwise(each.span for each in day))
