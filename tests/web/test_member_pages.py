"""The desk's pages about volunteers, and the card as it is printed and scanned."""

import io
import re
from collections.abc import Callable
from datetime import timedelta
from uuid import uuid4

import pytest
import zxingcpp
from flask.testing import FlaskClient
from PIL import Image

from ledger import clock
from ledger.database import Database
from tests.makers import SignIn, make_community, make_member, make_sign_in
from tests.visitors import send
from timebank.actors import Role
from timebank.people import cards
from timebank.people.models import Community, Member
from web.qr import qr_png

Door = Callable[[SignIn], FlaskClient]
NEW = "/desk/members/new"
DIGITS = re.compile(r"1 \d{4} \d{4} \d")
QR_CODE = re.compile(r'<svg class="qr-code".*?</svg>', re.DOTALL)


@pytest.fixture
def community(database: Database) -> Community:
    with database.begin() as session:
        return make_community(session)


@pytest.fixture
def alice(database: Database, community: Community) -> Member:
    with database.begin() as session:
        return make_member(session, community, "韦桂芬")


@pytest.fixture
def bob(database: Database, community: Community) -> Member:
    with database.begin() as session:
        return make_member(session, community, "莫建国")


@pytest.fixture
def second_desk(database: Database, community: Community) -> SignIn:
    with database.begin() as session:
        return make_sign_in(session, make_member(session, community, "蒙", Role.SOCIAL_WORKER))


@pytest.fixture
def desk(database: Database, community: Community, sign_in: Door) -> FlaskClient:
    """The browser of a social worker."""
    with database.begin() as session:
        who = make_sign_in(session, make_member(session, community, "文", Role.SOCIAL_WORKER))
    return sign_in(who)


def _record(member: Member, part: str = "") -> str:
    return f"/desk/members/{member.id}/{part}"


def test_a_member_is_added_with_a_first_password_shown_once(
    desk: FlaskClient, sign_in: Door
) -> None:
    form = {"id": str(uuid4()), "name": "莫建国", "team": "三组", "phone": "13812345678"}

    page = send(desk, NEW, form, page=NEW).get_data(as_text=True)

    found = re.search(r"(\d{4}) (\d{4})", page)
    assert found is not None
    assert "莫建国可以登录了" in page
    browser = sign_in(SignIn("13812345678", "".join(found.groups())))
    assert "请换成自己的密码" in browser.get("/account/password").get_data(as_text=True)


def test_the_same_form_twice_adds_one_member(desk: FlaskClient) -> None:
    form = {"id": str(uuid4()), "name": "莫建国", "team": "", "phone": ""}

    first = send(desk, NEW, form, page=NEW)
    second = send(desk, NEW, form, page=NEW)

    assert first.headers["Location"] == second.headers["Location"]
    page = desk.get("/desk/members/?search=莫建国").get_data(as_text=True)
    assert "共 1 人" in page


def test_a_script_as_a_name_is_just_text(desk: FlaskClient) -> None:
    form = {"id": str(uuid4()), "name": "<script>alert(1)</script>", "team": "", "phone": ""}

    send(desk, NEW, form, page=NEW)

    page = desk.get("/desk/members/").get_data(as_text=True)
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "<script>alert" not in page


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("name", "", "这一项要填写"),
        ("name", "农" * 61, "最多 60 个字，您填了 61 个"),
        ("name", "a\x00b", "控制字符"),
        ("phone", "12", "这不是手机号"),
        ("team", "x" * 61, "最多 60 个字，您填了 61 个"),
    ],
)
def test_what_is_wrong_is_said_at_the_field_and_the_rest_is_kept(
    desk: FlaskClient, field: str, value: str, words: str
) -> None:
    form = {"id": str(uuid4()), "name": "莫建国", "team": "三组", "phone": "", field: value}

    answer = send(desk, NEW, form, page=NEW)

    page = answer.get_data(as_text=True)
    assert answer.status_code == 422
    assert words in page
    assert f'href="#{field}"' in page
    assert ('value="三组"' in page) == (field != "team")


def test_a_field_nobody_asked_for_is_refused(desk: FlaskClient) -> None:
    form = {"id": str(uuid4()), "name": "莫建国", "team": "", "phone": "", "points": "500"}

    answer = send(desk, NEW, form, page=NEW)

    assert answer.status_code == 422
    assert "points: 没有这一项" in answer.get_data(as_text=True)


def test_a_number_of_another_member_is_refused_with_the_form_kept(
    desk: FlaskClient, database: Database, alice: Member
) -> None:
    with database.begin() as session:
        who = make_sign_in(session, alice)
    form = {"id": str(uuid4()), "name": "莫建国", "team": "", "phone": who.phone}

    answer = send(desk, NEW, form, page=NEW)

    assert answer.status_code == 409
    assert "已有人用这个手机号登录" in answer.get_data(as_text=True)
    assert "莫建国" not in desk.get("/desk/members/").get_data(as_text=True)


def test_the_list_is_searched_sorted_and_exported(desk: FlaskClient, alice: Member) -> None:
    found = desk.get("/desk/members/?search=桂").get_data(as_text=True)
    nobody = desk.get("/desk/members/?search=无此人").get_data(as_text=True)
    odd = desk.get("/desk/members/?order=x&page=0&search=" + "长" * 70)
    table = desk.get("/desk/members/export.csv")

    assert alice.name in found
    assert "没有找到" in nobody
    assert odd.status_code == 200
    assert table.data.startswith("\ufeff编号,姓名,队伍".encode())
    assert f"{alice.volunteer_number},{alice.name},,在队,".encode() in table.data


def test_a_name_that_looks_like_a_formula_is_harmless_in_the_table(desk: FlaskClient) -> None:
    form = {"id": str(uuid4()), "name": "=1+1", "team": "@x", "phone": ""}
    send(desk, NEW, form, page=NEW)

    table = desk.get("/desk/members/export.csv").data

    assert b"'=1+1,'@x" in table


def test_name_and_team_are_changed(desk: FlaskClient, alice: Member) -> None:
    send(desk, _record(alice), {"name": "韦桂芳", "team": "三组"}, page=_record(alice))

    page = desk.get(_record(alice)).get_data(as_text=True)
    assert "韦桂芳" in page
    assert 'value="三组"' in page


def test_roles_are_ticked_and_unticked(desk: FlaskClient, alice: Member) -> None:
    answer = send(desk, _record(alice, "roles"), {"roles": "clerk"}, page=_record(alice))

    page = desk.get(_record(alice)).get_data(as_text=True)
    assert answer.status_code == 302
    assert re.search(r'value="clerk" checked', page)
    assert not re.search(r'value="volunteer" checked', page)


def test_a_social_worker_does_not_make_administrators(desk: FlaskClient, alice: Member) -> None:
    answer = send(desk, _record(alice, "roles"), {"roles": "administrator"}, page=_record(alice))

    assert answer.status_code == 403


def test_suspending_needs_a_reason_and_is_undone(desk: FlaskClient, alice: Member) -> None:
    path = _record(alice, "standing")

    bare = send(desk, path, {"action": "suspend", "reason": ""}, page=_record(alice))
    done = send(desk, path, {"action": "suspend", "reason": "休养"}, page=_record(alice))
    page = desk.get(_record(alice)).get_data(as_text=True)
    back = send(desk, path, {"action": "let_return", "reason": "康复"}, page=_record(alice))

    assert (bare.status_code, done.status_code, back.status_code) == (422, 302, 302)
    assert "暂停" in page
    assert "恢复" in page


def test_a_document_number_is_shown_masked(desk: FlaskClient, alice: Member) -> None:
    form = {"kind": "Identity card", "number": "452601195503071236"}

    send(desk, _record(alice, "document"), form, page=_record(alice))

    page = desk.get(_record(alice)).get_data(as_text=True)
    assert "居民身份证 452*************36" in page
    assert "452601195503071236" not in page


def test_a_forgotten_password_is_replaced_by_a_first_one(
    desk: FlaskClient, database: Database, alice: Member, sign_in: Door
) -> None:
    with database.begin() as session:
        who = make_sign_in(session, alice)

    page = send(desk, _record(alice, "password"), {}, page=_record(alice)).get_data(as_text=True)

    found = re.search(r"(\d{4}) (\d{4})", page)
    assert found is not None
    assert sign_in(SignIn(who.phone, "".join(found.groups()))).get("/account/").status_code == 200


def test_who_has_no_sign_in_has_no_password_to_replace(desk: FlaskClient, alice: Member) -> None:
    answer = send(desk, _record(alice, "password"), {}, page=_record(alice))

    assert answer.status_code == 409
    assert "请先填手机号" in answer.get_data(as_text=True)


def test_a_card_is_shown_once_and_its_digits_scan(desk: FlaskClient, alice: Member) -> None:
    sent = send(desk, _record(alice, "card"), {}, page=_record(alice))
    page = desk.get(sent.location).get_data(as_text=True)

    assert alice.name in page
    assert alice.volunteer_number in page
    assert re.search(r"1 \d{4} \d{4} \d", page)
    assert page.count('class="qr-code"') == page.count('class="bar-code"') == 1
    assert "第 1 张" in desk.get(_record(alice)).get_data(as_text=True)


def test_the_page_of_a_new_card_is_loaded_again_without_another_card(
    desk: FlaskClient, alice: Member
) -> None:
    path = send(desk, _record(alice, "card"), {}, page=_record(alice)).location

    pages = [desk.get(path).get_data(as_text=True) for _ in range(3)]

    digits, bars = ([re.search(what, page) for page in pages] for what in (DIGITS, QR_CODE))
    assert len({found[0] for found in digits if found}) == 1
    assert len({found[0] for found in bars if found}) == 1
    assert all(digits)
    assert all(bars)
    assert "第 1 张" in desk.get(_record(alice)).get_data(as_text=True)


def test_only_the_browser_that_issued_a_card_shows_it_and_only_while_it_is_in_force(
    desk: FlaskClient, alice: Member, bob: Member, sign_in: Door, second_desk: SignIn
) -> None:
    path = send(desk, _record(alice, "card"), {}, page=_record(alice)).location

    elsewhere = sign_in(second_desk).get(path)
    of_bob = desk.get(_record(bob, "card"))
    with clock.at(clock.now() + cards.PRINTING_LASTS_MAX + timedelta(seconds=1)):
        later = desk.get(path)
    send(desk, _record(alice, "card/revoke"), {}, page=_record(alice))
    revoked = desk.get(path)

    assert [page.status_code for page in (elsewhere, of_bob, later, revoked)] == [302] * 4
    assert "已经不能再显示" in desk.get(_record(alice)).get_data(as_text=True)


def test_the_code_of_a_card_is_small_and_strong() -> None:
    text = "HTTPS://BANK.EXAMPLE.ORG/C/ABCDEFGHIJKLMNOP"

    picture = Image.open(io.BytesIO(qr_png(text, level="H")))

    found = zxingcpp.read_barcode(picture)
    assert found is not None
    assert found.text == text
    assert found.ec_level == "H"
    assert picture.width // 10 - 8 <= 33  # version 4 and its quiet zone


def test_a_lost_card_is_revoked(desk: FlaskClient, alice: Member) -> None:
    send(desk, _record(alice, "card"), {}, page=_record(alice))

    gone = send(desk, _record(alice, "card/revoke"), {}, page=_record(alice))
    again = send(desk, _record(alice, "card/revoke"), {}, page=_record(alice))

    assert gone.status_code == 302
    assert again.status_code == 409


def test_a_stranger_learns_nothing_from_a_card(client: FlaskClient) -> None:
    for path in ("/C/ABCDEFGHIJKLMNOP", "/c/x"):
        answer = client.get(path)

        assert answer.status_code == 200
        assert "请交给领队或店员" in answer.get_data(as_text=True)


def test_nobody_manages_their_own_standing(
    desk: FlaskClient, database: Database, community: Community
) -> None:
    page = desk.get("/desk/members/?search=文").get_data(as_text=True)
    found = re.search(r'href="(/desk/members/[0-9a-f-]{36}/)"', page)
    assert found is not None

    own = desk.get(found.group(1)).get_data(as_text=True)
    answer = send(
        desk, found.group(1) + "standing", {"action": "suspend", "reason": "x"}, page=found.group(1)
    )

    assert "角色和状态由同事变更" in own
    assert answer.status_code == 403


@pytest.mark.parametrize(("role", "is_offered"), [(Role.CLERK, True), (Role.AUDITOR, False)])
def test_a_record_offers_only_what_the_reader_may_do(
    desk: FlaskClient, database: Database, community: Community, role: Role, is_offered: bool
) -> None:
    with database.begin() as session:
        member = make_member(session, community, "莫建国", role)
        make_sign_in(session, member)

    page = desk.get(_record(member)).get_data(as_text=True)
    answer = send(desk, _record(member, "password"), {}, page=_record(member))

    for part in ("sign-in", "password", "pin", "card", "standing"):
        assert (f'action="{_record(member, part)}"' in page) is is_offered
    assert answer.status_code == (200 if is_offered else 403)
