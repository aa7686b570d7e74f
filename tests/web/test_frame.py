"""What every page and every answer keeps: cookies, CSRF, headers, languages, errors, statements."""

import re
from collections.abc import Callable
from dataclasses import replace

import brotli
import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient

from ledger.database import Database
from tests.applications import application
from tests.makers import SignIn, make_community, make_member, make_sign_in
from tests.statements import counted
from tests.visitors import send
from timebank.actors import Role
from timebank.settings import Settings

Door = Callable[[SignIn], FlaskClient]
HOME_BYTES_MAX = 120_000


@pytest.fixture
def alice(database: Database) -> SignIn:
    with database.begin() as session:
        return make_sign_in(session, make_member(session, make_community(session)))


# ---------------------------------------------------------------- cookies


def test_the_session_cookie_is_closed_to_scripts_and_other_sites(
    client: FlaskClient, alice: SignIn
) -> None:
    answer = send(client, "/sign-in", {"phone": alice.phone, "password": alice.password})

    cookie = next(c for c in answer.headers.getlist("Set-Cookie") if c.startswith("timebank="))
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Secure" not in cookie


def test_the_session_cookie_is_secure_under_https(
    settings: Settings, database: Database, alice: SignIn
) -> None:
    app = application(replace(settings, base_url="https://bank.example.org"), database)
    client = app.test_client()
    token = csrf_token_over_https(client)

    answer = client.post(
        "/sign-in",
        base_url="https://localhost",
        data={"phone": alice.phone, "password": alice.password, "csrf_token": token},
        headers={"Referer": "https://localhost/sign-in"},
    )

    cookie = next(c for c in answer.headers.getlist("Set-Cookie") if c.startswith("__Host-"))
    assert "Secure" in cookie
    assert "Path=/" in cookie
    assert "Domain" not in cookie
    assert "max-age=31536000" in answer.headers["Strict-Transport-Security"]


def csrf_token_over_https(client: FlaskClient) -> str:
    page = client.get("/sign-in", base_url="https://localhost").get_data(as_text=True)
    found = re.search(r'name="csrf_token" value="([^"]+)"', page)
    assert found is not None
    return found.group(1)


def test_choices_are_kept_on_the_device(client: FlaskClient) -> None:
    answer = send(client, "/preferences", {"elder": "2", "theme": "dark", "next": "/sign-in"})
    page = client.get("/sign-in").get_data(as_text=True)

    assert answer.headers["Location"] == "/sign-in"
    assert 'data-bs-theme="dark" data-elder="2"' in page


@pytest.mark.parametrize("elder", ["4", "<", ""])
def test_an_unknown_choice_is_dropped(client: FlaskClient, elder: str) -> None:
    send(client, "/preferences", {"elder": elder, "next": "/"})

    assert "data-elder" not in client.get("/sign-in").get_data(as_text=True)


@pytest.mark.parametrize(
    "address", ["https://evil.example", "//evil.example", "/\\evil.example", "evil", "\t/x", ""]
)
def test_no_form_leads_away_from_here(client: FlaskClient, address: str) -> None:
    answer = send(client, "/preferences", {"theme": "light", "next": address})

    assert answer.headers["Location"] == "/"


# ---------------------------------------------------------------- CSRF and headers


@pytest.mark.parametrize("path", ["/sign-in", "/preferences", "/sign-out"])
def test_a_form_without_its_token_is_refused_in_words(client: FlaskClient, path: str) -> None:
    answer = client.post(path, data={"phone": "13800138000", "password": "x"})

    assert answer.status_code == 400
    assert "请重新打开页面再提交" in answer.get_data(as_text=True)


def test_every_answer_carries_the_security_policy(client: FlaskClient) -> None:
    for path in ("/", "/nothing", "/openapi.json", "/healthz", "/api/v1/me"):
        headers = client.get(path).headers

        assert "default-src 'self'" in headers["Content-Security-Policy"]
        assert "unsafe" not in headers["Content-Security-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Permissions-Policy"].startswith("camera=(self)")
        assert headers["X-Request-ID"]


def test_pages_have_no_inline_scripts_or_styles(client: FlaskClient) -> None:
    for path in ("/", "/sign-in", "/docs", "/nothing"):
        page = client.get(path).get_data(as_text=True)

        assert not re.search(r"\sstyle=|\son[a-z]+=|<script(?![^>]*\ssrc=)|<style", page), path


def test_pages_of_members_are_not_kept_by_caches(sign_in: Door, alice: SignIn) -> None:
    answer = sign_in(alice).get("/account/")

    assert answer.headers["Cache-Control"] == "private, no-store"


# ---------------------------------------------------------------- static files


def test_a_static_file_is_kept_under_its_hash_only(client: FlaskClient) -> None:
    page = client.get("/").get_data(as_text=True)
    found = re.search(r'href="(/assets/([^/]+)/timebank\.css)"', page)
    assert found is not None

    present = client.get(found.group(1))
    old = client.get(found.group(1).replace(found.group(2), "000000000000"))

    assert "immutable" in present.headers["Cache-Control"]
    assert old.headers["Cache-Control"] == "no-cache"
    assert present.data == old.data
    assert client.get("/assets/x/../../app.py").status_code == 404


def test_the_volunteers_home_is_small(sign_in: Door, alice: SignIn) -> None:
    client = sign_in(alice)
    page = client.get("/me/", headers={"Accept-Encoding": "br"})
    names = re.findall(r'(?:href|src)="(/assets/[^"]+)"', brotli.decompress(page.data).decode())

    total = len(page.data) + sum(
        len(client.get(name, headers={"Accept-Encoding": "br"}).data) for name in names
    )

    assert page.status_code == 200
    assert len(names) >= 3
    assert total < HOME_BYTES_MAX


# ---------------------------------------------------------------- languages


def test_pages_speak_chinese_until_told_otherwise(client: FlaskClient) -> None:
    chinese = client.get("/", headers={"Accept-Language": "en"}).get_data(as_text=True)
    send(client, "/preferences", {"locale": "en", "next": "/"})
    english = client.get("/").get_data(as_text=True)

    assert '<html lang="zh-CN"' in chinese
    assert '<html lang="en"' in english
    assert "Time given, written down" in english


def test_the_api_answers_in_the_language_asked_for(client: FlaskClient) -> None:
    answers = {
        language: client.get("/api/v1/me", headers={"Accept-Language": language}).get_json()
        for language in ("zh-CN,zh;q=0.9", "en-GB", "")
    }

    assert answers["en-GB"]["message"] == "Please sign in first."
    assert answers["zh-CN,zh;q=0.9"]["message"] == answers[""]["message"] == "请先登录。"
    assert {answer["code"] for answer in answers.values()} == {"sign_in_required"}


# ---------------------------------------------------------------- errors


def test_an_unknown_address_is_a_page_with_a_way_on(client: FlaskClient) -> None:
    answer = client.get("/nothing")

    assert answer.status_code == 404
    assert "这里没有内容" in answer.get_data(as_text=True)
    assert "回首页" in answer.get_data(as_text=True)


def test_a_program_is_answered_in_json(client: FlaskClient) -> None:
    answer = client.get("/nothing", headers={"Accept": "application/json"})

    assert answer.status_code == 404
    assert answer.get_json() == {"code": "not_found", "message": "这里没有内容。", "details": {}}


@pytest.mark.parametrize("path", ["/sign-out", "/api/v1/tokens"])
def test_a_wrong_method_names_the_right_ones(client: FlaskClient, path: str) -> None:
    answer = client.put(path, headers={"Accept": "application/json"})

    assert answer.status_code == 405
    assert "POST" in answer.headers["Allow"]
    assert answer.get_json()["code"] == "method_not_allowed"


def test_too_much_is_refused_before_it_is_read(client: FlaskClient) -> None:
    answer = client.post(
        "/api/v1/tokens", data=b" " * (8 * 1024 * 1024 + 1), content_type="application/json"
    )

    assert answer.status_code == 413
    assert answer.get_json()["code"] == "too_large"


def test_broken_json_is_told_as_such(client: FlaskClient) -> None:
    answer = client.post("/api/v1/tokens", data=b"{", content_type="application/json")

    assert answer.status_code == 400
    assert answer.get_json()["code"] == "bad_request"


@pytest.mark.databases("sqlite")
def test_a_fault_of_ours_shows_its_number_and_no_trace(
    settings: Settings, database: Database
) -> None:
    def break_down() -> str:
        raise RuntimeError("secret 4711")

    app = application(settings, database)
    app.add_url_rule("/break", view_func=break_down)
    app.config.update(TESTING=False)

    answer = app.test_client().get("/break")

    page = answer.get_data(as_text=True)
    assert answer.status_code == 500
    assert answer.headers["X-Request-ID"] in page
    assert "4711" not in page
    assert "Traceback" not in page


def test_a_lost_book_is_told_in_words(
    settings: Settings, database: Database, alice: SignIn, sign_in: Door
) -> None:
    browser = sign_in(alice)
    with database.begin() as session:
        session.execute(sa.text("ALTER TABLE member RENAME TO gone"))
    browser.application.config.update(TESTING=False)

    answer = browser.get("/account/")

    assert answer.status_code == 500
    assert "系统出错了" in answer.get_data(as_text=True)


# ---------------------------------------------------------------- statements


def test_a_signed_in_page_reads_the_member_with_one_statement(sign_in: Door, alice: SignIn) -> None:
    browser = sign_in(alice)

    with counted() as statements:
        browser.get("/account/password")

    assert len(statements) == 1
    assert "FROM member JOIN community" in statements[0]


def test_the_list_of_members_does_not_ask_more_with_more_members(
    database: Database, sign_in: Door
) -> None:
    with database.begin() as session:
        community = make_community(session)
        who = make_sign_in(session, make_member(session, community, "文", Role.SOCIAL_WORKER))
    browser = sign_in(who)
    with counted() as few:
        browser.get("/desk/members/")
    with database.begin() as session:
        for _ in range(20):
            make_member(session, community)

    with counted() as many:
        browser.get("/desk/members/")

    assert len(few) == len(many) == 3
