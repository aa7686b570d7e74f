"""The papers of corrections: every reversal and every new entry of a service has its two people.

A corrected attendance is followed from its first entry to the present one: each agreed correction
takes back the entry that the one before left, and the row names what the last one posted.
"""

from collections.abc import Iterator
from itertools import groupby
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from ledger.base import refers
from ledger.findings import Finding
from ledger.schema import Transaction
from timebank import chart
from timebank.insight.papers import Legs, Paper, service_legs
from timebank.people.models import Member
from timebank.service.correction_models import (
    Agreement,
    Correction,
    CorrectionState,
    Dispute,
    DisputeState,
)
from timebank.service.models import Attendance

ROWS_PER_FETCH = 500


def corrections(session: Session, community_id: UUID) -> Iterator[Paper]:
    """Give the entries that agreed corrections took back, and those that they posted.

    What stands now is given with the attendances.
    """
    system = chart.system_accounts(session, community_id)
    for chain in _chains(session, community_id):
        source = f"attendance:{chain[0][0].attendance_id}"
        for correction, member, _ in chain:
            old = correction.old_counted_minutes, correction.old_points
            new = correction.counted_minutes or 0, correction.points or 0
            if correction.old_transaction_id is not None:
                legs = _legs(system, member, *old)
                yield Paper(source, correction.old_transaction_id, legs)
            source = f"correction:{correction.id}"
            if correction.transaction_id is not None:
                yield Paper(source, correction.transaction_id, _legs(system, member, *new))


def corrections_are_whole(session: Session, community_id: UUID) -> Iterator[Finding]:
    """Every correction takes back what the one before left, and the row says what the last left."""
    for chain in _chains(session, community_id):
        left = chain[0][0].old_transaction_id
        for correction, _, row in chain:
            subject = f"correction:{correction.id}"
            if correction.old_transaction_id != left:
                yield Finding(
                    "correction_differs", subject, "it does not take back what stood before it"
                )
            if row is None or row.member_id != correction.member_id:
                yield Finding("correction_differs", subject, "its row is another member's, or gone")
            left = correction.transaction_id
        last, _, row = chain[-1]
        if row is not None and row.transaction_id != left:
            yield Finding(
                "correction_differs",
                f"correction:{last.id}",
                f"it left transaction {left}, its row names {row.transaction_id}",
            )
    yield from _reversals(session, community_id)
    yield from _answers(session, community_id)
    yield from _agreements(session, community_id)


def _chains(session: Session, community_id: UUID) -> Iterator[list[Any]]:
    """Give the agreed corrections of each attendance in their order, with member and row."""
    query = (
        sa.select(Correction, Member, Attendance)
        .outerjoin_from(Correction, Member, refers(Correction.member_id, Member))
        .outerjoin(Attendance, refers(Correction.attendance_id, Attendance))
        .where(Correction.community_id == community_id, Correction.state == CorrectionState.AGREED)
        .order_by(Correction.attendance_id, Correction.decided_at, Correction.id)
    )
    found = session.execute(query, execution_options={"yield_per": ROWS_PER_FETCH})
    for _, lines in groupby(found, key=lambda line: line[0].attendance_id):
        yield list(lines)


def _legs(system: dict[str, UUID], member: Member | None, minutes: int, points: int) -> Legs:
    if member is None:
        return {}
    return service_legs(
        system, (member.service_account_id, member.points_account_id), minutes, points
    )


def _reversals(session: Session, community_id: UUID) -> Iterator[Finding]:
    """Name reversals that do not mirror what their correction took back."""
    query = (
        sa.select(
            Correction.id,
            Correction.old_transaction_id,
            Transaction.reverses_id,
            Transaction.source,
        )
        .outerjoin_from(Correction, Transaction, refers(Correction.reversal_id, Transaction))
        .where(Correction.community_id == community_id, Correction.state == CorrectionState.AGREED)
    )
    for correction_id, old_id, reversed_id, source in session.execute(query):
        subject = f"correction:{correction_id}"
        if old_id != reversed_id or source not in {None, subject}:
            yield Finding(
                "correction_differs", subject, "its reversal does not take back its old entry"
            )


def _answers(session: Session, community_id: UUID) -> Iterator[Finding]:
    """Name questions said to be settled by a correction that is not one of their row."""
    query = (
        sa.select(Dispute.id, Dispute.attendance_id, Correction.attendance_id, Correction.state)
        .outerjoin_from(Dispute, Correction, refers(Dispute.correction_id, Correction))
        .where(Dispute.community_id == community_id, Dispute.state == DisputeState.CORRECTED)
    )
    for dispute_id, asked_id, corrected_id, state in session.execute(query):
        if asked_id != corrected_id or state is not CorrectionState.AGREED:
            yield Finding(
                "dispute_differs",
                f"dispute:{dispute_id}",
                "the correction it names did not change its row",
            )


def _agreements(session: Session, community_id: UUID) -> Iterator[Finding]:
    """Name agreements to a row that somebody else confirmed, or that is another member's."""
    query = (
        sa.select(Agreement, Attendance.member_id, Attendance.confirmed_by_id)
        .outerjoin_from(Agreement, Attendance, refers(Agreement.attendance_id, Attendance))
        .where(Agreement.community_id == community_id)
    )
    for agreement, member_id, confirmed_by_id in session.execute(query):
        if (agreement.member_id, agreement.confirmed_by_id) != (member_id, confirmed_by_id):
            yield Finding(
                "agreement_differs",
                f"attendance:{agreement.attendance_id}",
                "the second person agreed to another confirmation than it has",
            )
