"""The month end: everything done first, two people, then nothing is dated in it any more."""

from datetime import date, timedelta

import pytest
from sqlalchemy.orm import Session

from ledger import clock, seal
from ledger.errors import NotAllowed, PeriodClosed
from tests.commons.makers import KEYS, World, approved, enter, gift, give
from tests.shop.makers import NOON
from timebank.actors import Actor
from timebank.commons import donations, expenses
from timebank.insight import month_end, periods, self_checks
from timebank.insight.month_end import (
    AnotherMustCloseMonth,
    MonthDecided,
    MonthNotReady,
    MonthPrepared,
)
from timebank.insight.month_models import MonthState
from timebank.insight.verification import verify_book

DECEMBER = NOON + timedelta(days=20)
NOVEMBER = date(2026, 11, 1)


def seal_all(session: Session, world: World) -> None:
    while seal.seal(session, world.community_id):
        pass


def make_ready(session: Session, world: World) -> None:
    """Seal and check the whole book, as every night does."""
    seal_all(session, world)
    auditor = world.actor("audrey")
    self_checks.keep(session, auditor, verify_book(session, auditor))


def open_names(session: Session, world: World) -> set[str]:
    found = month_end.read_checklist(session, world.actor("audrey"), month_on=NOVEMBER)
    return {check.name for check in found.open_checks}


def test_every_open_point_is_named(session: Session, world: World) -> None:
    give(session, world)
    donations.record(session, world.actor("clara"), KEYS, gift=gift())
    enter(session, world, approved(session, world, 60_00), 1_00)

    assert open_names(session, world) == {
        *("month_is_over", "donations_counted", "expenses_released"),
        *("book_verified", "entries_sealed"),
    }
    with pytest.raises(MonthNotReady) as refused:
        month_end.prepare(session, world.actor("wen"), month_on=NOVEMBER)
    assert refused.value.details["count"] == 5


def test_a_month_is_closed_by_another_and_takes_no_more(session: Session, world: World) -> None:
    give(session, world)
    with clock.at(DECEMBER):
        make_ready(session, world)
        assert open_names(session, world) == set()
        made = month_end.prepare(session, world.actor("wen"), month_on=NOVEMBER)
        assert month_end.prepare(session, world.actor("wen"), month_on=NOVEMBER).id == made.id
        with pytest.raises(NotAllowed):
            month_end.close(session, world.actor("wen"), month_end_id=made.id)

        closed = month_end.close(session, world.actor("ada"), month_end_id=made.id)

        assert closed.state is MonthState.CLOSED
        assert periods.closed_through(session, world.actor("audrey")) == date(2026, 11, 30)
        assert month_end.close(session, world.actor("ada"), month_end_id=made.id).id == made.id
        with pytest.raises(PeriodClosed):
            give(session, world)
        [(_, prepared_by, decided_by)] = month_end.history(session, world.actor("audrey"))
        assert (prepared_by, decided_by) == ("文", "艾达")


def test_who_prepared_does_not_close(session: Session, world: World) -> None:
    with clock.at(DECEMBER):
        make_ready(session, world)
        made = month_end.prepare(session, world.actor("ada"), month_on=NOVEMBER)

        with pytest.raises(AnotherMustCloseMonth):
            month_end.close(session, world.actor("ada"), month_end_id=made.id)
        with pytest.raises(MonthPrepared):
            month_end.prepare(session, world.actor("wen"), month_on=NOVEMBER)
        month_end.withdraw(session, world.actor("wen"), month_end_id=made.id)
        with pytest.raises(MonthDecided):
            month_end.withdraw(session, world.actor("wen"), month_end_id=made.id)


def test_what_opened_again_stops_the_closing(session: Session, world: World) -> None:
    give(session, world)
    project = approved(session, world, 60_00)
    with clock.at(DECEMBER):
        make_ready(session, world)
        made = month_end.prepare(session, world.actor("wen"), month_on=NOVEMBER)
        late = enter(session, world, project, 1_00)

        with pytest.raises(MonthNotReady):
            month_end.close(session, world.actor("ada"), month_end_id=made.id)
        expenses.refuse(session, world.actor("wen"), expense_id=late.id, reason="下月")
        assert month_end.close(session, world.actor("ada"), month_end_id=made.id).decided_at


def test_the_check_of_an_earlier_month_does_not_count(session: Session, world: World) -> None:
    make_ready(session, world)
    with clock.at(DECEMBER):
        assert open_names(session, world) == {"book_verified"}


@pytest.mark.parametrize("name", ["alice", "bob", "clara", "audrey"])
def test_only_who_releases_money_prepares(session: Session, world: World, name: str) -> None:
    with pytest.raises(NotAllowed):
        month_end.prepare(session, world.actor(name), month_on=NOVEMBER)
    system = Actor.system(world.community_id, "x")
    with pytest.raises(NotAllowed):
        month_end.prepare(session, system, month_on=NOVEMBER)


def test_the_next_month_follows_the_last_closed_one(session: Session, world: World) -> None:
    assert month_end.next_month(session, world.actor("wen")) == date(2026, 10, 1)
    periods.close_period(session, world.actor("ada"), through=date(2026, 10, 31), reason="十月")

    assert month_end.next_month(session, world.actor("wen")) == NOVEMBER
