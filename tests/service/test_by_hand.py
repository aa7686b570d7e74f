"""Time written in by hand: two people, inside the slot, over nobody's scan."""

from datetime import date

import pytest

from ledger import clock
from tests.service.world import World, local
from timebank.actors import Role
from timebank.contributions import Provenance
from timebank.rewards import points
from timebank.rewards.points import Rule
from timebank.service import rows
from timebank.service.attendance import Waiting
from timebank.service.errors import (
    Overlap,
    OwnRow,
    RowSettled,
    WrongField,
    WrongTimes,
)
from timebank.service.models import AttendanceState, Occasion
from timebank.service.occasions import SlotPlan

pytestmark = pytest.mark.databases("sqlite")


def _policy(world: World, starts_on: date, **changes: object) -> None:
    rule: dict[str, object] = {**points.FIRST_RULE.document(), **changes}
    with clock.at(local("9:00", date(2026, 10, 1))):
        world.release(starts_on, points.read_rule(rule))


def _by_hand(world: World, occasion: Occasion, begin: str = "9:00", end: str = "11:00") -> None:
    with clock.at(local("12:00")):
        rows.back_fill(
            world.session,
            world.leader,
            slot_id=world.slot(occasion).id,
            member_id=world.dora.id,
            in_at=local(begin),
            out_at=local(end),
        )


def test_time_by_hand_takes_two_people_and_earns_hours_only(
    world: World, occasion: Occasion
) -> None:
    _by_hand(world, occasion)
    mark = world.mark(world.dora, occasion)

    alone = world.confirm(occasion, mark)
    together = world.confirm(occasion, mark, by=world.desk)

    row = world.row(world.dora, occasion)
    assert [reason for _, reason in alone.waiting] == [Waiting.SECOND_PERSON]
    assert len(together.posted) == 1
    assert (row.provenance, row.in_by_id) == (Provenance.BACK_FILLED, world.bob.id)
    assert (world.minutes(world.dora), world.points(world.dora)) == (120, 0)


def test_a_policy_may_give_points_for_time_by_hand(world: World, occasion: Occasion) -> None:
    _policy(world, date(2026, 11, 2), points_by_provenance=[each.value for each in Provenance])
    _by_hand(world, occasion)

    world.confirm(occasion, world.mark(world.dora, occasion), by=world.desk)

    assert world.points(world.dora) == 4


@pytest.mark.parametrize(
    ("begin", "end"),
    [("8:59", "11:00"), ("9:00", "11:31"), ("11:00", "10:00"), ("10:00", "10:00")],
)
def test_time_by_hand_lies_inside_the_slot(
    world: World, occasion: Occasion, begin: str, end: str
) -> None:
    with pytest.raises(WrongTimes):
        _by_hand(world, occasion, begin, end)


def test_time_by_hand_replaces_no_scan(world: World, occasion: Occasion) -> None:
    world.enrol(occasion, world.dora)
    with clock.at(local("9:00")):
        world.press(world.dora, occasion)

    with pytest.raises(RowSettled, match="莫建国"):
        _by_hand(world, occasion)


def test_time_by_hand_overlaps_no_other_stay(world: World, occasion: Occasion) -> None:
    other = world.plan(SlotPlan("08:00", "10:00", 5), title="看望老人")
    world.enrol(other, world.dora)
    world.serve(world.dora, other, "8:00", "9:30")

    with pytest.raises(Overlap, match=r"看望老人.*8:00–9:30"):
        _by_hand(world, occasion, "9:29", "10:00")
    _by_hand(world, occasion, "9:30", "10:00")

    assert world.row(world.dora, occasion).state is AttendanceState.OUT


def test_nobody_writes_their_own_time(world: World, occasion: Occasion) -> None:
    with clock.at(local("12:00")), pytest.raises(OwnRow):
        rows.back_fill(
            world.session,
            world.leader,
            slot_id=world.slot(occasion).id,
            member_id=world.bob.id,
            in_at=local("9:00"),
            out_at=local("10:00"),
        )


def test_time_by_hand_comes_within_the_month(world: World, occasion: Occasion) -> None:
    with clock.at(local("11:31", date(2026, 12, 10))), pytest.raises(WrongField):
        rows.back_fill(
            world.session,
            world.leader,
            slot_id=world.slot(occasion).id,
            member_id=world.dora.id,
            in_at=local("9:00"),
            out_at=local("10:00"),
        )


def test_a_rule_document_round_trips() -> None:
    rule = Rule(3, {"safety": 4}, 360, frozenset({"self_scanned"}))

    assert points.read_rule(rule.document()) == rule


def test_a_leader_with_the_desk_role_is_still_the_same_person(
    world: World, occasion: Occasion
) -> None:
    _by_hand(world, occasion)
    both = world.actor(world.bob, Role.LEADER, Role.SOCIAL_WORKER)

    done = world.confirm(occasion, world.mark(world.dora, occasion), by=both)

    assert [reason for _, reason in done.waiting] == [Waiting.SECOND_PERSON]
