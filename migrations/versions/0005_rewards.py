"""Rewards: tables of stars, commendations, the register of numbers, certificates.

What was given stays given: rows of `star_rule` and `commendation` never change or go; a certificate
changes once, from valid to revoked; the register only rises, and no certificate carries a number
that was not taken from it.
"""

import sqlalchemy as sa
from alembic import op

from ledger import columns
from migrations import history

revision = "0005_rewards"
down_revision = "0004_shop"
branch_labels = None
depends_on = None

KEY = columns.Key()
TEXT = columns.Text
DAY = columns.Day()
MOMENT = columns.Timestamp()
COUNT = columns.Count
MINOR = columns.Minor
DIGEST = columns.Digest
DOCUMENT = columns.Document()

TABLES = ("star_rule", "commendation", "certificate_register", "certificate")
FROZEN = (
    *("community_id", "id", "year", "number", "member_id", "commendation_id", "content"),
    *("content_hash", "issued_at", "issued_by_id"),
)


def upgrade() -> None:
    _make_star_rule()
    _make_commendation()
    _make_register()
    _make_certificate()
    history.close("star_rule", ("version",), ("starts_on",))
    history.close("commendation", ("id",))
    history.keep("certificate_register", ("year",))
    history.keep("certificate", ("id",), ("year", "number"), ("commendation_id",))
    statements = _sqlite_guards() if op.get_bind().dialect.name == "sqlite" else _postgres_guards()
    for statement in statements:
        op.execute(statement)


def downgrade() -> None:
    for table in reversed(TABLES):
        op.drop_table(table)
    if op.get_bind().dialect.name == "postgresql":
        for function in ("register", "certificate_change", "certificate_number"):
            op.execute(f"DROP FUNCTION rewards_{function}()")


def _make_star_rule() -> None:
    op.create_table(
        "star_rule",
        sa.Column("community_id", KEY, nullable=False),
        sa.Column("version", COUNT, nullable=False),
        sa.Column("starts_on", DAY, nullable=False),
        sa.Column("thresholds", DOCUMENT, nullable=False),
        sa.Column("released_by", TEXT, nullable=False),
        sa.Column("released_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("community_id", "version", name="pk_star_rule"),
        sa.UniqueConstraint(
            "community_id", "starts_on", name="uq_star_rule_community_id_starts_on"
        ),
        sa.ForeignKeyConstraint(
            ["community_id"], ["community.community_id"], name="fk_star_rule_community_id"
        ),
        sa.CheckConstraint("version > 0", name=op.f("ck_star_rule_version")),
        sqlite_strict=True,
    )


def _make_commendation() -> None:
    op.create_table(
        "commendation",
        sa.Column("community_id", KEY, nullable=False),
        sa.Column("id", KEY, nullable=False),
        sa.Column("member_id", KEY, nullable=False),
        sa.Column("rule_version", COUNT, nullable=False),
        sa.Column("stars", COUNT, nullable=False),
        sa.Column("counted_minutes", MINOR, nullable=False),
        sa.Column("period_from", DAY, nullable=False),
        sa.Column("period_to", DAY, nullable=False),
        sa.Column("evidence", DOCUMENT, nullable=False),
        sa.Column("issued_by_id", KEY, nullable=True),
        sa.Column("issued_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("community_id", "id", name="pk_commendation"),
        sa.ForeignKeyConstraint(
            ["community_id", "member_id"],
            ["member.community_id", "member.id"],
            name="fk_commendation_community_id_member_id",
        ),
        sa.ForeignKeyConstraint(
            ["community_id", "rule_version"],
            ["star_rule.community_id", "star_rule.version"],
            name="fk_commendation_community_id_rule_version",
        ),
        sa.CheckConstraint(
            "issued_by_id IS NULL OR issued_by_id <> member_id",
            name=op.f("ck_commendation_issued_by_another"),
        ),
        sa.CheckConstraint("stars BETWEEN 1 AND 5", name=op.f("ck_commendation_stars")),
        sa.CheckConstraint("counted_minutes > 0", name=op.f("ck_commendation_counted_minutes")),
        sa.CheckConstraint("period_to >= period_from", name=op.f("ck_commendation_period")),
        sqlite_strict=True,
    )
    op.create_index("ix_commendation_member", "commendation", ["community_id", "member_id"])


def _make_register() -> None:
    op.create_table(
        "certificate_register",
        sa.Column("community_id", KEY, nullable=False),
        sa.Column("year", COUNT, nullable=False),
        sa.Column("last_number", COUNT, nullable=False),
        sa.PrimaryKeyConstraint("community_id", "year", name="pk_certificate_register"),
        sa.ForeignKeyConstraint(
            ["community_id"],
            ["community.community_id"],
            name="fk_certificate_register_community_id",
        ),
        sa.CheckConstraint("last_number >= 0", name=op.f("ck_certificate_register_last_number")),
        sqlite_strict=True,
    )


def _make_certificate() -> None:
    op.create_table(
        "certificate",
        sa.Column("community_id", KEY, nullable=False),
        sa.Column("id", KEY, nullable=False),
        sa.Column("year", COUNT, nullable=False),
        sa.Column("number", COUNT, nullable=False),
        sa.Column("member_id", KEY, nullable=False),
        sa.Column("commendation_id", KEY, nullable=False),
        sa.Column("content", DOCUMENT, nullable=False),
        sa.Column("content_hash", DIGEST, nullable=False),
        sa.Column("status", columns.States("status", ["valid", "revoked"]), nullable=False),
        sa.Column("issued_at", MOMENT, nullable=False),
        sa.Column("issued_by_id", KEY, nullable=True),
        sa.Column("revoked_at", MOMENT, nullable=True),
        sa.Column("revoked_by_id", KEY, nullable=True),
        sa.Column("revoke_reason", TEXT, nullable=True),
        sa.PrimaryKeyConstraint("community_id", "id", name="pk_certificate"),
        sa.UniqueConstraint(
            "community_id", "year", "number", name="uq_certificate_community_id_year_number"
        ),
        sa.UniqueConstraint(
            "community_id", "commendation_id", name="uq_certificate_community_id_commendation_id"
        ),
        sa.ForeignKeyConstraint(
            ["community_id", "commendation_id"],
            ["commendation.community_id", "commendation.id"],
            name="fk_certificate_community_id_commendation_id",
        ),
        sa.ForeignKeyConstraint(
            ["community_id", "member_id"],
            ["member.community_id", "member.id"],
            name="fk_certificate_community_id_member_id",
        ),
        *_certificate_checks(),
        sqlite_strict=True,
    )
    op.create_index("ix_certificate_member", "certificate", ["community_id", "member_id"])


def _certificate_checks() -> list[sa.CheckConstraint]:
    rules = {
        "revoked_at": "(status = 'revoked') = (revoked_at IS NOT NULL)",
        "revoke_reason": "(status = 'revoked') = (revoke_reason IS NOT NULL)",
        "number": "number > 0",
        "content_hash_length": "length(content_hash) = 32",
        "issued_by_another": "issued_by_id IS NULL OR issued_by_id <> member_id",
        "revoked_by_another": "revoked_by_id IS NULL OR revoked_by_id <> member_id",
        "revoke_reason_length": "revoke_reason IS NULL OR length(revoke_reason) BETWEEN 1 AND 200",
    }
    return [
        sa.CheckConstraint(rule, name=op.f(f"ck_certificate_{name}"))
        for name, rule in rules.items()
    ]


# ---------------------------------------------------------------- guards


_RISES = (
    "NEW.last_number < OLD.last_number OR NEW.community_id <> OLD.community_id"
    " OR NEW.year <> OLD.year"
)
_RISES_MESSAGE = "the register only rises"
_REVOKED = "OLD.status = 'valid' AND NEW.status = 'revoked'"
_REVOKED_MESSAGE = "a certificate changes once, from valid to revoked"
_NOT_TAKEN = (
    "NOT EXISTS (SELECT 1 FROM certificate_register r WHERE r.community_id = NEW.community_id"
    " AND r.year = NEW.year AND r.last_number >= NEW.number)"
)
_NOT_TAKEN_MESSAGE = "the number was not taken from the register"


def _sqlite_guards() -> list[str]:
    same = " AND ".join(f"OLD.{column} IS NEW.{column}" for column in FROZEN)
    changed = f"NOT ({_REVOKED} AND {same})"
    return [
        _sqlite_guard("certificate", "revoked_once", "UPDATE", changed, _REVOKED_MESSAGE),
        _sqlite_guard("certificate_register", "rises", "UPDATE", _RISES, _RISES_MESSAGE),
        _sqlite_guard("certificate", "numbered", "INSERT", _NOT_TAKEN, _NOT_TAKEN_MESSAGE),
    ]


def _sqlite_guard(table: str, name: str, event: str, condition: str, message: str) -> str:
    return (
        f"CREATE TRIGGER {table}_{name} BEFORE {event} ON {table} WHEN {condition}"
        f" BEGIN SELECT RAISE(ABORT, 'rewards: {message}'); END"
    )


def _postgres_guards() -> list[str]:
    same = "ROW({}) IS NOT DISTINCT FROM ROW({})".format(
        ", ".join(f"OLD.{column}" for column in FROZEN),
        ", ".join(f"NEW.{column}" for column in FROZEN),
    )
    changed = f"NOT ({_REVOKED} AND {same})"
    return [
        _postgres_function("register", _RISES, _RISES_MESSAGE),
        _postgres_function("certificate_change", changed, _REVOKED_MESSAGE),
        _postgres_function("certificate_number", _NOT_TAKEN, _NOT_TAKEN_MESSAGE),
        _postgres_trigger("certificate_register", "rises", "UPDATE", "register"),
        _postgres_trigger("certificate", "revoked_once", "UPDATE", "certificate_change"),
        _postgres_trigger("certificate", "numbered", "INSERT", "certificate_number"),
    ]


def _postgres_function(name: str, condition: str, message: str) -> str:
    return (
        f"CREATE FUNCTION rewards_{name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        f" IF {condition} THEN RAISE EXCEPTION 'rewards: %: {message}', TG_TABLE_NAME"
        " USING ERRCODE = 'restrict_violation'; END IF; RETURN NEW; END $$"
    )


def _postgres_trigger(table: str, name: str, event: str, function: str) -> str:
    return (
        f"CREATE TRIGGER {table}_{name} BEFORE {event} ON {table}"
        f" FOR EACH ROW EXECUTE FUNCTION rewards_{function}()"
    )
