"""Pages about goods: the public label page, the window, intake with a photo, prices, labels."""

import io
import re
from collections.abc import Iterator

import pytest
import zxingcpp
from flask.testing import FlaskClient
from PIL import Image
from sqlalchemy import event

from ledger import clock
from ledger.database import Database
from tests.makers import make_sign_in
from tests.shop.makers import NOON, World, make_item, make_world, points_of, stock_of
from tests.visitors import csrf_token, sign_in
from timebank import codes
from timebank.people.models import Member
from timebank.shop.goods import find_item
from timebank.shop.models import Item
from web.qr import qr_png

MEGABYTE = 1024 * 1024
NONCE = re.compile(r'name="nonce" value="([^"]+)"')


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
        return make_item(session, world, name="布艺杯垫", price=12, pieces=2, maker=world.bob)


def signed_in(client: FlaskClient, database: Database, member: Member) -> FlaskClient:
    with database.begin() as session:
        who = make_sign_in(session, member)
    return sign_in(client, who)


@pytest.fixture
def clerk(client: FlaskClient, database: Database, world: World) -> FlaskClient:
    return signed_in(client, database, world.clara)


def text_of(client: FlaskClient, path: str) -> str:
    return client.get(path).get_data(as_text=True)


def photo(kind: str = "PNG") -> io.BytesIO:
    file = io.BytesIO()
    Image.new("RGB", (30, 20), "red").save(file, kind)
    file.seek(0)
    return file


def new_goods(client: FlaskClient, **fields: object) -> dict[str, object]:
    token = csrf_token(client, "/till/goods/new")
    nonce = NONCE.search(text_of(client, "/till/goods/new"))
    assert nonce is not None
    return {"csrf_token": token, "nonce": nonce[1], "name": "围巾", **fields}


def test_a_stranger_sees_the_story_behind_a_label(client: FlaskClient, cup: Item) -> None:
    page = client.get(f"/G/D-{cup.number}")
    lower = client.get(f"/G/d-000{cup.number}")
    unknown = [client.get(f"/G/{code}").status_code for code in ("D-99", "A-1", "x", "D-1-1")]

    assert page.status_code == lower.status_code == 200
    assert "布艺杯垫" in page.get_data(as_text=True)
    assert "剩 2 件" in page.get_data(as_text=True)
    assert unknown == [404, 404, 404, 404]


def test_the_window_shows_what_can_be_redeemed(
    client: FlaskClient, database: Database, world: World, cup: Item
) -> None:
    with database.begin() as session:
        make_item(session, world, name="还没标价的", price=None)
    alice = signed_in(client, database, world.alice)

    window = text_of(alice, "/me/shop")

    assert "布艺杯垫" in window
    assert "还没标价的" not in window
    assert "鲍勃 做" in text_of(alice, f"/me/shop/{cup.number}")


def test_goods_come_in_with_photo_and_pieces_once(
    clerk: FlaskClient, database: Database, world: World
) -> None:
    fields = new_goods(clerk, maker_number="v0002", story="毛线", pieces="3")

    added = clerk.post("/till/goods/new", data={**fields, "photo": (photo(), "a.png")})
    again = clerk.post("/till/goods/new", data={**fields, "photo": (photo(), "a.png")})

    assert (added.status_code, added.location) == (302, again.location)
    with database.reading() as session:
        item = find_item(session, world.clerk, item_number=1)
        assert (item.maker_member_id, stock_of(session, item)) == (world.bob.id, 3)
    assert clerk.get(f"/photos/{item.community_id}/{item.photo_id}").content_type == "image/jpeg"


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"name": ""}, "填"),
        ({"name": "长" * 61}, "最多 60 个字"),
        ({"maker_number": "V9999"}, "没有这位志愿者"),
        ({"maker_number": "abc"}, "格式"),
        ({"pieces": "0"}, "1 到 10000"),
        ({"pieces": "三"}, "整数"),
        ({"photo": (io.BytesIO(b"just text"), "photo.jpg")}, "不是能打开的照片"),
    ],
)
def test_wrong_goods_are_refused_and_what_was_typed_stays(
    clerk: FlaskClient, database: Database, changed: dict[str, object], sentence: str
) -> None:
    fields = new_goods(clerk, story="留住这句话", **changed)

    answer = clerk.post("/till/goods/new", data=fields, content_type="multipart/form-data")
    page = answer.get_data(as_text=True)

    assert answer.status_code == 422
    assert sentence in page
    assert "留住这句话" in page
    assert "还没有货品" in text_of(clerk, "/till/goods/")


def test_a_photo_of_twelve_megabytes_is_refused_clearly(clerk: FlaskClient) -> None:
    big = io.BytesIO(photo("JPEG").getvalue() + bytes(12 * MEGABYTE))
    fields = new_goods(clerk, photo=(big, "photo.jpg"))

    answer = clerk.post("/till/goods/new", data=fields, content_type="multipart/form-data")
    answer.request.environ["wsgi.input"].close()  # the test client leaves its copy open

    assert answer.status_code in {413, 422}
    assert "8 MB" in answer.get_data(as_text=True)


def test_a_name_with_markup_is_shown_as_text(clerk: FlaskClient) -> None:
    clerk.post("/till/goods/new", data=new_goods(clerk, name="<script>alert(1)</script>𠮷"))

    for path in ("/till/goods/", "/till/goods/1", "/till/goods/1/labels", "/G/D-1"):
        page = text_of(clerk, path)
        assert "&lt;script&gt;alert(1)&lt;/script&gt;𠮷" in page
        assert "<script>alert" not in page


def test_pieces_are_taken_in_and_an_exchange_pays_the_maker(
    clerk: FlaskClient, database: Database, world: World, cup: Item
) -> None:
    path = f"/till/goods/{cup.number}"
    fields = {"csrf_token": csrf_token(clerk, path), "pieces": "2", "choice": "exchange"}

    first = clerk.post(f"{path}/pieces", data={**fields, "nonce": "n1"})
    clerk.post(f"{path}/pieces", data={**fields, "nonce": "n1"})
    wrong = clerk.post(f"{path}/pieces", data={**fields, "nonce": "n2", "pieces": "1.5"})

    assert (first.status_code, wrong.status_code) == (302, 422)
    with database.reading() as session:
        assert (stock_of(session, cup), points_of(session, world.bob)) == (4, 24)


def test_clerks_see_no_price_form_and_social_workers_set_the_price(
    clerk: FlaskClient, database: Database, world: World, cup: Item
) -> None:
    path = f"/till/goods/{cup.number}"
    fields = {"csrf_token": csrf_token(clerk, path), "price": "30", "basis": "market_estimate"}
    refused = clerk.post(f"{path}/price", data=fields)
    wen = signed_in(clerk.application.test_client(), database, world.wen)
    fields["csrf_token"] = csrf_token(wen, path)
    priced = wen.post(f"{path}/price", data=fields)
    wrong = wen.post(f"{path}/price", data={**fields, "price": "0"})

    assert (refused.status_code, priced.status_code, wrong.status_code) == (403, 302, 422)
    assert f'action="{path}/price"' not in text_of(clerk, path)
    assert "30 积分" in text_of(wen, path)


def test_texts_are_edited(clerk: FlaskClient, cup: Item) -> None:
    path = f"/till/goods/{cup.number}"
    fields = {"csrf_token": csrf_token(clerk, path), "name": "新杯垫", "story": "换了布"}

    clerk.post(path, data={**fields, "photo": (photo("WEBP"), "x.webp")})

    page = text_of(clerk, f"/G/D-{cup.number}")
    assert "新杯垫" in page
    assert "换了布" in page
    assert "/photos/" in page


def test_a_label_carries_name_price_and_digits_that_scan(clerk: FlaskClient, cup: Item) -> None:
    page = text_of(clerk, f"/till/goods/{cup.number}/labels?count=3")
    address = f"HTTP://LOCALHOST/G/D-{cup.number}"
    read = zxingcpp.read_barcodes(Image.open(io.BytesIO(qr_png(address))))

    assert page.count('class="label"') == 3
    assert page.count(codes.goods_digits(cup.number)) >= 3
    assert "12 积分" in page
    assert [code.text for code in read] == [address]
    assert codes.read_scan(address).value == f"D-{cup.number}"


@pytest.mark.parametrize(("asked", "count"), [("", 24), ("0", 1), ("97", 96), ("x", 24)])
def test_a_sheet_has_one_to_96_labels(
    clerk: FlaskClient, cup: Item, asked: str, count: int
) -> None:
    page = text_of(clerk, f"/till/goods/{cup.number}/labels?count={asked}")

    assert page.count('class="label"') == count


def test_the_list_takes_the_same_statements_however_long(
    clerk: FlaskClient, database: Database, world: World, cup: Item
) -> None:
    counted: list[str] = []
    event.listen(database.engine, "before_cursor_execute", lambda *call: counted.append(call[2]))
    text_of(clerk, "/till/goods/")
    with_one = len(counted)
    with database.begin() as session:
        for _ in range(5):
            make_item(session, world)
    counted.clear()
    text_of(clerk, "/till/goods/")

    assert len(counted) == with_one
    assert cup.number == 1
