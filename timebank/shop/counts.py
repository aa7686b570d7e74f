"""What a stocktake has counted so far, beside what the book holds.

Invariant: a review takes three statements, however many kinds and counts there are.
"""

from collections import defaultdict
from dataclasses import dataclass
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from ledger import reports
from timebank.shop.models import Item
from timebank.shop.stock_models import Stocktake, StocktakeCount, StocktakeLine


@dataclass(frozen=True, slots=True)
class Counted:
    """One kind of goods in a stocktake.

    Args:
        item: which goods.
        booked: pieces in the book now, the reserved ones included: they lie in the shop.
        counted: pieces counted; None while nobody has.
        is_out_of_date: whether the book moved since one of the counts.
    """

    item: Item
    booked: int
    counted: int | None = None
    is_out_of_date: bool = False

    @property
    def difference(self) -> int:
        """Counted less booked; 0 while nobody has counted."""
        return 0 if self.counted is None else self.counted - self.booked


def read_counts(session: Session, stocktake: Stocktake) -> list[Counted]:
    """Return every kind that is to be counted: those that differ first, then the uncounted ones.

    Goods without a piece that nobody counted are left out.
    """
    items = _items(session, stocktake)
    if not items:
        return []
    counts = _counts(session, stocktake)
    accounts = [item.stock_account_id for item in items]
    held = reports.balances(session, stocktake.community_id, accounts)
    rows = [
        _counted(item, held[item.stock_account_id].posted_minor, counts[item.id]) for item in items
    ]
    listed = [row for row in rows if row.booked or row.counted is not None]
    return sorted(listed, key=_urgency)


def read_lines(session: Session, stocktake: Stocktake) -> list[tuple[StocktakeLine, Item]]:
    """Return what a closed stocktake found: the differences first."""
    rows = session.execute(
        sa.select(StocktakeLine, Item)
        .join(
            Item,
            sa.and_(
                Item.community_id == StocktakeLine.community_id, Item.id == StocktakeLine.item_id
            ),
        )
        .where(
            StocktakeLine.community_id == stocktake.community_id,
            StocktakeLine.stocktake_id == stocktake.id,
        )
        .order_by((StocktakeLine.difference == 0), Item.number)
    )
    return [(line, item) for line, item in rows]


def _items(session: Session, stocktake: Stocktake) -> list[Item]:
    query = sa.select(Item).where(Item.community_id == stocktake.community_id)
    if stocktake.shelf is not None:
        counted = sa.select(StocktakeCount.item_id).where(
            StocktakeCount.community_id == stocktake.community_id,
            StocktakeCount.stocktake_id == stocktake.id,
        )
        query = query.where(sa.or_(Item.shelf == stocktake.shelf, Item.id.in_(counted)))
    return list(session.scalars(query.order_by(Item.number)))


def _counts(session: Session, stocktake: Stocktake) -> dict[UUID, list[StocktakeCount]]:
    found: dict[UUID, list[StocktakeCount]] = defaultdict(list)
    rows = session.scalars(
        sa.select(StocktakeCount)
        .where(
            StocktakeCount.community_id == stocktake.community_id,
            StocktakeCount.stocktake_id == stocktake.id,
        )
        .order_by(StocktakeCount.id)
    )
    for row in rows:
        found[row.item_id].append(row)
    return found


def _counted(item: Item, booked: int, counts: list[StocktakeCount]) -> Counted:
    if not counts:
        return Counted(item, booked)
    totals = [place for place, row in enumerate(counts) if row.is_total]
    valid = counts[totals[-1] :] if totals else counts
    return Counted(
        item,
        booked,
        sum(row.piece_count for row in valid),
        any(row.book_count != booked for row in valid),
    )


def _urgency(row: Counted) -> tuple[bool, bool, int]:
    is_settled = row.counted is not None and not row.difference and not row.is_out_of_date
    return (is_settled, row.counted is None, row.item.number)
