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

from sqlalchemy.orm import Session

from ledger import clock
from ledger.errors import BalanceTooLow
from ledger.ids import new_id
from ledger.journal import Draft, post
from ledger.schema import TransactionKind
from timebank.actors import Actor, Permission
from timebank.codes import CodeKeys
from timebank.shop import booking, receipts
from timebank.shop.basket import Basket, Line, Row, check_lines, read_basket
from timebank.shop.errors import NonceReused
from timebank.shop.goods import check_nonce
from timebank.shop.identity import Found, Holder, accept, find, identify
from timebank.shop.models import Redemption, RedemptionLine
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
    booking.check_basket(basket, sale.expected_total_points)
    points = basket.by_card_today + basket.total_points
    booking.authorise(session, found, by_card_points=points, pin=sale.pin, nonce=sale.nonce)
    return _book(session, actor, found, basket, sale.nonce)


# ---------------------------------------------------------------- booking


def _check_same(earlier: Receipt, found: Found, sale: Sale) -> None:
    """Refuse a nonce that stands for another sale."""
    stored = {(line.item_number, line.quantity) for line in earlier.lines}
    asked = {(line.item_number, line.quantity) for line in sale.lines}
    if stored != asked or earlier.redemption.member_id != found.member.id:
        raise NonceReused


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
    lines = tuple(_line(redemption, row) for row in basket.rows)
    return booking.write_receipt(session, redemption, found.member, lines)


def _post(  # the facts of one transaction
    session: Session, actor: Actor, found: Found, basket: Basket, source: str, nonce: str
) -> UUID:
    """Post the one transaction.

    A race lost since the basket was read is told like any other refusal.
    """
    draft = Draft(
        kind=TransactionKind.REDEMPTION,
        legs=booking.legs(session, found.member, basket),
        occurred_on=clock.today(found.community.time_zone),
        idempotency_key=f"redemption:{nonce}",
        actor=actor.reference,
        source=source,
        narration=booking.narration([(row.item.name, row.quantity) for row in basket.rows]),
    )
    try:
        return post(session, actor.community_id, draft).transaction_id
    except BalanceTooLow as refusal:
        raise booking.lost_race(refusal, basket) from refusal


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
