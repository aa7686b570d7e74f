"""The tables of the book.

Words: a *book* is one community's ledger; an *account* holds one *commodity*; a *transaction* is an
immutable, balanced set of *postings*; a bounded account has a *balance row*, the only hot mutable
row there is; unbounded system accounts are insert-only.

Invariants held by the database itself (see `ledger/doors`): every transaction has exactly
`leg_count` postings that sum to zero per commodity and layer; nothing posted is changed, deleted or
added to; a bounded account never passes its bounds, holds included. Every key begins with
`community_id`, so that a book can be moved or sharded whole.

A transaction, an account and an act are the three kinds of *item*: each has a content hash, waits
in the outbox and gets a place in the sealed sequence of its book.
"""

from datetime import date, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from ledger.base import SQLITE_ONLY, Base, community_key, sqlite_check
from ledger.columns import Count

AMOUNT_MINOR_MAX = 10**15
"""Largest absolute amount of one posting, in the smallest unit."""
COUNTER_MAX = 4 * 10**18
"""Largest value of a balance counter: two of them and one transaction still fit 64 bits."""
LEG_COUNT_MIN = 2
LEG_COUNT_MAX = 1000
HELD_LEG_COUNT_MAX = LEG_COUNT_MAX // 2
"""Of a hold: what posts it gives every leg back and then posts it."""
CODE_LENGTH_MAX = 120
COMMODITY_LENGTH_MAX = 24
KIND_LENGTH_MAX = 32
REFERENCE_LENGTH_MAX = 120
"""Of `actor` and of `source`."""
NARRATION_LENGTH_MAX = 500
IDEMPOTENCY_KEY_LENGTH_MAX = 120


def _unique_where_set(column: str) -> sa.Index:
    """Return a unique index over the few rows that have `column`: an ordinary post pays nothing."""
    return sa.Index(
        f"uq_ledger_transaction_{column}",
        "community_id",
        column,
        unique=True,
        postgresql_where=sa.text(f"{column} IS NOT NULL"),
        sqlite_where=sa.text(f"{column} IS NOT NULL"),
    )


class TransactionKind(StrEnum):
    """What a transaction records today; the column takes any word: no migration for a new one."""

    SERVICE = "service"
    DONATION = "donation"
    REDEMPTION = "redemption"
    SALE = "sale"
    SWAP = "swap"
    REFUND = "refund"
    CASH = "cash"
    STOCK = "stock"
    REVERSAL = "reversal"
    TRANSFER = "transfer"
    HOLD = "hold"
    HOLD_POST = "hold_post"
    HOLD_VOID = "hold_void"
    HOLD_EXPIRE = "hold_expire"


HOLD_RESOLUTIONS = (
    TransactionKind.HOLD_POST,
    TransactionKind.HOLD_VOID,
    TransactionKind.HOLD_EXPIRE,
)


class ActKind(StrEnum):
    """What is decided about a book without moving anything in it."""

    ACCOUNT_CLOSED = "account_closed"
    ACCOUNT_REOPENED = "account_reopened"
    PERIOD_CLOSED = "period_closed"
    PERIOD_REOPENED = "period_reopened"


class ItemKind(StrEnum):
    """What stands at a place of the sealed sequence."""

    TRANSACTION = "transaction"
    ACCOUNT = "account"
    ACT = "act"


class Account(Base):
    """Holds one commodity. `code` is a colon path; code, commodity and bounds never change.

    The content hash covers the bounds too, which stand in the balance row.
    """

    __tablename__ = "ledger_account"
    __table_args__ = (
        sa.UniqueConstraint("community_id", "code"),
        sa.CheckConstraint(f"length(code) BETWEEN 1 AND {CODE_LENGTH_MAX}", name="code_length"),
        sa.CheckConstraint(
            f"length(commodity) BETWEEN 1 AND {COMMODITY_LENGTH_MAX}", name="commodity_length"
        ),
        sqlite_check("length(content_hash) = 32", name="content_hash_length"),
        {"sqlite_strict": True},
    )

    community_id: Mapped[UUID] = community_key()
    id: Mapped[UUID] = mapped_column(primary_key=True)
    code: Mapped[str]
    commodity: Mapped[str]
    is_bounded: Mapped[bool]
    opened_at: Mapped[datetime]
    content_hash: Mapped[bytes]


class Transaction(Base):
    """Header of an immutable, balanced set of postings; written after its legs on SQLite."""

    __tablename__ = "ledger_transaction"
    __table_args__ = (
        # With the day in the index, a balance as of a day reads no header.
        sa.PrimaryKeyConstraint("community_id", "id", postgresql_include=["occurred_on"]),
        sa.UniqueConstraint("community_id", "idempotency_key"),
        _unique_where_set("reverses_id"),
        _unique_where_set("resolves_id"),
        sa.ForeignKeyConstraint(
            ["community_id", "reverses_id"],
            ["ledger_transaction.community_id", "ledger_transaction.id"],
            name="fk_ledger_transaction_reverses",
        ),
        sa.ForeignKeyConstraint(
            ["community_id", "resolves_id"],
            ["ledger_transaction.community_id", "ledger_transaction.id"],
            name="fk_ledger_transaction_resolves",
        ),
        sa.CheckConstraint(
            f"leg_count BETWEEN {LEG_COUNT_MIN} AND {LEG_COUNT_MAX}", name="leg_count"
        ),
        sqlite_check(f"length(kind) BETWEEN 1 AND {KIND_LENGTH_MAX}", name="kind_length"),
        sqlite_check(f"length(actor) BETWEEN 1 AND {REFERENCE_LENGTH_MAX}", name="actor_length"),
        sqlite_check(f"length(source) BETWEEN 1 AND {REFERENCE_LENGTH_MAX}", name="source_length"),
        sa.CheckConstraint(
            "(kind = 'reversal') = (reverses_id IS NOT NULL)", name="reversal_names_original"
        ),
        sqlite_check("(kind = 'hold') = (expires_at IS NOT NULL)", name="hold_expires"),
        sqlite_check(
            "(kind IN ('hold_post', 'hold_void', 'hold_expire')) = (resolves_id IS NOT NULL)",
            name="resolution_names_hold",
        ),
        sqlite_check(
            f"length(idempotency_key) BETWEEN 1 AND {IDEMPOTENCY_KEY_LENGTH_MAX}", name="key_length"
        ),
        sqlite_check(f"length(narration) <= {NARRATION_LENGTH_MAX}", name="narration_length"),
        sqlite_check("length(request_hash) = 32", name="request_hash_length"),
        sqlite_check("length(content_hash) = 32", name="content_hash_length"),
        sa.Index("ix_ledger_transaction_source", "community_id", "source"),
        {"sqlite_strict": True},
    )

    community_id: Mapped[UUID] = community_key()
    id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str]
    leg_count: Mapped[int] = mapped_column(Count)
    occurred_on: Mapped[date]
    recorded_at: Mapped[datetime]
    reverses_id: Mapped[UUID | None]
    resolves_id: Mapped[UUID | None]
    expires_at: Mapped[datetime | None]
    idempotency_key: Mapped[str]
    request_hash: Mapped[bytes]
    content_hash: Mapped[bytes]
    actor: Mapped[str]
    source: Mapped[str]
    narration: Mapped[str]


class Posting(Base):
    """One signed amount into (+) or out of (-) an account; `is_pending` is the layer of holds."""

    __tablename__ = "ledger_posting"
    __table_args__ = (
        # SQLite only: there legs are written first, and any session may write them. On PostgreSQL
        # the door is the only writer, and this key would cost a third of a post.
        sa.ForeignKeyConstraint(
            ["community_id", "transaction_id"],
            ["ledger_transaction.community_id", "ledger_transaction.id"],
            deferrable=True,
            initially="DEFERRED",
            name="fk_ledger_posting_header",
            info=SQLITE_ONLY,
        ).ddl_if(dialect="sqlite"),
        sa.CheckConstraint("leg_no >= 0 AND leg_no < leg_count", name="leg_no"),
        sa.CheckConstraint(
            "amount_minor <> 0 AND amount_minor"
            f" BETWEEN -{AMOUNT_MINOR_MAX} AND {AMOUNT_MINOR_MAX}",
            name="amount",
        ),
        sa.Index(
            "ix_ledger_posting_account",
            *("community_id", "account_id", "transaction_id"),
            postgresql_include=["amount_minor", "is_pending"],
        ),
        {"sqlite_strict": True, "sqlite_with_rowid": False},
    )

    community_id: Mapped[UUID] = community_key()
    transaction_id: Mapped[UUID] = mapped_column(primary_key=True)
    leg_no: Mapped[int] = mapped_column(Count, primary_key=True)
    leg_count: Mapped[int] = mapped_column(Count)
    account_id: Mapped[UUID]
    amount_minor: Mapped[int]
    is_pending: Mapped[bool]


class BalanceRow(Base):
    """Running counters of a bounded account. Counters only grow; the bounds are CHECKs."""

    __tablename__ = "ledger_balance"
    __table_args__ = (
        # SQLite only, as for postings: PostgreSQL would look it up again at every further move of a
        # balance within one database transaction, which is every move of a bulk.
        sa.ForeignKeyConstraint(
            ["community_id", "account_id"],
            ["ledger_account.community_id", "ledger_account.id"],
            name="fk_ledger_balance_account",
            info=SQLITE_ONLY,
        ).ddl_if(dialect="sqlite"),
        sqlite_check(
            "posted_in >= 0 AND posted_out >= 0 AND pending_in >= 0 AND pending_out >= 0",
            name="counters",
        ),
        sa.CheckConstraint(
            "floor_minor IS NULL OR posted_in - posted_out - pending_out >= floor_minor",
            name="floor",
        ),
        sa.CheckConstraint(
            "ceiling_minor IS NULL OR posted_in - posted_out + pending_in <= ceiling_minor",
            name="ceiling",
        ),
        sqlite_check(
            f"posted_in <= {COUNTER_MAX} AND posted_out <= {COUNTER_MAX}", name="counters_fit"
        ),
        {"sqlite_strict": True, "sqlite_with_rowid": False, "postgresql_with": {"fillfactor": 50}},
    )

    community_id: Mapped[UUID] = community_key()
    account_id: Mapped[UUID] = mapped_column(primary_key=True)
    posted_in: Mapped[int] = mapped_column(default=0)
    posted_out: Mapped[int] = mapped_column(default=0)
    pending_in: Mapped[int] = mapped_column(default=0)
    pending_out: Mapped[int] = mapped_column(default=0)
    floor_minor: Mapped[int | None]
    ceiling_minor: Mapped[int | None]
    is_open: Mapped[bool] = mapped_column(default=True)


class Hold(Base):
    """An open hold: the pending transaction that placed it, and when it runs out."""

    __tablename__ = "ledger_hold"
    __table_args__ = (
        sa.ForeignKeyConstraint(
            ["community_id", "transaction_id"],
            ["ledger_transaction.community_id", "ledger_transaction.id"],
            name="fk_ledger_hold_transaction",
        ),
        sa.Index("ix_ledger_hold_expires_at", "community_id", "expires_at"),
        {"sqlite_strict": True},
    )

    community_id: Mapped[UUID] = community_key()
    transaction_id: Mapped[UUID] = mapped_column(primary_key=True)
    expires_at: Mapped[datetime]


class Act(Base):
    """A decision about the book: an account closed or reopened, a period closed or reopened.

    `closed_through_on` is the last day that takes no more postings; None means that every day does.
    """

    __tablename__ = "ledger_act"
    __table_args__ = (
        sa.UniqueConstraint("community_id", "act_no"),
        sa.CheckConstraint(
            "kind IN ('account_closed', 'account_reopened', 'period_closed', 'period_reopened')",
            name="kind",
        ),
        sa.CheckConstraint(
            "(kind IN ('account_closed', 'account_reopened')) = (account_id IS NOT NULL)",
            name="account_is_named",
        ),
        sa.CheckConstraint(
            "kind IN ('period_closed', 'period_reopened') OR closed_through_on IS NULL",
            name="period_is_named",
        ),
        sa.CheckConstraint("act_no >= 1", name="act_no"),
        sa.CheckConstraint(f"length(actor) BETWEEN 1 AND {REFERENCE_LENGTH_MAX}", name="actor"),
        sa.CheckConstraint(f"length(reason) BETWEEN 1 AND {NARRATION_LENGTH_MAX}", name="reason"),
        sa.CheckConstraint("length(content_hash) = 32", name="content_hash_length"),
        sa.Index("ix_ledger_act_kind", "community_id", "kind", "act_no"),
        {"sqlite_strict": True},
    )

    community_id: Mapped[UUID] = community_key()
    id: Mapped[UUID] = mapped_column(primary_key=True)
    act_no: Mapped[int] = mapped_column(Count)
    kind: Mapped[str]
    account_id: Mapped[UUID | None]
    closed_through_on: Mapped[date | None]
    reason: Mapped[str]
    actor: Mapped[str]
    recorded_at: Mapped[datetime]
    content_hash: Mapped[bytes]


class Outbox(Base):
    """Items that the sealer has not numbered yet."""

    __tablename__ = "ledger_outbox"
    __table_args__ = ({"sqlite_strict": True, "sqlite_with_rowid": False},)

    community_id: Mapped[UUID] = community_key()
    item_id: Mapped[UUID] = mapped_column(primary_key=True)


class SealBlock(Base):
    """One block of the chain: a Merkle root over its items, linked to the block before."""

    __tablename__ = "ledger_seal_block"
    __table_args__ = (
        sa.Index("ix_ledger_seal_block_sealed_at", "community_id", "sealed_at"),
        {"sqlite_strict": True},
    )

    community_id: Mapped[UUID] = community_key()
    block_no: Mapped[int] = mapped_column(primary_key=True)
    first_sequence: Mapped[int]
    last_sequence: Mapped[int]
    merkle_root: Mapped[bytes]
    previous_hash: Mapped[bytes]
    block_hash: Mapped[bytes]
    sealed_at: Mapped[datetime]


class SealItem(Base):
    """Place of one item in the gapless sequence of its book."""

    __tablename__ = "ledger_seal_item"
    __table_args__ = (
        sa.UniqueConstraint("community_id", "item_id"),
        {"sqlite_strict": True},
    )

    community_id: Mapped[UUID] = community_key()
    sequence: Mapped[int] = mapped_column(primary_key=True)
    item_id: Mapped[UUID]
    kind: Mapped[str]
    content_hash: Mapped[bytes]
    block_no: Mapped[int]


class Activity(Base):
    """Sum of an account's sealed postings per month of `occurred_on`; derived, rebuildable."""

    __tablename__ = "ledger_activity"
    __table_args__ = ({"sqlite_strict": True},)

    community_id: Mapped[UUID] = community_key()
    account_id: Mapped[UUID] = mapped_column(primary_key=True)
    month_on: Mapped[date] = mapped_column(primary_key=True)
    in_minor: Mapped[int]
    out_minor: Mapped[int]
    posting_count: Mapped[int]


def ledger_tables() -> list[Any]:
    """Return the tables behind the one door, in the order of their creation."""
    return [table for table in Base.metadata.sorted_tables if table.name.startswith("ledger_")]
