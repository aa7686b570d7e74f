"""The public statement of the fund, month by month and project by project.

Every movement of a fund's money stands in exactly one column, by where the other side of its
transaction is: donations, takings of the shop, moved between funds and projects, spent; what fits
none of them is named as other. So each row sums up by itself: opening + columns = closing.

Invariant: nobody is named who did not agree; balances of members are nowhere in it.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from itertools import groupby
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from ledger.base import refers
from ledger.schema import Account, Posting, Transaction
from timebank import chart
from timebank.actors import Actor, Permission
from timebank.commons.models import (
    DonationState,
    Fund,
    MoneyDonation,
    Project,
    ProjectLine,
    ProjectState,
)
from timebank.commons.statements import month_of, movements
from timebank.people.models import Community
from timebank.people.organisations import find_community

COLUMNS: Final = ("donations", "takings", "moved", "spent", "other")
_SIDES: Final = {"Income:Donations": "donations", "Cash": "takings", "Expenses": "spent"}
MONTHS_SHOWN: Final = 12


@dataclass(slots=True)
class FundRow:
    """One fund or project in a month, in fen; every column is signed as it changed the balance."""

    code: str
    name: str
    opening_fen: int = 0
    donations_fen: int = 0
    takings_fen: int = 0
    moved_fen: int = 0
    spent_fen: int = 0
    other_fen: int = 0

    @property
    def closing_fen(self) -> int:
        """What there was at the end."""
        return (
            self.opening_fen
            + self.donations_fen
            + self.takings_fen
            + self.moved_fen
            + self.spent_fen
            + self.other_fen
        )


@dataclass(frozen=True, slots=True)
class PublicDonation:
    """A donation as the public reads it; `name` is empty for an anonymous donor."""

    received_on: date
    receipt_number: int
    name: str
    amount_fen: int
    fund_number: int
    fund_name: str
    is_taken_back: bool


@dataclass(frozen=True, slots=True)
class MonthBar:
    """What came into the funds from outside in a month, and what was spent."""

    first_on: date
    income_fen: int
    spent_fen: int


@dataclass(frozen=True, slots=True)
class LineStatement:
    """One line of a project's budget with what was spent on it."""

    title: str
    budget_fen: int
    spent_fen: int

    @property
    def left_fen(self) -> int:
        """What is left of the line."""
        return self.budget_fen - self.spent_fen


@dataclass(frozen=True, slots=True)
class ProjectStatement:
    """A project with its lines; what it spent is what the ledger holds of it."""

    project: Project
    fund: Fund
    lines: tuple[LineStatement, ...]

    @property
    def budget_fen(self) -> int:
        """What was set apart."""
        return sum(line.budget_fen for line in self.lines)

    @property
    def spent_fen(self) -> int:
        """What was spent so far."""
        return sum(line.spent_fen for line in self.lines)

    @property
    def left_fen(self) -> int:
        """What is still set apart: nothing once it went back."""
        return self.budget_fen - self.spent_fen - (self.project.returned_fen or 0)


@dataclass(frozen=True, slots=True)
class FundStatement:
    """The fund in a month."""

    community: Community
    first_on: date
    last_on: date
    rows: tuple[FundRow, ...]
    total: FundRow
    donations: tuple[PublicDonation, ...] = ()
    projects: tuple[ProjectStatement, ...] = ()
    bars: tuple[MonthBar, ...] = ()
    names: Mapping[str, str] = field(default_factory=dict)
    """How the accounts of funds and projects are called, by code."""


def read_public(session: Session, *, code: str, on: date | None, today: date) -> FundStatement:
    """Return the statement of a month for anybody.

    Args:
        session: a reading session.
        code: of the community.
        on: any day of the month; None or a day to come: the present month.
        today: the present day.

    Raises:
        CommunityNotFound: `community_not_found`.
    """
    community = find_community(session, code=code)
    first_on, last_on = month_of(min(on or today, today))
    return _read(session, community, first_on, last_on)


def read_month(session: Session, actor: Actor, *, first_on: date, last_on: date) -> FundStatement:
    """Return the same statement to somebody who reads the books."""
    actor.require(Permission.READ_BOOKS)
    community = session.get_one(Community, actor.community_id)
    return _read(session, community, first_on, last_on)


def read_public_project(
    session: Session, *, code: str, number: int
) -> tuple[Community, ProjectStatement | None]:
    """Return an approved project for anybody; None where there is none with this number.

    Raises:
        CommunityNotFound: `community_not_found`.
    """
    community = find_community(session, code=code)
    found = project_statements(session, community.community_id, number=number)
    return community, found[0] if found else None


def project_statements(
    session: Session, community_id: UUID, *, number: int | None = None, until: date | None = None
) -> list[ProjectStatement]:
    """Return the approved projects with what they spent, newest first."""
    query = (
        sa.select(Project, Fund, ProjectLine)
        .join(Fund, refers(Project.fund_id, Fund))
        .join(
            ProjectLine,
            sa.and_(
                ProjectLine.community_id == Project.community_id,
                ProjectLine.project_id == Project.id,
            ),
        )
        .where(
            Project.community_id == community_id,
            Project.state.not_in((ProjectState.PROPOSED, ProjectState.REFUSED)),
        )
        .order_by(Project.number.desc(), ProjectLine.line_no)
    )
    if number is not None:
        query = query.where(Project.number == min(max(number, 0), 10**8))
    spent = _spent(session, community_id, until or date.max)
    return [
        ProjectStatement(project, fund, tuple(_line(project, line, spent) for _, _, line in rows))
        for (project, fund), rows in groupby(session.execute(query), key=lambda row: row[:2])
    ]


# ---------------------------------------------------------------- the month


def _read(session: Session, community: Community, first_on: date, last_on: date) -> FundStatement:
    community_id = community.community_id
    names = _names(session, community_id)
    rows: dict[str, FundRow] = {}
    for moved in movements(session, community_id, first_on=first_on, last_on=last_on):
        if moved.code.startswith("Fund:"):
            name = names.get(moved.code, moved.code)
            rows[moved.code] = FundRow(moved.code, name, opening_fen=moved.opening_minor)
    for _, code, column, amount in _columns(session, community_id, first_on, last_on):
        row = rows[code]
        setattr(row, f"{column}_fen", getattr(row, f"{column}_fen") + amount)
    total = FundRow("", "")
    for row in rows.values():
        for name in ("opening", *COLUMNS):
            setattr(
                total, f"{name}_fen", getattr(total, f"{name}_fen") + getattr(row, f"{name}_fen")
            )
    return FundStatement(
        community=community,
        first_on=first_on,
        last_on=last_on,
        rows=tuple(sorted(rows.values(), key=_place)),
        total=total,
        donations=_donations(session, community_id, first_on, last_on),
        projects=tuple(
            each
            for each in project_statements(session, community_id, until=last_on)
            if each.project.decided_at and each.project.decided_at.date() <= last_on
        ),
        bars=_bars(session, community_id, last_on),
        names=names,
    )


def _columns(
    session: Session, community_id: UUID, first_on: date, last_on: date
) -> Iterator[tuple[date, str, str, int]]:
    """Give every leg on a fund with its day and the column in which it stands."""
    fund_legs, fund_account = Posting.__table__.alias(), Account.__table__.alias()
    of_a_fund = (
        sa.select(fund_legs.c.transaction_id)
        .join(
            fund_account,
            sa.and_(
                fund_account.c.community_id == fund_legs.c.community_id,
                fund_account.c.id == fund_legs.c.account_id,
            ),
        )
        .where(fund_legs.c.community_id == community_id, fund_account.c.code.like("Fund:%"))
    )
    query = (
        sa.select(Transaction.id, Transaction.occurred_on, Account.code, Posting.amount_minor)
        .join_from(Posting, Transaction, refers(Posting.transaction_id, Transaction))
        .join(Account, refers(Posting.account_id, Account))
        .where(
            Posting.community_id == community_id,
            sa.not_(Posting.is_pending),
            Transaction.occurred_on.between(first_on, last_on),
            Posting.transaction_id.in_(of_a_fund),
        )
        .order_by(Transaction.id, Posting.leg_no)
    )
    for _, legs in groupby(session.execute(query), key=lambda row: row[0]):
        yield from _of_transaction(list(legs))


def _of_transaction(legs: list[Any]) -> Iterator[tuple[date, str, str, int]]:
    sides = {_side(code) for _, _, code, _ in legs if not code.startswith("Fund:")}
    column = sides.pop() if len(sides) == 1 else "other" if sides else "moved"
    for _, day, code, amount in legs:
        if code.startswith("Fund:"):
            yield day, code, column, amount


def _side(code: str) -> str:
    """Return the column of what is not a fund."""
    return next((column for root, column in _SIDES.items() if code.startswith(f"{root}:")), "other")


def _bars(session: Session, community_id: UUID, last_on: date) -> tuple[MonthBar, ...]:
    """Return the last twelve months, those without any movement too."""
    months = [last_on.replace(day=1)]
    while len(months) < MONTHS_SHOWN:
        months.append(month_of(date.fromordinal(months[-1].toordinal() - 1))[0])
    income: dict[date, int] = defaultdict(int)
    spent: dict[date, int] = defaultdict(int)
    for day, _, column, amount in _columns(session, community_id, months[-1], last_on):
        if column in {"donations", "takings"}:
            income[day.replace(day=1)] += amount
        elif column == "spent":
            spent[day.replace(day=1)] -= amount
    return tuple(MonthBar(month, income[month], spent[month]) for month in reversed(months))


def _donations(
    session: Session, community_id: UUID, first_on: date, last_on: date
) -> tuple[PublicDonation, ...]:
    rows = session.execute(
        sa.select(MoneyDonation, Fund)
        .join(Fund, refers(MoneyDonation.fund_id, Fund))
        .where(
            MoneyDonation.community_id == community_id,
            MoneyDonation.state.in_((DonationState.COUNTED, DonationState.REVERSED)),
            MoneyDonation.received_on.between(first_on, last_on),
        )
        .order_by(MoneyDonation.received_on, MoneyDonation.receipt_number)
    )
    return tuple(
        PublicDonation(
            made.received_on,
            made.receipt_number or 0,
            made.shown_name,
            made.amount_fen,
            fund.number,
            fund.name,
            made.state is DonationState.REVERSED,
        )
        for made, fund in rows
    )


# ---------------------------------------------------------------- leaves


def _place(row: FundRow) -> tuple[bool, str]:
    """Return where a row stands: the general fund, the restricted funds, the projects."""
    return row.code != chart.GENERAL_FUND, row.code


def _names(session: Session, community_id: UUID) -> dict[str, str]:
    """Return how the accounts of funds and projects are called, by code."""
    names: dict[str, str] = {}
    funds = sa.select(Fund.number, Fund.name).where(Fund.community_id == community_id)
    for number, name in session.execute(funds):
        names[chart.fund_account_code(number)] = name
        names[chart.donations_account_code(number)] = name
    lines = (
        sa.select(Project.number, Project.title, ProjectLine.line_no, ProjectLine.title)
        .join(Project, refers(ProjectLine.project_id, Project))
        .where(ProjectLine.community_id == community_id)
    )
    for number, title, line_no, line_title in session.execute(lines):
        names[chart.project_account_code(number)] = title
        names[chart.line_account_code(number, line_no)] = f"{title}：{line_title}"
    return names


def _spent(session: Session, community_id: UUID, until: date) -> dict[str, int]:
    """Return what the accounts of the projects' lines held at the end of a day."""
    rows = session.execute(
        sa.select(Account.code, sa.func.sum(Posting.amount_minor))
        .join_from(Posting, Account, refers(Posting.account_id, Account))
        .join(Transaction, refers(Posting.transaction_id, Transaction))
        .where(
            Posting.community_id == community_id,
            sa.not_(Posting.is_pending),
            Account.code.like("Expenses:P%"),
            Transaction.occurred_on <= until,
        )
        .group_by(Account.code)
    )
    return {code: int(total) for code, total in rows}


def _line(project: Project, line: ProjectLine, spent: dict[str, int]) -> LineStatement:
    code = chart.line_account_code(project.number, line.line_no)
    return LineStatement(line.title, line.budget_fen, spent.get(code, 0))
