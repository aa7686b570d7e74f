"""Devices that tell at the same moment: one stay, one place, one answer for one scan."""

from datetime import datetime

import pytest
from sqlalchemy import func, select

from ledger import clock
from ledger.database import Database
from tests.service.offline import CAME, queued
from tests.service.test_races import _at_once
from tests.service.world import World, local, make_world
from timebank.actors import Actor, Role
from timebank.codes import CodeKeys
from timebank.service import review, sync
from timebank.service.decide import Effect, Status
from timebank.service.errors import AlreadyReviewed
from timebank.service.models import Attendance, AttendanceState, Occasion, Slot
from timebank.service.occasions import SlotPlan
from timebank.service.offline_models import OfflineReview, OfflineScan, Outcome
from timebank.service.offline_outcome import DeviceDecision, QueuedScan

BACK = local("13:00")
JOINED = DeviceDecision(Status.OK, Effect.JOIN)
THREADS = 8


@pytest.fixture
def scene(database: Database, keys: CodeKeys) -> tuple[World, Occasion]:
    """Committed, so that every thread sees it: Charlie is on the list of a day with two places."""
    with database.begin() as session:
        world = make_world(session, keys)
        occasion = world.plan(SlotPlan("09:00", "11:30", 2))
        world.enrol(occasion, world.charlie)
        session.flush()
        session.expunge_all()
    return world, occasion


def _tell(database: Database, actor: Actor, *scans: QueuedScan) -> list[Outcome]:
    with clock.at(BACK), database.begin() as session:
        told = sync.tell(session, actor, device="tablet", sent_at=BACK, scans=scans)
        return [each.scan.outcome for each in told]


def _in_at(database: Database, world: World) -> list[datetime | None]:
    with database.reading() as session:
        query = select(Attendance.in_at).where(Attendance.member_id == world.charlie.id)
        return list(session.scalars(query))


def test_one_scan_told_eight_times_is_one(
    database: Database, scene: tuple[World, Occasion]
) -> None:
    world, occasion = scene
    scan, leader = queued(occasion, world.charlie, local("8:58"), CAME), world.leader

    answers = _at_once(lambda _: _tell(database, leader, scan), THREADS)

    assert answers == [[Outcome.ACCEPTED]] * THREADS
    with database.reading() as session:
        assert session.scalar(select(func.count()).select_from(OfflineScan)) == 1


def test_of_eight_devices_the_earliest_counts(
    database: Database, scene: tuple[World, Occasion]
) -> None:
    world, occasion = scene
    leader = world.leader
    scans = [queued(occasion, world.charlie, local(f"9:0{minute}")) for minute in range(THREADS)]

    answers = _at_once(lambda number: _tell(database, leader, scans[number]), THREADS)

    assert Outcome.REVIEW not in [each[0] for each in answers if isinstance(each, list)]
    assert _in_at(database, world) == [local("9:00")]


def test_the_last_place_is_given_once(database: Database, scene: tuple[World, Occasion]) -> None:
    world, occasion = scene
    leader = world.leader
    with database.begin() as session:
        world.session = session
        people = [world.add(f"队员{number}") for number in range(THREADS)]
        session.flush()
        session.expunge_all()
    scans = [queued(occasion, person, local("9:00"), JOINED) for person in people]

    answers = _at_once(lambda number: _tell(database, leader, scans[number]), THREADS)

    assert answers.count([Outcome.ACCEPTED]) == 1
    assert answers.count([Outcome.REVIEW]) == THREADS - 1
    with database.reading() as session:
        slot = session.scalars(select(Slot).where(Slot.occasion_id == occasion.id)).one()
        here = select(func.count()).where(Attendance.state == AttendanceState.IN)
        assert (slot.enrolled_count, session.scalar(here)) == (2, 1)


def test_two_who_decide_at_once_decide_once(
    database: Database, scene: tuple[World, Occasion]
) -> None:
    world, occasion = scene
    leader = world.leader
    desk = world.actor(world.alice, Role.SOCIAL_WORKER)
    _tell(database, leader, queued(occasion, world.charlie, local("8:58"), snapshot_at=None))
    with database.reading() as session:
        scan_id = session.scalars(select(OfflineScan.id)).one()

    def decide(number: int) -> object:
        with clock.at(BACK), database.begin() as session:
            actor = (leader, desk)[number % 2]
            review.dismiss(session, actor, scan_id=scan_id, reason="认错人")
            return "dismissed"

    answers = _at_once(decide, THREADS)

    assert answers.count("dismissed") == 1
    assert sum(isinstance(answer, AlreadyReviewed) for answer in answers) == THREADS - 1
    with database.reading() as session:
        assert session.scalar(select(func.count()).select_from(OfflineReview)) == 1
