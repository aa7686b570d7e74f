"""Transactions: hash, legs, sums and place of each one, in one walk over headers and legs.

This is where the time of a full check goes: two hashes and some ten comparisons for each
transaction. So the rows come straight from the driver, what is the same in many transactions is
made into bytes once, and a closer look is taken only at what is not as it should be.

`ledger.hashing` is the definition of the hashes; a test holds both equal.
"""

from collections.abc import Iterator
from hashlib import sha256
from typing import Final

from ledger.findings import UNREADABLE, Finding
from ledger.hashing import LAYERS, VERSION, integer_bytes, length_bytes
from ledger.schema import HOLD_RESOLUTIONS, NARRATION_LENGTH_MAX, ItemKind, TransactionKind
from ledger.verification import places
from ledger.verification.book import Book
from ledger.verification.headers import Header, Linked, StoredLeg
from ledger.verification.periods import Periods
from ledger.verification.rows import Raw, Row, Rows

_LENGTHS: Final = [length_bytes(length) for length in range(4 * NARRATION_LENGTH_MAX + 1)]
_NOTHING: Final = _LENGTHS[0]
_KEY, _MOMENT, _HASH = _LENGTHS[16], _LENGTHS[8], _LENGTHS[32]
_NO_LINKS: Final = VERSION + 3 * _NOTHING
_CACHED_COUNT_MAX: Final = 10_000
_PENDING: Final = "pending "
_TRANSACTION: Final = str(ItemKind.TRANSACTION)
_HOLDING: Final = {str(kind) for kind in (TransactionKind.HOLD, *HOLD_RESOLUTIONS)}


class Hasher:
    """Works out the hashes of transactions from raw rows."""

    def __init__(self, rows: Rows) -> None:
        """Stand on a reader, which knows how its raw values are read."""
        self._rows = rows
        self._bytes_of, self._moment = rows.bytes_of, rows.moment
        self._start = VERSION + _KEY + rows.community_id.bytes + _KEY
        self._texts: dict[str, bytes] = {}
        self._days: dict[Raw, tuple[bytes, str]] = {}

    def hashes(self, header: Row, day_and_legs: list[bytes]) -> tuple[bytes, bytes]:
        """Return request hash and content hash.

        Args:
            header: fields of a `Header`.
            day_and_legs: what the hash takes of the day, then of each leg, each piece with its
                length in front; a leg may be cut into several.

        Raises:
            ValueError: a value cannot be read.
        """
        (
            key, _, _, _, _, kind, _, _, recorded_at, reverses_id, resolves_id,
            expires_at, idempotency_key, _, _, actor, source, narration,
        ) = header  # fmt: skip
        framed = self._texts.get
        own_key, own_source = idempotency_key.encode(), source.encode()
        day_and_legs[:1] = (
            self._links(reverses_id, resolves_id, expires_at)
            if reverses_id or resolves_id or expires_at
            else _NO_LINKS,
            framed(kind) or self._framed(kind),
            day_and_legs[0],
            _LENGTHS[len(own_key)],
            own_key,
            framed(actor) or self._framed(actor),
            _LENGTHS[len(own_source)],
            own_source,
            framed(narration) or self._framed(narration),
        )
        request = sha256(b"".join(day_and_legs)).digest()
        own = (
            self._start, self._bytes_of(key), _MOMENT, self._moment(recorded_at), _HASH, request
        )  # fmt: skip
        return request, sha256(b"".join(own)).digest()

    def day(self, raw: Raw) -> tuple[bytes, str]:
        """Return what the hash takes of a day, and its month."""
        found = self._days.get(raw)
        if found is None:
            if len(self._days) > _CACHED_COUNT_MAX:
                self._days.clear()
            day = self._rows.day(raw)
            found = self._days[raw] = (self._framed(day), day[:7])
        return found

    def _links(self, reverses_id: Raw, resolves_id: Raw, expires_at: Raw) -> bytes:
        pieces = [VERSION]
        for key in (reverses_id, resolves_id):
            pieces.append(_NOTHING if key is None else _KEY + self._bytes_of(key))
        pieces.append(_NOTHING if expires_at is None else _MOMENT + self._moment(expires_at))
        return b"".join(pieces)

    def _framed(self, text: str) -> bytes:
        if len(self._texts) > _CACHED_COUNT_MAX:
            self._texts.clear()
        encoded = text.encode()
        framed = self._texts[text] = length_bytes(len(encoded)) + encoded
        return framed


class Entries:
    """The walk over the transactions of a book."""

    def __init__(self, book: Book, periods: Periods) -> None:
        """Stand on a book whose accounts and acts are loaded."""
        self._book = book
        self._periods = periods
        self._hasher = Hasher(book.rows)
        self._accounts = book.accounts

    def check(self, headers: list[Row], legs: list[Row], linked: list[Linked]) -> Iterator[Finding]:
        """Check a range of places.

        Args:
            headers: fields of a `Header` each, in the order of their places.
            legs: fields of a `StoredLeg` each, in the same order, by number.
            linked: where holds, resolutions and reversals are added, to be looked at together.
        """
        position, end = 0, len(legs)
        for header in headers:
            key, kind = header[0], header[5]
            start = position
            while position < end and legs[position][0] == key:
                position += 1
            if kind is None:
                yield from places.check_other(self._book, Header(*header))
                continue
            mine = legs[start:position]
            self._book.item_count += 1
            self._book.posting_count += len(mine)
            if header[9] or header[10] or kind == TransactionKind.HOLD:
                linked.append((Header(*header), [StoredLeg(*leg) for leg in mine]))
            try:
                if not self._is_well(header, mine):
                    yield from self._look(Header(*header), [StoredLeg(*leg) for leg in mine])
            except UNREADABLE as met:
                yield _finding(self._book, Header(*header), "unreadable", f"Unreadable: {met}")

    def _is_well(self, header: Row, legs: list[Row]) -> bool:
        """Add the legs to the sums, and return whether nothing calls for a closer look."""
        accounts = self._accounts
        block_no, kind, leg_count = header[2], header[5], header[6]
        day, month = self._hasher.day(header[7])
        is_well, pending_count = len(legs) == leg_count, 0
        frames = [day]
        sums: dict[str, int] = {}
        for place, (_, leg_no, counted, account_id, amount_minor, is_pending) in enumerate(legs):
            account = accounts.get(account_id) or self._book.ghost(account_id)
            layer = account.commodity
            frames += (account.frame, integer_bytes(amount_minor), LAYERS[is_pending])
            if leg_no != place or counted != leg_count or not layer:
                is_well = False
            if is_pending:
                account.pending_minor += amount_minor
                pending_count += 1
                layer = _PENDING + layer
            elif block_no is None:
                account.add_waiting(amount_minor)
            else:
                account.add_sealed(month, amount_minor)
            sums[layer] = sums.get(layer, 0) + amount_minor
        request_hash, content_hash = self._hasher.hashes(header, frames)
        return (
            is_well
            and content_hash == header[14]
            and request_hash == header[13]
            and not any(sums.values())
            and (pending_count == 0 if kind not in _HOLDING else self._is_layered(header, legs))
            and self._is_placed(header)
        )

    def _is_layered(self, header: Row, legs: list[Row]) -> bool:
        return _is_in_layer(Header(*header), [StoredLeg(*leg) for leg in legs])

    def _is_placed(self, header: Row) -> bool:
        """Return whether the seal says the same, and the day was open."""
        if header[2] is None:
            places.waits_since(self._book, header[8])
        elif header[3] != _TRANSACTION or header[4] != header[14]:
            return False
        return self._periods.is_empty or self._periods.is_kept(header)

    def _look(self, header: Header, legs: list[StoredLeg]) -> Iterator[Finding]:
        """Say what is wrong with a transaction."""
        book = self._book
        if not _are_numbered(header, legs):
            yield _finding(
                book, header, "legs_missing",
                f"The header counts {header.leg_count} legs, {len(legs)} are there.",
                leg_count=header.leg_count, found_count=len(legs),
            )  # fmt: skip
        yield from self._look_at_accounts(header, legs)
        if not _is_in_layer(header, legs):
            yield _finding(
                book, header, "layer_differs", "A hold has pending legs only, a post has none."
            )
        frames = [self._hasher.day(header.occurred_on)[0]]
        frames += [
            piece
            for leg in legs
            for piece in (
                (book.accounts.get(leg.account_id) or book.ghost(leg.account_id)).frame,
                integer_bytes(leg.amount_minor),
                LAYERS[leg.is_pending],
            )
        ]
        hashes = self._hasher.hashes(header, frames)
        if hashes != (header.request_hash, header.content_hash):
            yield _finding(
                book, header, "content_changed",
                "The stored fields do not give the stored hash: something was changed.",
            )  # fmt: skip
        yield from places.check_sealed(book, header, header.content_hash, ItemKind.TRANSACTION)
        if not self._periods.is_kept(header):
            yield _finding(
                book, header, "in_closed_period",
                f"It is dated {book.rows.day(header.occurred_on)}, and the books were closed"
                " through that day when it was recorded.",
            )  # fmt: skip

    def _look_at_accounts(self, header: Header, legs: list[StoredLeg]) -> Iterator[Finding]:
        sums: dict[str, dict[bool, int]] = {}
        for leg in legs:
            account = self._book.accounts.get(leg.account_id)
            if account is None:
                yield Finding(
                    "posting_without_account",
                    f"posting:{self._book.rows.name(header.id)}/{leg.leg_no}",
                    "The posting has no account.",
                    self._book.suspect(header.block_no),
                )
                continue
            layers = sums.setdefault(account.commodity, {False: 0, True: 0})
            layers[bool(leg.is_pending)] += leg.amount_minor
        for commodity, layers in sums.items():
            for sum_minor in layers.values():
                if sum_minor:
                    yield _finding(
                        self._book, header, "unbalanced",
                        f"The {commodity} legs sum to {sum_minor}, not to zero.",
                        commodity=commodity, sum_minor=sum_minor,
                    )  # fmt: skip


def _are_numbered(header: Header, legs: list[StoredLeg]) -> bool:
    return len(legs) == header.leg_count and all(
        leg.leg_no == place and leg.leg_count == header.leg_count for place, leg in enumerate(legs)
    )


def _is_in_layer(header: Header, legs: list[StoredLeg]) -> bool:
    if header.kind in HOLD_RESOLUTIONS:
        return True
    return all(bool(leg.is_pending) == (header.kind == TransactionKind.HOLD) for leg in legs)


def _finding(book: Book, header: Header, code: str, message: str, **details: object) -> Finding:
    return Finding(
        code,
        f"transaction:{book.rows.name(header.id)}",
        message,
        {**details, **book.suspect(header.block_no)},
    )
