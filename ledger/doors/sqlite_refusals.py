"""Why the SQLite door refused: what its triggers only refuse, said with account and amount.

The triggers of `sqlite_*.sql` are the rules; they are asked first, by writing. Only after they have
refused, and what was written is taken back, the same rules are gone through here in the order of
the PostgreSQL door, and the first that is broken is named. A write session holds the only write
lock, so nothing has moved in between.
"""

import sqlite3
from collections.abc import Iterable
from typing import Any, NamedTuple
from uuid import UUID

from ledger.errors import (
    AccountClosed,
    AlreadyReversed,
    BalanceTooHigh,
    BalanceTooLow,
    HoldExpired,
    HoldNotExpired,
    HoldResolved,
    PeriodClosed,
    Refusal,
    Unbalanced,
    UnknownAccount,
    UnknownTransaction,
)
from ledger.records import Draft, Entry
from ledger.schema import COUNTER_MAX, TransactionKind

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
_CLOSED_THROUGH = (
    "SELECT closed_through_on FROM ledger_act WHERE community_id = ?"
    " AND kind IN ('period_closed', 'period_reopened') ORDER BY act_no DESC LIMIT 1"
)
_HOLD = (
    "SELECT h.expires_at, t.id FROM ledger_transaction t LEFT JOIN ledger_hold h"
    " ON h.community_id = t.community_id AND h.transaction_id = t.id"
    " WHERE t.community_id = ? AND t.id = ? AND t.kind = 'hold'"
)


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


class _Move(NamedTuple):
    """What one transaction adds to the counters of an account."""

    posted_in: int
    posted_out: int
    pending_in: int
    pending_out: int


def explain(cursor: sqlite3.Cursor, book: str, entries: list[Entry]) -> None:
    """Raise the first refusal, as if the entries were posted one after the other.

    Args:
        cursor: with the write lock, and without what was refused.
        book: the community's key as it is stored.
        entries: what the triggers refused, none with a key that is known.

    Raises:
        Refusal: with the `index` of the entry; when nothing is raised, no rule explains it.
    """
    closed_through_on = closed_through(cursor, book)
    accounts = {leg.account_id for entry in entries for leg in entry.draft.legs}
    standing = _standing(cursor, book, accounts)
    for index, entry in enumerate(entries):
        try:
            _check_reversal(cursor, book, entry.links.reverses_id)
            check_day(entry.draft, closed_through_on)
            _check_sums(entry.draft, standing)
            _move(entry.draft, standing)
        except Refusal as refused:
            refused.details["index"] = index
            raise


def is_key_known(cursor: sqlite3.Cursor, book: str, entry: Entry) -> bool:
    """Return whether the key of an entry stands in the book."""
    parameters = (book, entry.draft.idempotency_key)
    return cursor.execute(_KEY, parameters).fetchone() is not None


def closed_through(cursor: sqlite3.Cursor, book: str) -> str:
    """Return the last closed day as ISO text; nothing is closed through "", before any day."""
    row = cursor.execute(_CLOSED_THROUGH, (book,)).fetchone()
    return (row and row[0]) or ""


def check_day(draft: Draft, closed_through_on: str) -> None:
    """Refuse a day that is closed.

    Raises:
        PeriodClosed: the books are closed on it (`period_closed`).
    """
    occurred_on = draft.occurred_on.isoformat()
    if occurred_on <= closed_through_on:
        raise PeriodClosed(closed_through_on=closed_through_on, occurred_on=occurred_on)


def check_hold(cursor: sqlite3.Cursor, book: str, entry: Entry) -> None:
    """Refuse to resolve what is no open hold, or on the wrong side of its expiry.

    Raises:
        UnknownTransaction: no hold of this book (`unknown_transaction`).
        HoldResolved: another transaction has ended it (`hold_resolved`).
        HoldExpired: it can only expire (`hold_expired`).
        HoldNotExpired: it cannot expire yet (`hold_not_expired`).
    """
    hold_id = entry.links.resolves_id
    assert hold_id is not None, "what resolves a hold names it"
    row = cursor.execute(_HOLD, (book, hold_id.hex)).fetchone()
    if row is None:
        raise UnknownTransaction(transaction_id=str(hold_id))
    if row[0] is None:
        raise HoldResolved(transaction_id=str(hold_id))
    is_expired = entry.recorded_at.isoformat(timespec="microseconds") >= row[0]
    if entry.draft.kind == TransactionKind.HOLD_POST and is_expired:
        raise HoldExpired(transaction_id=str(hold_id), expires_at=row[0])
    if entry.draft.kind == TransactionKind.HOLD_EXPIRE and not is_expired:
        raise HoldNotExpired(transaction_id=str(hold_id), expires_at=row[0])


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


def _check_reversal(cursor: sqlite3.Cursor, book: str, reverses_id: UUID | None) -> None:
    if reverses_id and cursor.execute(_REVERSAL, (book, reverses_id.hex)).fetchone():
        raise AlreadyReversed(transaction_id=str(reverses_id))


def _check_sums(draft: Draft, standing: dict[UUID, _Standing]) -> None:
    sums: dict[tuple[str, bool], int] = {}
    for account_id, amount_minor, is_pending in draft.legs:
        if account_id not in standing:
            raise UnknownAccount(account_id=str(account_id))
        layer = (standing[account_id].commodity, is_pending)
        sums[layer] = sums.get(layer, 0) + amount_minor
    for (commodity, _), sum_minor in sums.items():
        if sum_minor:
            raise Unbalanced(commodity=commodity, sum_minor=sum_minor)


def _move(draft: Draft, standing: dict[UUID, _Standing]) -> None:
    """Move the counters in `standing` as the triggers will, in account order."""
    moves: dict[UUID, list[int]] = {}
    is_placed = draft.kind == TransactionKind.HOLD
    for account_id, amount_minor, is_pending in draft.legs:
        if not standing[account_id].is_bounded:
            continue
        counters = moves.setdefault(account_id, [0, 0, 0, 0])
        is_out, size_minor = amount_minor < 0, abs(amount_minor)
        if not is_pending:
            counters[is_out] += size_minor  # posted_in, posted_out
        elif is_placed:
            counters[2 + is_out] += size_minor  # pending_in, pending_out
        else:
            counters[3 - is_out] -= size_minor  # what is given back has the opposite sign
    needs_open = draft.kind not in (TransactionKind.HOLD_VOID, TransactionKind.HOLD_EXPIRE)
    for account_id in sorted(moves):
        account, move = standing[account_id], _Move(*moves[account_id])
        if needs_open and not account.is_open:
            raise AccountClosed(account=account.code)
        _check_bounds(account, move)
        after = (sum(pair) for pair in zip(account[4:8], move, strict=True))
        standing[account_id] = _Standing._make((*account[:4], *after, *account[8:]))


def _check_bounds(account: _Standing, move: _Move) -> None:
    net = move.posted_in - move.posted_out
    lowest, highest = net - move.pending_out, net + move.pending_in
    posted_minor = account.posted_in - account.posted_out
    if account.floor_minor is not None:
        available_minor = posted_minor - account.pending_out - account.floor_minor
        if available_minor + lowest < 0:
            raise BalanceTooLow(**_numbers(account, available_minor, -lowest))
    room_minor = COUNTER_MAX - max(account.posted_in, account.posted_out)
    is_full = any(sum(pair) > COUNTER_MAX for pair in zip(account[4:8], move, strict=True))
    if account.ceiling_minor is not None:
        room_minor = min(room_minor, account.ceiling_minor - posted_minor - account.pending_in)
        is_full = is_full or posted_minor + account.pending_in + highest > account.ceiling_minor
    if is_full:
        raise BalanceTooHigh(**_numbers(account, room_minor, highest))


def _numbers(account: _Standing, available_minor: int, needed_minor: int) -> dict[str, Any]:
    return {
        "account": account.code,
        "account_id": str(UUID(account.id)),
        "available_minor": available_minor,
        "needed_minor": needed_minor,
    }
