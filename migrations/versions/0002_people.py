"""People: streets, communities, persons, members with roles and cards, tokens, and the audit.

What was done stays done: triggers refuse to change or delete an audit row.
"""

import sqlalchemy as sa
from alembic import op

from ledger.columns import Count, Day, Digest, Document, Flag, Key, States, Text, Timestamp
from migrations import history

revision = "0002_people"
down_revision = "0001_ledger"
branch_labels = None
depends_on = None

TABLES = (
    "street",
    "community",
    "person",
    "sign_in_throttle",
    "member",
    "member_role",
    "member_card",
    "api_token",
    "audit_event",
)


def upgrade() -> None:
    """Make the tables, then close the audit."""
    _make_street()
    _make_community()
    _make_person()
    _make_sign_in_throttle()
    _make_member()
    _make_member_role()
    _make_member_card()
    _make_api_token()
    _make_audit_event()
    history.make_refusal()
    history.close("audit_event", ("id",))


def downgrade() -> None:
    """Drop the tables; their triggers go with them."""
    for table in reversed(TABLES):
        op.drop_table(table)
    history.drop_refusal()


def _make_street() -> None:
    op.create_table(
        "street",
        sa.Column("id", Key(), nullable=False),
        sa.Column("name", Text, nullable=False),
        sa.Column("name_en", Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_street")),
        sqlite_strict=True,
    )


def _make_community() -> None:
    op.create_table(
        "community",
        sa.Column("community_id", Key(), nullable=False),
        sa.Column("street_id", Key(), nullable=False),
        sa.Column("code", Text, nullable=False),
        sa.Column("name", Text, nullable=False),
        sa.Column("name_en", Text, nullable=False),
        sa.Column("time_zone", Text, nullable=False),
        sa.Column("issuer_name", Text, nullable=False),
        sa.Column("issuer_contact", Text, nullable=False),
        sa.Column("responsible_name", Text, nullable=False),
        sa.Column("code_key_id", Text, nullable=False),
        sa.Column("pin_above_points", Count, nullable=False),
        sa.Column("redeem_points_per_day_max", Count, nullable=False),
        sa.Column("last_member_number", Count, nullable=False),
        sa.Column("last_item_number", Count, nullable=False),
        sa.Column("last_receipt_number", Count, nullable=False),
        sa.CheckConstraint("length(code) BETWEEN 1 AND 4", name=op.f("ck_community_code_length")),
        sa.CheckConstraint("pin_above_points >= 0", name=op.f("ck_community_pin_above_points")),
        sa.CheckConstraint(
            "redeem_points_per_day_max > 0", name=op.f("ck_community_redeem_points_per_day_max")
        ),
        sa.ForeignKeyConstraint(["street_id"], ["street.id"], name=op.f("fk_community_street_id")),
        sa.PrimaryKeyConstraint("community_id", name=op.f("pk_community")),
        sa.UniqueConstraint("code", name=op.f("uq_community_code")),
        sqlite_strict=True,
    )


def _make_person() -> None:
    op.create_table(
        "person",
        sa.Column("id", Key(), nullable=False),
        sa.Column("phone", Text, nullable=False),
        sa.Column("password_hash", Text, nullable=False),
        sa.Column("session_epoch", Count, nullable=False),
        sa.Column("must_change_password", Flag(), nullable=False),
        sa.Column("created_at", Timestamp(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_person")),
        sa.UniqueConstraint("phone", name=op.f("uq_person_phone")),
        sqlite_strict=True,
    )


def _make_sign_in_throttle() -> None:
    op.create_table(
        "sign_in_throttle",
        sa.Column("phone_digest", Digest, nullable=False),
        sa.Column("failed_count", Count, nullable=False),
        sa.Column("last_failed_at", Timestamp(), nullable=False),
        sa.PrimaryKeyConstraint("phone_digest", name=op.f("pk_sign_in_throttle")),
        sqlite_strict=True,
    )


def _make_member() -> None:
    op.create_table(
        "member",
        sa.Column("community_id", Key(), nullable=False),
        sa.Column("id", Key(), nullable=False),
        sa.Column("person_id", Key(), nullable=True),
        sa.Column("number", Count, nullable=False),
        sa.Column("name", Text, nullable=False),
        sa.Column("status", States("status", ["active", "suspended", "left"]), nullable=False),
        sa.Column("joined_on", Day(), nullable=False),
        sa.Column("team", Text, nullable=False),
        sa.Column("alias", Text, nullable=False),
        sa.Column("pin_hash", Text, nullable=True),
        sa.Column("pin_failed_count", Count, nullable=False),
        sa.Column("document_kind", Text, nullable=True),
        sa.Column("document_number_encrypted", Digest, nullable=True),
        sa.Column("document_number_masked", Text, nullable=True),
        sa.Column("service_account_id", Key(), nullable=False),
        sa.Column("points_account_id", Key(), nullable=False),
        sa.CheckConstraint("length(name) BETWEEN 1 AND 60", name=op.f("ck_member_name_length")),
        sa.CheckConstraint("number > 0", name=op.f("ck_member_number")),
        sa.ForeignKeyConstraint(
            ["community_id"], ["community.community_id"], name=op.f("fk_member_community_id")
        ),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_member_person_id")),
        sa.PrimaryKeyConstraint("community_id", "id", name=op.f("pk_member")),
        sa.UniqueConstraint("community_id", "alias", name=op.f("uq_member_community_id_alias")),
        sa.UniqueConstraint("community_id", "number", name=op.f("uq_member_community_id_number")),
        sa.UniqueConstraint(
            "community_id", "person_id", name=op.f("uq_member_community_id_person_id")
        ),
        sqlite_strict=True,
    )
    op.create_index("ix_member_person_id", "member", ["person_id"], unique=False)


def _make_member_role() -> None:
    op.create_table(
        "member_role",
        sa.Column("community_id", Key(), nullable=False),
        sa.Column("member_id", Key(), nullable=False),
        sa.Column(
            "role",
            States(
                "role",
                ["volunteer", "leader", "clerk", "social_worker", "auditor", "administrator"],
            ),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["community_id", "member_id"],
            ["member.community_id", "member.id"],
            name=op.f("fk_member_role_community_id_member_id"),
        ),
        sa.PrimaryKeyConstraint("community_id", "member_id", "role", name=op.f("pk_member_role")),
        sqlite_strict=True,
    )


def _make_member_card() -> None:
    op.create_table(
        "member_card",
        sa.Column("community_id", Key(), nullable=False),
        sa.Column("id", Key(), nullable=False),
        sa.Column("member_id", Key(), nullable=False),
        sa.Column("version", Count, nullable=False),
        sa.Column("token_digest", Digest, nullable=False),
        sa.Column("digits", Text, nullable=False),
        sa.Column("issued_at", Timestamp(), nullable=False),
        sa.Column("revoked_at", Timestamp(), nullable=True),
        sa.ForeignKeyConstraint(
            ["community_id", "member_id"],
            ["member.community_id", "member.id"],
            name=op.f("fk_member_card_community_id_member_id"),
        ),
        sa.PrimaryKeyConstraint("community_id", "id", name=op.f("pk_member_card")),
        sa.UniqueConstraint(
            "community_id", "digits", name=op.f("uq_member_card_community_id_digits")
        ),
        sa.UniqueConstraint(
            "community_id",
            "member_id",
            "version",
            name=op.f("uq_member_card_community_id_member_id_version"),
        ),
        sa.UniqueConstraint(
            "community_id", "token_digest", name=op.f("uq_member_card_community_id_token_digest")
        ),
        sqlite_strict=True,
    )


def _make_api_token() -> None:
    op.create_table(
        "api_token",
        sa.Column("community_id", Key(), nullable=False),
        sa.Column("id", Key(), nullable=False),
        sa.Column("member_id", Key(), nullable=False),
        sa.Column("name", Text, nullable=False),
        sa.Column("token_digest", Digest, nullable=False),
        sa.Column("created_at", Timestamp(), nullable=False),
        sa.Column("expires_at", Timestamp(), nullable=False),
        sa.Column("revoked_at", Timestamp(), nullable=True),
        sa.ForeignKeyConstraint(
            ["community_id", "member_id"],
            ["member.community_id", "member.id"],
            name=op.f("fk_api_token_community_id_member_id"),
        ),
        sa.PrimaryKeyConstraint("community_id", "id", name=op.f("pk_api_token")),
        sa.UniqueConstraint(
            "community_id", "token_digest", name=op.f("uq_api_token_community_id_token_digest")
        ),
        sqlite_strict=True,
    )


def _make_audit_event() -> None:
    op.create_table(
        "audit_event",
        sa.Column("community_id", Key(), nullable=False),
        sa.Column("id", Key(), nullable=False),
        sa.Column("recorded_at", Timestamp(), nullable=False),
        sa.Column("actor", Text, nullable=False),
        sa.Column("action", Text, nullable=False),
        sa.Column("subject", Text, nullable=False),
        sa.Column("details", Document(), nullable=False),
        sa.PrimaryKeyConstraint("community_id", "id", name=op.f("pk_audit_event")),
        sqlite_strict=True,
    )
    op.create_index(
        "ix_audit_event_subject", "audit_event", ["community_id", "subject"], unique=False
    )
