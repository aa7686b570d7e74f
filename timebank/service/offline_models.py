"""Tables of the leader's device without a network: what it scanned, and what people made of doubts.

Words: a *queued scan* is one that the device decided by itself and told of later; its *outcome* is
what the book made of it; the *review tray* holds those with the outcome `review` of which nobody
has disposed yet.

Invariant: nothing scanned is dropped; both tables are closed as history.
"""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from ledger.base import Base, community_key
from ledger.columns import Count, Document, Text, states

STRICT = {"sqlite_strict": True}
REASON_LENGTH_MAX = 120


class CodeKind(StrEnum):
    """What the device read: the QR of a card, its digits, a tapped name, or none of these."""

    CARD = "card"
    DIGITS = "digits"
    NAME = "name"
    UNKNOWN = "unknown"


class Outcome(StrEnum):
    """What became of a queued scan."""

    ACCEPTED = "accepted"
    FLAGGED = "flagged"
    REVIEW = "review"


class Why(StrEnum):
    """Why a scan is flagged (the first four) or lies in the review tray."""

    EARLIER_COUNTS = "earlier_counts"
    MOVED_EARLIER = "moved_earlier"
    CARD_REPLACED = "card_replaced"
    UNKNOWN_AT_DEVICE = "unknown_at_device"
    CLOCK_WRONG = "clock_wrong"
    IN_FUTURE = "in_future"
    SNAPSHOT_OLD = "snapshot_old"
    UNKNOWN_CARD = "unknown_card"
    DEVICE_SAID_NO = "device_said_no"
    LIST_SETTLED = "list_settled"
    OVERLAP = "overlap"
    REFUSED = "refused"


class Disposal(StrEnum):
    """How a scan left the review tray."""

    ACCEPTED = "accepted"
    DISMISSED = "dismissed"
    SETTLED = "settled"


class OfflineScan(Base):
    """One scan of a device without a network, with what the device said and what the book says."""

    __tablename__ = "offline_scan"
    __table_args__ = (
        sa.UniqueConstraint("community_id", "scanned_by_id", "nonce"),
        sa.ForeignKeyConstraint(
            ["community_id", "occasion_id"], ["occasion.community_id", "occasion.id"]
        ),
        sa.ForeignKeyConstraint(
            ["community_id", "member_id"], ["member.community_id", "member.id"]
        ),
        sa.ForeignKeyConstraint(
            ["community_id", "scanned_by_id"],
            ["member.community_id", "member.id"],
            name="fk_offline_scan_scanned_by",
        ),
        sa.CheckConstraint("length(nonce) BETWEEN 8 AND 64", name="nonce_length"),
        sa.CheckConstraint("length(device) BETWEEN 1 AND 64", name="device_length"),
        sa.CheckConstraint("(outcome = 'accepted') = (why IS NULL)", name="doubt_has_a_reason"),
        sa.CheckConstraint("outcome <> 'review' OR effect = 'none'", name="review_changes_nothing"),
        sa.Index("ix_offline_scan_person", "community_id", "occasion_id", "member_id"),
        sa.Index("ix_offline_scan_outcome", "community_id", "outcome"),
        STRICT,
    )

    community_id: Mapped[UUID] = community_key()
    id: Mapped[UUID] = mapped_column(primary_key=True)
    nonce: Mapped[str]
    device: Mapped[str]
    sequence: Mapped[int] = mapped_column(Count)
    """The device's own count of its scans."""
    occasion_id: Mapped[UUID]
    member_id: Mapped[UUID | None]
    scanned_by_id: Mapped[UUID]
    kind: Mapped[CodeKind] = mapped_column(states(CodeKind, "kind"))
    code: Mapped[str] = mapped_column(Text)
    """Digits of the card, or the SHA-256 of its token in hex; never the token."""
    intent: Mapped[str]
    """in, out or auto: what the device said it took the scan for."""
    device_at: Mapped[datetime]
    """By the device's clock."""
    scanned_at: Mapped[datetime]
    """By our clock: `device_at` and the offset measured when the device told of it."""
    offset_seconds: Mapped[int] = mapped_column(Count)
    snapshot_at: Mapped[datetime | None]
    device_status: Mapped[str]
    device_effect: Mapped[str]
    device_reason: Mapped[str | None]
    status: Mapped[str]
    effect: Mapped[str]
    reason: Mapped[str | None]
    details: Mapped[Any] = mapped_column(Document)
    outcome: Mapped[Outcome] = mapped_column(states(Outcome, "outcome"))
    why: Mapped[Why | None] = mapped_column(states(Why, "why"))
    recorded_at: Mapped[datetime]


class OfflineReview(Base):
    """What was made of a scan in the review tray: once, and for good."""

    __tablename__ = "offline_review"
    __table_args__ = (
        sa.ForeignKeyConstraint(
            ["community_id", "scan_id"], ["offline_scan.community_id", "offline_scan.id"]
        ),
        sa.ForeignKeyConstraint(
            ["community_id", "attendance_id"], ["attendance.community_id", "attendance.id"]
        ),
        sa.CheckConstraint("decided_by_id <> member_id", name="decided_by_another"),
        sa.CheckConstraint(
            "(disposal = 'settled') = (decided_by_id IS NULL)", name="decided_by_somebody"
        ),
        sa.CheckConstraint(
            "(disposal = 'dismissed') = (attendance_id IS NULL)", name="accepted_names_row"
        ),
        sa.CheckConstraint(
            f"length(reason) <= {REASON_LENGTH_MAX} AND (disposal <> 'dismissed' OR reason <> '')",
            name="dismissed_with_reason",
        ),
        STRICT,
    )

    community_id: Mapped[UUID] = community_key()
    scan_id: Mapped[UUID] = mapped_column(primary_key=True)
    disposal: Mapped[Disposal] = mapped_column(states(Disposal, "disposal"))
    reason: Mapped[str] = mapped_column(default="")
    member_id: Mapped[UUID | None]
    """Whose time it is, as far as known: they decide nothing about it."""
    decided_by_id: Mapped[UUID | None]
    """None when a later scan cleared the doubt by itself."""
    decided_at: Mapped[datetime]
    attendance_id: Mapped[UUID | None]
