"""Many writers on one bounded account: exactly as many win as the balance allows."""

import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from uuid import UUID

import pytest

from ledger import acts, journal
from ledger.errors import Refusal
from ledger.verification import verify
from tests.ledger.makers import World, fresh_key, move
from tests.ledger.spender import spend

THREADS = 16
PROCESSES = 4


def _outcome(work: Callable[[], object]) -> str:
    """Return `won`, or the code of the refusal."""
    try:
        work()
    except Refusal as refused:
        return refused.code
    return "won"


def test_threads_race_for_the_last_point(world: World) -> None:
    world.give(world.alice, 1)

    def spend_one(_: int) -> str:
        return _outcome(lambda: world.post(move(world.alice, world.bob, 1)))

    with ThreadPoolExecutor(THREADS) as pool:
        outcomes = list(pool.map(spend_one, range(THREADS)))

    assert sorted(outcomes) == ["balance_too_low"] * (THREADS - 1) + ["won"]
    assert (world.holds(world.alice), world.holds(world.bob)) == (0, 1)


def test_processes_race_for_the_last_point(world: World) -> None:
    world.give(world.alice, 1)
    url = world.database.url.render_as_string(hide_password=False)
    context = multiprocessing.get_context("spawn")

    with ProcessPoolExecutor(PROCESSES, mp_context=context) as pool:
        tries = [
            pool.submit(spend, url, world.community_id, world.alice, world.bob, fresh_key())
            for _ in range(PROCESSES * 2)
        ]
        outcomes = [one.result() for one in tries]

    assert sorted(outcomes) == ["balance_too_low"] * (PROCESSES * 2 - 1) + ["won"]
    assert (world.holds(world.alice), world.holds(world.bob)) == (0, 1)


def test_opposite_transfers_never_deadlock_and_lose_nothing(world: World) -> None:
    world.give(world.alice, 100)
    world.give(world.bob, 100)

    def swap(n: int) -> None:
        one, other = (world.alice, world.bob) if n % 2 else (world.bob, world.alice)
        world.post(move(one, other, 1))
        world.post_many([move(one, other, 1), move(other, one, 1)])

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(swap, range(THREADS * 4)))

    assert (world.holds(world.alice), world.holds(world.bob)) == (100, 100)
    with world.database.reading() as session:
        assert verify(session, world.community_id) == []


def test_one_of_many_reversals_wins(world: World) -> None:
    posted = world.give(world.alice, 5)

    def reverse(_: int) -> str:
        return _outcome(lambda: world.reverse(posted.transaction_id))

    with ThreadPoolExecutor(THREADS) as pool:
        outcomes = list(pool.map(reverse, range(THREADS)))

    assert sorted(outcomes) == ["already_reversed"] * (THREADS - 1) + ["won"]
    assert (world.holds(world.alice), world.holds(world.issuance)) == (0, 0)


def test_one_account_is_opened_once_by_many(world: World) -> None:
    def open_account(_: int) -> UUID:
        with world.database.begin() as session:
            return journal.open_account(
                session, world.community_id, code="Raced", commodity="POINT", floor_minor=0
            ).id

    with ThreadPoolExecutor(THREADS) as pool:
        opened = set(pool.map(open_account, range(THREADS)))

    assert len(opened) == 1
    world.give(opened.pop(), 3)


@pytest.mark.parametrize("is_open", [True, False])
def test_closing_races_with_posting_and_the_book_stays_whole(world: World, is_open: bool) -> None:
    def work(n: int) -> str:
        if n != THREADS // 2:
            return _outcome(lambda: world.give(world.alice, 1))
        with world.database.begin() as session:
            change = acts.reopen_account if is_open else acts.close_account
            change(session, world.community_id, world.alice, reason="x", actor="system:test")
        return "closed"

    with ThreadPoolExecutor(THREADS) as pool:
        outcomes = list(pool.map(work, range(THREADS)))

    assert set(outcomes) <= {"won", "account_closed", "closed"}
    assert world.holds(world.alice) == outcomes.count("won")
    with world.database.reading() as session:
        assert verify(session, world.community_id) == []
