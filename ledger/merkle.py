"""Merkle trees as RFC 6962 draws them: what a block commits to, and the path that proves one leaf.

A leaf is hashed behind a zero byte and a node behind a one, so that neither passes for the other;
the left half of a tree holds the largest power of two below its size.
"""

from hashlib import sha256


def root(leaves: list[bytes]) -> bytes:
    """Return the root over at least one leaf.

    Worked out level by level, which is the same tree: a node that has nothing on its right goes up
    as it is.
    """
    assert leaves, "a tree has a leaf"
    level = [sha256(b"\x00" + leaf).digest() for leaf in leaves]
    while len(level) > 1:
        last = level[-1:] if len(level) % 2 else []
        pairs = zip(level[::2], level[1::2], strict=False)
        level = [sha256(b"\x01" + left + right).digest() for left, right in pairs] + last
    return level[0]


def path(leaves: list[bytes], index: int) -> list[bytes]:
    """Return the hashes beside the way from a leaf to the root, from the bottom up.

    Args:
        leaves: of the tree.
        index: of the leaf, from 0.
    """
    assert 0 <= index < len(leaves), "the leaf is in the tree"
    if len(leaves) == 1:
        return []
    middle = _left_size(len(leaves))
    if index < middle:
        return [*path(leaves[:middle], index), root(leaves[middle:])]
    return [*path(leaves[middle:], index - middle), root(leaves[:middle])]


def root_of_path(leaf: bytes, index: int, count: int, beside: list[bytes]) -> bytes | None:
    """Return the root that a leaf and its path lead to; None when no tree has such a path.

    Args:
        leaf: what was sealed.
        index: its place in the tree, from 0.
        count: leaves of the tree.
        beside: as `path` gave it.
    """
    if not 0 <= index < count:
        return None
    if count == 1:
        return _leaf(leaf) if not beside else None
    if not beside:
        return None
    middle = _left_size(count)
    if index < middle:
        below = root_of_path(leaf, index, middle, beside[:-1])
        return None if below is None else _node(below, beside[-1])
    below = root_of_path(leaf, index - middle, count - middle, beside[:-1])
    return None if below is None else _node(beside[-1], below)


def _left_size(count: int) -> int:
    """Return the largest power of two that is smaller than `count`."""
    return 1 << (count - 1).bit_length() - 1


def _leaf(leaf: bytes) -> bytes:
    return sha256(b"\x00" + leaf).digest()


def _node(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right).digest()
