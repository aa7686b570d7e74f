"""Duty rosters as pages and as API: made, looked at, changed, published, printed, swapped."""

import io
import zipfile
from collections.abc import Iterator
from datetime import date
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from ledger import clock
from ledger.database import Database
from tests.api.statements import noted
from tests.visitors import csrf_token
from tests.web.service_pages import Day, at, make_day
from timebank.actors import Actor
from timebank.contributions import Category
from timebank.duty.models import Roster, Swap
from timebank.people import members, tokens
from timebank.service import repeating
from timebank.service.models import Attendance, AttendanceState, OccasionKind
from timebank.service.occasions import Activity, SlotPlan

MONDAY, FRIDAY = date(2026, 11, 16), date(2026, 11, 20)
NAME = '=HYPERLINK("x")<b>'
"""A name that a spreadsheet would run and a page would draw, if either were let."""
STATEMENTS_MAX = 16


@pytest.fixture
def day(app: Flask, database: Database) -> Iterator[Day]:
    with clock.at(at("10:00", date(2026, 11, 2))):
        yield make_day(app, database)


@pytest.fixture
def series_id(day: Day) -> UUID:
    """Shifts from Monday to Friday in the third week of November."""
    bob = day.people["bob"]
    system = Actor.system(bob.community_id, "test")
    with day.database.begin() as session:
        made = repeating.create_series(
            session,
            system,
            activity=Activity(
                day.site_id, bob.id, "入口值守", Category.SAFETY, OccasionKind.DUTY_SHIFT
            ),
            rule="FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR",
            starts_on=MONDAY,
            slot=SlotPlan("09:00", "12:00", 2),
        )
        repeating.plan_series(session, system, series_id=made.id, until=FRIDAY)
        members.edit_member(session, system, day.people["charlie"].id, name=NAME, team="")
        return made.id


def _post(client: FlaskClient, path: str, **data: Any) -> Any:
    data["csrf_token"] = csrf_token(client, "/account/")
    return client.post(path, data=data, follow_redirects=True)


def _made(day: Day, series_id: UUID, *names: str) -> str:
    """Make a roster at the desk and return its address."""
    _post(
        day.browsers["alice"],
        "/desk/rosters/new",
        title="十一月",
        begins_on=MONDAY.isoformat(),
        ends_on=FRIDAY.isoformat(),
        series_ids=[str(series_id)],
        member_ids=[str(day.people[name].id) for name in names],
        people_count="1",
        rest_minutes="660",
        daily_minutes_max="240",
    )
    with day.database.reading() as session:
        return f"/desk/rosters/{session.scalars(select(Roster.id)).one()}"


def _sign_ups(day: Day, name: str) -> list[Attendance]:
    with day.database.reading() as session:
        return list(
            session.scalars(
                select(Attendance).where(
                    Attendance.member_id == day.people[name].id,
                    Attendance.state == AttendanceState.ENROLLED,
                    Attendance.occasion_id != day.occasion_id,
                )
            )
        )


def test_a_week_is_planned_changed_and_published(day: Day, series_id: UUID) -> None:
    alice = day.browsers["alice"]
    address = _made(day, series_id, "charlie", "dora")

    page = alice.get(f"{address}?week=2026-11-18").get_data(as_text=True)
    published = _post(alice, f"{address}/publish").get_data(as_text=True)

    assert page.count("莫建国") >= 3
    assert "&lt;b&gt;" in page
    assert NAME not in page
    assert "没有空缺" in page
    assert "新增报名 5 个" in published
    assert sorted(len(_sign_ups(day, name)) for name in ("charlie", "dora")) == [2, 3]


def test_a_gap_is_said_in_words_and_the_select_says_why(day: Day, series_id: UUID) -> None:
    alice, dora = day.browsers["alice"], day.people["dora"]
    _post(day.browsers["dora"], "/me/shifts/wishes", shifts_per_week_max="0")
    address = _made(day, series_id, "dora")

    page = alice.get(address).get_data(as_text=True)
    shift = f"/desk/rosters{page.split(f'{address}/shifts/')[1][:36]}"
    shift = f"{address}/shifts/{shift[-36:]}"
    chosen = alice.get(shift).get_data(as_text=True)
    refused = _post(alice, f"{shift}/assign", member_id=str(dora.id))

    assert "缺 5 人" in page
    assert f'<option value="{dora.id}" disabled>' in chosen
    assert "本周班次已够" in chosen
    assert refused.status_code == 409
    assert "上限" in refused.get_data(as_text=True)


@pytest.mark.parametrize(
    "changed",
    [
        {"ends_on": "2028-01-01"},
        {"people_count": "0"},
        {"rest_minutes": "x"},
        {"title": ""},
        {"begins_on": "2026-02-30"},
    ],
)
def test_a_wrong_form_is_shown_again(day: Day, series_id: UUID, changed: dict[str, str]) -> None:
    sent = {
        "title": "十一月",
        "begins_on": MONDAY.isoformat(),
        "ends_on": FRIDAY.isoformat(),
        "series_ids": [str(series_id)],
        "member_ids": [str(day.people["dora"].id)],
        "people_count": "1",
        "rest_minutes": "660",
        "daily_minutes_max": "240",
        **changed,
    }

    answer = _post(day.browsers["alice"], "/desk/rosters/new", **sent)

    assert answer.status_code == 422
    assert str(day.people["dora"].id) in answer.get_data(as_text=True)


def test_the_excel_file_holds_text_and_numbers_and_no_formula(day: Day, series_id: UUID) -> None:
    address = _made(day, series_id, "charlie")

    answer = day.browsers["alice"].get(f"{address}/excel")

    with zipfile.ZipFile(io.BytesIO(answer.data)) as file:
        sheets = [file.read(name).decode() for name in file.namelist() if "worksheets/" in name]
        texts = file.read("xl/sharedStrings.xml").decode()
    assert "=HYPERLINK(&quot;x&quot;)&lt;b&gt;" in texts.replace('"', "&quot;")
    assert all("<f>" not in sheet for sheet in sheets)
    assert "<v>540</v>" in sheets[1]


def test_a_longer_roster_costs_no_more_statements(day: Day, series_id: UUID) -> None:
    address = _made(day, series_id, "charlie", "dora")
    alice = day.browsers["alice"]
    alice.get(address)

    with noted(day.database) as seen:
        answer = alice.get(address)

    assert answer.status_code == 200
    assert len(seen) <= STATEMENTS_MAX


def test_a_shift_is_swapped_on_the_phone(day: Day, series_id: UUID) -> None:
    address = _made(day, series_id, "charlie")
    _post(day.browsers["alice"], f"{address}/publish")
    slot_id = _sign_ups(day, "charlie")[0].slot_id
    charlie, dora, bob = (day.browsers[name] for name in ("charlie", "dora", "bob"))

    ask = charlie.get(f"/me/shifts/{slot_id}/swap").get_data(as_text=True)
    _post(charlie, f"/me/shifts/{slot_id}/swap", asked_member_id=str(day.people["dora"].id))
    with day.database.reading() as session:
        swap_id = session.scalars(select(Swap.id)).one()
    asked = dora.get("/me/shifts").get_data(as_text=True)
    _post(dora, f"/me/swaps/{swap_id}/take")
    waits = bob.get("/lead/swaps").get_data(as_text=True)
    _post(bob, f"/lead/swaps/{swap_id}", agrees="1")

    assert "莫建国" in ask
    assert "请您代班" in asked
    assert "把这个班换给莫建国" in waits
    assert [row.slot_id for row in _sign_ups(day, "dora")] == [slot_id]


def test_a_machine_does_the_same(day: Day, series_id: UUID) -> None:
    def ask(name: str, method: str, path: str, body: object = None) -> Any:
        who = day.signs[name]
        with day.database.begin() as session:
            token = tokens.issue_token(
                session, phone=who.phone, password=who.password, community_code="D", name="test"
            ).token
        headers = {"Authorization": f"Bearer {token}", "Accept-Language": "en"}
        client = day.app.test_client()
        return client.open(f"/api/v1{path}", method=method, headers=headers, json=body)

    dora = str(day.people["dora"].id)
    never = [{"weekday": 0, "part": "morning", "wish": "never"}]
    wishes = ask("dora", "PUT", "/me/wishes", {"shifts_per_week_max": 2, "wishes": never})
    body = {
        "title": "November",
        "begins_on": MONDAY.isoformat(),
        "ends_on": FRIDAY.isoformat(),
        "series_ids": [str(series_id)],
        "member_ids": [dora],
        "people_count": 1,
    }
    made = ask("alice", "POST", "/rosters", body)
    address = f"/rosters/{made.get_json()['id']}"
    plan = ask("alice", "POST", f"{address}/planning", {"mode": "fill"}).get_json()
    shown = ask("alice", "GET", address).get_json()
    monday = {"slot_id": shown["shifts"][0]["slot_id"], "member_id": dora}
    refused = ask("alice", "POST", f"{address}/assignments", monday)
    published = ask("alice", "POST", f"{address}/publication").get_json()
    slot_id = next(each["slot_id"] for each in shown["shifts"] if each["member_ids"])
    swap = ask("dora", "POST", f"/slots/{slot_id}/swaps", {}).get_json()
    taken = ask("charlie", "POST", f"/swaps/{swap['id']}/taking").get_json()
    agreed = ask("bob", "POST", f"/swaps/{swap['id']}/decision", {"agrees": True}).get_json()

    assert wishes.get_json()["wishes"] == never
    assert made.status_code == 201
    assert (plan["added_count"], len(plan["gaps"])) == (2, 3)
    assert (refused.status_code, refused.get_json()["details"]["reason"]) == (409, "never")
    assert published["enrolled_count"] == 2
    assert (swap["state"], taken["state"], agreed["state"]) == ("asked", "taken", "agreed")
    assert len(_sign_ups(day, "charlie")) == 1
