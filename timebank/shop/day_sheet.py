"""The day sheet of a till: what went over the counter, told twice and compared.

Words: the *papers* are the receipts and returns of the day; the *book* is what their transactions
moved in the ledger; a sheet *agrees* when both say the same, and what was expected in the drawer is
the float with what was taken and given back.

Invariants: a return stands on the sheet of the day and the till where it happened, whenever the
receipt was written; nothing is stored here, so a sheet of a closed day says the same for ever (no
receipt is written into a closed day); a sheet takes the same number of statements however long the
day was.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from ledger.base import refers
from ledger.schema import Account, Posting
from timebank import chart
from timebank.actors import Actor, Permission
from timebank.shop.cash_models import TillDay
from timebank.shop.sale_models import Redemption, RedemptionLine, Refund, RefundLine, SwapLine
from timebank.shop.till_standing import SYSTEM, DayOfTill, names_of, read_day


@dataclass(slots=True)
class Figures:
    """What moved: points and cash taken and given, pieces out and in by the number of the goods."""

    points_taken: int = 0
    points_given: int = 0
    sales_fen: int = 0
    returns_fen: int = 0
    pieces_out: Counter[int] = field(default_factory=Counter)
    pieces_in: Counter[int] = field(default_factory=Counter)

    def add_points(self, paid: int) -> None:
        """Count what a member paid; below zero: was paid."""
        self.points_taken += max(paid, 0)
        self.points_given += max(-paid, 0)


@dataclass(frozen=True, slots=True)
class GoodsRow:
    """One kind of goods: pieces out and in."""

    item_number: int
    item_name: str
    out_count: int
    in_count: int


@dataclass(frozen=True, slots=True)
class ReturnRow:
    """One return of the day."""

    receipt_number: int
    refunded_at: datetime
    reason: str
    piece_count: int
    points_back: int
    fen_back: int
    clerk: str


@dataclass(frozen=True, slots=True)
class DaySheet:
    """A till day with all that stands on its sheet."""

    standing: DayOfTill
    receipt_count: int
    first_receipt: int | None
    last_receipt: int | None
    papers: Figures
    book: Figures
    goods: list[GoodsRow]
    returns: list[ReturnRow]

    @property
    def expected_fen(self) -> int:
        """Return what the papers say should lie in the drawer."""
        return self.standing.day.float_fen + self.papers.sales_fen - self.papers.returns_fen

    @property
    def agrees(self) -> bool:
        """Whether papers, book and closing say the same."""
        closing = self.standing.closing
        is_expected = closing is None or closing.expected_fen == self.expected_fen
        return self.papers == self.book and is_expected


def read_sheet(session: Session, actor: Actor, *, day_id: UUID) -> DaySheet:
    """Return the sheet of a till day.

    Args:
        session: read-only.
        actor: needs `handle_cash`.
        day_id: which day.

    Raises:
        TillDayNotFound: till_day_not_found.
    """
    actor.require(Permission.HANDLE_CASH)
    standing = read_day(session, actor, day_id=day_id)
    day = standing.day
    papers = Figures()
    numbers = _take_receipts(session, day, papers)
    returns = _take_returns(session, day, papers)
    names = _take_pieces(session, day, papers)
    return DaySheet(
        standing=standing,
        receipt_count=len(numbers),
        first_receipt=min(numbers, default=None),
        last_receipt=max(numbers, default=None),
        papers=papers,
        book=_book(session, day),
        goods=[
            GoodsRow(number, names[number], papers.pieces_out[number], papers.pieces_in[number])
            for number in sorted(names)
        ],
        returns=returns,
    )


# ---------------------------------------------------------------- papers


def _take_receipts(session: Session, day: TillDay, papers: Figures) -> list[int]:
    """Count the receipts into the figures; return their numbers."""
    query = sa.select(
        Redemption.receipt_number,
        Redemption.total_points - Redemption.swapped_points,
        Redemption.total_fen,
    )
    numbers = []
    for number, paid_points, total_fen in session.execute(query.where(_is_sold(day))):
        papers.add_points(paid_points)
        papers.sales_fen += total_fen
        numbers.append(number)
    return numbers


def _take_returns(session: Session, day: TillDay, papers: Figures) -> list[ReturnRow]:
    """Count the returns into the figures; return them as rows, in their order."""
    pieces = (
        sa.select(sa.func.coalesce(sa.func.sum(RefundLine.quantity), 0))
        .where(RefundLine.community_id == Refund.community_id, RefundLine.refund_id == Refund.id)
        .correlate(Refund)
        .scalar_subquery()
    )
    query = (
        sa.select(Refund, Redemption.receipt_number, pieces)
        .join(Redemption, refers(Refund.redemption_id, Redemption))
        .where(_is_returned(day))
        .order_by(Refund.refunded_at, Refund.id)
    )
    rows = session.execute(query).all()
    names = names_of(session, day.community_id, {found.refunded_by_id for found, _, _ in rows})
    for found, _, _ in rows:
        papers.add_points(-found.points_back)
        papers.returns_fen += found.fen_back
    return [
        ReturnRow(
            receipt_number=number,
            refunded_at=found.refunded_at,
            reason=found.reason,
            piece_count=int(piece_count),
            points_back=found.points_back,
            fen_back=found.fen_back,
            clerk=names.get(found.refunded_by_id, SYSTEM),
        )
        for found, number, piece_count in rows
    ]


def _take_pieces(session: Session, day: TillDay, papers: Figures) -> dict[int, str]:
    """Count pieces of receipts, swaps and returns into the figures; return names by number."""
    names: dict[int, str] = {}
    for count, query in _piece_queries(day, papers):
        for number, name, quantity in session.execute(query):
            count[number] += int(quantity)
            names[number] = name
    return names


def _piece_queries(
    day: TillDay, papers: Figures
) -> Iterator[tuple[Counter[int], sa.Select[*tuple[Any, ...]]]]:
    """Give what went out or came in with the count it belongs to."""
    sold = refers(RedemptionLine.redemption_id, Redemption)
    swapped = refers(SwapLine.redemption_id, Redemption)
    is_refund = (Refund.community_id == Redemption.community_id) & (
        Refund.redemption_id == Redemption.id
    )
    yield papers.pieces_out, _summed(RedemptionLine).join(Redemption, sold).where(_is_sold(day))
    yield papers.pieces_in, _summed(SwapLine).join(Redemption, swapped).where(_is_sold(day))
    # A swap comes back as a whole: what was brought in goes out again.
    yield (
        papers.pieces_out,
        _summed(SwapLine)
        .join(Redemption, swapped)
        .join(Refund, is_refund)
        .where(_is_returned(day)),
    )
    of_line = (RefundLine.community_id == RedemptionLine.community_id) & (
        RefundLine.redemption_id == RedemptionLine.redemption_id
    )
    yield (
        papers.pieces_in,
        _summed(RedemptionLine, RefundLine.quantity)
        .join(RefundLine, of_line & (RefundLine.line_no == RedemptionLine.line_no))
        .join(Refund, refers(RefundLine.refund_id, Refund))
        .where(_is_returned(day)),
    )


def _summed(table: Any, quantity: Any = None) -> sa.Select[*tuple[Any, ...]]:
    """Return number, name and pieces by kind of goods."""
    pieces = table.quantity if quantity is None else quantity
    columns = (table.item_number, sa.func.max(table.item_name), sa.func.sum(pieces))
    return sa.select(*columns).select_from(table).group_by(table.item_number)


def _is_sold(day: TillDay) -> sa.ColumnElement[bool]:
    return sa.and_(
        Redemption.community_id == day.community_id,
        Redemption.till_number == day.till_number,
        Redemption.redeemed_at >= day.starts_at,
        Redemption.redeemed_at < day.ends_at,
    )


def _is_returned(day: TillDay) -> sa.ColumnElement[bool]:
    return sa.and_(
        Refund.community_id == day.community_id,
        Refund.till_number == day.till_number,
        Refund.refunded_at >= day.starts_at,
        Refund.refunded_at < day.ends_at,
    )


# ---------------------------------------------------------------- book


def _book(session: Session, day: TillDay) -> Figures:
    """Return what the transactions of the day's receipts and returns moved in the ledger."""
    named = sa.union_all(
        sa.select(Redemption.transaction_id).where(_is_sold(day)),
        sa.select(Refund.transaction_id).where(_is_returned(day)),
    ).subquery()
    query = (
        sa.select(Posting.transaction_id, Account.code, Account.commodity, Posting.amount_minor)
        .join(named, named.c.transaction_id == Posting.transaction_id)
        .join(Account, refers(Posting.account_id, Account))
        .where(Posting.community_id == day.community_id, sa.not_(Posting.is_pending))
    )
    book = Figures()
    paid: defaultdict[UUID, int] = defaultdict(int)
    for transaction_id, code, commodity, amount in session.execute(query):
        if commodity == chart.POINT and code.startswith("Members:"):
            paid[transaction_id] -= amount
        elif code == chart.till_account_code(day.till_number):
            book.sales_fen += max(amount, 0)
            book.returns_fen += max(-amount, 0)
        elif code.endswith(":Stock"):
            count = book.pieces_in if amount > 0 else book.pieces_out
            count[int(code.split(":")[1])] += abs(amount)
    for points in paid.values():
        book.add_points(points)
    return book
