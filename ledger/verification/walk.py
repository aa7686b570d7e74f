"""The walk through one book: sealed ranges in their order, what waits, what stands nowhere.

Every range is small enough to be held in memory and ends with a whole block, so a walk that was
interrupted goes on from the last block that it found whole.
"""

from collections.abc import Callable, Iterator
from typing import Final

from ledger.findings import Finding, guarded
from ledger.seal import Head
from ledger.verification import links
from ledger.verification.book import Book
from ledger.verification.chain import Chain
from ledger.verification.entries import Entries
from ledger.verification.headers import Linked
from ledger.verification.periods import Periods
from ledger.verification.rows import Raw, Row, parameters

RANGE_ITEM_COUNT = 20_000
"""More than a block has."""
_BEFORE_ALL: Final = -(2**63)
_AFTER_ALL: Final = 2**63 - 1
_FACTS: Final = """
       t.kind, t.leg_count, DAY(t.occurred_on), MOMENT(t.recorded_at), KEY(t.reverses_id),
       KEY(t.resolves_id), MOMENT(t.expires_at), t.idempotency_key, t.request_hash, t.content_hash,
       t.actor, t.source, t.narration
"""
_LEG: Final = "p.leg_no, p.leg_count, KEY(p.account_id), p.amount_minor, p.is_pending"
_SEALED: Final = f"""
SELECT KEY(i.item_id), i.sequence, i.block_no, i.kind, i.content_hash, {_FACTS}
  FROM ledger_seal_item i
  LEFT JOIN ledger_transaction t ON t.community_id = i.community_id AND t.id = i.item_id
 WHERE i.community_id = :book AND i.sequence > :after AND i.sequence <= :end
 ORDER BY i.sequence LIMIT :count
"""  # noqa: S608  # names of columns
_SEALED_LEGS: Final = f"""
SELECT KEY(i.item_id), {_LEG}
  FROM ledger_seal_item i
  LEFT JOIN ledger_posting p ON p.community_id = i.community_id AND p.transaction_id = i.item_id
 WHERE i.community_id = :book AND i.sequence BETWEEN :first AND :last
 ORDER BY i.sequence, p.leg_no
"""  # noqa: S608  # names of columns
_WAITING: Final = f"""
SELECT KEY(o.item_id), NULL, NULL, NULL, NULL, {_FACTS}
  FROM ledger_outbox o
  LEFT JOIN ledger_transaction t ON t.community_id = o.community_id AND t.id = o.item_id
 WHERE o.community_id = :book AND o.item_id > :after ORDER BY o.item_id LIMIT :count
"""  # noqa: S608  # names of columns
_WAITING_LEGS: Final = f"""
SELECT KEY(o.item_id), {_LEG}
  FROM ledger_outbox o
  LEFT JOIN ledger_posting p ON p.community_id = o.community_id AND p.transaction_id = o.item_id
 WHERE o.community_id = :book AND o.item_id BETWEEN :first AND :last
 ORDER BY o.item_id, p.leg_no
"""  # noqa: S608  # names of columns
_NOWHERE: Final = f"""
SELECT KEY(t.id), NULL, NULL, NULL, NULL, {_FACTS}
  FROM ledger_transaction t WHERE t.community_id = :book AND t.id AMONG(:ids) ORDER BY t.id
"""  # noqa: S608  # names of columns
_NOWHERE_LEGS: Final = f"""
SELECT KEY(p.transaction_id), {_LEG}
  FROM ledger_posting p WHERE p.community_id = :book AND p.transaction_id AMONG(:ids)
 ORDER BY p.transaction_id, p.leg_no
"""  # noqa: S608  # names of columns
_POSTING_COUNT: Final = "SELECT count(*) FROM ledger_posting WHERE community_id = :book"
_HEADLESS: Final = """
SELECT KEY(p.transaction_id), p.leg_no, KEY(p.account_id), p.amount_minor, p.is_pending
  FROM ledger_posting p
  LEFT JOIN ledger_transaction t ON t.community_id = p.community_id AND t.id = p.transaction_id
 WHERE p.community_id = :book AND t.id IS NULL
"""


class Walk:
    """One walk; each part is a pass of its own and gives its findings."""

    def __init__(self, book: Book, since: Head, last_sequence: int | None = None) -> None:
        """Begin behind a head; the accounts and acts of the book are loaded.

        Args:
            book: the book.
            since: the head.
            last_sequence: the last place to go to, the last of its block; None is the end.
        """
        self._book = book
        self._since = since
        self._last_sequence = last_sequence
        self._entries = Entries(book, Periods(book))
        self._chain = Chain(book, since)

    @property
    def head(self) -> Head:
        """Return the last block that was gone through."""
        return self._chain.head

    def sealed(self, keep: Callable[[Head], None] | None) -> Iterator[Finding]:
        """Check one range of blocks after the other.

        Args:
            keep: called with the head after every range, as long as nothing was found.
        """
        after = self._since.last_sequence or _BEFORE_ALL
        while headers := self._sealed_range(after):
            first, after = headers[0][1], headers[-1][1]
            legs = self._legs(_SEALED_LEGS, first=first, last=after)
            for finding in self._range(headers, legs):
                keep = None
                yield finding
            if keep is not None:
                keep(self.head)
        if self._last_sequence is None:
            yield from self.finish()

    def go_on_from(self, head: Head) -> None:
        """Take over the head of the process that went through the last span."""
        self._chain = Chain(self._book, head)

    def finish(self) -> Iterator[Finding]:
        """Check that no block stands behind the last item."""
        yield from self._chain.finish()

    def waiting(self) -> Iterator[Finding]:
        """Check what stands in the outbox."""
        after = self._book.rows.lowest
        while headers := self._by_index(_WAITING, after=after, count=RANGE_ITEM_COUNT):
            first = self._book.rows.parameter(headers[0][0])
            after = self._book.rows.parameter(headers[-1][0])
            legs = self._legs(_WAITING_LEGS, first=first, last=after)
            yield from self._check(headers, legs)

    def nowhere(self, keys: list[Raw]) -> Iterator[Finding]:
        """Check transactions that have no place at all."""
        for start in range(0, len(keys), RANGE_ITEM_COUNT):
            ids = parameters(self._book.rows, keys[start : start + RANGE_ITEM_COUNT])
            headers = self._book.rows.read(_NOWHERE, ids=ids)
            yield from self._check(headers, self._book.rows.read(_NOWHERE_LEGS, ids=ids))

    def headless(self) -> Iterator[Finding]:
        """Every posting has its header; those that have none are found where the counts differ."""
        rows = self._book.rows
        if rows.read(_POSTING_COUNT)[0][0] == self._book.posting_count:
            return
        for key, leg_no, account_id, amount_minor, is_pending in rows.read(_HEADLESS):
            yield Finding(
                "posting_without_header",
                f"posting:{rows.name(key)}/{leg_no}",
                "The posting has no header.",
            )
            account = self._book.accounts.get(account_id)
            if account is not None and not is_pending:
                account.add_waiting(amount_minor)

    def _range(self, headers: list[Row], legs: list[Row]) -> Iterator[Finding]:
        yield from guarded("blocks", self._chain.check(headers))
        yield from self._check(headers, legs)

    def _check(self, headers: list[Row], legs: list[Row]) -> Iterator[Finding]:
        linked: list[Linked] = []
        yield from guarded("transactions", self._entries.check(headers, legs, linked))
        yield from guarded("links", links.check(self._book, linked))

    def _sealed_range(self, after: int) -> list[Row]:
        """Return headers of whole blocks: the last block of a full range is left for the next."""
        end = _AFTER_ALL if self._last_sequence is None else self._last_sequence
        headers = self._by_index(_SEALED, after=after, end=end, count=RANGE_ITEM_COUNT)
        last = len(headers)
        if last == RANGE_ITEM_COUNT:
            while last and headers[last - 1][2] == headers[-1][2]:
                last -= 1
        return headers[: last or len(headers)]

    def _legs(self, sql: str, **values: object) -> list[Row]:
        """Return the legs of a range.

        They are joined to the left, which alone keeps PostgreSQL from reading every leg of the book
        for each range; so what is no transaction comes with an empty row.
        """
        return [leg for leg in self._by_index(sql, **values) if leg[1] is not None]

    def _by_index(self, sql: str, **values: object) -> list[Row]:
        self._book.rows.by_index(True)
        found = self._book.rows.read(sql, **values)
        self._book.rows.by_index(False)
        return found
