"""Disputes: a volunteer asks about a settled attendance, and gets an answer.

A dispute is answered by an explanation, or by a correction of the row (see `corrections`, which
answers it when it is agreed to); until then who asked can take it back. States and dates stay
visible to the volunteer.

Invariants: only one's own row, one open question per row, and nobody answers their own.
"""

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from ledger import clock
from ledger.ids import new_id
from timebank import audit
from timebank.actors import Actor, Permission
from timebank.service import checks, told
from timebank.service.correction_models import (
    TEXT_LENGTH_MAX,
    Dispute,
    DisputeState,
)
from timebank.service.errors import DisputeAnswered, DisputeOpen, NotHere, OwnRow
from timebank.service.models import Attendance
from timebank.service.settled import locked_row, person_of


def ask(session: Session, actor: Actor, *, attendance_id: UUID, text: str) -> Dispute:
    """Ask about one's own settled row.

    Args:
        session: a write session.
        actor: the member of the row.
        attendance_id: the row.
        text: 1 to 500 characters.

    Raises:
        NotAllowed: `not_allowed`.
        NotHere: `not_found`, also for somebody else's row.
        NotSettled: `not_settled`; DisputeOpen: `dispute_open`.
        WrongField: `wrong_field`.
    """
    actor.require(Permission.SEE_OWN_RECORD)
    person_id = person_of(actor)
    said = checks.text("text", text, TEXT_LENGTH_MAX)
    if checks.fetch(session, actor, Attendance, attendance_id, "row").member_id != person_id:
        raise NotHere(thing="row")
    row = locked_row(session, actor, attendance_id).row
    asked_already = session.scalar(
        select(Dispute.id).where(
            Dispute.community_id == actor.community_id,
            Dispute.attendance_id == row.id,
            Dispute.state == DisputeState.OPEN,
        )
    )
    if asked_already is not None:
        raise DisputeOpen
    made = Dispute(
        community_id=actor.community_id,
        id=new_id(),
        attendance_id=row.id,
        member_id=person_id,
        state=DisputeState.OPEN,
        text=said,
        raised_at=clock.now(),
    )
    session.add(made)
    session.flush()
    return made


def withdraw(session: Session, actor: Actor, *, dispute_id: UUID) -> Dispute:
    """Take one's own question back while nobody has answered; once more changes nothing.

    Args:
        session: a write session.
        actor: who asked.
        dispute_id: the question.

    Raises:
        NotAllowed: `not_allowed`.
        NotHere: `not_found`, also for somebody else's question.
        DisputeAnswered: `dispute_answered`.
    """
    actor.require(Permission.SEE_OWN_RECORD)
    dispute = checks.fetch(session, actor, Dispute, dispute_id, "dispute")
    checks.lock_member(session, actor.community_id, dispute.member_id)
    session.refresh(dispute)
    if dispute.member_id != actor.member_id:
        raise NotHere(thing="dispute")
    if dispute.state is DisputeState.WITHDRAWN:
        return dispute
    if dispute.state is not DisputeState.OPEN:
        raise DisputeAnswered
    dispute.state, dispute.answered_at = DisputeState.WITHDRAWN, clock.now()
    audit.record(session, actor, "withdraw_dispute", f"dispute:{dispute.id}")
    session.flush()
    return dispute


def explain(session: Session, actor: Actor, *, dispute_id: UUID, text: str) -> Dispute:
    """Answer a question by an explanation; the row stays as it is.

    Args:
        session: a write session.
        actor: who runs occasions and is not the member.
        dispute_id: the question.
        text: 1 to 500 characters, shown to the volunteer.

    Raises:
        NotAllowed: `not_allowed`; `own_row`.
        NotHere: `not_found`.
        DisputeAnswered: `dispute_answered`.
        WrongField: `wrong_field`.
    """
    actor.require(Permission.RUN_OCCASION)
    person_id = person_of(actor)
    said = checks.text("text", text, TEXT_LENGTH_MAX)
    dispute = checks.fetch(session, actor, Dispute, dispute_id, "dispute")
    checks.lock_member(session, actor.community_id, dispute.member_id)
    session.refresh(dispute)
    if dispute.member_id == person_id:
        raise OwnRow
    if dispute.state is not DisputeState.OPEN:
        raise DisputeAnswered
    dispute.state, dispute.answer = DisputeState.EXPLAINED, said
    dispute.answered_by_id, dispute.answered_at = person_id, clock.now()
    told.explained(session, dispute)
    audit.record(session, actor, "explain_dispute", f"dispute:{dispute.id}")
    session.flush()
    return dispute
