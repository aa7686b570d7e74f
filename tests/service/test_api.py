"""The API of service days, as a machine uses it: with a bearer token and JSON."""

from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask

from ledger import clock
from ledger.database import Database
from tests.web.service_pages import TITLE, Day, at, make_day
from timebank.actors import Role
from timebank.people import tokens
from timebank.people.models import MemberRole
from timebank.service.models import AttendanceState

NONCE = "a-nonce-of-this-test"

PROPOSALS = "/points-policy-proposals"


@pytest.fixture
def day(app: Flask, database: Database) -> Iterator[Day]:
    with clock.at(at("8:58")):
        yield make_day(app, database)


@pytest.fixture
def ask(day: Day):  # type: ignore[no-untyped-def]
    """Send one request as one of the people."""
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
        return day.app.test_client().open(
            f"/api/v1{path}",
            method=method,
            json=body,
            headers={"Authorization": f"Bearer {held[name]}"},
        )

    return send


def _ticket(ask: Any, day: Day, name: str = "charlie") -> str:
    shown = ask("bob", "GET", f"/occasions/{day.occasion_id}/venue-code").get_json()
    code = shown["path"].removeprefix("S/")
    return str(ask(name, "GET", f"/venue-codes/{code}").get_json()["ticket"])


def test_the_whole_day_by_api(ask: Any, day: Day) -> None:
    ticket = _ticket(ask, day)
    press = {"ticket": ticket, "nonce": NONCE, "intent": "in"}
    came = ask("charlie", "POST", "/checkins", press)
    again = ask("charlie", "POST", "/checkins", press)
    with clock.at(at("11:34")):
        leave = {"ticket": _ticket(ask, day), "nonce": NONCE + "-out", "intent": "out"}
        left = ask("charlie", "POST", "/checkins", leave)
    with clock.at(at("12:10")):
        rows = ask("bob", "GET", f"/occasions/{day.occasion_id}/attendances").get_json()
        marks = {"marks": [{"attendance_id": rows[0]["id"], "mark": "present"}]}
        path = f"/occasions/{day.occasion_id}/confirmations"
        done = ask("bob", "POST", path, marks)
        repeated = ask("bob", "POST", path, marks)
        statement = ask("charlie", "GET", "/me/statement?book=points").get_json()

    assert (came.status_code, came.get_json()["status"]) == (201, "ok")
    assert (again.status_code, again.get_json()["status"]) == (200, "replay")
    assert (left.status_code, left.get_json()["details"]["minutes"]) == (201, 156)
    assert (done.status_code, done.get_json()["minutes"]) == (201, 150)
    assert done.get_json() == repeated.get_json()
    assert statement["closing_minor"] == 5
    assert statement["lines"][0]["source"] == f"attendance:{rows[0]['id']}"


def test_a_refusal_has_the_error_shape_and_the_answer_shape(ask: Any, day: Day) -> None:
    body = {"ticket": _ticket(ask, day, "dora"), "nonce": NONCE}

    refused = ask("dora", "POST", "/checkins", body)

    answer = refused.get_json()
    assert refused.status_code == 409
    assert set(answer) == {
        *("code", "message", "details", "status", "reason", "first_seen", "occasion", "next_action")
    }
    assert (answer["code"], answer["next_action"]) == ("not_enrolled", "join")
    assert answer["occasion"]["title"] == TITLE


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("nonce", "short"),
        ("nonce", "with a blank in it"),
        ("ticket", ""),
        ("intent", "sideways"),
        ("is_joining", "yes"),
        ("points", 100),
    ],
)
def test_a_wrong_field_is_named(ask: Any, day: Day, field: str, value: object) -> None:
    body = {"ticket": _ticket(ask, day), "nonce": NONCE, field: value}

    refused = ask("charlie", "POST", "/checkins", body)

    assert refused.status_code == 422
    assert list(refused.get_json()["details"]["fields"]) == [field]


def test_the_leader_scans_by_api(ask: Any, day: Day) -> None:
    body = {"member_id": str(day.people["charlie"].id), "nonce": NONCE, "intent": "in"}

    answer = ask("bob", "POST", f"/occasions/{day.occasion_id}/checkins", body)

    assert answer.status_code == 201
    assert day.row("charlie").in_by_id == day.people["bob"].id


def test_flags_and_a_look_by_api(ask: Any, day: Day) -> None:
    for name in ("charlie", "dora"):
        press = {"ticket": _ticket(ask, day, name), "nonce": NONCE, "device": "one phone"}
        ask(name, "POST", "/checkins", {**press, "is_joining": name == "dora"})
    row_id = day.row("charlie").id
    seen = ask("bob", "POST", f"/attendances/{row_id}/sighting")

    listed = ask("bob", "GET", f"/occasions/{day.occasion_id}/attendances").get_json()
    assert [each["flags"] for each in listed] == [["device_shared"]] * 2
    assert seen.get_json()["seen_by_id"] == str(day.people["bob"].id)
    assert {each["id"]: bool(each["seen_at"]) for each in listed}[str(row_id)]
    assert [bool(each["seen_at"]) for each in listed].count(True) == 1


def test_planning_by_api(ask: Any, day: Day) -> None:
    site = ask("alice", "POST", "/sites", {"name": "敬老院", "address": "一楼"}).get_json()
    activity = {
        "site_id": site["id"],
        "leader_member_id": str(day.people["bob"].id),
        "title": "看望老人",
        "category": "outreach",
    }
    slots = [
        {"start_time": "14:00", "end_time": "15:00", "capacity": 5},
        {"start_time": "15:00", "end_time": "16:00", "capacity": 5},
    ]
    occasion = ask(
        "alice", "POST", "/occasions", {**activity, "occurs_on": "2026-11-12", "slots": slots}
    )
    series = ask(
        "alice",
        "POST",
        "/series",
        {
            **activity,
            "rule": "FREQ=MONTHLY;BYMONTHDAY=9",
            "starts_on": "2026-11-09",
            "slot": slots[0],
        },
    )
    planned = ask(
        "alice",
        "POST",
        f"/series/{series.get_json()['id']}/occasions",
        {"until": "2027-01-31"},
    )
    listed = ask("dora", "GET", "/occasions").get_json()

    assert occasion.status_code == 201
    assert len(occasion.get_json()["slots"]) == 2
    assert [each["occurs_on"] for each in planned.get_json()] == [
        *("2026-11-09", "2026-12-09", "2027-01-09")
    ]
    assert TITLE in {each["title"] for each in listed}


def test_signing_up_and_withdrawing_by_api(ask: Any, day: Day) -> None:
    with clock.at(at("5:00")):
        signed = ask("dora", "POST", "/enrolments", {"slot_id": str(day.slot_id)})
        withdrawn = ask("dora", "POST", f"/occasions/{day.occasion_id}/withdrawals", {})

    assert (signed.status_code, withdrawn.status_code) == (201, 200)
    assert day.row("dora").state is AttendanceState.WITHDRAWN


@pytest.mark.parametrize(
    "moment", ["2026-11-09T09:00:00", "yesterday", "0001-01-01T00:00:00+13:00", 5]
)
def test_a_moment_needs_its_zone_and_century(ask: Any, day: Day, moment: object) -> None:
    body = {
        "slot_id": str(day.slot_id),
        "member_id": str(day.people["dora"].id),
        "in_at": moment,
        "out_at": "2026-11-09T10:00:00+08:00",
    }

    refused = ask("bob", "POST", "/attendances", body)

    assert refused.status_code == 422
    assert "in_at" in refused.get_json()["details"]["fields"]


def _policy(starts_on: str, **changes: Any) -> dict[str, Any]:
    rule = {
        "points_per_hour": 3,
        "daily_minutes_max": 300,
        "points_by_provenance": ["self_scanned"],
    }
    return {"starts_on": starts_on, "rule": {**rule, **changes}}


def test_a_policy_is_proposed_for_a_day_to_come(ask: Any) -> None:
    today = ask("alice", "POST", PROPOSALS, _policy("2026-11-09"))
    far = ask("alice", "POST", PROPOSALS, _policy("9999-12-31"))
    tomorrow = ask("alice", "POST", PROPOSALS, _policy("2026-11-10"))
    by_leader = ask("bob", "POST", PROPOSALS, _policy("2026-11-11"))

    assert (today.status_code, today.get_json()["code"]) == (409, "policy_too_early")
    assert (far.status_code, far.get_json()["code"]) == (422, "policy_too_far")
    assert (tomorrow.status_code, tomorrow.get_json()["state"]) == (201, "open")
    assert by_leader.status_code == 403


def test_a_policy_is_released_by_another_and_tried_before(day: Day, ask: Any) -> None:
    night = {"begin": "22:00", "end": "06:00", "factor": 150}
    body = _policy("2026-11-10", windows=[night], daily_points_max=8)
    made = ask("alice", "POST", PROPOSALS, body).get_json()
    path = f"{PROPOSALS}/{made['id']}"

    tried = ask("alice", "GET", f"{path}/preview?month=2026-10-01")
    not_over = ask("alice", "GET", f"{path}/preview?month=2026-11-01")
    own = ask("alice", "POST", f"{path}/release")
    with day.database.begin() as session:
        session.add(
            MemberRole(
                community_id=day.people["bob"].community_id,
                member_id=day.people["bob"].id,
                role=Role.ADMINISTRATOR,
            )
        )
    released = ask("bob", "POST", f"{path}/release")
    too_late = ask("alice", "POST", f"{path}/withdraw")
    versions = ask("charlie", "GET", "/points-policies").get_json()

    assert (tried.status_code, tried.get_json()["points"]) == (200, 0)
    assert (not_over.status_code, not_over.get_json()["code"]) == (422, "month_not_over")
    assert (own.status_code, own.get_json()["code"]) == (403, "own_rule")
    assert (released.status_code, released.get_json()["policy_version"]) == (200, 2)
    assert (too_late.status_code, too_late.get_json()["code"]) == (409, "proposal_decided")
    assert [each["version"] for each in versions] == [2, 1]
    assert versions[0]["rule"]["windows"] == [night]


@pytest.mark.parametrize(
    "wrong",
    [
        {"windows": [{"begin": "22:00", "end": "22:00", "factor": 150}]},
        {"windows": [{"begin": "9:00", "end": "22:00", "factor": 150}]},
        {"windows": [{"begin": "22:00", "end": "06:00", "factor": 1_000}]},
        {"factors_by_category": {"safety": 0}},
        {"factors_by_place": {"somewhere": 150}},
        {"points_per_hour_by_place": {"00000000-0000-7000-8000-000000000001": 3}},
        {"monthly_points_max": 0},
    ],
)
def test_a_wrong_policy_is_refused_with_its_field(ask: Any, wrong: dict[str, Any]) -> None:
    refused = ask("alice", "POST", PROPOSALS, _policy("2026-11-10", **wrong))

    assert refused.status_code == 422
