"""Tables of messages: the one outbox, and where a member wants to be written to.

Words: a *message* is a kind and its facts, to one member; it is *read* when the member says so, and
*sent* when a channel has taken it; `reference` names what it is about, so that the same thing is
never said twice.
"""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from ledger.base import Base, community_key
from ledger.columns import Count, Document, states

TRY_COUNT_MAX = 8
EMAIL_LENGTH_MAX = 254
"""RFC 5321, section 4.5.3.1.3: a path of 256 octets, without its two brackets."""
REFERENCE_LENGTH_MAX = 160
STRICT = {"sqlite_strict": True}


class MessageKind(StrEnum):
    """What a message says; each has its facts."""

    CALLED_OFF = "called_off"
    """title, when, reason."""
    SERIES_ENDED = "series_ended"
    """title, when (the first day called off), count, reason."""
    MOVED = "moved"
    """title, before, when, place."""
    MOVED_CLASH = "moved_clash"
    """title, before, when, place, other: what the member holds at the new time."""
    PLACE_GIVEN = "place_given"
    """title, when, place."""
    PASSED_OVER = "passed_over"
    """title, when."""
    REMINDER = "reminder"
    """title, when, place."""
    DUTY_PLANNED = "duty_planned"
    """title (of the roster), added, removed (0), when (the first)."""
    DUTY_CHANGED = "duty_changed"
    """title (of the roster), added, removed, when (the first that changed)."""
    SWAP_ASKED = "swap_asked"
    """title, when, place."""
    SWAP_WAITS = "swap_waits"
    """title, when, place: to the leader."""
    SWAP_DECLINED = "swap_declined"
    """title, when, place."""
    SWAP_AGREED = "swap_agreed"
    """title, when, place: to both."""
    SWAP_REFUSED = "swap_refused"
    """title, when, place: to both."""
    MOVED_WAITING = "moved_waiting"
    """title, before, when, place: to who only waits."""
    ROW_CORRECTED = "row_corrected"
    """title, on, row, old_stay, old_minutes, old_points, stay, minutes, points."""
    QUESTION_ANSWERED = "question_answered"
    """title, on, row."""
    SCAN_DIFFERS = "scan_differs"
    """title, when, row, and what the row says: begin, or site_stay and site_minutes."""
    SCAN_WAITS = "scan_waits"
    """title, when; row, if there is one."""
    SCAN_ENTERED = "scan_entered"
    """As SCAN_DIFFERS."""
    SCAN_DISMISSED = "scan_dismissed"
    """title, when, reason."""
    GOODS_GONE = "goods_gone"
    """title (of the goods), on: to the maker."""


class Message(Base):
    """One message to one member; facts hold titles and times, never a name."""

    __tablename__ = "message"
    __table_args__ = (
        sa.UniqueConstraint("community_id", "reference"),
        sa.ForeignKeyConstraint(
            ["community_id", "member_id"], ["member.community_id", "member.id"]
        ),
        sa.CheckConstraint(f"try_count BETWEEN 0 AND {TRY_COUNT_MAX}", name="try_count"),
        sa.CheckConstraint("sent_at IS NULL OR next_try_at IS NULL", name="sent_once"),
        sa.CheckConstraint(
            f"length(reference) BETWEEN 1 AND {REFERENCE_LENGTH_MAX}", name="reference_length"
        ),
        sa.Index("ix_message_member", "community_id", "member_id", "id"),
        sa.Index(
            "ix_message_unread",
            "community_id",
            "member_id",
            postgresql_where=sa.text("read_at IS NULL"),
            sqlite_where=sa.text("read_at IS NULL"),
        ),
        sa.Index(
            "ix_message_due",
            "community_id",
            "next_try_at",
            postgresql_where=sa.text("next_try_at IS NOT NULL"),
            sqlite_where=sa.text("next_try_at IS NOT NULL"),
        ),
        STRICT,
    )

    community_id: Mapped[UUID] = community_key()
    id: Mapped[UUID] = mapped_column(primary_key=True)
    member_id: Mapped[UUID]
    kind: Mapped[MessageKind] = mapped_column(states(MessageKind, "kind"))
    facts: Mapped[Any] = mapped_column(Document)
    reference: Mapped[str]
    created_at: Mapped[datetime]
    read_at: Mapped[datetime | None]
    next_try_at: Mapped[datetime | None]
    """When a channel takes it next; None when there is nowhere to send it, it is sent or given up.
    """
    try_count: Mapped[int] = mapped_column(Count, default=0)
    sent_at: Mapped[datetime | None]


class MailAddress(Base):
    """Where a member wants to be written to; apart from the member, so that few rules see it."""

    __tablename__ = "mail_address"
    __table_args__ = (
        sa.ForeignKeyConstraint(
            ["community_id", "member_id"], ["member.community_id", "member.id"]
        ),
        sa.CheckConstraint(f"length(email) BETWEEN 3 AND {EMAIL_LENGTH_MAX}", name="email_length"),
        STRICT,
    )

    community_id: Mapped[UUID] = community_key()
    member_id: Mapped[UUID] = mapped_column(primary_key=True)
    email: Mapped[str]
