"""What a scan is about: the occasion behind a code, the member's rows, the facts `decide` needs.

Everything here reads; only `checkin` writes. The number of statements does not depend on how many
occasions or rows there are.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Select, and_, bindparam, or_, select
from sqlalchemy.orm import Session, aliased

from ledger.base import refers
from timebank.people.models import Community, Member, MemberStatus
from timebank.service import timing
from timebank.service.decide import StateFacts
from timebank.service.models import (
    Attendance,
    AttendanceState,
    Occasion,
    OccasionStatus,
    Site,
    Slot,
)

_PRINTED = re.compile(r"([A-Z0-9]{1,4}-[A-Z2-7]{6})\.(\d{1,5})\.([A-Z][A-Z2-7]{16})")
_Leader = aliased(Member)


@dataclass(frozen=True, slots=True)
class PrintedCode:
    """The parts of a venue code as printed."""

    occasion_code: str
    step: int
    signature: str


@dataclass(frozen=True, slots=True)
class Venue:
    """An occasion as a page shows it."""

    community_id: UUID
    community_name: str
    community_name_en: str
    zone: str
    code_key_id: str
    occasion_id: UUID
    short_code: str
    title: str
    starts_at: datetime
    ends_at: datetime
    is_cancelled: bool
    site_name: str
    site_address: str
    leader_id: UUID
    leader_name: str


@dataclass(frozen=True, slots=True)
class MemberRows:
    """A member's row at the occasion and what they hold elsewhere around now."""

    row: Attendance | None
    slot: Slot
    other_open: str | None
    other_now: str | None


def read_printed(text: str) -> PrintedCode | None:
    """Return the parts of `<OCC>.<STEP>.<MAC>` (any case), or None when it has another form."""
    match = _PRINTED.fullmatch(text.upper())
    return PrintedCode(match[1], int(match[2]), match[3]) if match else None


def by_short_code(
    session: Session, occasion_code: str, *, is_locking: bool = False
) -> Venue | None:
    """Return the occasion of a code such as `D-7K2M9Q`, in whatever community.

    Args:
        session: any session; a write session when locking.
        occasion_code: the community's code, a hyphen, the rest; upper case.
        is_locking: hold the occasion as it is (others may too) until the transaction ends, so that
            it is not called off under a check-in.
    """
    community_code = occasion_code.rpartition("-")[0]
    query = _HELD_BY_CODE if is_locking else _BY_CODE
    return _one(session, query, {"community": community_code, "code": occasion_code})


def by_id(session: Session, community_id: UUID, occasion_id: UUID) -> Venue | None:
    """Return an occasion of a community by its id, held as it is until the transaction ends."""
    return _one(session, _HELD_BY_ID, {"community": community_id, "id": occasion_id})


def rows_of(session: Session, member_id: UUID, venue: Venue, now: datetime) -> MemberRows:
    """Return the member's row, the slot it is about and what stands in the way elsewhere."""
    here = {"community": venue.community_id, "occasion": venue.occasion_id}
    around = {
        "member": member_id,
        "earliest_end": now - timing.WINDOW_AFTER,
        "latest_start": now + timing.WINDOW_BEFORE,
    }
    slots = session.scalars(_SLOTS, here).all()
    near = [_Near(*found) for found in session.execute(_NEAR, {**here, **around})]
    row = next((each.row for each in near if each.row.occasion_id == venue.occasion_id), None)
    others = [each for each in near if each.row is not row]
    return MemberRows(
        row=row,
        slot=_slot_of(slots, row, now),
        other_open=next((each.title for each in others if _is_open(each, now)), None),
        other_now=next((each.title for each in others if _is_on(each, now)), None),
    )


def state_facts(member: Member, venue: Venue, rows: MemberRows) -> StateFacts:
    """Return what `decide` needs to know."""
    row, slot = rows.row, rows.slot
    return StateFacts(
        zone=venue.zone,
        starts_at=slot.starts_at,
        ends_at=slot.ends_at,
        is_suspended=member.status is not MemberStatus.ACTIVE,
        is_cancelled=venue.is_cancelled,
        attendance=row.state if row else None,
        in_at=row.in_at if row else None,
        out_at=row.out_at if row else None,
        is_waiting_for_lead=bool(row and row.needs_lead),
        places_left=slot.capacity - slot.enrolled_count,
        other_open=rows.other_open,
        other_now=rows.other_now,
        community_name=venue.community_name,
    )


def stranger_facts(venue: Venue) -> StateFacts:
    """Return the facts for somebody without a row here, such as another community's member."""
    return StateFacts(
        zone=venue.zone,
        starts_at=venue.starts_at,
        ends_at=venue.ends_at,
        is_cancelled=venue.is_cancelled,
        community_name=venue.community_name,
    )


@dataclass(frozen=True, slots=True)
class _Near:
    """A row of the member, here or elsewhere, with its slot."""

    row: Attendance
    title: str
    starts_at: datetime
    ends_at: datetime


_COLUMNS: Final = (
    Community.community_id,
    Community.name,
    Community.name_en,
    Community.time_zone,
    Community.code_key_id,
    Occasion.id,
    Occasion.short_code,
    Occasion.title,
    Occasion.starts_at,
    Occasion.ends_at,
    Occasion.status,
    Site.name,
    Site.address,
    _Leader.id,
    _Leader.name,
)


_VENUE: Final = (
    select(*_COLUMNS)
    .select_from(Occasion)
    .join(Community, Community.community_id == Occasion.community_id)
    .join(Site, refers(Occasion.site_id, Site))
    .join(_Leader, refers(Occasion.leader_member_id, _Leader))
)
_BY_CODE: Final = _VENUE.where(
    Community.code == bindparam("community"), Occasion.short_code == bindparam("code")
)
_HELD_BY_CODE: Final = _BY_CODE.with_for_update(read=True, of=Occasion)
_HELD_BY_ID: Final = _VENUE.where(
    Occasion.community_id == bindparam("community"), Occasion.id == bindparam("id")
).with_for_update(read=True, of=Occasion)
# Statements of this size are built once: to build and compare one anew costs more than to run it.


def _one(session: Session, query: Select[*tuple[Any, ...]], which: dict[str, Any]) -> Venue | None:
    found = session.execute(query, which).one_or_none()
    if found is None:
        return None
    facts: list[Any] = list(found)
    facts[10] = facts[10] is OccasionStatus.CANCELLED
    return Venue(*facts)


_SLOTS: Final = (
    select(Slot)
    .where(
        Slot.community_id == bindparam("community"),
        Slot.occasion_id == bindparam("occasion"),
    )
    .order_by(Slot.starts_at)
    .execution_options(populate_existing=True)
)
_NEAR: Final = (
    select(Attendance, Occasion.title, Slot.starts_at, Slot.ends_at)
    .join(Occasion, refers(Attendance.occasion_id, Occasion))
    .join(Slot, refers(Attendance.slot_id, Slot))
    .where(
        Attendance.community_id == bindparam("community"),
        Attendance.member_id == bindparam("member"),
        or_(
            Attendance.occasion_id == bindparam("occasion"),
            and_(
                Attendance.state.in_([AttendanceState.ENROLLED, AttendanceState.IN]),
                Occasion.status == OccasionStatus.PLANNED,
                Slot.ends_at >= bindparam("earliest_end"),
                Slot.starts_at <= bindparam("latest_start"),
            ),
        ),
    )
    .execution_options(populate_existing=True)
)
"""The member's row here, and the rows elsewhere whose slot is around now."""


def _slot_of(slots: Sequence[Slot], row: Attendance | None, now: datetime) -> Slot:
    """Return the slot of the row, else the one a walk-in would join: running or next, else last."""
    if row is not None and row.state is not AttendanceState.WITHDRAWN:
        return next(slot for slot in slots if slot.id == row.slot_id)
    return next((slot for slot in slots if slot.ends_at > now), slots[-1])


def _is_open(near: _Near, now: datetime) -> bool:
    """Tell whether the member is checked in there; a forgotten check-out stops counting in time."""
    is_forgotten = now >= near.ends_at + timing.MISSING_OUT_AFTER
    return near.row.state is AttendanceState.IN and not is_forgotten


def _is_on(near: _Near, now: datetime) -> bool:
    """Tell whether the member is awaited there now."""
    opens_at = timing.window_opens_at(near.starts_at)
    closes_at = timing.window_closes_at(near.ends_at)
    return near.row.state is AttendanceState.ENROLLED and opens_at <= now <= closes_at
