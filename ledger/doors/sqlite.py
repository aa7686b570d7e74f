"""Calls of the SQLite door: rows are written, and the triggers of `sqlite_*.sql` check them.

What the triggers refuse is taken back to a savepoint and explained (`sqlite_refusals`). A write
session holds the only write lock from its BEGIN IMMEDIATE, so what was read stays true until the
rows are written. Statements go straight to the driver: they are the hot path, and SQLAlchemy's own
work on them would cost more than SQLite's.
"""

import sqlite3
from typing import Any
from uuid import UUID

from ledger.doors import sqlite_refusals
from ledger.errors import (
    MoreThanHeld,
    PeriodUnchanged,
    Refusal,
    SealOvertaken,
    UnknownAccount,
)
from ledger.records import AccountFacts, ActFacts, Block, Entry
from ledger.schema import ActKind

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
_IS_OPEN = "SELECT is_open FROM ledger_balance WHERE community_id = ? AND account_id = ?"
_ACT = (
    "INSERT INTO ledger_act (community_id, id, act_no, kind, account_id, closed_through_on, reason,"
    " actor, recorded_at, content_hash) VALUES (?, ?, (SELECT coalesce(max(act_no), 0) + 1"
    " FROM ledger_act WHERE community_id = ?), ?, ?, ?, ?, ?, ?, ?)"
)
_LAST_BLOCK = "SELECT coalesce(max(block_no), 0) FROM ledger_seal_block WHERE community_id = ?"
_BLOCK = "INSERT INTO ledger_seal_block VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
_ITEM = (
    "INSERT INTO ledger_seal_item (community_id, sequence, item_id, kind, content_hash, block_no)"
    " VALUES (?, ?, ?, ?, ?, ?)"
)


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
        cursor.execute("SAVEPOINT door")
        try:
            _write(cursor, book, entries)
        except sqlite3.IntegrityError:
            cursor.execute("ROLLBACK TO door")
            if any(sqlite_refusals.is_key_known(cursor, book, entry) for entry in entries):
                return False
            sqlite_refusals.explain(cursor, book, entries)
            raise  # the database knows better than every rule that could be named
        finally:
            if self._driver.in_transaction:  # a full disk takes back all of it
                cursor.execute("RELEASE door")
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
        if not sqlite_refusals.is_key_known(cursor, book, entry):
            closed_through_on = sqlite_refusals.closed_through(cursor, book)
            sqlite_refusals.check_day(entry.draft, closed_through_on)
            sqlite_refusals.check_hold(cursor, book, entry)
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
            before = sqlite_refusals.closed_through(cursor, book)
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
