"""What a file of receipts says, held against the shop: goods, prices, people, days, keys.

Words: as in `timebank.shop.basket_imports`.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.orm import Session

from ledger import acts, clock
from ledger.errors import N_
from timebank.actors import Actor
from timebank.people.models import Community, Member
from timebank.shop.basket_rows import BasketRow
from timebank.shop.days import day_end, day_start
from timebank.shop.goods_imports import imported_items
from timebank.shop.models import Item
from timebank.shop.price_models import ItemPrice
from timebank.shop.sale_models import PaysWith, Redemption, Refund
from timebank.table_files import RefusedCell

SOLD: Final = "basket:"
RETURNED: Final = "return:"
DIGEST_HEX: Final = 16


@dataclass(frozen=True, slots=True)
class Event:
    """A basket or a giving back: its rows, all of one key and one moment."""

    rows: tuple[BasketRow, ...]

    @property
    def head(self) -> BasketRow:
        """Return the first row, which says what all of them say."""
        return self.rows[0]

    @property
    def nonce(self) -> str:
        """Return the number of the event: its key, and a digest of what its rows say."""
        said = repr([replace(row, row=0) for row in self.rows]).encode()
        kind = RETURNED if self.head.is_return else SOLD
        return f"{kind}{self.head.basket}:{hashlib.sha256(said).hexdigest()[:DIGEST_HEX]}"


class Shop:
    """Goods, prices and people as the rows name them, each read once."""

    def __init__(self, session: Session, actor: Actor) -> None:
        community = session.get_one(Community, actor.community_id)
        self.zone = community.time_zone
        self._now = clock.now()
        self._closed_through_on = acts.closed_through(session, actor.community_id)
        self._members = dict(
            session.execute(
                sa.select(Member.number, Member.id).where(Member.community_id == actor.community_id)
            ).all()
        )
        items = session.scalars(sa.select(Item).where(Item.community_id == actor.community_id))
        self._goods = _goods_by_name(list(items), imported_items(session, actor))
        self._prices: defaultdict[UUID, list[ItemPrice]] = defaultdict(list)
        query = sa.select(ItemPrice).where(ItemPrice.community_id == actor.community_id)
        for price in session.scalars(query.order_by(ItemPrice.set_at, ItemPrice.id)):
            self._prices[price.item_id].append(price)

    def item(self, row: BasketRow) -> Item:
        """Return the goods of a row that was checked."""
        return self._goods[row.item][0]

    def moment(self, row: BasketRow) -> datetime:
        """Return when it happened."""
        return row.at.replace(tzinfo=ZoneInfo(self.zone))

    def price(self, row: BasketRow) -> ItemPrice | None:
        """Return the price that a row was sold at.

        It is the one of the moment; where the file says another, one of that day which says so.
        """
        at, zone = self.moment(row), self.zone
        prices = self._prices[self.item(row).id]
        before = [price for price in prices if price.set_at <= at]
        if row.price is None:
            return before[-1] if before and _has(before[-1], row) else None
        start, end = day_start(zone, row.at.date()), day_end(zone, row.at.date())
        of_day = before[-1:] + [price for price in prices if start <= price.set_at < end]
        same = [price for price in of_day if _amount(price, row) == row.price_minor]
        return same[0] if same else None

    def dearest_fen(self, row: BasketRow) -> int:
        """Return the highest price in cash that the goods of a row ever had."""
        return max((price.price_fen or 0 for price in self._prices[self.item(row).id]), default=0)

    def problems(self, row: BasketRow) -> Iterator[RefusedCell]:
        """Name what is wrong with a row by itself."""
        found = self._goods.get(row.item, [])
        if len(found) != 1:
            code = "item_ambiguous" if found else "item_not_found"
            template = N_("“%(item)s” is %(count)s kinds of goods here.")
            details = {"item": row.item, "count": len(found)}
            yield RefusedCell(row.row, "item", code, template, details)
        elif not row.is_return and self.price(row) is None:
            template = N_("The goods did not have this price on that day.")
            yield RefusedCell(row.row, "price", "price_differs", template)
        if row.member is not None and row.member not in self._members:
            template = N_("There is no such member in this community.")
            yield RefusedCell(row.row, "member", "member_not_found", template)
        if self.moment(row) > self._now:
            template = N_("%(on)s has not come yet.")
            details = {"on": row.at.date().isoformat()}
            yield RefusedCell(row.row, "at", "day_in_future", template, details)
        closed = self._closed_through_on
        if closed is not None and row.at.date() <= closed:
            template = N_("The books are closed through %(closed_through_on)s.")
            details = {"closed_through_on": closed.isoformat()}
            yield RefusedCell(row.row, "at", "period_closed", template, details)

    def member_id(self, row: BasketRow) -> UUID:
        """Return the member of a row that was checked and names one."""
        assert row.member is not None, "the row names a member"
        return self._members[row.member]


def _goods_by_name(items: list[Item], imported: dict[str, Item]) -> dict[str, list[Item]]:
    """Return goods by what a row may call them: the old system's number, ours, or the name."""
    found: defaultdict[str, list[Item]] = defaultdict(list)
    for item in items:
        found[item.name].append(item)
    for item in items:
        found[str(item.number)] = [item]
    for key, item in imported.items():
        found[key] = [item]
    return found


def _amount(price: ItemPrice, row: BasketRow) -> int | None:
    return price.price_fen if row.pays_with is PaysWith.CASH else price.price_points


def _has(price: ItemPrice, row: BasketRow) -> bool:
    return _amount(price, row) is not None


def grouped(rows: list[BasketRow]) -> list[list[BasketRow]]:
    """Return the rows of each basket and of each giving back, in the order of their moments."""
    groups: dict[tuple[str, object], list[BasketRow]] = {}
    for row in rows:
        groups.setdefault((row.basket, row.at if row.is_return else None), []).append(row)
    return sorted(groups.values(), key=lambda group: group[0].at)


def known_nonces(session: Session, actor: Actor) -> dict[str, set[str]]:
    """Return the nonces of what was imported before, by the key of the basket."""
    known: defaultdict[str, set[str]] = defaultdict(set)
    for table, prefix in ((Redemption, SOLD), (Refund, RETURNED)):
        nonces = session.scalars(
            sa.select(table.nonce).where(
                table.community_id == actor.community_id,
                table.nonce.startswith(prefix, autoescape=True),
            )
        )
        for nonce in nonces:
            known[nonce[len(prefix) : -DIGEST_HEX - 1]].add(nonce)
    return known


def event_problems(
    event: Event, known: dict[str, set[str]], sold: set[str]
) -> Iterator[RefusedCell]:
    """Name what is wrong with the rows of an event together.

    Args:
        event: whose rows are sound each by itself.
        known: nonces of what was imported before, by the key of the basket.
        sold: keys of the baskets of this file and of earlier ones.
    """
    head = event.head
    for row in event.rows[1:]:
        for column in ("at", "till", "member"):
            if getattr(row, column) != getattr(head, column):
                template = N_("The basket began in row %(first_row)s with something else here.")
                details = {"first_row": head.row}
                yield RefusedCell(row.row, column, "differs_within", template, details)
    if head.is_return and head.basket not in sold:
        template = N_("No basket of this file or of an earlier one has this number.")
        yield RefusedCell(head.row, "basket", "basket_not_found", template)
    of_key = known.get(head.basket, set())
    if not head.is_return and of_key and event.nonce not in of_key:
        template = N_("The key was imported before with another content.")
        yield RefusedCell(head.row, "basket", "key_reused", template)
    needs_member = any(row.pays_with is PaysWith.POINTS for row in event.rows)
    if needs_member and head.member is None and not head.is_return:
        template = N_("Rows paid with points need a member.")
        yield RefusedCell(head.row, "member", "member_needed", template)
