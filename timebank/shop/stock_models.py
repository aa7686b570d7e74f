"""Tables of the stock: batches of intake, stocktakes, and pieces that leave the shelf unsold.

Words: a *batch* is many donations brought in at once, by a workshop or by a file; a *stocktake*
counts what stands on a shelf, and its *lines* say what that changed; a *stock move* takes pieces
off the shelf for good (written off, recycled, given to a household in need) or takes an earlier
move back.

Invariants: batches, counts and lines are only inserted; a stocktake is closed once, by somebody who
neither opened it nor counted; a move is decided once, by another than who proposed it, save a small
one; who was given a gift is encrypted.
"""

from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from ledger.base import Base, community_key
from ledger.columns import Count, states
from timebank.shop.models import NONCE_LENGTH_MAX, PIECE_COUNT_MAX, REASON_LENGTH_MAX

TITLE_LENGTH_MAX = 60
PLACE_LENGTH_MAX = 60
ALONE_PIECES_MAX = 3
ALONE_POINTS_MAX = 100
ALONE_FEN_MAX = 5_000
"""What one person may take off the shelf alone, in one day: pieces, points and fen."""
STRICT = {"sqlite_strict": True}


class BatchKind(StrEnum):
    """How many donations came at once."""

    WORKSHOP = "workshop"
    FILE = "file"


class StocktakeState(StrEnum):
    """Where a stocktake stands."""

    OPEN = "open"
    CLOSED = "closed"
    CALLED_OFF = "called_off"


class MoveKind(StrEnum):
    """Why pieces leave the shelf; `reversal` puts back what an earlier move took."""

    WRITE_OFF = "write_off"
    RECYCLE = "recycle"
    GIFT = "gift"
    REVERSAL = "reversal"


class MoveState(StrEnum):
    """Where a stock move stands."""

    PROPOSED = "proposed"
    DONE = "done"
    DECLINED = "declined"


def _nonce_length() -> sa.CheckConstraint:
    """Return the CHECK of a column `nonce`."""
    return sa.CheckConstraint(f"length(nonce) BETWEEN 1 AND {NONCE_LENGTH_MAX}", name="nonce")


class IntakeBatch(Base):
    """A workshop session or a file, whose donations came in together or not at all."""

    __tablename__ = "intake_batch"
    __table_args__ = (
        sa.UniqueConstraint("community_id", "nonce"),
        sa.ForeignKeyConstraint(["community_id"], ["community.community_id"]),
        sa.CheckConstraint(f"length(title) BETWEEN 1 AND {TITLE_LENGTH_MAX}", name="title"),
        sa.CheckConstraint(f"length(place) <= {PLACE_LENGTH_MAX}", name="place"),
        _nonce_length(),
        STRICT,
    )

    community_id: Mapped[UUID] = community_key()
    id: Mapped[UUID] = mapped_column(primary_key=True)
    nonce: Mapped[str]
    kind: Mapped[BatchKind] = mapped_column(states(BatchKind, "kind"))
    title: Mapped[str]
    place: Mapped[str]
    held_on: Mapped[date]
    recorded_by_id: Mapped[UUID | None]
    recorded_at: Mapped[datetime]


class IntakeBatchLine(Base):
    """One donation of a batch."""

    __tablename__ = "intake_batch_line"
    __table_args__ = (
        sa.UniqueConstraint("community_id", "donation_id"),
        sa.ForeignKeyConstraint(
            ["community_id", "batch_id"], ["intake_batch.community_id", "intake_batch.id"]
        ),
        sa.ForeignKeyConstraint(
            ["community_id", "donation_id"], ["donation.community_id", "donation.id"]
        ),
        sa.CheckConstraint("line_no > 0", name="line_no"),
        STRICT,
    )

    community_id: Mapped[UUID] = community_key()
    batch_id: Mapped[UUID] = mapped_column(primary_key=True)
    line_no: Mapped[int] = mapped_column(Count, primary_key=True)
    donation_id: Mapped[UUID]


class Stocktake(Base):
    """Counting a shelf, or all of them; one at a time in a community."""

    __tablename__ = "stocktake"
    __table_args__ = (
        sa.UniqueConstraint("community_id", "nonce"),
        sa.ForeignKeyConstraint(["community_id"], ["community.community_id"]),
        sa.CheckConstraint(
            "(state = 'open') = (ended_at IS NULL) AND (state = 'open') = (ended_by_id IS NULL)",
            name="ended",
        ),
        sa.CheckConstraint(
            "state <> 'closed' OR ended_by_id <> opened_by_id", name="closed_by_another"
        ),
        sa.CheckConstraint("transaction_id IS NULL OR state = 'closed'", name="posted_when_closed"),
        _nonce_length(),
        sa.Index(
            "uq_stocktake_open",
            "community_id",
            unique=True,
            postgresql_where=sa.text("state = 'open'"),
            sqlite_where=sa.text("state = 'open'"),
        ),
        STRICT,
    )

    community_id: Mapped[UUID] = community_key()
    id: Mapped[UUID] = mapped_column(primary_key=True)
    nonce: Mapped[str]
    shelf: Mapped[str | None]
    """None: every shelf."""
    state: Mapped[StocktakeState] = mapped_column(states(StocktakeState, "state"))
    opened_by_id: Mapped[UUID]
    opened_at: Mapped[datetime]
    ended_by_id: Mapped[UUID | None]
    ended_at: Mapped[datetime | None]
    transaction_id: Mapped[UUID | None]
    """None while nothing was posted: open, called off, or no difference."""


class StocktakeCount(Base):
    """Pieces of one kind that somebody counted.

    They add up, from the newest row on that says the total.
    """

    __tablename__ = "stocktake_count"
    __table_args__ = (
        sa.UniqueConstraint("community_id", "nonce"),
        sa.ForeignKeyConstraint(
            ["community_id", "stocktake_id"], ["stocktake.community_id", "stocktake.id"]
        ),
        sa.ForeignKeyConstraint(["community_id", "item_id"], ["item.community_id", "item.id"]),
        sa.CheckConstraint(f"piece_count BETWEEN 0 AND {PIECE_COUNT_MAX}", name="piece_count"),
        _nonce_length(),
        sa.Index("ix_stocktake_count_stocktake", "community_id", "stocktake_id", "id"),
        STRICT,
    )

    community_id: Mapped[UUID] = community_key()
    id: Mapped[UUID] = mapped_column(primary_key=True)
    nonce: Mapped[str]
    stocktake_id: Mapped[UUID]
    item_id: Mapped[UUID]
    piece_count: Mapped[int] = mapped_column(Count)
    is_total: Mapped[bool]
    """Whether it stands for all pieces, and what was counted before is left out."""
    book_count: Mapped[int] = mapped_column(Count)
    """What the book held at that moment: where it moved since, the count is out of date."""
    counted_by_id: Mapped[UUID]
    counted_at: Mapped[datetime]


class StocktakeLine(Base):
    """What a closed stocktake found of one kind, against the book at the moment of posting."""

    __tablename__ = "stocktake_line"
    __table_args__ = (
        sa.ForeignKeyConstraint(
            ["community_id", "stocktake_id"], ["stocktake.community_id", "stocktake.id"]
        ),
        sa.ForeignKeyConstraint(["community_id", "item_id"], ["item.community_id", "item.id"]),
        sa.CheckConstraint("difference = counted - book_count", name="difference"),
        sa.CheckConstraint("counted >= 0 AND book_count >= 0", name="counted"),
        sa.CheckConstraint(
            f"(difference = 0) = (reason = '') AND length(reason) <= {REASON_LENGTH_MAX}",
            name="difference_has_reason",
        ),
        STRICT,
    )

    community_id: Mapped[UUID] = community_key()
    stocktake_id: Mapped[UUID] = mapped_column(primary_key=True)
    item_id: Mapped[UUID] = mapped_column(primary_key=True)
    counted: Mapped[int] = mapped_column(Count)
    book_count: Mapped[int] = mapped_column(Count)
    difference: Mapped[int] = mapped_column(Count)
    reason: Mapped[str]


class StockMove(Base):
    """Pieces that leave the shelf unsold, or come back from there."""

    __tablename__ = "stock_move"
    __table_args__ = (
        sa.UniqueConstraint("community_id", "nonce"),
        sa.UniqueConstraint("community_id", "transaction_id"),
        sa.ForeignKeyConstraint(["community_id", "item_id"], ["item.community_id", "item.id"]),
        sa.ForeignKeyConstraint(
            ["community_id", "corrects_id"],
            ["stock_move.community_id", "stock_move.id"],
            name="fk_stock_move_corrects",
        ),
        sa.CheckConstraint(f"piece_count BETWEEN 1 AND {PIECE_COUNT_MAX}", name="piece_count"),
        sa.CheckConstraint("points_value >= 0 AND fen_value >= 0", name="value"),
        sa.CheckConstraint(f"length(reason) BETWEEN 1 AND {REASON_LENGTH_MAX}", name="reason"),
        sa.CheckConstraint(
            "(kind = 'gift') = (recipient_encrypted IS NOT NULL)", name="gift_has_recipient"
        ),
        sa.CheckConstraint(
            "(kind = 'reversal') = (corrects_id IS NOT NULL)", name="reversal_corrects"
        ),
        sa.CheckConstraint(
            "(state = 'proposed') = (decided_at IS NULL)"
            " AND (state = 'proposed') = (decided_by_id IS NULL)",
            name="decided",
        ),
        sa.CheckConstraint("(state = 'done') = (transaction_id IS NOT NULL)", name="posted"),
        sa.CheckConstraint(
            "state <> 'done' OR decided_by_id <> proposed_by_id OR (kind IN"
            f" ('write_off', 'recycle') AND piece_count <= {ALONE_PIECES_MAX}"
            f" AND points_value <= {ALONE_POINTS_MAX} AND fen_value <= {ALONE_FEN_MAX})",
            name="confirmed_by_another",
        ),
        _nonce_length(),
        sa.Index("ix_stock_move_item", "community_id", "item_id"),
        sa.Index(
            "uq_stock_move_corrects",
            "community_id",
            "corrects_id",
            unique=True,
            postgresql_where=sa.text("state <> 'declined'"),
            sqlite_where=sa.text("state <> 'declined'"),
        ),
        STRICT,
    )

    community_id: Mapped[UUID] = community_key()
    id: Mapped[UUID] = mapped_column(primary_key=True)
    nonce: Mapped[str]
    kind: Mapped[MoveKind] = mapped_column(states(MoveKind, "kind"))
    item_id: Mapped[UUID]
    piece_count: Mapped[int] = mapped_column(Count)
    points_value: Mapped[int]
    """Pieces times the price of the moment; 0 without a price in points."""
    fen_value: Mapped[int]
    reason: Mapped[str]
    recipient_encrypted: Mapped[bytes | None]
    """Who was given a gift: a reference of the office, under a key of the community."""
    corrects_id: Mapped[UUID | None]
    state: Mapped[MoveState] = mapped_column(states(MoveState, "state"))
    proposed_by_id: Mapped[UUID]
    proposed_at: Mapped[datetime]
    decided_by_id: Mapped[UUID | None]
    decided_at: Mapped[datetime | None]
    transaction_id: Mapped[UUID | None]
