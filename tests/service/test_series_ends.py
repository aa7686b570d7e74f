"""A series ends in one step: what is called off, what is kept, who is told."""

from datetime import date, timedelta

import pytest
from sqlalchemy import select

from ledger import clock
from tests.service.world import SERVICE_DAY, SIGN_UP_TIME, World, local
from timebank.messages.models import Message, MessageKind
from timebank.people.models import Member
from timebank.service import changes, moving, repeating
from timebank.service.errors import (
    SeriesOver,
    WrongField,
)
from timebank.service.models import (
    Occasion,
    OccasionStatus,
    Series,
)
from timebank.service.occasions import SlotPlan

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


@pytest.mark.databases("sqlite", "postgresql")
def test_a_series_ends_in_one_step_and_each_member_is_told_once(world: World) -> None:
    series = _series(world)
    first, second, third = _plan(world, series)
    world.enrol(second, world.charlie, world.dora)
    world.enrol(third, world.charlie)

    with clock.at(SIGN_UP_TIME):
        ending = changes.end_series(
            world.session,
            world.desk,
            series_id=series.id,
            from_on=date(2026, 12, 1),
            reason="换人",
        )
        again = changes.end_series(
            world.session,
            world.desk,
            series_id=series.id,
            from_on=date(2026, 12, 1),
            reason="换人",
        )

    assert ending.called_off == [second, third]
    assert again.called_off == []
    assert first.status is OccasionStatus.PLANNED
    [message] = _told(world, world.charlie)
    assert (message.kind, message.facts["count"]) == (MessageKind.SERIES_ENDED, 2)
    assert message.facts["when"] == "2026-12-09 9:00"
    assert len(_told(world, world.dora)) == 1
    assert _plan(world, series, date(2027, 3, 31)) == []
    with clock.at(SIGN_UP_TIME), pytest.raises(SeriesOver):
        repeating.add_day(
            world.session, world.desk, series_id=series.id, occurs_on=date(2026, 12, 1)
        )


def test_a_day_at_which_people_have_come_is_kept_when_its_series_ends(world: World) -> None:
    series = _series(world)
    first, *others = _plan(world, series)
    world.enrol(first, world.charlie)
    with clock.at(local("8:58")):
        world.press(world.charlie, first)
        ending = changes.end_series(
            world.session, world.desk, series_id=series.id, from_on=SERVICE_DAY, reason="换人"
        )

    assert ending.kept == [first]
    assert ending.called_off == others
    assert first.status is OccasionStatus.PLANNED


def test_a_series_is_not_ended_in_the_past(world: World) -> None:
    series = _series(world)

    with clock.at(SIGN_UP_TIME), pytest.raises(WrongField):
        changes.end_series(
            world.session,
            world.desk,
            series_id=series.id,
            from_on=SIGN_UP_TIME.date() - timedelta(days=1),
            reason="换人",
        )


# ---------------------------------------------------------------- places
