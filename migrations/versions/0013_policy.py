"""Points rules by two people, and the reason of every award beside its entry.

What was proposed never changes and is decided once; a version is what somebody else released, save
the first one of a community that the system set up.
"""

import sqlalchemy as sa
from alembic import op

from ledger.columns import Count, Day, Document, Key, States, Timestamp
from migrations import history

revision = "0013_policy"
down_revision = "0012_rosters"
branch_labels = None
depends_on = None

STATES = ("open", "released", "withdrawn")
PROPOSED = ("community_id", "id", "starts_on", "rule", "proposed_by_id", "proposed_at")
DECIDED_MESSAGE = "what was proposed stays, and is decided once"
RELEASED_MESSAGE = "a version is what a second person released"
NOT_RELEASED = (
    "NOT (NEW.version = 1 AND NEW.released_by LIKE 'system:%') AND NOT EXISTS"
    " (SELECT 1 FROM policy_proposal p WHERE p.community_id = NEW.community_id"
    " AND p.state = 'released' AND p.policy_version = NEW.version AND p.rule = NEW.rule"
    " AND p.starts_on = NEW.starts_on AND p.decided_by_id <> p.proposed_by_id)"
)


def upgrade() -> None:
    """Make the tables, then guard what stays."""
    _make_policy_proposal()
    op.create_table(
        "points_award",
        sa.Column("community_id", Key(), nullable=False),
        sa.Column("transaction_id", Key(), nullable=False),
        sa.Column("reason", Document(), nullable=False),
        sa.ForeignKeyConstraint(
            ["community_id"], ["community.community_id"], name=op.f("fk_points_award_community_id")
        ),
        sa.PrimaryKeyConstraint("community_id", "transaction_id", name=op.f("pk_points_award")),
        sqlite_strict=True,
    )
    history.close("points_award", ("transaction_id",))
    history.keep("policy_proposal", ("id",), ("policy_version",))
    for statement in _postgres_guards() if _is_postgresql() else _sqlite_guards():
        op.execute(statement)


def downgrade() -> None:
    """Drop the guard of the versions, then the tables; their triggers go with them."""
    on_table = " ON points_policy" if _is_postgresql() else ""
    op.execute(f"DROP TRIGGER points_policy_released_by_two{on_table}")
    op.drop_table("points_award")
    op.drop_table("policy_proposal")
    if _is_postgresql():
        op.execute("DROP FUNCTION policy_decided_once()")
        op.execute("DROP FUNCTION policy_released_by_two()")


def _make_policy_proposal() -> None:
    op.create_table(
        "policy_proposal",
        sa.Column("community_id", Key(), nullable=False),
        sa.Column("id", Key(), nullable=False),
        sa.Column("state", States("state", STATES), nullable=False),
        sa.Column("starts_on", Day(), nullable=False),
        sa.Column("rule", Document(), nullable=False),
        sa.Column("proposed_by_id", Key(), nullable=False),
        sa.Column("proposed_at", Timestamp(), nullable=False),
        sa.Column("decided_by_id", Key(), nullable=True),
        sa.Column("decided_at", Timestamp(), nullable=True),
        sa.Column("policy_version", Count, nullable=True),
        sa.CheckConstraint(
            "state <> 'released' OR decided_by_id <> proposed_by_id",
            name=op.f("ck_policy_proposal_released_by_another"),
        ),
        sa.CheckConstraint(
            "(state = 'open') = (decided_at IS NULL)"
            " AND (state = 'open') = (decided_by_id IS NULL)",
            name=op.f("ck_policy_proposal_decided"),
        ),
        sa.CheckConstraint(
            "(state = 'released') = (policy_version IS NOT NULL)",
            name=op.f("ck_policy_proposal_released_is_a_version"),
        ),
        sa.ForeignKeyConstraint(
            ["community_id"],
            ["community.community_id"],
            name=op.f("fk_policy_proposal_community_id"),
        ),
        sa.PrimaryKeyConstraint("community_id", "id", name=op.f("pk_policy_proposal")),
        sa.UniqueConstraint(
            "community_id",
            "policy_version",
            name=op.f("uq_policy_proposal_community_id_policy_version"),
        ),
        sqlite_strict=True,
    )


# ---------------------------------------------------------------- guards


def _sqlite_guards() -> list[str]:
    same = " AND ".join(f"OLD.{column} IS NEW.{column}" for column in PROPOSED)
    return [
        "CREATE TRIGGER policy_proposal_decided_once BEFORE UPDATE ON policy_proposal"
        f" WHEN NOT (OLD.state = 'open' AND {same})"
        f" BEGIN SELECT RAISE(ABORT, 'policy: {DECIDED_MESSAGE}'); END",
        "CREATE TRIGGER points_policy_released_by_two BEFORE INSERT ON points_policy"
        f" WHEN {NOT_RELEASED} BEGIN SELECT RAISE(ABORT, 'policy: {RELEASED_MESSAGE}'); END",
    ]


def _postgres_guards() -> list[str]:
    same = "ROW({}) IS NOT DISTINCT FROM ROW({})".format(
        ", ".join(f"OLD.{column}" for column in PROPOSED),
        ", ".join(f"NEW.{column}" for column in PROPOSED),
    )
    return [
        _postgres_function("decided_once", f"NOT (OLD.state = 'open' AND {same})", DECIDED_MESSAGE),
        "CREATE TRIGGER policy_proposal_decided_once BEFORE UPDATE ON policy_proposal"
        " FOR EACH ROW EXECUTE FUNCTION policy_decided_once()",
        _postgres_function("released_by_two", NOT_RELEASED, RELEASED_MESSAGE),
        "CREATE TRIGGER points_policy_released_by_two BEFORE INSERT ON points_policy"
        " FOR EACH ROW EXECUTE FUNCTION policy_released_by_two()",
    ]


def _postgres_function(name: str, condition: str, message: str) -> str:
    return (
        f"CREATE FUNCTION policy_{name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        f" IF {condition} THEN RAISE EXCEPTION 'policy: {message}'"
        " USING ERRCODE = 'restrict_violation'; END IF; RETURN NEW; END $$"
    )


def _is_postgresql() -> bool:
    return op.get_bind().dialect.name == "postgresql"
