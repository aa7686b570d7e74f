"""The review tray: scans of a device without a network that the book could not settle by itself.

The story: a leader or the social worker sees what was scanned and why it waits. They *accept* it,
which writes the time by hand (`rows.back_fill`: another person confirms it with the list), or they
*dismiss* it with a reason. What belongs to one person at one occasion is decided together.

Invariants: a scan is decided once; nobody decides about their own time.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any, Final, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, func, select
from sqlalchemy.orm import Session, aliased

from ledger import clock
from ledger.base import refers
from timebank import audit
from timebank.actors import Actor, Permission
from timebank.people.models import Member
from timebank.service import checks, rows, told
from timebank.service.decide import Intent
from timebank.service.errors import AlreadyReviewed, NotHere, OwnRow
from timebank.service.models import Attendance, AttendanceState, Occasion, Slot
from timebank.service.occasions import lock_occasion
from timebank.service.offline_models import (
    REASON_LENGTH_MAX,
    Disposal,
    OfflineReview,
    OfflineScan,
    Outcome,
)
from timebank.service.roster import number_of
from timebank.service.settled import SETTLED_STATES

LISTED_MAX: Final = 200


@dataclass(frozen=True, slots=True)
class TrayLine:
    """What waits for a decision about one person at one occasion.

    Args:
        scans: oldest first; one alone when nobody knows whose card it was.
        occasion: where.
        slot: whose times are proposed.
        member: whose scans; None for a card that nobody knows.
        scanned_by_name: who worked the device.
        is_own: the reader's own time, for somebody else to decide.
        row: what the list says of the person there; None when it says nothing.
    """

    scans: list[OfflineScan]
    occasion: Occasion
    slot: Slot
    member: Member | None
    scanned_by_name: str
    is_own: bool
    row: Attendance | None

    @property
    def is_settled(self) -> bool:
        """Tell whether the list was confirmed: only a correction changes the row."""
        return self.row is not None and self.row.state in SETTLED_STATES

    @property
    def is_free(self) -> bool:
        """Tell whether a time may be written in by hand."""
        return self.row is None or rows.is_free(self.row)

    @property
    def is_running(self) -> bool:
        """Tell whether the person may still be there."""
        return self.slot.starts_at <= clock.now() < self.slot.ends_at

    @property
    def come_at(self) -> datetime:
        """Return the begin that is proposed: the first scan, or a time by hand before it."""
        first = self.scans[0].scanned_at
        by_hand = self.row.in_at if self.row is not None and self.is_free else None
        return self._inside(min(first, by_hand) if by_hand else first)

    @property
    def go_at(self) -> datetime | None:
        """Return the end that is proposed: the last check-out, else the planned end.

        None while the slot runs and nobody was seen to leave: they may still be there.
        """
        left = [scan.scanned_at for scan in self.scans if scan.intent == Intent.OUT.value]
        if not left and self.is_running:
            return None
        return self._inside(max(left) if left else self.slot.ends_at)

    def _inside(self, moment: datetime) -> datetime:
        return min(max(moment, self.slot.starts_at), self.slot.ends_at)


def tray(session: Session, actor: Actor) -> list[TrayLine]:
    """Return what waits in the actor's community, oldest first.

    Raises:
        NotAllowed: `not_allowed`.
    """
    actor.require(Permission.RUN_OCCASION)
    return _lines(session, actor, _waits(actor.community_id))


def tray_line(session: Session, actor: Actor, scan_id: UUID) -> TrayLine:
    """Return the line of the tray that holds a scan.

    Raises:
        NotAllowed: `not_allowed`.
        NotHere: `not_found`.
        AlreadyReviewed: `already_reviewed`.
    """
    actor.require(Permission.RUN_OCCASION)
    scan = checks.fetch(session, actor, OfflineScan, scan_id, "scan")
    lines = _lines(session, actor, and_(_waits(actor.community_id), _together(scan)))
    if not lines:
        raise AlreadyReviewed
    return lines[0]


def waiting_count(session: Session, community_id: UUID) -> int:
    """Return how many scans wait in the tray of a community."""
    query = select(func.count()).select_from(OfflineScan).where(_waits(community_id))
    return session.scalar(query) or 0


def waiting_people(
    session: Session, community_id: UUID, occasion_ids: Sequence[UUID]
) -> set[tuple[UUID, UUID]]:
    """Return occasion and member of the scans of some occasions that wait, in one statement."""
    found = session.execute(
        select(OfflineScan.occasion_id, OfflineScan.member_id).where(
            _waits(community_id),
            OfflineScan.occasion_id.in_(occasion_ids),
            OfflineScan.member_id.is_not(None),
        )
    )
    return {(occasion_id, member_id) for occasion_id, member_id in found if member_id}


def accept(
    session: Session,
    actor: Actor,
    *,
    scan_id: UUID,
    in_at: datetime,
    out_at: datetime | None,
    volunteer_number: str = "",
) -> Attendance:
    """Write the time by hand; another person confirms it with the list.

    Args:
        session: a write session.
        actor: who runs occasions and is not the member.
        scan_id: one of the scans; the others of the same person and occasion go with it.
        in_at: begin, inside the slot.
        out_at: end, inside the slot; None while the slot runs: still there.
        volunteer_number: whose card it was, such as V0012, when the book does not know.

    Raises:
        NotAllowed: `not_allowed`; `own_row`.
        NotHere: `not_found`, also for a number that nobody has.
        AlreadyReviewed: `already_reviewed`.
        Refused, Invalid: as of `rows.back_fill`.
    """
    scans = _undecided(session, actor, scan_id)
    member_id = scans[0].member_id or _member_of_number(session, actor, volunteer_number)
    slots = _slots(session, actor, {scans[0].occasion_id})
    row = rows.back_fill(
        session,
        actor,
        slot_id=_slot_at(slots[scans[0].occasion_id], in_at).id,
        member_id=member_id,
        in_at=in_at,
        out_at=out_at,
    )
    _decide(session, actor, scans, Disposal.ACCEPTED, row=row)
    told.entered(session, scans[-1], row)
    return row


def dismiss(session: Session, actor: Actor, *, scan_id: UUID, reason: str) -> OfflineReview:
    """Leave the scans of one person and occasion without effect; the reason stays.

    Raises:
        NotAllowed: `not_allowed`; `own_row`.
        NotHere: `not_found`.
        AlreadyReviewed: `already_reviewed`.
        WrongField: `wrong_field`, no reason or more than 120 characters.
    """
    scans = _undecided(session, actor, scan_id)
    if actor.member_id is not None and scans[0].member_id == actor.member_id:
        raise OwnRow
    why = checks.text("reason", reason, REASON_LENGTH_MAX)
    told.dismissed(session, scans[-1], why)
    return _decide(session, actor, scans, Disposal.DISMISSED, reason=why)[0]


# ---------------------------------------------------------------- private


class _Read(NamedTuple):
    """One row of the tray as it is read."""

    scan: OfflineScan
    occasion: Occasion
    member: Member | None
    scanned_by_name: str
    row: Attendance | None


def _lines(session: Session, actor: Actor, condition: ColumnElement[bool]) -> list[TrayLine]:
    """Return the lines of the tray whose scans fulfil a condition."""
    read = [_Read(*each) for each in session.execute(_tray(condition))]
    slots = _slots(session, actor, {each.occasion.id for each in read})
    lines = []
    for _, group in groupby(read, key=lambda each: _key(each.scan)):
        same = list(group)
        first = same[0]
        lines.append(
            TrayLine(
                scans=[each.scan for each in same],
                occasion=first.occasion,
                slot=_slot_at(slots[first.occasion.id], first.scan.scanned_at),
                member=first.member,
                scanned_by_name=first.scanned_by_name,
                is_own=first.member is not None and first.member.id == actor.member_id,
                row=first.row,
            )
        )
    return sorted(lines, key=lambda line: (line.scans[0].scanned_at, line.scans[0].id))


def _tray(condition: ColumnElement[bool]) -> Select[*tuple[Any, ...]]:
    """Return the query of told scans with what belongs to each, people together."""
    scanner = aliased(Member)
    return (
        select(OfflineScan, Occasion, Member, scanner.name, Attendance)
        .join(Occasion, refers(OfflineScan.occasion_id, Occasion))
        .join(scanner, refers(OfflineScan.scanned_by_id, scanner))
        .outerjoin(Member, refers(OfflineScan.member_id, Member))
        .outerjoin(
            Attendance,
            and_(
                Attendance.community_id == OfflineScan.community_id,
                Attendance.occasion_id == OfflineScan.occasion_id,
                Attendance.member_id == OfflineScan.member_id,
                Attendance.state != AttendanceState.WITHDRAWN,
            ),
        )
        .where(condition)
        .order_by(OfflineScan.occasion_id, OfflineScan.member_id, OfflineScan.scanned_at)
        .limit(LISTED_MAX)
    )


def _waits(community_id: UUID) -> ColumnElement[bool]:
    decided = select(OfflineReview.scan_id).where(OfflineReview.community_id == community_id)
    return and_(
        OfflineScan.community_id == community_id,
        OfflineScan.outcome == Outcome.REVIEW,
        OfflineScan.id.not_in(decided),
    )


def _together(scan: OfflineScan) -> ColumnElement[bool]:
    """Select what belongs together with a scan."""
    if scan.member_id is None:
        return OfflineScan.id == scan.id
    return and_(
        OfflineScan.occasion_id == scan.occasion_id, OfflineScan.member_id == scan.member_id
    )


def _key(scan: OfflineScan) -> tuple[UUID, UUID]:
    """Return what belongs together: a card that nobody knows stands alone."""
    return scan.occasion_id, scan.member_id or scan.id


def _undecided(session: Session, actor: Actor, scan_id: UUID) -> Sequence[OfflineScan]:
    """Return the scan with those that are decided with it, the occasion locked."""
    actor.require(Permission.RUN_OCCASION)
    scan = checks.fetch(session, actor, OfflineScan, scan_id, "scan")
    lock_occasion(session, actor, scan.occasion_id)
    query: Select[OfflineScan] = (
        select(OfflineScan)
        .where(
            _waits(actor.community_id),
            _together(scan),
        )
        .order_by(OfflineScan.scanned_at)
    )
    scans = session.scalars(query).all()
    if scan not in scans:
        raise AlreadyReviewed
    return scans


def _member_of_number(session: Session, actor: Actor, written: str) -> UUID:
    found = session.scalar(
        select(Member.id).where(
            Member.community_id == actor.community_id, Member.number == number_of(written.strip())
        )
    )
    if found is None:
        raise NotHere(thing="member")
    return found


def _slots(session: Session, actor: Actor, occasion_ids: set[UUID]) -> dict[UUID, list[Slot]]:
    found = session.scalars(
        select(Slot)
        .where(Slot.community_id == actor.community_id, Slot.occasion_id.in_(occasion_ids))
        .order_by(Slot.occasion_id, Slot.starts_at)
    )
    return {key: list(group) for key, group in groupby(found, key=lambda slot: slot.occasion_id)}


def _slot_at(slots: list[Slot], moment: datetime) -> Slot:
    """Return the slot that runs at a moment or next, else the last."""
    return next((slot for slot in slots if slot.ends_at > moment), slots[-1])


def _decide(
    session: Session,
    actor: Actor,
    scans: Sequence[OfflineScan],
    disposal: Disposal,
    *,
    reason: str = "",
    row: Attendance | None = None,
) -> list[OfflineReview]:
    made = [
        OfflineReview(
            community_id=actor.community_id,
            scan_id=scan.id,
            disposal=disposal,
            reason=reason,
            member_id=row.member_id if row else scan.member_id,
            decided_by_id=actor.member_id,
            decided_at=clock.now(),
            attendance_id=row.id if row else None,
        )
        for scan in scans
    ]
    session.add_all(made)
    for each in made:
        audit.record(session, actor, f"review_{disposal}", f"offline_scan:{each.scan_id}")
    session.flush()
    return made
