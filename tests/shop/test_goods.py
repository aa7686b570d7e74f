"""Goods: numbers, texts, who prices, what stands on the shelf."""

from functools import partial
from uuid import uuid4

import pytest
from sqlalchemy import event
from sqlalchemy.orm import Session

from ledger.database import Database
from ledger.errors import NotAllowed
from tests.shop.makers import World, fresh, make_item, make_world
from timebank.actors import Role
from timebank.people.errors import MemberNotFound
from timebank.shop import errors
from timebank.shop.goods import (
    ItemDetails,
    add_item,
    edit_item,
    find_item,
    read_public_item,
    set_price,
)
from timebank.shop.models import PRICE_POINTS_MAX, ValueBasis
from timebank.shop.stock import find_goods, read_shelf, shop_window


def test_numbers_are_gapless_and_a_repeated_form_adds_nothing(
    session: Session, world: World
) -> None:
    nonce = fresh()

    first = add_item(session, world.clerk, details=ItemDetails(name="围巾"), nonce=nonce)
    again = add_item(session, world.clerk, details=ItemDetails(name="围巾"), nonce=nonce)
    second = add_item(session, world.clerk, details=ItemDetails(name="鞋垫"), nonce=fresh())

    assert (first.number, again.number, second.number) == (1, 1, 2)
    assert first.price_points is None


def test_the_maker_is_named_by_default_and_may_stay_unnamed(session: Session, world: World) -> None:
    by_bob = ItemDetails(name="围巾", maker_number=world.bob.number)
    gift = ItemDetails(name="围巾")

    assert add_item(session, world.clerk, details=by_bob, nonce=fresh()).maker_name == "鲍勃"
    assert add_item(session, world.clerk, details=gift, nonce=fresh()).maker_name == ""


@pytest.mark.parametrize("name", ["", "  ", "长" * 61, "a\0b"])
def test_a_name_has_1_to_60_characters(session: Session, world: World, name: str) -> None:
    with pytest.raises(errors.ItemInvalid) as caught:
        add_item(session, world.clerk, details=ItemDetails(name=name), nonce=fresh())

    assert caught.value.details == {"field": "name", "length_min": 1, "length_max": 60}


@pytest.mark.parametrize("name", ["长" * 60, "𠮷野家的碗", "<script>alert(1)</script>"])
def test_any_script_is_just_text(session: Session, world: World, name: str) -> None:
    assert (
        add_item(session, world.clerk, details=ItemDetails(name=name), nonce=fresh()).name == name
    )


def test_unknown_makers_and_photos_are_refused(session: Session, world: World) -> None:
    with pytest.raises(MemberNotFound):
        add_item(session, world.clerk, details=ItemDetails("碗", maker_number=77), nonce=fresh())
    with pytest.raises(errors.PhotoNotFound):
        add_item(session, world.clerk, details=ItemDetails("碗", photo_id=uuid4()), nonce=fresh())


def test_volunteers_neither_add_nor_price(session: Session, world: World) -> None:
    item = make_item(session, world)
    bob = world.actor(world.bob)

    with pytest.raises(NotAllowed):
        add_item(session, bob, details=ItemDetails(name="碗"), nonce=fresh())
    with pytest.raises(NotAllowed):
        set_price(session, bob, item_number=item.number, price_points=1, basis=ValueBasis.NOMINAL)


def test_clerks_do_not_price(session: Session, world: World) -> None:
    item = make_item(session, world, price=None)

    with pytest.raises(NotAllowed):
        set_price(
            session,
            world.clerk,
            item_number=item.number,
            price_points=1,
            basis=ValueBasis.NOMINAL,
        )


def test_the_maker_never_sets_the_price(session: Session, world: World) -> None:
    item = make_item(session, world, price=None, maker=world.bob)
    bob = world.actor(world.bob, Role.SOCIAL_WORKER)

    with pytest.raises(errors.MakerNeverPrices):
        set_price(session, bob, item_number=item.number, price_points=9, basis=ValueBasis.COUNCIL)

    assert find_item(session, world.clerk, item_number=item.number).price_points is None


@pytest.mark.parametrize(
    ("price", "is_good"), [(0, False), (1, True), (10_000, True), (10_001, False)]
)
def test_a_price_has_bounds(session: Session, world: World, price: int, is_good: bool) -> None:
    item = make_item(session, world, price=None)
    setting = partial(
        set_price,
        session,
        world.pricer,
        item_number=item.number,
        price_points=price,
        basis=ValueBasis.VOUCHER,
    )

    if is_good:
        assert setting().price_points == price
    else:
        with pytest.raises(errors.PriceInvalid) as caught:
            setting()
        assert caught.value.details == {
            "price_points_max": PRICE_POINTS_MAX,
            "price_yuan_max": 10_000,
        }


def test_a_price_needs_a_basis(session: Session, world: World) -> None:
    item = make_item(session, world, price=None)

    with pytest.raises(errors.PriceInvalid):
        set_price(
            session,
            world.pricer,
            item_number=item.number,
            price_points=5,
            basis=ValueBasis.UNVALUED,
        )


def test_texts_can_be_edited_and_the_member_stays_the_maker(session: Session, world: World) -> None:
    item = make_item(session, world, maker=world.bob)
    told = ItemDetails(name="杯垫", story="用旧衬衫缝的。", category="布艺", maker_name="鲍师傅")

    edited = edit_item(session, world.clerk, item_number=item.number, details=told)

    assert (edited.name, edited.story, edited.maker_name) == ("杯垫", "用旧衬衫缝的。", "鲍师傅")
    assert edited.maker_member_id == world.bob.id


def test_goods_of_another_community_are_not_there(session: Session, world: World) -> None:
    item = make_item(session, world)
    other = make_world(session, code="A")

    with pytest.raises(errors.ItemNotFound):
        find_item(session, other.clerk, item_number=item.number)
    with pytest.raises(errors.ItemNotFound):
        read_public_item(session, community_code="A", item_number=item.number)
    assert read_public_item(session, community_code="d", item_number=item.number)[0] == item


def test_the_window_shows_what_can_be_redeemed_now(session: Session, world: World) -> None:
    cup = make_item(session, world, pieces=2)
    make_item(session, world, name="没标价", price=None)
    make_item(session, world, name="卖完了", pieces=0)
    make_item(session, world, name="围巾", pieces=1)
    make_item(session, make_world(session, code="A"), name="别处的")

    shown = shop_window(session, world.actor(world.alice))

    assert [(entry.item.name, entry.available) for entry in shown] == [("围巾", 1), ("布艺杯垫", 2)]
    assert shown[1].item.number == cup.number


def test_the_shelf_lists_goods_without_a_price_first(session: Session, world: World) -> None:
    make_item(session, world, name="一")
    make_item(session, world, name="二", price=None)
    make_item(session, world, name="三")

    assert [entry.item.name for entry in read_shelf(session, world.pricer)] == ["二", "三", "一"]


def test_goods_are_found_by_a_part_of_the_name_taken_literally(
    session: Session, world: World
) -> None:
    make_item(session, world, name="100% 棉围巾")
    make_item(session, world, name="毛线围巾")

    assert [entry.item.name for entry in find_goods(session, world.clerk, text="0%")] == [
        "100% 棉围巾"
    ]


def test_a_list_takes_the_same_statements_however_long(
    database: Database, session: Session, world: World
) -> None:
    counted: list[str] = []
    event.listen(
        database.engine, "before_cursor_execute", lambda *call: counted.append(str(call[2]))
    )
    make_item(session, world)
    counted.clear()
    shop_window(session, world.clerk)
    with_one = len(counted)
    for _ in range(4):
        make_item(session, world)
    counted.clear()
    shop_window(session, world.clerk)

    assert (with_one, len(counted)) == (2, 2)
