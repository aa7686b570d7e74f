"""Tables of the till's day and of the safe.

Words: a *till day* is one drawer on one local day; it is *opened* with a counted float, *closed*
with a counted drawer, and *signed* by a second person. A *safe move* brings money into the shop's
cash box or takes it to the community fund; one person enters it, another decides.

Invariants: every row is only inserted (triggers refuse UPDATE and DELETE), so a day is closed once
and signed once; what was counted is the sum of its notes and coins; a difference has its reason;
who signs is not who closed, who decides is not who entered; of one till one day is open at a time;
no receipt and no return is written into a closed day, and none with cash outside an open one.
"""

from datetime import date, datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from ledger.base import Base, community_key
from ledger.columns import Count, states
from timebank.shop.cash import FACES, PIECES_MAX
from timebank.shop.models import NONCE_LENGTH_MAX, REASON_LENGTH_MAX, STRICT
from timebank.shop.sale_models import TILL_NUMBER_MAX

NOTE_LENGTH_MAX: Final = 200
AMOUNT_FEN_MAX: Final = 100_000_000
"""A million yuan: more does not move through a shop's cash box at once."""
WORTH: Final = " + ".join(f"{worth} * {face}" for face, worth in FACES.items())
"""What a count is worth, in the words of the database."""
PIECES: Final = " AND ".join(f"{face} BETWEEN 0 AND {PIECES_MAX}" for face in FACES)


class SafeMoveKind(StrEnum):
    """Where the money comes from or goes to; the other side is the safe."""

    DEPOSIT = "deposit"
    FROM_FUND = "from_fund"
    TO_FUND = "to_fund"


class _Counted:
    """The pieces of each face."""

    yuan_100: Mapped[int] = mapped_column(Count, default=0)
    yuan_50: Mapped[int] = mapped_column(Count, default=0)
    yuan_20: Mapped[int] = mapped_column(Count, default=0)
    yuan_10: Mapped[int] = mapped_column(Count, default=0)
    yuan_5: Mapped[int] = mapped_column(Count, default=0)
    yuan_1: Mapped[int] = mapped_column(Count, default=0)
    jiao_5: Mapped[int] = mapped_column(Count, default=0)
    jiao_1: Mapped[int] = mapped_column(Count, default=0)
    fen_1: Mapped[int] = mapped_column(Count, default=0)

    @property
    def count(self) -> dict[str, int]:
        """Return the pieces by face."""
        return {face: getattr(self, face) for face in FACES}


def _counted(amount: str) -> tuple[sa.CheckConstraint, ...]:
    """Return the CHECKs of a table whose column `amount` says what was counted."""
    return (
        sa.CheckConstraint(f"{amount} = {WORTH}", name="count"),
        sa.CheckConstraint(PIECES, name="pieces"),
        sa.CheckConstraint(
            f"(difference_fen = 0 AND difference_reason = '') OR (difference_fen <> 0"
            f" AND length(difference_reason) BETWEEN 1 AND {REASON_LENGTH_MAX})",
            name="difference_has_reason",
        ),
        sa.CheckConstraint(f"length(nonce) BETWEEN 1 AND {NONCE_LENGTH_MAX}", name="nonce"),
    )


class TillDay(_Counted, Base):
    """One drawer on one local day, as it was opened."""

    __tablename__ = "till_day"
    __table_args__ = (
        sa.UniqueConstraint("community_id", "nonce"),
        sa.UniqueConstraint("community_id", "till_number", "day_on"),
        sa.UniqueConstraint("community_id", "transaction_id"),
        sa.ForeignKeyConstraint(["community_id"], ["community.community_id"]),
        sa.CheckConstraint(f"till_number BETWEEN 1 AND {TILL_NUMBER_MAX}", name="till_number"),
        sa.CheckConstraint("starts_at < ends_at", name="hours"),
        sa.CheckConstraint("left_fen >= 0 AND from_safe_fen >= 0", name="amounts"),
        sa.CheckConstraint(
            "float_fen = left_fen + from_safe_fen + difference_fen AND difference_fen <= 0",
            name="float",
        ),
        sa.CheckConstraint(
            "(transaction_id IS NULL) = (from_safe_fen = 0 AND difference_fen = 0)", name="posted"
        ),
        *_counted("float_fen"),
        sa.Index("ix_till_day_starts_at", "community_id", "till_number", "starts_at"),
        STRICT,
    )

    community_id: Mapped[UUID] = community_key()
    id: Mapped[UUID] = mapped_column(primary_key=True)
    nonce: Mapped[str]
    till_number: Mapped[int] = mapped_column(Count)
    day_on: Mapped[date]
    starts_at: Mapped[datetime]
    """The day's first moment in the community's zone, for guards that know no zones."""
    ends_at: Mapped[datetime]
    """The moment after its last."""
    opened_by_id: Mapped[UUID | None]
    opened_at: Mapped[datetime]
    left_fen: Mapped[int]
    """What the book says lay in the drawer before."""
    from_safe_fen: Mapped[int]
    float_fen: Mapped[int]
    """What was counted."""
    difference_fen: Mapped[int]
    """0, or below: what was missing of what had been left."""
    difference_reason: Mapped[str]
    transaction_id: Mapped[UUID | None]
    """None when nothing moved."""


class TillClosing(_Counted, Base):
    """The end of a till day: what was counted, what should have been there, what went where."""

    __tablename__ = "till_closing"
    __table_args__ = (
        sa.UniqueConstraint("community_id", "nonce"),
        sa.UniqueConstraint("community_id", "transaction_id"),
        sa.ForeignKeyConstraint(
            ["community_id", "till_day_id"], ["till_day.community_id", "till_day.id"]
        ),
        sa.CheckConstraint("difference_fen = counted_fen - expected_fen", name="difference"),
        sa.CheckConstraint("expected_fen >= 0", name="expected"),
        sa.CheckConstraint("left_fen BETWEEN 0 AND counted_fen", name="left"),
        sa.CheckConstraint(
            "(transaction_id IS NULL) = (counted_fen = left_fen AND difference_fen = 0)",
            name="posted",
        ),
        *_counted("counted_fen"),
        STRICT,
    )

    community_id: Mapped[UUID] = community_key()
    till_day_id: Mapped[UUID] = mapped_column(primary_key=True)
    nonce: Mapped[str]
    closed_by_id: Mapped[UUID | None]
    closed_at: Mapped[datetime]
    expected_fen: Mapped[int]
    counted_fen: Mapped[int]
    difference_fen: Mapped[int]
    difference_reason: Mapped[str]
    left_fen: Mapped[int]
    """What stays in the drawer as tomorrow's float; the rest went to the safe."""
    transaction_id: Mapped[UUID | None]

    @property
    def takings_fen(self) -> int:
        """Return what went to the safe."""
        return self.counted_fen - self.left_fen


class TillSignature(Base):
    """The second person under a closed day."""

    __tablename__ = "till_signature"
    __table_args__ = (
        sa.ForeignKeyConstraint(
            ["community_id", "till_day_id"],
            ["till_closing.community_id", "till_closing.till_day_id"],
            name="fk_till_signature_closing",
        ),
        sa.ForeignKeyConstraint(
            ["community_id", "signed_by_id"],
            ["member.community_id", "member.id"],
            name="fk_till_signature_signed_by",
        ),
        sa.CheckConstraint(
            "closed_by_id IS NULL OR closed_by_id <> signed_by_id", name="signed_by_another"
        ),
        STRICT,
    )

    community_id: Mapped[UUID] = community_key()
    till_day_id: Mapped[UUID] = mapped_column(primary_key=True)
    closed_by_id: Mapped[UUID | None]
    """As the closing says (a trigger compares), so that the CHECK sees it; None: the system."""
    signed_by_id: Mapped[UUID]
    signed_at: Mapped[datetime]
    head_digest: Mapped[bytes]
    """The sealed book's head at that moment."""


class SafeMove(Base):
    """Money that one person wants to bring into the safe or take out of it."""

    __tablename__ = "safe_move"
    __table_args__ = (
        sa.UniqueConstraint("community_id", "nonce"),
        sa.UniqueConstraint("community_id", "id", "proposed_by_id"),
        sa.ForeignKeyConstraint(["community_id"], ["community.community_id"]),
        sa.CheckConstraint(f"amount_fen BETWEEN 1 AND {AMOUNT_FEN_MAX}", name="amount"),
        sa.CheckConstraint(f"length(note) BETWEEN 1 AND {NOTE_LENGTH_MAX}", name="note"),
        sa.CheckConstraint(f"length(nonce) BETWEEN 1 AND {NONCE_LENGTH_MAX}", name="nonce"),
        STRICT,
    )

    community_id: Mapped[UUID] = community_key()
    id: Mapped[UUID] = mapped_column(primary_key=True)
    nonce: Mapped[str]
    kind: Mapped[SafeMoveKind] = mapped_column(states(SafeMoveKind, "kind"))
    amount_fen: Mapped[int]
    note: Mapped[str]
    proposed_by_id: Mapped[UUID]
    proposed_at: Mapped[datetime]


class SafeDecision(Base):
    """What the second person made of it: the money was counted and moved, or it was declined."""

    __tablename__ = "safe_decision"
    __table_args__ = (
        sa.UniqueConstraint("community_id", "transaction_id"),
        sa.ForeignKeyConstraint(
            ["community_id", "safe_move_id", "proposed_by_id"],
            ["safe_move.community_id", "safe_move.id", "safe_move.proposed_by_id"],
            name="fk_safe_decision_move",
        ),
        sa.ForeignKeyConstraint(
            ["community_id", "decided_by_id"],
            ["member.community_id", "member.id"],
            name="fk_safe_decision_decided_by",
        ),
        sa.CheckConstraint("proposed_by_id <> decided_by_id", name="decided_by_another"),
        sa.CheckConstraint("is_confirmed = (transaction_id IS NOT NULL)", name="posted"),
        STRICT,
    )

    community_id: Mapped[UUID] = community_key()
    safe_move_id: Mapped[UUID] = mapped_column(primary_key=True)
    proposed_by_id: Mapped[UUID]
    decided_by_id: Mapped[UUID]
    decided_at: Mapped[datetime]
    is_confirmed: Mapped[bool]
    transaction_id: Mapped[UUID | None]
