"""The chain: blocks and sequences without a gap, each block over its items and behind the last one.

Words: the *head* is the last block that was found whole; a *checkpoint* is a head that was found
whole earlier; an *anchor* is a head that somebody wrote down outside the database. Whoever rewrites
a book so that it agrees with itself cannot rewrite an anchor.
"""

from collections.abc import Iterable, Iterator
from itertools import groupby
from operator import itemgetter
from typing import Final, NamedTuple

from ledger import merkle
from ledger.findings import UNREADABLE, Finding
from ledger.records import Block
from ledger.seal import GENESIS, NOTHING, Head, block_hash
from ledger.verification.book import Book
from ledger.verification.rows import Raw, Row

_COLUMNS: Final = (
    "block_no, first_sequence, last_sequence, merkle_root, previous_hash, block_hash,"
    " MOMENT(sealed_at)"
)
_BLOCKS: Final = f"""
SELECT {_COLUMNS} FROM ledger_seal_block
 WHERE community_id = :book AND block_no BETWEEN :first AND :last ORDER BY block_no
"""  # noqa: S608  # names of columns
_BEYOND: Final = """
SELECT block_no FROM ledger_seal_block WHERE community_id = :book AND block_no > :last
 ORDER BY block_no
"""
_ONE: Final = """
SELECT block_hash FROM ledger_seal_block WHERE community_id = :book AND block_no = :block_no
"""
_OTHERWISE_NUMBERED: Final = """
SELECT block_no FROM ledger_seal_block WHERE community_id = :book AND block_no < 1
"""


class Anchor(NamedTuple):
    """A head as it was written down."""

    block_no: int
    block_hash: bytes


class StoredBlock(NamedTuple):
    """A block, its moment raw."""

    block_no: int
    first_sequence: int
    last_sequence: int
    merkle_root: bytes
    previous_hash: bytes
    block_hash: bytes
    sealed_at: Raw


class Chain:
    """The walk along the chain of a book."""

    def __init__(self, book: Book, start: Head = NOTHING) -> None:
        """Begin behind a head that was found whole."""
        self._book = book
        self._last = start

    @property
    def head(self) -> Head:
        """Return the last block that was gone through."""
        return self._last

    def check(self, items: list[Row]) -> Iterator[Finding]:
        """Check the blocks of a range of items.

        Args:
            items: fields of a `ledger.verification.headers.Header` each: whole blocks, by sequence.
        """
        first, last = self._last.block_no + 1, max(row[2] for row in items)
        stored = {
            row[0]: StoredBlock(*row)
            for row in self._book.rows.read(_BLOCKS, first=first, last=last)
        }
        for block_no, rows in groupby(items, key=itemgetter(2)):
            while stored and min(stored) < block_no:
                yield from self._block(stored.pop(min(stored)), [])
            block = stored.pop(block_no, None)
            if block is None:
                yield self._finding(block_no, "It has items and is not there, or not in its place.")
            else:
                yield from self._block(block, list(rows))

    def finish(self) -> Iterator[Finding]:
        """Check that nothing stands behind the last item."""
        for (block_no,) in self._book.rows.read(_BEYOND, last=self._last.block_no):
            yield self._finding(block_no, "It has no items.")

    def _block(self, block: StoredBlock, items: list[Row]) -> Iterator[Finding]:
        problems = list(self._problems(block, items))
        if problems:
            yield self._finding(block.block_no, " ".join(problems))
        self._last = Head(block.block_no, block.last_sequence, block.block_hash)

    def _problems(self, block: StoredBlock, items: list[Row]) -> Iterator[str]:
        last = self._last
        if block.block_no != last.block_no + 1:
            yield f"The block before it is {last.block_no}."
        if block.previous_hash != last.block_hash:
            yield f"It does not name the hash of block {last.block_no}."
        expected = range(last.last_sequence + 1, last.last_sequence + len(items) + 1)
        if not items or (block.first_sequence, block.last_sequence) != (expected[0], expected[-1]):
            yield (
                f"It counts the places {block.first_sequence} to {block.last_sequence} and has"
                f" {len(items)} items behind place {last.last_sequence}."
            )
        if [row[1] for row in items] != list(expected):
            yield "Its items do not follow one another."
        if items and merkle.root([row[4] for row in items]) != block.merkle_root:
            yield "Its Merkle root is not that of its items."
        if not self._is_hashed(block):
            yield "Its hash is not that of its fields."

    def _is_hashed(self, block: StoredBlock) -> bool:
        try:
            sealed_at = self._book.rows.datetime(block.sealed_at)
        except UNREADABLE:
            return False
        plain = Block(self._book.community_id, *block[:6], sealed_at)
        return block_hash(plain) == block.block_hash

    def _finding(self, block_no: int, message: str) -> Finding:
        return Finding("block_differs", f"block:{block_no}", message, self._book.suspect(block_no))


def check_anchors(book: Book, anchors: Iterable[Anchor]) -> Iterator[Finding]:
    """Every head that was written down is still in the chain."""
    for anchor in anchors:
        if stored_hashes(book, anchor.block_no) != [anchor.block_hash]:
            yield Finding(
                "anchor_missing",
                f"block:{anchor.block_no}",
                f"Block {anchor.block_no} had the hash {anchor.block_hash.hex()} when it was"
                " written down, and it has not any more.",
                book.suspect(anchor.block_no),
            )


def stored_hashes(book: Book, block_no: int) -> list[bytes]:
    """Return the hash of a block as it stands in the chain: none, where it is not there."""
    if block_no == 0:
        return [GENESIS]
    return [row[0] for row in book.rows.read(_ONE, block_no=block_no)]


def check_numbers(book: Book) -> Iterator[Finding]:
    """No block stands in front of the first one."""
    for (block_no,) in book.rows.read(_OTHERWISE_NUMBERED):
        yield Finding(
            "block_differs", f"block:{block_no}", "Blocks count from 1.", book.suspect(block_no)
        )


def first_bad_block(book: Book) -> Iterator[Finding]:
    """Name the first block that holds something wrong."""
    number = book.bad_block_no
    if number is not None:
        yield Finding(
            "first_bad_block",
            f"block:{number}",
            f"Up to block {number - 1} the chain and what it sealed are whole;"
            f" block {number} is the first that is not.",
            {"block_no": number},
        )
