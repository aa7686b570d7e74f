"""Returns of a part: rows and pieces, points and cash, never more than went out."""

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from ledger.schema import Transaction
from tests.shop.drawers import open_till
from tests.shop.makers import (
    World,
    fen_in,
    fresh,
    make_cash_item,
    make_item,
    out_of,
    points_of,
    stock_of,
)
from tests.shop.sales import do, findings, sale_of
from timebank.codes import CodeKeys
from timebank.errors import Refusal
from timebank.shop.basket import Line
from timebank.shop.receipts import Receipt, read_receipt
from timebank.shop.refunds import Return, give_back, refund


@pytest.fixture(autouse=True)
def open_tills(session: Session, world: World) -> None:
    for till_number in (1, 2):
        open_till(session, world, till_number=till_number, float_fen=0)


@pytest.fixture
def mixed(session: Session, world: World, keys: CodeKeys) -> Receipt:
    """Receipt 1: three cups for 36 points, two scarves for 25 yuan, paid at till 1."""
    cup = make_item(session, world, price=12)
    scarf = make_cash_item(session, world, price_fen=1250)
    sale = sale_of(world, (cup.number, 3), (scarf.number, 2))
    return do(session, world, keys, sale)


def come_back(
    session: Session, world: World, *pieces: tuple[int, int], nonce: str = "", till: int = 1
) -> Receipt:
    wanted = Return(1, "断线了", nonce or fresh(), pieces or None, till)
    return give_back(session, world.clerk, wanted=wanted)


def refused(
    session: Session, world: World, *pieces: tuple[int, int], nonce: str = "", till: int = 1
) -> Refusal:
    with pytest.raises(Refusal) as caught:
        come_back(session, world, *pieces, nonce=nonce, till=till)
    return caught.value


def kinds(session: Session, receipt: Receipt) -> list[str]:
    ids = [each.refund.transaction_id for each in receipt.returns]
    found = session.scalars(
        sa.select(Transaction.kind).where(Transaction.id.in_(ids)).order_by(Transaction.id)
    )
    return list(found)


def test_a_piece_gives_its_points_back(session: Session, world: World, mixed: Receipt) -> None:
    returned = come_back(session, world, (1, 1))

    assert points_of(session, world.alice) == 120 - 24
    assert returned.left == {1: 2, 2: 2}
    assert (returned.returns[0].refund.points_back, returned.returns[0].refund.fen_back) == (12, 0)
    assert kinds(session, returned) == ["refund"]
    assert mixed.returns == ()
    assert findings(session, world) == []


def test_a_piece_paid_in_cash_gives_its_cash_back(
    session: Session, world: World, mixed: Receipt
) -> None:
    returned = come_back(session, world, (2, 1))

    assert fen_in(session, world) == 1250
    assert points_of(session, world.alice) == 120 - 36
    assert returned.returns[0].refund.fen_back == 1250
    assert findings(session, world) == []
    assert mixed.redemption.total_fen == 2500


def test_all_of_it_at_once_is_the_mirror(session: Session, world: World, mixed: Receipt) -> None:
    returned = come_back(session, world)

    assert kinds(session, returned) == ["reversal"]
    assert (points_of(session, world.alice), fen_in(session, world)) == (120, 0)
    assert returned.is_returned
    assert findings(session, world) == []
    assert not mixed.is_returned


def test_all_rows_named_are_the_whole(session: Session, world: World, mixed: Receipt) -> None:
    returned = come_back(session, world, *mixed.left.items())

    assert kinds(session, returned) == ["reversal"]


def test_what_is_left_comes_back_as_a_part(session: Session, world: World, mixed: Receipt) -> None:
    come_back(session, world, (1, 1), (2, 1))
    returned = come_back(session, world)

    assert kinds(session, returned) == ["refund", "refund"]
    assert (points_of(session, world.alice), fen_in(session, world)) == (120, 0)
    assert read_receipt(session, world.clerk, receipt_number=1).is_returned
    assert refused(session, world).code == "already_refunded"
    assert refused(session, world, (1, 1)).code == "already_refunded"
    assert findings(session, world) == []
    assert mixed.redemption.receipt_number == 1


def test_no_piece_comes_back_twice(session: Session, world: World, mixed: Receipt) -> None:
    come_back(session, world, (1, 2))

    refusal = refused(session, world, (1, 2))

    assert refusal.code == "returned_too_many"
    assert refusal.details == {"item_name": "布艺杯垫", "need": 2, "left": 1}
    assert come_back(session, world, (1, 1)).left == {1: 0, 2: 2}
    assert mixed.piece_count == 5


@pytest.mark.parametrize(
    ("pieces", "code"),
    [
        (((1, 0),), "quantity_invalid"),
        (((1, -1),), "quantity_invalid"),
        (((1, 100),), "quantity_invalid"),
        (((1, 1), (1, 1)), "quantity_invalid"),
        (((3, 1),), "return_line_not_found"),
        (((0, 1),), "return_line_not_found"),
        (((1, 4),), "returned_too_many"),
    ],
)
def test_impossible_pieces_are_refused(
    session: Session,
    world: World,
    mixed: Receipt,
    pieces: tuple[tuple[int, int], ...],
    code: str,
) -> None:
    assert refused(session, world, *pieces).code == code
    assert points_of(session, world.alice) == 120 - 36
    assert mixed.left == {1: 3, 2: 2}


def test_a_part_sent_twice_is_one_and_other_pieces_under_its_number_are_refused(
    session: Session, world: World, mixed: Receipt
) -> None:
    nonce = fresh()
    first = come_back(session, world, (1, 1), nonce=nonce)
    again = come_back(session, world, (1, 1), nonce=nonce)

    assert (first.is_replay, again.is_replay) == (False, True)
    assert points_of(session, world.alice) == 120 - 24
    assert refused(session, world, (1, 2), nonce=nonce).code == "nonce_reused"
    assert mixed.helper is None


def test_at_another_till_its_own_drawer_pays(
    session: Session, world: World, keys: CodeKeys, mixed: Receipt
) -> None:
    refusal = refused(session, world, (2, 1), till=2)
    assert refusal.code == "drawer_short"
    assert refusal.details == {"till_number": 2, "needed": "12.50", "available": "0.00"}
    bread = make_cash_item(session, world, price_fen=9000)
    do(session, world, keys, sale_of(world, (bread.number, 1), holder="", till_number=2))

    returned = come_back(session, world, till=2)

    assert kinds(session, returned) == ["refund"]
    assert (fen_in(session, world), fen_in(session, world, "Cash:Till:2")) == (2500, 6500)
    assert findings(session, world) == []
    assert mixed.redemption.till_number == 1


def test_a_swap_comes_back_as_a_whole_and_only_then(
    session: Session, world: World, keys: CodeKeys
) -> None:
    cup, bag = make_item(session, world, price=12), make_item(session, world, price=6, pieces=0)
    do(session, world, keys, sale_of(world, (cup.number, 2), swaps=(Line(bag.number, 1),)))

    assert refused(session, world, (1, 1)).code == "swap_returns_whole"
    returned = come_back(session, world)

    assert returned.returns[0].refund.points_back == 18
    assert (points_of(session, world.alice), stock_of(session, bag)) == (120, 0)
    assert (stock_of(session, cup), out_of(session, cup)) == (5, 0)
    assert findings(session, world) == []


def test_a_swap_whose_goods_are_sold_does_not_come_back(
    session: Session, world: World, keys: CodeKeys
) -> None:
    cup, bag = make_item(session, world, price=12), make_item(session, world, price=6, pieces=0)
    do(session, world, keys, sale_of(world, (cup.number, 1), swaps=(Line(bag.number, 1),)))
    do(session, world, keys, sale_of(world, (bag.number, 1)))

    refusal = refused(session, world)

    assert (refusal.code, refusal.details["need"], refusal.details["have"]) == ("item_gone", 1, 0)


def test_a_returned_part_frees_the_day(session: Session, world: World, keys: CodeKeys) -> None:
    world.community.redeem_points_per_day_max = 24
    cup = make_item(session, world, price=12)
    do(session, world, keys, sale_of(world, (cup.number, 2)))
    come_back(session, world, (1, 1))

    assert do(session, world, keys, sale_of(world, (cup.number, 1))).redemption.total_points == 12


def test_a_stranger_brings_cash_goods_back(session: Session, world: World, keys: CodeKeys) -> None:
    scarf = make_cash_item(session, world)
    do(session, world, keys, sale_of(world, (scarf.number, 2), holder=""))

    come_back(session, world, (1, 1))
    refund(session, world.clerk, receipt_number=1, reason="不合适", nonce=fresh())

    assert (fen_in(session, world), stock_of(session, scarf)) == (0, 5)
    assert findings(session, world) == []
