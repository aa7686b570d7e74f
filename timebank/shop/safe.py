"""The safe: money comes in from outside, and goes to the community fund, by two people.

Words: a *move* is entered by one person and *decided* by another, who counts the money; confirmed,
it is posted at once (`Cash:Safe` and `Equity:Deposits` or `Fund:General`); declined, nothing moves.

Invariants: who decides is not who entered; a move is decided once; the safe and the fund never hold
less than nothing. What comes from the tills comes by their closings alone.
"""

from dataclasses import dataclass
from typing import Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from ledger import clock
from ledger.ids import new_id
from timebank import chart
from timebank.actors import Actor, Permission
from timebank.shop.cash_errors import (
    AlreadyDecided,
    AmountInvalid,
    NoteInvalid,
    ProposerDecides,
    SafeMoveNotFound,
)
from timebank.shop.cash_models import (
    AMOUNT_FEN_MAX,
    NOTE_LENGTH_MAX,
    SafeDecision,
    SafeMove,
    SafeMoveKind,
)
from timebank.shop.drawers import held_fen, move_cash
from timebank.shop.errors import NonceReused
from timebank.shop.goods import check_nonce
from timebank.shop.till_standing import names_of, zone_of

MOVES: Final = {
    SafeMoveKind.DEPOSIT: (chart.DEPOSITS, chart.SAFE),
    SafeMoveKind.FROM_FUND: (chart.GENERAL_FUND, chart.SAFE),
    SafeMoveKind.TO_FUND: (chart.SAFE, chart.GENERAL_FUND),
}
"""From which account to which."""
MOVES_SHOWN_MAX: Final = 100


@dataclass(frozen=True, slots=True)
class Wanted:
    """What somebody enters.

    Args:
        nonce: the form's own number; the same nonce is the same move.
        kind: from where to where.
        amount_fen: 1 to 100,000,000.
        note: what the money is for, 1 to 200 characters.
    """

    nonce: str
    kind: SafeMoveKind
    amount_fen: int
    note: str


@dataclass(frozen=True, slots=True)
class Move:
    """A move with its decision, if any, and the names of both people."""

    move: SafeMove
    decision: SafeDecision | None
    proposed_by: str
    decided_by: str

    @property
    def is_open(self) -> bool:
        """Whether nobody has decided it."""
        return self.decision is None


def hand_over(session: Session, actor: Actor, *, wanted: Wanted) -> Move:
    """Enter a move of money; it waits for a second person.

    Args:
        session: write session.
        actor: needs `handle_cash`.
        wanted: how much, from where to where, what for.

    Raises:
        AmountInvalid, NoteInvalid, NonceInvalid: cash_amount_invalid, cash_note_invalid,
            nonce_invalid.
        NonceReused: nonce_reused.
    """
    actor.require(Permission.HANDLE_CASH)
    assert actor.member_id is not None, "a person enters it"
    check_nonce(wanted.nonce)
    note = wanted.note.strip()
    if not 1 <= wanted.amount_fen <= AMOUNT_FEN_MAX:
        raise AmountInvalid(amount_max=AMOUNT_FEN_MAX // 100)
    if not 1 <= len(note) <= NOTE_LENGTH_MAX or "\0" in note:
        raise NoteInvalid(length_max=NOTE_LENGTH_MAX)
    earlier = _find(session, actor, SafeMove.nonce == wanted.nonce)
    if earlier:
        return _same(earlier[0], wanted, note)
    made = SafeMove(
        community_id=actor.community_id,
        id=new_id(),
        nonce=wanted.nonce,
        kind=wanted.kind,
        amount_fen=wanted.amount_fen,
        note=note,
        proposed_by_id=actor.member_id,
        proposed_at=clock.now(),
    )
    session.add(made)
    session.flush()
    return read_move(session, actor, move_id=made.id)


def decide(session: Session, actor: Actor, *, move_id: UUID, is_confirmed: bool) -> Move:
    """Confirm that the money was counted and moved, or decline it; once more changes nothing.

    Args:
        session: write session.
        actor: needs `handle_cash`, and did not enter it.
        move_id: which move.
        is_confirmed: whether it is posted.

    Raises:
        SafeMoveNotFound, ProposerDecides, AlreadyDecided: safe_move_not_found, proposer_decides,
            safe_move_decided.
        CashShort: cash_short, the place that pays holds less.
    """
    actor.require(Permission.HANDLE_CASH)
    assert actor.member_id is not None, "a person decides"
    _lock(session, actor, move_id)
    standing = read_move(session, actor, move_id=move_id)
    move, decision = standing.move, standing.decision
    if decision is not None:
        if (decision.decided_by_id, decision.is_confirmed) == (actor.member_id, is_confirmed):
            return standing
        raise AlreadyDecided(name=standing.decided_by)
    if move.proposed_by_id == actor.member_id:
        raise ProposerDecides
    session.add(
        SafeDecision(
            community_id=actor.community_id,
            safe_move_id=move.id,
            proposed_by_id=move.proposed_by_id,
            decided_by_id=actor.member_id,
            decided_at=clock.now(),
            is_confirmed=is_confirmed,
            transaction_id=_post(session, actor, move) if is_confirmed else None,
        )
    )
    session.flush()
    return read_move(session, actor, move_id=move_id)


def list_moves(session: Session, actor: Actor) -> list[Move]:
    """Return the moves, those that wait first, then the newest, at most 100."""
    actor.require(Permission.HANDLE_CASH)
    return _find(session, actor, sa.true())


def read_move(session: Session, actor: Actor, *, move_id: UUID) -> Move:
    """Return one move of the actor's community.

    Raises:
        SafeMoveNotFound: safe_move_not_found.
    """
    actor.require(Permission.HANDLE_CASH)
    found = _find(session, actor, SafeMove.id == move_id)
    if not found:
        raise SafeMoveNotFound
    return found[0]


def safe_fen(session: Session, actor: Actor) -> int:
    """Return what the book says lies in the safe."""
    actor.require(Permission.HANDLE_CASH)
    return held_fen(session, actor, chart.SAFE)


# ---------------------------------------------------------------- leaves


def _same(earlier: Move, wanted: Wanted, note: str) -> Move:
    """Return what this nonce entered before; refuse another content under it."""
    move = earlier.move
    if (move.kind, move.amount_fen, move.note) != (wanted.kind, wanted.amount_fen, note):
        raise NonceReused
    return earlier


def _lock(session: Session, actor: Actor, move_id: UUID) -> None:
    """Let a second decision wait for the first."""
    session.execute(
        sa.select(SafeMove.id)
        .where(SafeMove.community_id == actor.community_id, SafeMove.id == move_id)
        .with_for_update(key_share=True)
    )


def _post(session: Session, actor: Actor, move: SafeMove) -> UUID | None:
    source, target = MOVES[move.kind]
    moved = {source: -move.amount_fen, target: move.amount_fen}
    on = clock.today(zone_of(session, actor))
    key = f"safe_move:{move.nonce}"
    return move_cash(session, actor, on, moved, key=key, source=f"safe_move:{move.id}")


def _find(session: Session, actor: Actor, condition: sa.ColumnElement[bool]) -> list[Move]:
    """Return moves with their decisions and the names, in two statements."""
    rows = session.execute(
        sa.select(SafeMove, SafeDecision)
        .outerjoin(
            SafeDecision,
            (SafeDecision.community_id == SafeMove.community_id)
            & (SafeDecision.safe_move_id == SafeMove.id),
        )
        .where(SafeMove.community_id == actor.community_id, condition)
        .order_by(SafeDecision.safe_move_id.is_not(None), SafeMove.id.desc())
        .limit(MOVES_SHOWN_MAX)
    ).all()
    names = names_of(session, actor.community_id, {key for row in rows for key in _people(*row)})
    return [
        Move(move, decision, *(names.get(key, "") for key in _people(move, decision)))
        for move, decision in rows
    ]


def _people(move: SafeMove, decision: SafeDecision | None) -> tuple[UUID | None, UUID | None]:
    """Return who entered and who decided."""
    return move.proposed_by_id, None if decision is None else decision.decided_by_id
