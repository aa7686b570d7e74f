"""Reservations: goods put by for a volunteer until they come to the shop.

The story of one: the volunteer sees the `offer`, then `reserve` places one ledger hold on the
points and on the pieces, at the price of the moment. Within three days they collect it at the till
(`timebank/shop/collection.py`), or somebody `cancel`s it, or its time runs out and the ledger gives
points and pieces back by itself.

Invariants: what is reserved can neither be spent nor sold to another; of collecting, cancelling and
running out, one happens; locks are taken in the till's order (member, ledger accounts).
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from ledger import clock, holds
from ledger.errors import BalanceTooLow, HoldExpired, HoldResolved
from ledger.holds import Resolution
from ledger.ids import new_id
from ledger.records import Draft
from ledger.schema import TransactionKind
from timebank.actors import Actor, Permission
from timebank.people.errors import MemberNotFound, MemberSuspended
from timebank.people.models import Community, Member, MemberStatus
from timebank.shop import booking
from timebank.shop.basket import Basket, Line, judge_basket
from timebank.shop.days import day_end
from timebank.shop.errors import (
    NonceReused,
    ReservationCollected,
    ReservationLapsed,
    ReservationNotFound,
    TooManyReservations,
)
from timebank.shop.goods import check_nonce
from timebank.shop.limits import lock_household
from timebank.shop.models import Item, Reservation
from timebank.shop.reserved import ReservationState, Reserved, is_open, read_reserved
from timebank.shop.sale_models import PaysWith

RESERVATION_DAYS: Final = 3
"""A reservation runs to the end of the third day after the one on which it was made."""
OPEN_RESERVATIONS_MAX: Final = 3
LISTED_FOR: Final = timedelta(days=7)
"""A reservation stays on its member's page for a week, however it ended."""


@dataclass(frozen=True, slots=True)
class Offer:
    """What a volunteer confirms: goods, pieces, price, how long, and what is left afterwards."""

    item: Item
    quantity: int
    total_points: int
    left_points: int
    last_moment: datetime


# ---------------------------------------------------------------- the volunteer


def offer(session: Session, actor: Actor, *, item_number: int, quantity: int) -> Offer:
    """Return what `reserve` would do now.

    Args:
        session: read-only.
        actor: the member.
        item_number: which goods.
        quantity: pieces, 1 to 99.

    Raises:
        Refusal: as `reserve`.
    """
    member, community = _own(session, actor, lock=False)
    _check_count(session, member)
    line = Line(item_number, quantity, pays_with=PaysWith.POINTS)
    basket = _judged(session, actor, member, community, line)
    assert basket.available is not None, "the basket has its member"
    return Offer(
        item=basket.rows[0].item,
        quantity=quantity,
        total_points=basket.total_points,
        left_points=basket.available - basket.total_points,
        last_moment=_expiry(community) - timedelta(microseconds=1),
    )


def reserve(
    session: Session,
    actor: Actor,
    *,
    item_number: int,
    quantity: int,
    nonce: str,
    expected_total_points: int | None = None,
) -> Reserved:
    """Put pieces by for the actor: one hold on points and pieces, at the price of the moment.

    Args:
        session: write session.
        actor: the member themself.
        item_number: which goods; one's own are allowed, as at the till.
        quantity: pieces, 1 to 99.
        nonce: the form's own number; the same nonce is the same reservation.
        expected_total_points: the total that was shown; None checks nothing.

    Returns:
        the reservation; `is_replay` when the same nonce had already made it.

    Raises:
        Invalid: quantity_invalid, nonce_invalid.
        NotFound: item_not_found, member_not_found.
        Refused: suspended, too_many_reservations, not_priced, item_gone (with have and need),
            limit_reached, price_changed, insufficient (with needed and available), nonce_reused.
    """
    check_nonce(nonce)
    member, community = _own(session, actor, lock=True)
    earlier = read_reserved(session, actor.community_id, Reservation.nonce == nonce)
    if earlier:
        _check_same(earlier[0].reservation, member, item_number, quantity)
        return earlier[0]
    _check_count(session, member)
    line = Line(item_number, quantity, pays_with=PaysWith.POINTS)
    lock_household(session, member, community)
    basket = _judged(session, actor, member, community, line, expected_total_points)
    return _place(session, actor, (member, community), basket, nonce)


def cancel(session: Session, actor: Actor, *, reservation_id: UUID) -> Reserved:
    """Call a reservation off: points and pieces are free at once. Once more changes nothing.

    Args:
        session: write session.
        actor: the member, or the shop (`keep_shop`).
        reservation_id: which one.

    Raises:
        ReservationNotFound: reservation_not_found, also for somebody else's.
        Refused: reservation_collected, reservation_lapsed.
    """
    found = read_one(session, actor, reservation_id=reservation_id)
    reservation = found.reservation
    _, community = _member(session, actor.community_id, reservation.member_id, lock=True)
    found = read_one(session, actor, reservation_id=reservation_id)
    if found.state is ReservationState.CANCELLED:
        return found
    refuse_ended(found, community)
    try:
        ended = holds.void(
            session,
            actor.community_id,
            reservation.transaction_id,
            Resolution(
                occurred_on=clock.today(community.time_zone),
                idempotency_key=f"reservation-cancel:{reservation.id}",
                actor=actor.reference,
                source=f"reservation:{reservation.id}",
            ),
        )
    except (HoldResolved, HoldExpired) as refusal:
        # Collecting and cancelling wait for the member's lock: only time can be faster.
        raise lapsed(found, community) from refusal
    return replace(
        found,
        state=ReservationState.CANCELLED,
        ended_by_id=ended.transaction_id,
        is_replay=ended.is_replay,
    )


def list_own(session: Session, actor: Actor) -> list[Reserved]:
    """Return what the actor reserved in the last week: the open ones first, then the newest."""
    actor.require(Permission.SEE_OWN_RECORD)
    if actor.member_id is None:
        return []
    of_actor = Reservation.member_id == actor.member_id
    since = clock.now() - LISTED_FOR
    listed = read_reserved(session, actor.community_id, of_actor, since=since)
    return sorted(listed, key=lambda one: (one.is_open, one.reservation.id), reverse=True)


def read_one(session: Session, actor: Actor, *, reservation_id: UUID) -> Reserved:
    """Return one reservation, to its member and to the shop.

    Raises:
        ReservationNotFound: reservation_not_found.
    """
    actor.require(Permission.SEE_OWN_RECORD)
    found = read_reserved(session, actor.community_id, Reservation.id == reservation_id)
    is_shop = actor.may(Permission.KEEP_SHOP)
    if not found or not (is_shop or found[0].reservation.member_id == actor.member_id):
        raise ReservationNotFound
    return found[0]


# ---------------------------------------------------------------- checks


def _own(session: Session, actor: Actor, *, lock: bool) -> tuple[Member, Community]:
    """Return the actor as a member who takes part."""
    actor.require(Permission.SEE_OWN_RECORD)
    if actor.member_id is None:
        raise MemberNotFound
    member, community = _member(session, actor.community_id, actor.member_id, lock=lock)
    if member.status is not MemberStatus.ACTIVE:
        raise MemberSuspended(name=member.name)
    return member, community


def _member(
    session: Session, community_id: UUID, member_id: UUID, *, lock: bool
) -> tuple[Member, Community]:
    """Return a member with the community; locked, what is done for one member waits in line."""
    statement = (
        sa.select(Member, Community)
        .join(Community, Community.community_id == Member.community_id)
        .where(Member.community_id == community_id, Member.id == member_id)
    )
    if lock:
        statement = statement.with_for_update(key_share=True, of=Member).execution_options(
            populate_existing=True
        )
    row = session.execute(statement).one_or_none()
    if row is None:
        raise MemberNotFound
    return row[0], row[1]


def _judged(
    session: Session,
    actor: Actor,
    member: Member,
    community: Community,
    line: Line,
    expected_total_points: int | None = None,
) -> Basket:
    """Judge the one line as the till would."""
    basket = judge_basket(session, actor, lines=(line,), member=member, community=community)
    booking.check_basket(basket, expected_total_points)
    return basket


def _check_count(session: Session, member: Member) -> None:
    of_member = Reservation.member_id == member.id
    kept = read_reserved(session, member.community_id, of_member, is_open())
    if len(kept) >= OPEN_RESERVATIONS_MAX:
        raise TooManyReservations(count_max=OPEN_RESERVATIONS_MAX)


def _check_same(reservation: Reservation, member: Member, item_number: int, quantity: int) -> None:
    """Refuse a nonce that stands for another reservation."""
    made = (reservation.member_id, reservation.item_number, reservation.quantity)
    if made != (member.id, item_number, quantity):
        raise NonceReused


def refuse_ended(found: Reserved, community: Community) -> None:
    """Refuse what was collected or has lapsed.

    Raises:
        Refused: reservation_collected, reservation_lapsed.
    """
    if found.state is ReservationState.COLLECTED:
        raise ReservationCollected(item_name=found.reservation.item_name)
    if found.state is ReservationState.LAPSED:
        raise lapsed(found, community)


def lapsed(found: Reserved, community: Community) -> ReservationLapsed:
    """Return the refusal of a reservation whose time is over."""
    return ReservationLapsed(
        item_name=found.reservation.item_name,
        last_day=found.last_day(community.time_zone).isoformat(),
    )


# ---------------------------------------------------------------- booking


def _expiry(community: Community) -> datetime:
    """Return the moment after the last of the third day from today."""
    last_day = clock.today(community.time_zone) + timedelta(days=RESERVATION_DAYS)
    return day_end(community.time_zone, last_day).astimezone(UTC)


def _place(
    session: Session, actor: Actor, own: tuple[Member, Community], basket: Basket, nonce: str
) -> Reserved:
    """Place the hold, then write the reservation that names it."""
    (member, community), row = own, basket.rows[0]
    reservation_id, expires_at = new_id(), _expiry(community)
    draft = Draft(
        kind=TransactionKind.HOLD,
        legs=booking.legs(session, member, basket),
        occurred_on=clock.today(community.time_zone),
        idempotency_key=f"reservation:{nonce}",
        actor=actor.reference,
        source=f"reservation:{reservation_id}",
        narration=booking.narration([(row.item.name, row.quantity)]),
    )
    try:
        held = holds.place(session, actor.community_id, draft, expires_at=expires_at)
    except BalanceTooLow as refusal:
        raise booking.lost_race(refusal, basket) from refusal
    reservation = Reservation(
        community_id=actor.community_id,
        id=reservation_id,
        nonce=nonce,
        member_id=member.id,
        item_id=row.item.id,
        item_number=row.item.number,
        item_name=row.item.name,
        quantity=row.quantity,
        price_points=row.item.price_points,
        total_points=basket.total_points,
        transaction_id=held.transaction_id,
    )
    session.add(reservation)
    session.flush()
    state = ReservationState.OPEN
    return Reserved(reservation, state, held.recorded_at, expires_at, is_replay=False)
