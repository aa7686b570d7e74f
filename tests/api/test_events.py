"""The API of events and webhooks: what it tells, whom, and what it never tells."""

import json
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa

from ledger import seal
from tests.api.statements import noted
from tests.api.world import Neighbourhood, basket
from tests.insight.receivers import receiver
from timebank.insight import deliveries
from timebank.people.models import Member
from web.session import EXTENSION

URL = "https://example.org/events?key=abc"
STATEMENTS_MAX = 7
SECRET_WORDS = ("narration", "actor", "reason", "name")


def seal_all(home: Neighbourhood, member: Member) -> int:
    """Seal what waits in a member's book; return the last sequence number."""
    while True:
        with home.database.begin() as session:
            if not seal.seal(session, member.community_id):
                return seal.head(session, member.community_id).last_sequence


def test_the_feed_is_read_to_its_end_and_on(fresh_home: Neighbourhood) -> None:
    gu = fresh_home.caller("gu")
    last = seal_all(fresh_home, fresh_home.gu)
    found: list[dict[str, Any]] = []
    cursor = 0

    while page := gu("GET", f"/events?after={cursor}&limit=7").get_json()["events"]:
        found += page
        cursor = page[-1]["sequence"]

    assert [event["sequence"] for event in found] == list(range(1, last + 1))
    assert {event["kind"] for event in found} == {"account", "transaction"}
    empty = gu("GET", f"/events?after={cursor}")
    assert (empty.status_code, empty.get_json()) == (200, {"events": [], "next_cursor": cursor})
    assert gu("POST", "/redemptions", json=basket(fresh_home)).status_code == 201
    seal_all(fresh_home, fresh_home.gu)
    (sold,) = gu("GET", f"/events?after={cursor}").get_json()["events"]
    assert sold["transaction"]["kind"] == "redemption"
    assert sold["account"] is sold["act"] is None


def test_no_event_names_a_person(fresh_home: Neighbourhood) -> None:
    gu = fresh_home.caller("gu")
    gu("POST", "/redemptions", json=basket(fresh_home))
    seal_all(fresh_home, fresh_home.gu)
    with fresh_home.database.reading() as session:
        people = session.scalars(sa.select(Member)).all()

    told = gu("GET", "/events?limit=1000").get_data(as_text=True)

    for person in people:
        assert person.name not in told
        assert str(person.id) not in told
    assert not any(f'"{word}"' in told for word in SECRET_WORDS)


def test_each_community_reads_its_own_book(fresh_home: Neighbourhood) -> None:
    seal_all(fresh_home, fresh_home.gu)
    seal_all(fresh_home, fresh_home.frieda)

    mine = fresh_home.caller("gu")("GET", "/events?limit=1000").get_json()["events"]
    others = fresh_home.caller("frieda")("GET", "/events?limit=1000").get_json()["events"]

    assert mine
    assert others
    assert {event["id"] for event in mine}.isdisjoint(event["id"] for event in others)


def test_volunteers_and_leaders_do_not_read_the_book(fresh_home: Neighbourhood) -> None:
    for name in ("charlie", "bob"):
        assert fresh_home.caller(name)("GET", "/events").status_code == 403


@pytest.mark.parametrize(
    "query",
    ["after=-1", "after=x", "after=9007199254740992", "limit=0", "limit=1001", "limit=1.5", "to=9"],
)
def test_a_cursor_or_limit_that_cannot_be_is_refused(home: Neighbourhood, query: str) -> None:
    answer = home.caller("gu")("GET", f"/events?{query}")

    assert answer.status_code == 422
    assert answer.get_json()["code"] == "invalid"


def test_a_page_costs_the_same_statements_whatever_it_holds(fresh_home: Neighbourhood) -> None:
    gu = fresh_home.caller("gu")
    seal_all(fresh_home, fresh_home.gu)
    counts = []

    for limit in (20, 1000):
        with noted(fresh_home.database) as seen:
            gu("GET", f"/events?limit={limit}")
        counts.append(len(seen))

    assert counts[0] <= counts[1] <= STATEMENTS_MAX


# ---------------------------------------------------------------- webhooks


def test_a_webhook_is_added_shown_switched_and_tried_again(fresh_home: Neighbourhood) -> None:
    gu = fresh_home.caller("gu")
    seal_all(fresh_home, fresh_home.gu)

    added = gu("POST", "/webhooks", json={"url": URL, "from_beginning": True})
    assert added.status_code == 201
    path = f"/webhooks/{added.get_json()['id']}"
    shown = gu("GET", path).get_json()
    off = gu("PUT", f"{path}/switch", json={"is_on": False}).get_json()
    on = gu("PUT", f"{path}/switch", json={"is_on": True}).get_json()
    again = gu("POST", f"{path}/send-again")

    assert gu("GET", "/webhooks").get_json()[0]["url"] == URL
    assert shown["webhook"] == added.get_json()
    assert shown["deliveries"] == []
    assert shown["waiting_count"] > 0
    assert len(shown["secret"]) == 64
    assert (off["state"], on["state"]) == ("off", "on")
    assert (again.status_code, again.get_json()["code"]) == (409, "nothing_to_send_again")


def test_the_same_address_twice_is_told(fresh_home: Neighbourhood) -> None:
    gu = fresh_home.caller("gu")
    gu("POST", "/webhooks", json={"url": URL})

    second = gu("POST", "/webhooks", json={"url": URL})

    assert (second.status_code, second.get_json()["code"]) == (409, "webhook_known")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"url": "ftp://example.org"}, "webhook_address_invalid"),
        ({"url": "http://10.0.0.1/x"}, "webhook_address_private"),
        ({"url": "http://[::1]/x"}, "webhook_address_private"),
        ({"url": ""}, "invalid"),
        ({}, "invalid"),
        ({"url": URL, "from_beginning": "yes"}, "invalid"),
        ({"url": URL, "secret": "mine"}, "invalid"),
    ],
)
def test_a_bad_address_is_refused(home: Neighbourhood, body: dict[str, object], code: str) -> None:
    answer = home.caller("gu")("POST", "/webhooks", json=body)

    assert (answer.status_code, answer.get_json()["code"]) == (422, code)


def test_what_a_webhook_gets_is_what_the_api_tells(fresh_home: Neighbourhood) -> None:
    gu = fresh_home.caller("gu")
    seal_all(fresh_home, fresh_home.gu)
    services = fresh_home.app.extensions[EXTENSION]
    allowed = replace(services.settings, webhooks_private_network=True)
    with receiver() as running:
        gu("POST", "/webhooks", json={"url": running.url, "from_beginning": True})
        while deliveries.deliver_due(fresh_home.database, allowed):
            pass
        received = [
            event for request in running.requests for event in json.loads(request.body)["events"]
        ]

    assert received == gu("GET", "/events?limit=1000").get_json()["events"]


def test_another_communitys_webhook_is_not_there(fresh_home: Neighbourhood) -> None:
    added = fresh_home.caller("gu")("POST", "/webhooks", json={"url": URL}).get_json()
    path = f"/webhooks/{added['id']}"
    frieda = fresh_home.caller("frieda")

    answers = [
        frieda("GET", path),
        frieda("PUT", f"{path}/switch", json={"is_on": False}),
        frieda("POST", f"{path}/send-again"),
    ]

    assert [answer.status_code for answer in answers] == [404] * 3
    assert {answer.get_json()["code"] for answer in answers} == {"webhook_not_found"}
    assert frieda("GET", "/webhooks").get_json() == []
