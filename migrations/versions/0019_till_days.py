"""The till's day and the safe: opened, counted, closed, signed; money in and out by two people.

Receipts and returns are kept out of a closed day, and those with cash inside an open one, by
triggers on their own tables.
"""

import sqlalchemy as sa
from alembic import op

from ledger.columns import Count, Day, Digest, Flag, Key, Minor, States, Text, Timestamp
from migrations import history
from migrations.words import add_words, take_words

revision = "0019_till_days"
down_revision = "0018_stock"
branch_labels = None
depends_on = None

FACES = {
    "yuan_100": 10_000,
    "yuan_50": 5_000,
    "yuan_20": 2_000,
    "yuan_10": 1_000,
    "yuan_5": 500,
    "yuan_1": 100,
    "jiao_5": 50,
    "jiao_1": 10,
    "fen_1": 1,
}
WORTH = " + ".join(f"{worth} * {face}" for face, worth in FACES.items())
FUNCTIONS = (
    *("till_day_one_open", "till_signature_names_closer"),
    *("redemption_in_open_day", "refund_in_open_day"),
)
TABLES = ("safe_decision", "safe_move", "till_signature", "till_closing", "till_day")

ONE_OPEN = (
    "EXISTS (SELECT 1 FROM till_day AS d WHERE d.community_id = NEW.community_id"
    " AND d.till_number = NEW.till_number AND NOT EXISTS (SELECT 1 FROM till_closing AS c"
    " WHERE c.community_id = d.community_id AND c.till_day_id = d.id))"
)
SAME_CLOSER = (
    "NOT EXISTS (SELECT 1 FROM till_closing AS c WHERE c.community_id = NEW.community_id"
    " AND c.till_day_id = NEW.till_day_id AND c.closed_by_id {same} NEW.closed_by_id)"
)
DAY_OF = (
    "(SELECT d.id FROM till_day AS d WHERE d.community_id = NEW.community_id"
    " AND d.till_number = NEW.till_number AND d.starts_at <= NEW.{at} AND d.ends_at > NEW.{at}"
    " ORDER BY d.starts_at DESC LIMIT 1)"
)
IS_CLOSED = (
    "EXISTS (SELECT 1 FROM till_closing AS c WHERE c.community_id = NEW.community_id"
    " AND c.till_day_id = {day})"
)
SHARED = (
    "PERFORM 1 FROM till_day AS d WHERE d.community_id = NEW.community_id AND d.id = {day}"
    " FOR SHARE;"
)
COUNTER = (("redemption", "redeemed_at", "total_fen"), ("refund", "refunded_at", "fen_back"))
"""What is written at a counter: when, and how much cash moved."""


def upgrade() -> None:
    """Make the tables, close them, and guard what is written between them."""
    _make_till_day()
    _make_till_closing()
    _make_till_signature()
    _make_safe_move()
    _make_safe_decision()
    history.close("till_day", ("id",), ("nonce",), ("till_number", "day_on"), ("transaction_id",))
    history.close("till_closing", ("till_day_id",), ("nonce",), ("transaction_id",))
    history.close("till_signature", ("till_day_id",))
    history.close("safe_move", ("id",), ("nonce",), ("id", "proposed_by_id"))
    history.close("safe_decision", ("safe_move_id",), ("transaction_id",))
    _guard("till_day", "one_open", ONE_OPEN, "a day of this till is open already")
    add_words("redemption", "identified_by", ("file",))
    same = "IS" if _is_sqlite() else "IS NOT DISTINCT FROM"
    closer = SAME_CLOSER.format(same=same)
    for table, moment, fen in COUNTER:
        day = DAY_OF.format(at=moment)
        _guard(
            table,
            "in_open_day",
            f"{IS_CLOSED.format(day=day)} OR (NEW.{fen} > 0 AND {day} IS NULL)",
            "the day of this till is closed, or was not opened for cash",
            lock=SHARED.format(day=day),
        )
    _guard("till_signature", "names_closer", closer, "the closing names another clerk")


def downgrade() -> None:
    """Drop the guards of the counter, and the tables, whose triggers go with them."""
    take_words("redemption", "identified_by", ("file",))
    for table, *_ in COUNTER:
        on_table = "" if _is_sqlite() else f" ON {table}"
        op.execute(f"DROP TRIGGER {table}_in_open_day{on_table}")
    for table in TABLES:
        op.drop_table(table)
    if not _is_sqlite():
        for name in FUNCTIONS:
            op.execute(f"DROP FUNCTION {name}()")


# ---------------------------------------------------------------- tables


def _make_till_day() -> None:
    table = "till_day"
    op.create_table(
        table,
        *_keys("id"),
        sa.Column("nonce", Text, nullable=False),
        sa.Column("till_number", Count, nullable=False),
        sa.Column("day_on", Day(), nullable=False),
        sa.Column("starts_at", Timestamp(), nullable=False),
        sa.Column("ends_at", Timestamp(), nullable=False),
        sa.Column("opened_by_id", Key(), nullable=True),
        sa.Column("opened_at", Timestamp(), nullable=False),
        *_amounts("left_fen", "from_safe_fen", "float_fen", "difference_fen"),
        sa.Column("difference_reason", Text, nullable=False),
        sa.Column("transaction_id", Key(), nullable=True),
        *_pieces(),
        _check(table, "till_number", "till_number BETWEEN 1 AND 9"),
        _check(table, "hours", "starts_at < ends_at"),
        _check(table, "amounts", "left_fen >= 0 AND from_safe_fen >= 0"),
        _check(
            table,
            "float",
            "float_fen = left_fen + from_safe_fen + difference_fen AND difference_fen <= 0",
        ),
        _check(
            table,
            "posted",
            "(transaction_id IS NULL) = (from_safe_fen = 0 AND difference_fen = 0)",
        ),
        *_counted(table, "float_fen"),
        sa.ForeignKeyConstraint(
            ["community_id"],
            ["community.community_id"],
            name=op.f("fk_till_day_community_id"),
        ),
        *_unique(table, ("id",), ("nonce",), ("till_number", "day_on"), ("transaction_id",)),
        sqlite_strict=True,
    )
    op.create_index("ix_till_day_starts_at", table, ["community_id", "till_number", "starts_at"])


def _make_till_closing() -> None:
    table = "till_closing"
    op.create_table(
        table,
        *_keys("till_day_id"),
        sa.Column("nonce", Text, nullable=False),
        sa.Column("closed_by_id", Key(), nullable=True),
        sa.Column("closed_at", Timestamp(), nullable=False),
        *_amounts("expected_fen", "counted_fen", "difference_fen"),
        sa.Column("difference_reason", Text, nullable=False),
        *_amounts("left_fen"),
        sa.Column("transaction_id", Key(), nullable=True),
        *_pieces(),
        _check(table, "difference", "difference_fen = counted_fen - expected_fen"),
        _check(table, "expected", "expected_fen >= 0"),
        _check(table, "left", "left_fen BETWEEN 0 AND counted_fen"),
        _check(
            table,
            "posted",
            "(transaction_id IS NULL) = (counted_fen = left_fen AND difference_fen = 0)",
        ),
        *_counted(table, "counted_fen"),
        _refers(table, ("till_day_id",), "till_day", ("id",)),
        *_unique(table, ("till_day_id",), ("nonce",), ("transaction_id",)),
        sqlite_strict=True,
    )


def _make_till_signature() -> None:
    table = "till_signature"
    op.create_table(
        table,
        *_keys("till_day_id"),
        sa.Column("closed_by_id", Key(), nullable=True),
        sa.Column("signed_by_id", Key(), nullable=False),
        sa.Column("signed_at", Timestamp(), nullable=False),
        sa.Column("head_digest", Digest, nullable=False),
        _check(table, "signed_by_another", "closed_by_id IS NULL OR closed_by_id <> signed_by_id"),
        _refers(table, ("till_day_id",), "till_closing", ("till_day_id",), "closing"),
        _refers(table, ("signed_by_id",), "member", ("id",), "signed_by"),
        *_unique(table, ("till_day_id",)),
        sqlite_strict=True,
    )


def _make_safe_move() -> None:
    table = "safe_move"
    op.create_table(
        table,
        *_keys("id"),
        sa.Column("nonce", Text, nullable=False),
        sa.Column("kind", States("kind", ("deposit", "from_fund", "to_fund")), nullable=False),
        *_amounts("amount_fen"),
        sa.Column("note", Text, nullable=False),
        sa.Column("proposed_by_id", Key(), nullable=False),
        sa.Column("proposed_at", Timestamp(), nullable=False),
        _check(table, "amount", "amount_fen BETWEEN 1 AND 100000000"),
        _check(table, "note", "length(note) BETWEEN 1 AND 200"),
        _check(table, "nonce", "length(nonce) BETWEEN 1 AND 80"),
        sa.ForeignKeyConstraint(
            ["community_id"],
            ["community.community_id"],
            name=op.f("fk_safe_move_community_id"),
        ),
        *_unique(table, ("id",), ("nonce",), ("id", "proposed_by_id")),
        sqlite_strict=True,
    )


def _make_safe_decision() -> None:
    table = "safe_decision"
    op.create_table(
        table,
        *_keys("safe_move_id"),
        sa.Column("proposed_by_id", Key(), nullable=False),
        sa.Column("decided_by_id", Key(), nullable=False),
        sa.Column("decided_at", Timestamp(), nullable=False),
        sa.Column("is_confirmed", Flag(), nullable=False),
        sa.Column("transaction_id", Key(), nullable=True),
        _check(table, "decided_by_another", "proposed_by_id <> decided_by_id"),
        _check(table, "posted", "is_confirmed = (transaction_id IS NOT NULL)"),
        _refers(
            table,
            ("safe_move_id", "proposed_by_id"),
            "safe_move",
            ("id", "proposed_by_id"),
            "move",
        ),
        _refers(table, ("decided_by_id",), "member", ("id",), "decided_by"),
        *_unique(table, ("safe_move_id",), ("transaction_id",)),
        sqlite_strict=True,
    )


# ---------------------------------------------------------------- parts of tables


def _keys(name: str) -> list[sa.Column[object]]:
    return [
        sa.Column("community_id", Key(), nullable=False),
        sa.Column(name, Key(), nullable=False),
    ]


def _amounts(*names: str) -> list[sa.Column[object]]:
    return [sa.Column(name, Minor, nullable=False) for name in names]


def _pieces() -> list[sa.Column[object]]:
    return [sa.Column(face, Count, nullable=False) for face in FACES]


def _check(table: str, name: str, condition: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(condition, name=op.f(f"ck_{table}_{name}"))


def _counted(table: str, amount: str) -> list[sa.CheckConstraint]:
    pieces = " AND ".join(f"{face} BETWEEN 0 AND 9999" for face in FACES)
    reason = (
        "(difference_fen = 0 AND difference_reason = '') OR (difference_fen <> 0"
        " AND length(difference_reason) BETWEEN 1 AND 200)"
    )
    return [
        _check(table, "count", f"{amount} = {WORTH}"),
        _check(table, "pieces", pieces),
        _check(table, "difference_has_reason", reason),
        _check(table, "nonce", "length(nonce) BETWEEN 1 AND 80"),
    ]


def _refers(
    table: str, columns: tuple[str, ...], to: str, keys: tuple[str, ...], name: str = ""
) -> sa.ForeignKeyConstraint:
    """Return a foreign key; without a name of its own it has that of its columns."""
    named = name or "_".join(("community_id", *columns))
    return sa.ForeignKeyConstraint(
        ["community_id", *columns],
        [f"{to}.{key}" for key in ("community_id", *keys)],
        name=op.f(f"fk_{table}_{named}"),
    )


def _unique(table: str, primary: tuple[str, ...], *keys: tuple[str, ...]) -> list[sa.Constraint]:
    return [
        sa.PrimaryKeyConstraint("community_id", *primary, name=op.f(f"pk_{table}")),
        *(
            sa.UniqueConstraint(
                "community_id",
                *key,
                name=op.f("_".join((f"uq_{table}_community_id", *key))),
            )
            for key in keys
        ),
    ]


# ---------------------------------------------------------------- guards


def _guard(table: str, name: str, condition: str, message: str, lock: str = "") -> None:
    """Refuse an INSERT under a condition.

    Args:
        table: that is written.
        name: of the guard.
        condition: over NEW.
        message: what the refusal says.
        lock: a statement that PostgreSQL runs first, so that it waits for whoever is deciding.
    """
    head = f"CREATE TRIGGER {table}_{name} BEFORE INSERT ON {table}"
    if _is_sqlite():
        op.execute(
            f"{head} WHEN {condition} BEGIN SELECT RAISE(ABORT, 'till days: {message}'); END"
        )
        return
    op.execute(
        f"CREATE FUNCTION {table}_{name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        f" {lock} IF {condition} THEN RAISE EXCEPTION 'till days: {message}'"
        " USING ERRCODE = 'restrict_violation'; END IF; RETURN NEW; END $$"
    )
    op.execute(f"{head} FOR EACH ROW EXECUTE FUNCTION {table}_{name}()")


def _is_sqlite() -> bool:
    return bool(op.get_bind().dialect.name == "sqlite")
