"""Two at once about points rules: one version a day, one room under a cap."""

from dataclasses import replace
from datetime import date

import sqlalchemy as sa

from ledger import clock
from ledger.database import Database
from tests.service.test_races import _at_once
from tests.service.world import SERVICE_DAY, local, make_world
from timebank.actors import Role
from timebank.codes import CodeKeys
from timebank.rewards import points, proposals
from timebank.rewards.models import PointsPolicy
from timebank.rewards.points import PolicyTooEarly
from timebank.service.attendance import Mark, RowMark, confirm
from timebank.service.models import Attendance
from timebank.service.occasions import SlotPlan

THREADS = 6
RULE_DAY = local("10:00", date(2026, 11, 1))


def test_of_two_rules_for_one_day_one_is_released_whoever_is_faster(
    database: Database, keys: CodeKeys
) -> None:
    with database.begin() as session, clock.at(RULE_DAY):
        world = make_world(session, keys)
        proposal_ids = [
            proposals.propose(
                session, world.desk, starts_on=SERVICE_DAY, rule=replace(points.FIRST_RULE)
            ).id
            for _ in range(2)
        ]
        administrator = world.actor(world.bob, Role.ADMINISTRATOR)

    def release(number: int) -> object:
        with clock.at(RULE_DAY), database.begin() as session:
            made = proposals.release(session, administrator, proposal_id=proposal_ids[number % 2])
            return made.policy_version

    answers = _at_once(release, THREADS)

    with database.reading() as session:
        versions = session.scalars(sa.select(PointsPolicy.version)).all()
    assert sorted(versions) == [1, 2]
    assert answers.count(2) == THREADS // 2
    assert sum(isinstance(each, PolicyTooEarly) for each in answers) == THREADS // 2


def test_two_lists_of_one_day_share_the_room_under_a_cap(
    database: Database, keys: CodeKeys
) -> None:
    rule = replace(points.FIRST_RULE, daily_points_max=5)
    with database.begin() as session:
        world = make_world(session, keys, rule=rule)
        marks = []
        for begin, end, come, go in (
            ("08:00", "10:00", "8:00", "10:00"),
            ("10:00", "12:00", "10:00", "12:00"),
        ):
            occasion = world.plan(SlotPlan(begin, end, 5))
            world.enrol(occasion, world.charlie)
            world.serve(world.charlie, occasion, come, go)
            row_id = world.row(world.charlie, occasion).id
            marks.append((occasion.id, [RowMark(row_id, Mark.PRESENT)]))
        leader = world.leader

    def settle(number: int) -> object:
        occasion_id, marked = marks[number % 2]
        with clock.at(local("12:30")), database.begin() as session:
            return confirm(session, leader, occasion_id=occasion_id, marks=marked).points

    answers = _at_once(settle, THREADS)

    with database.reading() as session:
        rows = session.scalars(sa.select(Attendance.points)).all()
    assert sorted(rows, key=str) == [1, 4]
    assert len(answers) == THREADS
