"""Tables of service days: sites, recurring series, occasions with slots, attendance, scans.

Words: a *series* is the recurring plan (RRULE) of one activity at one site; an *occasion* is that
activity on one day; a *slot* is a time window of it with a capacity; an *attendance* is one member
at one occasion, from sign-up to posting; a *scan
event* is the append-only record of one scan; a *wait* is a member in the queue of a full slot.
"""

from datetime import date, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from ledger.base import Base, community_key
from ledger.columns import Count, Document, states
from timebank.contributions import Category, Provenance
from timebank.people.qualification_models import QualificationKind

__all__ = [
    "Attendance",
    "AttendanceState",
    "Category",
    "Occasion",
    "OccasionKind",
    "OccasionStatus",
    "Provenance",
    "ScanEvent",
    "Series",
    "Sighting",
    "Site",
    "Slot",
    "Wait",
    "WaitState",
]

TITLE_LENGTH_MAX = 60
ADDRESS_LENGTH_MAX = 120
CAPACITY_MAX = 10_000
STRICT = {"sqlite_strict": True}


class OccasionKind(StrEnum):
    """What an occasion is called; nothing else follows from it: hours and points count alike."""

    SERVICE_DAY = "service_day"
    DUTY_SHIFT = "duty_shift"
    TRAINING = "training"
    MEETING = "meeting"


class OccasionStatus(StrEnum):
    """Where an occasion stands."""

    PLANNED = "planned"
    CANCELLED = "cancelled"
    CLOSED = "closed"


class AttendanceState(StrEnum):
    """From sign-up to the ledger; the last four are side states."""

    ENROLLED = "enrolled"
    IN = "in"
    OUT = "out"
    POSTED = "posted"
    WITHDRAWN = "withdrawn"
    NO_SHOW = "no_show"
    DISPUTED = "disputed"
    VOID = "void"


class WaitState(StrEnum):
    """Where a member stands in the queue of a slot."""

    WAITING = "waiting"
    PLACED = "placed"
    LEFT = "left"
    PASSED_OVER = "passed_over"
    """A place came free that they could not take: busy at that time, or suspended."""


class Site(Base):
    """A place where people meet."""

    __tablename__ = "site"
    __table_args__ = (
        sa.ForeignKeyConstraint(["community_id"], ["community.community_id"]),
        STRICT,
    )

    community_id: Mapped[UUID] = community_key()
    id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str]
    address: Mapped[str]


class Series(Base):
    """A recurring activity at one site.

    `rule` is an RRULE such as FREQ=MONTHLY;BYMONTHDAY=9. Times are `HH:MM` in the community's
    zone.
    """

    __tablename__ = "service_series"
    __table_args__ = (
        sa.ForeignKeyConstraint(["community_id", "site_id"], ["site.community_id", "site.id"]),
        sa.ForeignKeyConstraint(
            ["community_id", "leader_member_id"],
            ["member.community_id", "member.id"],
            name="fk_service_series_leader",
        ),
        sa.CheckConstraint(f"capacity BETWEEN 1 AND {CAPACITY_MAX}", name="capacity"),
        STRICT,
    )

    community_id: Mapped[UUID] = community_key()
    id: Mapped[UUID] = mapped_column(primary_key=True)
    site_id: Mapped[UUID]
    leader_member_id: Mapped[UUID]
    title: Mapped[str]
    category: Mapped[Category] = mapped_column(states(Category, "category"))
    kind: Mapped[OccasionKind] = mapped_column(
        states(OccasionKind, "kind"), default=OccasionKind.SERVICE_DAY
    )
    rule: Mapped[str]
    starts_on: Mapped[date]
    start_time: Mapped[str]
    end_time: Mapped[str]
    capacity: Mapped[int] = mapped_column(Count)
    ended_on: Mapped[date | None]
    """The series ended: it has no days from here on."""
    qualification: Mapped[QualificationKind | None] = mapped_column(
        states(QualificationKind, "qualification")
    )
    """Whoever signs up has to hold it on the day; None asks for nothing."""


class Occasion(Base):
    """One activity on one day at one site, run by one leader."""

    __tablename__ = "occasion"
    __table_args__ = (
        sa.UniqueConstraint("community_id", "series_id", "occurs_on"),
        sa.UniqueConstraint("community_id", "short_code"),
        sa.ForeignKeyConstraint(
            ["community_id", "series_id"], ["service_series.community_id", "service_series.id"]
        ),
        sa.ForeignKeyConstraint(["community_id", "site_id"], ["site.community_id", "site.id"]),
        sa.ForeignKeyConstraint(
            ["community_id", "leader_member_id"],
            ["member.community_id", "member.id"],
            name="fk_occasion_leader",
        ),
        sa.CheckConstraint("ends_at > starts_at", name="ends_after_start"),
        sa.CheckConstraint("sequence >= 0", name="sequence"),
        sa.Index(
            "uq_occasion_moved_from", "community_id", "series_id", "moved_from_on", unique=True
        ),
        sa.Index("ix_occasion_starts_at", "community_id", "starts_at"),
        sa.Index("ix_occasion_occurs_on", "community_id", "occurs_on"),
        STRICT,
    )

    community_id: Mapped[UUID] = community_key()
    id: Mapped[UUID] = mapped_column(primary_key=True)
    short_code: Mapped[str]
    """`<community code>-<6 base32>`, such as D-7K2M9Q: unique across the system."""
    series_id: Mapped[UUID | None]
    site_id: Mapped[UUID]
    leader_member_id: Mapped[UUID]
    title: Mapped[str]
    category: Mapped[Category] = mapped_column(states(Category, "category"))
    kind: Mapped[OccasionKind] = mapped_column(
        states(OccasionKind, "kind"), default=OccasionKind.SERVICE_DAY
    )
    occurs_on: Mapped[date]
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    status: Mapped[OccasionStatus] = mapped_column(
        states(OccasionStatus, "status"), default=OccasionStatus.PLANNED
    )
    moved_from_on: Mapped[date | None]
    """The day of the series that was moved, so that planning does not make it again."""
    sequence: Mapped[int] = mapped_column(Count, default=0)
    """How often what is announced has changed: SEQUENCE of the calendar feed."""
    revised_at: Mapped[datetime | None]
    """When it last did; None for one that stands as it was first planned."""


class Slot(Base):
    """A time window of an occasion; an occasion has one or more."""

    __tablename__ = "slot"
    __table_args__ = (
        sa.UniqueConstraint("community_id", "occasion_id", "starts_at"),
        sa.ForeignKeyConstraint(
            ["community_id", "occasion_id"], ["occasion.community_id", "occasion.id"]
        ),
        sa.CheckConstraint(f"capacity BETWEEN 1 AND {CAPACITY_MAX}", name="capacity"),
        sa.CheckConstraint("enrolled_count BETWEEN 0 AND capacity", name="enrolled_count"),
        sa.CheckConstraint("ends_at > starts_at", name="ends_after_start"),
        STRICT,
    )

    community_id: Mapped[UUID] = community_key()
    id: Mapped[UUID] = mapped_column(primary_key=True)
    occasion_id: Mapped[UUID]
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    capacity: Mapped[int] = mapped_column(Count)
    enrolled_count: Mapped[int] = mapped_column(Count, default=0)


class Attendance(Base):
    """One member at one occasion.

    `actual_minutes` is the time present, `counted_minutes` what the slot and the daily cap
    leave of it.
    """

    __tablename__ = "attendance"
    __table_args__ = (
        sa.UniqueConstraint("community_id", "member_id", "occasion_id"),
        sa.UniqueConstraint("community_id", "transaction_id"),
        sa.ForeignKeyConstraint(
            ["community_id", "occasion_id"], ["occasion.community_id", "occasion.id"]
        ),
        sa.ForeignKeyConstraint(["community_id", "slot_id"], ["slot.community_id", "slot.id"]),
        sa.ForeignKeyConstraint(
            ["community_id", "member_id"], ["member.community_id", "member.id"]
        ),
        sa.CheckConstraint(
            "confirmed_by_id IS NULL OR confirmed_by_id <> member_id", name="confirmed_by_another"
        ),
        sa.CheckConstraint(
            "(state = 'posted') = (transaction_id IS NOT NULL)", name="posted_names_transaction"
        ),
        sa.CheckConstraint("out_at IS NULL OR out_at >= in_at", name="out_after_in"),
        sa.CheckConstraint(
            "counted_minutes IS NULL OR counted_minutes BETWEEN 0 AND 1440", name="counted_minutes"
        ),
        sa.CheckConstraint(
            "provenance <> 'back_filled' OR confirmed_by_id IS NULL OR confirmed_by_id <> in_by_id",
            name="back_filled_by_another",
        ),
        sa.Index("ix_attendance_occasion", "community_id", "occasion_id"),
        STRICT,
    )

    community_id: Mapped[UUID] = community_key()
    id: Mapped[UUID] = mapped_column(primary_key=True)
    occasion_id: Mapped[UUID]
    slot_id: Mapped[UUID]
    member_id: Mapped[UUID]
    state: Mapped[AttendanceState] = mapped_column(states(AttendanceState, "state"))
    enrolled_at: Mapped[datetime]
    needs_lead: Mapped[bool] = mapped_column(default=False)
    """Came without signing up, or by the poster: waits for the leader's yes."""
    provenance: Mapped[Provenance | None] = mapped_column(states(Provenance, "provenance"))
    in_at: Mapped[datetime | None]
    in_by_id: Mapped[UUID | None]
    out_at: Mapped[datetime | None]
    out_by_id: Mapped[UUID | None]
    is_out_missing: Mapped[bool] = mapped_column(default=False)
    """No check-out: the planned end stands in for it."""
    actual_minutes: Mapped[int | None] = mapped_column(Count)
    counted_minutes: Mapped[int | None] = mapped_column(Count)
    points: Mapped[int | None] = mapped_column(Count)
    policy_version: Mapped[int | None] = mapped_column(Count)
    confirmed_by_id: Mapped[UUID | None]
    """Member who confirmed; None with a confirmed_at only for the system itself."""
    confirmed_at: Mapped[datetime | None]
    transaction_id: Mapped[UUID | None]


class Sighting(Base):
    """A leader saw on site that somebody who is checked in is that person; said once, for good."""

    __tablename__ = "sighting"
    __table_args__ = (
        sa.ForeignKeyConstraint(
            ["community_id", "attendance_id"], ["attendance.community_id", "attendance.id"]
        ),
        sa.ForeignKeyConstraint(
            ["community_id", "member_id"], ["member.community_id", "member.id"]
        ),
        sa.ForeignKeyConstraint(
            ["community_id", "seen_by_id"],
            ["member.community_id", "member.id"],
            name="fk_sighting_seen_by",
        ),
        sa.CheckConstraint("seen_by_id <> member_id", name="seen_by_another"),
        STRICT,
    )

    community_id: Mapped[UUID] = community_key()
    attendance_id: Mapped[UUID] = mapped_column(primary_key=True)
    member_id: Mapped[UUID]
    seen_by_id: Mapped[UUID]
    seen_at: Mapped[datetime]


class Wait(Base):
    """A member in the queue of a full slot; `place` is the order of asking, and never changes."""

    __tablename__ = "slot_wait"
    __table_args__ = (
        sa.UniqueConstraint("community_id", "slot_id", "place"),
        sa.ForeignKeyConstraint(["community_id", "slot_id"], ["slot.community_id", "slot.id"]),
        sa.ForeignKeyConstraint(
            ["community_id", "member_id"], ["member.community_id", "member.id"]
        ),
        sa.CheckConstraint("place > 0", name="place"),
        sa.CheckConstraint("(state = 'waiting') = (ended_at IS NULL)", name="waiting_is_open"),
        sa.Index(
            "uq_slot_wait_open",
            *("community_id", "slot_id", "member_id"),
            unique=True,
            postgresql_where=sa.text("state = 'waiting'"),
            sqlite_where=sa.text("state = 'waiting'"),
        ),
        STRICT,
    )

    community_id: Mapped[UUID] = community_key()
    id: Mapped[UUID] = mapped_column(primary_key=True)
    slot_id: Mapped[UUID]
    member_id: Mapped[UUID]
    place: Mapped[int] = mapped_column(Count)
    state: Mapped[WaitState] = mapped_column(states(WaitState, "state"), default=WaitState.WAITING)
    asked_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class ScanEvent(Base):
    """One scan, accepted or refused, append-only; its nonce gives the stored answer again.

    The nonce is unique per member, not per community: a scan locks its member's row first, so the
    search for the nonce cannot race.
    """

    __tablename__ = "scan_event"
    __table_args__ = (
        sa.UniqueConstraint("community_id", "member_id", "nonce"),
        sa.ForeignKeyConstraint(["community_id"], ["community.community_id"]),
        sa.CheckConstraint("length(nonce) BETWEEN 8 AND 64", name="nonce_length"),
        sa.Index("ix_scan_event_occasion", "community_id", "occasion_id"),
        STRICT,
    )

    community_id: Mapped[UUID] = community_key()
    id: Mapped[UUID] = mapped_column(primary_key=True)
    nonce: Mapped[str]
    occasion_id: Mapped[UUID | None]
    member_id: Mapped[UUID | None]
    scanned_by_id: Mapped[UUID | None]
    """Who worked the leader's device, also for themselves; None when the member's phone scanned."""
    kind: Mapped[str]
    """in, out or auto (the state decides)."""
    status: Mapped[str]
    reason: Mapped[str | None]
    answer: Mapped[Any] = mapped_column(Document)
    scanned_at: Mapped[datetime]
    recorded_at: Mapped[datetime]
    device: Mapped[str] = mapped_column(default="")
    """Mark of the phone at this occasion, as `flags.device_mark` makes it; empty without one."""
