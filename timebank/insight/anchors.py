"""Anchors read back: heads that were written down, one a line, as `sealing.anchors` gives them."""

from collections.abc import Iterable

from ledger.verification import Anchor

HASH_LENGTH = 32


def read_anchors(lines: Iterable[str]) -> dict[str, tuple[Anchor, ...]]:
    """Return the anchors of a file by the code of their community.

    Args:
        lines: `code block_no block_hash_hex sealed_at`, where the code is a community's or the name
            of a bare book, spaces and all; empty lines are passed over.

    Raises:
        ValueError: a line is no anchor; the message names it.
    """
    found: dict[str, tuple[Anchor, ...]] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            code, block_no, block_hash, _sealed_at = line.rsplit(maxsplit=3)
            anchor = Anchor(int(block_no), bytes.fromhex(block_hash))
        except ValueError:
            anchor = None
        if anchor is None or len(anchor.block_hash) != HASH_LENGTH:
            raise ValueError(f"line {number} is no anchor: code, block number, hash, moment")
        found[code] = (*found.get(code, ()), anchor)
    return found
