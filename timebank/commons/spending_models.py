"""Tables of what projects spend: expenses, the pictures of reports, and what was taken back.

Invariants: an expense is entered by one person and released by another, who is not paid by it; an
invoice is paid once; one thing is taken back once, by another than who confirmed it.
"""

from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from ledger.base import Base, community_key
from ledger.columns import Count, states
from timebank.commons.models import (
    NAME_LENGTH_MAX,
    NONCE_LENGTH_MAX,
    REASON_LENGTH_MAX,
    STRICT,
    amount_check,
    member_key,
    text_check,
)

INVOICE_LENGTH_MAX = 40
PICTURES_MAX = 6


class ExpenseState(StrEnum):
    """Where an expense stands."""

    ENTERED = "entered"
    RELEASED = "released"
    REFUSED = "refused"
    REVERSED = "reversed"


class Expense(Base):
    """Money that a project spent: entered by one person, released by another."""

    __tablename__ = "expense"
    __table_args__ = (
        sa.UniqueConstraint("community_id", "nonce"),
        sa.UniqueConstraint("community_id", "transaction_id"),
        sa.ForeignKeyConstraint(
            ["community_id", "project_id", "line_no"],
            ["project_line.community_id", "project_line.project_id", "project_line.line_no"],
            name="fk_expense_line",
        ),
        sa.ForeignKeyConstraint(["community_id", "photo_id"], ["photo.community_id", "photo.id"]),
        member_key("payee_member_id", "fk_expense_payee"),
        amount_check("amount_fen"),
        text_check("payee", NAME_LENGTH_MAX, 1),
        text_check("invoice_number", INVOICE_LENGTH_MAX, 1),
        text_check("decision_reason", REASON_LENGTH_MAX),
        text_check("nonce", NONCE_LENGTH_MAX, 1),
        sa.CheckConstraint(
            "(state = 'entered') = (decided_by_id IS NULL)"
            " AND (state = 'entered') = (decided_at IS NULL)",
            name="decided",
        ),
        sa.CheckConstraint(
            "(state IN ('released', 'reversed')) = (transaction_id IS NOT NULL)",
            name="released_is_booked",
        ),
        sa.CheckConstraint(
            "state IN ('entered', 'refused') OR (decided_by_id <> entered_by_id"
            " AND (payee_member_id IS NULL OR decided_by_id <> payee_member_id))",
            name="released_by_another",
        ),
        sa.CheckConstraint(
            "state <> 'refused' OR length(decision_reason) > 0", name="refused_with_reason"
        ),
        sa.Index(
            "uq_expense_invoice",
            "community_id",
            "invoice_number",
            unique=True,
            postgresql_where=sa.text("state IN ('entered', 'released')"),
            sqlite_where=sa.text("state IN ('entered', 'released')"),
        ),
        sa.Index("ix_expense_project", "community_id", "project_id"),
        STRICT,
    )

    community_id: Mapped[UUID] = community_key()
    id: Mapped[UUID] = mapped_column(primary_key=True)
    nonce: Mapped[str]
    project_id: Mapped[UUID]
    line_no: Mapped[int] = mapped_column(Count)
    amount_fen: Mapped[int]
    payee: Mapped[str]
    payee_member_id: Mapped[UUID | None]
    invoice_number: Mapped[str]
    photo_id: Mapped[UUID]
    spent_on: Mapped[date]
    entered_by_id: Mapped[UUID]
    entered_at: Mapped[datetime]
    state: Mapped[ExpenseState] = mapped_column(states(ExpenseState, "state"))
    decided_by_id: Mapped[UUID | None]
    decided_at: Mapped[datetime | None]
    decision_reason: Mapped[str]
    transaction_id: Mapped[UUID | None]


class ProjectPicture(Base):
    """A picture of a report; the public sees it once the project is closed."""

    __tablename__ = "project_picture"
    __table_args__ = (
        sa.ForeignKeyConstraint(
            ["community_id", "project_id"], ["project.community_id", "project.id"]
        ),
        sa.ForeignKeyConstraint(["community_id", "photo_id"], ["photo.community_id", "photo.id"]),
        sa.CheckConstraint(f"place BETWEEN 1 AND {PICTURES_MAX}", name="place"),
        STRICT,
    )

    community_id: Mapped[UUID] = community_key()
    project_id: Mapped[UUID] = mapped_column(primary_key=True)
    place: Mapped[int] = mapped_column(Count, primary_key=True)
    photo_id: Mapped[UUID]


class FundReversal(Base):
    """A counted donation or a released expense that was taken back: by another, with a reason."""

    __tablename__ = "fund_reversal"
    __table_args__ = (
        sa.UniqueConstraint("community_id", "nonce"),
        sa.UniqueConstraint("community_id", "donation_id"),
        sa.UniqueConstraint("community_id", "expense_id"),
        sa.UniqueConstraint("community_id", "transaction_id"),
        sa.ForeignKeyConstraint(
            ["community_id", "donation_id"], ["money_donation.community_id", "money_donation.id"]
        ),
        sa.ForeignKeyConstraint(
            ["community_id", "expense_id"], ["expense.community_id", "expense.id"]
        ),
        sa.CheckConstraint("(donation_id IS NULL) <> (expense_id IS NULL)", name="of_one_thing"),
        sa.CheckConstraint("reversed_by_id <> first_decided_by_id", name="reversed_by_another"),
        text_check("reason", REASON_LENGTH_MAX, 1),
        text_check("nonce", NONCE_LENGTH_MAX, 1),
        STRICT,
    )

    community_id: Mapped[UUID] = community_key()
    id: Mapped[UUID] = mapped_column(primary_key=True)
    nonce: Mapped[str]
    donation_id: Mapped[UUID | None]
    expense_id: Mapped[UUID | None]
    first_decided_by_id: Mapped[UUID]
    """Who had counted or released it."""
    reason: Mapped[str]
    reversed_by_id: Mapped[UUID]
    reversed_at: Mapped[datetime]
    transaction_id: Mapped[UUID]
