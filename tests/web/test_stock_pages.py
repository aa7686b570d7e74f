"""Pages of the stock: labels, stocktake, write-off, workshop, file, worth, and the window."""

import io
import re
from collections.abc import Iterator

import pypdfium2
import pytest
import zxingcpp
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from ledger import clock
from ledger.database import Database
from tests.makers import make_sign_in
from tests.shop.makers import NOON, World, make_item, make_world, points_of, stock_of
from tests.visitors import csrf_token, sign_in
from timebank.actors import Actor, Role
from timebank.people.models import Member
from timebank.people.tokens import issue_token
from timebank.shop.goods import set_price
from timebank.shop.models import IntakeChoice, Item, ValueBasis
from timebank.shop.workshops import Made, WorkshopForm, record_workshop

NONCE = re.compile(r'name="nonce" value="([^"]+)"')


@pytest.fixture(autouse=True)
def noon() -> Iterator[None]:
    with clock.at(NOON):
        yield


@pytest.fixture
def world(database: Database) -> World:
    with database.begin() as session:
        return make_world(session)


@pytest.fixture
def cup(database: Database, world: World) -> Item:
    with database.begin() as session:
        return make_item(session, world, maker=world.bob)


class Desk:
    """A browser that fills in forms."""

    def __init__(self, client: FlaskClient, database: Database, member: Member) -> None:
        with database.begin() as session:
            self.who = make_sign_in(session, member)
        self.client = sign_in(client, self.who)

    def page(self, path: str) -> str:
        return self.client.get(path).get_data(as_text=True)

    def send(self, path: str, at: str, **fields: object) -> TestResponse:
        page = self.page(at)
        nonce = NONCE.search(page)
        data = {"csrf_token": csrf_token(self.client, at), **fields}
        if nonce is not None:
            data.setdefault("nonce", nonce[1])
        told = {name: value for name, value in data.items() if value is not None}
        return self.client.post(path, data=told)


@pytest.fixture
def clerk(app: object, client: FlaskClient, database: Database, world: World) -> Desk:
    return Desk(client, database, world.clara)


@pytest.fixture
def worker(app: "object", database: Database, world: World, client: FlaskClient) -> Desk:
    return Desk(client.application.test_client(), database, world.wen)


def test_a_price_in_yuan_is_set_and_shown(worker: Desk, cup: Item) -> None:
    at = f"/till/goods/{cup.number}"
    statuses = [
        worker.send(
            f"{at}/price", at, nonce=None, price="", price_yuan=yuan, basis="council_price"
        ).status_code
        for yuan in ("１２.5", "12.505", "")
    ]

    assert statuses == [302, 422, 422]
    assert "12.50 元" in worker.page(at)
    assert "12 积分" in worker.page(at)  # what it cost before
    assert "12.50 元" in worker.page(f"/me/shop/{cup.number}")


def test_labels_are_a_pdf_that_scans(clerk: Desk, cup: Item) -> None:
    answers = {
        layout: clerk.client.get(f"/till/labels/labels.pdf?layout={layout}&n{cup.number}=25")
        for layout in ("sheet", "roll")
    }
    none = clerk.client.get("/till/labels/labels.pdf?layout=roll")

    assert none.status_code == 422
    for layout, pages in (("sheet", 2), ("roll", 25)):
        document = pypdfium2.PdfDocument(answers[layout].data)
        assert len(document) == pages
        picture = document[0].render(scale=3).to_pil()
        texts = {found.text for found in zxingcpp.read_barcodes(picture)}
        assert texts == {"5000000017", "HTTP://LOCALHOST/G/D-1"}
        document.close()


def test_a_stocktake_goes_from_scan_to_closed(
    clerk: Desk, worker: Desk, database: Database, cup: Item
) -> None:
    opened = clerk.send("/till/stocktakes/", "/till/stocktakes/", shelf="")
    path = opened.location
    scanned = clerk.send(f"{path}/counts", path, code="５０００００００17", pieces="1")
    total = clerk.send(f"{path}/counts", path, code="1", pieces="4", is_total="1")
    unknown = clerk.send(f"{path}/counts", path, code="不是标签", pieces="1")
    by_counter = clerk.send(f"{path}/close", path, **{"difference-1": "-1", "reason-1": "丢了"})
    without = worker.send(f"{path}/close", path, **{"difference-1": "-1", "reason-1": ""})
    closed = worker.send(f"{path}/close", path, **{"difference-1": "-1", "reason-1": "丢了"})

    statuses = [
        answer.status_code
        for answer in (opened, scanned, total, unknown, by_counter, without, closed)
    ]
    assert statuses == [302, 302, 302, 422, 403, 422, 302]
    assert "丢了" in worker.page(path)
    with database.reading() as session:
        assert stock_of(session, cup) == 4


def test_a_gift_waits_for_a_second_person(
    clerk: Desk, worker: Desk, database: Database, cup: Item
) -> None:
    at = f"/till/goods/{cup.number}"
    gift = {"pieces": "1", "kind": "gift", "reason": "冬衣", "recipient": "D-017"}
    nameless = clerk.send(f"{at}/moves", at, **{**gift, "recipient": ""})
    proposed = clerk.send(f"{at}/moves", at, **gift)
    listed = clerk.page("/till/moves/")
    confirm = re.search(r'action="(/till/moves/[^"]+/confirm)"', worker.page("/till/moves/"))
    assert confirm is not None
    confirmed = worker.send(confirm[1], "/till/moves/")
    looked = worker.send(confirm[1].replace("confirm", "recipient"), "/till/moves/")

    assert (nameless.status_code, proposed.status_code, confirmed.status_code) == (422, 302, 302)
    assert "/confirm" not in listed
    assert "D-017" not in worker.page("/till/moves/")
    assert "D-017" in looked.get_data(as_text=True)
    with database.reading() as session:
        assert stock_of(session, cup) == 4


def test_a_workshop_comes_in_wholly(clerk: Desk, database: Database, world: World) -> None:
    at = "/till/workshops/new"
    head = {"title": "编织", "held_on": "2026-11-20", "name": "毛线帽"}
    wrong = clerk.send(at, at, **head, **{"maker-1": "甲", "pieces-1": "2", "choice-1": "donate"})
    both = clerk.send(at, at, **head, goods="1", **{"maker-1": "V0001", "pieces-1": "2"})
    done = clerk.send(
        at,
        at,
        **head,
        **{"maker-1": "V0001", "pieces-1": "２", "choice-1": "donate"},
        **{"maker-3": "2", "pieces-3": "3", "choice-3": "donate"},
    )

    assert (wrong.status_code, both.status_code, done.status_code) == (422, 422, 302)
    assert "第 1 行" in wrong.get_data(as_text=True)
    page = clerk.page(done.location)
    assert "爱丽丝" in page
    assert "鲍勃" in page


def test_a_file_is_refused_in_the_readers_language_and_taken_in(
    clerk: Desk, database: Database, world: World
) -> None:
    at = "/till/workshops/"
    template = clerk.client.get("/till/workshops/template.xlsx")
    bad = "名称,件数\n毛线帽,1.5\n".encode()
    good = "名称,件数,制作人编号\n毛线帽,2,V0001\n".encode()
    refused = clerk.send(f"{at}file", at, title="编织组", file=(io.BytesIO(bad), "a.csv"))
    missing = clerk.send(f"{at}file", at, title="编织组")
    taken = clerk.send(f"{at}file", at, title="编织组", file=(io.BytesIO(good), "a.csv"))

    assert template.data.startswith(b"PK")
    assert (refused.status_code, missing.status_code, taken.status_code) == (422, 422, 302)
    assert "要填 1 到 10000 的整数" in refused.get_data(as_text=True)
    assert "毛线帽" in clerk.page(taken.location)


def test_the_worth_of_the_stock_is_read_and_taken_along(worker: Desk, cup: Item) -> None:
    page = worker.page("/desk/stock/?on=2026-11-20")
    earlier = worker.page("/desk/stock/?on=2026-11-19")
    excel = worker.client.get("/desk/stock/stock.xlsx")
    table = worker.client.get("/desk/stock/stock.csv").get_data(as_text=True)

    assert "布艺杯垫" in page
    assert "布艺杯垫" not in earlier
    assert excel.data.startswith(b"PK")
    assert "1,布艺杯垫,,,5,12,,60,0.00" in table


def test_an_exchange_of_a_workshop_pays_at_the_page(
    clerk: Desk, database: Database, world: World
) -> None:
    with database.begin() as session:
        plain = make_item(session, world, name="香囊", pieces=0)
    at = "/till/workshops/new"

    done = clerk.send(
        at,
        at,
        title="端午",
        held_on="2026-11-20",
        goods=str(plain.number),
        **{"maker-1": "V0002", "pieces-1": "2", "choice-1": "exchange"},
    )

    assert done.status_code == 302
    with database.reading() as session:
        assert points_of(session, world.bob) == 24


def test_the_maker_prices_neither_by_page_nor_by_api(
    worker: Desk, database: Database, world: World
) -> None:
    with database.begin() as session:
        own = make_item(session, world, price=None, maker=world.wen)
        made_together = make_item(session, world, name="香囊", pieces=0)
        row = Made(world.wen.number, 1, IntakeChoice.EXCHANGE)
        community_id = world.community.community_id
        other = Actor(community_id, world.bob.id, frozenset({Role.SOCIAL_WORKER}))
        set_price(
            session,
            other,
            item_number=made_together.number,
            price_points=12,
            basis=ValueBasis.COUNCIL,
        )
        form = WorkshopForm(NOON.date(), "端午", "", made_together.number, (row,), "workshop")
        record_workshop(session, world.clerk, form=form)
        who = worker.who
        token = issue_token(
            session, phone=who.phone, password=who.password, community_code="D", name="test"
        ).token

    for item in (own, made_together):
        at = f"/till/goods/{item.number}"
        page = worker.send(f"{at}/price", at, nonce=None, price="400", basis="council_price")
        answer = worker.client.put(
            f"/api/v1/items/{item.number}/price",
            json={"price_points": 400, "basis": "council_price"},
            headers={"Authorization": f"Bearer {token}"},
        )
        assert (page.status_code, answer.status_code) == (422, 403)
        assert answer.get_json()["code"] == "maker_never_prices"
