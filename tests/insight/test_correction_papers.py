"""Corrections, questions and second persons in a verified book."""

from datetime import date

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from ledger import clock
from ledger.database import Database
from ledger.journal import reverse
from tests.insight.story import DESK_DAY, Story
from tests.insight.test_verification import _codes, _named, _verified
from tests.service.world import World, local
from timebank.actors import Role
from timebank.people.models import Member
from timebank.service import corrections, disputes
from timebank.service.models import Attendance
from timebank.service.occasions import SlotPlan

LONG_DAY = date(2026, 11, 16)


def _correct(
    session: Session, world: World, row: Attendance, come: str | None, go: str | None
) -> None:
    day = LONG_DAY if row.member_id == world.alice.id else date(2026, 11, 9)
    made = corrections.propose(
        session,
        world.actor(world.bob, Role.LEADER),
        attendance_id=row.id,
        in_at=local(come, day) if come else None,
        out_at=local(go, day) if go else None,
        reason="签到表",
    )
    corrections.agree(session, world.desk, correction_id=made.id)


def _row(session: Session, member: Member) -> Attendance:
    return session.scalars(sa.select(Attendance).where(Attendance.member_id == member.id)).one()


@pytest.fixture
def corrected(story: Story, database: Database) -> Story:
    """Dora's row corrected twice, Charlie's taken back, a long day agreed to, questions asked."""
    world = story.world
    with database.begin() as session:
        world.session = session
        with clock.at(local("16:00", DESK_DAY)):
            dora, charlie = _row(session, world.dora), _row(session, world.charlie)
            disputes.ask(session, world.actor(world.dora), attendance_id=dora.id, text="不对")
            _correct(session, world, dora, "9:30", "10:30")
            _correct(session, world, dora, "9:00", "11:00")
            asked = disputes.ask(
                session, world.actor(world.charlie), attendance_id=charlie.id, text="还有"
            )
            disputes.explain(session, world.desk, dispute_id=asked.id, text="没有了")
            _correct(session, world, charlie, "9:00", "11:00")
        planned = world.plan(SlotPlan("08:00", "13:00", 5), on=LONG_DAY, title="看望老人")
        helper = world.add("黄秀兰")
        world.enrol(planned, helper)
        world.serve(helper, planned, "8:00", "13:00")
        for actor in (world.leader, world.desk):
            world.confirm(planned, world.mark(helper, planned), by=actor, at="14:00")
    return story


def test_a_corrected_book_is_whole(corrected: Story, database: Database) -> None:
    found = _verified(database)

    assert found.finding_count == 0, found
    assert corrected.kept_receipt_number == 1


DAMAGES = [
    ("UPDATE correction SET counted_minutes = counted_minutes - 1", "paper_differs"),
    ("UPDATE correction SET points = points + 1", "paper_differs"),
    ("UPDATE correction SET old_points = old_points + 1", "paper_differs"),
    ("UPDATE correction SET transaction_id = id", "correction_differs"),
    ("UPDATE correction SET reversal_id = id", "correction_differs"),
    ("UPDATE correction SET old_transaction_id = id", "correction_differs"),
    ("UPDATE correction SET member_id = id", "correction_differs"),
    ("UPDATE correction SET attendance_id = id", "correction_differs"),
    ("DELETE FROM correction", "reversal_without_paper"),
    ("UPDATE dispute SET correction_id = id WHERE state = 'corrected'", "dispute_differs"),
    ("UPDATE dispute SET attendance_id = id WHERE state = 'corrected'", "dispute_differs"),
    (
        "UPDATE attendance_agreement SET confirmed_by_id = attendance_id",
        "agreement_differs",
    ),
    (
        "UPDATE attendance SET confirmed_by_id = NULL WHERE id IN"
        " (SELECT attendance_id FROM attendance_agreement)",
        "agreement_differs",
    ),
    (
        "UPDATE attendance SET transaction_id = (SELECT reversal_id FROM correction"
        " ORDER BY decided_at DESC LIMIT 1) WHERE id = (SELECT attendance_id FROM correction"
        " ORDER BY decided_at DESC LIMIT 1)",
        "correction_differs",
    ),
]


def test_a_correction_and_its_entries_go_together(
    corrected: Story, database: Database, owner_database: Database
) -> None:
    named = {damage: _named(owner_database, damage) for damage, _ in DAMAGES}

    assert [(damage, code) for damage, code in DAMAGES if code not in named[damage]] == []
    assert _verified(database).finding_count == 0  # each damage stood alone
    assert corrected.kept_receipt_number == 1


def test_minutes_taken_back_without_two_people_are_named(
    story: Story, database: Database, owner_database: Database
) -> None:
    world = story.world
    with database.begin() as session:
        row = _row(session, world.dora)
        row_id, transaction_id = row.id, row.transaction_id
        assert transaction_id is not None
        reverse(
            session,
            world.community.community_id,
            transaction_id,
            reason="nothing",
            idempotency_key="back",
            actor="system:test",
            occurred_on=DESK_DAY,
            source="attendance:none",
        )
    with owner_database.engine.connect() as connection:
        connection.exec_driver_sql(
            "DROP TRIGGER attendance_posted_stays"
            + ("" if database.is_sqlite else " ON attendance")
        )
        connection.execute(
            sa.update(Attendance)
            .where(Attendance.id == row_id)
            .values(state="no_show", transaction_id=None)
        )
        connection.commit()

    assert "reversal_without_paper" in _codes(database)
