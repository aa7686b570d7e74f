"""Tables of the charity shop: items (kinds of goods), photos, donations, redemptions and refunds.

Stock is not a column here: pieces are ledger accounts in the item's own commodity (GOODS-0001). Prices are set by somebody else than the maker.
"""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from ledger.columns import Count, states
from ledger.schema import Base, community_key

PRICE_POINTS_MAX = 10_000
QUANTITY_MAX = 99


class ValueBasis(StrEnum):
    """Where a price comes from."""

    VOUCHER = "voucher"
    MARKET = "market_estimate"
    COUNCIL = "council_price"
    NOMINAL = "nominal"
    UNVALUED = "unvalued"


class IntakeChoice(StrEnum):
    """What the maker chose: donate (no points, counts for commendation) or exchange (points at the price set by another)."""

    DONATE = "donate"
    EXCHANGE = "exchange"


class Photo(Base):
    """A picture, re-encoded at upload without its metadata."""

    __tablename__ = "photo"
    __table_args__ = (sa.ForeignKeyConstraint(["community_id"], ["community.community_id"]),)

    community_id: Mapped[UUID] = community_key()
    id: Mapped[UUID] = mapped_column(primary_key=True)
    media_type: Mapped[str]
    content: Mapped[bytes]
    width: Mapped[int] = mapped_column(Count)
    height: Mapped[int] = mapped_column(Count)
    created_at: Mapped[datetime]


class Item(Base):
    """A kind of goods with its maker, story, photo and price. `number` 1 is commodity GOODS-0001 and label 5 00000001 + check digit."""

    __tablename__ = "item"
    __table_args__ = (
        sa.UniqueConstraint("community_id", "number"),
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
    )

    community_id: Mapped[UUID] = community_key()
    id: Mapped[UUID] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(Count)
    name: Mapped[str]
    story: Mapped[str]
    maker_member_id: Mapped[UUID | None]
    maker_name: Mapped[str]
    """As printed; 居民捐赠 (a resident's gift) when the maker wants no name."""
    photo_id: Mapped[UUID | None]
    price_points: Mapped[int | None] = mapped_column(Count)
    """None: not priced yet, so not on sale."""
    value_basis: Mapped[ValueBasis] = mapped_column(
        states(ValueBasis, "value_basis"), default=ValueBasis.UNVALUED
    )
    priced_by_id: Mapped[UUID | None]
    priced_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    intake_account_id: Mapped[UUID]
    stock_account_id: Mapped[UUID]
    out_account_id: Mapped[UUID]


class Donation(Base):
    """Pieces brought in by somebody at one time."""

    __tablename__ = "donation"
    __table_args__ = (
        sa.UniqueConstraint("community_id", "nonce"),
        sa.ForeignKeyConstraint(["community_id", "item_id"], ["item.community_id", "item.id"]),
        sa.CheckConstraint("piece_count BETWEEN 1 AND 10000", name="piece_count"),
    )

    community_id: Mapped[UUID] = community_key()
    id: Mapped[UUID] = mapped_column(primary_key=True)
    nonce: Mapped[str]
    item_id: Mapped[UUID]
    donor_member_id: Mapped[UUID | None]
    choice: Mapped[IntakeChoice] = mapped_column(states(IntakeChoice, "choice"))
    piece_count: Mapped[int] = mapped_column(Count)
    received_by_id: Mapped[UUID | None]
    received_at: Mapped[datetime]
    transaction_id: Mapped[UUID]


class Redemption(Base):
    """One finished basket: points for pieces, posted as one ledger transaction."""

    __tablename__ = "redemption"
    __table_args__ = (
        sa.UniqueConstraint("community_id", "nonce"),
        sa.UniqueConstraint("community_id", "receipt_number"),
        sa.UniqueConstraint("community_id", "transaction_id"),
        sa.ForeignKeyConstraint(
            ["community_id", "member_id"], ["member.community_id", "member.id"]
        ),
        sa.CheckConstraint(
            "clerk_member_id IS NULL OR clerk_member_id <> member_id", name="clerk_serves_others"
        ),
        sa.CheckConstraint("total_points > 0", name="total_points"),
        sa.Index("ix_redemption_member", "community_id", "member_id", "redeemed_at"),
    )

    community_id: Mapped[UUID] = community_key()
    id: Mapped[UUID] = mapped_column(primary_key=True)
    nonce: Mapped[str]
    receipt_number: Mapped[int] = mapped_column(Count)
    member_id: Mapped[UUID]
    clerk_member_id: Mapped[UUID | None]
    identified_by: Mapped[str]
    """card, pay_code or name."""
    total_points: Mapped[int] = mapped_column(Count)
    balance_points_after: Mapped[int]
    redeemed_at: Mapped[datetime]
    transaction_id: Mapped[UUID]


class RedemptionLine(Base):
    """One row of a basket, with the price of the moment."""

    __tablename__ = "redemption_line"
    __table_args__ = (
        sa.ForeignKeyConstraint(
            ["community_id", "redemption_id"], ["redemption.community_id", "redemption.id"]
        ),
        sa.ForeignKeyConstraint(["community_id", "item_id"], ["item.community_id", "item.id"]),
        sa.CheckConstraint(f"quantity BETWEEN 1 AND {QUANTITY_MAX}", name="quantity"),
        sa.CheckConstraint("sum_points = quantity * price_points", name="sum_points"),
    )

    community_id: Mapped[UUID] = community_key()
    redemption_id: Mapped[UUID] = mapped_column(primary_key=True)
    line_no: Mapped[int] = mapped_column(Count, primary_key=True)
    item_id: Mapped[UUID]
    quantity: Mapped[int] = mapped_column(Count)
    price_points: Mapped[int] = mapped_column(Count)
    sum_points: Mapped[int] = mapped_column(Count)


class Refund(Base):
    """Return of a whole receipt: the mirror reversal of its transaction, which restocks the shelf."""

    __tablename__ = "refund"
    __table_args__ = (
        sa.UniqueConstraint("community_id", "redemption_id"),
        sa.ForeignKeyConstraint(
            ["community_id", "redemption_id"], ["redemption.community_id", "redemption.id"]
        ),
        sa.CheckConstraint("length(reason) > 0", name="reason"),
    )

    community_id: Mapped[UUID] = community_key()
    id: Mapped[UUID] = mapped_column(primary_key=True)
    redemption_id: Mapped[UUID]
    reason: Mapped[str]
    refunded_by_id: Mapped[UUID | None]
    refunded_at: Mapped[datetime]
    transaction_id: Mapped[UUID]


class PayCodeUse(Base):
    """A pay code that was used: each time step of a member is accepted once."""

    __tablename__ = "pay_code_use"

    community_id: Mapped[UUID] = community_key()
    member_id: Mapped[UUID] = mapped_column(primary_key=True)
    step: Mapped[int] = mapped_column(primary_key=True)
    nonce: Mapped[str]
    """The till's nonce, so that a retry of the same sale is not a second use."""
