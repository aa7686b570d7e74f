"""From the list to the book: accepting walk-ins, times written by hand, confirming, posting.

The story: after the service a leader who is not the person marks each row present, left early or
not seen; only then does the ledger post, once per attendance: service minutes, and points by the
policy in force that day.

Invariants: nobody decides about their own row; time written by hand takes two people and earns
hours but (by the first rule) no points; above four hours of one member on one day, a second person
agrees before anything is posted; counted minutes lie inside the slot and under the daily cap
over all of the member's attendances of that day; confirming twice answers the same and posts once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from ledger import clock
from ledger.base import refers
from timebank.actors import Actor, Permission
from timebank.people.models import Member
from timebank.rewards.awards import NOTHING_BEFORE
from timebank.rewards.points import policy_in_force
from timebank.service import checks, posting, timing
from timebank.service.correction_models import Agreement
from timebank.service.errors import (
    NoLeave,
    NotHere,
    OwnRow,
    WrongField,
    WrongLeave,
)
from timebank.service.models import (
    Attendance,
    AttendanceState,
    Occasion,
    OccasionStatus,
    Provenance,
    Slot,
)
from timebank.service.occasions import lock_occasion, require_standing
from timebank.service.posting import Worth

MARKS_MAX: Final = 1_000
ALONE_MINUTES_MAX: Final = 4 * 60
"""Up to so much counted service of one member on one day, one person's yes is enough."""
OPEN_STATES: Final = (AttendanceState.ENROLLED, AttendanceState.IN, AttendanceState.OUT)
"""A row in one of these still waits for somebody's decision."""


class Mark(StrEnum):
    """What the leader says of a row."""

    PRESENT = "present"
    LEFT_EARLY = "left_early"
    NOT_SEEN = "not_seen"


class Waiting(StrEnum):
    """Why a marked row was left as it is."""

    OWN_ROW = "own_row"
    SECOND_PERSON = "second_person"
    NEEDS_LEAD = "needs_lead"
    STILL_HERE = "still_here"
    NOT_COME = "not_come"
    LONG_DAY = "long_day"


@dataclass(frozen=True, slots=True)
class RowMark:
    """One row of the confirm list.

    Args:
        attendance_id: the row.
        mark: what the leader says.
        out_at: for `left_early`, when; inside the slot and not after a check-out that was scanned.
        is_accepted: the leader agrees to a walk-in or a poster scan.
    """

    attendance_id: UUID
    mark: Mark
    out_at: datetime | None = None
    is_accepted: bool = False


@dataclass(frozen=True, slots=True)
class ListRow:
    """A row of the list with what belongs to it."""

    row: Attendance
    slot: Slot
    member: Member


@dataclass(frozen=True, slots=True)
class Confirmation:
    """What confirming did (the same again when it is repeated).

    Args:
        occasion: the occasion; closed when no row waits any more.
        settled: rows of the marks that are settled now, by name.
        waiting: rows of the marks that still wait, with the reason.
        overruled: rows that somebody had settled otherwise before; the mark changed nothing.
        open_count: rows of the whole list that still wait.
    """

    occasion: Occasion
    settled: list[ListRow]
    waiting: list[tuple[ListRow, Waiting]]
    overruled: list[ListRow]
    open_count: int

    @property
    def posted(self) -> list[ListRow]:
        """Return the rows that are in the book."""
        return [each for each in self.settled if each.row.state is AttendanceState.POSTED]

    @property
    def minutes(self) -> int:
        """Return the counted minutes of the rows in the book."""
        return sum(each.row.counted_minutes or 0 for each in self.posted)

    @property
    def points(self) -> int:
        """Return the points of the rows in the book."""
        return sum(each.row.points or 0 for each in self.posted)


# ---------------------------------------------------------------- confirming


def confirm(
    session: Session, actor: Actor, *, occasion_id: UUID, marks: Sequence[RowMark]
) -> Confirmation:
    """Settle the marked rows and post them to the book; the others wait on.

    Args:
        session: a write session.
        actor: who runs occasions; their own row is left for somebody else.
        occasion_id: the occasion.
        marks: at most 1000, one per row; none is allowed and closes an empty list.

    Raises:
        NotAllowed: `not_allowed`; `own_row`, when the only mark is the actor's own.
        NotHere: `not_found`, also for a row of another occasion.
        OccasionCancelled: `occasion_cancelled`.
        WrongTimes: `wrong_times`, a time of leaving outside slot and stay.
        WrongField: `wrong_field`, too many marks or two for one row.
        NoPolicy: `no_policy`, no points rule had started that day.
    """
    actor.require(Permission.RUN_OCCASION)
    marked = {mark.attendance_id: mark for mark in marks}
    if len(marked) != len(marks) or len(marks) > MARKS_MAX:
        raise WrongField(field="marks", expected=f"0–{MARKS_MAX}")
    occasion = lock_occasion(session, actor, occasion_id)
    require_standing(occasion)
    lines = {line.row.id: line for line in locked_list(session, occasion)}
    if not marked.keys() <= lines.keys():
        raise NotHere(thing="row")
    waiting = _waiting(actor, [(lines[mark.attendance_id], mark) for mark in marks])
    _refuse_only_own(marks, waiting)
    ready = [
        (lines[key], mark)
        for key, mark in marked.items()
        if key not in waiting and lines[key].row.state in OPEN_STATES
    ]
    overruled = [
        lines[key]
        for key, mark in marked.items()
        if key not in waiting and _is_overruled(lines[key].row, mark)
    ]
    if ready:
        waiting |= _settle(session, actor, occasion, ready)
    open_count = sum(line.row.state in OPEN_STATES for line in lines.values())
    if not open_count and clock.now() >= occasion.ends_at:
        occasion.status = OccasionStatus.CLOSED
    session.flush()
    chosen = [lines[key] for key in marked if key not in waiting and lines[key] not in overruled]
    return Confirmation(
        occasion=occasion,
        settled=sorted(chosen, key=lambda line: (line.member.name, line.member.number)),
        waiting=[(lines[key], reason) for key, reason in waiting.items()],
        overruled=overruled,
        open_count=open_count,
    )


def locked_list(session: Session, occasion: Occasion) -> list[ListRow]:
    """Return the rows of an occasion with members and slots, members locked in the order of ids.

    The members are locked because the daily cap looks at their other attendances of the day.
    """
    found = session.execute(
        select(Attendance, Slot, Member)
        .join(Slot, refers(Attendance.slot_id, Slot))
        .join(Member, refers(Attendance.member_id, Member))
        .where(
            Attendance.community_id == occasion.community_id,
            Attendance.occasion_id == occasion.id,
            Attendance.state != AttendanceState.WITHDRAWN,
        )
        .order_by(Member.id)
        .with_for_update(key_share=True, of=[Member, Attendance])
        .execution_options(populate_existing=True)
    )
    return [ListRow(*line) for line in found]


def proposed_out(row: Attendance, slot: Slot) -> datetime:
    """Return the check-out, or the planned end that stands in for a missing one."""
    assert row.in_at is not None, "only who came has left"
    return row.out_at or max(slot.ends_at, row.in_at)


def why_waiting(actor: Actor, line: ListRow, mark: RowMark) -> Waiting | None:
    """Return why this mark of this actor leaves a row as it is; None when it settles the row."""
    row = line.row
    if row.member_id == actor.member_id:
        return Waiting.OWN_ROW
    if mark.mark is Mark.NOT_SEEN:
        return None
    if row.in_at is None:
        return Waiting.NOT_COME
    if row.provenance is Provenance.BACK_FILLED and row.in_by_id == actor.member_id:
        return Waiting.SECOND_PERSON
    if row.confirmed_by_id is not None and row.confirmed_by_id == actor.member_id:
        return Waiting.LONG_DAY
    if row.needs_lead and not mark.is_accepted:
        return Waiting.NEEDS_LEAD
    is_here = row.out_at is None and clock.now() < line.slot.ends_at
    return Waiting.STILL_HERE if is_here and mark.mark is Mark.PRESENT else None


# ---------------------------------------------------------------- private


def _waiting(actor: Actor, marks: list[tuple[ListRow, RowMark]]) -> dict[UUID, Waiting]:
    """Return the rows that this actor cannot settle now, with the reason."""
    found: dict[UUID, Waiting] = {}
    for line, mark in marks:
        reason = why_waiting(actor, line, mark)
        if reason is not None and line.row.state in OPEN_STATES:
            found[line.row.id] = reason
    return found


def _is_overruled(row: Attendance, mark: RowMark) -> bool:
    """Tell whether a row is settled already, and otherwise than the mark says."""
    if row.state in OPEN_STATES:
        return False
    if mark.mark is Mark.LEFT_EARLY and row.state is not AttendanceState.NO_SHOW:
        return mark.out_at != row.out_at
    return (mark.mark is Mark.NOT_SEEN) != (row.state is AttendanceState.NO_SHOW)


def _refuse_only_own(marks: Sequence[RowMark], waiting: dict[UUID, Waiting]) -> None:
    """Say it plainly when somebody tries to confirm nothing but themselves."""
    if len(marks) == 1 and list(waiting.values()) == [Waiting.OWN_ROW]:
        raise OwnRow


def _settle(
    session: Session, actor: Actor, occasion: Occasion, ready: list[tuple[ListRow, RowMark]]
) -> dict[UUID, Waiting]:
    """Write times, values and the confirmation into the rows, and post what counts.

    Returns:
        the rows of a long day that this yes alone does not settle.
    """
    policy = policy_in_force(session, occasion.community_id, occasion.occurs_on)
    zone = checks.community_of(session, actor).time_zone
    had = posting.had_before(session, occasion, policy.rule, [each.member.id for each, _ in ready])
    counted: list[tuple[Attendance, Member, Worth]] = []
    waiting: dict[UUID, Waiting] = {}
    for line, mark in ready:
        row = line.row
        row.needs_lead = False
        if mark.mark is Mark.NOT_SEEN:
            row.state = AttendanceState.NO_SHOW
            row.confirmed_by_id, row.confirmed_at = actor.member_id, clock.now()
            continue
        _set_out(session, actor, line, mark)
        before = had.get(row.member_id, NOTHING_BEFORE)
        found = posting.worth(posting.stay_of(row), line.slot, occasion, policy, zone, before)
        posting.write(row, found)
        if _is_long_day(row, before.day_minutes):
            if not _agree(session, actor, row):
                waiting[row.id] = Waiting.LONG_DAY
                continue
        else:
            row.confirmed_by_id, row.confirmed_at = actor.member_id, clock.now()
        row.state = AttendanceState.VOID  # until it is posted: the book takes no empty entry
        if row.counted_minutes:
            counted.append((row, line.member, found))
    posting.post_rows(session, actor, occasion, counted)
    return waiting


def _is_long_day(row: Attendance, counted_minutes_before: int) -> bool:
    """Tell whether one person's yes is too little for this row.

    Time written by hand has its second person already: the one who wrote it.
    """
    day_minutes = counted_minutes_before + (row.counted_minutes or 0)
    is_by_hand = row.provenance is Provenance.BACK_FILLED
    return bool(row.counted_minutes) and day_minutes > ALONE_MINUTES_MAX and not is_by_hand


def _agree(session: Session, actor: Actor, row: Attendance) -> bool:
    """Keep the first person's yes, or the second's; tell whether both have been said.

    The first one's times stand in the row, so the second agrees to them or shortens them.
    """
    if actor.member_id is None:  # a job of the system, which answers to nobody's row
        row.confirmed_at = clock.now()
        return True
    if row.confirmed_by_id is None or row.confirmed_by_id == actor.member_id:
        row.state = AttendanceState.OUT
        row.confirmed_by_id, row.confirmed_at = actor.member_id, clock.now()
        return False
    session.add(
        Agreement(
            community_id=row.community_id,
            attendance_id=row.id,
            member_id=row.member_id,
            confirmed_by_id=row.confirmed_by_id,
            agreed_by_id=actor.member_id,
            agreed_at=clock.now(),
        )
    )
    return True


def _set_out(session: Session, actor: Actor, line: ListRow, mark: RowMark) -> None:
    """Write the time of leaving: as scanned, the planned end, or what the leader saw."""
    row, slot = line.row, line.slot
    assert row.in_at is not None, "only who came is settled as present"
    is_missing = row.is_out_missing or row.out_at is None
    row.is_out_missing = is_missing and mark.mark is Mark.PRESENT
    latest = min(proposed_out(row, slot), slot.ends_at, clock.now())
    if mark.mark is Mark.PRESENT:
        row.out_at = proposed_out(row, slot)
        return
    earliest = max(row.in_at, slot.starts_at)
    if mark.out_at is None or not earliest <= mark.out_at <= latest:
        zone, now = checks.community_of(session, actor).time_zone, clock.now()
        span = "–".join(timing.local_text(moment, zone, now) for moment in (earliest, latest))
        if mark.out_at is None:
            raise NoLeave(name=line.member.name, expected=span)
        said = timing.local_text(mark.out_at, zone, now)
        raise WrongLeave(name=line.member.name, times=said, expected=span)
    row.out_at, row.out_by_id = mark.out_at, actor.member_id
