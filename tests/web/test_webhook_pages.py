"""The desk's webhooks: registered, shown, switched, sent again."""

import re
from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient

from ledger import clock
from ledger.database import Database
from tests.browser.neighbourhood import Neighbourhood, build
from tests.browser.neighbourhood import local as moment_of
from tests.makers import SignIn
from tests.visitors import csrf_token, send
from timebank.codes import CodeKeys
from timebank.insight import webhooks
from timebank.insight.webhook_models import WebhookState

LIST = "/desk/webhooks/"
URL = "https://example.org/events"

Visit = Callable[[SignIn], FlaskClient]


@pytest.fixture
def place(app: Flask, database: Database) -> Neighbourhood:
    return build(database, CodeKeys(app.config["SECRET_KEY"].encode()))


@pytest.fixture
def tang(place: Neighbourhood, sign_in: Visit) -> FlaskClient:
    """The administrator's browser."""
    return sign_in(place.sign_in("administrator"))


def _path(place: Neighbourhood) -> str:
    assert place.webhook is not None
    return f"{LIST}{place.webhook.id}"


def _text(client: FlaskClient, path: str) -> str:
    return client.get(path).get_data(as_text=True)


def _state(database: Database, place: Neighbourhood) -> WebhookState:
    assert place.webhook is not None
    with database.reading() as session:
        actor = place.actor("administrator")
        return webhooks.view_webhook(session, actor, place.webhook.id).webhook.state


def test_an_address_is_registered_and_shown(tang: FlaskClient) -> None:
    answer = send(tang, LIST, {"url": f" {URL} ", "from_beginning": "1"}, page=LIST)

    assert answer.status_code == 302
    page = _text(tang, answer.headers["Location"])
    assert "已登记，马上开始推送" in page
    assert "推送中" in page
    assert URL in page
    assert re.search(r"<code>[0-9a-f]{64}</code>", page)
    assert URL in _text(tang, LIST)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("", "这一项要填写。"),
        ("example.org", "请输入网址，例如 https://example.org/events。"),
        ("http://192.168.1.1/x", "192.168.1.1 不是公网地址，不能推送到那里。"),
        ("<script>alert(1)</script>", "请输入网址"),
    ],
)
def test_a_bad_address_is_shown_again_with_what_is_wrong(
    tang: FlaskClient, url: str, said: str
) -> None:
    answer = send(tang, LIST, {"url": url}, page=LIST)

    assert answer.status_code == 422
    page = answer.get_data(as_text=True)
    assert said in page
    assert "<script>alert" not in page


def test_the_page_of_a_paused_one_says_what_happened(
    tang: FlaskClient, place: Neighbourhood
) -> None:
    page = _text(tang, _path(place))

    assert "有一批账送了 12 次都没送到，推送已经暂停" in page
    assert "对方没有接收 503" in page
    assert "4–23" in page
    assert "立即重新推送" in page


def test_sending_again_lets_it_go_on(
    tang: FlaskClient, place: Neighbourhood, database: Database
) -> None:
    answer = send(tang, f"{_path(place)}/send-again", {}, page=_path(place))

    assert answer.status_code == 302
    assert _state(database, place) == WebhookState.ON
    assert "正在重新推送" in _text(tang, _path(place))


def test_it_is_switched_off_and_on(
    tang: FlaskClient, place: Neighbourhood, database: Database
) -> None:
    send(tang, f"{_path(place)}/off", {}, page=_path(place))
    assert _state(database, place) == WebhookState.OFF
    send(tang, f"{_path(place)}/on", {}, page=_path(place))

    assert _state(database, place) == WebhookState.ON


def test_no_form_works_without_the_token_of_its_page(
    tang: FlaskClient, place: Neighbourhood, database: Database
) -> None:
    for path in (LIST, *(f"{_path(place)}/{name}" for name in ("on", "off", "send-again"))):
        assert tang.post(path, data={"url": URL}).status_code == 400

    assert _state(database, place) == WebhookState.PAUSED


def test_the_inbox_counts_what_is_paused_and_leads_who_may_help(
    place: Neighbourhood, tang: FlaskClient, sign_in: Visit
) -> None:
    auditor = sign_in(place.sign_in("auditor"))

    with clock.at(moment_of("9:00")):
        of_administrator, of_auditor = _text(tang, "/desk/"), _text(auditor, "/desk/")

    assert "推送已暂停" in of_administrator
    assert "推送已暂停" in of_auditor
    assert f'href="{LIST}"' in of_administrator
    assert f'href="{LIST}"' not in of_auditor
    assert csrf_token(tang, LIST)
