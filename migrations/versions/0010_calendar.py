"""Calendar: kinds of occasions, moved days, ended series, the queue of a full slot, messages."""

import sqlalchemy as sa
from alembic import op

from ledger import columns

revision = "0010_calendar"
down_revision = "0009_corrections"
branch_labels = None
depends_on = None

KINDS = ("service_day", "duty_shift", "training", "meeting")
MESSAGE_KINDS = (
    *("called_off", "series_ended", "moved", "moved_clash", "place_given", "passed_over"),
    "reminder",
)
WAIT_STATES = ("waiting", "placed", "left", "passed_over")


def upgrade() -> None:
    """Add the columns, with what stands so far as service days; then make the tables."""
    for table in ("service_series", "occasion"):
        _add(table, "kind VARCHAR(32) NOT NULL DEFAULT 'service_day'", "kind", _one_of(KINDS))
    _add("occasion", "sequence INTEGER NOT NULL DEFAULT 0", "sequence", "sequence >= 0")
    op.add_column("service_series", sa.Column("ended_on", columns.Day(), nullable=True))
    op.add_column("occasion", sa.Column("moved_from_on", columns.Day(), nullable=True))
    op.add_column("occasion", sa.Column("revised_at", columns.Timestamp(), nullable=True))
    op.create_index(
        "uq_occasion_moved_from",
        "occasion",
        ["community_id", "series_id", "moved_from_on"],
        unique=True,
    )
    op.create_index("ix_occasion_starts_at", "occasion", ["community_id", "starts_at"])
    _make_slot_wait()
    _make_message()
    _make_mail_address()


def downgrade() -> None:
    """Drop the tables and take the columns away; a column goes with its CHECK."""
    for table in ("mail_address", "message", "slot_wait"):
        op.drop_table(table)
    op.drop_index("ix_occasion_starts_at", "occasion")
    op.drop_index("uq_occasion_moved_from", "occasion")
    for table, column in (
        *(("occasion", name) for name in ("revised_at", "moved_from_on", "sequence", "kind")),
        *(("service_series", name) for name in ("ended_on", "kind")),
    ):
        op.execute(f"ALTER TABLE {table} DROP COLUMN {column}")


def _add(table: str, column: str, name: str, rule: str) -> None:
    """Add a column with its CHECK in one statement, the only way that SQLite knows."""
    if op.get_bind().dialect.name == "sqlite":
        column = column.replace("VARCHAR(32)", "TEXT")  # a STRICT table knows no VARCHAR
    op.execute(
        f"ALTER TABLE {table} ADD COLUMN {column} CONSTRAINT ck_{table}_{name} CHECK ({rule})"
    )


def _one_of(words: tuple[str, ...]) -> str:
    return f"kind IN ({', '.join(repr(word) for word in words)})"


def _make_slot_wait() -> None:
    op.create_table(
        "slot_wait",
        sa.Column("community_id", columns.Key(), nullable=False),
        sa.Column("id", columns.Key(), nullable=False),
        sa.Column("slot_id", columns.Key(), nullable=False),
        sa.Column("member_id", columns.Key(), nullable=False),
        sa.Column("place", columns.Count, nullable=False),
        sa.Column("state", columns.States("state", WAIT_STATES), nullable=False),
        sa.Column("asked_at", columns.Timestamp(), nullable=False),
        sa.Column("ended_at", columns.Timestamp(), nullable=True),
        sa.CheckConstraint("place > 0", name=op.f("ck_slot_wait_place")),
        sa.CheckConstraint(
            "(state = 'waiting') = (ended_at IS NULL)", name=op.f("ck_slot_wait_waiting_is_open")
        ),
        sa.ForeignKeyConstraint(
            ["community_id", "slot_id"],
            ["slot.community_id", "slot.id"],
            name=op.f("fk_slot_wait_community_id_slot_id"),
        ),
        _to_member("slot_wait"),
        sa.PrimaryKeyConstraint("community_id", "id", name=op.f("pk_slot_wait")),
        sa.UniqueConstraint(
            *("community_id", "slot_id", "place"),
            name=op.f("uq_slot_wait_community_id_slot_id_place"),
        ),
        sqlite_strict=True,
    )
    is_open = sa.text("state = 'waiting'")
    op.create_index(
        "uq_slot_wait_open",
        "slot_wait",
        ["community_id", "slot_id", "member_id"],
        unique=True,
        postgresql_where=is_open,
        sqlite_where=is_open,
    )


def _make_message() -> None:
    op.create_table(
        "message",
        sa.Column("community_id", columns.Key(), nullable=False),
        sa.Column("id", columns.Key(), nullable=False),
        sa.Column("member_id", columns.Key(), nullable=False),
        sa.Column("kind", columns.States("kind", MESSAGE_KINDS), nullable=False),
        sa.Column("facts", columns.Document(), nullable=False),
        sa.Column("reference", columns.Text, nullable=False),
        sa.Column("created_at", columns.Timestamp(), nullable=False),
        sa.Column("read_at", columns.Timestamp(), nullable=True),
        sa.Column("next_try_at", columns.Timestamp(), nullable=True),
        sa.Column("try_count", columns.Count, nullable=False),
        sa.Column("sent_at", columns.Timestamp(), nullable=True),
        sa.CheckConstraint("try_count BETWEEN 0 AND 8", name=op.f("ck_message_try_count")),
        sa.CheckConstraint(
            "sent_at IS NULL OR next_try_at IS NULL", name=op.f("ck_message_sent_once")
        ),
        sa.CheckConstraint(
            "length(reference) BETWEEN 1 AND 160", name=op.f("ck_message_reference_length")
        ),
        _to_member("message"),
        sa.PrimaryKeyConstraint("community_id", "id", name=op.f("pk_message")),
        sa.UniqueConstraint(
            "community_id", "reference", name=op.f("uq_message_community_id_reference")
        ),
        sqlite_strict=True,
    )
    op.create_index("ix_message_member", "message", ["community_id", "member_id", "id"])
    for name, column, rule in (
        ("ix_message_unread", "member_id", "read_at IS NULL"),
        ("ix_message_due", "next_try_at", "next_try_at IS NOT NULL"),
    ):
        op.create_index(
            name,
            "message",
            ["community_id", column],
            postgresql_where=sa.text(rule),
            sqlite_where=sa.text(rule),
        )


def _make_mail_address() -> None:
    op.create_table(
        "mail_address",
        sa.Column("community_id", columns.Key(), nullable=False),
        sa.Column("member_id", columns.Key(), nullable=False),
        sa.Column("email", columns.Text, nullable=False),
        sa.CheckConstraint(
            "length(email) BETWEEN 3 AND 254", name=op.f("ck_mail_address_email_length")
        ),
        _to_member("mail_address"),
        sa.PrimaryKeyConstraint("community_id", "member_id", name=op.f("pk_mail_address")),
        sqlite_strict=True,
    )


def _to_member(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["community_id", "member_id"],
        ["member.community_id", "member.id"],
        name=op.f(f"fk_{table}_community_id_member_id"),
    )
