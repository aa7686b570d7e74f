"""Points rules in a verified book: two people behind each, every award worked out once more."""

from dataclasses import replace
from datetime import date

import pytest
import sqlalchemy as sa

from ledger import clock
from ledger.database import Database
from tests.insight.story import Story
from tests.insight.test_verification import _codes, _named, _verified
from tests.service.world import World, local, make_world
from timebank.codes import CodeKeys
from timebank.rewards import points
from timebank.rewards.models import PointsAward
from timebank.rewards.windows import Window
from timebank.service import corrections
from timebank.service.occasions import SlotPlan

DAY = date(2026, 11, 10)


@pytest.fixture
def awarded(database: Database, keys: CodeKeys) -> World:
    """Charlie and Dora serve by a second version, at two times of one day; one is corrected."""
    rule = replace(
        points.FIRST_RULE,
        windows=(Window("10:00", "12:00", 150),),
        daily_points_max=7,
        monthly_points_max=40,
    )
    with database.begin() as session:
        world = make_world(session, keys)
        with clock.at(local("9:00", date(2026, 11, 1))):
            world.release(date(2026, 11, 2), rule)
        for begin, end, come, go in (
            ("09:00", "11:30", "8:58", "11:34"),
            ("13:00", "15:00", "13:00", "15:00"),
        ):
            occasion = world.plan(SlotPlan(begin, end, 5), on=DAY)
            world.enrol(occasion, world.charlie, world.dora)
            world.serve(world.charlie, occasion, come, go)
            world.serve(world.dora, occasion, come, go)
            marks = [world.mark(member, occasion) for member in (world.charlie, world.dora)]
            for actor in (world.leader, world.desk):
                world.confirm(occasion, *marks, by=actor, at="16:00")
        with clock.at(local("17:00", DAY)):
            made = corrections.propose(
                session,
                world.leader,
                attendance_id=world.row(world.dora, occasion).id,
                in_at=local("13:00", DAY),
                out_at=local("14:10", DAY),
                reason="签到表",
            )
            corrections.agree(session, world.desk, correction_id=made.id)
    return world


DAMAGES = [
    (
        "UPDATE points_policy SET rule = (SELECT rule FROM points_policy WHERE version = 1)",
        "paper_differs",
    ),
    ("UPDATE points_policy SET starts_on = '2026-11-03' WHERE version = 2", "policy_differs"),
    ("DELETE FROM policy_proposal", "policy_differs"),
    ("UPDATE policy_proposal SET decided_by_id = id", "policy_differs"),
    ("UPDATE policy_proposal SET state = 'withdrawn', policy_version = NULL", "policy_differs"),
    ("DELETE FROM points_award", "paper_differs"),
    (
        "UPDATE points_award SET transaction_id = community_id WHERE transaction_id ="
        " (SELECT transaction_id FROM attendance LIMIT 1)",
        "paper_differs",
    ),
    ("UPDATE attendance SET counted_minutes = 700", "cap_exceeded"),
    ("UPDATE attendance SET points = 7", "cap_exceeded"),
]


def test_a_book_with_windows_and_caps_is_whole(awarded: World, database: Database) -> None:
    found = _verified(database)

    with database.reading() as session:
        reasons = session.scalars(sa.select(PointsAward.reason)).all()
    assert not [each for book in found.books for each in book.findings], found
    said = sorted((each["points"], each["limit"]) for each in reasons)
    assert said[3:] == [(6, None)] * 2  # 60 + 90 × 1.5 minutes
    assert said[:3] == [(1, "daily_points_max")] * 3
    assert awarded.community.code == "D"


def test_a_rule_and_its_awards_go_together(
    awarded: World, database: Database, owner_database: Database
) -> None:
    named = {damage: _named(owner_database, damage) for damage, _ in DAMAGES}

    assert [(damage, code) for damage, code in DAMAGES if code not in named[damage]] == []
    assert not _codes(database)  # each damage stood alone
    assert awarded.community.code == "D"


def test_entries_from_before_reasons_were_kept_are_right(
    story: Story, owner_database: Database
) -> None:
    assert _named(owner_database, "DELETE FROM points_award") == set()
    assert story.kept_receipt_number == 1
