"""What a post does, and every way in which it is refused."""

from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa

from ledger import acts, ids, journal
from ledger.errors import (
    AccountClosed,
    AccountDiffers,
    AmountOutOfRange,
    BalanceTooHigh,
    BalanceTooLow,
    BoundsInvalid,
    KindReserved,
    NarrationTooLong,
    Refusal,
    TextOutOfRange,
    TooFewLegs,
    TooManyLegs,
    Unbalanced,
    UnknownAccount,
)
from ledger.journal import Draft, Leg
from ledger.schema import AMOUNT_MINOR_MAX, Posting, Transaction, ledger_tables
from tests.ledger.makers import World, draft, fresh_key, move


def _row_counts(world: World) -> list[int]:
    with world.database.reading() as session:
        return [
            session.scalar(sa.select(sa.func.count()).select_from(table)) or 0
            for table in ledger_tables()
        ]


def _refused(world: World, wrong: Draft, refusal: type[Refusal]) -> Refusal:
    """Post, expect the refusal, check that the session stays usable and that nothing stays."""
    before = _row_counts(world)
    with world.database.begin() as session:
        with pytest.raises(refusal) as caught:
            journal.post(session, world.community_id, wrong)
        assert session.scalar(sa.select(sa.literal(1))) == 1
    assert _row_counts(world) == before
    return caught.value


def test_post_moves_the_balances_and_keeps_every_field(world: World) -> None:
    wanted = draft(
        Leg(world.issuance, -30), Leg(world.alice, 30), narration="巡逻 𠮷", source="attendance:7"
    )

    posted = world.post(wanted)

    assert world.holds(world.alice) == 30
    assert world.holds(world.issuance) == -30
    with world.database.reading() as session:
        header = session.get_one(Transaction, (world.community_id, posted.transaction_id))
        legs = session.execute(
            sa.select(Posting.account_id, Posting.amount_minor)
            .where(Posting.transaction_id == posted.transaction_id)
            .order_by(Posting.leg_no)
        ).all()
    assert (header.kind, header.narration, header.source) == (
        "service",
        "巡逻 𠮷",
        "attendance:7",
    )
    assert (header.occurred_on, header.recorded_at) == (wanted.occurred_on, posted.recorded_at)
    assert (header.content_hash, header.leg_count) == (posted.content_hash, 2)
    assert [tuple(leg) for leg in legs] == [leg[:2] for leg in wanted.legs]
    assert posted.is_replay is False


def test_two_commodities_balance_each_on_its_own(world: World) -> None:
    with world.database.begin() as session:
        service = journal.open_account(
            session, world.community_id, code="V0001:Service", commodity="SERVICE", floor_minor=0
        )
    world.post(
        draft(
            Leg(world.minutes, -90),
            Leg(service.id, 90),
            Leg(world.issuance, -3),
            Leg(world.alice, 3),
        )
    )

    assert (world.holds(service.id), world.holds(world.alice)) == (90, 3)


def test_legs_of_another_commodity_do_not_make_up_the_balance(world: World) -> None:
    refused = _refused(world, draft(Leg(world.minutes, -5), Leg(world.alice, 5)), Unbalanced)

    assert refused.code == "unbalanced"
    assert abs(refused.details["sum_minor"]) == 5


def test_one_unit_off_zero_is_refused(world: World) -> None:
    refused = _refused(world, draft(Leg(world.issuance, -5), Leg(world.alice, 6)), Unbalanced)

    assert refused.details == {"commodity": "POINT", "sum_minor": 1}


def test_spending_everything_is_allowed_and_one_more_is_refused(world: World) -> None:
    world.give(world.alice, 30)

    refused = _refused(world, move(world.alice, world.bob, 31), BalanceTooLow)
    world.post(move(world.alice, world.bob, 30))

    assert refused.details["account"] == "Members:V0001:Points"
    assert refused.details["available_minor"] == 30
    assert refused.details["needed_minor"] == 31
    assert (world.holds(world.alice), world.holds(world.bob)) == (0, 30)


def test_a_ceiling_is_reached_and_not_passed(world: World) -> None:
    world.give(world.box, 60)

    refused = _refused(world, move(world.issuance, world.box, 41), BalanceTooHigh)
    world.give(world.box, 40)

    assert (refused.details["available_minor"], refused.details["needed_minor"]) == (40, 41)
    assert world.holds(world.box) == 100


def test_a_refusal_by_the_second_account_leaves_the_first_untouched(world: World) -> None:
    world.give(world.alice, 10)
    world.give(world.box, 100)

    _refused(world, move(world.alice, world.box, 10), BalanceTooHigh)
    _refused(world, move(world.box, world.alice, 101), BalanceTooLow)

    assert (world.holds(world.alice), world.holds(world.box)) == (10, 100)


def test_only_the_net_of_one_transaction_counts_against_a_bound(world: World) -> None:
    world.post(
        draft(
            Leg(world.alice, -50),
            Leg(world.bob, 50),
            Leg(world.issuance, -50),
            Leg(world.alice, 50),
        )
    )

    assert (world.holds(world.alice), world.holds(world.bob)) == (0, 50)


def test_a_closed_account_refuses_and_opens_again(world: World) -> None:
    with world.database.begin() as session:
        acts.close_account(
            session, world.community_id, world.alice, reason="left", actor="system:test"
        )

    refused = _refused(world, move(world.issuance, world.alice, 1), AccountClosed)
    with world.database.begin() as session:
        acts.reopen_account(
            session, world.community_id, world.alice, reason="back", actor="system:test"
        )
    world.give(world.alice, 1)

    assert refused.details["account"] == "Members:V0001:Points"
    assert world.holds(world.alice) == 1


def test_an_unbounded_or_unknown_account_cannot_be_closed(world: World) -> None:
    for account_id in (world.issuance, ids.new_id()):
        with world.database.begin() as session, pytest.raises(UnknownAccount):
            acts.close_account(
                session, world.community_id, account_id, reason="left", actor="system:test"
            )


def test_an_unknown_account_is_named(world: World) -> None:
    stranger = ids.new_id()

    refused = _refused(world, move(world.issuance, stranger, 1), UnknownAccount)

    assert refused.details == {"account_id": str(stranger)}


def test_an_account_of_another_book_is_unknown(world: World) -> None:
    with world.database.begin() as session:
        foreign = journal.open_account(session, ids.new_id(), code="A", commodity="POINT")

    _refused(world, move(world.issuance, foreign.id, 1), UnknownAccount)


@pytest.mark.parametrize("amount", [AMOUNT_MINOR_MAX, 1])
def test_border_amounts_are_exact(world: World, amount: int) -> None:
    world.give(world.alice, amount)

    assert world.holds(world.alice) == amount
    assert world.holds(world.issuance) == -amount


@pytest.mark.parametrize(
    "amount",
    [0, AMOUNT_MINOR_MAX + 1, -AMOUNT_MINOR_MAX - 1, True, 1.0, float("nan"), float("inf"), "1"],
)
def test_what_is_not_a_whole_amount_in_range_is_refused(world: World, amount: Any) -> None:
    wrong = draft(Leg(world.issuance, amount), Leg(world.alice, amount))

    refused = _refused(world, wrong, AmountOutOfRange)

    assert refused.details["amount"] == str(amount)


def test_legs_are_two_to_a_thousand(world: World) -> None:
    pair = (Leg(world.issuance, -1), Leg(world.alice, 1))

    world.post(draft(*pair * 500))

    _refused(world, draft(Leg(world.issuance, 1)), TooFewLegs)
    _refused(world, draft(), TooFewLegs)
    _refused(world, draft(*pair * 501), TooManyLegs)
    assert world.holds(world.alice) == 500


@pytest.mark.parametrize("kind", ["reversal", "hold", "hold_post", "hold_void", "hold_expire"])
def test_reserved_kinds_are_refused(world: World, kind: str) -> None:
    wrong = draft(Leg(world.issuance, -1), Leg(world.alice, 1), kind=kind)

    _refused(world, wrong, KindReserved)


def test_texts_have_limits(world: World) -> None:
    pair = (Leg(world.issuance, -1), Leg(world.alice, 1))

    world.post(draft(*pair, key="k" * 120, actor="a" * 120, source="s" * 120, narration="记" * 500))

    _refused(world, draft(*pair, narration="记" * 501), NarrationTooLong)
    _refused(world, draft(*pair, narration="a\x00b"), TextOutOfRange)
    _refused(world, draft(*pair, narration="\ud800"), TextOutOfRange)
    _refused(world, draft(*pair, key="k" * 121), TextOutOfRange)
    _refused(world, draft(*pair, actor=""), TextOutOfRange)
    _refused(world, draft(*pair, source="s" * 121), TextOutOfRange)
    _refused(world, draft(*pair, kind="k" * 33), TextOutOfRange)


def test_a_counter_that_would_overflow_is_refused(world: World) -> None:
    giant = (Leg(world.issuance, -AMOUNT_MINOR_MAX), Leg(world.alice, AMOUNT_MINOR_MAX))
    back = (Leg(world.issuance, AMOUNT_MINOR_MAX), Leg(world.alice, -AMOUNT_MINOR_MAX))
    world.post_many([draft(*(giant + back) * 250) for _ in range(15)])

    refused = _refused(world, draft(*giant * 500), BalanceTooHigh)

    assert refused.details["available_minor"] == 25 * 10**16
    assert world.holds(world.alice) == 0


def test_the_same_account_with_the_same_facts_is_opened_once(world: World) -> None:
    with world.database.begin() as session:
        again = journal.open_account(
            session,
            world.community_id,
            code="Members:V0001:Points",
            commodity="POINT",
            floor_minor=0,
        )

    assert again.id == world.alice


@pytest.mark.parametrize(
    ("field", "facts"),
    [
        ("commodity", {"commodity": "SERVICE", "floor_minor": 0}),
        ("floor_minor", {"commodity": "POINT", "floor_minor": -1}),
        ("ceiling_minor", {"commodity": "POINT", "floor_minor": 0, "ceiling_minor": 9}),
        ("is_bounded", {"commodity": "POINT"}),
    ],
)
def test_an_account_with_another_fact_is_refused(
    world: World, field: str, facts: dict[str, Any]
) -> None:
    with world.database.begin() as session, pytest.raises(AccountDiffers) as caught:
        journal.open_account(session, world.community_id, code="Members:V0001:Points", **facts)

    assert caught.value.details == {"account": "Members:V0001:Points", "field": field}


@pytest.mark.parametrize(
    ("floor_minor", "ceiling_minor", "is_bounded"),
    [(1, None, True), (None, -1, True), (0, None, False), (-(10**15) - 1, None, True)],
)
def test_bounds_that_hold_no_zero_are_refused(
    world: World, floor_minor: int | None, ceiling_minor: int | None, is_bounded: bool
) -> None:
    with world.database.begin() as session, pytest.raises(BoundsInvalid):
        journal.open_account(
            session,
            world.community_id,
            code=fresh_key(),
            commodity="POINT",
            floor_minor=floor_minor,
            ceiling_minor=ceiling_minor,
            is_bounded=is_bounded,
        )


def test_a_bounded_account_may_have_no_bounds(world: World) -> None:
    with world.database.begin() as session:
        counted = journal.open_account(
            session, world.community_id, code="Counted", commodity="POINT", is_bounded=True
        )

    world.post(move(counted.id, world.alice, 7))

    assert world.holds(counted.id) == -7


def test_a_refusal_keeps_what_the_caller_wrote_before(world: World) -> None:
    with world.database.begin() as session:
        journal.post(session, world.community_id, move(world.issuance, world.bob, 5))
        with pytest.raises(BalanceTooLow):
            journal.post(session, world.community_id, move(world.alice, world.bob, 1))
        journal.post(session, world.community_id, move(world.issuance, world.bob, 6))

    assert world.holds(world.bob) == 11


def test_an_exception_takes_back_the_whole_session(world: World) -> None:
    def fail(account_id: UUID) -> None:
        with world.database.begin() as session:
            journal.post(session, world.community_id, move(world.issuance, account_id, 5))
            raise LookupError

    with pytest.raises(LookupError):
        fail(world.bob)

    assert world.holds(world.bob) == 0
