"""Duty rosters: qualifications, wishes, plans, swaps, and the messages that tell of them."""

import sqlalchemy as sa
from alembic import op

from ledger.columns import Count, Day, Document, Flag, Key, States, Text, Timestamp
from migrations.words import add_words, take_words

revision = "0012_rosters"
down_revision = "0011_offline"
branch_labels = None
depends_on = None

KINDS = ("first_aid", "civil_code", "fire_safety", "food_hygiene")
MESSAGES = (
    *("duty_planned", "duty_changed"),
    *("swap_asked", "swap_waits", "swap_declined", "swap_agreed", "swap_refused"),
)
ROSTER_STATES = ("draft", "published")
ASSIGNMENT_STATES = ("draft", "published", "dropped")
SWAP_STATES = ("asked", "taken", "agreed", "declined", "refused", "withdrawn")
ROSTER_RULES = {
    "ends_after_begin": "ends_on >= begins_on",
    "rest_minutes": "rest_minutes BETWEEN 0 AND 1440",
    "daily_minutes_max": "daily_minutes_max BETWEEN 1 AND 1440",
    "people_count": "people_count BETWEEN 1 AND 20",
    "published_has_moment": "(state = 'published') = (published_at IS NOT NULL)",
}
SWAP_RULES = {
    "taken_by_another": "taker_id <> member_id",
    "asks_another": "asked_member_id <> member_id",
    "decided_by_another": "decided_by_id <> member_id AND decided_by_id <> taker_id",
    "decided_after_taken": ("state NOT IN ('taken', 'agreed', 'refused') OR taker_id IS NOT NULL"),
    "decided_by_somebody": "(state IN ('agreed', 'refused')) = (decided_by_id IS NOT NULL)",
}


def upgrade() -> None:
    """Let series ask for a qualification and messages tell of shifts; then make the tables."""
    kind = "TEXT" if op.get_bind().dialect.name == "sqlite" else "VARCHAR(32)"
    listed = ", ".join(repr(each) for each in KINDS)
    op.execute(
        f"ALTER TABLE service_series ADD COLUMN qualification {kind}"
        f" CONSTRAINT ck_service_series_qualification CHECK (qualification IN ({listed}))"
    )
    add_words("message", "kind", MESSAGES)
    _make_qualification()
    _make_roster()
    _make_assignment()
    _make_wishes()
    _make_swap()


def downgrade() -> None:
    """Drop the tables, the words and the column."""
    for table in (
        *("duty_swap", "duty_wishes", "duty_assignment", "duty_roster_member"),
        *("duty_roster_series", "duty_roster", "member_qualification"),
    ):
        op.drop_table(table)
    take_words("message", "kind", MESSAGES)
    op.execute("ALTER TABLE service_series DROP COLUMN qualification")


def _make_qualification() -> None:
    op.create_table(
        "member_qualification",
        sa.Column("community_id", Key(), nullable=False),
        sa.Column("member_id", Key(), nullable=False),
        sa.Column("kind", States("kind", KINDS), nullable=False),
        sa.Column("granted_on", Day(), nullable=False),
        sa.Column("expires_on", Day(), nullable=False),
        sa.Column("granted_by_id", Key(), nullable=True),
        *_rules(
            "member_qualification",
            {
                "expires_after_grant": "expires_on >= granted_on",
                "granted_by_another": "granted_by_id <> member_id",
            },
        ),
        _to("member_qualification", "member", "member_id"),
        sa.PrimaryKeyConstraint(
            "community_id", "member_id", "kind", name=op.f("pk_member_qualification")
        ),
        sqlite_strict=True,
    )


def _make_roster() -> None:
    op.create_table(
        "duty_roster",
        sa.Column("community_id", Key(), nullable=False),
        sa.Column("id", Key(), nullable=False),
        sa.Column("title", Text, nullable=False),
        sa.Column("begins_on", Day(), nullable=False),
        sa.Column("ends_on", Day(), nullable=False),
        sa.Column("rest_minutes", Count, nullable=False),
        sa.Column("daily_minutes_max", Count, nullable=False),
        sa.Column("people_count", Count, nullable=False),
        sa.Column("state", States("state", ROSTER_STATES), nullable=False),
        sa.Column("published_at", Timestamp(), nullable=True),
        sa.Column("created_at", Timestamp(), nullable=False),
        *_rules("duty_roster", ROSTER_RULES),
        sa.ForeignKeyConstraint(
            ["community_id"],
            ["community.community_id"],
            name=op.f("fk_duty_roster_community_id"),
        ),
        sa.PrimaryKeyConstraint("community_id", "id", name=op.f("pk_duty_roster")),
        sqlite_strict=True,
    )
    for table, other, column in (
        ("duty_roster_series", "service_series", "series_id"),
        ("duty_roster_member", "member", "member_id"),
    ):
        op.create_table(
            table,
            sa.Column("community_id", Key(), nullable=False),
            sa.Column("roster_id", Key(), nullable=False),
            sa.Column(column, Key(), nullable=False),
            _to(table, "duty_roster", "roster_id"),
            _to(table, other, column),
            sa.PrimaryKeyConstraint("community_id", "roster_id", column, name=op.f(f"pk_{table}")),
            sqlite_strict=True,
        )


def _make_assignment() -> None:
    op.create_table(
        "duty_assignment",
        sa.Column("community_id", Key(), nullable=False),
        sa.Column("roster_id", Key(), nullable=False),
        sa.Column("slot_id", Key(), nullable=False),
        sa.Column("member_id", Key(), nullable=False),
        sa.Column("is_fixed", Flag(), nullable=False),
        sa.Column("state", States("state", ASSIGNMENT_STATES), nullable=False),
        _to("duty_assignment", "duty_roster", "roster_id"),
        _to("duty_assignment", "slot", "slot_id"),
        _to("duty_assignment", "member", "member_id"),
        sa.PrimaryKeyConstraint(
            *("community_id", "roster_id", "slot_id", "member_id"),
            name=op.f("pk_duty_assignment"),
        ),
        sqlite_strict=True,
    )
    op.create_index("ix_duty_assignment_slot", "duty_assignment", ["community_id", "slot_id"])


def _make_wishes() -> None:
    op.create_table(
        "duty_wishes",
        sa.Column("community_id", Key(), nullable=False),
        sa.Column("member_id", Key(), nullable=False),
        sa.Column("shifts_per_week_max", Count, nullable=False),
        sa.Column("wishes", Document(), nullable=False),
        *_rules("duty_wishes", {"shifts_per_week_max": "shifts_per_week_max BETWEEN 0 AND 14"}),
        _to("duty_wishes", "member", "member_id"),
        sa.PrimaryKeyConstraint("community_id", "member_id", name=op.f("pk_duty_wishes")),
        sqlite_strict=True,
    )


def _make_swap() -> None:
    op.create_table(
        "duty_swap",
        sa.Column("community_id", Key(), nullable=False),
        sa.Column("id", Key(), nullable=False),
        sa.Column("slot_id", Key(), nullable=False),
        sa.Column("member_id", Key(), nullable=False),
        sa.Column("asked_member_id", Key(), nullable=True),
        sa.Column("taker_id", Key(), nullable=True),
        sa.Column("state", States("state", SWAP_STATES), nullable=False),
        sa.Column("asked_at", Timestamp(), nullable=False),
        sa.Column("decided_by_id", Key(), nullable=True),
        sa.Column("changed_at", Timestamp(), nullable=False),
        *_rules("duty_swap", SWAP_RULES),
        _to("duty_swap", "slot", "slot_id"),
        _to("duty_swap", "member", "member_id"),
        _to("duty_swap", "member", "asked_member_id", "fk_duty_swap_asked_member"),
        _to("duty_swap", "member", "taker_id", "fk_duty_swap_taker"),
        sa.PrimaryKeyConstraint("community_id", "id", name=op.f("pk_duty_swap")),
        sqlite_strict=True,
    )
    is_open = sa.text("state IN ('asked', 'taken')")
    op.create_index(
        "uq_duty_swap_open",
        "duty_swap",
        ["community_id", "slot_id", "member_id"],
        unique=True,
        postgresql_where=is_open,
        sqlite_where=is_open,
    )


def _rules(table: str, rules: dict[str, str]) -> list[sa.CheckConstraint]:
    return [
        sa.CheckConstraint(rule, name=op.f(f"ck_{table}_{name}")) for name, rule in rules.items()
    ]


def _to(table: str, other: str, column: str, name: str = "") -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["community_id", column],
        [f"{other}.community_id", f"{other}.id"],
        name=name or op.f(f"fk_{table}_community_id_{column}"),
    )
