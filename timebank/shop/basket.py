"""The basket on the counter: what the server makes of the rows a clerk scanned.

Words: a *line* is what was scanned (goods and quantity); a *row* is the line with name, price and
state from the server; only rows that are `ok` count into the total.

Invariants: a price never comes from the browser (`seen_points` is only compared); reading a basket
takes the same number of statements however long the history is.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from ledger import reports
from timebank.actors import Actor, Permission
from timebank.people.models import Community, Member
from timebank.shop.days import day_start
from timebank.shop.errors import (
    BasketEmpty,
    BasketRepeats,
    BasketTooLong,
    QuantityInvalid,
)
from timebank.shop.goods import find_items
from timebank.shop.models import QUANTITY_MAX, IdentifiedBy, Item, Redemption, Refund
from timebank.shop.reserved import open_points

ROWS_MAX = 50


class RowState(StrEnum):
    """Whether a row counts, and if not, why."""

    OK = "ok"
    ITEM_GONE = "item_gone"
    NOT_PRICED = "not_priced"
    LIMIT = "limit_reached"


@dataclass(frozen=True, slots=True)
class Line:
    """What was scanned.

    Args:
        item_number: which goods.
        quantity: pieces, 1 to 99.
        seen_points: the price that the page showed, so that a change can be named; None when
            nothing was shown.
    """

    item_number: int
    quantity: int
    seen_points: int | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """A line as the server sees it; `have` is the stock."""

    line_no: int
    item: Item
    quantity: int
    have: int
    state: RowState
    seen_points: int | None

    @property
    def sum_points(self) -> int:
        """Return quantity times price; 0 without a price."""
        return self.quantity * (self.item.price_points or 0)

    @property
    def is_ok(self) -> bool:
        """Whether the row counts."""
        return self.state is RowState.OK


@dataclass(frozen=True, slots=True)
class Basket:
    """The rows, and what they mean for the member.

    Amounts in points; `available` and `left_today` are None while no member stands at the till, and
    leave out what is reserved.
    `by_card_today` is what the member redeemed by card today, returns off.
    """

    rows: tuple[Row, ...]
    available: int | None
    left_today: int | None
    by_card_today: int

    @property
    def counted(self) -> tuple[Row, ...]:
        """Return the rows that count."""
        return tuple(row for row in self.rows if row.is_ok)

    @property
    def refused(self) -> tuple[Row, ...]:
        """Return the rows that do not count."""
        return tuple(row for row in self.rows if not row.is_ok)

    @property
    def total_points(self) -> int:
        """Return the sum of the rows that count."""
        return sum(row.sum_points for row in self.counted)

    @property
    def piece_count(self) -> int:
        """Return the pieces of the rows that count."""
        return sum(row.quantity for row in self.counted)

    @property
    def missing_points(self) -> int:
        """Return by how much the total is over the balance.

        0 when it is covered or nobody stands there.
        """
        return 0 if self.available is None else max(self.total_points - self.available, 0)


def check_lines(lines: tuple[Line, ...]) -> None:
    """Refuse rows that no basket can have.

    Raises:
        BasketEmpty, BasketTooLong, BasketRepeats, QuantityInvalid: basket_empty, basket_too_long,
            basket_repeats, quantity_invalid.
    """
    if not lines:
        raise BasketEmpty
    if len(lines) > ROWS_MAX:
        raise BasketTooLong(rows_max=ROWS_MAX)
    seen: set[int] = set()
    for line in lines:
        if not 1 <= line.quantity <= QUANTITY_MAX:
            raise QuantityInvalid(quantity_max=QUANTITY_MAX)
        if line.item_number in seen:
            raise BasketRepeats(item_number=line.item_number)
        seen.add(line.item_number)


def read_basket(
    session: Session,
    actor: Actor,
    *,
    lines: tuple[Line, ...],
    member: Member | None,
    community: Community,
) -> Basket:
    """Return the basket with prices, stock and limits as they are now.

    Args:
        session: read-only or write.
        actor: needs `keep_shop`.
        lines: may be empty while the clerk has only scanned a card.
        member: who stands at the till; None before the card was scanned.
        community: the actor's community, for its limit and its day.

    Raises:
        ItemNotFound: item_not_found.
        BasketTooLong, BasketRepeats, QuantityInvalid: as in `check_lines`.
    """
    actor.require(Permission.KEEP_SHOP)
    return judge_basket(session, actor, lines=lines, member=member, community=community)


def judge_basket(
    session: Session,
    actor: Actor,
    *,
    lines: tuple[Line, ...],
    member: Member | None,
    community: Community,
) -> Basket:
    """Return the basket of `read_basket` to a caller that has asked for its own permission."""
    if lines:
        check_lines(lines)
    numbers = [line.item_number for line in lines]
    items = find_items(session, actor, item_numbers=numbers) if numbers else {}
    balances = _available(session, actor, items, member)
    used, by_card = used_today(session, member, community) if member else (0, 0)
    left = max(community.redeem_points_per_day_max - used, 0) if member else None
    available = balances.get(member.points_account_id) if member else None
    return Basket(_rows(lines, items, balances, left), available, left, by_card)


def used_today(session: Session, member: Member, community: Community) -> tuple[int, int]:
    """Return the points that use up the member's day: in all, and what of it was by card.

    A returned receipt counts no more. An open reservation counts on every day on which it can be
    collected, so that collecting it never passes the limit.
    """
    is_by_card = Redemption.identified_by == IdentifiedBy.CARD
    by_card = sa.case((is_by_card, Redemption.total_points), else_=0)
    redeemed, redeemed_by_card, kept = session.execute(
        sa.select(
            sa.func.coalesce(sa.func.sum(Redemption.total_points), 0),
            sa.func.coalesce(sa.func.sum(by_card), 0),
            open_points(member),
        )
        .join(
            Refund,
            (Refund.community_id == Redemption.community_id)
            & (Refund.redemption_id == Redemption.id),
            isouter=True,
        )
        .where(
            Redemption.community_id == member.community_id,
            Redemption.member_id == member.id,
            Redemption.redeemed_at >= _today(community),
            Refund.id.is_(None),
        )
    ).one()
    return int(redeemed) + int(kept), int(redeemed_by_card)


def _today(community: Community) -> datetime:
    return day_start(community.time_zone)


def _available(
    session: Session, actor: Actor, items: dict[int, Item], member: Member | None
) -> dict[UUID, int]:
    """Return the stock of all goods and the member's points in one read."""
    accounts = [item.stock_account_id for item in items.values()]
    if member is not None:
        accounts.append(member.points_account_id)
    if not accounts:
        return {}
    balances = reports.spendable(session, actor.community_id, accounts)
    return {account_id: balance.available_minor for account_id, balance in balances.items()}


def _rows(
    lines: tuple[Line, ...], items: dict[int, Item], balances: dict[UUID, int], left: int | None
) -> tuple[Row, ...]:
    """Judge the rows from the top: each that counts uses up a part of today's limit."""
    rows: list[Row] = []
    for line_no, line in enumerate(lines, start=1):
        item = items[line.item_number]
        have = balances[item.stock_account_id]
        state = _state(line, item, have, left)
        row = Row(line_no, item, line.quantity, have, state, line.seen_points)
        if left is not None and row.is_ok:
            left -= row.sum_points
        rows.append(row)
    return tuple(rows)


def _state(line: Line, item: Item, have: int, left: int | None) -> RowState:
    if item.price_points is None:
        return RowState.NOT_PRICED
    if have < line.quantity:
        return RowState.ITEM_GONE
    if left is not None and line.quantity * item.price_points > left:
        return RowState.LIMIT
    return RowState.OK
