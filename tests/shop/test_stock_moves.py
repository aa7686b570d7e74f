"""Write-offs, recycling, gifts: small ones alone, the rest by two, all of them to be put back."""

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from ledger import verification
from ledger.database import Database
from ledger.errors import NotAllowed, Refusal
from ledger.schema import Transaction
from tests.conftest import ROOT_KEY
from tests.shop.keeping import put_by
from tests.shop.makers import World, fresh, make_item, make_world, stock_of
from tests.shop.racers import in_threads
from timebank.actors import Actor, Role
from timebank.audit import AuditEvent
from timebank.codes import CodeKeys
from timebank.shop import stock_moves
from timebank.shop.goods import ItemDetails, add_item, set_price
from timebank.shop.intake import Intake, receive
from timebank.shop.models import IntakeChoice, Item, ValueBasis
from timebank.shop.stock_models import MoveKind, MoveState, StockMove
from timebank.shop.stock_moves import Proposal

KEYS = CodeKeys(ROOT_KEY)


def proposed(
    session: Session,
    actor: Actor,
    item: Item,
    pieces: int,
    kind: MoveKind = MoveKind.WRITE_OFF,
    *,
    recipient: str = "",
    nonce: str | None = None,
) -> StockMove:
    proposal = Proposal(item.number, pieces, kind, "受潮发霉", nonce or fresh(), recipient)
    return stock_moves.propose(session, actor, KEYS, proposal=proposal)


def code_of(session: Session, actor: Actor, item: Item, pieces: int, **more: str) -> str:
    kind = MoveKind(more.pop("kind", "write_off"))
    with pytest.raises(Refusal) as refused:
        proposed(session, actor, item, pieces, kind, **more)
    return refused.value.code


def test_a_small_write_off_is_done_alone(session: Session, world: World) -> None:
    cup = make_item(session, world)

    move = proposed(session, world.clerk, cup, 3)

    assert (move.state, move.points_value, stock_of(session, cup)) == (MoveState.DONE, 36, 2)
    assert session.scalars(sa.select(Transaction.kind).where(Transaction.kind == "stock")).all()
    assert verification.verify(session) == []


@pytest.mark.parametrize(("price", "pieces"), [(12, 4), (51, 2)])
def test_one_over_the_limit_takes_two(
    session: Session, world: World, price: int, pieces: int
) -> None:
    cup = make_item(session, world, price=price)

    move = proposed(session, world.clerk, cup, pieces)
    with pytest.raises(Refusal) as alone:
        stock_moves.confirm(session, world.clerk, move_id=move.id)
    before = stock_of(session, cup)
    stock_moves.confirm(session, world.pricer, move_id=move.id)

    assert (alone.value.code, alone.value.status) == ("confirmed_by_another", 403)
    assert (before, stock_of(session, cup)) == (5, 5 - pieces)


def test_a_price_in_cash_counts_too(session: Session, world: World) -> None:
    cup = make_item(session, world, price=None)
    for fen, state in ((5001, MoveState.PROPOSED), (5000, MoveState.DONE)):
        set_price(
            session,
            world.pricer,
            item_number=cup.number,
            price_points=None,
            price_fen=fen,
            basis=ValueBasis.MARKET,
        )

        assert proposed(session, world.clerk, cup, 1).state is state


def test_splitting_a_write_off_wins_nothing(session: Session, world: World) -> None:
    cup = make_item(session, world)

    states = [proposed(session, world.clerk, cup, 2).state for _ in range(2)]

    assert states == [MoveState.DONE, MoveState.PROPOSED]
    assert stock_of(session, cup) == 3


def test_a_gift_takes_two_and_keeps_the_household_secret(session: Session, world: World) -> None:
    cup = make_item(session, world)
    move = proposed(session, world.clerk, cup, 1, MoveKind.GIFT, recipient="低保户 D-017")
    stock_moves.confirm(session, world.pricer, move_id=move.id)

    with pytest.raises(NotAllowed):
        stock_moves.read_recipient(session, world.clerk, KEYS, move_id=move.id)
    told = stock_moves.read_recipient(session, world.pricer, KEYS, move_id=move.id)

    assert told == "低保户 D-017"
    assert "低保户".encode() not in (move.recipient_encrypted or b"")
    looks = sa.select(sa.func.count()).where(AuditEvent.action == "read_recipient")
    assert session.scalar(looks) == 1
    assert stock_of(session, cup) == 4


def test_what_left_by_mistake_is_put_back_by_two(session: Session, world: World) -> None:
    cup = make_item(session, world)
    move = proposed(session, world.clerk, cup, 2)
    back = stock_moves.propose_reversal(
        session, world.clerk, move_id=move.id, reason="看错了", nonce=fresh()
    )
    with pytest.raises(Refusal) as alone:
        stock_moves.confirm(session, world.clerk, move_id=back.id)
    stock_moves.confirm(session, world.pricer, move_id=back.id)
    with pytest.raises(Refusal) as again:
        stock_moves.propose_reversal(
            session, world.clerk, move_id=move.id, reason="再来", nonce=fresh()
        )

    assert (alone.value.code, again.value.code) == ("confirmed_by_another", "move_not_reversible")
    assert stock_of(session, cup) == 5
    assert verification.verify(session) == []


def test_a_declined_move_changes_nothing(session: Session, world: World) -> None:
    cup = make_item(session, world)
    move = proposed(session, world.clerk, cup, 5)

    declined = stock_moves.decline(session, world.pricer, move_id=move.id)
    with pytest.raises(Refusal) as late:
        stock_moves.confirm(session, world.pricer, move_id=move.id)

    assert (declined.state, late.value.code) == (MoveState.DECLINED, "move_decided")
    assert stock_of(session, cup) == 5


def test_a_repeated_form_is_one_move(session: Session, world: World) -> None:
    cup = make_item(session, world)

    first, second = (proposed(session, world.clerk, cup, 1, nonce="form") for _ in range(2))

    assert first.id == second.id
    assert stock_of(session, cup) == 4
    assert code_of(session, world.clerk, cup, 2, nonce="form") == "nonce_reused"


def test_what_is_wrong_is_named(session: Session, world: World) -> None:
    cup = make_item(session, world, pieces=2)
    put_by(session, world, cup)
    clerk = world.clerk

    assert code_of(session, clerk, cup, 2) == "pieces_reserved"
    assert code_of(session, clerk, cup, 0) == "piece_count_invalid"
    assert code_of(session, clerk, cup, 1, kind="gift") == "recipient_invalid"
    assert code_of(session, clerk, cup, 1, recipient="某户") == "recipient_invalid"
    assert code_of(session, world.actor(world.alice), cup, 1) == "not_allowed"
    assert code_of(session, world.system, cup, 1) == "not_allowed"


def test_a_single_piece_has_room_for_one(session: Session, world: World) -> None:
    details = ItemDetails(name="虎头鞋", is_single=True)
    shoe = add_item(session, world.clerk, details=details, nonce=fresh())
    receive(session, world.clerk, intake=Intake(shoe.number, 1, IntakeChoice.DONATE, fresh()))

    with pytest.raises(Refusal) as second:
        receive(session, world.clerk, intake=Intake(shoe.number, 1, IntakeChoice.DONATE, fresh()))
    with pytest.raises(Refusal) as two:
        receive(session, world.clerk, intake=Intake(shoe.number, 2, IntakeChoice.DONATE, fresh()))

    assert {second.value.code, two.value.code} == {"single_piece"}


# ---------------------------------------------------------------- races and raw SQL


def test_two_people_confirm_one_write_off_once(database: Database) -> None:
    with database.begin() as session:
        world = make_world(session)
        cup = make_item(session, world, pieces=20)
        move = proposed(session, world.clerk, cup, 10)
    people = [world.actor(member, Role.CLERK) for member in (world.bob, world.wen)]

    def press(place: int) -> str:
        try:
            with database.begin() as session:
                stock_moves.confirm(session, people[place % 2], move_id=move.id)
        except Refusal as refusal:
            return refusal.code
        return "done"

    answers = in_threads(4, press)

    assert sorted(answers) == ["done"] * 2 + ["move_decided"] * 2
    with database.reading() as session:
        assert stock_of(session, cup) == 10
        assert verification.verify(session) == []


def test_many_small_write_offs_at_once_stay_small_in_all(database: Database) -> None:
    with database.begin() as session:
        world = make_world(session)
        cup = make_item(session, world, pieces=20)

    def press(_place: int) -> str:
        with database.begin() as session:
            return proposed(session, world.clerk, cup, 1).state.value

    answers = in_threads(6, press)

    assert sorted(answers) == ["done"] * 3 + ["proposed"] * 3
    with database.reading() as session:
        assert stock_of(session, cup) == 17


@pytest.fixture
def history(session: Session, world: World) -> World:
    cup = make_item(session, world, maker=world.bob)
    proposed(session, world.clerk, cup, 1)
    proposed(session, world.clerk, cup, 4)
    receive(session, world.clerk, intake=Intake(cup.number, 1, IntakeChoice.EXCHANGE, fresh()))
    session.commit()
    return world


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE stock_move SET state = 'done', decided_by_id = proposed_by_id,"
        " decided_at = proposed_at, transaction_id = id WHERE state = 'proposed'",
        "UPDATE stock_move SET piece_count = 1 WHERE state = 'proposed'",
        "UPDATE stock_move SET state = 'done' WHERE state = 'proposed'",
        "UPDATE stock_move SET reason = 'x' WHERE state = 'done'",
        "DELETE FROM stock_move",
        "UPDATE item SET is_single = NOT is_single",
        "INSERT INTO item_price (community_id, id, item_id, price_points, basis, set_by_id, set_at)"
        " SELECT i.community_id, i.stock_account_id, i.id, 5, 'nominal', i.maker_member_id,"
        " i.created_at FROM item i",
        "INSERT INTO item_price (community_id, id, item_id, price_points, basis, set_by_id, set_at)"
        " SELECT d.community_id, d.id, d.item_id, 5, 'nominal', d.donor_member_id,"
        " d.received_at FROM donation d WHERE d.choice = 'exchange'",
        "INSERT INTO donation (community_id, id, nonce, item_id, donor_member_id, choice,"
        " piece_count, price_points, points, received_by_id, received_at, transaction_id)"
        " SELECT d.community_id, d.item_id, 'own', d.item_id, i.priced_by_id, 'exchange', 1, 12,"
        " 12, NULL, d.received_at, d.item_id FROM donation d JOIN item i ON i.id = d.item_id"
        " WHERE d.choice = 'exchange'",
    ],
)
def test_the_database_keeps_the_rules(
    owner_database: Database, history: World, statement: str
) -> None:
    with pytest.raises(DBAPIError), owner_database.begin() as session:
        session.execute(sa.text(statement))

    assert history.wen.number == 4
