"""The till: points for pieces.

The story of one sale: `identify` the member, `read_basket` while goods are scanned, `redeem` at F2.
One ledger transaction moves the points to `Shop:Redeemed` and every piece from the shelf to `Out`,
so that there is never one without the other.

Invariants: the same nonce gives the same receipt; receipt numbers are gapless; locks are taken in
one order (member, then the ledger's accounts in its own order, then the community's counter), so
tills wait for each other and never deadlock.
"""

from dataclasses import dataclass
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from ledger import clock, reports
from ledger.errors import BalanceTooLow
from ledger.ids import new_id
from ledger.journal import Draft, Leg, post
from ledger.schema import NARRATION_LENGTH_MAX, TransactionKind
from timebank import chart
from timebank.actors import Actor, Permission
from timebank.codes import CodeKeys
from timebank.people.models import Community
from timebank.people.pins import check_pin
from timebank.shop import receipts
from timebank.shop.basket import Basket, Line, Row, RowState, check_lines, read_basket
from timebank.shop.errors import (
    Insufficient,
    ItemGone,
    LimitReached,
    NonceReused,
    NotPriced,
    PayCodeUsed,
    PriceChanged,
)
from timebank.shop.goods import check_nonce
from timebank.shop.identity import Found, Holder, accept, find, identify
from timebank.shop.models import IdentifiedBy, PayCodeUse, Redemption, RedemptionLine
from timebank.shop.receipts import Receipt

__all__ = ["Basket", "Holder", "Line", "Receipt", "Sale", "identify", "read_basket", "redeem"]


@dataclass(frozen=True, slots=True)
class Sale:
    """What the clerk finishes with F2.

    Args:
        holder: a scan (card, pay code), the ticket that `identify` gave, or a volunteer number
            found by name.
        lines: the goods, each once.
        nonce: the basket's own number; the same nonce is the same sale.
        expected_total_points: the total that was shown; None checks nothing.
        pin: as typed by the member; None when none was typed.
    """

    holder: str
    lines: tuple[Line, ...]
    nonce: str
    expected_total_points: int | None = None
    pin: str | None = None


def redeem(session: Session, actor: Actor, keys: CodeKeys, *, sale: Sale) -> Receipt:
    """Finish a basket: points and all pieces in one ledger transaction, with a receipt.

    Args:
        session: write session.
        actor: needs `keep_shop`; not the member.
        keys: the root key.
        sale: who, what, and what was shown.

    Raises:
        Invalid: basket_empty, basket_too_long, basket_repeats, quantity_invalid, nonce_invalid,
            unknown_code.
        NotFound: item_not_found, invalid (card), member_not_found.
        NotAllowed: own_account.
        Refused: revoked, code_expired, code_used, scan_again, suspended, not_priced, item_gone
            (with have and need), limit_reached, price_changed (with the rows), insufficient (with
            needed and available), pin_required, pin_missing, pin_wrong, pin_locked, nonce_reused.
    """
    actor.require(Permission.KEEP_SHOP)
    check_nonce(sale.nonce)
    check_lines(sale.lines)
    found = find(session, actor, keys, scan=sale.holder, lock=True)
    earlier = receipts.find_by_nonce(session, actor.community_id, sale.nonce)
    if earlier is not None:
        _check_same(earlier, found, sale)
        return earlier
    accept(actor, found)
    basket = read_basket(
        session, actor, lines=sale.lines, member=found.member, community=found.community
    )
    _check_basket(basket, sale)
    _check_pin(session, found, basket, sale.pin)
    _use_pay_code(session, found, sale.nonce)
    return _book(session, actor, found, basket, sale.nonce)


def needs_pin(holder: Holder | Found, basket: Basket) -> bool:
    """Tell whether a basket asks for the PIN.

    Always after a search by name, never with a pay code; with a card as soon as the day's
    redemptions by card pass the limit, so that splitting a basket wins nothing for a found card.
    """
    if holder.identified_by is IdentifiedBy.NAME:
        return True
    by_card = basket.by_card_today + basket.total_points
    is_over = by_card > holder.community.pin_above_points
    return holder.identified_by is IdentifiedBy.CARD and is_over


# ---------------------------------------------------------------- checks


def _check_same(earlier: Receipt, found: Found, sale: Sale) -> None:
    """Refuse a nonce that stands for another sale."""
    stored = {(line.item_number, line.quantity) for line in earlier.lines}
    asked = {(line.item_number, line.quantity) for line in sale.lines}
    if stored != asked or earlier.redemption.member_id != found.member.id:
        raise NonceReused


def _check_basket(basket: Basket, sale: Sale) -> None:
    """Refuse the first thing that stands in the way; nothing is left out of a sale silently."""
    for row in basket.refused:
        _refuse_row(row, basket)
    if sale.expected_total_points not in {None, basket.total_points}:
        raise _price_changed(basket)
    assert basket.available is not None, "a sale has a member"
    if basket.missing_points:
        raise Insufficient(needed=basket.total_points, available=basket.available)


def _refuse_row(row: Row, basket: Basket) -> None:
    if row.state is RowState.NOT_PRICED:
        raise NotPriced(item_number=row.item.number, item_name=row.item.name)
    if row.state is RowState.ITEM_GONE:
        raise _item_gone(row, row.have)
    needed = sum(each.sum_points for each in basket.rows)
    raise LimitReached(needed=needed, left=basket.left_today)


def _item_gone(row: Row, have: int) -> ItemGone:
    return ItemGone(
        item_number=row.item.number, item_name=row.item.name, need=row.quantity, have=have
    )


def _price_changed(basket: Basket) -> PriceChanged:
    """Name the rows whose price is not the one shown.

    All of them when the page did not say what it showed.
    """
    changed = [row for row in basket.rows if row.seen_points not in {None, row.item.price_points}]
    rows = changed or list(basket.rows)
    return PriceChanged(
        total_points=basket.total_points,
        item_names=", ".join(row.item.name for row in rows),
        rows=[
            {
                "line_no": row.line_no,
                "item_number": row.item.number,
                "item_name": row.item.name,
                "price_points": row.item.price_points,
            }
            for row in rows
        ],
    )


def _check_pin(session: Session, found: Found, basket: Basket, pin: str | None) -> None:
    if needs_pin(found, basket):
        check_pin(session, found.member, pin)


def _use_pay_code(session: Session, found: Found, nonce: str) -> None:
    """Write down that this minute's pay code is spent.

    The member's lock makes looking and writing one act.
    """
    if found.pay_step is None:
        return
    key = (found.member.community_id, found.member.id, found.pay_step)
    if session.get(PayCodeUse, key) is not None:
        raise PayCodeUsed
    community_id, member_id, step = key
    session.add(PayCodeUse(community_id=community_id, member_id=member_id, step=step, nonce=nonce))


# ---------------------------------------------------------------- booking


def _book(session: Session, actor: Actor, found: Found, basket: Basket, nonce: str) -> Receipt:
    """Post, take the receipt number, write the receipt."""
    redemption_id = new_id()
    redemption = Redemption(
        community_id=actor.community_id,
        id=redemption_id,
        nonce=nonce,
        member_id=found.member.id,
        clerk_member_id=actor.member_id,
        identified_by=found.identified_by,
        total_points=basket.total_points,
        redeemed_at=clock.now(),
        transaction_id=_post(session, actor, found, basket, f"redemption:{redemption_id}", nonce),
    )
    after = reports.balance(session, actor.community_id, found.member.points_account_id)
    redemption.balance_points_after = after.available_minor
    redemption.receipt_number = _next_receipt_number(session, actor.community_id)
    lines = tuple(_line(redemption, row) for row in basket.rows)
    session.add(redemption)
    session.flush()
    session.add_all(lines)
    session.flush()
    return Receipt(redemption, found.member, lines, None, is_replay=False)


def _post(  # the facts of one transaction
    session: Session, actor: Actor, found: Found, basket: Basket, source: str, nonce: str
) -> UUID:
    """Post the one transaction.

    A race lost since the basket was read is told like any other refusal.
    """
    points = found.member.points_account_id
    redeemed = chart.shop_redeemed_id(session, actor.community_id)
    legs = [Leg(points, -basket.total_points), Leg(redeemed, basket.total_points)]
    for row in basket.rows:
        legs.append(Leg(row.item.stock_account_id, -row.quantity))
        legs.append(Leg(row.item.out_account_id, row.quantity))
    draft = Draft(
        kind=TransactionKind.REDEMPTION,
        legs=tuple(legs),
        occurred_on=clock.today(found.community.time_zone),
        idempotency_key=f"redemption:{nonce}",
        actor=actor.reference,
        source=source,
        narration=_narration(basket),
    )
    try:
        return post(session, actor.community_id, draft).transaction_id
    except BalanceTooLow as refusal:
        raise _lost_race(refusal, basket) from refusal


def _lost_race(refusal: BalanceTooLow, basket: Basket) -> Insufficient | ItemGone:
    """Return the kernel's refusal in the shop's words."""
    available = refusal.details["available_minor"]
    for row in basket.rows:
        if refusal.details["account"] == chart.stock_account_code(row.item.number):
            return _item_gone(row, available)
    return Insufficient(needed=basket.total_points, available=available)


def _narration(basket: Basket) -> str:
    text = ", ".join(f"{row.item.name} × {row.quantity}" for row in basket.rows)
    return text if len(text) <= NARRATION_LENGTH_MAX else text[: NARRATION_LENGTH_MAX - 1] + "…"


def _next_receipt_number(session: Session, community_id: UUID) -> int:
    """Raise the community's counter.

    The row stays locked until the commit, which keeps the numbers gapless.
    """
    number = session.scalar(
        sa.update(Community)
        .where(Community.community_id == community_id)
        .values(last_receipt_number=Community.last_receipt_number + 1)
        .returning(Community.last_receipt_number)
        .execution_options(synchronize_session=False)
    )
    assert number is not None, "the actor's community exists"
    return number


def _line(redemption: Redemption, row: Row) -> RedemptionLine:
    assert row.item.price_points is not None, "only priced rows are booked"
    return RedemptionLine(
        community_id=redemption.community_id,
        redemption_id=redemption.id,
        line_no=row.line_no,
        item_id=row.item.id,
        item_number=row.item.number,
        item_name=row.item.name,
        quantity=row.quantity,
        price_points=row.item.price_points,
        sum_points=row.sum_points,
    )
