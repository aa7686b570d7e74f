"""Webhooks: addresses that get every event of a book in order, and the batches sent to them."""

import sqlalchemy as sa
from alembic import op

from ledger import columns

revision = "0007_webhooks"
down_revision = "0006_books"
branch_labels = None
depends_on = None

FAILURES = (
    *("unknown_host", "private_address", "no_connection", "timed_out", "broken", "redirected"),
    "refused",
)


def upgrade() -> None:
    _make_webhook()
    _make_webhook_delivery()
    not_received = sa.text("state <> 'delivered'")
    op.create_index(
        "uq_webhook_delivery_open",
        "webhook_delivery",
        ["community_id", "webhook_id"],
        unique=True,
        postgresql_where=not_received,
        sqlite_where=not_received,
    )


def downgrade() -> None:
    op.drop_table("webhook_delivery")
    op.drop_table("webhook")


def _make_webhook() -> None:
    op.create_table(
        "webhook",
        sa.Column("community_id", columns.Key(), nullable=False),
        sa.Column("id", columns.Key(), nullable=False),
        sa.Column("url", columns.Text, nullable=False),
        sa.Column("state", columns.States("state", ["on", "off", "paused"]), nullable=False),
        sa.Column("cursor_sequence", columns.Minor, nullable=False),
        sa.Column("next_try_at", columns.Timestamp(), nullable=False),
        sa.Column("claim_id", columns.Key(), nullable=True),
        sa.Column("claimed_until", columns.Timestamp(), nullable=True),
        sa.Column("made_at", columns.Timestamp(), nullable=False),
        sa.PrimaryKeyConstraint("community_id", "id", name="pk_webhook"),
        sa.UniqueConstraint("community_id", "url", name="uq_webhook_community_id_url"),
        sa.ForeignKeyConstraint(
            ["community_id"], ["community.community_id"], name="fk_webhook_community_id"
        ),
        sa.CheckConstraint("length(url) BETWEEN 1 AND 500", name=op.f("ck_webhook_url_length")),
        sa.CheckConstraint("cursor_sequence >= 0", name=op.f("ck_webhook_cursor_sequence")),
        sa.CheckConstraint(
            "(claim_id IS NULL) = (claimed_until IS NULL)", name=op.f("ck_webhook_claim")
        ),
        sqlite_strict=True,
    )


def _make_webhook_delivery() -> None:
    states = columns.States("state", ["waiting", "delivered", "dead"])
    op.create_table(
        "webhook_delivery",
        sa.Column("community_id", columns.Key(), nullable=False),
        sa.Column("id", columns.Key(), nullable=False),
        sa.Column("webhook_id", columns.Key(), nullable=False),
        sa.Column("first_sequence", columns.Minor, nullable=False),
        sa.Column("last_sequence", columns.Minor, nullable=False),
        sa.Column("state", states, nullable=False),
        sa.Column("try_count", columns.Count, nullable=False),
        sa.Column("made_at", columns.Timestamp(), nullable=False),
        sa.Column("tried_at", columns.Timestamp(), nullable=True),
        sa.Column("status_code", columns.Count, nullable=True),
        sa.Column("failure", columns.States("failure", FAILURES), nullable=True),
        sa.Column("answer", columns.Text, nullable=False),
        sa.PrimaryKeyConstraint("community_id", "id", name="pk_webhook_delivery"),
        sa.UniqueConstraint(
            *("community_id", "webhook_id", "first_sequence"),
            name="uq_webhook_delivery_community_id_webhook_id_first_sequence",
        ),
        sa.ForeignKeyConstraint(
            ["community_id", "webhook_id"],
            ["webhook.community_id", "webhook.id"],
            name="fk_webhook_delivery_webhook",
        ),
        *_delivery_checks(),
        sqlite_strict=True,
    )


def _delivery_checks() -> list[sa.CheckConstraint]:
    rules = {
        "sequence": "first_sequence >= 1 AND last_sequence >= first_sequence",
        "try_count": "try_count BETWEEN 0 AND 12",
        "delivered_is_2xx": (
            "state <> 'delivered' OR (status_code IS NOT NULL AND status_code BETWEEN 200 AND 299)"
        ),
        "answer_length": "length(answer) <= 200",
    }
    return [
        sa.CheckConstraint(rule, name=op.f(f"ck_webhook_delivery_{name}"))
        for name, rule in rules.items()
    ]
