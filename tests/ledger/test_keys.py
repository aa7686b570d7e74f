"""One key, one effect, one answer: repeated, reused, raced."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from ledger import journal
from ledger.database import Database
from ledger.errors import BalanceTooLow, KeyReused, Refusal
from ledger.journal import Draft, Leg, Posted
from tests.ledger.makers import World, make_world, move

THREADS = 16


def _all_at_once(work: Callable[[int], Any]) -> list[Any]:
    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(work, range(THREADS)))


def _post_or_refuse(world: World, wanted: Draft) -> Posted | Refusal:
    try:
        return world.post(wanted)
    except Refusal as refused:
        return refused


def test_the_same_request_gets_the_same_answer(world: World) -> None:
    wanted = move(world.issuance, world.alice, 5)

    first = world.post(wanted)
    second = world.post(wanted)

    assert second == first._replace(is_replay=True)
    assert world.holds(world.alice) == 5


def test_a_repeat_in_the_same_session_is_a_replay(world: World) -> None:
    wanted = move(world.issuance, world.alice, 5)

    with world.database.begin() as session:
        first = journal.post(session, world.community_id, wanted)
        second = journal.post(session, world.community_id, wanted)

    assert second == first._replace(is_replay=True)


def test_a_repeat_after_the_money_is_spent_is_a_replay(world: World) -> None:
    world.give(world.alice, 5)
    wanted = move(world.alice, world.bob, 5)

    first = world.post(wanted)
    second = world.post(wanted)

    assert second == first._replace(is_replay=True)
    assert (world.holds(world.alice), world.holds(world.bob)) == (0, 5)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("kind", "donation"),
        ("occurred_on", date(2026, 11, 10)),
        ("actor", "system:other"),
        ("source", "attendance:2"),
        ("narration", "more"),
    ],
)
def test_another_payload_is_refused_and_the_field_named(
    world: World, field: str, value: Any
) -> None:
    wanted = move(world.issuance, world.alice, 5)
    world.post(wanted)

    with pytest.raises(KeyReused) as caught:
        world.post(replace(wanted, **{field: value}))

    assert caught.value.details["field"] == field
    assert world.holds(world.alice) == 5


def test_other_legs_are_refused_whatever_differs_in_them(world: World) -> None:
    wanted = move(world.issuance, world.alice, 5)
    world.post(wanted)
    others = [
        (Leg(world.issuance, -6), Leg(world.alice, 6)),
        (Leg(world.issuance, -5), Leg(world.bob, 5)),
        (Leg(world.alice, 5), Leg(world.issuance, -5)),
        (Leg(world.issuance, -5), Leg(world.alice, 3), Leg(world.alice, 2)),
    ]

    for legs in others:
        with pytest.raises(KeyReused) as caught:
            world.post(replace(wanted, legs=legs))
        assert caught.value.details["field"] == "legs"


def test_the_same_key_in_another_book_is_free(world: World, shared_database: Database) -> None:
    other = make_world(shared_database)
    world.give(world.alice, 5, key="shared")

    assert other.give(other.alice, 7, key="shared").is_replay is False
    assert (world.holds(world.alice), other.holds(other.alice)) == (5, 7)


def test_threads_racing_on_one_key_have_one_effect(world: World) -> None:
    wanted = move(world.issuance, world.alice, 5)

    answers = _all_at_once(lambda _: world.post(wanted))

    assert sorted(answer.is_replay for answer in answers) == [False] + [True] * (THREADS - 1)
    assert len({answer.transaction_id for answer in answers}) == 1
    assert world.holds(world.alice) == 5


def test_threads_racing_on_one_key_and_the_last_points_all_succeed(world: World) -> None:
    world.give(world.alice, 5)
    wanted = move(world.alice, world.bob, 5)

    answers = _all_at_once(lambda _: world.post(wanted))

    assert sum(not answer.is_replay for answer in answers) == 1
    assert (world.holds(world.alice), world.holds(world.bob)) == (0, 5)


def test_threads_racing_with_lists_of_overlapping_keys(world: World) -> None:
    drafts = [move(world.issuance, world.alice, 1) for _ in range(THREADS + 4)]

    answers = _all_at_once(lambda n: world.post_many(drafts[n : n + 5]))

    assert sum(not answer.is_replay for part in answers for answer in part) == len(drafts)
    assert world.holds(world.alice) == len(drafts)


def test_threads_racing_on_one_key_with_different_payloads(world: World) -> None:
    drafts = [
        move(world.issuance, world.alice, n + 1, key=f"raced-{world.alice}") for n in range(THREADS)
    ]

    answers = _all_at_once(lambda n: _post_or_refuse(world, drafts[n]))

    won = [answer for answer in answers if isinstance(answer, Posted)]
    assert len(won) == 1
    assert all(isinstance(answer, Posted | KeyReused) for answer in answers)
    assert world.holds(world.alice) == answers.index(won[0]) + 1


def test_a_refused_key_is_free_again(world: World) -> None:
    wanted = move(world.alice, world.bob, 5)
    with pytest.raises(BalanceTooLow):
        world.post(wanted)
    world.give(world.alice, 5)

    assert world.post(wanted).is_replay is False
