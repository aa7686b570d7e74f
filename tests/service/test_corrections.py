"""Correcting a confirmed attendance: who may, what it does to the book, and what is refused."""

from datetime import date

import pytest
from sqlalchemy import select

from ledger import acts, clock
from ledger.errors import NotAllowed
from ledger.schema import Transaction
from tests.service.world import SERVICE_DAY, World, local, make_world
from timebank.actors import Actor, Role
from timebank.codes import CodeKeys
from timebank.people import pins
from timebank.people.models import Member
from timebank.rewards import points
from timebank.service import casework, corrections
from timebank.service.attendance import Mark
from timebank.service.correction_models import Correction, CorrectionState
from timebank.service.errors import (
    CorrectionDecided,
    CorrectionOpen,
    NotHere,
    NothingToCorrect,
    NotProposer,
    NotSettled,
    Overlap,
    OwnProposal,
    OwnRow,
    PointsSpent,
    WrongField,
    WrongTimes,
)
from timebank.service.models import Attendance, AttendanceState, Occasion, Provenance
from timebank.service.occasions import SlotPlan
from timebank.shop import goods, intake, till
from timebank.shop.goods import ItemDetails
from timebank.shop.intake import Intake
from timebank.shop.models import IntakeChoice, ValueBasis
from timebank.shop.till import Line, Sale

LATER = date(2026, 11, 20)
REASON = "签到表上写的是十点离开"


@pytest.fixture
def served(world: World, occasion: Occasion) -> Attendance:
    """Charlie's confirmed row: 150 minutes, 5 points."""
    return _confirmed(world, occasion, world.charlie)


def _confirmed(world: World, occasion: Occasion, member: Member) -> Attendance:
    world.serve(member, occasion)
    world.confirm(occasion, world.mark(member, occasion), by=world.desk)
    return world.row(member, occasion)


def _propose(
    world: World,
    row: Attendance,
    come: str | None = "9:00",
    go: str | None = "10:00",
    *,
    by: Actor | None = None,
    reason: str = REASON,
) -> Correction:
    with clock.at(local("10:00", LATER)):
        return corrections.propose(
            world.session,
            by or world.leader,
            attendance_id=row.id,
            in_at=local(come) if come else None,
            out_at=local(go) if go else None,
            reason=reason,
        )


def _agree(world: World, correction: Correction, *, by: Actor | None = None) -> Correction:
    with clock.at(local("11:00", LATER)):
        return corrections.agree(world.session, by or world.desk, correction_id=correction.id)


def _entries(world: World) -> list[tuple[str, date]]:
    found = world.session.execute(select(Transaction.kind, Transaction.occurred_on))
    return sorted((kind, on) for kind, on in found)


# ---------------------------------------------------------------- what it does


def test_two_people_correct_the_times(world: World, served: Attendance) -> None:
    first_id = served.transaction_id

    proposed = _propose(world, served)
    before = (world.minutes(world.charlie), world.points(world.charlie))
    done = _agree(world, proposed)

    assert before == (150, 5)
    assert (world.minutes(world.charlie), world.points(world.charlie)) == (60, 2)
    assert (served.in_at, served.out_at) == (local("9:00"), local("10:00"))
    assert (served.counted_minutes, served.points, served.state) == (60, 2, AttendanceState.POSTED)
    assert (done.old_transaction_id, done.transaction_id) == (first_id, served.transaction_id)
    assert (done.old_counted_minutes, done.old_points) == (150, 5)
    assert (done.counted_minutes, done.points, done.policy_version) == (60, 2, 1)
    assert (done.proposed_by_id, done.decided_by_id) == (world.bob.id, world.alice.id)
    assert served.confirmed_by_id == world.alice.id
    reversal = world.session.get_one(Transaction, (done.community_id, done.reversal_id))
    assert (reversal.reverses_id, reversal.narration) == (first_id, REASON)
    assert reversal.source == f"correction:{done.id}"


def test_the_entries_stand_on_the_day_of_the_service(world: World, served: Attendance) -> None:
    _agree(world, _propose(world, served))

    assert _entries(world) == [
        ("reversal", SERVICE_DAY),
        ("service", SERVICE_DAY),
        ("service", SERVICE_DAY),
    ]


def test_in_a_closed_period_they_carry_the_day_of_the_correction(
    world: World, served: Attendance
) -> None:
    with clock.at(local("9:00", LATER)):
        acts.close_period(
            world.session,
            served.community_id,
            through=date(2026, 11, 15),
            reason="月结",
            actor="system:test",
        )

    _agree(world, _propose(world, served))

    assert _entries(world) == [("reversal", LATER), ("service", SERVICE_DAY), ("service", LATER)]
    assert world.minutes(world.charlie) == 60


def test_who_was_not_there_keeps_nothing(world: World, served: Attendance) -> None:
    done = _agree(world, _propose(world, served, None, None))

    assert (world.minutes(world.charlie), world.points(world.charlie)) == (0, 0)
    assert (served.state, served.transaction_id) == (AttendanceState.NO_SHOW, None)
    assert (done.counted_minutes, done.points, done.transaction_id) == (0, 0, None)
    assert [kind for kind, _ in _entries(world)] == ["reversal", "service"]


def test_a_row_is_corrected_again_and_keeps_its_chain(world: World, served: Attendance) -> None:
    first = _agree(world, _propose(world, served, None, None))
    second = _agree(world, _propose(world, served, "9:00", "11:30"))
    third = _agree(world, _propose(world, served, "9:00", "10:00"))

    assert (second.old_transaction_id, second.reversal_id) == (None, None)
    assert third.old_transaction_id == second.transaction_id
    assert first.transaction_id is None
    assert served.transaction_id == third.transaction_id
    assert world.minutes(world.charlie) == 60


def test_who_was_not_seen_gets_time_by_hand(world: World, occasion: Occasion) -> None:
    world.confirm(occasion, world.mark(world.charlie, occasion, Mark.NOT_SEEN))
    row = world.row(world.charlie, occasion)

    _agree(world, _propose(world, row, "9:00", "11:00"))

    assert row.provenance is Provenance.BACK_FILLED
    assert (row.in_by_id, row.confirmed_by_id) == (world.bob.id, world.alice.id)
    assert (world.minutes(world.charlie), world.points(world.charlie)) == (120, 0)


def test_the_policy_of_the_service_day_counts(world: World, occasion: Occasion) -> None:
    rule = {**points.FIRST_RULE.document(), "points_per_hour": 20}
    with clock.at(local("9:00", date(2026, 11, 1))):
        world.release(date(2026, 11, 10), points.read_rule(rule))
    row = _confirmed(world, occasion, world.charlie)

    done = _agree(world, _propose(world, row))

    assert (done.policy_version, done.points) == (1, 2)


def test_the_daily_cap_counts_the_other_services(world: World, occasion: Occasion) -> None:
    rule = {**points.FIRST_RULE.document(), "daily_minutes_max": 180}
    with clock.at(local("9:00", date(2026, 11, 1))):
        world.release(date(2026, 11, 2), points.read_rule(rule))
    row = _confirmed(world, occasion, world.charlie)
    other = world.plan(SlotPlan("14:00", "16:00", 5), title="看望老人")
    world.enrol(other, world.charlie)
    world.serve(world.charlie, other, "14:00", "16:00")
    world.confirm(other, world.mark(world.charlie, other), at="17:00")

    done = _agree(world, _propose(world, row, "9:30", "11:30"))

    assert world.row(world.charlie, other).counted_minutes == 30
    assert done.counted_minutes == 120


# ---------------------------------------------------------------- who may


def test_nobody_agrees_to_their_own_proposal(world: World, served: Attendance) -> None:
    proposed = _propose(world, served)

    with pytest.raises(OwnProposal):
        _agree(world, proposed, by=world.leader)
    with pytest.raises(OwnProposal):
        corrections.refuse(world.session, world.leader, correction_id=proposed.id, reason="不")

    assert (proposed.state, world.minutes(world.charlie)) == (CorrectionState.OPEN, 150)


def test_nobody_corrects_their_own_row(world: World, occasion: Occasion) -> None:
    world.enrol(occasion, world.bob)
    row = _confirmed(world, occasion, world.bob)

    with pytest.raises(OwnRow):
        _propose(world, row)
    proposed = _propose(world, row, by=world.desk)
    with pytest.raises(OwnRow):
        _agree(world, proposed, by=world.leader)


def test_a_volunteer_neither_proposes_nor_decides(world: World, served: Attendance) -> None:
    dora = world.actor(world.dora)
    proposed = _propose(world, served)

    with pytest.raises(NotAllowed):
        _propose(world, served, by=dora)
    for rule in (corrections.agree, corrections.withdraw):
        with pytest.raises(NotAllowed):
            rule(world.session, dora, correction_id=proposed.id)


def test_a_row_and_a_proposal_of_another_community_are_not_there(
    world: World, served: Attendance, keys: CodeKeys
) -> None:
    proposed = _propose(world, served)
    other = make_world(world.session, keys, code="A")

    with pytest.raises(NotHere):
        _propose(world, served, by=other.desk)
    with pytest.raises(NotHere):
        _agree(world, proposed, by=other.desk)
    assert casework.open_corrections(world.session, other.desk) == []


def test_only_who_proposed_withdraws(world: World, served: Attendance) -> None:
    proposed = _propose(world, served)
    with pytest.raises(NotProposer):
        corrections.withdraw(world.session, world.desk, correction_id=proposed.id)

    for _ in range(2):
        corrections.withdraw(world.session, world.leader, correction_id=proposed.id)

    assert proposed.state is CorrectionState.WITHDRAWN
    with pytest.raises(CorrectionDecided):
        _agree(world, proposed)
    assert _propose(world, served).state is CorrectionState.OPEN


def test_a_refusal_says_why_and_changes_nothing(world: World, served: Attendance) -> None:
    proposed = _propose(world, served)

    corrections.refuse(world.session, world.desk, correction_id=proposed.id, reason="我在场")

    assert (proposed.state, proposed.answer) == (CorrectionState.REFUSED, "我在场")
    assert world.minutes(world.charlie) == 150
    with pytest.raises(CorrectionDecided):
        _agree(world, proposed)


# ---------------------------------------------------------------- what cannot be


@pytest.mark.parametrize(
    ("come", "go"),
    [("7:00", "8:59"), ("11:30", "11:40"), ("10:00", "10:00"), ("11:00", "10:00"), ("9:00", None)],
)
def test_times_without_a_stay_in_the_slot_are_refused(
    world: World, served: Attendance, come: str, go: str | None
) -> None:
    with pytest.raises(WrongTimes):
        _propose(world, served, come, go)


def test_what_lies_outside_the_slot_does_not_count(world: World, served: Attendance) -> None:
    proposed = _propose(world, served, "8:40", "11:00")

    assert (proposed.in_at, proposed.out_at) == (local("9:00"), local("11:00"))


@pytest.mark.parametrize("reason", ["", "  ", "长" * 501, "a\nb"])
def test_a_reason_is_a_line_of_text(world: World, served: Attendance, reason: str) -> None:
    with pytest.raises(WrongField):
        _propose(world, served, reason=reason)


def test_a_stay_elsewhere_is_not_overlapped(world: World, occasion: Occasion) -> None:
    other = world.plan(SlotPlan("10:30", "12:00", 5), title="看望老人")
    world.enrol(occasion, world.dora)
    world.serve(world.dora, occasion, "9:00", "10:00")
    world.confirm(occasion, world.mark(world.dora, occasion))
    with clock.at(local("10:30")):
        world.press(world.dora, other, is_joining=True)

    row = world.row(world.dora, occasion)
    with pytest.raises(Overlap, match="看望老人"):
        _propose(world, row, "9:00", "11:30")
    assert _propose(world, row, "9:00", "10:30").state is CorrectionState.OPEN


def test_what_the_row_says_already_is_no_correction(world: World, served: Attendance) -> None:
    with pytest.raises(NothingToCorrect):
        _propose(world, served, "9:00", "11:30")
    _agree(world, _propose(world, served, None, None))
    with pytest.raises(NothingToCorrect):
        _propose(world, served, None, None)


def test_one_proposal_is_decided_before_the_next(world: World, served: Attendance) -> None:
    _propose(world, served)

    with pytest.raises(CorrectionOpen):
        _propose(world, served, "9:00", "9:30", by=world.desk)


def test_a_row_that_is_not_confirmed_is_not_corrected(world: World, occasion: Occasion) -> None:
    world.serve(world.charlie, occasion)

    with pytest.raises(NotSettled):
        _propose(world, world.row(world.charlie, occasion))


def _spend(world: World, points_spent: int) -> None:
    """Let Charlie buy for so many points at the shop."""
    clerk = world.actor(world.bob, Role.CLERK)
    with clock.at(local("10:00", date(2026, 11, 12))):
        pins.set_pin(world.session, world.desk, world.charlie.id, pin="4826")
        item = goods.add_item(
            world.session, clerk, details=ItemDetails(name="布艺杯垫"), nonce="spend-item"
        )
        goods.set_price(
            world.session,
            world.desk,
            item_number=item.number,
            price_points=1,
            basis=ValueBasis.COUNCIL,
        )
        arrival = Intake(item.number, 9, IntakeChoice.DONATE, "spend-intake")
        intake.receive(world.session, clerk, intake=arrival)
        sale = Sale(
            holder=world.charlie.volunteer_number,
            lines=(Line(item.number, points_spent),),
            nonce="spend-sale",
            pin="4826",
        )
        till.redeem(world.session, clerk, world.keys, sale=sale)


def test_spent_points_refuse_the_whole_correction_in_words(
    world: World, served: Attendance
) -> None:
    _spend(world, 4)
    proposed = _propose(world, served)
    entries = len(_entries(world))

    with pytest.raises(PointsSpent) as refused, world.session.begin_nested():
        _agree(world, proposed)

    world.session.expire_all()
    assert refused.value.details == {"name": "韦桂芬", "need": 3, "have": 1}
    assert len(_entries(world)) == entries
    assert (world.minutes(world.charlie), world.points(world.charlie)) == (150, 1)
    assert served.counted_minutes == 150
    assert world.session.get_one(Correction, (served.community_id, proposed.id)).decided_at is None


def test_only_what_is_taken_off_has_to_be_there(world: World, served: Attendance) -> None:
    _spend(world, 4)

    _agree(world, _propose(world, served, "9:00", "11:00"))  # from 5 points to 4

    assert (world.minutes(world.charlie), world.points(world.charlie)) == (120, 0)
