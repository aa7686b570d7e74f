"""The desk's commendations: the list with its reasons, issuing, the tables of stars."""

import re
from collections.abc import Callable, Iterator

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from ledger import clock
from ledger.database import Database
from tests.makers import SignIn, make_sign_in, system_actor
from tests.rewards.world import NOW, World, make_world
from tests.visitors import csrf_token, send
from timebank.actors import Role
from timebank.people.members import set_roles
from timebank.rewards.models import Certificate

Door = Callable[[SignIn], FlaskClient]
LIST = "/desk/commendations/"
HIDDEN = re.compile(r'name="(period_from|period_to|rule_version|evidence_digest)" value="([^"]+)"')

pytestmark = pytest.mark.databases("sqlite")


@pytest.fixture(autouse=True)
def _at_noon() -> Iterator[None]:
    with clock.at(NOW):
        yield


@pytest.fixture
def world(database: Database) -> World:
    """Alice works at the desk; Bob has exactly one star, Charlie one minute less."""
    with database.begin() as session:
        made = make_world(session)
        _give(made, Role.SOCIAL_WORKER)
        made.serve(made.bob, 6_000)
        made.serve(made.charlie, 5_999)
        return made


def _give(world: World, role: Role) -> None:
    roles = frozenset({Role.VOLUNTEER, role})
    set_roles(world.session, system_actor(world.community), world.alice.id, roles=roles)


@pytest.fixture
def desk(database: Database, sign_in: Door, world: World) -> FlaskClient:
    """Alice's browser."""
    with database.begin() as session:
        who = make_sign_in(session, world.alice)
    return sign_in(who)


def _issue(desk: FlaskClient, *people: object, **changes: str) -> TestResponse:
    """Tick people on the page as it is now and send it."""
    shown = dict(HIDDEN.findall(desk.get(LIST).get_data(as_text=True)))
    return _send_list(desk, shown | changes, *people)


def _send_list(desk: FlaskClient, fields: dict[str, str], *people: object) -> TestResponse:
    ticked = {"member_ids": [str(getattr(person, "id", person)) for person in people]}
    token = {"csrf_token": csrf_token(desk, LIST)}
    return desk.post(LIST, data=fields | ticked | token)


def _certificates(database: Database) -> list[Certificate]:
    with database.reading() as session:
        return list(session.scalars(sa.select(Certificate).order_by(Certificate.number)))


# ---------------------------------------------------------------- the dry run


def test_everybody_stands_on_the_list_with_a_reason(desk: FlaskClient) -> None:
    page = desk.get(LIST).get_data(as_text=True)

    assert "计入 100 小时，满 100 小时：一星" in page
    assert "离一星还差 1 分钟" in page
    assert "是经办人本人" in page
    assert page.count('name="member_ids"') == 1


def test_the_list_speaks_english(desk: FlaskClient) -> None:
    desk.set_cookie("locale", "en")

    page = desk.get(LIST).get_data(as_text=True)

    assert "Counted 100 h, at least 100 h: one star" in page
    assert "1 min short of one star" in page


@pytest.mark.parametrize(
    ("order", "first"),
    [("number", "V0001"), ("minutes", "V0002"), ("stars", "V0002"), ("name", "V0003")],
)
def test_the_list_is_sorted(desk: FlaskClient, order: str, first: str) -> None:
    page = desk.get(f"{LIST}?order={order}").get_data(as_text=True)

    assert re.findall(r"V\d{4}", page.partition("<tbody>")[2])[0] == first


@pytest.mark.parametrize(("show", "numbers"), [("in", ["V0002"]), ("not_in", ["V0001", "V0003"])])
def test_the_list_is_filtered(desk: FlaskClient, show: str, numbers: list[str]) -> None:
    page = desk.get(f"{LIST}?show={show}&order=number").get_data(as_text=True)

    assert re.findall(r"V\d{4}", page.partition("<tbody>")[2]) == numbers


def test_the_period_can_be_chosen(desk: FlaskClient) -> None:
    before = desk.get(f"{LIST}?period_to=2026-01-01").get_data(as_text=True)
    after = desk.get(f"{LIST}?period_from=2026-01-02").get_data(as_text=True)

    assert "计入 100 小时" in before
    assert after.count("这段时间没有确认过的服务") == 3


@pytest.mark.parametrize(
    "query",
    ["period_from=2026-02-02&period_to=2026-02-01", "period_to=2026-11-21", "period_to=2026-02-30"],
)
def test_a_wrong_period_is_told_at_the_field(desk: FlaskClient, query: str) -> None:
    answer = desk.get(f"{LIST}?{query}")

    assert answer.status_code == 422
    assert 'href="#period_to"' in answer.get_data(as_text=True)


def test_before_the_first_table_the_page_says_what_to_do(desk: FlaskClient) -> None:
    page = desk.get(f"{LIST}?period_to=2025-12-31").get_data(as_text=True)

    assert "还没有星级标准" in page
    assert "/desk/commendations/tables" in page


def test_the_list_goes_to_a_spreadsheet(desk: FlaskClient) -> None:
    answer = desk.get("/desk/commendations/export.csv?order=number")

    lines = answer.get_data(as_text=True).splitlines()
    assert lines[0].startswith("\ufeff志愿者编号,姓名")
    assert lines[2] == "V0002,韦桂芬,,6000,100 小时,1,0,是,计入 100 小时，满 100 小时：一星"
    assert desk.get("/desk/commendations/export.csv?period_to=x").status_code == 422


# ---------------------------------------------------------------- issuing


def test_ticked_people_get_numbered_certificates(desk: FlaskClient, database: Database) -> None:
    (bob,) = re.findall(r'name="member_ids" value="([^"]+)"', desk.get(LIST).text)

    answer = _issue(desk, bob, notes="公示无异议")

    (paper,) = _certificates(database)
    assert answer.headers["Location"] == "/desk/certificates/"
    assert (paper.printed_number, str(paper.member_id)) == ("D2026-000001", bob)
    assert paper.content["registration"]["notes"] == "公示无异议"
    assert "已发证明 D2026-000001" in desk.get("/desk/certificates/").get_data(as_text=True)


def test_nothing_is_issued_when_the_book_moved_since_the_page(
    desk: FlaskClient, database: Database, world: World
) -> None:
    shown = dict(HIDDEN.findall(desk.get(LIST).get_data(as_text=True)))
    with database.begin() as world.session:
        world.serve(world.charlie, 1)

    answer = _send_list(desk, shown, world.bob)

    page = answer.get_data(as_text=True)
    assert answer.status_code == 422
    assert "账本有了变化，一张也没有发" in page
    assert page.count('name="member_ids"') == 2
    assert _certificates(database) == []


def test_a_page_sent_twice_issues_once(desk: FlaskClient, database: Database, world: World) -> None:
    shown = dict(HIDDEN.findall(desk.get(LIST).get_data(as_text=True)))

    answers = [_send_list(desk, shown, world.bob) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [302, 422]
    assert "V0002 不在可发名单里" in answers[1].get_data(as_text=True)
    assert len(_certificates(database)) == 1


def test_nobody_ticked_is_told(desk: FlaskClient) -> None:
    answer = _issue(desk)

    assert answer.status_code == 422
    assert "一个人也没有勾选" in answer.get_data(as_text=True)


@pytest.mark.parametrize(
    "changes",
    [{"evidence_digest": "x"}, {"rule_version": "1.0"}, {"period_to": ""}, {"stars": "5"}],
    ids=["digest", "fraction", "no period", "unknown field"],
)
def test_a_forged_page_is_refused(
    desk: FlaskClient, database: Database, world: World, changes: dict[str, str]
) -> None:
    assert _issue(desk, world.bob, **changes).status_code == 422
    assert _certificates(database) == []


def test_the_issuer_cannot_be_slipped_in(
    desk: FlaskClient, database: Database, world: World
) -> None:
    answer = _issue(desk, world.alice, world.bob)

    assert "不能给自己发表彰" in answer.get_data(as_text=True)
    assert _certificates(database) == []


# ---------------------------------------------------------------- tables of stars


def test_a_table_is_released_in_hours(desk: FlaskClient) -> None:
    page = "/desk/commendations/tables"
    fields = {"stars_1": "10", "stars_2": "20", "starts_on": "2026-12-01"}

    answer = send(desk, page, fields, page=page)

    shown = desk.get(page).get_data(as_text=True)
    assert answer.status_code == 302
    assert "第 2 版标准已发布" in shown
    assert "还没开始" in shown


@pytest.mark.parametrize(
    ("fields", "place"),
    [
        ({"stars_1": "20", "stars_2": "10", "starts_on": "2026-12-01"}, "stars_1"),
        ({"stars_1": "10", "stars_3": "20", "starts_on": "2026-12-01"}, "stars_1"),
        ({"stars_1": "10", "starts_on": "2026-11-19"}, "starts_on"),
        ({"stars_1": "1.5", "starts_on": "2026-12-01"}, "stars_1"),
        ({"stars_1": "", "starts_on": "2026-12-01"}, "stars_1"),
    ],
    ids=["falling", "a gap", "yesterday", "half an hour", "empty"],
)
def test_a_wrong_table_is_told_at_the_field(
    desk: FlaskClient, fields: dict[str, str], place: str
) -> None:
    page = "/desk/commendations/tables"

    answer = send(desk, page, fields, page=page)

    assert answer.status_code == 422
    assert f'href="#{place}"' in answer.get_data(as_text=True)
