"""Tables of duty rosters: plan, series and members, who is on which shift, wishes, swaps."""

from datetime import date, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from ledger.base import Base, community_key
from ledger.columns import Count, Document, states

REST_MINUTES_MAX = 24 * 60
DAILY_MINUTES_MAX = 24 * 60
PEOPLE_COUNT_MAX = 20
SHIFTS_PER_WEEK_MAX = 14
SHIFTS_PER_WEEK = 3
"""Of a member who has not said otherwise."""
STRICT = {"sqlite_strict": True}


class RosterState(StrEnum):
    """Whether the members know of it."""

    DRAFT = "draft"
    PUBLISHED = "published"


class AssignmentState(StrEnum):
    """What the list of the occasion knows of an assignment."""

    DRAFT = "draft"
    PUBLISHED = "published"
    DROPPED = "dropped"
    """Taken out of the plan; the sign-up stands until the roster is published again."""


class SwapState(StrEnum):
    """The story of a swap; the first two are open until the shift begins."""

    ASKED = "asked"
    TAKEN = "taken"
    """A colleague has said yes; the leader has not."""
    AGREED = "agreed"
    DECLINED = "declined"
    """By the one colleague who was asked."""
    REFUSED = "refused"
    """By the leader."""
    WITHDRAWN = "withdrawn"


OPEN_SWAPS = (SwapState.ASKED, SwapState.TAKEN)
IS_OPEN = "state IN ('asked', 'taken')"


def _to(table: str, column: str, name: str | None = None) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["community_id", column], [f"{table}.community_id", f"{table}.id"], name=name
    )


class Roster(Base):
    """A plan for the shifts of some series over a span of days."""

    __tablename__ = "duty_roster"
    __table_args__ = (
        sa.ForeignKeyConstraint(["community_id"], ["community.community_id"]),
        sa.CheckConstraint("ends_on >= begins_on", name="ends_after_begin"),
        sa.CheckConstraint(f"rest_minutes BETWEEN 0 AND {REST_MINUTES_MAX}", name="rest_minutes"),
        sa.CheckConstraint(
            f"daily_minutes_max BETWEEN 1 AND {DAILY_MINUTES_MAX}", name="daily_minutes_max"
        ),
        sa.CheckConstraint(f"people_count BETWEEN 1 AND {PEOPLE_COUNT_MAX}", name="people_count"),
        sa.CheckConstraint(
            "(state = 'published') = (published_at IS NOT NULL)", name="published_has_moment"
        ),
        STRICT,
    )

    community_id: Mapped[UUID] = community_key()
    id: Mapped[UUID] = mapped_column(primary_key=True)
    title: Mapped[str]
    begins_on: Mapped[date]
    ends_on: Mapped[date]
    rest_minutes: Mapped[int] = mapped_column(Count)
    """Between the end of one service and the begin of the next of one member."""
    daily_minutes_max: Mapped[int] = mapped_column(Count)
    people_count: Mapped[int] = mapped_column(Count)
    """Wanted on each shift; a slot with fewer places takes fewer."""
    state: Mapped[RosterState] = mapped_column(
        states(RosterState, "state"), default=RosterState.DRAFT
    )
    published_at: Mapped[datetime | None]
    created_at: Mapped[datetime]


class RosterSeries(Base):
    """A series whose days a roster plans."""

    __tablename__ = "duty_roster_series"
    __table_args__ = (
        _to("duty_roster", "roster_id"),
        _to("service_series", "series_id"),
        STRICT,
    )

    community_id: Mapped[UUID] = community_key()
    roster_id: Mapped[UUID] = mapped_column(primary_key=True)
    series_id: Mapped[UUID] = mapped_column(primary_key=True)


class RosterMember(Base):
    """A member whom a roster may plan."""

    __tablename__ = "duty_roster_member"
    __table_args__ = (_to("duty_roster", "roster_id"), _to("member", "member_id"), STRICT)

    community_id: Mapped[UUID] = community_key()
    roster_id: Mapped[UUID] = mapped_column(primary_key=True)
    member_id: Mapped[UUID] = mapped_column(primary_key=True)


class Assignment(Base):
    """A member on a shift; what was set by hand stays when the roster is planned again."""

    __tablename__ = "duty_assignment"
    __table_args__ = (
        _to("duty_roster", "roster_id"),
        _to("slot", "slot_id"),
        _to("member", "member_id"),
        sa.Index("ix_duty_assignment_slot", "community_id", "slot_id"),
        STRICT,
    )

    community_id: Mapped[UUID] = community_key()
    roster_id: Mapped[UUID] = mapped_column(primary_key=True)
    slot_id: Mapped[UUID] = mapped_column(primary_key=True)
    member_id: Mapped[UUID] = mapped_column(primary_key=True)
    is_fixed: Mapped[bool] = mapped_column(default=False)
    state: Mapped[AssignmentState] = mapped_column(
        states(AssignmentState, "state"), default=AssignmentState.DRAFT
    )


class Wishes(Base):
    """When a member comes gladly, rather not or never; no row is "any time"."""

    __tablename__ = "duty_wishes"
    __table_args__ = (
        _to("member", "member_id"),
        sa.CheckConstraint(
            f"shifts_per_week_max BETWEEN 0 AND {SHIFTS_PER_WEEK_MAX}", name="shifts_per_week_max"
        ),
        STRICT,
    )

    community_id: Mapped[UUID] = community_key()
    member_id: Mapped[UUID] = mapped_column(primary_key=True)
    shifts_per_week_max: Mapped[int] = mapped_column(Count)
    wishes: Mapped[Any] = mapped_column(Document)
    """Wish by `<weekday>_<part>`, such as {"0_morning": "never"} for Mondays."""


class Swap(Base):
    """A member asks a colleague, or anybody, to take a shift; the leader agrees."""

    __tablename__ = "duty_swap"
    __table_args__ = (
        _to("slot", "slot_id"),
        _to("member", "member_id"),
        _to("member", "asked_member_id", "fk_duty_swap_asked_member"),
        _to("member", "taker_id", "fk_duty_swap_taker"),
        sa.CheckConstraint("taker_id <> member_id", name="taken_by_another"),
        sa.CheckConstraint("asked_member_id <> member_id", name="asks_another"),
        sa.CheckConstraint(
            "decided_by_id <> member_id AND decided_by_id <> taker_id", name="decided_by_another"
        ),
        sa.CheckConstraint(
            "state NOT IN ('taken', 'agreed', 'refused') OR taker_id IS NOT NULL",
            name="decided_after_taken",
        ),
        sa.CheckConstraint(
            "(state IN ('agreed', 'refused')) = (decided_by_id IS NOT NULL)",
            name="decided_by_somebody",
        ),
        sa.Index(
            "uq_duty_swap_open",
            *("community_id", "slot_id", "member_id"),
            unique=True,
            postgresql_where=sa.text(IS_OPEN),
            sqlite_where=sa.text(IS_OPEN),
        ),
        STRICT,
    )

    community_id: Mapped[UUID] = community_key()
    id: Mapped[UUID] = mapped_column(primary_key=True)
    slot_id: Mapped[UUID]
    member_id: Mapped[UUID]
    """Who gives the shift away."""
    asked_member_id: Mapped[UUID | None]
    """None asks anybody who can."""
    taker_id: Mapped[UUID | None]
    state: Mapped[SwapState] = mapped_column(states(SwapState, "state"), default=SwapState.ASKED)
    asked_at: Mapped[datetime]
    decided_by_id: Mapped[UUID | None]
    changed_at: Mapped[datetime]
