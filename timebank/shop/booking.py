"""What a sale and a reservation have in common: the checks, the legs, the words, the receipt.

Invariant: all that a basket moves (points, cash, pieces out and in) stands in one ledger
transaction; receipt numbers are gapless.
"""

from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from ledger import reports
from ledger.errors import BalanceTooLow, Refused
from ledger.journal import Leg
from ledger.schema import NARRATION_LENGTH_MAX
from timebank import chart
from timebank.people.models import Community, Member
from timebank.people.pins import check_pin
from timebank.shop.basket import Basket, Row, RowState
from timebank.shop.errors import Insufficient, ItemGone, NotPriced, PayCodeUsed, PriceChanged
from timebank.shop.identity import Found, Holder
from timebank.shop.receipts import Receipt
from timebank.shop.sale_errors import CashPriceChanged, OwnPriceSwapped
from timebank.shop.sale_models import (
    IdentifiedBy,
    PayCodeUse,
    Redemption,
    RedemptionLine,
    SwapLine,
)
from timebank.shop.till_money import yuan
from timebank.shop.told import tell_makers

# ---------------------------------------------------------------- checks


def check_basket(
    basket: Basket, expected_total_points: int | None, expected_total_fen: int | None = None
) -> None:
    """Refuse the first thing that stands in the way; nothing is left out of a basket silently.

    Args:
        basket: of a member, or in cash alone.
        expected_total_points: what was shown; None checks nothing.
        expected_total_fen: what was shown in cash; None checks nothing.

    Raises:
        Refused: not_priced, item_gone, limit_reached, month_limit_reached, household_limit_reached,
            price_changed, cash_price_changed, insufficient.
        NotAllowed: own_price_swapped.
    """
    for row in basket.refused:
        _refuse_row(row, basket)
    shown = expected_total_points, expected_total_fen
    found = basket.due_points, basket.total_fen
    if any(seen not in {None, total} for seen, total in zip(shown, found, strict=True)):
        raise _price_changed(basket)
    if basket.missing_points:
        assert basket.available is not None, "points are a member's"
        raise Insufficient(needed=basket.due_points, available=basket.available)


def needs_pin(holder: Holder | Found, by_card_points: int) -> bool:
    """Tell whether the PIN is asked for.

    Always after a search by name, never with a pay code; with a card as soon as the day's
    redemptions by card pass the limit, so that splitting a basket wins nothing for a found card.

    Args:
        holder: who was identified, and how.
        by_card_points: what would stand redeemed by card today, this one included.
    """
    if holder.identified_by is IdentifiedBy.NAME:
        return True
    is_over = by_card_points > holder.community.pin_above_points
    return holder.identified_by is IdentifiedBy.CARD and is_over


def authorise(
    session: Session, found: Found, *, by_card_points: int, pin: str | None, nonce: str
) -> None:
    """Ask for the PIN where it is needed, and write down that this minute's pay code is spent.

    The member's lock makes looking and writing one act.

    Raises:
        Refusal: pin_required, pin_missing, pin_wrong, pin_locked, code_used.
    """
    if needs_pin(found, by_card_points):
        check_pin(session, found.member, pin)
    if found.pay_step is None:
        return
    key = (found.member.community_id, found.member.id, found.pay_step)
    if session.get(PayCodeUse, key) is not None:
        raise PayCodeUsed
    community_id, member_id, step = key
    session.add(PayCodeUse(community_id=community_id, member_id=member_id, step=step, nonce=nonce))


def lost_race(refusal: BalanceTooLow, basket: Basket) -> Insufficient | ItemGone:
    """Return the kernel's refusal in the shop's words: a race lost since the basket was read."""
    available = refusal.details["available_minor"]
    for row in basket.rows:
        if refusal.details["account"] == chart.stock_account_code(row.item.number):
            return _item_gone(row, available)
    return Insufficient(needed=basket.due_points, available=available)


def _refuse_row(row: Row, basket: Basket) -> None:
    if row.state is RowState.NOT_PRICED:
        raise NotPriced(item_number=row.item.number, item_name=row.item.name)
    if row.state is RowState.OWN_PRICE:
        raise OwnPriceSwapped(item_number=row.item.number, item_name=row.item.name)
    if row.state is RowState.ITEM_GONE:
        raise _item_gone(row, row.have)
    raise _over_limit(basket)


def _over_limit(basket: Basket) -> Refused:
    assert basket.limits is not None, "a limit is a member's"
    needed = sum(row.sum_points for row in basket.rows) - basket.swapped_points
    return basket.limits.refusal(needed)


def _item_gone(row: Row, have: int) -> ItemGone:
    return ItemGone(
        item_number=row.item.number, item_name=row.item.name, need=row.quantity, have=have
    )


def _price_changed(basket: Basket) -> PriceChanged:
    """Name the rows whose price is not the one shown.

    All of them when the page did not say what it showed.
    """
    everything = [*basket.rows, *basket.swaps]
    rows = [row for row in everything if row.is_other_price] or everything
    refusal = CashPriceChanged if basket.total_fen else PriceChanged
    return refusal(
        total_points=basket.due_points,
        total_yuan=yuan(basket.total_fen),
        total_fen=basket.total_fen,
        item_names=", ".join(row.item.name for row in rows),
        rows=[
            {
                "line_no": row.line_no,
                "item_number": row.item.number,
                "item_name": row.item.name,
                "price_points": row.item.price_points,
                "price_fen": row.item.price_fen,
            }
            for row in rows
        ],
    )


# ---------------------------------------------------------------- the ledger's side


def legs(session: Session, member: Member, basket: Basket) -> tuple[Leg, ...]:
    """Return what a basket moves, its cash left out: points to the shop, pieces out and in."""
    return (*points_legs(session, member, basket.due_points), *goods_legs(basket))


def points_legs(session: Session, member: Member, due_points: int) -> tuple[Leg, ...]:
    """Return what a member pays to the shop; with a negative amount, is paid by the issuance."""
    if not due_points:
        return ()
    if due_points > 0:
        other_id = chart.shop_redeemed_id(session, member.community_id)
    else:
        other_id = chart.points_issuance_id(session, member.community_id)
    return Leg(member.points_account_id, -due_points), Leg(other_id, due_points)


def goods_legs(basket: Basket) -> tuple[Leg, ...]:
    """Return every piece from the shelf out, and what was brought in onto the shelf."""
    moved = []
    for row in basket.rows:
        moved.append(Leg(row.item.stock_account_id, -row.quantity))
        moved.append(Leg(row.item.out_account_id, row.quantity))
    for row in basket.swaps:
        moved.append(Leg(row.item.intake_account_id, -row.quantity))
        moved.append(Leg(row.item.stock_account_id, row.quantity))
    return tuple(moved)


def narration(goods: list[tuple[str, int]]) -> str:
    """Return names and pieces as one line of the passbook."""
    text = ", ".join(f"{name} × {quantity}" for name, quantity in goods)
    return text if len(text) <= NARRATION_LENGTH_MAX else text[: NARRATION_LENGTH_MAX - 1] + "…"


# ---------------------------------------------------------------- the receipt


def write_receipt(
    session: Session,
    redemption: Redemption,
    member: Member | None,
    lines: tuple[RedemptionLine, ...],
    swaps: tuple[SwapLine, ...] = (),
    helper: Member | None = None,
) -> Receipt:
    """Write the receipt of what was posted: its number comes last, so that its lock is short."""
    if member is not None:
        account_id = member.points_account_id
        after = reports.spendable(session, member.community_id, [account_id])
        redemption.balance_points_after = after[account_id].available_minor
    redemption.receipt_number = _next_receipt_number(session, redemption.community_id)
    session.add(redemption)
    session.flush()
    session.add_all([*lines, *swaps])
    session.flush()
    tell_makers(session, redemption, lines)
    return Receipt(redemption, member, lines, swaps, helper=helper, is_replay=False)


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
