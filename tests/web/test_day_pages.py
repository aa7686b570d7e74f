"""The desk's days: planning, waiting for a place, taking people in, without JavaScript."""

import re
from collections.abc import Iterator
from datetime import date

import pytest
from flask import Flask
from flask.testing import FlaskClient

from ledger import clock
from ledger.database import Database
from tests.visitors import send
from tests.web.service_pages import Day, at, make_day


@pytest.fixture
def day(app: Flask, database: Database) -> Iterator[Day]:
    with clock.at(at("8:58")):
        yield make_day(app, database)


def _text(client: FlaskClient, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200, path
    return answer.get_data(as_text=True)


def _activity(day: Day) -> dict[str, str]:
    return {
        "title": "看望老人",
        "category": "outreach",
        "kind": "duty_shift",
        "site_id": str(day.site_id),
        "leader_member_id": str(day.people["bob"].id),
        "start_time": "9:00",
        "end_time": "11:30",
        "capacity": "12",
    }


def test_the_ninth_of_every_month_is_planned_for_a_year(day: Day) -> None:
    alice = day.browsers["alice"]
    fields = {**_activity(day), "month_day": "9", "starts_on": "2026-11-09", "rule": ""}

    sent = send(alice, "/desk/days/series", fields, page="/desk/days/series")
    page = _text(alice, "/desk/days/series")

    assert sent.status_code == 302
    assert "已安排今后一年的 13 个服务日" in page
    assert "每月9日" in page
    assert "9:00–11:30" in page


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("kind", ""),
        ("leader_member_id", ""),
        ("capacity", "0"),
        ("capacity", "三"),
        ("capacity", "1.5"),
        ("title", ""),
        ("title", "x" * 61),
        ("start_time", "25:00"),
        ("end_time", "08:00"),
        ("site_id", "nowhere"),
        ("occurs_on", "2026-02-30"),
        ("occurs_on", "2020-01-01"),
    ],
)
def test_a_wrong_field_is_shown_with_what_was_typed(day: Day, field: str, value: str) -> None:
    fields = {**_activity(day), "occurs_on": "2026-11-20", field: value}

    answer = send(day.browsers["alice"], "/desk/days/new", fields, page="/desk/days/new")

    page = answer.get_data(as_text=True)
    assert answer.status_code == 422
    assert 'aria-invalid="true"' in page or "things to correct" in page
    assert "看望老人" in page or field == "title"


def test_a_day_is_planned_and_called_off(day: Day) -> None:
    alice = day.browsers["alice"]
    fields = {**_activity(day), "occurs_on": "2026-11-20"}
    made = send(alice, "/desk/days/new", fields, page="/desk/days/new")
    page = made.headers["Location"]
    signed = send(
        alice,
        f"{page}/sign-up",
        {"member_id": str(day.people["dora"].id), "slot_id": _slot_on(alice, page)},
        page=page,
    )
    cancelled = send(alice, f"{page}/cancel", {"reason": "下雨"}, page=page)

    assert signed.status_code == 302
    assert cancelled.status_code == 302
    shown = _text(alice, page)
    assert "这次服务取消了：下雨" in shown
    assert "莫建国" in shown
    assert not [word for word in ("移出", "改期", "签到码", "还没到") if word in shown]


def test_who_has_no_phone_waits_for_a_place_at_the_desk(day: Day) -> None:
    alice, page = day.browsers["alice"], f"/desk/days/{day.occasion_id}"
    dora = {"member_id": str(day.people["dora"].id), "slot_id": str(day.slot_id)}
    queue = f"{page}/queue/{day.slot_id}/{day.people['dora'].id}"
    with clock.at(at("10:00", date(2026, 11, 8))):
        places = {"capacity": "1"}
        send(alice, f"{page}/places/{day.slot_id}", places, page=f"{page}/change")
        found = _text(alice, f"{page}?find=莫")
        full = send(alice, f"{page}/sign-up", dora, page=page)
        waits = send(alice, f"{page}/wait", dora, page=page)
        shown = _text(alice, page)
        left = send(alice, f"{queue}/leave", {}, page=page)
        after = _text(alice, page)

    assert "候补<span" in found
    assert (full.status_code, "1 个名额已满" in full.get_data(as_text=True)) == (422, True)
    assert (waits.status_code, left.status_code) == (302, 302)
    assert "候补名单" in shown
    assert "是，移出" in shown
    assert "候补名单" not in after


def test_a_running_service_takes_people_in_at_the_desk(day: Day) -> None:
    with clock.at(at("9:30")):
        shown = _text(day.browsers["alice"], f"/desk/days/{day.occasion_id}?find=莫")

    assert "正在进行" in shown
    assert "现场加入<span" in shown


def _slot_on(client: FlaskClient, page: str) -> str:
    found = re.search(r'<option value="([0-9a-f-]{36})">', _text(client, f"{page}?find=莫"))
    assert found is not None
    return found[1]


def test_a_site_is_added(day: Day) -> None:
    alice = day.browsers["alice"]

    sent = send(
        alice, "/desk/days/sites", {"name": "敬老院", "address": "一楼"}, page="/desk/days/sites"
    )

    assert sent.status_code == 302
    assert "敬老院" in _text(alice, "/desk/days/sites")


@pytest.mark.parametrize(
    ("name", "typed"),
    [("start_time", "9.00"), ("end_time", "25:00")],
)
def test_what_is_no_time_is_named_at_its_field(day: Day, name: str, typed: str) -> None:
    page = "/desk/days/new"
    fields = {**_activity(day), "occurs_on": "2026-11-20", name: typed}

    answer = send(day.browsers["alice"], page, fields, page=page)

    text = answer.get_data(as_text=True)
    assert answer.status_code == 422
    assert re.search(f'href="#{name}">[^<]*“{typed}”不是钟点', text)


def test_times_of_coming_are_shown_once_it_has_begun(day: Day) -> None:
    alice, page = day.browsers["alice"], f"/desk/days/{day.occasion_id}"
    with clock.at(at("8:00")):
        before = _text(alice, page)
    with clock.at(at("9:01")):
        after = _text(alice, page)

    assert "计入" not in before
    assert "计入" in after


def test_too_few_places_are_refused_on_the_same_page(day: Day) -> None:
    alice, page = day.browsers["alice"], f"/desk/days/{day.occasion_id}"
    for name in ("alice", "dora"):
        person = {"member_id": str(day.people[name].id), "slot_id": str(day.slot_id)}
        assert send(alice, f"{page}/sign-up", person, page=page).status_code == 302

    address = f"{page}/places/{day.slot_id}"
    answer = send(alice, address, {"capacity": "1"}, page=f"{page}/change")

    text = answer.get_data(as_text=True)
    assert answer.status_code == 409
    assert text.count("3 人，1 个名额不够") == 1
    assert 'id="places"' in text
