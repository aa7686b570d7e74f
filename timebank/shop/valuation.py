"""The worth of the stock on a day: pieces, points and yuan, kind by kind and by category.

Words: *pieces* are what the ledger held at the end of the day, the reserved ones included; a piece
is *worth* the price that its goods had then. Goods without a price are counted, and worth nothing.

Invariant: the pieces are the ledger's own postings of the day's end, summed with one statement; no
figure is stored.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from ledger.base import refers
from ledger.schema import Posting, Transaction
from timebank.actors import Actor, Permission
from timebank.people.models import Community
from timebank.shop.days import day_end
from timebank.shop.models import Item
from timebank.shop.price_models import ItemPrice


@dataclass(frozen=True, slots=True)
class Worth:
    """What stands on a shelf, or on several: pieces and their worth."""

    pieces: int
    points: int
    fen: int

    @classmethod
    def total(cls, worths: "Iterable[Worth]") -> "Worth":
        """Return the sum of several."""
        listed = list(worths)
        return cls(
            sum(each.pieces for each in listed),
            sum(each.points for each in listed),
            sum(each.fen for each in listed),
        )


@dataclass(frozen=True, slots=True)
class ValuedItem:
    """One kind of goods with the price of the day; None where it had none."""

    item: Item
    pieces: int
    price_points: int | None
    price_fen: int | None

    @property
    def worth(self) -> Worth:
        """Pieces, and pieces times each price."""
        return Worth(
            self.pieces, self.pieces * (self.price_points or 0), self.pieces * (self.price_fen or 0)
        )


@dataclass(frozen=True, slots=True)
class Valuation:
    """The stock of a community at the end of a day."""

    on: date
    items: list[ValuedItem]

    @property
    def total(self) -> Worth:
        """All of it."""
        return Worth.total(valued.worth for valued in self.items)

    @property
    def by_category(self) -> dict[str, Worth]:
        """Each category, in the order of their names; goods without one stand under ''."""
        names = sorted({valued.item.category for valued in self.items})
        return {
            name: Worth.total(valued.worth for valued in self.items if valued.item.category == name)
            for name in names
        }


def value_stock(session: Session, actor: Actor, *, on: date) -> Valuation:
    """Value what stood on the shelves at the end of a day.

    Args:
        session: any session.
        actor: needs `read_books`.
        on: the day; of today it is the stock of this moment.

    Returns:
        Every kind with a piece on that day, by number.
    """
    actor.require(Permission.READ_BOOKS)
    pieces = _pieces(session, actor, on)
    items = session.scalars(
        sa.select(Item).where(Item.community_id == actor.community_id).order_by(Item.number)
    ).all()
    prices = _prices(session, actor, on)
    valued = [
        ValuedItem(item, pieces[item.stock_account_id], *prices.get(item.id, (None, None)))
        for item in items
        if pieces.get(item.stock_account_id)
    ]
    return Valuation(on, valued)


def _pieces(session: Session, actor: Actor, on: date) -> dict[UUID, int]:
    """Return the pieces of each shelf account at the end of a day."""
    rows = session.execute(
        sa.select(Posting.account_id, sa.func.sum(Posting.amount_minor))
        .join(Transaction, refers(Posting.transaction_id, Transaction))
        .join(
            Item,
            sa.and_(
                Item.community_id == Posting.community_id,
                Item.stock_account_id == Posting.account_id,
            ),
        )
        .where(
            Posting.community_id == actor.community_id,
            sa.not_(Posting.is_pending),
            Transaction.occurred_on <= on,
        )
        .group_by(Posting.account_id)
    )
    return {account_id: int(minor) for account_id, minor in rows}


def _prices(session: Session, actor: Actor, on: date) -> dict[UUID, tuple[int | None, int | None]]:
    """Return the last price that each kind had by the end of a day."""
    community = session.get_one(Community, actor.community_id)
    rows = session.execute(
        sa.select(ItemPrice.item_id, ItemPrice.price_points, ItemPrice.price_fen)
        .where(
            ItemPrice.community_id == actor.community_id,
            ItemPrice.set_at < day_end(community.time_zone, on),
        )
        .order_by(ItemPrice.set_at, ItemPrice.id)
    )
    return {item_id: (points, fen) for item_id, points, fen in rows}
