"""Places on a list: whom an act is about, taking and giving back a place, what is held elsewhere.

Invariant: the places taken never pass the capacity (a guarded UPDATE, and a CHECK behind it).
"""

from collections.abc import Collection
from datetime import datetime
from typing import cast
from uuid import UUID

from sqlalchemy import CursorResult, Select, select, update
from sqlalchemy.orm import Session

from ledger import clock
from ledger.base import refers
from ledger.ids import new_id
from timebank.actors import Actor, Permission
from timebank.people import qualifications
from timebank.people.models import Member
from timebank.service import checks, timing
from timebank.service.errors import Full, NotHere, NotQualified, Overlap
from timebank.service.models import (
    Attendance,
    AttendanceState,
    Occasion,
    OccasionStatus,
    Series,
    Slot,
)

_HOLDING_A_PLACE = (AttendanceState.ENROLLED, AttendanceState.IN, AttendanceState.OUT)


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
        held_elsewhere(actor.community_id, [member.id], slot.occasion_id)
        .where(Slot.starts_at < slot.ends_at, Slot.ends_at > slot.starts_at)
        .limit(1)
    ).first()
    if found is not None:
        begin = said(session, actor, found.starts_at)
        raise Overlap(other=found.title, times=f"{begin}–{said(session, actor, found.ends_at)}")


def require_qualified(session: Session, occasion: Occasion, member: Member) -> None:
    """Refuse (409 `not_qualified`) who lacks what the series of an occasion asks for on its day."""
    if occasion.series_id is None:
        return
    series = session.get_one(Series, (occasion.community_id, occasion.series_id))
    kind = series.qualification
    if kind is not None and not qualifications.is_qualified(
        session, occasion.community_id, member.id, kind, occasion.occurs_on
    ):
        raise NotQualified(name=member.name, title=occasion.title)


def held_elsewhere(
    community_id: UUID, member_ids: Collection[UUID], occasion_id: UUID
) -> Select[str, datetime, datetime, UUID]:
    """Select title, begin and end of the slots some members hold at other occasions, and who."""
    return (
        select(Occasion.title, Slot.starts_at, Slot.ends_at, Attendance.member_id)
        .select_from(Attendance)
        .join(Slot, refers(Attendance.slot_id, Slot))
        .join(Occasion, refers(Attendance.occasion_id, Occasion))
        .where(
            Attendance.community_id == community_id,
            Attendance.member_id.in_(member_ids),
            Attendance.state.in_(_HOLDING_A_PLACE),
            Attendance.occasion_id != occasion_id,
            Occasion.status == OccasionStatus.PLANNED,
        )
    )


def row_of(member: Member, occasion: Occasion) -> Select[Attendance]:
    """Select the member's row at an occasion."""
    return select(Attendance).where(
        Attendance.community_id == member.community_id,
        Attendance.member_id == member.id,
        Attendance.occasion_id == occasion.id,
    )


def fresh_row(community_id: UUID, member_id: UUID, occasion_id: UUID) -> Attendance:
    """Return a row that says nothing yet."""
    return Attendance(
        community_id=community_id,
        id=new_id(),
        occasion_id=occasion_id,
        member_id=member_id,
        needs_lead=False,
    )


def said(session: Session, actor: Actor, moment: datetime) -> str:
    """Return a moment as a refusal says it."""
    zone = checks.community_of(session, actor).time_zone
    return timing.local_text(moment, zone, clock.now())
