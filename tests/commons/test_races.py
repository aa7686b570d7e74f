"""Two people at once: one of them wins, and the book is whole."""

from collections.abc import Callable

import pytest
from sqlalchemy.orm import Session

from ledger import clock, verification
from ledger.database import Database
from ledger.errors import Refusal
from tests.commons.makers import (
    KEYS,
    World,
    approved,
    enter,
    fen_of,
    gift,
    give,
    make_world,
    plan,
)
from tests.shop.makers import NOON, fresh
from tests.shop.racers import in_threads
from timebank.commons import donations, expenses, projects, reversals

THREADS = 8
Rule = Callable[[Session, int], object]


@pytest.fixture
def world(database: Database) -> World:
    with database.begin() as session:
        made = make_world(session)
        give(session, made, 100_00)
        return made


def raced(database: Database, rule: Rule) -> list[str]:
    """Run a rule in threads that start together; return `done` or the refusal of each."""

    def attempt(place: int) -> str:
        try:
            with clock.at(NOON), database.begin() as session:
                rule(session, place)
        except Refusal as refusal:
            return refusal.code
        return "done"

    return sorted(in_threads(THREADS, attempt))


def assert_whole(database: Database, world: World, balances: dict[str, int]) -> None:
    with database.reading() as session:
        assert {code: fen_of(session, world, code) for code in balances} == balances
        assert verification.verify(session) == []


def test_two_people_release_one_expense_and_it_is_paid_once(
    database: Database, world: World
) -> None:
    with database.begin() as session:
        made = enter(session, world, approved(session, world, 60_00), 60_00)
    people = ("wen", "ada")

    answers = raced(
        database,
        lambda session, place: expenses.release(
            session, world.actor(people[place % 2]), expense_id=made.id
        ),
    )

    assert answers == ["already_decided"] * 4 + ["done"] * 4  # the winner's repetitions are replays
    assert_whole(database, world, {"Expenses:P0001:1": 60_00, "Fund:P0001": 0})


def test_two_projects_want_the_last_money_of_a_fund(database: Database, world: World) -> None:
    with database.begin() as session:
        for _ in range(THREADS):
            projects.propose(session, world.actor("bob"), plan=plan(60_00))

    answers = raced(
        database,
        lambda session, place: projects.approve(session, world.actor("wen"), number=place + 1),
    )

    assert answers == ["done"] + ["fund_short"] * (THREADS - 1)
    assert_whole(database, world, {"Fund:General": 40_00})


def test_many_entries_want_the_last_of_a_line(database: Database, world: World) -> None:
    with database.begin() as session:
        project = approved(session, world, 60_00)

    answers = raced(database, lambda session, _: enter(session, world, project, 40_00))

    assert answers == ["done"] + ["over_budget"] * (THREADS - 1)


def test_many_counts_give_receipts_without_a_gap(database: Database, world: World) -> None:
    with database.begin() as session:
        made = [
            donations.record(session, world.actor("clara"), KEYS, gift=gift(1_00)).id
            for _ in range(THREADS)
        ]

    answers = raced(
        database,
        lambda session, place: donations.count(
            session, world.actor("wen"), donation_id=made[place]
        ),
    )

    assert answers == ["done"] * THREADS
    with database.reading() as session:
        listed = donations.list_donations(session, world.actor("wen"))
    receipts = sorted(each.donation.receipt_number or 0 for each in listed)
    assert receipts == list(range(1, THREADS + 2))
    assert_whole(database, world, {"Fund:General": 108_00})


def test_one_nonce_from_many_threads_is_one_record(database: Database, world: World) -> None:
    one = gift(1_00)
    seen: set[object] = set()

    raced(
        database,
        lambda session, _: seen.add(
            donations.record(session, world.actor("clara"), KEYS, gift=one).id
        ),
    )

    assert len(seen) == 1


def test_a_donation_is_taken_back_once(database: Database, world: World) -> None:
    with database.begin() as session:
        made = give(session, world, 5_00)

    answers = raced(
        database,
        lambda session, _: reversals.reverse_donation(
            session, world.actor("ada"), donation_id=made.id, reason="退回", nonce=fresh()
        ),
    )

    assert answers == ["done"] + ["nothing_to_reverse"] * (THREADS - 1)
    assert_whole(database, world, {"Fund:General": 100_00})
