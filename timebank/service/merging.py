"""One person at one occasion, with everything that devices tell of them: what it comes to.

Words: a *stay* is the time somebody was at another occasion; what the row says already counts as a
scan of its own, so that a scan told of later only ever adds to it.

Invariants: a row that a person wrote or settled is left alone; two stays of one person never
overlap; of two scans that say the same the earlier counts.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from ledger import clock
from ledger.base import refers
from ledger.ids import new_id
from timebank.actors import Actor
from timebank.people.models import Member
from timebank.service import timing, venue
from timebank.service.decide import (
    Decision,
    Effect,
    Intent,
    ScanFacts,
    StateFacts,
    Status,
    Verdict,
    decide,
)
from timebank.service.errors import Full
from timebank.service.models import Attendance, AttendanceState, Occasion, Provenance, Slot
from timebank.service.offline_models import (
    Disposal,
    OfflineReview,
    OfflineScan,
    Outcome,
    Why,
)
from timebank.service.offline_outcome import REFUSED_WHYS, DeviceDecision
from timebank.service.places import take_place
from timebank.service.replay import DatedScan, Replayed, replay
from timebank.service.venue import MemberRows, Venue

INTENTS: Final = {
    Effect.CHECK_IN: Intent.IN,
    Effect.JOIN: Intent.IN,
    Effect.CHECK_OUT: Intent.OUT,
}
STAYED: Final = (AttendanceState.IN, AttendanceState.OUT, AttendanceState.POSTED)
OPEN: Final = (AttendanceState.ENROLLED, AttendanceState.IN, AttendanceState.OUT)
NEAR: Final = timedelta(hours=24)
"""Stays further away cannot meet one of at most twelve hours."""
_CARD_REASONS: Final = frozenset(verdict.value for verdict in Verdict)
"""A bad card stays one, whatever else is told."""
_NEW: Final = "new"
_ROW_IN: Final = "row in"
_ROW_OUT: Final = "row out"


@dataclass(frozen=True, slots=True)
class Stay:
    """Time at another occasion; without a check-out until the system proposes one."""

    title: str
    begin: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Person:
    """All that is known of one person at one occasion."""

    member: Member
    place: Venue
    rows: MemberRows
    stays: list[Stay]
    earlier: list[OfflineScan]
    state: StateFacts

    @property
    def is_settled(self) -> bool:
        """Tell whether a person wrote or settled the row."""
        row = self.rows.row
        if row is None or row.state is AttendanceState.WITHDRAWN:
            return False
        is_written = row.provenance is Provenance.BACK_FILLED or row.confirmed_at is not None
        return is_written or row.state not in OPEN

    def elsewhere_at(self, moment: datetime) -> str | None:
        """Return where else the person was at a moment."""
        return next((stay.title for stay in self.stays if stay.begin <= moment < stay.end), None)


@dataclass(frozen=True, slots=True)
class Merged:
    """What a new scan comes to, together with the others.

    Args:
        decision: about the new scan.
        replayed: all scans; None when the row is left alone.
        is_moved: the new scan takes the place of a later moment in the row.
        doubt: review, and why; None without one.
    """

    decision: Decision
    replayed: Replayed | None = None
    is_moved: bool = False
    doubt: tuple[Outcome, Why] | None = None


# ---------------------------------------------------------------- what is known


def person_at(session: Session, member: Member, place: Venue, moment: datetime) -> Person:
    """Return what is known of a member at an occasion, for a scan made at `moment`.

    The member is locked by the caller.
    """
    earlier = _earlier(session, member.id, place)
    first = min([moment, *(scan.scanned_at for scan in earlier)])
    rows = venue.rows_of(session, member.id, place, first)
    return Person(
        member=member,
        place=place,
        rows=rows,
        stays=_stays(session, member, place, moment),
        earlier=earlier,
        state=venue.state_facts(member, place, rows),
    )


def _earlier(session: Session, member_id: UUID, place: Venue) -> list[OfflineScan]:
    """Return the told scans that count, or may count once more is known."""
    undecided = ~(
        select(OfflineReview.scan_id)
        .where(
            OfflineReview.community_id == OfflineScan.community_id,
            OfflineReview.scan_id == OfflineScan.id,
        )
        .exists()
    )
    found = session.scalars(
        select(OfflineScan).where(
            OfflineScan.community_id == place.community_id,
            OfflineScan.occasion_id == place.occasion_id,
            OfflineScan.member_id == member_id,
            or_(
                OfflineScan.outcome != Outcome.REVIEW,
                and_(OfflineScan.why.in_(REFUSED_WHYS), undecided),
            ),
        )
    )
    return [scan for scan in found if _is_said(scan) and scan.reason not in _CARD_REASONS]


def _is_said(scan: OfflineScan) -> bool:
    device = DeviceDecision(Status(scan.device_status), Effect(scan.device_effect))
    return device.is_said


def _stays(session: Session, member: Member, place: Venue, moment: datetime) -> list[Stay]:
    found = session.execute(
        select(Occasion.title, Attendance.in_at, Attendance.out_at, Slot.ends_at)
        .select_from(Attendance)
        .join(Occasion, refers(Attendance.occasion_id, Occasion))
        .join(Slot, refers(Attendance.slot_id, Slot))
        .where(
            Attendance.community_id == member.community_id,
            Attendance.member_id == member.id,
            Attendance.occasion_id != place.occasion_id,
            Attendance.state.in_(STAYED),
            Attendance.in_at.between(moment - NEAR, moment + NEAR),
        )
    )
    return [
        Stay(title, in_at, out_at or ends_at + timing.MISSING_OUT_AFTER)
        for title, in_at, out_at, ends_at in found
        if in_at is not None
    ]


# ---------------------------------------------------------------- what it comes to


def merge(person: Person, facts: ScanFacts, moment: datetime, *, is_said: bool) -> Merged:
    """Decide a new scan together with what is known; writes nothing.

    Args:
        person: what is known.
        facts: what was scanned.
        moment: when.
        is_said: the person may count on the scan; otherwise it is only compared.
    """
    other_open = person.elsewhere_at(moment)
    if person.is_settled:
        decision = decide(facts, replace(person.state, other_open=other_open), moment)
        return _settled(person, decision, moment, is_said=is_said)
    scans = [*_of_row(person.rows.row), *(_dated(person, scan) for scan in person.earlier)]
    if not is_said:
        before = replay(_begin(person), scans).state
        return Merged(decide(facts, replace(before, other_open=other_open), moment))
    replayed = replay(_begin(person), [*scans, DatedScan(moment, facts, other_open, _NEW)])
    decision = replayed.decision_of(_NEW)
    if decision.effect is not Effect.NONE and _meets_a_stay(person, replayed.state):
        return Merged(decision, doubt=(Outcome.REVIEW, Why.OVERLAP))
    return Merged(decision, replayed, is_moved=_is_moved(person.rows.row, replayed))


def _settled(person: Person, decision: Decision, moment: datetime, *, is_said: bool) -> Merged:
    """Leave a settled row alone; a scan inside its stay says nothing new."""
    row = person.rows.row
    assert row is not None, "only a row can be settled"
    begin, end = row.in_at or row.enrolled_at, row.out_at or row.in_at or row.enrolled_at
    is_known = decision.status is Status.REPLAY and begin <= moment <= end
    if is_known or not is_said:
        return Merged(decision)
    return Merged(decision, doubt=(Outcome.REVIEW, Why.LIST_SETTLED))


def _begin(person: Person) -> StateFacts:
    """Return what was known before anybody was scanned."""
    if not person.state.has_row:
        return person.state
    row = person.rows.row
    is_waiting = row is not None and row.state is AttendanceState.ENROLLED and row.needs_lead
    return replace(
        person.state,
        attendance=AttendanceState.ENROLLED,
        in_at=None,
        out_at=None,
        is_waiting_for_lead=is_waiting,
    )


def _of_row(row: Attendance | None) -> list[DatedScan]:
    """Return what the row says already, as scans that nobody doubts."""
    if row is None or row.in_at is None or row.state is AttendanceState.WITHDRAWN:
        return []
    came = DatedScan(row.in_at, ScanFacts(intent=Intent.IN, is_by_leader=True), key=_ROW_IN)
    if row.out_at is None:
        return [came]
    left = ScanFacts(intent=Intent.OUT, is_by_leader=True)
    return [came, DatedScan(row.out_at, left, key=_ROW_OUT)]


def _dated(person: Person, scan: OfflineScan) -> DatedScan:
    """Return a told scan as it was made; its card was judged when it was told."""
    is_own = scan.member_id == scan.scanned_by_id
    facts = ScanFacts(
        intent=Intent(scan.intent), is_by_leader=not is_own, is_own_name=is_own, is_joining=True
    )
    return DatedScan(scan.scanned_at, facts, person.elsewhere_at(scan.scanned_at), scan.id)


def _meets_a_stay(person: Person, state: StateFacts) -> bool:
    assert state.in_at is not None, "who came or left has a check-in"
    end = state.out_at or max(state.ends_at, state.in_at)
    return any(timing.overlap(state.in_at, end, stay.begin, stay.end) for stay in person.stays)


def _is_moved(row: Attendance | None, replayed: Replayed) -> bool:
    if row is None or row.in_at is None:
        return False
    came, left = replayed.came, replayed.left
    is_earlier_in = came is not None and came.key == _NEW
    is_earlier_out = row.out_at is not None and left is not None and left.key == _NEW
    return is_earlier_in or is_earlier_out


# ---------------------------------------------------------------- writing


def hold_place(session: Session, person: Person, merged: Merged) -> bool:
    """Take the place of a walk-in; False when somebody else took the last one meanwhile."""
    if person.state.has_row or merged.replayed is None or merged.replayed.came is None:
        return True
    try:
        take_place(session, person.rows.slot)
    except Full:
        return False
    return True


def write(session: Session, actor: Actor, person: Person, merged: Merged) -> None:
    """Write what the scans come to into the member's row; a walk-in's place is held.

    Args:
        session: the write session.
        actor: who worked the device of the new scan.
        person: what was known.
        merged: what it comes to.
    """
    replayed = merged.replayed
    if replayed is None or replayed.came is None:
        return
    row, by = person.rows.row, {scan.id: scan.scanned_by_id for scan in person.earlier}
    if row is None or not person.state.has_row:
        row = _joined(session, person)
    came, left = replayed.came, replayed.left
    if came.key != _ROW_IN:
        row.in_at, row.in_by_id = came.moment, _by(actor, by, came.key)
        row.provenance = Provenance.LEADER_SCANNED
        row.needs_lead = replayed.decision_of(came.key).needs_lead
    if left is not None and left.key != _ROW_OUT:
        row.out_at, row.out_by_id = left.moment, _by(actor, by, left.key)
    assert replayed.state.attendance is not None, "who came has a state"
    row.state = replayed.state.attendance
    session.flush()
    _clear_doubts(session, person, replayed, row)


def _joined(session: Session, person: Person) -> Attendance:
    """Return the row of a walk-in."""
    row = person.rows.row or Attendance(
        community_id=person.member.community_id,
        id=new_id(),
        occasion_id=person.place.occasion_id,
        member_id=person.member.id,
    )
    row.slot_id, row.enrolled_at = person.rows.slot.id, clock.now()
    session.add(row)
    return row


def _by(actor: Actor, known: dict[UUID, UUID], key: object) -> UUID | None:
    return known[key] if isinstance(key, UUID) else actor.member_id


def _clear_doubts(session: Session, person: Person, replayed: Replayed, row: Attendance) -> None:
    """Take out of the tray what the scans that are known by now explain."""
    decisions = {scan.key: decision for scan, decision in replayed.steps}
    for scan in _waiting(person.earlier):
        if decisions[scan.id].status is Status.REFUSED:
            continue
        session.add(
            OfflineReview(
                community_id=scan.community_id,
                scan_id=scan.id,
                disposal=Disposal.SETTLED,
                member_id=scan.member_id,
                decided_at=clock.now(),
                attendance_id=row.id,
            )
        )


def _waiting(scans: Iterable[OfflineScan]) -> list[OfflineScan]:
    return [scan for scan in scans if scan.outcome is Outcome.REVIEW]
