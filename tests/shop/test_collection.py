"""Handing reserved goods over, and calling a reservation off."""

from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy.orm import Session

from ledger import clock, verification
from ledger.errors import NotAllowed
from ledger.schema import Transaction
from tests.shop.keeping import (
    alice_of,
    free_pieces,
    free_points,
    hand_over,
    put_by,
)
from tests.shop.makers import (
    NOON,
    PIN,
    World,
    fresh,
    make_item,
    make_world,
    out_of,
    points_of,
    stock_of,
)
from tests.shop.sales import do, sale_of
from timebank import codes
from timebank.actors import Role
from timebank.codes import CodeKeys
from timebank.people.errors import PinRequired
from timebank.shop import errors
from timebank.shop.collection import HandOver, collect, list_open
from timebank.shop.goods import set_price
from timebank.shop.models import Item, ValueBasis
from timebank.shop.refunds import refund
from timebank.shop.reservations import cancel, list_own
from timebank.shop.reserved import ReservationState


@pytest.fixture
def cup(session: Session, world: World) -> Item:
    return make_item(session, world, price=12, pieces=5)


# ---------------------------------------------------------------- collected


def test_collecting_posts_the_hold_with_an_ordinary_receipt(
    session: Session, world: World, keys: CodeKeys, cup: Item
) -> None:
    kept = put_by(session, world, cup, 2)

    receipt = hand_over(session, world, keys, kept)

    sale = receipt.redemption
    posted = session.get_one(Transaction, (world.community.community_id, sale.transaction_id))
    assert (posted.kind, posted.resolves_id) == ("hold_post", kept.reservation.transaction_id)
    assert posted.source == f"redemption:{sale.id}"
    assert (sale.receipt_number, sale.total_points, sale.balance_points_after) == (1, 24, 96)
    assert [(line.item_name, line.quantity, line.sum_points) for line in receipt.lines] == [
        ("布艺杯垫", 2, 24)
    ]
    assert (points_of(session, world.alice), stock_of(session, cup)) == (96, 3)
    assert out_of(session, cup) == 2
    assert list_open(session, world.clerk, member_number=world.alice.number) == []
    assert list_own(session, alice_of(world))[0].state is ReservationState.COLLECTED
    assert verification.verify(session) == []


def test_the_reserved_price_holds_whatever_the_price_is_now(
    session: Session, world: World, keys: CodeKeys, cup: Item
) -> None:
    kept = put_by(session, world, cup)
    set_price(
        session,
        world.pricer,
        item_number=cup.number,
        price_points=40,
        basis=ValueBasis.COUNCIL,
    )

    receipt = hand_over(session, world, keys, kept)

    assert receipt.redemption.total_points == 12
    assert points_of(session, world.alice) == 108


def test_a_return_by_receipt_mirrors_what_was_collected(
    session: Session, world: World, keys: CodeKeys, cup: Item
) -> None:
    kept = put_by(session, world, cup, 2)
    number = hand_over(session, world, keys, kept).redemption.receipt_number

    refund(session, world.clerk, receipt_number=number, reason="断线了", nonce=fresh())

    assert (points_of(session, world.alice), stock_of(session, cup)) == (120, 5)
    assert (out_of(session, cup), free_points(session, world)) == (0, 120)
    assert verification.verify(session) == []


def test_same_nonce_gives_the_same_receipt(
    session: Session, world: World, keys: CodeKeys, cup: Item
) -> None:
    kept, nonce = put_by(session, world, cup), fresh()

    first = hand_over(session, world, keys, kept, nonce=nonce)
    with clock.at(NOON + timedelta(days=9)):
        again = hand_over(session, world, keys, kept, nonce=nonce)

    assert (first.is_replay, again.is_replay) == (False, True)
    assert first.redemption.id == again.redemption.id
    assert points_of(session, world.alice) == 108


def test_a_nonce_of_another_sale_is_refused(
    session: Session, world: World, keys: CodeKeys, cup: Item
) -> None:
    kept = put_by(session, world, cup)
    sale = sale_of(world, (cup.number, 1))
    do(session, world, keys, sale)

    with pytest.raises(errors.NonceReused):
        hand_over(session, world, keys, kept, nonce=sale.nonce)

    assert list_open(session, world.clerk, member_number=world.alice.number)[0].is_open


def test_a_reservation_is_handed_over_once(
    session: Session, world: World, keys: CodeKeys, cup: Item
) -> None:
    kept = put_by(session, world, cup)
    hand_over(session, world, keys, kept)

    with pytest.raises(errors.ReservationCollected):
        hand_over(session, world, keys, kept)
    with pytest.raises(errors.ReservationCollected):
        cancel(session, alice_of(world), reservation_id=kept.reservation.id)

    assert points_of(session, world.alice) == 108


def test_nobody_hands_over_to_themselves(
    session: Session, world: World, keys: CodeKeys, cup: Item
) -> None:
    kept = put_by(session, world, cup)
    wanted = HandOver(kept.reservation.id, world.alice_card, fresh())

    with pytest.raises(errors.OwnAccount):
        collect(session, world.actor(world.alice, Role.CLERK), keys, hand_over=wanted)
    with pytest.raises(NotAllowed):
        collect(session, alice_of(world), keys, hand_over=wanted)

    assert points_of(session, world.alice) == 120


def test_another_members_reservation_is_not_there(
    session: Session, world: World, keys: CodeKeys, cup: Item
) -> None:
    kept = put_by(session, world, cup)

    for reservation_id in (kept.reservation.id, uuid4()):
        wanted = HandOver(reservation_id, world.bob.volunteer_number, fresh(), PIN)
        with pytest.raises(errors.ReservationNotFound):
            collect(session, world.clerk, keys, hand_over=wanted)

    assert list_open(session, world.clerk, member_number=world.bob.number) == []


def test_a_member_found_by_name_types_the_pin(
    session: Session, world: World, keys: CodeKeys, cup: Item
) -> None:
    kept, by_name = put_by(session, world, cup), world.alice.volunteer_number

    with pytest.raises(PinRequired):
        hand_over(session, world, keys, kept, holder=by_name)

    assert hand_over(session, world, keys, kept, holder=by_name, pin=PIN).piece_count == 1


def test_a_card_above_the_limit_asks_for_the_pin_as_in_a_sale(
    session: Session, world: World, keys: CodeKeys
) -> None:
    limit = world.community.pin_above_points
    border = put_by(session, world, make_item(session, world, price=limit))
    one_more = put_by(session, world, make_item(session, world, name="扣子", price=1))

    hand_over(session, world, keys, border)
    with pytest.raises(PinRequired):
        hand_over(session, world, keys, one_more)

    assert hand_over(session, world, keys, one_more, pin=PIN).redemption.total_points == 1


def test_a_pay_code_is_good_for_one_hand_over(
    session: Session, world: World, keys: CodeKeys, cup: Item
) -> None:
    first, second = put_by(session, world, cup), put_by(session, world, cup)
    code = codes.pay_code(keys, world.community.community_id, world.alice.alias, clock.now())
    hand_over(session, world, keys, first, holder=code)

    with pytest.raises(errors.PayCodeUsed):
        hand_over(session, world, keys, second, holder=code)

    assert points_of(session, world.alice) == 108


# ---------------------------------------------------------------- cancelled


def test_the_member_cancels_and_everything_is_free_at_once(
    session: Session, world: World, keys: CodeKeys, cup: Item
) -> None:
    kept = put_by(session, world, cup, 2)

    ended = cancel(session, alice_of(world), reservation_id=kept.reservation.id)
    again = cancel(session, alice_of(world), reservation_id=kept.reservation.id)

    assert ended.state is again.state is ReservationState.CANCELLED
    assert (ended.is_replay, again.is_replay) == (False, True)
    assert (free_points(session, world), free_pieces(session, world, cup)) == (120, 5)
    with pytest.raises(errors.ReservationCancelled):
        hand_over(session, world, keys, kept)


def test_the_shop_cancels_and_other_members_do_not(
    session: Session, world: World, cup: Item
) -> None:
    kept = put_by(session, world, cup)

    with pytest.raises(errors.ReservationNotFound):
        cancel(session, world.actor(world.bob), reservation_id=kept.reservation.id)
    with pytest.raises(errors.ReservationNotFound):
        cancel(session, make_world(session, code="A").clerk, reservation_id=kept.reservation.id)

    ended = cancel(session, world.clerk, reservation_id=kept.reservation.id)
    assert ended.state is ReservationState.CANCELLED
