"""Many at once, on both databases: each rule holds whoever is faster."""

import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from uuid import UUID

import pytest
import sqlalchemy as sa
from sqlalchemy import func, select

from ledger import clock
from ledger.database import Database
from ledger.errors import Refusal
from ledger.schema import Transaction
from tests.service.world import SIGN_UP_TIME, World, local, make_world
from timebank.actors import Actor, Role
from timebank.codes import CodeKeys
from timebank.service import checkin, signup
from timebank.service.answers import Answer
from timebank.service.attendance import Mark, RowMark, confirm
from timebank.service.checkin import Press
from timebank.service.decide import Effect, Intent, Status
from timebank.service.models import Attendance, Occasion, ScanEvent, Slot
from timebank.service.occasions import SlotPlan

THREADS = 16
REPLAYS = 1_000


def _at_once(work: Callable[[int], object], count: int = THREADS) -> list[object]:
    """Start `count` threads at one moment; a refusal is an answer."""
    barrier = Barrier(count)

    def run(number: int) -> object:
        barrier.wait()
        try:
            return work(number)
        except Refusal as refusal:
            return refusal

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(run, range(count)))


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


def _count(database: Database, table: type, *conditions: sa.ColumnElement[bool]) -> int:
    with database.reading() as session:
        query = select(func.count()).select_from(table).where(*conditions)
        return session.scalar(query) or 0


def _press(
    database: Database, world: World, occasion: Occasion, actor: Actor, press: Press
) -> Answer:
    with clock.at(local("9:00")), database.begin() as session:
        ticket = world.ticket(occasion)
        return checkin.check_in(session, actor, world.keys, ticket=ticket, press=press)


def test_one_nonce_sixteen_times_is_one_check_in(
    database: Database, scene: tuple[World, Occasion]
) -> None:
    world, occasion = scene
    actor = world.actor(world.charlie)
    press = Press("one-and-the-same", Intent.IN)

    answers = _at_once(lambda _: _press(database, world, occasion, actor, press))

    statuses = sorted(answer.status for answer in answers if isinstance(answer, Answer))
    assert statuses == [Status.OK] + [Status.REPLAY] * (THREADS - 1)
    assert _count(database, ScanEvent) == 1
    assert _count(database, Attendance) == 1


def test_a_thousand_replays_of_one_nonce_change_nothing(
    database: Database, scene: tuple[World, Occasion]
) -> None:
    world, occasion = scene
    actor, press = world.actor(world.charlie), Press("one-and-the-same", Intent.IN)
    with clock.at(local("9:00")):
        ticket = world.ticket(occasion)

    def replay(_: int) -> list[Answer]:
        given = []
        for _ in range(REPLAYS // 8):
            with clock.at(local("9:00")), database.begin() as session:
                given.append(
                    checkin.check_in(session, actor, world.keys, ticket=ticket, press=press)
                )
        return given

    answers = [each for given in _at_once(replay, 8) for each in given]  # type: ignore[attr-defined]

    assert len(answers) == REPLAYS
    assert [each.status for each in answers].count(Status.OK) == 1
    assert {(each.effect, each.details["since"]) for each in answers} == {(Effect.CHECK_IN, "9:00")}
    assert _count(database, ScanEvent) == 1
    assert _count(database, Attendance) == 1


def test_sixteen_nonces_are_one_check_in(database: Database, scene: tuple[World, Occasion]) -> None:
    world, occasion = scene
    actor = world.actor(world.charlie)

    answers = _at_once(
        lambda _: _press(database, world, occasion, actor, Press(secrets.token_hex(8), Intent.IN))
    )

    effects = [answer.effect for answer in answers if isinstance(answer, Answer)]
    assert effects.count(Effect.CHECK_IN) == 1
    assert effects.count(Effect.NONE) == THREADS - 1
    assert _count(database, ScanEvent) == THREADS


def test_walk_ins_never_pass_the_capacity(
    database: Database, scene: tuple[World, Occasion]
) -> None:
    world, occasion = scene
    with database.begin() as session:
        world.session = session
        people = [world.actor(world.add(f"路人{number}")) for number in range(THREADS)]

    answers = _at_once(
        lambda number: _press(
            database,
            world,
            occasion,
            people[number],
            Press(secrets.token_hex(8), is_joining=True),
        )
    )

    statuses = [answer.status for answer in answers if isinstance(answer, Answer)]
    assert statuses.count(Status.REVIEW) == 1
    assert statuses.count(Status.REFUSED) == THREADS - 1
    assert _count(database, Slot, Slot.enrolled_count == 2) == 1


def test_the_last_place_goes_to_one(database: Database, scene: tuple[World, Occasion]) -> None:
    world, occasion = scene
    with database.begin() as session:
        world.session = session
        people = [world.actor(world.add(f"路人{number}")) for number in range(THREADS)]
        slot_id: UUID = world.slot(occasion).id

    def work(number: int) -> object:
        with clock.at(SIGN_UP_TIME), database.begin() as session:
            return signup.sign_up(session, people[number], slot_id=slot_id).id

    answers = _at_once(work)

    assert len([answer for answer in answers if isinstance(answer, UUID)]) == 1
    assert _count(database, Attendance) == 2


def test_two_leaders_confirm_one_list_once(
    database: Database, scene: tuple[World, Occasion]
) -> None:
    world, occasion = scene
    with database.begin() as session:
        world.session = session
        world.serve(world.charlie, occasion)
        row_id = world.row(world.charlie, occasion).id
    leaders = [world.actor(world.bob, Role.LEADER), world.actor(world.alice, Role.SOCIAL_WORKER)]

    def work(number: int) -> object:
        with clock.at(local("12:10")), database.begin() as session:
            mark = RowMark(row_id, Mark.PRESENT)
            done = confirm(session, leaders[number % 2], occasion_id=occasion.id, marks=[mark])
            return done.minutes, done.points

    answers = _at_once(work, 8)

    assert answers == [(150, 5)] * 8
    assert _count(database, Transaction) == 1


def test_a_scan_is_never_changed(
    database: Database, owner_database: Database, scene: tuple[World, Occasion]
) -> None:
    world, occasion = scene
    press = Press("one-and-the-same", Intent.IN)
    _press(database, world, occasion, world.actor(world.charlie), press)

    for statement in (
        "UPDATE scan_event SET status = 'refused'",
        "DELETE FROM scan_event",
        "UPDATE points_policy SET starts_on = '2020-01-01'",
        "DELETE FROM points_policy",
    ):
        with pytest.raises(sa.exc.DBAPIError, match="kept"), owner_database.begin() as session:
            session.execute(sa.text(statement))
