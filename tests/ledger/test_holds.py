"""Holds: what is set aside, and the one way that each of them ends."""

from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import UUID

import pytest

from ledger import acts, clock, holds, journal, reports
from ledger.errors import (
    AccountClosed,
    AmountOutOfRange,
    BalanceTooHigh,
    BalanceTooLow,
    ExpiryInvalid,
    HoldExpired,
    HoldNotExpired,
    HoldResolved,
    IsHold,
    KeyReused,
    MoreThanHeld,
    Refusal,
    TooManyLegs,
    Unbalanced,
    UnknownTransaction,
)
from ledger.holds import Resolution
from ledger.ids import new_id
from ledger.journal import Leg, Posted
from ledger.records import Balance
from ledger.verification import verify
from tests.ledger.makers import NINTH, World, draft, fresh_key, move

NOON = clock.now().replace(year=2027, month=3, day=9, hour=4, minute=0, second=0, microsecond=0)
AN_HOUR = timedelta(hours=1)


def _place(
    world: World, amount_minor: int, *, key: str | None = None, until: datetime = NOON + AN_HOUR
) -> Posted:
    """Set points of Alice aside for the box."""
    with clock.at(NOON), world.database.begin() as session:
        wanted = move(world.alice, world.box, amount_minor, key=key)
        return holds.place(session, world.community_id, wanted, expires_at=until)


def _resolution(key: str | None = None) -> Resolution:
    return Resolution(NINTH, key or fresh_key(), "system:test", "reservation:1")


def _post(
    world: World,
    hold: Posted,
    amounts_minor: list[int] | None = None,
    *,
    key: str | None = None,
    at: datetime = NOON,
) -> Posted:
    with clock.at(at), world.database.begin() as session:
        return holds.post(
            session,
            world.community_id,
            hold.transaction_id,
            _resolution(key),
            amounts_minor=amounts_minor,
        )


def _void(world: World, hold: Posted, key: str | None = None) -> Posted:
    with clock.at(NOON), world.database.begin() as session:
        return holds.void(session, world.community_id, hold.transaction_id, _resolution(key))


def _expire(world: World, hold: Posted, at: datetime) -> Posted:
    with clock.at(at), world.database.begin() as session:
        return holds.expire(session, world.community_id, hold.transaction_id, NINTH)


def _balance(world: World, account_id: UUID) -> Balance:
    with world.database.reading() as session:
        assert verify(session, world.community_id) == []
        return reports.balance(session, world.community_id, account_id)


@pytest.fixture
def rich(world: World) -> World:
    world.give(world.alice, 30)
    return world


def test_a_hold_lowers_what_is_available_and_moves_nothing(rich: World) -> None:
    _place(rich, 20)

    assert _balance(rich, rich.alice) == Balance(30, 10)
    assert _balance(rich, rich.box) == Balance(0, 0)


def test_what_is_held_cannot_be_spent(rich: World) -> None:
    _place(rich, 20)

    with pytest.raises(BalanceTooLow) as refused:
        rich.post(move(rich.alice, rich.bob, 11))
    assert refused.value.details["available_minor"] == 10
    rich.post(move(rich.alice, rich.bob, 10))


def test_what_is_held_counts_against_the_ceiling(world: World) -> None:
    world.give(world.alice, 200)
    _place(world, 60)

    with pytest.raises(BalanceTooHigh) as refused:
        world.give(world.box, 41)
    assert refused.value.details["available_minor"] == 40
    with pytest.raises(BalanceTooHigh):
        _place(world, 41)
    world.give(world.box, 40)


def test_no_more_is_held_than_there_is(rich: World) -> None:
    _place(rich, 20)

    with pytest.raises(BalanceTooLow):
        _place(rich, 11)


def test_a_hold_is_posted_whole(rich: World) -> None:
    _post(rich, _place(rich, 20))

    assert _balance(rich, rich.alice) == Balance(10, 10)
    assert _balance(rich, rich.box) == Balance(20, 20)


def test_what_is_not_posted_is_released(rich: World) -> None:
    _post(rich, _place(rich, 20), [-15, 15])

    assert _balance(rich, rich.alice) == Balance(15, 15)
    assert _balance(rich, rich.box) == Balance(15, 15)


@pytest.mark.parametrize("amounts_minor", [[-21, 21], [20, -20], [-20, 21]])
def test_no_more_is_posted_than_was_held(rich: World, amounts_minor: list[int]) -> None:
    hold = _place(rich, 20)

    with pytest.raises(MoreThanHeld):
        _post(rich, hold, amounts_minor)
    assert _balance(rich, rich.alice) == Balance(30, 10)


def test_a_part_is_balanced_too(rich: World) -> None:
    with pytest.raises(Unbalanced):
        _post(rich, _place(rich, 20), [-20, 19])


def test_nothing_at_all_is_no_posting(rich: World) -> None:
    with pytest.raises(AmountOutOfRange):
        _post(rich, _place(rich, 20), [0, 0])


def test_a_void_gives_everything_back(rich: World) -> None:
    _void(rich, _place(rich, 20))

    assert _balance(rich, rich.alice) == Balance(30, 30)


@pytest.mark.parametrize("second", ["post", "void", "expire"])
@pytest.mark.parametrize("first", ["post", "void", "expire"])
def test_a_hold_ends_once(rich: World, first: str, second: str) -> None:
    late = NOON + AN_HOUR
    ways: dict[str, Callable[[World, Posted], Posted]] = {
        "post": _post,
        "void": _void,
        "expire": lambda world, hold: _expire(world, hold, late),
    }
    hold = _place(rich, 20)
    ways[first](rich, hold)

    if first == second == "expire":
        assert _expire(rich, hold, late).is_replay
        return
    with pytest.raises(HoldResolved):
        ways[second](rich, hold)


def test_a_hold_is_posted_up_to_its_last_moment(rich: World) -> None:
    first, second = _place(rich, 5), _place(rich, 5)
    _post(rich, first, at=NOON + AN_HOUR - timedelta(microseconds=1))

    with pytest.raises(HoldExpired):
        _post(rich, second, at=NOON + AN_HOUR)
    assert _balance(rich, rich.alice) == Balance(25, 20)


def test_a_hold_does_not_expire_early(rich: World) -> None:
    hold = _place(rich, 5)

    with pytest.raises(HoldNotExpired):
        _expire(rich, hold, NOON + AN_HOUR - timedelta(microseconds=1))
    _expire(rich, hold, NOON + AN_HOUR)
    assert _balance(rich, rich.alice) == Balance(30, 30)


def test_the_sweeper_expires_what_is_due_and_nothing_else(rich: World) -> None:
    _place(rich, 5)
    _place(rich, 6)
    _place(rich, 7, until=NOON + 2 * AN_HOUR)
    with clock.at(NOON + AN_HOUR), rich.database.begin() as session:
        count = holds.expire_due(session, rich.community_id, NINTH)
        again = holds.expire_due(session, rich.community_id, NINTH)

    assert (count, again) == (2, 0)
    assert _balance(rich, rich.alice) == Balance(30, 23)


def test_who_spends_does_not_wait_for_the_sweeper(rich: World) -> None:
    _place(rich, 20)
    _place(rich, 5, until=NOON + 2 * AN_HOUR)
    with clock.at(NOON + AN_HOUR):
        rich.post(move(rich.alice, rich.bob, 25))

        with pytest.raises(BalanceTooLow):
            rich.post(move(rich.alice, rich.bob, 1))
    assert _balance(rich, rich.alice) == Balance(5, 0)


def test_a_repeated_request_is_answered_alike(rich: World) -> None:
    hold, again = _place(rich, 20, key="hold"), _place(rich, 20, key="hold")
    posted, posted_again = _post(rich, hold, key="done"), _post(rich, hold, key="done")

    assert (again.transaction_id, again.is_replay) == (hold.transaction_id, True)
    assert (posted_again.transaction_id, posted_again.is_replay) == (posted.transaction_id, True)
    assert _balance(rich, rich.alice) == Balance(10, 10)


def test_a_key_of_another_hold_is_refused_with_the_field(rich: World) -> None:
    hold = _place(rich, 20, key=(key := fresh_key()))
    other = _place(rich, 5)
    done = fresh_key()
    _post(rich, hold, key=done)

    with pytest.raises(KeyReused) as refused:
        _place(rich, 20, key=key, until=NOON + 2 * AN_HOUR)
    assert refused.value.details["field"] == "expires_at"
    with pytest.raises(KeyReused) as refused:
        _post(rich, other, key=done)
    assert refused.value.details["field"] == "resolves_id"
    with pytest.raises(KeyReused) as refused:
        _void(rich, hold, key=done)
    assert refused.value.details["field"] == "kind"


def test_a_posted_hold_is_reversed_and_a_voided_one_is_not(rich: World) -> None:
    hold, other = _place(rich, 20), _place(rich, 5)
    posted, voided = _post(rich, hold, [-15, 15]), _void(rich, other)
    rich.reverse(posted.transaction_id)

    assert _balance(rich, rich.alice) == Balance(30, 30)
    for transaction_id in (hold.transaction_id, voided.transaction_id):
        with pytest.raises(IsHold):
            rich.reverse(transaction_id)


def test_a_closed_account_gives_back_and_takes_nothing(rich: World) -> None:
    first, second = _place(rich, 20), _place(rich, 5)
    with rich.database.begin() as session:
        acts.close_account(
            session, rich.community_id, rich.alice, reason="left", actor="system:test"
        )

    with pytest.raises(AccountClosed):
        _post(rich, first)
    with pytest.raises(AccountClosed):
        _place(rich, 1)
    _void(rich, first)
    _expire(rich, second, NOON + AN_HOUR)
    assert _balance(rich, rich.alice) == Balance(30, 30)


def test_what_is_no_hold_is_named(rich: World) -> None:
    given = rich.give(rich.bob, 1)
    unknown = given._replace(transaction_id=new_id())

    with pytest.raises(IsHold):
        _post(rich, given)
    with pytest.raises(UnknownTransaction):
        _void(rich, unknown)


def test_wrong_holds_leave_nothing(rich: World) -> None:
    many = [leg for _ in range(250) for leg in (Leg(rich.alice, -1), Leg(rich.bob, 1))]
    refused: list[type[Refusal]] = []
    for legs, until in (
        ([Leg(rich.alice, -5), Leg(rich.box, 4)], NOON + AN_HOUR),
        ([*many, Leg(rich.alice, -1), Leg(rich.bob, 1)], NOON + AN_HOUR),
        ([Leg(rich.alice, -5), Leg(rich.box, 5)], NOON),
    ):
        with clock.at(NOON), rich.database.begin() as session:
            try:
                holds.place(session, rich.community_id, draft(*legs), expires_at=until)
            except Refusal as each:
                refused.append(type(each))

    assert refused == [Unbalanced, TooManyLegs, ExpiryInvalid]
    assert _balance(rich, rich.alice) == Balance(30, 30)


def test_a_dry_run_answers_and_leaves_nothing(rich: World) -> None:
    with rich.database.begin() as session:
        wanted = move(rich.alice, rich.bob, 5)
        tried = journal.dry_run(session, rich.community_id, wanted)
        with pytest.raises(BalanceTooLow):
            journal.dry_run(session, rich.community_id, move(rich.alice, rich.bob, 31))

    assert not tried.is_replay
    assert _balance(rich, rich.alice) == Balance(30, 30)
    assert not rich.post(wanted).is_replay
