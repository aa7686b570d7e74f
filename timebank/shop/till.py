"""The till: points or cash, and goods swapped in, for pieces.

The story of one sale: `identify` the member (nobody, for cash), `read_basket` while goods are
scanned, `redeem` at F2. One ledger transaction moves the points to `Shop:Redeemed`, the cash into
the drawer, every piece from the shelf to `Out` and every piece brought in onto the shelf, so that
there is never one without the other.

Invariants: the same nonce gives the same receipt; receipt numbers are gapless; locks are taken in
one order (member, household, the till's day, then the ledger's accounts in its own order, then the
community's counter), so tills wait for each other and never deadlock.
"""

from dataclasses import dataclass
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from ledger import clock
from ledger.errors import BalanceTooHigh, BalanceTooLow
from ledger.ids import new_id
from ledger.journal import Draft, post
from ledger.schema import TransactionKind
from timebank import chart
from timebank.actors import Actor, Permission
from timebank.codes import CodeKeys
from timebank.people import helpers
from timebank.people.models import Community, Member
from timebank.shop import booking, limits, receipts, till_money
from timebank.shop.basket import Basket, Line, Row, check_lines, read_basket
from timebank.shop.errors import ExchangeLimitReached, NonceReused
from timebank.shop.goods import check_nonce
from timebank.shop.identity import Found, Holder, accept, find, identify
from timebank.shop.receipts import Receipt
from timebank.shop.sale_errors import (
    HelperNeedsMember,
    HelperNotAgreed,
    MemberNeeded,
    NoCashTaken,
    TenderedTooLittle,
)
from timebank.shop.sale_models import FIRST_TILL, PaysWith, Redemption, RedemptionLine, SwapLine
from timebank.shop.stock_errors import SinglePiece

__all__ = ["Basket", "Holder", "Line", "Receipt", "Sale", "identify", "read_basket", "redeem"]


@dataclass(frozen=True, slots=True)
class Sale:
    """What the clerk finishes with F2.

    Args:
        holder: a scan (card, pay code), the ticket that `identify` gave, or a volunteer number
            found by name; empty for a buyer without a card, who pays in cash.
        lines: the goods, each once.
        nonce: the basket's own number; the same nonce is the same sale.
        expected_total_points: what was shown as due, swaps taken off; None checks nothing.
        pin: as typed by the member; None when none was typed.
        swaps: goods that the member brings in, each once and in no line.
        helper: a scan, ticket or number of who came for the member; empty for nobody.
        till_number: at which till.
        expected_total_fen: what was shown as due in cash; None checks nothing.
        tendered_fen: what the buyer laid down; None when nobody typed it.
    """

    holder: str
    lines: tuple[Line, ...]
    nonce: str
    expected_total_points: int | None = None
    pin: str | None = None
    swaps: tuple[Line, ...] = ()
    helper: str = ""
    till_number: int = FIRST_TILL
    expected_total_fen: int | None = None
    tendered_fen: int | None = None


@dataclass(frozen=True, slots=True)
class _Counter:
    """Who stands at the counter, and in which community; nobody for cash without a card."""

    found: Found | None
    helper: Member | None
    community: Community

    @property
    def member(self) -> Member | None:
        return self.found.member if self.found else None


def redeem(session: Session, actor: Actor, keys: CodeKeys, *, sale: Sale) -> Receipt:
    """Finish a basket: points, cash and all pieces in one ledger transaction, with a receipt.

    Args:
        session: write session.
        actor: needs `keep_shop`; neither the member nor who came for them.
        keys: the root key.
        sale: who, what, and what was shown.

    Raises:
        Invalid: basket_empty, basket_too_long, basket_repeats, quantity_invalid, nonce_invalid,
            till_invalid, unknown_code, no_cash_taken.
        NotFound: item_not_found, invalid (card), member_not_found.
        NotAllowed: own_account, own_price_swapped, helper_not_agreed.
        Refused: revoked, code_expired, code_used, scan_again, suspended, member_needed,
            helper_needs_member, not_priced, item_gone (with have and need), limit_reached,
            month_limit_reached, household_limit_reached, exchange_limit_reached, price_changed
            (with the rows), insufficient (with needed and available), tendered_too_little,
            single_piece, pin_required, pin_missing, pin_wrong, pin_locked, nonce_reused.
    """
    actor.require(Permission.KEEP_SHOP)
    check_nonce(sale.nonce)
    till_money.check_till(sale.till_number)
    check_lines(sale.lines, sale.swaps)
    found = _found(session, actor, keys, sale)
    earlier = receipts.find_by_nonce(session, actor.community_id, sale.nonce)
    if earlier is not None:
        _check_same(earlier, found, sale)
        return earlier
    at = _accepted(session, actor, keys, found, sale)
    basket = read_basket(
        session,
        actor,
        lines=sale.lines,
        member=at.member,
        community=at.community,
        swaps=sale.swaps,
    )
    _check(session, at, basket, sale)
    till_money.check_day(session, actor, sale.till_number, takes_cash=basket.total_fen > 0)
    return _book(session, actor, at, basket, sale)


# ---------------------------------------------------------------- who


def _found(session: Session, actor: Actor, keys: CodeKeys, sale: Sale) -> Found | None:
    """Return the member, locked; without one, let a second sending of the same sale wait."""
    if sale.holder.strip():
        return find(session, actor, keys, scan=sale.holder, lock=True)
    bind = session.get_bind()
    if bind.dialect.name == "postgresql":
        key = f"sale:{actor.community_id}:{sale.nonce}"
        session.execute(sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtextextended(key, 0))))
    return None


def _accepted(
    session: Session, actor: Actor, keys: CodeKeys, found: Found | None, sale: Sale
) -> _Counter:
    """Accept member and helper; the household is locked for its common limit."""
    if found is None:
        if sale.helper.strip():
            raise HelperNeedsMember
        if sale.swaps:
            raise MemberNeeded
        return _Counter(None, None, session.get_one(Community, actor.community_id))
    accept(actor, found)
    helper = None
    if sale.helper.strip():
        helper = accept_helper(session, actor, keys, member=found.member, scan=sale.helper).member
    limits.lock_household(session, found.member, found.community)
    return _Counter(found, helper, found.community)


def accept_helper(
    session: Session, actor: Actor, keys: CodeKeys, *, member: Member, scan: str
) -> Holder:
    """Return who came for a member, as a holder of a ticket of their own.

    Raises:
        HelperNotAgreed: helper_not_agreed.
        Refusal: what `identify` refuses; own_account for the clerk.
    """
    holder = identify(session, actor, keys, scan=scan)
    if not helpers.has_agreed(session, member, holder.member):
        raise HelperNotAgreed(name=member.name, helper=holder.member.name)
    return holder


# ---------------------------------------------------------------- checks


def _check_same(earlier: Receipt, found: Found | None, sale: Sale) -> None:
    """Refuse a nonce that stands for another sale."""
    made = earlier.redemption
    stored = {(line.item_number, line.quantity): line.pays_with for line in earlier.lines}
    asked = {(line.item_number, line.quantity): line.pays_with for line in sale.lines}
    is_same = (
        stored.keys() == asked.keys()
        and all(way in {None, stored[key]} for key, way in asked.items())
        and {(line.item_number, line.quantity) for line in earlier.swaps}
        == {(line.item_number, line.quantity) for line in sale.swaps}
        and made.member_id == (found.member.id if found else None)
        and (made.till_number, made.tendered_fen) == (sale.till_number, sale.tendered_fen)
        and (made.helper_member_id is not None) == bool(sale.helper.strip())
    )
    if not is_same:
        raise NonceReused


def _check(session: Session, at: _Counter, basket: Basket, sale: Sale) -> None:
    """Refuse what stands in the way of the whole, then ask for the PIN."""
    if at.found is None and any(not row.is_cash for row in basket.rows):
        raise MemberNeeded
    booking.check_basket(basket, sale.expected_total_points, sale.expected_total_fen)
    _check_cash(basket, sale.tendered_fen)
    if at.found is None or not (basket.total_points or basket.swaps):
        return  # who pays in cash alone proves nothing
    if basket.due_points < 0:
        left = limits.exchange_left(session, at.found.member, at.community)
        if -basket.due_points > left:
            raise ExchangeLimitReached(needed=-basket.due_points, left=left)
    points = basket.by_card_today + max(basket.due_points, 0)
    booking.authorise(session, at.found, by_card_points=points, pin=sale.pin, nonce=sale.nonce)


def _check_cash(basket: Basket, tendered_fen: int | None) -> None:
    if tendered_fen is None:
        return
    if not basket.total_fen:
        raise NoCashTaken
    if tendered_fen < basket.total_fen:
        needed, given = till_money.yuan(basket.total_fen), till_money.yuan(tendered_fen)
        raise TenderedTooLittle(needed=needed, given=given)


# ---------------------------------------------------------------- booking


def _book(session: Session, actor: Actor, at: _Counter, basket: Basket, sale: Sale) -> Receipt:
    """Post, take the receipt number, write the receipt."""
    redemption_id = new_id()
    redemption = Redemption(
        community_id=actor.community_id,
        id=redemption_id,
        nonce=sale.nonce,
        member_id=at.found.member.id if at.found else None,
        clerk_member_id=actor.member_id,
        identified_by=at.found.identified_by if at.found else None,
        total_points=basket.total_points,
        redeemed_at=clock.now(),
        transaction_id=_post(session, actor, at, basket, (sale, redemption_id)),
        helper_member_id=at.helper.id if at.helper else None,
        till_number=sale.till_number,
        total_fen=basket.total_fen,
        tendered_fen=sale.tendered_fen,
        swapped_points=basket.swapped_points,
    )
    lines = tuple(_line(redemption, row) for row in basket.rows)
    swaps = tuple(_swap_line(redemption, row) for row in basket.swaps)
    return booking.write_receipt(session, redemption, at.member, lines, swaps, at.helper)


def _post(
    session: Session, actor: Actor, at: _Counter, basket: Basket, made: tuple[Sale, UUID]
) -> UUID:
    """Post the one transaction.

    A race lost since the basket was read is told like any other refusal.
    """
    sale, redemption_id = made
    points = booking.points_legs(session, at.member, basket.due_points) if at.member else ()
    cash = till_money.legs(session, actor, sale.till_number, basket.total_fen)
    draft = Draft(
        kind=_kind(basket),
        legs=(*points, *cash, *booking.goods_legs(basket)),
        occurred_on=clock.today(at.community.time_zone),
        idempotency_key=f"redemption:{sale.nonce}",
        actor=actor.reference,
        source=f"redemption:{redemption_id}",
        narration=booking.narration([(row.item.name, row.quantity) for row in basket.rows]),
    )
    try:
        return post(session, actor.community_id, draft).transaction_id
    except BalanceTooLow as refusal:
        raise booking.lost_race(refusal, basket) from refusal
    except BalanceTooHigh as refusal:
        names = {chart.stock_account_code(row.item.number): row.item.name for row in basket.swaps}
        raise SinglePiece(item_name=names[refusal.details["account"]]) from refusal


def _kind(basket: Basket) -> TransactionKind:
    if basket.swaps:
        return TransactionKind.SWAP
    return TransactionKind.SALE if basket.total_fen else TransactionKind.REDEMPTION


def _line(redemption: Redemption, row: Row) -> RedemptionLine:
    return RedemptionLine(
        community_id=redemption.community_id,
        redemption_id=redemption.id,
        line_no=row.line_no,
        item_id=row.item.id,
        item_number=row.item.number,
        item_name=row.item.name,
        quantity=row.quantity,
        pays_with=row.pays_with,
        price_points=None if row.is_cash else row.item.price_points,
        sum_points=None if row.is_cash else row.sum_points,
        price_fen=row.item.price_fen if row.is_cash else None,
        sum_fen=row.sum_fen if row.pays_with is PaysWith.CASH else None,
    )


def _swap_line(redemption: Redemption, row: Row) -> SwapLine:
    assert row.item.price_points is not None, "only priced goods are swapped in"
    return SwapLine(
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
