"""The services of a member that are over, also those of which nothing stands in the book.

What a statement does not show: a row on which they were not seen, or whose list still waits.

Invariant: a page is read in two statements at most, however long the history.
"""

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from sqlalchemy import or_, select, tuple_
from sqlalchemy.orm import Session

from ledger import clock
from ledger.base import refers
from timebank.actors import Actor, Permission
from timebank.service import checks
from timebank.service.errors import NotHere
from timebank.service.models import Attendance, AttendanceState, Occasion, Slot
from timebank.service.settled import SETTLED_STATES

PAGE_MAX: Final = 30


@dataclass(frozen=True, slots=True)
class Attended:
    """One service that is over, with the reader's row."""

    row: Attendance
    slot: Slot
    occasion: Occasion

    @property
    def is_settled(self) -> bool:
        """Tell whether the list was confirmed, so that they can ask about it."""
        return self.row.state in SETTLED_STATES


@dataclass(frozen=True, slots=True)
class AttendedPage:
    """Services, newest first; `next_cursor` is the row before which the older ones begin."""

    lines: list[Attended]
    next_cursor: UUID | None


def attended(session: Session, actor: Actor, *, before: UUID | None = None) -> AttendedPage:
    """Return one page of the reader's own services that are over, withdrawn ones left out.

    Args:
        session: any session.
        actor: the member; nobody else's services can be asked for.
        before: the cursor of the page with the newer ones; None is the newest page.

    Raises:
        NotAllowed: `not_allowed`.
        NotHere: `not_found`, the cursor is no row of theirs.
    """
    actor.require(Permission.SEE_OWN_RECORD)
    query = (
        select(Attendance, Slot, Occasion)
        .join(Slot, refers(Attendance.slot_id, Slot))
        .join(Occasion, refers(Attendance.occasion_id, Occasion))
        .where(
            Attendance.community_id == actor.community_id,
            Attendance.member_id == actor.member_id,
            Attendance.state != AttendanceState.WITHDRAWN,
            or_(Slot.ends_at <= clock.now(), Attendance.state.in_(SETTLED_STATES)),
        )
        .order_by(Slot.starts_at.desc(), Attendance.id.desc())
        .limit(PAGE_MAX + 1)
    )
    if before is not None:
        last = checks.fetch(session, actor, Attendance, before, "row")
        if last.member_id != actor.member_id:
            raise NotHere(thing="row")
        begin = (
            select(Slot.starts_at)
            .where(Slot.community_id == last.community_id, Slot.id == last.slot_id)
            .scalar_subquery()
        )
        query = query.where(tuple_(Slot.starts_at, Attendance.id) < tuple_(begin, before))
    lines = [Attended(*found) for found in session.execute(query)]
    is_more = len(lines) > PAGE_MAX
    return AttendedPage(lines[:PAGE_MAX], lines[PAGE_MAX - 1].row.id if is_more else None)
