"""What the API answers to what it cannot do: one shape, the wrong field, the reader's language."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from werkzeug.test import TestResponse

from ledger import clock
from tests.api.world import NOW, Call, Neighbourhood, basket, issue_token
from web.api.people import TOKENS_PER_ADDRESS

JSON = "application/json"
TWELVE_MEGABYTES = 12 * 1024 * 1024
NUL = "a\x00b"
HALF_A_CHARACTER = '{"name": "\\ud800", "address": "x"}'


@pytest.fixture
def gu(home: Neighbourhood) -> Call:
    return home.caller("gu")


def _is_the_one_shape(answer: TestResponse) -> bool:
    body = answer.get_json()
    return (
        set(body) == {"code", "message", "details"}
        and isinstance(body["details"], dict)
        and bool(body["message"])
        and answer.content_type == JSON
    )


def _answers(home: Neighbourhood) -> dict[int, Callable[[], TestResponse]]:
    gu, charlie = home.caller("gu"), home.caller("charlie")
    site = {"name": "敬老院", "address": "一楼"}
    return {
        400: lambda: gu("POST", "/sites", data="{", content_type=JSON),
        401: lambda: gu("GET", "/me", headers={"Authorization": "Bearer D.NOBODY"}),
        403: lambda: charlie("POST", "/sites", json=site),
        404: lambda: gu("GET", f"/occasions/{uuid4()}"),
        405: lambda: gu("DELETE", "/me"),
        409: lambda: gu("POST", "/redemptions", json=basket(home, quantity=91)),
        413: lambda: gu("POST", "/sites", data=b" " * TWELVE_MEGABYTES, content_type=JSON),
        415: lambda: gu("POST", "/sites", data="<site/>", content_type="application/xml"),
        422: lambda: gu("POST", "/sites", json={"name": NUL, "address": "x"}),
    }


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 409, 413, 415, 422])
def test_every_error_has_one_shape(home: Neighbourhood, status: int) -> None:
    answer = _answers(home)[status]()

    assert answer.status_code == status
    assert _is_the_one_shape(answer)


def test_too_many_tries_are_told_when_to_come_back(home: Neighbourhood, gu: Call) -> None:
    wrong = {"phone": "13900000000", "password": "x", "community": "D", "name": "x"}
    limit = int(TOKENS_PER_ADDRESS.partition("/")[0])
    for _ in range(limit):
        gu("POST", "/tokens", json={})

    answer = gu("POST", "/tokens", json=wrong)

    assert answer.status_code == 429
    assert answer.get_json()["code"] == "rate_limited"
    assert int(answer.headers["Retry-After"]) > 0
    assert _is_the_one_shape(answer)


def test_an_unsupported_method_names_those_there_are(gu: Call) -> None:
    answer = gu("PATCH", "/items")

    assert answer.status_code == 405
    assert {"GET", "POST"} <= set(answer.headers["Allow"].split(", "))


@pytest.mark.parametrize(
    ("language", "is_english"),
    [
        ("en", True),
        ("en-GB,en;q=0.9,zh;q=0.5", True),
        ("zh", False),
        ("zh-CN,zh;q=0.9", False),
        ("", False),
        ("fr", False),
    ],
)
def test_messages_are_in_the_readers_language(
    home: Neighbourhood, language: str, is_english: bool
) -> None:
    body = {"name": "", "address": "东门"}
    answer = home.caller(language=language)("POST", "/sites", json=body).get_json()

    assert answer["message"].isascii() == is_english
    assert answer["details"]["fields"]["name"][0].isascii() == is_english


# ---------------------------------------------------------------- fields


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"address": "x"}, "name"),
        ({"name": NUL, "address": "x"}, "name"),
        ({"name": "x" * 500, "address": "x"}, "name"),
        ({"name": 5, "address": "x"}, "name"),
        ({"name": "x", "address": None}, "address"),
        ({"name": "x", "address": "x", "price": 1}, "price"),
    ],
)
def test_a_problem_stands_at_its_field(gu: Call, body: dict[str, Any], field: str) -> None:
    answer = gu("POST", "/sites", json=body)

    assert answer.status_code == 422
    assert list(answer.get_json()["details"]["fields"]) == [field]


def test_half_a_character_is_refused(gu: Call) -> None:
    answer = gu("POST", "/sites", data=HALF_A_CHARACTER, content_type=JSON)

    assert answer.status_code == 422
    assert list(answer.get_json()["details"]["fields"]) == ["name"]


@pytest.mark.parametrize("quantity", ["3", "３", 1.5, 0, -1, 100, 10**30, True, None])
def test_a_quantity_is_one_to_ninety_nine(home: Neighbourhood, gu: Call, quantity: object) -> None:
    answer = gu("POST", "/redemptions", json=basket(home, quantity=quantity))

    problem = answer.get_json()["details"]["fields"]["lines"]["0"]
    assert answer.status_code == 422
    assert list(problem) == ["quantity"]


def test_a_price_from_outside_is_an_unknown_field(home: Neighbourhood, gu: Call) -> None:
    body = basket(home)
    body["lines"][2]["price_points"] = 1

    answer = gu("POST", "/redemptions", json=body)

    assert answer.status_code == 422
    assert list(answer.get_json()["details"]["fields"]["lines"]["2"]) == ["price_points"]


@pytest.mark.parametrize("day", ["0000-01-01", "2026-02-30", "99999-01-01", "9.11.2026", 20261109])
def test_a_date_that_is_none_is_refused(home: Neighbourhood, gu: Call, day: object) -> None:
    answer = gu("POST", "/occasions", json=_occasion(home, day))

    assert answer.status_code == 422
    assert list(answer.get_json()["details"]["fields"]) == ["occurs_on"]


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31"])
def test_a_date_at_the_edge_of_time_is_a_refusal_like_any_other(
    home: Neighbourhood, gu: Call, day: str
) -> None:
    planned = gu("POST", "/occasions", json=_occasion(home, day))
    released = gu("POST", "/star-rules", json={"thresholds_minutes": [60], "starts_on": day})
    run = gu("GET", f"/commendations/dry-run?period_from=0001-01-01&period_to={day}")
    listed = gu("GET", f"/redemptions?on={day}")

    assert planned.status_code in {409, 422}
    assert _is_the_one_shape(planned)
    assert released.status_code in {201, 409, 422}
    assert run.status_code in {200, 409, 422}
    assert (listed.status_code, listed.get_json()) == (200, [])


def _occasion(home: Neighbourhood, day: object) -> dict[str, Any]:
    return {
        "site_id": home.ids["site_id"],
        "leader_member_id": home.ids["leader_member_id"],
        "title": "看望老人",
        "category": "outreach",
        "occurs_on": day,
        "slots": [{"start_time": "14:00", "end_time": "15:00", "capacity": 5}],
    }


# ---------------------------------------------------------------- other people's things


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/occasions/{occasion_id}", None),
        ("GET", "/occasions/{occasion_id}/attendances", None),
        ("GET", "/occasions/{occasion_id}/venue-code", None),
        ("POST", "/occasions/{occasion_id}/confirmations", {"marks": []}),
        ("POST", "/occasions/{occasion_id}/cancellation", {"reason": "rain"}),
        ("POST", "/occasions/{occasion_id}/withdrawals", {}),
        ("POST", "/enrolments", {"slot_id": "{slot_id}"}),
        ("POST", "/attendances/{attendance_id}/acceptance", None),
        ("GET", "/members/{member_id}", None),
        ("PUT", "/members/{member_id}", {"name": "x", "team": ""}),
        ("PUT", "/members/{member_id}/roles", {"roles": ["volunteer"]}),
        ("PUT", "/members/{member_id}/pin", {"pin": "4826"}),
        ("POST", "/members/{member_id}/card", None),
        ("DELETE", "/members/{member_id}/card", None),
        ("GET", "/items/1", None),
        ("GET", "/redemptions/1", None),
    ],
)
def test_what_belongs_to_another_community_is_not_there(
    home: Neighbourhood, method: str, path: str, body: dict[str, Any] | None
) -> None:
    ids = home.ids
    home.caller("gu")("POST", "/redemptions", json=basket(home))
    sent = {name: _filled(value, ids) for name, value in body.items()} if body else body

    answer = home.caller("frieda")(method, path.format(**ids), json=sent)

    assert answer.status_code == 404
    assert _is_the_one_shape(answer)


def _filled(value: object, ids: dict[str, str]) -> object:
    return value.format(**ids) if isinstance(value, str) else value


def test_a_revoked_token_is_nobody(home: Neighbourhood) -> None:
    issued = issue_token(home)
    home.tokens["short"] = issued.token
    short = home.caller("short")

    before = short("GET", "/me")
    revoked = short("DELETE", f"/tokens/{issued.row.id}")
    after = short("GET", "/me")

    assert (before.status_code, revoked.status_code, after.status_code) == (200, 204, 401)
    assert home.caller("gu")("GET", "/me").status_code == 200


def test_a_token_ends_after_ninety_days(home: Neighbourhood) -> None:
    gu = home.caller("gu")
    with clock.at(NOW + timedelta(days=89)):
        before = gu("GET", "/me")
    with clock.at(NOW + timedelta(days=91)):
        after = gu("GET", "/me")

    assert (before.status_code, after.status_code) == (200, 401)
    assert after.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic eDp5", "Bearer D.\x7f", "D.X"])
def test_a_header_without_a_token_is_nobody(home: Neighbourhood, header: str) -> None:
    answer = home.caller("gu")("GET", "/me", headers={"Authorization": header})

    assert answer.status_code == 401
    assert _is_the_one_shape(answer)
