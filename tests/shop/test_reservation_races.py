"""Many want the same reserved piece at once: one gets it, and the book is whole."""

from collections.abc import Callable
from datetime import timedelta

import pytest
import sqlalchemy as sa

from ledger import clock, holds, verification
from ledger.database import Database
from tests.conftest import ROOT_KEY
from tests.shop.makers import (
    NOON,
    World,
    fresh,
    give_points,
    make_item,
    make_world,
    out_of,
    points_of,
    stock_of,
)
from tests.shop.racers import SOLD, attempt, in_threads
from timebank.codes import CodeKeys
from timebank.errors import Refusal
from timebank.people.models import Member
from timebank.shop.collection import HandOver, collect
from timebank.shop.models import Item, Reservation
from timebank.shop.reservations import cancel, reserve
from timebank.shop.reserved import ReservationState, Reserved, read_reserved

THREADS = 12
KEPT = "kept"
GIVEN_BACK = "given back"


@pytest.fixture
def world(database: Database) -> World:
    with database.begin() as session:
        made = make_world(session, points=12)
        give_points(session, made, made.bob, 12)
        return made


@pytest.fixture
def last_piece(database: Database, world: World) -> Item:
    with database.begin() as session:
        return make_item(session, world, price=12, pieces=1)


def told(act: Callable[[], str]) -> str:
    try:
        with clock.at(NOON):
            return act()
    except Refusal as refusal:
        return refusal.code


def reserving(database: Database, world: World, member: Member, item: Item) -> str:
    actor = world.actor(member)

    def act() -> str:
        with database.begin() as session:
            reserve(session, actor, item_number=item.number, quantity=1, nonce=fresh())
        return KEPT

    return told(act)


def reserved(database: Database, world: World, item: Item) -> Reserved:
    with database.begin() as session:
        return reserve(
            session, world.actor(world.alice), item_number=item.number, quantity=1, nonce=fresh()
        )


def handing_over(database: Database, world: World, kept: Reserved) -> str:
    wanted = HandOver(kept.reservation.id, world.alice_card, fresh())

    def act() -> str:
        with database.begin() as session:
            collect(session, world.clerk, CodeKeys(ROOT_KEY), hand_over=wanted)
        return SOLD

    return told(act)


def cancelling(database: Database, world: World, kept: Reserved) -> str:
    def act() -> str:
        with database.begin() as session:
            cancel(session, world.actor(world.alice), reservation_id=kept.reservation.id)
        return GIVEN_BACK

    return told(act)


def state_of(database: Database, world: World, kept: Reserved) -> ReservationState:
    with database.reading() as session:
        assert verification.verify(session) == []
        by_id = Reservation.id == kept.reservation.id
        return read_reserved(session, world.community.community_id, by_id)[0].state


def left(database: Database, world: World, item: Item) -> tuple[int, int, int]:
    """Return the points of Alice, the pieces on the shelf, and those that went out."""
    with database.reading() as session:
        return points_of(session, world.alice), stock_of(session, item), out_of(session, item)


def test_two_members_reserve_the_last_piece(
    database: Database, world: World, last_piece: Item
) -> None:
    people = [world.alice, world.bob] * (THREADS // 2)

    answers = in_threads(
        THREADS, lambda place: reserving(database, world, people[place], last_piece)
    )

    assert answers.count(KEPT) == 1
    assert set(answers) <= {KEPT, "item_gone", "insufficient"}
    with database.reading() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(Reservation)) == 1
        assert verification.verify(session) == []


def test_a_sale_and_a_reservation_want_the_last_piece(
    database: Database, world: World, last_piece: Item
) -> None:
    clerk = world.community.community_id, world.clara.id

    def act(place: int) -> str:
        if place % 2:
            return reserving(database, world, world.bob, last_piece)
        return attempt(database, clerk, ROOT_KEY, world.alice_card, last_piece.number)

    answers = in_threads(THREADS, act)

    assert answers.count(KEPT) + answers.count(SOLD) == 1
    assert set(answers) <= {KEPT, SOLD, "item_gone", "insufficient"}


def test_one_member_never_gets_a_fourth(database: Database, world: World) -> None:
    with database.begin() as session:
        cup = make_item(session, world, price=1, pieces=50)

    answers = in_threads(THREADS, lambda _place: reserving(database, world, world.alice, cup))

    assert sorted(answers) == [KEPT] * 3 + ["too_many_reservations"] * (THREADS - 3)


def test_one_nonce_from_many_threads_is_one_reservation(
    database: Database, world: World, last_piece: Item
) -> None:
    nonce, actor = fresh(), world.actor(world.alice)

    def press(_place: int) -> str:
        with clock.at(NOON), database.begin() as session:
            kept = reserve(session, actor, item_number=last_piece.number, quantity=1, nonce=nonce)
            return str(kept.reservation.id)

    assert len(set(in_threads(8, press))) == 1


def test_collecting_and_cancelling_have_one_winner(
    database: Database, world: World, last_piece: Item
) -> None:
    kept = reserved(database, world, last_piece)

    def act(place: int) -> str:
        if place % 2:
            return handing_over(database, world, kept)
        return cancelling(database, world, kept)

    answers = set(in_threads(THREADS, act))

    if state_of(database, world, kept) is ReservationState.COLLECTED:
        assert answers == {SOLD, "reservation_collected"}
        assert left(database, world, last_piece) == (0, 0, 1)
    else:
        assert answers == {GIVEN_BACK, "reservation_cancelled"}
        assert left(database, world, last_piece) == (12, 1, 0)


def test_collecting_and_the_sweeper_have_one_winner(
    database: Database, world: World, last_piece: Item
) -> None:
    """The sweeper's clock is past the end, the till's is not yet: both are let try at once."""
    kept = reserved(database, world, last_piece)
    past_end = kept.expires_at + timedelta(seconds=1)

    def sweep() -> str:
        with clock.at(past_end), database.begin() as session:
            today = clock.today(world.community.time_zone)
            swept = holds.expire_due(session, world.community.community_id, today)
        return "swept" if swept else "nothing due"

    def act(place: int) -> str:
        return sweep() if place % 2 else handing_over(database, world, kept)

    answers = in_threads(THREADS, act)

    assert answers.count(SOLD) + answers.count("swept") == 1
    if state_of(database, world, kept) is ReservationState.COLLECTED:
        assert set(answers) <= {SOLD, "reservation_collected", "nothing due"}
        assert left(database, world, last_piece) == (0, 0, 1)
    else:
        assert set(answers) <= {"swept", "reservation_lapsed", "nothing due"}
        assert left(database, world, last_piece) == (12, 1, 0)
