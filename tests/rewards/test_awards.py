"""What a stay is worth: no cliffs at any border, one rounding, caps, the factors split exactly."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from fractions import Fraction
from math import ceil
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from timebank.contributions import Category, Provenance
from timebank.rewards.awards import NOTHING_BEFORE, Before, Contribution, award, counted_minutes
from timebank.rewards.rules import FIRST_RULE, ONE, Rule, read_rule
from timebank.rewards.windows import Window, seconds_by_window

SITE, SERIES = UUID(int=1), UUID(int=2)
NIGHT = Window("22:00", "06:00", 150)
SCANNED = frozenset({"self_scanned", "leader_scanned"})
CHANGES = {
    "Asia/Shanghai": ["2026-11-09T14:00Z", "2026-11-30T16:00Z"],
    "Europe/Berlin": ["2026-03-29T01:00Z", "2026-10-25T01:00Z"],
    "America/New_York": ["2026-03-08T07:00Z", "2026-11-01T06:00Z"],
    "Australia/Lord_Howe": ["2026-04-04T15:00Z"],
}
"""The window's border, the end of a month, and the moments at which clocks are changed."""

factors = st.integers(10, 500)
clocks = st.integers(0, 1_439)


@st.composite
def windows(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Draw windows without a common minute: every other stretch between some borders."""
    borders = sorted(draw(st.sets(clocks, min_size=2, max_size=8)))
    turn = draw(st.integers(0, 1))
    ring = [*borders[turn:], *borders[:turn]][: len(borders) // 2 * 2]
    pairs = zip(ring[::2], ring[1::2], strict=True)
    return [
        {"begin": _clock(begin), "end": _clock(end), "factor": draw(factors)}
        for begin, end in pairs
    ]


def _clock(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"


def _some(keys: list[str], values: st.SearchStrategy[int]) -> st.SearchStrategy[dict[str, int]]:
    return st.dictionaries(st.sampled_from(keys), values, max_size=2)


def _cap(maximum: int) -> st.SearchStrategy[int | None]:
    return st.none() | st.integers(1, maximum)


rules = st.fixed_dictionaries(
    {
        "points_per_hour": st.integers(0, 60),
        "points_per_hour_by_category": _some([*Category], st.integers(0, 60)),
        "points_per_hour_by_place": _some([str(SITE), str(SERIES)], st.integers(0, 60)),
        "points_per_attendance": st.integers(0, 100),
        "points_per_attendance_by_category": _some([*Category], st.integers(0, 100)),
        "factors_by_category": _some([*Category], factors),
        "factors_by_place": _some([str(SITE), str(SERIES)], factors),
        "factors_by_provenance": _some([*Provenance], factors),
        "windows": windows() | st.just([]),
        "daily_minutes_max": st.integers(1, 1_440),
        "attendance_minutes_max": _cap(600),
        "daily_points_max": _cap(200),
        "monthly_points_max": _cap(400),
        "total_points_max": _cap(600),
        "points_by_provenance": st.just([*Provenance]),
    }
).map(read_rule)
befores = st.builds(
    Before, st.integers(0, 600), st.integers(0, 100), st.integers(0, 300), st.integers(0, 700)
)


@st.composite
def contributions(draw: st.DrawFn) -> Contribution:
    """Draw a stay near a border: of a window, a day, a month, summer time."""
    zone = draw(st.sampled_from(sorted(CHANGES)))
    border = datetime.fromisoformat(draw(st.sampled_from(CHANGES[zone])))
    begin = border + timedelta(microseconds=draw(st.integers(-10 * 3_600 * 10**6, 3_600 * 10**6)))
    return Contribution(
        category=draw(st.sampled_from(list(Category))),
        site_id=SITE,
        series_id=draw(st.sampled_from([None, SERIES])),
        provenance=draw(st.sampled_from(list(Provenance))),
        begin=begin,
        end=begin + timedelta(microseconds=draw(st.integers(0, 11 * 3_600 * 10**6))),
        zone=zone,
    )


def _longer(of: Contribution, seconds: int, is_earlier: bool) -> Contribution:
    more = timedelta(seconds=seconds)
    return replace(of, begin=of.begin - more) if is_earlier else replace(of, end=of.end + more)


@given(
    rule=rules, of=contributions(), before=befores, seconds=st.integers(0, 3_600), is_earlier=...
)
def test_longer_never_earns_less_and_a_minute_brings_a_minute_at_most(
    rule: Rule, of: Contribution, before: Before, seconds: int, is_earlier: bool
) -> None:
    longer = _longer(of, seconds, is_earlier)

    less, more = (counted_minutes(rule, each, before) for each in (of, longer))
    worth = award(rule, 1, of, less, before)["points"]
    more_worth = award(rule, 1, longer, more, before)["points"]

    assert 0 <= more - less <= ceil(seconds / 60)
    assert more_worth >= worth


@given(rule=rules, of=contributions(), seconds=st.integers(0, 600), is_earlier=...)
def test_a_minute_brings_its_rate_times_its_factors_at_most(
    rule: Rule, of: Contribution, seconds: int, is_earlier: bool
) -> None:
    """The points of time, before rounding and caps, have no cliff at any border."""
    longer = _longer(of, seconds, is_earlier)
    rate = rule.rate(of.category, of.site_id, of.series_id)
    by_provenance = rule.factors_by_provenance.get(of.provenance, ONE)
    most = max([ONE, *(window.factor for window in rule.windows)])
    per_minute = Fraction(rate.points_per_hour * most * rate.factor * by_provenance, 60 * ONE**3)

    weights = [_weight(rule, each) for each in (of, longer)]
    scale = Fraction(rate.points_per_hour * rate.factor * by_provenance, 3_600 * ONE**3)

    assert 0 <= (weights[1] - weights[0]) * scale <= ceil(seconds / 60) * per_minute


def _weight(rule: Rule, of: Contribution) -> int:
    counted = counted_minutes(rule, of, NOTHING_BEFORE)
    parts = award(rule, 1, of, counted)["parts"]
    assert sum(part["seconds"] for part in parts) == 60 * min(
        counted, rule.attendance_minutes_max or counted
    )
    return sum(part["seconds"] * part["factor"] for part in parts)


@given(of=contributions(), drawn=windows())
def test_time_in_a_window_is_what_the_clock_on_the_wall_says_second_by_second(
    of: Contribution, drawn: list[dict[str, Any]]
) -> None:
    made = [Window(**each) for each in drawn]
    begin, zone = of.begin.replace(microsecond=0), ZoneInfo(of.zone)
    moments = [begin + timedelta(minutes=at) for at in range(300)]

    found = seconds_by_window(made, begin, begin + timedelta(minutes=300), of.zone)

    walls = [moment.astimezone(zone).time() for moment in moments]
    if begin.second == 0:  # then every minute lies wholly inside or outside
        assert found == [60 * sum(_is_in(window, wall) for wall in walls) for window in made]
    assert sum(found) <= 300 * 60


def _is_in(window: Window, wall: time) -> bool:
    begin, end = time.fromisoformat(window.begin), time.fromisoformat(window.end)
    return begin <= wall < end if begin < end else wall >= begin or wall < end


def _stay(begin: str, end: str, **changes: Any) -> Contribution:
    zone = ZoneInfo("Asia/Shanghai")
    first = datetime.combine(date(2026, 11, 9), time.fromisoformat(begin), zone)
    last = datetime.combine(date(2026, 11, 9), time.fromisoformat(end), zone)
    last += timedelta(days=1) if last < first else timedelta()
    made = Contribution(
        Category.SAFETY, SITE, SERIES, Provenance.SELF_SCANNED, first, last, "Asia/Shanghai"
    )
    return replace(made, **changes)


def _points(rule: Rule, of: Contribution, before: Before = NOTHING_BEFORE) -> int:
    return award(rule, 1, of, counted_minutes(rule, of, before), before)["points"]


def _rule(points_per_hour: int = 2, **changes: Any) -> Rule:
    return Rule(points_per_hour, {}, 480, SCANNED, **changes)


@pytest.mark.parametrize(
    ("minutes", "rate", "expected"),
    [
        (0, 2, 0),
        (29, 2, 0),
        (30, 2, 1),
        (59, 2, 1),
        (60, 2, 2),
        (150, 2, 5),
        (59, 1, 0),
        (60, 0, 0),
    ],
)
def test_points_are_whole_and_rounded_down(minutes: int, rate: int, expected: int) -> None:
    none = _stay("09:00", "09:00")
    of = replace(none, end=none.begin + timedelta(minutes=minutes))

    assert _points(_rule(rate), of) == expected


def test_time_by_hand_earns_nothing_by_the_first_rule() -> None:
    by_hand = _stay("09:00", "17:00", provenance=Provenance.BACK_FILLED)

    reason = award(FIRST_RULE, 1, by_hand, 480)

    assert (reason["counted_minutes"], reason["points"], reason["earns"]) == (480, 0, False)
    assert _points(FIRST_RULE, _stay("09:00", "17:00")) == 16


def test_the_night_is_split_by_the_minute_and_says_so() -> None:
    of = _stay("20:00", "23:12:25")

    reason = award(_rule(windows=(NIGHT,)), 1, of, of.minutes)

    assert of.minutes == 192
    assert reason["parts"] == [
        {"begin": "22:00", "end": "06:00", "factor": 150, "seconds": 72 * 60 + 25},
        {"begin": None, "end": None, "factor": 100, "seconds": 119 * 60 + 35},
    ]
    assert reason["points"] == 7  # (119.58 + 72.42 × 1.5) / 60 × 2 = 7.6


def test_factors_are_multiplied_and_rounded_once() -> None:
    rule = _rule(
        1,
        windows=(NIGHT,),
        factors_by_category={"safety": 120},
        factors_by_provenance={"self_scanned": 150},
    )

    assert _points(rule, _stay("23:00", "00:00")) == 2  # 1.5 × 1.2 × 1.5 = 2.7
    assert _points(rule, _stay("23:00", "23:22")) == 0  # 0.99
    assert _points(rule, _stay("23:00", "23:23")) == 1


def test_a_patrol_over_midnight_and_the_end_of_summer_time_counts_every_hour() -> None:
    of = replace(
        _stay("09:00", "09:00", zone="Europe/Berlin"),
        begin=datetime(2026, 10, 24, 21, tzinfo=UTC),  # 23:00 of summer time
        end=datetime(2026, 10, 25, 4, tzinfo=UTC),  # 5:00 of winter time
    )

    assert of.minutes == 7 * 60
    assert _points(_rule(2, windows=(Window("22:00", "06:00", 200),)), of) == 28


def test_only_some_minutes_of_an_attendance_earn_but_all_are_counted() -> None:
    rule = _rule(1, attendance_minutes_max=120, windows=(NIGHT,))

    reason = award(rule, 1, _stay("20:00", "23:00"), 180)

    assert (reason["counted_minutes"], reason["earning_minutes"]) == (180, 120)
    assert reason["points"] == 2  # the night's hour first: 60 × 1.5 + 60


def test_taking_part_earns_once_and_only_if_something_counts() -> None:
    rule = _rule(0, points_per_attendance=5, points_per_attendance_by_category={"outreach": 3})

    assert _points(rule, _stay("09:00", "09:01")) == 5
    assert _points(rule, _stay("09:00", "12:00")) == 5
    assert _points(rule, _stay("09:00", "12:00", category=Category.OUTREACH)) == 3
    assert _points(rule, _stay("09:00", "12:00", provenance=Provenance.BACK_FILLED)) == 0
    assert _points(rule, _stay("09:00", "12:00"), Before(day_minutes=480)) == 0


@pytest.mark.parametrize(
    ("before", "points", "limit"),
    [
        (Before(), 5, None),
        (Before(day_points=5), 5, None),
        (Before(day_points=6), 4, "daily_points_max"),
        (Before(day_points=11), 0, "daily_points_max"),
        (Before(month_points=97), 3, "monthly_points_max"),
        (Before(6, 6, 97, 599), 1, "total_points_max"),
    ],
)
def test_a_cap_leaves_what_there_is_room_for(before: Before, points: int, limit: str) -> None:
    rule = _rule(daily_points_max=10, monthly_points_max=100, total_points_max=600)

    reason = award(rule, 1, _stay("09:00", "11:30"), 150, before)

    assert (reason["due"], reason["points"], reason["limit"]) == (5, points, limit)
