"""The whole story of an attendance, and the statement's lines of a corrected one."""

import pytest

from ledger import clock
from tests.service.test_corrections import LATER, _agree, _confirmed, _propose
from tests.service.world import World, local, make_world
from timebank.actors import Role
from timebank.codes import CodeKeys
from timebank.service import disputes, record
from timebank.service.correction_models import CorrectionState, DisputeState
from timebank.service.errors import NotHere
from timebank.service.models import Attendance, AttendanceState, Occasion
from timebank.service.occasions import SlotPlan
from timebank.service.record import Book
from timebank.service.trail import read_trail

pytestmark = pytest.mark.databases("sqlite")


@pytest.fixture
def served(world: World, occasion: Occasion) -> Attendance:
    """Charlie's confirmed row: 150 minutes, 5 points."""
    return _confirmed(world, occasion, world.charlie)


def test_a_trail_names_everybody_and_every_moment(world: World, served: Attendance) -> None:
    with clock.at(local("9:00", LATER)):
        disputes.ask(
            world.session, world.actor(world.charlie), attendance_id=served.id, text="不对"
        )
    _agree(world, _propose(world, served))

    trail = read_trail(world.session, world.actor(world.charlie), attendance_id=served.id)

    assert (trail.site.name, trail.occasion.title) == ("幸福路菜市场", "菜市场环境巡查")
    assert [scan.scanned_at for scan in trail.scans] == [local("8:58"), local("11:34")]
    assert [scan.scanned_by_id for scan in trail.scans] == [None, None]
    assert trail.name(trail.row.confirmed_by_id) == "蒙小燕"
    (correction,) = trail.corrections
    assert (trail.name(correction.proposed_by_id), trail.name(correction.decided_by_id)) == (
        "覃志远",
        "蒙小燕",
    )
    assert correction.state is CorrectionState.AGREED
    assert [each.state for each in trail.disputes] == [DisputeState.CORRECTED]
    assert trail.reason is not None
    assert trail.reason["points"] == 2
    assert (trail.is_own, trail.open_dispute, trail.open_correction) == (True, None, None)


def test_a_long_day_names_who_agreed(world: World) -> None:
    planned = world.plan(SlotPlan("08:00", "14:00", 5))
    world.enrol(planned, world.charlie)
    world.serve(world.charlie, planned, "8:00", "14:00")
    for actor in (world.leader, world.desk):
        world.confirm(planned, world.mark(world.charlie, planned), by=actor, at="15:00")

    row = world.row(world.charlie, planned)
    trail = read_trail(world.session, world.leader, attendance_id=row.id)

    assert trail.agreement is not None
    assert trail.name(trail.row.confirmed_by_id) == "覃志远"
    assert trail.name(trail.agreement.agreed_by_id) == "蒙小燕"


def test_only_the_member_and_those_who_may_see_records_read_a_trail(
    world: World, served: Attendance, keys: CodeKeys
) -> None:
    for reader in (
        world.desk,
        world.leader,
        world.actor(world.dora, Role.AUDITOR),
        world.actor(world.charlie),
    ):
        found = read_trail(world.session, reader, attendance_id=served.id)
        assert found.member.id == world.charlie.id
    strangers = [
        world.actor(world.dora),
        world.actor(world.dora, Role.CLERK),
        make_world(world.session, keys, code="A").desk,
    ]
    for stranger in strangers:
        with pytest.raises(NotHere):
            read_trail(world.session, stranger, attendance_id=served.id)


def test_every_line_of_a_corrected_row_says_what_it_said_then(
    world: World, served: Attendance
) -> None:
    _agree(world, _propose(world, served, "9:00", "10:00"))
    _agree(world, _propose(world, served, "9:00", "10:30"))

    page = record.statement(world.session, world.actor(world.charlie), book=Book.TIME)

    said = {
        line.amount_minor: line.evidence.stay.counted_minutes
        if line.evidence and line.evidence.stay
        else None
        for line in page.lines
    }
    assert said == {150: 150, 60: 60, 90: 90, -150: None, -60: None}
    assert all(line.evidence and line.evidence.correction for line in page.lines)
    assert page.closing_minor == 90
    assert served.state is AttendanceState.POSTED
