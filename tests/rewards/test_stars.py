from datetime import date

import pytest
from sqlalchemy.orm import Session

from tests.rewards.world import THRESHOLDS, World, make_world
from timebank.actors import Role
from timebank.errors import NotAllowed
from timebank.rewards import errors
from timebank.rewards.stars import release_star_rule, star_rule_in_force, star_rules, stars_for


@pytest.mark.parametrize(
    ("minutes", "stars"),
    [
        (0, 0),
        (5_999, 0),
        (6_000, 1),
        (17_999, 1),
        (18_000, 2),
        (89_999, 4),
        (90_000, 5),
        (10**6, 5),
    ],
)
def test_a_threshold_exactly_reached_counts(minutes: int, stars: int) -> None:
    assert stars_for(minutes, THRESHOLDS) == stars


def test_the_table_in_force_is_the_newest_that_has_started(world: World) -> None:
    release_star_rule(
        world.session, world.desk, thresholds_minutes=(600, 1_200), starts_on=date(2026, 12, 1)
    )

    before = star_rule_in_force(world.session, world.id, date(2026, 11, 30))
    after = star_rule_in_force(world.session, world.id, date(2026, 12, 1))

    assert (before.version, before.thresholds) == (1, list(THRESHOLDS))
    assert (after.version, after.thresholds) == (2, [600, 1_200])
    assert [rule.version for rule in star_rules(world.session, world.id)] == [2, 1]


def test_before_the_first_table_there_is_none(world: World) -> None:
    with pytest.raises(errors.NoStarRule) as refused:
        star_rule_in_force(world.session, world.id, date(2025, 12, 31))

    assert refused.value.details == {"on": "2025-12-31"}


def test_a_table_starts_today_at_the_earliest(world: World) -> None:
    with pytest.raises(errors.WrongRuleStart):
        release_star_rule(world.session, world.desk, starts_on=date(2026, 11, 19))

    assert release_star_rule(world.session, world.desk).starts_on == date(2026, 11, 20)


def test_two_tables_never_start_on_one_day_nor_backwards(world: World) -> None:
    release_star_rule(world.session, world.desk, starts_on=date(2026, 12, 1))

    for day in (date(2026, 12, 1), date(2026, 11, 30)):
        with pytest.raises(errors.RuleStartTaken):
            release_star_rule(world.session, world.desk, starts_on=day)


@pytest.mark.parametrize(
    "thresholds",
    [(), (0,), (-1,), (600, 600), (1_200, 600), (1, 2, 3, 4, 5, 6), (6_000_001,)],
)
def test_a_table_is_one_to_five_rising_numbers(world: World, thresholds: tuple[int, ...]) -> None:
    with pytest.raises(errors.WrongThresholds):
        release_star_rule(world.session, world.desk, thresholds_minutes=thresholds)


def test_a_table_of_one_and_of_five_is_fine(world: World) -> None:
    one = release_star_rule(world.session, world.desk, thresholds_minutes=(6_000_000,))

    five = release_star_rule(
        world.session,
        world.desk,
        thresholds_minutes=(1, 2, 3, 4, 5),
        starts_on=date(2026, 11, 21),
    )

    assert (one.version, five.version) == (2, 3)


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize(
    "role", [Role.VOLUNTEER, Role.LEADER, Role.CLERK, Role.AUDITOR, Role.ADMINISTRATOR]
)
def test_only_a_social_worker_releases_a_table(world: World, role: Role) -> None:
    with pytest.raises(NotAllowed):
        release_star_rule(world.session, world.actor(world.bob, role))


def test_each_community_has_its_own_tables(world: World, session: Session) -> None:
    other = make_world(session, code="A")
    release_star_rule(session, world.desk, thresholds_minutes=(600,))

    assert [rule.version for rule in star_rules(session, other.id)] == [1]
    assert [rule.version for rule in star_rules(session, world.id)] == [2, 1]
