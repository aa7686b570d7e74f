"""Returns: a receipt comes back, in whole or piece by piece.

The whole of a receipt at once is the mirror of its sale; a part is a transaction of its own. Either
gives back points for what was paid with points and cash, from the drawer of the till where it comes
back, for what was paid in cash, and restocks the shelf at once.

Invariants: of a line never more pieces come back than went out; every return has a reason and a
clerk who is neither the member nor who came for them; it stands on the day on which it happens; the
receipt itself is never changed; what was swapped comes back as a whole, by its mirror.
"""

from dataclasses import dataclass, replace
from datetime import date
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from ledger import clock
from ledger.errors import BalanceTooHigh, BalanceTooLow
from ledger.ids import new_id
from ledger.journal import Draft, Leg, post, reverse
from ledger.schema import TransactionKind
from timebank import chart
from timebank.actors import Actor, Permission
from timebank.people.models import Community
from timebank.shop import booking, receipts, till_money
from timebank.shop.errors import (
    AlreadyRefunded,
    Insufficient,
    ItemGone,
    NonceReused,
    OwnAccount,
    QuantityInvalid,
    ReasonInvalid,
)
from timebank.shop.goods import check_nonce
from timebank.shop.models import QUANTITY_MAX, REASON_LENGTH_MAX, Item
from timebank.shop.receipts import Receipt, Returned
from timebank.shop.sale_errors import (
    DrawerShort,
    ReturnedTooMany,
    ReturnLineNotFound,
    SwapReturnsWhole,
)
from timebank.shop.sale_models import FIRST_TILL, Redemption, Refund, RefundLine
from timebank.shop.stock_errors import SinglePiece

Pieces = dict[int, int]
"""Pieces by the number of their line on the receipt."""


@dataclass(frozen=True, slots=True)
class Return:
    """What comes back.

    Args:
        receipt_number: the number printed on the receipt.
        reason: 1 to 200 characters.
        nonce: the form's own number; the same nonce is the same return.
        pieces: line and quantity, each line once; None: all that has not come back.
        till_number: at which till, whose drawer gives the cash back.
    """

    receipt_number: int
    reason: str
    nonce: str
    pieces: tuple[tuple[int, int], ...] | None = None
    till_number: int = FIRST_TILL


def refund(
    session: Session,
    actor: Actor,
    *,
    receipt_number: int,
    reason: str,
    nonce: str,
    till_number: int = FIRST_TILL,
) -> Receipt:
    """Return all of a receipt that has not come back yet; see `give_back`."""
    wanted = Return(receipt_number, reason, nonce, till_number=till_number)
    return give_back(session, actor, wanted=wanted)


def give_back(session: Session, actor: Actor, *, wanted: Return) -> Receipt:
    """Take goods of a receipt back: points and cash go back, the pieces stand on the shelf again.

    Args:
        session: write session.
        actor: needs `keep_shop`; neither the member nor who came for them.
        wanted: what comes back.

    Returns:
        the receipt with its returns; `is_replay` when the same nonce had already done it.

    Raises:
        NotFound: receipt_not_found, return_line_not_found.
        NotAllowed: own_account.
        Invalid: reason_invalid, nonce_invalid, quantity_invalid, till_invalid.
        Refused: already_refunded, returned_too_many (with need and left), swap_returns_whole,
            drawer_short, item_gone, insufficient (the latter for swaps), single_piece,
            nonce_reused.
    """
    actor.require(Permission.KEEP_SHOP)
    check_nonce(wanted.nonce)
    till_money.check_till(wanted.till_number)
    stripped = wanted.reason.strip()
    if not 1 <= len(stripped) <= REASON_LENGTH_MAX or "\0" in stripped:
        raise ReasonInvalid(length_max=REASON_LENGTH_MAX)
    _lock(session, actor, wanted.receipt_number)
    receipt = receipts.read_receipt(session, actor, receipt_number=wanted.receipt_number)
    if _is_done(session, actor, receipt, wanted):
        return receipt
    served = {receipt.redemption.member_id, receipt.redemption.helper_member_id}
    if actor.member_id is not None and actor.member_id in served:
        raise OwnAccount
    pieces = _pieces(receipt, wanted)
    return _book(session, actor, receipt, replace(wanted, reason=stripped), pieces)


# ---------------------------------------------------------------- checks


def _lock(session: Session, actor: Actor, receipt_number: int) -> None:
    """Let a second return of the same receipt wait for the first."""
    session.execute(
        sa.select(Redemption.id)
        .where(
            Redemption.community_id == actor.community_id,
            Redemption.receipt_number == min(max(receipt_number, 0), receipts.NUMBER_MAX),
        )
        .with_for_update(key_share=True)
    )


def _is_done(session: Session, actor: Actor, receipt: Receipt, wanted: Return) -> bool:
    """Tell whether the same nonce has done it before; for anything else it is refused."""
    used = session.scalar(
        sa.select(Refund).where(
            Refund.community_id == actor.community_id, Refund.nonce == wanted.nonce
        )
    )
    if used is None:
        return False
    done = [each for each in receipt.returns if each.refund.id == used.id]
    if not done or (wanted.pieces is not None and dict(wanted.pieces) != done[0].pieces):
        raise NonceReused
    return True


def _pieces(receipt: Receipt, wanted: Return) -> Pieces:
    """Return the pieces that come back, each line checked against what it has left."""
    left = receipt.left
    if not any(left.values()):
        raise AlreadyRefunded(receipt=wanted.receipt_number)
    if wanted.pieces is None:
        return {line_no: quantity for line_no, quantity in left.items() if quantity}
    pieces = dict(wanted.pieces)
    is_whole = len(pieces) == len(wanted.pieces)
    if not pieces or not is_whole or not all(1 <= n <= QUANTITY_MAX for n in pieces.values()):
        raise QuantityInvalid(quantity_max=QUANTITY_MAX)
    names = {line.line_no: line.item_name for line in receipt.lines}
    for line_no, need in pieces.items():
        if line_no not in names:
            raise ReturnLineNotFound(line_no=line_no, receipt=wanted.receipt_number)
        if need > left[line_no]:
            raise ReturnedTooMany(item_name=names[line_no], need=need, left=left[line_no])
    return pieces


# ---------------------------------------------------------------- booking


def _book(
    session: Session, actor: Actor, receipt: Receipt, wanted: Return, pieces: Pieces
) -> Receipt:
    """Post what comes back, then write it down with its pieces."""
    redemption = receipt.redemption
    made = Refund(
        community_id=actor.community_id,
        id=new_id(),
        nonce=wanted.nonce,
        redemption_id=redemption.id,
        reason=wanted.reason,
        refunded_by_id=actor.member_id,
        refunded_at=clock.now(),
        till_number=wanted.till_number,
    )
    made.points_back, made.fen_back = _worth(receipt, pieces)
    till_money.check_day(session, actor, made.till_number, takes_cash=made.fen_back > 0)
    # A mirror would take the cash out of the drawer into which it was paid.
    is_other_drawer = made.fen_back > 0 and made.till_number != redemption.till_number
    is_mirror = not receipt.returns and pieces == receipt.left and not is_other_drawer
    if receipt.swaps and not is_mirror:
        raise SwapReturnsWhole(receipt=redemption.receipt_number, till=redemption.till_number)
    if is_mirror:
        made.points_back = redemption.paid_points
    try:
        post_it = _mirror if is_mirror else _part
        made.transaction_id = post_it(session, actor, receipt, made, pieces)
    except BalanceTooLow as refusal:
        raise _too_low(refusal, receipt, made) from refusal
    except BalanceTooHigh as refusal:
        names = {
            chart.stock_account_code(line.item_number): line.item_name for line in receipt.lines
        }
        raise SinglePiece(item_name=names[refusal.details["account"]]) from refusal
    _write(session, made, pieces)
    returns = (*receipt.returns, Returned(made, pieces))
    return replace(receipt, returns=returns, is_replay=False)


def _worth(receipt: Receipt, pieces: Pieces) -> tuple[int, int]:
    """Return what pieces were paid with: points and fen."""
    points = sum(
        pieces.get(line.line_no, 0) * (line.price_points or 0) for line in receipt.points_lines
    )
    fen = sum(pieces.get(line.line_no, 0) * (line.price_fen or 0) for line in receipt.cash_lines)
    return points, fen


def _mirror(
    session: Session, actor: Actor, receipt: Receipt, made: Refund, _pieces: Pieces
) -> UUID:
    """Take the whole sale back."""
    return reverse(
        session,
        actor.community_id,
        receipt.redemption.transaction_id,
        reason=made.reason,
        idempotency_key=f"refund:{made.nonce}",
        actor=actor.reference,
        occurred_on=_today(session, actor),
        source=f"refund:{made.id}",
    ).transaction_id


def _part(session: Session, actor: Actor, receipt: Receipt, made: Refund, pieces: Pieces) -> UUID:
    """Give back what the pieces were paid with."""
    moved = list(till_money.legs(session, actor, made.till_number, -made.fen_back))
    if made.points_back:
        assert receipt.member is not None, "points were a member's"
        redeemed_id = chart.shop_redeemed_id(session, actor.community_id)
        moved.append(Leg(redeemed_id, -made.points_back))
        moved.append(Leg(receipt.member.points_account_id, made.points_back))
    lines = [line for line in receipt.lines if line.line_no in pieces]
    items = _items(session, actor, [line.item_id for line in lines])
    for line in lines:
        item, quantity = items[line.item_id], pieces[line.line_no]
        moved += [Leg(item.out_account_id, -quantity), Leg(item.stock_account_id, quantity)]
    draft = Draft(
        kind=TransactionKind.REFUND,
        legs=tuple(moved),
        occurred_on=_today(session, actor),
        idempotency_key=f"refund:{made.nonce}",
        actor=actor.reference,
        source=f"refund:{made.id}",
        narration=booking.narration([(line.item_name, pieces[line.line_no]) for line in lines]),
    )
    return post(session, actor.community_id, draft).transaction_id


def _too_low(
    refusal: BalanceTooLow, receipt: Receipt, made: Refund
) -> DrawerShort | Insufficient | ItemGone:
    """Return the kernel's refusal in the shop's words.

    The drawer is short, or what was swapped in is sold, or the points that it brought are spent.
    """
    short = till_money.short(refusal, made.till_number, made.fen_back)
    if short is not None:
        return short
    available = int(refusal.details["available_minor"])
    for line in receipt.swaps:
        if refusal.details["account"] == chart.stock_account_code(line.item_number):
            return ItemGone(
                item_number=line.item_number,
                item_name=line.item_name,
                need=line.quantity,
                have=available,
            )
    return Insufficient(needed=-made.points_back, available=available)


def _write(session: Session, made: Refund, pieces: Pieces) -> None:
    session.add(made)
    session.flush()
    session.add_all(
        RefundLine(
            community_id=made.community_id,
            refund_id=made.id,
            line_no=line_no,
            redemption_id=made.redemption_id,
            quantity=quantity,
        )
        for line_no, quantity in pieces.items()
    )
    session.flush()


def _items(session: Session, actor: Actor, item_ids: list[UUID]) -> dict[UUID, Item]:
    found = session.scalars(
        sa.select(Item).where(Item.community_id == actor.community_id, Item.id.in_(item_ids))
    )
    return {item.id: item for item in found}


def _today(session: Session, actor: Actor) -> date:
    return clock.today(session.get_one(Community, actor.community_id).time_zone)
