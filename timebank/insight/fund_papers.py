"""The papers of the common money, and the line between points, goods and money.

Donations of money, budgets that were set apart, expenses and what was given back each have their
one transaction; what was taken back names the entry it mirrors; receipts, funds and projects are
numbered without a gap.

*No points become money*: a transaction that moves money together with points or pieces is a sale
over the counter or its return. Precisely: its money moves between a cash box and the takings, its
points between members and the shop, its pieces between the shelf and the buyer; pieces go out where
cash comes in and come back where cash goes out; no member gains points where cash comes in or loses
points where cash goes out; and points and money never meet without pieces. Where goods are swapped
in beside a sale in cash, the points of the swap may come from the issuance, and what is brought in
is never paid in cash.
"""

from collections.abc import Iterator
from itertools import groupby
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from ledger.base import refers
from ledger.findings import Finding
from ledger.schema import Account, Posting, Transaction
from timebank import chart
from timebank.commons.models import (
    DonationState,
    Fund,
    FundRegister,
    MoneyDonation,
    Project,
    ProjectLine,
    ProjectState,
)
from timebank.commons.spending_models import Expense, ExpenseState, FundReversal
from timebank.insight.papers import Legs, Paper

Codes = dict[str, UUID]
GOODS_PREFIX = "GOODS-"
NOWHERE = UUID(int=0)
"""Of a paper that names no transaction: it is not in the book."""


def papers(session: Session, community_id: UUID) -> Iterator[Paper]:
    """Give every donation of money, budget, expense and return that was booked."""
    codes = _codes(session, community_id)
    yield from _donations(session, community_id, codes)
    yield from _budgets(session, community_id, codes)
    yield from _expenses(session, community_id, codes)


def has_paper(transaction_id: Any) -> sa.ColumnElement[bool]:
    """Return the condition that one of these papers names the transaction."""
    named: tuple[tuple[Any, Any], ...] = (
        (MoneyDonation.community_id, MoneyDonation.transaction_id),
        (Project.community_id, Project.transaction_id),
        (Project.community_id, Project.return_transaction_id),
        (Expense.community_id, Expense.transaction_id),
    )
    return sa.or_(*(_names(transaction_id, *columns) for columns in named))


def is_taken_back(transaction_id: Any) -> sa.Exists:
    """Return the condition that a reversal of the fund names the transaction as its own."""
    return _names(transaction_id, FundReversal.community_id, FundReversal.transaction_id)


def fund_reversals_are_whole(session: Session, community_id: UUID) -> Iterator[Finding]:
    """What was taken back mirrors its entry, by another person; what is said to be, was."""
    undone: tuple[tuple[Any, Any, Any], ...] = (
        (MoneyDonation, FundReversal.donation_id, DonationState.REVERSED),
        (Expense, FundReversal.expense_id, ExpenseState.REVERSED),
    )
    for table, key, reversed_state in undone:
        query = (
            sa.select(table, FundReversal, Transaction.reverses_id)
            .outerjoin_from(
                table,
                FundReversal,
                sa.and_(FundReversal.community_id == table.community_id, key == table.id),
            )
            .outerjoin(Transaction, refers(FundReversal.transaction_id, Transaction))
            .where(
                table.community_id == community_id,
                sa.or_(FundReversal.id.is_not(None), table.state == reversed_state),
            )
        )
        for row, reversal, reverses_id in session.execute(query):
            for problem in _reversal_problems(row, reversal, reverses_id, reversed_state):
                yield Finding("reversal_differs", f"{table.__tablename__}:{row.id}", problem)


def money_moved_by_two_people(session: Session, community_id: UUID) -> Iterator[Finding]:
    """Nobody counted, approved, released or closed what they had begun themselves."""
    same_person: tuple[tuple[Any, sa.ColumnElement[bool], str], ...] = (
        (
            MoneyDonation,
            sa.and_(
                MoneyDonation.transaction_id.is_not(None),
                sa.or_(
                    MoneyDonation.decided_by_id == MoneyDonation.recorded_by_id,
                    MoneyDonation.decided_by_id == MoneyDonation.donor_member_id,
                    MoneyDonation.recorded_by_id == MoneyDonation.donor_member_id,
                ),
            ),
            "one person recorded and counted it, or gave it",
        ),
        (
            Project,
            sa.and_(
                Project.transaction_id.is_not(None),
                sa.or_(
                    Project.decided_by_id == Project.proposed_by_id,
                    Project.closed_by_id == Project.reported_by_id,
                ),
            ),
            "one person proposed and approved it, or reported and closed it",
        ),
        (
            Expense,
            sa.and_(
                Expense.transaction_id.is_not(None),
                sa.or_(
                    Expense.decided_by_id == Expense.entered_by_id,
                    Expense.decided_by_id == Expense.payee_member_id,
                ),
            ),
            "one person entered and released it, or was paid by it",
        ),
    )
    for table, condition, problem in same_person:
        query = sa.select(table.id).where(table.community_id == community_id, condition)
        for row_id in session.scalars(query):
            yield Finding("one_person", f"{table.__tablename__}:{row_id}", problem)


def fund_numbers_are_gapless(session: Session, community_id: UUID) -> Iterator[Finding]:
    """Receipts of donations, funds and projects run from 1 up to the register."""
    register = session.get(FundRegister, community_id)
    counted: tuple[tuple[str, Any, int], ...] = (
        (
            "donation receipts",
            MoneyDonation.receipt_number,
            register.last_receipt_number if register else 0,
        ),
        ("funds", Fund.number, register.last_fund_number if register else 0),
        ("projects", Project.number, register.last_project_number if register else 0),
    )
    for name, column, last_number in counted:
        query = sa.select(column).where(
            column.class_.community_id == community_id, column.is_not(None)
        )
        given = set(session.scalars(query))
        missing = sorted(set(range(1, last_number + 1)) - given)
        if missing:
            yield Finding(
                "number_missing", name, f"number {missing[0]} is missing of {last_number}"
            )
        if given and max(given) > last_number:
            yield Finding(
                "number_beyond", name, f"number {max(given)} is beyond the register {last_number}"
            )


def no_points_become_money(session: Session, community_id: UUID) -> Iterator[Finding]:
    """Money meets points or pieces only in a sale over the counter, or in its return."""
    money, other = aliased(Posting), aliased(Posting)
    money_account, other_account = aliased(Account), aliased(Account)
    mixed = (
        sa.select(money.transaction_id)
        .join(money_account, refers(money.account_id, money_account))
        .join(
            other,
            sa.and_(
                other.community_id == money.community_id,
                other.transaction_id == money.transaction_id,
            ),
        )
        .join(other_account, refers(other.account_id, other_account))
        .where(
            money.community_id == community_id,
            money_account.commodity == chart.CNY,
            other_account.commodity != chart.CNY,
        )
    )
    query = (
        sa.select(Posting.transaction_id, Account.code, Account.commodity, Posting.amount_minor)
        .join(Account, refers(Posting.account_id, Account))
        .where(Posting.community_id == community_id, Posting.transaction_id.in_(mixed))
        .where(sa.not_(Posting.is_pending))
        .order_by(Posting.transaction_id, Posting.leg_no)
    )
    for transaction_id, rows in groupby(session.execute(query), key=lambda row: row[0]):
        legs = [(code, commodity, amount) for _, code, commodity, amount in rows]
        for problem in mixing_problems(legs):
            yield Finding("points_and_money", f"transaction:{transaction_id}", problem)


def mixing_problems(legs: list[tuple[str, str, int]]) -> Iterator[str]:
    """Say why a transaction that moves money with something else is no sale and no return.

    Args:
        legs: code, commodity and amount of every posted leg.
    """
    brought = -sum(amount for code, _, amount in legs if code.endswith(":Intake"))
    for code, commodity, _ in legs:
        if not _belongs_to_a_sale(code, commodity, is_swap=brought != 0):
            yield f"{code} has no part in a sale, and money moves"
    cash = sum(amount for code, _, amount in legs if code.startswith("Cash:"))
    points = sum(amount for code, _, amount in legs if code.startswith("Members:"))
    pieces = sum(amount for code, _, amount in legs if code.endswith(":Out"))
    if not any(commodity.startswith(GOODS_PREFIX) for _, commodity, _ in legs):
        yield "points and money move, and no piece with them"
    if points * cash > 0 and not brought:
        yield "a member gains points for money" if cash > 0 else "a member gets money for points"
    if cash * pieces < 0 or (cash and not pieces):
        yield "cash and pieces do not go opposite ways"
    if brought * cash < 0:
        yield "what is brought in is paid in cash"


PASSES = (
    fund_reversals_are_whole,
    money_moved_by_two_people,
    fund_numbers_are_gapless,
    no_points_become_money,
)


# ---------------------------------------------------------------- papers


def _donations(session: Session, community_id: UUID, codes: Codes) -> Iterator[Paper]:
    query = (
        sa.select(MoneyDonation, Fund.number)
        .outerjoin_from(MoneyDonation, Fund, refers(MoneyDonation.fund_id, Fund))
        .where(
            MoneyDonation.community_id == community_id,
            MoneyDonation.state.in_((DonationState.COUNTED, DonationState.REVERSED)),
        )
        .order_by(MoneyDonation.id)
    )
    for donation, fund_number in session.execute(query):
        number = fund_number or 0
        yield _paper(
            f"money_donation:{donation.id}",
            donation.transaction_id,
            (chart.donations_account_code(number), chart.fund_account_code(number)),
            donation.amount_fen,
            codes,
        )


def _budgets(session: Session, community_id: UUID, codes: Codes) -> Iterator[Paper]:
    budget = (
        sa.select(sa.func.coalesce(sa.func.sum(ProjectLine.budget_fen), 0))
        .where(
            ProjectLine.community_id == Project.community_id,
            ProjectLine.project_id == Project.id,
        )
        .scalar_subquery()
    )
    query = (
        sa.select(Project, Fund.number, budget)
        .outerjoin_from(Project, Fund, refers(Project.fund_id, Fund))
        .where(
            Project.community_id == community_id,
            Project.state.not_in((ProjectState.PROPOSED, ProjectState.REFUSED)),
        )
        .order_by(Project.id)
    )
    for project, fund_number, budget_fen in session.execute(query):
        accounts = (
            chart.fund_account_code(fund_number or 0),
            chart.project_account_code(project.number),
        )
        source = f"project:{project.id}"
        yield _paper(source, project.transaction_id, accounts, int(budget_fen), codes)
        if project.return_transaction_id is not None:
            back = accounts[1], accounts[0]
            yield _paper(
                source, project.return_transaction_id, back, project.returned_fen or 0, codes
            )


def _expenses(session: Session, community_id: UUID, codes: Codes) -> Iterator[Paper]:
    query = (
        sa.select(Expense, Project.number)
        .outerjoin_from(Expense, Project, refers(Expense.project_id, Project))
        .where(
            Expense.community_id == community_id,
            Expense.state.in_((ExpenseState.RELEASED, ExpenseState.REVERSED)),
        )
        .order_by(Expense.id)
    )
    for expense, number in session.execute(query):
        accounts = (
            chart.project_account_code(number or 0),
            chart.line_account_code(number or 0, expense.line_no),
        )
        yield _paper(
            f"expense:{expense.id}", expense.transaction_id, accounts, expense.amount_fen, codes
        )


def _paper(
    source: str,
    transaction_id: UUID | None,
    accounts: tuple[str, str],
    amount_fen: int,
    codes: Codes,
) -> Paper:
    legs: Legs = {}
    problems = []
    for code, amount in zip(accounts, (-amount_fen, amount_fen), strict=True):
        if code in codes:
            legs[codes[code]] = amount
        else:
            problems.append(f"its account {code} is not there")
    return Paper(source, transaction_id or NOWHERE, legs, tuple(problems))


# ---------------------------------------------------------------- leaves


def _codes(session: Session, community_id: UUID) -> Codes:
    """Return the accounts of the fund by code, with one statement."""
    rows = session.execute(
        sa.select(Account.code, Account.id).where(
            Account.community_id == community_id,
            sa.or_(
                Account.code.like("Fund:%"),
                Account.code.like("Income:Donations:%"),
                Account.code.like("Expenses:P%"),
            ),
        )
    )
    return {row.code: row.id for row in rows}


def _reversal_problems(
    row: Any, reversal: FundReversal | None, reverses_id: UUID | None, reversed_state: Any
) -> Iterator[str]:
    if reversal is None:
        yield "it is said to be taken back, and nothing took it back"
        return
    if row.state is not reversed_state:
        yield "it was taken back, and does not say so"
    if reverses_id != row.transaction_id:
        yield "what took it back does not mirror its entry"
    if reversal.reversed_by_id == row.decided_by_id:
        yield "the person who confirmed it took it back"


def _belongs_to_a_sale(code: str, commodity: str, *, is_swap: bool) -> bool:
    if commodity == chart.CNY:
        return code.startswith("Cash:") or code == chart.SALES
    if commodity == chart.POINT:
        of_the_swap = is_swap and code == chart.POINTS_ISSUANCE
        return code == chart.SHOP_REDEEMED or code.startswith("Members:") or of_the_swap
    places = (":Stock", ":Out", ":Intake") if is_swap else (":Stock", ":Out")
    return code.startswith("Goods:") and code.endswith(places)


def _names(transaction_id: Any, community_id: Any, named_id: Any) -> sa.Exists:
    return sa.exists().where(community_id == Transaction.community_id, named_id == transaction_id)
