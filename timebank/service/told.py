"""What members are told of what others decided about their rows: corrections, answers, scans.

Facts name nobody; `row` is the attendance whose page says more. What a row is worth is told as
`stay`, `minutes` and `points`, with `old_` before what it was; the web puts them into words.

Invariant: written in the transaction of the decision, once for each.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from timebank.messages import outbox
from timebank.messages.models import MessageKind
from timebank.messages.outbox import Notice
from timebank.people.models import Community
from timebank.service import timing
from timebank.service.correction_models import Correction, Dispute
from timebank.service.models import Attendance, Occasion
from timebank.service.notices import moment_text
from timebank.service.offline_models import OfflineReview, OfflineScan, Outcome, Why
from timebank.service.settled import SettledRow, Times

Facts = dict[str, str | int]
CHANGING_WHYS: Final = frozenset({Why.EARLIER_COUNTS, Why.MOVED_EARLIER})
"""Flags under which the book says another time than a device had said."""


def corrected(session: Session, correction: Correction, settled: SettledRow) -> None:
    """Tell the member what their row said, and what it says after an agreed correction."""
    zone = _zone(session, correction.community_id)
    facts = _about(settled.occasion, correction.attendance_id)
    facts |= {
        "old_stay": _stay_text(_times(correction.old_in_at, correction.old_out_at), zone),
        "old_minutes": correction.old_counted_minutes,
        "old_points": correction.old_points,
        "stay": _stay_text(_times(correction.in_at, correction.out_at), zone),
        "minutes": correction.counted_minutes or 0,
        "points": correction.points or 0,
    }
    reference = f"corrected:{correction.id.hex}"
    _write(session, settled.row, MessageKind.ROW_CORRECTED, facts, reference)


def explained(session: Session, dispute: Dispute) -> None:
    """Tell the member that their question has its answer; the words stand on the row's page."""
    row = session.get_one(Attendance, (dispute.community_id, dispute.attendance_id))
    occasion = session.get_one(Occasion, (row.community_id, row.occasion_id))
    facts = _about(occasion, row.id)
    _write(session, row, MessageKind.QUESTION_ANSWERED, facts, f"explained:{dispute.id.hex}")


def scanned(session: Session, community_id: UUID, scans: Sequence[OfflineScan]) -> None:
    """Tell whose scans, told later, came to something else than a device had said.

    One message for each person and occasion, of the last such scan, in a fixed number of
    statements.

    Args:
        session: the write session in which they were taken in.
        community_id: of the scans.
        scans: those that are new to the book, oldest first.
    """
    concerned = [each for each in scans if each.member_id is not None and _is_otherwise(each)]
    if not concerned:
        return
    cleared = _cleared(session, community_id, concerned)
    last = {
        (each.occasion_id, each.member_id): each for each in concerned if each.id not in cleared
    }
    occasions, rows = _places(session, community_id, concerned)
    zone = _zone(session, community_id)
    notices = []
    for key, scan in last.items():
        row, occasion = rows.get(key), occasions[scan.occasion_id]
        is_waiting = scan.outcome is Outcome.REVIEW
        kind = MessageKind.SCAN_WAITS if is_waiting else MessageKind.SCAN_DIFFERS
        facts = _of_scan(scan, occasion, zone)
        if row is not None:
            facts |= {"row": str(row.id), **_present(row, zone)}
        assert scan.member_id is not None, "only scans of somebody are told of"
        notices.append(Notice(scan.member_id, kind, facts, f"{kind}:{scan.id.hex}"))
    outbox.write(session, community_id, notices)


def entered(session: Session, scan: OfflineScan, row: Attendance) -> None:
    """Tell the member that their scan was looked at and what was written in."""
    zone = _zone(session, row.community_id)
    occasion = session.get_one(Occasion, (row.community_id, row.occasion_id))
    facts = {**_of_scan(scan, occasion, zone), "row": str(row.id), **_present(row, zone)}
    _write(session, row, MessageKind.SCAN_ENTERED, facts, f"scan_entered:{scan.id.hex}")


def dismissed(session: Session, scan: OfflineScan, reason: str) -> None:
    """Tell the member that their scan was looked at and does not count, and why."""
    if scan.member_id is None:
        return
    occasion = session.get_one(Occasion, (scan.community_id, scan.occasion_id))
    facts = {**_of_scan(scan, occasion, _zone(session, scan.community_id)), "reason": reason}
    reference = f"scan_dismissed:{scan.id.hex}"
    notice = Notice(scan.member_id, MessageKind.SCAN_DISMISSED, facts, reference)
    outbox.write(session, scan.community_id, [notice])


# ---------------------------------------------------------------- private


def _write(
    session: Session, row: Attendance, kind: MessageKind, facts: Facts, reference: str
) -> None:
    outbox.write(session, row.community_id, [Notice(row.member_id, kind, facts, reference)])


def _about(occasion: Occasion, attendance_id: UUID) -> Facts:
    return {
        "title": occasion.title,
        "on": occasion.occurs_on.isoformat(),
        "row": str(attendance_id),
    }


def _of_scan(scan: OfflineScan, occasion: Occasion, zone: str) -> Facts:
    return {"title": occasion.title, "when": moment_text(scan.scanned_at, zone)}


def _present(row: Attendance, zone: str) -> Facts:
    """Return what an open row says: begin, end and the minutes between them."""
    if row.in_at is None:
        return {}
    begin = timing.local_text(row.in_at, zone, row.in_at)
    if row.out_at is None:
        return {"begin": begin}
    return {
        "site_stay": _stay_text((row.in_at, row.out_at), zone),
        "site_minutes": timing.whole_minutes(row.in_at, row.out_at),
    }


def _times(in_at: datetime | None, out_at: datetime | None) -> Times | None:
    return (in_at, out_at) if in_at is not None and out_at is not None else None


def _stay_text(times: Times | None, zone: str) -> str:
    """Return `9:00–11:30`; empty for not there."""
    if times is None:
        return ""
    return "–".join(timing.local_text(moment, zone, times[0]) for moment in times)


def _is_otherwise(scan: OfflineScan) -> bool:
    return scan.outcome is Outcome.REVIEW or scan.why in CHANGING_WHYS


def _cleared(session: Session, community_id: UUID, scans: Collection[OfflineScan]) -> set[UUID]:
    """Return the scans whose doubt another one of them has cleared."""
    found = select(OfflineReview.scan_id).where(
        OfflineReview.community_id == community_id,
        OfflineReview.scan_id.in_([scan.id for scan in scans]),
    )
    return set(session.scalars(found))


def _places(
    session: Session, community_id: UUID, scans: Collection[OfflineScan]
) -> tuple[dict[UUID, Occasion], dict[tuple[UUID, UUID | None], Attendance]]:
    """Return the occasions of the scans, and the rows of their people there."""
    occasion_ids = {scan.occasion_id for scan in scans}
    occasions = session.scalars(
        select(Occasion).where(Occasion.community_id == community_id, Occasion.id.in_(occasion_ids))
    )
    rows = session.scalars(
        select(Attendance).where(
            Attendance.community_id == community_id,
            Attendance.occasion_id.in_(occasion_ids),
            Attendance.member_id.in_({scan.member_id for scan in scans}),
        )
    )
    by_person: dict[tuple[UUID, UUID | None], Attendance] = {
        (row.occasion_id, row.member_id): row for row in rows
    }
    return {each.id: each for each in occasions}, by_person


def _zone(session: Session, community_id: UUID) -> str:
    return session.get_one(Community, community_id).time_zone
