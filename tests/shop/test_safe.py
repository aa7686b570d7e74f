"""The safe: money comes in and goes to the fund by two people."""

import pytest
from sqlalchemy.orm import Session

from ledger.errors import Refusal
from tests.shop.drawers import enter, fill_safe
from tests.shop.makers import World, fresh
from tests.shop.test_till_days import code_of, findings
from timebank import chart
from timebank.actors import Role
from timebank.shop import safe
from timebank.shop.cash_models import AMOUNT_FEN_MAX, SafeMoveKind
from timebank.shop.drawers import held_fen
from timebank.shop.safe import Wanted


def test_money_comes_in_once_a_second_person_has_counted_it(session: Session, world: World) -> None:
    entered = enter(session, world, 5_000)
    before = safe.safe_fen(session, world.clerk)
    confirmed = safe.decide(session, world.clerk, move_id=entered.move.id, is_confirmed=True)
    again = safe.decide(session, world.clerk, move_id=entered.move.id, is_confirmed=True)

    assert (before, safe.safe_fen(session, world.clerk)) == (0, 5_000)
    assert (confirmed.proposed_by, confirmed.decided_by) == ("文", "克拉拉")
    assert again == confirmed
    assert held_fen(session, world.clerk, chart.DEPOSITS) == -5_000
    assert findings(session, world) == []


def test_who_entered_it_does_not_confirm_it(session: Session, world: World) -> None:
    entered = enter(session, world)

    with pytest.raises(Refusal) as refused:
        safe.decide(session, world.pricer, move_id=entered.move.id, is_confirmed=True)

    assert (code_of(refused), refused.value.status) == ("proposer_decides", 403)
    assert safe.safe_fen(session, world.clerk) == 0


def test_what_is_declined_moves_nothing_and_stays_declined(session: Session, world: World) -> None:
    entered = enter(session, world)
    safe.decide(session, world.clerk, move_id=entered.move.id, is_confirmed=False)

    with pytest.raises(Refusal) as refused:
        safe.decide(session, world.clerk, move_id=entered.move.id, is_confirmed=True)

    assert code_of(refused) == "safe_move_decided"
    assert safe.safe_fen(session, world.clerk) == 0
    assert findings(session, world) == []


def test_proceeds_go_to_the_fund_and_back(session: Session, world: World) -> None:
    fill_safe(session, world, 5_000)
    for kind, amount_fen in ((SafeMoveKind.TO_FUND, 5_000), (SafeMoveKind.FROM_FUND, 1_200)):
        entered = enter(session, world, amount_fen, kind)
        safe.decide(session, world.clerk, move_id=entered.move.id, is_confirmed=True)

    assert safe.safe_fen(session, world.clerk) == 1_200
    assert held_fen(session, world.clerk, chart.GENERAL_FUND) == 3_800
    assert findings(session, world) == []


@pytest.mark.parametrize("kind", [SafeMoveKind.TO_FUND, SafeMoveKind.FROM_FUND])
def test_nothing_goes_below_zero(session: Session, world: World, kind: SafeMoveKind) -> None:
    fill_safe(session, world, 5_000)
    entered = enter(session, world, 5_001, kind)

    with pytest.raises(Refusal) as refused:
        safe.decide(session, world.clerk, move_id=entered.move.id, is_confirmed=True)

    assert code_of(refused) == "cash_short"
    assert safe.read_move(session, world.clerk, move_id=entered.move.id).is_open


@pytest.mark.parametrize(
    ("amount_fen", "note", "code"),
    [
        (0, "备用金", "cash_amount_invalid"),
        (-1, "备用金", "cash_amount_invalid"),
        (AMOUNT_FEN_MAX + 1, "备用金", "cash_amount_invalid"),
        (1, " ", "cash_note_invalid"),
        (1, "长" * 201, "cash_note_invalid"),
    ],
)
def test_an_amount_and_what_it_is_for_are_asked(
    session: Session, world: World, amount_fen: int, note: str, code: str
) -> None:
    wanted = Wanted(fresh(), SafeMoveKind.DEPOSIT, amount_fen, note)

    with pytest.raises(Refusal) as refused:
        safe.hand_over(session, world.pricer, wanted=wanted)

    assert code_of(refused) == code


def test_the_same_form_enters_one_move_and_another_under_it_is_refused(
    session: Session, world: World
) -> None:
    wanted = Wanted(fresh(), SafeMoveKind.DEPOSIT, 100, "备用金")
    first = safe.hand_over(session, world.pricer, wanted=wanted)
    again = safe.hand_over(session, world.pricer, wanted=wanted)

    other = Wanted(wanted.nonce, SafeMoveKind.DEPOSIT, 101, "备用金")
    with pytest.raises(Refusal) as refused:
        safe.hand_over(session, world.pricer, wanted=other)

    assert again == first
    assert code_of(refused) == "nonce_reused"


def test_a_volunteer_neither_enters_nor_decides(session: Session, world: World) -> None:
    entered = enter(session, world)
    alice = world.actor(world.alice, Role.VOLUNTEER)

    with pytest.raises(Refusal) as refused:
        safe.decide(session, alice, move_id=entered.move.id, is_confirmed=True)

    assert code_of(refused) == "not_allowed"
