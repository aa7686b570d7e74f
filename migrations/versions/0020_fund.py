"""The community fund: funds, the register of numbers, donations of money, month ends.

What was recorded stays, is decided once, by another person, and numbers come from the register.
"""

import sqlalchemy as sa
from alembic import op

from ledger.columns import Count, Day, Digest, Document, Key, Minor, States, Text, Timestamp
from migrations import changes, history

revision = "0020_fund"
down_revision = "0019_till_days"
branch_labels = None
depends_on = None

DONATION = (
    *("community_id", "id", "nonce", "fund_id", "amount_fen", "method", "donor_member_id"),
    *("donor_name_encrypted", "shown_name", "received_on", "note", "recorded_by_id", "recorded_at"),
)
DECIDED = ("decided_by_id", "decided_at", "decision_reason", "receipt_number", "transaction_id")
MONTH = ("community_id", "id", "through", "findings", "prepared_by_id", "prepared_at")
FUNCTIONS = (
    *("fund_register_rises", "fund_numbered", "money_donation_begins", "money_donation_numbered"),
    *("money_donation_decided_once", "month_end_begins", "month_end_decided_once"),
)


def upgrade() -> None:
    """Make the tables, then guard what stays."""
    _make_fund_register()
    _make_fund()
    _make_money_donation()
    _make_month_end()
    history.keep("fund_register", ())
    history.close("fund", ("id",), ("number",), ("nonce",))
    history.keep("money_donation", ("id",), ("nonce",), ("receipt_number",), ("transaction_id",))
    history.keep("month_end", ("id",))
    _guard_numbers()
    _guard_decisions()


def downgrade() -> None:
    """Drop the tables; their triggers go with them."""
    for table in ("month_end", "money_donation", "fund", "fund_register"):
        op.drop_table(table)
    changes.drop_functions(*FUNCTIONS)


def _guard_numbers() -> None:
    changes.refuse(
        "fund_register",
        "rises",
        "UPDATE",
        "NEW.community_id <> OLD.community_id"
        " OR NEW.last_receipt_number < OLD.last_receipt_number"
        " OR NEW.last_fund_number < OLD.last_fund_number"
        " OR NEW.last_project_number < OLD.last_project_number",
        "the register only rises",
    )
    changes.refuse(
        "fund",
        "numbered",
        "INSERT",
        "NOT EXISTS (SELECT 1 FROM fund_register r WHERE r.community_id = NEW.community_id"
        " AND r.last_fund_number = NEW.number)",
        "the number was not taken from the register",
    )
    changes.refuse(
        "money_donation",
        "numbered",
        "UPDATE",
        "OLD.receipt_number IS NULL AND NEW.receipt_number IS NOT NULL AND NOT EXISTS"
        " (SELECT 1 FROM fund_register r WHERE r.community_id = NEW.community_id"
        " AND r.last_receipt_number = NEW.receipt_number)",
        "the number was not taken from the register",
    )


def _guard_decisions() -> None:
    changes.refuse(
        "money_donation",
        "begins",
        "INSERT",
        "NEW.state <> 'recorded'",
        "it is recorded first, and counted by another",
    )
    changes.refuse(
        "money_donation",
        "decided_once",
        "UPDATE",
        f"NOT ({changes.same(*DONATION)}"
        " AND ((OLD.state = 'recorded' AND NEW.state IN ('counted', 'refused'))"
        " OR (OLD.state = 'counted' AND NEW.state = 'reversed'"
        f" AND {changes.same(*DECIDED)})))",
        "what was recorded stays, and is decided once",
    )
    changes.refuse(
        "month_end", "begins", "INSERT", "NEW.state <> 'prepared'", "it is prepared first"
    )
    changes.refuse(
        "month_end",
        "decided_once",
        "UPDATE",
        f"NOT (OLD.state = 'prepared' AND {changes.same(*MONTH)})",
        "what was prepared stays, and is decided once",
    )


def _make_fund_register() -> None:
    op.create_table(
        "fund_register",
        sa.Column("community_id", Key(), nullable=False),
        sa.Column("last_receipt_number", Count, nullable=False),
        sa.Column("last_fund_number", Count, nullable=False),
        sa.Column("last_project_number", Count, nullable=False),
        sa.ForeignKeyConstraint(
            ["community_id"], ["community.community_id"], name=op.f("fk_fund_register_community_id")
        ),
        sa.PrimaryKeyConstraint("community_id", name=op.f("pk_fund_register")),
        sqlite_strict=True,
    )


def _make_fund() -> None:
    op.create_table(
        "fund",
        sa.Column("community_id", Key(), nullable=False),
        sa.Column("id", Key(), nullable=False),
        sa.Column("nonce", Text, nullable=False),
        sa.Column("number", Count, nullable=False),
        sa.Column("name", Text, nullable=False),
        sa.Column("purpose", Text, nullable=False),
        sa.Column("opened_by_id", Key(), nullable=True),
        sa.Column("opened_at", Timestamp(), nullable=False),
        sa.CheckConstraint(
            "length(name) BETWEEN 1 AND 60",
            name=op.f("ck_fund_name"),
        ),
        sa.CheckConstraint(
            "length(nonce) BETWEEN 1 AND 80",
            name=op.f("ck_fund_nonce"),
        ),
        sa.CheckConstraint(
            "number > 0",
            name=op.f("ck_fund_number"),
        ),
        sa.CheckConstraint(
            "number = 1 OR length(purpose) BETWEEN 1 AND 500",
            name=op.f("ck_fund_purpose"),
        ),
        sa.ForeignKeyConstraint(
            ["community_id"], ["community.community_id"], name=op.f("fk_fund_community_id")
        ),
        sa.PrimaryKeyConstraint("community_id", "id", name=op.f("pk_fund")),
        sa.UniqueConstraint("community_id", "nonce", name=op.f("uq_fund_community_id_nonce")),
        sa.UniqueConstraint("community_id", "number", name=op.f("uq_fund_community_id_number")),
        sqlite_strict=True,
    )


def _make_money_donation() -> None:
    op.create_table(
        "money_donation",
        sa.Column("community_id", Key(), nullable=False),
        sa.Column("id", Key(), nullable=False),
        sa.Column("nonce", Text, nullable=False),
        sa.Column("fund_id", Key(), nullable=False),
        sa.Column("amount_fen", Minor, nullable=False),
        sa.Column("method", States("method", ("cash", "transfer")), nullable=False),
        sa.Column("donor_member_id", Key(), nullable=True),
        sa.Column("donor_name_encrypted", Digest, nullable=True),
        sa.Column("shown_name", Text, nullable=False),
        sa.Column("received_on", Day(), nullable=False),
        sa.Column("note", Text, nullable=False),
        sa.Column("recorded_by_id", Key(), nullable=False),
        sa.Column("recorded_at", Timestamp(), nullable=False),
        sa.Column(
            "state", States("state", ("recorded", "counted", "refused", "reversed")), nullable=False
        ),
        sa.Column("decided_by_id", Key(), nullable=True),
        sa.Column("decided_at", Timestamp(), nullable=True),
        sa.Column("decision_reason", Text, nullable=False),
        sa.Column("receipt_number", Count, nullable=True),
        sa.Column("transaction_id", Key(), nullable=True),
        sa.CheckConstraint(
            "amount_fen BETWEEN 1 AND 1000000000",
            name=op.f("ck_money_donation_amount_fen"),
        ),
        sa.CheckConstraint(
            "state = 'refused' OR decided_by_id IS NULL OR decided_by_id <> recorded_by_id",
            name=op.f("ck_money_donation_counted_by_another"),
        ),
        sa.CheckConstraint(
            "(state IN ('counted', 'reversed')) = (transaction_id IS NOT NULL)"
            " AND (state IN ('counted', 'reversed')) = (receipt_number IS NOT NULL)",
            name=op.f("ck_money_donation_counted_is_booked"),
        ),
        sa.CheckConstraint(
            "(state = 'recorded') = (decided_by_id IS NULL)"
            " AND (state = 'recorded') = (decided_at IS NULL)",
            name=op.f("ck_money_donation_decided"),
        ),
        sa.CheckConstraint(
            "length(decision_reason) BETWEEN 0 AND 200",
            name=op.f("ck_money_donation_decision_reason"),
        ),
        sa.CheckConstraint(
            "donor_member_id IS NULL OR (donor_member_id <> recorded_by_id"
            " AND (decided_by_id IS NULL OR donor_member_id <> decided_by_id))",
            name=op.f("ck_money_donation_nobody_records_their_own"),
        ),
        sa.CheckConstraint(
            "length(nonce) BETWEEN 1 AND 80",
            name=op.f("ck_money_donation_nonce"),
        ),
        sa.CheckConstraint(
            "length(note) BETWEEN 0 AND 200",
            name=op.f("ck_money_donation_note"),
        ),
        sa.CheckConstraint(
            "state <> 'refused' OR length(decision_reason) > 0",
            name=op.f("ck_money_donation_refused_with_reason"),
        ),
        sa.CheckConstraint(
            "length(shown_name) BETWEEN 0 AND 60",
            name=op.f("ck_money_donation_shown_name"),
        ),
        sa.ForeignKeyConstraint(
            ["community_id", "fund_id"],
            ["fund.community_id", "fund.id"],
            name=op.f("fk_money_donation_community_id_fund_id"),
        ),
        sa.ForeignKeyConstraint(
            ["community_id", "donor_member_id"],
            ["member.community_id", "member.id"],
            name=op.f("fk_money_donation_donor"),
        ),
        sa.PrimaryKeyConstraint("community_id", "id", name=op.f("pk_money_donation")),
        sa.UniqueConstraint(
            "community_id", "nonce", name=op.f("uq_money_donation_community_id_nonce")
        ),
        sa.UniqueConstraint(
            "community_id",
            "receipt_number",
            name=op.f("uq_money_donation_community_id_receipt_number"),
        ),
        sa.UniqueConstraint(
            "community_id",
            "transaction_id",
            name=op.f("uq_money_donation_community_id_transaction_id"),
        ),
        sqlite_strict=True,
    )
    op.create_index("ix_money_donation_fund", "money_donation", ["community_id", "fund_id"])
    op.create_index("ix_money_donation_received", "money_donation", ["community_id", "received_on"])


def _make_month_end() -> None:
    op.create_table(
        "month_end",
        sa.Column("community_id", Key(), nullable=False),
        sa.Column("id", Key(), nullable=False),
        sa.Column("through", Day(), nullable=False),
        sa.Column("state", States("state", ("prepared", "closed", "withdrawn")), nullable=False),
        sa.Column("findings", Document(), nullable=False),
        sa.Column("prepared_by_id", Key(), nullable=False),
        sa.Column("prepared_at", Timestamp(), nullable=False),
        sa.Column("decided_by_id", Key(), nullable=True),
        sa.Column("decided_at", Timestamp(), nullable=True),
        sa.CheckConstraint(
            "state <> 'closed' OR decided_by_id <> prepared_by_id",
            name=op.f("ck_month_end_closed_by_another"),
        ),
        sa.CheckConstraint(
            "(state = 'prepared') = (decided_by_id IS NULL)"
            " AND (state = 'prepared') = (decided_at IS NULL)",
            name=op.f("ck_month_end_decided"),
        ),
        sa.ForeignKeyConstraint(
            ["community_id"], ["community.community_id"], name=op.f("fk_month_end_community_id")
        ),
        sa.PrimaryKeyConstraint("community_id", "id", name=op.f("pk_month_end")),
        sqlite_strict=True,
    )
    op.create_index(
        "uq_month_end_open",
        "month_end",
        ["community_id"],
        unique=True,
        postgresql_where=sa.text("state = 'prepared'"),
        sqlite_where=sa.text("state = 'prepared'"),
    )
