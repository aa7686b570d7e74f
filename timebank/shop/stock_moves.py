"""Pieces that leave the shelf unsold: written off, recycled, given to a household in need.

Words: a move is *proposed* by one person and *confirmed* or *declined* by another; a *small* one
(a few pieces of little value, counted over the day, no gift) is done by one person alone. What left
by mistake is put back by a *reversal*, which is proposed and confirmed like any other move.

Invariants: nobody confirms what they proposed; a move is decided once; every move that was done has
its one transaction (kind `stock`, source `stock_move:<id>`); who was given a gift is encrypted, and
every look at it is logged.
"""

import base64
from dataclasses import dataclass
from typing import Final
from uuid import UUID

import sqlalchemy as sa
from cryptography.fernet import Fernet
from sqlalchemy.orm import Session

from ledger import clock
from ledger.errors import NotAllowed
from ledger.ids import new_id
from timebank import audit
from timebank.actors import Actor, Permission
from timebank.codes import CodeKeys, Purpose
from timebank.people.models import Community, Member
from timebank.shop.days import day_start
from timebank.shop.errors import NonceReused, PieceCountInvalid, ReasonInvalid
from timebank.shop.goods import check_nonce, find_item
from timebank.shop.models import PIECE_COUNT_MAX, REASON_LENGTH_MAX, Item
from timebank.shop.move_posting import finish
from timebank.shop.stock_errors import (
    ConfirmedByAnother,
    MoveDecided,
    MoveNotFound,
    MoveNotReversible,
    RecipientInvalid,
)
from timebank.shop.stock_models import (
    ALONE_FEN_MAX,
    ALONE_PIECES_MAX,
    ALONE_POINTS_MAX,
    MoveKind,
    MoveState,
    StockMove,
)

RECIPIENT_LENGTH_MAX: Final = 60
LISTED_MAX: Final = 100
KEY_ID: Final = "A"


@dataclass(frozen=True, slots=True)
class Proposal:
    """What is to leave the shelf.

    Args:
        item_number: which goods.
        piece_count: 1 to 10,000.
        kind: write-off, recycling or gift.
        reason: 1 to 200 characters, naming nobody.
        nonce: the form's own number; the same nonce is the same move.
        recipient: the office's own reference of the household, for a gift only.
    """

    item_number: int
    piece_count: int
    kind: MoveKind
    reason: str
    nonce: str
    recipient: str = ""


# ---------------------------------------------------------------- proposing


def propose(session: Session, actor: Actor, keys: CodeKeys, *, proposal: Proposal) -> StockMove:
    """Propose to take pieces off the shelf; a small write-off is done at once.

    Args:
        session: write session.
        actor: a member with `handle_goods`.
        keys: the root key, for the recipient.
        proposal: what, how many, why, to whom.

    Raises:
        PieceCountInvalid, ReasonInvalid, RecipientInvalid: piece_count_invalid, reason_invalid,
            recipient_invalid.
        ItemNotFound: item_not_found.
        PiecesReserved: pieces_reserved, not so many are free.
        NonceReused: nonce_reused.
    """
    member_id = _person(actor)
    check_nonce(proposal.nonce)
    _check(proposal)
    item = find_item(session, actor, item_number=proposal.item_number)
    # Locked first: what one person did alone today is counted before the next one.
    _lock_member(session, actor, member_id)
    known = _known(session, actor, proposal.nonce)
    if known is not None:
        if (known.kind, known.item_id, known.piece_count) != (
            proposal.kind,
            item.id,
            proposal.piece_count,
        ):
            raise NonceReused
        return known
    move = _written(actor, item, member_id, proposal)
    if proposal.kind is MoveKind.GIFT:
        recipient = proposal.recipient.strip().encode()
        move.recipient_encrypted = _box(keys, actor).encrypt(recipient)
    if _is_small(session, move):
        finish(session, actor, item, move)
    session.add(move)
    session.flush()
    return move


def propose_reversal(
    session: Session, actor: Actor, *, move_id: UUID, reason: str, nonce: str
) -> StockMove:
    """Propose to put back what left the shelf by mistake; another person confirms.

    Raises:
        MoveNotFound, MoveNotReversible: move_not_found, move_not_reversible.
        ReasonInvalid, NonceReused: reason_invalid, nonce_reused.
    """
    member_id = _person(actor)
    check_nonce(nonce)
    stripped = _reason(reason)
    move = _lock(session, actor, move_id)
    known = _known(session, actor, nonce)
    if known is not None:
        if known.corrects_id != move.id:
            raise NonceReused
        return known
    if move.state is not MoveState.DONE or move.kind is MoveKind.REVERSAL:
        raise MoveNotReversible
    if _is_corrected(session, move):
        raise MoveNotReversible
    reversal = StockMove(
        community_id=actor.community_id,
        id=new_id(),
        nonce=nonce,
        kind=MoveKind.REVERSAL,
        item_id=move.item_id,
        piece_count=move.piece_count,
        points_value=move.points_value,
        fen_value=move.fen_value,
        reason=stripped,
        corrects_id=move.id,
        state=MoveState.PROPOSED,
        proposed_by_id=member_id,
        proposed_at=clock.now(),
    )
    session.add(reversal)
    session.flush()
    return reversal


# ---------------------------------------------------------------- deciding


def confirm(session: Session, actor: Actor, *, move_id: UUID) -> StockMove:
    """Confirm a move: the pieces leave the shelf, or come back.

    Args:
        session: write session.
        actor: a member with `handle_goods`, another than who proposed it.
        move_id: a proposed move; confirmed by the same person before, it is returned.

    Raises:
        MoveNotFound, MoveDecided: move_not_found, move_decided.
        ConfirmedByAnother: confirmed_by_another.
        PiecesReserved: pieces_reserved.
    """
    member_id = _person(actor)
    move = _lock(session, actor, move_id)
    if move.state is MoveState.DONE and move.decided_by_id == member_id:
        return move
    if move.state is not MoveState.PROPOSED:
        raise MoveDecided
    if move.proposed_by_id == member_id:
        raise ConfirmedByAnother
    item = session.get_one(Item, (actor.community_id, move.item_id))
    finish(session, actor, item, move)
    session.flush()
    return move


def decline(session: Session, actor: Actor, *, move_id: UUID) -> StockMove:
    """Decline a move, or take back one's own; the pieces stay where they are.

    Raises:
        MoveNotFound, MoveDecided: move_not_found, move_decided (it was done).
    """
    member_id = _person(actor)
    move = _lock(session, actor, move_id)
    if move.state is MoveState.DECLINED:
        return move
    if move.state is not MoveState.PROPOSED:
        raise MoveDecided
    move.state = MoveState.DECLINED
    move.decided_by_id, move.decided_at = member_id, clock.now()
    audit.record(session, actor, "decline_stock_move", f"stock_move:{move.id}")
    session.flush()
    return move


# ---------------------------------------------------------------- reading


def list_moves(session: Session, actor: Actor) -> list[tuple[StockMove, Item]]:
    """Return the newest hundred moves, those that wait first."""
    actor.require(Permission.HANDLE_GOODS)
    rows = session.execute(
        sa.select(StockMove, Item)
        .join(
            Item,
            sa.and_(Item.community_id == StockMove.community_id, Item.id == StockMove.item_id),
        )
        .where(StockMove.community_id == actor.community_id)
        .order_by((StockMove.state != MoveState.PROPOSED), StockMove.id.desc())
        .limit(LISTED_MAX)
    )
    return [(move, item) for move, item in rows]


def read_recipient(session: Session, actor: Actor, keys: CodeKeys, *, move_id: UUID) -> str:
    """Return to whom a gift went; the look is logged.

    Args:
        session: write session, for the log.
        actor: needs `manage_members`.
        keys: the root key.
        move_id: a gift.

    Raises:
        MoveNotFound: move_not_found, unknown or not a gift.
    """
    actor.require(Permission.MANAGE_MEMBERS)
    move = session.get(StockMove, (actor.community_id, move_id))
    if move is None or move.recipient_encrypted is None:
        raise MoveNotFound
    audit.record(session, actor, "read_recipient", f"stock_move:{move.id}")
    session.flush()
    return _box(keys, actor).decrypt(move.recipient_encrypted).decode()


# ---------------------------------------------------------------- leaves


def _person(actor: Actor) -> UUID:
    """Return who acts: a person, since two of them sign."""
    actor.require(Permission.HANDLE_GOODS)
    if actor.member_id is None:
        raise NotAllowed(permission=Permission.HANDLE_GOODS.value)
    return actor.member_id


def _check(proposal: Proposal) -> None:
    if not 1 <= proposal.piece_count <= PIECE_COUNT_MAX:
        raise PieceCountInvalid(piece_count_max=PIECE_COUNT_MAX)
    _reason(proposal.reason)
    recipient, is_gift = proposal.recipient.strip(), proposal.kind is MoveKind.GIFT
    is_right = 1 <= len(recipient) <= RECIPIENT_LENGTH_MAX if is_gift else not recipient
    if not is_right:
        raise RecipientInvalid(length_max=RECIPIENT_LENGTH_MAX)
    assert proposal.kind is not MoveKind.REVERSAL, "a reversal has a rule of its own"


def _reason(reason: str) -> str:
    stripped = reason.strip()
    if not 1 <= len(stripped) <= REASON_LENGTH_MAX or "\0" in stripped:
        raise ReasonInvalid(length_max=REASON_LENGTH_MAX)
    return stripped


def _lock_member(session: Session, actor: Actor, member_id: UUID) -> None:
    session.execute(
        sa.select(Member.id)
        .where(Member.community_id == actor.community_id, Member.id == member_id)
        .with_for_update(key_share=True)
    )


def _lock(session: Session, actor: Actor, move_id: UUID) -> StockMove:
    found = session.scalar(
        sa.select(StockMove)
        .where(StockMove.community_id == actor.community_id, StockMove.id == move_id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    if found is None:
        raise MoveNotFound
    return found


def _known(session: Session, actor: Actor, nonce: str) -> StockMove | None:
    return session.scalar(
        sa.select(StockMove).where(
            StockMove.community_id == actor.community_id, StockMove.nonce == nonce
        )
    )


def _is_corrected(session: Session, move: StockMove) -> bool:
    """Tell whether a move is put back already, or is about to be."""
    reversal = sa.select(StockMove.id).where(
        StockMove.community_id == move.community_id,
        StockMove.corrects_id == move.id,
        StockMove.state != MoveState.DECLINED,
    )
    return session.scalar(reversal.limit(1)) is not None


def _written(actor: Actor, item: Item, member_id: UUID, proposal: Proposal) -> StockMove:
    return StockMove(
        community_id=actor.community_id,
        id=new_id(),
        nonce=proposal.nonce,
        kind=proposal.kind,
        item_id=item.id,
        piece_count=proposal.piece_count,
        points_value=proposal.piece_count * (item.price_points or 0),
        fen_value=proposal.piece_count * (item.price_fen or 0),
        reason=_reason(proposal.reason),
        state=MoveState.PROPOSED,
        proposed_by_id=member_id,
        proposed_at=clock.now(),
    )


def _is_small(session: Session, move: StockMove) -> bool:
    """Tell whether one person may do it alone, with what they did alone today."""
    if move.kind is MoveKind.GIFT:
        return False
    community = session.get_one(Community, move.community_id)
    pieces, points, fen = session.execute(
        sa.select(
            sa.func.coalesce(sa.func.sum(StockMove.piece_count), 0),
            sa.func.coalesce(sa.func.sum(StockMove.points_value), 0),
            sa.func.coalesce(sa.func.sum(StockMove.fen_value), 0),
        ).where(
            StockMove.community_id == move.community_id,
            StockMove.proposed_by_id == move.proposed_by_id,
            StockMove.decided_by_id == move.proposed_by_id,
            StockMove.state == MoveState.DONE,
            StockMove.decided_at >= day_start(community.time_zone),
        )
    ).one()
    return bool(
        pieces + move.piece_count <= ALONE_PIECES_MAX
        and points + move.points_value <= ALONE_POINTS_MAX
        and fen + move.fen_value <= ALONE_FEN_MAX
    )


def _box(keys: CodeKeys, actor: Actor) -> Fernet:
    key = keys.derive(actor.community_id, Purpose.RECIPIENT, KEY_ID)
    return Fernet(base64.urlsafe_b64encode(key))
