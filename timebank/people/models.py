"""Tables of people: streets and communities, persons who sign in, members, roles, cards, tokens.

A *person* is global (one sign-in); a *member* is that person in one community, with a number V0001
and accounts in its book. Members
without a phone have no person. The ledger never refers to these tables; a member row keeps the ids
of its accounts instead.
"""

from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from ledger.base import Base, community_key
from ledger.columns import Count, states
from timebank.actors import Role

NAME_LENGTH_MAX = 60


class MemberStatus(StrEnum):
    """Where a member stands."""

    ACTIVE = "active"
    SUSPENDED = "suspended"
    LEFT = "left"


class Street(Base):
    """The street office (subdistrict) above communities."""

    __tablename__ = "street"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str]
    name_en: Mapped[str]


class Community(Base):
    """One community and the parameters of its book.

    `code` begins certificate numbers and is unique across the system.
    """

    __tablename__ = "community"
    __table_args__ = (
        sa.UniqueConstraint("code"),
        sa.ForeignKeyConstraint(["street_id"], ["street.id"]),
        sa.CheckConstraint("length(code) BETWEEN 1 AND 4", name="code_length"),
        sa.CheckConstraint("pin_above_points >= 0", name="pin_above_points"),
        sa.CheckConstraint("redeem_points_per_day_max > 0", name="redeem_points_per_day_max"),
        sa.CheckConstraint("redeem_points_per_month_max > 0", name="redeem_points_per_month_max"),
        sa.CheckConstraint(
            "household_points_per_month_max > 0", name="household_points_per_month_max"
        ),
    )

    community_id: Mapped[UUID] = community_key()
    street_id: Mapped[UUID]
    code: Mapped[str]
    name: Mapped[str]
    name_en: Mapped[str]
    time_zone: Mapped[str] = mapped_column(default="Asia/Shanghai")
    issuer_name: Mapped[str]
    """Full name printed on certificates, e.g. L市D社区居民委员会."""
    issuer_contact: Mapped[str]
    responsible_name: Mapped[str]
    """Responsible person printed on certificates."""
    code_key_id: Mapped[str] = mapped_column(default="A")
    """One character: which derived key signs new codes; older ones stay valid until retired."""
    pin_above_points: Mapped[int] = mapped_column(Count, default=50)
    """A card redemption above this many points asks for the PIN."""
    redeem_points_per_day_max: Mapped[int] = mapped_column(Count, default=500)
    redeem_points_per_month_max: Mapped[int | None] = mapped_column(Count)
    """None: no limit of a month."""
    household_points_per_month_max: Mapped[int | None] = mapped_column(Count)
    """What the members of one household redeem together in a month; None: no limit."""
    last_member_number: Mapped[int] = mapped_column(Count, default=0)
    """Counter behind V0001; raised with a locking UPDATE."""
    last_item_number: Mapped[int] = mapped_column(Count, default=0)
    last_receipt_number: Mapped[int] = mapped_column(Count, default=0)


class Person(Base):
    """A sign-in by phone number; global, with a member row in each community."""

    __tablename__ = "person"
    __table_args__ = (sa.UniqueConstraint("phone"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    phone: Mapped[str]
    """Digits only, with country code for numbers outside China."""
    password_hash: Mapped[str]
    session_epoch: Mapped[int] = mapped_column(Count, default=0)
    """Raised by sign-out everywhere and by a change of password: older cookies are void."""
    must_change_password: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime]


class SignInThrottle(Base):
    """Failed sign-ins per phone number (kept as a digest, so unknown numbers are not collected)."""

    __tablename__ = "sign_in_throttle"

    phone_digest: Mapped[bytes] = mapped_column(primary_key=True)
    failed_count: Mapped[int] = mapped_column(Count)
    last_failed_at: Mapped[datetime]


class Member(Base):
    """A person in one community's book."""

    __tablename__ = "member"
    __table_args__ = (
        sa.UniqueConstraint("community_id", "number"),
        sa.UniqueConstraint("community_id", "person_id"),
        sa.UniqueConstraint("community_id", "alias"),
        sa.Index("ix_member_person_id", "person_id"),
        sa.ForeignKeyConstraint(["community_id"], ["community.community_id"]),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"]),
        sa.CheckConstraint(f"length(name) BETWEEN 1 AND {NAME_LENGTH_MAX}", name="name_length"),
        sa.CheckConstraint("number > 0", name="number"),
    )

    community_id: Mapped[UUID] = community_key()
    id: Mapped[UUID] = mapped_column(primary_key=True)
    person_id: Mapped[UUID | None]
    number: Mapped[int] = mapped_column(Count)
    name: Mapped[str]
    status: Mapped[MemberStatus] = mapped_column(
        states(MemberStatus, "status"), default=MemberStatus.ACTIVE
    )
    joined_on: Mapped[date]
    team: Mapped[str] = mapped_column(default="")
    alias: Mapped[str]
    """Nine digits inside the pay code; says nothing about the person."""
    pin_hash: Mapped[str | None]
    pin_failed_count: Mapped[int] = mapped_column(Count, default=0)
    document_kind: Mapped[str | None]
    document_number_encrypted: Mapped[bytes | None]
    document_number_masked: Mapped[str | None]
    service_account_id: Mapped[UUID]
    points_account_id: Mapped[UUID]

    @property
    def volunteer_number(self) -> str:
        """Return the printed number, such as V0001."""
        return f"V{self.number:04d}"


class MemberRole(Base):
    """One role of one member."""

    __tablename__ = "member_role"
    __table_args__ = (
        sa.ForeignKeyConstraint(
            ["community_id", "member_id"], ["member.community_id", "member.id"]
        ),
    )

    community_id: Mapped[UUID] = community_key()
    member_id: Mapped[UUID] = mapped_column(primary_key=True)
    role: Mapped[Role] = mapped_column(states(Role, "role"), primary_key=True)


class MemberCard(Base):
    """A printed card: the QR token is kept only as SHA-256.

    The digits identify at the till and never authorise.
    """

    __tablename__ = "member_card"
    __table_args__ = (
        sa.UniqueConstraint("community_id", "member_id", "version"),
        sa.UniqueConstraint("community_id", "token_digest"),
        sa.UniqueConstraint("community_id", "digits"),
        sa.ForeignKeyConstraint(
            ["community_id", "member_id"], ["member.community_id", "member.id"]
        ),
    )

    community_id: Mapped[UUID] = community_key()
    id: Mapped[UUID] = mapped_column(primary_key=True)
    member_id: Mapped[UUID]
    version: Mapped[int] = mapped_column(Count)
    token_digest: Mapped[bytes]
    digits: Mapped[str]
    """Ten digits: 1, eight random, check digit."""
    issued_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]


class ApiToken(Base):
    """A bearer token for machines: acts as its member, kept only as SHA-256."""

    __tablename__ = "api_token"
    __table_args__ = (
        sa.UniqueConstraint("community_id", "token_digest"),
        sa.ForeignKeyConstraint(
            ["community_id", "member_id"], ["member.community_id", "member.id"]
        ),
    )

    community_id: Mapped[UUID] = community_key()
    id: Mapped[UUID] = mapped_column(primary_key=True)
    member_id: Mapped[UUID]
    name: Mapped[str]
    token_digest: Mapped[bytes]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
