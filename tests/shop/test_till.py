"""Redeeming: what is booked, what is refused, and where exactly the border lies."""

from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from ledger import clock
from ledger.schema import Transaction
from tests.shop.makers import (
    NOON,
    PIN,
    World,
    make_item,
    out_of,
    points_of,
    stock_of,
)
from tests.shop.sales import do, refusal_of, sale_of
from timebank.codes import CodeKeys
from timebank.shop import errors
from timebank.shop.basket import Line
from timebank.shop.goods import set_price
from timebank.shop.models import ValueBasis

# ---------------------------------------------------------------- booked


def test_one_transaction_moves_points_and_all_pieces(
    session: Session, world: World, keys: CodeKeys
) -> None:
    cup = make_item(session, world, price=12, pieces=5)
    bag = make_item(session, world, name="挎包", price=15, pieces=2)

    receipt = do(session, world, keys, sale_of(world, (cup.number, 2), (bag.number, 1)))

    transaction = session.scalars(
        sa.select(Transaction).where(Transaction.id == receipt.redemption.transaction_id)
    ).one()
    assert (transaction.kind, transaction.leg_count) == ("redemption", 6)
    assert transaction.source == f"redemption:{receipt.redemption.id}"
    assert (points_of(session, world.alice), stock_of(session, cup)) == (81, 3)
    assert (stock_of(session, bag), out_of(session, cup), out_of(session, bag)) == (1, 2, 1)
    assert receipt.redemption.balance_points_after == 81
    assert [(line.item_name, line.sum_points) for line in receipt.lines] == [
        ("布艺杯垫", 24),
        ("挎包", 15),
    ]


def test_receipt_numbers_have_no_gap_after_a_refusal(
    session: Session, world: World, keys: CodeKeys
) -> None:
    cup = make_item(session, world, price=1, pieces=9)

    first = do(session, world, keys, sale_of(world, (cup.number, 1)))
    refusal_of(session, world, keys, sale_of(world, (cup.number, 99)))
    second = do(session, world, keys, sale_of(world, (cup.number, 1)))

    assert [first.redemption.receipt_number, second.redemption.receipt_number] == [1, 2]


def test_same_nonce_gives_the_same_receipt_once(
    session: Session, world: World, keys: CodeKeys
) -> None:
    cup = make_item(session, world)
    sale = sale_of(world, (cup.number, 1))

    first = do(session, world, keys, sale)
    again = do(session, world, keys, sale)

    assert (first.is_replay, again.is_replay) == (False, True)
    assert first.redemption.id == again.redemption.id
    assert points_of(session, world.alice) == 108


def test_same_nonce_with_another_basket_is_refused(
    session: Session, world: World, keys: CodeKeys
) -> None:
    cup = make_item(session, world)
    sale = sale_of(world, (cup.number, 1))
    do(session, world, keys, sale)

    refusal = refusal_of(session, world, keys, replace(sale, lines=(Line(cup.number, 2),)))

    assert isinstance(refusal, errors.NonceReused)
    assert points_of(session, world.alice) == 108


# ---------------------------------------------------------------- points and limits


def test_the_last_point_buys(session: Session, world: World, keys: CodeKeys) -> None:
    dear = make_item(session, world, price=40, pieces=9)

    receipt = do(session, world, keys, sale_of(world, (dear.number, 3), pin=PIN))

    assert receipt.redemption.balance_points_after == 0


def test_one_point_short_is_refused_with_both_numbers(
    session: Session, world: World, keys: CodeKeys
) -> None:
    dear = make_item(session, world, price=121)

    refusal = refusal_of(session, world, keys, sale_of(world, (dear.number, 1), pin=PIN))

    assert isinstance(refusal, errors.Insufficient)
    assert refusal.details == {"needed": 121, "available": 120}
    assert (points_of(session, world.alice), stock_of(session, dear)) == (120, 5)


def test_the_daily_limit_holds_to_the_point_and_a_new_day_frees_it(
    session: Session, world: World, keys: CodeKeys
) -> None:
    world.community.redeem_points_per_day_max = 60
    cup = make_item(session, world, price=30, pieces=9)
    soap = make_item(session, world, name="香皂", price=1, pieces=9)
    do(session, world, keys, sale_of(world, (cup.number, 2), pin=PIN))

    refusal = refusal_of(session, world, keys, sale_of(world, (soap.number, 1)))
    with clock.at(NOON + timedelta(hours=12)):
        tomorrow = do(session, world, keys, sale_of(world, (soap.number, 1)))

    assert isinstance(refusal, errors.LimitReached)
    assert refusal.details == {"needed": 1, "left": 0}
    assert tomorrow.redemption.total_points == 1


def test_a_row_over_the_limit_refuses_the_whole_sale(
    session: Session, world: World, keys: CodeKeys
) -> None:
    world.community.redeem_points_per_day_max = 35
    cup = make_item(session, world, price=30)
    soap = make_item(session, world, name="香皂", price=6)

    refusal = refusal_of(
        session, world, keys, sale_of(world, (cup.number, 1), (soap.number, 1), pin=PIN)
    )

    assert refusal.details == {"needed": 36, "left": 35}
    assert points_of(session, world.alice) == 120


# ---------------------------------------------------------------- goods


def test_sold_out_names_have_and_need(session: Session, world: World, keys: CodeKeys) -> None:
    cup = make_item(session, world, price=1, pieces=2)

    refusal = refusal_of(session, world, keys, sale_of(world, (cup.number, 3)))

    assert isinstance(refusal, errors.ItemGone)
    assert (refusal.details["have"], refusal.details["need"]) == (2, 3)


def test_goods_without_a_price_are_not_on_sale(
    session: Session, world: World, keys: CodeKeys
) -> None:
    cup = make_item(session, world, price=None)

    refusal = refusal_of(session, world, keys, sale_of(world, (cup.number, 1)))

    assert isinstance(refusal, errors.NotPriced)


def test_a_changed_price_names_its_row(session: Session, world: World, keys: CodeKeys) -> None:
    cup = make_item(session, world, price=12)
    bag = make_item(session, world, name="挎包", price=15)
    set_price(
        session,
        world.pricer,
        item_number=bag.number,
        price_points=16,
        basis=ValueBasis.MARKET,
    )
    lines = (Line(cup.number, 1, 12), Line(bag.number, 1, 15))

    refusal = refusal_of(
        session, world, keys, sale_of(world, lines=lines, expected_total_points=27)
    )

    assert isinstance(refusal, errors.PriceChanged)
    assert [row["item_number"] for row in refusal.details["rows"]] == [bag.number]
    assert refusal.details["total_points"] == 28


@pytest.mark.parametrize("quantity", [0, -1, 100])
def test_quantities_outside_1_to_99_are_refused(
    session: Session, world: World, keys: CodeKeys, quantity: int
) -> None:
    cup = make_item(session, world, price=1)

    refusal = refusal_of(session, world, keys, sale_of(world, (cup.number, quantity)))

    assert isinstance(refusal, errors.QuantityInvalid)


def test_ninety_nine_pieces_are_one_row(session: Session, world: World, keys: CodeKeys) -> None:
    cup = make_item(session, world, price=1, pieces=99)

    receipt = do(session, world, keys, sale_of(world, (cup.number, 99), pin=PIN))

    assert stock_of(session, cup) == 0
    assert receipt.piece_count == 99


def test_the_same_goods_in_two_rows_are_refused(
    session: Session, world: World, keys: CodeKeys
) -> None:
    cup = make_item(session, world)

    refusal = refusal_of(session, world, keys, sale_of(world, (cup.number, 1), (cup.number, 1)))

    assert isinstance(refusal, errors.BasketRepeats)


def test_an_empty_basket_and_unknown_goods_are_refused(
    session: Session, world: World, keys: CodeKeys
) -> None:
    empty = refusal_of(session, world, keys, sale_of(world))
    unknown = refusal_of(session, world, keys, sale_of(world, (77, 1)))

    assert isinstance(empty, errors.BasketEmpty)
    assert isinstance(unknown, errors.ItemNotFound)
