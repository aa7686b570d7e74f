"""The page decides as the server does: one file of cases, one answer, in a real browser."""

from dataclasses import asdict
from datetime import datetime
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.browser.site import Site
from tests.service.vectors import (
    SEQUENCES,
    VECTORS,
    answer_of,
    case_of,
    moment_of,
    scan_of,
    state_of,
)
from timebank.service.decide import ScanFacts, StateFacts, decide
from web.assets import assets

pytestmark = pytest.mark.browser

DECIDE = """
async ([address, cases]) => {
  const { decide } = await import(address);
  return cases.map(([scan, state, now]) => decide(scan, state, now));
}
"""
REPLAY = """
async ([address, begin, scans]) => {
  const { after, decide } = await import(address);
  return scans.reduce((state, [scan, now]) => after(state, decide(scan, state, now), now), begin);
}
"""


@pytest.fixture(scope="module")
def page(site: Site) -> Page:
    opened = site.open().new_page()
    opened.goto("/")
    return opened


def script() -> str:
    name = "js/decide.js"
    return f"/assets/{assets()[name].digest}/{name}"


def millis(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def plain(facts: ScanFacts | StateFacts) -> dict[str, Any]:
    """Return facts as the server's JSON gives them."""
    return {
        name: millis(value) if isinstance(value, datetime) else value
        for name, value in asdict(facts).items()
    }


def test_the_page_answers_every_vector_as_the_server_does(page: Page) -> None:
    cases = [case_of(vector) for vector in VECTORS]
    given = [[plain(case.scan), plain(case.state), millis(case.now)] for case in cases]

    answers = page.evaluate(DECIDE, [script(), given])

    assert len(answers) == len(VECTORS)
    for vector, case, answer in zip(VECTORS, cases, answers, strict=True):
        decision = decide(case.scan, case.state, case.now)
        seen = decision.first_seen
        expected = {**answer_of(decision), "first_seen": millis(seen) if seen else None}
        assert answer == expected, vector["name"]
        assert {name: answer[name] for name in case.expect} == case.expect, vector["name"]


@pytest.mark.parametrize("sequence", SEQUENCES, ids=lambda sequence: sequence["name"])
def test_scans_in_their_order_end_as_written(page: Page, sequence: dict[str, Any]) -> None:
    begin, ends = state_of(sequence["state"]), state_of(sequence["ends"])
    scans = [
        [plain(scan_of({"intent": each["intent"]})), millis(moment_of(each["now"]))]
        for each in sequence["scans"]
    ]

    last = page.evaluate(REPLAY, [script(), plain(begin), scans])

    assert (last["attendance"], last["in_at"], last["out_at"]) == (
        str(ends.attendance),
        plain(ends)["in_at"],
        plain(ends)["out_at"],
    )
