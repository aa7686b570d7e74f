"""Households, and who may come for a member who cannot come themself.

Both are protected: every look at a household is logged (`timebank/people/households.py`).
"""

from datetime import date, datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from ledger.base import Base, community_key

LABEL_LENGTH_MAX = 60
STRICT = {"sqlite_strict": True}


class Household(Base):
    """People who keep house together: their redemptions of a month may have a limit together."""

    __tablename__ = "household"
    __table_args__ = (
        sa.UniqueConstraint("community_id", "nonce"),
        sa.ForeignKeyConstraint(["community_id"], ["community.community_id"]),
        sa.CheckConstraint(f"length(label) BETWEEN 1 AND {LABEL_LENGTH_MAX}", name="label"),
        STRICT,
    )

    community_id: Mapped[UUID] = community_key()
    id: Mapped[UUID] = mapped_column(primary_key=True)
    nonce: Mapped[str]
    label: Mapped[str]
    """How the staff find it, such as 3栋2单元501."""
    created_at: Mapped[datetime]


class HouseholdMember(Base):
    """That a member belongs to a household: to one at most."""

    __tablename__ = "household_member"
    __table_args__ = (
        sa.UniqueConstraint("community_id", "member_id"),
        sa.ForeignKeyConstraint(
            ["community_id", "household_id"], ["household.community_id", "household.id"]
        ),
        sa.ForeignKeyConstraint(
            ["community_id", "member_id"], ["member.community_id", "member.id"]
        ),
        STRICT,
    )

    community_id: Mapped[UUID] = community_key()
    household_id: Mapped[UUID] = mapped_column(primary_key=True)
    member_id: Mapped[UUID] = mapped_column(primary_key=True)


class Helper(Base):
    """That a member agreed that another comes to the shop for them, until it is ended."""

    __tablename__ = "helper"
    __table_args__ = (
        sa.ForeignKeyConstraint(
            ["community_id", "member_id"],
            ["member.community_id", "member.id"],
            name="fk_helper_member",
        ),
        sa.ForeignKeyConstraint(
            ["community_id", "helper_member_id"],
            ["member.community_id", "member.id"],
            name="fk_helper_helper",
        ),
        sa.CheckConstraint("helper_member_id <> member_id", name="helper_is_another"),
        sa.CheckConstraint(
            "recorded_by_id <> member_id AND recorded_by_id <> helper_member_id",
            name="recorded_by_another",
        ),
        sa.Index(
            "uq_helper_open",
            "community_id",
            "member_id",
            "helper_member_id",
            unique=True,
            sqlite_where=sa.text("ended_at IS NULL"),
            postgresql_where=sa.text("ended_at IS NULL"),
        ),
        STRICT,
    )

    community_id: Mapped[UUID] = community_key()
    id: Mapped[UUID] = mapped_column(primary_key=True)
    member_id: Mapped[UUID]
    helper_member_id: Mapped[UUID]
    agreed_on: Mapped[date]
    recorded_by_id: Mapped[UUID | None]
    """None: the system."""
    recorded_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
