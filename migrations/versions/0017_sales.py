"""Receipts for points, cash and swapped goods, for helpers, and returns piece by piece.

A buyer without a card pays in cash; a basket that waits is kept; households and helpers are written
down. Old refunds gave the whole receipt back: their lines follow from it.
"""

import sqlalchemy as sa
from alembic import op

from ledger.columns import Count, Key, Minor
from migrations import counter_tables, history
from migrations.words import (
    add_check,
    add_constraint,
    drop_check,
    drop_constraint,
    rewrite_check,
    set_nullable,
)

revision = "0017_sales"
down_revision = "0016_prices"
branch_labels = None
depends_on = None

PAYS_WITH = ("points", "cash")
PAID = (("id",), ("nonce",), ("transaction_id",))
BALANCE = ("member_id", "identified_by", "balance_points_after")
PRICE = ("price_points", "sum_points")
TILL = "till_number BETWEEN 1 AND 9"
SERVES = "clerk_member_id IS NULL OR clerk_member_id <> member_id"
SERVES_OTHERS = "clerk_member_id IS NULL OR member_id IS NULL OR clerk_member_id <> member_id"
REDEMPTION_CHECKS = {
    "helper_is_another": "helper_member_id IS NULL OR (member_id IS NOT NULL"
    " AND helper_member_id <> member_id"
    " AND (clerk_member_id IS NULL OR clerk_member_id <> helper_member_id))",
    "member_is_identified": "(member_id IS NULL) = (identified_by IS NULL)"
    " AND (member_id IS NULL) = (balance_points_after IS NULL)",
    "points_need_member": "member_id IS NOT NULL OR (total_points = 0 AND swapped_points = 0)",
    "something_paid": "total_points > 0 OR total_fen > 0 OR swapped_points > 0",
    "total_fen": "total_fen >= 0",
    "swapped_points": "swapped_points >= 0",
    "tendered_fen": "tendered_fen IS NULL OR (total_fen > 0 AND tendered_fen >= total_fen)",
    "till_number": TILL,
}
REDEMPTION_COLUMNS = (
    "helper_member_id",
    "till_number",
    "total_fen",
    "tendered_fen",
    "swapped_points",
)
LINE_CHECKS = {
    "pays_with": "pays_with IN ('points', 'cash')",
    "price_follows_pays_with": "(pays_with = 'points') = (price_points IS NOT NULL)"
    " AND (pays_with = 'points') = (sum_points IS NOT NULL)"
    " AND (pays_with = 'cash') = (price_fen IS NOT NULL)"
    " AND (pays_with = 'cash') = (sum_fen IS NOT NULL)",
    "price_fen": "price_fen BETWEEN 1 AND 1000000",
    "sum_fen": "sum_fen = quantity * price_fen",
}
LINE_COLUMNS = ("pays_with", "price_fen", "sum_fen")
REFUND_CHECKS = {"fen_back": "fen_back >= 0", "till_number": TILL}
REFUND_COLUMNS = ("till_number", "points_back", "fen_back")
COMMUNITY_CHECKS = {
    f"{name}_points_per_month_max": f"{name}_points_per_month_max > 0"
    for name in ("redeem", "household")
}
ONCE = ("refund", "uq_refund_community_id_redemption_id", "UNIQUE (community_id, redemption_id)")
HELPER = (
    "redemption",
    "fk_redemption_helper",
    "FOREIGN KEY(community_id, helper_member_id) REFERENCES member (community_id, id)",
)
TABLES = ("held_basket", "refund_line", "swap_line", "helper", "household_member", "household")

UNSAYABLE = (
    "SELECT count(*) FROM redemption WHERE member_id IS NULL OR helper_member_id IS NOT NULL"
    " OR total_fen > 0 OR swapped_points > 0 OR total_points = 0",
    "SELECT count(*) FROM (SELECT redemption_id FROM refund GROUP BY community_id, redemption_id"
    " HAVING count(*) > 1) AS many",
    "SELECT count(*) FROM refund JOIN ledger_transaction t ON t.community_id = refund.community_id"
    " AND t.id = refund.transaction_id WHERE t.reverses_id IS NULL",
)

SAME_REFUND = (
    "EXISTS (SELECT 1 FROM refund WHERE community_id = NEW.community_id AND id = NEW.refund_id"
    " AND redemption_id = NEW.redemption_id)"
)
RETURNED = (
    "NEW.quantity + coalesce((SELECT sum(quantity) FROM refund_line"
    " WHERE community_id = NEW.community_id AND redemption_id = NEW.redemption_id"
    " AND line_no = NEW.line_no), 0)"
)
SOLD = (
    "coalesce((SELECT quantity FROM redemption_line WHERE community_id = NEW.community_id"
    " AND redemption_id = NEW.redemption_id AND line_no = NEW.line_no), 0)"
)
OWN_PRICE = (
    "EXISTS (SELECT 1 FROM item i JOIN redemption r ON r.community_id = i.community_id"
    " WHERE i.community_id = NEW.community_id AND i.id = NEW.item_id AND r.id = NEW.redemption_id"
    " AND (r.member_id IS NULL OR r.member_id = i.priced_by_id))"
)
LOCK = (
    "PERFORM 1 FROM redemption WHERE community_id = NEW.community_id AND id = NEW.redemption_id"
    " FOR NO KEY UPDATE;"
)
"""Two returns of one receipt wait for each other: what each counts is then committed."""
NOT_AGREED = (
    "NEW.helper_member_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM helper"
    " WHERE community_id = NEW.community_id AND member_id = NEW.member_id"
    " AND helper_member_id = NEW.helper_member_id AND ended_at IS NULL)"
)
AGREED = (
    "community_id",
    "id",
    "member_id",
    "helper_member_id",
    "agreed_on",
    "recorded_by_id",
    "recorded_at",
)
GUARDS = {
    "refund_line_is_counted": (
        "BEFORE INSERT",
        "refund_line",
        f"NOT {SAME_REFUND} OR {RETURNED} > {SOLD}",
        "more pieces come back than went out",
    ),
    "swap_line_priced_by_another": (
        "BEFORE INSERT",
        "swap_line",
        OWN_PRICE,
        "who brings goods in did not price them",
    ),
    "redemption_helper_agreed": (
        "BEFORE INSERT",
        "redemption",
        NOT_AGREED,
        "the member did not agree that this helper comes",
    ),
    "helper_ended_once": (
        "BEFORE UPDATE",
        "helper",
        "OLD.ended_at IS NOT NULL OR "
        + " OR ".join(f"NEW.{name} IS DISTINCT FROM OLD.{name}" for name in AGREED),
        "what was agreed stays, and is ended once",
    ),
}
"""Trigger: when, on which table, what it refuses, in which words."""


def upgrade() -> None:
    """Widen what stands, make what is new, then guard it."""
    counter_tables.make_household()
    counter_tables.make_helper()
    _widen_redemption()
    _widen_line()
    _widen_refund()
    counter_tables.make_swap_line()
    counter_tables.make_refund_line()
    counter_tables.make_held_basket()
    for name in COMMUNITY_CHECKS:
        rule = f"CONSTRAINT ck_community_{name} CHECK ({COMMUNITY_CHECKS[name]})"
        op.execute(f"ALTER TABLE community ADD COLUMN {name} INTEGER {rule}")
    for name in GUARDS:
        _guard(name)


def downgrade() -> None:
    """Go back where no receipt says what the old tables cannot."""
    bind = op.get_bind()
    for query in UNSAYABLE:
        assert not bind.scalar(sa.text(query)), "an older version cannot hold these receipts"
    for name in GUARDS:
        _unguard(name)
    for table in TABLES:
        op.drop_table(table)
    for name in COMMUNITY_CHECKS:
        op.execute(f"ALTER TABLE community DROP COLUMN {name}")
    _narrow_refund()
    for name, condition in LINE_CHECKS.items():
        drop_check("redemption_line", name, condition)
    _drop_columns("redemption_line", LINE_COLUMNS)
    set_nullable("redemption_line", PRICE, is_nullable=False)
    drop_constraint(*HELPER)
    for name, condition in REDEMPTION_CHECKS.items():
        drop_check("redemption", name, condition)
    rewrite_check("redemption", "total_points", "total_points >= 0", "total_points > 0")
    rewrite_check("redemption", "clerk_serves_others", SERVES_OTHERS, SERVES)
    _drop_columns("redemption", REDEMPTION_COLUMNS)
    set_nullable("redemption", BALANCE, is_nullable=False)


# ---------------------------------------------------------------- what stands


def _widen_redemption() -> None:
    op.add_column("redemption", sa.Column("helper_member_id", Key(), nullable=True))
    op.add_column("redemption", sa.Column("till_number", Count, nullable=False, server_default="1"))
    op.add_column("redemption", sa.Column("total_fen", Minor, nullable=False, server_default="0"))
    op.add_column("redemption", sa.Column("tendered_fen", Minor, nullable=True))
    op.add_column(
        "redemption", sa.Column("swapped_points", Count, nullable=False, server_default="0")
    )
    set_nullable("redemption", BALANCE, is_nullable=True)
    rewrite_check("redemption", "clerk_serves_others", SERVES, SERVES_OTHERS)
    rewrite_check("redemption", "total_points", "total_points > 0", "total_points >= 0")
    for name, condition in REDEMPTION_CHECKS.items():
        add_check("redemption", name, condition)
    add_constraint(*HELPER)


def _widen_line() -> None:
    op.add_column(
        "redemption_line",
        sa.Column("pays_with", _word(), nullable=False, server_default="points"),
    )
    op.add_column("redemption_line", sa.Column("price_fen", Minor, nullable=True))
    op.add_column("redemption_line", sa.Column("sum_fen", Minor, nullable=True))
    set_nullable("redemption_line", PRICE, is_nullable=True)
    for name, condition in LINE_CHECKS.items():
        add_check("redemption_line", name, condition)


def _widen_refund() -> None:
    """Let a receipt come back in parts; what old refunds gave back is the whole of it."""
    _open("refund")
    op.add_column("refund", sa.Column("till_number", Count, nullable=False, server_default="1"))
    op.add_column("refund", sa.Column("points_back", Count, nullable=False, server_default="0"))
    op.add_column("refund", sa.Column("fen_back", Minor, nullable=False, server_default="0"))
    op.execute(
        "UPDATE refund SET points_back = (SELECT total_points FROM redemption r"
        " WHERE r.community_id = refund.community_id AND r.id = refund.redemption_id)"
    )
    drop_constraint(*ONCE)
    for name, condition in REFUND_CHECKS.items():
        add_check("refund", name, condition)
    op.create_index("ix_refund_redemption", "refund", ["community_id", "redemption_id"])
    op.create_index("ix_refund_refunded_at", "refund", ["community_id", "refunded_at"])
    history.close("refund", *PAID)


def _narrow_refund() -> None:
    _open("refund")
    for name in ("ix_refund_redemption", "ix_refund_refunded_at"):
        op.drop_index(name, "refund")
    for name, condition in REFUND_CHECKS.items():
        drop_check("refund", name, condition)
    _drop_columns("refund", REFUND_COLUMNS)
    add_constraint(*ONCE)
    history.close("refund", *PAID, ("redemption_id",))


def _open(table: str) -> None:
    """Take the guards of a closed table away; whoever calls closes it again."""
    events = ("update", "delete", "truncate" if _is_postgresql() else "insert")
    for event in events:
        op.execute(f"DROP TRIGGER {table}_refuses_{event}{_on(table)}")


def _drop_columns(table: str, columns: tuple[str, ...]) -> None:
    for column in columns:
        op.execute(f"ALTER TABLE {table} DROP COLUMN {column}")


# ---------------------------------------------------------------- guards


def _guard(name: str) -> None:
    event, table, refused, message = GUARDS[name]
    if not _is_postgresql():
        op.execute(
            f"CREATE TRIGGER {name} {event} ON {table} WHEN {refused}"
            f" BEGIN SELECT RAISE(ABORT, '{message}'); END"
        )
        return
    op.execute(
        f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        f" {LOCK if table == 'refund_line' else ''}"
        f" IF {refused} THEN RAISE EXCEPTION '{message}' USING ERRCODE = 'check_violation';"
        " END IF; RETURN NEW; END $$"
    )
    op.execute(f"CREATE TRIGGER {name} {event} ON {table} FOR EACH ROW EXECUTE FUNCTION {name}()")


def _unguard(name: str) -> None:
    op.execute(f"DROP TRIGGER {name}{_on(GUARDS[name][1])}")
    if _is_postgresql():
        op.execute(f"DROP FUNCTION {name}()")


def _on(table: str) -> str:
    return f" ON {table}" if _is_postgresql() else ""


def _word() -> sa.types.TypeEngine[str]:
    """Return the type of a column of words whose CHECK is written beside it."""
    return sa.String(32).with_variant(sa.TEXT(), "sqlite")


def _is_postgresql() -> bool:
    return op.get_bind().dialect.name == "postgresql"
