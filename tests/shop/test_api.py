"""The shop's API: what it takes, what it refuses, what it answers."""

import io
from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient
from PIL import Image
from werkzeug.test import TestResponse

from ledger.database import Database
from tests.makers import make_sign_in
from tests.shop.makers import World, fresh, make_item, make_world, points_of
from timebank.people import tokens
from timebank.people.models import Member
from timebank.shop.models import Item

Call = Callable[..., TestResponse]


@pytest.fixture
def world(database: Database) -> World:
    with database.begin() as session:
        return make_world(session)


@pytest.fixture
def cup(database: Database, world: World) -> Item:
    with database.begin() as session:
        return make_item(session, world, price=12, pieces=5)


def caller(client: FlaskClient, database: Database, member: Member) -> Call:
    with database.begin() as session:
        who = make_sign_in(session, member)
        issued = tokens.issue_token(
            session, phone=who.phone, password=who.password, community_code="D", name="till"
        )
    headers = {"Authorization": f"Bearer {issued.token}", "Accept-Language": "en"}

    def call(method: str, path: str, **options: Any) -> TestResponse:
        return client.open(f"/api/v1{path}", method=method, headers=headers, **options)

    return call


@pytest.fixture
def clerk(client: FlaskClient, database: Database, world: World) -> Call:
    return caller(client, database, world.clara)


@pytest.fixture
def pricer(client: FlaskClient, database: Database, world: World) -> Call:
    return caller(client, database, world.wen)


def body(answer: TestResponse) -> Any:
    return answer.get_json()


def basket(world: World, cup: Item, **changes: Any) -> dict[str, Any]:
    lines = [{"item_number": cup.number, "quantity": 2}]
    return {"nonce": fresh(), "holder": world.alice_card, "lines": lines, **changes}


def test_goods_are_added_priced_taken_in_and_redeemed(
    clerk: Call, pricer: Call, world: World
) -> None:
    added = clerk("POST", "/items", json={"nonce": fresh(), "name": "围巾", "story": "毛线"})
    number = body(added)["number"]
    priced = pricer(
        "PUT", f"/items/{number}/price", json={"price_points": 9, "basis": "council_price"}
    )
    intake = {"nonce": fresh(), "item_number": number, "piece_count": 2, "choice": "donate"}
    taken = clerk("POST", "/donations", json=intake)
    shown = clerk("GET", f"/items/{number}")
    sale = {
        "nonce": fresh(),
        "holder": world.alice_card,
        "lines": [{"item_number": number, "quantity": 1}],
        "expected_total_points": 9,
    }
    sold = clerk("POST", "/redemptions", json=sale)

    assert [answer.status_code for answer in (added, priced, taken, shown, sold)] == [
        201,
        200,
        201,
        200,
        201,
    ]
    assert (body(shown)["available"], body(shown)["item"]["price_points"]) == (2, 9)
    assert (body(sold)["total_points"], body(sold)["balance_points_after"]) == (9, 111)
    assert body(sold)["returns"] == []


def test_a_repeated_redemption_answers_200_with_the_same_receipt(
    clerk: Call, world: World, cup: Item
) -> None:
    sent = basket(world, cup)

    first = clerk("POST", "/redemptions", json=sent)
    again = clerk("POST", "/redemptions", json=sent)

    assert (first.status_code, again.status_code) == (201, 200)
    assert body(first) == body(again)


@pytest.mark.parametrize("quantity", [0, -1, 100, 1.5, "３", "3", None, True, "1_0"])
def test_a_quantity_is_an_integer_from_1_to_99(
    clerk: Call, world: World, cup: Item, quantity: Any
) -> None:
    lines = [{"item_number": cup.number, "quantity": quantity}]

    answer = clerk("POST", "/redemptions", json=basket(world, cup, lines=lines))

    assert (answer.status_code, body(answer)["code"]) == (422, "invalid")
    assert "quantity" in str(body(answer)["details"]["fields"])


@pytest.mark.parametrize(
    "lines",
    [
        [{"item_number": 1, "quantity": 1, "price": 1}],
        [{"item_number": 1, "quantity": 1, "price_points": 1}],
        [{"item_number": 1, "quantity": 1, "seen_points": 1}],
        [],
    ],
)
def test_a_price_from_outside_is_refused(
    clerk: Call, database: Database, world: World, cup: Item, lines: list[dict[str, int]]
) -> None:
    answer = clerk("POST", "/redemptions", json=basket(world, cup, lines=lines))

    assert answer.status_code == 422
    with database.reading() as session:
        assert points_of(session, world.alice) == 120


def test_refusals_carry_code_and_both_numbers(clerk: Call, world: World, cup: Item) -> None:
    gone = clerk(
        "POST",
        "/redemptions",
        json=basket(world, cup, lines=[{"item_number": cup.number, "quantity": 6}]),
    )
    changed = clerk("POST", "/redemptions", json=basket(world, cup, expected_total_points=23))
    unknown = clerk("POST", "/redemptions", json=basket(world, cup, holder="123"))

    assert (gone.status_code, body(gone)["code"]) == (409, "item_gone")
    assert (body(gone)["details"]["have"], body(gone)["details"]["need"]) == (5, 6)
    assert body(changed)["code"] == "price_changed"
    assert body(changed)["details"]["rows"][0]["item_number"] == cup.number
    assert (unknown.status_code, body(unknown)["code"]) == (422, "unknown_code")


def test_a_return_answers_once_and_then_the_same(clerk: Call, world: World, cup: Item) -> None:
    sold = clerk("POST", "/redemptions", json=basket(world, cup))
    number = body(sold)["receipt_number"]
    sent = {"nonce": fresh(), "receipt_number": number, "reason": "loose seam"}

    first = clerk("POST", "/refunds", json=sent)
    again = clerk("POST", "/refunds", json=sent)
    second = clerk("POST", "/refunds", json={**sent, "nonce": fresh()})
    shown = clerk("GET", f"/redemptions/{number}")
    listed = clerk("GET", "/redemptions")

    assert [answer.status_code for answer in (first, again, second)] == [201, 200, 409]
    assert body(shown)["returns"][0]["reason"] == "loose seam"
    assert [one["receipt_number"] for one in body(listed)] == [number]


def test_photos_are_stored_and_shown_only_on_goods(
    client: FlaskClient, clerk: Call, cup: Item
) -> None:
    file = io.BytesIO()
    Image.new("RGB", (20, 10), "red").save(file, "PNG")
    file.seek(0)
    stored = clerk("POST", "/photos", data={"photo": (file, "red.png")})
    text = clerk("POST", "/photos", data={"photo": (io.BytesIO(b"hello"), "photo.jpg")})
    missing = clerk("POST", "/photos", data={})
    photo_id = body(stored)["id"]
    address = f"/photos/{cup.community_id}/{photo_id}"
    hidden = client.get(address)
    sent = {"name": "杯垫", "photo_id": photo_id}
    clerk("PUT", f"/items/{cup.number}", json=sent)
    shown = client.get(address)
    unchanged = client.get(address, headers={"If-None-Match": shown.headers["ETag"]})

    assert (stored.status_code, body(stored)["width"]) == (201, 20)
    assert (text.status_code, body(text)["code"]) == (422, "photo_not_readable")
    assert missing.status_code == 422
    assert (hidden.status_code, shown.status_code, unchanged.status_code) == (404, 200, 304)
    assert shown.content_type == "image/jpeg"
    assert "immutable" in shown.headers["Cache-Control"]


def test_volunteers_see_the_window_and_nothing_else(
    client: FlaskClient, database: Database, world: World, cup: Item
) -> None:
    alice = caller(client, database, world.alice)

    assert [one["item"]["number"] for one in body(alice("GET", "/items"))] == [cup.number]
    assert alice("POST", "/redemptions", json=basket(world, cup)).status_code == 403
    assert alice("GET", "/redemptions").status_code == 403
    assert alice("POST", "/items", json={"nonce": "x", "name": "x"}).status_code == 403


def test_clerks_do_not_price(clerk: Call, cup: Item) -> None:
    sent = {"price_points": 1, "basis": "nominal"}

    assert clerk("PUT", f"/items/{cup.number}/price", json=sent).status_code == 403
