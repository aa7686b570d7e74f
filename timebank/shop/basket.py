"""The basket on the counter: what the server makes of the rows a clerk scanned.

Words: a *line* is what was scanned (goods and quantity); a *row* is the line with name, price and
state from the server; a *swap* is a line of goods that the member brings in; only rows that are
`ok` count into the totals, one in points, one in fen.

Invariants: a price never comes from the browser (what was seen is only compared); reading a basket
takes the same number of statements however long the history is.
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from uuid import UUID

from sqlalchemy.orm import Session

from ledger import reports
from timebank.actors import Actor, Permission
from timebank.people.models import Community, Member
from timebank.shop.errors import (
    BasketEmpty,
    BasketRepeats,
    BasketTooLong,
    QuantityInvalid,
)
from timebank.shop.goods import find_items
from timebank.shop.limits import Limits, read_limits
from timebank.shop.models import QUANTITY_MAX, Item
from timebank.shop.sale_models import PaysWith

ROWS_MAX = 50


class RowState(StrEnum):
    """Whether a row counts, and if not, why."""

    OK = "ok"
    ITEM_GONE = "item_gone"
    NOT_PRICED = "not_priced"
    LIMIT = "limit_reached"
    OWN_PRICE = "own_price_swapped"


@dataclass(frozen=True, slots=True)
class Line:
    """What was scanned.

    Args:
        item_number: which goods.
        quantity: pieces, 1 to 99.
        seen_points: the price that the page showed, so that a change can be named; None when
            nothing was shown.
        pays_with: points or cash; None: points where the goods can be had for them and a member
            stands there, else cash.
        seen_fen: the price in cash that the page showed.
    """

    item_number: int
    quantity: int
    seen_points: int | None = None
    pays_with: PaysWith | None = None
    seen_fen: int | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """A line as the server sees it; `have` is the stock."""

    line_no: int
    item: Item
    quantity: int
    have: int
    state: RowState
    seen_points: int | None = None
    pays_with: PaysWith = PaysWith.POINTS
    seen_fen: int | None = None

    @property
    def is_cash(self) -> bool:
        """Whether it is paid in cash."""
        return self.pays_with is PaysWith.CASH

    @property
    def sum_points(self) -> int:
        """Return quantity times price; 0 in cash or without a price."""
        return 0 if self.is_cash else self.quantity * (self.item.price_points or 0)

    @property
    def sum_fen(self) -> int:
        """Return quantity times price in cash; 0 for points or without a price."""
        return self.quantity * (self.item.price_fen or 0) if self.is_cash else 0

    @property
    def is_ok(self) -> bool:
        """Whether the row counts."""
        return self.state is RowState.OK

    @property
    def can_switch(self) -> bool:
        """Whether it has a price of either kind."""
        return self.item.price_points is not None and self.item.price_fen is not None

    @property
    def is_other_price(self) -> bool:
        """Whether the price is not the one that was shown; nothing shown is no other."""
        if self.is_cash:
            return self.seen_fen not in {None, self.item.price_fen}
        return self.seen_points not in {None, self.item.price_points}


@dataclass(frozen=True, slots=True)
class Basket:
    """The rows, what is swapped in for them, and what they mean for the member.

    `available` (points) and `limits` are None while no member stands at the till, and leave out
    what is reserved.
    """

    rows: tuple[Row, ...]
    swaps: tuple[Row, ...]
    available: int | None
    limits: Limits | None

    @property
    def counted(self) -> tuple[Row, ...]:
        """Return the rows that count."""
        return tuple(row for row in self.rows if row.is_ok)

    @property
    def refused(self) -> tuple[Row, ...]:
        """Return the rows that do not count, swaps too."""
        return tuple(row for row in (*self.rows, *self.swaps) if not row.is_ok)

    @property
    def total_points(self) -> int:
        """Return the sum of the rows that count and are paid with points."""
        return sum(row.sum_points for row in self.counted)

    @property
    def total_fen(self) -> int:
        """Return the sum of the rows that count and are paid in cash."""
        return sum(row.sum_fen for row in self.counted)

    @property
    def swapped_points(self) -> int:
        """Return what the goods brought in are worth."""
        return sum(row.sum_points for row in self.swaps if row.is_ok)

    @property
    def due_points(self) -> int:
        """Return what the member pays; negative: is paid."""
        return self.total_points - self.swapped_points

    @property
    def piece_count(self) -> int:
        """Return the pieces of the rows that count."""
        return sum(row.quantity for row in self.counted)

    @property
    def left_today(self) -> int | None:
        """Return what can still be redeemed; None without a member."""
        return None if self.limits is None else self.limits.left

    @property
    def by_card_today(self) -> int:
        """Return what the member redeemed by card today."""
        return 0 if self.limits is None else self.limits.by_card_today

    @property
    def missing_points(self) -> int:
        """Return by how much the total is over the balance.

        0 when it is covered or nobody stands there.
        """
        return 0 if self.available is None else max(self.due_points - self.available, 0)


def check_lines(lines: tuple[Line, ...], swaps: tuple[Line, ...] = ()) -> None:
    """Refuse rows that no basket can have.

    Raises:
        BasketEmpty, BasketTooLong, BasketRepeats, QuantityInvalid: basket_empty, basket_too_long,
            basket_repeats (also of goods both brought in and taken), quantity_invalid.
    """
    if not lines:
        raise BasketEmpty
    check_rows((*lines, *swaps))


def check_rows(lines: tuple[Line, ...]) -> None:
    """Refuse rows that no basket can have, however many; see `check_lines`."""
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
    swaps: tuple[Line, ...] = (),
) -> Basket:
    """Return the basket with prices, stock and limits as they are now.

    Args:
        session: read-only or write.
        actor: needs `keep_shop`.
        lines: may be empty while the clerk has only scanned a card.
        member: who stands at the till; None before the card was scanned, or without one.
        community: the actor's community, for its limits and its day.
        swaps: goods that the member brings in.

    Raises:
        ItemNotFound: item_not_found.
        BasketTooLong, BasketRepeats, QuantityInvalid: as in `check_lines`.
    """
    actor.require(Permission.KEEP_SHOP)
    return judge_basket(
        session, actor, lines=lines, member=member, community=community, swaps=swaps
    )


def judge_basket(
    session: Session,
    actor: Actor,
    *,
    lines: tuple[Line, ...],
    member: Member | None,
    community: Community,
    swaps: tuple[Line, ...] = (),
) -> Basket:
    """Return the basket of `read_basket` to a caller that has asked for its own permission."""
    check_rows((*lines, *swaps))
    numbers = [line.item_number for line in (*lines, *swaps)]
    items = find_items(session, actor, item_numbers=numbers) if numbers else {}
    balances = _available(session, actor, items, member)
    limits = read_limits(session, member, community) if member else None
    brought = _swap_rows(swaps, items, balances, member)
    left = None if limits is None else limits.left + sum(row.sum_points for row in brought)
    rows = _rows(lines, items, balances, left)
    available = balances.get(member.points_account_id) if member else None
    return Basket(rows, brought, available, limits)


# ---------------------------------------------------------------- leaves


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
    """Judge the rows from the top: each that counts uses up a part of the limit.

    `left` is None without a member.
    """
    rows: list[Row] = []
    for line_no, line in enumerate(lines, start=1):
        item = items[line.item_number]
        row = Row(
            line_no=line_no,
            item=item,
            quantity=line.quantity,
            have=balances[item.stock_account_id],
            state=RowState.OK,
            seen_points=line.seen_points,
            pays_with=_pays_with(line, item, has_member=left is not None),
            seen_fen=line.seen_fen,
        )
        row = replace(row, state=_state(row, left))
        if left is not None and row.is_ok:
            left -= row.sum_points
        rows.append(row)
    return tuple(rows)


def _pays_with(line: Line, item: Item, *, has_member: bool) -> PaysWith:
    if line.pays_with is not None:
        return line.pays_with
    is_for_points = item.price_points is not None and (has_member or item.price_fen is None)
    if is_for_points or item.price_fen is None:
        return PaysWith.POINTS
    return PaysWith.CASH


def _state(row: Row, left: int | None) -> RowState:
    price = row.item.price_fen if row.is_cash else row.item.price_points
    if price is None:
        return RowState.NOT_PRICED
    if row.have < row.quantity:
        return RowState.ITEM_GONE
    if left is not None and row.sum_points > left:
        return RowState.LIMIT
    return RowState.OK


def _swap_rows(
    swaps: tuple[Line, ...],
    items: dict[int, Item],
    balances: dict[UUID, int],
    member: Member | None,
) -> tuple[Row, ...]:
    """Judge what is brought in: it has a price in points, which the member did not set."""
    rows = []
    for line_no, line in enumerate(swaps, start=1):
        item = items[line.item_number]
        state = RowState.OK
        if item.price_points is None:
            state = RowState.NOT_PRICED
        elif member is not None and item.priced_by_id == member.id:
            state = RowState.OWN_PRICE
        have = balances[item.stock_account_id]
        rows.append(Row(line_no, item, line.quantity, have, state, line.seen_points))
    return tuple(rows)
