"""The desk's first page: the inbox, and the self-check of the book."""

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient

from ledger import clock
from ledger.database import Database
from ledger.ids import new_id
from tests.makers import SignIn, make_community, make_member, make_sign_in, system_actor
from tests.rewards.world import NOW, World, make_world
from tests.visitors import send
from timebank.actors import Role
from timebank.contributions import Category
from timebank.people.members import set_roles
from timebank.service.models import Attendance, AttendanceState, Occasion, OccasionStatus
from timebank.shop.goods import ItemDetails, add_item, set_price
from timebank.shop.intake import Intake, receive
from timebank.shop.models import IntakeChoice, ValueBasis

Door = Callable[[SignIn], FlaskClient]
LIST = "/desk/commendations/"

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


# ---------------------------------------------------------------- the inbox


def test_an_empty_inbox_says_so(desk: FlaskClient) -> None:
    page = desk.get("/desk/").get_data(as_text=True)

    assert "没有要办的事" in page
    assert "都办完了" in page


@pytest.mark.databases("sqlite", "postgresql")
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

    assert statements() == few <= 9


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
        session.execute(sa.text("DROP TRIGGER attendance_posted_stays"))  # or it would be refused
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
