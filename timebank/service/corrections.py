"""Corrections: what a settled attendance should have said, agreed to by a second person.

The story: somebody who runs occasions proposes other times, or that the member was not there, with
a reason; somebody else who is not the member agrees; then, in one database transaction, the old
entry is reversed, what is right is posted by the policy of that day, and the row says the new
times. Refused or withdrawn, nothing changes.

Invariants: nobody decides about their own row or their own proposal; one proposal per row is open;
recorded minutes change by nothing else; a correction whose points were spent is refused whole.
"""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from ledger import acts, clock, journal
from ledger.errors import BalanceTooLow
from ledger.ids import new_id
from ledger.schema import TransactionKind
from timebank import audit, chart
from timebank.actors import Actor, Permission
from timebank.people.models import Community, Member
from timebank.service import checks, posting, told
from timebank.service.correction_models import (
    TEXT_LENGTH_MAX,
    Correction,
    CorrectionState,
    Dispute,
    DisputeState,
)
from timebank.service.errors import (
    CorrectionDecided,
    CorrectionOpen,
    CorrectionOutdated,
    NothingToCorrect,
    NotProposer,
    OwnProposal,
    OwnRow,
    PointsSpent,
    WrongTimes,
)
from timebank.service.models import Attendance, AttendanceState, Provenance, Slot
from timebank.service.posting import Worth
from timebank.service.settled import SettledRow, Times, locked_row, person_of, worth_of


def propose(  # who was there, from when to when, and why it is said now
    session: Session,
    actor: Actor,
    *,
    attendance_id: UUID,
    in_at: datetime | None,
    out_at: datetime | None,
    reason: str,
) -> Correction:
    """Propose what a settled row should say; nothing changes until somebody else agrees.

    Args:
        session: a write session.
        actor: who runs occasions and is not the member.
        attendance_id: the row.
        in_at: begin of the stay; None with `out_at` None: was not there. Like a scan, what lies
            outside the slot does not count.
        out_at: end of the stay.
        reason: 1 to 500 characters, shown to the volunteer and kept.

    Raises:
        NotAllowed: `not_allowed`; `own_row`.
        NotHere: `not_found`.
        NotSettled: `not_settled`; CorrectionOpen: `correction_open`; NothingToCorrect:
            `nothing_to_correct`; Overlap: `overlap`.
        WrongField, WrongTimes: `wrong_field`, `wrong_times`.
        NoPolicy: `no_policy`, no points rule had started that day.
    """
    actor.require(Permission.RUN_OCCASION)
    person_id = person_of(actor)
    why = checks.text("reason", reason, TEXT_LENGTH_MAX)
    settled = locked_row(session, actor, attendance_id)
    times = _times(in_at, out_at, settled.slot)
    if settled.member.id == person_id:
        raise OwnRow
    if _has_open(session, actor, attendance_id):
        raise CorrectionOpen
    worth = worth_of(session, actor, settled, times)
    if _is_same_worth(worth, settled.worth) and settled.says(times):
        raise NothingToCorrect(name=settled.member.name)
    row, old = settled.row, settled.worth
    made = Correction(
        community_id=actor.community_id,
        id=new_id(),
        attendance_id=row.id,
        member_id=row.member_id,
        state=CorrectionState.OPEN,
        proposed_by_id=person_id,
        proposed_at=clock.now(),
        reason=why,
        in_at=times[0] if times else None,
        out_at=times[1] if times else None,
        old_in_at=row.in_at,
        old_out_at=row.out_at,
        old_is_out_missing=row.is_out_missing,
        old_actual_minutes=old.actual_minutes,
        old_counted_minutes=old.counted_minutes,
        old_points=old.points,
        old_transaction_id=row.transaction_id,
    )
    session.add(made)
    audit.record(session, actor, "propose_correction", f"correction:{made.id}")
    session.flush()
    return made


def agree(session: Session, actor: Actor, *, correction_id: UUID) -> Correction:
    """Agree to a proposal: reverse the old entry, post the right one, change the row.

    All of it happens in the caller's transaction or none of it. Who agreed already gets the same
    answer again.

    Args:
        session: a write session; after a refusal it has to be rolled back.
        actor: who runs occasions, neither the member nor who proposed.
        correction_id: the proposal.

    Raises:
        NotAllowed: `not_allowed`; `own_row`; `own_proposal`.
        NotHere: `not_found`.
        CorrectionDecided: `correction_decided`; CorrectionOutdated: `correction_outdated`;
            PointsSpent: `points_spent`, with what is needed and what is there; Overlap: `overlap`.
        WrongTimes: `wrong_times`.
    """
    actor.require(Permission.RUN_OCCASION)
    correction, settled = _locked(session, actor, correction_id)
    person_id = person_of(actor)
    if correction.state is CorrectionState.AGREED and correction.decided_by_id == person_id:
        return correction
    _require_decidable(correction, person_id)
    if settled.row.transaction_id != correction.old_transaction_id:
        raise CorrectionOutdated(name=settled.member.name)
    times = _times(correction.in_at, correction.out_at, settled.slot)
    worth = worth_of(session, actor, settled, times)
    transaction_id, reversal_id = _book(session, actor, correction, settled, worth)
    correction.state = CorrectionState.AGREED
    correction.decided_by_id, correction.decided_at = person_id, clock.now()
    correction.actual_minutes, correction.policy_version = (
        worth.actual_minutes,
        worth.policy_version,
    )
    correction.counted_minutes, correction.points = worth.counted_minutes, worth.points
    correction.transaction_id, correction.reversal_id = transaction_id, reversal_id
    session.flush()  # first: the guard of the row asks for the agreed correction
    _write_row(settled.row, correction, worth)
    _settle_dispute(session, correction)
    told.corrected(session, correction, settled)
    audit.record(session, actor, "agree_correction", f"correction:{correction.id}")
    session.flush()
    return correction


def refuse(session: Session, actor: Actor, *, correction_id: UUID, reason: str) -> Correction:
    """Refuse a proposal with a reason; the row stays as it is.

    Args:
        session: a write session.
        actor: who runs occasions, neither the member nor who proposed.
        correction_id: the proposal.
        reason: 1 to 500 characters.

    Raises:
        NotAllowed: `not_allowed`; `own_row`; `own_proposal`.
        NotHere: `not_found`.
        CorrectionDecided: `correction_decided`; WrongField: `wrong_field`.
    """
    actor.require(Permission.RUN_OCCASION)
    why = checks.text("reason", reason, TEXT_LENGTH_MAX)
    correction, _ = _locked(session, actor, correction_id)
    person_id = person_of(actor)
    _require_decidable(correction, person_id)
    correction.state, correction.answer = CorrectionState.REFUSED, why
    correction.decided_by_id, correction.decided_at = person_id, clock.now()
    audit.record(session, actor, "refuse_correction", f"correction:{correction.id}")
    session.flush()
    return correction


def withdraw(session: Session, actor: Actor, *, correction_id: UUID) -> Correction:
    """Take one's own proposal back; once more changes nothing.

    Raises:
        NotAllowed: `not_allowed`; `not_proposer`.
        NotHere: `not_found`.
        CorrectionDecided: `correction_decided`.
    """
    actor.require(Permission.RUN_OCCASION)
    correction, _ = _locked(session, actor, correction_id)
    if correction.proposed_by_id != actor.member_id:
        raise NotProposer
    if correction.state is CorrectionState.WITHDRAWN:
        return correction
    if correction.state is not CorrectionState.OPEN:
        raise CorrectionDecided
    correction.state = CorrectionState.WITHDRAWN
    correction.decided_by_id, correction.decided_at = actor.member_id, clock.now()
    audit.record(session, actor, "withdraw_correction", f"correction:{correction.id}")
    session.flush()
    return correction


# ---------------------------------------------------------------- private


def _times(in_at: datetime | None, out_at: datetime | None, slot: Slot) -> Times | None:
    """Return begin and end inside the slot, or None for not there; one alone is refused."""
    if in_at is not None and out_at is not None:
        return max(in_at, slot.starts_at), min(out_at, slot.ends_at)
    if in_at is None and out_at is None:
        return None
    raise WrongTimes(times="–", expected="HH:MM–HH:MM")


def _has_open(session: Session, actor: Actor, attendance_id: UUID) -> bool:
    """Tell whether a proposal of the row waits for a decision."""
    found = session.scalar(
        select(Correction.id).where(
            Correction.community_id == actor.community_id,
            Correction.attendance_id == attendance_id,
            Correction.state == CorrectionState.OPEN,
        )
    )
    return found is not None


def _is_same_worth(one: Worth, other: Worth) -> bool:
    return (one.counted_minutes, one.points) == (other.counted_minutes, other.points)


def _locked(session: Session, actor: Actor, correction_id: UUID) -> tuple[Correction, SettledRow]:
    correction = checks.fetch(session, actor, Correction, correction_id, "correction")
    settled = locked_row(session, actor, correction.attendance_id)
    session.refresh(correction)
    return correction, settled


def _require_decidable(correction: Correction, person_id: UUID) -> None:
    """Refuse who may not decide, and what is decided."""
    if correction.member_id == person_id:
        raise OwnRow
    if correction.proposed_by_id == person_id:
        raise OwnProposal
    if correction.state is not CorrectionState.OPEN:
        raise CorrectionDecided


def _book(
    session: Session, actor: Actor, correction: Correction, settled: SettledRow, worth: Worth
) -> tuple[UUID | None, UUID | None]:
    """Post what is right, then reverse what was not; return both transactions.

    In this order only what the correction takes off in the end has to be there.
    """
    source = f"correction:{correction.id}"
    day = _booking_day(session, settled)
    transaction_id = reversal_id = None
    if worth.counted_minutes:
        issuance = posting.issuance_of(session, actor.community_id)
        draft = journal.Draft(
            kind=TransactionKind.SERVICE,
            legs=posting.service_legs(
                issuance, settled.member, worth.counted_minutes, worth.points
            ),
            occurred_on=day,
            idempotency_key=source,
            actor=actor.reference,
            source=source,
            narration=posting.narration(settled.occasion),
        )
        transaction_id = journal.post(session, actor.community_id, draft).transaction_id
        posting.keep_reason(session, actor.community_id, transaction_id, worth)
    if correction.old_transaction_id is not None:
        try:
            reversal_id = journal.reverse(
                session,
                actor.community_id,
                correction.old_transaction_id,
                reason=correction.reason,
                idempotency_key=f"{source}:reversal",
                actor=actor.reference,
                occurred_on=day,
                source=source,
            ).transaction_id
        except BalanceTooLow as refused:
            raise _spent(refused, settled.member, worth) from refused
    return transaction_id, reversal_id


def _spent(refused: BalanceTooLow, member: Member, worth: Worth) -> BalanceTooLow | PointsSpent:
    """Say in words that points are missing; what the new entry had just given is taken off."""
    if refused.details["account"] != chart.points_account_code(member.number):
        return refused
    return PointsSpent(
        name=member.name,
        need=refused.details["needed_minor"] - worth.points,
        have=refused.details["available_minor"] - worth.points,
    )


def _booking_day(session: Session, settled: SettledRow) -> date:
    """Return the day of the service; once the books are closed on it, today."""
    occasion = settled.occasion
    closed_through = acts.closed_through(session, occasion.community_id)
    if closed_through is None or occasion.occurs_on > closed_through:
        return occasion.occurs_on
    community = session.get_one(Community, occasion.community_id)
    return clock.today(community.time_zone)


def _write_row(row: Attendance, correction: Correction, worth: Worth) -> None:
    """Let the row say what was agreed; who had confirmed it stays."""
    if correction.in_at is None:
        row.state = AttendanceState.NO_SHOW
    else:
        if row.in_at is None:  # nobody scanned: these two people vouch for the time
            row.provenance = Provenance.BACK_FILLED
            row.in_by_id = row.out_by_id = correction.proposed_by_id
            row.confirmed_by_id, row.confirmed_at = correction.decided_by_id, clock.now()
        row.in_at, row.out_at = correction.in_at, correction.out_at
        row.is_out_missing = False
        is_posted = correction.transaction_id is not None
        row.state = AttendanceState.POSTED if is_posted else AttendanceState.VOID
    posting.write(row, worth)
    row.transaction_id = correction.transaction_id


def _settle_dispute(session: Session, correction: Correction) -> None:
    """Answer the volunteer's open question about the row by this correction."""
    dispute = session.scalars(
        select(Dispute).where(
            Dispute.community_id == correction.community_id,
            Dispute.attendance_id == correction.attendance_id,
            Dispute.state == DisputeState.OPEN,
        )
    ).one_or_none()
    if dispute is not None:
        dispute.state, dispute.correction_id = DisputeState.CORRECTED, correction.id
        dispute.answered_by_id, dispute.answered_at = correction.decided_by_id, clock.now()
