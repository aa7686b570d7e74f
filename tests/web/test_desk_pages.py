"""The desk: the inbox, the self-check, commendations and tables of stars."""

import re
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from ledger import clock
from ledger.database import Database
from ledger.ids import new_id
from tests.makers import SignIn, make_community, make_member, make_sign_in, system_actor
from tests.rewards.world import NOW, World, make_world
from tests.visitors import csrf_token, send
from timebank.actors import Role
from timebank.contributions import Category
from timebank.people.members import set_roles
from timebank.rewards.models import Certificate
from timebank.service.models import Attendance, AttendanceState, Occasion, OccasionStatus
from timebank.shop.goods import ItemDetails, add_item, set_price
from timebank.shop.intake import Intake, receive
from timebank.shop.models import IntakeChoice, ValueBasis

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
    [{"evidence_digest": "x"}, {"rule_version": "１"}, {"period_to": ""}, {"stars": "5"}],
    ids=["digest", "full-width digit", "no period", "unknown field"],
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


# ---------------------------------------------------------------- the inbox


def test_an_empty_inbox_says_so(desk: FlaskClient) -> None:
    page = desk.get("/desk/").get_data(as_text=True)

    assert "没有要办的事" in page
    assert "都办完了" in page


def test_the_inbox_counts_what_waits_and_leads_there(
    desk: FlaskClient, database: Database, world: World
) -> None:
    with database.begin() as world.session:
        over = _occasion_with(world, title="老花镜义配", days=-11, needs_lead=False)
        coming = _occasion_with(world, title="夜间巡逻", days=1, needs_lead=True)
        _goods(world, "手工围巾", pieces=2, price=None)
        _goods(world, "手工香皂", pieces=2, price=30)
        _goods(world, "十字绣", pieces=3, price=30)
        _goods(world, "卖完的", pieces=0, price=30)

    page = desk.get("/desk/").get_data(as_text=True)

    assert "今天要办 4 件" in page
    for fact in (
        "老花镜义配·11月9日",
        "拖了 11 天",
        "夜间巡逻·11月21日",
        "手工围巾",
        "手工香皂剩 2 件",
    ):
        assert fact in page
    assert f"/lead/{over.id}/confirm" in page
    assert f"/lead/{coming.id}/confirm" in page
    assert "十字绣" not in page
    assert "卖完的" not in page


def test_the_inbox_of_one_community_does_not_show_anothers(
    desk: FlaskClient, database: Database
) -> None:
    with database.begin() as session:
        other = make_world(session, code="A")
        _occasion_with(other, title="别处的巡逻", days=-1, needs_lead=True)

    assert "都办完了" in desk.get("/desk/").get_data(as_text=True)


def test_statements_do_not_grow_with_what_waits(
    desk: FlaskClient, database: Database, world: World
) -> None:
    def statements() -> int:
        seen: list[str] = []

        def note(_c: object, _u: object, statement: str, *_: object) -> None:
            seen.append(statement)

        sa.event.listen(database.engine, "before_cursor_execute", note)
        desk.get("/desk/")
        sa.event.remove(database.engine, "before_cursor_execute", note)
        return len([statement for statement in seen if statement.startswith("SELECT")])

    few = statements()
    with database.begin() as world.session:
        for day in range(1, 6):
            _occasion_with(world, title="巡逻", days=-day, needs_lead=True)
            _goods(world, "手工香皂", pieces=1, price=30)

    assert statements() == few <= 8


def test_an_auditor_sees_the_inbox_without_ways_to_act(
    database: Database, sign_in: Door, world: World
) -> None:
    with database.begin() as world.session:
        _give(world, Role.AUDITOR)
        _occasion_with(world, title="老花镜义配", days=-1, needs_lead=False)
        who = make_sign_in(world.session, world.alice)

    page = sign_in(who).get("/desk/").get_data(as_text=True)

    assert "老花镜义配" in page
    assert "/lead/" not in page
    assert LIST not in page


def test_the_self_check_of_a_whole_book_is_kept_and_shown(
    database: Database, sign_in: Door
) -> None:
    with database.begin() as session:
        community = make_community(session)
        auditor = make_sign_in(session, make_member(session, community, "邓海涛", Role.AUDITOR))
    desk = sign_in(auditor)
    before = desk.get("/desk/").get_data(as_text=True)

    answer = send(desk, "/desk/self-check", {}, page="/desk/self-check")

    assert "还没有查过" in before
    assert answer.headers["Location"] == "/desk/self-check"
    assert "全部无误" in desk.get("/desk/").get_data(as_text=True)


def test_the_self_check_names_what_it_finds(
    desk: FlaskClient, database: Database, world: World
) -> None:
    with database.begin() as session:
        row = session.scalars(sa.select(Attendance).where(Attendance.member_id == world.bob.id))
        row.one().counted_minutes = 59

    answer = send(desk, "/desk/self-check", {}, page="/desk/self-check")

    assert answer.status_code == 200
    assert "attendance:" in answer.get_data(as_text=True)
    assert "处问题" in desk.get("/desk/").get_data(as_text=True)


def _occasion_with(world: World, *, title: str, days: int, needs_lead: bool) -> Occasion:
    """Make an occasion some days from now with Bob on its list."""
    on = (NOW + timedelta(days=days)).date()
    world.served_count += 1
    occasion, slot = world.occasion(on, Category.ENVIRONMENT, title)
    occasion.status = OccasionStatus.PLANNED
    world.session.add(
        Attendance(
            community_id=world.id,
            id=new_id(),
            occasion_id=occasion.id,
            slot_id=slot.id,
            member_id=world.bob.id,
            state=AttendanceState.ENROLLED if days > 0 else AttendanceState.IN,
            enrolled_at=occasion.starts_at,
            needs_lead=needs_lead,
            in_at=None if days > 0 else occasion.starts_at,
        )
    )
    world.session.flush()
    return occasion


def _goods(world: World, name: str, *, pieces: int, price: int | None) -> None:
    actor = system_actor(world.community)
    item = add_item(world.session, actor, details=ItemDetails(name), nonce=str(new_id()))
    if pieces:
        intake = Intake(item.number, pieces, IntakeChoice.DONATE, str(new_id()))
        receive(world.session, actor, intake=intake)
    if price:
        set_price(
            world.session,
            actor,
            item_number=item.number,
            price_points=price,
            basis=ValueBasis.COUNCIL,
        )
