"""What a sale and a reservation have in common: the checks, the legs, the words, the receipt.

Invariant: the points of a basket and all its pieces stand in one ledger transaction; receipt
numbers are gapless.
"""

from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from ledger import reports
from ledger.errors import BalanceTooLow
from ledger.journal import Leg
from ledger.schema import NARRATION_LENGTH_MAX
from timebank import chart
from timebank.people.models import Community, Member
from timebank.people.pins import check_pin
from timebank.shop.basket import Basket, Row, RowState
from timebank.shop.errors import (
    Insufficient,
    ItemGone,
    LimitReached,
    NotPriced,
    PayCodeUsed,
    PriceChanged,
)
from timebank.shop.identity import Found, Holder
from timebank.shop.models import IdentifiedBy, PayCodeUse, Redemption, RedemptionLine
from timebank.shop.receipts import Receipt
from timebank.shop.told import tell_makers

# ---------------------------------------------------------------- checks


def check_basket(basket: Basket, expected_total_points: int | None) -> None:
    """Refuse the first thing that stands in the way; nothing is left out of a basket silently.

    Args:
        basket: of a member.
        expected_total_points: what was shown; None checks nothing.

    Raises:
        Refused: not_priced, item_gone, limit_reached, price_changed, insufficient.
    """
    for row in basket.refused:
        _refuse_row(row, basket)
    if expected_total_points not in {None, basket.total_points}:
        raise _price_changed(basket)
    assert basket.available is not None, "a sale has a member"
    if basket.missing_points:
        raise Insufficient(needed=basket.total_points, available=basket.available)


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
    return Insufficient(needed=basket.total_points, available=available)


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


# ---------------------------------------------------------------- the ledger's side


def legs(session: Session, member: Member, basket: Basket) -> tuple[Leg, ...]:
    """Return what a basket moves: points to the shop, every piece from the shelf out."""
    redeemed_id = chart.shop_redeemed_id(session, member.community_id)
    moved = [
        Leg(member.points_account_id, -basket.total_points),
        Leg(redeemed_id, basket.total_points),
    ]
    for row in basket.rows:
        moved.append(Leg(row.item.stock_account_id, -row.quantity))
        moved.append(Leg(row.item.out_account_id, row.quantity))
    return tuple(moved)


def narration(goods: list[tuple[str, int]]) -> str:
    """Return names and pieces as one line of the passbook."""
    text = ", ".join(f"{name} × {quantity}" for name, quantity in goods)
    return text if len(text) <= NARRATION_LENGTH_MAX else text[: NARRATION_LENGTH_MAX - 1] + "…"


# ---------------------------------------------------------------- the receipt


def write_receipt(
    session: Session, redemption: Redemption, member: Member, lines: tuple[RedemptionLine, ...]
) -> Receipt:
    """Write the receipt of what was posted: its number comes last, so that its lock is short."""
    account_id = member.points_account_id
    after = reports.spendable(session, member.community_id, [account_id])
    redemption.balance_points_after = after[account_id].available_minor
    redemption.receipt_number = _next_receipt_number(session, member.community_id)
    session.add(redemption)
    session.flush()
    session.add_all(lines)
    session.flush()
    tell_makers(session, redemption, lines)
    return Receipt(redemption, member, lines, None, is_replay=False)


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
