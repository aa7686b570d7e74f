"""Tables of the counter: receipts with their rows, goods swapped in, returns, baskets put aside.

Words: a *redemption* is one finished basket, whatever it was paid with; a *line* is goods that went
out, paid with points or in cash; a *swap line* is goods that the member brought in against them; a
*refund* is what came back of a receipt at one time, piece by piece.

Invariants: all of it is only inserted (triggers refuse UPDATE and DELETE), save a basket put aside,
which ends once; points, swaps and helpers need a member, whom no clerk serves as themselves; of a
line never more pieces come back than went out (a trigger counts them).
"""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from ledger.base import Base, community_key
from ledger.columns import Count, Document, states
from timebank.shop.models import (
    PRICE_FEN_MAX,
    PRICE_POINTS_MAX,
    QUANTITY_MAX,
    REASON_LENGTH_MAX,
    STRICT,
    nonce_length,
)

TILL_NUMBER_MAX = 9
LABEL_LENGTH_MAX = 80
FIRST_TILL = 1


class IdentifiedBy(StrEnum):
    """How the till came to know the member."""

    CARD = "card"
    PAY_CODE = "pay_code"
    NAME = "name"
    FILE = "file"
    """From the receipts of an older system, by its import alone."""


class PaysWith(StrEnum):
    """What a row of a basket is paid with."""

    POINTS = "points"
    CASH = "cash"


def _till_number() -> sa.CheckConstraint:
    return sa.CheckConstraint(f"till_number BETWEEN 1 AND {TILL_NUMBER_MAX}", name="till_number")


class Redemption(Base):
    """One finished basket, posted as one ledger transaction.

    The member pays `total_points` less `swapped_points`; where the swapped goods are worth more,
    the difference is paid to the member.
    """

    __tablename__ = "redemption"
    __table_args__ = (
        sa.UniqueConstraint("community_id", "nonce"),
        sa.UniqueConstraint("community_id", "receipt_number"),
        sa.UniqueConstraint("community_id", "transaction_id"),
        sa.ForeignKeyConstraint(
            ["community_id", "member_id"], ["member.community_id", "member.id"]
        ),
        sa.ForeignKeyConstraint(
            ["community_id", "helper_member_id"],
            ["member.community_id", "member.id"],
            name="fk_redemption_helper",
        ),
        sa.CheckConstraint(
            "clerk_member_id IS NULL OR member_id IS NULL OR clerk_member_id <> member_id",
            name="clerk_serves_others",
        ),
        sa.CheckConstraint(
            "helper_member_id IS NULL OR (member_id IS NOT NULL AND helper_member_id <> member_id"
            " AND (clerk_member_id IS NULL OR clerk_member_id <> helper_member_id))",
            name="helper_is_another",
        ),
        sa.CheckConstraint(
            "(member_id IS NULL) = (identified_by IS NULL)"
            " AND (member_id IS NULL) = (balance_points_after IS NULL)",
            name="member_is_identified",
        ),
        sa.CheckConstraint(
            "member_id IS NOT NULL OR (total_points = 0 AND swapped_points = 0)",
            name="points_need_member",
        ),
        sa.CheckConstraint(
            "total_points > 0 OR total_fen > 0 OR swapped_points > 0", name="something_paid"
        ),
        sa.CheckConstraint("total_points >= 0", name="total_points"),
        sa.CheckConstraint("total_fen >= 0", name="total_fen"),
        sa.CheckConstraint("swapped_points >= 0", name="swapped_points"),
        sa.CheckConstraint(
            "tendered_fen IS NULL OR (total_fen > 0 AND tendered_fen >= total_fen)",
            name="tendered_fen",
        ),
        sa.CheckConstraint("balance_points_after >= 0", name="balance_points_after"),
        sa.CheckConstraint("receipt_number > 0", name="receipt_number"),
        _till_number(),
        nonce_length(),
        sa.Index("ix_redemption_member", "community_id", "member_id", "redeemed_at"),
        sa.Index("ix_redemption_redeemed_at", "community_id", "redeemed_at"),
        STRICT,
    )

    community_id: Mapped[UUID] = community_key()
    id: Mapped[UUID] = mapped_column(primary_key=True)
    nonce: Mapped[str]
    receipt_number: Mapped[int] = mapped_column(Count)
    member_id: Mapped[UUID | None]
    """None: somebody without a card, who paid in cash."""
    clerk_member_id: Mapped[UUID | None]
    identified_by: Mapped[IdentifiedBy | None] = mapped_column(
        states(IdentifiedBy, "identified_by")
    )
    total_points: Mapped[int] = mapped_column(Count)
    """What the rows paid with points come to, swapped goods not yet taken off."""
    balance_points_after: Mapped[int | None]
    redeemed_at: Mapped[datetime]
    transaction_id: Mapped[UUID]
    helper_member_id: Mapped[UUID | None]
    """Who came for the member."""
    till_number: Mapped[int] = mapped_column(Count, default=FIRST_TILL)
    total_fen: Mapped[int] = mapped_column(default=0)
    tendered_fen: Mapped[int | None]
    """What the buyer laid down; None: nobody typed it."""
    swapped_points: Mapped[int] = mapped_column(Count, default=0)
    """What the goods brought in are worth."""

    @property
    def paid_points(self) -> int:
        """Return what the member paid in points; negative: was paid."""
        return self.total_points - self.swapped_points

    @property
    def change_fen(self) -> int | None:
        """Return what the buyer got back; None when nobody typed what was laid down."""
        return None if self.tendered_fen is None else self.tendered_fen - self.total_fen


class RedemptionLine(Base):
    """One row of a basket, with the name and the price of the moment."""

    __tablename__ = "redemption_line"
    __table_args__ = (
        sa.UniqueConstraint("community_id", "redemption_id", "item_id"),
        sa.ForeignKeyConstraint(
            ["community_id", "redemption_id"], ["redemption.community_id", "redemption.id"]
        ),
        sa.ForeignKeyConstraint(["community_id", "item_id"], ["item.community_id", "item.id"]),
        sa.CheckConstraint(f"quantity BETWEEN 1 AND {QUANTITY_MAX}", name="quantity"),
        sa.CheckConstraint(
            "(pays_with = 'points') = (price_points IS NOT NULL)"
            " AND (pays_with = 'points') = (sum_points IS NOT NULL)"
            " AND (pays_with = 'cash') = (price_fen IS NOT NULL)"
            " AND (pays_with = 'cash') = (sum_fen IS NOT NULL)",
            name="price_follows_pays_with",
        ),
        sa.CheckConstraint("price_points > 0", name="price_points"),
        sa.CheckConstraint("sum_points = quantity * price_points", name="sum_points"),
        sa.CheckConstraint(f"price_fen BETWEEN 1 AND {PRICE_FEN_MAX}", name="price_fen"),
        sa.CheckConstraint("sum_fen = quantity * price_fen", name="sum_fen"),
        STRICT,
    )

    community_id: Mapped[UUID] = community_key()
    redemption_id: Mapped[UUID] = mapped_column(primary_key=True)
    line_no: Mapped[int] = mapped_column(Count, primary_key=True)
    item_id: Mapped[UUID]
    item_number: Mapped[int] = mapped_column(Count)
    item_name: Mapped[str]
    quantity: Mapped[int] = mapped_column(Count)
    price_points: Mapped[int | None] = mapped_column(Count)
    sum_points: Mapped[int | None] = mapped_column(Count)
    pays_with: Mapped[PaysWith] = mapped_column(
        states(PaysWith, "pays_with"), default=PaysWith.POINTS
    )
    price_fen: Mapped[int | None]
    sum_fen: Mapped[int | None]


class SwapLine(Base):
    """Goods that the member brought in, with the name and the price of the moment."""

    __tablename__ = "swap_line"
    __table_args__ = (
        sa.UniqueConstraint("community_id", "redemption_id", "item_id"),
        sa.ForeignKeyConstraint(
            ["community_id", "redemption_id"], ["redemption.community_id", "redemption.id"]
        ),
        sa.ForeignKeyConstraint(["community_id", "item_id"], ["item.community_id", "item.id"]),
        sa.CheckConstraint(f"quantity BETWEEN 1 AND {QUANTITY_MAX}", name="quantity"),
        sa.CheckConstraint(f"price_points BETWEEN 1 AND {PRICE_POINTS_MAX}", name="price_points"),
        sa.CheckConstraint("sum_points = quantity * price_points", name="sum_points"),
        STRICT,
    )

    community_id: Mapped[UUID] = community_key()
    redemption_id: Mapped[UUID] = mapped_column(primary_key=True)
    line_no: Mapped[int] = mapped_column(Count, primary_key=True)
    item_id: Mapped[UUID]
    item_number: Mapped[int] = mapped_column(Count)
    item_name: Mapped[str]
    quantity: Mapped[int] = mapped_column(Count)
    price_points: Mapped[int] = mapped_column(Count)
    sum_points: Mapped[int] = mapped_column(Count)


class Refund(Base):
    """What came back of a receipt at one time, and what was given for it.

    The whole of a receipt at once is the mirror reversal of its transaction; a part is a
    transaction of its own. Either restocks the shelf.
    """

    __tablename__ = "refund"
    __table_args__ = (
        sa.UniqueConstraint("community_id", "nonce"),
        sa.UniqueConstraint("community_id", "transaction_id"),
        sa.ForeignKeyConstraint(
            ["community_id", "redemption_id"], ["redemption.community_id", "redemption.id"]
        ),
        sa.CheckConstraint(f"length(reason) BETWEEN 1 AND {REASON_LENGTH_MAX}", name="reason"),
        sa.CheckConstraint("fen_back >= 0", name="fen_back"),
        _till_number(),
        nonce_length(),
        sa.Index("ix_refund_redemption", "community_id", "redemption_id"),
        sa.Index("ix_refund_refunded_at", "community_id", "refunded_at"),
        STRICT,
    )

    community_id: Mapped[UUID] = community_key()
    id: Mapped[UUID] = mapped_column(primary_key=True)
    nonce: Mapped[str]
    redemption_id: Mapped[UUID]
    reason: Mapped[str]
    refunded_by_id: Mapped[UUID | None]
    refunded_at: Mapped[datetime]
    transaction_id: Mapped[UUID]
    till_number: Mapped[int] = mapped_column(Count, default=FIRST_TILL)
    """At which till it came back."""
    points_back: Mapped[int] = mapped_column(Count, default=0)
    """What the member got back; negative where a swap had paid them."""
    fen_back: Mapped[int] = mapped_column(default=0)


class RefundLine(Base):
    """How many pieces of one line of the receipt came back with a refund."""

    __tablename__ = "refund_line"
    __table_args__ = (
        sa.ForeignKeyConstraint(
            ["community_id", "refund_id"], ["refund.community_id", "refund.id"]
        ),
        sa.ForeignKeyConstraint(
            ["community_id", "redemption_id", "line_no"],
            [
                "redemption_line.community_id",
                "redemption_line.redemption_id",
                "redemption_line.line_no",
            ],
            name="fk_refund_line_line",
        ),
        sa.CheckConstraint(f"quantity BETWEEN 1 AND {QUANTITY_MAX}", name="quantity"),
        sa.Index("ix_refund_line_line", "community_id", "redemption_id", "line_no"),
        STRICT,
    )

    community_id: Mapped[UUID] = community_key()
    refund_id: Mapped[UUID] = mapped_column(primary_key=True)
    line_no: Mapped[int] = mapped_column(Count, primary_key=True)
    redemption_id: Mapped[UUID]
    """The refund's own: a trigger checks it, and counts the pieces of the line."""
    quantity: Mapped[int] = mapped_column(Count)


class PayCodeUse(Base):
    """A pay code that was used: each time step of a member is accepted once."""

    __tablename__ = "pay_code_use"
    __table_args__ = (
        sa.ForeignKeyConstraint(
            ["community_id", "member_id"], ["member.community_id", "member.id"]
        ),
        STRICT,
    )

    community_id: Mapped[UUID] = community_key()
    member_id: Mapped[UUID] = mapped_column(primary_key=True)
    step: Mapped[int] = mapped_column(primary_key=True)
    nonce: Mapped[str]
    """The till's nonce, so that a retry of the same sale is not a second use."""


class HeldBasket(Base):
    """A basket put aside while somebody else is served: what was scanned, and no promise."""

    __tablename__ = "held_basket"
    __table_args__ = (
        sa.UniqueConstraint("community_id", "nonce"),
        sa.ForeignKeyConstraint(["community_id"], ["community.community_id"]),
        sa.CheckConstraint(f"length(label) BETWEEN 1 AND {LABEL_LENGTH_MAX}", name="label"),
        sa.CheckConstraint("ended_at IS NOT NULL OR ended_by_id IS NULL", name="ended"),
        _till_number(),
        nonce_length(),
        sa.Index("ix_held_basket_held_at", "community_id", "held_at"),
        STRICT,
    )

    community_id: Mapped[UUID] = community_key()
    id: Mapped[UUID] = mapped_column(primary_key=True)
    nonce: Mapped[str]
    till_number: Mapped[int] = mapped_column(Count, default=FIRST_TILL)
    label: Mapped[str]
    """How the clerk finds it again: the member's name, or the first goods."""
    content: Mapped[Any] = mapped_column(Document)
    held_by_id: Mapped[UUID | None]
    held_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    """When it was taken up or thrown away; None while it waits."""
    ended_by_id: Mapped[UUID | None]
