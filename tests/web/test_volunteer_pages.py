"""The volunteer's phone, without JavaScript: sign up, scan, come, leave, read the statement."""

import io
import re
from collections.abc import Iterator
from datetime import date

import pytest
from flask import Flask
from flask.testing import FlaskClient
from PIL import Image

from ledger import clock
from ledger.database import Database
from tests.visitors import csrf_token, send
from tests.web.service_pages import TITLE, Day, at, make_day
from timebank.actors import Actor, Role
from timebank.contributions import Category
from timebank.service import occasions
from timebank.service.models import AttendanceState
from timebank.service.occasions import Activity, SlotPlan
from web.i18n import LOCALE_COOKIE
from web.qr import qr_png

FIELD = re.compile(r'name="(\w+)" value="([^"]*)"')
COMPRESSED_BYTES_MAX = 120_000


@pytest.fixture
def day(app: Flask, database: Database) -> Iterator[Day]:
    with clock.at(at("8:58")):
        yield make_day(app, database)


def _press(client: FlaskClient, page: str) -> dict[str, str]:
    """Return what the big button of a page sends."""
    form = page[page.index('action="/me/check-in"') :]
    fields = dict(FIELD.findall(form))
    button = re.search(r'name="intent" value="(\w+)"', form)
    assert button is not None
    return {**fields, "intent": button[1]}


def _text(client: FlaskClient, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200, path
    return answer.get_data(as_text=True)


def test_scan_come_leave_confirm_and_read_the_statement(day: Day) -> None:
    charlie, bob = day.browsers["charlie"], day.browsers["bob"]
    page = _text(charlie, day.code_path())
    came = charlie.post("/me/check-in", data=_press(charlie, page))
    with clock.at(at("11:34")):
        leaving = _text(charlie, day.code_path())
        left = charlie.post("/me/check-in", data=_press(charlie, leaving))
    with clock.at(at("12:10")):
        mark = f"mark-{day.row('charlie').id.hex}"
        listing = f"/lead/{day.occasion_id}/confirm"
        confirmed = send(bob, listing, {mark: "present"}, page=listing)
        home = _text(charlie, "/me/")
        time_page = _text(charlie, "/me/statement/time")
        points_page = _text(charlie, "/me/statement/points")

    assert "我到了" in page
    assert (came.status_code, "8:58 已签到" in came.get_data(as_text=True)) == (201, True)
    assert "2 小时 36 分" in leaving
    assert (left.status_code, "11:34 已签退" in left.get_data(as_text=True)) == (201, True)
    assert confirmed.status_code == 302
    assert day.row("charlie").state is AttendanceState.POSTED
    assert TITLE in time_page
    assert "2 小时 30 分" in time_page
    assert "覃志远" in time_page
    assert "+5" in points_page
    assert re.search(r"5<span class=\"unit\">", home)


def test_a_form_sent_twice_counts_once(day: Day) -> None:
    charlie = day.browsers["charlie"]
    fields = _press(charlie, _text(charlie, day.code_path()))

    first = charlie.post("/me/check-in", data=fields)
    second = charlie.post("/me/check-in", data=fields)

    assert (first.status_code, second.status_code) == (201, 200)
    assert "8:58 已签到" in second.get_data(as_text=True)


def test_a_check_in_without_the_csrf_token_is_refused(day: Day) -> None:
    charlie = day.browsers["charlie"]
    fields = _press(charlie, _text(charlie, day.code_path()))
    del fields["csrf_token"]

    answer = charlie.post("/me/check-in", data=fields)

    assert answer.status_code == 400
    assert day.row("charlie").state is AttendanceState.ENROLLED


def test_leaving_after_two_minutes_says_when(day: Day) -> None:
    charlie = day.browsers["charlie"]
    charlie.post("/me/check-in", data=_press(charlie, _text(charlie, day.code_path())))

    with clock.at(at("9:00")):
        answer = charlie.post("/me/check-in", data=_press(charlie, _text(charlie, day.code_path())))

    assert answer.status_code == 409
    assert "9:03" in answer.get_data(as_text=True)


def test_a_stranger_signs_in_and_comes_back_with_the_ticket(day: Day, client: FlaskClient) -> None:
    page = _text(client, day.code_path())
    way = re.search(r'href="(/sign-in\?next=[^"]+)"', page)
    assert way is not None
    ticket = re.search(r"ticket%3D([\w.%-]+)|ticket=([\w.-]+)", way[1])
    assert ticket is not None
    back = f"/me/arrive?ticket={ticket[1] or ticket[2]}"

    with clock.at(at("9:05")):
        returned = _text(day.browsers["charlie"], back)

    assert TITLE in page
    assert "韦桂芬" not in page
    assert "我到了" in returned


def test_who_is_not_signed_up_joins_and_waits_for_the_leader(day: Day) -> None:
    dora, bob = day.browsers["dora"], day.browsers["bob"]
    page = _text(dora, day.code_path())

    joined = dora.post("/me/check-in", data=_press(dora, page))
    board = _text(bob, f"/lead/{day.occasion_id}/board")

    assert "您没有报名这次服务" in page
    assert (joined.status_code, "等领队看一眼" in joined.get_data(as_text=True)) == (201, True)
    assert "没报名，等您看" in board


@pytest.mark.parametrize(
    ("minutes", "words"), [("9:10", "这个码过时了"), ("13:00", "这个码过时了")]
)
def test_an_old_code_says_what_to_do(day: Day, minutes: str, words: str) -> None:
    path = day.code_path()

    with clock.at(at(minutes)):
        page = _text(day.browsers["charlie"], path)

    assert words in page
    assert "再扫一次" in page


def test_a_forged_code_says_so(day: Day) -> None:
    path = day.code_path()
    forged = path[:-1] + ("A" if path[-1] != "A" else "B")

    assert "这个码不是真的" in _text(day.browsers["charlie"], forged)


def test_a_text_that_is_no_code_is_not_found(day: Day) -> None:
    answer = day.browsers["charlie"].get("/S/hello")

    assert answer.status_code == 404
    assert "不是本系统的码" in answer.get_data(as_text=True)


def test_lower_case_codes_open_too(day: Day) -> None:
    assert "我到了" in _text(day.browsers["charlie"], day.code_path().lower())


def test_another_days_code_says_when_it_opens(day: Day) -> None:
    with clock.at(at("7:30")):
        page = _text(day.browsers["charlie"], day.code_path())

    assert "8:00 开始签到" in page


def test_signing_up_and_withdrawing(day: Day) -> None:
    dora = day.browsers["dora"]
    page = f"/me/days/{day.occasion_id}"
    with clock.at(at("5:59")):
        signed = send(dora, f"/me/days/sign-up/{day.slot_id}", {}, page=page)
        again = send(dora, f"/me/days/sign-up/{day.slot_id}", {}, page=page)
        shown = _text(dora, page)
        withdrawn = send(dora, f"/me/days/{day.occasion_id}/withdraw", {}, page=page)

    assert (signed.status_code, again.status_code, withdrawn.status_code) == (302, 302, 302)
    assert "已报名" in shown
    assert day.row("dora").state is AttendanceState.WITHDRAWN


@pytest.mark.parametrize("language", ["zh", "en"])
def test_a_day_of_next_year_stands_on_its_leaf(day: Day, language: str) -> None:
    with clock.at(at("9:00", date(2026, 12, 20))):
        with day.database.begin() as session:
            worker = day.people["alice"]
            occasions.create_occasion(
                session,
                Actor(worker.community_id, worker.id, frozenset({Role.SOCIAL_WORKER})),
                activity=Activity(day.site_id, day.people["bob"].id, "新年值守", Category.SAFETY),
                occurs_on=date(2027, 1, 9),
                slots=[SlotPlan("09:00", "11:30", 5)],
            )
        browser = day.browsers["charlie"]
        browser.set_cookie(LOCALE_COOKIE, language)
        page = browser.get("/me/days")

    assert page.status_code == 200
    assert ("周六" if language == "zh" else "Sat") in page.text


def test_the_page_offers_withdrawing_until_three_hours_before(day: Day) -> None:
    page = f"/me/days/{day.occasion_id}"
    with clock.at(at("6:00")):
        in_time = _text(day.browsers["charlie"], page)
    with clock.at(at("6:01")):
        late = _text(day.browsers["charlie"], page)

    assert f"{page}/withdraw" in in_time
    assert f"{page}/withdraw" not in late
    assert "请告诉覃志远" in late


@pytest.mark.parametrize(
    ("moment", "words", "is_scanned"),
    [
        ("8:59", "来不了", False),
        ("9:00", "已经开始：请到现场扫码签到。", True),
        ("11:30", "已经结束，您没有签到。", False),
    ],
)
def test_who_has_not_come_is_told_what_to_do_now(
    day: Day, moment: str, words: str, is_scanned: bool
) -> None:
    with clock.at(at(moment)):
        page = _text(day.browsers["charlie"], f"/me/days/{day.occasion_id}")

    assert words in page
    assert ('href="/me/scan"' in page) is is_scanned


def test_the_page_offers_signing_up_until_the_start(day: Day) -> None:
    page, button = f"/me/days/{day.occasion_id}", f"/me/days/sign-up/{day.slot_id}"
    with clock.at(at("8:59")):
        in_time = _text(day.browsers["dora"], page)
    with clock.at(at("9:00")):
        late = _text(day.browsers["dora"], page)

    assert button in in_time
    assert button not in late


@pytest.mark.parametrize(("begin", "is_offered"), [("11:29", False), ("11:30", True)])
def test_a_slot_beside_another_of_mine_says_so(day: Day, begin: str, is_offered: bool) -> None:
    with clock.at(at("5:00")):
        with day.database.begin() as session:
            other = occasions.create_occasion(
                session,
                Actor.system(day.people["bob"].community_id, "test"),
                activity=Activity(day.site_id, day.people["bob"].id, "看望老人", Category.OUTREACH),
                occurs_on=date(2026, 11, 9),
                slots=[SlotPlan(begin, "13:00", 5)],
            ).id
        page = _text(day.browsers["charlie"], f"/me/days/{other}")

    assert ("/me/days/sign-up/" in page) is is_offered
    assert (f"这个时间您已报名“{TITLE}”" in page) is not is_offered


def test_withdrawing_late_names_the_leader(day: Day) -> None:
    with clock.at(at("6:01")):
        page = f"/me/days/{day.occasion_id}"
        answer = send(day.browsers["charlie"], f"{page}/withdraw", {}, page=page)

    assert answer.status_code == 409
    assert "覃志远" in answer.get_data(as_text=True)


def test_empty_pages_say_what_to_do_first(day: Day) -> None:
    dora = day.browsers["dora"]

    assert "还没有积分" in _text(dora, "/me/statement/points")
    assert "还没有报名" in _text(dora, "/me/")
    assert TITLE in _text(dora, "/me/days")


def test_the_pay_code_is_18_digits_and_changes(day: Day) -> None:
    charlie = day.browsers["charlie"]

    first = re.search(r"pay-digits\">([\d ]+)<", _text(charlie, "/me/pay-code"))
    with clock.at(at("8:59")):
        second = re.search(r"pay-digits\">([\d ]+)<", _text(charlie, "/me/pay-code/plate"))

    assert first is not None
    assert second is not None
    assert len(first[1].replace(" ", "")) == 18
    assert first[1] != second[1]


# ---------------------------------------------------------------- photos and frames


def _photo(day: Day, content: bytes, name: str = "code.png"):  # type: ignore[no-untyped-def]
    charlie = day.browsers["charlie"]
    token = csrf_token(charlie, "/me/scan")
    return charlie.post(
        "/me/scan", data={"csrf_token": token, "photo": (io.BytesIO(content), name)}
    )


def test_a_photo_of_the_code_leads_to_its_page(day: Day) -> None:
    path = day.code_path()

    answer = _photo(day, qr_png(f"HTTP://LOCALHOST{path}"))

    assert answer.status_code == 302
    assert answer.headers["Location"] == path


def test_a_frame_of_the_camera_is_read(day: Day) -> None:
    charlie = day.browsers["charlie"]
    picture = Image.open(io.BytesIO(qr_png(f"HTTP://LOCALHOST{day.code_path()}")))
    jpeg = io.BytesIO()
    picture.convert("RGB").save(jpeg, "JPEG")

    answer = charlie.post(
        "/me/scan/frame",
        data=jpeg.getvalue(),
        headers={"X-CSRFToken": csrf_token(charlie, "/me/scan")},
    )

    assert answer.get_json() == {"path": day.code_path()}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "不是图片"),
        (b"this is a text file", "不是图片"),
        (b"\x89PNG\r\n\x1a\nbroken", "不是图片"),
    ],
)
def test_a_file_that_is_no_picture_is_refused(day: Day, content: bytes, words: str) -> None:
    answer = _photo(day, content, "photo.jpg")

    assert answer.status_code == 422
    assert words in answer.get_data(as_text=True)


def test_a_picture_without_a_code_says_what_to_do(day: Day) -> None:
    blank = io.BytesIO()
    Image.new("RGB", (200, 200), "white").save(blank, "PNG")

    answer = _photo(day, blank.getvalue())

    assert answer.status_code == 422
    assert "没有找到" in answer.get_data(as_text=True)


def test_a_picture_that_unfolds_too_far_is_refused(day: Day) -> None:
    bomb = io.BytesIO()
    Image.new("1", (8_000, 8_000)).save(bomb, "PNG")

    answer = _photo(day, bomb.getvalue())

    assert answer.status_code == 422
    assert "太大" in answer.get_data(as_text=True)


def test_a_photo_of_twelve_megabytes_is_refused(day: Day) -> None:
    charlie = day.browsers["charlie"]
    head = b'--x\r\nContent-Disposition: form-data; name="photo"; filename="a.jpg"\r\n\r\n'
    body = head + b"\xff" * (12 * 1024 * 1024) + b"\r\n--x--\r\n"

    answer = charlie.post("/me/scan", data=body, content_type="multipart/form-data; boundary=x")

    assert answer.status_code == 413


def test_a_code_of_another_host_leads_nowhere_else(day: Day) -> None:
    answer = _photo(day, qr_png("HTTPS://EVIL.EXAMPLE/X/HELLO"))

    assert answer.status_code == 422


def test_the_home_page_is_small(day: Day) -> None:
    answer = day.browsers["charlie"].get("/me/", headers={"Accept-Encoding": "gzip"})

    assert len(answer.get_data()) < COMPRESSED_BYTES_MAX
