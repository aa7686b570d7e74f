"""The queue of a full slot: who waits, who gets a place that comes free, who is told what."""

from collections.abc import Sequence

import pytest
import sqlalchemy as sa
from sqlalchemy import select

from ledger import clock
from ledger.errors import NotAllowed
from tests.service.world import SERVICE_DAY, SIGN_UP_TIME, World, local
from timebank.actors import Actor
from timebank.messages.models import Message, MessageKind
from timebank.people import members
from timebank.people.models import Member
from timebank.service import calendar, changes, moving, signup, waiting
from timebank.service.errors import (
    Full,
    NothingToLeave,
    OccasionCancelled,
    OnTheList,
    Overlap,
    PlacesFree,
    QueueFull,
    Suspended,
    TooLateToWait,
)
from timebank.service.models import AttendanceState, Occasion, Wait, WaitState
from timebank.service.occasions import SlotPlan

pytestmark = pytest.mark.databases("sqlite")


@pytest.fixture
def full(world: World) -> Occasion:
    """One place, which Charlie has."""
    planned = world.plan(SlotPlan("09:00", "11:30", 1))
    world.enrol(planned, world.charlie)
    return planned


def _wait(world: World, occasion: Occasion, *people: Member) -> list[Wait]:
    with clock.at(SIGN_UP_TIME):
        return [
            waiting.wait(world.session, world.actor(member), slot_id=world.slot(occasion).id)
            for member in people
        ]


def _withdraw(world: World, occasion: Occasion, member: Member, at: str = "") -> None:
    with clock.at(local(at) if at else SIGN_UP_TIME):
        signup.withdraw(world.session, world.actor(member), occasion_id=occasion.id)


def _told(world: World, member: Member) -> Sequence[Message]:
    return world.session.scalars(
        select(Message).where(Message.member_id == member.id).order_by(Message.id)
    ).all()


# ---------------------------------------------------------------- asking


def test_waiting_twice_is_one_wait(world: World, full: Occasion) -> None:
    first, second = _wait(world, full, world.dora, world.dora)

    assert first.id == second.id
    assert first.place == 1


def test_places_in_line_are_shown_in_the_order_of_asking(world: World, full: Occasion) -> None:
    erik = world.add("黄二")
    _wait(world, full, world.dora, erik)

    [line] = calendar.slots_of(world.session, world.actor(erik), full.id)
    [charlies] = calendar.slots_of(world.session, world.actor(world.charlie), full.id)

    assert (line.waiting_count, line.place_in_line) == (2, 2)
    assert (charlies.waiting_count, charlies.place_in_line) == (2, 0)


def test_nobody_waits_while_places_are_free(world: World, occasion: Occasion) -> None:
    with pytest.raises(PlacesFree):
        _wait(world, occasion, world.dora)


def test_who_is_on_the_list_does_not_wait(world: World, full: Occasion) -> None:
    with pytest.raises(OnTheList):
        _wait(world, full, world.charlie)


def test_who_is_busy_at_that_time_does_not_wait(world: World, full: Occasion) -> None:
    world.enrol(world.plan(title="看望老人"), world.dora)

    with pytest.raises(Overlap):
        _wait(world, full, world.dora)


def test_nobody_waits_for_what_is_called_off_or_too_near(world: World, full: Occasion) -> None:
    slot_id = world.slot(full).id
    with clock.at(local("6:00:01")), pytest.raises(TooLateToWait):
        waiting.wait(world.session, world.actor(world.dora), slot_id=slot_id)
    with clock.at(SIGN_UP_TIME):
        changes.cancel_occasion(world.session, world.desk, occasion_id=full.id, reason="下雨")

    with pytest.raises(OccasionCancelled):
        _wait(world, full, world.dora)


def test_a_suspended_member_does_not_wait(world: World, full: Occasion) -> None:
    members.suspend(
        world.session, Actor.system(world.community.community_id, "test"), world.dora.id, reason="x"
    )

    with pytest.raises(Suspended):
        _wait(world, full, world.dora)


def test_a_volunteer_puts_nobody_else_in_the_queue(world: World, full: Occasion) -> None:
    slot_id = world.slot(full).id

    with clock.at(SIGN_UP_TIME), pytest.raises(NotAllowed):
        waiting.wait(
            world.session, world.actor(world.charlie), slot_id=slot_id, member_id=world.dora.id
        )


def test_a_queue_has_an_end(world: World, full: Occasion, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "QUEUE_COUNT_MAX", 1)
    _wait(world, full, world.dora)

    with pytest.raises(QueueFull):
        _wait(world, full, world.add("黄二"))


def test_leaving_the_queue_twice_changes_nothing(world: World, full: Occasion) -> None:
    _wait(world, full, world.dora)
    slot_id = world.slot(full).id
    with clock.at(SIGN_UP_TIME):
        for _ in range(2):
            left = waiting.leave(world.session, world.actor(world.dora), slot_id=slot_id)
        with pytest.raises(NothingToLeave):
            waiting.leave(world.session, world.actor(world.charlie), slot_id=slot_id)
    _withdraw(world, full, world.charlie)

    assert left.state is WaitState.LEFT
    assert world.slot(full).enrolled_count == 0


# ---------------------------------------------------------------- giving


@pytest.mark.databases("sqlite", "postgresql")
def test_a_free_place_goes_to_the_first_who_waits(world: World, full: Occasion) -> None:
    erik = world.add("黄二")
    _wait(world, full, world.dora, erik)

    _withdraw(world, full, world.charlie)

    assert world.row(world.dora, full).state is AttendanceState.ENROLLED
    assert world.slot(full).enrolled_count == 1
    [message] = _told(world, world.dora)
    assert (message.kind, message.facts["when"]) == (MessageKind.PLACE_GIVEN, "2026-11-09 9:00")
    assert _told(world, erik) == []
    with pytest.raises(Full):
        world.enrol(full, world.add("路人"))


def test_a_place_that_was_given_can_be_withdrawn_from_and_goes_on(
    world: World, full: Occasion
) -> None:
    erik = world.add("黄二")
    _wait(world, full, world.dora, erik)
    _withdraw(world, full, world.charlie)

    _withdraw(world, full, world.dora)

    assert world.row(erik, full).state is AttendanceState.ENROLLED
    assert world.row(world.dora, full).state is AttendanceState.WITHDRAWN


def test_who_withdrew_may_wait_again_and_gets_the_same_row(world: World, full: Occasion) -> None:
    _wait(world, full, world.dora)
    _withdraw(world, full, world.charlie)
    _wait(world, full, world.charlie)

    _withdraw(world, full, world.dora)

    assert world.row(world.charlie, full).state is AttendanceState.ENROLLED


def test_who_is_busy_by_then_is_passed_over_and_told(world: World, full: Occasion) -> None:
    erik = world.add("黄二")
    _wait(world, full, world.dora, erik)
    world.enrol(world.plan(title="看望老人"), world.dora)

    _withdraw(world, full, world.charlie)

    assert world.row(erik, full).state is AttendanceState.ENROLLED
    assert [each.kind for each in _told(world, world.dora)] == [MessageKind.PASSED_OVER]


def test_who_stands_behind_is_not_passed_over(world: World, full: Occasion) -> None:
    erik = world.add("黄二")
    [_, eriks] = _wait(world, full, world.dora, erik)
    world.enrol(world.plan(title="看望老人"), erik)

    _withdraw(world, full, world.charlie)

    assert eriks.state is WaitState.WAITING
    assert _told(world, erik) == []


def test_more_places_go_to_those_who_wait_in_their_order(world: World, full: Occasion) -> None:
    people = [world.dora, *(world.add(f"路人{number}") for number in range(3))]
    waits = _wait(world, full, *people)

    with clock.at(SIGN_UP_TIME):
        changes.set_capacity(world.session, world.desk, slot_id=world.slot(full).id, capacity=3)

    states = [each.state for each in waits]
    assert states == [WaitState.PLACED] * 2 + [WaitState.WAITING] * 2
    assert world.slot(full).enrolled_count == 3


def test_places_are_given_until_three_hours_before(world: World, full: Occasion) -> None:
    _wait(world, full, world.dora)
    with clock.at(local("6:00:01")):
        signup.withdraw(
            world.session, world.leader, occasion_id=full.id, member_id=world.charlie.id
        )

    assert world.slot(full).enrolled_count == 0
    assert _told(world, world.dora) == []
    with clock.at(local("8:00")):  # from then on whoever is first
        signup.sign_up(world.session, world.actor(world.dora), slot_id=world.slot(full).id)
    [wait] = world.session.scalars(select(Wait).execution_options(populate_existing=True)).all()
    assert wait.state is WaitState.LEFT


def test_at_exactly_three_hours_before_a_place_is_still_given(world: World, full: Occasion) -> None:
    _wait(world, full, world.dora)

    _withdraw(world, full, world.charlie, "6:00")

    assert world.row(world.dora, full).state is AttendanceState.ENROLLED


def test_a_place_that_came_free_too_late_is_given_when_the_day_is_moved(
    world: World, full: Occasion
) -> None:
    _wait(world, full, world.dora)
    with clock.at(local("7:00")):
        signup.withdraw(
            world.session, world.leader, occasion_id=full.id, member_id=world.charlie.id
        )
        moving.move_occasion(
            world.session,
            world.desk,
            occasion_id=full.id,
            occurs_on=SERVICE_DAY.replace(day=20),
        )

    assert world.row(world.dora, full).state is AttendanceState.ENROLLED


def test_who_waits_is_told_that_it_is_called_off(world: World, full: Occasion) -> None:
    _wait(world, full, world.dora)
    with clock.at(SIGN_UP_TIME):
        changes.cancel_occasion(world.session, world.desk, occasion_id=full.id, reason="下雨")

    assert [each.kind for each in _told(world, world.dora)] == [MessageKind.CALLED_OFF]


@pytest.mark.databases("sqlite", "postgresql")
def test_the_database_keeps_one_open_wait_per_member(world: World, full: Occasion) -> None:
    _wait(world, full, world.dora)

    [wait] = world.session.scalars(select(Wait)).all()
    second = sa.insert(Wait).values(
        community_id=wait.community_id,
        id=wait.member_id,
        slot_id=wait.slot_id,
        member_id=wait.member_id,
        place=2,
        state=WaitState.WAITING,
        asked_at=wait.asked_at,
    )

    with pytest.raises(sa.exc.IntegrityError), world.session.begin_nested():
        world.session.execute(second)
