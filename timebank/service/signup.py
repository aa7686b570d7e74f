"""Signing up for a slot and withdrawing again.

Invariants: the places taken never pass the capacity; one member has one row per occasion; a tap
repeated by a nervous finger or a bad network changes nothing; a place that is given back goes to
the first who waits, see `waiting`.
"""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy.orm import Session

from ledger import clock
from timebank import audit
from timebank.actors import Actor, Permission
from timebank.people.models import Member
from timebank.service import checks, places, timing, waiting
from timebank.service.errors import NotHere, NothingToWithdraw, OccasionOver, TooLate
from timebank.service.models import Attendance, AttendanceState, Slot
from timebank.service.occasions import hold_occasion, lock_occasion, require_standing


def sign_up(
    session: Session, actor: Actor, *, slot_id: UUID, member_id: UUID | None = None
) -> Attendance:
    """Sign a member up for a slot that has not begun.

    Args:
        session: a write session.
        actor: the member, or somebody who runs occasions.
        slot_id: the slot.
        member_id: whom a leader signs up; None is the actor.

    Returns:
        The row on the list, also when it stood there already.

    Raises:
        NotAllowed: `not_allowed`, signing up somebody else without leading.
        NotHere: `not_found`.
        Suspended, OccasionCancelled, OccasionOver, NotQualified, Overlap, Full: 409 with what
            stands in the way.
    """
    member_id = places.subject(actor, member_id)
    slot = checks.fetch(session, actor, Slot, slot_id, "slot")
    occasion = hold_occasion(session, actor, slot.occasion_id)
    member = checks.lock_member(session, actor.community_id, member_id)
    checks.require_active(member)
    require_standing(occasion)
    row = session.scalars(places.row_of(member, occasion)).one_or_none()
    if row is not None and row.state is not AttendanceState.WITHDRAWN:
        return row
    session.refresh(slot)  # it may have been moved while we waited for the occasion
    if clock.now() >= slot.starts_at:
        raise OccasionOver(title=occasion.title, began=places.said(session, actor, slot.starts_at))
    places.require_qualified(session, occasion, member)
    places.refuse_overlap(session, actor, member, slot)
    places.take_place(session, slot)
    row = row or places.fresh_row(member.community_id, member.id, occasion.id)
    row.slot_id, row.state, row.enrolled_at = slot.id, AttendanceState.ENROLLED, clock.now()
    session.add(row)
    waiting.end_waits(session, occasion, member_id=member.id)
    session.flush()
    return row


def withdraw(
    session: Session, actor: Actor, *, occasion_id: UUID, member_id: UUID | None = None
) -> Attendance:
    """Take a sign-up back, up to three hours before the slot; a leader may up to its start.

    The place goes to the first who waits and can come.

    Returns:
        The row, also when it was withdrawn before.

    Raises:
        NotAllowed: `not_allowed`.
        NotHere: `not_found`.
        NothingToWithdraw: `nothing_to_withdraw`, no row or already there.
        TooLate: `too_late`, saying until when and whom to tell.
    """
    member_id = places.subject(actor, member_id)
    occasion = lock_occasion(session, actor, occasion_id)
    people = waiting.lock_queue(session, occasion, member_id)
    if member_id not in people:
        raise NotHere(thing="member")
    member = people[member_id]
    row = session.scalars(
        places.row_of(member, occasion).execution_options(populate_existing=True)
    ).one_or_none()
    if row is not None and row.state is AttendanceState.WITHDRAWN:
        return row
    if row is None or row.state is not AttendanceState.ENROLLED:
        raise NothingToWithdraw(title=occasion.title)
    slot = checks.fetch(session, actor, Slot, row.slot_id, "slot")
    _require_time_left(session, actor, slot, occasion.leader_member_id, member)
    row.state = AttendanceState.WITHDRAWN
    places.give_place_back(session, slot)
    session.flush()
    waiting.fill(session, occasion, slot, people)
    if member.id != actor.member_id:
        audit.record(session, actor, "withdraw", f"attendance:{row.id}")
    session.flush()
    return row


def clashes(
    session: Session, actor: Actor, *, occasion_id: UUID, slots: Sequence[Slot]
) -> dict[UUID, str]:
    """Return, by slot, the title of what the reader holds elsewhere at that time.

    Args:
        session: any session.
        actor: the reader.
        occasion_id: the occasion of the slots.
        slots: of one occasion; may be empty.
    """
    actor.require(Permission.TAKE_PART)
    if actor.member_id is None or not slots:
        return {}
    held = session.execute(
        places.held_elsewhere(actor.community_id, [actor.member_id], occasion_id).where(
            Slot.starts_at < max(slot.ends_at for slot in slots),
            Slot.ends_at > min(slot.starts_at for slot in slots),
        )
    ).all()
    return {
        slot.id: title
        for slot in slots
        for title, begin, end, _ in held
        if timing.overlap(slot.starts_at, slot.ends_at, begin, end)
    }


def _require_time_left(
    session: Session, actor: Actor, slot: Slot, leader_id: UUID, member: Member
) -> None:
    is_own = member.id == actor.member_id
    until = timing.withdraw_until(slot.starts_at) if is_own else slot.starts_at
    if clock.now() > until:
        leader = session.get_one(Member, (actor.community_id, leader_id))
        raise TooLate(until=places.said(session, actor, until), leader=leader.name)
