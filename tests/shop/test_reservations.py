"""Reserving: what is put by, for how long, what is refused, and when its time is over."""

from datetime import timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from ledger import clock, holds, verification
from ledger.schema import Transaction
from tests.shop.keeping import (
    A_MOMENT,
    MONDAY_ENDS,
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
    give_points,
    make_item,
    make_world,
    points_of,
    stock_of,
)
from tests.shop.sales import do, refusal_of, sale_of
from timebank.codes import CodeKeys
from timebank.errors import Refusal
from timebank.people.errors import MemberNotFound, MemberSuspended
from timebank.people.models import MemberStatus
from timebank.shop import errors
from timebank.shop.collection import list_open
from timebank.shop.models import Item
from timebank.shop.reservations import cancel, list_own, offer, reserve
from timebank.shop.reserved import ReservationState
from timebank.shop.stock import shop_window


@pytest.fixture
def cup(session: Session, world: World) -> Item:
    return make_item(session, world, price=12, pieces=5)


# ---------------------------------------------------------------- reserved


def test_a_hold_keeps_points_and_pieces_and_moves_nothing(
    session: Session, world: World, cup: Item
) -> None:
    kept = put_by(session, world, cup, 2)

    hold = session.get_one(
        Transaction, (world.community.community_id, kept.reservation.transaction_id)
    )
    assert (hold.kind, hold.leg_count) == ("hold", 4)
    assert hold.source == f"reservation:{kept.reservation.id}"
    assert (points_of(session, world.alice), stock_of(session, cup)) == (120, 5)
    assert (free_points(session, world), free_pieces(session, world, cup)) == (96, 3)
    assert (kept.reservation.price_points, kept.reservation.total_points) == (12, 24)


def test_it_runs_to_the_end_of_the_third_day_in_the_communitys_zone(
    session: Session, world: World, cup: Item
) -> None:
    kept = put_by(session, world, cup)

    assert kept.expires_at == MONDAY_ENDS
    assert kept.last_day("Asia/Shanghai").isoformat() == "2026-11-23"
    assert kept.reserved_at == NOON


def test_the_offer_says_what_the_reservation_then_does(
    session: Session, world: World, cup: Item
) -> None:
    shown = offer(session, alice_of(world), item_number=cup.number, quantity=2)
    kept = put_by(session, world, cup, 2)

    assert (shown.total_points, shown.left_points) == (24, free_points(session, world))
    assert shown.last_moment == kept.last_moment


def test_same_nonce_is_the_same_reservation(session: Session, world: World, cup: Item) -> None:
    nonce = fresh()
    first = reserve(session, alice_of(world), item_number=cup.number, quantity=1, nonce=nonce)
    again = reserve(session, alice_of(world), item_number=cup.number, quantity=1, nonce=nonce)

    assert (first.is_replay, again.is_replay) == (False, True)
    assert first.reservation.id == again.reservation.id
    assert free_points(session, world) == 108


def test_same_nonce_for_something_else_is_refused(
    session: Session, world: World, cup: Item
) -> None:
    nonce = fresh()
    reserve(session, alice_of(world), item_number=cup.number, quantity=1, nonce=nonce)

    with pytest.raises(errors.NonceReused):
        reserve(session, alice_of(world), item_number=cup.number, quantity=2, nonce=nonce)
    with pytest.raises(errors.NonceReused):
        reserve(session, world.actor(world.bob), item_number=cup.number, quantity=1, nonce=nonce)


def test_own_goods_may_be_reserved_as_they_may_be_redeemed(
    session: Session, world: World, keys: CodeKeys
) -> None:
    scarf = make_item(session, world, name="围巾", price=30, maker=world.alice)

    kept = put_by(session, world, scarf)

    assert kept.is_open
    assert do(session, world, keys, sale_of(world, (scarf.number, 1))).piece_count == 1


# ---------------------------------------------------------------- refused


def refused(session: Session, world: World, item_number: int, quantity: int = 1) -> Refusal:
    """Return what both the offer and the reservation are refused with."""
    wanted = {"item_number": item_number, "quantity": quantity}
    with pytest.raises(Refusal) as shown:
        offer(session, alice_of(world), **wanted)
    with pytest.raises(Refusal) as caught:
        reserve(session, alice_of(world), **wanted, nonce=fresh())
    assert (shown.value.code, shown.value.details) == (caught.value.code, caught.value.details)
    return caught.value


def test_what_is_not_priced_is_not_reserved(session: Session, world: World) -> None:
    item = make_item(session, world, price=None)

    assert isinstance(refused(session, world, item.number), errors.NotPriced)


def test_more_than_there_is_names_have_and_need(session: Session, world: World, cup: Item) -> None:
    assert put_by(session, world, cup, 5).is_open
    refusal = refused(session, world, cup.number, 1)

    assert isinstance(refusal, errors.ItemGone)
    assert (refusal.details["have"], refusal.details["need"]) == (0, 1)


def test_more_than_one_has_names_needed_and_available(
    session: Session, world: World, cup: Item
) -> None:
    put_by(session, world, cup, 4)
    dear = make_item(session, world, name="围巾", price=73)
    border = make_item(session, world, name="挎包", price=72)

    refusal = refused(session, world, dear.number)

    assert isinstance(refusal, errors.Insufficient)
    assert refusal.details == {"needed": 73, "available": 72}
    assert put_by(session, world, border).is_open


@pytest.mark.parametrize("quantity", [-1, 0, 100, 10**9])
def test_a_quantity_is_one_to_ninety_nine(
    session: Session, world: World, cup: Item, quantity: int
) -> None:
    refusal = refused(session, world, cup.number, quantity)

    assert isinstance(refusal, errors.QuantityInvalid)


def test_a_fourth_reservation_waits_for_one_of_three(
    session: Session, world: World, cup: Item
) -> None:
    kept = [put_by(session, world, cup) for _ in range(3)]

    assert isinstance(refused(session, world, cup.number), errors.TooManyReservations)
    cancel(session, alice_of(world), reservation_id=kept[1].reservation.id)
    assert put_by(session, world, cup).is_open


def test_goods_of_another_community_are_not_there(
    session: Session, world: World, cup: Item
) -> None:
    other = make_world(session, code="A")

    assert isinstance(refused(session, other, cup.number), errors.ItemNotFound)
    assert world.community.code == "D"


def test_who_is_suspended_reserves_nothing(session: Session, world: World, cup: Item) -> None:
    world.alice.status = MemberStatus.SUSPENDED

    assert isinstance(refused(session, world, cup.number), MemberSuspended)


def test_the_system_is_no_member(session: Session, world: World, cup: Item) -> None:
    with pytest.raises(MemberNotFound):
        reserve(session, world.system, item_number=cup.number, quantity=1, nonce=fresh())

    assert list_own(session, world.system) == []


def test_another_total_than_shown_is_told(session: Session, world: World, cup: Item) -> None:
    with pytest.raises(errors.PriceChanged) as caught:
        reserve(
            session,
            alice_of(world),
            item_number=cup.number,
            quantity=1,
            nonce=fresh(),
            expected_total_points=11,
        )

    assert caught.value.details["total_points"] == 12


# ---------------------------------------------------------------- the day's limit


def test_what_is_reserved_counts_against_the_day(
    session: Session, world: World, keys: CodeKeys, cup: Item
) -> None:
    world.community.redeem_points_per_day_max = 36
    put_by(session, world, cup, 2)
    over, border = sale_of(world, (cup.number, 2)), sale_of(world, (cup.number, 1))

    assert isinstance(refused(session, world, cup.number, 2), errors.LimitReached)
    refusal = refusal_of(session, world, keys, over)
    assert (refusal.code, refusal.details["left"]) == ("limit_reached", 12)
    assert do(session, world, keys, border).redemption.total_points == 12


def test_collecting_never_passes_the_limit_and_is_never_stopped_by_it(
    session: Session, world: World, keys: CodeKeys, cup: Item
) -> None:
    world.community.redeem_points_per_day_max = 36
    kept = put_by(session, world, cup, 2)
    with clock.at(NOON + timedelta(days=1)):
        do(session, world, keys, sale_of(world, (cup.number, 1)))
        hand_over(session, world, keys, kept)

        refusal = refusal_of(session, world, keys, sale_of(world, (cup.number, 1)))

    assert refusal.details["left"] == 0
    assert points_of(session, world.alice) == 84


# ---------------------------------------------------------------- kept from others


def test_what_is_reserved_is_not_sold_to_others(
    session: Session, world: World, keys: CodeKeys, cup: Item
) -> None:
    give_points(session, world, world.bob, 120)
    put_by(session, world, cup, 4)
    sale = sale_of(world, (cup.number, 2), holder=world.bob.volunteer_number, pin=PIN)

    refusal = refusal_of(session, world, keys, sale)

    assert isinstance(refusal, errors.ItemGone)
    assert refusal.details["have"] == 1


def test_reserved_points_are_not_spent(
    session: Session, world: World, keys: CodeKeys, cup: Item
) -> None:
    put_by(session, world, cup, 5)
    dear = make_item(session, world, name="围巾", price=61)

    refusal = refusal_of(session, world, keys, sale_of(world, (dear.number, 1)))

    assert isinstance(refusal, errors.Insufficient)
    assert refusal.details == {"needed": 61, "available": 60}


# ---------------------------------------------------------------- lapsed


def test_until_its_last_moment_it_is_collected(
    session: Session, world: World, keys: CodeKeys, cup: Item
) -> None:
    kept = put_by(session, world, cup)

    with clock.at(MONDAY_ENDS - A_MOMENT):
        assert hand_over(session, world, keys, kept).redemption.total_points == 12


@pytest.mark.parametrize("is_swept", [False, True])
def test_lapsed_it_reads_alike_before_and_after_the_sweeper(
    session: Session, world: World, keys: CodeKeys, cup: Item, is_swept: bool
) -> None:
    kept = put_by(session, world, cup, 5)
    with clock.at(MONDAY_ENDS):
        if is_swept:
            holds.expire_due(
                session, world.community.community_id, clock.today(world.community.time_zone)
            )

        assert (free_points(session, world), free_pieces(session, world, cup)) == (120, 5)
        assert [entry.item.number for entry in shop_window(session, alice_of(world))] == [1]
        assert list_open(session, world.clerk, member_number=world.alice.number) == []
        assert list_own(session, alice_of(world))[0].state is ReservationState.LAPSED
        for act in (
            lambda: hand_over(session, world, keys, kept),
            lambda: cancel(session, alice_of(world), reservation_id=kept.reservation.id),
        ):
            with pytest.raises(errors.ReservationLapsed) as caught:
                act()
            assert caught.value.details["last_day"] == "2026-11-23"


def test_a_sale_takes_what_an_overdue_reservation_still_keeps(
    session: Session, world: World, keys: CodeKeys
) -> None:
    lone = make_item(session, world, price=120, pieces=1)
    kept = put_by(session, world, lone)
    with clock.at(MONDAY_ENDS):
        receipt = do(session, world, keys, sale_of(world, (lone.number, 1), pin=PIN))

        assert receipt.redemption.balance_points_after == 0
        assert stock_of(session, lone) == 0
        assert list_own(session, alice_of(world))[0].ended_by_id is not None
        assert verification.verify(session) == []
    assert kept.is_open


def test_a_receipt_counts_overdue_points_as_free(
    session: Session, world: World, keys: CodeKeys, cup: Item
) -> None:
    kept = put_by(session, world, cup, 5)
    with clock.at(MONDAY_ENDS):
        button = make_item(session, world, name="扣子", price=1)
        receipt = do(session, world, keys, sale_of(world, (button.number, 1)))

    assert receipt.redemption.balance_points_after == 119
    assert kept.reservation.total_points == 60


def test_a_new_reservation_takes_what_an_overdue_one_still_keeps(
    session: Session, world: World
) -> None:
    lone = make_item(session, world, price=120, pieces=1)
    put_by(session, world, lone)
    with clock.at(MONDAY_ENDS):
        again = put_by(session, world, lone)

        states = [one.state for one in list_own(session, alice_of(world))]

    assert again.is_open
    assert states == [ReservationState.OPEN, ReservationState.LAPSED]


# ---------------------------------------------------------------- read


def test_the_page_lists_a_week_the_open_ones_first(
    session: Session, world: World, cup: Item
) -> None:
    old = put_by(session, world, cup)
    cancel(session, alice_of(world), reservation_id=old.reservation.id)
    with clock.at(NOON + timedelta(days=5)):
        kept = put_by(session, world, cup)
        gone = put_by(session, world, cup)
        cancel(session, alice_of(world), reservation_id=gone.reservation.id)
        listed = list_own(session, alice_of(world))
    with clock.at(NOON + timedelta(days=7) + A_MOMENT):
        later = list_own(session, alice_of(world))

    in_order = [one.reservation.id for one in (kept, gone, old)]
    assert [one.reservation.id for one in listed] == in_order
    assert [one.reservation.id for one in later] == in_order[:2]


def test_every_reservation_stands_behind_its_hold(
    session: Session, world: World, cup: Item
) -> None:
    for _ in range(2):
        put_by(session, world, cup)

    sources = set(session.scalars(sa.select(Transaction.source).where(Transaction.kind == "hold")))

    assert sources == {
        f"reservation:{one.reservation.id}" for one in list_own(session, alice_of(world))
    }
