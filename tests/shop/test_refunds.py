"""Returns by receipt: the mirror, once, with a reason, by somebody else."""

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from ledger.errors import NotAllowed
from ledger.schema import Transaction
from tests.shop.makers import (
    World,
    fresh,
    make_item,
    make_world,
    out_of,
    points_of,
    stock_of,
)
from timebank.actors import Role
from timebank.codes import CodeKeys
from timebank.shop import errors
from timebank.shop.basket import Line
from timebank.shop.receipts import (
    Receipt,
    count_today,
    last_purchases,
    read_receipt,
    read_receipts_of_day,
)
from timebank.shop.refunds import refund
from timebank.shop.till import Sale, redeem


@pytest.fixture
def receipt(session: Session, world: World, keys: CodeKeys) -> Receipt:
    cup = make_item(session, world, price=12, pieces=5)
    sale = Sale(holder=world.alice_card, lines=(Line(cup.number, 2),), nonce=fresh())
    return redeem(session, world.clerk, keys, sale=sale)


def test_a_return_gives_points_back_and_restocks_in_one_transaction(
    session: Session, world: World, receipt: Receipt
) -> None:
    returned = refund(session, world.clerk, receipt_number=1, reason="断线了", nonce=fresh())

    assert returned.refund is not None
    mirror = session.scalars(
        sa.select(Transaction).where(Transaction.id == returned.refund.transaction_id)
    ).one()
    assert mirror.reverses_id == receipt.redemption.transaction_id
    assert mirror.source == f"refund:{returned.refund.id}"
    assert points_of(session, world.alice) == 120


def test_the_shelf_is_as_before(session: Session, world: World, keys: CodeKeys) -> None:
    cup = make_item(session, world, price=12, pieces=5)
    sale = Sale(holder=world.alice_card, lines=(Line(cup.number, 2),), nonce=fresh())
    redeem(session, world.clerk, keys, sale=sale)

    refund(session, world.clerk, receipt_number=1, reason="断线了", nonce=fresh())

    assert (stock_of(session, cup), out_of(session, cup)) == (5, 0)


def test_a_receipt_is_returned_once(session: Session, world: World, receipt: Receipt) -> None:
    refund(session, world.clerk, receipt_number=1, reason="断线了", nonce=fresh())

    with pytest.raises(errors.AlreadyRefunded):
        refund(session, world.clerk, receipt_number=1, reason="又来", nonce=fresh())

    assert receipt.redemption.receipt_number == 1
    assert points_of(session, world.alice) == 120


def test_a_repeated_return_gives_the_same_answer(
    session: Session, world: World, receipt: Receipt
) -> None:
    nonce = fresh()

    first = refund(session, world.clerk, receipt_number=1, reason="断线了", nonce=nonce)
    again = refund(session, world.clerk, receipt_number=1, reason="断线了", nonce=nonce)

    assert (first.is_replay, again.is_replay) == (False, True)
    assert first.refund == again.refund
    assert receipt.refund is None


@pytest.mark.parametrize("reason", ["", "   ", "长" * 201])
def test_a_return_says_why(session: Session, world: World, receipt: Receipt, reason: str) -> None:
    with pytest.raises(errors.ReasonInvalid):
        refund(session, world.clerk, receipt_number=1, reason=reason, nonce=fresh())

    assert points_of(session, world.alice) == receipt.redemption.balance_points_after


def test_nobody_returns_their_own_receipt(session: Session, world: World, receipt: Receipt) -> None:
    alice_as_clerk = world.actor(world.alice, Role.CLERK)

    with pytest.raises(errors.OwnAccount):
        refund(session, alice_as_clerk, receipt_number=1, reason="我的", nonce=fresh())

    assert points_of(session, world.alice) == receipt.redemption.balance_points_after


def test_only_clerks_return(session: Session, world: World, receipt: Receipt) -> None:
    with pytest.raises(NotAllowed):
        refund(session, world.pricer, receipt_number=1, reason="x", nonce=fresh())

    assert read_receipt(session, world.clerk, receipt_number=1).refund is receipt.refund


def test_receipts_of_another_community_are_not_there(
    session: Session, world: World, receipt: Receipt
) -> None:
    other = make_world(session, code="A")

    for number in (receipt.redemption.receipt_number, 0, 99, 10**12):
        with pytest.raises(errors.ReceiptNotFound):
            read_receipt(session, other.clerk, receipt_number=number)


def test_the_days_list_and_the_last_purchases_show_the_return(
    session: Session, world: World, keys: CodeKeys, receipt: Receipt
) -> None:
    refund(session, world.clerk, receipt_number=1, reason="断线了", nonce=fresh())
    cup = make_item(session, world, price=1, pieces=9)
    for _ in range(3):
        sale = Sale(holder=world.alice_card, lines=(Line(cup.number, 1),), nonce=fresh())
        redeem(session, world.clerk, keys, sale=sale)

    today = receipt.redemption.redeemed_at.date()
    listed = read_receipts_of_day(session, world.clerk, community=world.community, on=today)
    last = last_purchases(session, world.alice)

    assert [one.redemption.receipt_number for one in listed] == [4, 3, 2, 1]
    assert [one.refund is not None for one in listed] == [False, False, False, True]
    assert [one.redemption.receipt_number for one in last] == [4, 3, 2]
    assert count_today(session, world.community) == 4


def test_a_returned_receipt_does_not_use_up_the_days_limit(
    session: Session, world: World, keys: CodeKeys, receipt: Receipt
) -> None:
    world.community.redeem_points_per_day_max = 24
    refund(session, world.clerk, receipt_number=1, reason="断线了", nonce=fresh())

    line = Line(receipt.lines[0].item_number, 2)
    again = redeem(
        session,
        world.clerk,
        keys,
        sale=Sale(holder=world.alice_card, lines=(line,), nonce=fresh()),
    )

    assert again.redemption.total_points == 24
