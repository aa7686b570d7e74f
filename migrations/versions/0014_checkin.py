"""Sightings: a leader saw that somebody who was checked in is that person."""

import sqlalchemy as sa
from alembic import op

from ledger.columns import Key, Timestamp
from migrations import history

revision = "0014_checkin"
down_revision = "0013_policy"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table and close it: what was seen stays."""
    op.create_table(
        "sighting",
        sa.Column("community_id", Key(), nullable=False),
        sa.Column("attendance_id", Key(), nullable=False),
        sa.Column("member_id", Key(), nullable=False),
        sa.Column("seen_by_id", Key(), nullable=False),
        sa.Column("seen_at", Timestamp(), nullable=False),
        sa.CheckConstraint("seen_by_id <> member_id", name=op.f("ck_sighting_seen_by_another")),
        sa.ForeignKeyConstraint(
            ["community_id", "attendance_id"],
            ["attendance.community_id", "attendance.id"],
            name=op.f("fk_sighting_community_id_attendance_id"),
        ),
        sa.ForeignKeyConstraint(
            ["community_id", "member_id"],
            ["member.community_id", "member.id"],
            name=op.f("fk_sighting_community_id_member_id"),
        ),
        sa.ForeignKeyConstraint(
            ["community_id", "seen_by_id"],
            ["member.community_id", "member.id"],
            name="fk_sighting_seen_by",
        ),
        sa.PrimaryKeyConstraint("community_id", "attendance_id", name=op.f("pk_sighting")),
        sqlite_strict=True,
    )
    history.close("sighting", ("attendance_id",))


def downgrade() -> None:
    """Drop the table; its triggers go with it."""
    op.drop_table("sighting")
