"""The page for where there is no network, and the review tray: what the server says of both."""

import json
import re
from collections.abc import Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from ledger import clock
from ledger.database import Database
from tests.statements import counted
from tests.visitors import send
from tests.web.service_pages import Day, at, make_day
from timebank.actors import Actor, Role
from timebank.people import cards, members, tokens
from timebank.service import signup
from timebank.service.models import AttendanceState, Provenance

TABLET = "a-tablet"
PAGE = "/lead/offline/"
TRAY = "/lead/review/"


@pytest.fixture
def day(app: Flask, database: Database) -> Iterator[Day]:
    with clock.at(at("12:00")):
        yield make_day(app, database)


def millis(clock_text: str) -> int:
    return round(at(clock_text).timestamp() * 1000)


def scan(
    day: Day, who: str, nonce: str = "a-nonce-of-this-test", **more: object
) -> dict[str, object]:
    return {
        "nonce": nonce,
        "sequence": 1,
        "occasion_id": str(day.occasion_id),
        "kind": "name",
        "member_id": str(day.people[who].id),
        "device_at_ms": millis("9:05"),
        "offset_ms": 0,
        "snapshot_at_ms": millis("8:30"),
        "decision": {"status": "ok", "effect": "check_in", "reason": None},
        **more,
    }


def tell(
    day: Day, *scans: dict[str, object], who: str = "bob", token: str | None = None
) -> TestResponse:
    browser = day.browsers[who]
    given = token if token is not None else browser.get(f"{PAGE}list").get_json()["csrf_token"]
    body = {"device": TABLET, "sent_at_ms": millis("12:00"), "scans": list(scans)}
    return browser.post(f"{PAGE}scans", json=body, headers={"X-CSRFToken": given})


def text(client: FlaskClient, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200, path
    return answer.get_data(as_text=True)


def doubtful(day: Day, who: str = "charlie") -> str:
    """Tell of a scan whose list was too old; return where it is decided about."""
    assert tell(day, scan(day, who, snapshot_at_ms=None)).status_code == 200
    found = re.search(rf'href="({TRAY}[0-9a-f-]+)"', text(day.browsers["bob"], TRAY))
    assert found is not None
    return found[1]


def test_the_page_holds_no_names(day: Day) -> None:
    page = text(day.browsers["bob"], PAGE)

    assert "韦桂芬" not in page
    assert 'type="module"' in page
    assert "<script>" not in page
    words = re.search(r'data-words="([^"]+)"', page)
    assert words is not None
    assert "reasons" in json.loads(words[1].replace("&#34;", '"').replace("&#39;", "'"))


def test_the_worker_names_its_release(day: Day, client: FlaskClient) -> None:
    worker = client.get(f"{PAGE}worker.js")

    first = worker.get_data(as_text=True).splitlines()[0]
    release = json.loads(first.removeprefix("const RELEASE = ").removesuffix(";"))
    assert release["page"] == PAGE
    assert all(client.get(address).status_code == 200 for address in release["files"])
    assert worker.headers["Content-Type"].startswith("text/javascript")


def test_a_told_scan_is_in_the_list(day: Day) -> None:
    answer = tell(day, scan(day, "charlie"))

    [said] = answer.get_json()["scans"]
    assert (said["outcome"], said["why"], said["is_replay"]) == ("accepted", None, False)
    assert day.row("charlie").state is AttendanceState.IN
    assert tell(day, scan(day, "charlie")).get_json()["scans"][0]["is_replay"] is True


@pytest.mark.parametrize(
    "change",
    [
        {"device_at_ms": "yesterday"},
        {"device_at_ms": -1},
        {"kind": "face"},
        {"code": "../../etc"},
        {"nonce": "short"},
        {"decision": {"status": "ok"}},
        {"more": 1},
    ],
)
def test_a_queue_that_is_none_is_refused(day: Day, change: dict[str, object]) -> None:
    answer = tell(day, {**scan(day, "charlie"), **change})

    assert (answer.status_code, answer.get_json()["code"]) == (422, "invalid")
    assert day.row("charlie").in_at is None


def test_a_queue_without_a_token_is_refused(day: Day) -> None:
    assert tell(day, scan(day, "charlie"), token="").status_code == 400


def test_the_tray_says_why_and_takes_a_time(day: Day) -> None:
    path = doubtful(day)
    bob = day.browsers["bob"]
    assert "平板上的名单已超过 24 小时" in text(bob, TRAY)
    assert 'value="9:05"' in text(bob, path)

    wrong = send(bob, f"{path}/accept", {"come": "7:00", "go": "11:30"}, page=path)
    done = send(bob, f"{path}/accept", {"come": "9:05", "go": "11:30"}, page=path)

    row = day.row("charlie")
    assert (wrong.status_code, done.status_code) == (422, 302)
    assert (row.provenance, row.in_at) == (Provenance.BACK_FILLED, at("9:05"))
    assert "没有要核对的" in text(bob, TRAY)
    assert bob.get(path).status_code == 409


def test_the_tray_dismisses_with_a_reason(day: Day) -> None:
    path = doubtful(day)
    bob = day.browsers["bob"]

    wrong = send(bob, f"{path}/dismiss", {"reason": ""}, page=path)
    done = send(bob, f"{path}/dismiss", {"reason": "认错人"}, page=path)

    assert (wrong.status_code, done.status_code) == (422, 302)
    assert day.row("charlie").in_at is None


def test_a_card_that_nobody_knows_takes_a_number(day: Day) -> None:
    said = {"status": "review", "effect": "none", "reason": "unknown_card"}
    unknown = scan(day, "charlie", kind="digits", code="1000000008", member_id=None, decision=said)
    assert tell(day, unknown).status_code == 200
    bob = day.browsers["bob"]
    found = re.search(rf'href="({TRAY}[0-9a-f-]+)"', text(bob, TRAY))
    assert found is not None
    times = {"come": "9:05", "go": "11:30"}

    wrong = send(bob, f"{found[1]}/accept", {**times, "number": "V9999"}, page=found[1])
    number = day.people["dora"].volunteer_number
    done = send(bob, f"{found[1]}/accept", {**times, "number": number}, page=found[1])

    assert (wrong.status_code, done.status_code) == (422, 302)
    assert day.row("dora").provenance is Provenance.BACK_FILLED


def test_ones_own_scan_is_for_somebody_else(day: Day) -> None:
    tell(day, scan(day, "bob", snapshot_at_ms=None))

    assert "由别人处理" in text(day.browsers["bob"], TRAY)
    assert "覃志远" in text(day.browsers["alice"], TRAY)


def test_the_inbox_counts_what_waits(day: Day) -> None:
    doubtful(day)

    assert "待看的扫码" in text(day.browsers["alice"], "/desk/")


def test_the_api_does_the_same(day: Day) -> None:
    sign = day.signs["bob"]
    with day.database.begin() as session:
        token = tokens.issue_token(
            session, phone=sign.phone, password=sign.password, community_code="D", name="test"
        ).token
    client, headers = day.app.test_client(), {"Authorization": f"Bearer {token}"}
    body = {
        "device": TABLET,
        "sent_at_ms": millis("12:00"),
        "scans": [scan(day, "charlie", snapshot_at_ms=None)],
    }

    listed = client.get("/api/v1/offline/list", headers=headers).get_json()
    told = client.post("/api/v1/offline/scans", json=body, headers=headers).get_json()
    [line] = client.get("/api/v1/offline/reviews", headers=headers).get_json()
    path = f"/api/v1/offline/reviews/{line['scans'][0]['id']}"
    times = {"in_at": line["come_at"], "out_at": line["go_at"]}
    done = client.post(f"{path}/acceptance", json=times, headers=headers)
    again = client.post(f"{path}/dismissal", json={"reason": "x"}, headers=headers)

    assert listed["occasions"][0]["people"][0]["name"] == "韦*芬"
    assert told["scans"][0]["why"] == line["scans"][0]["why"] == "snapshot_old"
    assert (done.status_code, done.get_json()["disposal"]) == (200, "accepted")
    assert (again.status_code, again.get_json()["code"]) == (409, "already_reviewed")


def test_neither_list_nor_tray_cost_more_with_more_people(day: Day) -> None:
    bob = day.browsers["bob"]

    def cost(path: str) -> int:
        with counted() as seen:
            assert bob.get(path).status_code == 200
        return len(seen)

    doubtful(day)
    before = [cost(path) for path in (TRAY, f"{PAGE}list")]
    with day.database.begin() as session:
        actor = Actor.system(day.people["bob"].community_id, "test")
        for number in range(6):
            member = members.add_member(
                session, actor, name=f"队员{number}", roles=frozenset({Role.VOLUNTEER})
            )
            cards.issue_card(session, actor, member.id)
            with clock.at(at("8:00")):
                signup.sign_up(session, actor, slot_id=day.slot_id, member_id=member.id)
            day.people[f"more{number}"] = member
        session.flush()
        session.expunge_all()
    for number in range(6):
        tell(day, scan(day, f"more{number}", nonce=f"nonce-{number}-more", snapshot_at_ms=None))

    assert [cost(path) for path in (TRAY, f"{PAGE}list")] == before
