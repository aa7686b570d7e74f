"""Filling a roster by fairness, and changing one shift of it by hand.

What is changed by hand is fixed: it stays when the roster is planned again. Nobody is told here,
see `publishing`.

Invariants: two who plan the same roster do so one after the other (its row is locked); who is put
on a shift by hand passes the same rules as the plan.
"""

from enum import StrEnum
from uuid import UUID

from sqlalchemy.orm import Session

from ledger import clock
from timebank import audit
from timebank.actors import Actor, Permission
from timebank.duty import fairness
from timebank.duty.diary import Obstacle, Pair
from timebank.duty.errors import CannotTake, NotOnShift, ShiftFull
from timebank.duty.fairness import Plan
from timebank.duty.models import Assignment, AssignmentState, Roster
from timebank.duty.rosters import lock_roster
from timebank.duty.scene import Post, Scene, ShiftLine, problem, read_scene
from timebank.people.models import Member
from timebank.service import checks, timing
from timebank.service.errors import NotHere, OccasionOver


class Mode(StrEnum):
    """How much of the present plan stays."""

    FILL = "fill"
    """Everything, gaps are filled."""
    AGAIN = "again"
    """What was published or set by hand, unless a rule forbids it by now."""
    ANEW = "anew"
    """What was published, unless a rule forbids it by now."""


def plan_roster(session: Session, actor: Actor, *, roster_id: UUID, mode: Mode) -> Plan:
    """Fill the places of a roster by fairness.

    Args:
        session: a write session.
        actor: a social worker.
        roster_id: its row is locked, so that two plannings do not meet.
        mode: how much of the present plan stays.

    Returns:
        What was added and which gaps are left, each with its reasons.

    Raises:
        NotAllowed: `not_allowed`.
        NotHere: `not_found`.
    """
    actor.require(Permission.PLAN_SERVICE)
    scene = read_scene(session, lock_roster(session, actor, roster_id))
    diaries = scene.diaries()
    for row in scene.gone.values():
        session.delete(row)
    scene.gone.clear()
    for line, post, row in scene.assigned():
        is_wrong = (
            post.member.id not in scene.people
            or problem(diaries, line, post.member.id, scene.rules) is not None
        )
        if not _stays(row, mode, is_wrong=is_wrong):
            _let_go(session, scene, row, post)
    session.flush()
    outcome = fairness.plan(
        scene.open_shifts,
        list(scene.people.values()),
        scene.rules,
        standing=scene.standing,
        barred=frozenset(scene.withdrawn),
    )
    for pair in outcome.added:
        _put(session, scene, pair, is_fixed=False)
    audit.record(
        session,
        actor,
        "plan_roster",
        f"duty_roster:{roster_id}",
        mode=mode.value,
        added=len(outcome.added),
        missing=sum(gap.missing_count for gap in outcome.gaps),
    )
    session.flush()
    return outcome


def assign(
    session: Session, actor: Actor, *, roster_id: UUID, slot_id: UUID, member_id: UUID
) -> Assignment:
    """Put a member on a shift by hand; who is there already is fixed.

    Raises:
        NotAllowed: `not_allowed`.
        NotHere: `not_found`, also for somebody or a shift that is not in the roster.
        OccasionOver: `occasion_over`, it has begun or was called off.
        ShiftFull: `shift_full`; CannotTake: `cannot_take`, with the reason.
    """
    actor.require(Permission.PLAN_SERVICE)
    scene = read_scene(session, lock_roster(session, actor, roster_id))
    line = _open_line(scene, slot_id)
    if member_id not in scene.people:
        raise NotHere(thing="member")
    if member_id not in scene.posts[slot_id]:
        if len(scene.posts[slot_id]) >= line.slot.capacity:
            raise ShiftFull(capacity=line.slot.capacity)
        reason = scene.diaries()[member_id].obstacle(line.shift, scene.rules)
        if reason is not None:
            raise CannotTake(name=scene.members[member_id].name, reason=reason.value)
    row = _put(session, scene, (slot_id, member_id), is_fixed=True)
    audit.record(session, actor, "assign_shift", f"slot:{slot_id}", member=str(member_id))
    session.flush()
    return row


def take_off(
    session: Session, actor: Actor, *, roster_id: UUID, slot_id: UUID, member_id: UUID
) -> Roster:
    """Take a member off a shift; a sign-up stands until the roster is published again.

    Raises:
        NotAllowed: `not_allowed`.
        NotHere: `not_found`.
        OccasionOver: `occasion_over`.
        NotOnShift: `not_on_shift`, somebody else was faster.
    """
    actor.require(Permission.PLAN_SERVICE)
    scene = read_scene(session, lock_roster(session, actor, roster_id))
    _open_line(scene, slot_id)
    post = scene.posts[slot_id].get(member_id)
    if post is None:
        member = checks.fetch(session, actor, Member, member_id, "member")
        raise NotOnShift(name=member.name)
    row = post.assignment or _fresh(session, scene, (slot_id, member_id))
    if post.attendance is not None:
        row.state = AssignmentState.PUBLISHED
    _let_go(session, scene, row, post)
    audit.record(session, actor, "take_off_shift", f"slot:{slot_id}", member=str(member_id))
    session.flush()
    return scene.roster


def candidates(scene: Scene, slot_id: UUID) -> list[tuple[Member, Obstacle | None]]:
    """Return everybody of the roster who is not on a shift, with why they cannot take it.

    Those who can come first, each group by the minutes held in the eight weeks before.
    """
    line, diaries = _line(scene, slot_id), scene.diaries()
    day = line.shift.span.day
    found = [
        (member, diaries[member.id].obstacle(line.shift, scene.rules))
        for member in scene.members.values()
        if member.id not in scene.posts[slot_id]
    ]
    return sorted(
        found,
        key=lambda each: (
            each[1] is not None,
            diaries[each[0].id].minutes_before(day),
            each[0].number,
        ),
    )


# ---------------------------------------------------------------- private


def _line(scene: Scene, slot_id: UUID) -> ShiftLine:
    if slot_id not in scene.lines:
        raise NotHere(thing="slot")
    return scene.lines[slot_id]


def _open_line(scene: Scene, slot_id: UUID) -> ShiftLine:
    line = _line(scene, slot_id)
    if not line.is_open:
        began = timing.local_text(line.slot.starts_at, scene.zone.key, clock.now())
        raise OccasionOver(title=line.occasion.title, began=began)
    return line


def _stays(row: Assignment, mode: Mode, *, is_wrong: bool) -> bool:
    if mode is Mode.FILL:
        return True
    is_kept = row.state is AssignmentState.PUBLISHED or (row.is_fixed and mode is Mode.AGAIN)
    return is_kept and not is_wrong


def _let_go(session: Session, scene: Scene, row: Assignment, post: Post) -> None:
    """Take an assignment out of the plan; the list of the occasion learns of it when published."""
    del scene.posts[row.slot_id][row.member_id]
    if row.state is AssignmentState.PUBLISHED:
        row.state, row.is_fixed = AssignmentState.DROPPED, False
        scene.dropped[row.slot_id, row.member_id] = post
    else:
        session.delete(row)


def _put(session: Session, scene: Scene, pair: Pair, *, is_fixed: bool) -> Assignment:
    """Put somebody on a shift; who was dropped before it was published is simply kept."""
    post = scene.posts[pair[0]].get(pair[1])
    found = post or scene.dropped.get(pair)
    row = found.assignment if found else None
    if row is None:
        row = _fresh(session, scene, pair)
        row.state = AssignmentState.PUBLISHED if post else AssignmentState.DRAFT
    elif row.state is AssignmentState.DROPPED:
        row.state = AssignmentState.PUBLISHED
    row.is_fixed = is_fixed
    return row


def _fresh(session: Session, scene: Scene, pair: Pair) -> Assignment:
    row = scene.gone.pop(pair, None)
    if row is None:
        row = Assignment(
            community_id=scene.roster.community_id,
            slot_id=pair[0],
            member_id=pair[1],
            roster_id=scene.roster.id,
        )
        session.add(row)
    row.is_fixed, row.state = False, AssignmentState.DRAFT
    return row
