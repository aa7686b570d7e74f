"""Reminders: on the evening before, who is signed up is told where and when.

Between 18:00 and 22:00 on the community's wall clock; who signs up later than that knows by
themselves. A reminder is written once: its reference names the row and the day.
"""

from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from ledger import clock
from ledger.base import refers
from ledger.database import Database
from ledger.errors import Unavailable
from ledger.findings import UNREADABLE
from timebank.messages import outbox
from timebank.messages.models import MessageKind
from timebank.messages.outbox import Notice
from timebank.people.models import Community
from timebank.service import notices
from timebank.service.models import (
    Attendance,
    AttendanceState,
    Occasion,
    OccasionStatus,
    Site,
    Slot,
)

EVENING_BEGINS: Final = time(18)
EVENING_ENDS: Final = time(22)

Failed = Callable[[UUID, BaseException], None]


def remind_due(database: Database, *, failed: Failed) -> int:
    """Write the reminders that are due in every community.

    Args:
        database: the books.
        failed: told of a community whose rows could not be read; the others go on.

    Returns:
        How many were written.

    Raises:
        Unavailable: the database cannot be reached.
    """
    with database.reading() as session:
        zones = session.execute(select(Community.community_id, Community.time_zone)).all()
    written_count = 0
    for community_id, zone in zones:
        today = _evening(clock.now(), zone)
        if today is None:
            continue
        try:
            written_count += _remind(database, community_id, zone, today)
        except Unavailable:
            raise  # this says nothing about the community
        except UNREADABLE as failure:
            failed(community_id, failure)
    return written_count


def _evening(now: datetime, zone: str) -> date | None:
    """Return the local day while it is evening there."""
    there = now.astimezone(ZoneInfo(zone))
    return there.date() if EVENING_BEGINS <= there.time() < EVENING_ENDS else None


def _remind(database: Database, community_id: UUID, zone: str, today: date) -> int:
    with database.reading() as session:
        if not _notices(session, community_id, zone, today):
            return 0
    with database.begin() as session:
        # Two servers on one database: the second waits here, and finds what the first has written.
        session.get_one(Community, community_id, with_for_update={"key_share": True})
        return len(
            outbox.write(session, community_id, _notices(session, community_id, zone, today))
        )


def _notices(session: Session, community_id: UUID, zone: str, today: date) -> list[Notice]:
    """Return the reminders of tomorrow's services."""
    evening = datetime.combine(today, EVENING_BEGINS, ZoneInfo(zone))
    tomorrow = today + timedelta(days=1)
    found = session.execute(
        select(Attendance.id, Attendance.member_id, Occasion.title, Slot.starts_at, Site)
        .join(Occasion, refers(Attendance.occasion_id, Occasion))
        .join(Slot, refers(Attendance.slot_id, Slot))
        .join(Site, refers(Occasion.site_id, Site))
        .where(
            Attendance.community_id == community_id,
            Attendance.state == AttendanceState.ENROLLED,
            Attendance.enrolled_at < evening,
            Occasion.occurs_on == tomorrow,
            Occasion.status == OccasionStatus.PLANNED,
        )
        .order_by(Slot.starts_at, Attendance.id)
    )
    return [
        Notice(
            member_id,
            MessageKind.REMINDER,
            {
                "title": title,
                "when": notices.moment_text(starts_at, zone),
                "place": f"{site.name} {site.address}",
            },
            f"reminder:{row_id.hex}:{tomorrow.isoformat()}",
        )
        for row_id, member_id, title, starts_at, site in found
    ]
