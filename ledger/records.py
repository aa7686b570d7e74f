"""What goes into the kernel and what comes out: plain, immutable values.

Words: a *draft* is a transaction as the caller asks for it; an *entry* is the draft with its id,
moment and hashes, ready for the door; *posted* is the answer, the same for the first request and
for every repetition of it.
"""

from dataclasses import dataclass
from datetime import date, datetime
from typing import NamedTuple
from uuid import UUID


class Leg(NamedTuple):
    """One signed amount of a draft.

    `amount_minor` is in the account's smallest unit: positive into the account, negative out of it,
    never zero. `is_pending` is set by the kernel, for the layer of holds.
    """

    account_id: UUID
    amount_minor: int
    is_pending: bool = False


@dataclass(frozen=True, slots=True)
class Draft:
    """A transaction as asked for.

    Attributes:
        kind: what it records, see `ledger.schema.TransactionKind`; other words of up to 32
            characters are allowed.
        legs: 2 to 1000, summing to zero per commodity; their order is part of the record.
        occurred_on: the community's calendar date on which it happened; may lie in the past.
        idempotency_key: 1 to 120 characters; the same key never has a second effect in this book.
        actor: member id as text, or `system:<name>`.
        source: `<table>:<uuid>` of the row that caused it.
        narration: at most 500 characters, may be empty; names no person.
    """

    kind: str
    legs: tuple[Leg, ...]
    occurred_on: date
    idempotency_key: str
    actor: str
    source: str
    narration: str


class Links(NamedTuple):
    """What ties a transaction to another, or to a moment; an ordinary post has none of them.

    `reverses_id` is the transaction that it mirrors, `resolves_id` the hold that it ends,
    `expires_at` the moment from which a hold can only expire.
    """

    reverses_id: UUID | None = None
    resolves_id: UUID | None = None
    expires_at: datetime | None = None


class Entry(NamedTuple):
    """A draft on its way through the door."""

    id: UUID
    draft: Draft
    recorded_at: datetime
    links: Links
    request_hash: bytes
    content_hash: bytes


class Posted(NamedTuple):
    """The answer to a post: facts that never change, and whether it repeats an earlier one."""

    transaction_id: UUID
    recorded_at: datetime
    content_hash: bytes
    is_replay: bool


class AccountFacts(NamedTuple):
    """What is fixed when an account is opened."""

    community_id: UUID
    id: UUID
    code: str
    commodity: str
    is_bounded: bool
    floor_minor: int | None
    ceiling_minor: int | None
    opened_at: datetime


class ActFacts(NamedTuple):
    """A decision about the book; see `ledger.schema.Act`."""

    community_id: UUID
    id: UUID
    kind: str
    account_id: UUID | None
    closed_through_on: date | None
    reason: str
    actor: str
    recorded_at: datetime


class Block(NamedTuple):
    """One block of the chain; see `ledger.schema.SealBlock`."""

    community_id: UUID
    block_no: int
    first_sequence: int
    last_sequence: int
    merkle_root: bytes
    previous_hash: bytes
    block_hash: bytes
    sealed_at: datetime


class Balance(NamedTuple):
    """Posted is what the legs sum to; available is posted less open holds."""

    posted_minor: int
    available_minor: int
