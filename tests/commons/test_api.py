"""The fund by API: two people at every step, refusals with their codes."""

from collections.abc import Callable, Iterator
from io import BytesIO
from typing import Any

import pytest
from flask import Flask
from PIL import Image
from werkzeug.test import TestResponse

from ledger import clock
from ledger.database import Database
from tests.commons.makers import World, make_world
from tests.makers import make_sign_in
from tests.shop.makers import NOON
from timebank.people import tokens

Call = Callable[..., TestResponse]
GIFT = {"nonce": "n", "amount_fen": 10_000, "method": "cash", "received_on": "2026-11-20"}
PROJECT = {
    "nonce": "n",
    "title": "楼道照明",
    "team": "巡逻队",
    "purpose": "三栋楼换灯",
    "lines": [{"title": "灯具", "budget_fen": 6_000}],
}


@pytest.fixture
def noon() -> Iterator[None]:
    with clock.at(NOON):
        yield


@pytest.fixture
def callers(app: Flask, database: Database, noon: None) -> dict[str, Call]:
    """Return a function for each of them that sends requests of the API."""
    with database.begin() as session:
        world: World = make_world(session)
        held = {}
        for name, member in world.people.items():
            who = make_sign_in(session, member)
            held[name] = tokens.issue_token(
                session, phone=who.phone, password=who.password, community_code="D", name="t"
            ).token
    client = app.test_client()

    def caller(token: str) -> Call:
        headers = {"Authorization": f"Bearer {token}"}

        def call(method: str, path: str, **options: Any) -> TestResponse:
            return client.open(f"/api/v1{path}", method=method, headers=headers, **options)

        return call

    return {name: caller(token) for name, token in held.items()}


def code_of(answer: TestResponse) -> tuple[int, str]:
    return answer.status_code, str((answer.get_json() or {}).get("code", ""))


def given(callers: dict[str, Call]) -> str:
    made = callers["clara"]("POST", "/money-donations", json=GIFT).get_json()
    callers["wen"]("POST", f"/money-donations/{made['id']}/count")
    return str(made["id"])


def test_a_donation_needs_two_people_by_api_too(callers: dict[str, Call]) -> None:
    clara, wen = callers["clara"], callers["wen"]
    made = clara("POST", "/money-donations", json=GIFT)
    path = f"/money-donations/{made.get_json()['id']}"

    assert made.status_code == 201
    assert code_of(clara("POST", f"{path}/count")) == (403, "another_must_count")
    assert code_of(callers["bob"]("POST", f"{path}/count")) == (403, "not_allowed")
    counted = wen("POST", f"{path}/count").get_json()
    assert (counted["receipt_number"], counted["state"]) == (1, "counted")
    again = {"nonce": "back", "reason": "退回"}
    assert code_of(wen("POST", f"{path}/reverse", json=again)) == (403, "another_must_reverse")
    assert callers["ada"]("POST", f"{path}/reverse", json=again).status_code == 201


def test_a_project_needs_two_people_by_api_too(callers: dict[str, Call]) -> None:
    given(callers)
    wen, ada = callers["wen"], callers["ada"]
    number = wen("POST", "/projects", json=PROJECT).get_json()["number"]
    path = f"/projects/{number}"
    file = BytesIO()
    Image.new("RGB", (20, 10), "red").save(file, "PNG")
    file.seek(0)
    photo = callers["bob"]("POST", "/fund-pictures", data={"photo": (file, "x.png")}).get_json()
    bill = {
        "nonce": "n",
        "line_no": 1,
        "amount_fen": 6_001,
        "payee": "五金店",
        "invoice_number": "1",
        "photo_id": photo["id"],
        "spent_on": "2026-11-20",
    }

    assert code_of(wen("POST", f"{path}/approve")) == (403, "another_must_approve")
    assert ada("POST", f"{path}/approve").get_json()["state"] == "approved"
    over = wen("POST", f"{path}/expenses", json=bill)
    assert code_of(over) == (409, "over_budget")
    assert over.get_json()["details"]["left"] == "60.00"
    entered = wen("POST", f"{path}/expenses", json={**bill, "amount_fen": 6_000}).get_json()
    release = f"/expenses/{entered['id']}/release"
    assert code_of(wen("POST", release)) == (403, "another_must_release")
    assert ada("POST", release).get_json()["state"] == "released"
    wen("POST", f"{path}/report", json={"text": "灯亮了"})
    assert code_of(wen("POST", f"{path}/close")) == (403, "another_must_close")
    assert ada("POST", f"{path}/close").get_json()["returned_fen"] == 0


def test_statements_by_api_are_whole_fen(callers: dict[str, Call]) -> None:
    given(callers)
    audrey = callers["audrey"]

    books = audrey("GET", "/statements?month=2026-11-01").get_json()
    fund = audrey("GET", "/fund-statements?month=2026-11-20").get_json()
    month = audrey("GET", "/month-ends/checklist?month=2026-11-20").get_json()

    assert books["money"]["closing_fen"] == fund["total"]["closing_fen"] == 10_000
    assert [each["name"] for each in month["checks"] if each["count"]] != []
    prepared = callers["wen"]("POST", "/month-ends", json={"month": "2026-11-20"})
    assert code_of(prepared) == (409, "month_not_ready")
    assert code_of(callers["clara"]("GET", "/statements?month=2026-11-01"))[0] == 403
