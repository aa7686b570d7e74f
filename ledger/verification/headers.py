"""A place of the book with the transaction that stands there, and its legs, as they were read."""

from typing import NamedTuple

from ledger.verification.rows import Raw


class Header(NamedTuple):
    """A place and the transaction that stands there, raw.

    The place is in the seal, or in the outbox (then `sequence` to `sealed_hash` are None); `kind`
    is None where no transaction has the id.
    """

    id: Raw
    sequence: int | None
    block_no: int | None
    sealed_kind: str | None
    sealed_hash: bytes | None
    kind: str | None
    leg_count: int
    occurred_on: Raw
    recorded_at: Raw
    reverses_id: Raw
    resolves_id: Raw
    expires_at: Raw
    idempotency_key: str
    request_hash: bytes
    content_hash: bytes
    actor: str
    source: str
    narration: str


class StoredLeg(NamedTuple):
    """A leg, raw."""

    transaction_id: Raw
    leg_no: int
    leg_count: int
    account_id: Raw
    amount_minor: int
    is_pending: int


Linked = tuple[Header, list[StoredLeg]]
