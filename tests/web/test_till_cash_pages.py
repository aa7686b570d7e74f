"""The till's page for cash, swaps, helpers and waiting baskets; returns by piece; own receipts."""

import re

import pytest
from flask.testing import FlaskClient
from werkzeug.datastructures import MultiDict
from werkzeug.test import TestResponse

from ledger import clock
from ledger.database import Database
from tests.makers import make_sign_in
from tests.shop.drawers import open_till
from tests.shop.makers import NOON, World, fen_in, make_cash_item, make_item, make_world, stock_of
from tests.visitors import csrf_token, sign_in
from timebank import codes
from timebank.people import helpers
from timebank.shop.models import Item

FIELDS = re.compile(r'<input type="hidden" name="([a-z_]+)" value="([^"]*)">')


@pytest.fixture(autouse=True)
def noon() -> object:
    with clock.at(NOON):
        yield


@pytest.fixture
def world(database: Database) -> World:
    with database.begin() as session:
        made = make_world(session)
        open_till(session, made, float_fen=0)
        return made


@pytest.fixture
def scarf(database: Database, world: World) -> Item:
    with database.begin() as session:
        return make_cash_item(session, world, price=20, price_fen=1250)


@pytest.fixture
def bag(database: Database, world: World) -> Item:
    with database.begin() as session:
        return make_item(session, world, name="布袋", price=6, pieces=0)


class Till:
    """A clerk at the page without JavaScript."""

    def __init__(self, client: FlaskClient) -> None:
        self.client = client
        self.fields = MultiDict[str, str]()
        self.text = ""
        self.keep(client.get("/till/"))

    def keep(self, answer: TestResponse) -> str:
        self.text = answer.get_data(as_text=True)
        self.fields = MultiDict(FIELDS.findall(self.text))
        return self.text

    def press(self, action: str, **fields: str) -> str:
        data = self.fields.copy()
        for name, value in {"action": action, **fields}.items():
            data[name] = value
        answer = self.client.post("/till/", data=data)
        if answer.status_code == 303:
            return self.keep(self.client.get(answer.location))
        return self.keep(answer)

    def scan(self, text: str) -> str:
        return self.press("scan", scan=text)


@pytest.fixture
def clerk(client: FlaskClient, database: Database, world: World) -> FlaskClient:
    with database.begin() as session:
        who = make_sign_in(session, world.clara)
    return sign_in(client, who)


@pytest.fixture
def till(clerk: FlaskClient) -> Till:
    return Till(clerk)


def label(item: Item) -> str:
    return codes.goods_digits(item.number)


def test_a_buyer_without_a_card_pays_in_cash_and_gets_change(
    till: Till, database: Database, world: World, scarf: Item
) -> None:
    rows = till.scan(label(scarf))
    done = till.press("finish", tendered="２０")

    assert "12.50 元" in rows
    assert "请刷卡" not in rows
    assert "找零 7.50 元" in done
    with database.reading() as session:
        assert fen_in_reading(session, world) == 1250


def fen_in_reading(session: object, world: World) -> int:
    return fen_in(session, world)  # type: ignore[arg-type]  # the account is there already


@pytest.mark.parametrize(
    ("given", "said"), [("12.49", "12.50"), ("12.505", "0.01"), ("abc", "0.01")]
)
def test_too_little_and_what_is_no_amount_are_refused(
    till: Till, scarf: Item, given: str, said: str
) -> None:
    till.scan(label(scarf))

    refused = till.press("finish", tendered=given)

    assert 'data-focus="tendered"' in refused
    assert said in refused
    assert f'value="{given}"' in refused


def test_a_row_is_switched_between_points_and_cash(till: Till, world: World, scarf: Item) -> None:
    till.scan(world.alice_card)
    till.scan(label(scarf))
    in_points = till.fields.getlist("total")[0], till.fields.getlist("total_fen")[0]
    till.press("switch")
    in_cash = till.fields.getlist("total")[0], till.fields.getlist("total_fen")[0]
    till.press(f"switch-{scarf.number}")

    assert (in_points, in_cash) == (("20", "0"), ("0", "1250"))
    assert till.fields["row"] == f"{scarf.number}:1:20:1250:p"


def test_goods_brought_in_are_taken_off(
    till: Till, database: Database, world: World, scarf: Item, bag: Item
) -> None:
    till.scan(world.alice_card)
    till.scan(label(scarf))
    till.scan(label(bag))
    shown = till.press("swap")
    done = till.press("finish")
    receipt = till.client.get("/till/receipts/1").get_data(as_text=True)

    assert "−6 积分" in shown
    assert "余 106 积分" in done
    assert "带来：布袋" in receipt
    with database.reading() as session:
        assert (stock_of(session, scarf), stock_of(session, bag)) == (4, 1)


def test_an_agreed_helpers_card_after_the_members_names_both(
    till: Till, database: Database, world: World, scarf: Item
) -> None:
    without = till.scan(world.alice_card)
    refused = till.press("helper", scan="V0002")
    with database.begin() as session:
        helpers.agree(
            session,
            world.pricer,
            member_id=world.alice.id,
            helper_id=world.bob.id,
            agreed_on=NOON.date(),
        )
    till.press("helper")
    accepted = till.scan("V0002")
    till.scan(label(scarf))
    done = till.press("finish")

    assert "代来" not in without
    assert "没有同意" in refused
    assert "鲍勃代来" in accepted
    assert "鲍勃代来" in done


def test_a_basket_waits_while_another_is_served(till: Till, world: World, scarf: Item) -> None:
    till.scan(world.alice_card)
    till.scan(label(scarf))
    waiting = till.press("hold")
    key = re.search(r'value="(take-[0-9a-f]{32})"', waiting)
    assert key is not None
    rows_between = till.fields.getlist("row")
    back = till.press(key[1])

    assert "爱丽丝" in waiting
    assert rows_between == []
    assert till.fields["row"] == f"{scarf.number}:1:20:1250:"
    assert "爱丽丝" in back
    assert key[1] not in back


def test_pieces_come_back_one_by_one(
    till: Till, database: Database, world: World, scarf: Item
) -> None:
    till.scan(label(scarf))
    till.press("plus")
    till.press("finish")
    page = "/till/receipts/1"
    sent = {
        "csrf_token": csrf_token(till.client, page),
        "nonce": "one",
        "reason": "线头松了",
        "what": "chosen",
        "pieces-1": "1",
    }

    first = till.client.post(page, data=sent)
    shown = till.client.get(page).get_data(as_text=True)
    too_many = till.client.post(page, data={**sent, "nonce": "two", "pieces-1": "2"})
    nothing = till.client.post(page, data={**sent, "nonce": "three", "pieces-1": "0"})
    rest = till.client.post(page, data={**sent, "nonce": "four", "what": "all"})

    answers = [each.status_code for each in (first, too_many, nothing, rest)]
    assert answers == [303, 422, 422, 303]
    assert "退还 12.50 元" in shown
    with database.reading() as session:
        assert (fen_in_reading(session, world), stock_of(session, scarf)) == (0, 5)


def test_own_receipts_stand_on_the_phone_and_others_do_not(
    till: Till, client: FlaskClient, database: Database, world: World, scarf: Item
) -> None:
    till.scan(world.alice_card)
    till.scan(label(scarf))
    till.press("finish")
    with database.begin() as session:
        alice, bob = make_sign_in(session, world.alice), make_sign_in(session, world.bob)
    sign_in(client, alice)
    listed = client.get("/me/receipts/").get_data(as_text=True)
    own = client.get("/me/receipts/1")
    sign_in(client, bob)

    assert "围巾" in listed
    assert (own.status_code, client.get("/me/receipts/1").status_code) == (200, 404)
    assert "/proof" in own.get_data(as_text=True)
