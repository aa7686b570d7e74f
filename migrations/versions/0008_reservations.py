"""Reservations of goods: the paper of a hold; what became of it is told by the hold alone."""

import sqlalchemy as sa
from alembic import op

from ledger.columns import Count, Key, Text
from migrations import history

revision = "0008_reservations"
down_revision = "0007_webhooks"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table and close it: a reservation stays as it was made."""
    op.create_table(
        "reservation",
        sa.Column("community_id", Key(), nullable=False),
        sa.Column("id", Key(), nullable=False),
        sa.Column("nonce", Text, nullable=False),
        sa.Column("member_id", Key(), nullable=False),
        sa.Column("item_id", Key(), nullable=False),
        sa.Column("item_number", Count, nullable=False),
        sa.Column("item_name", Text, nullable=False),
        sa.Column("quantity", Count, nullable=False),
        sa.Column("price_points", Count, nullable=False),
        sa.Column("total_points", Count, nullable=False),
        sa.Column("transaction_id", Key(), nullable=False),
        *_constraints(),
        sqlite_strict=True,
    )
    op.create_index("ix_reservation_member", "reservation", ["community_id", "member_id", "id"])
    op.create_index("ix_reservation_item", "reservation", ["community_id", "item_id"])
    history.close("reservation", ("id",), ("nonce",), ("transaction_id",))


def downgrade() -> None:
    """Drop the table; its triggers go with it."""
    op.drop_table("reservation")


def _constraints() -> list[sa.Constraint]:
    return [
        sa.CheckConstraint("length(nonce) BETWEEN 1 AND 80", name=op.f("ck_reservation_nonce")),
        sa.CheckConstraint("price_points > 0", name=op.f("ck_reservation_price_points")),
        sa.CheckConstraint("quantity BETWEEN 1 AND 99", name=op.f("ck_reservation_quantity")),
        sa.CheckConstraint(
            "total_points = quantity * price_points", name=op.f("ck_reservation_total_points")
        ),
        sa.ForeignKeyConstraint(
            ["community_id", "item_id"],
            ["item.community_id", "item.id"],
            name=op.f("fk_reservation_community_id_item_id"),
        ),
        sa.ForeignKeyConstraint(
            ["community_id", "member_id"],
            ["member.community_id", "member.id"],
            name=op.f("fk_reservation_community_id_member_id"),
        ),
        sa.PrimaryKeyConstraint("community_id", "id", name=op.f("pk_reservation")),
        sa.UniqueConstraint(
            "community_id", "nonce", name=op.f("uq_reservation_community_id_nonce")
        ),
        sa.UniqueConstraint(
            "community_id",
            "transaction_id",
            name=op.f("uq_reservation_community_id_transaction_id"),
        ),
    ]
