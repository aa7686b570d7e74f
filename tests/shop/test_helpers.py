"""Helpers at the till, limits of a month and of a household, and baskets put aside."""

from datetime import timedelta

import pytest
from sqlalchemy.orm import Session

from ledger import clock
from tests.shop.drawers import open_till
from tests.shop.makers import (
    NOON,
    PIN,
    World,
    fresh,
    give_points,
    make_cash_item,
    make_item,
    make_world,
)
from tests.shop.sales import do, findings, refusal_of, sale_of
from timebank.actors import Role
from timebank.codes import CodeKeys
from timebank.errors import Refusal
from timebank.people import helpers, households
from timebank.shop.basket import Line
from timebank.shop.held import HELD_MAX, Aside, hold, list_held, take_up
from timebank.shop.sale_models import PaysWith

TODAY = NOON.date()


@pytest.fixture(autouse=True)
def open_tills(session: Session, world: World) -> None:
    for till_number in (1, 2):
        open_till(session, world, till_number=till_number, float_fen=0)


def agree(session: Session, world: World) -> None:
    helpers.agree(
        session,
        world.pricer,
        member_id=world.alice.id,
        helper_id=world.bob.id,
        agreed_on=TODAY,
    )


# ---------------------------------------------------------------- helpers


def test_both_names_stand_on_the_receipt(session: Session, world: World, keys: CodeKeys) -> None:
    cup = make_item(session, world, price=12)
    agree(session, world)

    receipt = do(session, world, keys, sale_of(world, (cup.number, 1), helper="V0002"))

    assert (receipt.member, receipt.helper) == (world.alice, world.bob)
    assert receipt.redemption.helper_member_id == world.bob.id
    assert findings(session, world) == []


def test_a_helper_without_consent_is_refused(
    session: Session, world: World, keys: CodeKeys
) -> None:
    cup = make_item(session, world, price=12)
    sale = sale_of(world, (cup.number, 1), helper="V0002")

    assert refusal_of(session, world, keys, sale).code == "helper_not_agreed"
    agree(session, world)
    row = helpers.list_agreed(session, world.pricer, member_id=world.alice.id)[0].row
    helpers.end(session, world.pricer, helper_row_id=row.id)
    assert refusal_of(session, world, keys, sale).code == "helper_not_agreed"


def test_agreement_holds_one_way_only(session: Session, world: World, keys: CodeKeys) -> None:
    cup = make_item(session, world, price=12)
    agree(session, world)
    sale = sale_of(world, (cup.number, 1), holder="V0002", helper="V0001", pin=PIN)

    assert refusal_of(session, world, keys, sale).code == "helper_not_agreed"


def test_a_clerk_helps_at_another_clerks_till_only(
    session: Session, world: World, keys: CodeKeys
) -> None:
    cup = make_item(session, world, price=12)
    helpers.agree(
        session,
        world.pricer,
        member_id=world.alice.id,
        helper_id=world.clara.id,
        agreed_on=TODAY,
    )
    sale = sale_of(world, (cup.number, 1), helper="V0003")

    assert refusal_of(session, world, keys, sale).code == "own_account"


def test_a_helper_needs_a_member_and_the_members_pin_above_the_limit(
    session: Session, world: World, keys: CodeKeys
) -> None:
    agree(session, world)
    quilt, scarf = make_item(session, world, price=51), make_cash_item(session, world)
    of_nobody = sale_of(world, (scarf.number, 1), holder="", helper="V0002")
    dear = sale_of(world, (quilt.number, 1), helper="V0002")

    assert refusal_of(session, world, keys, of_nobody).code == "helper_needs_member"
    assert refusal_of(session, world, keys, dear).code == "pin_required"


@pytest.mark.parametrize(
    ("member", "helper", "days", "code"),
    [
        ("alice", "alice", 0, "helps_themself"),
        ("wen", "bob", 0, "recorded_by_one_of_two"),
        ("alice", "wen", 0, "recorded_by_one_of_two"),
        ("alice", "bob", 1, "agreed_too_late"),
    ],
)
def test_staff_who_is_neither_writes_an_agreement_down(
    session: Session, world: World, member: str, helper: str, days: int, code: str
) -> None:
    with pytest.raises(Refusal) as caught:
        helpers.agree(
            session,
            world.pricer,
            member_id=getattr(world, member).id,
            helper_id=getattr(world, helper).id,
            agreed_on=TODAY + timedelta(days=days),
        )

    assert caught.value.code == code


def test_an_agreement_is_written_down_once_and_by_staff(session: Session, world: World) -> None:
    agree(session, world)

    with pytest.raises(Refusal) as caught:
        agree(session, world)
    assert caught.value.code == "already_helper"
    with pytest.raises(Refusal) as caught:
        helpers.list_agreed(session, world.clerk, member_id=world.alice.id)
    assert caught.value.code == "not_allowed"


# ---------------------------------------------------------------- limits


def test_a_month_has_its_limit(session: Session, world: World, keys: CodeKeys) -> None:
    world.community.redeem_points_per_month_max = 24
    cup = make_item(session, world, price=12)
    with clock.at(NOON - timedelta(days=19)):
        do(session, world, keys, sale_of(world, (cup.number, 1)))
    do(session, world, keys, sale_of(world, (cup.number, 1)))

    refusal = refusal_of(session, world, keys, sale_of(world, (cup.number, 1)))
    assert (refusal.code, refusal.details) == ("month_limit_reached", {"needed": 12, "left": 0})
    with clock.at(NOON + timedelta(days=11)):
        assert do(session, world, keys, sale_of(world, (cup.number, 1))).redemption.total_points


def test_a_household_has_its_limit_together(session: Session, world: World, keys: CodeKeys) -> None:
    world.community.household_points_per_month_max = 24
    world.bob.pin_hash = world.alice.pin_hash
    give_points(session, world, world.bob, 100)
    cup = make_item(session, world, price=12)
    home = households.found(
        session, world.pricer, label="3栋501", member_id=world.alice.id, nonce=fresh()
    )
    households.join(session, world.pricer, household_id=home.household.id, member_id=world.bob.id)
    do(session, world, keys, sale_of(world, (cup.number, 1)))
    of_bob = sale_of(world, (cup.number, 1), holder="V0002", pin=PIN)
    do(session, world, keys, of_bob)

    refusal = refusal_of(session, world, keys, sale_of(world, (cup.number, 1)))

    assert (refusal.code, refusal.details) == ("household_limit_reached", {"needed": 12, "left": 0})
    households.leave(session, world.pricer, household_id=home.household.id, member_id=world.bob.id)
    assert do(session, world, keys, sale_of(world, (cup.number, 1))).redemption.total_points == 12


def test_a_member_lives_in_one_household(session: Session, world: World) -> None:
    first = households.found(
        session, world.pricer, label="3栋501", member_id=world.alice.id, nonce="one"
    )
    again = households.found(
        session, world.pricer, label="3栋501", member_id=world.alice.id, nonce="one"
    )

    assert first.household.id == again.household.id
    with pytest.raises(Refusal) as caught:
        households.found(session, world.pricer, label="别处", member_id=world.alice.id, nonce="two")
    assert caught.value.code == "in_another_household"
    with pytest.raises(Refusal) as caught:
        households.look_at(session, world.clerk, member_id=world.alice.id)
    assert caught.value.code == "not_allowed"


# ---------------------------------------------------------------- baskets put aside


def test_a_basket_waits_for_any_clerk_and_is_taken_up_once(session: Session, world: World) -> None:
    cup = make_item(session, world, price=12)
    lines = (Line(cup.number, 2, seen_points=12, pays_with=PaysWith.CASH),)
    held = hold(session, world.clerk, aside=Aside(lines, ticket="M.x", label="爱丽丝"), nonce="n")
    again = hold(session, world.clerk, aside=Aside(lines, ticket="M.x", label="爱丽丝"), nonce="n")
    another = world.actor(world.wen, Role.CLERK)

    taken = take_up(session, another, held_id=held.id)

    assert held.id == again.id
    assert taken.lines == (Line(cup.number, 2, pays_with=PaysWith.CASH),)
    assert (taken.ticket, taken.label, list_held(session, another)) == ("M.x", "爱丽丝", [])
    assert held.content["ticket"] == ""
    with pytest.raises(Refusal) as caught:
        take_up(session, another, held_id=held.id)
    assert caught.value.code == "held_not_found"


def test_another_basket_under_its_number_and_one_too_many_are_refused(
    session: Session, world: World
) -> None:
    cup = make_item(session, world, price=12)
    for count in range(HELD_MAX):
        hold(session, world.clerk, aside=Aside((Line(cup.number, 1),)), nonce=f"n{count}")

    for nonce, code in (("n0", "nonce_reused"), ("more", "too_many_held")):
        with pytest.raises(Refusal) as caught:
            hold(session, world.clerk, aside=Aside((Line(cup.number, 2),)), nonce=nonce)
        assert caught.value.code == code


def test_a_basket_of_another_community_is_not_there(session: Session, world: World) -> None:
    cup = make_item(session, world, price=12)
    held = hold(session, world.clerk, aside=Aside((Line(cup.number, 1),)), nonce=fresh())
    elsewhere = make_world(session, code="E").clerk

    with pytest.raises(Refusal) as caught:
        take_up(session, elsewhere, held_id=held.id)
    assert caught.value.code == "held_not_found"
    assert list_held(session, elsewhere) == []
