"""Swaps: asked, taken, agreed; every other end; and two who say yes at once."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from uuid import UUID

import pytest
import sqlalchemy as sa

from ledger import clock
from ledger.database import Database
from ledger.errors import NotAllowed, Refusal
from tests.duty.world import BEGINS, Duty, make_duty
from tests.service.world import SIGN_UP_TIME, local
from timebank.actors import Actor, Role
from timebank.codes import CodeKeys
from timebank.duty import planning, publishing, rosters, shifts, swaps
from timebank.duty.errors import (
    CannotTake,
    NotAShift,
    NotOnShift,
    OwnSwap,
    SwapClosed,
    SwapOpen,
    SwapOver,
)
from timebank.duty.models import AssignmentState, Swap, SwapState
from timebank.insight.inbox import read_inbox
from timebank.messages.models import MessageKind
from timebank.people import members
from timebank.people.models import Member
from timebank.service import changes, signup
from timebank.service.errors import NotHere, OccasionCancelled
from timebank.service.models import Slot

SQLITE = pytest.mark.databases("sqlite")


@pytest.fixture
def shift(duty: Duty) -> Slot:
    """Charlie's published shift of the Monday; Dora stands on Tuesday's."""
    duty.make_roster(people_count=1, series_ids=frozenset({duty.gate.id}))
    for days, member in enumerate(duty.team[:2]):
        duty.assign(duty.slot(duty.gate, BEGINS + timedelta(days=days)).id, member)
    duty.publish()
    return duty.slot(duty.gate, BEGINS)


def _ask(duty: Duty, shift: Slot, asked: Member | None = None) -> Swap:
    return swaps.ask(
        duty.session,
        duty.world.actor(duty.team[0]),
        slot_id=shift.id,
        asked_member_id=asked.id if asked else None,
    )


def _take(duty: Duty, swap: Swap, taker: Member) -> Swap:
    return swaps.take(duty.session, duty.world.actor(taker), swap_id=swap.id)


def _decide(duty: Duty, swap: Swap, by: Actor | None = None, *, agrees: bool = True) -> Swap:
    return swaps.decide(duty.session, by or duty.world.leader, swap_id=swap.id, agrees=agrees)


def test_with_the_leaders_yes_the_sign_up_changes_hands(duty: Duty, shift: Slot) -> None:
    charlie, dora, *_ = duty.team
    swap = _ask(duty, shift, dora)
    _take(duty, swap, dora)
    assert duty.on_list(shift.id) == {charlie.id}
    [waiting] = shifts.waiting_swaps(duty.session, duty.world.leader)
    in_box = read_inbox(duty.session, duty.world.desk).swaps

    _decide(duty, swap)

    assert (in_box.count, in_box.first_title) == (1, "社区入口值守")
    assert read_inbox(duty.session, duty.world.desk).swaps.count == 0

    assert waiting.swap.id == swap.id
    assert swap.state is SwapState.AGREED
    assert duty.on_list(shift.id) == {dora.id}
    duty.session.refresh(shift)
    assert shift.enrolled_count == 1
    assert duty.planned(shift.id) == {dora.id: AssignmentState.PUBLISHED}
    assert [each.kind for each in duty.told(charlie)][-1] is MessageKind.SWAP_AGREED
    assert [each.kind for each in duty.told(dora)][-2:] == [
        MessageKind.SWAP_ASKED,
        MessageKind.SWAP_AGREED,
    ]
    assert [each.kind for each in duty.told(duty.world.bob)] == [MessageKind.SWAP_WAITS]
    again = duty.publish()
    assert (again.enrolled, again.withdrawn) == ([], [])


@SQLITE
def test_refusing_declining_and_withdrawing_change_nothing(duty: Duty, shift: Slot) -> None:
    charlie, dora, erik, _ = duty.team
    refused = _ask(duty, shift, dora)
    _take(duty, refused, dora)
    _decide(duty, refused, agrees=False)
    declined = _ask(duty, shift, dora)
    swaps.decline(duty.session, duty.world.actor(dora), swap_id=declined.id)
    withdrawn = _ask(duty, shift)
    for _ in range(2):
        swaps.withdraw(duty.session, duty.world.actor(charlie), swap_id=withdrawn.id)
    left = _ask(duty, shift)
    _take(duty, left, erik)
    swaps.decline(duty.session, duty.world.actor(erik), swap_id=left.id)

    assert [each.state for each in (refused, declined, withdrawn, left)] == [
        *(SwapState.REFUSED, SwapState.DECLINED, SwapState.WITHDRAWN, SwapState.ASKED)
    ]
    assert duty.on_list(shift.id) == {charlie.id}
    for ended in (refused, declined, withdrawn):
        with pytest.raises(SwapClosed):
            _decide(duty, ended)
    with pytest.raises(SwapOpen):
        _ask(duty, shift, dora)


def test_nobody_decides_about_their_own_and_only_the_leader_does(duty: Duty, shift: Slot) -> None:
    charlie, dora, erik, _ = duty.team
    swap = _ask(duty, shift, dora)
    with pytest.raises(NotHere):
        _take(duty, swap, erik)
    with pytest.raises(OwnSwap):
        _take(duty, swap, charlie)
    with pytest.raises(SwapClosed):
        _decide(duty, swap)
    _take(duty, swap, dora)
    other_leader = duty.world.actor(duty.world.add("别的组长"), Role.LEADER)
    for actor in (other_leader, duty.world.actor(erik)):
        with pytest.raises(NotAllowed):
            _decide(duty, swap, actor)
    assert shifts.waiting_swaps(duty.session, other_leader) == []
    for member in (charlie, dora):
        with pytest.raises(OwnSwap):
            _decide(duty, swap, duty.world.actor(member, Role.SOCIAL_WORKER))
    with pytest.raises(sa.exc.IntegrityError), duty.session.begin_nested():
        duty.session.execute(
            sa.update(Swap)
            .where(Swap.id == swap.id)
            .values(state=SwapState.AGREED, decided_by_id=dora.id)
        )
    stranger = make_duty(duty.session, duty.world.keys, "A")
    with clock.at(SIGN_UP_TIME), pytest.raises(NotHere):
        _decide(duty, swap, stranger.world.desk)

    assert _decide(duty, swap, duty.world.desk).state is SwapState.AGREED


def test_all_guards_hold_again_when_the_leader_agrees(duty: Duty, shift: Slot) -> None:
    charlie, dora, erik, _ = duty.team
    swap = _ask(duty, shift, erik)
    _take(duty, swap, erik)
    duty.world.enrol(duty.world.plan(), erik)
    with pytest.raises(CannotTake) as busy:
        _decide(duty, swap)
    assert busy.value.details["reason"] == "overlap"
    swaps.withdraw(duty.session, duty.world.actor(charlie), swap_id=swap.id)
    second = _ask(duty, shift, dora)
    _take(duty, second, dora)
    system = Actor.system(duty.world.community.community_id, "test")
    members.suspend(duty.session, system, dora.id, reason="x")
    with pytest.raises(CannotTake):
        _decide(duty, second)
    members.let_return(duty.session, system, dora.id, reason="x")
    signup.withdraw(duty.session, duty.world.actor(charlie), occasion_id=shift.occasion_id)
    with pytest.raises(NotOnShift):
        _decide(duty, second)

    assert duty.on_list(shift.id) == set()


def test_the_rest_of_the_roster_binds_a_swap(duty: Duty, shift: Slot) -> None:
    dora = duty.team[1]
    evening = duty.slot(duty.market, BEGINS)
    signup.sign_up(duty.session, duty.world.actor(dora), slot_id=evening.id)

    with pytest.raises(CannotTake) as refused:
        _ask(duty, shift, dora)

    assert refused.value.details["reason"] == "rest"
    free = shifts.question(duty.session, duty.world.actor(duty.team[0]), shift.id).colleagues
    assert dora.id not in {member.id for member in free}
    assert duty.team[2].id in {member.id for member in free}


@SQLITE
def test_a_swap_ends_when_the_shift_begins_or_is_called_off(duty: Duty, shift: Slot) -> None:
    dora = duty.team[1]
    swap = _ask(duty, shift, dora)
    with clock.at(local("9:00", BEGINS)), pytest.raises(SwapOver):
        _take(duty, swap, dora)
    _take(duty, swap, dora)
    with clock.at(local("9:00", BEGINS)):
        assert shifts.waiting_swaps(duty.session, duty.world.leader) == []
        with pytest.raises(SwapOver):
            _decide(duty, swap)
    changes.cancel_occasion(
        duty.session, duty.world.desk, occasion_id=shift.occasion_id, reason="下雨"
    )
    with pytest.raises(OccasionCancelled):
        _decide(duty, swap)

    assert shifts.own_shifts(duty.session, duty.world.actor(dora)).asked == []


@SQLITE
def test_only_ones_own_duty_shift_is_offered_to_a_colleague(duty: Duty, shift: Slot) -> None:
    charlie, dora, *_ = duty.team
    day = duty.world.plan(on=BEGINS + timedelta(days=3))
    duty.world.enrol(day, charlie)
    with pytest.raises(NotAShift):
        _ask(duty, duty.world.slot(day))
    with pytest.raises(CannotTake):
        _ask(duty, shift, charlie)
    with pytest.raises(NotOnShift):
        swaps.ask(duty.session, duty.world.actor(dora), slot_id=shift.id)

    [own] = shifts.own_shifts(duty.session, duty.world.actor(charlie)).shifts
    assert own.slot.id == shift.id


# ---------------------------------------------------------------- at once


def _at_once(works: list[Callable[[], object]]) -> list[object]:
    barrier = Barrier(len(works))

    def run(work: Callable[[], object]) -> object:
        barrier.wait()
        try:
            return work()
        except Refusal as refusal:
            return refusal.code

    with ThreadPoolExecutor(len(works)) as pool:
        return list(pool.map(run, works))


class Scene:
    """A committed roster of one shift, Charlie's, whom anybody may relieve."""

    def __init__(self, database: Database, keys: CodeKeys) -> None:
        self.database = database
        with database.begin() as session, clock.at(SIGN_UP_TIME):
            duty = make_duty(session, keys)
            self.roster_id: UUID = duty.make_roster(
                people_count=2, series_ids=frozenset({duty.gate.id}), ends_on=BEGINS
            ).id
            self.slot_id: UUID = duty.slot(duty.gate, BEGINS).id
            self.desk, self.leader = duty.world.desk, duty.world.leader
            self.team = [duty.world.actor(member) for member in duty.team]
            session.expunge_all()

    def act(self, rule: Callable[..., object], actor: Actor, **named: object) -> object:
        with clock.at(SIGN_UP_TIME), self.database.begin() as session:
            found = rule(session, actor, **named)
            return getattr(found, "state", None)


def test_of_two_who_say_yes_at_once_one_wins(database: Database, keys: CodeKeys) -> None:
    scene = Scene(database, keys)
    charlie, *others = scene.team
    scene.act(
        planning.assign,
        scene.desk,
        roster_id=scene.roster_id,
        slot_id=scene.slot_id,
        member_id=charlie.member_id,
    )
    scene.act(publishing.publish, scene.desk, roster_id=scene.roster_id)
    scene.act(swaps.ask, charlie, slot_id=scene.slot_id)
    with database.reading() as session:
        swap_id = session.scalars(sa.select(Swap.id)).one()

    answers = _at_once(
        [lambda who=who: scene.act(swaps.take, who, swap_id=swap_id) for who in others]  # type: ignore[misc]
    )

    assert sorted(map(str, answers)) == ["swap_closed", "swap_closed", "taken"]
    agreed = _at_once(
        [
            lambda who=who: scene.act(swaps.decide, who, swap_id=swap_id, agrees=True)  # type: ignore[misc]
            for who in (scene.leader, scene.desk)
        ]
    )
    assert sorted(map(str, agreed)) == ["agreed", "swap_closed"]


def test_two_who_plan_and_publish_at_once_sign_nobody_up_twice(
    database: Database, keys: CodeKeys
) -> None:
    scene = Scene(database, keys)

    def work() -> object:
        scene.act(
            planning.plan_roster, scene.desk, roster_id=scene.roster_id, mode=planning.Mode.AGAIN
        )
        return scene.act(publishing.publish, scene.desk, roster_id=scene.roster_id)

    _at_once([work, work, lambda: scene.act(signup.sign_up, scene.team[3], slot_id=scene.slot_id)])

    with database.reading() as session, clock.at(SIGN_UP_TIME):
        slot = session.scalars(sa.select(Slot).where(Slot.id == scene.slot_id)).one()
        shown = rosters.show(session, scene.desk, scene.roster_id)
    assert slot.enrolled_count == len(shown.posts[scene.slot_id])
    assert 2 <= slot.enrolled_count <= 3
