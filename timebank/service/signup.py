"""Signing up for a slot and withdrawing again.

Invariants: the places taken never pass the capacity (a guarded UPDATE, and a CHECK behind it); one
member has one row per occasion; a tap repeated by a nervous finger or a bad network changes
nothing.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import cast
from uuid import UUID

from sqlalchemy import CursorResult, Select, select, update
from sqlalchemy.orm import Session

from ledger import clock
from ledger.ids import new_id
from timebank import audit
from timebank.actors import Actor, Permission
from timebank.people.models import Member
from timebank.service import checks, timing
from timebank.service.errors import (
    Full,
    NotHere,
    NothingToWithdraw,
    OccasionOver,
    Overlap,
    TooLate,
)
from timebank.service.models import Attendance, AttendanceState, Occasion, OccasionStatus, Slot
from timebank.service.occasions import require_standing

_HOLDING_A_PLACE = (AttendanceState.ENROLLED, AttendanceState.IN, AttendanceState.OUT)


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
        Suspended, OccasionCancelled, OccasionOver, Overlap, Full: 409 with what stands in the way.
    """
    member = checks.lock_member(session, actor.community_id, subject(actor, member_id))
    checks.require_active(member)
    slot, occasion = _slot(session, actor, slot_id)
    require_standing(occasion)
    row = session.scalars(_row_of(member, occasion)).one_or_none()
    if row is not None and row.state is not AttendanceState.WITHDRAWN:
        return row
    if clock.now() >= slot.starts_at:
        raise OccasionOver(title=occasion.title, began=_said(session, actor, slot.starts_at))
    refuse_overlap(session, actor, member, slot)
    take_place(session, slot)
    row = row or _fresh_row(member, occasion)
    row.slot_id, row.state, row.enrolled_at = slot.id, AttendanceState.ENROLLED, clock.now()
    session.add(row)
    session.flush()
    return row


def withdraw(
    session: Session, actor: Actor, *, occasion_id: UUID, member_id: UUID | None = None
) -> Attendance:
    """Take a sign-up back, up to three hours before the slot; a leader may up to its start.

    Returns:
        The row, also when it was withdrawn before.

    Raises:
        NotAllowed: `not_allowed`.
        NotHere: `not_found`.
        NothingToWithdraw: `nothing_to_withdraw`, no row or already there.
        TooLate: `too_late`, saying until when and whom to tell.
    """
    member = checks.lock_member(session, actor.community_id, subject(actor, member_id))
    occasion = checks.fetch(session, actor, Occasion, occasion_id, "occasion")
    row = session.scalars(_row_of(member, occasion)).one_or_none()
    if row is not None and row.state is AttendanceState.WITHDRAWN:
        return row
    if row is None or row.state is not AttendanceState.ENROLLED:
        raise NothingToWithdraw(title=occasion.title)
    slot = checks.fetch(session, actor, Slot, row.slot_id, "slot")
    is_own = member.id == actor.member_id
    until = timing.withdraw_until(slot.starts_at) if is_own else slot.starts_at
    if clock.now() > until:
        leader = session.get_one(Member, (actor.community_id, occasion.leader_member_id))
        raise TooLate(until=_said(session, actor, until), leader=leader.name)
    row.state = AttendanceState.WITHDRAWN
    give_place_back(session, slot)
    if member.id != actor.member_id:
        audit.record(session, actor, "withdraw", f"attendance:{row.id}")
    session.flush()
    return row


def subject(actor: Actor, member_id: UUID | None) -> UUID:
    """Return whom the act is about.

    Raises:
        NotAllowed: `not_allowed`, when it is another member and the actor runs no occasions.
        NotHere: `not_found`, when the system names nobody.
    """
    if member_id is None or member_id == actor.member_id:
        actor.require(Permission.TAKE_PART)
        if actor.member_id is None:
            raise NotHere(thing="member")
        return actor.member_id
    actor.require(Permission.RUN_OCCASION)
    return member_id


def take_place(session: Session, slot: Slot) -> None:
    """Take one place of a slot.

    Raises:
        Full: `full`, with the number of places.
    """
    taken = session.execute(
        update(Slot)
        .where(
            Slot.community_id == slot.community_id,
            Slot.id == slot.id,
            Slot.enrolled_count < Slot.capacity,
        )
        .values(enrolled_count=Slot.enrolled_count + 1)
        .execution_options(synchronize_session=False)
    )
    if cast("CursorResult[object]", taken).rowcount == 0:
        raise Full(capacity=slot.capacity)
    session.expire(slot, ["enrolled_count"])


def give_place_back(session: Session, slot: Slot) -> None:
    """Free one place of a slot."""
    session.execute(
        update(Slot)
        .where(Slot.community_id == slot.community_id, Slot.id == slot.id)
        .values(enrolled_count=Slot.enrolled_count - 1)
        .execution_options(synchronize_session=False)
    )
    session.expire(slot, ["enrolled_count"])


def refuse_overlap(session: Session, actor: Actor, member: Member, slot: Slot) -> None:
    """Refuse (409 `overlap`) a slot that shares time with another one the member holds."""
    found = session.execute(
        _held_elsewhere(actor.community_id, member.id, slot.occasion_id)
        .where(Slot.starts_at < slot.ends_at, Slot.ends_at > slot.starts_at)
        .limit(1)
    ).first()
    if found is not None:
        begin = _said(session, actor, found.starts_at)
        raise Overlap(other=found.title, times=f"{begin}–{_said(session, actor, found.ends_at)}")


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
        _held_elsewhere(actor.community_id, actor.member_id, occasion_id).where(
            Slot.starts_at < max(slot.ends_at for slot in slots),
            Slot.ends_at > min(slot.starts_at for slot in slots),
        )
    ).all()
    return {
        slot.id: title
        for slot in slots
        for title, begin, end in held
        if timing.overlap(slot.starts_at, slot.ends_at, begin, end)
    }


def _held_elsewhere(
    community_id: UUID, member_id: UUID, occasion_id: UUID
) -> Select[str, datetime, datetime]:
    """Select title, begin and end of the slots a member holds at other occasions."""
    return (
        select(Occasion.title, Slot.starts_at, Slot.ends_at)
        .select_from(Attendance)
        .join(
            Slot,
            (Slot.community_id == Attendance.community_id) & (Slot.id == Attendance.slot_id),
        )
        .join(
            Occasion,
            (Occasion.community_id == Attendance.community_id)
            & (Occasion.id == Attendance.occasion_id),
        )
        .where(
            Attendance.community_id == community_id,
            Attendance.member_id == member_id,
            Attendance.state.in_(_HOLDING_A_PLACE),
            Attendance.occasion_id != occasion_id,
            Occasion.status == OccasionStatus.PLANNED,
        )
    )


def _slot(session: Session, actor: Actor, slot_id: UUID) -> tuple[Slot, Occasion]:
    slot = checks.fetch(session, actor, Slot, slot_id, "slot")
    return slot, checks.fetch(session, actor, Occasion, slot.occasion_id, "occasion")


def _row_of(member: Member, occasion: Occasion) -> Select[Attendance]:
    return select(Attendance).where(
        Attendance.community_id == member.community_id,
        Attendance.member_id == member.id,
        Attendance.occasion_id == occasion.id,
    )


def _fresh_row(member: Member, occasion: Occasion) -> Attendance:
    return Attendance(
        community_id=member.community_id,
        id=new_id(),
        occasion_id=occasion.id,
        member_id=member.id,
        needs_lead=False,
    )


def _said(session: Session, actor: Actor, moment: datetime) -> str:
    zone = checks.community_of(session, actor).time_zone
    return timing.local_text(moment, zone, clock.now())
