"""What happens to an attendance around and after its confirmation.

Corrections by two people, disputes of volunteers, the second person's yes on a long day. What was
proposed or asked never changes and is decided once; a posted attendance changes only as an agreed
correction says.
"""

import sqlalchemy as sa
from alembic import op

from ledger.columns import Count, Flag, Key, States, Text, Timestamp
from migrations import history

revision = "0009_corrections"
down_revision = "0008_reservations"
branch_labels = None
depends_on = None

PROPOSED = (
    *("community_id", "id", "attendance_id", "member_id", "proposed_by_id", "proposed_at"),
    *("reason", "in_at", "out_at", "old_in_at", "old_out_at", "old_is_out_missing"),
    *("old_actual_minutes", "old_counted_minutes", "old_points", "old_transaction_id"),
)
ASKED = ("community_id", "id", "attendance_id", "member_id", "text", "raised_at")
NOT_AS_AGREED = (
    "OLD.state = 'posted' AND NOT EXISTS (SELECT 1 FROM correction c"
    " WHERE c.community_id = OLD.community_id AND c.attendance_id = OLD.id AND c.state = 'agreed'"
    " AND c.old_transaction_id = OLD.transaction_id AND c.counted_minutes = NEW.counted_minutes"
    " AND c.points = NEW.points AND NEW.id = OLD.id AND NEW.member_id = OLD.member_id"
    " AND c.transaction_id {same} NEW.transaction_id)"
)
ONCE_MESSAGE = "what was asked stays, and is decided once"
POSTED_MESSAGE = "a posted row changes as an agreed correction says"
ONE_OPEN = (
    "NEW.state = 'open' AND EXISTS (SELECT 1 FROM {table} o WHERE o.community_id ="
    " NEW.community_id AND o.attendance_id = NEW.attendance_id AND o.state = 'open')"
)


def upgrade() -> None:
    """Make the tables, then guard what stays."""
    _make_correction()
    _make_dispute()
    _make_agreement()
    for table in ("correction", "dispute"):
        op.create_index(f"ix_{table}_attendance", table, ["community_id", "attendance_id"])
        is_open = sa.text("state = 'open'")
        op.create_index(
            f"uq_{table}_open",
            table,
            ["community_id", "attendance_id"],
            unique=True,
            postgresql_where=is_open,
            sqlite_where=is_open,
        )
    history.keep("correction", ("id",), ("transaction_id",), ("reversal_id",))
    history.keep("dispute", ("id",))
    history.close("attendance_agreement", ("attendance_id",))
    for statement in _postgres_guards() if _is_postgresql() else _sqlite_guards():
        op.execute(statement)


def downgrade() -> None:
    """Drop the guard of the posted rows, then the tables; their triggers go with them."""
    on_table = " ON attendance" if _is_postgresql() else ""
    op.execute(f"DROP TRIGGER attendance_posted_stays{on_table}")
    for table in ("attendance_agreement", "dispute", "correction"):
        op.drop_table(table)
    if _is_postgresql():
        for name in ("correction", "dispute", "attendance"):
            op.execute(f"DROP FUNCTION corrections_{name}()")


def _make_correction() -> None:
    op.create_table(
        "correction",
        sa.Column("community_id", Key(), nullable=False),
        sa.Column("id", Key(), nullable=False),
        sa.Column("attendance_id", Key(), nullable=False),
        sa.Column("member_id", Key(), nullable=False),
        sa.Column(
            "state", States("state", ["open", "agreed", "refused", "withdrawn"]), nullable=False
        ),
        sa.Column("proposed_by_id", Key(), nullable=False),
        sa.Column("proposed_at", Timestamp(), nullable=False),
        sa.Column("reason", Text, nullable=False),
        sa.Column("in_at", Timestamp(), nullable=True),
        sa.Column("out_at", Timestamp(), nullable=True),
        sa.Column("old_in_at", Timestamp(), nullable=True),
        sa.Column("old_out_at", Timestamp(), nullable=True),
        sa.Column("old_is_out_missing", Flag(), nullable=False),
        sa.Column("old_actual_minutes", Count, nullable=False),
        sa.Column("old_counted_minutes", Count, nullable=False),
        sa.Column("old_points", Count, nullable=False),
        sa.Column("old_transaction_id", Key(), nullable=True),
        sa.Column("decided_by_id", Key(), nullable=True),
        sa.Column("decided_at", Timestamp(), nullable=True),
        sa.Column("answer", Text, nullable=True),
        sa.Column("actual_minutes", Count, nullable=True),
        sa.Column("counted_minutes", Count, nullable=True),
        sa.Column("points", Count, nullable=True),
        sa.Column("policy_version", Count, nullable=True),
        sa.Column("reversal_id", Key(), nullable=True),
        sa.Column("transaction_id", Key(), nullable=True),
        *_correction_checks(),
        *_keys_of_a_row("correction"),
        sa.UniqueConstraint(
            "community_id", "transaction_id", name=op.f("uq_correction_community_id_transaction_id")
        ),
        sa.UniqueConstraint(
            "community_id", "reversal_id", name=op.f("uq_correction_community_id_reversal_id")
        ),
        sqlite_strict=True,
    )


def _correction_checks() -> list[sa.CheckConstraint]:
    rules = {
        "proposed_by_another": "proposed_by_id <> member_id",
        "decided_by_another": (
            "state NOT IN ('agreed', 'refused')"
            " OR (decided_by_id <> member_id AND decided_by_id <> proposed_by_id)"
        ),
        "withdrawn_by_proposer": "state <> 'withdrawn' OR decided_by_id = proposed_by_id",
        "decided": (
            "(state = 'open') = (decided_at IS NULL) AND (state = 'open') = (decided_by_id IS NULL)"
        ),
        "stay": "(in_at IS NULL) = (out_at IS NULL) AND (in_at IS NULL OR out_at > in_at)",
        "reason_length": "length(reason) BETWEEN 1 AND 500",
        "refused_says_why": (
            "(state = 'refused') = (answer IS NOT NULL)"
            " AND (answer IS NULL OR length(answer) BETWEEN 1 AND 500)"
        ),
        "agreed_has_worth": (
            "(state = 'agreed') = (counted_minutes IS NOT NULL)"
            " AND (state = 'agreed') = (points IS NOT NULL)"
            " AND (counted_minutes IS NULL OR counted_minutes BETWEEN 0 AND 1440)"
        ),
        "agreed_names_transactions": (
            "(transaction_id IS NOT NULL) = (state = 'agreed' AND counted_minutes > 0)"
            " AND (reversal_id IS NOT NULL)"
            " = (state = 'agreed' AND old_transaction_id IS NOT NULL)"
        ),
    }
    return _checks("correction", rules)


def _make_dispute() -> None:
    op.create_table(
        "dispute",
        sa.Column("community_id", Key(), nullable=False),
        sa.Column("id", Key(), nullable=False),
        sa.Column("attendance_id", Key(), nullable=False),
        sa.Column("member_id", Key(), nullable=False),
        sa.Column("state", States("state", ["open", "explained", "corrected"]), nullable=False),
        sa.Column("text", Text, nullable=False),
        sa.Column("raised_at", Timestamp(), nullable=False),
        sa.Column("answered_by_id", Key(), nullable=True),
        sa.Column("answered_at", Timestamp(), nullable=True),
        sa.Column("answer", Text, nullable=True),
        sa.Column("correction_id", Key(), nullable=True),
        *_dispute_checks(),
        *_keys_of_a_row("dispute"),
        sa.ForeignKeyConstraint(
            ["community_id", "correction_id"],
            ["correction.community_id", "correction.id"],
            name=op.f("fk_dispute_community_id_correction_id"),
        ),
        sqlite_strict=True,
    )


def _dispute_checks() -> list[sa.CheckConstraint]:
    rules = {
        "text_length": "length(text) BETWEEN 1 AND 500",
        "answered": (
            "(state = 'open') = (answered_at IS NULL)"
            " AND (state = 'open') = (answered_by_id IS NULL)"
        ),
        "answered_by_another": "answered_by_id IS NULL OR answered_by_id <> member_id",
        "explained_says_why": (
            "(state = 'explained') = (answer IS NOT NULL)"
            " AND (answer IS NULL OR length(answer) BETWEEN 1 AND 500)"
        ),
        "corrected_names_correction": "(state = 'corrected') = (correction_id IS NOT NULL)",
    }
    return _checks("dispute", rules)


def _make_agreement() -> None:
    op.create_table(
        "attendance_agreement",
        sa.Column("community_id", Key(), nullable=False),
        sa.Column("attendance_id", Key(), nullable=False),
        sa.Column("member_id", Key(), nullable=False),
        sa.Column("confirmed_by_id", Key(), nullable=False),
        sa.Column("agreed_by_id", Key(), nullable=False),
        sa.Column("agreed_at", Timestamp(), nullable=False),
        *_checks(
            "attendance_agreement",
            {
                "agreed_by_another": (
                    "agreed_by_id <> member_id AND agreed_by_id <> confirmed_by_id"
                    " AND confirmed_by_id <> member_id"
                )
            },
        ),
        sa.ForeignKeyConstraint(
            ["community_id", "attendance_id"],
            ["attendance.community_id", "attendance.id"],
            name=op.f("fk_attendance_agreement_community_id_attendance_id"),
        ),
        sa.PrimaryKeyConstraint(
            "community_id", "attendance_id", name=op.f("pk_attendance_agreement")
        ),
        sqlite_strict=True,
    )


def _keys_of_a_row(table: str) -> list[sa.Constraint]:
    return [
        sa.PrimaryKeyConstraint("community_id", "id", name=op.f(f"pk_{table}")),
        sa.ForeignKeyConstraint(
            ["community_id", "attendance_id"],
            ["attendance.community_id", "attendance.id"],
            name=op.f(f"fk_{table}_community_id_attendance_id"),
        ),
        sa.ForeignKeyConstraint(
            ["community_id", "member_id"],
            ["member.community_id", "member.id"],
            name=op.f(f"fk_{table}_community_id_member_id"),
        ),
    ]


def _checks(table: str, rules: dict[str, str]) -> list[sa.CheckConstraint]:
    return [
        sa.CheckConstraint(rule, name=op.f(f"ck_{table}_{name}")) for name, rule in rules.items()
    ]


# ---------------------------------------------------------------- guards


def _sqlite_guards() -> list[str]:
    """Return the triggers; those before an insert catch a REPLACE over the one that is open."""
    guards = []
    for table, kept in (("correction", PROPOSED), ("dispute", ASKED)):
        same = " AND ".join(f"OLD.{column} IS NEW.{column}" for column in kept)
        changed = f"NOT (OLD.state = 'open' AND {same})"
        one_open = ONE_OPEN.format(table=table)
        guards.append(_sqlite_guard(table, "decided_once", "UPDATE", changed, ONCE_MESSAGE))
        guards.append(_sqlite_guard(table, "one_open", "INSERT", one_open, "one is open already"))
    condition = NOT_AS_AGREED.format(same="IS")
    guards.append(_sqlite_guard("attendance", "posted_stays", "UPDATE", condition, POSTED_MESSAGE))
    return guards


def _sqlite_guard(table: str, name: str, event: str, condition: str, message: str) -> str:
    return (
        f"CREATE TRIGGER {table}_{name} BEFORE {event} ON {table} WHEN {condition}"
        f" BEGIN SELECT RAISE(ABORT, 'corrections: {message}'); END"
    )


def _postgres_guards() -> list[str]:
    """Return functions and triggers; the partial unique index alone keeps one open."""
    guards = []
    for table, kept in (("correction", PROPOSED), ("dispute", ASKED)):
        same = "ROW({}) IS NOT DISTINCT FROM ROW({})".format(
            ", ".join(f"OLD.{column}" for column in kept),
            ", ".join(f"NEW.{column}" for column in kept),
        )
        guards.append(
            _postgres_function(table, f"NOT (OLD.state = 'open' AND {same})", ONCE_MESSAGE)
        )
        guards.append(_postgres_trigger(table, "decided_once", "", table))
    condition = NOT_AS_AGREED.format(same="IS NOT DISTINCT FROM")
    guards.append(_postgres_function("attendance", condition, POSTED_MESSAGE))
    posted = " WHEN (OLD.state = 'posted')"
    guards.append(_postgres_trigger("attendance", "posted_stays", posted, "attendance"))
    return guards


def _postgres_function(name: str, condition: str, message: str) -> str:
    return (
        f"CREATE FUNCTION corrections_{name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        f" IF {condition} THEN RAISE EXCEPTION 'corrections: %: {message}', TG_TABLE_NAME"
        " USING ERRCODE = 'restrict_violation'; END IF; RETURN NEW; END $$"
    )


def _postgres_trigger(table: str, name: str, when: str, function: str) -> str:
    return (
        f"CREATE TRIGGER {table}_{name} BEFORE UPDATE ON {table}"
        f" FOR EACH ROW{when} EXECUTE FUNCTION corrections_{function}()"
    )


def _is_postgresql() -> bool:
    return op.get_bind().dialect.name == "postgresql"
