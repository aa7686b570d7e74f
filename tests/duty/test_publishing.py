"""Publishing rosters: once, only what changed, and what happened between planning and the day."""

from collections import Counter
from datetime import date, timedelta

import pytest

from tests.duty.world import BEGINS, Duty
from timebank.actors import Actor
from timebank.duty import board, rosters
from timebank.duty.diary import Obstacle
from timebank.duty.errors import (
    NothingToPlan,
)
from timebank.duty.models import AssignmentState, RosterState
from timebank.duty.planning import Mode
from timebank.messages.models import MessageKind
from timebank.people import members
from timebank.service import changes, moving, signup, waiting
from timebank.service.errors import Overlap

MONDAY = BEGINS
SQLITE = pytest.mark.databases("sqlite")


def test_publishing_signs_up_and_tells_each_member_once(duty: Duty) -> None:
    duty.make_roster()
    done = duty.plan()

    first, again = duty.publish(), duty.publish()

    assert (len(first.enrolled), first.withdrawn, first.refused) == (len(done.added), [], [])
    assert (again.enrolled, again.withdrawn, again.refused) == ([], [], [])
    for slot_id, member_id in done.added:
        assert member_id in duty.on_list(slot_id)
    slot = duty.slot(duty.gate, MONDAY)
    assert slot.enrolled_count == len(duty.on_list(slot.id)) == 2
    counts = Counter(member_id for _, member_id in done.added)
    for member in duty.team:
        [message] = duty.told(member)
        assert (message.kind, message.facts["added"]) == (
            MessageKind.DUTY_PLANNED,
            counts[member.id],
        )
    assert duty.roster.state is RosterState.PUBLISHED


def test_publishing_again_does_only_what_changed(duty: Duty) -> None:
    duty.make_roster()
    duty.plan()
    duty.publish()
    slot = duty.slot(duty.gate, MONDAY)
    off, stays = sorted(duty.on_list(slot.id))
    duty.take_off(slot.id, off)
    assert off in duty.on_list(slot.id)  # nobody knows yet

    done = duty.publish()

    assert [(line.slot.id, member.id) for line, member in done.withdrawn] == [(slot.id, off)]
    assert done.enrolled == []
    assert duty.on_list(slot.id) == {stays}
    duty.session.refresh(slot)
    assert slot.enrolled_count == 1
    kinds = {m.id: [each.kind for each in duty.told(m)] for m in duty.team}
    assert kinds[off] == [MessageKind.DUTY_PLANNED, MessageKind.DUTY_CHANGED]
    assert kinds[stays] == [MessageKind.DUTY_PLANNED]
    duty.plan(Mode.FILL)
    assert off not in duty.planned(slot.id)  # who was taken off is asked again by hand only


def test_who_left_lost_a_qualification_or_is_busy_is_not_signed_up(duty: Duty) -> None:
    duty.make_roster(people_count=1, series_ids=frozenset({duty.gate.id}))
    charlie, dora, erik, fang = duty.team
    days = [duty.slot(duty.gate, BEGINS + timedelta(days=n)) for n in range(4)]
    for slot, member in zip(days, (charlie, dora, erik, fang), strict=True):
        duty.assign(slot.id, member)
    system = Actor.system(duty.world.community.community_id, "test")
    members.let_leave(duty.session, system, charlie.id, reason="搬家")
    duty.world.enrol(duty.world.plan(on=BEGINS + timedelta(days=1)), dora)
    changes.cancel_occasion(
        duty.session, duty.world.desk, occasion_id=days[2].occasion_id, reason="下雨"
    )

    done = duty.publish()

    reasons = {each.member.id: each.reason for each in done.refused}
    assert reasons == {charlie.id: Obstacle.NOT_ACTIVE, dora.id: Obstacle.OVERLAP}
    assert [member.id for _, member in done.enrolled] == [fang.id]
    duty.plan()
    assert set(duty.planned(days[0].id)).isdisjoint({charlie.id})


def test_a_moved_shift_keeps_its_people_and_shows_what_is_wrong(duty: Duty) -> None:
    duty.make_roster(people_count=1)
    charlie = duty.team[0]
    evening, morning = duty.slot(duty.market, MONDAY), duty.slot(duty.gate, date(2026, 11, 12))
    for slot in (evening, morning):
        duty.assign(slot.id, charlie)
    duty.publish()
    moving.move_occasion(
        duty.session,
        duty.world.desk,
        occasion_id=evening.occasion_id,
        occurs_on=date(2026, 11, 12),
        start_time="14:00",
    )

    scene = rosters.show(duty.session, duty.world.desk, duty.roster.id)
    [seat] = board.cell_of(scene, evening.id).seats

    assert (seat.post.member.id, seat.problem) == (charlie.id, Obstacle.REST)
    assert charlie.id in duty.on_list(evening.id)


def test_a_member_who_withdraws_leaves_a_gap_that_is_filled_by_another(duty: Duty) -> None:
    duty.make_roster(people_count=1, series_ids=frozenset({duty.gate.id}))
    duty.plan()
    duty.publish()
    slot = duty.slot(duty.gate, MONDAY)
    [gone] = duty.on_list(slot.id)
    member = next(each for each in duty.team if each.id == gone)
    signup.withdraw(duty.session, duty.world.actor(member), occasion_id=slot.occasion_id)

    done = duty.plan(Mode.FILL)

    [(_, other)] = [pair for pair in done.added if pair[0] == slot.id]
    assert other != gone
    assert duty.planned(slot.id) == {other: AssignmentState.DRAFT}


def test_who_signed_up_by_themselves_takes_a_place(duty: Duty) -> None:
    duty.make_roster(people_count=1, series_ids=frozenset({duty.gate.id}))
    slot = duty.slot(duty.gate, MONDAY)
    bob, dora = duty.world.bob, duty.team[1]
    for member in (bob, dora):
        signup.sign_up(duty.session, duty.world.actor(member), slot_id=slot.id)

    done = duty.plan()

    assert slot.id not in {slot_id for slot_id, _ in done.added}
    with pytest.raises(Overlap):
        duty.world.enrol(duty.world.plan(), dora)
    duty.take_off(slot.id, dora.id)
    duty.publish()
    assert duty.on_list(slot.id) == {bob.id}


def test_a_place_that_comes_free_goes_to_who_waits(duty: Duty) -> None:
    duty.make_roster(people_count=3, series_ids=frozenset({duty.gate.id}))
    duty.plan()
    duty.publish()
    slot = duty.slot(duty.gate, MONDAY)
    assert slot.enrolled_count == 3
    waiter = duty.world.add("候补")
    waiting.wait(duty.session, duty.world.actor(waiter), slot_id=slot.id)
    off = min(duty.on_list(slot.id))
    duty.take_off(slot.id, off)

    duty.publish()

    assert waiter.id in duty.on_list(slot.id)
    assert off not in duty.on_list(slot.id)
    duty.session.refresh(slot)
    assert slot.enrolled_count == 3


@SQLITE
def test_members_are_chosen_anew_and_who_is_off_is_planned_no_more(duty: Duty) -> None:
    duty.make_roster()
    duty.plan()
    kept = frozenset(member.id for member in duty.team[1:])
    rosters.set_members(duty.session, duty.world.desk, roster_id=duty.roster.id, member_ids=kept)
    with pytest.raises(NothingToPlan):
        rosters.set_members(
            duty.session, duty.world.desk, roster_id=duty.roster.id, member_ids=frozenset()
        )

    duty.plan()

    scene = rosters.show(duty.session, duty.world.desk, duty.roster.id)
    assert {member_id for _, member_id in scene.standing} == kept
    assert duty.on_list(duty.slot(duty.gate, MONDAY).id) == set()
