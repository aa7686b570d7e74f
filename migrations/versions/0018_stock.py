"""Batches of intake, stocktakes, and pieces that leave the shelf unsold.

Besides: whoever brought pieces of a kind for points never prices it, a single piece stays one, and
makers are told when a piece of theirs has gone over the counter.
"""

import sqlalchemy as sa
from alembic import op

from ledger.columns import Count, Day, Digest, Flag, Key, Minor, States, Text, Timestamp
from migrations import history
from migrations.words import add_words, take_words

revision = "0018_stock"
down_revision = "0017_sales"
branch_labels = None
depends_on = None

TABLES = (
    *("intake_batch", "intake_batch_line", "stocktake", "stocktake_count", "stocktake_line"),
    "stock_move",
)
OF_STOCKTAKE = ("community_id", "id", "nonce", "shelf", "opened_by_id", "opened_at")
OF_MOVE = (
    *("community_id", "id", "nonce", "kind", "item_id", "piece_count", "points_value"),
    *("fen_value", "reason", "recipient_encrypted", "corrects_id", "proposed_by_id"),
    "proposed_at",
)
HAS_COUNTED = (
    "NEW.state = 'closed' AND EXISTS (SELECT 1 FROM stocktake_count c"
    " WHERE c.community_id = NEW.community_id AND c.stocktake_id = NEW.id"
    " AND c.counted_by_id = NEW.ended_by_id)"
)
NOT_OPEN = (
    "NOT EXISTS (SELECT 1 FROM stocktake s WHERE s.community_id = NEW.community_id"
    " AND s.id = NEW.stocktake_id AND s.state = 'open')"
)
PRICES_OWN = (
    "NEW.set_by_id IS NOT NULL AND (EXISTS (SELECT 1 FROM item i"
    " WHERE i.community_id = NEW.community_id AND i.id = NEW.item_id"
    " AND i.maker_member_id = NEW.set_by_id) OR EXISTS (SELECT 1 FROM donation d"
    " WHERE d.community_id = NEW.community_id AND d.item_id = NEW.item_id"
    " AND d.choice = 'exchange' AND d.donor_member_id = NEW.set_by_id))"
)
PAID_OWN_PRICE = (
    "NEW.choice = 'exchange' AND EXISTS (SELECT 1 FROM item i"
    " WHERE i.community_id = NEW.community_id AND i.id = NEW.item_id"
    " AND i.priced_by_id = NEW.donor_member_id)"
)
GUARDS = (
    # name, table, event, refused when, message
    ("stocktake_ended_once", "stocktake", "UPDATE", "", "a stocktake ends once"),
    (
        "stocktake_closed_by_fresh_eyes",
        "stocktake",
        "UPDATE",
        HAS_COUNTED,
        "who counted does not close",
    ),
    (
        "stocktake_count_while_open",
        "stocktake_count",
        "INSERT",
        NOT_OPEN,
        "only an open stocktake is counted",
    ),
    ("stock_move_decided_once", "stock_move", "UPDATE", "", "a move is decided once"),
    ("item_price_by_another", "item_price", "INSERT", PRICES_OWN, "the maker never prices"),
    ("donation_priced_by_another", "donation", "INSERT", PAID_OWN_PRICE, "the maker never prices"),
    ("item_single_stays", "item", "UPDATE", "", "a single piece stays one"),
)
STATE_KEPT = {
    "stocktake_ended_once": ("open", OF_STOCKTAKE),
    "stock_move_decided_once": ("proposed", OF_MOVE),
}


def upgrade() -> None:
    """Make the tables, then guard them."""
    _make_batches()
    _make_stocktakes()
    _make_stock_move()
    add_words("message", "kind", ("goods_gone",))
    history.close("intake_batch", ("id",), ("nonce",))
    history.close("intake_batch_line", ("batch_id", "line_no"), ("donation_id",))
    history.close("stocktake_count", ("id",), ("nonce",))
    history.close("stocktake_line", ("stocktake_id", "item_id"))
    history.keep("stocktake", ("id",), ("nonce",))
    history.keep("stock_move", ("id",), ("nonce",), ("transaction_id",))
    for name, table, event, condition, message in GUARDS:
        _guard(name, table, event, condition or _changed(name), message)


def downgrade() -> None:
    """Drop the guards of other tables, then the tables with theirs."""
    for name, table, *_ in GUARDS:
        op.execute(f"DROP TRIGGER {name}" + (f" ON {table}" if _is_postgresql() else ""))
        if _is_postgresql():
            op.execute(f"DROP FUNCTION {name}()")
    take_words("message", "kind", ("goods_gone",))
    for table in reversed(TABLES):
        op.drop_table(table)


# ---------------------------------------------------------------- tables


def _make_batches() -> None:
    op.create_table(
        "intake_batch",
        sa.Column("community_id", Key(), nullable=False),
        sa.Column("id", Key(), nullable=False),
        sa.Column("nonce", Text, nullable=False),
        sa.Column("kind", States("kind", ("workshop", "file")), nullable=False),
        sa.Column("title", Text, nullable=False),
        sa.Column("place", Text, nullable=False),
        sa.Column("held_on", Day(), nullable=False),
        sa.Column("recorded_by_id", Key(), nullable=True),
        sa.Column("recorded_at", Timestamp(), nullable=False),
        sa.CheckConstraint("length(title) BETWEEN 1 AND 60", name=op.f("ck_intake_batch_title")),
        sa.CheckConstraint("length(place) <= 60", name=op.f("ck_intake_batch_place")),
        _nonce("intake_batch"),
        _of_community("intake_batch"),
        *_keys("intake_batch", ("id",), ("nonce",)),
        sqlite_strict=True,
    )
    op.create_table(
        "intake_batch_line",
        sa.Column("community_id", Key(), nullable=False),
        sa.Column("batch_id", Key(), nullable=False),
        sa.Column("line_no", Count, nullable=False),
        sa.Column("donation_id", Key(), nullable=False),
        sa.CheckConstraint("line_no > 0", name=op.f("ck_intake_batch_line_line_no")),
        _of("intake_batch_line", "batch_id", "intake_batch"),
        _of("intake_batch_line", "donation_id", "donation"),
        *_keys("intake_batch_line", ("batch_id", "line_no"), ("donation_id",)),
        sqlite_strict=True,
    )


def _make_stocktakes() -> None:
    op.create_table(
        "stocktake",
        sa.Column("community_id", Key(), nullable=False),
        sa.Column("id", Key(), nullable=False),
        sa.Column("nonce", Text, nullable=False),
        sa.Column("shelf", Text, nullable=True),
        sa.Column("state", States("state", ("open", "closed", "called_off")), nullable=False),
        sa.Column("opened_by_id", Key(), nullable=False),
        sa.Column("opened_at", Timestamp(), nullable=False),
        sa.Column("ended_by_id", Key(), nullable=True),
        sa.Column("ended_at", Timestamp(), nullable=True),
        sa.Column("transaction_id", Key(), nullable=True),
        sa.CheckConstraint(
            "(state = 'open') = (ended_at IS NULL) AND (state = 'open') = (ended_by_id IS NULL)",
            name=op.f("ck_stocktake_ended"),
        ),
        sa.CheckConstraint(
            "state <> 'closed' OR ended_by_id <> opened_by_id",
            name=op.f("ck_stocktake_closed_by_another"),
        ),
        sa.CheckConstraint(
            "transaction_id IS NULL OR state = 'closed'",
            name=op.f("ck_stocktake_posted_when_closed"),
        ),
        _nonce("stocktake"),
        _of_community("stocktake"),
        *_keys("stocktake", ("id",), ("nonce",)),
        sqlite_strict=True,
    )
    where = sa.text("state = 'open'")
    op.create_index(
        "uq_stocktake_open",
        "stocktake",
        ["community_id"],
        unique=True,
        postgresql_where=where,
        sqlite_where=where,
    )
    op.create_table(
        "stocktake_count",
        sa.Column("community_id", Key(), nullable=False),
        sa.Column("id", Key(), nullable=False),
        sa.Column("nonce", Text, nullable=False),
        sa.Column("stocktake_id", Key(), nullable=False),
        sa.Column("item_id", Key(), nullable=False),
        sa.Column("piece_count", Count, nullable=False),
        sa.Column("is_total", Flag(), nullable=False),
        sa.Column("book_count", Count, nullable=False),
        sa.Column("counted_by_id", Key(), nullable=False),
        sa.Column("counted_at", Timestamp(), nullable=False),
        sa.CheckConstraint(
            "piece_count BETWEEN 0 AND 10000", name=op.f("ck_stocktake_count_piece_count")
        ),
        _nonce("stocktake_count"),
        _of("stocktake_count", "stocktake_id", "stocktake"),
        _of("stocktake_count", "item_id", "item"),
        *_keys("stocktake_count", ("id",), ("nonce",)),
        sqlite_strict=True,
    )
    op.create_index(
        "ix_stocktake_count_stocktake", "stocktake_count", ["community_id", "stocktake_id", "id"]
    )
    op.create_table(
        "stocktake_line",
        sa.Column("community_id", Key(), nullable=False),
        sa.Column("stocktake_id", Key(), nullable=False),
        sa.Column("item_id", Key(), nullable=False),
        sa.Column("counted", Count, nullable=False),
        sa.Column("book_count", Count, nullable=False),
        sa.Column("difference", Count, nullable=False),
        sa.Column("reason", Text, nullable=False),
        sa.CheckConstraint(
            "difference = counted - book_count", name=op.f("ck_stocktake_line_difference")
        ),
        sa.CheckConstraint(
            "counted >= 0 AND book_count >= 0", name=op.f("ck_stocktake_line_counted")
        ),
        sa.CheckConstraint(
            "(difference = 0) = (reason = '') AND length(reason) <= 200",
            name=op.f("ck_stocktake_line_difference_has_reason"),
        ),
        _of("stocktake_line", "stocktake_id", "stocktake"),
        _of("stocktake_line", "item_id", "item"),
        *_keys("stocktake_line", ("stocktake_id", "item_id")),
        sqlite_strict=True,
    )


def _make_stock_move() -> None:
    kinds = ("write_off", "recycle", "gift", "reversal")
    op.create_table(
        "stock_move",
        sa.Column("community_id", Key(), nullable=False),
        sa.Column("id", Key(), nullable=False),
        sa.Column("nonce", Text, nullable=False),
        sa.Column("kind", States("kind", kinds), nullable=False),
        sa.Column("item_id", Key(), nullable=False),
        sa.Column("piece_count", Count, nullable=False),
        sa.Column("points_value", Minor, nullable=False),
        sa.Column("fen_value", Minor, nullable=False),
        sa.Column("reason", Text, nullable=False),
        sa.Column("recipient_encrypted", Digest, nullable=True),
        sa.Column("corrects_id", Key(), nullable=True),
        sa.Column("state", States("state", ("proposed", "done", "declined")), nullable=False),
        sa.Column("proposed_by_id", Key(), nullable=False),
        sa.Column("proposed_at", Timestamp(), nullable=False),
        sa.Column("decided_by_id", Key(), nullable=True),
        sa.Column("decided_at", Timestamp(), nullable=True),
        sa.Column("transaction_id", Key(), nullable=True),
        *_checks_of_move(),
        _nonce("stock_move"),
        _of("stock_move", "item_id", "item"),
        sa.ForeignKeyConstraint(
            ["community_id", "corrects_id"],
            ["stock_move.community_id", "stock_move.id"],
            name=op.f("fk_stock_move_corrects"),
        ),
        *_keys("stock_move", ("id",), ("nonce",), ("transaction_id",)),
        sqlite_strict=True,
    )
    op.create_index("ix_stock_move_item", "stock_move", ["community_id", "item_id"])
    where = sa.text("state <> 'declined'")
    op.create_index(
        "uq_stock_move_corrects",
        "stock_move",
        ["community_id", "corrects_id"],
        unique=True,
        postgresql_where=where,
        sqlite_where=where,
    )


def _checks_of_move() -> list[sa.CheckConstraint]:
    checks = {
        "piece_count": "piece_count BETWEEN 1 AND 10000",
        "value": "points_value >= 0 AND fen_value >= 0",
        "reason": "length(reason) BETWEEN 1 AND 200",
        "gift_has_recipient": "(kind = 'gift') = (recipient_encrypted IS NOT NULL)",
        "reversal_corrects": "(kind = 'reversal') = (corrects_id IS NOT NULL)",
        "decided": "(state = 'proposed') = (decided_at IS NULL)"
        " AND (state = 'proposed') = (decided_by_id IS NULL)",
        "posted": "(state = 'done') = (transaction_id IS NOT NULL)",
        "confirmed_by_another": "state <> 'done' OR decided_by_id <> proposed_by_id OR (kind IN"
        " ('write_off', 'recycle') AND piece_count <= 3"
        " AND points_value <= 100 AND fen_value <= 5000)",
    }
    return [
        sa.CheckConstraint(condition, name=op.f(f"ck_stock_move_{name}"))
        for name, condition in checks.items()
    ]


def _nonce(table: str) -> sa.CheckConstraint:
    return sa.CheckConstraint("length(nonce) BETWEEN 1 AND 80", name=op.f(f"ck_{table}_nonce"))


def _of_community(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["community_id"], ["community.community_id"], name=op.f(f"fk_{table}_community_id")
    )


def _of(table: str, key: str, other: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["community_id", key],
        [f"{other}.community_id", f"{other}.id"],
        name=op.f(f"fk_{table}_community_id_{key}"),
    )


def _keys(table: str, primary: tuple[str, ...], *unique: tuple[str, ...]) -> list[sa.Constraint]:
    return [
        sa.PrimaryKeyConstraint("community_id", *primary, name=op.f(f"pk_{table}")),
        *(
            sa.UniqueConstraint(
                "community_id", *key, name=op.f(f"uq_{table}_community_id_{'_'.join(key)}")
            )
            for key in unique
        ),
    ]


# ---------------------------------------------------------------- guards


def _changed(name: str) -> str:
    """Return the condition that what was written first would change, or is ended already."""
    equal = "IS NOT DISTINCT FROM" if _is_postgresql() else "IS"
    if name == "item_single_stays":
        return f"NOT (OLD.is_single {equal} NEW.is_single)"
    state, columns = STATE_KEPT[name]
    same = " AND ".join(f"OLD.{column} {equal} NEW.{column}" for column in columns)
    return f"NOT (OLD.state = '{state}' AND {same})"


def _guard(name: str, table: str, event: str, condition: str, message: str) -> None:
    """Refuse an event under a condition, on both databases."""
    head = f"CREATE TRIGGER {name} BEFORE {event} ON {table}"
    if not _is_postgresql():
        op.execute(f"{head} WHEN {condition} BEGIN SELECT RAISE(ABORT, 'shop: {message}'); END")
        return
    op.execute(
        f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        f" IF {condition} THEN RAISE EXCEPTION 'shop: {message}'"
        " USING ERRCODE = 'restrict_violation'; END IF; RETURN NEW; END $$"
    )
    op.execute(f"{head} FOR EACH ROW EXECUTE FUNCTION {name}()")


def _is_postgresql() -> bool:
    return op.get_bind().dialect.name == "postgresql"
