"""Collecting: reserved goods are handed over at the till.

The story of one: `identify` the member as for a sale, `list_open` what is kept for them, `collect`.
The hold is posted as it stands, as an ordinary redemption with its receipt, so that a return is the
same as of any other sale.

Invariants: the price is the reserved one, whatever happened to it since; the same nonce gives the
same receipt; of collecting, cancelling and running out, one happens; locks are taken in the till's
order (member, ledger accounts, the community's counter).
"""

from dataclasses import dataclass
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from ledger import clock, holds
from ledger.errors import HoldExpired, HoldResolved
from ledger.holds import Resolution
from ledger.ids import new_id
from timebank.actors import Actor, Permission
from timebank.codes import CodeKeys
from timebank.people.models import Member
from timebank.shop import booking, receipts, till_money
from timebank.shop.errors import NonceReused, ReservationCancelled, ReservationNotFound
from timebank.shop.goods import check_nonce
from timebank.shop.identity import Found, accept, find
from timebank.shop.limits import read_limits
from timebank.shop.models import Reservation
from timebank.shop.receipts import Receipt
from timebank.shop.reservations import lapsed, refuse_ended
from timebank.shop.reserved import ReservationState, Reserved, is_open, read_reserved
from timebank.shop.sale_models import FIRST_TILL, Redemption, RedemptionLine


@dataclass(frozen=True, slots=True)
class HandOver:
    """What the clerk hands over.

    Args:
        reservation_id: which reservation; of this member.
        holder: as of a sale: a scan, a ticket, or a volunteer number found by name.
        nonce: the till's own number; the same nonce is the same receipt.
        pin: as typed by the member; None when none was typed.
        till_number: at which till.
    """

    reservation_id: UUID
    holder: str
    nonce: str
    pin: str | None = None
    till_number: int = FIRST_TILL


def list_open(session: Session, actor: Actor, *, member_number: int) -> list[Reserved]:
    """Return what is kept for a member, the oldest first; nothing for a number of nobody.

    Args:
        session: read-only.
        actor: needs `keep_shop`.
        member_number: 7 is volunteer V0007.
    """
    actor.require(Permission.KEEP_SHOP)
    member_id = sa.select(Member.id).where(
        Member.community_id == actor.community_id, Member.number == member_number
    )
    of_member = Reservation.member_id == member_id.scalar_subquery()
    return read_reserved(session, actor.community_id, of_member, is_open())


def collect(session: Session, actor: Actor, keys: CodeKeys, *, hand_over: HandOver) -> Receipt:
    """Hand reserved goods over: the hold is posted at the reserved price, with a receipt.

    The day's limit is not asked again: an open reservation has counted all the time.

    Args:
        session: write session.
        actor: needs `keep_shop`; not the member.
        keys: the root key.
        hand_over: what, and to whom.

    Raises:
        Invalid: nonce_invalid, unknown_code.
        NotFound: reservation_not_found (also when it is another member's), invalid (card),
            member_not_found.
        NotAllowed: own_account.
        Refused: reservation_collected, reservation_cancelled, reservation_lapsed, revoked,
            code_expired, code_used, scan_again, suspended, pin_required, pin_missing, pin_wrong,
            pin_locked, till_closed, nonce_reused.
    """
    actor.require(Permission.KEEP_SHOP)
    check_nonce(hand_over.nonce)
    till_money.check_till(hand_over.till_number)
    found = find(session, actor, keys, scan=hand_over.holder, lock=True)
    kept = _kept_for(session, found, hand_over.reservation_id)
    earlier = receipts.find_by_nonce(session, actor.community_id, hand_over.nonce)
    if earlier is not None:
        if earlier.redemption.transaction_id != kept.ended_by_id:
            raise NonceReused
        return earlier
    accept(actor, found)
    refuse_ended(kept, found.community)
    if kept.state is ReservationState.CANCELLED:
        raise ReservationCancelled(item_name=kept.reservation.item_name)
    by_card = read_limits(session, found.member, found.community).by_card_today
    booking.authorise(
        session,
        found,
        by_card_points=by_card + kept.reservation.total_points,
        pin=hand_over.pin,
        nonce=hand_over.nonce,
    )
    till_money.check_day(session, actor, hand_over.till_number, takes_cash=False)
    return _hand_over(session, actor, found, kept, hand_over)


# ---------------------------------------------------------------- leaves


def _kept_for(session: Session, found: Found, reservation_id: UUID) -> Reserved:
    """Return the reservation of the member who stands there."""
    reserved = read_reserved(
        session,
        found.member.community_id,
        Reservation.id == reservation_id,
        Reservation.member_id == found.member.id,
    )
    if not reserved:
        raise ReservationNotFound
    return reserved[0]


def _hand_over(
    session: Session, actor: Actor, found: Found, kept: Reserved, hand_over: HandOver
) -> Receipt:
    """Post the hold as it stands, and write the receipt of an ordinary redemption."""
    reservation, redemption_id = kept.reservation, new_id()
    resolution = Resolution(
        occurred_on=clock.today(found.community.time_zone),
        idempotency_key=f"redemption:{hand_over.nonce}",
        actor=actor.reference,
        source=f"redemption:{redemption_id}",
        narration=booking.narration([(reservation.item_name, reservation.quantity)]),
    )
    try:
        posted = holds.post(session, actor.community_id, reservation.transaction_id, resolution)
    except (HoldResolved, HoldExpired) as refusal:
        raise lapsed(kept, found.community) from refusal
    redemption = Redemption(
        community_id=actor.community_id,
        id=redemption_id,
        nonce=hand_over.nonce,
        member_id=found.member.id,
        clerk_member_id=actor.member_id,
        identified_by=found.identified_by,
        total_points=reservation.total_points,
        redeemed_at=clock.now(),
        transaction_id=posted.transaction_id,
        till_number=hand_over.till_number,
    )
    return booking.write_receipt(session, redemption, found.member, (_line(redemption, kept),))


def _line(redemption: Redemption, kept: Reserved) -> RedemptionLine:
    reservation = kept.reservation
    return RedemptionLine(
        community_id=redemption.community_id,
        redemption_id=redemption.id,
        line_no=1,
        item_id=reservation.item_id,
        item_number=reservation.item_number,
        item_name=reservation.item_name,
        quantity=reservation.quantity,
        price_points=reservation.price_points,
        sum_points=reservation.total_points,
    )
