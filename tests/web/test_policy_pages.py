"""The desk's points rules: a form without code, plain sentences, a preview, two people."""

from collections.abc import Iterator
from datetime import date

import pytest
from flask import Flask
from flask.testing import FlaskClient

from ledger import clock
from ledger.database import Database
from tests.makers import make_member, make_sign_in
from tests.rewards.test_awards import _rule, _stay
from tests.rewards.test_rules import FULL
from tests.visitors import send, sign_in
from tests.web.service_pages import Day, at, make_day
from timebank.actors import Role
from timebank.people.models import Community
from timebank.rewards.awards import award
from timebank.rewards.rules import FIRST_RULE, Rule
from timebank.rewards.windows import Window
from web import policy_forms
from web.forms import Form
from web.policy_words import factor, reason_lines, sentences

PAGE, NEW = "/desk/policies/", "/desk/policies/new"
FIELDS = {
    "starts_on": "2026-12-01",
    "points_per_hour": "3",
    "daily_minutes_max": "480",
    "hour_safety": "6",
    "earns_self_scanned": "1",
    "earns_leader_scanned": "1",
    "begin_1": "22：00",
    "end_1": "6:00",
    "window_factor_1": "1.5",
}


@pytest.fixture
def day(app: Flask, database: Database) -> Iterator[Day]:
    with clock.at(at("12:30", date(2026, 11, 9))):
        yield make_day(app, database)


@pytest.fixture
def administrator(day: Day, app: Flask) -> FlaskClient:
    with day.database.begin() as session:
        community = day.people["alice"].community_id
        found = session.get_one(Community, community)
        who = make_sign_in(session, make_member(session, found, "唐世明", Role.ADMINISTRATOR))
    return sign_in(app.test_client(), who)


def _text(client: FlaskClient, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200, path
    return answer.get_data(as_text=True)


def test_a_rule_is_proposed_read_tried_and_released(day: Day, administrator: FlaskClient) -> None:
    alice = day.browsers["alice"]

    sent = send(alice, NEW, FIELDS, page=NEW)
    path = sent.headers["Location"]
    proposed, own = _text(alice, path), send(alice, f"{path}/release", {}, page=path)
    released = send(administrator, f"{path}/release", {}, page=path)
    shown = _text(alice, PAGE)

    assert sent.status_code == 302
    assert "22:00 至次日 06:00，每分钟按 1.5 倍计积分。" in proposed
    assert "From 22:00 to 06:00 of the next day every minute counts 1.5 times" in proposed
    assert "安全排查：每小时 6 积分。" in proposed
    assert "发布这条规则" not in proposed
    assert own.status_code == 403
    assert released.status_code == 302
    assert "待生效" in shown


def test_a_proposal_is_taken_back_and_then_not_released(
    day: Day, administrator: FlaskClient
) -> None:
    path = send(day.browsers["alice"], NEW, FIELDS, page=NEW).headers["Location"]

    back = send(administrator, f"{path}/withdraw", {}, page=path)
    late = send(administrator, f"{path}/release", {}, page=path)

    assert back.status_code == 302
    assert (late.status_code, "已经发布或撤回" in late.get_data(as_text=True)) == (409, True)


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"starts_on": "2026-11-09"}, "11月10日"),
        ({"window_factor_1": "0"}, "请填 0.1 到 5 之间的倍数"),
        ({"window_factor_1": "1000"}, "请填 0.1 到 5 之间的倍数"),
        ({"window_factor_1": "-1"}, "请填 0.1 到 5 之间的倍数"),
        ({"window_factor_1": "１.５"}, "请填 0.1 到 5 之间的倍数"),
        ({"end_1": ""}, "三项要么都填"),
        ({"end_1": "25:00"}, "请填两个不同的时刻"),
        ({"begin_2": "05:00", "end_2": "07:00", "window_factor_2": "2"}, "互相重叠"),
        ({"place_1": "", "place_hour_1": "3"}, "请选择地点"),
        ({"hour_safety": "61"}, "60"),
        ({"points_per_hour": ""}, "每小时积分"),
    ],
)
def test_a_wrong_field_is_named_and_what_was_typed_is_kept(
    day: Day, wrong: dict[str, str], sentence: str
) -> None:
    refused = send(day.browsers["alice"], NEW, {**FIELDS, **wrong}, page=NEW)

    page = refused.get_data(as_text=True)
    assert refused.status_code == 422
    assert sentence in page
    assert 'value="22：00"' in page


def test_an_administrator_reads_and_releases_but_proposes_nothing(
    administrator: FlaskClient,
) -> None:
    assert "提出新规则" not in _text(administrator, PAGE)
    assert administrator.get(NEW).status_code == 403


@pytest.mark.parametrize("rule", [FIRST_RULE, FULL])
def test_a_rule_survives_its_own_form(app: Flask, rule: Rule) -> None:
    schema = policy_forms.schema_for(rule)
    values = policy_forms.values_of(rule)
    sent = {name: str(values[name]) for name in schema().fields if values.get(name) is not None} | {
        "starts_on": "2026-12-01"
    }

    with app.test_request_context(method="POST", data=sent):
        form = Form.read(policy_forms.schema_of(sent))

    assert form.problems == []
    assert policy_forms.rule_of(form.data) == rule


def test_every_figure_of_a_rule_is_said_in_both_languages(app: Flask) -> None:
    names = dict.fromkeys(FULL.places, "北门")

    with app.test_request_context():
        said = {locale: " ".join(sentences(FULL, names, locale)) for locale in ("zh", "en")}

    for figure in ("5", "3", "4", "1.2", "2", "0.5", "1.5", "1.25", "20", "200", "600", "北门"):
        assert all(figure in text for text in said.values()), figure
    assert "2 小时" in said["zh"]
    assert "2 h" in said["en"]
    assert not any("%(" in text for text in said.values())
    assert factor(125) == "1.25"


def test_an_award_is_told_line_by_line(app: Flask) -> None:
    rule = _rule(
        windows=(Window("22:00", "06:00", 150),),
        factors_by_category={"safety": 120},
        points_per_attendance=1,
        daily_points_max=3,
    )
    with app.test_request_context():
        lines = reason_lines(award(rule, 1, _stay("20:00", "23:12:25"), 192))

    assert lines == [
        "22:00–06:00 内 1 小时 12 分钟 25 秒，乘以 1.5",
        "其他时间 1 小时 59 分钟 35 秒，乘以 1",
        "难度较大，乘以 1.2",
        "参加得 1 积分。",
        "受每日上限所限，得 3 积分。",
    ]
