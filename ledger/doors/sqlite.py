"""Calls of the SQLite door: every check is made before the first row is written.

A write session holds the only write lock from its BEGIN IMMEDIATE, so what was read stays true
until the rows are written; the triggers of `sqlite.sql` make the same checks again for everybody
who does not come this way. Statements go straight to the driver: they are the hot path, and
SQLAlchemy's own work on them would cost more than SQLite's.
"""

import sqlite3
from collections.abc import Iterable
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy.orm import Session

from ledger.errors import (
    AccountClosed,
    AlreadyReversed,
    BalanceTooHigh,
    BalanceTooLow,
    Refusal,
    Unbalanced,
    UnknownAccount,
)
from ledger.records import Draft, Entry
from ledger.schema import COUNTER_MAX

_ACCOUNTS_PER_READ = 500
_KEY = "SELECT 1 FROM ledger_transaction WHERE community_id = ? AND idempotency_key = ?"
_REVERSAL = "SELECT 1 FROM ledger_transaction WHERE community_id = ? AND reverses_id = ?"
_ACCOUNTS = (
    "SELECT a.id, a.code, a.commodity, a.is_bounded,"
    " b.posted_in, b.posted_out, b.pending_in, b.pending_out,"
    " b.floor_minor, b.ceiling_minor, b.is_open FROM ledger_account a"
    " LEFT JOIN ledger_balance b ON b.community_id = a.community_id AND b.account_id = a.id"
    " WHERE a.community_id = ? AND a.id IN ("
)
_LEG = (
    "INSERT INTO ledger_posting (community_id, transaction_id, leg_no, leg_count,"
    " account_id, amount_minor, is_pending) VALUES (?, ?, ?, ?, ?, ?, 0)"
)
_HEADER = (
    "INSERT INTO ledger_transaction (community_id, id, kind, leg_count, occurred_on, recorded_at,"
    " reverses_id, idempotency_key, request_hash, content_hash, actor, source, narration)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_ACCOUNT_OF_CODE = "SELECT id FROM ledger_account WHERE community_id = ? AND code = ?"
_ACCOUNT = (
    "INSERT INTO ledger_account (community_id, id, code, commodity, is_bounded, opened_at)"
    " VALUES (?, ?, ?, ?, ?, ?)"
)
_BALANCE = (
    "INSERT INTO ledger_balance (community_id, account_id, posted_in, posted_out,"
    " pending_in, pending_out,"
    " floor_minor, ceiling_minor, is_open) VALUES (?, ?, 0, 0, 0, 0, ?, ?, 1)"
)
_SET_OPEN = "UPDATE ledger_balance SET is_open = ? WHERE community_id = ? AND account_id = ?"


class _Standing(NamedTuple):
    """An account and its counters as they stand; the last seven are None when it is unbounded."""

    id: str
    code: str
    commodity: str
    is_bounded: int
    posted_in: int
    posted_out: int
    pending_in: int
    pending_out: int
    floor_minor: int | None
    ceiling_minor: int | None
    is_open: int


def post(session: Session, community_id: UUID, entry: Entry) -> bool:
    """Write one entry; return False when its key is known.

    Raises:
        Refusal: any of the kernel's.
    """
    try:
        return post_many(session, community_id, [entry])
    except Refusal as refused:
        refused.details.pop("index", None)
        raise


def post_many(session: Session, community_id: UUID, entries: list[Entry]) -> bool:
    """Write all entries or none; return False when the key of any is known.

    Raises:
        Refusal: any of the kernel's.
    """
    cursor, book = _cursor(session), community_id.hex
    for entry in entries:
        if cursor.execute(_KEY, (book, entry.draft.idempotency_key)).fetchone():
            return False
        if (
            entry.reverses_id
            and cursor.execute(_REVERSAL, (book, entry.reverses_id.hex)).fetchone()
        ):
            raise AlreadyReversed(transaction_id=str(entry.reverses_id))
    standing = _standing(
        cursor, book, {leg.account_id for entry in entries for leg in entry.draft.legs}
    )
    for index, entry in enumerate(entries):
        try:
            _check_sums(entry.draft, standing)
            _move(entry.draft, standing)
        except Refusal as refused:
            refused.details["index"] = index
            raise
    for entry in entries:
        _write(cursor, book, entry)
    return True


def open_account(session: Session, facts: dict[str, Any], opened_at: datetime) -> UUID:
    """Open the account, or find the one of that code; return its id.

    Args:
        session: a write session.
        facts: community_id, id, code, commodity, is_bounded, floor_minor, ceiling_minor, in this
            order.
        opened_at: aware moment.
    """
    cursor, book = _cursor(session), facts["community_id"].hex
    account = facts["id"].hex
    found = cursor.execute(_ACCOUNT_OF_CODE, (book, facts["code"])).fetchone()
    if found:
        return UUID(found[0])
    moment = opened_at.isoformat(timespec="microseconds")
    is_bounded = int(facts["is_bounded"])
    cursor.execute(_ACCOUNT, (book, account, facts["code"], facts["commodity"], is_bounded, moment))
    if is_bounded:
        cursor.execute(_BALANCE, (book, account, facts["floor_minor"], facts["ceiling_minor"]))
    return UUID(account)


def set_open(session: Session, community_id: UUID, account_id: UUID, is_open: bool) -> bool:
    """Close or reopen a bounded account; return whether there is one."""
    parameters = (int(is_open), community_id.hex, account_id.hex)
    return _cursor(session).execute(_SET_OPEN, parameters).rowcount == 1


def _cursor(session: Session) -> sqlite3.Cursor:
    driver = session.connection().connection.driver_connection
    assert isinstance(driver, sqlite3.Connection), "the SQLite door stands on the sqlite3 driver"
    return driver.cursor()


def _standing(
    cursor: sqlite3.Cursor, book: str, account_ids: Iterable[UUID]
) -> dict[UUID, _Standing]:
    wanted = sorted(account_ids)
    found: dict[UUID, _Standing] = {}
    for start in range(0, len(wanted), _ACCOUNTS_PER_READ):
        part = [account_id.hex for account_id in wanted[start : start + _ACCOUNTS_PER_READ]]
        marks = ",".join("?" * len(part))
        for row in cursor.execute(f"{_ACCOUNTS}{marks})", (book, *part)):
            found[UUID(row[0])] = _Standing(*row)
    return found


def _check_sums(draft: Draft, standing: dict[UUID, _Standing]) -> None:
    sums: dict[str, int] = {}
    for account_id, amount_minor in draft.legs:
        if account_id not in standing:
            raise UnknownAccount(account_id=str(account_id))
        commodity = standing[account_id].commodity
        sums[commodity] = sums.get(commodity, 0) + amount_minor
    for commodity, sum_minor in sums.items():
        if sum_minor:
            raise Unbalanced(commodity=commodity, sum_minor=sum_minor)


def _move(draft: Draft, standing: dict[UUID, _Standing]) -> None:
    """Move the counters in `standing` as the triggers will, in account order."""
    moves: dict[UUID, tuple[int, int]] = {}
    for account_id, amount_minor in draft.legs:
        if standing[account_id].is_bounded:
            paid_in, paid_out = moves.get(account_id, (0, 0))
            moves[account_id] = (paid_in + max(amount_minor, 0), paid_out + max(-amount_minor, 0))
    for account_id in sorted(moves):
        paid_in, paid_out = moves[account_id]
        account = standing[account_id]
        _check_bounds(account, paid_in, paid_out)
        standing[account_id] = account._replace(
            posted_in=account.posted_in + paid_in, posted_out=account.posted_out + paid_out
        )


def _check_bounds(account: _Standing, paid_in: int, paid_out: int) -> None:
    if not account.is_open:
        raise AccountClosed(account=account.code)
    net = paid_in - paid_out
    posted_minor = account.posted_in - account.posted_out
    if account.floor_minor is not None:
        available_minor = posted_minor - account.pending_out - account.floor_minor
        if available_minor + net < 0:
            raise BalanceTooLow(**_numbers(account, available_minor, -net))
    room_minor = COUNTER_MAX - max(account.posted_in, account.posted_out)
    is_full = max(account.posted_in + paid_in, account.posted_out + paid_out) > COUNTER_MAX
    if account.ceiling_minor is not None:
        room_minor = min(room_minor, account.ceiling_minor - posted_minor - account.pending_in)
        is_full = is_full or posted_minor + account.pending_in + net > account.ceiling_minor
    if is_full:
        raise BalanceTooHigh(**_numbers(account, room_minor, net))


def _numbers(account: _Standing, available_minor: int, needed_minor: int) -> dict[str, Any]:
    return {
        "account": account.code,
        "account_id": str(UUID(account.id)),
        "available_minor": available_minor,
        "needed_minor": needed_minor,
    }


def _write(cursor: sqlite3.Cursor, book: str, entry: Entry) -> None:
    """Write the legs, then the header: its trigger checks, moves balances, fills the outbox."""
    draft, transaction = entry.draft, entry.id.hex
    leg_count = len(draft.legs)
    for leg_no, (account_id, amount_minor) in enumerate(draft.legs):
        cursor.execute(_LEG, (book, transaction, leg_no, leg_count, account_id.hex, amount_minor))
    header = (
        book,
        transaction,
        str(draft.kind),
        leg_count,
        draft.occurred_on.isoformat(),
        entry.recorded_at.isoformat(timespec="microseconds"),
        entry.reverses_id.hex if entry.reverses_id else None,
        draft.idempotency_key,
        entry.request_hash,
        entry.content_hash,
        draft.actor,
        draft.source,
        draft.narration,
    )
    cursor.execute(_HEADER, header)
