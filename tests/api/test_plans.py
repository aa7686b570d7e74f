"""No statement of a request reads a whole table that grows: SQLite's own plan says so.

Each request of a busy day is sent once and every statement it causes is explained with its own
parameters; a `SCAN` of a table that grows with use fails the test.
"""

import re
from collections.abc import Callable
from typing import Any

import pytest

from tests.api.statements import Seen, noted
from tests.api.test_events import seal_all
from tests.api.world import Neighbourhood, basket, ticket

GROWING = (
    *("attendance", "scan_event", "occasion", "slot", "member", "member_card", "api_token"),
    *("person", "member_role", "redemption", "redemption_line", "refund", "donation", "photo"),
    *("certificate", "audit_event", "pay_code_use", "item"),
    *("ledger_posting", "ledger_transaction", "ledger_balance", "ledger_account"),
    *("ledger_outbox", "ledger_hold", "ledger_activity", "ledger_seal_item"),
)
SCAN = re.compile(r"^SCAN (\w+)")
ALIAS = re.compile(r"\b(\w+) AS (\w+)")

Send = Callable[[Neighbourhood], Any]


def _check_in(home: Neighbourhood) -> Any:
    body = {"ticket": ticket(home), "nonce": "a-nonce-of-this-test"}
    return home.caller("charlie")("POST", "/checkins", json=body)


def _scan_for(home: Neighbourhood) -> Any:
    body = {"text": home.card, "nonce": "another-nonce-of-this-test"}
    return home.caller("bob")("POST", f"/occasions/{home.ids['occasion_id']}/checkins", json=body)


def _redeem(home: Neighbourhood) -> Any:
    return home.caller("gu")("POST", "/redemptions", json=basket(home))


def _api(name: str, path: str) -> Send:
    return lambda home: home.caller(name)("GET", path.format(**home.ids))


def _page(name: str, path: str) -> Send:
    return lambda home: home.day.browsers[name].get(path.format(**home.ids))


REQUESTS: dict[str, Send] = {
    "check in": _check_in,
    "scan a card": _scan_for,
    "redeem": _redeem,
    "open a code": lambda home: home.day.browsers["charlie"].get(home.day.code_path()),
    "own statement": _api("charlie", "/me/statement?book=points"),
    "one receipt": _api("gu", "/redemptions/1"),
    "receipts of the day": _api("gu", "/redemptions"),
    "shop window": _api("charlie", "/items"),
    "roster": _api("bob", "/occasions/{occasion_id}/attendances"),
    "home": _page("charlie", "/me/"),
    "statement page": _page("charlie", "/me/statement/time"),
    "leader's board": _page("bob", "/lead/{occasion_id}/board"),
    "a photo": lambda home: home.app.test_client().get(home.photo_path),
}


@pytest.mark.parametrize("name", REQUESTS)
def test_no_request_reads_a_whole_table_that_grows(home: Neighbourhood, name: str) -> None:
    assert home.ids, "read beforehand: the reading of a test is not the application's"
    with noted(home.database) as seen:
        answer = REQUESTS[name](home)

    assert answer.status_code in {200, 201}
    assert seen
    assert _scans(home, seen) == []


def test_no_page_of_events_reads_a_whole_table_that_grows(home: Neighbourhood) -> None:
    seal_all(home, home.gu)
    with noted(home.database) as seen:
        answer = home.caller("gu")("GET", "/events?after=3&limit=20")

    assert len(answer.get_json()["events"]) == 20
    assert _scans(home, seen) == []


def _scans(home: Neighbourhood, seen: Seen) -> list[str]:
    """Return each statement that scans a growing table, with the line of its plan."""
    found = []
    with home.database.engine.connect() as connection:
        for statement, parameters in seen:
            names = {alias: table for table, alias in ALIAS.findall(statement)}
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
            for *_, detail in plan:
                scanned = SCAN.match(detail)
                if scanned and names.get(scanned[1], scanned[1]) in GROWING:
                    found.append(f"{detail}: {statement}")
    return found
