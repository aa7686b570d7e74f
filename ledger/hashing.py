"""Hashes that anybody can recompute from the stored book, the same on every database.

Binary form: a version byte, then every field as four bytes of length (big-endian) and its bytes.
Text is UTF-8, a UUID its 16 bytes (none: empty), a date its ISO text, a moment its microseconds
since 1970 and an amount its value as eight signed bytes.

The *request hash* covers what the caller asked for; the *content hash* covers the book, the
identity and the moment of the transaction and, through the request hash, everything else. So one
changed byte anywhere changes the content hash.
"""

import struct
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from uuid import UUID

from ledger.records import Draft

VERSION = b"\x01"
_POSTED_LAYER = b"\x00"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_length = struct.Struct(">I").pack
_integer = struct.Struct(">q").pack


def request_hash(draft: Draft, reverses_id: UUID | None = None) -> bytes:
    """Return the SHA-256 of every field of a draft, its legs in their order.

    Args:
        draft: what was asked for.
        reverses_id: the transaction that it mirrors, or None.
    """
    fields = [
        reverses_id.bytes if reverses_id else b"",
        b"",  # the hold that it resolves
        draft.kind.encode(),
        draft.occurred_on.isoformat().encode(),
        draft.idempotency_key.encode(),
        draft.actor.encode(),
        draft.source.encode(),
        draft.narration.encode(),
    ]
    for account_id, amount_minor in draft.legs:
        fields.append(account_id.bytes + _integer(amount_minor) + _POSTED_LAYER)
    return _digest(fields)


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
    microseconds = (recorded_at - _EPOCH) // _MICROSECOND
    return _digest([community_id.bytes, transaction_id.bytes, _integer(microseconds), request])


def _digest(fields: Iterable[bytes]) -> bytes:
    framed = [VERSION]
    for field in fields:
        framed.append(_length(len(field)))
        framed.append(field)
    return sha256(b"".join(framed)).digest()
