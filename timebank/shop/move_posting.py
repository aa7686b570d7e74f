"""What a stock move posts: pieces off the shelf to where they went, or back again.

Invariant: a move that was posted is done; whoever asks has looked who may.
"""

from typing import Final
from uuid import UUID

from sqlalchemy.orm import Session

from ledger import clock
from ledger.errors import BalanceTooHigh, BalanceTooLow
from ledger.journal import Draft, Leg, post, reverse
from ledger.schema import TransactionKind
from timebank import chart
from timebank.actors import Actor
from timebank.people.models import Community
from timebank.shop.models import Item
from timebank.shop.stock_errors import PiecesReserved, SinglePiece
from timebank.shop.stock_models import MoveKind, MoveState, StockMove

WHERE_TO: Final = {
    MoveKind.WRITE_OFF: chart.WRITTEN_OFF,
    MoveKind.RECYCLE: chart.RECYCLED,
    MoveKind.GIFT: chart.GIFTS,
}


def finish(session: Session, actor: Actor, item: Item, move: StockMove) -> None:
    """Post a move; it is done then."""
    try:
        if move.kind is MoveKind.REVERSAL:
            transaction_id = _put_back(session, actor, move)
        else:
            transaction_id = _take_off(session, actor, item, move)
    except BalanceTooLow as refusal:
        raise PiecesReserved(
            item_number=item.number,
            item_name=item.name,
            need=move.piece_count,
            have=refusal.details["available_minor"],
        ) from refusal
    except BalanceTooHigh as refusal:
        raise SinglePiece(item_name=item.name) from refusal
    move.transaction_id, move.state = transaction_id, MoveState.DONE
    move.decided_by_id, move.decided_at = actor.member_id, clock.now()


def _take_off(session: Session, actor: Actor, item: Item, move: StockMove) -> UUID:
    place_id = chart.open_goods_account(
        session, actor.community_id, item.number, WHERE_TO[move.kind]
    )
    community = session.get_one(Community, actor.community_id)
    draft = Draft(
        kind=TransactionKind.STOCK,
        legs=(
            Leg(item.stock_account_id, -move.piece_count),
            Leg(place_id, move.piece_count),
        ),
        occurred_on=clock.today(community.time_zone),
        idempotency_key=f"stock_move:{move.id}",
        actor=actor.reference,
        source=f"stock_move:{move.id}",
        narration=f"{item.name} × {move.piece_count}",
    )
    return post(session, actor.community_id, draft).transaction_id


def _put_back(session: Session, actor: Actor, move: StockMove) -> UUID:
    assert move.corrects_id is not None, "a reversal names what it takes back"
    wrong = session.get_one(StockMove, (actor.community_id, move.corrects_id))
    assert wrong.transaction_id is not None, "only what was done is taken back"
    community = session.get_one(Community, actor.community_id)
    return reverse(
        session,
        actor.community_id,
        wrong.transaction_id,
        reason=move.reason,
        idempotency_key=f"stock_move:{move.id}",
        actor=actor.reference,
        occurred_on=clock.today(community.time_zone),
        source=f"stock_move:{move.id}",
    ).transaction_id
