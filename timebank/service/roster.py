"""The list of one occasion as the leader's screen shows it: headcount, rows, searching people.

Everything here reads, in a fixed number of statements.
"""

import unicodedata
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from sqlalchemy import Select, and_, func, or_, select
from sqlalchemy.orm import Session

from ledger import clock
from ledger.base import refers
from timebank.actors import Actor, Permission
from timebank.codes import ScanKind, read_scan
from timebank.contributions import Provenance
from timebank.people.models import Member, MemberCard, MemberStatus
from timebank.service import flags, timing
from timebank.service.attendance import (
    OPEN_STATES,
    ListRow,
    Mark,
    RowMark,
    Waiting,
    proposed_out,
    why_waiting,
)
from timebank.service.calendar import PRESENT_STATES, OccasionLine, occasion_line
from timebank.service.flags import Flag
from timebank.service.models import Attendance, AttendanceState, Sighting, Slot

FOUND_MAX: Final = 10
CARD_DIGITS_SHOWN: Final = 4
SEARCH_LENGTH_MAX: Final = 60
NUMBER_DIGITS_MAX: Final = 9
_TYPED_NUMBER_DIGITS_MAX: Final = 6
"""More digits alone are a card that was misread, not somebody's number."""


@dataclass(frozen=True, slots=True)
class RosterRow:
    """One person on the list.

    Args:
        row: the attendance.
        slot: its slot.
        member: the person.
        card_tail: last four digits of the card in force; empty without one.
        is_own: the reader's own row.
        proposed_minutes: what would count if confirmed as it stands; None before a check-in.
        waiting: why the reader cannot confirm an open row as present now; None when they can.
        sighting: somebody saw that it is that person; None when nobody has said so.
        flags: what is worth a look.
    """

    row: Attendance
    slot: Slot
    member: Member
    card_tail: str
    is_own: bool
    proposed_minutes: int | None
    waiting: Waiting | None
    sighting: Sighting | None
    flags: tuple[Flag, ...]

    @property
    def is_open(self) -> bool:
        """Tell whether the row still waits for a decision."""
        return self.row.state in OPEN_STATES

    @property
    def is_present(self) -> bool:
        """Tell whether the person has come."""
        return self.row.state in PRESENT_STATES

    @property
    def is_by_seconds(self) -> bool:
        """Tell whether the times, shown without seconds, would make another number of minutes."""
        if self.row.in_at is None or self.proposed_minutes is None:
            return False
        out_at = proposed_out(self.row, self.slot).replace(second=0, microsecond=0)
        in_at = self.row.in_at.replace(second=0, microsecond=0)
        shown = timing.minutes_in_slot(in_at, out_at, self.slot.starts_at, self.slot.ends_at)
        return shown != self.proposed_minutes

    @property
    def wants_look(self) -> bool:
        """Tell whether the reader is asked to look who it is; nothing waits for it."""
        is_scanned_for = self.row.provenance is Provenance.LEADER_SCANNED
        is_theirs = self.is_open and self.is_present and not self.is_own
        return is_theirs and (is_scanned_for or bool(self.flags)) and self.sighting is None

    @property
    def lacks_check_out(self) -> bool:
        """Tell whether the planned end stands in for a check-out."""
        return self.row.is_out_missing or (
            self.row.state is AttendanceState.IN and clock.now() >= self.slot.ends_at
        )


@dataclass(frozen=True, slots=True)
class Roster:
    """The whole list: who is still missing first, then who waits, then who came."""

    line: OccasionLine
    rows: list[RosterRow]
    slots: list[Slot]

    @property
    def open_rows(self) -> list[RosterRow]:
        """Return the rows that wait for a decision, in the order of the paper list."""
        return [row for row in self.by_number if row.is_open]

    @property
    def settled_rows(self) -> list[RosterRow]:
        """Return the rows that are settled, in the order of the paper list."""
        return [row for row in self.by_number if not row.is_open]

    @property
    def by_number(self) -> list[RosterRow]:
        """Return the rows in the order of the paper list."""
        return sorted(self.rows, key=lambda each: each.member.number)


def roster(session: Session, actor: Actor, occasion_id: UUID, *, search: str = "") -> Roster:
    """Return the list of an occasion.

    Args:
        session: any session.
        actor: who runs occasions.
        occasion_id: the occasion.
        search: part of a name, a volunteer number such as V0012, or the last digits of a card;
            empty for everybody.

    Raises:
        NotAllowed: `not_allowed`.
        NotHere: `not_found`.
    """
    line = occasion_line(session, actor, occasion_id)
    slots = session.scalars(
        select(Slot)
        .where(Slot.community_id == actor.community_id, Slot.occasion_id == occasion_id)
        .order_by(Slot.starts_at)
    ).all()
    found = session.execute(_listed(actor, occasion_id))
    flagged = flags.flags_at(session, actor.community_id, occasion_id)
    slot_of = {slot.id: slot for slot in slots}
    rows = [
        _row(
            actor,
            ListRow(row, slot_of[row.slot_id], member),
            digits,
            sighting,
            flagged.get(member.id, ()),
        )
        for row, member, digits, sighting in found
    ]
    wanted = search.strip()[:SEARCH_LENGTH_MAX]
    shown = [row for row in rows if _is_sought(row, wanted)] if wanted else rows
    return Roster(line, sorted(shown, key=_rank), list(slots))


def find_people(session: Session, actor: Actor, occasion_id: UUID, *, search: str) -> list[Member]:
    """Return active members who are not on the list, by name or number, at most ten.

    Args:
        session: any session.
        actor: who runs occasions.
        occasion_id: whose list.
        search: part of a name, or a volunteer number such as V0012; blank finds nobody.
    """
    actor.require(Permission.RUN_OCCASION)
    wanted = search.strip()[:SEARCH_LENGTH_MAX]
    if not wanted:
        return []
    listed = select(Attendance.member_id).where(
        Attendance.community_id == actor.community_id,
        Attendance.occasion_id == occasion_id,
        Attendance.state != AttendanceState.WITHDRAWN,
    )
    number = number_of(wanted)
    by_number = Member.number == number if number is not None else None
    by_name = Member.name.contains(wanted, autoescape=True)
    return list(
        session.scalars(
            select(Member)
            .where(
                Member.community_id == actor.community_id,
                Member.status == MemberStatus.ACTIVE,
                or_(by_name, by_number) if by_number is not None else by_name,
                Member.id.not_in(listed),
            )
            .order_by(func.length(Member.name), Member.number)
            .limit(FOUND_MAX)
        )
    )


def number_of(wanted: str) -> int | None:
    """Return 12 for `V0012`, `v12`, `１２` or `12`; None for what is no volunteer number."""
    digits = unicodedata.normalize("NFKC", wanted).strip().upper().removeprefix("V")
    is_number = digits.isascii() and digits.isdigit() and len(digits) <= NUMBER_DIGITS_MAX
    return int(digits) if is_number else None


def is_looked_for(text: str) -> bool:
    """Tell whether what was typed looks for somebody: `V0013`, `１３`, a name, no card and no code.

    Digits that are too many for a number, and addresses, are cards or codes, good or misread.
    """
    plain = unicodedata.normalize("NFKC", text).strip()
    if not plain or "/" in plain or read_scan(text).kind is not ScanKind.UNKNOWN:
        return False
    return not plain.isdigit() or len(plain) <= _TYPED_NUMBER_DIGITS_MAX


def _is_sought(row: RosterRow, wanted: str) -> bool:
    wanted = unicodedata.normalize("NFKC", wanted)
    is_card = bool(row.card_tail) and row.card_tail.endswith(wanted)
    return wanted in row.member.name or row.member.number == number_of(wanted) or is_card


def _listed(actor: Actor, occasion_id: UUID) -> Select[Attendance, Member, str, Sighting]:
    """Return what the rows of an occasion are made of, the slots left out: they are few."""
    return (
        select(Attendance, Member, MemberCard.digits, Sighting)
        .join(Member, refers(Attendance.member_id, Member))
        .outerjoin(
            MemberCard,
            and_(
                refers(MemberCard.member_id, Member),
                MemberCard.revoked_at.is_(None),
            ),
        )
        .outerjoin(Sighting, refers(Sighting.attendance_id, Attendance))
        .where(
            Attendance.community_id == actor.community_id,
            Attendance.occasion_id == occasion_id,
            Attendance.state != AttendanceState.WITHDRAWN,
        )
        .order_by(Member.number)
    )


def _row(
    actor: Actor,
    line: ListRow,
    digits: str | None,
    sighting: Sighting | None,
    flagged: tuple[Flag, ...],
) -> RosterRow:
    row, slot, minutes = line.row, line.slot, None
    if row.counted_minutes is not None:
        minutes = row.counted_minutes
    elif row.in_at is not None:
        out_at = proposed_out(row, slot)
        minutes = timing.minutes_in_slot(row.in_at, out_at, slot.starts_at, slot.ends_at)
    return RosterRow(
        row=row,
        slot=slot,
        member=line.member,
        card_tail=digits[-CARD_DIGITS_SHOWN:] if digits else "",
        is_own=line.member.id == actor.member_id,
        proposed_minutes=minutes,
        waiting=_waiting(actor, line),
        sighting=sighting,
        flags=flagged,
    )


def _waiting(actor: Actor, line: ListRow) -> Waiting | None:
    if line.row.state not in OPEN_STATES:
        return None
    return why_waiting(actor, line, RowMark(line.row.id, Mark.PRESENT))


def _rank(row: RosterRow) -> tuple[int, float, int]:
    """Order: not here yet, then waiting for a yes, then newest arrivals, then the settled."""
    if row.row.state is AttendanceState.ENROLLED:
        return 0, 0.0, row.member.number
    if row.row.needs_lead and row.is_open:
        return 1, 0.0, row.member.number
    arrived = row.row.in_at.timestamp() if row.row.in_at else 0.0
    return (2 if row.is_open else 3), -arrived, row.member.number
