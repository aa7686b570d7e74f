"""The worth of the stock, the shop window, and what makers are told."""

from datetime import date, timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from ledger import clock, reports
from ledger.errors import NotAllowed
from tests.shop.keeping import hand_over, put_by
from tests.shop.makers import NOON, World, fresh, make_item, make_world
from tests.shop.sales import do, sale_of
from timebank.codes import CodeKeys
from timebank.messages.models import Message, MessageKind
from timebank.shop.goods import ItemDetails, add_item, list_prices, set_price
from timebank.shop.models import Item, ValueBasis
from timebank.shop.refunds import refund
from timebank.shop.valuation import Worth, value_stock
from timebank.shop.window import Wanted, read_window

FRIDAY = date(2026, 11, 20)


def priced(session: Session, world: World, item: Item, points: int | None, fen: int | None) -> None:
    set_price(
        session,
        world.pricer,
        item_number=item.number,
        price_points=points,
        price_fen=fen,
        basis=ValueBasis.COUNCIL,
    )


# ---------------------------------------------------------------- worth


def test_the_sums_are_the_ledgers_own(session: Session, world: World, keys: CodeKeys) -> None:
    cup, scarf = make_item(session, world), make_item(session, world, name="围巾", price=30)
    priced(session, world, scarf, 30, 2550)
    make_item(session, world, name="没定价", price=None, pieces=2)
    do(session, world, keys, sale_of(world, (cup.number, 2)))

    found = value_stock(session, world.pricer, on=FRIDAY)

    assert found.total == Worth(3 + 5 + 2, 3 * 12 + 5 * 30, 5 * 2550)
    assert found.by_category == {"": found.total}
    shelves = [
        minor
        for account, minor in reports.trial_balance(session, world.community.community_id)
        if account.code.endswith(":Stock")
    ]
    assert sum(shelves) == found.total.pieces


def test_a_past_day_has_its_own_pieces_and_prices(session: Session, world: World) -> None:
    cup = make_item(session, world)
    with clock.at(NOON + timedelta(days=1)):
        priced(session, world, cup, 20, None)
        make_item(session, world, name="围巾")

        days = [FRIDAY - timedelta(days=1), FRIDAY, FRIDAY + timedelta(days=1)]
        worths = [value_stock(session, world.pricer, on=on).total for on in days]

    assert worths == [Worth(0, 0, 0), Worth(5, 60, 0), Worth(10, 160, 0)]


def test_another_communitys_stock_is_not_counted(session: Session, world: World) -> None:
    make_item(session, make_world(session, code="A"))

    assert value_stock(session, world.pricer, on=FRIDAY).items == []
    with pytest.raises(NotAllowed):
        value_stock(session, world.clerk, on=FRIDAY)


# ---------------------------------------------------------------- the window


def named(session: Session, world: World, **wanted: object) -> tuple[list[str], list[str]]:
    found = read_window(session, world.actor(world.alice), wanted=Wanted(**wanted))  # type: ignore[arg-type]  # as a test writes it
    on_shelf = [entry.item.name for entry in found.on_shelf]
    return on_shelf, [entry.item.name for entry in found.sold_out]


def test_the_window_is_searched_by_name_category_and_maker(session: Session, world: World) -> None:
    with clock.at(NOON - timedelta(days=8)):
        make_item(session, world, name="旧杯垫")
    details = ItemDetails(name="毛线帽", category="编织", maker_number=world.bob.number)
    hat = add_item(session, world.clerk, details=details, nonce=fresh())
    priced(session, world, hat, None, 100)
    make_item(session, world, name="围巾", pieces=0)
    make_item(session, world, name="没定价", price=None)

    assert named(session, world) == (["旧杯垫"], ["围巾", "毛线帽"])
    assert named(session, world, text="鲍") == ([], ["毛线帽"])
    assert named(session, world, category="编织") == ([], ["毛线帽"])
    assert named(session, world, is_new=True) == ([], ["围巾", "毛线帽"])
    assert named(session, world, text="%") == ([], [])


def test_every_price_is_remembered(session: Session, world: World) -> None:
    cup = make_item(session, world)
    priced(session, world, cup, 20, 999)

    prices = list_prices(session, world.actor(world.alice), item_number=cup.number)

    assert [(price.price_points, price.price_fen) for price in prices] == [(20, 999), (12, None)]


# ---------------------------------------------------------------- what makers are told


def told(session: Session) -> list[tuple[str, str]]:
    rows = session.scalars(sa.select(Message).where(Message.kind == MessageKind.GOODS_GONE))
    return [(row.facts["title"], row.facts["on"]) for row in rows]


def test_a_maker_is_told_once_per_line_and_nobody_is_named(
    session: Session, world: World, keys: CodeKeys
) -> None:
    cup = make_item(session, world, maker=world.bob)
    plain = make_item(session, world, name="围巾")
    sale = sale_of(world, (cup.number, 2), (plain.number, 1))
    for _ in range(2):
        do(session, world, keys, sale)
    hand_over(session, world, keys, put_by(session, world, cup))
    refund(session, world.clerk, receipt_number=1, reason="小了", nonce=fresh())

    assert told(session) == [("布艺杯垫", "2026-11-20")] * 2
    message = session.scalars(sa.select(Message)).first()
    assert message is not None
    assert message.member_id == world.bob.id
    assert world.alice.name not in str(message.facts)


def test_who_buys_their_own_is_told_nothing(session: Session, world: World, keys: CodeKeys) -> None:
    cup = make_item(session, world, maker=world.alice)

    do(session, world, keys, sale_of(world, (cup.number, 1)))

    assert told(session) == []
