"""From the volunteer's question to the corrected book, without JavaScript."""

import re
from collections.abc import Iterator
from datetime import date

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from ledger import clock
from ledger.database import Database
from tests.statements import counted
from tests.visitors import send
from tests.web.service_pages import TITLE, Day, at, make_day
from timebank.actors import Actor, Role
from timebank.service import attendance, checkin
from timebank.service.attendance import Mark, RowMark
from timebank.service.checkin import Press
from timebank.service.decide import Intent
from timebank.service.models import AttendanceState

LATER = at("10:00", date(2026, 11, 12))
LIST = "/desk/corrections/"


@pytest.fixture
def day(app: Flask, database: Database) -> Iterator[Day]:
    """Charlie was scanned from 8:58 to 11:34, and Alice confirmed it: 150 minutes, 5 points."""
    with clock.at(at("8:58")):
        made = make_day(app, database)
    _scan(made, "8:58", Intent.IN)
    _scan(made, "11:34", Intent.OUT)
    with clock.at(at("12:10")), database.begin() as session:
        mark = RowMark(made.row("charlie").id, Mark.PRESENT)
        desk = _actor(made, "alice", Role.SOCIAL_WORKER)
        attendance.confirm(session, desk, occasion_id=made.occasion_id, marks=[mark])
    with clock.at(LATER):
        yield made


def _actor(day: Day, name: str, role: Role) -> Actor:
    member = day.people[name]
    return Actor(member.community_id, member.id, frozenset({role}), member.name)


def _scan(day: Day, moment: str, intent: Intent) -> None:
    with clock.at(at(moment)), day.database.begin() as session:
        checkin.scan_for(
            session,
            _actor(day, "bob", Role.LEADER),
            occasion_id=day.occasion_id,
            text="",
            member_id=day.people["charlie"].id,
            press=Press(f"nonce-of-{intent.value}", intent),
        )


def _text(client: FlaskClient, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200, path
    return answer.get_data(as_text=True)


def _story(day: Day) -> str:
    return f"/record/{day.row('charlie').id}"


def _propose(day: Day, **fields: str) -> TestResponse:
    path = f"{LIST}new/{day.row('charlie').id}"
    chosen = {"presence": "there", "come": "9:00", "go": "10:00", "reason": "签到表", **fields}
    return send(day.browsers["bob"], path, chosen, page=path)


def _proposal(day: Day) -> str:
    """Propose ten o'clock as Bob and return the page of the proposal."""
    answer = _propose(day)
    assert answer.status_code == 303, answer.get_data(as_text=True)
    return str(answer.headers["Location"])


def test_a_question_leads_to_a_correction_that_everybody_can_follow(day: Day) -> None:
    charlie, bob, alice = (day.browsers[name] for name in ("charlie", "bob", "alice"))
    story = _story(day)
    statement = _text(charlie, "/me/statement/time")
    asked = send(charlie, f"{story}/dispute", {"text": "我十点就走了"}, page=story)
    inbox, waiting = _text(alice, "/desk/"), _text(alice, LIST)
    proposal = _proposal(day)
    own = _text(bob, proposal)
    agreed = send(alice, f"{proposal}/agree", {}, page=proposal)

    after, points = _text(charlie, story), _text(charlie, "/me/statement/points")
    row = day.row("charlie")
    assert story in statement
    assert (asked.status_code, agreed.status_code) == (303, 303)
    assert "志愿者的疑问" in inbox
    assert "我十点就走了" in waiting
    assert f"{proposal}/agree" not in own
    assert (row.state, row.counted_minutes) == (AttendanceState.POSTED, 60)
    for words in ("我十点就走了", "已更正", "覃志远", "蒙小燕", "签到表", "9:00–10:00", "8:58"):
        assert words in after
    assert "更正后重新入账" in points
    assert "更正时已收回" in points
    assert "2 小时 30 分" in points


def test_an_explanation_reaches_the_volunteer(day: Day) -> None:
    charlie, alice, story = day.browsers["charlie"], day.browsers["alice"], _story(day)
    send(charlie, f"{story}/dispute", {"text": "少了四分钟"}, page=story)
    action = re.search(r'action="(/desk/corrections/questions/[^"]+)"', _text(alice, LIST))
    assert action is not None

    empty = send(alice, action[1], {"text": " "}, page=LIST)
    answered = send(alice, action[1], {"text": "时段到十一点半为止"}, page=LIST)
    again = send(alice, action[1], {"text": "时段到十一点半为止"}, page="/desk/")

    assert (empty.status_code, answered.status_code, again.status_code) == (422, 303, 409)
    page = _text(charlie, story)
    assert "时段到十一点半为止" in page
    assert "已说明" in page


@pytest.mark.parametrize("text", ["", "  ", "长" * 600])
def test_a_question_without_words_or_with_too_many_is_shown_again(day: Day, text: str) -> None:
    story = _story(day)

    answer = send(day.browsers["charlie"], f"{story}/dispute", {"text": text}, page=story)

    assert answer.status_code == 422
    assert 'aria-invalid="true"' in answer.get_data(as_text=True)


def test_a_second_question_waits_for_the_first_answer(day: Day) -> None:
    charlie, story = day.browsers["charlie"], _story(day)
    first = send(charlie, f"{story}/dispute", {"text": "不对"}, page=story)

    second = send(charlie, f"{story}/dispute", {"text": "不对"}, page="/me/")

    assert first.status_code == 303
    assert second.status_code == 409
    assert "请等待答复" in second.get_data(as_text=True)


def test_somebody_elses_story_is_not_there_for_a_volunteer(day: Day) -> None:
    dora, story = day.browsers["dora"], _story(day)

    asked = send(dora, f"{story}/dispute", {"text": "不对"}, page="/me/")

    assert dora.get(story).status_code == 404
    assert asked.status_code == 404
    assert "韦桂芬" in _text(day.browsers["bob"], story)


@pytest.mark.parametrize(
    ("fields", "status", "words"),
    [
        ({"come": "11:31", "go": "11:40"}, 422, "11:31"),
        ({"go": "ten"}, 422, "ten"),
        ({"come": "", "go": ""}, 422, "请写成 9:00"),
        ({"reason": ""}, 422, "原因"),
        ({"go": "11:30"}, 409, "本来就是这样"),
    ],
)
def test_a_proposal_that_cannot_be_says_why_and_keeps_what_was_typed(
    day: Day, fields: dict[str, str], status: int, words: str
) -> None:
    answer = _propose(day, **fields)

    page = answer.get_data(as_text=True)
    assert (answer.status_code, words in page) == (status, True)
    assert day.row("charlie").counted_minutes == 150


def test_who_was_not_there_is_taken_out_of_the_book(day: Day) -> None:
    proposal = str(_propose(day, presence="absent").headers["Location"])

    send(day.browsers["alice"], f"{proposal}/agree", {}, page=proposal)

    assert day.row("charlie").state is AttendanceState.NO_SHOW
    assert "没有到场" in _text(day.browsers["charlie"], _story(day))


def test_a_proposal_is_refused_with_a_reason_or_withdrawn(day: Day) -> None:
    alice, bob, proposal = day.browsers["alice"], day.browsers["bob"], _proposal(day)
    no_reason = send(alice, f"{proposal}/refuse", {"reason": ""}, page=proposal)
    refused = send(alice, f"{proposal}/refuse", {"reason": "我在场"}, page=proposal)
    late = send(alice, f"{proposal}/agree", {}, page="/desk/")
    second = _proposal(day)
    withdrawn = send(bob, f"{second}/withdraw", {}, page=second)

    assert (no_reason.status_code, refused.status_code, late.status_code) == (422, 303, 409)
    assert withdrawn.status_code == 303
    assert "我在场" in _text(day.browsers["charlie"], _story(day))
    assert day.row("charlie").counted_minutes == 150


def test_a_proposer_who_agrees_is_told_no(day: Day) -> None:
    proposal = _proposal(day)

    answer = send(day.browsers["bob"], f"{proposal}/agree", {}, page=proposal)

    assert answer.status_code == 403
    assert "要由另一个人决定" in answer.get_data(as_text=True)


def test_the_pages_cost_the_same_however_much_has_happened(day: Day) -> None:
    alice, story = day.browsers["alice"], _story(day)
    counts = []
    for go in ("10:00", "10:30", "11:00"):
        proposal = str(_propose(day, go=go).headers["Location"])
        send(alice, f"{proposal}/agree", {}, page=proposal)
        with counted() as seen:
            for path in (story, LIST, "/desk/"):
                _text(alice, path)
            _text(day.browsers["charlie"], "/me/statement/time")
        counts.append(len(seen))

    assert counts[0] == counts[1] == counts[2]
    assert TITLE in _text(alice, story)


def test_who_was_not_seen_can_ask_from_the_day_of_the_service(day: Day) -> None:
    charlie, proposal = day.browsers["charlie"], str(_propose(day, presence="absent").location)
    send(day.browsers["alice"], f"{proposal}/agree", {}, page=proposal)

    page = _text(charlie, f"/me/days/{day.occasion_id}")

    assert _story(day) in page
    assert "向社工提出疑问" in _text(charlie, _story(day))


def test_a_correction_is_one_line_of_the_statement(day: Day) -> None:
    proposal = _proposal(day)
    send(day.browsers["alice"], f"{proposal}/agree", {}, page=proposal)

    time = _text(day.browsers["charlie"], "/me/statement/time")
    told = _text(day.browsers["charlie"], "/me/messages/")

    assert time.count('<summary class="entry">') == 2
    assert "更正：原 2 小时 30 分钟，现 1 小时。" in time
    assert "−1 小时 30 分钟" in time
    assert "共 0 分钟" not in time
    assert "共 3 小时 30 分钟" not in time
    assert "原来：8:58–11:34，计入 2 小时 30 分钟，5 积分。现在：9:00–10:00" in told
    assert f'href="{_story(day)}"' in told


def test_with_a_correction_open_nothing_else_is_offered(day: Day) -> None:
    charlie, alice, story = day.browsers["charlie"], day.browsers["alice"], _story(day)
    send(charlie, f"{story}/dispute", {"text": "我十点就走了"}, page=story)
    proposal = _proposal(day)

    listed, decided, read = _text(alice, LIST), _text(alice, proposal), _text(alice, story)

    assert "/explain" not in listed
    assert f"{LIST}new/" not in listed + read
    assert proposal in listed
    assert "我十点就走了" in decided


def test_a_question_is_asked_from_the_list_of_past_services_and_taken_back(day: Day) -> None:
    charlie, story = day.browsers["charlie"], _story(day)
    services = _text(charlie, "/me/services")
    send(charlie, f"{story}/dispute", {"text": "弄错了"}, page=story)
    action = re.search(r'action="(/record/dispute/[^"]+)"', _text(charlie, story))
    assert action is not None

    others = send(day.browsers["dora"], action[1], {}, page="/me/")
    taken = send(charlie, action[1], {}, page=story)

    assert story in services
    assert "计入 2 小时 30 分钟" in services
    assert (others.status_code, taken.status_code) == (404, 303)
    assert "疑问已收回" in _text(charlie, story)
    assert "弄错了" not in _text(day.browsers["alice"], LIST)


def test_the_form_takes_the_times_of_a_scan_along(day: Day) -> None:
    path = f"{LIST}new/{day.row('charlie').id}?come=9:05&go=%3Cb%3E123456"

    form = _text(day.browsers["bob"], path)

    assert 'value="9:05"' in form
    assert "<b>12" not in form
