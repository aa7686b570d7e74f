"""The receipt of a transaction as a JSON document, and the document read again.

Words: a *place* is where an item stands in the sealed sequence, with the Merkle path that leads
from it to the root of its block; a *run* is the blocks from an item's own to the last of its day.

Invariants: every value is part of what some hash of the document covers, and has exactly one way to
be written: so a change anywhere is either found by the check or no receipt at all. Nothing names a
person: accounts carry volunteer numbers, the actor is an id.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from ledger.records import AccountFacts, Block, Draft, Leg, Links

FORMAT: Final = "timebank-receipt-1"
BYTES_MAX: Final = 64 * 2**20
NUMBER_MAX: Final = 2**63 - 1
DIGEST_LENGTH: Final = 32


class NotAReceipt(ValueError):
    """The text is no receipt of ours; the message says where it differs."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where an item stands; `beside` is its path from the leaf up."""

    sequence: int
    block_no: int
    beside: list[bytes]


@dataclass(frozen=True, slots=True)
class SealedTransaction:
    """A transaction with every field that its hashes cover."""

    id: UUID
    draft: Draft
    links: Links
    recorded_at: datetime
    request_hash: bytes
    content_hash: bytes
    place: Place


@dataclass(frozen=True, slots=True)
class SealedAccount:
    """An account that a leg names: it ties the code to the id that the legs carry."""

    facts: AccountFacts
    content_hash: bytes
    place: Place


@dataclass(frozen=True, slots=True)
class Receipt:
    """Everything that is needed to check one transaction without its book.

    Attributes:
        community_id: the book.
        transaction: what is proven.
        accounts: those of its legs.
        blocks: the runs of the transaction and of its accounts, each block once, in order.
    """

    community_id: UUID
    transaction: SealedTransaction
    accounts: list[SealedAccount]
    blocks: list[Block]


# ---------------------------------------------------------------- writing


def dump(receipt: Receipt) -> dict[str, Any]:
    """Return the document as JSON values, in the order in which they are best read."""
    return {
        "format": FORMAT,
        "community_id": str(receipt.community_id),
        "transaction": _dump_transaction(receipt.transaction),
        "accounts": [
            {
                **_values(account.facts._asdict(), without="community_id"),
                "content_hash": account.content_hash.hex(),
                "place": _dump_place(account.place),
            }
            for account in receipt.accounts
        ],
        "blocks": [_values(block._asdict(), without="community_id") for block in receipt.blocks],
    }


def write(receipt: Receipt) -> str:
    """Return the document as text."""
    return json.dumps(dump(receipt), ensure_ascii=False, indent=1) + "\n"


def _dump_transaction(transaction: SealedTransaction) -> dict[str, Any]:
    draft = transaction.draft
    return {
        "id": str(transaction.id),
        "kind": draft.kind,
        "occurred_on": _value(draft.occurred_on),
        "recorded_at": _value(transaction.recorded_at),
        "actor": draft.actor,
        "source": draft.source,
        "narration": draft.narration,
        "idempotency_key": draft.idempotency_key,
        **_values(transaction.links._asdict()),
        "legs": [_values(leg._asdict()) for leg in draft.legs],
        "request_hash": transaction.request_hash.hex(),
        "content_hash": transaction.content_hash.hex(),
        "place": _dump_place(transaction.place),
    }


def _dump_place(place: Place) -> dict[str, Any]:
    return {
        "sequence": place.sequence,
        "block_no": place.block_no,
        "path": [digest.hex() for digest in place.beside],
    }


def _values(record: dict[str, Any], without: str = "") -> dict[str, Any]:
    return {name: _value(value) for name, value in record.items() if name != without}


def _value(value: object) -> Any:
    match value:
        case UUID():
            return str(value)
        case datetime():
            return value.isoformat(timespec="microseconds")
        case date():
            return value.isoformat()
        case bytes():
            return value.hex()
        case _:
            return value


# ---------------------------------------------------------------- reading


def read(content: bytes) -> Receipt:
    """Return the receipt that a file holds.

    Args:
        content: of the file; UTF-8, with or without a byte order mark.

    Raises:
        NotAReceipt: it is no JSON, another document, or a field is missing, unknown or malformed.
    """
    if len(content) > BYTES_MAX:
        raise NotAReceipt(f"it is larger than {BYTES_MAX // 2**20} MiB")
    try:
        found = json.loads(content.decode("utf-8-sig"), object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise NotAReceipt(f"it is not JSON: {error}") from error
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise NotAReceipt(f"it does not say that its format is {FORMAT}")
    document = _record(found, _DOCUMENT, "the document")
    community_id = document["community_id"]
    return Receipt(
        community_id=community_id,
        transaction=_read_transaction(document["transaction"]),
        accounts=[_read_account(each, community_id) for each in document["accounts"]],
        blocks=[
            Block(community_id=community_id, **_record(each, _BLOCK, "a block"))
            for each in document["blocks"]
        ],
    )


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse a name that stands twice: a person and a program could read different values."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a field stands twice")
    return found


def _read_transaction(value: object) -> SealedTransaction:
    found = _record(value, _TRANSACTION, "the transaction")
    legs = tuple(Leg(**_record(each, _LEG, "a leg")) for each in found["legs"])
    return SealedTransaction(
        id=found["id"],
        draft=Draft(legs=legs, **{name: found[name] for name in _REQUEST}),
        links=Links(**{name: found[name] for name in Links._fields}),
        recorded_at=found["recorded_at"],
        request_hash=found["request_hash"],
        content_hash=found["content_hash"],
        place=_read_place(found["place"]),
    )


def _read_account(value: object, community_id: UUID) -> SealedAccount:
    found = _record(value, _ACCOUNT, "an account")
    content_hash, place = found.pop("content_hash"), _read_place(found.pop("place"))
    return SealedAccount(AccountFacts(community_id=community_id, **found), content_hash, place)


def _read_place(value: object) -> Place:
    found = _record(value, _PLACE, "a place")
    return Place(found["sequence"], found["block_no"], found["path"])


Reading = Callable[[Any], Any]


def _record(value: object, fields: dict[str, Reading], name: str) -> dict[str, Any]:
    """Return the fields of a record, each read; there are no others."""
    if not isinstance(value, dict):
        raise NotAReceipt(f"{name} is no record")
    for field in sorted(fields.keys() ^ value.keys()):
        raise NotAReceipt(f"{name}: {'no' if field in fields else 'unknown'} field {field!a}")
    found = {}
    for field, reading in fields.items():
        try:
            found[field] = reading(value[field])
        except NotAReceipt:
            raise
        except (ValueError, TypeError, AttributeError, OverflowError) as error:
            raise NotAReceipt(f"{name}: {field} cannot be read") from error
    return found


def _written_so(value: Any, text: object) -> Any:
    """Return the value if the text is the one way to write it."""
    if _value(value) != text:
        raise ValueError(text)
    return value


def _key(text: Any) -> UUID:
    found: UUID = _written_so(UUID(text), text)
    return found


def _moment(text: Any) -> datetime:
    found: datetime = _written_so(datetime.fromisoformat(text), text)
    if found.utcoffset() != timedelta():
        raise ValueError(text)
    return found


def _day(text: Any) -> date:
    found: date = _written_so(date.fromisoformat(text), text)
    return found


def _digest(text: Any) -> bytes:
    found: bytes = _written_so(bytes.fromhex(text), text)
    if len(found) != DIGEST_LENGTH:
        raise ValueError(text)
    return found


def _digests(value: Any) -> list[bytes]:
    return [_digest(each) for each in _list(value)]


def _text(value: Any) -> str:
    value.encode()  # half a pair of surrogates has no bytes
    return str(value)


def _number(value: Any) -> int:
    if type(value) is not int or abs(value) > NUMBER_MAX:
        raise ValueError(value)
    return value


def _truth(value: Any) -> bool:
    if type(value) is not bool:
        raise ValueError(value)
    return value


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise ValueError(value)
    return value


def _record_itself(value: Any) -> Any:
    return value


def _or_none(reading: Reading) -> Reading:
    return lambda value: None if value is None else reading(value)


_REQUEST: Final[dict[str, Reading]] = {
    "kind": _text,
    "occurred_on": _day,
    "idempotency_key": _text,
    "actor": _text,
    "source": _text,
    "narration": _text,
}
_TRANSACTION: Final[dict[str, Reading]] = {
    **_REQUEST,
    "id": _key,
    "recorded_at": _moment,
    "reverses_id": _or_none(_key),
    "resolves_id": _or_none(_key),
    "expires_at": _or_none(_moment),
    "legs": _list,
    "request_hash": _digest,
    "content_hash": _digest,
    "place": _record_itself,
}
_LEG: Final[dict[str, Reading]] = {
    "account_id": _key,
    "amount_minor": _number,
    "is_pending": _truth,
}
_ACCOUNT: Final[dict[str, Reading]] = {
    "id": _key,
    "code": _text,
    "commodity": _text,
    "is_bounded": _truth,
    "floor_minor": _or_none(_number),
    "ceiling_minor": _or_none(_number),
    "opened_at": _moment,
    "content_hash": _digest,
    "place": _record_itself,
}
_PLACE: Final[dict[str, Reading]] = {"sequence": _number, "block_no": _number, "path": _digests}
_BLOCK: Final[dict[str, Reading]] = {
    "block_no": _number,
    "first_sequence": _number,
    "last_sequence": _number,
    "merkle_root": _digest,
    "previous_hash": _digest,
    "block_hash": _digest,
    "sealed_at": _moment,
}
_DOCUMENT: Final[dict[str, Reading]] = {
    "format": _text,
    "community_id": _key,
    "transaction": _record_itself,
    "accounts": _list,
    "blocks": _list,
}
