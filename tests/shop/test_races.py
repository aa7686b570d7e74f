"""Many tills at once: one of them gets the last piece or the last points, and the book is whole."""

import json
from collections import Counter
from functools import partial
from uuid import UUID

import pytest
import sqlalchemy as sa

from ledger import verification
from ledger.database import Database
from tests.conftest import ROOT_KEY, Book
from tests.shop import crowd
from tests.shop.makers import (
    World,
    fresh,
    give_points,
    make_item,
    make_world,
    out_of,
    points_of,
    stock_of,
)
from tests.shop.racers import SOLD, attempt, in_processes, in_threads
from tests.shop.sales import findings
from timebank.actors import Actor, Role
from timebank.codes import CodeKeys
from timebank.errors import Refusal
from timebank.people import cards, households
from timebank.people.models import Community
from timebank.shop.basket import Line
from timebank.shop.models import Item
from timebank.shop.refunds import Return, give_back, refund
from timebank.shop.sale_models import Redemption
from timebank.shop.till import Sale, redeem

THREADS = 16
PROCESSES = 4


@pytest.fixture
def world(database: Database) -> World:
    with database.begin() as session:
        return make_world(session, points=12)


def clerk_of(world: World) -> tuple[UUID, UUID]:
    return world.community.community_id, world.clara.id


def stock_and_price(database: Database, world: World, *, pieces: int) -> Item:
    with database.begin() as session:
        return make_item(session, world, price=12, pieces=pieces)


def assert_one_sale(database: Database, world: World, item: Item, *, pieces: int) -> None:
    with database.reading() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(Redemption)) == 1
        community = session.get_one(Community, world.community.community_id)
        assert community.last_receipt_number == 1
        assert stock_of(session, item) == pieces - 1
        assert out_of(session, item) == 1
        assert verification.verify(session) == []


def test_sixteen_threads_want_the_last_piece(database: Database, world: World) -> None:
    item = stock_and_price(database, world, pieces=1)
    with database.begin() as session:
        give_points(session, world, world.alice, 400)
        give_points(session, world, world.bob, 400)
        bobs = cards.issue_card(session, world.system, world.bob.id).card.digits
    holders = [world.alice_card, bobs] * (THREADS // 2)

    answers = in_threads(
        THREADS,
        lambda place: attempt(database, clerk_of(world), ROOT_KEY, holders[place], item.number),
    )

    assert sorted(answers) == ["item_gone"] * (THREADS - 1) + [SOLD]
    assert_one_sale(database, world, item, pieces=1)


def test_sixteen_threads_want_the_last_points(database: Database, world: World) -> None:
    item = stock_and_price(database, world, pieces=50)
    one = partial(attempt, database, clerk_of(world), ROOT_KEY, world.alice_card, item.number)

    answers = in_threads(THREADS, lambda _place: one())

    assert sorted(answers) == ["insufficient"] * (THREADS - 1) + [SOLD]
    assert_one_sale(database, world, item, pieces=50)
    with database.reading() as session:
        assert points_of(session, world.alice) == 0


@pytest.mark.parametrize(("pieces", "loser"), [(1, "item_gone"), (50, "insufficient")])
def test_four_processes_want_the_last_piece_and_the_last_points(
    book: Book, database: Database, world: World, pieces: int, loser: str
) -> None:
    item = stock_and_price(database, world, pieces=pieces)

    answers = in_processes(
        PROCESSES, book.url, clerk_of(world), ROOT_KEY, (world.alice_card, item.number)
    )

    assert sorted(answers) == [loser] * (PROCESSES - 1) + [SOLD]
    assert_one_sale(database, world, item, pieces=pieces)


def test_one_nonce_from_many_threads_is_one_sale(database: Database, world: World) -> None:
    item = stock_and_price(database, world, pieces=50)
    with database.begin() as session:
        give_points(session, world, world.alice, 400)
    sale = Sale(holder=world.alice_card, lines=(Line(item.number, 1),), nonce=fresh())

    def press(_place: int) -> str:
        with database.begin() as session:
            receipt = redeem(session, world.clerk, CodeKeys(ROOT_KEY), sale=sale)
            return str(receipt.redemption.id)

    answers = in_threads(8, press)

    assert len(set(answers)) == 1
    assert_one_sale(database, world, item, pieces=50)


def test_many_returns_of_one_receipt_give_the_points_back_once(
    database: Database, world: World, keys: CodeKeys
) -> None:
    item = stock_and_price(database, world, pieces=1)
    with database.begin() as session:
        sale = Sale(holder=world.alice_card, lines=(Line(item.number, 1),), nonce=fresh())
        redeem(session, world.clerk, keys, sale=sale)
    clerk = Actor(
        community_id=world.community.community_id,
        member_id=world.clara.id,
        roles=frozenset({Role.CLERK}),
    )

    def give_back(_place: int) -> str:
        try:
            with database.begin() as session:
                refund(session, clerk, receipt_number=1, reason="断线了", nonce=fresh())
        except Refusal as refusal:
            return refusal.code
        return SOLD

    answers = in_threads(8, give_back)

    assert sorted(answers) == ["already_refunded"] * 7 + [SOLD]
    with database.reading() as session:
        assert (points_of(session, world.alice), stock_of(session, item)) == (12, 1)
        assert verification.verify(session) == []


def test_two_tills_and_a_crowd_leave_the_book_whole(database: Database, world: World) -> None:
    with database.begin() as session:
        people = crowd.gather(session, world, pieces=6, points=30)

    def serve(place: int) -> str:
        return json.dumps(crowd.serve(database, people, ROOT_KEY, seed=place, baskets=8))

    answers: Counter[str] = Counter()
    for said in in_threads(8, serve):
        answers.update(json.loads(said))

    assert answers.keys() <= crowd.EXPECTED
    assert answers[crowd.SOLD] > 0
    with database.reading() as session:
        assert list(crowd.disagreements(session, people)) == []
        assert verification.verify(session) == []
        assert findings(session, world) == []


def test_many_returns_of_one_piece_bring_it_back_once(
    database: Database, world: World, keys: CodeKeys
) -> None:
    with database.begin() as session:
        item = make_item(session, world, price=2, pieces=3)
        sale = Sale(holder=world.alice_card, lines=(Line(item.number, 3),), nonce=fresh())
        redeem(session, world.clerk, keys, sale=sale)
    clerk = Actor(*clerk_of(world), frozenset({Role.CLERK}))

    def give_one_back(_place: int) -> str:
        try:
            with database.begin() as session:
                wanted = Return(1, "断线了", fresh(), ((1, 2),))
                give_back(session, clerk, wanted=wanted)
        except Refusal as refusal:
            return refusal.code
        return SOLD

    answers = in_threads(8, give_one_back)

    assert sorted(answers) == ["returned_too_many"] * 7 + [SOLD]
    with database.reading() as session:
        assert (points_of(session, world.alice), stock_of(session, item)) == (10, 2)
        assert verification.verify(session) == []


def test_two_of_one_household_at_two_tills_keep_their_common_limit(
    database: Database, world: World
) -> None:
    item = stock_and_price(database, world, pieces=50)
    with database.begin() as session:
        community = session.get_one(Community, world.community.community_id)
        community.household_points_per_month_max = 12
        give_points(session, world, world.alice, 100)
        give_points(session, world, world.bob, 100)
        bobs = cards.issue_card(session, world.system, world.bob.id).card.digits
        home = households.found(
            session, world.system, label="3栋501", member_id=world.alice.id, nonce="home"
        )
        households.join(
            session, world.system, household_id=home.household.id, member_id=world.bob.id
        )
    holders = [world.alice_card, bobs] * 4

    answers = in_threads(
        8, lambda place: attempt(database, clerk_of(world), ROOT_KEY, holders[place], item.number)
    )

    assert sorted(answers) == ["household_limit_reached"] * 7 + [SOLD]
