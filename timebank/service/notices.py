"""Whom a change of an occasion concerns, and the facts that they are told.

Facts are text without names of people; moments are written `2026-11-09 9:00` on the community's
wall clock, which the web says in the reader's language.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import literal, select
from sqlalchemy.orm import Session

from ledger.base import refers
from timebank.people.models import Community
from timebank.service.models import (
    Attendance,
    AttendanceState,
    Occasion,
    Site,
    Slot,
    Wait,
    WaitState,
)


@dataclass(frozen=True, slots=True)
class Concerned:
    """Somebody on a list or in a queue, with the slot they mean to come to."""

    member_id: UUID
    occasion_id: UUID
    starts_at: datetime
    ends_at: datetime
    is_waiting: bool
    """In the queue only, without a place."""


def concerned(
    session: Session, community_id: UUID, occasion_ids: Collection[UUID]
) -> list[Concerned]:
    """Return who is signed up for or waits at some occasions, by begin.

    Args:
        session: any session.
        community_id: of the occasions.
        occasion_ids: any number.
    """
    at_these = Slot.occasion_id.in_(occasion_ids)
    columns = (Slot.occasion_id, Slot.starts_at, Slot.ends_at)
    on_lists = (
        select(Attendance.member_id, *columns, literal(value=False))
        .join(Slot, refers(Attendance.slot_id, Slot))
        .where(
            Attendance.community_id == community_id,
            Attendance.state == AttendanceState.ENROLLED,
            at_these,
        )
    )
    in_queues = (
        select(Wait.member_id, *columns, literal(value=True))
        .join(Slot, refers(Wait.slot_id, Slot))
        .where(Wait.community_id == community_id, Wait.state == WaitState.WAITING, at_these)
    )
    found = {
        (line.member_id, line.occasion_id): Concerned(*line)
        for query in (in_queues, on_lists)
        for line in session.execute(query)
    }
    return sorted(found.values(), key=lambda each: (each.starts_at, each.member_id))


def facts(session: Session, occasion: Occasion, starts_at: datetime) -> dict[str, str | int]:
    """Return title, time and place of what a member means to come to."""
    zone = session.get_one(Community, occasion.community_id).time_zone
    site = session.get_one(Site, (occasion.community_id, occasion.site_id))
    return {
        "title": occasion.title,
        "when": moment_text(starts_at, zone),
        "place": f"{site.name} {site.address}",
    }


def moment_text(moment: datetime, zone: str) -> str:
    """Return `2026-11-09 9:00`, the day always with it: a message is read on another day."""
    there = moment.astimezone(ZoneInfo(zone))
    return f"{there.date().isoformat()} {there.hour}:{there.minute:02d}"
