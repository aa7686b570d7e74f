"""Flags for the leader's eye: shared phones, many at once; and the leader's look itself."""

import secrets
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa
from sqlalchemy import func, select

from ledger import clock
from ledger.database import Database
from ledger.errors import NotAllowed
from tests.service.world import World, local, make_world
from timebank.actors import Role
from timebank.codes import STEP_SECONDS
from timebank.people.models import Member
from timebank.service import checkin, rows
from timebank.service.checkin import Press
from timebank.service.decide import Intent, Status
from timebank.service.errors import NotCome, NotHere, OwnRow
from timebank.service.flags import BURST_SCANS_MAX, Flag, SelfScan, device_mark, find_flags
from timebank.service.models import Attendance, AttendanceState, Occasion, ScanEvent, Sighting
from timebank.service.roster import roster
from timebank.service.trail import read_trail

pytestmark = pytest.mark.databases("sqlite")

SHARED, BURST = (Flag.DEVICE_SHARED,), (Flag.BURST,)
STEP = datetime.fromtimestamp(local("9:00").timestamp() // STEP_SECONDS * STEP_SECONDS).astimezone()


def _came(mark: str = "", seconds: float = 0, *, is_leaving: bool = False) -> SelfScan:
    return SelfScan(uuid4(), mark, STEP + timedelta(seconds=seconds), is_leaving)


# ---------------------------------------------------------------- what the scans say


def test_two_on_one_phone_are_both_flagged_and_one_twice_is_not() -> None:
    first, second, alone = _came("a"), _came("a", 900), _came("b")
    again = SelfScan(alone.member_id, "b", alone.scanned_at + timedelta(hours=1), is_leaving=True)
    unknown = [_came(), _came()]

    found = find_flags([first, second, alone, again, *unknown])

    assert found == {first.member_id: SHARED, second.member_id: SHARED}


@pytest.mark.parametrize(
    ("count", "seconds", "is_leaving", "flagged"),
    [
        (BURST_SCANS_MAX, 29, False, 0),
        (BURST_SCANS_MAX + 1, 29, False, BURST_SCANS_MAX + 1),
        (BURST_SCANS_MAX + 1, 30, False, 0),
        (BURST_SCANS_MAX + 1, 29, True, 0),
    ],
)
def test_more_than_can_stand_before_a_screen_are_a_burst(
    count: int, seconds: int, is_leaving: bool, flagged: int
) -> None:
    scans = [_came(is_leaving=is_leaving) for _ in range(count - 1)]
    scans.append(_came(seconds=seconds, is_leaving=is_leaving))

    found = find_flags(scans)

    assert list(found.values()) == [BURST] * flagged


def test_a_device_has_another_mark_at_every_occasion() -> None:
    here, there = uuid4(), uuid4()

    marks = {device_mark("a phone", here), device_mark("a phone", there)}

    assert len(marks) == 2
    assert device_mark("a phone", here) in marks
    assert not any("phone" in mark for mark in marks)
    assert device_mark("", here) == device_mark("a phone", None) == ""


# ---------------------------------------------------------------- on the list and in the story


def _press(world: World, member: Member, occasion: Occasion, device: str) -> Status:
    press = Press(secrets.token_hex(8), Intent.IN, device=device)
    return checkin.check_in(
        world.session,
        world.actor(member),
        world.keys,
        ticket=world.ticket(occasion),
        press=press,
    ).status


def _flags(world: World, occasion: Occasion) -> dict[UUID, tuple[Flag, ...]]:
    found = roster(world.session, world.leader, occasion.id).rows
    return {each.member.id: each.flags for each in found}


def test_a_shared_phone_is_flagged_in_list_and_story_and_changes_nothing(
    world: World, occasion: Occasion
) -> None:
    world.enrol(occasion, world.dora)
    with clock.at(local("8:58")):
        statuses = [_press(world, each, occasion, "one") for each in (world.charlie, world.dora)]

    assert statuses == [Status.OK, Status.OK]
    assert _flags(world, occasion) == {world.charlie.id: SHARED, world.dora.id: SHARED}
    with clock.at(local("11:34")):
        for each in (world.charlie, world.dora):
            world.press(each, occasion, Intent.OUT)
    marks = [world.mark(each, occasion) for each in (world.charlie, world.dora)]
    world.confirm(occasion, *marks)
    row = world.row(world.charlie, occasion)
    trail = read_trail(world.session, world.actor(world.charlie), attendance_id=row.id)
    assert (row.state, row.counted_minutes) == (AttendanceState.POSTED, 150)
    assert (world.points(world.charlie), trail.flags) == (5, SHARED)


def test_a_refused_scan_and_a_leaders_scan_share_no_phone(world: World, occasion: Occasion) -> None:
    world.enrol(occasion, world.bob)
    with clock.at(local("8:58")):
        _press(world, world.charlie, occasion, "one")
        assert _press(world, world.dora, occasion, "one") is Status.REFUSED
        press = Press(secrets.token_hex(8), Intent.IN, device="one")
        checkin.scan_for(
            world.session,
            world.leader,
            occasion_id=occasion.id,
            member_id=world.bob.id,
            press=press,
        )

    assert not any(_flags(world, occasion).values())


def test_a_burst_is_flagged_on_the_list(world: World) -> None:
    day = world.plan()
    day_slot = world.slot(day)
    day_slot.capacity = BURST_SCANS_MAX + 5
    people = [world.add(f"队员{number}") for number in range(BURST_SCANS_MAX + 1)]
    world.enrol(day, *people, world.charlie)
    with clock.at(STEP):
        for each in people:
            _press(world, each, day, "")
    with clock.at(STEP + timedelta(seconds=STEP_SECONDS)):
        _press(world, world.charlie, day, "")

    found = _flags(world, day)

    assert [found.pop(world.charlie.id), *found.values()] == [(), *[BURST] * len(people)]


# ---------------------------------------------------------------- the leader's look


def _here(world: World, occasion: Occasion) -> Attendance:
    with clock.at(local("8:58")):
        checkin.scan_for(
            world.session,
            world.leader,
            occasion_id=occasion.id,
            member_id=world.charlie.id,
            press=Press(secrets.token_hex(8), Intent.IN),
        )
    return world.row(world.charlie, occasion)


def test_a_look_is_kept_once_and_stands_in_the_story(world: World, occasion: Occasion) -> None:
    row = _here(world, occasion)
    before = roster(world.session, world.leader, occasion.id).rows[0]
    with clock.at(local("8:59")):
        first = rows.see(world.session, world.leader, attendance_id=row.id)
    with clock.at(local("9:30")):
        again = rows.see(world.session, world.desk, attendance_id=row.id)

    after = roster(world.session, world.leader, occasion.id).rows[0]
    trail = read_trail(world.session, world.actor(world.charlie), attendance_id=row.id)
    assert (before.wants_look, after.wants_look) == (True, False)
    assert first is again
    assert (first.seen_by_id, first.seen_at) == (world.bob.id, local("8:59"))
    assert trail.sighting is not None
    assert trail.name(trail.sighting.seen_by_id) == "覃志远"
    assert world.row(world.charlie, occasion).state is AttendanceState.IN


def test_who_scanned_in_person_needs_no_look(world: World, occasion: Occasion) -> None:
    with clock.at(local("8:58")):
        _press(world, world.charlie, occasion, "one")

    assert not roster(world.session, world.leader, occasion.id).rows[0].wants_look


def test_nobody_sees_themselves_a_stranger_or_who_has_not_come(
    world: World, occasion: Occasion
) -> None:
    enrolled = world.row(world.charlie, occasion)
    with pytest.raises(NotCome):
        rows.see(world.session, world.leader, attendance_id=enrolled.id)
    row = _here(world, occasion)
    other = make_world(world.session, world.keys, "A")

    own = world.actor(world.charlie, Role.LEADER)
    with pytest.raises(OwnRow):
        rows.see(world.session, own, attendance_id=row.id)
    with pytest.raises(NotAllowed):
        rows.see(world.session, world.actor(world.dora), attendance_id=row.id)
    with pytest.raises(NotHere):
        rows.see(other.session, other.leader, attendance_id=row.id)


@pytest.mark.databases("sqlite", "postgresql")
def test_the_database_keeps_a_look_and_refuses_ones_own(
    world: World, occasion: Occasion, database: Database
) -> None:
    row = _here(world, occasion)
    own = sa.insert(Sighting).values(
        community_id=row.community_id,
        attendance_id=row.id,
        member_id=row.member_id,
        seen_by_id=row.member_id,
        seen_at=local("9:00"),
    )
    with pytest.raises(sa.exc.IntegrityError), world.session.begin_nested():
        world.session.execute(own)
    rows.see(world.session, world.leader, attendance_id=row.id)

    for statement in ("UPDATE sighting SET seen_at = seen_at", "DELETE FROM sighting"):
        with pytest.raises(sa.exc.DBAPIError), world.session.begin_nested():
            world.session.execute(sa.text(statement))
    assert world.session.scalar(select(func.count()).select_from(Sighting)) == 1
    assert world.session.scalar(select(func.count()).select_from(ScanEvent)) == 1
