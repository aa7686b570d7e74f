"""Pages of reservations: the volunteer's question and list, the clerk's block at the till."""

import re
from collections.abc import Iterator
from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from ledger import clock
from ledger.database import Database
from tests.makers import make_sign_in
from tests.shop.makers import NOON, PIN, World, fresh, make_item, make_world, points_of
from tests.statements import counted
from tests.visitors import csrf_token, sign_in
from tests.web.test_till_pages import Till, label
from timebank import codes
from timebank.people.models import Member
from timebank.shop.models import Item
from timebank.shop.reservations import list_own, reserve
from timebank.shop.reserved import Reserved

HIDDEN = re.compile(r'<input type="hidden" name="(nonce|quantity|total)" value="([^"]*)">')
HOME_STATEMENTS_MAX = 12
TILL_STATEMENTS_MAX = 16
AFTERWARDS = NOON + timedelta(days=4)


@pytest.fixture(autouse=True)
def noon() -> Iterator[None]:
    with clock.at(NOON):
        yield


@pytest.fixture
def world(database: Database) -> World:
    with database.begin() as session:
        return make_world(session)


@pytest.fixture
def cup(database: Database, world: World) -> Item:
    with database.begin() as session:
        return make_item(session, world, name="布艺杯垫", price=12, pieces=3)


def signed_in(client: FlaskClient, database: Database, member: Member) -> FlaskClient:
    with database.begin() as session:
        who = make_sign_in(session, member)
    return sign_in(client, who)


@pytest.fixture
def alice(client: FlaskClient, database: Database, world: World) -> FlaskClient:
    return signed_in(client, database, world.alice)


@pytest.fixture
def till(client: FlaskClient, database: Database, world: World) -> Till:
    return Till(signed_in(client, database, world.clara), world)


def text_of(client: FlaskClient, path: str) -> str:
    return client.get(path).get_data(as_text=True)


def filled_in(client: FlaskClient, item: Item, quantity: int = 1) -> dict[str, str]:
    """Open the question; return what its button would send."""
    path = f"/me/shop/{item.number}/reserve"
    fields = dict(HIDDEN.findall(text_of(client, f"{path}?quantity={quantity}")))
    return {**fields, "csrf_token": csrf_token(client, path)}


def press(client: FlaskClient, item: Item, fields: dict[str, str]) -> TestResponse:
    return client.post(f"/me/shop/{item.number}/reserve", data=fields)


def put_by(database: Database, world: World, item: Item, quantity: int = 1) -> Reserved:
    with database.begin() as session:
        return reserve(
            session,
            world.actor(world.alice),
            item_number=item.number,
            quantity=quantity,
            nonce=fresh(),
        )


def states(database: Database, world: World) -> list[str]:
    with database.reading() as session:
        return [one.state.value for one in list_own(session, world.actor(world.alice))]


def alice_has(database: Database, world: World) -> int:
    with database.reading() as session:
        return points_of(session, world.alice)


# ---------------------------------------------------------------- the volunteer


def test_the_question_shows_price_time_and_what_is_left(alice: FlaskClient, cup: Item) -> None:
    item = text_of(alice, f"/me/shop/{cup.number}")
    page = text_of(alice, f"/me/shop/{cup.number}/reserve?quantity=2")

    assert f"/me/shop/{cup.number}/reserve" in item
    assert "2 × 12" in page
    assert '<span class="num">24<span class="unit">分' in page
    assert '<span class="num">96<span class="unit">分' in page
    assert "11月23日" in page


def test_a_get_reserves_nothing(
    alice: FlaskClient, database: Database, world: World, cup: Item
) -> None:
    alice.get(f"/me/shop/{cup.number}/reserve?quantity=2")

    assert states(database, world) == []


def test_the_button_reserves_once_however_often_it_is_pressed(
    alice: FlaskClient, database: Database, world: World, cup: Item
) -> None:
    fields = filled_in(alice, cup, 2)
    first, again = press(alice, cup, fields), press(alice, cup, fields)
    shown = text_of(alice, first.location)
    home = text_of(alice, "/me/")
    passbook = text_of(alice, "/me/statement/points")

    assert first.status_code == again.status_code == 303
    assert first.location == again.location
    assert "已为您留好" in shown
    assert "另有 24 积分已预留" in home
    assert "其中 24 积分已预留" in passbook
    assert states(database, world) == ["open"]


def test_the_shop_page_lists_it_and_takes_it_back(
    alice: FlaskClient, database: Database, world: World, cup: Item
) -> None:
    kept = put_by(database, world, cup, 3)
    window = text_of(alice, "/me/shop")
    path = f"/me/shop/reservations/{kept.reservation.id}/cancel"
    token = csrf_token(alice, "/me/shop")

    done = [alice.post(path, data={"csrf_token": token}) for _ in range(2)]
    after = text_of(alice, "/me/shop")

    assert "布艺杯垫 × 3" in window
    assert path in window
    assert "剩 3 件" not in window
    assert [answer.status_code for answer in done] == [303, 303]
    assert "已取消" in after
    assert "剩 3 件" in after
    assert states(database, world) == ["cancelled"]


def test_what_cannot_be_reserved_says_why_and_offers_no_button(
    alice: FlaskClient, database: Database, world: World, cup: Item
) -> None:
    with database.begin() as session:
        dear = make_item(session, world, name="围巾", price=200)
    page = alice.get(f"/me/shop/{dear.number}/reserve")
    many = text_of(alice, f"/me/shop/{cup.number}/reserve?quantity=99")

    assert page.status_code == 200
    assert "这单要 200 分" in page.get_data(as_text=True)
    assert "确认预留" not in page.get_data(as_text=True)
    assert "要 99 件，只剩 3 件" in many


@pytest.mark.parametrize("quantity", ["0", "-1", "1.5", "x", "1000", "九"])
def test_a_quantity_that_is_none_asks_for_one_that_is(
    alice: FlaskClient, database: Database, world: World, cup: Item, quantity: str
) -> None:
    asked = alice.get(f"/me/shop/{cup.number}/reserve?quantity={quantity}")
    sent = press(alice, cup, {**filled_in(alice, cup), "quantity": quantity})

    assert asked.status_code == 200
    assert sent.status_code == 422
    assert 'name="nonce"' in sent.get_data(as_text=True)
    assert states(database, world) == []


def test_a_price_of_the_browsers_own_is_refused(
    alice: FlaskClient, database: Database, world: World, cup: Item
) -> None:
    answer = press(alice, cup, {**filled_in(alice, cup), "total": "1"})

    assert answer.status_code == 422
    assert "12 分" in answer.get_data(as_text=True)
    assert states(database, world) == []


def test_sold_in_between_is_told(
    alice: FlaskClient, database: Database, world: World, cup: Item
) -> None:
    fields = filled_in(alice, cup)
    put_by(database, world, cup, 3)

    answer = press(alice, cup, fields)

    assert answer.status_code == 422
    assert "要 1 件，只剩 0 件" in answer.get_data(as_text=True)


def test_lapsed_it_says_so_everywhere_before_any_sweeper_came(
    client: FlaskClient, database: Database, world: World, cup: Item
) -> None:
    kept = put_by(database, world, cup, 3)
    address = f"/me/shop/reservations/{kept.reservation.id}"
    with clock.at(AFTERWARDS):
        who = signed_in(client, database, world.alice)
        shown, window, home = (text_of(who, path) for path in (address, "/me/shop", "/me/"))
        token = csrf_token(who, "/me/shop")
        cancelled = who.post(f"{address}/cancel", data={"csrf_token": token})

    assert "预留已过期" in shown
    assert "只保留到 11月23日" in window
    assert "剩 3 件" in window
    assert "已预留" not in home
    assert (cancelled.status_code, cancelled.location) == (303, address)


def test_nobody_sees_the_reservation_of_another(
    client: FlaskClient, database: Database, world: World, cup: Item
) -> None:
    kept = put_by(database, world, cup)
    bob = signed_in(client, database, world.bob)
    address = f"/me/shop/reservations/{kept.reservation.id}"
    token = csrf_token(bob, "/me/shop")

    assert bob.get(address).status_code == 404
    assert bob.post(f"{address}/cancel", data={"csrf_token": token}).status_code == 404
    assert states(database, world) == ["open"]


def test_the_home_page_costs_no_more_than_before(
    alice: FlaskClient, database: Database, world: World, cup: Item
) -> None:
    put_by(database, world, cup)
    text_of(alice, "/me/")
    with counted() as statements:
        text_of(alice, "/me/")

    assert 0 < len(statements) <= HOME_STATEMENTS_MAX, "\n".join(statements)


# ---------------------------------------------------------------- the till


def collecting(kept: Reserved) -> str:
    return f"collect-{kept.reservation.id.hex}"


def test_the_till_shows_what_is_kept_and_hands_it_over(
    till: Till, database: Database, world: World, cup: Item
) -> None:
    kept = put_by(database, world, cup, 2)
    panel = till.scan(world.alice_card)
    nonce = till.fields["nonce"]
    done = till.post(action=collecting(kept))
    page = till.read(done)
    receipt = till.read(till.client.get("/till/receipts/1"))

    assert "为 爱丽丝 留着" in panel
    assert "布艺杯垫 × 2" in panel
    assert done.status_code == 200
    assert "已兑换，余 96 积分" in page
    assert "为 爱丽丝 留着" not in page
    assert till.fields["nonce"] != nonce
    assert till.fields["ticket"]
    assert codes.receipt_digits(1) in receipt
    assert alice_has(database, world) == 96


def test_the_same_press_again_shows_the_receipt_again(
    till: Till, database: Database, world: World, cup: Item
) -> None:
    kept = put_by(database, world, cup)
    till.scan(world.alice_card)
    before = till.fields.copy()
    till.post(action=collecting(kept))
    till.fields = before
    again = till.post(action=collecting(kept))

    assert again.status_code == 200
    assert "已兑换，余 108 积分" in till.read(again)
    assert alice_has(database, world) == 108


def test_the_basket_stays_when_a_reservation_is_handed_over(
    till: Till, database: Database, world: World, cup: Item
) -> None:
    kept = put_by(database, world, cup)
    till.scan(world.alice_card)
    rows = till.scan(label(cup))
    till.post(action=collecting(kept))
    sold = till.post(action="finish")

    assert "已预留 布艺杯垫" in rows
    assert sold.status_code == 303
    assert alice_has(database, world) == 96


def test_found_by_name_the_hand_over_asks_for_the_pin(
    till: Till, database: Database, world: World, cup: Item
) -> None:
    kept = put_by(database, world, cup)
    panel = till.scan("V0001")
    asked = till.post(action=collecting(kept))
    wrong = till.read(till.post(action=collecting(kept), pin="1357"))
    right = till.post(action=collecting(kept), pin=PIN)

    assert 'name="pin"' in panel
    assert "data-asks-pin" in panel
    assert asked.status_code == 409
    assert f'data-focus="pin" data-waits="{collecting(kept)}"' in wrong
    assert right.status_code == 200
    assert alice_has(database, world) == 108


def test_a_pay_code_hands_over_one_and_then_leaves(
    till: Till, database: Database, world: World, cup: Item
) -> None:
    first, _ = put_by(database, world, cup), put_by(database, world, cup)
    till.scan(codes.pay_code(till_keys(till), cup.community_id, world.alice.alias, clock.now()))
    page = till.read(till.post(action=collecting(first)))

    assert "已兑换，余 96 积分" in page
    assert till.fields["ticket"] == ""
    assert states(database, world) == ["open", "collected"]


def till_keys(till: Till) -> codes.CodeKeys:
    return codes.CodeKeys(till.client.application.config["SECRET_KEY"].encode())


def test_the_shop_calls_a_reservation_off(
    till: Till, database: Database, world: World, cup: Item
) -> None:
    kept = put_by(database, world, cup)
    till.scan(world.alice_card)
    page = till.read(till.post(action=f"release-{kept.reservation.id.hex}"))

    assert "布艺杯垫 的预留已取消" in page
    assert states(database, world) == ["cancelled"]


def test_lapsed_in_the_clerks_hands_is_told(
    till: Till, database: Database, world: World, cup: Item
) -> None:
    kept = put_by(database, world, cup)
    end = kept.expires_at
    with clock.at(end - timedelta(minutes=1)):
        till.scan(world.alice_card)
    with clock.at(end + timedelta(minutes=1)):
        late = till.post(action=collecting(kept))

    assert late.status_code == 409
    assert "已经过期" in till.read(late)
    assert alice_has(database, world) == 120


def test_a_member_with_three_kept_costs_no_more_statements(
    till: Till, database: Database, world: World, cup: Item
) -> None:
    for _ in range(3):
        put_by(database, world, cup)
    with counted() as statements:
        till.scan(world.alice_card)

    assert 0 < len(statements) <= TILL_STATEMENTS_MAX, "\n".join(statements)
