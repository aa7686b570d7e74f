"""Prices in cash beside those in points, and every price that was ever set.

Goods also say in which condition they came in, where they stand, and whether there is one of them
only.
"""

import sqlalchemy as sa
from alembic import op

from ledger.columns import Count, Flag, Key, Minor, States, Text, Timestamp
from migrations import history
from migrations.words import add_check, drop_check, rewrite_check

revision = "0016_prices"
down_revision = "0015_messages"
branch_labels = None
depends_on = None

BASES = ("voucher", "market_estimate", "council_price", "nominal", "unvalued")
POINTS_ONLY = "price_points IS NULL"
NO_PRICE = "price_points IS NULL AND price_fen IS NULL"
HAS_BASIS = "({}) = (value_basis = 'unvalued')"
HAS_DATE = "({}) = (priced_at IS NULL)"
CHECKS = {
    "price_fen": "price_fen IS NULL OR price_fen BETWEEN 1 AND 1000000",
    "condition": "condition IN ('new', 'good', 'fair')",
    "shelf": "length(shelf) <= 20",
}
WORD = sa.String(32).with_variant(sa.TEXT(), "sqlite")
COLUMNS = ("price_fen", "condition", "shelf", "is_single")


def upgrade() -> None:
    """Widen the goods, then write down the prices that they have."""
    op.add_column("item", sa.Column("price_fen", Minor, nullable=True))
    op.add_column("item", sa.Column("condition", WORD, nullable=False, server_default="good"))
    op.add_column("item", sa.Column("shelf", Text, nullable=False, server_default=""))
    op.add_column("item", sa.Column("is_single", Flag(), nullable=False, server_default=sa.false()))
    for name, condition in CHECKS.items():
        add_check("item", name, condition)
    rewrite_check(
        "item", "price_has_basis", HAS_BASIS.format(POINTS_ONLY), HAS_BASIS.format(NO_PRICE)
    )
    rewrite_check("item", "price_has_date", HAS_DATE.format(POINTS_ONLY), HAS_DATE.format(NO_PRICE))
    _make_item_price()
    op.execute(
        "INSERT INTO item_price (community_id, id, item_id, price_points, basis, set_by_id, set_at)"
        " SELECT community_id, id, id, price_points, value_basis, priced_by_id, priced_at FROM item"
        " WHERE price_points IS NOT NULL"
    )
    history.close("item_price", ("id",))


def downgrade() -> None:
    """Drop the old prices, and from the goods what is new; a price in cash alone is none then."""
    op.drop_table("item_price")
    op.execute(
        "UPDATE item SET price_fen = NULL, value_basis = CASE WHEN price_points IS NULL"
        " THEN 'unvalued' ELSE value_basis END, priced_at = CASE WHEN price_points IS NULL"
        " THEN NULL ELSE priced_at END"
    )
    rewrite_check("item", "price_has_date", HAS_DATE.format(NO_PRICE), HAS_DATE.format(POINTS_ONLY))
    rewrite_check(
        "item", "price_has_basis", HAS_BASIS.format(NO_PRICE), HAS_BASIS.format(POINTS_ONLY)
    )
    for name, condition in reversed(CHECKS.items()):
        drop_check("item", name, condition)
    for column in reversed(COLUMNS):
        op.drop_column("item", column)


def _make_item_price() -> None:
    op.create_table(
        "item_price",
        sa.Column("community_id", Key(), nullable=False),
        sa.Column("id", Key(), nullable=False),
        sa.Column("item_id", Key(), nullable=False),
        sa.Column("price_points", Count, nullable=True),
        sa.Column("price_fen", Minor, nullable=True),
        sa.Column("basis", States("basis", BASES), nullable=False),
        sa.Column("set_by_id", Key(), nullable=True),
        sa.Column("set_at", Timestamp(), nullable=False),
        sa.CheckConstraint(
            "price_points IS NULL OR price_points BETWEEN 1 AND 10000",
            name=op.f("ck_item_price_price_points"),
        ),
        sa.CheckConstraint(CHECKS["price_fen"], name=op.f("ck_item_price_price_fen")),
        sa.CheckConstraint(
            "price_points IS NOT NULL OR price_fen IS NOT NULL", name=op.f("ck_item_price_price")
        ),
        sa.CheckConstraint("basis <> 'unvalued'", name=op.f("ck_item_price_valued")),
        sa.ForeignKeyConstraint(
            ["community_id", "item_id"],
            ["item.community_id", "item.id"],
            name=op.f("fk_item_price_community_id_item_id"),
        ),
        sa.PrimaryKeyConstraint("community_id", "id", name=op.f("pk_item_price")),
        sqlite_strict=True,
    )
    op.create_index("ix_item_price_item", "item_price", ["community_id", "item_id", "set_at"])
