"""Rows that a leader decides one by one: the yes to a walk-in, a look, a time written by hand.

Invariants: nobody decides about their own row; a time by hand lies inside the slot, overlaps no
other stay of the member, and waits for a second person.
"""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy.orm import Session

from ledger import clock
from ledger.ids import new_id
from timebank import audit
from timebank.actors import Actor, Permission
from timebank.service import checks, stays
from timebank.service.errors import NotCome, NotHere, OwnRow, RowSettled, WrongField
from timebank.service.models import (
    Attendance,
    AttendanceState,
    OccasionStatus,
    Provenance,
    Sighting,
    Slot,
)
from timebank.service.occasions import lock_occasion, require_standing

BACK_FILL_DAYS_MAX: Final = 31
"""Paper sheets come in within the month."""


def accept(session: Session, actor: Actor, *, attendance_id: UUID) -> Attendance:
    """Say the leader's yes to a walk-in or a poster scan; saying it again changes nothing.

    Raises:
        NotAllowed: `not_allowed`; `own_row`.
        NotHere: `not_found`.
    """
    actor.require(Permission.RUN_OCCASION)
    row = checks.fetch(session, actor, Attendance, attendance_id, "row")
    checks.lock_member(session, actor.community_id, row.member_id)
    session.refresh(row)
    if row.member_id == actor.member_id:
        raise OwnRow
    if row.needs_lead:
        row.needs_lead = False
        audit.record(session, actor, "accept_walk_in", f"attendance:{row.id}")
    session.flush()
    return row


def see(session: Session, actor: Actor, *, attendance_id: UUID) -> Sighting:
    """Note that the actor sees on site that the one who was checked in is that person.

    It changes nothing else, and saying it again, whoever says it, leaves the first.

    Args:
        session: a write session.
        actor: who runs occasions and is not the member.
        attendance_id: the row.

    Raises:
        NotAllowed: `not_allowed`; `own_row`.
        NotHere: `not_found`, also for the system, which sees nobody.
        NotCome: `not_come`.
    """
    actor.require(Permission.RUN_OCCASION)
    row = checks.fetch(session, actor, Attendance, attendance_id, "row")
    member = checks.lock_member(session, actor.community_id, row.member_id)
    session.refresh(row)
    if actor.member_id is None:
        raise NotHere(thing="member")
    if row.member_id == actor.member_id:
        raise OwnRow
    if row.in_at is None:
        raise NotCome(name=member.name)
    seen = session.get(Sighting, (actor.community_id, row.id))
    if seen is None:
        seen = Sighting(
            community_id=actor.community_id,
            attendance_id=row.id,
            member_id=row.member_id,
            seen_by_id=actor.member_id,
            seen_at=clock.now(),
        )
        session.add(seen)
        session.flush()
    return seen


def back_fill(
    session: Session,
    actor: Actor,
    *,
    slot_id: UUID,
    member_id: UUID,
    in_at: datetime,
    out_at: datetime | None,
) -> Attendance:
    """Write a time by hand for somebody who did not scan; another person has to confirm it.

    Args:
        session: a write session.
        actor: who runs occasions and is not the member.
        slot_id: the slot the time lies in.
        member_id: who was there, signed up or not.
        in_at: begin, inside the slot.
        out_at: end, inside the slot, not in the future; None while the slot runs: still there, and
            checks out by a scan like anybody.

    Raises:
        NotAllowed: `not_allowed`; `own_row`.
        NotHere: `not_found`.
        Suspended, OccasionCancelled, Overlap: 409.
        RowSettled: `row_settled`, the row is in the book, or the member scanned.
        WrongTimes: `wrong_times`; WrongField: `wrong_field`, more than 31 days ago.
    """
    actor.require(Permission.RUN_OCCASION)
    if member_id == actor.member_id:
        raise OwnRow
    slot = checks.fetch(session, actor, Slot, slot_id, "slot")
    occasion = lock_occasion(session, actor, slot.occasion_id)
    require_standing(occasion)
    member = checks.lock_member(session, actor.community_id, member_id)
    checks.require_active(member)
    _check_by_hand(session, actor, slot, in_at, out_at)
    rows = stays.rows_around(session, member, occasion)
    row = next((line for line, _ in rows if line.occasion_id == occasion.id), None)
    if row is not None and not is_free(row):
        raise RowSettled(name=member.name)
    others = [line for line in rows if line[0] is not row]
    stays.refuse_overlap(session, actor, others, (in_at, out_at or clock.now()))
    row = row or Attendance(
        community_id=actor.community_id,
        id=new_id(),
        occasion_id=occasion.id,
        member_id=member.id,
        enrolled_at=clock.now(),
        needs_lead=False,
    )
    row.slot_id, row.provenance = slot.id, Provenance.BACK_FILLED
    row.state = AttendanceState.OUT if out_at else AttendanceState.IN
    row.in_at, row.out_at = in_at, out_at
    row.in_by_id, row.out_by_id = actor.member_id, actor.member_id if out_at else None
    row.confirmed_by_id = row.confirmed_at = None
    occasion.status = OccasionStatus.PLANNED
    session.add(row)
    audit.record(session, actor, "back_fill", f"attendance:{row.id}")
    session.flush()
    return row


def write_leave(
    session: Session, actor: Actor, *, attendance_id: UUID, out_at: datetime
) -> Attendance:
    """Write by hand when somebody who scanned in has left; the list is still to be confirmed.

    It says no more than confirming the row as left early does.

    Args:
        session: a write session.
        actor: who runs occasions and is not the member.
        attendance_id: a row with a check-in and no check-out.
        out_at: after the check-in, inside the slot, not in the future.

    Raises:
        NotAllowed: `not_allowed`; `own_row`.
        NotHere: `not_found`.
        OccasionCancelled: `occasion_cancelled`.
        RowSettled: `row_settled`, the member is not checked in (any more).
        WrongTimes: `wrong_times`.
    """
    actor.require(Permission.RUN_OCCASION)
    row = checks.fetch(session, actor, Attendance, attendance_id, "row")
    if row.member_id == actor.member_id:
        raise OwnRow
    require_standing(lock_occasion(session, actor, row.occasion_id))
    member = checks.lock_member(session, actor.community_id, row.member_id)
    session.refresh(row)
    if row.state is not AttendanceState.IN or row.in_at is None:
        raise RowSettled(name=member.name)
    slot = checks.fetch(session, actor, Slot, row.slot_id, "slot")
    stays.require_inside(session, actor, slot, max(row.in_at, slot.starts_at), out_at)
    row.state, row.out_at, row.out_by_id = AttendanceState.OUT, out_at, actor.member_id
    audit.record(session, actor, "write_leave", f"attendance:{row.id}")
    session.flush()
    return row


def is_free(row: Attendance) -> bool:
    """Tell whether a time may still be written into the row by hand."""
    by_hand = (AttendanceState.IN, AttendanceState.OUT)
    if row.provenance is Provenance.BACK_FILLED and row.state in by_hand:
        return True
    return row.in_at is None and row.transaction_id is None


def _check_by_hand(
    session: Session, actor: Actor, slot: Slot, in_at: datetime, out_at: datetime | None
) -> None:
    """Refuse times by hand that are too long ago, or not inside the slot."""
    if clock.now() - slot.ends_at > timedelta(days=BACK_FILL_DAYS_MAX):
        raise WrongField(field="in_at", expected=f"0–{BACK_FILL_DAYS_MAX} d")
    if out_at is not None:
        stays.require_inside(session, actor, slot, in_at, out_at)
    else:
        stays.require_here(session, actor, slot, in_at)
