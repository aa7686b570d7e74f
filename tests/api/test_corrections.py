"""Questions and corrections over the API, from the row to the changed book."""

from typing import Any

import pytest

from ledger import clock
from tests.api.world import NOW, Call, Neighbourhood
from tests.web.service_pages import at
from timebank.actors import Actor, Role
from timebank.service import attendance, checkin
from timebank.service.attendance import Mark, RowMark
from timebank.service.checkin import Press
from timebank.service.decide import Intent

TIMES = {"in_at": "2026-11-09T09:00:00+08:00", "out_at": "2026-11-09T10:00:00+08:00"}


@pytest.fixture
def row(fresh_home: Neighbourhood) -> str:
    """Charlie's confirmed attendance: 150 minutes."""
    day = fresh_home.day
    charlie, bob = day.people["charlie"], day.people["bob"]
    actor = Actor(bob.community_id, bob.id, frozenset({Role.LEADER}), bob.name)
    for moment, intent in (("8:58", Intent.IN), ("11:34", Intent.OUT)):
        with clock.at(at(moment)), day.database.begin() as session:
            press = Press(f"nonce-of-{intent.value}", intent)
            checkin.scan_for(
                session,
                actor,
                occasion_id=day.occasion_id,
                text="",
                member_id=charlie.id,
                press=press,
            )
    row_id = day.row("charlie").id
    with clock.at(at("12:00")), day.database.begin() as session:
        marks = [RowMark(row_id, Mark.PRESENT)]
        attendance.confirm(session, actor, occasion_id=day.occasion_id, marks=marks)
    return str(row_id)


def _at_two(call: Call, method: str, path: str, **body: Any) -> Any:
    with clock.at(at("14:00")):
        return call(method, path, **({"json": body} if body else {}))


def test_a_correction_takes_two_and_the_story_tells_of_it(
    fresh_home: Neighbourhood, row: str
) -> None:
    gu, bob, charlie = (fresh_home.caller(name) for name in ("gu", "bob", "charlie"))
    asked = _at_two(charlie, "POST", f"/attendances/{row}/disputes", text="我十点走的")
    listed = _at_two(gu, "GET", "/disputes").get_json()
    made = _at_two(bob, "POST", f"/attendances/{row}/corrections", reason="签到表", **TIMES)
    path = f"/corrections/{made.get_json()['id']}"
    own = _at_two(bob, "POST", f"{path}/agreement")
    agreed = [_at_two(gu, "POST", f"{path}/agreement") for _ in range(2)]

    story = _at_two(charlie, "GET", f"/attendances/{row}/provenance").get_json()
    assert (asked.status_code, made.status_code, own.status_code) == (201, 201, 403)
    assert own.get_json()["code"] == "own_proposal"
    assert [each["id"] for each in listed] == [asked.get_json()["id"]]
    assert [answer.status_code for answer in agreed] == [200, 200]
    assert agreed[0].get_json() == agreed[1].get_json()
    assert (story["counted_minutes"], story["points"]) == (60, 2)
    assert story["transaction_id"] == story["corrections"][0]["transaction_id"]
    assert story["corrections"][0]["old_counted_minutes"] == 150
    assert story["disputes"][0]["state"] == "corrected"
    assert [scan["scanned_by"] for scan in story["scans"]] == ["覃志远", "覃志远"]
    assert story["confirmed_by"] == "覃志远"


def test_a_proposal_is_refused_and_another_withdrawn(fresh_home: Neighbourhood, row: str) -> None:
    gu, bob = fresh_home.caller("gu"), fresh_home.caller("bob")
    states = []
    for who, step, body in ((gu, "refusal", {"reason": "我在场"}), (bob, "withdrawal", {})):
        made = _at_two(bob, "POST", f"/attendances/{row}/corrections", reason="没有来")
        answer = _at_two(who, "POST", f"/corrections/{made.get_json()['id']}/{step}", **body)
        shown = _at_two(gu, "GET", f"/corrections/{made.get_json()['id']}").get_json()
        states.append((answer.status_code, shown["state"], shown["in_at"]))

    assert states == [(200, "refused", None), (200, "withdrawn", None)]
    assert _at_two(gu, "GET", "/corrections").get_json() == []


@pytest.mark.parametrize(
    ("name", "status", "code"), [("dora", 404, "not_found"), ("frieda", 404, "not_found")]
)
def test_somebody_elses_story_is_not_there(
    fresh_home: Neighbourhood, row: str, name: str, status: int, code: str
) -> None:
    call = fresh_home.caller(name)

    answers = [
        _at_two(call, "GET", f"/attendances/{row}/provenance"),
        _at_two(call, "POST", f"/attendances/{row}/disputes", text="不对"),
    ]

    assert [(each.status_code, each.get_json()["code"]) for each in answers] == [(status, code)] * 2


@pytest.mark.parametrize("text", ["", "长" * 600, None, 7])
def test_a_question_of_the_wrong_form_is_refused(
    fresh_home: Neighbourhood, row: str, text: object
) -> None:
    answer = _at_two(
        fresh_home.caller("charlie"), "POST", f"/attendances/{row}/disputes", text=text
    )

    assert (answer.status_code, answer.get_json()["code"]) == (422, "invalid")
    assert at("14:00") > NOW


def test_an_explanation_answers_a_question_once(fresh_home: Neighbourhood, row: str) -> None:
    charlie, gu = fresh_home.caller("charlie"), fresh_home.caller("gu")
    asked = _at_two(charlie, "POST", f"/attendances/{row}/disputes", text="不对")
    path = f"/disputes/{asked.get_json()['id']}/explanation"

    first = _at_two(gu, "POST", path, text="时段到十一点半")
    second = _at_two(gu, "POST", path, text="时段到十一点半")

    assert (first.status_code, first.get_json()["state"]) == (200, "explained")
    assert (second.status_code, second.get_json()["code"]) == (409, "dispute_answered")
