"""Sites, series, occasions, signing up and withdrawing."""

from datetime import date, timedelta

import pytest
from sqlalchemy import func, select

from ledger import clock
from ledger.errors import NotAllowed
from tests.service.world import SERVICE_DAY, SIGN_UP_TIME, World, local, make_world
from timebank.audit import AuditEvent
from timebank.people import members
from timebank.service import calendar, changes, occasions, recurrence, repeating, signup
from timebank.service.errors import (
    Full,
    HasAttendance,
    NotALeader,
    NotHere,
    NothingToWithdraw,
    OccasionCancelled,
    OccasionOver,
    Overlap,
    SameService,
    Suspended,
    TooLate,
    WrongField,
    WrongRecurrence,
    WrongTimes,
)
from timebank.service.models import AttendanceState, Occasion, OccasionStatus, Series
from timebank.service.occasions import Activity, SlotPlan
from timebank.service.recurrence import Frequency

pytestmark = pytest.mark.databases("sqlite")

NINTH = "FREQ=MONTHLY;BYMONTHDAY=9"
MORNING = SlotPlan("09:00", "11:30", 15)


def _series(world: World, rule: str = NINTH, slot: SlotPlan = MORNING) -> Series:
    with clock.at(SIGN_UP_TIME):
        return repeating.create_series(
            world.session,
            world.desk,
            activity=world.activity(),
            rule=rule,
            starts_on=date(2026, 11, 1),
            slot=slot,
        )


def _plan(world: World, series: Series, until: date) -> list[Occasion]:
    with clock.at(SIGN_UP_TIME):
        return repeating.plan_series(world.session, world.desk, series_id=series.id, until=until)


# ---------------------------------------------------------------- recurrence


def test_the_ninth_of_every_month() -> None:
    days = recurrence.dates(
        NINTH, starts_on=date(2026, 1, 1), begin=date(2026, 2, 9), until=date(2026, 4, 9)
    )

    assert days == [date(2026, month, 9) for month in (2, 3, 4)]


def test_a_month_without_the_day_is_skipped() -> None:
    days = recurrence.dates(
        "FREQ=MONTHLY;BYMONTHDAY=31",
        starts_on=date(2026, 1, 1),
        begin=date(2026, 1, 1),
        until=date(2026, 4, 30),
    )

    assert days == [date(2026, 1, 31), date(2026, 3, 31)]


def test_a_rule_is_taken_apart() -> None:
    read = recurrence.read_recurrence("freq=monthly;interval=2;byday=2SA,-1SU")

    assert read.frequency is Frequency.MONTHLY
    assert (read.interval, read.weekdays) == (2, ((2, 5), (-1, 6)))


@pytest.mark.parametrize(
    "rule",
    [
        *("", "hello", "FREQ=HOURLY", "FREQ=SECONDLY;BYSECOND=1", "FREQ=MONTHLY", "FREQ=WEEKLY"),
        *("FREQ=WEEKLY;BYDAY=2SA", "FREQ=MONTHLY;BYDAY=SA", "FREQ=MONTHLY;BYMONTHDAY=32"),
        *("FREQ=MONTHLY;BYMONTHDAY=0", "FREQ=DAILY;COUNT=9", "FREQ=DAILY;INTERVAL=53"),
        *("FREQ=DAILY;FREQ=DAILY", "FREQ=MONTHLY;BYMONTHDAY=９", "FREQ=DAILY;" * 40),
        *("DTSTART:20260101\nRRULE:FREQ=DAILY", "FREQ=MONTHLY;BYMONTHDAY=9,9"),
    ],
)
def test_other_rules_are_refused(rule: str) -> None:
    with pytest.raises(WrongRecurrence):
        recurrence.read_recurrence(rule)


# ---------------------------------------------------------------- planning


def test_planning_again_makes_only_what_is_missing(world: World) -> None:
    series = _series(world)

    first = _plan(world, series, date(2026, 12, 31))
    second = _plan(world, series, date(2027, 1, 31))
    third = _plan(world, series, date(2027, 1, 31))

    assert [each.occurs_on for each in first] == [date(2026, 11, 9), date(2026, 12, 9)]
    assert [each.occurs_on for each in second] == [date(2027, 1, 9)]
    assert third == []


def test_times_are_those_of_the_wall_clock(world: World) -> None:
    [occasion] = _plan(world, _series(world), date(2026, 11, 30))

    assert (occasion.starts_at, occasion.ends_at) == (local("9:00"), local("11:30"))


def test_a_short_code_begins_with_the_communitys(world: World) -> None:
    made = _plan(world, _series(world, "FREQ=DAILY"), date(2026, 11, 30))

    codes = {each.short_code for each in made}
    assert len(codes) == 30
    assert all(code.startswith("D-") and len(code) == 8 for code in codes)


def test_planning_stops_at_its_horizon(world: World) -> None:
    series = _series(world)

    with pytest.raises(WrongField):
        _plan(world, series, SIGN_UP_TIME.date() + timedelta(days=401))


@pytest.mark.parametrize(
    "slot",
    [
        SlotPlan("11:30", "09:00", 5),
        SlotPlan("09:00", "09:14", 5),
        SlotPlan("08:00", "20:01", 5),
        SlotPlan("24:00", "25:00", 5),
        SlotPlan("nine", "ten", 5),
    ],
)
def test_impossible_times_are_refused(world: World, slot: SlotPlan) -> None:
    with pytest.raises(WrongTimes):
        world.plan(slot)


@pytest.mark.parametrize("capacity", [0, -1, 10_001])
def test_impossible_capacities_are_refused(world: World, capacity: int) -> None:
    with pytest.raises(WrongField):
        world.plan(SlotPlan("09:00", "11:30", capacity))


def test_overlapping_slots_are_refused_and_touching_ones_not(world: World) -> None:
    touching = world.plan(SlotPlan("09:00", "10:00", 5), SlotPlan("10:00", "11:00", 5))

    assert len(world.slots(touching)) == 2
    with pytest.raises(WrongTimes):
        world.plan(SlotPlan("09:00", "10:01", 5), SlotPlan("10:00", "11:00", 5))


@pytest.mark.parametrize("title", ["", "  ", "x" * 61, "line\nbreak", "nul\0"])
def test_impossible_titles_are_refused(world: World, title: str) -> None:
    with pytest.raises(WrongField):
        world.plan(title=title)


@pytest.mark.parametrize("title", ["看望 𠮷 奶奶", "<script>alert(1)</script>", "x" * 60])
def test_any_other_title_is_just_text(world: World, title: str) -> None:
    assert world.plan(title=title).title == title


@pytest.mark.parametrize(
    ("typed", "title"),
    [
        ("清洁\u200b日", "清洁日"),
        ("\u202e清洁日\u202c", "清洁日"),
        ("👩\u200d🌾 种树", "👩\u200d🌾 种树"),
    ],
)
def test_what_nobody_sees_is_no_part_of_a_title(world: World, typed: str, title: str) -> None:
    assert world.plan(title=typed).title == title


def test_a_title_without_a_visible_character_is_refused(world: World) -> None:
    with pytest.raises(WrongField):
        world.plan(title="\u200b\u202e\u200d")


def test_the_same_service_is_planned_once(world: World, occasion: Occasion) -> None:
    with pytest.raises(SameService):
        world.plan()
    assert world.plan(on=SERVICE_DAY + timedelta(days=1)).id != occasion.id


def test_the_same_series_is_made_once(world: World) -> None:
    _series(world)

    with pytest.raises(SameService):
        _series(world)
    assert _series(world, slot=SlotPlan("13:00", "15:00", 15)).start_time == "13:00"


def test_only_a_leader_leads(world: World) -> None:
    activity = Activity(world.site.id, world.charlie.id, "看望老人", world.activity().category)

    with clock.at(SIGN_UP_TIME), pytest.raises(NotALeader, match="韦桂芬"):
        occasions.create_occasion(
            world.session, world.desk, activity=activity, occurs_on=SERVICE_DAY, slots=[MORNING]
        )


def test_a_leader_plans_and_a_volunteer_does_not(world: World) -> None:
    site = occasions.create_site(world.session, world.leader, name="公园", address="北门")

    assert site.name == "公园"
    with pytest.raises(NotAllowed):
        occasions.create_site(world.session, world.actor(world.dora), name="河边", address="北门")


def test_another_communitys_site_is_not_here(world: World) -> None:
    other = make_world(world.session, world.keys, "A")
    activity = Activity(other.site.id, world.bob.id, "看望老人", world.activity().category)

    with clock.at(SIGN_UP_TIME), pytest.raises(NotHere):
        occasions.create_occasion(
            world.session, world.desk, activity=activity, occurs_on=SERVICE_DAY, slots=[MORNING]
        )


def test_yesterday_cannot_be_planned(world: World) -> None:
    with pytest.raises(WrongField):
        world.plan(on=date(2026, 10, 31))


def test_calling_off_is_possible_until_somebody_came(world: World, occasion: Occasion) -> None:
    other = world.plan(title="看望老人")
    with clock.at(local("9:00")):
        world.press(world.charlie, occasion)

    for _ in range(2):
        changes.cancel_occasion(world.session, world.desk, occasion_id=other.id, reason="下雨")
    with pytest.raises(HasAttendance):
        changes.cancel_occasion(world.session, world.desk, occasion_id=occasion.id, reason="下雨")

    acts = world.session.scalars(
        select(AuditEvent).where(AuditEvent.action == "cancel_occasion")
    ).all()
    assert other.status is OccasionStatus.CANCELLED
    assert [act.details for act in acts] == [{"reason": "下雨"}]


# ---------------------------------------------------------------- signing up


def test_signing_up_again_changes_nothing(world: World, occasion: Occasion) -> None:
    world.enrol(occasion, world.charlie, world.charlie)

    assert world.slot(occasion).enrolled_count == 1


def test_the_last_place_is_taken_once(world: World) -> None:
    small = world.plan(SlotPlan("09:00", "11:30", 1))
    world.enrol(small, world.charlie)

    with pytest.raises(Full, match="1"):
        world.enrol(small, world.dora)


def test_an_overlap_names_the_other(world: World, occasion: Occasion) -> None:
    other = world.plan(SlotPlan("11:29", "13:00", 5), title="看望老人")

    with pytest.raises(Overlap, match=occasion.title):
        world.enrol(other, world.charlie)


def test_services_that_touch_do_not_overlap(world: World, occasion: Occasion) -> None:
    other = world.plan(SlotPlan("11:30", "13:00", 5), title="看望老人")

    world.enrol(other, world.charlie)

    assert world.row(world.charlie, other).state is AttendanceState.ENROLLED


def test_a_called_off_service_does_not_overlap(world: World, occasion: Occasion) -> None:
    other = world.plan(title="看望老人")
    changes.cancel_occasion(world.session, world.desk, occasion_id=occasion.id, reason="下雨")

    world.enrol(other, world.charlie)
    with pytest.raises(OccasionCancelled):
        world.enrol(occasion, world.dora)

    assert world.row(world.charlie, other).state is AttendanceState.ENROLLED


@pytest.mark.parametrize(("at", "is_possible"), [("8:59:59", True), ("9:00", False)])
def test_signing_up_ends_when_the_slot_begins(
    world: World, occasion: Occasion, at: str, is_possible: bool
) -> None:
    with clock.at(local(at)):
        if is_possible:
            row = signup.sign_up(
                world.session, world.actor(world.dora), slot_id=world.slot(occasion).id
            )
            assert row.state is AttendanceState.ENROLLED
        else:
            with pytest.raises(OccasionOver):
                signup.sign_up(
                    world.session, world.actor(world.dora), slot_id=world.slot(occasion).id
                )


@pytest.mark.parametrize(("at", "is_possible"), [("6:00", True), ("6:00:01", False)])
def test_withdrawing_ends_three_hours_before(
    world: World, occasion: Occasion, at: str, is_possible: bool
) -> None:
    actor = world.actor(world.charlie)
    with clock.at(local(at)):
        if is_possible:
            for _ in range(2):
                signup.withdraw(world.session, actor, occasion_id=occasion.id)
            assert world.slot(occasion).enrolled_count == 0
        else:
            with pytest.raises(TooLate, match="覃志远"):
                signup.withdraw(world.session, actor, occasion_id=occasion.id)


def test_a_leader_may_withdraw_somebody_until_the_start(world: World, occasion: Occasion) -> None:
    with clock.at(local("9:00")):
        row = signup.withdraw(
            world.session, world.leader, occasion_id=occasion.id, member_id=world.charlie.id
        )

    assert row.state is AttendanceState.WITHDRAWN


def test_withdrawing_frees_the_place_and_the_time(world: World, occasion: Occasion) -> None:
    with clock.at(SIGN_UP_TIME):
        signup.withdraw(world.session, world.actor(world.charlie), occasion_id=occasion.id)
    other = world.plan(title="看望老人")
    world.enrol(other, world.charlie)
    with clock.at(SIGN_UP_TIME):
        signup.withdraw(world.session, world.actor(world.charlie), occasion_id=other.id)
    world.enrol(occasion, world.charlie)

    assert world.row(world.charlie, occasion).state is AttendanceState.ENROLLED
    assert world.slot(occasion).enrolled_count == 1


def test_who_came_cannot_withdraw(world: World, occasion: Occasion) -> None:
    with clock.at(local("9:00")):
        world.press(world.charlie, occasion)
        with pytest.raises(NothingToWithdraw):
            signup.withdraw(world.session, world.actor(world.charlie), occasion_id=occasion.id)


def test_a_suspended_member_signs_up_for_nothing(world: World, occasion: Occasion) -> None:
    members.suspend(world.session, world.desk, world.dora.id, reason="搬家")

    with pytest.raises(Suspended, match="莫建国"):
        world.enrol(occasion, world.dora)


def test_a_volunteer_signs_up_nobody_else(world: World, occasion: Occasion) -> None:
    with clock.at(SIGN_UP_TIME), pytest.raises(NotAllowed):
        signup.sign_up(
            world.session,
            world.actor(world.charlie),
            slot_id=world.slot(occasion).id,
            member_id=world.dora.id,
        )


def test_the_calendar_shows_what_is_mine(world: World, occasion: Occasion) -> None:
    world.plan(SlotPlan("14:00", "15:00", 5), title="看望老人")

    with clock.at(SIGN_UP_TIME):
        lines = calendar.upcoming_slots(world.session, world.actor(world.charlie))

    assert [(line.occasion.title, line.is_mine) for line in lines] == [
        (occasion.title, True),
        ("看望老人", False),
    ]


def test_one_row_per_day_and_series(world: World) -> None:
    series = _series(world)
    _plan(world, series, date(2026, 12, 31))

    count = world.session.scalar(
        select(func.count()).select_from(Occasion).where(Occasion.series_id == series.id)
    )
    assert count == 2
