"""The preview of a points rule: it says what the rule then really gives."""

from collections import defaultdict
from datetime import date, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger import clock
from ledger.database import Database
from ledger.errors import NotAllowed
from tests.rewards.test_awards import rules
from tests.service.world import World, local, make_world
from timebank.actors import Actor
from timebank.codes import CodeKeys
from timebank.contributions import Category
from timebank.people.models import Member
from timebank.rewards.rules import FIRST_RULE, Rule, read_rule
from timebank.service import rows
from timebank.service.attendance import Mark, RowMark, confirm
from timebank.service.models import Attendance
from timebank.service.occasions import SlotPlan
from timebank.service.preview import MonthNotOver, preview

DAYS = [date(2026, 11, 2), date(2026, 11, 3), date(2026, 11, 30)]
AFTERWARDS = local("9:00", date(2026, 12, 5))
NIGHT = {"begin": "10:00", "end": "13:00", "factor": 250}

stays = st.lists(
    st.tuples(
        st.sampled_from(DAYS),
        st.sampled_from(list(Category)),
        st.integers(0, 1),  # who
        st.integers(0, 120),  # minutes late
        st.integers(1, 170),  # minutes there
    ),
    min_size=3,
    max_size=5,
)


def _serve_all(world: World, drawn: list[Any]) -> None:
    """Let two members serve, each stay after the other, written by Bob and confirmed by Alice."""
    people = [world.charlie, world.dora]
    for at, (day, category, who, late, there) in enumerate(drawn):
        begin = f"{6 + 3 * at:02d}:00"
        slot = SlotPlan(begin, f"{8 + 3 * at:02d}:59", 5)
        occasion = world.plan(slot, on=day, category=category)
        come = local(begin, day) + timedelta(minutes=late)
        go = min(come + timedelta(minutes=there), world.slot(occasion).ends_at)
        with clock.at(local("23:00", day) + timedelta(minutes=at)):
            row = rows.back_fill(
                world.session,
                world.leader,
                slot_id=world.slot(occasion).id,
                member_id=people[who].id,
                in_at=come,
                out_at=go,
            )
            marks = [RowMark(row.id, Mark.PRESENT)]
            confirm(world.session, world.desk, occasion_id=occasion.id, marks=marks)


def _by_name(world: World) -> dict[str, tuple[int, int]]:
    """Return what each member was really given: points and minutes."""
    found = world.session.execute(
        sa.select(Member.name, Attendance.points, Attendance.counted_minutes)
        .join(Member, Member.id == Attendance.member_id)
        .where(Attendance.community_id == world.community.community_id)
    )
    given: dict[str, tuple[int, int]] = defaultdict(lambda: (0, 0))
    for name, awarded, minutes in found:
        given[name] = (given[name][0] + (awarded or 0), given[name][1] + (minutes or 0))
    return dict(given)


@pytest.mark.databases("sqlite")
@settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(rule=rules, in_force=rules, drawn=stays)
def test_a_preview_equals_what_the_rule_then_gives(
    database: Database, keys: CodeKeys, rule: Rule, in_force: Rule, drawn: list[Any]
) -> None:
    with database.begin() as work:
        worlds = []
        for code, released in (("D", in_force), ("E", rule)):
            world = make_world(work, keys, code, rule=_without_places(released))
            _serve_all(world, drawn)
            worlds.append(world)
        with clock.at(AFTERWARDS):
            tried = preview(work, worlds[0].desk, rule=_without_places(rule), month=DAYS[0])
        before, really = (_by_name(world) for world in worlds)
        work.rollback()

    assert {each.name: (each.points, each.minutes) for each in tried.changes} == really
    assert {each.name: (each.awarded_points, each.awarded_minutes) for each in tried.changes} == (
        before
    )
    assert tried.points == sum(awarded for awarded, _ in really.values())


def _without_places(rule: Rule) -> Rule:
    """Return the rule without sites, which have other ids in another community."""
    empty: dict[str, Any] = {
        name: {} for name in ("points_per_hour_by_place", "points_per_attendance_by_place")
    }
    return read_rule({**rule.document(), **empty, "factors_by_place": {}})


@pytest.mark.databases("sqlite")
def test_a_preview_says_who_gains_and_who_loses(world: World) -> None:
    drawn = [
        (DAYS[0], Category.SAFETY, 0, 0, 120),
        (DAYS[1], Category.OUTREACH, 1, 0, 120),
    ]
    _serve_all(world, drawn)
    rule = {
        **FIRST_RULE.document(),
        "points_by_provenance": ["back_filled"],
        "points_per_hour_by_category": {"outreach": 0},
    }
    with clock.at(AFTERWARDS):
        tried = preview(world.session, world.desk, rule=read_rule(rule), month=DAYS[0])

    changed = {each.name: each.difference for each in tried.changes}
    assert changed == {"韦桂芬": 4, "莫建国": 0}
    assert (tried.awarded_points, tried.points) == (0, 4)
    assert (tried.gainer_count, tried.loser_count, tried.stay_count) == (1, 0, 2)


@pytest.mark.databases("sqlite")
def test_a_preview_writes_nothing_and_looks_back_on_months_that_are_over(world: World) -> None:
    _serve_all(world, [(DAYS[0], Category.SAFETY, 0, 0, 60)])
    before = _by_name(world)
    with clock.at(AFTERWARDS):
        preview(world.session, world.desk, rule=FIRST_RULE, month=DAYS[0])
        for month in (date(2026, 12, 1), date(2027, 1, 1), date(2024, 11, 30)):
            with pytest.raises(MonthNotOver):
                preview(world.session, world.desk, rule=FIRST_RULE, month=month)
        with pytest.raises(NotAllowed):
            preview(world.session, world.leader, rule=FIRST_RULE, month=DAYS[0])

    assert not world.session.dirty
    assert _by_name(world) == before


def _statements(database: Database, actor: Actor) -> int:
    seen: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        seen.append(statement)

    sa.event.listen(database.engine, "before_cursor_execute", note)
    with database.reading() as session, clock.at(AFTERWARDS):
        preview(session, actor, rule=FIRST_RULE, month=DAYS[0])
    sa.event.remove(database.engine, "before_cursor_execute", note)
    return len(seen)


def test_a_preview_does_not_grow_with_stays(database: Database, keys: CodeKeys) -> None:
    with database.begin() as session:
        world = make_world(session, keys)
        _serve_all(world, [(DAYS[0], Category.SAFETY, 0, 0, 60)])
        desk = world.desk
    few = _statements(database, desk)
    with database.begin() as session:
        world.session = session
        _serve_all(
            world, [(day, Category.SAFETY, who, 0, 60) for day in DAYS[1:] for who in (0, 1)]
        )

    assert _statements(database, desk) == few


@pytest.mark.databases("sqlite")
def test_caps_of_day_month_and_all_are_kept_over_several_services(world: World) -> None:
    rule = read_rule(
        {
            **FIRST_RULE.document(),
            "points_by_provenance": ["back_filled"],
            "windows": [NIGHT],
            "daily_points_max": 5,
            "monthly_points_max": 8,
            "total_points_max": 9,
        }
    )
    with clock.at(local("9:00", date(2026, 10, 20))):
        world.release(DAYS[0], rule)

    _serve_all(
        world,
        [
            (DAYS[0], Category.SAFETY, 0, 0, 120),  # 4 of the day's 5
            (DAYS[0], Category.SAFETY, 0, 0, 120),  # 9:00–11:00: 2 + 5, room for 1
            (DAYS[1], Category.SAFETY, 0, 0, 120),  # 12:00–14:00: 5 + 2, room for 3 of the month
        ],
    )

    found = world.session.scalars(
        sa.select(Attendance.points)
        .where(Attendance.member_id == world.charlie.id)
        .order_by(Attendance.confirmed_at)
    ).all()
    assert found == [4, 1, 3]
    assert world.points(world.charlie) == 8
    assert world.minutes(world.charlie) == 360
