"""post_many: all or nothing, as if one after the other, and the first bad member is named."""

import pytest

from ledger import journal
from ledger.errors import (
    AmountOutOfRange,
    BalanceTooHigh,
    BalanceTooLow,
    KeyReused,
    Refusal,
    Unbalanced,
    UnknownAccount,
)
from ledger.ids import new_id
from ledger.journal import Draft, Leg
from tests.ledger.makers import World, draft, move


def _refused(world: World, drafts: list[Draft], refusal: type[Refusal]) -> Refusal:
    with world.database.begin() as session:
        with pytest.raises(refusal) as caught:
            journal.post_many(session, world.community_id, drafts)
        journal.post(session, world.community_id, move(world.issuance, world.bob, 1))
    return caught.value


def test_a_confirmed_list_is_posted_in_one_go(world: World) -> None:
    drafts = [move(world.issuance, world.alice, n) for n in range(1, 101)]

    answers = world.post_many(drafts)

    assert world.holds(world.alice) == 5050
    assert world.holds(world.issuance) == -5050
    assert len({answer.transaction_id for answer in answers}) == 100
    assert not any(answer.is_replay for answer in answers)


def test_an_empty_list_is_no_work(world: World) -> None:
    assert world.post_many([]) == []


def test_a_member_may_spend_what_an_earlier_one_gave(world: World) -> None:
    world.post_many([move(world.issuance, world.alice, 5), move(world.alice, world.bob, 5)])

    assert (world.holds(world.alice), world.holds(world.bob)) == (0, 5)


def test_a_member_may_not_spend_what_a_later_one_gives(world: World) -> None:
    refused = _refused(
        world,
        [move(world.alice, world.bob, 5), move(world.issuance, world.alice, 5)],
        BalanceTooLow,
    )

    assert refused.details["index"] == 0
    assert (world.holds(world.alice), world.holds(world.bob)) == (0, 1)


def test_the_first_bad_member_is_named_with_its_own_numbers(world: World) -> None:
    refused = _refused(
        world,
        [
            move(world.issuance, world.alice, 10),
            move(world.alice, world.bob, 4),
            move(world.alice, world.bob, 7),
            move(world.alice, world.bob, 900),
        ],
        BalanceTooLow,
    )

    assert refused.details["index"] == 2
    assert (refused.details["available_minor"], refused.details["needed_minor"]) == (6, 7)
    assert (world.holds(world.alice), world.holds(world.bob)) == (0, 1)


def test_a_ceiling_counts_at_every_step(world: World) -> None:
    refused = _refused(
        world,
        [
            move(world.issuance, world.box, 99),
            move(world.issuance, world.box, 2),
            move(world.box, world.alice, 50),
        ],
        BalanceTooHigh,
    )

    assert refused.details["index"] == 1
    assert world.holds(world.box) == 0


def test_other_refusals_name_their_member_too(world: World) -> None:
    good = move(world.issuance, world.alice, 1)
    unbalanced = draft(Leg(world.issuance, -1), Leg(world.alice, 2))
    unknown = move(world.issuance, new_id(), 1)
    zero = draft(Leg(world.issuance, 0), Leg(world.alice, 1))

    assert _refused(world, [good, unbalanced], Unbalanced).details["index"] == 1
    assert _refused(world, [good, good, unknown], UnknownAccount).details["index"] == 2
    assert _refused(world, [good, zero], AmountOutOfRange).details["index"] == 1
    assert world.holds(world.alice) == 0


def test_a_repeated_list_has_no_second_effect(world: World) -> None:
    drafts = [move(world.issuance, world.alice, n) for n in (1, 2, 3)]

    first = world.post_many(drafts)
    second = world.post_many(drafts)

    assert [answer._replace(is_replay=True) for answer in first] == second
    assert world.holds(world.alice) == 6


def test_known_members_are_answered_and_new_ones_posted(world: World) -> None:
    known = move(world.issuance, world.alice, 1)
    world.post(known)

    answers = world.post_many([move(world.issuance, world.alice, 2), known])

    assert [answer.is_replay for answer in answers] == [False, True]
    assert world.holds(world.alice) == 3


def test_the_place_counts_known_members(world: World) -> None:
    known = move(world.issuance, world.alice, 1)
    world.post(known)

    refused = _refused(world, [known, move(world.alice, world.bob, 9)], BalanceTooLow)

    assert refused.details["index"] == 1


def test_one_key_twice_in_a_list(world: World) -> None:
    once = move(world.issuance, world.alice, 1, key="twice")

    answers = world.post_many([once, once])
    refused = _refused(
        world,
        [
            move(world.issuance, world.alice, 2, key="other"),
            move(world.issuance, world.alice, 3, key="other"),
        ],
        KeyReused,
    )

    assert [answer.is_replay for answer in answers] == [False, True]
    assert refused.details == {"idempotency_key": "other", "field": "legs", "index": 1}
    assert world.holds(world.alice) == 1
