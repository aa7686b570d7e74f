"""Calls of the PostgreSQL door: one round trip each; `postgresql_*.sql` do the work."""

from typing import Any
from uuid import UUID

import psycopg

from ledger.errors import Refusal, refusal
from ledger.records import AccountFacts, ActFacts, Block, Entry

_KEY_KNOWN = "key_known"
_UNCHANGED = "unchanged"
_POST = (
    "SELECT ledger_post(%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s::uuid[], %s::bigint[])"
)
# Lists go in binary form: in text form every element would be searched for quotes to escape.
_POST_MANY = (
    "SELECT ledger_post_many(%s, %b::uuid[], %b::text[], %b::date[], %b::timestamptz[], %b::text[],"
    " %b::bytea[], %b::bytea[],"
    " %b::text[], %b::text[], %b::text[], %b::int[], %b::uuid[], %b::bigint[])"
)
_PLACE_HOLD = (
    "SELECT ledger_place_hold(%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s::uuid[], %s::bigint[])"
)
_RESOLVE_HOLD = (
    "SELECT ledger_resolve_hold(%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s::bigint[])"
)
_OPEN_ACCOUNT = "SELECT ledger_open_account(%s, %s, %s, %s, %s, %s, %s, %s, %s)"
_OPEN_ACCOUNTS = (
    "SELECT count(ledger_open_account(%s, id, code, commodity, is_bounded, floor_minor,"
    " ceiling_minor, opened_at, content_hash))"
    " FROM unnest(%s::uuid[], %s::text[], %s::text[], %s::boolean[], %s::bigint[], %s::bigint[],"
    " %s::timestamptz[], %s::bytea[]) AS account (id, code, commodity, is_bounded, floor_minor,"
    " ceiling_minor, opened_at, content_hash)"
)
_ACT = "SELECT ledger_act(%s, %s, %s, %s, %s, %s, %s, %s, %s)"
_SEAL = "SELECT ledger_seal(%s, %s, %s::uuid[], %s, %s, %s, %s)"


class Door:
    """The door of one connection; `driver` is inside a transaction, or commits by itself."""

    def __init__(self, driver: psycopg.Connection[Any]) -> None:
        """Stand on a connection."""
        self._driver = driver

    def post(self, community_id: UUID, entry: Entry) -> bool:
        """Write one entry; return False when its key is known.

        Raises:
            Refusal: any of the kernel's.
        """
        return _is_written(self._call(_POST, _post_parameters(community_id, entry)))

    def post_many(self, community_id: UUID, entries: list[Entry]) -> bool:
        """Write all entries or none; return False when the key of any is known.

        Raises:
            Refusal: any of the kernel's.
        """
        drafts = [entry.draft for entry in entries]
        legs = [(number, leg) for number, draft in enumerate(drafts, 1) for leg in draft.legs]
        answer = self._call(
            _POST_MANY,
            (
                community_id,
                [entry.id for entry in entries],
                [str(draft.kind) for draft in drafts],
                [draft.occurred_on for draft in drafts],
                [entry.recorded_at for entry in entries],
                [draft.idempotency_key for draft in drafts],
                [entry.request_hash for entry in entries],
                [entry.content_hash for entry in entries],
                [draft.actor for draft in drafts],
                [draft.source for draft in drafts],
                [draft.narration for draft in drafts],
                [number for number, _ in legs],
                [leg.account_id for _, leg in legs],
                [leg.amount_minor for _, leg in legs],
            ),
        )
        if answer is None or answer["code"] == _KEY_KNOWN:
            return answer is None
        return self._post_singly(community_id, entries)

    def place_hold(self, community_id: UUID, entry: Entry) -> bool:
        """Set the legs of one entry aside; return False when its key is known.

        Raises:
            Refusal: any of the kernel's.
        """
        draft = entry.draft
        parameters = (
            community_id,
            entry.id,
            draft.occurred_on,
            entry.recorded_at,
            entry.links.expires_at,
            *_request(entry),
            [leg.account_id for leg in draft.legs],
            [leg.amount_minor for leg in draft.legs],
        )
        return _is_written(self._call(_PLACE_HOLD, parameters))

    def resolve_hold(self, community_id: UUID, entry: Entry, posted_minor: list[int]) -> bool:
        """End the hold that the entry names; return False when its key is known.

        Args:
            community_id: the book.
            entry: with every pending leg of the hold mirrored, and the legs to post behind them.
            posted_minor: one amount per leg of the hold, zero for what is not posted.

        Raises:
            Refusal: any of the kernel's.
        """
        draft = entry.draft
        parameters = (
            community_id,
            entry.id,
            str(draft.kind),
            draft.occurred_on,
            entry.recorded_at,
            entry.links.resolves_id,
            *_request(entry),
            posted_minor,
        )
        return _is_written(self._call(_RESOLVE_HOLD, parameters))

    def open_account(self, facts: AccountFacts, content_hash: bytes) -> UUID:
        """Open the account, or find the one of that code; return its id."""
        found: UUID = self._call(_OPEN_ACCOUNT, (*facts, content_hash))
        return found

    def open_accounts(self, accounts: list[tuple[AccountFacts, bytes]]) -> None:
        """Open accounts of one book, each with its content hash; a code that stands is left."""
        if accounts:
            rows = [(*facts[1:], content_hash) for facts, content_hash in accounts]
            columns = [list(column) for column in zip(*rows, strict=True)]
            self._call(_OPEN_ACCOUNTS, (accounts[0][0].community_id, *columns))

    def act(self, facts: ActFacts, content_hash: bytes) -> bool:
        """Close or reopen an account or a period; return whether that changed anything.

        Raises:
            UnknownAccount: no bounded account of this book (`unknown_account`).
            PeriodUnchanged: it does not change how far they are closed (`period_unchanged`).
        """
        answer = self._call(_ACT, (*facts, content_hash))
        if answer is not None and answer["code"] != _UNCHANGED:
            raise refusal(answer["code"], answer["details"])
        return answer is None

    def seal(self, block: Block, items: list[tuple[UUID, str, bytes]]) -> None:
        """Write a block over items of the outbox: id, kind and content hash of each, in order.

        Raises:
            SealOvertaken: another sealer wrote this block (`seal_overtaken`).
        """
        parameters = (
            block.community_id,
            block.block_no,
            [item_id for item_id, _, _ in items],
            block.merkle_root,
            block.previous_hash,
            block.block_hash,
            block.sealed_at,
        )
        answer = self._call(_SEAL, parameters)
        if answer is not None:
            raise refusal(answer["code"], answer["details"])

    def _post_singly(self, community_id: UUID, entries: list[Entry]) -> bool:
        """Find the first bad member of a refused batch by posting one after the other.

        Raises:
            Refusal: of that member, with its `index`. When there is none any more, because another
                session has just made room, all are written.
        """
        is_written = True
        with self._driver.transaction() as attempt:
            for index, entry in enumerate(entries):
                try:
                    is_written = self.post(community_id, entry)
                except Refusal as refused:
                    refused.details["index"] = index
                    raise
                if not is_written:
                    is_written = False
                    raise psycopg.Rollback(attempt)
        return is_written

    def _call(self, statement: str, parameters: tuple[Any, ...]) -> Any:
        row = self._driver.execute(statement, parameters).fetchone()
        assert row is not None, "a function answers"
        return row[0]


def _post_parameters(community_id: UUID, entry: Entry) -> tuple[Any, ...]:
    """Return what `POST` is called with."""
    draft = entry.draft
    return (
        community_id,
        entry.id,
        str(draft.kind),
        draft.occurred_on,
        entry.recorded_at,
        entry.links.reverses_id,
        *_request(entry),
        [leg.account_id for leg in draft.legs],
        [leg.amount_minor for leg in draft.legs],
    )


def _request(entry: Entry) -> tuple[Any, ...]:
    draft = entry.draft
    return (
        draft.idempotency_key,
        entry.request_hash,
        entry.content_hash,
        draft.actor,
        draft.source,
        draft.narration,
    )


def _is_written(answer: dict[str, Any] | None) -> bool:
    """Return whether a door's answer says that it is done; False when the key was known.

    Raises:
        Refusal: any of the kernel's.
    """
    if answer is None:
        return True
    if answer["code"] == _KEY_KNOWN:
        return False
    raise refusal(answer["code"], answer["details"])
