"""Bulk: very many transactions and accounts in one database transaction.

Words: a *bulk* is the work of one caller's write session, chunk after chunk through the door's
`post_many`; a draft is *known* when its key stands in the book with the same request, whatever
`source` it was written with: a file that is read again names another run as its source.

Invariants: as `journal.post_many`, as if one after the other in the given order; the caller commits
the whole or nothing. What is known is looked up once per chunk, never one by one.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from hashlib import sha256
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import InstrumentedAttribute, Session

from ledger import clock, doors, entries, ids, replays
from ledger.checks import check_account, check_draft
from ledger.entries import NO_LINKS
from ledger.errors import KeyReused, Refusal
from ledger.hashing import account_hash, request_hash
from ledger.holds import with_room
from ledger.records import AccountFacts, Draft, Entry
from ledger.schema import Transaction

CHUNK_COUNT_MAX = 5_000
_KEYS_PER_READ = 500


class Bulk:
    """What one run posts in one write session.

    Attributes:
        recorded_at: the moment of all its transactions.
        new_count: transactions written so far.
        known_count: drafts that were there already.
    """

    def __init__(self, session: Session, community_id: UUID) -> None:
        """Begin a bulk in a write session; the commit is the caller's."""
        self._session = session
        self._community_id = community_id
        self._digest = sha256()
        use_indexes(session)
        self.recorded_at: datetime = clock.now()
        self.new_count = 0
        self.known_count = 0
        self._looks_first = False

    @property
    def content_digest(self) -> bytes:
        """SHA-256 over the content hashes of what was written, in the order of the ids."""
        return self._digest.digest()

    def post(self, drafts: Sequence[Draft]) -> None:
        """Post the next drafts; those that are known have no second effect.

        Args:
            drafts: at most 5,000.

        Raises:
            KeyReused: a key stands for another request (`key_reused`, with the `field`).
            Refusal: as `journal.post_many`, with `details["index"]` of the draft.
        """
        assert len(drafts) <= CHUNK_COUNT_MAX, "a chunk is held in memory, a bulk is not"
        fresh = self._fresh(drafts)
        while fresh and not self._is_written(fresh):
            # Some are known. A file that is read again begins like this, and goes on like this.
            self._looks_first = True
            fresh = self._fresh(drafts)
        for entry in fresh.values():
            self._digest.update(entry.content_hash)
        self.new_count += len(fresh)
        self.known_count += len(drafts) - len(fresh)

    def _fresh(self, drafts: Sequence[Draft]) -> dict[int, Entry]:
        """Return the entries that are to be written, by the place of their draft."""
        found = dict(known(self._session, self._community_id, drafts)) if self._looks_first else {}
        first: dict[str, int] = {}
        for place, draft in enumerate(drafts):
            try:
                check_draft(draft)
                if refusal := found.get(place):
                    raise refusal
                twin = place if place in found else first.setdefault(draft.idempotency_key, place)
                if twin != place:
                    replays.check_same(drafts[twin], draft)
            except Refusal as refused:
                refused.details["index"] = place
                raise
        return {
            place: entries.make(self._community_id, drafts[place], self.recorded_at)
            for place in first.values()
        }

    def _is_written(self, fresh: dict[int, Entry]) -> bool:
        door, written = doors.of(self._session), list(fresh.values())
        day = written[0].draft.occurred_on
        try:
            return with_room(
                self._session,
                self._community_id,
                day,
                lambda: door.post_many(self._community_id, written),
            )
        except Refusal as refused:
            refused.details["index"] = list(fresh)[refused.details["index"]]
            raise


def use_indexes(session: Session) -> None:
    """Let no statement of this transaction scan a table from end to end.

    PostgreSQL plans a statement for good after a few runs; one that was planned while the book was
    empty would go on scanning it, a hundred thousand rows for every chunk.
    """
    if session.get_bind().dialect.name == "postgresql":
        session.execute(sa.text("SET LOCAL enable_seqscan = off"))


def known(
    session: Session, community_id: UUID, drafts: Sequence[Draft]
) -> Iterator[tuple[int, KeyReused | None]]:
    """Give the place of every draft whose key is in the book, with why it is refused, if it is.

    Args:
        session: any session.
        community_id: the book.
        drafts: a chunk.
    """
    query = sa.select(
        Transaction.idempotency_key, Transaction.id, Transaction.source, Transaction.request_hash
    ).where(Transaction.community_id == community_id)
    keys = [draft.idempotency_key for draft in drafts]
    found = rows_by_key(session, query, Transaction.idempotency_key, keys)
    stored = {row.idempotency_key: row for row in found}
    for place, draft in enumerate(drafts):
        row = stored.get(draft.idempotency_key)
        if row is None:
            continue
        asked = replace(draft, source=row.source)
        if request_hash(asked, NO_LINKS) == row.request_hash:
            yield place, None
        else:
            header = session.get_one(Transaction, (community_id, row.id))
            yield place, replays.difference(session, header, asked)


def rows_by_key(
    session: Session,
    query: sa.Select[*tuple[Any, ...]],
    column: InstrumentedAttribute[str],
    keys: Sequence[str],
) -> Iterator[sa.Row[*tuple[Any, ...]]]:
    """Give the rows that a query has for many keys, each found by its index.

    PostgreSQL does not know yet how a table grows within one transaction: given a list of keys, it
    takes the whole book to be shorter than the list, and walks through it. One look-up per key
    leaves it no choice.

    Args:
        session: any session.
        query: of plain columns, within one book.
        column: text, unique within the book.
        keys: which rows.
    """
    for start in range(0, len(keys), _KEYS_PER_READ):
        page = list(keys[start : start + _KEYS_PER_READ])
        if session.get_bind().dialect.name == "sqlite":
            yield from session.execute(query.where(column.in_(page)))
            continue
        wanted = (
            sa.func.unnest(sa.cast(page, ARRAY(sa.Text)))
            .table_valued(sa.column("key", sa.Text))
            .render_derived()
        )
        found = query.where(column == wanted.c.key).limit(1).lateral("found")
        yield from session.execute(sa.select(found).select_from(wanted).join(found, sa.true()))


def open_accounts(session: Session, community_id: UUID, wanted: Sequence[tuple[str, str]]) -> None:
    """Open unbounded accounts, each by its code and its commodity; those that are open stay.

    Args:
        session: a write session.
        community_id: the book.
        wanted: code and commodity of each; the caller has looked that no code stands for another
            commodity.

    Raises:
        TextOutOfRange: code or commodity (`text_out_of_range`).
    """
    moment = clock.now()
    facts = []
    for code, commodity in wanted:
        check_account(code, commodity, False, (None, None))
        account = AccountFacts(
            *(community_id, ids.new_id(), code, commodity), False, None, None, moment
        )
        facts.append((account, account_hash(account)))
    doors.of(session).open_accounts(facts)
