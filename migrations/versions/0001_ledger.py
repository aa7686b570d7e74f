"""The ledger: accounts, transactions, postings, balances; tables for holds and seals.

The door (functions and triggers of `ledger/doors`) is hung at the end: from then on nothing else
writes these tables.
"""

import sqlalchemy as sa
from alembic import op

from ledger import columns, doors

revision = "0001_ledger"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    _accounts()
    _transactions()
    _postings()
    _balances()
    _acts()
    _holds_and_outbox()
    _seals_and_activity()
    doors.install(op.get_bind())


def downgrade() -> None:
    doors.remove(op.get_bind())
    op.drop_table("ledger_activity")
    op.drop_table("ledger_seal_item")
    op.drop_table("ledger_seal_block")
    op.drop_table("ledger_outbox")
    op.drop_table("ledger_hold")
    op.drop_table("ledger_act")
    op.drop_table("ledger_balance")
    op.drop_table("ledger_posting")
    op.drop_table("ledger_transaction")
    op.drop_table("ledger_account")


def _accounts() -> None:
    op.create_table(
        "ledger_account",
        sa.Column("community_id", columns.Key(), nullable=False),
        sa.Column("id", columns.Key(), nullable=False),
        sa.Column("code", columns.Text, nullable=False),
        sa.Column("commodity", columns.Text, nullable=False),
        sa.Column("is_bounded", columns.Flag(), nullable=False),
        sa.Column("opened_at", columns.Timestamp(), nullable=False),
        sa.Column("content_hash", columns.Digest, nullable=False),
        sa.CheckConstraint(
            "length(content_hash) = 32", name=op.f("ck_ledger_account_content_hash_length")
        ).ddl_if(dialect="sqlite"),
        sa.CheckConstraint(
            "length(code) BETWEEN 1 AND 120", name=op.f("ck_ledger_account_code_length")
        ),
        sa.CheckConstraint(
            "length(commodity) BETWEEN 1 AND 24", name=op.f("ck_ledger_account_commodity_length")
        ),
        sa.PrimaryKeyConstraint("community_id", "id", name=op.f("pk_ledger_account")),
        sa.UniqueConstraint(
            "community_id", "code", name=op.f("uq_ledger_account_community_id_code")
        ),
        sqlite_strict=True,
    )


def _transactions() -> None:
    op.create_table(
        "ledger_transaction",
        sa.Column("community_id", columns.Key(), nullable=False),
        sa.Column("id", columns.Key(), nullable=False),
        sa.Column("kind", columns.Text, nullable=False),
        sa.Column("leg_count", columns.Count, nullable=False),
        sa.Column("occurred_on", columns.Day(), nullable=False),
        sa.Column("recorded_at", columns.Timestamp(), nullable=False),
        sa.Column("reverses_id", columns.Key(), nullable=True),
        sa.Column("resolves_id", columns.Key(), nullable=True),
        sa.Column("expires_at", columns.Timestamp(), nullable=True),
        sa.Column("idempotency_key", columns.Text, nullable=False),
        sa.Column("request_hash", columns.Digest, nullable=False),
        sa.Column("content_hash", columns.Digest, nullable=False),
        sa.Column("actor", columns.Text, nullable=False),
        sa.Column("source", columns.Text, nullable=False),
        sa.Column("narration", columns.Text, nullable=False),
        *_transaction_checks(),
        *(
            sa.ForeignKeyConstraint(
                ["community_id", f"{link}_id"],
                ["ledger_transaction.community_id", "ledger_transaction.id"],
                name=f"fk_ledger_transaction_{link}",
            )
            for link in ("resolves", "reverses")
        ),
        sa.PrimaryKeyConstraint(
            "community_id",
            "id",
            name=op.f("pk_ledger_transaction"),
            postgresql_include=["occurred_on"],
        ),
        sa.UniqueConstraint(
            "community_id",
            "idempotency_key",
            name=op.f("uq_ledger_transaction_community_id_idempotency_key"),
        ),
        sqlite_strict=True,
    )
    op.create_index(
        "ix_ledger_transaction_source", "ledger_transaction", ["community_id", "source"]
    )
    for link in ("resolves_id", "reverses_id"):
        op.create_index(
            f"uq_ledger_transaction_{link}",
            "ledger_transaction",
            ["community_id", link],
            unique=True,
            postgresql_where=sa.text(f"{link} IS NOT NULL"),
            sqlite_where=sa.text(f"{link} IS NOT NULL"),
        )


def _transaction_checks() -> list[sa.CheckConstraint]:
    """Return the checks; those of SQLite are made by the door's functions on PostgreSQL."""
    everywhere = {
        "reversal_names_original": "(kind = 'reversal') = (reverses_id IS NOT NULL)",
        "leg_count": "leg_count BETWEEN 2 AND 1000",
    }
    sqlite_only = {
        "actor_length": "length(actor) BETWEEN 1 AND 120",
        "content_hash_length": "length(content_hash) = 32",
        "hold_expires": "(kind = 'hold') = (expires_at IS NOT NULL)",
        "key_length": "length(idempotency_key) BETWEEN 1 AND 120",
        "kind_length": "length(kind) BETWEEN 1 AND 32",
        "narration_length": "length(narration) <= 500",
        "request_hash_length": "length(request_hash) = 32",
        "resolution_names_hold": (
            "(kind IN ('hold_post', 'hold_void', 'hold_expire')) = (resolves_id IS NOT NULL)"
        ),
        "source_length": "length(source) BETWEEN 1 AND 120",
    }
    name = "ck_ledger_transaction_{}".format
    return [
        *(
            sa.CheckConstraint(condition, name=op.f(name(rule)))
            for rule, condition in everywhere.items()
        ),
        *(
            sa.CheckConstraint(condition, name=op.f(name(rule))).ddl_if(dialect="sqlite")
            for rule, condition in sqlite_only.items()
        ),
    ]


def _postings() -> None:
    op.create_table(
        "ledger_posting",
        sa.Column("community_id", columns.Key(), nullable=False),
        sa.Column("transaction_id", columns.Key(), nullable=False),
        sa.Column("leg_no", columns.Count, nullable=False),
        sa.Column("leg_count", columns.Count, nullable=False),
        sa.Column("account_id", columns.Key(), nullable=False),
        sa.Column("amount_minor", columns.Minor, nullable=False),
        sa.Column("is_pending", columns.Flag(), nullable=False),
        sa.CheckConstraint(
            "amount_minor <> 0 AND amount_minor BETWEEN -1000000000000000 AND 1000000000000000",
            name=op.f("ck_ledger_posting_amount"),
        ),
        sa.CheckConstraint(
            "leg_no >= 0 AND leg_no < leg_count", name=op.f("ck_ledger_posting_leg_no")
        ),
        sa.ForeignKeyConstraint(
            ["community_id", "transaction_id"],
            ["ledger_transaction.community_id", "ledger_transaction.id"],
            name="fk_ledger_posting_header",
            initially="DEFERRED",
            deferrable=True,
        ).ddl_if(dialect="sqlite"),
        sa.PrimaryKeyConstraint(
            "community_id", "transaction_id", "leg_no", name=op.f("pk_ledger_posting")
        ),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_ledger_posting_account",
        "ledger_posting",
        ["community_id", "account_id", "transaction_id"],
        unique=False,
        postgresql_include=["amount_minor", "is_pending"],
    )


def _balances() -> None:
    op.create_table(
        "ledger_balance",
        sa.Column("community_id", columns.Key(), nullable=False),
        sa.Column("account_id", columns.Key(), nullable=False),
        sa.Column("posted_in", columns.Minor, nullable=False),
        sa.Column("posted_out", columns.Minor, nullable=False),
        sa.Column("pending_in", columns.Minor, nullable=False),
        sa.Column("pending_out", columns.Minor, nullable=False),
        sa.Column("floor_minor", columns.Minor, nullable=True),
        sa.Column("ceiling_minor", columns.Minor, nullable=True),
        sa.Column("is_open", columns.Flag(), nullable=False),
        sa.CheckConstraint(
            "ceiling_minor IS NULL OR posted_in - posted_out + pending_in <= ceiling_minor",
            name=op.f("ck_ledger_balance_ceiling"),
        ),
        sa.CheckConstraint(
            "floor_minor IS NULL OR posted_in - posted_out - pending_out >= floor_minor",
            name=op.f("ck_ledger_balance_floor"),
        ),
        sa.CheckConstraint(
            "posted_in <= 4000000000000000000 AND posted_out <= 4000000000000000000",
            name=op.f("ck_ledger_balance_counters_fit"),
        ).ddl_if(dialect="sqlite"),
        sa.CheckConstraint(
            "posted_in >= 0 AND posted_out >= 0 AND pending_in >= 0 AND pending_out >= 0",
            name=op.f("ck_ledger_balance_counters"),
        ).ddl_if(dialect="sqlite"),
        sa.ForeignKeyConstraint(
            ["community_id", "account_id"],
            ["ledger_account.community_id", "ledger_account.id"],
            name="fk_ledger_balance_account",
        ).ddl_if(dialect="sqlite"),
        sa.PrimaryKeyConstraint("community_id", "account_id", name=op.f("pk_ledger_balance")),
        postgresql_with={"fillfactor": 50},
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )


def _acts() -> None:
    checks = {
        "account_is_named": (
            "(kind IN ('account_closed', 'account_reopened')) = (account_id IS NOT NULL)"
        ),
        "act_no": "act_no >= 1",
        "actor": "length(actor) BETWEEN 1 AND 120",
        "content_hash_length": "length(content_hash) = 32",
        "kind": (
            "kind IN ('account_closed', 'account_reopened', 'period_closed', 'period_reopened')"
        ),
        "period_is_named": (
            "kind IN ('period_closed', 'period_reopened') OR closed_through_on IS NULL"
        ),
        "reason": "length(reason) BETWEEN 1 AND 500",
    }
    op.create_table(
        "ledger_act",
        sa.Column("community_id", columns.Key(), nullable=False),
        sa.Column("id", columns.Key(), nullable=False),
        sa.Column("act_no", columns.Count, nullable=False),
        sa.Column("kind", columns.Text, nullable=False),
        sa.Column("account_id", columns.Key(), nullable=True),
        sa.Column("closed_through_on", columns.Day(), nullable=True),
        sa.Column("reason", columns.Text, nullable=False),
        sa.Column("actor", columns.Text, nullable=False),
        sa.Column("recorded_at", columns.Timestamp(), nullable=False),
        sa.Column("content_hash", columns.Digest, nullable=False),
        *(
            sa.CheckConstraint(condition, name=op.f(f"ck_ledger_act_{name}"))
            for name, condition in checks.items()
        ),
        sa.PrimaryKeyConstraint("community_id", "id", name=op.f("pk_ledger_act")),
        sa.UniqueConstraint(
            "community_id", "act_no", name=op.f("uq_ledger_act_community_id_act_no")
        ),
        sqlite_strict=True,
    )
    op.create_index("ix_ledger_act_kind", "ledger_act", ["community_id", "kind", "act_no"])


def _holds_and_outbox() -> None:
    op.create_table(
        "ledger_hold",
        sa.Column("community_id", columns.Key(), nullable=False),
        sa.Column("transaction_id", columns.Key(), nullable=False),
        sa.Column("expires_at", columns.Timestamp(), nullable=False),
        sa.ForeignKeyConstraint(
            ["community_id", "transaction_id"],
            ["ledger_transaction.community_id", "ledger_transaction.id"],
            name="fk_ledger_hold_transaction",
        ),
        sa.PrimaryKeyConstraint("community_id", "transaction_id", name=op.f("pk_ledger_hold")),
        sqlite_strict=True,
    )
    op.create_index(
        "ix_ledger_hold_expires_at", "ledger_hold", ["community_id", "expires_at"], unique=False
    )
    op.create_table(
        "ledger_outbox",
        sa.Column("community_id", columns.Key(), nullable=False),
        sa.Column("item_id", columns.Key(), nullable=False),
        sa.PrimaryKeyConstraint("community_id", "item_id", name=op.f("pk_ledger_outbox")),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )


def _seals_and_activity() -> None:
    op.create_table(
        "ledger_seal_block",
        sa.Column("community_id", columns.Key(), nullable=False),
        sa.Column("block_no", columns.Minor, nullable=False),
        sa.Column("first_sequence", columns.Minor, nullable=False),
        sa.Column("last_sequence", columns.Minor, nullable=False),
        sa.Column("merkle_root", columns.Digest, nullable=False),
        sa.Column("previous_hash", columns.Digest, nullable=False),
        sa.Column("block_hash", columns.Digest, nullable=False),
        sa.Column("sealed_at", columns.Timestamp(), nullable=False),
        sa.PrimaryKeyConstraint("community_id", "block_no", name=op.f("pk_ledger_seal_block")),
        sqlite_strict=True,
    )
    op.create_index(
        "ix_ledger_seal_block_sealed_at", "ledger_seal_block", ["community_id", "sealed_at"]
    )
    op.create_table(
        "ledger_seal_item",
        sa.Column("community_id", columns.Key(), nullable=False),
        sa.Column("sequence", columns.Minor, nullable=False),
        sa.Column("item_id", columns.Key(), nullable=False),
        sa.Column("kind", columns.Text, nullable=False),
        sa.Column("content_hash", columns.Digest, nullable=False),
        sa.Column("block_no", columns.Minor, nullable=False),
        sa.PrimaryKeyConstraint("community_id", "sequence", name=op.f("pk_ledger_seal_item")),
        sa.UniqueConstraint(
            "community_id", "item_id", name=op.f("uq_ledger_seal_item_community_id_item_id")
        ),
        sqlite_strict=True,
    )
    op.create_table(
        "ledger_activity",
        sa.Column("community_id", columns.Key(), nullable=False),
        sa.Column("account_id", columns.Key(), nullable=False),
        sa.Column("month_on", columns.Day(), nullable=False),
        sa.Column("in_minor", columns.Minor, nullable=False),
        sa.Column("out_minor", columns.Minor, nullable=False),
        sa.Column("posting_count", columns.Minor, nullable=False),
        sa.PrimaryKeyConstraint(
            "community_id", "account_id", "month_on", name=op.f("pk_ledger_activity")
        ),
        sqlite_strict=True,
    )
