"""Many withdraw, wait and sign up at once: never above the capacity, one place to one, in order."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from uuid import UUID

import pytest
from sqlalchemy import func, select

from ledger import clock
from ledger.database import Database
from ledger.errors import Refusal
from tests.service.world import SIGN_UP_TIME, World, make_world
from timebank.actors import Actor
from timebank.codes import CodeKeys
from timebank.messages.models import Message, MessageKind
from timebank.service import changes, signup, waiting
from timebank.service.models import Attendance, AttendanceState, Occasion, Slot, Wait, WaitState
from timebank.service.occasions import SlotPlan

PEOPLE = 8


def _at_once(works: list[Callable[[], object]]) -> list[object]:
    """Start every piece of work at one moment; a refusal is an answer."""
    barrier = Barrier(len(works))

    def run(work: Callable[[], object]) -> object:
        barrier.wait()
        try:
            return work()
        except Refusal as refusal:
            return refusal

    with ThreadPoolExecutor(len(works)) as pool:
        return list(pool.map(run, works))


class Scene:
    """A slot with as many places as people on the list, and as many again who may wait."""

    def __init__(self, database: Database, keys: CodeKeys) -> None:
        self.database = database
        with database.begin() as session:
            world: World = make_world(session, keys)
            self.occasion: Occasion = world.plan(SlotPlan("09:00", "11:30", PEOPLE))
            self.listed = [world.actor(world.add(f"在册{number}")) for number in range(PEOPLE)]
            self.others = [world.actor(world.add(f"候补{number}")) for number in range(PEOPLE)]
            self.desk = world.desk
            self.slot_id: UUID = world.slot(self.occasion).id
            with clock.at(SIGN_UP_TIME):
                for actor in self.listed:
                    signup.sign_up(session, actor, slot_id=self.slot_id)
            session.expunge_all()

    def wait(self, actor: Actor) -> object:
        with clock.at(SIGN_UP_TIME), self.database.begin() as session:
            return waiting.wait(session, actor, slot_id=self.slot_id).place

    def withdraw(self, actor: Actor) -> object:
        with clock.at(SIGN_UP_TIME), self.database.begin() as session:
            return signup.withdraw(session, actor, occasion_id=self.occasion.id).state

    def sign_up(self, actor: Actor) -> object:
        with clock.at(SIGN_UP_TIME), self.database.begin() as session:
            return signup.sign_up(session, actor, slot_id=self.slot_id).state

    def enrolled(self) -> set[UUID]:
        with self.database.reading() as session:
            return set(
                session.scalars(
                    select(Attendance.member_id).where(Attendance.state == AttendanceState.ENROLLED)
                )
            )

    def taken_count(self) -> int:
        with self.database.reading() as session:
            return session.scalars(select(Slot.enrolled_count)).one()

    def waits(self) -> list[tuple[int, WaitState, UUID]]:
        with self.database.reading() as session:
            found = session.execute(
                select(Wait.place, Wait.state, Wait.member_id).order_by(Wait.place)
            )
            return [(place, state, member) for place, state, member in found]


@pytest.fixture
def scene(database: Database, keys: CodeKeys) -> Scene:
    return Scene(database, keys)


def test_all_who_ask_at_once_stand_in_one_line(scene: Scene) -> None:
    answers = _at_once([lambda who=who: scene.wait(who) for who in scene.others * 2])  # type: ignore[misc]

    assert {answer for answer in answers if isinstance(answer, int)} == set(range(1, PEOPLE + 1))
    assert [place for place, _, _ in scene.waits()] == list(range(1, PEOPLE + 1))


def test_places_that_come_free_at_once_go_to_the_first_in_line(scene: Scene) -> None:
    for who in scene.others:
        scene.wait(who)
    leaving = scene.listed[: PEOPLE // 2]

    answers = _at_once([lambda who=who: scene.withdraw(who) for who in leaving])  # type: ignore[misc]

    assert answers == [AttendanceState.WITHDRAWN] * len(leaving)
    placed = [member for _, state, member in scene.waits() if state is WaitState.PLACED]
    first = [who.member_id for who in scene.others[: len(leaving)]]
    assert placed == first
    assert scene.enrolled() == {who.member_id for who in scene.listed[len(leaving) :]} | set(first)
    assert scene.taken_count() == PEOPLE


def test_places_waits_and_sign_ups_at_once_never_pass_the_capacity(scene: Scene) -> None:
    for who in scene.others[: PEOPLE // 2]:
        scene.wait(who)
    late = scene.others[PEOPLE // 2 :]

    _at_once(
        [
            *(lambda who=who: scene.withdraw(who) for who in scene.listed[:4]),
            *(lambda who=who: scene.wait(who) for who in late),
            *(lambda who=who: scene.sign_up(who) for who in late),
        ]
    )

    assert len(scene.enrolled()) == scene.taken_count() <= PEOPLE
    first = {who.member_id for who in scene.others[: PEOPLE // 2]}
    assert first <= scene.enrolled()
    _nobody_is_skipped(scene)


def test_more_places_and_withdrawals_at_once_are_each_given_once(scene: Scene) -> None:
    for who in scene.others:
        scene.wait(who)

    def enlarge() -> object:
        with clock.at(SIGN_UP_TIME), scene.database.begin() as session:
            return changes.set_capacity(
                session, scene.desk, slot_id=scene.slot_id, capacity=PEOPLE + 2
            ).capacity

    _at_once([enlarge, *(lambda who=who: scene.withdraw(who) for who in scene.listed[:3])])

    placed = [place for place, state, _ in scene.waits() if state is WaitState.PLACED]
    assert placed == [1, 2, 3, 4, 5]
    assert scene.taken_count() == len(scene.enrolled()) == PEOPLE + 2
    with scene.database.reading() as session:
        told = session.scalar(
            select(func.count()).select_from(Message).where(Message.kind == MessageKind.PLACE_GIVEN)
        )
    assert told == len(placed)


def test_whoever_signs_up_while_it_is_called_off_is_refused_or_told(scene: Scene) -> None:
    with scene.database.begin() as session, clock.at(SIGN_UP_TIME):
        changes.set_capacity(session, scene.desk, slot_id=scene.slot_id, capacity=PEOPLE * 2)

    def call_off() -> object:
        with clock.at(SIGN_UP_TIME), scene.database.begin() as session:
            return changes.cancel_occasion(
                session, scene.desk, occasion_id=scene.occasion.id, reason="下雨"
            ).status

    _at_once([call_off, *(lambda who=who: scene.sign_up(who) for who in scene.others)])

    with scene.database.reading() as session:
        told = set(session.scalars(select(Message.member_id)))
    assert told == scene.enrolled()


def _nobody_is_skipped(scene: Scene) -> None:
    """Check that nobody waits in front of somebody who was placed."""
    states = [state for _, state, _ in scene.waits() if state is not WaitState.LEFT]
    assert states == sorted(states, key=lambda state: state is WaitState.WAITING)
