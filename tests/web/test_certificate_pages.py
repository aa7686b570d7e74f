"""Certificates as strangers, their holders and the desk see them."""

from collections.abc import Callable, Iterator

import pytest
import zxingcpp
from flask.testing import FlaskClient

from ledger import clock
from ledger.database import Database
from tests.makers import SignIn, make_sign_in
from tests.rewards.world import NOW, World, make_world
from tests.visitors import send
from tests.web.pages_of_paper import picture_of, text_of
from timebank.actors import Actor, Role
from timebank.codes import CodeKeys
from timebank.contributions import Category
from timebank.people.members import set_roles
from timebank.rewards.commendations import dry_run, issue
from timebank.rewards.models import Certificate
from timebank.settings import Settings

Door = Callable[[SignIn], FlaskClient]

pytestmark = pytest.mark.databases("sqlite")


@pytest.fixture(autouse=True)
def _at_noon() -> Iterator[None]:
    with clock.at(NOW):
        yield


@pytest.fixture
def world(database: Database) -> World:
    """A community whose Alice is a social worker."""
    with database.begin() as session:
        made = make_world(session)
        _let_commend(made)
        return made


def _let_commend(world: World) -> None:
    system = Actor.system(world.id, "test")
    roles = frozenset({Role.VOLUNTEER, Role.SOCIAL_WORKER})
    set_roles(world.session, system, world.alice.id, roles=roles)


@pytest.fixture
def paper(database: Database, world: World, settings: Settings) -> Certificate:
    """A certificate of Bob's, issued by Alice, signed with the application's key."""
    with database.begin() as world.session:
        world.serve(world.bob, 6_029, category=Category.SAFETY, title="夜间巡逻")
        basis = dry_run(world.session, world.desk).basis
        keys = CodeKeys(settings.secret_key.encode())
        (issued,) = issue(world.session, world.desk, keys, member_ids=[world.bob.id], basis=basis)
        return issued


def _browser(database: Database, sign_in: Door, world: World, name: str) -> FlaskClient:
    with database.begin() as session:
        who = make_sign_in(session, getattr(world, name))
    return sign_in(who)


@pytest.fixture
def desk(database: Database, sign_in: Door, world: World) -> FlaskClient:
    """Alice's browser."""
    return _browser(database, sign_in, world, "alice")


# ---------------------------------------------------------------- the public check


def test_a_stranger_sees_that_it_is_valid_and_only_a_masked_name(
    client: FlaskClient, paper: Certificate
) -> None:
    answer = client.get(f"/V/{paper.code}")

    page = answer.get_data(as_text=True)
    assert answer.status_code == 200
    for fact in ("这张证明有效", "D2026-000001", "韦*芬", "100 小时", "一星", "2026年11月20日"):
        assert fact in page
    assert "韦桂芬" not in page
    assert "no-store" in answer.headers["Cache-Control"]


@pytest.mark.parametrize("path", ["/V/{}", "/v/{}", "/V/{}?utm=x"])
def test_any_case_is_read(client: FlaskClient, paper: Certificate, path: str) -> None:
    answer = client.get(path.format(paper.code.lower()))

    assert "这张证明有效" in answer.get_data(as_text=True)


def test_forged_and_unknown_answer_alike(client: FlaskClient, paper: Certificate) -> None:
    last = "A" if paper.code[-1] != "A" else "B"
    forged = client.get(f"/V/{paper.code[:-1]}{last}")
    unknown = client.get(f"/V/D2026-000002{paper.code[12:]}")
    nonsense = client.get("/V/%00/../x")

    assert (forged.status_code, unknown.status_code, nonsense.status_code) == (404, 404, 404)
    told = [answer.get_data(as_text=True).partition("<main")[2] for answer in (forged, unknown)]
    assert told[0] == told[1].replace("D2026-000002", "D2026-000001")
    assert "查不到这张证明" in told[0]
    assert "请不要收这张证明" in told[0]


def test_those_who_type_need_number_and_ending(client: FlaskClient, paper: Certificate) -> None:
    right = client.get("/V/", query_string={"number": "d2026-000001", "ending": paper.code[-4:]})
    wrong = client.get("/V/", query_string={"number": "D2026-000001", "ending": "7777"})
    empty = client.get("/V/")

    assert "这张证明有效" in right.get_data(as_text=True)
    assert (wrong.status_code, empty.status_code) == (404, 422)
    assert client.get("/V").status_code == 200


def test_guessing_the_ending_is_slowed_down(client: FlaskClient, paper: Certificate) -> None:
    tries = [
        client.get("/V/", query_string={"number": paper.printed_number, "ending": f"{guess:04d}"})
        for guess in range(21)
    ]

    assert [answer.status_code for answer in tries] == [404] * 20 + [429]


def test_after_revocation_the_page_says_since_when_and_why(
    client: FlaskClient, desk: FlaskClient, paper: Certificate
) -> None:
    place = f"/desk/certificates/{paper.id}"
    answer = send(desk, f"{place}/revoke", {"reason": "姓名印错"}, page=f"{place}/")

    page = client.get(f"/V/{paper.code}").get_data(as_text=True)
    assert answer.status_code == 302
    for fact in ("这张证明已经作废", "姓名印错", "2026年11月20日起不再有效", "韦*芬", "100 小时"):
        assert fact in page


def test_a_member_of_another_community_may_check_it_too(
    database: Database, sign_in: Door, paper: Certificate
) -> None:
    with database.begin() as session:
        other = make_world(session, code="A")
    visitor = _browser(database, sign_in, other, "bob")

    assert "这张证明有效" in visitor.get(f"/V/{paper.code}").get_data(as_text=True)


# ---------------------------------------------------------------- whose it is


def test_the_holder_finds_and_prints_their_own(
    database: Database, sign_in: Door, world: World, paper: Certificate
) -> None:
    bob = _browser(database, sign_in, world, "bob")

    page = bob.get("/me/certificates/").get_data(as_text=True)
    file = bob.get(f"/me/certificates/{paper.id}.pdf")

    assert "D2026-000001" in page
    assert (file.status_code, file.content_type) == (200, "application/pdf")
    assert file.headers["Content-Disposition"] == 'inline; filename="certificate-D2026-000001.pdf"'
    assert file.data.startswith(b"%PDF-")


def test_another_volunteer_does_not_find_it(
    database: Database, sign_in: Door, world: World, paper: Certificate
) -> None:
    charlie = _browser(database, sign_in, world, "charlie")

    assert charlie.get(f"/me/certificates/{paper.id}.pdf").status_code == 404
    assert charlie.get("/desk/certificates/").status_code == 403
    assert charlie.get(f"/desk/certificates/{paper.id}.pdf").status_code == 403
    assert "还没有证明" in charlie.get("/me/certificates/").get_data(as_text=True)


def test_another_communitys_desk_does_not_find_it(
    database: Database, sign_in: Door, paper: Certificate
) -> None:
    with database.begin() as session:
        other = make_world(session, code="A")
        _let_commend(other)
    stranger = _browser(database, sign_in, other, "alice")
    place = f"/desk/certificates/{paper.id}"

    assert stranger.get(f"{place}/").status_code == 404
    assert stranger.get(f"{place}.pdf").status_code == 404
    answer = send(stranger, f"{place}/revoke", {"reason": "x"}, page="/desk/")
    assert answer.status_code == 404
    assert "D2026-000001" not in stranger.get("/desk/certificates/").get_data(as_text=True)


def test_a_stranger_is_asked_to_sign_in(client: FlaskClient, paper: Certificate) -> None:
    for path in (f"/me/certificates/{paper.id}.pdf", f"/desk/certificates/{paper.id}/"):
        assert client.get(path).status_code == 302


# ---------------------------------------------------------------- the desk


def test_the_desk_sees_the_register_and_takes_it_along(
    desk: FlaskClient, paper: Certificate
) -> None:
    page = desk.get("/desk/certificates/").get_data(as_text=True)
    table = desk.get("/desk/certificates/export.csv").get_data(as_text=True)

    assert f"/desk/certificates/{paper.id}/" in page
    assert table.startswith("\ufeff证明编号,志愿者编号,姓名")
    assert "D2026-000001,V0002,韦桂芬,1,6029,2026-11-20,有效," in table


def test_one_certificate_shows_what_stands_on_it(desk: FlaskClient, paper: Certificate) -> None:
    page = desk.get(f"/desk/certificates/{paper.id}/").get_data(as_text=True)

    for fact in ("韦桂芬", "V0002", "安全排查", "夜间巡逻", "L市D社区居民委员会", "蒙小燕"):
        assert fact in page


def test_a_revocation_without_reason_keeps_the_form(desk: FlaskClient, paper: Certificate) -> None:
    place = f"/desk/certificates/{paper.id}"

    answer = send(desk, f"{place}/revoke", {"reason": " "}, page=f"{place}/")

    assert answer.status_code == 422
    assert "有效" in desk.get("/desk/certificates/").get_data(as_text=True)


def test_a_second_revocation_says_when_the_first_was(desk: FlaskClient, paper: Certificate) -> None:
    place = f"/desk/certificates/{paper.id}"
    send(desk, f"{place}/revoke", {"reason": "one"}, page=f"{place}/")

    again = send(desk, f"{place}/revoke", {"reason": "two"}, page="/desk/")

    assert again.status_code == 409
    assert "D2026-000001 在 11月20日 周五 已经作废" in again.get_data(as_text=True)


def test_the_code_on_the_paper_is_read_and_leads_to_valid(
    desk: FlaskClient, client: FlaskClient, paper: Certificate
) -> None:
    file = desk.get(f"/desk/certificates/{paper.id}.pdf").data

    (read,) = zxingcpp.read_barcodes(picture_of(file))

    assert read.text == f"HTTP://LOCALHOST/V/{paper.code}"
    answer = client.get(read.text.removeprefix("HTTP://LOCALHOST"))
    assert "这张证明有效" in answer.get_data(as_text=True)


def test_a_revoked_paper_says_so_across_the_page(desk: FlaskClient, paper: Certificate) -> None:
    place = f"/desk/certificates/{paper.id}"
    send(desk, f"{place}/revoke", {"reason": "x"}, page=f"{place}/")

    assert "已作废" in text_of(desk.get(f"{place}.pdf").data)
