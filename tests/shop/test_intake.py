"""Taking in goods: donated or exchanged."""

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from ledger.errors import NotAllowed, Refusal
from ledger.schema import Transaction
from tests.shop.makers import World, fresh, make_item, points_of, stock_of
from timebank.actors import Role
from timebank.shop import errors
from timebank.shop.intake import Intake, receive
from timebank.shop.models import IntakeChoice

DONATE, EXCHANGE = IntakeChoice.DONATE, IntakeChoice.EXCHANGE


def test_a_donation_fills_the_shelf_and_pays_nothing(session: Session, world: World) -> None:
    item = make_item(session, world, pieces=0, maker=world.bob)

    donation = receive(
        session, world.clerk, intake=Intake(item.number, 3, DONATE, fresh(), world.bob.number)
    )

    assert (stock_of(session, item), points_of(session, world.bob), donation.points) == (3, 0, 0)
    assert donation.donor_member_id == world.bob.id


def test_an_exchange_pays_the_maker_pieces_times_price_in_the_same_transaction(
    session: Session, world: World
) -> None:
    item = make_item(session, world, pieces=0, price=12, maker=world.bob)

    donation = receive(session, world.clerk, intake=Intake(item.number, 3, EXCHANGE, fresh()))

    transaction = session.scalars(
        sa.select(Transaction).where(Transaction.id == donation.transaction_id)
    ).one()
    assert (transaction.kind, transaction.leg_count) == ("donation", 4)
    assert transaction.source == f"donation:{donation.id}"
    assert (stock_of(session, item), points_of(session, world.bob)) == (3, 36)
    assert (donation.points, donation.price_points, donation.donor_member_id) == (
        36,
        12,
        world.bob.id,
    )


def test_the_same_nonce_takes_in_once(session: Session, world: World) -> None:
    item = make_item(session, world, pieces=0, maker=world.bob)
    intake = Intake(item.number, 3, EXCHANGE, fresh())

    first = receive(session, world.clerk, intake=intake)
    again = receive(session, world.clerk, intake=intake)

    assert (first.id, stock_of(session, item)) == (again.id, 3)
    assert points_of(session, world.bob) == 36


def test_the_same_nonce_with_other_pieces_is_refused(session: Session, world: World) -> None:
    item = make_item(session, world, pieces=0)
    nonce = fresh()
    receive(session, world.clerk, intake=Intake(item.number, 3, DONATE, nonce))

    with pytest.raises(errors.NonceReused):
        receive(session, world.clerk, intake=Intake(item.number, 4, DONATE, nonce))

    assert stock_of(session, item) == 3


@pytest.mark.parametrize("pieces", [0, -1, 10_001])
def test_pieces_have_bounds(session: Session, world: World, pieces: int) -> None:
    item = make_item(session, world, pieces=0)

    with pytest.raises(errors.PieceCountInvalid):
        receive(session, world.clerk, intake=Intake(item.number, pieces, DONATE, fresh()))

    assert stock_of(session, item) == 0


def test_goods_without_a_price_or_a_member_are_not_exchanged(
    session: Session, world: World
) -> None:
    unpriced = make_item(session, world, pieces=0, price=None, maker=world.bob)
    gift = make_item(session, world, pieces=0)

    with pytest.raises(errors.NotPriced):
        receive(session, world.clerk, intake=Intake(unpriced.number, 1, EXCHANGE, fresh()))
    with pytest.raises(errors.ExchangeNeedsMaker):
        receive(session, world.clerk, intake=Intake(gift.number, 1, EXCHANGE, fresh()))


@pytest.mark.parametrize("choice", [DONATE, EXCHANGE])
def test_nobody_receives_their_own_goods(
    session: Session, world: World, choice: IntakeChoice
) -> None:
    item = make_item(session, world, pieces=0, maker=world.bob)
    bob_as_clerk = world.actor(world.bob, Role.CLERK)

    with pytest.raises(errors.ReceiverIsDonor):
        receive(
            session,
            bob_as_clerk,
            intake=Intake(item.number, 1, choice, fresh(), world.bob.number),
        )

    assert points_of(session, world.bob) == 0


def test_one_maker_is_paid_up_to_the_days_limit_and_not_a_point_more(
    session: Session, world: World
) -> None:
    item = make_item(session, world, pieces=0, price=100, maker=world.bob)
    soap = make_item(session, world, pieces=0, price=1, maker=world.bob)
    receive(session, world.clerk, intake=Intake(item.number, 5, EXCHANGE, fresh()))

    with pytest.raises(errors.ExchangeLimitReached) as caught:
        receive(session, world.clerk, intake=Intake(soap.number, 1, EXCHANGE, fresh()))

    assert caught.value.details == {"needed": 1, "left": 0}
    assert points_of(session, world.bob) == 500


def test_volunteers_do_not_take_in(session: Session, world: World) -> None:
    item = make_item(session, world, pieces=0)

    with pytest.raises(NotAllowed):
        receive(session, world.actor(world.alice), intake=Intake(item.number, 1, DONATE, fresh()))


def test_unknown_donors_and_goods_are_refused(session: Session, world: World) -> None:
    item = make_item(session, world, pieces=0)

    for intake in (
        Intake(item.number, 1, DONATE, fresh(), donor_number=77),
        Intake(99, 1, DONATE, fresh()),
    ):
        with pytest.raises(Refusal) as caught:
            receive(session, world.clerk, intake=intake)
        assert caught.value.status == 404
