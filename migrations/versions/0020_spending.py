"""What projects spend: expenses, the pictures of reports, and what was taken back.

What was entered stays and is decided once, by another person.
"""

import sqlalchemy as sa
from alembic import op

from ledger.columns import Count, Day, Key, Minor, States, Text, Timestamp
from migrations import changes, history

revision = "0020_spending"
down_revision = "0020_projects"
branch_labels = None
depends_on = None

ENTERED = (
    *("community_id", "id", "nonce", "project_id", "line_no", "amount_fen", "payee"),
    *("payee_member_id", "invoice_number", "photo_id", "spent_on", "entered_by_id", "entered_at"),
)
DECIDED = ("decided_by_id", "decided_at", "decision_reason", "transaction_id")
FUNCTIONS = ("expense_begins", "expense_decided_once", "fund_reversal_of_what_stands")


def upgrade() -> None:
    """Make the tables, then guard what stays."""
    _make_expense()
    _make_project_picture()
    _make_fund_reversal()
    history.keep("expense", ("id",), ("nonce",), ("transaction_id",))
    history.close("project_picture", ("project_id", "place"))
    history.close(
        *("fund_reversal", ("id",), ("nonce",), ("donation_id",)),
        *(("expense_id",), ("transaction_id",)),
    )
    _guard_expense()


def downgrade() -> None:
    """Drop the tables; their triggers go with them."""
    for table in ("fund_reversal", "project_picture", "expense"):
        op.drop_table(table)
    changes.drop_functions(*FUNCTIONS)


def _guard_expense() -> None:
    changes.refuse(
        "expense",
        "begins",
        "INSERT",
        "NEW.state <> 'entered'",
        "it is entered first, and released by another",
    )
    changes.refuse(
        "expense",
        "decided_once",
        "UPDATE",
        f"NOT ({changes.same(*ENTERED)}"
        " AND ((OLD.state = 'entered' AND NEW.state IN ('released', 'refused'))"
        " OR (OLD.state = 'released' AND NEW.state = 'reversed'"
        f" AND {changes.same(*DECIDED)})))",
        "what was entered stays, and is decided once",
    )
    standing = (
        "NOT EXISTS (SELECT 1 FROM {table} x WHERE x.community_id = NEW.community_id"
        " AND x.id = NEW.{key} AND x.decided_by_id = NEW.first_decided_by_id)"
    )
    changes.refuse(
        "fund_reversal",
        "of_what_stands",
        "INSERT",
        f"{standing.format(table='money_donation', key='donation_id')}"
        f" AND {standing.format(table='expense', key='expense_id')}",
        "it takes back what another person decided",
    )


def _make_expense() -> None:
    op.create_table(
        "expense",
        sa.Column("community_id", Key(), nullable=False),
        sa.Column("id", Key(), nullable=False),
        sa.Column("nonce", Text, nullable=False),
        sa.Column("project_id", Key(), nullable=False),
        sa.Column("line_no", Count, nullable=False),
        sa.Column("amount_fen", Minor, nullable=False),
        sa.Column("payee", Text, nullable=False),
        sa.Column("payee_member_id", Key(), nullable=True),
        sa.Column("invoice_number", Text, nullable=False),
        sa.Column("photo_id", Key(), nullable=False),
        sa.Column("spent_on", Day(), nullable=False),
        sa.Column("entered_by_id", Key(), nullable=False),
        sa.Column("entered_at", Timestamp(), nullable=False),
        sa.Column(
            "state", States("state", ("entered", "released", "refused", "reversed")), nullable=False
        ),
        sa.Column("decided_by_id", Key(), nullable=True),
        sa.Column("decided_at", Timestamp(), nullable=True),
        sa.Column("decision_reason", Text, nullable=False),
        sa.Column("transaction_id", Key(), nullable=True),
        sa.CheckConstraint(
            "amount_fen BETWEEN 1 AND 1000000000",
            name=op.f("ck_expense_amount_fen"),
        ),
        sa.CheckConstraint(
            "(state = 'entered') = (decided_by_id IS NULL)"
            " AND (state = 'entered') = (decided_at IS NULL)",
            name=op.f("ck_expense_decided"),
        ),
        sa.CheckConstraint(
            "length(decision_reason) BETWEEN 0 AND 200",
            name=op.f("ck_expense_decision_reason"),
        ),
        sa.CheckConstraint(
            "length(invoice_number) BETWEEN 1 AND 40",
            name=op.f("ck_expense_invoice_number"),
        ),
        sa.CheckConstraint(
            "length(nonce) BETWEEN 1 AND 80",
            name=op.f("ck_expense_nonce"),
        ),
        sa.CheckConstraint(
            "length(payee) BETWEEN 1 AND 60",
            name=op.f("ck_expense_payee"),
        ),
        sa.CheckConstraint(
            "state <> 'refused' OR length(decision_reason) > 0",
            name=op.f("ck_expense_refused_with_reason"),
        ),
        sa.CheckConstraint(
            "state IN ('entered', 'refused') OR (decided_by_id <> entered_by_id"
            " AND (payee_member_id IS NULL OR decided_by_id <> payee_member_id))",
            name=op.f("ck_expense_released_by_another"),
        ),
        sa.CheckConstraint(
            "(state IN ('released', 'reversed')) = (transaction_id IS NOT NULL)",
            name=op.f("ck_expense_released_is_booked"),
        ),
        sa.ForeignKeyConstraint(
            ["community_id", "photo_id"],
            ["photo.community_id", "photo.id"],
            name=op.f("fk_expense_community_id_photo_id"),
        ),
        sa.ForeignKeyConstraint(
            ["community_id", "project_id", "line_no"],
            ["project_line.community_id", "project_line.project_id", "project_line.line_no"],
            name=op.f("fk_expense_line"),
        ),
        sa.ForeignKeyConstraint(
            ["community_id", "payee_member_id"],
            ["member.community_id", "member.id"],
            name=op.f("fk_expense_payee"),
        ),
        sa.PrimaryKeyConstraint("community_id", "id", name=op.f("pk_expense")),
        sa.UniqueConstraint("community_id", "nonce", name=op.f("uq_expense_community_id_nonce")),
        sa.UniqueConstraint(
            "community_id", "transaction_id", name=op.f("uq_expense_community_id_transaction_id")
        ),
        sqlite_strict=True,
    )
    op.create_index("ix_expense_project", "expense", ["community_id", "project_id"])
    op.create_index(
        "uq_expense_invoice",
        "expense",
        ["community_id", "invoice_number"],
        unique=True,
        postgresql_where=sa.text("state IN ('entered', 'released')"),
        sqlite_where=sa.text("state IN ('entered', 'released')"),
    )


def _make_project_picture() -> None:
    op.create_table(
        "project_picture",
        sa.Column("community_id", Key(), nullable=False),
        sa.Column("project_id", Key(), nullable=False),
        sa.Column("place", Count, nullable=False),
        sa.Column("photo_id", Key(), nullable=False),
        sa.CheckConstraint(
            "place BETWEEN 1 AND 6",
            name=op.f("ck_project_picture_place"),
        ),
        sa.ForeignKeyConstraint(
            ["community_id", "photo_id"],
            ["photo.community_id", "photo.id"],
            name=op.f("fk_project_picture_community_id_photo_id"),
        ),
        sa.ForeignKeyConstraint(
            ["community_id", "project_id"],
            ["project.community_id", "project.id"],
            name=op.f("fk_project_picture_community_id_project_id"),
        ),
        sa.PrimaryKeyConstraint(
            "community_id", "project_id", "place", name=op.f("pk_project_picture")
        ),
        sqlite_strict=True,
    )


def _make_fund_reversal() -> None:
    op.create_table(
        "fund_reversal",
        sa.Column("community_id", Key(), nullable=False),
        sa.Column("id", Key(), nullable=False),
        sa.Column("nonce", Text, nullable=False),
        sa.Column("donation_id", Key(), nullable=True),
        sa.Column("expense_id", Key(), nullable=True),
        sa.Column("first_decided_by_id", Key(), nullable=False),
        sa.Column("reason", Text, nullable=False),
        sa.Column("reversed_by_id", Key(), nullable=False),
        sa.Column("reversed_at", Timestamp(), nullable=False),
        sa.Column("transaction_id", Key(), nullable=False),
        sa.CheckConstraint(
            "length(nonce) BETWEEN 1 AND 80",
            name=op.f("ck_fund_reversal_nonce"),
        ),
        sa.CheckConstraint(
            "(donation_id IS NULL) <> (expense_id IS NULL)",
            name=op.f("ck_fund_reversal_of_one_thing"),
        ),
        sa.CheckConstraint(
            "length(reason) BETWEEN 1 AND 200",
            name=op.f("ck_fund_reversal_reason"),
        ),
        sa.CheckConstraint(
            "reversed_by_id <> first_decided_by_id",
            name=op.f("ck_fund_reversal_reversed_by_another"),
        ),
        sa.ForeignKeyConstraint(
            ["community_id", "donation_id"],
            ["money_donation.community_id", "money_donation.id"],
            name=op.f("fk_fund_reversal_community_id_donation_id"),
        ),
        sa.ForeignKeyConstraint(
            ["community_id", "expense_id"],
            ["expense.community_id", "expense.id"],
            name=op.f("fk_fund_reversal_community_id_expense_id"),
        ),
        sa.PrimaryKeyConstraint("community_id", "id", name=op.f("pk_fund_reversal")),
        sa.UniqueConstraint(
            "community_id", "donation_id", name=op.f("uq_fund_reversal_community_id_donation_id")
        ),
        sa.UniqueConstraint(
            "community_id", "expense_id", name=op.f("uq_fund_reversal_community_id_expense_id")
        ),
        sa.UniqueConstraint(
            "community_id", "nonce", name=op.f("uq_fund_reversal_community_id_nonce")
        ),
        sa.UniqueConstraint(
            "community_id",
            "transaction_id",
            name=op.f("uq_fund_reversal_community_id_transaction_id"),
        ),
        sqlite_strict=True,
    )
