"""Who stands at the till: card, PIN, pay code, ticket, name."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy.orm import Session

from ledger import clock
from ledger.errors import Refusal
from tests.shop.makers import (
    NOON,
    PIN,
    World,
    fresh,
    give_points,
    make_item,
    make_world,
    points_of,
)
from tests.shop.sales import do, refusal_of, sale_of
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
from timebank.shop.identity import TICKET_LIFETIME, identify
from timebank.shop.refunds import refund
from timebank.shop.sale_models import IdentifiedBy
from timebank.shop.till import redeem


def test_a_card_asks_for_the_pin_above_the_limit_only(
    session: Session, world: World, keys: CodeKeys
) -> None:
    cup = make_item(session, world, price=50)
    dear = make_item(session, world, name="围巾", price=51)

    refusal = refusal_of(session, world, keys, sale_of(world, (dear.number, 1)))
    at_limit = do(session, world, keys, sale_of(world, (cup.number, 1)))

    assert at_limit.redemption.total_points == 50
    assert isinstance(refusal, PinRequired)


def test_a_basket_split_in_two_asks_for_the_pin_all_the_same(
    session: Session, world: World, keys: CodeKeys
) -> None:
    cup = make_item(session, world, price=25, pieces=9)
    soap = make_item(session, world, name="香皂", price=1)
    for _ in range(2):
        do(session, world, keys, sale_of(world, (cup.number, 1)))

    refusal = refusal_of(session, world, keys, sale_of(world, (soap.number, 1)))
    with_pin = do(session, world, keys, sale_of(world, (soap.number, 1), pin=PIN))
    with clock.at(NOON + timedelta(hours=12)):
        tomorrow = do(session, world, keys, sale_of(world, (cup.number, 2)))

    assert isinstance(refusal, PinRequired)
    assert (with_pin.redemption.total_points, tomorrow.redemption.total_points) == (1, 50)


def test_pay_codes_and_returned_goods_do_not_count_towards_the_pin(
    session: Session, world: World, keys: CodeKeys
) -> None:
    cup = make_item(session, world, price=50)
    code = codes.pay_code(keys, world.community.community_id, world.alice.alias, NOON)
    do(session, world, keys, sale_of(world, (cup.number, 1), holder=code))
    brought_back = do(session, world, keys, sale_of(world, (cup.number, 1)))
    refund(
        session,
        world.clerk,
        receipt_number=brought_back.redemption.receipt_number,
        reason="torn",
        nonce=fresh(),
    )

    receipt = do(session, world, keys, sale_of(world, (cup.number, 1)))

    assert receipt.redemption.total_points == 50


def test_a_locked_pin_stops_a_card_above_the_limit_only(
    session: Session, world: World, keys: CodeKeys
) -> None:
    cup = make_item(session, world, price=50)
    world.alice.pin_failed_count = 5

    do(session, world, keys, sale_of(world, (cup.number, 1)))
    refusal = refusal_of(session, world, keys, sale_of(world, (cup.number, 1), pin=PIN))

    assert isinstance(refusal, PinLocked)


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
