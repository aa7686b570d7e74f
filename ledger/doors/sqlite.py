"""Calls of the SQLite door: every check is made before the first row is written.

A write session holds the only write lock from its BEGIN IMMEDIATE, so what was read stays true
until the rows are written; the triggers of `sqlite_*.sql` make the same checks again for everybody
who does not come this way. Statements go straight to the driver: they are the hot path, and
SQLAlchemy's own work on them would cost more than SQLite's.
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
    MoreThanHeld,
    PeriodClosed,
    PeriodUnchanged,
    Refusal,
    SealOvertaken,
    Unbalanced,
    UnknownAccount,
    UnknownTransaction,
)
from ledger.records import AccountFacts, ActFacts, Block, Draft, Entry
from ledger.schema import COUNTER_MAX, ActKind, TransactionKind

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
    " account_id, amount_minor, is_pending) VALUES (?, ?, ?, ?, ?, ?, ?)"
)
_HEADER = (
    "INSERT INTO ledger_transaction (community_id, id, kind, leg_count, occurred_on, recorded_at,"
    " reverses_id, resolves_id, expires_at, idempotency_key, request_hash, content_hash,"
    " actor, source, narration) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_ACCOUNT_OF_CODE = "SELECT id FROM ledger_account WHERE community_id = ? AND code = ?"
_ACCOUNT = (
    "INSERT INTO ledger_account (community_id, id, code, commodity, is_bounded, opened_at,"
    " content_hash) VALUES (?, ?, ?, ?, ?, ?, ?)"
)
_BALANCE = (
    "INSERT INTO ledger_balance (community_id, account_id, posted_in, posted_out,"
    " pending_in, pending_out,"
    " floor_minor, ceiling_minor, is_open) VALUES (?, ?, 0, 0, 0, 0, ?, ?, 1)"
)
_CLOSED_THROUGH = (
    "SELECT closed_through_on FROM ledger_act WHERE community_id = ?"
    " AND kind IN ('period_closed', 'period_reopened') ORDER BY act_no DESC LIMIT 1"
)
_IS_OPEN = "SELECT is_open FROM ledger_balance WHERE community_id = ? AND account_id = ?"
_ACT = (
    "INSERT INTO ledger_act (community_id, id, act_no, kind, account_id, closed_through_on, reason,"
    " actor, recorded_at, content_hash) VALUES (?, ?, (SELECT coalesce(max(act_no), 0) + 1"
    " FROM ledger_act WHERE community_id = ?), ?, ?, ?, ?, ?, ?, ?)"
)
_HOLD = (
    "SELECT h.expires_at, t.id FROM ledger_transaction t LEFT JOIN ledger_hold h"
    " ON h.community_id = t.community_id AND h.transaction_id = t.id"
    " WHERE t.community_id = ? AND t.id = ? AND t.kind = 'hold'"
)
_LAST_BLOCK = "SELECT coalesce(max(block_no), 0) FROM ledger_seal_block WHERE community_id = ?"
_BLOCK = "INSERT INTO ledger_seal_block VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
_ITEM = (
    "INSERT INTO ledger_seal_item (community_id, sequence, item_id, kind, content_hash, block_no)"
    " VALUES (?, ?, ?, ?, ?, ?)"
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


class Door:
    """The door of one connection, which holds the write lock."""

    def __init__(self, driver: sqlite3.Connection) -> None:
        """Stand on a connection."""
        self._driver = driver

    def post(self, community_id: UUID, entry: Entry) -> bool:
        """Write one entry; return False when its key is known.

        Raises:
            Refusal: any of the kernel's.
        """
        try:
            return self.post_many(community_id, [entry])
        except Refusal as refused:
            refused.details.pop("index", None)
            raise

    def post_many(self, community_id: UUID, entries: list[Entry]) -> bool:
        """Write all entries or none; return False when the key of any is known.

        Raises:
            Refusal: any of the kernel's.
        """
        cursor, book = self._driver.cursor(), community_id.hex
        closed_through_on = _closed_through(cursor, book)
        for entry in entries:
            if cursor.execute(_KEY, (book, entry.draft.idempotency_key)).fetchone():
                return False
            reverses_id = entry.links.reverses_id
            if reverses_id and cursor.execute(_REVERSAL, (book, reverses_id.hex)).fetchone():
                raise AlreadyReversed(transaction_id=str(reverses_id))
        standing = _standing(
            cursor, book, {leg.account_id for entry in entries for leg in entry.draft.legs}
        )
        for index, entry in enumerate(entries):
            try:
                _check_day(entry.draft, closed_through_on)
                _check_sums(entry.draft, standing)
                _move(entry.draft, standing)
            except Refusal as refused:
                refused.details["index"] = index
                raise
        _write(cursor, book, entries)
        return True

    def place_hold(self, community_id: UUID, entry: Entry) -> bool:
        """Set the legs of one entry aside; return False when its key is known.

        Raises:
            Refusal: any of the kernel's.
        """
        return self.post(community_id, entry)

    def resolve_hold(self, community_id: UUID, entry: Entry, posted_minor: list[int]) -> bool:
        """End the hold that the entry names; return False when its key is known.

        Args:
            community_id: the book.
            entry: with every pending leg of the hold mirrored, and the legs to post behind them.
            posted_minor: one amount per leg of the hold, zero for what is not posted.

        Raises:
            Refusal: any of the kernel's.
        """
        cursor, book = self._driver.cursor(), community_id.hex
        if not cursor.execute(_KEY, (book, entry.draft.idempotency_key)).fetchone():
            _check_day(entry.draft, _closed_through(cursor, book))
            _check_hold(cursor, book, entry)
            for leg, amount_minor in zip(entry.draft.legs, posted_minor, strict=False):
                held_minor = -leg.amount_minor
                if not min(held_minor, 0) <= amount_minor <= max(held_minor, 0):
                    raise MoreThanHeld(held_minor=held_minor, amount_minor=amount_minor)
        return self.post(community_id, entry)

    def open_account(self, facts: AccountFacts, content_hash: bytes) -> UUID:
        """Open the account, or find the one of that code; return its id."""
        cursor, book, account = self._driver.cursor(), facts.community_id.hex, facts.id.hex
        found = cursor.execute(_ACCOUNT_OF_CODE, (book, facts.code)).fetchone()
        if found:
            return UUID(found[0])
        moment = facts.opened_at.isoformat(timespec="microseconds")
        is_bounded = int(facts.is_bounded)
        cursor.execute(
            _ACCOUNT,
            (book, account, facts.code, facts.commodity, is_bounded, moment, content_hash),
        )
        if is_bounded:
            cursor.execute(_BALANCE, (book, account, facts.floor_minor, facts.ceiling_minor))
        return facts.id

    def open_accounts(self, accounts: list[tuple[AccountFacts, bytes]]) -> None:
        """Open accounts of one book, each with its content hash; a code that stands is left."""
        for facts, content_hash in accounts:
            self.open_account(facts, content_hash)

    def act(self, facts: ActFacts, content_hash: bytes) -> bool:
        """Close or reopen an account or a period; return whether that changed anything.

        Raises:
            UnknownAccount: no bounded account of this book (`unknown_account`).
            PeriodUnchanged: it does not change how far they are closed (`period_unchanged`).
        """
        cursor, book = self._driver.cursor(), facts.community_id.hex
        if facts.account_id is not None:
            row = cursor.execute(_IS_OPEN, (book, facts.account_id.hex)).fetchone()
            if row is None:
                raise UnknownAccount(account_id=str(facts.account_id))
            if row[0] == (facts.kind == ActKind.ACCOUNT_REOPENED):
                return False
        else:
            before = _closed_through(cursor, book)
            after = facts.closed_through_on.isoformat() if facts.closed_through_on else ""
            is_later = after > before if facts.kind == ActKind.PERIOD_CLOSED else after < before
            if not is_later:
                raise PeriodUnchanged(closed_through_on=before or None)
        parameters = (
            book,
            facts.id.hex,
            book,
            str(facts.kind),
            facts.account_id.hex if facts.account_id else None,
            facts.closed_through_on.isoformat() if facts.closed_through_on else None,
            facts.reason,
            facts.actor,
            facts.recorded_at.isoformat(timespec="microseconds"),
            content_hash,
        )
        cursor.execute(_ACT, parameters)
        return True

    def seal(self, block: Block, items: list[tuple[UUID, str, bytes]]) -> None:
        """Write a block over items of the outbox: id, kind and content hash of each, in order.

        Raises:
            SealOvertaken: another sealer wrote this block (`seal_overtaken`).
        """
        cursor, book = self._driver.cursor(), block.community_id.hex
        if cursor.execute(_LAST_BLOCK, (book,)).fetchone()[0] != block.block_no - 1:
            raise SealOvertaken(block_no=block.block_no)
        sealed_at = block.sealed_at.isoformat(timespec="microseconds")
        cursor.execute(_BLOCK, (book, *block[1:7], sealed_at))
        rows = [
            (book, sequence, item_id.hex, kind, content_hash, block.block_no)
            for sequence, (item_id, kind, content_hash) in enumerate(items, block.first_sequence)
        ]
        cursor.executemany(_ITEM, rows)


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


def _closed_through(cursor: sqlite3.Cursor, book: str) -> str:
    """Return the last closed day as ISO text; nothing is closed through "", before any day."""
    row = cursor.execute(_CLOSED_THROUGH, (book,)).fetchone()
    return (row and row[0]) or ""


def _check_day(draft: Draft, closed_through_on: str) -> None:
    occurred_on = draft.occurred_on.isoformat()
    if occurred_on <= closed_through_on:
        raise PeriodClosed(closed_through_on=closed_through_on, occurred_on=occurred_on)


def _check_hold(cursor: sqlite3.Cursor, book: str, entry: Entry) -> None:
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


def _write(cursor: sqlite3.Cursor, book: str, entries: list[Entry]) -> None:
    """Write the legs, then the headers: a header's trigger checks, moves, fills the outbox."""
    legs = [
        (book, entry.id.hex, leg_no, len(entry.draft.legs), leg[0].hex, leg[1], leg[2])
        for entry in entries
        for leg_no, leg in enumerate(entry.draft.legs)
    ]
    cursor.executemany(_LEG, legs)
    cursor.executemany(_HEADER, [_header(book, entry) for entry in entries])


def _header(book: str, entry: Entry) -> tuple[Any, ...]:
    draft, links = entry.draft, entry.links
    return (
        book,
        entry.id.hex,
        str(draft.kind),
        len(draft.legs),
        draft.occurred_on.isoformat(),
        entry.recorded_at.isoformat(timespec="microseconds"),
        links.reverses_id.hex if links.reverses_id else None,
        links.resolves_id.hex if links.resolves_id else None,
        links.expires_at.isoformat(timespec="microseconds") if links.expires_at else None,
        draft.idempotency_key,
        entry.request_hash,
        entry.content_hash,
        draft.actor,
        draft.source,
        draft.narration,
    )
