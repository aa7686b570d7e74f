"""The points policy: versions, whole points, what is refused."""

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger import clock
from ledger.errors import NotAllowed
from tests.service.world import World, local
from timebank.contributions import Category, Provenance
from timebank.rewards import points
from timebank.rewards.points import (
    FIRST_RULE,
    PolicyTooEarly,
    PolicyTooFar,
    Rule,
    WrongRule,
    policy_in_force,
    read_rule,
    release,
)

TODAY = local("10:00", date(2026, 11, 9))
rates = st.integers(0, points.POINTS_PER_HOUR_MAX)
minutes = st.integers(0, 1_440)


def _rule(points_per_hour: int = 2) -> Rule:
    return Rule(points_per_hour, {}, 480, frozenset(Provenance))


@pytest.mark.parametrize(
    ("counted", "rate", "expected"),
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
def test_points_are_whole_and_rounded_down(counted: int, rate: int, expected: int) -> None:
    award = _rule(rate).award(Category.SAFETY, Provenance.SELF_SCANNED, counted)

    assert award == expected


@given(rate=rates, counted=minutes, more=minutes)
def test_more_minutes_never_earn_less(rate: int, counted: int, more: int) -> None:
    rule = _rule(rate)

    less = rule.award(Category.SAFETY, Provenance.SELF_SCANNED, counted)
    greater = rule.award(Category.SAFETY, Provenance.SELF_SCANNED, counted + more)

    assert less <= greater <= rate * (counted + more) / 60


def test_time_by_hand_earns_nothing_by_the_first_rule() -> None:
    assert FIRST_RULE.award(Category.SAFETY, Provenance.BACK_FILLED, 480) == 0
    assert FIRST_RULE.award(Category.SAFETY, Provenance.LEADER_SCANNED, 480) == 16


@pytest.mark.databases("sqlite")
def test_the_newest_started_version_is_in_force(world: World) -> None:
    with clock.at(TODAY):
        release(world.session, world.desk, starts_on=date(2026, 12, 1), rule=_rule(3))
        release(world.session, world.desk, starts_on=date(2027, 1, 1), rule=_rule(4))

    versions = [
        policy_in_force(world.session, world.community.community_id, day).version
        for day in (date(2026, 11, 30), date(2026, 12, 1), date(2026, 12, 31), date(2027, 1, 1))
    ]
    assert versions == [1, 2, 2, 3]


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize("starts_on", [date(2026, 11, 8), date(2026, 11, 9)])
def test_a_version_starts_on_a_day_to_come(world: World, starts_on: date) -> None:
    with clock.at(TODAY), pytest.raises(PolicyTooEarly, match="2026-11-10"):
        release(world.session, world.desk, starts_on=starts_on, rule=_rule())


@pytest.mark.databases("sqlite")
def test_versions_start_one_after_the_other(world: World) -> None:
    with clock.at(TODAY):
        release(world.session, world.desk, starts_on=date(2026, 12, 1), rule=_rule())
        with pytest.raises(PolicyTooEarly, match="2026-12-02"):
            release(world.session, world.desk, starts_on=date(2026, 12, 1), rule=_rule())


@pytest.mark.databases("sqlite")
def test_a_version_of_the_next_century_is_a_slip(world: World) -> None:
    with clock.at(TODAY), pytest.raises(PolicyTooFar):
        release(world.session, world.desk, starts_on=date.max, rule=_rule())


@pytest.mark.databases("sqlite")
def test_a_leader_releases_nothing(world: World) -> None:
    with clock.at(TODAY), pytest.raises(NotAllowed):
        release(world.session, world.leader, starts_on=date(2026, 12, 1), rule=_rule())


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"points_per_hour": -1}, "points_per_hour"),
        ({"points_per_hour": 61}, "points_per_hour"),
        ({"points_per_hour": 1.5}, "points_per_hour"),
        ({"points_per_hour": True}, "points_per_hour"),
        ({"points_per_hour": "３"}, "points_per_hour"),
        ({"daily_minutes_max": 0}, "daily_minutes_max"),
        ({"daily_minutes_max": 1_441}, "daily_minutes_max"),
        ({"points_by_provenance": ["guessed"]}, "points_by_provenance"),
        ({"points_by_provenance": "self_scanned"}, "points_by_provenance"),
        ({"points_by_provenance": [[]]}, "points_by_provenance"),
        ({"points_per_hour_by_category": {"cooking": 1}}, "points_per_hour_by_category"),
        ({"points_per_hour_by_category": {"safety": 99}}, "safety"),
        ({"points_per_hour_by_category": []}, "points_per_hour_by_category"),
        ({"bonus": 1}, "bonus"),
    ],
)
def test_a_wrong_rule_names_its_field(change: dict[str, Any], field: str) -> None:
    document = {**FIRST_RULE.document(), **change}

    with pytest.raises(WrongRule) as refused:
        read_rule(document)
    assert refused.value.details["field"] == field


def test_a_rule_is_an_object() -> None:
    with pytest.raises(WrongRule):
        read_rule([1, 2, 3])
