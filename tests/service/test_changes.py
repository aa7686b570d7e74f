"""What becomes of what was planned: moved, called off, a day more, a series ended, other places."""

from datetime import date, datetime, timedelta
from functools import partial

import pytest
import sqlalchemy as sa
from sqlalchemy import select

from ledger import clock
from tests.service.world import SERVICE_DAY, SIGN_UP_TIME, World, local
from timebank.audit import AuditEvent
from timebank.messages.models import Message, MessageKind
from timebank.people.models import Member
from timebank.service import changes, moving, repeating, signup
from timebank.service.attendance import Mark
from timebank.service.errors import (
    AlreadyCame,
    DayTaken,
    HasAttendance,
    NeverOccurs,
    NotALeader,
    OccasionCancelled,
    OccasionSettled,
    PlacesTaken,
    WrongField,
    WrongTimes,
)
from timebank.service.models import (
    AttendanceState,
    Occasion,
    OccasionKind,
    Series,
)
from timebank.service.occasions import Activity, SlotPlan

pytestmark = pytest.mark.databases("sqlite")

NINTH = "FREQ=MONTHLY;BYMONTHDAY=9"
MORNING = SlotPlan("09:00", "11:30", 15)
TENTH = date(2026, 11, 10)
DECEMBER = date(2026, 12, 9)


def _series(world: World, rule: str = NINTH, starts_on: date = date(2026, 11, 1)) -> Series:
    with clock.at(SIGN_UP_TIME):
        return repeating.create_series(
            world.session,
            world.desk,
            activity=world.activity(),
            rule=rule,
            starts_on=starts_on,
            slot=MORNING,
        )


def _plan(world: World, series: Series, until: date = date(2027, 1, 31)) -> list[Occasion]:
    with clock.at(SIGN_UP_TIME):
        return repeating.plan_series(world.session, world.desk, series_id=series.id, until=until)


def _move(world: World, occasion: Occasion, to: date, start: str | None = None) -> Occasion:
    with clock.at(SIGN_UP_TIME):
        return moving.move_occasion(
            world.session, world.desk, occasion_id=occasion.id, occurs_on=to, start_time=start
        )


def _told(world: World, member: Member) -> list[Message]:
    return list(
        world.session.scalars(
            select(Message).where(Message.member_id == member.id).order_by(Message.id)
        )
    )


# ---------------------------------------------------------------- kinds


def test_a_kind_is_a_word_and_changes_no_points(world: World) -> None:
    activity = Activity(
        world.site.id, world.bob.id, "议事会", world.activity().category, OccasionKind.MEETING
    )
    with clock.at(SIGN_UP_TIME):
        series = repeating.create_series(
            world.session,
            world.desk,
            activity=activity,
            rule=NINTH,
            starts_on=date(2026, 11, 1),
            slot=MORNING,
        )
        [meeting] = repeating.plan_series(
            world.session, world.desk, series_id=series.id, until=date(2026, 11, 30)
        )
    world.enrol(meeting, world.charlie)
    world.serve(world.charlie, meeting)

    done = world.confirm(meeting, world.mark(world.charlie, meeting))

    assert meeting.kind is OccasionKind.MEETING
    assert (done.minutes, done.points) == (150, 5)


@pytest.mark.databases("sqlite", "postgresql")
def test_an_unknown_kind_is_refused_by_the_database(world: World, occasion: Occasion) -> None:
    with pytest.raises(sa.exc.IntegrityError), world.session.begin_nested():
        world.session.execute(sa.text("UPDATE occasion SET kind = 'party'"))


# ---------------------------------------------------------------- title, leader, end


@pytest.mark.databases("sqlite", "postgresql")
def test_another_end_is_told_and_another_title_is_not(world: World, occasion: Occasion) -> None:
    with clock.at(SIGN_UP_TIME):
        change = partial(moving.change_occasion, world.session, world.desk, occasion_id=occasion.id)
        change(title="菜市场巡查", leader_member_id=world.alice.id)
        quiet = _told(world, world.charlie)
        change(end_time="12:00")
        again = change(end_time="12:00", title="菜市场巡查")

    [message] = _told(world, world.charlie)
    assert quiet == []
    assert (again.sequence, again.title) == (2, "菜市场巡查")
    assert again.leader_member_id == world.alice.id
    assert world.slot(occasion).ends_at == again.ends_at == local("12:00")
    assert message.kind is MessageKind.MOVED
    assert message.facts["before"] == "2026-11-09 9:00–11:30"
    assert message.facts["when"] == "2026-11-09 9:00–12:00"
    acts = select(AuditEvent.action).where(AuditEvent.subject == f"occasion:{occasion.id}")
    assert world.session.scalars(acts).all().count("change_occasion") == 2


@pytest.mark.parametrize(
    ("change", "refused"),
    [
        ({"end_time": "9:10"}, WrongTimes),
        ({"end_time": "noon"}, WrongTimes),
        ({"title": " "}, WrongField),
        ({"leader": "charlie"}, NotALeader),
    ],
)
def test_what_cannot_be_is_not_changed(
    world: World, occasion: Occasion, change: dict[str, str], refused: type[Exception]
) -> None:
    leader = {"leader_member_id": world.charlie.id} if "leader" in change else change

    with clock.at(SIGN_UP_TIME), pytest.raises(refused):
        moving.change_occasion(world.session, world.desk, occasion_id=occasion.id, **leader)


def test_nothing_is_changed_once_somebody_has_come(world: World, occasion: Occasion) -> None:
    with clock.at(local("9:00")):
        world.press(world.charlie, occasion)
        with pytest.raises(AlreadyCame):
            moving.change_occasion(
                world.session, world.desk, occasion_id=occasion.id, end_time="12:00"
            )


# ---------------------------------------------------------------- moving


@pytest.mark.databases("sqlite", "postgresql")
def test_a_moved_day_keeps_its_sign_ups_and_tells_them(world: World, occasion: Occasion) -> None:
    moved = _move(world, occasion, TENTH, "14:00")

    slot = world.slot(occasion)
    assert (moved.occurs_on, moved.sequence) == (TENTH, 1)
    assert (slot.starts_at, slot.ends_at) == (local("14:00", TENTH), local("16:30", TENTH))
    assert (moved.starts_at, moved.ends_at) == (slot.starts_at, slot.ends_at)
    assert world.row(world.charlie, occasion).state is AttendanceState.ENROLLED
    [message] = _told(world, world.charlie)
    assert message.kind is MessageKind.MOVED
    assert message.facts["before"] == "2026-11-09 9:00"
    assert message.facts["when"] == "2026-11-10 14:00"


def test_slots_keep_their_distances_when_a_day_is_moved_a_little(world: World) -> None:
    occasion = world.plan(SlotPlan("09:00", "10:00", 5), SlotPlan("10:00", "11:00", 5))

    _move(world, occasion, SERVICE_DAY, "10:00")

    begins = [slot.starts_at for slot in world.slots(occasion)]
    assert begins == [local("10:00"), local("11:00")]


def test_who_is_busy_at_the_new_time_is_told_what_with(world: World, occasion: Occasion) -> None:
    other = world.plan(title="看望老人", on=TENTH)
    world.enrol(other, world.charlie)

    _move(world, occasion, TENTH)

    [message] = _told(world, world.charlie)
    assert message.kind is MessageKind.MOVED_CLASH
    assert message.facts["other"] == "看望老人"


def test_moving_to_where_it_stands_changes_nothing(world: World, occasion: Occasion) -> None:
    _move(world, occasion, SERVICE_DAY, "9:00")

    assert occasion.sequence == 0
    assert _told(world, world.charlie) == []


def test_a_moved_day_of_a_series_is_not_made_again(world: World) -> None:
    series = _series(world)
    first, *_ = _plan(world, series)

    _move(world, first, TENTH)

    assert _plan(world, series) == []
    assert first.moved_from_on == SERVICE_DAY
    _move(world, first, SERVICE_DAY)
    assert first.moved_from_on is None


def test_a_day_is_not_moved_onto_another_day_of_its_series(world: World) -> None:
    first, second, _ = _plan(world, _series(world))

    with pytest.raises(DayTaken):
        _move(world, first, second.occurs_on)
    _move(world, second, date(2026, 12, 20))
    with pytest.raises(DayTaken):
        _move(world, first, DECEMBER)


def test_nothing_is_moved_into_the_past(world: World, occasion: Occasion) -> None:
    today = SIGN_UP_TIME.date()

    with pytest.raises(WrongField):
        _move(world, occasion, today - timedelta(days=1))
    with pytest.raises(WrongTimes):
        _move(world, occasion, today, "09:59")
    with pytest.raises(WrongTimes):
        _move(world, occasion, TENTH, "25:00")
    with pytest.raises(WrongField):
        _move(world, occasion, today + timedelta(days=401))
    assert _move(world, occasion, today, "10:01").occurs_on == today


def test_a_day_that_people_have_come_to_stays(world: World, occasion: Occasion) -> None:
    with clock.at(local("8:58")):
        world.press(world.charlie, occasion)

    with pytest.raises(AlreadyCame):
        _move(world, occasion, TENTH)


def test_a_day_called_off_or_settled_is_not_moved(world: World, occasion: Occasion) -> None:
    other = world.plan(title="看望老人", on=TENTH)
    with clock.at(SIGN_UP_TIME):
        changes.cancel_occasion(world.session, world.desk, occasion_id=other.id, reason="下雨")
    world.confirm(occasion, world.mark(world.charlie, occasion, Mark.NOT_SEEN))

    with pytest.raises(OccasionCancelled):
        _move(world, other, TENTH + timedelta(days=1))
    with pytest.raises(OccasionSettled):
        _move(world, occasion, TENTH)


# ---------------------------------------------------------------- calling off


@pytest.mark.databases("sqlite", "postgresql")
def test_who_is_signed_up_is_told_why_it_is_called_off(world: World, occasion: Occasion) -> None:
    with clock.at(SIGN_UP_TIME):
        for _ in range(2):
            changes.cancel_occasion(
                world.session, world.desk, occasion_id=occasion.id, reason="大雨, 改期"
            )

    [message] = _told(world, world.charlie)
    assert (message.kind, message.facts["reason"]) == (MessageKind.CALLED_OFF, "大雨, 改期")
    assert occasion.sequence == 1
    assert _told(world, world.dora) == []


def test_minutes_of_who_came_still_count_since_it_is_not_called_off(
    world: World, occasion: Occasion
) -> None:
    world.serve(world.charlie, occasion)
    with clock.at(local("12:00")), pytest.raises(HasAttendance):
        changes.cancel_occasion(world.session, world.desk, occasion_id=occasion.id, reason="下雨")

    assert world.confirm(occasion, world.mark(world.charlie, occasion)).minutes == 150


# ---------------------------------------------------------------- a day more


def test_a_day_is_added_once_and_planning_leaves_it(world: World) -> None:
    series = _series(world)
    with clock.at(SIGN_UP_TIME):
        made = repeating.add_day(world.session, world.desk, series_id=series.id, occurs_on=TENTH)
        with pytest.raises(DayTaken):
            repeating.add_day(world.session, world.desk, series_id=series.id, occurs_on=TENTH)

    assert (made.title, made.series_id) == (series.title, series.id)
    assert [each.occurs_on for each in _plan(world, series, date(2026, 11, 30))] == [SERVICE_DAY]


def test_a_day_is_not_added_where_one_was_moved_from(world: World) -> None:
    series = _series(world)
    first, *_ = _plan(world, series)
    _move(world, first, TENTH)

    with clock.at(SIGN_UP_TIME), pytest.raises(DayTaken):
        repeating.add_day(world.session, world.desk, series_id=series.id, occurs_on=SERVICE_DAY)


@pytest.mark.parametrize(
    ("rule", "starts_on"),
    [
        ("FREQ=MONTHLY;INTERVAL=12;BYMONTHDAY=30", date(2027, 2, 1)),
        ("FREQ=MONTHLY;INTERVAL=12;BYMONTHDAY=31", date(2027, 4, 1)),
    ],
)
def test_a_rule_that_never_occurs_is_refused(world: World, rule: str, starts_on: date) -> None:
    with pytest.raises(NeverOccurs):
        _series(world, rule, starts_on)


# ---------------------------------------------------------------- the end of a series


def test_places_never_go_below_who_is_on_the_list(world: World) -> None:
    occasion = world.plan(SlotPlan("09:00", "11:30", 5))
    world.enrol(occasion, world.charlie, world.dora)
    slot_id = world.slot(occasion).id

    with clock.at(SIGN_UP_TIME):
        for wrong, refusal in ((1, PlacesTaken), (0, WrongField), (10_001, WrongField)):
            with pytest.raises(refusal):
                changes.set_capacity(world.session, world.desk, slot_id=slot_id, capacity=wrong)
        slot = changes.set_capacity(world.session, world.desk, slot_id=slot_id, capacity=2)

    assert (slot.capacity, slot.enrolled_count) == (2, 2)


def test_signing_up_after_a_move_goes_by_the_new_time(world: World, occasion: Occasion) -> None:
    _move(world, occasion, TENTH)
    after_the_old_day: datetime = local("12:00")

    with clock.at(after_the_old_day):
        row = signup.sign_up(
            world.session, world.actor(world.dora), slot_id=world.slot(occasion).id
        )

    assert row.state is AttendanceState.ENROLLED
