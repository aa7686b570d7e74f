"""Workshop sessions: wholly or not at all, one donation per maker, limits and prices as ever."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from ledger import verification
from ledger.errors import Refusal
from tests.shop.makers import World, fresh, make_item, points_of, stock_of
from timebank.actors import Actor, Role
from timebank.shop.goods import ItemDetails, set_price
from timebank.shop.models import Donation, IntakeChoice, Item, ValueBasis
from timebank.shop.stock_models import IntakeBatch
from timebank.shop.workshops import (
    Made,
    WorkshopForm,
    list_batches,
    read_batch_lines,
    record_workshop,
)

FRIDAY = date(2026, 11, 20)
DONATE, EXCHANGE = IntakeChoice.DONATE, IntakeChoice.EXCHANGE


def form_of(goods: int | ItemDetails, *rows: Made) -> WorkshopForm:
    return WorkshopForm(FRIDAY, "十一月手工活动", "活动室", goods, rows, fresh())


def code_of(session: Session, actor: Actor, form: WorkshopForm) -> str:
    with pytest.raises(Refusal) as refused, session.begin_nested():
        record_workshop(session, actor, form=form)
    return refused.value.code


def test_many_makers_come_in_with_one_form(session: Session, world: World) -> None:
    cup = make_item(session, world, pieces=0)
    form = form_of(
        cup.number, Made(world.alice.number, 3, DONATE), Made(world.bob.number, 2, EXCHANGE)
    )

    batch = record_workshop(session, world.clerk, form=form)
    again = record_workshop(session, world.clerk, form=form)

    assert (stock_of(session, cup), points_of(session, world.bob)) == (5, 24)
    assert batch.id == again.id
    told = [
        (member and member.name, gift.points)
        for gift, _, member in read_batch_lines(session, batch)
    ]
    assert told == [("爱丽丝", 0), ("鲍勃", 24)]
    assert [(rows, pieces) for _, rows, pieces in list_batches(session, world.clerk)] == [(2, 5)]
    assert verification.verify(session) == []


def test_a_new_kind_waits_for_its_price(session: Session, world: World) -> None:
    form = form_of(ItemDetails(name="中国结"), Made(world.alice.number, 3, DONATE))

    record_workshop(session, world.clerk, form=form)

    knot = session.scalars(sa.select(Item)).one()
    assert (knot.name, knot.price_points, stock_of(session, knot)) == ("中国结", None, 3)


def test_one_wrong_row_leaves_nothing(session: Session, world: World) -> None:
    cup = make_item(session, world, pieces=0)
    fine = Made(world.alice.number, 1, DONATE)
    receiver = Made(world.clara.number, 1, DONATE)
    pricer = Made(world.wen.number, 1, EXCHANGE)
    greedy = Made(world.bob.number, 42, EXCHANGE)

    codes = [
        code_of(session, world.clerk, form_of(cup.number, fine, row))
        for row in (receiver, pricer, greedy, Made(9999, 1, DONATE), replace(fine, piece_count=2))
    ]

    assert codes == [
        "receiver_is_donor",
        "maker_never_prices",
        "exchange_limit_reached",
        "member_not_found",
        "row_repeats",
    ]
    assert stock_of(session, cup) == 0
    counts = sa.select(sa.func.count())
    assert session.scalar(counts.select_from(IntakeBatch)) == 0
    assert session.scalar(counts.select_from(Donation)) == 0


def test_an_exchange_just_within_the_limit_is_paid(session: Session, world: World) -> None:
    cup = make_item(session, world, pieces=0, price=10)
    form = form_of(cup.number, Made(world.bob.number, 50, EXCHANGE))

    record_workshop(session, world.clerk, form=form)

    assert points_of(session, world.bob) == 500
    over = form_of(cup.number, Made(world.bob.number, 1, EXCHANGE))
    assert code_of(session, world.clerk, over) == "exchange_limit_reached"


def test_who_exchanged_pieces_never_prices_them(session: Session, world: World) -> None:
    cup = make_item(session, world, pieces=0)
    form = form_of(cup.number, Made(world.bob.number, 1, EXCHANGE))
    record_workshop(session, world.clerk, form=form)

    with pytest.raises(Refusal) as refused:
        set_price(
            session,
            world.actor(world.bob, Role.SOCIAL_WORKER),
            item_number=cup.number,
            price_points=400,
            basis=ValueBasis.COUNCIL,
        )

    assert refused.value.code == "maker_never_prices"


def test_what_the_form_says_is_checked(session: Session, world: World) -> None:
    cup = make_item(session, world)
    theirs = make_item(session, world, maker=world.bob)
    form = form_of(cup.number, Made(world.alice.number, 1, DONATE))
    record_workshop(session, world.clerk, form=form)
    fresh_form = replace(form, nonce=fresh())

    codes = [
        code_of(session, world.clerk, changed)
        for changed in (
            replace(fresh_form, title=" "),
            replace(fresh_form, held_on=FRIDAY + timedelta(days=1)),
            replace(fresh_form, rows=()),
            replace(fresh_form, rows=tuple(Made(number, 1, DONATE) for number in range(1, 62))),
            replace(fresh_form, goods=999),
            replace(fresh_form, goods=theirs.number),
            replace(form, held_on=FRIDAY - timedelta(days=1)),
            replace(form, rows=(Made(world.alice.number, 2, DONATE),)),
        )
    ]

    assert codes == [
        *("title_invalid", "day_in_future", "rows_invalid", "rows_invalid", "item_not_found"),
        *("maker_differs", "nonce_reused", "nonce_reused"),
    ]
    assert code_of(session, world.actor(world.alice), fresh_form) == "not_allowed"
