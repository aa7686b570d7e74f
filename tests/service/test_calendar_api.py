"""The API of the calendar, as a machine uses it."""

from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

import pytest
from flask import Flask

from ledger import clock
from ledger.database import Database
from tests.web.service_pages import Day, at, make_day
from timebank.people import tokens

pytestmark = pytest.mark.databases("sqlite", "postgresql")

Ask = Callable[..., Any]


@pytest.fixture
def day(app: Flask, database: Database) -> Iterator[Day]:
    with clock.at(at("10:00", date(2026, 11, 2))):
        yield make_day(app, database)


@pytest.fixture
def ask(day: Day) -> Ask:
    held: dict[str, str] = {}

    def send(name: str, method: str, path: str, body: object = None) -> Any:
        if name not in held:
            with day.database.begin() as session:
                held[name] = tokens.issue_token(
                    session,
                    phone=day.signs[name].phone,
                    password=day.signs[name].password,
                    community_code="D",
                    name="test",
                ).token
        headers = {"Authorization": f"Bearer {held[name]}", "Accept-Language": "en"}
        client = day.app.test_client()
        return client.open(f"/api/v1{path}", method=method, headers=headers, json=body)

    return send


def test_a_place_that_comes_free_is_given_and_told(day: Day, ask: Ask) -> None:
    slot = f"/slots/{day.slot_id}"
    fewer = ask("alice", "POST", f"{slot}/capacity", {"capacity": 1})
    asked = ask("dora", "POST", f"{slot}/waits", {})
    again = ask("dora", "POST", f"{slot}/waits", {})
    on_list = ask("charlie", "POST", f"{slot}/waits", {})
    ask("charlie", "POST", f"/occasions/{day.occasion_id}/withdrawals", {})
    shown = ask("dora", "GET", f"/occasions/{day.occasion_id}").get_json()
    [message] = ask("dora", "GET", "/me/messages").get_json()
    read = ask("dora", "POST", "/me/messages/read", {"up_to": message["id"]})

    assert fewer.get_json()["capacity"] == 1
    assert (asked.status_code, asked.get_json()["place"]) == (201, 1)
    assert again.get_json()["id"] == asked.get_json()["id"]
    assert (on_list.status_code, on_list.get_json()["code"]) == (409, "on_the_list")
    assert shown["kind"] == "service_day"
    assert (shown["slots"][0]["mine"], shown["slots"][0]["waiting_count"]) == ("enrolled", 0)
    assert message["kind"] == "place_given"
    assert message["text"].startswith("A place came free and is yours")
    assert read.get_json() == {"count": 1}


def test_a_day_is_moved_and_a_series_ended(day: Day, ask: Ask) -> None:
    moved = ask(
        "alice",
        "POST",
        f"/occasions/{day.occasion_id}/move",
        {"occurs_on": "2026-11-12", "start_time": "14:00"},
    )
    made = ask(
        "alice",
        "POST",
        "/series",
        {
            "site_id": str(day.site_id),
            "leader_member_id": str(day.people["bob"].id),
            "title": "急救培训",
            "category": "safety",
            "kind": "training",
            "rule": "FREQ=WEEKLY;BYDAY=SA",
            "starts_on": "2026-11-02",
            "slot": {"start_time": "09:00", "end_time": "11:00", "capacity": 9},
        },
    )
    series = f"/series/{made.get_json()['id']}"
    planned = ask("alice", "POST", f"{series}/occasions", {"until": "2026-11-30"})
    extra = ask("alice", "POST", f"{series}/extra-days", {"occurs_on": "2026-11-18"})
    taken = ask("alice", "POST", f"{series}/extra-days", {"occurs_on": "2026-11-21"})
    ended = ask("alice", "POST", f"{series}/end", {"from_on": "2026-11-15", "reason": "换人"})

    assert moved.get_json()["starts_at"].startswith("2026-11-12T06:00:00")
    assert made.get_json()["kind"] == "training"
    assert (len(planned.get_json()), extra.status_code) == (4, 201)
    assert (taken.status_code, taken.get_json()["code"]) == (409, "day_taken")
    days = [each["occurs_on"] for each in ended.get_json()["called_off"]]
    assert days == ["2026-11-18", "2026-11-21", "2026-11-28"]
    assert ended.get_json()["kept"] == []


def test_a_volunteer_plans_nothing(day: Day, ask: Ask) -> None:
    answer = ask("charlie", "POST", f"/slots/{day.slot_id}/capacity", {"capacity": 1})

    assert (answer.status_code, answer.get_json()["code"]) == (403, "not_allowed")
