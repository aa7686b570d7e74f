"""The charity shop: goods with photos, donations, redemptions with receipts, returns.

What happened at the counter is only ever added: triggers refuse to change or delete a donation, a
redemption, its lines, a return or a used pay code.
"""

import sqlalchemy as sa
from alembic import op

from ledger.columns import Count, Digest, Key, Minor, States, Text, Timestamp
from migrations import history

revision = "0004_shop"
down_revision = "0003_service"
branch_labels = None
depends_on = None

TABLES = ("photo", "item", "donation", "redemption", "redemption_line", "refund", "pay_code_use")


def upgrade() -> None:
    """Make the tables, then close what is history."""
    _make_photo()
    _make_item()
    _make_donation()
    _make_redemption()
    _make_redemption_line()
    _make_refund()
    _make_pay_code_use()
    paid = (("id",), ("nonce",), ("transaction_id",))
    history.close("donation", *paid)
    history.close("redemption", *paid, ("receipt_number",))
    history.close("redemption_line", ("redemption_id", "line_no"), ("redemption_id", "item_id"))
    history.close("refund", *paid, ("redemption_id",))
    history.close("pay_code_use", ("member_id", "step"))


def downgrade() -> None:
    """Drop the tables; their triggers go with them."""
    for table in reversed(TABLES):
        op.drop_table(table)


def _make_photo() -> None:
    op.create_table(
        "photo",
        sa.Column("community_id", Key(), nullable=False),
        sa.Column("id", Key(), nullable=False),
        sa.Column("media_type", Text, nullable=False),
        sa.Column("content", Digest, nullable=False),
        sa.Column("content_digest", Digest, nullable=False),
        sa.Column("width", Count, nullable=False),
        sa.Column("height", Count, nullable=False),
        sa.Column("created_at", Timestamp(), nullable=False),
        sa.CheckConstraint(
            "width BETWEEN 1 AND 1280 AND height BETWEEN 1 AND 1280", name=op.f("ck_photo_side")
        ),
        sa.ForeignKeyConstraint(
            ["community_id"], ["community.community_id"], name=op.f("fk_photo_community_id")
        ),
        sa.PrimaryKeyConstraint("community_id", "id", name=op.f("pk_photo")),
        sa.UniqueConstraint(
            "community_id", "content_digest", name=op.f("uq_photo_community_id_content_digest")
        ),
        sqlite_strict=True,
    )


def _make_item() -> None:
    op.create_table(
        "item",
        sa.Column("community_id", Key(), nullable=False),
        sa.Column("id", Key(), nullable=False),
        sa.Column("nonce", Text, nullable=False),
        sa.Column("number", Count, nullable=False),
        sa.Column("name", Text, nullable=False),
        sa.Column("category", Text, nullable=False),
        sa.Column("story", Text, nullable=False),
        sa.Column("maker_member_id", Key(), nullable=True),
        sa.Column("maker_name", Text, nullable=False),
        sa.Column("photo_id", Key(), nullable=True),
        sa.Column("price_points", Count, nullable=True),
        sa.Column(
            "value_basis",
            States(
                "value_basis",
                ["voucher", "market_estimate", "council_price", "nominal", "unvalued"],
            ),
            nullable=False,
        ),
        sa.Column("priced_by_id", Key(), nullable=True),
        sa.Column("priced_at", Timestamp(), nullable=True),
        sa.Column("created_at", Timestamp(), nullable=False),
        sa.Column("intake_account_id", Key(), nullable=False),
        sa.Column("stock_account_id", Key(), nullable=False),
        sa.Column("out_account_id", Key(), nullable=False),
        *_item_checks(),
        *_item_keys(),
        sqlite_strict=True,
    )
    op.create_index("ix_item_photo", "item", ["community_id", "photo_id"], unique=False)


def _item_checks() -> list[sa.Constraint]:
    return [
        sa.CheckConstraint(
            "(price_points IS NULL) = (value_basis = 'unvalued')",
            name=op.f("ck_item_price_has_basis"),
        ),
        sa.CheckConstraint(
            "(price_points IS NULL) = (priced_at IS NULL)", name=op.f("ck_item_price_has_date")
        ),
        sa.CheckConstraint("length(name) BETWEEN 1 AND 60", name=op.f("ck_item_name")),
        sa.CheckConstraint("length(nonce) BETWEEN 1 AND 80", name=op.f("ck_item_nonce")),
        sa.CheckConstraint("length(story) <= 1000", name=op.f("ck_item_story")),
        sa.CheckConstraint("number > 0", name=op.f("ck_item_number")),
        sa.CheckConstraint(
            "price_points IS NULL OR price_points BETWEEN 1 AND 10000",
            name=op.f("ck_item_price_points"),
        ),
        sa.CheckConstraint(
            "priced_by_id IS NULL OR maker_member_id IS NULL OR priced_by_id <> maker_member_id",
            name=op.f("ck_item_maker_never_prices"),
        ),
    ]


def _item_keys() -> list[sa.Constraint]:
    return [
        sa.ForeignKeyConstraint(
            ["community_id", "maker_member_id"],
            ["member.community_id", "member.id"],
            name="fk_item_maker",
        ),
        sa.ForeignKeyConstraint(
            ["community_id", "photo_id"],
            ["photo.community_id", "photo.id"],
            name=op.f("fk_item_community_id_photo_id"),
        ),
        sa.ForeignKeyConstraint(
            ["community_id"], ["community.community_id"], name=op.f("fk_item_community_id")
        ),
        sa.PrimaryKeyConstraint("community_id", "id", name=op.f("pk_item")),
        sa.UniqueConstraint("community_id", "nonce", name=op.f("uq_item_community_id_nonce")),
        sa.UniqueConstraint("community_id", "number", name=op.f("uq_item_community_id_number")),
    ]


def _make_donation() -> None:
    op.create_table(
        "donation",
        sa.Column("community_id", Key(), nullable=False),
        sa.Column("id", Key(), nullable=False),
        sa.Column("nonce", Text, nullable=False),
        sa.Column("item_id", Key(), nullable=False),
        sa.Column("donor_member_id", Key(), nullable=True),
        sa.Column("choice", States("choice", ["donate", "exchange"]), nullable=False),
        sa.Column("piece_count", Count, nullable=False),
        sa.Column("price_points", Count, nullable=True),
        sa.Column("points", Count, nullable=False),
        sa.Column("received_by_id", Key(), nullable=True),
        sa.Column("received_at", Timestamp(), nullable=False),
        sa.Column("transaction_id", Key(), nullable=False),
        *_donation_constraints(),
        sqlite_strict=True,
    )
    op.create_index(
        "ix_donation_donor",
        "donation",
        ["community_id", "donor_member_id", "received_at"],
        unique=False,
    )
    op.create_index("ix_donation_item", "donation", ["community_id", "item_id"], unique=False)


def _donation_constraints() -> list[sa.Constraint]:
    return [
        sa.CheckConstraint(
            "(choice = 'exchange' AND donor_member_id IS NOT NULL AND price_points IS NOT NULL"
            " AND points = piece_count * price_points AND points BETWEEN 1 AND 500)"
            " OR (choice = 'donate' AND points = 0)",
            name=op.f("ck_donation_points_follow_price"),
        ),
        sa.CheckConstraint("length(nonce) BETWEEN 1 AND 80", name=op.f("ck_donation_nonce")),
        sa.CheckConstraint("piece_count BETWEEN 1 AND 10000", name=op.f("ck_donation_piece_count")),
        sa.CheckConstraint(
            "received_by_id IS NULL OR donor_member_id IS NULL"
            " OR received_by_id <> donor_member_id",
            name=op.f("ck_donation_received_by_another"),
        ),
        sa.ForeignKeyConstraint(
            ["community_id", "donor_member_id"],
            ["member.community_id", "member.id"],
            name="fk_donation_donor",
        ),
        sa.ForeignKeyConstraint(
            ["community_id", "item_id"],
            ["item.community_id", "item.id"],
            name=op.f("fk_donation_community_id_item_id"),
        ),
        sa.PrimaryKeyConstraint("community_id", "id", name=op.f("pk_donation")),
        sa.UniqueConstraint("community_id", "nonce", name=op.f("uq_donation_community_id_nonce")),
        sa.UniqueConstraint(
            "community_id", "transaction_id", name=op.f("uq_donation_community_id_transaction_id")
        ),
    ]


def _make_redemption() -> None:
    op.create_table(
        "redemption",
        sa.Column("community_id", Key(), nullable=False),
        sa.Column("id", Key(), nullable=False),
        sa.Column("nonce", Text, nullable=False),
        sa.Column("receipt_number", Count, nullable=False),
        sa.Column("member_id", Key(), nullable=False),
        sa.Column("clerk_member_id", Key(), nullable=True),
        sa.Column(
            "identified_by", States("identified_by", ["card", "pay_code", "name"]), nullable=False
        ),
        sa.Column("total_points", Count, nullable=False),
        sa.Column("balance_points_after", Minor, nullable=False),
        sa.Column("redeemed_at", Timestamp(), nullable=False),
        sa.Column("transaction_id", Key(), nullable=False),
        *_redemption_constraints(),
        sqlite_strict=True,
    )
    op.create_index(
        "ix_redemption_member",
        "redemption",
        ["community_id", "member_id", "redeemed_at"],
        unique=False,
    )
    op.create_index(
        "ix_redemption_redeemed_at", "redemption", ["community_id", "redeemed_at"], unique=False
    )


def _redemption_constraints() -> list[sa.Constraint]:
    return [
        sa.CheckConstraint(
            "balance_points_after >= 0", name=op.f("ck_redemption_balance_points_after")
        ),
        sa.CheckConstraint(
            "clerk_member_id IS NULL OR clerk_member_id <> member_id",
            name=op.f("ck_redemption_clerk_serves_others"),
        ),
        sa.CheckConstraint("length(nonce) BETWEEN 1 AND 80", name=op.f("ck_redemption_nonce")),
        sa.CheckConstraint("receipt_number > 0", name=op.f("ck_redemption_receipt_number")),
        sa.CheckConstraint("total_points > 0", name=op.f("ck_redemption_total_points")),
        sa.ForeignKeyConstraint(
            ["community_id", "member_id"],
            ["member.community_id", "member.id"],
            name=op.f("fk_redemption_community_id_member_id"),
        ),
        sa.PrimaryKeyConstraint("community_id", "id", name=op.f("pk_redemption")),
        sa.UniqueConstraint("community_id", "nonce", name=op.f("uq_redemption_community_id_nonce")),
        sa.UniqueConstraint(
            "community_id", "receipt_number", name=op.f("uq_redemption_community_id_receipt_number")
        ),
        sa.UniqueConstraint(
            "community_id", "transaction_id", name=op.f("uq_redemption_community_id_transaction_id")
        ),
    ]


def _make_redemption_line() -> None:
    op.create_table(
        "redemption_line",
        sa.Column("community_id", Key(), nullable=False),
        sa.Column("redemption_id", Key(), nullable=False),
        sa.Column("line_no", Count, nullable=False),
        sa.Column("item_id", Key(), nullable=False),
        sa.Column("item_number", Count, nullable=False),
        sa.Column("item_name", Text, nullable=False),
        sa.Column("quantity", Count, nullable=False),
        sa.Column("price_points", Count, nullable=False),
        sa.Column("sum_points", Count, nullable=False),
        sa.CheckConstraint("price_points > 0", name=op.f("ck_redemption_line_price_points")),
        sa.CheckConstraint("quantity BETWEEN 1 AND 99", name=op.f("ck_redemption_line_quantity")),
        sa.CheckConstraint(
            "sum_points = quantity * price_points", name=op.f("ck_redemption_line_sum_points")
        ),
        sa.ForeignKeyConstraint(
            ["community_id", "item_id"],
            ["item.community_id", "item.id"],
            name=op.f("fk_redemption_line_community_id_item_id"),
        ),
        sa.ForeignKeyConstraint(
            ["community_id", "redemption_id"],
            ["redemption.community_id", "redemption.id"],
            name=op.f("fk_redemption_line_community_id_redemption_id"),
        ),
        sa.PrimaryKeyConstraint(
            "community_id", "redemption_id", "line_no", name=op.f("pk_redemption_line")
        ),
        sa.UniqueConstraint(
            "community_id",
            "redemption_id",
            "item_id",
            name=op.f("uq_redemption_line_community_id_redemption_id_item_id"),
        ),
        sqlite_strict=True,
    )


def _make_refund() -> None:
    op.create_table(
        "refund",
        sa.Column("community_id", Key(), nullable=False),
        sa.Column("id", Key(), nullable=False),
        sa.Column("nonce", Text, nullable=False),
        sa.Column("redemption_id", Key(), nullable=False),
        sa.Column("reason", Text, nullable=False),
        sa.Column("refunded_by_id", Key(), nullable=True),
        sa.Column("refunded_at", Timestamp(), nullable=False),
        sa.Column("transaction_id", Key(), nullable=False),
        sa.CheckConstraint("length(nonce) BETWEEN 1 AND 80", name=op.f("ck_refund_nonce")),
        sa.CheckConstraint("length(reason) BETWEEN 1 AND 200", name=op.f("ck_refund_reason")),
        sa.ForeignKeyConstraint(
            ["community_id", "redemption_id"],
            ["redemption.community_id", "redemption.id"],
            name=op.f("fk_refund_community_id_redemption_id"),
        ),
        sa.PrimaryKeyConstraint("community_id", "id", name=op.f("pk_refund")),
        sa.UniqueConstraint("community_id", "nonce", name=op.f("uq_refund_community_id_nonce")),
        sa.UniqueConstraint(
            "community_id", "redemption_id", name=op.f("uq_refund_community_id_redemption_id")
        ),
        sa.UniqueConstraint(
            "community_id", "transaction_id", name=op.f("uq_refund_community_id_transaction_id")
        ),
        sqlite_strict=True,
    )


def _make_pay_code_use() -> None:
    op.create_table(
        "pay_code_use",
        sa.Column("community_id", Key(), nullable=False),
        sa.Column("member_id", Key(), nullable=False),
        sa.Column("step", Minor, nullable=False),
        sa.Column("nonce", Text, nullable=False),
        sa.ForeignKeyConstraint(
            ["community_id", "member_id"],
            ["member.community_id", "member.id"],
            name=op.f("fk_pay_code_use_community_id_member_id"),
        ),
        sa.PrimaryKeyConstraint("community_id", "member_id", "step", name=op.f("pk_pay_code_use")),
        sqlite_strict=True,
    )
