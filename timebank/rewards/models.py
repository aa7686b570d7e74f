"""Tables of rewards: points policies, star rules, commendations, the certificate register.

Every table here is history: a policy or rule is a version with a start date, never edited; what was
proposed stays, and is decided once; a certificate is revoked, never deleted.
"""

from datetime import date, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from ledger.base import Base, community_key
from ledger.columns import Count, Document, states

STARS_MAX = 5
REASON_LENGTH_MAX = 200


class PointsPolicy(Base):
    """What an hour is worth, from a date on; in force is the highest version that has started."""

    __tablename__ = "points_policy"
    __table_args__ = (
        sa.UniqueConstraint("community_id", "starts_on"),
        sa.ForeignKeyConstraint(["community_id"], ["community.community_id"]),
        sa.CheckConstraint("version > 0", name="version"),
        {"sqlite_strict": True},
    )

    community_id: Mapped[UUID] = community_key()
    version: Mapped[int] = mapped_column(Count, primary_key=True)
    starts_on: Mapped[date]
    rule: Mapped[Any] = mapped_column(Document)
    """As `rules.Rule` documents it; older versions say less."""
    released_by: Mapped[str]
    released_at: Mapped[datetime]


class ProposalState(StrEnum):
    """Where a proposed points rule stands."""

    OPEN = "open"
    RELEASED = "released"
    WITHDRAWN = "withdrawn"


class PolicyProposal(Base):
    """A points rule that one person proposed; released by another, it is a version."""

    __tablename__ = "policy_proposal"
    __table_args__ = (
        sa.ForeignKeyConstraint(["community_id"], ["community.community_id"]),
        sa.UniqueConstraint("community_id", "policy_version"),
        sa.CheckConstraint(
            "state <> 'released' OR decided_by_id <> proposed_by_id", name="released_by_another"
        ),
        sa.CheckConstraint(
            "(state = 'open') = (decided_at IS NULL)"
            " AND (state = 'open') = (decided_by_id IS NULL)",
            name="decided",
        ),
        sa.CheckConstraint(
            "(state = 'released') = (policy_version IS NOT NULL)", name="released_is_a_version"
        ),
        {"sqlite_strict": True},
    )

    community_id: Mapped[UUID] = community_key()
    id: Mapped[UUID] = mapped_column(primary_key=True)
    state: Mapped[ProposalState] = mapped_column(
        states(ProposalState, "state"), default=ProposalState.OPEN
    )
    starts_on: Mapped[date]
    rule: Mapped[Any] = mapped_column(Document)
    proposed_by_id: Mapped[UUID]
    proposed_at: Mapped[datetime]
    decided_by_id: Mapped[UUID | None]
    """Who released it, or took it back."""
    decided_at: Mapped[datetime | None]
    policy_version: Mapped[int | None] = mapped_column(Count)


class PointsAward(Base):
    """Why an entry of service has its points: what the rule made of the stay, written with it."""

    __tablename__ = "points_award"
    __table_args__ = (
        sa.ForeignKeyConstraint(["community_id"], ["community.community_id"]),
        {"sqlite_strict": True},
    )

    community_id: Mapped[UUID] = community_key()
    transaction_id: Mapped[UUID] = mapped_column(primary_key=True)
    """The entry; a correction's new entry has an award of its own."""
    reason: Mapped[Any] = mapped_column(Document)
    """As `awards.Reason`."""


class StarRule(Base):
    """Thresholds of the stars, from a date on."""

    __tablename__ = "star_rule"
    __table_args__ = (
        sa.UniqueConstraint("community_id", "starts_on"),
        sa.ForeignKeyConstraint(["community_id"], ["community.community_id"]),
        sa.CheckConstraint("version > 0", name="version"),
        {"sqlite_strict": True},
    )

    community_id: Mapped[UUID] = community_key()
    version: Mapped[int] = mapped_column(Count, primary_key=True)
    starts_on: Mapped[date]
    thresholds: Mapped[Any] = mapped_column(Document)
    """Service minutes for one star, two stars …, rising: [6000, 18000, 36000, 60000, 90000]."""
    released_by: Mapped[str]
    released_at: Mapped[datetime]


class CertificateStatus(StrEnum):
    """A certificate is valid until revoked."""

    VALID = "valid"
    REVOKED = "revoked"


class Commendation(Base):
    """Stars given to one member for the service minutes of a period, with the evidence frozen."""

    __tablename__ = "commendation"
    __table_args__ = (
        sa.ForeignKeyConstraint(
            ["community_id", "member_id"], ["member.community_id", "member.id"]
        ),
        sa.ForeignKeyConstraint(
            ["community_id", "rule_version"], ["star_rule.community_id", "star_rule.version"]
        ),
        sa.CheckConstraint(
            "issued_by_id IS NULL OR issued_by_id <> member_id", name="issued_by_another"
        ),
        sa.CheckConstraint(f"stars BETWEEN 1 AND {STARS_MAX}", name="stars"),
        sa.CheckConstraint("counted_minutes > 0", name="counted_minutes"),
        sa.CheckConstraint("period_to >= period_from", name="period"),
        sa.Index("ix_commendation_member", "community_id", "member_id"),
        {"sqlite_strict": True},
    )

    community_id: Mapped[UUID] = community_key()
    id: Mapped[UUID] = mapped_column(primary_key=True)
    member_id: Mapped[UUID]
    rule_version: Mapped[int] = mapped_column(Count)
    stars: Mapped[int] = mapped_column(Count)
    counted_minutes: Mapped[int]
    period_from: Mapped[date]
    period_to: Mapped[date]
    evidence: Mapped[Any] = mapped_column(Document)
    """Frozen: {transaction_count, last_transaction_id, digest} of the postings counted, and the
    digest of the whole run as `run_digest`."""
    issued_by_id: Mapped[UUID | None]
    issued_at: Mapped[datetime]


class CertificateRegister(Base):
    """The counter behind gapless certificate numbers: one row a year, raised under its lock."""

    __tablename__ = "certificate_register"
    __table_args__ = (
        sa.ForeignKeyConstraint(["community_id"], ["community.community_id"]),
        sa.CheckConstraint("last_number >= 0", name="last_number"),
        {"sqlite_strict": True},
    )

    community_id: Mapped[UUID] = community_key()
    year: Mapped[int] = mapped_column(Count, primary_key=True)
    last_number: Mapped[int] = mapped_column(Count)


class Certificate(Base):
    """A numbered certificate. `content` is what was printed, frozen; its hash is on the paper."""

    __tablename__ = "certificate"
    __table_args__ = (
        sa.UniqueConstraint("community_id", "year", "number"),
        sa.UniqueConstraint("community_id", "commendation_id"),
        sa.ForeignKeyConstraint(
            ["community_id", "commendation_id"], ["commendation.community_id", "commendation.id"]
        ),
        sa.ForeignKeyConstraint(
            ["community_id", "member_id"], ["member.community_id", "member.id"]
        ),
        sa.CheckConstraint("(status = 'revoked') = (revoked_at IS NOT NULL)", name="revoked_at"),
        sa.CheckConstraint(
            "(status = 'revoked') = (revoke_reason IS NOT NULL)", name="revoke_reason"
        ),
        sa.CheckConstraint("number > 0", name="number"),
        sa.CheckConstraint("length(content_hash) = 32", name="content_hash_length"),
        sa.CheckConstraint(
            "issued_by_id IS NULL OR issued_by_id <> member_id", name="issued_by_another"
        ),
        sa.CheckConstraint(
            "revoked_by_id IS NULL OR revoked_by_id <> member_id", name="revoked_by_another"
        ),
        sa.CheckConstraint(
            f"revoke_reason IS NULL OR length(revoke_reason) BETWEEN 1 AND {REASON_LENGTH_MAX}",
            name="revoke_reason_length",
        ),
        sa.Index("ix_certificate_member", "community_id", "member_id"),
        {"sqlite_strict": True},
    )

    community_id: Mapped[UUID] = community_key()
    id: Mapped[UUID] = mapped_column(primary_key=True)
    year: Mapped[int] = mapped_column(Count)
    number: Mapped[int] = mapped_column(Count)
    member_id: Mapped[UUID]
    commendation_id: Mapped[UUID]
    content: Mapped[Any] = mapped_column(Document)
    content_hash: Mapped[bytes]
    status: Mapped[CertificateStatus] = mapped_column(
        states(CertificateStatus, "status"), default=CertificateStatus.VALID
    )
    issued_at: Mapped[datetime]
    issued_by_id: Mapped[UUID | None]
    revoked_at: Mapped[datetime | None]
    revoked_by_id: Mapped[UUID | None]
    revoke_reason: Mapped[str | None]

    @property
    def printed_number(self) -> str:
        """Return the number as it stands on the paper, such as D2026-000137."""
        return str(self.content["registration"]["number"])

    @property
    def code(self) -> str:
        """Return what the QR carries after `V/`: number and signature."""
        return f"{self.printed_number}.{self.content['registration']['signature']}"
