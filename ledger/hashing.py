"""Hashes that anybody can recompute from the stored book, the same on every database.

Binary form: a version byte, then every field as four bytes of length (big-endian) and its bytes.
Text is UTF-8, a UUID its 16 bytes, a date its ISO text, a moment its microseconds since 1970 and a
number its value, both as eight signed bytes; what is absent is empty.

The *request hash* covers what the caller asked for; the *content hash* of a transaction covers the
book, the identity and the moment and, through the request hash, everything else. So one changed
byte anywhere changes the content hash. Accounts, acts and blocks have a first field that says what
they are; no transaction begins with it, since there stand sixteen bytes.
"""

import struct
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from uuid import UUID

from ledger.records import AccountFacts, ActFacts, Draft, Links

VERSION = b"\x01"
LAYERS = (b"\x00", b"\x01")
"""Posted, pending."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_NO_LINKS = Links()
length_bytes = struct.Struct(">I").pack
integer_bytes = struct.Struct(">q").pack

Field = UUID | str | int | bytes | date | datetime | None


def request_hash(draft: Draft, links: Links = _NO_LINKS) -> bytes:
    """Return the SHA-256 of every field of a draft, its legs in their order."""
    fields = [
        *(_form(link) for link in links),
        draft.kind.encode(),
        draft.occurred_on.isoformat().encode(),
        draft.idempotency_key.encode(),
        draft.actor.encode(),
        draft.source.encode(),
        draft.narration.encode(),
    ]
    for account_id, amount_minor, is_pending in draft.legs:
        fields.append(account_id.bytes + integer_bytes(amount_minor) + LAYERS[is_pending])
    return framed_hash(fields)


def content_hash(
    community_id: UUID, transaction_id: UUID, recorded_at: datetime, request: bytes
) -> bytes:
    """Return the SHA-256 that a seal commits to.

    Args:
        community_id: the book.
        transaction_id: the transaction.
        recorded_at: aware, exact to the microsecond.
        request: its request hash.
    """
    return framed_hash([community_id.bytes, transaction_id.bytes, _form(recorded_at), request])


def account_hash(facts: AccountFacts) -> bytes:
    """Return the content hash of an account, its bounds included."""
    return hash_of("account", *facts)


def act_hash(facts: ActFacts) -> bytes:
    """Return the content hash of an act."""
    return hash_of("act", *facts)


def hash_of(*fields: Field) -> bytes:
    """Return the SHA-256 of fields of any kind; the first one says what they are."""
    return framed_hash(_form(field) for field in fields)


def framed_hash(fields: Iterable[bytes]) -> bytes:
    """Return the SHA-256 of fields that are bytes already."""
    framed = [VERSION]
    for field in fields:
        framed.append(length_bytes(len(field)))
        framed.append(field)
    return sha256(b"".join(framed)).digest()


def _form(field: Field) -> bytes:
    match field:
        case None:
            return b""
        case bytes():
            return field
        case UUID():
            return field.bytes
        case datetime():
            return integer_bytes((field - EPOCH) // _MICROSECOND)
        case date():
            return field.isoformat().encode()
        case int():
            return integer_bytes(field)
        case str():
            return field.encode()
