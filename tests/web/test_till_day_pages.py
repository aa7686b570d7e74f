"""The till's day on pages: a count that adds up, a difference told before it is asked about."""

import re
from collections.abc import Iterator

import pytest
from flask.testing import FlaskClient

from ledger import clock
from ledger.database import Database
from tests.makers import make_sign_in
from tests.shop.drawers import FLOAT, close_till, counted, fill_safe, open_till
from tests.shop.makers import NOON, World, make_world
from tests.visitors import csrf_token, sign_in
from timebank.shop.safe import list_moves, safe_fen
from timebank.shop.till_standing import find_current, read_day

DAYS = "/till/days/"
NONCE = re.compile(r'name="nonce" value="([^"]+)"')
DIFFERENCE = re.compile(r'name="difference" value="([^"]+)"')


@pytest.fixture(autouse=True)
def noon() -> Iterator[None]:
    with clock.at(NOON):
        yield


@pytest.fixture
def world(database: Database) -> World:
    with database.begin() as session:
        made = make_world(session)
        fill_safe(session, made)
        return made


def browser(client: FlaskClient, database: Database, world: World, name: str) -> FlaskClient:
    with database.begin() as session:
        who = make_sign_in(session, getattr(world, name))
    return sign_in(client, who)


@pytest.fixture
def clerk(client: FlaskClient, database: Database, world: World) -> FlaskClient:
    return browser(client, database, world, "clara")


def page(client: FlaskClient, path: str, status: int = 200) -> str:
    answer = client.get(path)
    assert answer.status_code == status
    return answer.get_data(as_text=True)


def fill(client: FlaskClient, path: str, **fields: str) -> tuple[int, str]:
    """Fill in the form of a page and send it."""
    shown = page(client, path)
    data = {"csrf_token": csrf_token(client, path), **fields}
    found = NONCE.search(shown)
    if found:
        data["nonce"] = found[1]
    answer = client.post(path, data=data)
    return answer.status_code, answer.get_data(as_text=True)


def test_a_clerk_opens_the_till_with_full_width_digits(
    clerk: FlaskClient, database: Database, world: World
) -> None:
    status, _ = fill(clerk, DAYS + "open", yuan_100="１", yuan_10="10")

    assert status == 303
    with database.reading() as session:
        current = find_current(session, world.clerk, till_number=1)
    assert current is not None
    assert current.day.float_fen == FLOAT
    assert "还没结账" in page(clerk, DAYS + "open")


@pytest.mark.parametrize("pieces", ["-1", "10000", "1.5", "两"])
def test_pieces_that_cannot_be_are_named_at_their_line(clerk: FlaskClient, pieces: str) -> None:
    status, shown = fill(clerk, DAYS + "open", yuan_50=pieces)

    assert status == 422
    assert 'id="yuan_50-e"' in shown
    assert f'value="{pieces}"' in shown


def test_a_difference_is_told_with_both_numbers_and_closed_with_its_reason(
    clerk: FlaskClient, database: Database, world: World
) -> None:
    with database.begin() as session:
        day_id = open_till(session, world).day.id
    path = f"{DAYS}{day_id}/close"

    status, told = fill(clerk, path, yuan_100="1", yuan_50="1", left="0")
    stated = DIFFERENCE.search(told)
    assert stated is not None
    again = {"yuan_100": "1", "yuan_50": "1", "left": "50", "difference": stated[1]}
    without, asked = fill(clerk, path, **again)
    done, _ = fill(clerk, path, **again, reason="多找了零钱")

    assert (status, without, done) == (422, 422, 303)
    assert "应有 200.00 元，实点 150.00 元，相差 −50.00 元" in told
    assert "写明为什么对不上" in asked
    with database.reading() as session:
        closing = read_day(session, world.clerk, day_id=day_id).closing
    assert closing is not None
    assert (closing.difference_fen, closing.left_fen) == (-5_000, 5_000)


def test_the_sheet_is_signed_by_the_second_person_and_printed(
    app: object, clerk: FlaskClient, database: Database, world: World
) -> None:
    with database.begin() as session:
        day_id = close_till(session, world, open_till(session, world), counted(FLOAT)).day.id
    path = f"{DAYS}{day_id}"
    worker = browser(app.test_client(), database, world, "wen")  # type: ignore[attr-defined]

    own = page(clerk, path)
    offered = page(worker, path)
    refused = clerk.post(f"{path}/sign", data={"csrf_token": csrf_token(clerk, path)})
    worker.post(f"{path}/sign", data={"csrf_token": csrf_token(worker, path)})
    signed = page(clerk, path)
    paper = clerk.get(f"{path}/sheet.pdf")

    assert f"{path}/sign" not in own
    assert f"{path}/sign" in offered
    assert refused.status_code == 303
    assert "文 于" in signed
    assert paper.data.startswith(b"%PDF-")
    assert paper.data == clerk.get(f"{path}/sheet.pdf").data


def test_an_open_day_has_no_sheet_on_paper(
    clerk: FlaskClient, database: Database, world: World
) -> None:
    with database.begin() as session:
        day_id = open_till(session, world).day.id

    assert "点钱并结账" in page(clerk, f"{DAYS}{day_id}")
    assert "还没结账" in page(clerk, f"{DAYS}{day_id}/sheet.pdf", 409)


def test_a_pc_is_the_till_that_was_chosen(
    clerk: FlaskClient, database: Database, world: World
) -> None:
    data = {"csrf_token": csrf_token(clerk, DAYS), "till": "3"}
    clerk.post(DAYS + "number", data=data)
    fill(clerk, DAYS + "open", yuan_100="2")

    assert "3 号台" in page(clerk, "/till/")
    with database.reading() as session:
        assert find_current(session, world.clerk, till_number=1) is None
        assert find_current(session, world.clerk, till_number=3) is not None


def test_money_for_the_safe_is_entered_by_one_and_confirmed_by_another(
    app: object, clerk: FlaskClient, database: Database, world: World
) -> None:
    worker = browser(app.test_client(), database, world, "wen")  # type: ignore[attr-defined]
    status, _ = fill(
        worker, "/till/days/safe/", kind="to_fund", amount="１２.5", note="十一月义卖款"
    )
    with database.reading() as session:
        waiting = list_moves(session, world.clerk)[0]
    path = f"/till/days/safe/{waiting.move.id}/confirm"

    own = worker.post(path, data={"csrf_token": csrf_token(worker, "/till/days/safe/")})
    said = page(worker, "/till/days/safe/")
    clerk.post(path, data={"csrf_token": csrf_token(clerk, "/till/days/safe/")})

    assert (status, own.status_code) == (303, 303)
    assert "要请别人" in said
    assert waiting.move.amount_fen == 1_250
    with database.reading() as session:
        assert safe_fen(session, world.clerk) == 100_000 - 1_250


@pytest.mark.parametrize("amount", ["", "0", "-5", "12.505", "1e3", "1,000", "￥5", "1000000.01"])
def test_an_amount_that_is_none_is_refused_at_its_field(clerk: FlaskClient, amount: str) -> None:
    status, shown = fill(clerk, "/till/days/safe/", kind="deposit", amount=amount, note="备用金")

    assert status == 422
    assert '<a class="link-underline-opacity-100 text-reset" href="#amount">' in shown
