"""The leader's tablet and the desk's days, without JavaScript."""

import re
from collections.abc import Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from ledger import clock
from ledger.database import Database
from tests.visitors import send, sign_in
from tests.web.service_pages import TITLE, Day, at, make_day
from timebank.actors import Actor, Role
from timebank.people import cards
from timebank.service.models import AttendanceState, ScanEvent

NONCE = "a-nonce-of-this-test"


@pytest.fixture
def day(app: Flask, database: Database) -> Iterator[Day]:
    with clock.at(at("8:58")):
        yield make_day(app, database)


def _text(client: FlaskClient, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200, path
    return answer.get_data(as_text=True)


def check_in(day: Day, phone: FlaskClient, **more: str) -> TestResponse:
    """Open the code on the screen and press the button."""
    page = _text(phone, day.code_path())
    form = page[page.index('action="/me/check-in"') :]
    fields = dict(re.findall(r'name="(\w+)" value="([^"]*)"', form)) | {"intent": "in", **more}
    return phone.post("/me/check-in", data=fields)


def _scan(day: Day, **fields: str) -> str:
    """Send the leader's scan and return the board that follows."""
    board = f"/lead/{day.occasion_id}/board"
    sent = {"nonce": NONCE, **fields}
    answer = send(day.browsers["bob"], f"/lead/{day.occasion_id}/scan", sent, page=board)
    assert answer.status_code == 302
    return _text(day.browsers["bob"], board)


def test_the_board_shows_code_headcount_and_names(day: Day) -> None:
    board = _text(day.browsers["bob"], f"/lead/{day.occasion_id}/board")

    assert TITLE in board
    assert 'class="qr-code"' in board
    assert re.search(r"0<span class=\"unit\">/ 1 人", board)
    assert "韦桂芬" in board
    assert "<noscript><meta" in board


def test_the_parts_of_the_board_stand_alone(day: Day) -> None:
    bob = day.browsers["bob"]

    code = _text(bob, f"/lead/{day.occasion_id}/board/code")
    people = _text(bob, f"/lead/{day.occasion_id}/board/people")

    assert "<html" not in code + people
    assert 'class="qr-code"' in code
    assert "韦桂芬" in people


def test_a_tapped_name_is_checked_in(day: Day) -> None:
    board = _scan(day, member_id=str(day.people["charlie"].id), intent="in")

    assert "韦桂芬：8:58 已签到" in board
    assert day.row("charlie").state is AttendanceState.IN


def test_typed_digits_of_a_card_are_checked_in(day: Day) -> None:
    with day.database.begin() as session:
        alice = day.people["alice"]
        desk = Actor(alice.community_id, alice.id, frozenset({Role.SOCIAL_WORKER}))
        digits = cards.issue_card(session, desk, day.people["charlie"].id).card.digits

    board = _scan(day, text=digits)

    assert "已签到" in board
    assert 'data-sound="ok"' in board
    assert "js/tones.js" in board
    assert day.row("charlie").state is AttendanceState.IN


def test_who_was_scanned_for_is_looked_at_once(day: Day) -> None:
    board = _scan(day, member_id=str(day.people["charlie"].id), intent="in")
    bob, page = day.browsers["bob"], f"/lead/{day.occasion_id}/board"
    row_id = day.row("charlie").id
    sent = send(bob, f"/lead/{day.occasion_id}/seen/{row_id}", {}, page=page)

    after = _text(bob, page)
    story = _text(bob, f"/record/{row_id}")
    assert "见到本人</button>" in re.sub("<span.*?</span>", "", board)
    assert sent.status_code == 302
    assert "您见到了本人" in after
    assert f"/seen/{row_id}" not in after
    assert "已见到本人" in after
    assert "现场见到" in story


def test_two_who_check_in_with_one_phone_are_marked_for_the_leader(day: Day) -> None:
    phone = day.browsers["charlie"]
    first = check_in(day, phone)
    kept = phone.get_cookie("device")
    sign_in(phone, day.signs["dora"])
    second = check_in(day, phone, join="1")

    assert kept is not None
    assert (first.status_code, second.status_code) == (201, 201)
    assert phone.get_cookie("device", path="/").value == kept.value  # type: ignore[union-attr]
    assert "HttpOnly" in second.headers.getlist("Set-Cookie")[-1]
    for page in ("board", "confirm"):
        shown = _text(day.browsers["bob"], f"/lead/{day.occasion_id}/{page}")
        assert shown.count("与别人同一部手机") == 2
    with day.database.reading() as session:
        marks = session.scalars(select(ScanEvent.device)).all()
    assert len(set(marks)) == 1
    assert kept.value not in marks[0]


@pytest.mark.parametrize("text", ["1234567890", "ｈｔｔｐ：／／"])
def test_an_unknown_card_says_so(day: Day, text: str) -> None:
    board = _scan(day, text=text)

    assert "不是本系统的码。请再扫一次卡，或按名字找。" in board
    assert "领队正在显示的码" not in board
    assert 'data-sound="no"' in board


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("V0003", "韦桂芬"),
        ("３", "韦桂芬"),
        ("桂芬", "韦桂芬"),
        ("Ｖ０００４", "莫建国"),
        ("", "韦桂芬"),
    ],
)
def test_the_field_for_cards_also_finds_people(day: Day, typed: str, name: str) -> None:
    board = f"/lead/{day.occasion_id}/board"
    sent = {"nonce": NONCE, "text": typed}

    answer = send(day.browsers["bob"], f"/lead/{day.occasion_id}/scan", sent, page=board)

    page = _text(day.browsers["bob"], answer.headers["Location"])
    assert answer.status_code == 302
    assert name in page
    assert "不是本系统的码" not in page
    with day.database.reading() as session:
        assert session.scalars(select(ScanEvent)).all() == []


def test_who_is_refused_is_led_back_to_their_work(day: Day) -> None:
    leader = day.browsers["bob"].get("/desk/").get_data(as_text=True)
    volunteer = day.browsers["charlie"].get("/desk/").get_data(as_text=True)

    assert "回到“现场”" in leader
    assert 'href="/lead/"' in leader
    assert "tabbar" not in leader
    assert "回首页" in volunteer
    assert "tabbar" in volunteer


def test_finding_somebody_who_is_not_on_the_list(day: Day) -> None:
    bob, board = day.browsers["bob"], f"/lead/{day.occasion_id}/board"

    by_name = _text(bob, f"{board}?find=莫")
    by_number = _text(bob, f"{board}?find=v0003")
    nobody = _text(bob, f"{board}?find=<script>")
    joined = _scan(day, member_id=str(day.people["dora"].id), intent="in")

    assert "莫建国" in by_name
    assert "现场加入" in by_name
    assert "名单内外都没有这个人" not in by_name
    assert "韦桂芬" in by_number
    assert "名单内外都没有这个人" in nobody
    assert "<script>" not in nobody.replace("<script src", "")
    assert "莫建国：8:58 已现场加入并签到" in joined


@pytest.mark.parametrize("digits", ["9" * 9, "9" * 10, "9" * 60])
def test_a_number_of_any_length_can_be_looked_for(day: Day, digits: str) -> None:
    board = _text(day.browsers["bob"], f"/lead/{day.occasion_id}/board?find={digits}")

    assert "名单内外都没有这个人" in board


@pytest.mark.parametrize(
    ("moment", "words"),
    [("7:59", "11月9日 周一 8:00 开始签到"), ("12:31", "11月9日 周一 12:30 已停止签到")],
)
def test_outside_its_hours_the_board_shows_no_code(day: Day, moment: str, words: str) -> None:
    bob, board = day.browsers["bob"], f"/lead/{day.occasion_id}/board"
    with clock.at(at(moment)):
        shown = _text(bob, f"{board}?find=莫")
        pages = [shown, _text(bob, f"{board}/code") + _text(bob, f"{board}/people")]

    for page in pages:
        assert words in page
        assert 'class="qr-code"' not in page
        assert f"/lead/{day.occasion_id}/scan" not in page


@pytest.mark.parametrize("moment", ["8:00", "12:30"])
def test_in_its_first_and_last_minute_the_board_shows_the_code(day: Day, moment: str) -> None:
    with clock.at(at(moment)):
        board = _text(day.browsers["bob"], f"/lead/{day.occasion_id}/board")

    assert 'class="qr-code"' in board
    assert "代签" in board


def test_a_row_says_why_it_waits_and_keeps_the_choice(day: Day) -> None:
    bob, page = day.browsers["bob"], f"/lead/{day.occasion_id}/confirm"
    _scan(day, member_id=str(day.people["charlie"].id), intent="in")
    mark = f"mark-{day.row('charlie').id.hex}"
    with clock.at(at("10:00")):
        before = _text(bob, page)
        sent = send(bob, page, {mark: "present"}, page=page)

    after = sent.get_data(as_text=True)
    assert sent.status_code == 200
    assert "还在服务" in before
    assert "还在服务" in after
    assert re.search(f'name="{mark}" value="" checked', before)
    assert re.search(f'name="{mark}" value="present" checked', after)
    assert day.row("charlie").state is AttendanceState.IN


def test_the_confirm_list_marks_and_posts(day: Day) -> None:
    bob, page = day.browsers["bob"], f"/lead/{day.occasion_id}/confirm"
    _scan(day, member_id=str(day.people["charlie"].id), intent="in")
    key = day.row("charlie").id.hex
    with clock.at(at("12:10")):
        shown = _text(bob, page)
        wrong = send(bob, page, {f"mark-{key}": "left_early", f"out-{key}": "12:00"}, page=page)
        noon = send(bob, page, {f"mark-{key}": "left_early", f"out-{key}": "十点半"}, page=page)
        sent = send(bob, page, {f"mark-{key}": "left_early", f"out-{key}": "10：30"}, page=page)
        after = _text(bob, page)
        again = send(bob, page, {f"mark-{key}": "present"}, page=page)

    row = day.row("charlie")
    assert "没签退，按结束时间" in shown
    assert (wrong.status_code, "12:00" in wrong.get_data(as_text=True)) == (422, True)
    assert "韦桂芬 的离开时间“十点半”不能用" in noon.get_data(as_text=True)
    assert f'name="out-{key}" value="十点半"' in noon.get_data(as_text=True)
    assert (sent.status_code, again.status_code) == (302, 302)
    assert (row.state, row.counted_minutes, row.points) == (AttendanceState.POSTED, 90, 3)
    assert "1 人已入账：1 小时 30 分钟，3 积分。" in after


def test_leaving_early_without_a_time_asks_when(day: Day) -> None:
    bob, page = day.browsers["bob"], f"/lead/{day.occasion_id}/confirm"
    _scan(day, member_id=str(day.people["charlie"].id), intent="in")
    with clock.at(at("12:10")):
        mark = {f"mark-{day.row('charlie').id.hex}": "left_early"}
        answer = send(bob, page, mark, page=page)

    assert answer.status_code == 422
    assert "韦桂芬 是几点离开的？" in answer.get_data(as_text=True)


def test_confirming_without_a_choice_says_that_nothing_was_confirmed(day: Day) -> None:
    bob, page = day.browsers["bob"], f"/lead/{day.occasion_id}/confirm"
    with clock.at(at("12:10")):
        mark = f"mark-{day.row('charlie').id.hex}"
        send(bob, page, {mark: ""}, page=page)
        later = _text(bob, page)
        send(bob, page, {mark: "not_seen"}, page=page)
        nobody = _text(bob, page)

    assert "没有确认任何人" in later
    assert "这些人都没到场，不计时间" in nobody
    assert day.row("charlie").state is AttendanceState.NO_SHOW


def test_a_time_still_to_come_is_not_written_in(day: Day) -> None:
    bob, page = day.browsers["bob"], f"/lead/{day.occasion_id}/by-hand"
    who = {"member_id": str(day.people["charlie"].id), "slot_id": str(day.slot_id)}
    with clock.at(at("8:55")):
        answer = send(bob, page, {**who, "come": "9:00", "go": "11:30"}, page=page)

    assert answer.status_code == 422
    assert "11:30 还没到，现在是 8:55" in answer.get_data(as_text=True)


def test_what_was_looked_for_is_shown_where_the_page_opens(day: Day) -> None:
    bob, board = day.browsers["bob"], f"/lead/{day.occasion_id}/board"
    nonce = re.search(r'name="nonce" value="([^"]+)"', _text(bob, board))
    assert nonce is not None

    fields = {"text": "莫", "nonce": nonce[1]}
    answer = send(bob, f"/lead/{day.occasion_id}/scan", fields, page=board)

    assert answer.headers["Location"].endswith("#looked")
    assert 'id="looked"' in _text(bob, answer.headers["Location"])


def test_a_leader_sees_their_own_row_waiting(day: Day) -> None:
    bob, page = day.browsers["bob"], f"/lead/{day.occasion_id}/confirm"
    _scan(day, member_id=str(day.people["bob"].id), intent="in")
    key = day.row("bob").id.hex
    with clock.at(at("12:10")):
        shown = _text(bob, page)
        refused = send(bob, page, {f"mark-{key}": "present", f"accept-{key}": "1"}, page=page)

    assert f'name="mark-{key}"' not in shown
    assert refused.status_code == 403
    assert "您自己的这一行，要由别人来确认" in refused.get_data(as_text=True)


def test_a_time_by_hand_waits_for_a_second_person(day: Day) -> None:
    bob, page = day.browsers["bob"], f"/lead/{day.occasion_id}/by-hand"
    fields = {
        "member_id": str(day.people["charlie"].id),
        "slot_id": str(day.slot_id),
        "come": "9:00",
        "go": "10:00",
    }
    with clock.at(at("12:10")):
        wrong = send(bob, page, {**fields, "go": "noon"}, page=page)
        sent = send(bob, page, fields, page=page)
        confirm = f"/lead/{day.occasion_id}/confirm"
        mark = {f"mark-{day.row('charlie').id.hex}": "present"}
        send(bob, confirm, mark, page=confirm)
        alone = day.row("charlie").state
        shown = _text(bob, confirm)
        send(day.browsers["alice"], confirm, mark, page=confirm)

    assert (wrong.status_code, "请写成 9:00" in wrong.get_data(as_text=True)) == (422, True)
    assert sent.status_code == 302
    assert alone is AttendanceState.OUT
    assert "您补录的时间：由另一个人确认" in shown
    assert 'value="present"' not in shown
    assert day.row("charlie").state is AttendanceState.POSTED


@pytest.mark.parametrize("page", ["list", "poster", "by-hand"])
def test_the_leaders_other_pages_open(day: Day, page: str) -> None:
    assert TITLE in _text(day.browsers["bob"], f"/lead/{day.occasion_id}/{page}")


def test_the_poster_warns_that_its_scans_wait(day: Day) -> None:
    page = _text(day.browsers["bob"], f"/lead/{day.occasion_id}/poster")

    assert "等领队同意" in page
    assert 'class="qr-code"' in page
