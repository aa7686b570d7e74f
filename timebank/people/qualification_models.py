"""What a member has been trained for, and until when it is valid."""

from datetime import date
from enum import StrEnum
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from ledger.base import Base, community_key
from ledger.columns import states


class QualificationKind(StrEnum):
    """What a shift may ask for."""

    FIRST_AID = "first_aid"
    CIVIL_CODE = "civil_code"
    FIRE_SAFETY = "fire_safety"
    FOOD_HYGIENE = "food_hygiene"


class Qualification(Base):
    """One kind of one member, valid from the first to the last day; a new course moves the dates.

    What the dates were before stands in the audit.
    """

    __tablename__ = "member_qualification"
    __table_args__ = (
        sa.ForeignKeyConstraint(
            ["community_id", "member_id"], ["member.community_id", "member.id"]
        ),
        sa.CheckConstraint("expires_on >= granted_on", name="expires_after_grant"),
        sa.CheckConstraint("granted_by_id <> member_id", name="granted_by_another"),
        {"sqlite_strict": True},
    )

    community_id: Mapped[UUID] = community_key()
    member_id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[QualificationKind] = mapped_column(
        states(QualificationKind, "kind"), primary_key=True
    )
    granted_on: Mapped[date]
    expires_on: Mapped[date]
    granted_by_id: Mapped[UUID | None]
    """None for the system."""

    def is_valid_on(self, day: date) -> bool:
        """Tell whether it counts on a day."""
        return self.granted_on <= day <= self.expires_on
