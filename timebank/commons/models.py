"""Tables of the community fund: funds, donations of money, projects with their budgets.

What projects spend and what was taken back is in `spending_models`.

Balances are not here: they are ledger accounts, found by their codes (`timebank.chart`).

Invariants: what was once written of a donation, a project or an expense stays, and each is decided
once, by another person (CHECKs and triggers); receipt, fund and project numbers come from one
register without a gap; a restricted fund never changes its purpose.
"""

from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from ledger.base import Base, community_key
from ledger.columns import Count, states

AMOUNT_FEN_MAX = 1_000_000_000
"""Ten million yuan."""
NAME_LENGTH_MAX = 60
PURPOSE_LENGTH_MAX = 500
NOTE_LENGTH_MAX = 200
REPORT_LENGTH_MAX = 2000
REASON_LENGTH_MAX = 200
NONCE_LENGTH_MAX = 80
LINES_MAX = 12

STRICT = {"sqlite_strict": True}


class Method(StrEnum):
    """How money came."""

    CASH = "cash"
    TRANSFER = "transfer"


class DonationState(StrEnum):
    """Where a donation of money stands."""

    RECORDED = "recorded"
    COUNTED = "counted"
    REFUSED = "refused"
    REVERSED = "reversed"


class ProjectState(StrEnum):
    """Where a project stands."""

    PROPOSED = "proposed"
    APPROVED = "approved"
    REFUSED = "refused"
    REPORTED = "reported"
    CLOSED = "closed"


def text_check(column: str, length_max: int, length_min: int = 0) -> sa.CheckConstraint:
    """Return the CHECK of a text's length."""
    return sa.CheckConstraint(
        f"length({column}) BETWEEN {length_min} AND {length_max}", name=column
    )


def amount_check(column: str) -> sa.CheckConstraint:
    """Return the CHECK of an amount of money."""
    return sa.CheckConstraint(f"{column} BETWEEN 1 AND {AMOUNT_FEN_MAX}", name=column)


def member_key(column: str, name: str) -> sa.ForeignKeyConstraint:
    """Return the foreign key of a column that names a member."""
    return sa.ForeignKeyConstraint(
        ["community_id", column], ["member.community_id", "member.id"], name=name
    )


class FundRegister(Base):
    """The last numbers given, one row per community; they only rise."""

    __tablename__ = "fund_register"
    __table_args__ = (
        sa.ForeignKeyConstraint(["community_id"], ["community.community_id"]),
        STRICT,
    )

    community_id: Mapped[UUID] = community_key()
    last_receipt_number: Mapped[int] = mapped_column(Count)
    last_fund_number: Mapped[int] = mapped_column(Count)
    last_project_number: Mapped[int] = mapped_column(Count)


class Fund(Base):
    """Money with a purpose. Number 1 is the general fund, whose purpose is the community's good."""

    __tablename__ = "fund"
    __table_args__ = (
        sa.UniqueConstraint("community_id", "number"),
        sa.UniqueConstraint("community_id", "nonce"),
        sa.ForeignKeyConstraint(["community_id"], ["community.community_id"]),
        sa.CheckConstraint("number > 0", name="number"),
        text_check("name", NAME_LENGTH_MAX, 1),
        sa.CheckConstraint(
            f"number = 1 OR length(purpose) BETWEEN 1 AND {PURPOSE_LENGTH_MAX}", name="purpose"
        ),
        text_check("nonce", NONCE_LENGTH_MAX, 1),
        STRICT,
    )

    community_id: Mapped[UUID] = community_key()
    id: Mapped[UUID] = mapped_column(primary_key=True)
    nonce: Mapped[str]
    number: Mapped[int] = mapped_column(Count)
    name: Mapped[str]
    purpose: Mapped[str]
    opened_by_id: Mapped[UUID | None]
    """None: the system, when the general fund is first used."""
    opened_at: Mapped[datetime]

    @property
    def is_restricted(self) -> bool:
        """Whether its money is for one purpose only."""
        return self.number != 1


class MoneyDonation(Base):
    """Money that somebody gave: recorded by one person, counted and booked by another."""

    __tablename__ = "money_donation"
    __table_args__ = (
        sa.UniqueConstraint("community_id", "nonce"),
        sa.UniqueConstraint("community_id", "receipt_number"),
        sa.UniqueConstraint("community_id", "transaction_id"),
        sa.ForeignKeyConstraint(["community_id", "fund_id"], ["fund.community_id", "fund.id"]),
        member_key("donor_member_id", "fk_money_donation_donor"),
        amount_check("amount_fen"),
        text_check("shown_name", NAME_LENGTH_MAX),
        text_check("note", NOTE_LENGTH_MAX),
        text_check("decision_reason", REASON_LENGTH_MAX),
        text_check("nonce", NONCE_LENGTH_MAX, 1),
        sa.CheckConstraint(
            "(state = 'recorded') = (decided_by_id IS NULL)"
            " AND (state = 'recorded') = (decided_at IS NULL)",
            name="decided",
        ),
        sa.CheckConstraint(
            "(state IN ('counted', 'reversed')) = (transaction_id IS NOT NULL)"
            " AND (state IN ('counted', 'reversed')) = (receipt_number IS NOT NULL)",
            name="counted_is_booked",
        ),
        sa.CheckConstraint(
            "state = 'refused' OR decided_by_id IS NULL OR decided_by_id <> recorded_by_id",
            name="counted_by_another",
        ),
        sa.CheckConstraint(
            "donor_member_id IS NULL OR (donor_member_id <> recorded_by_id"
            " AND (decided_by_id IS NULL OR donor_member_id <> decided_by_id))",
            name="nobody_records_their_own",
        ),
        sa.CheckConstraint(
            "state <> 'refused' OR length(decision_reason) > 0", name="refused_with_reason"
        ),
        sa.Index("ix_money_donation_fund", "community_id", "fund_id"),
        sa.Index("ix_money_donation_received", "community_id", "received_on"),
        STRICT,
    )

    community_id: Mapped[UUID] = community_key()
    id: Mapped[UUID] = mapped_column(primary_key=True)
    nonce: Mapped[str]
    fund_id: Mapped[UUID]
    amount_fen: Mapped[int]
    method: Mapped[Method] = mapped_column(states(Method, "method"))
    donor_member_id: Mapped[UUID | None]
    donor_name_encrypted: Mapped[bytes | None]
    """None: anonymous."""
    shown_name: Mapped[str]
    """What the public may read: the name if the donor agreed, 张** if not, empty: anonymous."""
    received_on: Mapped[date]
    note: Mapped[str]
    recorded_by_id: Mapped[UUID]
    recorded_at: Mapped[datetime]
    state: Mapped[DonationState] = mapped_column(states(DonationState, "state"))
    decided_by_id: Mapped[UUID | None]
    decided_at: Mapped[datetime | None]
    decision_reason: Mapped[str]
    receipt_number: Mapped[int | None] = mapped_column(Count)
    transaction_id: Mapped[UUID | None]


class Project(Base):
    """What a team wants to do with money of a fund, from the proposal to the report."""

    __tablename__ = "project"
    __table_args__ = (
        sa.UniqueConstraint("community_id", "nonce"),
        sa.UniqueConstraint("community_id", "number"),
        sa.UniqueConstraint("community_id", "transaction_id"),
        sa.UniqueConstraint("community_id", "return_transaction_id"),
        sa.ForeignKeyConstraint(["community_id", "fund_id"], ["fund.community_id", "fund.id"]),
        sa.CheckConstraint("number > 0", name="number"),
        text_check("title", NAME_LENGTH_MAX, 1),
        text_check("team", NAME_LENGTH_MAX, 1),
        text_check("purpose", PURPOSE_LENGTH_MAX, 1),
        text_check("decision_reason", REASON_LENGTH_MAX),
        text_check("report", REPORT_LENGTH_MAX),
        text_check("nonce", NONCE_LENGTH_MAX, 1),
        sa.CheckConstraint(
            "(state = 'proposed') = (decided_by_id IS NULL)"
            " AND (state = 'proposed') = (decided_at IS NULL)",
            name="decided",
        ),
        sa.CheckConstraint(
            "state IN ('proposed', 'refused') OR decided_by_id <> proposed_by_id",
            name="approved_by_another",
        ),
        sa.CheckConstraint(
            "(state IN ('proposed', 'refused')) = (transaction_id IS NULL)",
            name="approved_is_booked",
        ),
        sa.CheckConstraint(
            "(state IN ('reported', 'closed')) = (reported_by_id IS NOT NULL)"
            " AND (state IN ('reported', 'closed')) = (length(report) > 0)",
            name="reported",
        ),
        sa.CheckConstraint(
            "(state = 'closed') = (closed_by_id IS NOT NULL) AND (state = 'closed')"
            " = (returned_fen IS NOT NULL)",
            name="closed",
        ),
        sa.CheckConstraint(
            "closed_by_id IS NULL OR closed_by_id <> reported_by_id", name="closed_by_another"
        ),
        sa.CheckConstraint(
            "(return_transaction_id IS NOT NULL) = (coalesce(returned_fen, 0) > 0)",
            name="what_remains_returns",
        ),
        sa.CheckConstraint(
            "state <> 'refused' OR length(decision_reason) > 0", name="refused_with_reason"
        ),
        STRICT,
    )

    community_id: Mapped[UUID] = community_key()
    id: Mapped[UUID] = mapped_column(primary_key=True)
    nonce: Mapped[str]
    number: Mapped[int] = mapped_column(Count)
    fund_id: Mapped[UUID]
    title: Mapped[str]
    team: Mapped[str]
    purpose: Mapped[str]
    proposed_by_id: Mapped[UUID]
    proposed_at: Mapped[datetime]
    state: Mapped[ProjectState] = mapped_column(states(ProjectState, "state"))
    decided_by_id: Mapped[UUID | None]
    decided_at: Mapped[datetime | None]
    decision_reason: Mapped[str]
    transaction_id: Mapped[UUID | None]
    """Sets the budget apart, from the fund to the project."""
    report: Mapped[str]
    reported_by_id: Mapped[UUID | None]
    reported_at: Mapped[datetime | None]
    closed_by_id: Mapped[UUID | None]
    closed_at: Mapped[datetime | None]
    returned_fen: Mapped[int | None]
    return_transaction_id: Mapped[UUID | None]

    @property
    def printed_number(self) -> str:
        """Return the number as people say it: P0001."""
        return f"P{self.number:04d}"


class ProjectLine(Base):
    """One line of a budget."""

    __tablename__ = "project_line"
    __table_args__ = (
        sa.ForeignKeyConstraint(
            ["community_id", "project_id"], ["project.community_id", "project.id"]
        ),
        sa.CheckConstraint(f"line_no BETWEEN 1 AND {LINES_MAX}", name="line_no"),
        text_check("title", NAME_LENGTH_MAX, 1),
        amount_check("budget_fen"),
        STRICT,
    )

    community_id: Mapped[UUID] = community_key()
    project_id: Mapped[UUID] = mapped_column(primary_key=True)
    line_no: Mapped[int] = mapped_column(Count, primary_key=True)
    title: Mapped[str]
    budget_fen: Mapped[int]
