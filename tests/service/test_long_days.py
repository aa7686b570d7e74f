"""Above four hours of one member on one day, a second person agrees before anything is posted."""

from datetime import datetime

import pytest
from sqlalchemy import select

from ledger import clock
from tests.service.world import World, local
from timebank.actors import Actor
from timebank.people.models import Member
from timebank.service import rows
from timebank.service.attendance import ALONE_MINUTES_MAX, Mark, RowMark, Waiting
from timebank.service.correction_models import Agreement
from timebank.service.errors import OwnRow
from timebank.service.models import AttendanceState, Occasion, OccasionStatus
from timebank.service.occasions import SlotPlan

LONG = SlotPlan("08:00", "14:00", 5)


@pytest.fixture
def long_day(world: World) -> Occasion:
    planned = world.plan(LONG)
    world.enrol(planned, world.charlie)
    return planned


def _confirm(
    world: World, occasion: Occasion, by: Actor, mark: RowMark | None = None
) -> list[Waiting]:
    chosen = mark or world.mark(world.charlie, occasion)
    done = world.confirm(occasion, chosen, by=by, at="15:00")
    return [reason for _, reason in done.waiting]


@pytest.mark.parametrize(("go", "is_alone"), [("12:00", True), ("12:01", False)])
def test_four_hours_take_one_person_and_a_minute_more_takes_two(
    world: World, long_day: Occasion, go: str, is_alone: bool
) -> None:
    world.serve(world.charlie, long_day, "8:00", go)

    waiting = _confirm(world, long_day, world.leader)

    row = world.row(world.charlie, long_day)
    assert ALONE_MINUTES_MAX == 240
    assert waiting == ([] if is_alone else [Waiting.LONG_DAY])
    assert row.state is (AttendanceState.POSTED if is_alone else AttendanceState.OUT)
    assert world.minutes(world.charlie) == (240 if is_alone else 0)


def test_the_second_person_posts_and_both_stand_in_the_record(
    world: World, long_day: Occasion
) -> None:
    world.serve(world.charlie, long_day, "8:00", "14:00")

    again = [_confirm(world, long_day, world.leader) for _ in range(2)]
    second = _confirm(world, long_day, world.desk)

    row, agreement = (
        world.row(world.charlie, long_day),
        world.session.scalars(select(Agreement)).one(),
    )
    assert (again, second) == ([[Waiting.LONG_DAY]] * 2, [])
    assert (row.state, row.counted_minutes) == (AttendanceState.POSTED, 360)
    assert (row.confirmed_by_id, agreement.confirmed_by_id) == (world.bob.id, world.bob.id)
    assert agreement.agreed_by_id == world.alice.id
    assert long_day.status is OccasionStatus.CLOSED
    assert world.minutes(world.charlie) == 360


def test_the_hours_of_all_services_of_the_day_are_added(world: World) -> None:
    morning, evening = world.plan(), world.plan(SlotPlan("18:00", "20:00", 5), title="夜间巡逻")
    for each, come, go in ((morning, "9:00", "11:30"), (evening, "18:00", "20:00")):
        world.enrol(each, world.charlie)
        world.serve(world.charlie, each, come, go)

    first = world.confirm(morning, world.mark(world.charlie, morning), at="21:00")
    second = world.confirm(evening, world.mark(world.charlie, evening), at="21:00")

    assert (len(first.posted), [reason for _, reason in second.waiting]) == (1, [Waiting.LONG_DAY])


def test_the_first_persons_time_of_leaving_is_what_the_second_agrees_to(
    world: World, long_day: Occasion
) -> None:
    with clock.at(local("8:00")):
        world.press(world.charlie, long_day)
    row_id = world.row(world.charlie, long_day).id
    early: datetime = local("13:00")

    _confirm(world, long_day, world.leader, RowMark(row_id, Mark.LEFT_EARLY, early))
    _confirm(world, long_day, world.desk)

    row = world.row(world.charlie, long_day)
    assert (row.out_at, row.counted_minutes, row.is_out_missing) == (early, 300, False)


def test_a_forgotten_check_out_stays_told(world: World, long_day: Occasion) -> None:
    with clock.at(local("8:00")):
        world.press(world.charlie, long_day)

    _confirm(world, long_day, world.leader)
    _confirm(world, long_day, world.desk)

    row = world.row(world.charlie, long_day)
    assert (row.is_out_missing, row.counted_minutes) == (True, 360)


def test_the_second_person_may_say_no(world: World, long_day: Occasion) -> None:
    world.serve(world.charlie, long_day, "8:00", "14:00")
    _confirm(world, long_day, world.leader)

    _confirm(world, long_day, world.desk, world.mark(world.charlie, long_day, Mark.NOT_SEEN))

    assert world.row(world.charlie, long_day).state is AttendanceState.NO_SHOW
    assert world.session.scalars(select(Agreement)).all() == []
    assert world.minutes(world.charlie) == 0


def test_shortened_to_four_hours_one_person_is_enough(world: World, long_day: Occasion) -> None:
    world.serve(world.charlie, long_day, "8:00", "14:00")
    row_id = world.row(world.charlie, long_day).id
    _confirm(world, long_day, world.leader)

    _confirm(world, long_day, world.desk, RowMark(row_id, Mark.LEFT_EARLY, local("12:00")))

    row = world.row(world.charlie, long_day)
    assert (row.counted_minutes, row.confirmed_by_id) == (240, world.alice.id)


def _write_in(world: World, occasion: Occasion, member: Member) -> None:
    with clock.at(local("15:00")):
        rows.back_fill(
            world.session,
            world.leader,
            slot_id=world.slot(occasion).id,
            member_id=member.id,
            in_at=local("8:00"),
            out_at=local("14:00"),
        )


def test_time_written_by_hand_has_its_two_people(world: World, long_day: Occasion) -> None:
    _write_in(world, long_day, world.charlie)

    writer = _confirm(world, long_day, world.leader)
    other = _confirm(world, long_day, world.desk)

    assert (writer, other) == ([Waiting.SECOND_PERSON], [])
    assert world.minutes(world.charlie) == 360


def test_nobody_is_the_second_person_of_their_own_row(world: World, long_day: Occasion) -> None:
    world.enrol(long_day, world.alice)
    world.serve(world.alice, long_day, "8:00", "14:00")
    _confirm(world, long_day, world.leader, world.mark(world.alice, long_day))

    with pytest.raises(OwnRow):
        _confirm(world, long_day, world.desk, world.mark(world.alice, long_day))
