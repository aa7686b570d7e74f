"""The paper sheet: printed with its code, typed in row by row, confirmed by another person."""

from collections.abc import Iterator

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from ledger import clock
from ledger.database import Database
from tests.makers import make_member
from tests.visitors import send
from tests.web.service_pages import Day, at, make_day
from timebank.contributions import Provenance
from timebank.people.models import Community
from timebank.service.models import AttendanceState
from web.qr import qr_svg


@pytest.fixture
def day(app: Flask, database: Database) -> Iterator[Day]:
    with clock.at(at("12:00")):
        yield make_day(app, database)


def sheet(day: Day) -> str:
    return f"/lead/{day.occasion_id}/sheet"


def enter(day: Day, who: str = "bob", **typed: str) -> TestResponse:
    fields = {name.replace("_", "-"): value for name, value in typed.items()}
    return send(day.browsers[who], sheet(day), fields, page=sheet(day))


def test_the_paper_leads_to_its_page(day: Day) -> None:
    paper = day.browsers["bob"].get(f"/lead/{day.occasion_id}/list").get_data(as_text=True)

    assert sheet(day) in paper
    drawn = qr_svg(f"http://localhost{sheet(day)}", label="本名单的码", level="M")
    assert str(drawn) in paper


def test_rows_of_the_paper_are_times_by_hand(day: Day) -> None:
    dora = day.people["dora"].volunteer_number

    done = enter(day, come_1="9:00", go_1="11:30", number_2=dora, come_2="9:15", go_2="11：00")

    charlie, walk_in = day.row("charlie"), day.row("dora")
    assert done.status_code == 302
    assert (charlie.state, charlie.provenance) == (AttendanceState.OUT, Provenance.BACK_FILLED)
    assert (walk_in.in_at, walk_in.out_at) == (at("9:15"), at("11:00"))
    assert charlie.in_by_id == day.people["bob"].id


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({}, "还没有填写"),
        ({"come_1": "9:00"}, "第 1 行"),
        ({"come_1": "7:00", "go_1": "9:00"}, "第 1 行"),
        ({"come_1": "25:00", "go_1": "26:00"}, "第 1 行"),
        ({"number_3": "V9999", "come_3": "9:00", "go_3": "10:00"}, "没有编号或姓名是“V9999”"),
        ({"number_3": "韦某", "come_3": "9:00", "go_3": "10:00"}, "没有编号或姓名是“韦某”"),
    ],
)
def test_one_wrong_row_holds_up_the_sheet_and_is_named(
    day: Day, typed: dict[str, str], said: str
) -> None:
    dora = {"number_2": day.people["dora"].volunteer_number, "come_2": "9:00", "go_2": "10:00"}

    answer = enter(day, **(dora | typed if typed else {}))

    page = answer.get_data(as_text=True)
    assert answer.status_code == 422
    assert said in page
    assert all(f'value="{value}"' in page for value in typed.values())
    assert day.row("charlie").in_at is None


def test_a_name_that_one_person_has_stands_for_the_number(day: Day) -> None:
    with day.database.begin() as session:
        community = session.get_one(Community, day.people["bob"].community_id)
        make_member(session, community, "莫建国")
    number = day.people["dora"].volunteer_number.translate({ord("V"): "Ｖ", ord("0"): "０"})

    two = enter(day, number_2="莫建国", come_2="9:00", go_2="10:00")
    done = enter(
        day,
        number_2=number,
        come_2="9:00",
        go_2="10:00",
        number_3="蒙小燕",
        come_3="9:00",
        go_3="9:30",
    )

    page = two.get_data(as_text=True)
    assert "第 2 行：有 2 个人叫“莫建国”" in page
    assert 'id="row-2" class="is-refused"' in page
    assert done.status_code == 302
    assert day.row("dora").out_at == at("10:00")
    assert day.row("alice").out_at == at("9:30")


def test_who_scanned_in_has_the_time_of_leaving_from_the_paper(day: Day) -> None:
    with clock.at(at("9:00")):
        fields = {"nonce": "a-nonce-of-this-test", "member_id": str(day.people["charlie"].id)}
        board = f"/lead/{day.occasion_id}/board"
        send(day.browsers["bob"], f"/lead/{day.occasion_id}/scan", fields, page=board)

    late = enter(day, go_1="13:00")
    done = enter(day, go_1="10:30")

    row = day.row("charlie")
    assert (late.status_code, done.status_code) == (422, 302)
    assert (row.in_at, row.out_at) == (at("9:00"), at("10:30"))
    assert row.provenance is Provenance.LEADER_SCANNED
    assert row.state is AttendanceState.OUT


def test_a_scanned_row_is_not_typed_over(day: Day) -> None:
    with clock.at(at("9:00")):
        fields = {"nonce": "a-nonce-of-this-test", "member_id": str(day.people["charlie"].id)}
        board = f"/lead/{day.occasion_id}/board"
        send(day.browsers["bob"], f"/lead/{day.occasion_id}/scan", fields, page=board)

    assert 'name="come-1"' not in day.browsers["bob"].get(sheet(day)).get_data(as_text=True)
    answer = enter(day, come_1="9:10", go_1="10:00")

    assert answer.status_code == 422
    assert day.row("charlie").in_at == at("9:00")


def test_nobody_types_their_own_row(day: Day) -> None:
    bob = day.people["bob"].volunteer_number

    answer = enter(day, number_2=bob, come_2="9:00", go_2="10:00")

    assert answer.status_code == 422
    assert "第 2 行" in answer.get_data(as_text=True)
