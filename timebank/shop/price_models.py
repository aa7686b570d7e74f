"""The table of prices: every decision about what goods cost.

Invariant: rows are only inserted (triggers refuse UPDATE and DELETE).
"""

from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from ledger.base import Base, community_key
from ledger.columns import Count, states
from timebank.shop.models import PRICE_FEN_MAX, PRICE_POINTS_MAX, STRICT, ValueBasis


class ItemPrice(Base):
    """One decision about a price; the newest is the one that the item carries."""

    __tablename__ = "item_price"
    __table_args__ = (
        sa.ForeignKeyConstraint(["community_id", "item_id"], ["item.community_id", "item.id"]),
        sa.CheckConstraint(
            f"price_points IS NULL OR price_points BETWEEN 1 AND {PRICE_POINTS_MAX}",
            name="price_points",
        ),
        sa.CheckConstraint(
            f"price_fen IS NULL OR price_fen BETWEEN 1 AND {PRICE_FEN_MAX}", name="price_fen"
        ),
        sa.CheckConstraint("price_points IS NOT NULL OR price_fen IS NOT NULL", name="price"),
        sa.CheckConstraint("basis <> 'unvalued'", name="valued"),
        sa.Index("ix_item_price_item", "community_id", "item_id", "set_at"),
        STRICT,
    )

    community_id: Mapped[UUID] = community_key()
    id: Mapped[UUID] = mapped_column(primary_key=True)
    item_id: Mapped[UUID]
    price_points: Mapped[int | None] = mapped_column(Count)
    price_fen: Mapped[int | None]
    basis: Mapped[ValueBasis] = mapped_column(states(ValueBasis, "basis"))
    set_by_id: Mapped[UUID | None]
    """None: the system."""
    set_at: Mapped[datetime]
