"""The API of reservations: what it takes, what it refuses, what it answers."""

from typing import Any

import pytest
from flask.testing import FlaskClient

from ledger.database import Database
from tests.shop.makers import PIN, World, fresh, make_item, make_world, points_of
from tests.shop.test_api import Call, body, caller
from timebank.shop.models import Item


@pytest.fixture
def world(database: Database) -> World:
    with database.begin() as session:
        return make_world(session)


@pytest.fixture
def cup(database: Database, world: World) -> Item:
    with database.begin() as session:
        return make_item(session, world, price=12, pieces=5)


@pytest.fixture
def alice(client: FlaskClient, database: Database, world: World) -> Call:
    return caller(client, database, world.alice)


@pytest.fixture
def clerk(client: FlaskClient, database: Database, world: World) -> Call:
    return caller(client, database, world.clara)


def wanted(item: Item, **changes: Any) -> dict[str, Any]:
    return {"nonce": fresh(), "item_number": item.number, "quantity": 1, **changes}


def test_reserved_listed_collected_and_returned(
    alice: Call, clerk: Call, database: Database, world: World, cup: Item
) -> None:
    made = alice("POST", "/reservations", json=wanted(cup, quantity=2, expected_total_points=24))
    reservation_id = body(made)["id"]
    own = alice("GET", "/reservations")
    held = clerk("GET", f"/reservations?member_number={world.alice.number}")
    hand_over = {"nonce": fresh(), "holder": world.alice_card}
    path = f"/reservations/{reservation_id}/collect"
    collected, again = (clerk("POST", path, json=hand_over) for _ in range(2))
    shown = alice("GET", f"/reservations/{reservation_id}")
    back = clerk(
        "POST",
        "/refunds",
        json={
            "nonce": fresh(),
            "receipt_number": body(collected)["receipt_number"],
            "reason": "断线了",
        },
    )

    assert made.status_code == 201
    assert (body(made)["state"], body(made)["total_points"]) == ("open", 24)
    assert body(own) == body(held) == [body(made)]
    assert (collected.status_code, again.status_code) == (201, 200)
    assert body(collected)["lines"][0]["price_points"] == 12
    assert body(collected) == body(again)
    assert body(shown)["state"] == "collected"
    assert back.status_code == 201
    with database.reading() as session:
        assert points_of(session, world.alice) == 120


def test_a_repetition_answers_200_and_reserves_once(alice: Call, cup: Item) -> None:
    sent = wanted(cup)
    first, again = (
        alice("POST", "/reservations", json=sent),
        alice("POST", "/reservations", json=sent),
    )

    assert (first.status_code, again.status_code) == (201, 200)
    assert body(first) == body(again)
    assert len(body(alice("GET", "/reservations"))) == 1


def test_cancelling_twice_is_cancelling_once(alice: Call, cup: Item) -> None:
    made = body(alice("POST", "/reservations", json=wanted(cup)))
    path = f"/reservations/{made['id']}/cancel"
    answers = [alice("POST", path) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [200, 200]
    assert [body(answer)["state"] for answer in answers] == ["cancelled"] * 2


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"quantity": 6}, 409, "item_gone"),
        ({"item_number": 99}, 404, "item_not_found"),
        ({"expected_total_points": 1}, 409, "price_changed"),
        ({"quantity": 0}, 422, "invalid"),
        ({"quantity": 1.5}, 422, "invalid"),
        ({"quantity": 100}, 422, "invalid"),
        ({"price_points": 1}, 422, "invalid"),
        ({"nonce": ""}, 422, "invalid"),
    ],
)
def test_what_is_refused_says_why(
    alice: Call, cup: Item, changes: dict[str, object], status: int, code: str
) -> None:
    answer = alice("POST", "/reservations", json=wanted(cup, **changes))

    assert (answer.status_code, body(answer)["code"]) == (status, code)


def test_members_see_and_touch_only_their_own(
    alice: Call, client: FlaskClient, database: Database, world: World, cup: Item
) -> None:
    bob = caller(client, database, world.bob)
    made = body(alice("POST", "/reservations", json=wanted(cup)))
    path = f"/reservations/{made['id']}"
    answers = [
        bob("GET", path),
        bob("POST", f"{path}/cancel"),
        bob("POST", f"{path}/collect", json={"nonce": fresh(), "holder": world.alice_card}),
        bob("GET", f"/reservations?member_number={world.alice.number}"),
    ]

    assert [answer.status_code for answer in answers] == [404, 404, 403, 403]
    assert body(bob("GET", "/reservations")) == []


def test_a_found_member_gives_the_pin(alice: Call, clerk: Call, world: World, cup: Item) -> None:
    made = body(alice("POST", "/reservations", json=wanted(cup)))
    path = f"/reservations/{made['id']}/collect"
    by_name = {"nonce": fresh(), "holder": world.alice.volunteer_number}
    asked = clerk("POST", path, json=by_name)
    given = clerk("POST", path, json={**by_name, "pin": PIN})

    assert (asked.status_code, body(asked)["code"]) == (409, "pin_required")
    assert given.status_code == 201
