"""The tables that migration 0017 makes: households, helpers, swaps, returned pieces, held baskets.

A released migration goes on making what it made: nothing here changes any more.
"""

import sqlalchemy as sa
from alembic import op

from ledger.columns import Count, Day, Document, Key, Text, Timestamp
from migrations import history


def make_household() -> None:
    """Make households and their members."""
    op.create_table(
        "household",
        sa.Column("community_id", Key(), nullable=False),
        sa.Column("id", Key(), nullable=False),
        sa.Column("nonce", Text, nullable=False),
        sa.Column("label", Text, nullable=False),
        sa.Column("created_at", Timestamp(), nullable=False),
        sa.CheckConstraint("length(label) BETWEEN 1 AND 60", name=op.f("ck_household_label")),
        _to("household", "community"),
        sa.PrimaryKeyConstraint("community_id", "id", name=op.f("pk_household")),
        sa.UniqueConstraint("community_id", "nonce", name=op.f("uq_household_community_id_nonce")),
        sqlite_strict=True,
    )
    op.create_table(
        "household_member",
        sa.Column("community_id", Key(), nullable=False),
        sa.Column("household_id", Key(), nullable=False),
        sa.Column("member_id", Key(), nullable=False),
        _to("household_member", "household", "household_id"),
        _to("household_member", "member", "member_id"),
        sa.PrimaryKeyConstraint(
            "community_id", "household_id", "member_id", name=op.f("pk_household_member")
        ),
        sa.UniqueConstraint(
            "community_id", "member_id", name=op.f("uq_household_member_community_id_member_id")
        ),
        sqlite_strict=True,
    )


def make_helper() -> None:
    """Make who comes for whom: what was agreed stays."""
    op.create_table(
        "helper",
        sa.Column("community_id", Key(), nullable=False),
        sa.Column("id", Key(), nullable=False),
        sa.Column("member_id", Key(), nullable=False),
        sa.Column("helper_member_id", Key(), nullable=False),
        sa.Column("agreed_on", Day(), nullable=False),
        sa.Column("recorded_by_id", Key(), nullable=True),
        sa.Column("recorded_at", Timestamp(), nullable=False),
        sa.Column("ended_at", Timestamp(), nullable=True),
        sa.CheckConstraint(
            "helper_member_id <> member_id", name=op.f("ck_helper_helper_is_another")
        ),
        sa.CheckConstraint(
            "recorded_by_id <> member_id AND recorded_by_id <> helper_member_id",
            name=op.f("ck_helper_recorded_by_another"),
        ),
        _to("helper", "member", "member_id", name="fk_helper_member"),
        _to("helper", "member", "helper_member_id", name="fk_helper_helper"),
        sa.PrimaryKeyConstraint("community_id", "id", name=op.f("pk_helper")),
        sqlite_strict=True,
    )
    op.create_index(
        "uq_helper_open",
        "helper",
        ["community_id", "member_id", "helper_member_id"],
        unique=True,
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    history.keep("helper", ("id",))


def make_swap_line() -> None:
    """Make the goods that members bring in."""
    op.create_table(
        "swap_line",
        sa.Column("community_id", Key(), nullable=False),
        sa.Column("redemption_id", Key(), nullable=False),
        sa.Column("line_no", Count, nullable=False),
        sa.Column("item_id", Key(), nullable=False),
        sa.Column("item_number", Count, nullable=False),
        sa.Column("item_name", Text, nullable=False),
        sa.Column("quantity", Count, nullable=False),
        sa.Column("price_points", Count, nullable=False),
        sa.Column("sum_points", Count, nullable=False),
        sa.CheckConstraint("quantity BETWEEN 1 AND 99", name=op.f("ck_swap_line_quantity")),
        sa.CheckConstraint(
            "price_points BETWEEN 1 AND 10000", name=op.f("ck_swap_line_price_points")
        ),
        sa.CheckConstraint(
            "sum_points = quantity * price_points", name=op.f("ck_swap_line_sum_points")
        ),
        _to("swap_line", "redemption", "redemption_id"),
        _to("swap_line", "item", "item_id"),
        sa.PrimaryKeyConstraint(
            "community_id", "redemption_id", "line_no", name=op.f("pk_swap_line")
        ),
        sa.UniqueConstraint(
            "community_id",
            "redemption_id",
            "item_id",
            name=op.f("uq_swap_line_community_id_redemption_id_item_id"),
        ),
        sqlite_strict=True,
    )
    history.close("swap_line", ("redemption_id", "line_no"), ("redemption_id", "item_id"))


def make_refund_line() -> None:
    """Make the pieces of a return, and write down those of the returns that were."""
    op.create_table(
        "refund_line",
        sa.Column("community_id", Key(), nullable=False),
        sa.Column("refund_id", Key(), nullable=False),
        sa.Column("line_no", Count, nullable=False),
        sa.Column("redemption_id", Key(), nullable=False),
        sa.Column("quantity", Count, nullable=False),
        sa.CheckConstraint("quantity BETWEEN 1 AND 99", name=op.f("ck_refund_line_quantity")),
        _to("refund_line", "refund", "refund_id"),
        sa.ForeignKeyConstraint(
            ["community_id", "redemption_id", "line_no"],
            [
                "redemption_line.community_id",
                "redemption_line.redemption_id",
                "redemption_line.line_no",
            ],
            name="fk_refund_line_line",
        ),
        sa.PrimaryKeyConstraint(
            "community_id", "refund_id", "line_no", name=op.f("pk_refund_line")
        ),
        sqlite_strict=True,
    )
    op.create_index(
        "ix_refund_line_line", "refund_line", ["community_id", "redemption_id", "line_no"]
    )
    op.execute(
        "INSERT INTO refund_line (community_id, refund_id, line_no, redemption_id, quantity)"
        " SELECT r.community_id, r.id, l.line_no, r.redemption_id, l.quantity FROM refund r"
        " JOIN redemption_line l ON l.community_id = r.community_id"
        " AND l.redemption_id = r.redemption_id"
    )
    history.close("refund_line", ("refund_id", "line_no"))


def make_held_basket() -> None:
    """Make the baskets that wait."""
    op.create_table(
        "held_basket",
        sa.Column("community_id", Key(), nullable=False),
        sa.Column("id", Key(), nullable=False),
        sa.Column("nonce", Text, nullable=False),
        sa.Column("till_number", Count, nullable=False),
        sa.Column("label", Text, nullable=False),
        sa.Column("content", Document(), nullable=False),
        sa.Column("held_by_id", Key(), nullable=True),
        sa.Column("held_at", Timestamp(), nullable=False),
        sa.Column("ended_at", Timestamp(), nullable=True),
        sa.Column("ended_by_id", Key(), nullable=True),
        sa.CheckConstraint("length(label) BETWEEN 1 AND 80", name=op.f("ck_held_basket_label")),
        sa.CheckConstraint(
            "ended_at IS NOT NULL OR ended_by_id IS NULL", name=op.f("ck_held_basket_ended")
        ),
        sa.CheckConstraint("till_number BETWEEN 1 AND 9", name=op.f("ck_held_basket_till_number")),
        sa.CheckConstraint("length(nonce) BETWEEN 1 AND 80", name=op.f("ck_held_basket_nonce")),
        _to("held_basket", "community"),
        sa.PrimaryKeyConstraint("community_id", "id", name=op.f("pk_held_basket")),
        sa.UniqueConstraint(
            "community_id", "nonce", name=op.f("uq_held_basket_community_id_nonce")
        ),
        sqlite_strict=True,
    )
    op.create_index("ix_held_basket_held_at", "held_basket", ["community_id", "held_at"])


def _to(
    table: str, other: str, column: str | None = None, *, name: str | None = None
) -> sa.ForeignKeyConstraint:
    """Return the key from a column to the row of another table, both inside the community."""
    columns = ["community_id"] if column is None else ["community_id", column]
    targets = (
        [f"{other}.community_id"] if column is None else [f"{other}.community_id", f"{other}.id"]
    )
    return sa.ForeignKeyConstraint(
        columns, targets, name=op.f(name or f"fk_{table}_{'_'.join(columns)}")
    )
