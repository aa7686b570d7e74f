"""Taking back: a counted donation or a released expense is mirrored, by another, with a reason.

Invariants: one thing is taken back once; who counted or released it does not take it back; a
donation whose money went on cannot go back (the fund's floor).
"""

from dataclasses import dataclass
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from ledger import clock
from ledger.errors import BalanceTooLow
from ledger.ids import new_id
from ledger.journal import reverse
from timebank.actors import Actor, Permission
from timebank.commons import donations
from timebank.commons.common import checked_reason, person, today, yuan
from timebank.commons.errors import (
    AlreadySpent,
    AnotherMustReverse,
    NothingToReverse,
    OwnDonation,
    ProjectNotOpen,
)
from timebank.commons.expenses import locked_expense
from timebank.commons.models import (
    DonationState,
    MoneyDonation,
    ProjectState,
)
from timebank.commons.spending_models import Expense, ExpenseState, FundReversal
from timebank.shop.errors import NonceReused
from timebank.shop.goods import check_nonce


@dataclass(frozen=True, slots=True)
class _Undoing:
    """Who takes back, why, under which number."""

    member_id: UUID
    reason: str
    nonce: str


def reverse_donation(
    session: Session, actor: Actor, *, donation_id: UUID, reason: str, nonce: str
) -> FundReversal:
    """Take a counted donation back: its receipt is void, the money leaves the fund again.

    Args:
        session: write session.
        actor: needs `release_money`; not who counted it, nor the donor.
        donation_id: which.
        reason: 1 to 200 characters.
        nonce: the form's own number; the same nonce returns the same reversal.

    Raises:
        MoneyDonationNotFound: money_donation_not_found; ReasonInvalid: reason_invalid.
        AnotherMustReverse, OwnDonation: another_must_reverse, own_donation.
        NothingToReverse: nothing_to_reverse; AlreadySpent: already_spent.
        NonceReused: nonce_reused.
    """
    undoing = _begun(actor, reason, nonce)
    donation = donations.find(session, actor, donation_id=donation_id, lock=True).donation
    earlier = _earlier(session, actor, nonce)
    if earlier is not None:
        return _same(earlier, donation.id, earlier.donation_id)
    if donation.donor_member_id == undoing.member_id:
        raise OwnDonation
    if donation.state is not DonationState.COUNTED:
        raise NothingToReverse
    made = _book(session, actor, donation, undoing)
    donation.state = DonationState.REVERSED
    session.flush()
    return made


def reverse_expense(
    session: Session, actor: Actor, *, expense_id: UUID, reason: str, nonce: str
) -> FundReversal:
    """Take a released expense back: the money is the project's again.

    Args:
        session: write session.
        actor: needs `release_money`; not who released it.
        expense_id: which.
        reason: 1 to 200 characters.
        nonce: the form's own number; the same nonce returns the same reversal.

    Raises:
        ExpenseNotFound: expense_not_found; ReasonInvalid: reason_invalid.
        AnotherMustReverse: another_must_reverse; NothingToReverse: nothing_to_reverse.
        ProjectNotOpen: project_not_open, it is closed.
        NonceReused: nonce_reused.
    """
    undoing = _begun(actor, reason, nonce)
    expense, project = locked_expense(session, actor, expense_id)
    earlier = _earlier(session, actor, nonce)
    if earlier is not None:
        return _same(earlier, expense.id, earlier.expense_id)
    if project.state is ProjectState.CLOSED:
        raise ProjectNotOpen(project=project.printed_number)
    if expense.state is not ExpenseState.RELEASED:
        raise NothingToReverse
    made = _book(session, actor, expense, undoing)
    expense.state = ExpenseState.REVERSED
    session.flush()
    return made


def reversals_of(session: Session, actor: Actor, ids: list[UUID]) -> dict[UUID, FundReversal]:
    """Return what took back these donations and expenses, by their ids."""
    found = session.scalars(
        sa.select(FundReversal).where(
            FundReversal.community_id == actor.community_id,
            sa.or_(FundReversal.donation_id.in_(ids), FundReversal.expense_id.in_(ids)),
        )
    )
    return {undone: each for each in found if (undone := each.donation_id or each.expense_id)}


# ---------------------------------------------------------------- leaves


def _begun(actor: Actor, reason: str, nonce: str) -> _Undoing:
    member_id = person(actor, Permission.RELEASE_MONEY)
    check_nonce(nonce)
    return _Undoing(member_id, checked_reason(reason), nonce)


def _earlier(session: Session, actor: Actor, nonce: str) -> FundReversal | None:
    return session.scalar(
        sa.select(FundReversal).where(
            FundReversal.community_id == actor.community_id, FundReversal.nonce == nonce
        )
    )


def _same(earlier: FundReversal, asked: UUID, stored: UUID | None) -> FundReversal:
    if asked != stored:
        raise NonceReused
    return earlier


def _book(
    session: Session, actor: Actor, undone: MoneyDonation | Expense, undoing: _Undoing
) -> FundReversal:
    """Mirror the entry and write who took it back, and why."""
    assert undone.transaction_id is not None, "what is counted or released is booked"
    assert undone.decided_by_id is not None, "and somebody decided it"
    if undone.decided_by_id == undoing.member_id:
        raise AnotherMustReverse
    is_donation = isinstance(undone, MoneyDonation)
    made = FundReversal(
        community_id=actor.community_id,
        id=new_id(),
        nonce=undoing.nonce,
        donation_id=undone.id if is_donation else None,
        expense_id=None if is_donation else undone.id,
        first_decided_by_id=undone.decided_by_id,
        reason=undoing.reason,
        reversed_by_id=undoing.member_id,
        reversed_at=clock.now(),
    )
    try:
        posted = reverse(
            session,
            actor.community_id,
            undone.transaction_id,
            reason=undoing.reason,
            idempotency_key=f"fund_reversal:{undoing.nonce}",
            actor=actor.reference,
            occurred_on=today(session, actor.community_id),
            source=f"fund_reversal:{made.id}",
        )
    except BalanceTooLow as low:
        available_fen = int(low.details["available_minor"])
        raise AlreadySpent(needed=yuan(undone.amount_fen), available=yuan(available_fen)) from low
    made.transaction_id = posted.transaction_id
    session.add(made)
    return made
