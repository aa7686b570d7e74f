"""Tables of the charity shop: items (kinds of goods), photos, donations, reservations.

Stock is not a column here: pieces are ledger accounts in the item's own commodity (GOODS-0001).
Prices are set by somebody else than the maker. What goes over the counter stands in
`timebank/shop/sale_models.py`.

Invariants: donations and reservations are only inserted (triggers refuse UPDATE and DELETE); nobody
receives from or prices for themselves; points paid for exchanged goods follow from the pieces and
the price in the same row.
"""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from ledger.base import Base, community_key
from ledger.columns import Count, states

PRICE_POINTS_MAX = 10_000
PRICE_FEN_MAX = 1_000_000
"""Ten thousand yuan."""
QUANTITY_MAX = 99
PIECE_COUNT_MAX = 10_000
EXCHANGE_POINTS_PER_DAY_MAX = 500
"""Points that one maker can be paid for exchanged goods in one day."""
ITEM_NAME_LENGTH_MAX = 60
CATEGORY_LENGTH_MAX = 30
STORY_LENGTH_MAX = 1000
MAKER_NAME_LENGTH_MAX = 60
SHELF_LENGTH_MAX = 20
REASON_LENGTH_MAX = 200
NONCE_LENGTH_MAX = 80
PHOTO_SIDE_MAX = 1280

STRICT = {"sqlite_strict": True}
"""Half a piece is refused on SQLite too."""


class ValueBasis(StrEnum):
    """Where a price comes from; `unvalued` stands for no price yet."""

    VOUCHER = "voucher"
    MARKET = "market_estimate"
    COUNCIL = "council_price"
    NOMINAL = "nominal"
    UNVALUED = "unvalued"


class Condition(StrEnum):
    """In which condition goods came in."""

    NEW = "new"
    GOOD = "good"
    FAIR = "fair"


class IntakeChoice(StrEnum):
    """What the maker chose.

    Donate (no points, counts for commendation) or exchange (points at the price set by another).
    """

    DONATE = "donate"
    EXCHANGE = "exchange"


def nonce_length() -> sa.CheckConstraint:
    """Return the CHECK of a column `nonce`."""
    return sa.CheckConstraint(f"length(nonce) BETWEEN 1 AND {NONCE_LENGTH_MAX}", name="nonce")


class Photo(Base):
    """A picture, re-encoded at upload without its metadata. The same picture is stored once."""

    __tablename__ = "photo"
    __table_args__ = (
        sa.UniqueConstraint("community_id", "content_digest"),
        sa.ForeignKeyConstraint(["community_id"], ["community.community_id"]),
        sa.CheckConstraint(
            f"width BETWEEN 1 AND {PHOTO_SIDE_MAX} AND height BETWEEN 1 AND {PHOTO_SIDE_MAX}",
            name="side",
        ),
        STRICT,
    )

    community_id: Mapped[UUID] = community_key()
    id: Mapped[UUID] = mapped_column(primary_key=True)
    media_type: Mapped[str]
    content: Mapped[bytes]
    content_digest: Mapped[bytes]
    """SHA-256 of what was uploaded."""
    width: Mapped[int] = mapped_column(Count)
    height: Mapped[int] = mapped_column(Count)
    created_at: Mapped[datetime]


class Item(Base):
    """A kind of goods with its maker, story, photo and price.

    `number` 1 is commodity GOODS-0001 and label 5 00000001 + check digit.
    """

    __tablename__ = "item"
    __table_args__ = (
        sa.UniqueConstraint("community_id", "number"),
        sa.UniqueConstraint("community_id", "nonce"),
        sa.ForeignKeyConstraint(["community_id"], ["community.community_id"]),
        sa.ForeignKeyConstraint(["community_id", "photo_id"], ["photo.community_id", "photo.id"]),
        sa.ForeignKeyConstraint(
            ["community_id", "maker_member_id"],
            ["member.community_id", "member.id"],
            name="fk_item_maker",
        ),
        sa.CheckConstraint(
            "priced_by_id IS NULL OR maker_member_id IS NULL OR priced_by_id <> maker_member_id",
            name="maker_never_prices",
        ),
        sa.CheckConstraint(
            f"price_points IS NULL OR price_points BETWEEN 1 AND {PRICE_POINTS_MAX}",
            name="price_points",
        ),
        sa.CheckConstraint(
            f"price_fen IS NULL OR price_fen BETWEEN 1 AND {PRICE_FEN_MAX}", name="price_fen"
        ),
        sa.CheckConstraint(
            "(price_points IS NULL AND price_fen IS NULL) = (value_basis = 'unvalued')",
            name="price_has_basis",
        ),
        sa.CheckConstraint(
            "(price_points IS NULL AND price_fen IS NULL) = (priced_at IS NULL)",
            name="price_has_date",
        ),
        sa.CheckConstraint(f"length(shelf) <= {SHELF_LENGTH_MAX}", name="shelf"),
        sa.CheckConstraint(f"length(name) BETWEEN 1 AND {ITEM_NAME_LENGTH_MAX}", name="name"),
        sa.CheckConstraint(f"length(story) <= {STORY_LENGTH_MAX}", name="story"),
        sa.CheckConstraint("number > 0", name="number"),
        nonce_length(),
        sa.Index("ix_item_photo", "community_id", "photo_id"),
        STRICT,
    )

    community_id: Mapped[UUID] = community_key()
    id: Mapped[UUID] = mapped_column(primary_key=True)
    nonce: Mapped[str]
    number: Mapped[int] = mapped_column(Count)
    name: Mapped[str]
    category: Mapped[str] = mapped_column(default="")
    story: Mapped[str]
    maker_member_id: Mapped[UUID | None]
    maker_name: Mapped[str]
    """As printed; empty: a resident's gift without a name."""
    photo_id: Mapped[UUID | None]
    price_points: Mapped[int | None] = mapped_column(Count)
    """None: not to be had for points (or not priced yet)."""
    price_fen: Mapped[int | None]
    """What a buyer pays in cash; None: not sold for money."""
    value_basis: Mapped[ValueBasis] = mapped_column(
        states(ValueBasis, "value_basis"), default=ValueBasis.UNVALUED
    )
    priced_by_id: Mapped[UUID | None]
    priced_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    intake_account_id: Mapped[UUID]
    stock_account_id: Mapped[UUID]
    out_account_id: Mapped[UUID]
    condition: Mapped[Condition] = mapped_column(
        states(Condition, "condition"), default=Condition.GOOD
    )
    shelf: Mapped[str] = mapped_column(default="")
    """Where it stands; empty: nowhere in particular."""
    is_single: Mapped[bool] = mapped_column(default=False)
    """A piece of its own: there is never more than one of it."""


class Donation(Base):
    """Pieces brought in by somebody at one time.

    `points` > 0 only for an exchange: pieces times the price of the moment, paid to the maker.
    """

    __tablename__ = "donation"
    __table_args__ = (
        sa.UniqueConstraint("community_id", "nonce"),
        sa.UniqueConstraint("community_id", "transaction_id"),
        sa.ForeignKeyConstraint(["community_id", "item_id"], ["item.community_id", "item.id"]),
        sa.ForeignKeyConstraint(
            ["community_id", "donor_member_id"],
            ["member.community_id", "member.id"],
            name="fk_donation_donor",
        ),
        sa.CheckConstraint(f"piece_count BETWEEN 1 AND {PIECE_COUNT_MAX}", name="piece_count"),
        sa.CheckConstraint(
            "received_by_id IS NULL OR donor_member_id IS NULL"
            " OR received_by_id <> donor_member_id",
            name="received_by_another",
        ),
        sa.CheckConstraint(
            "(choice = 'exchange' AND donor_member_id IS NOT NULL AND price_points IS NOT NULL"
            " AND points = piece_count * price_points"
            f" AND points BETWEEN 1 AND {EXCHANGE_POINTS_PER_DAY_MAX})"
            " OR (choice = 'donate' AND points = 0)",
            name="points_follow_price",
        ),
        nonce_length(),
        sa.Index("ix_donation_donor", "community_id", "donor_member_id", "received_at"),
        sa.Index("ix_donation_item", "community_id", "item_id"),
        STRICT,
    )

    community_id: Mapped[UUID] = community_key()
    id: Mapped[UUID] = mapped_column(primary_key=True)
    nonce: Mapped[str]
    item_id: Mapped[UUID]
    donor_member_id: Mapped[UUID | None]
    choice: Mapped[IntakeChoice] = mapped_column(states(IntakeChoice, "choice"))
    piece_count: Mapped[int] = mapped_column(Count)
    price_points: Mapped[int | None] = mapped_column(Count)
    points: Mapped[int] = mapped_column(Count, default=0)
    received_by_id: Mapped[UUID | None]
    received_at: Mapped[datetime]
    transaction_id: Mapped[UUID]


class Reservation(Base):
    """Pieces put by for a member: the paper of a hold on points and pieces.

    When it was made, when it runs out and what became of it are facts of the hold, and are stored
    there alone (see `timebank/shop/reserved.py`).
    """

    __tablename__ = "reservation"
    __table_args__ = (
        sa.UniqueConstraint("community_id", "nonce"),
        sa.UniqueConstraint("community_id", "transaction_id"),
        sa.ForeignKeyConstraint(
            ["community_id", "member_id"], ["member.community_id", "member.id"]
        ),
        sa.ForeignKeyConstraint(["community_id", "item_id"], ["item.community_id", "item.id"]),
        sa.CheckConstraint(f"quantity BETWEEN 1 AND {QUANTITY_MAX}", name="quantity"),
        sa.CheckConstraint("price_points > 0", name="price_points"),
        sa.CheckConstraint("total_points = quantity * price_points", name="total_points"),
        nonce_length(),
        sa.Index("ix_reservation_member", "community_id", "member_id", "id"),
        sa.Index("ix_reservation_item", "community_id", "item_id"),
        STRICT,
    )

    community_id: Mapped[UUID] = community_key()
    id: Mapped[UUID] = mapped_column(primary_key=True)
    nonce: Mapped[str]
    member_id: Mapped[UUID]
    item_id: Mapped[UUID]
    item_number: Mapped[int] = mapped_column(Count)
    item_name: Mapped[str]
    quantity: Mapped[int] = mapped_column(Count)
    price_points: Mapped[int] = mapped_column(Count)
    """The price of the moment it was made: the till takes this one."""
    total_points: Mapped[int] = mapped_column(Count)
    transaction_id: Mapped[UUID]
    """The hold."""
