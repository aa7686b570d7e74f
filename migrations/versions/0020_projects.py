"""Projects of teams with the lines of their budget.

What was proposed stays, and each step is taken once: approved and closed by another person.
"""

import sqlalchemy as sa
from alembic import op

from ledger.columns import Count, Key, Minor, States, Text, Timestamp
from migrations import changes, history

revision = "0020_projects"
down_revision = "0020_fund"
branch_labels = None
depends_on = None

PROPOSED = (
    *("community_id", "id", "nonce", "number", "fund_id", "title", "team", "purpose"),
    *("proposed_by_id", "proposed_at"),
)
DECIDED = ("decided_by_id", "decided_at", "decision_reason", "transaction_id")
REPORTED = ("report", "reported_by_id", "reported_at")
FUNCTIONS = ("project_begins", "project_numbered", "project_goes_on", "project_line_proposed")


def upgrade() -> None:
    """Make the tables, then guard what stays."""
    _make_project()
    _make_project_line()
    history.keep(
        *("project", ("id",), ("nonce",), ("number",)),
        *(("transaction_id",), ("return_transaction_id",)),
    )
    history.close("project_line", ("project_id", "line_no"))
    _guard_project()


def downgrade() -> None:
    """Drop the tables; their triggers go with them."""
    for table in ("project_line", "project"):
        op.drop_table(table)
    changes.drop_functions(*FUNCTIONS)


def _guard_project() -> None:
    changes.refuse("project", "begins", "INSERT", "NEW.state <> 'proposed'", "it is proposed first")
    changes.refuse(
        "project",
        "numbered",
        "INSERT",
        "NOT EXISTS (SELECT 1 FROM fund_register r WHERE r.community_id = NEW.community_id"
        " AND r.last_project_number = NEW.number)",
        "the number was not taken from the register",
    )
    changes.refuse(
        "project",
        "goes_on",
        "UPDATE",
        f"NOT ({changes.same(*PROPOSED)}"
        " AND ((OLD.state = 'proposed' AND NEW.state IN ('approved', 'refused'))"
        " OR (OLD.state = 'approved' AND NEW.state = 'reported'"
        f" AND {changes.same(*DECIDED)})"
        " OR (OLD.state = 'reported' AND NEW.state = 'closed'"
        f" AND {changes.same(*DECIDED, *REPORTED)})))",
        "what was proposed stays, and each step is taken once",
    )
    changes.refuse(
        "project_line",
        "proposed",
        "INSERT",
        "NOT EXISTS (SELECT 1 FROM project p WHERE p.community_id = NEW.community_id"
        " AND p.id = NEW.project_id AND p.state = 'proposed')",
        "a budget is what was proposed",
    )


def _make_project() -> None:
    op.create_table(
        "project",
        sa.Column("community_id", Key(), nullable=False),
        sa.Column("id", Key(), nullable=False),
        sa.Column("nonce", Text, nullable=False),
        sa.Column("number", Count, nullable=False),
        sa.Column("fund_id", Key(), nullable=False),
        sa.Column("title", Text, nullable=False),
        sa.Column("team", Text, nullable=False),
        sa.Column("purpose", Text, nullable=False),
        sa.Column("proposed_by_id", Key(), nullable=False),
        sa.Column("proposed_at", Timestamp(), nullable=False),
        sa.Column(
            "state",
            States("state", ("proposed", "approved", "refused", "reported", "closed")),
            nullable=False,
        ),
        sa.Column("decided_by_id", Key(), nullable=True),
        sa.Column("decided_at", Timestamp(), nullable=True),
        sa.Column("decision_reason", Text, nullable=False),
        sa.Column("transaction_id", Key(), nullable=True),
        sa.Column("report", Text, nullable=False),
        sa.Column("reported_by_id", Key(), nullable=True),
        sa.Column("reported_at", Timestamp(), nullable=True),
        sa.Column("closed_by_id", Key(), nullable=True),
        sa.Column("closed_at", Timestamp(), nullable=True),
        sa.Column("returned_fen", Minor, nullable=True),
        sa.Column("return_transaction_id", Key(), nullable=True),
        sa.CheckConstraint(
            "state IN ('proposed', 'refused') OR decided_by_id <> proposed_by_id",
            name=op.f("ck_project_approved_by_another"),
        ),
        sa.CheckConstraint(
            "(state IN ('proposed', 'refused')) = (transaction_id IS NULL)",
            name=op.f("ck_project_approved_is_booked"),
        ),
        sa.CheckConstraint(
            "(state = 'closed') = (closed_by_id IS NOT NULL)"
            " AND (state = 'closed') = (returned_fen IS NOT NULL)",
            name=op.f("ck_project_closed"),
        ),
        sa.CheckConstraint(
            "closed_by_id IS NULL OR closed_by_id <> reported_by_id",
            name=op.f("ck_project_closed_by_another"),
        ),
        sa.CheckConstraint(
            "(state = 'proposed') = (decided_by_id IS NULL)"
            " AND (state = 'proposed') = (decided_at IS NULL)",
            name=op.f("ck_project_decided"),
        ),
        sa.CheckConstraint(
            "length(decision_reason) BETWEEN 0 AND 200",
            name=op.f("ck_project_decision_reason"),
        ),
        sa.CheckConstraint(
            "length(nonce) BETWEEN 1 AND 80",
            name=op.f("ck_project_nonce"),
        ),
        sa.CheckConstraint(
            "number > 0",
            name=op.f("ck_project_number"),
        ),
        sa.CheckConstraint(
            "length(purpose) BETWEEN 1 AND 500",
            name=op.f("ck_project_purpose"),
        ),
        sa.CheckConstraint(
            "state <> 'refused' OR length(decision_reason) > 0",
            name=op.f("ck_project_refused_with_reason"),
        ),
        sa.CheckConstraint(
            "length(report) BETWEEN 0 AND 2000",
            name=op.f("ck_project_report"),
        ),
        sa.CheckConstraint(
            "(state IN ('reported', 'closed')) = (reported_by_id IS NOT NULL)"
            " AND (state IN ('reported', 'closed')) = (length(report) > 0)",
            name=op.f("ck_project_reported"),
        ),
        sa.CheckConstraint(
            "length(team) BETWEEN 1 AND 60",
            name=op.f("ck_project_team"),
        ),
        sa.CheckConstraint(
            "length(title) BETWEEN 1 AND 60",
            name=op.f("ck_project_title"),
        ),
        sa.CheckConstraint(
            "(return_transaction_id IS NOT NULL) = (coalesce(returned_fen, 0) > 0)",
            name=op.f("ck_project_what_remains_returns"),
        ),
        sa.ForeignKeyConstraint(
            ["community_id", "fund_id"],
            ["fund.community_id", "fund.id"],
            name=op.f("fk_project_community_id_fund_id"),
        ),
        sa.PrimaryKeyConstraint("community_id", "id", name=op.f("pk_project")),
        sa.UniqueConstraint("community_id", "nonce", name=op.f("uq_project_community_id_nonce")),
        sa.UniqueConstraint("community_id", "number", name=op.f("uq_project_community_id_number")),
        sa.UniqueConstraint(
            "community_id",
            "return_transaction_id",
            name=op.f("uq_project_community_id_return_transaction_id"),
        ),
        sa.UniqueConstraint(
            "community_id", "transaction_id", name=op.f("uq_project_community_id_transaction_id")
        ),
        sqlite_strict=True,
    )


def _make_project_line() -> None:
    op.create_table(
        "project_line",
        sa.Column("community_id", Key(), nullable=False),
        sa.Column("project_id", Key(), nullable=False),
        sa.Column("line_no", Count, nullable=False),
        sa.Column("title", Text, nullable=False),
        sa.Column("budget_fen", Minor, nullable=False),
        sa.CheckConstraint(
            "budget_fen BETWEEN 1 AND 1000000000",
            name=op.f("ck_project_line_budget_fen"),
        ),
        sa.CheckConstraint(
            "line_no BETWEEN 1 AND 12",
            name=op.f("ck_project_line_line_no"),
        ),
        sa.CheckConstraint(
            "length(title) BETWEEN 1 AND 60",
            name=op.f("ck_project_line_title"),
        ),
        sa.ForeignKeyConstraint(
            ["community_id", "project_id"],
            ["project.community_id", "project.id"],
            name=op.f("fk_project_line_community_id_project_id"),
        ),
        sa.PrimaryKeyConstraint(
            "community_id", "project_id", "line_no", name=op.f("pk_project_line")
        ),
        sqlite_strict=True,
    )
