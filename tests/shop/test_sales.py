"""Baskets that pay in cash, in points and in goods: one transaction, one receipt."""

from dataclasses import replace

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from ledger.schema import Transaction
from tests.shop.drawers import open_till
from tests.shop.makers import (
    PIN,
    World,
    fen_in,
    fresh,
    give_points,
    make_cash_item,
    make_item,
    out_of,
    points_of,
    stock_of,
)
from tests.shop.sales import do, findings, refusal_of, sale_of
from timebank.actors import Role
from timebank.codes import CodeKeys
from timebank.shop.basket import Line
from timebank.shop.errors import ReceiptNotFound
from timebank.shop.goods import ItemDetails, add_item, set_price
from timebank.shop.models import EXCHANGE_POINTS_PER_DAY_MAX, ValueBasis
from timebank.shop.receipts import Receipt, list_own_receipts, read_own_receipt
from timebank.shop.sale_models import PaysWith
from timebank.shop.till import redeem


@pytest.fixture(autouse=True)
def open_tills(session: Session, world: World) -> None:
    for till_number in (1, 2):
        open_till(session, world, till_number=till_number, float_fen=0)


def kind_of(session: Session, receipt: Receipt) -> str:
    kind = session.scalar(
        sa.select(Transaction.kind).where(Transaction.id == receipt.redemption.transaction_id)
    )
    return str(kind)


# ---------------------------------------------------------------- cash


def test_cash_goes_into_the_drawer_and_the_change_is_said(
    session: Session, world: World, keys: CodeKeys
) -> None:
    scarf = make_cash_item(session, world, price_fen=1250)
    sale = sale_of(world, (scarf.number, 2), holder="", tendered_fen=5000)

    receipt = do(session, world, keys, sale)

    made = receipt.redemption
    assert (made.total_fen, made.tendered_fen, made.change_fen) == (2500, 5000, 2500)
    assert (made.member_id, made.total_points, receipt.member) == (None, 0, None)
    assert (fen_in(session, world), fen_in(session, world, "Income:Sales")) == (2500, -2500)
    assert (stock_of(session, scarf), out_of(session, scarf)) == (3, 2)
    assert kind_of(session, receipt) == "sale"
    assert findings(session, world) == []


def test_exactly_enough_is_enough_and_a_fen_less_is_not(
    session: Session, world: World, keys: CodeKeys
) -> None:
    scarf = make_cash_item(session, world, price_fen=1250)
    sale = sale_of(world, (scarf.number, 1), holder="", tendered_fen=1249)

    refusal = refusal_of(session, world, keys, sale)

    assert refusal.code == "tendered_too_little"
    assert refusal.details == {"needed": "12.50", "given": "12.49"}
    assert do(session, world, keys, replace(sale, tendered_fen=1250)).redemption.change_fen == 0


def test_points_without_a_member_are_refused(
    session: Session, world: World, keys: CodeKeys
) -> None:
    cup = make_item(session, world, price=12)

    assert refusal_of(session, world, keys, sale_of(world, (cup.number, 1), holder="")).code == (
        "member_needed"
    )
    assert stock_of(session, cup) == 5


def test_cash_laid_down_for_points_is_refused(
    session: Session, world: World, keys: CodeKeys
) -> None:
    cup = make_item(session, world, price=12)
    sale = sale_of(world, (cup.number, 1), tendered_fen=1000)

    assert refusal_of(session, world, keys, sale).code == "no_cash_taken"


def test_a_price_in_cash_that_changed_is_told(
    session: Session, world: World, keys: CodeKeys
) -> None:
    scarf = make_cash_item(session, world, price_fen=1250)
    sale = sale_of(world, (scarf.number, 1), holder="", expected_total_fen=1250)
    set_price(
        session,
        world.pricer,
        item_number=scarf.number,
        price_points=None,
        price_fen=1300,
        basis=ValueBasis.COUNCIL,
    )

    refusal = refusal_of(session, world, keys, sale)

    assert (refusal.code, refusal.details["total_fen"]) == ("cash_price_changed", 1300)


def test_the_same_cash_sale_sent_twice_is_one(
    session: Session, world: World, keys: CodeKeys
) -> None:
    scarf = make_cash_item(session, world)
    sale = sale_of(world, (scarf.number, 1), holder="", tendered_fen=2000)

    first, again = do(session, world, keys, sale), do(session, world, keys, sale)

    assert first.redemption.id == again.redemption.id
    assert (first.is_replay, again.is_replay) == (False, True)
    assert fen_in(session, world) == 1250
    for changed in (
        replace(sale, tendered_fen=1250),
        replace(sale, till_number=2),
        replace(sale, holder=world.alice_card),
        replace(sale, lines=(Line(scarf.number, 2),)),
    ):
        assert refusal_of(session, world, keys, changed).code == "nonce_reused"


@pytest.mark.parametrize("till_number", [0, 10])
def test_a_till_has_one_of_nine_numbers(
    session: Session, world: World, keys: CodeKeys, till_number: int
) -> None:
    scarf = make_cash_item(session, world)
    sale = sale_of(world, (scarf.number, 1), holder="", till_number=till_number)

    assert refusal_of(session, world, keys, sale).code == "till_invalid"


# ---------------------------------------------------------------- mixed


def test_a_row_in_cash_and_a_row_in_points_are_one_transaction(
    session: Session, world: World, keys: CodeKeys
) -> None:
    cup = make_item(session, world, price=12)
    scarf = make_cash_item(session, world, price_fen=1250)
    sale = sale_of(world, (cup.number, 1), (scarf.number, 1), tendered_fen=1250)

    receipt = do(session, world, keys, sale)

    ways = [line.pays_with for line in receipt.lines]
    assert ways == [PaysWith.POINTS, PaysWith.CASH]
    assert (receipt.redemption.total_points, receipt.redemption.total_fen) == (12, 1250)
    assert receipt.redemption.balance_points_after == 108
    assert kind_of(session, receipt) == "sale"
    assert findings(session, world) == []


def test_goods_of_either_price_take_points_from_a_member_and_cash_from_a_stranger(
    session: Session, world: World, keys: CodeKeys
) -> None:
    scarf = make_cash_item(session, world, price=20, price_fen=1250)

    of_member = do(session, world, keys, sale_of(world, (scarf.number, 1)))
    of_stranger = do(session, world, keys, sale_of(world, (scarf.number, 1), holder=""))
    chosen = sale_of(world, lines=(Line(scarf.number, 1, pays_with=PaysWith.CASH),))
    in_cash = do(session, world, keys, chosen)

    made = [each.redemption for each in (of_member, of_stranger, in_cash)]
    assert [(each.total_points, each.total_fen) for each in made] == [(20, 0), (0, 1250), (0, 1250)]
    assert (in_cash.member, points_of(session, world.alice)) == (world.alice, 100)


def test_goods_without_a_price_in_cash_are_not_sold_for_it(
    session: Session, world: World, keys: CodeKeys
) -> None:
    cup = make_item(session, world, price=12)
    sale = sale_of(world, lines=(Line(cup.number, 1, pays_with=PaysWith.CASH),))

    assert refusal_of(session, world, keys, sale).code == "not_priced"


def test_cash_asks_neither_the_pin_nor_the_limit(
    session: Session, world: World, keys: CodeKeys
) -> None:
    scarf = make_cash_item(session, world, price_fen=100_000)
    world.community.redeem_points_per_day_max = 1

    receipt = do(session, world, keys, sale_of(world, (scarf.number, 1), holder="V0001"))

    assert receipt.redemption.total_fen == 100_000


# ---------------------------------------------------------------- swaps


def test_a_swap_of_equal_value_moves_goods_both_ways_and_no_points(
    session: Session, world: World, keys: CodeKeys
) -> None:
    cup, bag = make_item(session, world, price=12), make_item(session, world, price=6, pieces=0)
    sale = sale_of(world, (cup.number, 1), swaps=(Line(bag.number, 2),))

    receipt = do(session, world, keys, sale)

    assert (receipt.redemption.total_points, receipt.redemption.swapped_points) == (12, 12)
    assert (stock_of(session, cup), stock_of(session, bag)) == (4, 2)
    assert points_of(session, world.alice) == 120
    assert kind_of(session, receipt) == "swap"
    assert findings(session, world) == []


@pytest.mark.parametrize(("pieces_in", "points_after"), [(1, 114), (3, 126)])
def test_the_difference_of_a_swap_is_paid_in_points(
    session: Session, world: World, keys: CodeKeys, pieces_in: int, points_after: int
) -> None:
    cup, bag = make_item(session, world, price=12), make_item(session, world, price=6, pieces=0)
    sale = sale_of(world, (cup.number, 1), swaps=(Line(bag.number, pieces_in),))

    receipt = do(session, world, keys, sale)

    assert receipt.redemption.paid_points == 12 - 6 * pieces_in
    assert points_of(session, world.alice) == points_after
    assert findings(session, world) == []


@pytest.mark.parametrize(("more", "code"), [(0, None), (1, "exchange_limit_reached")])
def test_a_swap_earns_no_more_than_an_exchange(
    session: Session, world: World, keys: CodeKeys, more: int, code: str | None
) -> None:
    cup = make_item(session, world, price=12)
    price = EXCHANGE_POINTS_PER_DAY_MAX + 12 + more
    quilt = make_item(session, world, price=price, pieces=0)
    sale = sale_of(world, (cup.number, 1), swaps=(Line(quilt.number, 1),))

    if code is None:
        assert do(session, world, keys, sale).redemption.paid_points == -500
        another = replace(sale, nonce=fresh())
        assert refusal_of(session, world, keys, another).details == {"needed": 500, "left": 0}
    else:
        assert refusal_of(session, world, keys, sale).code == code


def test_who_brings_goods_in_did_not_price_them(
    session: Session, world: World, keys: CodeKeys
) -> None:
    cup, bag = make_item(session, world, price=12), make_item(session, world, price=6)
    pricer = world.actor(world.alice, Role.SOCIAL_WORKER)
    set_price(session, pricer, item_number=bag.number, price_points=12, basis=ValueBasis.COUNCIL)
    sale = sale_of(world, (cup.number, 1), swaps=(Line(bag.number, 1),))

    assert refusal_of(session, world, keys, sale).code == "own_price_swapped"
    assert (points_of(session, world.alice), stock_of(session, bag)) == (120, 5)


def test_the_same_goods_are_not_swapped_for_themselves(
    session: Session, world: World, keys: CodeKeys
) -> None:
    cup = make_item(session, world, price=12)
    sale = sale_of(world, (cup.number, 1), swaps=(Line(cup.number, 1),))

    assert refusal_of(session, world, keys, sale).code == "basket_repeats"


def test_swapped_goods_need_a_member_and_something_taken(
    session: Session, world: World, keys: CodeKeys
) -> None:
    scarf, bag = make_cash_item(session, world), make_item(session, world, price=6)

    of_nobody = sale_of(world, (scarf.number, 1), holder="", swaps=(Line(bag.number, 1),))
    for_nothing = sale_of(world, swaps=(Line(bag.number, 1),))

    assert refusal_of(session, world, keys, of_nobody).code == "member_needed"
    assert refusal_of(session, world, keys, for_nothing).code == "basket_empty"


def test_a_second_single_piece_is_not_swapped_in(
    session: Session, world: World, keys: CodeKeys
) -> None:
    cup = make_item(session, world, price=12)
    details = ItemDetails(name="木雕", is_single=True)
    carving = add_item(session, world.clerk, details=details, nonce=fresh())
    council = ValueBasis.COUNCIL
    set_price(session, world.pricer, item_number=carving.number, price_points=12, basis=council)
    sale = sale_of(world, (cup.number, 1), swaps=(Line(carving.number, 1),))

    do(session, world, keys, sale)

    again = replace(sale, nonce=fresh())
    assert refusal_of(session, world, keys, again).code == "single_piece"


def test_a_swap_found_by_name_asks_the_pin(session: Session, world: World, keys: CodeKeys) -> None:
    cup, bag = make_item(session, world, price=12), make_item(session, world, price=12, pieces=0)
    sale = sale_of(world, (cup.number, 1), holder="V0001", swaps=(Line(bag.number, 1),))

    assert refusal_of(session, world, keys, sale).code == "pin_required"
    assert do(session, world, keys, replace(sale, pin=PIN)).redemption.paid_points == 0


def test_what_was_swapped_in_widens_the_day(session: Session, world: World, keys: CodeKeys) -> None:
    world.community.redeem_points_per_day_max = 10
    cup, bag = make_item(session, world, price=12), make_item(session, world, price=2, pieces=0)
    sale = sale_of(world, (cup.number, 1), swaps=(Line(bag.number, 1),))

    assert do(session, world, keys, sale).redemption.paid_points == 10
    assert refusal_of(session, world, keys, replace(sale, nonce=fresh())).code == "limit_reached"


# ---------------------------------------------------------------- own receipts


def test_a_member_reads_their_own_receipts_only(
    session: Session, world: World, keys: CodeKeys
) -> None:
    cup = make_item(session, world, price=12)
    give_points(session, world, world.bob, 50)
    do(session, world, keys, sale_of(world, (cup.number, 1)))
    bobs = sale_of(world, (cup.number, 1), holder="V0002", pin=PIN)
    world.bob.pin_hash = world.alice.pin_hash
    redeem(session, world.clerk, keys, sale=bobs)
    alice = world.actor(world.alice)

    own = [each.redemption.receipt_number for each in list_own_receipts(session, alice)]

    assert own == [1]
    assert read_own_receipt(session, alice, receipt_number=1).member == world.alice
    for other in (2, 3):
        with pytest.raises(ReceiptNotFound):
            read_own_receipt(session, alice, receipt_number=other)
