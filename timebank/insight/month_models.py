"""The table of month ends: prepared by one person with what was found, closed by another."""

from datetime import date, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from ledger.base import Base, community_key
from ledger.columns import Document, states


class MonthState(StrEnum):
    """Where a month end stands."""

    PREPARED = "prepared"
    CLOSED = "closed"
    WITHDRAWN = "withdrawn"


class MonthEnd(Base):
    """One month whose checklist somebody went through; closed by another, or taken back."""

    __tablename__ = "month_end"
    __table_args__ = (
        sa.ForeignKeyConstraint(["community_id"], ["community.community_id"]),
        sa.CheckConstraint(
            "(state = 'prepared') = (decided_by_id IS NULL)"
            " AND (state = 'prepared') = (decided_at IS NULL)",
            name="decided",
        ),
        sa.CheckConstraint(
            "state <> 'closed' OR decided_by_id <> prepared_by_id", name="closed_by_another"
        ),
        sa.Index(
            "uq_month_end_open",
            "community_id",
            unique=True,
            postgresql_where=sa.text("state = 'prepared'"),
            sqlite_where=sa.text("state = 'prepared'"),
        ),
        {"sqlite_strict": True},
    )

    community_id: Mapped[UUID] = community_key()
    id: Mapped[UUID] = mapped_column(primary_key=True)
    through: Mapped[date]
    """Last day of the month."""
    state: Mapped[MonthState] = mapped_column(states(MonthState, "state"))
    findings: Mapped[Any] = mapped_column(Document)
    """What stood open when it was prepared, by name of the check."""
    prepared_by_id: Mapped[UUID]
    prepared_at: Mapped[datetime]
    decided_by_id: Mapped[UUID | None]
    decided_at: Mapped[datetime | None]
