"""A correction is a transaction of its own that mirrors the original."""

import pytest
import sqlalchemy as sa

from ledger import journal
from ledger.errors import (
    AlreadyReversed,
    BalanceTooLow,
    IsReversal,
    KeyReused,
    NarrationTooLong,
    ReasonRequired,
    UnknownTransaction,
)
from ledger.ids import new_id
from ledger.journal import Leg
from ledger.schema import Posting, Transaction
from tests.ledger.makers import NINTH, World, draft, move


def test_a_reversal_restores_every_balance_and_mirrors_every_leg(world: World) -> None:
    posted = world.post(
        draft(Leg(world.issuance, -7), Leg(world.alice, 3), Leg(world.bob, 2), Leg(world.alice, 2))
    )

    reversal = world.reverse(posted.transaction_id)

    assert [world.holds(each) for each in (world.issuance, world.alice, world.bob)] == [0, 0, 0]
    with world.database.reading() as session:
        header = session.get_one(Transaction, (world.community_id, reversal.transaction_id))
        legs = session.execute(
            sa.select(Posting.account_id, Posting.amount_minor)
            .where(Posting.transaction_id == reversal.transaction_id)
            .order_by(Posting.leg_no)
        ).all()
    assert (header.kind, header.reverses_id) == ("reversal", posted.transaction_id)
    assert (header.narration, header.occurred_on) == ("wrong list", NINTH)
    assert [tuple(leg) for leg in legs] == [
        (world.issuance, 7),
        (world.alice, -3),
        (world.bob, -2),
        (world.alice, -2),
    ]


def test_what_was_spent_meanwhile_refuses_and_names_the_account(world: World) -> None:
    posted = world.give(world.alice, 5)
    world.post(move(world.alice, world.bob, 1))

    with pytest.raises(BalanceTooLow) as caught:
        world.reverse(posted.transaction_id)

    assert caught.value.details["account"] == "Members:V0001:Points"
    assert (caught.value.details["available_minor"], caught.value.details["needed_minor"]) == (4, 5)
    assert world.holds(world.alice) == 4


def test_a_transaction_is_reversed_once(world: World) -> None:
    posted = world.give(world.alice, 5)
    world.reverse(posted.transaction_id)
    world.give(world.alice, 5)

    with pytest.raises(AlreadyReversed):
        world.reverse(posted.transaction_id)

    assert world.holds(world.alice) == 5


def test_a_second_reversal_is_already_reversed_even_without_the_means(world: World) -> None:
    posted = world.give(world.alice, 5)
    world.reverse(posted.transaction_id)

    with pytest.raises(AlreadyReversed):
        world.reverse(posted.transaction_id)


def test_a_reversal_is_not_reversed(world: World) -> None:
    reversal = world.reverse(world.give(world.alice, 5).transaction_id)

    with pytest.raises(IsReversal):
        world.reverse(reversal.transaction_id)


def test_an_unknown_transaction_is_named(world: World) -> None:
    stranger = new_id()

    with pytest.raises(UnknownTransaction) as caught:
        world.reverse(stranger)

    assert caught.value.details == {"transaction_id": str(stranger)}


def test_a_repeated_reversal_gets_the_same_answer(world: World) -> None:
    posted = world.give(world.alice, 5)

    first = world.reverse(posted.transaction_id, key=f"undo-{posted.transaction_id}")
    second = world.reverse(posted.transaction_id, key=f"undo-{posted.transaction_id}")

    assert second == first._replace(is_replay=True)


def test_one_key_does_not_reverse_two_equal_transactions(world: World) -> None:
    one, other = world.give(world.alice, 5), world.give(world.alice, 5)
    world.reverse(one.transaction_id, key=f"undo-{one.transaction_id}")

    with pytest.raises(KeyReused) as caught:
        world.reverse(other.transaction_id, key=f"undo-{one.transaction_id}")

    assert caught.value.details["field"] == "reverses_id"
    assert world.holds(world.alice) == 5


@pytest.mark.parametrize(
    ("reason", "refusal"),
    [("", ReasonRequired), ("  \u3000", ReasonRequired), ("x" * 501, NarrationTooLong)],
)
def test_a_reversal_says_why(world: World, reason: str, refusal: type[Exception]) -> None:
    posted = world.give(world.alice, 5)

    with world.database.begin() as session, pytest.raises(refusal):
        journal.reverse(
            session,
            world.community_id,
            posted.transaction_id,
            reason=reason,
            idempotency_key="k",
            actor="system:test",
            occurred_on=NINTH,
            source="correction:1",
        )

    assert world.holds(world.alice) == 5
