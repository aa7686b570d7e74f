"""Certificates as strangers, their holders and the desk see them."""

from collections.abc import Callable, Iterator
from datetime import date

import pypdfium2
import pytest
import zxingcpp
from flask.testing import FlaskClient
from PIL.Image import Image

from ledger import clock
from ledger.database import Database
from tests.makers import SignIn, make_sign_in
from tests.rewards.world import NOW, World, make_world
from tests.visitors import send
from timebank.actors import Actor, Role
from timebank.codes import CodeKeys
from timebank.contributions import Category
from timebank.people.members import set_roles
from timebank.rewards.commendations import dry_run, issue
from timebank.rewards.models import Certificate
from timebank.settings import Settings
from web.pdf import certificate_pdf

Door = Callable[[SignIn], FlaskClient]
DOTS_PER_INCH = 150
MILLIMETRES_PER_INCH = 25.4


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
        return sign_in(make_sign_in(session, getattr(world, name)))


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
    pages = [answer.get_data(as_text=True) for answer in (forged, unknown)]
    assert pages[0] == pages[1].replace("D2026-000002", "D2026-000001")
    assert "查不到这张证明" in pages[0]
    assert "请不要收这张证明" in pages[0]


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
    assert "D2026-000001 在 2026-11-20 已经作废" in again.get_data(as_text=True)


# ---------------------------------------------------------------- the paper


def _picture(file: bytes) -> Image:
    """Return the only page as a picture of 150 dots per inch."""
    document = pypdfium2.PdfDocument(file)
    try:
        assert len(document) == 1, "a certificate is one page"
        picture: Image = document[0].render(scale=DOTS_PER_INCH / 72).to_pil()
        return picture
    finally:
        document.close()


def _text(file: bytes) -> str:
    document = pypdfium2.PdfDocument(file)
    try:
        text: str = document[0].get_textpage().get_text_bounded()
        return text.replace("\r\n", "").replace("\u200b", "")
    finally:
        document.close()


def test_the_code_on_the_paper_is_read_and_leads_to_valid(
    desk: FlaskClient, client: FlaskClient, paper: Certificate
) -> None:
    picture = _picture(desk.get(f"/desk/certificates/{paper.id}.pdf").data)

    (read,) = zxingcpp.read_barcodes(picture)

    assert read.text == f"HTTP://LOCALHOST/V/{paper.code}"
    answer = client.get(read.text.removeprefix("HTTP://LOCALHOST"))
    assert "这张证明有效" in answer.get_data(as_text=True)


def test_the_code_is_large_enough(desk: FlaskClient, paper: Certificate) -> None:
    picture = _picture(desk.get(f"/desk/certificates/{paper.id}.pdf").data)
    (read,) = zxingcpp.read_barcodes(picture)
    corners = read.position

    width = (corners.top_right.x - corners.top_left.x) / DOTS_PER_INCH * MILLIMETRES_PER_INCH

    modules = 29 + 4 * ((width > 0) and 0)
    quiet = 8 / modules * width
    assert width + quiet >= 31


def test_the_same_content_gives_the_same_bytes(paper: Certificate) -> None:
    first, second = (certificate_pdf(paper, base_url="https://d.example") for _ in range(2))

    assert first == second
    assert b"pdfaid" in first
    assert first != certificate_pdf(paper, base_url="https://other.example")


def test_the_paper_says_what_the_content_says(paper: Certificate) -> None:
    text = _text(certificate_pdf(paper, base_url="https://d.example"))

    for fact in ("韦桂芬", "V0002", "D2026-000001", "100 小时", "一星", "d.example/V", "夜间巡逻"):
        assert fact in text
    assert paper.content_hash.hex().upper()[:4] in text
    assert paper.code[-4:] in text


def test_a_revoked_paper_says_so_across_the_page(desk: FlaskClient, paper: Certificate) -> None:
    place = f"/desk/certificates/{paper.id}"
    send(desk, f"{place}/revoke", {"reason": "x"}, page=f"{place}/")

    assert "已作废" in _text(desk.get(f"{place}.pdf").data)


@pytest.mark.parametrize(
    "name",
    [
        "欧阳买买提·阿卜杜热西提" * 5,
        "W" * 60,
        "Ｗ" * 60,
        "𠮷" * 60,
        "#let x = 1 $\\ <script> \"'*_`@",
        "É",
    ],
)
def test_hard_names_fit_on_one_page(paper: Certificate, name: str) -> None:
    content = paper.content | {
        "person": paper.content["person"] | {"name": name[:60]},
        "issuer": {"name": name[:60], "contact": "0" * 40, "responsible": name[:60], "handler": ""},
        "registration": paper.content["registration"] | {"notes": "字" * 120},
        "service": paper.content["service"]
        | {
            "kinds": [
                {"category": category, "minutes": 600, "titles": ["很长的活动名称" * 9, "二"]}
                for category in (*Category, "other")
            ]
        },
    }
    hard = Certificate(content=content, content_hash=paper.content_hash, status=paper.status)

    file = certificate_pdf(hard, base_url="https://a-rather-long-name.community.example")

    assert _picture(file).size == (1240, 1754)
    assert name[:60].replace(" ", "") in _text(file).replace(" ", "")


def test_a_paper_of_five_stars_and_no_categories_is_set(paper: Certificate) -> None:
    service = paper.content["service"] | {"stars": 5, "kinds": []}
    bare = Certificate(
        content=paper.content | {"service": service},
        content_hash=paper.content_hash,
        status=paper.status,
    )

    assert "五星志愿者" in _text(certificate_pdf(bare, base_url="http://localhost"))


def test_the_day_on_the_paper_is_the_communitys(paper: Certificate) -> None:
    assert paper.content["registration"]["issued_on"] == date(2026, 11, 20).isoformat()
