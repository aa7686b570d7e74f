"""What stands behind the lines of a statement: the attendance of each, as it was at that line.

A corrected attendance has several entries: what was posted first, its reversal, what was posted
instead. Each line shows the times and minutes of its own entry, and the correction it belongs to.

Invariant: two statements for all lines of a page, one more when the page has corrections.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import and_, select
from sqlalchemy.orm import Session, aliased

from ledger.base import refers
from ledger.schema import Transaction, TransactionKind
from timebank.actors import Actor
from timebank.people.models import Member
from timebank.rewards.awards import Reason
from timebank.rewards.models import PointsPolicy
from timebank.service import reasons
from timebank.service.correction_models import Correction, CorrectionState
from timebank.service.models import Attendance, Occasion, Slot
from timebank.service.posting import Stay

ATTENDANCE: Final = "attendance:"
CORRECTION: Final = "correction:"


@dataclass(frozen=True, slots=True)
class Moment:
    """What one entry says of the stay."""

    in_at: datetime
    out_at: datetime
    is_out_missing: bool
    actual_minutes: int
    counted_minutes: int


@dataclass(frozen=True, slots=True)
class Evidence:
    """The attendance behind a line.

    Args:
        row: as it stands now.
        slot, occasion: what it belongs to.
        confirmed_by_name: None for the system.
        in_by_name: who scanned or wrote it in; None for the member's own phone.
        stay: what this line's entry says; None for a reversal.
        reason: time, rates, factors and caps; None for a reversal.
        correction: the correction that made this line, or took its entry back.
    """

    row: Attendance
    slot: Slot
    occasion: Occasion
    confirmed_by_name: str | None
    in_by_name: str | None
    stay: Moment | None
    reason: Reason | None
    correction: Correction | None


def evidence_of(
    session: Session, actor: Actor, entries: Collection[Transaction]
) -> dict[UUID, Evidence]:
    """Return the attendances behind entries, by transaction.

    Args:
        session: any session.
        actor: in whose community the entries are.
        entries: of one page; those of other areas are passed over.
    """
    attendance_ids = _ids(entries, ATTENDANCE)
    correction_ids = _ids(entries, CORRECTION)
    if correction_ids:
        named = select(Correction.attendance_id).where(
            Correction.community_id == actor.community_id, Correction.id.in_(correction_ids)
        )
        attendance_ids |= set(session.scalars(named))
    if not attendance_ids:
        return {}
    wanted = {entry.id: entry for entry in entries}
    kept = reasons.kept_reasons(session, actor.community_id, wanted)
    made: dict[UUID, Evidence] = {}
    for *found, correction in session.execute(_attendances(actor, attendance_ids)):
        for transaction_id, stay in _entries(found[0], correction):
            if transaction_id in wanted and wanted[transaction_id].kind == TransactionKind.SERVICE:
                reason = kept.get(transaction_id) or _older_reason(found, stay)
                made[transaction_id] = _explained(found, stay, reason, correction)
        if correction is not None and correction.reversal_id in wanted:
            made[correction.reversal_id] = _explained(found, None, None, correction)
    return made


def _ids(entries: Collection[Transaction], prefix: str) -> set[UUID]:
    sources = (entry.source for entry in entries)
    return {UUID(text.removeprefix(prefix)) for text in sources if text.startswith(prefix)}


def _attendances(actor: Actor, attendance_ids: set[UUID]) -> Any:
    """Return the query of rows with names, policy and agreed corrections, oldest first."""
    confirmer, scanner = aliased(Member), aliased(Member)
    return (
        select(Attendance, Slot, Occasion, confirmer.name, scanner.name, PointsPolicy, Correction)
        .join(Slot, refers(Attendance.slot_id, Slot))
        .join(Occasion, refers(Attendance.occasion_id, Occasion))
        .outerjoin(confirmer, refers(Attendance.confirmed_by_id, confirmer))
        .outerjoin(scanner, refers(Attendance.in_by_id, scanner))
        .outerjoin(
            Correction,
            and_(
                refers(Correction.attendance_id, Attendance),
                Correction.state == CorrectionState.AGREED,
            ),
        )
        .outerjoin(
            PointsPolicy,
            and_(
                PointsPolicy.community_id == Attendance.community_id,
                PointsPolicy.version == Attendance.policy_version,
            ),
        )
        .where(Attendance.community_id == actor.community_id, Attendance.id.in_(attendance_ids))
        .order_by(Attendance.id, Correction.decided_at)
    )


def _entries(
    row: Attendance, correction: Correction | None
) -> list[tuple[UUID | None, Moment | None]]:
    """Return the entries that a row and one correction of it speak of: id and stay."""
    if correction is None:
        stay = _moment(
            (row.in_at, row.out_at),
            row.is_out_missing,
            row.actual_minutes,
            row.counted_minutes,
        )
        return [(row.transaction_id, stay)]
    before = _moment(
        (correction.old_in_at, correction.old_out_at),
        correction.old_is_out_missing,
        correction.old_actual_minutes,
        correction.old_counted_minutes,
    )
    after = _moment(
        (correction.in_at, correction.out_at),
        False,  # its end was agreed to by two people
        correction.actual_minutes,
        correction.counted_minutes,
    )
    return [
        (correction.old_transaction_id, before),
        (correction.transaction_id, after),
    ]


def _moment(
    times: tuple[datetime | None, datetime | None],
    is_out_missing: bool,
    actual_minutes: int | None,
    counted_minutes: int | None,
) -> Moment | None:
    in_at, out_at = times
    if in_at is None or out_at is None:
        return None
    return Moment(in_at, out_at, is_out_missing, actual_minutes or 0, counted_minutes or 0)


def _older_reason(found: list[Any], stay: Moment | None) -> Reason | None:
    row, slot, occasion, *_, policy = found
    if policy is None or row.provenance is None or stay is None:
        return None
    times = Stay(stay.in_at, stay.out_at, row.provenance)
    return reasons.older_reason(policy, occasion, slot, times, stay.counted_minutes)


def _explained(
    found: list[Any], stay: Moment | None, reason: Reason | None, correction: Correction | None
) -> Evidence:
    row, slot, occasion, confirmed_by_name, in_by_name, _ = found
    return Evidence(*(row, slot, occasion, confirmed_by_name, in_by_name), stay, reason, correction)
