"""The leader's device without a network: its scans, and how doubts about them were settled."""

import sqlalchemy as sa
from alembic import op

from ledger.columns import Count, Document, Key, States, Text, Timestamp
from migrations import history

revision = "0011_offline"
down_revision = "0010_calendar"
branch_labels = None
depends_on = None

KINDS = ("card", "digits", "name", "unknown")
OUTCOMES = ("accepted", "flagged", "review")
WHYS = (
    *("earlier_counts", "moved_earlier", "card_replaced", "unknown_at_device"),
    *("clock_wrong", "in_future", "snapshot_old", "unknown_card"),
    *("device_said_no", "list_settled", "overlap", "refused"),
)
DISPOSALS = ("accepted", "dismissed", "settled")


def upgrade() -> None:
    """Make the tables and close them: what was scanned and decided stays."""
    _make_offline_scan()
    _make_offline_review()
    history.close("offline_scan", ("id",), ("scanned_by_id", "nonce"))
    history.close("offline_review", ("scan_id",))


def downgrade() -> None:
    """Drop the tables; their triggers go with them."""
    op.drop_table("offline_review")
    op.drop_table("offline_scan")


def _make_offline_scan() -> None:
    op.create_table(
        "offline_scan",
        sa.Column("community_id", Key(), nullable=False),
        sa.Column("id", Key(), nullable=False),
        sa.Column("nonce", Text, nullable=False),
        sa.Column("device", Text, nullable=False),
        sa.Column("sequence", Count, nullable=False),
        sa.Column("occasion_id", Key(), nullable=False),
        sa.Column("member_id", Key(), nullable=True),
        sa.Column("scanned_by_id", Key(), nullable=False),
        sa.Column("kind", States("kind", KINDS), nullable=False),
        sa.Column("code", Text, nullable=False),
        sa.Column("intent", Text, nullable=False),
        sa.Column("device_at", Timestamp(), nullable=False),
        sa.Column("scanned_at", Timestamp(), nullable=False),
        sa.Column("offset_seconds", Count, nullable=False),
        sa.Column("snapshot_at", Timestamp(), nullable=True),
        sa.Column("device_status", Text, nullable=False),
        sa.Column("device_effect", Text, nullable=False),
        sa.Column("device_reason", Text, nullable=True),
        sa.Column("status", Text, nullable=False),
        sa.Column("effect", Text, nullable=False),
        sa.Column("reason", Text, nullable=True),
        sa.Column("details", Document(), nullable=False),
        sa.Column("outcome", States("outcome", OUTCOMES), nullable=False),
        sa.Column("why", States("why", WHYS), nullable=True),
        sa.Column("recorded_at", Timestamp(), nullable=False),
        *_scan_checks(),
        *_scan_keys(),
        sqlite_strict=True,
    )
    op.create_index(
        "ix_offline_scan_person", "offline_scan", ["community_id", "occasion_id", "member_id"]
    )
    op.create_index("ix_offline_scan_outcome", "offline_scan", ["community_id", "outcome"])


def _scan_checks() -> list[sa.Constraint]:
    return [
        sa.CheckConstraint(
            "length(nonce) BETWEEN 8 AND 64", name=op.f("ck_offline_scan_nonce_length")
        ),
        sa.CheckConstraint(
            "length(device) BETWEEN 1 AND 64", name=op.f("ck_offline_scan_device_length")
        ),
        sa.CheckConstraint(
            "(outcome = 'accepted') = (why IS NULL)",
            name=op.f("ck_offline_scan_doubt_has_a_reason"),
        ),
        sa.CheckConstraint(
            "outcome <> 'review' OR effect = 'none'",
            name=op.f("ck_offline_scan_review_changes_nothing"),
        ),
    ]


def _scan_keys() -> list[sa.Constraint]:
    return [
        sa.ForeignKeyConstraint(
            ["community_id", "occasion_id"],
            ["occasion.community_id", "occasion.id"],
            name=op.f("fk_offline_scan_community_id_occasion_id"),
        ),
        sa.ForeignKeyConstraint(
            ["community_id", "member_id"],
            ["member.community_id", "member.id"],
            name=op.f("fk_offline_scan_community_id_member_id"),
        ),
        sa.ForeignKeyConstraint(
            ["community_id", "scanned_by_id"],
            ["member.community_id", "member.id"],
            name="fk_offline_scan_scanned_by",
        ),
        sa.PrimaryKeyConstraint("community_id", "id", name=op.f("pk_offline_scan")),
        sa.UniqueConstraint(
            "community_id",
            "scanned_by_id",
            "nonce",
            name=op.f("uq_offline_scan_community_id_scanned_by_id_nonce"),
        ),
    ]


def _make_offline_review() -> None:
    op.create_table(
        "offline_review",
        sa.Column("community_id", Key(), nullable=False),
        sa.Column("scan_id", Key(), nullable=False),
        sa.Column("disposal", States("disposal", DISPOSALS), nullable=False),
        sa.Column("reason", Text, nullable=False),
        sa.Column("member_id", Key(), nullable=True),
        sa.Column("decided_by_id", Key(), nullable=True),
        sa.Column("decided_at", Timestamp(), nullable=False),
        sa.Column("attendance_id", Key(), nullable=True),
        sa.CheckConstraint(
            "decided_by_id <> member_id", name=op.f("ck_offline_review_decided_by_another")
        ),
        sa.CheckConstraint(
            "(disposal = 'settled') = (decided_by_id IS NULL)",
            name=op.f("ck_offline_review_decided_by_somebody"),
        ),
        sa.CheckConstraint(
            "(disposal = 'dismissed') = (attendance_id IS NULL)",
            name=op.f("ck_offline_review_accepted_names_row"),
        ),
        sa.CheckConstraint(
            "length(reason) <= 120 AND (disposal <> 'dismissed' OR reason <> '')",
            name=op.f("ck_offline_review_dismissed_with_reason"),
        ),
        sa.ForeignKeyConstraint(
            ["community_id", "scan_id"],
            ["offline_scan.community_id", "offline_scan.id"],
            name=op.f("fk_offline_review_community_id_scan_id"),
        ),
        sa.ForeignKeyConstraint(
            ["community_id", "attendance_id"],
            ["attendance.community_id", "attendance.id"],
            name=op.f("fk_offline_review_community_id_attendance_id"),
        ),
        sa.PrimaryKeyConstraint("community_id", "scan_id", name=op.f("pk_offline_review")),
        sqlite_strict=True,
    )
