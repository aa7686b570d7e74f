"""Expenses of projects: entered with the invoice by one person, released by another.

Invariants: no line is ever overspent (the ledger's account of the line has the budget as its
ceiling); who entered does not release, nor does the one who is paid; an invoice is paid once; each
released expense names its one transaction (kind `fund`, source `expense:<id>`).
"""

import unicodedata
from dataclasses import dataclass
from datetime import date
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from ledger import clock
from ledger.errors import BalanceTooHigh
from ledger.ids import new_id
from timebank import audit, chart
from timebank.actors import Actor, Permission
from timebank.commons.common import (
    book,
    check_amount,
    check_day,
    checked,
    checked_reason,
    member_numbered,
    person,
    yuan,
)
from timebank.commons.errors import (
    AlreadyDecided,
    AnotherMustRelease,
    ExpenseNotFound,
    InvoiceUsed,
    OverBudget,
    PayeeNeverReleases,
)
from timebank.commons.models import (
    NAME_LENGTH_MAX,
    Project,
    ProjectLine,
    ProjectState,
)
from timebank.commons.projects import find_project, require_state
from timebank.commons.spending_models import INVOICE_LENGTH_MAX, Expense, ExpenseState
from timebank.shop.errors import NonceReused, PhotoNotFound
from timebank.shop.goods import check_nonce
from timebank.shop.models import Photo

LIVE = (ExpenseState.ENTERED, ExpenseState.RELEASED)
"""What counts against a line."""


@dataclass(frozen=True, slots=True)
class Bill:
    """What was bought.

    Args:
        line_no: of the budget, from 1.
        amount_fen: 1 to 10^9 fen.
        payee: who gets the money, 1 to 60 characters.
        invoice_number: as printed, 1 to 40 characters; blanks and case do not count.
        photo_id: the picture of the invoice.
        spent_on: the day on the invoice; not after today.
        nonce: the form's own number; the same nonce returns the same expense.
        payee_number: the payee's volunteer number as an integer; None: not a member.
    """

    line_no: int
    amount_fen: int
    payee: str
    invoice_number: str
    photo_id: UUID
    spent_on: date
    nonce: str
    payee_number: int | None = None


def enter(session: Session, actor: Actor, *, number: int, bill: Bill) -> Expense:
    """Enter an expense of an approved project; it is paid once somebody else releases it.

    Args:
        session: write session.
        actor: needs `run_project`.
        number: of the project.
        bill: what was bought.

    Raises:
        AmountInvalid, DayToCome, FundTextInvalid: amount_invalid, day_to_come, fund_text_invalid.
        ProjectNotFound, ExpenseNotFound, PhotoNotFound, MemberNotFound: project_not_found,
            expense_not_found (no such line), photo_not_found, member_not_found.
        ProjectNotOpen: project_not_open.
        InvoiceUsed: invoice_used; OverBudget: over_budget, with both numbers.
        NonceReused: nonce_reused, it stands for another expense.
    """
    member_id = person(actor, Permission.RUN_PROJECT)
    check_nonce(bill.nonce)
    check_amount(bill.amount_fen)
    check_day(session, actor.community_id, bill.spent_on)
    payee = checked("payee", bill.payee, NAME_LENGTH_MAX)
    invoice = checked("invoice_number", _folded(bill.invoice_number), INVOICE_LENGTH_MAX)
    project = find_project(session, actor, number=number, lock=True)
    earlier = _earlier(session, actor, bill.nonce)
    if earlier is not None:
        stored = (earlier.project_id, earlier.line_no, earlier.amount_fen, earlier.invoice_number)
        if stored != (project.id, bill.line_no, bill.amount_fen, invoice):
            raise NonceReused
        return earlier
    require_state(project, ProjectState.APPROVED)
    _check_line(session, project, bill)
    _check_invoice(session, actor, invoice)
    _check_photo(session, actor, bill.photo_id)
    member = member_numbered(session, actor, bill.payee_number)
    made = Expense(
        community_id=actor.community_id,
        id=new_id(),
        nonce=bill.nonce,
        project_id=project.id,
        line_no=bill.line_no,
        amount_fen=bill.amount_fen,
        payee=payee,
        payee_member_id=member.id if member else None,
        invoice_number=invoice,
        photo_id=bill.photo_id,
        spent_on=bill.spent_on,
        entered_by_id=member_id,
        entered_at=clock.now(),
        state=ExpenseState.ENTERED,
        decision_reason="",
    )
    session.add(made)
    session.flush()
    return made


def release(session: Session, actor: Actor, *, expense_id: UUID) -> Expense:
    """Release an expense: the money leaves the project; who released gets the same answer again.

    Args:
        session: write session.
        actor: needs `release_money`; neither who entered it nor who is paid.
        expense_id: which.

    Raises:
        ExpenseNotFound: expense_not_found.
        AnotherMustRelease, PayeeNeverReleases: another_must_release, payee_never_releases.
        AlreadyDecided: already_decided; ProjectNotOpen: project_not_open.
        OverBudget: over_budget, with both numbers.
    """
    member_id = person(actor, Permission.RELEASE_MONEY)
    expense, project = locked_expense(session, actor, expense_id)
    if expense.entered_by_id == member_id:
        raise AnotherMustRelease
    if expense.payee_member_id == member_id:
        raise PayeeNeverReleases
    if expense.state is ExpenseState.RELEASED and expense.decided_by_id == member_id:
        return expense
    if expense.state is not ExpenseState.ENTERED:
        raise AlreadyDecided
    require_state(project, ProjectState.APPROVED)
    expense.transaction_id = _pay(session, actor, project, expense)
    expense.state = ExpenseState.RELEASED
    expense.decided_by_id, expense.decided_at = member_id, clock.now()
    session.flush()
    return expense


def refuse(session: Session, actor: Actor, *, expense_id: UUID, reason: str) -> Expense:
    """Refuse an expense, or take one's own entry back; nothing is paid.

    Raises:
        NotAllowed: not_allowed, somebody else's entry without `release_money`.
        ExpenseNotFound: expense_not_found; AlreadyDecided: already_decided.
        ReasonInvalid: reason_invalid.
    """
    member_id = person(actor, Permission.RUN_PROJECT)
    why = checked_reason(reason)
    expense, _ = locked_expense(session, actor, expense_id)
    if expense.entered_by_id != member_id:
        actor.require(Permission.RELEASE_MONEY)
    if expense.state is not ExpenseState.ENTERED:
        raise AlreadyDecided
    expense.state, expense.decision_reason = ExpenseState.REFUSED, why
    expense.decided_by_id, expense.decided_at = member_id, clock.now()
    audit.record(session, actor, "refuse_expense", f"expense:{expense.id}")
    session.flush()
    return expense


# ---------------------------------------------------------------- reading


def locked_expense(session: Session, actor: Actor, expense_id: UUID) -> tuple[Expense, Project]:
    """Return an expense with its project, both locked, the project first.

    Raises:
        ExpenseNotFound: expense_not_found.
    """
    number = session.scalar(
        sa.select(Project.number)
        .join(
            Expense,
            sa.and_(Expense.community_id == Project.community_id, Expense.project_id == Project.id),
        )
        .where(Project.community_id == actor.community_id, Expense.id == expense_id)
    )
    if number is None:
        raise ExpenseNotFound
    project = find_project(session, actor, number=number, lock=True)
    expense = session.scalars(
        sa.select(Expense)
        .where(Expense.community_id == actor.community_id, Expense.id == expense_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one()
    return expense, project


def expenses_of(session: Session, project: Project) -> list[Expense]:
    """Return the expenses of a project in the order of their entry."""
    return list(
        session.scalars(
            sa.select(Expense)
            .where(Expense.community_id == project.community_id, Expense.project_id == project.id)
            .order_by(Expense.entered_at, Expense.id)
        )
    )


# ---------------------------------------------------------------- leaves


def _folded(text: str) -> str:
    """Return an invoice number as it is compared: full-width digits, blanks and case folded."""
    return "".join(unicodedata.normalize("NFKC", text).split()).upper()


def _earlier(session: Session, actor: Actor, nonce: str) -> Expense | None:
    return session.scalar(
        sa.select(Expense).where(Expense.community_id == actor.community_id, Expense.nonce == nonce)
    )


def _check_line(session: Session, project: Project, bill: Bill) -> None:
    """Refuse what goes beyond its line, entries that still wait counted; the project is locked."""
    line = session.get(
        ProjectLine, (project.community_id, project.id, min(max(bill.line_no, 0), 1000))
    )
    if line is None:
        raise ExpenseNotFound
    taken = session.scalar(
        sa.select(sa.func.coalesce(sa.func.sum(Expense.amount_fen), 0)).where(
            Expense.community_id == project.community_id,
            Expense.project_id == project.id,
            Expense.line_no == bill.line_no,
            Expense.state.in_(LIVE),
        )
    )
    left_fen = line.budget_fen - int(taken or 0)
    if bill.amount_fen > left_fen:
        raise OverBudget(line=line.title, needed=yuan(bill.amount_fen), left=yuan(left_fen))


def _check_invoice(session: Session, actor: Actor, invoice: str) -> None:
    number = session.scalar(
        sa.select(Project.number)
        .join(
            Expense,
            sa.and_(Expense.community_id == Project.community_id, Expense.project_id == Project.id),
        )
        .where(
            Project.community_id == actor.community_id,
            Expense.invoice_number == invoice,
            Expense.state.in_(LIVE),
        )
    )
    if number is not None:
        raise InvoiceUsed(invoice=invoice, project=f"P{number:04d}")


def _check_photo(session: Session, actor: Actor, photo_id: UUID) -> None:
    if session.get(Photo, (actor.community_id, photo_id)) is None:
        raise PhotoNotFound


def _pay(session: Session, actor: Actor, project: Project, expense: Expense) -> UUID:
    codes = (
        chart.project_account_code(project.number),
        chart.line_account_code(project.number, expense.line_no),
    )
    from_id, to_id = chart.account_ids(session, actor.community_id, *codes)
    try:
        return book(
            session,
            actor,
            legs=(from_id, to_id),
            amount_fen=expense.amount_fen,
            key=f"expense:{expense.id}",
            source=f"expense:{expense.id}",
            occurred_on=expense.spent_on,
            narration=f"expense of {project.printed_number}",
        )
    except BalanceTooHigh as over:
        line = session.get_one(ProjectLine, (project.community_id, project.id, expense.line_no))
        raise OverBudget(
            line=line.title,
            needed=yuan(expense.amount_fen),
            left=yuan(int(over.details["available_minor"])),
        ) from over
