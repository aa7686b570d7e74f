"""Stock: what stands on the shelf.

Words: a *shelf entry* is an item with the pieces that can be taken now.

Invariants: what is reserved cannot be taken, and can be again from the moment its time is over; a
list takes two statements, three where something is reserved, however many goods there are (the
pieces are the ledger's balances, read together).
"""

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session

from ledger import reports
from timebank.actors import Actor, Permission
from timebank.people.models import Community
from timebank.shop.goods import find_item, read_public_item
from timebank.shop.models import Item

FOUND_MAX = 20
SEARCH_LENGTH_MAX = 60


@dataclass(frozen=True, slots=True)
class ShelfEntry:
    """An item and its available pieces."""

    item: Item
    available: int

    @property
    def is_on_sale(self) -> bool:
        """Whether it has a price in points and at least one piece."""
        return self.item.price_points is not None and self.available > 0

    @property
    def is_priced(self) -> bool:
        """Whether it has a price, in points or in cash."""
        return self.item.price_points is not None or self.item.price_fen is not None


def shop_window(session: Session, actor: Actor) -> list[ShelfEntry]:
    """Return what a volunteer can redeem now: priced, in stock, the newest first.

    Args:
        session: read-only.
        actor: any member.
    """
    actor.require(Permission.SEE_OWN_RECORD)
    priced = Item.price_points.is_not(None)
    return [entry for entry in read_entries(session, actor, priced) if entry.is_on_sale]


def read_shelf(session: Session, actor: Actor) -> list[ShelfEntry]:
    """Return all goods for the shop's own list: those without a price first, then the newest.

    Args:
        session: read-only.
        actor: needs `handle_goods`.
    """
    actor.require(Permission.HANDLE_GOODS)
    entries = read_entries(session, actor, sa.true())
    return sorted(entries, key=lambda entry: entry.is_priced)


def read_entry(session: Session, actor: Actor, *, item_number: int) -> ShelfEntry:
    """Return one kind of goods with its pieces.

    Raises:
        ItemNotFound: item_not_found.
    """
    actor.require(Permission.SEE_OWN_RECORD)
    item = find_item(session, actor, item_number=item_number)
    return _entry(session, item)


def read_public_entry(
    session: Session, *, community_code: str, item_number: int
) -> tuple[ShelfEntry, Community]:
    """Return what the page behind a goods label shows to everybody.

    Raises:
        ItemNotFound: item_not_found.
    """
    item, community = read_public_item(
        session, community_code=community_code, item_number=item_number
    )
    return _entry(session, item), community


def find_goods(session: Session, actor: Actor, *, text: str) -> list[ShelfEntry]:
    """Return goods whose name holds `text`, at most 20: for a label that cannot be read."""
    actor.require(Permission.HANDLE_GOODS)
    holds = Item.name.icontains(text.strip()[:SEARCH_LENGTH_MAX], autoescape=True)
    return read_entries(session, actor, holds, limit=FOUND_MAX)


def read_entries(
    session: Session, actor: Actor, condition: sa.ColumnElement[bool], limit: int | None = None
) -> list[ShelfEntry]:
    """Return the goods that meet a condition with their pieces, the newest first.

    The caller has asked for the permission.
    """
    items = session.scalars(
        sa.select(Item)
        .where(Item.community_id == actor.community_id, condition)
        .order_by(Item.number.desc())
        .limit(limit)
    ).all()
    if not items:
        return []
    accounts = [item.stock_account_id for item in items]
    balances = reports.spendable(session, actor.community_id, accounts)
    return [ShelfEntry(item, balances[item.stock_account_id].available_minor) for item in items]


def _entry(session: Session, item: Item) -> ShelfEntry:
    account_id = item.stock_account_id
    held = reports.spendable(session, item.community_id, [account_id])
    return ShelfEntry(item, held[account_id].available_minor)
