"""Night shifts: a slot that ends past midnight, from planning to the book; clocks that change."""

from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger import clock
from tests.service.world import SERVICE_DAY, World, local
from timebank.service import attendance, moving, rows, sheets, timing
from timebank.service.decide import Intent
from timebank.service.errors import Overlap, WrongTimes
from timebank.service.models import Occasion
from timebank.service.occasions import SlotPlan
from timebank.service.sheets import SheetLine

pytestmark = pytest.mark.databases("sqlite")

TENTH = SERVICE_DAY + timedelta(days=1)
BERLIN = "Europe/Berlin"
GAP_DAY = date(2027, 3, 28)
"""Clocks in Berlin go from 2:00 to 3:00."""


def _night(world: World, on: date = SERVICE_DAY) -> Occasion:
    return world.plan(SlotPlan("22:00", "02:00", 15), title="夜间巡逻", on=on)


def test_a_night_shift_is_one_service_of_the_day_it_begins_on(world: World) -> None:
    night = _night(world)
    world.enrol(night, world.charlie)

    with clock.at(local("21:55")):
        world.press(world.charlie, night, Intent.IN)
    with clock.at(local("2:07", TENTH)):
        world.press(world.charlie, night, Intent.OUT)
    with clock.at(local("2:10", TENTH)):
        marks = [world.mark(world.charlie, night)]
        attendance.confirm(world.session, world.leader, occasion_id=night.id, marks=marks)

    assert night.occurs_on == SERVICE_DAY
    assert world.minutes(world.charlie) == 240


@pytest.mark.parametrize(
    ("slots", "is_good"),
    [
        ([("22:00", "00:00")], True),
        ([("18:00", "22:00"), ("22:00", "06:00")], True),
        ([("22:00", "06:00"), ("23:00", "23:30")], False),
        ([("22:00", "21:59")], False),
        ([("22:00", "22:00")], False),
    ],
)
def test_only_the_last_slot_runs_past_midnight(
    world: World, slots: list[tuple[str, str]], is_good: bool
) -> None:
    planned = [SlotPlan(begin, end, 15) for begin, end in slots]

    if is_good:
        assert len(world.slots(world.plan(*planned))) == len(slots)
    else:
        with pytest.raises(WrongTimes):
            world.plan(*planned)


def test_a_stay_after_midnight_meets_the_early_service_of_the_next_day(world: World) -> None:
    night, early = _night(world), world.plan(SlotPlan("01:00", "03:00", 15), on=TENTH)

    with clock.at(local("12:00", TENTH)):
        _back_fill(world, night, local("23:00"), local("1:30", TENTH))
        with pytest.raises(Overlap):
            _back_fill(world, early, local("1:00", TENTH), local("2:00", TENTH))


def test_a_sheet_of_a_night_shift_is_typed_in_as_it_is_written(world: World) -> None:
    night = _night(world)
    number = world.dora.volunteer_number

    with clock.at(local("12:00", TENTH)):
        [row] = sheets.enter(
            world.session,
            world.leader,
            occasion_id=night.id,
            lines=[SheetLine(1, number, "0:20", "1:45")],
        )

    assert (row.in_at, row.out_at) == (local("0:20", TENTH), local("1:45", TENTH))


def test_a_night_shift_can_be_moved_to_another_night(world: World) -> None:
    night = _night(world)

    with clock.at(local("12:00")):
        moved = moving.move_occasion(
            world.session, world.desk, occasion_id=night.id, occurs_on=TENTH, start_time="23:00"
        )

    assert (moved.starts_at, moved.ends_at) == (
        local("23:00", TENTH),
        local("3:00", TENTH + timedelta(days=1)),
    )


@given(
    day=st.dates(date(2026, 1, 1), date(2028, 12, 31)) | st.just(GAP_DAY),
    begin=st.times(),
    minutes=st.integers(timing.SLOT_MINUTES_MIN, timing.SLOT_MINUTES_MAX),
    zone=st.sampled_from(["Asia/Shanghai", BERLIN, "America/St_Johns", "Australia/Lord_Howe"]),
)
def test_a_slot_ends_after_it_begins_whatever_the_clocks_do(
    day: date, begin: time, minutes: int, zone: str
) -> None:
    end = datetime.combine(day, begin) + timedelta(minutes=minutes)

    starts_at, ends_at = timing.slot_span(day, f"{begin:%H:%M}", f"{end:%H:%M}", zone)

    shifted = abs((ends_at - starts_at) - timedelta(minutes=minutes))
    assert ends_at > starts_at
    assert shifted <= timedelta(hours=0 if zone == "Asia/Shanghai" else 1)


def test_the_night_that_lacks_an_hour_counts_the_minutes_that_passed() -> None:
    span = timing.slot_span(GAP_DAY - timedelta(days=1), "22:00", "06:00", BERLIN)

    assert span == (datetime(2027, 3, 27, 21, tzinfo=UTC), datetime(2027, 3, 28, 4, tzinfo=UTC))
    assert timing.minutes_in_slot(*span, *span) == 7 * 60


def _back_fill(world: World, occasion: Occasion, in_at: datetime, out_at: datetime) -> None:
    rows.back_fill(
        world.session,
        world.leader,
        slot_id=world.slot(occasion).id,
        member_id=world.dora.id,
        in_at=in_at,
        out_at=out_at,
    )
