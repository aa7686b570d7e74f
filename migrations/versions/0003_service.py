"""Service days: sites, series, occasions with slots, attendance, scans; and the points policy.

A scan stays as it was made and a released policy as it was promised: triggers refuse to change or
delete rows of both.
"""

import sqlalchemy as sa
from alembic import op

from ledger.columns import Count, Day, Document, Flag, Key, States, Text, Timestamp
from migrations import history

revision = "0003_service"
down_revision = "0002_people"
branch_labels = None
depends_on = None

TABLES = (
    *("site", "service_series", "occasion", "slot", "attendance", "scan_event"),
    "points_policy",
)


def upgrade() -> None:
    """Make the tables, then close what is history."""
    _make_site()
    _make_service_series()
    _make_occasion()
    _make_slot()
    _make_attendance()
    _make_scan_event()
    _make_points_policy()
    history.close("scan_event", ("id",), ("member_id", "nonce"))
    history.close("points_policy", ("version",), ("starts_on",))


def downgrade() -> None:
    """Drop the tables; their triggers go with them."""
    for table in reversed(TABLES):
        op.drop_table(table)


def _make_site() -> None:
    op.create_table(
        "site",
        sa.Column("community_id", Key(), nullable=False),
        sa.Column("id", Key(), nullable=False),
        sa.Column("name", Text, nullable=False),
        sa.Column("address", Text, nullable=False),
        sa.ForeignKeyConstraint(
            ["community_id"], ["community.community_id"], name=op.f("fk_site_community_id")
        ),
        sa.PrimaryKeyConstraint("community_id", "id", name=op.f("pk_site")),
        sqlite_strict=True,
    )


def _make_service_series() -> None:
    op.create_table(
        "service_series",
        sa.Column("community_id", Key(), nullable=False),
        sa.Column("id", Key(), nullable=False),
        sa.Column("site_id", Key(), nullable=False),
        sa.Column("leader_member_id", Key(), nullable=False),
        sa.Column("title", Text, nullable=False),
        sa.Column(
            "category",
            States(
                "category", ["environment", "resident_information", "safety", "outreach", "ad_hoc"]
            ),
            nullable=False,
        ),
        sa.Column("rule", Text, nullable=False),
        sa.Column("starts_on", Day(), nullable=False),
        sa.Column("start_time", Text, nullable=False),
        sa.Column("end_time", Text, nullable=False),
        sa.Column("capacity", Count, nullable=False),
        sa.CheckConstraint("capacity BETWEEN 1 AND 10000", name=op.f("ck_service_series_capacity")),
        sa.ForeignKeyConstraint(
            ["community_id", "leader_member_id"],
            ["member.community_id", "member.id"],
            name="fk_service_series_leader",
        ),
        sa.ForeignKeyConstraint(
            ["community_id", "site_id"],
            ["site.community_id", "site.id"],
            name=op.f("fk_service_series_community_id_site_id"),
        ),
        sa.PrimaryKeyConstraint("community_id", "id", name=op.f("pk_service_series")),
        sqlite_strict=True,
    )


def _make_occasion() -> None:
    op.create_table(
        "occasion",
        sa.Column("community_id", Key(), nullable=False),
        sa.Column("id", Key(), nullable=False),
        sa.Column("short_code", Text, nullable=False),
        sa.Column("series_id", Key(), nullable=True),
        sa.Column("site_id", Key(), nullable=False),
        sa.Column("leader_member_id", Key(), nullable=False),
        sa.Column("title", Text, nullable=False),
        sa.Column(
            "category",
            States(
                "category", ["environment", "resident_information", "safety", "outreach", "ad_hoc"]
            ),
            nullable=False,
        ),
        sa.Column("occurs_on", Day(), nullable=False),
        sa.Column("starts_at", Timestamp(), nullable=False),
        sa.Column("ends_at", Timestamp(), nullable=False),
        sa.Column("status", States("status", ["planned", "cancelled", "closed"]), nullable=False),
        *_occasion_constraints(),
        sqlite_strict=True,
    )
    op.create_index(
        "ix_occasion_occurs_on", "occasion", ["community_id", "occurs_on"], unique=False
    )


def _occasion_constraints() -> list[sa.Constraint]:
    return [
        sa.CheckConstraint("ends_at > starts_at", name=op.f("ck_occasion_ends_after_start")),
        sa.ForeignKeyConstraint(
            ["community_id", "leader_member_id"],
            ["member.community_id", "member.id"],
            name="fk_occasion_leader",
        ),
        sa.ForeignKeyConstraint(
            ["community_id", "series_id"],
            ["service_series.community_id", "service_series.id"],
            name=op.f("fk_occasion_community_id_series_id"),
        ),
        sa.ForeignKeyConstraint(
            ["community_id", "site_id"],
            ["site.community_id", "site.id"],
            name=op.f("fk_occasion_community_id_site_id"),
        ),
        sa.PrimaryKeyConstraint("community_id", "id", name=op.f("pk_occasion")),
        sa.UniqueConstraint(
            "community_id",
            "series_id",
            "occurs_on",
            name=op.f("uq_occasion_community_id_series_id_occurs_on"),
        ),
        sa.UniqueConstraint(
            "community_id", "short_code", name=op.f("uq_occasion_community_id_short_code")
        ),
    ]


def _make_slot() -> None:
    op.create_table(
        "slot",
        sa.Column("community_id", Key(), nullable=False),
        sa.Column("id", Key(), nullable=False),
        sa.Column("occasion_id", Key(), nullable=False),
        sa.Column("starts_at", Timestamp(), nullable=False),
        sa.Column("ends_at", Timestamp(), nullable=False),
        sa.Column("capacity", Count, nullable=False),
        sa.Column("enrolled_count", Count, nullable=False),
        sa.CheckConstraint("capacity BETWEEN 1 AND 10000", name=op.f("ck_slot_capacity")),
        sa.CheckConstraint("ends_at > starts_at", name=op.f("ck_slot_ends_after_start")),
        sa.CheckConstraint(
            "enrolled_count BETWEEN 0 AND capacity", name=op.f("ck_slot_enrolled_count")
        ),
        sa.ForeignKeyConstraint(
            ["community_id", "occasion_id"],
            ["occasion.community_id", "occasion.id"],
            name=op.f("fk_slot_community_id_occasion_id"),
        ),
        sa.PrimaryKeyConstraint("community_id", "id", name=op.f("pk_slot")),
        sa.UniqueConstraint(
            "community_id",
            "occasion_id",
            "starts_at",
            name=op.f("uq_slot_community_id_occasion_id_starts_at"),
        ),
        sqlite_strict=True,
    )


def _make_attendance() -> None:
    op.create_table(
        "attendance",
        sa.Column("community_id", Key(), nullable=False),
        sa.Column("id", Key(), nullable=False),
        sa.Column("occasion_id", Key(), nullable=False),
        sa.Column("slot_id", Key(), nullable=False),
        sa.Column("member_id", Key(), nullable=False),
        sa.Column(
            "state",
            States(
                "state",
                ["enrolled", "in", "out", "posted", "withdrawn", "no_show", "disputed", "void"],
            ),
            nullable=False,
        ),
        sa.Column("enrolled_at", Timestamp(), nullable=False),
        sa.Column("needs_lead", Flag(), nullable=False),
        sa.Column(
            "provenance",
            States("provenance", ["self_scanned", "leader_scanned", "back_filled"]),
            nullable=True,
        ),
        sa.Column("in_at", Timestamp(), nullable=True),
        sa.Column("in_by_id", Key(), nullable=True),
        sa.Column("out_at", Timestamp(), nullable=True),
        sa.Column("out_by_id", Key(), nullable=True),
        sa.Column("is_out_missing", Flag(), nullable=False),
        sa.Column("actual_minutes", Count, nullable=True),
        sa.Column("counted_minutes", Count, nullable=True),
        sa.Column("points", Count, nullable=True),
        sa.Column("policy_version", Count, nullable=True),
        sa.Column("confirmed_by_id", Key(), nullable=True),
        sa.Column("confirmed_at", Timestamp(), nullable=True),
        sa.Column("transaction_id", Key(), nullable=True),
        *_attendance_checks(),
        *_attendance_keys(),
        sqlite_strict=True,
    )
    op.create_index(
        "ix_attendance_occasion", "attendance", ["community_id", "occasion_id"], unique=False
    )


def _attendance_checks() -> list[sa.Constraint]:
    return [
        sa.CheckConstraint(
            "(state = 'posted') = (transaction_id IS NOT NULL)",
            name=op.f("ck_attendance_posted_names_transaction"),
        ),
        sa.CheckConstraint(
            "provenance <> 'back_filled' OR confirmed_by_id IS NULL OR confirmed_by_id <> in_by_id",
            name=op.f("ck_attendance_back_filled_by_another"),
        ),
        sa.CheckConstraint(
            "confirmed_by_id IS NULL OR confirmed_by_id <> member_id",
            name=op.f("ck_attendance_confirmed_by_another"),
        ),
        sa.CheckConstraint(
            "counted_minutes IS NULL OR counted_minutes BETWEEN 0 AND 1440",
            name=op.f("ck_attendance_counted_minutes"),
        ),
        sa.CheckConstraint(
            "out_at IS NULL OR out_at >= in_at", name=op.f("ck_attendance_out_after_in")
        ),
    ]


def _attendance_keys() -> list[sa.Constraint]:
    return [
        sa.ForeignKeyConstraint(
            ["community_id", "member_id"],
            ["member.community_id", "member.id"],
            name=op.f("fk_attendance_community_id_member_id"),
        ),
        sa.ForeignKeyConstraint(
            ["community_id", "occasion_id"],
            ["occasion.community_id", "occasion.id"],
            name=op.f("fk_attendance_community_id_occasion_id"),
        ),
        sa.ForeignKeyConstraint(
            ["community_id", "slot_id"],
            ["slot.community_id", "slot.id"],
            name=op.f("fk_attendance_community_id_slot_id"),
        ),
        sa.PrimaryKeyConstraint("community_id", "id", name=op.f("pk_attendance")),
        sa.UniqueConstraint(
            "community_id",
            "member_id",
            "occasion_id",
            name=op.f("uq_attendance_community_id_member_id_occasion_id"),
        ),
        sa.UniqueConstraint(
            "community_id", "transaction_id", name=op.f("uq_attendance_community_id_transaction_id")
        ),
    ]


def _make_scan_event() -> None:
    op.create_table(
        "scan_event",
        sa.Column("community_id", Key(), nullable=False),
        sa.Column("id", Key(), nullable=False),
        sa.Column("nonce", Text, nullable=False),
        sa.Column("occasion_id", Key(), nullable=True),
        sa.Column("member_id", Key(), nullable=True),
        sa.Column("scanned_by_id", Key(), nullable=True),
        sa.Column("kind", Text, nullable=False),
        sa.Column("status", Text, nullable=False),
        sa.Column("reason", Text, nullable=True),
        sa.Column("answer", Document(), nullable=False),
        sa.Column("scanned_at", Timestamp(), nullable=False),
        sa.Column("recorded_at", Timestamp(), nullable=False),
        sa.Column("device", Text, nullable=False),
        sa.CheckConstraint(
            "length(nonce) BETWEEN 8 AND 64", name=op.f("ck_scan_event_nonce_length")
        ),
        sa.ForeignKeyConstraint(
            ["community_id"], ["community.community_id"], name=op.f("fk_scan_event_community_id")
        ),
        sa.PrimaryKeyConstraint("community_id", "id", name=op.f("pk_scan_event")),
        sa.UniqueConstraint(
            "community_id",
            "member_id",
            "nonce",
            name=op.f("uq_scan_event_community_id_member_id_nonce"),
        ),
        sqlite_strict=True,
    )
    op.create_index(
        "ix_scan_event_occasion", "scan_event", ["community_id", "occasion_id"], unique=False
    )


def _make_points_policy() -> None:
    op.create_table(
        "points_policy",
        sa.Column("community_id", Key(), nullable=False),
        sa.Column("version", Count, nullable=False),
        sa.Column("starts_on", Day(), nullable=False),
        sa.Column("rule", Document(), nullable=False),
        sa.Column("released_by", Text, nullable=False),
        sa.Column("released_at", Timestamp(), nullable=False),
        sa.CheckConstraint("version > 0", name=op.f("ck_points_policy_version")),
        sa.ForeignKeyConstraint(
            ["community_id"], ["community.community_id"], name=op.f("fk_points_policy_community_id")
        ),
        sa.PrimaryKeyConstraint("community_id", "version", name=op.f("pk_points_policy")),
        sa.UniqueConstraint(
            "community_id", "starts_on", name=op.f("uq_points_policy_community_id_starts_on")
        ),
        sqlite_strict=True,
    )
