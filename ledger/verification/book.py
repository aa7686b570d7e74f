"""What every pass knows about the book in hand: its accounts, its acts, and the sums so far.

Words: a *sum* is worked out from the postings that were read; what is *stored* (balance rows, the
monthly activity) is compared with it. A *ghost* is an account that a leg names and nobody opened.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple
from uuid import UUID

from sqlalchemy.orm import Session

from ledger.findings import Finding
from ledger.hashing import length_bytes
from ledger.verification.rows import Raw, Row, Rows, rows_of

_LEG_LENGTH = length_bytes(16 + 8 + 1)
_ACCOUNTS = """
SELECT KEY(a.id), a.code, a.commodity, a.is_bounded, MOMENT(a.opened_at), a.content_hash,
       b.posted_in, b.posted_out, b.pending_in, b.pending_out, b.floor_minor, b.ceiling_minor,
       b.is_open
  FROM ledger_account a
  LEFT JOIN ledger_balance b ON b.community_id = a.community_id AND b.account_id = a.id
 WHERE a.community_id = :book
"""
_BLOCK = "SELECT block_no FROM ledger_seal_item WHERE community_id = :book AND item_id = :id"
_ACTS = """
SELECT KEY(id), act_no, kind, KEY(account_id), DAY(closed_through_on), reason, actor,
       MOMENT(recorded_at), content_hash
  FROM ledger_act WHERE community_id = :book ORDER BY act_no
"""


class StoredBalance(NamedTuple):
    """A balance row; each field is None where there is no row."""

    posted_in: int | None
    posted_out: int | None
    pending_in: int | None
    pending_out: int | None
    floor_minor: int | None
    ceiling_minor: int | None
    is_open: int | None


class StoredAct(NamedTuple):
    """An act as it is stored, its key, day and moment raw."""

    id: Raw
    act_no: int
    kind: str
    account_id: Raw
    closed_through_on: Raw
    reason: str
    actor: str
    recorded_at: Raw
    content_hash: bytes


@dataclass(slots=True, eq=False)
class AccountSums:
    """An account with what its legs sum to.

    Attributes:
        frame: what a hash takes of the account in front of the amount.
        tail_in: posted into it and not sealed yet; never negative, like all of these.
        months: by ISO month, the sealed postings: in, out, count.
        pending_minor: sum of its legs in the layer of holds.
    """

    id: Raw
    code: str
    commodity: str
    frame: bytes
    is_bounded: bool
    opened_at: Raw
    content_hash: bytes
    stored: StoredBalance
    tail_in: int = 0
    tail_out: int = 0
    pending_minor: int = 0
    months: dict[str, list[int]] = field(default_factory=dict)

    def add_waiting(self, amount_minor: int) -> None:
        """Add a leg that is not sealed yet."""
        if amount_minor > 0:
            self.tail_in += amount_minor
        else:
            self.tail_out -= amount_minor

    def add_sealed(self, month: str, amount_minor: int) -> None:
        """Add a leg that is sealed."""
        counted = self.months.get(month)
        if counted is None:
            counted = self.months[month] = [0, 0, 0]
        if amount_minor > 0:
            counted[0] += amount_minor
        else:
            counted[1] -= amount_minor
        counted[2] += 1

    def posted(self) -> tuple[int, int]:
        """Return everything that was posted into the account and out of it."""
        return (
            self.tail_in + sum(month[0] for month in self.months.values()),
            self.tail_out + sum(month[1] for month in self.months.values()),
        )


class Book:
    """One book while it is verified."""

    def __init__(self, session: Session, community_id: UUID) -> None:
        """Stand on a session; nothing is read yet."""
        self.community_id = community_id
        self.rows: Rows = rows_of(session, community_id)
        self.accounts: dict[Raw, AccountSums] = {}
        self.acts: dict[Raw, StoredAct] = {}
        self.act_sequences: dict[Raw, int] = {}
        self.ghosts: dict[Raw, AccountSums] = {}
        self.item_count = 0
        self.posting_count = 0
        self.has_empty_places = False
        self.bad_block_no: int | None = None
        self.oldest_waiting_microseconds: int | None = None

    def load(self) -> Iterator[Finding]:
        """Read accounts and acts; a pass of its own, because it may meet what it cannot read."""
        for row in self.rows.read(_ACTS):
            self.acts[row[0]] = StoredAct(*row)
        for row in self.rows.read(_ACCOUNTS):
            self.accounts[row[0]] = self._account(row)
        yield from ()

    def suspect(self, block_no: int | None) -> dict[str, int]:
        """Note that a block holds something wrong; return that as details of the finding."""
        if block_no is None:
            return {}
        if self.bad_block_no is None or block_no < self.bad_block_no:
            self.has_empty_places = False
        self.bad_block_no = block_no
        return {"block_no": block_no}

    def suspect_item(self, key: Raw) -> dict[str, int]:
        """Do the same for the block of an account or an act."""
        found = self.rows.read(_BLOCK, id=self.rows.parameter(key))
        return self.suspect(found[0][0] if found else None)

    def ghost(self, key: Raw) -> AccountSums:
        """Return what stands for an account that is not there; it has no commodity."""
        if key not in self.ghosts:
            row = (key, self.rows.name(key), "", False, None, b"", *[None] * 7)
            self.ghosts[key] = self._account(row)
        return self.ghosts[key]

    def _account(self, row: Row) -> AccountSums:
        frame = _LEG_LENGTH + self.rows.bytes_of(row[0])
        key, code, commodity, is_bounded, opened_at, content_hash = row[:6]
        return AccountSums(
            key, code, commodity, frame, bool(is_bounded), opened_at, content_hash,
            StoredBalance(*row[6:]),
        )  # fmt: skip
