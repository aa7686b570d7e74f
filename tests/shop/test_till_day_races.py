"""Clerks who press at the same moment: one of them opens, closes or decides, the rest are told."""

from uuid import UUID

import pytest
from sqlalchemy.orm import Session

from ledger import clock
from ledger.database import Database
from ledger.errors import Refusal
from tests.shop.drawers import FLOAT, counted, enter, fill_safe, open_till, second_clerk
from tests.shop.makers import NOON, World, make_world
from tests.shop.racers import in_threads
from tests.shop.test_day_sheet import make_cup, sell
from tests.shop.test_till_days import findings
from timebank import chart
from timebank.actors import Actor
from timebank.codes import CodeKeys
from timebank.shop import safe, till_days
from timebank.shop.day_sheet import read_sheet
from timebank.shop.drawers import drawer_fen, held_fen

THREADS = 8
DONE = "done"


@pytest.fixture
def world(database: Database) -> World:
    with database.begin() as session:
        return make_world(session, points=0)


def try_to(database: Database, act: object, *args: object, **named: object) -> str:
    try:
        with clock.at(NOON), database.begin() as session:
            act(session, *args, **named)  # type: ignore[operator]  # a rule
    except Refusal as refusal:
        return refusal.code
    return DONE


def clerks(database: Database, world: World) -> list[Actor]:
    with database.begin() as session:
        others = [second_clerk(session, world, name) for name in ("戴安娜", "爱娃")]
    return [world.clerk, *others]


def test_many_clerks_open_one_till_and_one_of_them_does(database: Database, world: World) -> None:
    people = clerks(database, world)
    with database.begin() as session:
        fill_safe(session, world)

    def press(place: int) -> str:
        actor = people[place % len(people)]
        return try_to(database, till_days.open_day, actor, till_number=1, counting=counted(FLOAT))

    answers = in_threads(THREADS, press)

    assert sorted(answers) == [DONE] + ["till_open"] * (THREADS - 1)
    with database.reading() as session:
        assert drawer_fen(session, world.clerk, 1) == FLOAT
        assert held_fen(session, world.clerk, chart.SAFE) == 100_000 - FLOAT
        assert findings(session, world) == []


def test_many_clerks_close_one_day_and_one_of_them_does(database: Database, world: World) -> None:
    people = clerks(database, world)
    with database.begin() as session:
        day_id: UUID = open_till(session, world).day.id

    def press(place: int) -> str:
        actor = people[place % len(people)]
        return try_to(database, till_days.close_day, actor, day_id=day_id, counting=counted(FLOAT))

    answers = in_threads(THREADS, press)

    assert sorted(answers) == [DONE] + ["till_closed"] * (THREADS - 1)
    with database.reading() as session:
        assert held_fen(session, world.clerk, chart.SAFE) == 100_000
        assert findings(session, world) == []


def test_two_people_decide_one_move_and_one_of_them_does(database: Database, world: World) -> None:
    people = clerks(database, world)
    with database.begin() as session:
        move_id = enter(session, world, 5_000).move.id

    def press(place: int) -> str:
        return try_to(
            database,
            safe.decide,
            people[place % len(people)],
            move_id=move_id,
            is_confirmed=place % 2 == 0,
        )

    answers = in_threads(6, press)

    with database.reading() as session:
        decided = safe.read_move(session, world.clerk, move_id=move_id).decision
        assert decided is not None
        assert set(answers) <= {DONE, "safe_move_decided"}
        assert held_fen(session, world.clerk, chart.SAFE) == 5_000 * decided.is_confirmed
        assert findings(session, world) == []


def test_a_sale_while_the_day_is_closed_is_in_the_day_or_refused(
    database: Database, world: World, keys: CodeKeys
) -> None:
    with database.begin() as session:
        day_id = open_till(session, world).day.id
        cup = make_cup(session, world, pieces=50)
        sell(session, world, keys, cup, 1)

    def press(place: int) -> str:
        if place:
            return try_to(database, sell, world, keys, cup, 1)
        return try_to(database, _close_as_it_is, world, day_id)

    answers = in_threads(THREADS, press)

    with database.reading() as session:
        sheet = read_sheet(session, world.clerk, day_id=day_id)
        assert answers[0] in {DONE, "drawer_differs"}
        assert set(answers[1:]) <= {DONE, "till_closed"}
        assert sheet.receipt_count == 1 + answers[1:].count(DONE)
        assert sheet.agrees
        assert findings(session, world) == []


def _close_as_it_is(session: Session, world: World, day_id: UUID) -> None:
    """Close with whatever the book says at this moment."""
    there = drawer_fen(session, world.clerk, 1)
    till_days.close_day(session, world.clerk, day_id=day_id, counting=counted(there))
