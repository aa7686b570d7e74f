"""What waits for a decision about settled attendances: proposals, and questions of volunteers.

Invariant: a constant number of statements, however much waits.
"""

from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Select, and_, select
from sqlalchemy.orm import Session, aliased

from ledger.base import refers
from ledger.errors import Refusal
from timebank.actors import Actor, Permission
from timebank.people.models import Member
from timebank.service import checks
from timebank.service.correction_models import (
    Correction,
    CorrectionState,
    Dispute,
    DisputeState,
)
from timebank.service.models import Attendance, Occasion, Slot
from timebank.service.posting import Worth
from timebank.service.settled import SettledRow, worth_of

LISTED_MAX: Final = 100

_Other = aliased(Member)


@dataclass(frozen=True, slots=True)
class CorrectionLine:
    """A proposal with the row it is about, and the name of who proposed it."""

    correction: Correction
    settled: SettledRow
    proposed_by_name: str


@dataclass(frozen=True, slots=True)
class DisputeLine:
    """A volunteer's question with the row it is about.

    `correction_id` is the open proposal about the same row, which will answer it; None without one.
    """

    dispute: Dispute
    settled: SettledRow
    correction_id: UUID | None


def open_corrections(session: Session, actor: Actor) -> list[CorrectionLine]:
    """Return the proposals that wait for a decision, oldest first, at most a hundred.

    Raises:
        NotAllowed: `not_allowed`, the actor runs no occasions.
    """
    actor.require(Permission.RUN_OCCASION)
    found = session.execute(
        _corrections(actor)
        .where(Correction.state == CorrectionState.OPEN)
        .order_by(Correction.proposed_at, Correction.id)
        .limit(LISTED_MAX)
    )
    return [_line(each) for each in found]


def read_correction(session: Session, actor: Actor, *, correction_id: UUID) -> CorrectionLine:
    """Return one proposal, decided or not.

    Raises:
        NotAllowed: `not_allowed`, the actor runs no occasions.
        NotHere: `not_found`.
    """
    actor.require(Permission.RUN_OCCASION)
    checks.fetch(session, actor, Correction, correction_id, "correction")
    return _line(session.execute(_corrections(actor).where(Correction.id == correction_id)).one())


def preview(session: Session, actor: Actor, line: CorrectionLine) -> Worth | None:
    """Return what an open proposal would make of its row; None once decided, or not possible now.

    Args:
        session: any session.
        actor: in whose community the row is.
        line: the proposal.
    """
    correction = line.correction
    if correction.state is not CorrectionState.OPEN:
        return None
    times = None
    if correction.in_at is not None and correction.out_at is not None:
        times = correction.in_at, correction.out_at
    try:
        return worth_of(session, actor, line.settled, times)
    except Refusal:
        return None  # another stay has come in between: agreeing says so


def open_disputes(session: Session, actor: Actor) -> list[DisputeLine]:
    """Return the questions that wait for an answer, oldest first, at most a hundred.

    Raises:
        NotAllowed: `not_allowed`, the actor runs no occasions.
    """
    actor.require(Permission.RUN_OCCASION)
    query: Select[*tuple[Any, ...]] = select(
        Dispute, Correction.id, Attendance, Slot, Occasion, Member
    )
    found = session.execute(
        _with_row(query, Dispute)
        .outerjoin(
            Correction,
            and_(
                Correction.community_id == Dispute.community_id,
                Correction.attendance_id == Dispute.attendance_id,
                Correction.state == CorrectionState.OPEN,
            ),
        )
        .where(Dispute.community_id == actor.community_id, Dispute.state == DisputeState.OPEN)
        .order_by(Dispute.raised_at, Dispute.id)
        .limit(LISTED_MAX)
    )
    return [
        DisputeLine(dispute, SettledRow(*row), correction_id)
        for dispute, correction_id, *row in found
    ]


def read_row(session: Session, actor: Actor, *, attendance_id: UUID) -> SettledRow:
    """Return a row with slot, occasion and member, for the form of a proposal.

    Raises:
        NotAllowed: `not_allowed`, the actor runs no occasions.
        NotHere: `not_found`.
    """
    actor.require(Permission.RUN_OCCASION)
    row = checks.fetch(session, actor, Attendance, attendance_id, "row")
    return SettledRow(
        row,
        checks.fetch(session, actor, Slot, row.slot_id, "slot"),
        checks.fetch(session, actor, Occasion, row.occasion_id, "occasion"),
        checks.fetch(session, actor, Member, row.member_id, "member"),
    )


def _corrections(actor: Actor) -> Select[*tuple[Any, ...]]:
    query: Select[*tuple[Any, ...]] = select(
        Correction, Attendance, Slot, Occasion, Member, _Other.name
    )
    return (
        _with_row(query, Correction)
        .join(_Other, refers(Correction.proposed_by_id, _Other))
        .where(Correction.community_id == actor.community_id)
    )


def _with_row(
    query: Select[*tuple[Any, ...]], table: type[Correction] | type[Dispute]
) -> Select[*tuple[Any, ...]]:
    """Join what belongs to the row that a proposal or a question is about."""
    return (
        query.join_from(table, Attendance, refers(table.attendance_id, Attendance))
        .join(Slot, refers(Attendance.slot_id, Slot))
        .join(Occasion, refers(Attendance.occasion_id, Occasion))
        .join(Member, refers(Attendance.member_id, Member))
    )


def _line(found: Any) -> CorrectionLine:
    correction, row, slot, occasion, member, name = found
    return CorrectionLine(correction, SettledRow(row, slot, occasion, member), name)
