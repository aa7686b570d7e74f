"""Redeeming: what is booked, what is refused, and where exactly the border lies."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from ledger import clock
from ledger.errors import Refusal
from ledger.schema import Transaction
from tests.shop.makers import (
    NOON,
    PIN,
    World,
    fresh,
    give_points,
    make_item,
    make_world,
    out_of,
    points_of,
    stock_of,
)
from timebank import codes
from timebank.actors import Role
from timebank.codes import CodeKeys
from timebank.people import cards, members
from timebank.people.errors import (
    CardNotFound,
    CardRevoked,
    MemberSuspended,
    PinLocked,
    PinMissing,
    PinRequired,
    PinWrong,
)
from timebank.shop import errors
from timebank.shop.basket import Line
from timebank.shop.goods import set_price
from timebank.shop.identity import TICKET_LIFETIME, identify
from timebank.shop.models import IdentifiedBy, ValueBasis
from timebank.shop.receipts import Receipt
from timebank.shop.till import Sale, redeem


def sale_of(world: World, *lines: tuple[int, int], **changes: Any) -> Sale:
    sale = Sale(holder=world.alice_card, lines=tuple(Line(*line) for line in lines), nonce=fresh())
    return replace(sale, **changes)


def do(session: Session, world: World, keys: CodeKeys, sale: Sale) -> Receipt:
    return redeem(session, world.clerk, keys, sale=sale)


def refusal_of(session: Session, world: World, keys: CodeKeys, sale: Sale) -> Refusal:
    with pytest.raises(Refusal) as caught:
        do(session, world, keys, sale)
    return caught.value


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


# ---------------------------------------------------------------- who


def test_a_card_asks_for_the_pin_above_the_limit_only(
    session: Session, world: World, keys: CodeKeys
) -> None:
    cup = make_item(session, world, price=50)
    dear = make_item(session, world, name="围巾", price=51)

    at_limit = do(session, world, keys, sale_of(world, (cup.number, 1)))
    refusal = refusal_of(session, world, keys, sale_of(world, (dear.number, 1)))

    assert at_limit.redemption.total_points == 50
    assert isinstance(refusal, PinRequired)


def test_five_wrong_pins_lock(session: Session, world: World, keys: CodeKeys) -> None:
    dear = make_item(session, world, price=51)
    wrong = [
        refusal_of(session, world, keys, sale_of(world, (dear.number, 1), pin="1357"))
        for _ in range(5)
    ]

    locked = refusal_of(session, world, keys, sale_of(world, (dear.number, 1), pin=PIN))

    assert [refusal.details.get("left") for refusal in wrong] == [4, 3, 2, 1, 0]
    assert all(isinstance(refusal, PinWrong) for refusal in wrong)
    assert isinstance(locked, PinLocked)
    assert points_of(session, world.alice) == 120


def test_a_member_found_by_name_always_needs_the_pin(
    session: Session, world: World, keys: CodeKeys
) -> None:
    cup = make_item(session, world, price=1)
    give_points(session, world, world.bob, 5)

    asked = refusal_of(session, world, keys, sale_of(world, (cup.number, 1), holder="V0001"))
    without = refusal_of(session, world, keys, sale_of(world, (cup.number, 1), holder="V0002"))
    receipt = do(session, world, keys, sale_of(world, (cup.number, 1), holder="v0001", pin=PIN))

    assert isinstance(asked, PinRequired)
    assert isinstance(without, PinMissing)
    assert receipt.redemption.identified_by is IdentifiedBy.NAME


def test_a_pay_code_needs_no_pin_and_works_once(
    session: Session, world: World, keys: CodeKeys
) -> None:
    cup = make_item(session, world, price=51)
    code = codes.pay_code(keys, world.community.community_id, world.alice.alias, NOON)
    sale = sale_of(world, (cup.number, 1), holder=code)

    first = do(session, world, keys, sale)
    retry = do(session, world, keys, sale)
    second = refusal_of(session, world, keys, sale_of(world, (cup.number, 1), holder=code))

    assert first.redemption.identified_by is IdentifiedBy.PAY_CODE
    assert retry.redemption.id == first.redemption.id
    assert isinstance(second, errors.PayCodeUsed)


@pytest.mark.parametrize(("seconds", "is_good"), [(0, True), (59, True), (60, False)])
def test_a_pay_code_lives_a_minute(
    session: Session, world: World, keys: CodeKeys, seconds: int, is_good: bool
) -> None:
    cup = make_item(session, world, price=1)
    code = codes.pay_code(keys, world.community.community_id, world.alice.alias, NOON)
    sale = sale_of(world, (cup.number, 1), holder=code)

    with clock.at(NOON + timedelta(seconds=seconds)):
        if is_good:
            assert do(session, world, keys, sale).redemption.total_points == 1
        else:
            assert isinstance(refusal_of(session, world, keys, sale), errors.PayCodeExpired)


def test_a_retry_after_the_pay_code_ran_out_still_gets_the_receipt(
    session: Session, world: World, keys: CodeKeys
) -> None:
    cup = make_item(session, world, price=1)
    code = codes.pay_code(keys, world.community.community_id, world.alice.alias, NOON)
    sale = sale_of(world, (cup.number, 1), holder=code)
    first = do(session, world, keys, sale)

    with clock.at(NOON + timedelta(minutes=10)):
        again = do(session, world, keys, sale)

    assert again.redemption.id == first.redemption.id


def test_a_ticket_carries_a_pay_code_over_its_minute_but_not_over_half_an_hour(
    session: Session, world: World, keys: CodeKeys
) -> None:
    cup = make_item(session, world, price=51)
    code = codes.pay_code(keys, world.community.community_id, world.alice.alias, NOON)
    ticket = identify(session, world.clerk, keys, scan=code).ticket

    with clock.at(NOON + TICKET_LIFETIME + timedelta(seconds=1)):
        late = refusal_of(session, world, keys, sale_of(world, (cup.number, 1), holder=ticket))
    with clock.at(NOON + timedelta(minutes=20)):
        receipt = do(session, world, keys, sale_of(world, (cup.number, 1), holder=ticket))
        reused = refusal_of(session, world, keys, sale_of(world, (cup.number, 1), holder=ticket))

    assert receipt.redemption.identified_by is IdentifiedBy.PAY_CODE
    assert isinstance(late, errors.PayCodeExpired)
    assert isinstance(reused, errors.PayCodeUsed)


def test_a_ticket_changed_by_one_letter_is_refused(
    session: Session, world: World, keys: CodeKeys
) -> None:
    cup = make_item(session, world)
    ticket = identify(session, world.clerk, keys, scan="V0001").ticket
    forged = ticket.replace(".name.", ".pay_code.")

    refusal = refusal_of(session, world, keys, sale_of(world, (cup.number, 1), holder=forged))

    assert isinstance(refusal, errors.ScanAgain)


def test_clerks_do_not_serve_themselves(session: Session, world: World, keys: CodeKeys) -> None:
    cup = make_item(session, world)
    alice_as_clerk = world.actor(world.alice, Role.CLERK)

    with pytest.raises(errors.OwnAccount):
        redeem(session, alice_as_clerk, keys, sale=sale_of(world, (cup.number, 1)))

    assert points_of(session, world.alice) == 120


def test_suspended_members_and_old_or_foreign_cards_are_refused(
    session: Session, world: World, keys: CodeKeys
) -> None:
    cup = make_item(session, world)
    other = make_world(session, code="A")
    sale = sale_of(world, (cup.number, 1))
    foreign = refusal_of(session, world, keys, replace(sale, holder=other.alice_card))
    cards.issue_card(session, world.system, world.alice.id)
    old = refusal_of(session, world, keys, sale)
    members.suspend(session, world.system, world.alice.id, reason="test")
    suspended = refusal_of(session, world, keys, replace(sale, holder="V0001", pin=PIN))

    assert isinstance(foreign, CardNotFound)
    assert isinstance(old, CardRevoked)
    assert isinstance(suspended, MemberSuspended)


def test_only_clerks_redeem(session: Session, world: World, keys: CodeKeys) -> None:
    cup = make_item(session, world)

    with pytest.raises(Refusal) as caught:
        redeem(session, world.pricer, keys, sale=sale_of(world, (cup.number, 1)))

    assert caught.value.code == "not_allowed"


@pytest.mark.parametrize("text", ["hello", "9999999999", "1000000000", "SZ0001", ""])
def test_what_is_no_code_is_shown_as_it_came(
    session: Session, world: World, keys: CodeKeys, text: str
) -> None:
    with pytest.raises(errors.CodeNotUnderstood) as caught:
        identify(session, world.clerk, keys, scan=text)

    assert caught.value.details == {"text": text}


def test_a_card_scanned_full_width_is_read(session: Session, world: World, keys: CodeKeys) -> None:
    full_width = "".join(chr(ord(digit) + 0xFEE0) for digit in world.alice_card)

    assert identify(session, world.clerk, keys, scan=full_width).member.id == world.alice.id
