"""Rosters in the database: terms, planning, changes by hand, publishing, and what comes between."""

from datetime import date, timedelta
from uuid import UUID

import pytest
import sqlalchemy as sa

from ledger import clock
from ledger.errors import NotAllowed, Refusal
from tests.duty.world import BEGINS, ENDS, Duty, make_duty
from tests.service.world import SIGN_UP_TIME, local
from timebank.duty import board, planning, rosters, wishes
from timebank.duty.diary import Obstacle, Part, Wish
from timebank.duty.errors import (
    CannotTake,
    NotAShift,
    NothingToPlan,
    NotOnShift,
    SeriesInRoster,
    ShiftFull,
    ShiftLength,
)
from timebank.duty.models import RosterState
from timebank.duty.planning import Mode
from timebank.duty.wishes import Wanted
from timebank.people import qualifications
from timebank.people.qualification_models import QualificationKind
from timebank.people.qualifications import ExpiresTooEarly, OwnQualification
from timebank.service import repeating, signup, waiting
from timebank.service.errors import NotHere, NotQualified, OccasionOver, WrongField
from timebank.service.models import OccasionKind, Series
from timebank.service.occasions import SlotPlan

MONDAY = BEGINS
SQLITE = pytest.mark.databases("sqlite")


# ---------------------------------------------------------------- terms


@SQLITE
@pytest.mark.parametrize(
    ("changed", "refusal"),
    [
        ({"ends_on": BEGINS + timedelta(days=366)}, WrongField),
        ({"ends_on": BEGINS - timedelta(days=1)}, WrongField),
        ({"begins_on": date(2026, 9, 1), "ends_on": date(2026, 10, 31)}, WrongField),
        ({"begins_on": date(2027, 12, 1), "ends_on": date(2027, 12, 31)}, WrongField),
        ({"member_ids": frozenset()}, NothingToPlan),
        ({"series_ids": frozenset()}, NothingToPlan),
        ({"rest_minutes": 1441}, WrongField),
        ({"daily_minutes_max": 0}, WrongField),
        ({"people_count": 0}, WrongField),
        ({"title": "  "}, WrongField),
    ],
)
def test_terms_that_cannot_be_are_refused(
    duty: Duty, changed: dict[str, object], refusal: type[Refusal]
) -> None:
    with pytest.raises(refusal):
        duty.make_roster(**changed)


def test_a_series_is_a_shift_of_two_to_four_hours_in_one_roster(duty: Duty) -> None:
    def ids(series: Series) -> frozenset[UUID]:
        return frozenset({series.id})

    desk = duty.world.desk
    day, long, night = (
        repeating.create_series(
            duty.session,
            desk,
            activity=duty.world.activity(),
            rule="FREQ=DAILY",
            starts_on=BEGINS,
            slot=SlotPlan(begin, end, 2),
        )
        for begin, end in (("09:00", "12:00"), ("08:00", "14:00"), ("22:00", "02:00"))
    )
    long.kind = night.kind = OccasionKind.DUTY_SHIFT
    with pytest.raises(NotAShift):
        duty.make_roster(series_ids=ids(day))
    with pytest.raises(ShiftLength):
        duty.make_roster(series_ids=ids(long))
    assert duty.make_roster(series_ids=ids(night)).state is RosterState.DRAFT
    duty.make_roster()
    with pytest.raises(SeriesInRoster):
        duty.make_roster(series_ids=ids(duty.gate), begins_on=ENDS, ends_on=ENDS)

    later = duty.make_roster(begins_on=ENDS + timedelta(days=1), ends_on=date(2026, 11, 30))
    assert later.state is RosterState.DRAFT


def test_another_communitys_members_series_and_rosters_are_not_there(duty: Duty) -> None:
    other = make_duty(duty.session, duty.world.keys, "A")
    with clock.at(SIGN_UP_TIME):
        for mixed in (
            {"member_ids": frozenset({other.team[0].id})},
            {"series_ids": frozenset({other.gate.id})},
        ):
            with pytest.raises(NotHere):
                duty.make_roster(**mixed)
        duty.make_roster()
        with pytest.raises(NotHere):
            rosters.show(duty.session, other.world.desk, duty.roster.id)
        with pytest.raises(NotAllowed):
            rosters.show(duty.session, duty.world.leader, duty.roster.id)

    assert rosters.rosters(duty.session, other.world.desk) == []


# ---------------------------------------------------------------- planning


def test_every_place_is_filled_and_the_minutes_are_close(duty: Duty) -> None:
    duty.make_roster(rest_minutes=8 * 60)
    for member in duty.team:
        wishes.set_wishes(
            duty.session, duty.world.actor(member), wanted=Wanted(shifts_per_week_max=6)
        )

    done = duty.plan()
    shown = board.board(rosters.show(duty.session, duty.world.desk, duty.roster.id))

    assert done.gaps == ()
    assert len(done.added) == 2 * (14 + 6)
    minutes = [share.minutes for share in shown.shares]
    assert sum(minutes) == 2 * (14 * 180 + 6 * 120)
    assert max(minutes) - min(minutes) <= 180
    assert (shown.draft_count, shown.missing_count, len(shown.weeks)) == (40, 0, 2)


def test_nobody_is_planned_above_zero_shifts_or_when_they_said_never(duty: Duty) -> None:
    duty.make_roster()
    charlie, dora, *_ = duty.team
    desk = duty.world.desk
    wishes.set_wishes(duty.session, desk, wanted=Wanted(0), member_id=charlie.id)
    never = {(day, part): Wish.NEVER for day in range(7) for part in Part}
    wishes.set_wishes(duty.session, duty.world.actor(dora), wanted=Wanted(14, never))

    done = duty.plan()

    assert {member_id for _, member_id in done.added}.isdisjoint({charlie.id, dora.id})
    assert {Obstacle.WEEKLY_MAX, Obstacle.NEVER} <= set(done.gaps[0].reasons)
    with pytest.raises(NotAllowed):
        wishes.set_wishes(
            duty.session, duty.world.actor(dora), wanted=Wanted(), member_id=charlie.id
        )
    with pytest.raises(WrongField):
        wishes.set_wishes(duty.session, desk, wanted=Wanted(15))


def test_what_is_set_by_hand_stays_and_can_be_given_up(duty: Duty) -> None:
    duty.make_roster(series_ids=frozenset({duty.gate.id}), ends_on=MONDAY)
    duty.plan()
    slot = duty.slot(duty.gate, MONDAY)
    [first, second] = duty.planned(slot.id)
    duty.take_off(slot.id, first)
    with pytest.raises(NotOnShift):
        duty.take_off(slot.id, first)  # a colleague at the desk was faster
    third = next(
        member
        for member, reason in planning.candidates(
            rosters.show(duty.session, duty.world.desk, duty.roster.id), slot.id
        )
        if reason is None and member.id not in {first, second}
    )
    duty.assign(slot.id, third)

    duty.plan()
    assert set(duty.planned(slot.id)) >= {third.id}
    duty.plan(Mode.ANEW)
    assert set(duty.planned(slot.id)) == {first, second}


def test_a_hand_meets_the_same_rules(duty: Duty) -> None:
    duty.make_roster(people_count=1)
    charlie, dora, erik, fang = duty.team
    slot = duty.slot(duty.gate, MONDAY)
    duty.assign(slot.id, charlie)
    with pytest.raises(CannotTake) as refused:  # nine hours after the end of the evening's
        duty.assign(duty.slot(duty.market, MONDAY).id, charlie)
    assert refused.value.details["reason"] == "rest"
    for member in (dora, erik):
        duty.assign(slot.id, member)
    with pytest.raises(ShiftFull):
        duty.assign(slot.id, fang)
    with pytest.raises(NotHere):
        duty.assign(slot.id, duty.world.bob)
    with clock.at(local("9:00", MONDAY)), pytest.raises(OccasionOver):
        duty.take_off(slot.id, charlie.id)


# ---------------------------------------------------------------- qualifications


def test_a_shift_that_asks_for_first_aid_takes_only_who_holds_it_on_the_day(duty: Duty) -> None:
    charlie, dora, *_ = duty.team
    desk, kind = duty.world.desk, QualificationKind.FIRST_AID
    repeating.require_qualification(duty.session, desk, series_id=duty.gate.id, kind=kind)
    until = date(2026, 11, 11)
    qualifications.grant(
        duty.session,
        desk,
        member_id=charlie.id,
        kind=kind,
        granted_on=date(2026, 1, 1),
        expires_on=until,
    )
    duty.make_roster()

    done = duty.plan()

    gate = {duty.slot(duty.gate, BEGINS + timedelta(days=n)).id: n for n in range(14)}
    assert {(gate[s], m) for s, m in done.added if s in gate} <= {(n, charlie.id) for n in range(3)}
    early, late = duty.slot(duty.gate, MONDAY), duty.slot(duty.gate, until + timedelta(days=1))
    for member, slot in ((dora, early), (charlie, late)):
        with pytest.raises(NotQualified):
            signup.sign_up(duty.session, duty.world.actor(member), slot_id=slot.id)
        with pytest.raises(CannotTake):
            duty.assign(slot.id, member)
    with pytest.raises(NotQualified):
        waiting.wait(duty.session, duty.world.actor(dora), slot_id=early.id)


@SQLITE
def test_nobody_grants_their_own_or_what_is_over(duty: Duty) -> None:
    kind, day = QualificationKind.FIRST_AID, date(2026, 11, 1)
    alice, charlie = duty.world.alice, duty.team[0]
    with pytest.raises(OwnQualification):
        qualifications.grant(
            duty.session,
            duty.world.desk,
            member_id=alice.id,
            kind=kind,
            granted_on=day,
            expires_on=day,
        )
    with pytest.raises(ExpiresTooEarly):
        qualifications.grant(
            duty.session,
            duty.world.desk,
            member_id=charlie.id,
            kind=kind,
            granted_on=day - timedelta(days=9),
            expires_on=day - timedelta(days=1),
        )
    insert = (
        "INSERT INTO member_qualification (community_id, member_id, kind, granted_on, expires_on,"
        " granted_by_id) SELECT community_id, id, 'first_aid', '2026-11-01', '2026-11-02', id"
        " FROM member"
    )
    with pytest.raises(sa.exc.IntegrityError), duty.session.begin_nested():
        duty.session.execute(sa.text(insert))
