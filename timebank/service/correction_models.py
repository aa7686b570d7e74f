"""Tables of what happens to an attendance around and after its confirmation.

Words: a *correction* is proposed by one person and decided by another; agreed to, it changes what a
settled attendance is worth, and the book with it; a *dispute* is the volunteer's own question about
a settled attendance; an *agreement* is the second person's yes to a row of a long day.

Invariants: a row has one open correction and one open dispute at most; what was proposed or asked
never changes, and what was decided or answered stays so; nobody decides about their own row.
"""

from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from ledger.base import Base, community_key
from ledger.columns import Count, states

TEXT_LENGTH_MAX: Final = 500
STRICT = {"sqlite_strict": True}
OPEN: Final = sa.text("state = 'open'")


class CorrectionState(StrEnum):
    """Where a proposal stands."""

    OPEN = "open"
    AGREED = "agreed"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"


class DisputeState(StrEnum):
    """Where a volunteer's question stands."""

    OPEN = "open"
    EXPLAINED = "explained"
    CORRECTED = "corrected"
    WITHDRAWN = "withdrawn"


class Correction(Base):
    """One proposal to change a settled attendance, and what became of it.

    `in_at` and `out_at` are the proposed stay; both None say that the member was not there. What
    begins with `old_` is the row as it was when this was proposed. Minutes, points and transactions
    are those of the agreement.
    """

    __tablename__ = "correction"
    __table_args__ = (
        sa.ForeignKeyConstraint(
            ["community_id", "attendance_id"], ["attendance.community_id", "attendance.id"]
        ),
        sa.ForeignKeyConstraint(
            ["community_id", "member_id"], ["member.community_id", "member.id"]
        ),
        sa.UniqueConstraint("community_id", "transaction_id"),
        sa.UniqueConstraint("community_id", "reversal_id"),
        sa.CheckConstraint("proposed_by_id <> member_id", name="proposed_by_another"),
        sa.CheckConstraint(
            "state NOT IN ('agreed', 'refused')"
            " OR (decided_by_id <> member_id AND decided_by_id <> proposed_by_id)",
            name="decided_by_another",
        ),
        sa.CheckConstraint(
            "state <> 'withdrawn' OR decided_by_id = proposed_by_id", name="withdrawn_by_proposer"
        ),
        sa.CheckConstraint(
            "(state = 'open') = (decided_at IS NULL)"
            " AND (state = 'open') = (decided_by_id IS NULL)",
            name="decided",
        ),
        sa.CheckConstraint(
            "(in_at IS NULL) = (out_at IS NULL) AND (in_at IS NULL OR out_at > in_at)",
            name="stay",
        ),
        sa.CheckConstraint(f"length(reason) BETWEEN 1 AND {TEXT_LENGTH_MAX}", name="reason_length"),
        sa.CheckConstraint(
            "(state = 'refused') = (answer IS NOT NULL)"
            f" AND (answer IS NULL OR length(answer) BETWEEN 1 AND {TEXT_LENGTH_MAX})",
            name="refused_says_why",
        ),
        sa.CheckConstraint(
            "(state = 'agreed') = (counted_minutes IS NOT NULL)"
            " AND (state = 'agreed') = (points IS NOT NULL)"
            " AND (counted_minutes IS NULL OR counted_minutes BETWEEN 0 AND 1440)",
            name="agreed_has_worth",
        ),
        sa.CheckConstraint(
            "(transaction_id IS NOT NULL) = (state = 'agreed' AND counted_minutes > 0)"
            " AND (reversal_id IS NOT NULL)"
            " = (state = 'agreed' AND old_transaction_id IS NOT NULL)",
            name="agreed_names_transactions",
        ),
        sa.Index("ix_correction_attendance", "community_id", "attendance_id"),
        sa.Index(
            "uq_correction_open",
            "community_id",
            "attendance_id",
            unique=True,
            postgresql_where=OPEN,
            sqlite_where=OPEN,
        ),
        STRICT,
    )

    community_id: Mapped[UUID] = community_key()
    id: Mapped[UUID] = mapped_column(primary_key=True)
    attendance_id: Mapped[UUID]
    member_id: Mapped[UUID]
    state: Mapped[CorrectionState] = mapped_column(states(CorrectionState, "state"))
    proposed_by_id: Mapped[UUID]
    proposed_at: Mapped[datetime]
    reason: Mapped[str]
    in_at: Mapped[datetime | None]
    out_at: Mapped[datetime | None]
    old_in_at: Mapped[datetime | None]
    old_out_at: Mapped[datetime | None]
    old_is_out_missing: Mapped[bool]
    old_actual_minutes: Mapped[int] = mapped_column(Count)
    old_counted_minutes: Mapped[int] = mapped_column(Count)
    old_points: Mapped[int] = mapped_column(Count)
    old_transaction_id: Mapped[UUID | None]
    """What stood in the book; None when nothing had been posted."""
    decided_by_id: Mapped[UUID | None]
    decided_at: Mapped[datetime | None]
    answer: Mapped[str | None]
    """Why it was refused."""
    actual_minutes: Mapped[int | None] = mapped_column(Count)
    counted_minutes: Mapped[int | None] = mapped_column(Count)
    points: Mapped[int | None] = mapped_column(Count)
    policy_version: Mapped[int | None] = mapped_column(Count)
    reversal_id: Mapped[UUID | None]
    transaction_id: Mapped[UUID | None]
    """What stands in the book instead; None when nothing is left to count."""


class Dispute(Base):
    """One question of a volunteer about a settled attendance, and its answer."""

    __tablename__ = "dispute"
    __table_args__ = (
        sa.ForeignKeyConstraint(
            ["community_id", "attendance_id"], ["attendance.community_id", "attendance.id"]
        ),
        sa.ForeignKeyConstraint(
            ["community_id", "member_id"], ["member.community_id", "member.id"]
        ),
        sa.ForeignKeyConstraint(
            ["community_id", "correction_id"], ["correction.community_id", "correction.id"]
        ),
        sa.CheckConstraint(f"length(text) BETWEEN 1 AND {TEXT_LENGTH_MAX}", name="text_length"),
        sa.CheckConstraint(
            "(state = 'open') = (answered_at IS NULL)"
            " AND (state IN ('open', 'withdrawn')) = (answered_by_id IS NULL)",
            name="answered",
        ),
        sa.CheckConstraint(
            "answered_by_id IS NULL OR answered_by_id <> member_id", name="answered_by_another"
        ),
        sa.CheckConstraint(
            "(state = 'explained') = (answer IS NOT NULL)"
            f" AND (answer IS NULL OR length(answer) BETWEEN 1 AND {TEXT_LENGTH_MAX})",
            name="explained_says_why",
        ),
        sa.CheckConstraint(
            "(state = 'corrected') = (correction_id IS NOT NULL)",
            name="corrected_names_correction",
        ),
        sa.Index("ix_dispute_attendance", "community_id", "attendance_id"),
        sa.Index(
            "uq_dispute_open",
            "community_id",
            "attendance_id",
            unique=True,
            postgresql_where=OPEN,
            sqlite_where=OPEN,
        ),
        STRICT,
    )

    community_id: Mapped[UUID] = community_key()
    id: Mapped[UUID] = mapped_column(primary_key=True)
    attendance_id: Mapped[UUID]
    member_id: Mapped[UUID]
    state: Mapped[DisputeState] = mapped_column(states(DisputeState, "state"))
    text: Mapped[str]
    raised_at: Mapped[datetime]
    answered_by_id: Mapped[UUID | None]
    answered_at: Mapped[datetime | None]
    """When it was answered, or taken back."""
    answer: Mapped[str | None]
    """The explanation, shown to the volunteer."""
    correction_id: Mapped[UUID | None]
    """The correction that settled it."""


class Agreement(Base):
    """The second person's yes to a row that one person had confirmed on a long day."""

    __tablename__ = "attendance_agreement"
    __table_args__ = (
        sa.ForeignKeyConstraint(
            ["community_id", "attendance_id"], ["attendance.community_id", "attendance.id"]
        ),
        sa.CheckConstraint(
            "agreed_by_id <> member_id AND agreed_by_id <> confirmed_by_id"
            " AND confirmed_by_id <> member_id",
            name="agreed_by_another",
        ),
        STRICT,
    )

    community_id: Mapped[UUID] = community_key()
    attendance_id: Mapped[UUID] = mapped_column(primary_key=True)
    member_id: Mapped[UUID]
    confirmed_by_id: Mapped[UUID]
    agreed_by_id: Mapped[UUID]
    agreed_at: Mapped[datetime]
