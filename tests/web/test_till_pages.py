"""The till's page without JavaScript: every scan posts the basket and gets the page back."""

import re
from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient
from sqlalchemy import event
from werkzeug.datastructures import MultiDict
from werkzeug.test import TestResponse

from ledger import clock
from ledger.database import Database
from tests.makers import make_sign_in
from tests.shop.makers import NOON, PIN, World, make_item, make_world, points_of, stock_of
from tests.visitors import csrf_token, sign_in
from timebank import codes
from timebank.shop.goods import find_item
from timebank.shop.models import Item
from timebank.shop.sale_models import Redemption

FIELDS = re.compile(r'<input type="hidden" name="(nonce|ticket|total|row)" value="([^"]*)">')
STATEMENTS_MAX = 16


@pytest.fixture(autouse=True)
def noon() -> Iterator[None]:
    with clock.at(NOON):
        yield


class Till:
    """A clerk at the page: keeps the hidden fields of the last answer, as a browser does."""

    def __init__(self, client: FlaskClient, world: World) -> None:
        self.client = client
        self.world = world
        self.fields = MultiDict(FIELDS.findall(self.read(client.get("/till/"))))
        self.token = csrf_token(client, "/till/")

    def read(self, answer: TestResponse) -> str:
        return answer.get_data(as_text=True)

    def post(self, **fields: str) -> TestResponse:
        data = self.fields.copy()
        for name, value in {"csrf_token": self.token, "action": "scan", **fields}.items():
            data[name] = value
        answer = self.client.post("/till/", data=data)
        if answer.status_code != 303:
            self.fields = MultiDict(FIELDS.findall(self.read(answer)))
        return answer

    def scan(self, text: str) -> str:
        return self.read(self.post(scan=text))


@pytest.fixture
def world(database: Database) -> World:
    with database.begin() as session:
        return make_world(session)


@pytest.fixture
def goods(database: Database, world: World) -> list[Item]:
    with database.begin() as session:
        return [
            make_item(session, world, name=f"货{number}", price=number, pieces=5)
            for number in range(1, 6)
        ]


@pytest.fixture
def clerk(client: FlaskClient, database: Database, world: World) -> FlaskClient:
    with database.begin() as session:
        who = make_sign_in(session, world.clara)
    return sign_in(client, who)


@pytest.fixture
def till(clerk: FlaskClient, world: World) -> Till:
    return Till(clerk, world)


def label(item: Item) -> str:
    return codes.goods_digits(item.number)


def alice_has(database: Database, world: World) -> int:
    with database.reading() as session:
        return points_of(session, world.alice)


def test_card_goods_and_f2_make_a_receipt(
    till: Till, database: Database, world: World, goods: list[Item]
) -> None:
    panel = till.scan(world.alice_card)
    till.scan(label(goods[4]))
    rows = till.scan(label(goods[4]))
    finished = till.post(action="finish")
    done = till.read(till.client.get(finished.location))
    receipt = till.read(till.client.get("/till/receipts/1"))

    assert "爱丽丝" in panel
    assert till.fields.getlist("row") == [f"{goods[4].number}:2:5"]
    assert 'value="10"' in rows
    assert finished.status_code == 303
    assert "已兑换，余 110 积分" in done
    assert codes.receipt_digits(1) in receipt
    assert alice_has(database, world) == 110


def test_f2_twice_is_one_sale(
    till: Till, database: Database, world: World, goods: list[Item]
) -> None:
    till.scan(world.alice_card)
    till.scan(label(goods[0]))

    first = till.post(action="finish")
    second = till.post(action="finish")

    assert first.location == second.location
    assert alice_has(database, world) == 119


def test_five_goods_take_at_most_sixteen_statements(
    till: Till, database: Database, world: World, goods: list[Item]
) -> None:
    till.scan(world.alice_card)
    for item in goods:
        till.scan(label(item))
    counted: list[str] = []
    event.listen(database.engine, "before_cursor_execute", lambda *call: counted.append(call[2]))

    answer = till.post(action="finish")

    spoken = [text for text in counted if not text.startswith(("BEGIN", "PRAGMA"))]
    assert answer.status_code == 303
    assert 0 < len(spoken) <= STATEMENTS_MAX, "\n".join(spoken)


def test_sold_out_between_scan_and_f2_is_told_with_have_and_need(
    till: Till, database: Database, world: World, goods: list[Item]
) -> None:
    till.scan(world.alice_card)
    till.scan(label(goods[0]))
    till.post(action=f"plus-{goods[0].number}")
    other = Till(till.client, world)
    other.scan("V0001")
    other.scan(label(goods[0]))
    for _ in range(3):
        other.post(action="plus")
    assert other.post(action="finish", pin=PIN).status_code == 303

    refused = till.post(action="finish")

    assert refused.status_code == 409
    assert "货1：要 2 件，只剩 1 件。" in till.read(refused)
    assert alice_has(database, world) == 116


def test_a_card_above_the_limit_asks_for_the_pin(
    till: Till, database: Database, world: World
) -> None:
    with database.begin() as session:
        dear = make_item(session, world, name="围巾", price=51)
    till.scan(world.alice_card)
    page = till.scan(label(dear))
    asked = till.post(action="finish")
    wrong = till.post(action="finish", pin="1357")
    right = till.post(action="scan", scan="", pin=PIN)

    assert 'name="pin"' in page
    assert "请输入支付密码" in till.read(asked)
    assert "4 次" in till.read(wrong)
    assert right.status_code == 303
    assert alice_has(database, world) == 69


def test_wrong_pins_are_counted_although_the_sale_is_refused(
    till: Till, database: Database, world: World
) -> None:
    with database.begin() as session:
        dear = make_item(session, world, name="围巾", price=51)
    till.scan(world.alice_card)
    till.scan(label(dear))
    for _ in range(5):
        till.post(action="finish", pin="1357")

    locked = till.post(action="finish", pin=PIN)

    assert locked.status_code == 409
    assert "锁" in till.read(locked)


@pytest.mark.parametrize(
    "garble", ["full_width", "with_blanks", "as_address", "lower_case_address"]
)
def test_what_an_input_method_makes_of_a_label_is_read(
    till: Till, goods: list[Item], garble: str
) -> None:
    digits = label(goods[1])
    number = goods[1].number
    texts = {
        "full_width": "".join(chr(ord(digit) + 0xFEE0) for digit in digits),
        "with_blanks": f" {digits[:4]} {digits[4:]}\r\n",
        "as_address": f"HTTPS：、、HOST。CN、G、D-{number}",
        "lower_case_address": f"https://host.cn/g/d-{number}",
    }

    till.scan(texts[garble])

    assert till.fields.getlist("row") == [f"{number}:1:2"]


def test_an_unknown_barcode_is_shown_raw_with_what_to_do(till: Till, goods: list[Item]) -> None:
    till.scan(label(goods[0]))

    page = till.scan("6901234567892<b>")

    assert "6901234567892&lt;b&gt;" in page
    assert "英文" in page
    assert len(till.fields.getlist("row")) == 1


def test_names_are_found_and_a_found_member_needs_the_pin(
    till: Till, database: Database, world: World, goods: list[Item]
) -> None:
    found = till.read(till.post(action="find", scan="爱丽"))
    till.post(pick="V0001")
    till.scan(label(goods[0]))
    refused = till.post(action="finish")

    assert 'value="V0001"' in found
    assert refused.status_code == 409
    assert "请输入支付密码" in till.read(refused)
    assert alice_has(database, world) == 120


def test_rows_are_changed_and_removed(till: Till, goods: list[Item]) -> None:
    till.scan(label(goods[0]))
    till.scan(label(goods[1]))
    till.post(action=f"plus-{goods[0].number}")
    till.post(action="remove")

    assert till.fields.getlist("row") == [f"{goods[0].number}:2:1"]


@pytest.mark.parametrize("row", ["1:0:1", "1:-1:1", "1:100:1", "1:1.5:1", "1:３:1", "1", "x:1:1"])
def test_a_row_changed_in_the_page_is_refused(
    till: Till, database: Database, world: World, goods: list[Item], row: str
) -> None:
    till.scan(world.alice_card)
    till.fields.setlist("row", [row])

    answer = till.post(action="finish")

    assert answer.status_code == 422
    assert "1 到 99" in till.read(answer)
    assert alice_has(database, world) == 120


def test_a_price_in_the_page_changes_nothing(
    till: Till, database: Database, world: World, goods: list[Item]
) -> None:
    till.scan(world.alice_card)
    till.scan(label(goods[4]))
    till.fields.setlist("row", [f"{goods[4].number}:1:1"])

    answer = till.post(action="finish", total="1", price="1")

    assert answer.status_code == 409
    assert "货5" in till.read(answer)
    assert alice_has(database, world) == 120


def test_one_point_short_is_told_before_and_at_f2(
    till: Till, database: Database, world: World
) -> None:
    with database.begin() as session:
        dear = make_item(session, world, name="被面", price=121)
    till.scan(world.alice_card)
    page = till.scan(label(dear))
    refused = till.post(action="finish", pin=PIN)

    assert "还差 1 积分" in page
    assert refused.status_code == 409
    assert "要 121 分，只有 120 分" in till.read(refused)


def test_a_fragment_is_the_moving_part_alone(till: Till, world: World) -> None:
    data = {"csrf_token": till.token, "scan": world.alice_card, "nonce": "n"}

    answer = till.client.post("/till/", data=data, headers={"X-Fragment": "1"})

    assert answer.headers["X-Fragment"] == "1"
    assert till.read(answer).lstrip().startswith('<div id="counter"')


def test_a_form_without_its_token_is_refused(till: Till, world: World) -> None:
    answer = till.client.post("/till/", data={"scan": world.alice_card})

    assert answer.status_code == 400


def test_a_scanned_receipt_leads_to_its_return_which_works_once(
    till: Till, database: Database, world: World, goods: list[Item]
) -> None:
    till.scan(world.alice_card)
    till.scan(label(goods[0]))
    till.post(action="finish")

    led = till.post(scan=codes.receipt_digits(1))
    form = {"csrf_token": till.token, "nonce": "r1", "reason": "断线了"}
    returned = till.client.post("/till/receipts/1", data=form)
    again = till.client.post("/till/receipts/1", data={**form, "nonce": "r2"})

    assert led.location.endswith("/till/receipts/1")
    assert returned.status_code == 303
    assert again.status_code == 422
    assert "已经退过" in till.read(again)
    with database.reading() as session:
        item = find_item(session, world.clerk, item_number=goods[0].number)
        assert (points_of(session, world.alice), stock_of(session, item)) == (120, 5)


@pytest.mark.parametrize("text", ["1", "0000001", "receipt_digits"])
def test_a_receipt_is_found_by_barcode_or_number(
    till: Till, world: World, goods: list[Item], text: str
) -> None:
    till.scan(world.alice_card)
    till.scan(label(goods[0]))
    till.post(action="finish")
    scan = codes.receipt_digits(1) if text == "receipt_digits" else text

    led = till.client.post("/till/return", data={"csrf_token": till.token, "scan": scan})
    lost = till.client.post("/till/return", data={"csrf_token": till.token, "scan": "2"})

    assert led.location.endswith("/till/receipts/1")
    assert lost.status_code == 404
    assert "没有 2 号收据" in till.read(lost)


def test_the_days_receipts_show_what_was_returned(
    till: Till, world: World, goods: list[Item]
) -> None:
    for _ in range(2):
        till.fields = MultiDict(FIELDS.findall(till.read(till.client.get("/till/"))))
        till.scan(world.alice_card)
        till.scan(label(goods[0]))
        till.post(action="finish")
    form = {"csrf_token": till.token, "nonce": "r1", "reason": "断线了"}
    till.client.post("/till/receipts/2", data=form)

    page = till.read(till.client.get("/till/receipts/"))
    empty = till.read(till.client.get("/till/receipts/?on=2020-01-01"))

    assert page.count("断线了") == 1
    assert "这一天没有收据" in empty


def test_nothing_was_booked_twice(
    till: Till, database: Database, world: World, goods: list[Item]
) -> None:
    till.scan(world.alice_card)
    till.scan(label(goods[0]))
    for _ in range(3):
        till.post(action="finish")

    with database.reading() as session:
        count = session.scalar(sa.select(sa.func.count()).select_from(Redemption))
    assert count == 1
