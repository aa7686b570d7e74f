"""Signing in and one's own account, as a browser without JavaScript sees them."""

from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient

from ledger.database import Database
from tests.makers import PASSWORD, SignIn, make_community, make_member, make_sign_in, system_actor
from tests.visitors import csrf_token, send, sign_in
from timebank.actors import Actor, Role
from timebank.people import members, sign_ins
from timebank.people.models import Member

Door = Callable[[SignIn], FlaskClient]
NEW_PASSWORD = "十里河堤柳树青青"


@pytest.fixture
def member(database: Database) -> Member:
    with database.begin() as session:
        return make_member(session, make_community(session), "韦桂芬")


@pytest.fixture
def who(database: Database, member: Member) -> SignIn:
    with database.begin() as session:
        return make_sign_in(session, member)


def test_signing_in_leads_to_where_the_reader_wanted_to_go(
    client: FlaskClient, who: SignIn
) -> None:
    asked = client.get("/account/pin")
    answer = send(
        client,
        "/sign-in",
        {"phone": who.phone, "password": PASSWORD, "next": "/account/pin"},
        page=asked.headers["Location"],
    )

    assert asked.headers["Location"] == "/sign-in?next=/account/pin"
    assert answer.headers["Location"] == "/account/pin"
    assert client.get("/account/").status_code == 200


def test_ten_wrong_passwords_slow_down_and_nothing_is_told(
    client: FlaskClient, who: SignIn
) -> None:
    answers = [
        send(client, "/sign-in", {"phone": who.phone, "password": f"wrong-{number}"})
        for number in range(10)
    ]

    assert [answer.status_code for answer in answers] == [403] * 5 + [429] * 5
    assert "手机号或密码不对" in answers[0].get_data(as_text=True)
    assert "请过 1 分钟再试" in answers[9].get_data(as_text=True)
    assert f'value="{who.phone}"' in answers[9].get_data(as_text=True)
    assert "wrong-9" not in answers[9].get_data(as_text=True)


def test_an_unknown_number_is_answered_like_a_wrong_password(
    client: FlaskClient, who: SignIn
) -> None:
    wrong = send(client, "/sign-in", {"phone": who.phone, "password": "wrong"})
    unknown = send(client, "/sign-in", {"phone": "13999999999", "password": "wrong"})

    assert unknown.status_code == wrong.status_code == 403
    assert "手机号或密码不对" in unknown.get_data(as_text=True)


def test_a_form_with_nothing_in_it_names_both_fields(client: FlaskClient) -> None:
    answer = send(client, "/sign-in", {"phone": "", "password": ""})

    page = answer.get_data(as_text=True)
    assert answer.status_code == 422
    assert "有 2 处要改" in page
    assert 'href="#phone"' in page
    assert 'href="#password"' in page


def test_signing_out_ends_this_browser_only(app: Flask, who: SignIn) -> None:
    here, there = sign_in(app.test_client(), who), sign_in(app.test_client(), who)

    send(here, "/sign-out", {}, page="/account/")

    assert here.get("/account/").status_code == 302
    assert there.get("/account/").status_code == 200


def test_signing_out_everywhere_ends_every_browser(app: Flask, who: SignIn) -> None:
    here, there = sign_in(app.test_client(), who), sign_in(app.test_client(), who)

    send(here, "/account/sign-out-everywhere", {}, page="/account/")

    assert here.get("/account/").status_code == 302
    assert there.get("/account/").status_code == 302


def test_a_new_password_signs_out_the_other_browsers(app: Flask, who: SignIn) -> None:
    here, there = sign_in(app.test_client(), who), sign_in(app.test_client(), who)

    answer = send(
        here,
        "/account/password",
        {"present": PASSWORD, "wanted": NEW_PASSWORD},
        page="/account/password",
    )

    assert answer.status_code == 302
    assert here.get("/account/").status_code == 200
    assert there.get("/account/").status_code == 302
    sign_in(app.test_client(), SignIn(who.phone, NEW_PASSWORD))


def test_a_wrong_present_password_is_counted(app: Flask, who: SignIn) -> None:
    browser = sign_in(app.test_client(), who)
    form = {"present": "wrong", "wanted": NEW_PASSWORD}

    answers = [
        send(browser, "/account/password", form, page="/account/password").status_code
        for _ in range(6)
    ]

    assert answers == [403] * 5 + [429]


def test_a_first_password_leads_to_one_of_ones_own(
    client: FlaskClient, database: Database, member: Member
) -> None:
    with database.begin() as session:
        actor = Actor.system(member.community_id, "test")
        sign_ins.give_sign_in(session, actor, member.id, phone="13700137000", password="48261957")

    answer = send(client, "/sign-in", {"phone": "13700137000", "password": "48261957"})

    assert answer.headers["Location"] == "/account/password"


def test_ones_own_page_shows_number_and_choices(app: Flask, who: SignIn) -> None:
    page = sign_in(app.test_client(), who).get("/account/").get_data(as_text=True)

    for text in ("韦桂芬", "V0001", "字号", "退出登录", "在所有设备上退出", "修改密码"):
        assert text in page


def test_a_pin_is_set_and_a_weak_one_refused(app: Flask, who: SignIn) -> None:
    browser = sign_in(app.test_client(), who)

    weak = send(browser, "/account/pin", {"pin": "1234"}, page="/account/pin")
    good = send(browser, "/account/pin", {"pin": "4826"}, page="/account/pin")

    assert weak.status_code == 422
    assert "不能全相同" in weak.get_data(as_text=True)
    assert good.status_code == 302


def test_a_cookie_made_up_is_nobodys(app: Flask, who: SignIn) -> None:
    browser = app.test_client()
    for forged in ("x", "0.0", "not-a-uuid.1", "00000000000000000000000000000000.x"):
        with browser.session_transaction() as cookie:
            cookie["_user_id"] = forged

        assert browser.get("/account/").status_code == 302


def test_a_member_of_two_communities_changes_over(
    app: Flask, database: Database, member: Member, who: SignIn
) -> None:
    with database.begin() as session:
        other = make_community(session, code="A")
        twin = make_member(session, other, "韦桂芬", Role.SOCIAL_WORKER)
        sign_ins.connect_person(session, system_actor(other), twin.id, phone=who.phone)
    browser = sign_in(app.test_client(), who)

    before = browser.get("/desk/members/").status_code
    send(
        browser,
        "/account/community",
        {"community": str(member.community_id)},
        page="/account/",
    )

    assert before == 200
    assert browser.get("/desk/members/").status_code == 403


def test_nobody_changes_over_to_a_community_of_others(
    app: Flask, database: Database, who: SignIn
) -> None:
    with database.begin() as session:
        other = make_community(session, code="A")
    browser = sign_in(app.test_client(), who)

    send(browser, "/account/community", {"community": str(other.community_id)}, page="/account/")

    assert "D社区" in browser.get("/account/").get_data(as_text=True)


def test_who_is_suspended_still_reads_their_record(
    app: Flask, database: Database, member: Member, who: SignIn
) -> None:
    browser = sign_in(app.test_client(), who)
    with database.begin() as session:
        actor = Actor.system(member.community_id, "test")
        members.suspend(session, actor, member.id, reason="holiday")

    answer = browser.get("/account/")

    assert answer.status_code == 200
    assert "您目前暂停服务" in answer.get_data(as_text=True)


@pytest.mark.databases("sqlite")
def test_a_text_nested_too_deep_leads_nowhere(app: Flask, who: SignIn) -> None:
    browser = sign_in(app.test_client(), who)
    headers = {"X-CSRFToken": csrf_token(browser, "/account/"), "Content-Type": "application/json"}

    answer = browser.post("/me/scan/text", data="[" * 100_000, headers=headers)

    assert (answer.status_code, answer.get_json()) == (200, {"path": None})
