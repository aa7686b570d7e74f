"""The form of an exported book: one JSON object a line, the first word of each says what it is.

Words: the *header* names the format, the book and its units; an *item* is an account, an act or a
transaction with its legs and hashes; a *block* stands behind its items, so that the file is in the
sealed order; the *end* counts everything and names the head of the chain.

Bytes are hexadecimal, moments ISO with their zone, amounts whole numbers of the smallest unit.
"""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

from ledger.records import AccountFacts, ActFacts, Block, Draft, Entry, Leg, Links

FORMAT: Final = "timebank-book"
VERSION: Final = 1
LINE_BYTES_MAX: Final = 2**20

Document = dict[str, Any]


class AccountItem(NamedTuple):
    """An account and its content hash."""

    facts: AccountFacts
    content_hash: bytes


class ActItem(NamedTuple):
    """An act, its place among the acts of the book, and its content hash."""

    facts: ActFacts
    act_no: int
    content_hash: bytes


Item = AccountItem | ActItem | Entry


def plain(fields: Mapping[str, Any]) -> Document:
    """Return named values as JSON can write them; the book's own id stands in the header alone."""
    return {name: _plain(value) for name, value in fields.items() if name != "community_id"}


def _plain(value: Any) -> Any:
    match value:
        case bytes():
            return value.hex()
        case UUID():
            return str(value)
        case datetime():
            return value.isoformat(timespec="microseconds")
        case date():
            return value.isoformat()
    return value


# ---------------------------------------------------------------- reading back

# Each of these lets ValueError, KeyError and TypeError of a wrong line pass: the reader names it.


def account(community_id: UUID, line: Document) -> AccountItem:
    """Return the account of a line."""
    facts = AccountFacts(
        *(community_id, UUID(line["id"]), _text(line["code"]), _text(line["commodity"])),
        *(_flag(line["is_bounded"]), _number_or_none(line["floor_minor"])),
        *(_number_or_none(line["ceiling_minor"]), moment(line["opened_at"])),
    )
    return AccountItem(facts, bytes.fromhex(line["content_hash"]))


def act(community_id: UUID, line: Document) -> ActItem:
    """Return the act of a line."""
    account_id, through = line["account_id"], line["closed_through_on"]
    facts = ActFacts(
        *(community_id, UUID(line["id"]), _text(line["kind"])),
        UUID(account_id) if account_id is not None else None,
        date.fromisoformat(through) if through is not None else None,
        *(_text(line["reason"]), _text(line["actor"]), moment(line["recorded_at"])),
    )
    return ActItem(facts, _number(line["act_no"]), bytes.fromhex(line["content_hash"]))


def transaction(line: Document) -> Entry:
    """Return the transaction of a line."""
    legs = tuple(
        Leg(UUID(account_id), _number(amount_minor), _flag(is_pending))
        for account_id, amount_minor, is_pending in line["legs"]
    )
    draft = Draft(
        *(_text(line["kind"]), legs, date.fromisoformat(line["occurred_on"])),
        *(_text(line["idempotency_key"]), _text(line["actor"])),
        *(_text(line["source"]), _text(line["narration"])),
    )
    reverses_id, resolves_id, expires_at = (
        line[name] for name in ("reverses_id", "resolves_id", "expires_at")
    )
    links = Links(
        UUID(reverses_id) if reverses_id is not None else None,
        UUID(resolves_id) if resolves_id is not None else None,
        moment(expires_at) if expires_at is not None else None,
    )
    return Entry(
        *(UUID(line["id"]), draft, moment(line["recorded_at"]), links),
        *(bytes.fromhex(line["request_hash"]), bytes.fromhex(line["content_hash"])),
    )


def block(community_id: UUID, line: Document) -> Block:
    """Return the block of a line."""
    return Block(
        community_id,
        _number(line["block_no"]),
        _number(line["first_sequence"]),
        _number(line["last_sequence"]),
        bytes.fromhex(line["merkle_root"]),
        bytes.fromhex(line["previous_hash"]),
        bytes.fromhex(line["block_hash"]),
        moment(line["sealed_at"]),
    )


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value


def _number(value: Any) -> int:
    if type(value) is not int:
        raise TypeError(f"{value!r} is no whole number")
    return value


def _number_or_none(value: Any) -> int | None:
    return None if value is None else _number(value)


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError(f"{value!r} is neither true nor false")
    return value


def moment(value: Any) -> datetime:
    """Return the moment of a text with a zone."""
    read = datetime.fromisoformat(value)
    if read.tzinfo is None:
        raise ValueError(f"{value!r} has no zone")
    return read
