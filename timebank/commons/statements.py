"""What the books say of a month: the one layer from which every statement is made.

Words: a *movement* is an account with its opening balance, what went in, what went out, and its
closing balance; a *row* is one or more movements under one name; a *section* is a unit (minutes,
points, money, pieces by category) with rows whose openings, ins, outs and closings each sum up.

Invariants: every figure is summed from postings with `occurred_on`; the closings are the trial
balance of the last day, to the fen; the closings of a section sum to zero, like the book.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from ledger.base import refers
from ledger.schema import Account, Posting, Transaction
from timebank import chart
from timebank.actors import Actor, Permission
from timebank.shop.models import Item

OWNED: Final = ("Cash:", "Fund:")
"""Where money lies; every other account of money says where it came from or went."""
INCOME: Final = "Income:"
EXPENSES: Final = "Expenses:"


@dataclass(frozen=True, slots=True)
class Movement:
    """One account in a month, in the smallest unit; `out_minor` is not negative."""

    code: str
    commodity: str
    opening_minor: int
    in_minor: int
    out_minor: int

    @property
    def closing_minor(self) -> int:
        """What it held at the end of the last day."""
        return self.opening_minor + self.in_minor - self.out_minor


@dataclass(frozen=True, slots=True)
class Section:
    """One unit of the book with its rows; `category` is that of goods, else empty."""

    commodity: str
    category: str
    rows: tuple[Movement, ...]


@dataclass(frozen=True, slots=True)
class MoneyResult:
    """Income statement and balance of money, in fen; income and expenses are not negative.

    Invariant: opening_fen + income_fen - expenses_fen + other_fen = closing_fen.

    Attributes:
        income: the accounts of income with what came in.
        expenses: the accounts of expenses with what was spent.
        owned: where money lies, with opening and closing.
        other_fen: what came from accounts that are neither (0 in a book of ours).
    """

    income: tuple[Movement, ...]
    expenses: tuple[Movement, ...]
    owned: tuple[Movement, ...]
    other_fen: int

    @property
    def income_fen(self) -> int:
        """What came in, what was taken back taken off."""
        return sum(row.out_minor - row.in_minor for row in self.income)

    @property
    def expenses_fen(self) -> int:
        """What was spent, what came back taken off."""
        return sum(row.in_minor - row.out_minor for row in self.expenses)

    @property
    def result_fen(self) -> int:
        """Income less expenses."""
        return self.income_fen - self.expenses_fen

    @property
    def opening_fen(self) -> int:
        """What there was before the first day."""
        return sum(row.opening_minor for row in self.owned)

    @property
    def closing_fen(self) -> int:
        """What there was at the end of the last day."""
        return sum(row.closing_minor for row in self.owned)


@dataclass(frozen=True, slots=True)
class Books:
    """Everything that the book says of a time."""

    first_on: date
    last_on: date
    sections: tuple[Section, ...]
    money: MoneyResult


def month_of(day: date) -> tuple[date, date]:
    """Return the first and the last day of a day's month."""
    first = day.replace(day=1)
    return first, (first + timedelta(days=32)).replace(day=1) - timedelta(days=1)


def read_books(session: Session, actor: Actor, *, first_on: date, last_on: date) -> Books:
    """Return the statements of a time.

    Args:
        session: a reading session.
        actor: needs `read_books`.
        first_on: first day.
        last_on: last day.

    Raises:
        NotAllowed: `not_allowed`.
    """
    actor.require(Permission.READ_BOOKS)
    moved = movements(session, actor.community_id, first_on=first_on, last_on=last_on)
    return Books(
        first_on=first_on,
        last_on=last_on,
        sections=_sections(session, actor.community_id, moved),
        money=money_result(moved),
    )


def movements(
    session: Session, community_id: UUID, *, first_on: date, last_on: date
) -> list[Movement]:
    """Return every account that was ever moved by the last day, by code, with one statement."""
    amount, day = Posting.amount_minor, Transaction.occurred_on
    rows = session.execute(
        sa.select(
            Account.code,
            Account.commodity,
            _sum(amount, day < first_on),
            _sum(amount, sa.and_(day >= first_on, amount > 0)),
            _sum(-amount, sa.and_(day >= first_on, amount < 0)),
        )
        .join_from(Posting, Transaction, refers(Posting.transaction_id, Transaction))
        .join(Account, refers(Posting.account_id, Account))
        .where(Posting.community_id == community_id, sa.not_(Posting.is_pending), day <= last_on)
        .group_by(Account.code, Account.commodity)
        .order_by(Account.code)
    )
    return [Movement(code, unit, *map(int, sums)) for code, unit, *sums in rows]


def money_result(moved: Iterable[Movement]) -> MoneyResult:
    """Return income, expenses and what there is, from the movements of money."""
    money = [row for row in moved if row.commodity == chart.CNY]
    income = tuple(row for row in money if row.code.startswith(INCOME))
    expenses = tuple(row for row in money if row.code.startswith(EXPENSES))
    owned = tuple(row for row in money if row.code.startswith(OWNED))
    known = {row.code for row in (*income, *expenses, *owned)}
    other_fen = sum(row.out_minor - row.in_minor for row in money if row.code not in known)
    return MoneyResult(income, expenses, owned, other_fen)


# ---------------------------------------------------------------- leaves


def _sum(amount: Any, condition: sa.ColumnElement[bool]) -> sa.Function[int]:
    return sa.func.sum(sa.case((condition, amount), else_=0))


def _sections(session: Session, community_id: UUID, moved: list[Movement]) -> tuple[Section, ...]:
    """Return the rows by unit, goods by category, the people of a unit in one row."""
    categories = _categories(session, community_id)
    rows: dict[tuple[str, str], dict[str, Movement]] = {}
    for movement in moved:
        is_goods = movement.commodity.startswith("GOODS-")
        place = (
            ("GOODS", categories.get(movement.commodity, ""))
            if is_goods
            else (
                movement.commodity,
                "",
            )
        )
        name = _row_name(movement.code)
        section = rows.setdefault(place, {})
        section[name] = _added(section.get(name), movement, name, place[0])
    order = {chart.SERVICE: 0, chart.POINT: 1, chart.CNY: 2}
    places = sorted(rows, key=lambda place: (order.get(place[0], 3), place))
    return tuple(Section(*place, tuple(rows[place].values())) for place in places)


def _row_name(code: str) -> str:
    """Return under which name an account stands: no person and no kind of goods alone."""
    first, *rest = code.split(":")
    return f"{first}:{rest[-1]}" if first in {"Members", "Goods"} and rest else code


def _added(sofar: Movement | None, movement: Movement, name: str, unit: str) -> Movement:
    before = sofar or Movement(name, unit, 0, 0, 0)
    return Movement(
        name,
        unit,
        before.opening_minor + movement.opening_minor,
        before.in_minor + movement.in_minor,
        before.out_minor + movement.out_minor,
    )


def _categories(session: Session, community_id: UUID) -> dict[str, str]:
    """Return the category of goods by their commodity."""
    rows = session.execute(
        sa.select(Item.number, Item.category).where(Item.community_id == community_id)
    )
    return {chart.goods_commodity(number): category for number, category in rows}
