"""Merkle trees: every leaf of every small tree is proven by its path, and by nothing else."""

from hashlib import sha256

import pytest

from ledger import merkle

SIZES = range(1, 41)


def _leaves(count: int) -> list[bytes]:
    return [sha256(bytes([number])).digest() for number in range(count)]


def _changed(digest: bytes) -> bytes:
    return bytes([digest[0] ^ 1]) + digest[1:]


def test_the_tree_is_that_of_rfc_6962() -> None:
    one, two, three = _leaves(3)
    first, second, third = (sha256(b"\x00" + leaf).digest() for leaf in (one, two, three))
    pair = sha256(b"\x01" + first + second).digest()

    assert merkle.root([one]) == first
    assert merkle.root([one, two, three]) == sha256(b"\x01" + pair + third).digest()


@pytest.mark.parametrize("count", SIZES)
def test_every_leaf_is_proven_by_its_path(count: int) -> None:
    leaves = _leaves(count)
    root = merkle.root(leaves)

    found = [
        merkle.root_of_path(leaf, index, count, merkle.path(leaves, index))
        for index, leaf in enumerate(leaves)
    ]

    assert found == [root] * count


@pytest.mark.parametrize("count", SIZES)
def test_no_other_proof_leads_to_the_root(count: int) -> None:
    leaves = _leaves(count)
    root = merkle.root(leaves)
    for index, leaf in enumerate(leaves):
        beside = merkle.path(leaves, index)
        wrong = [
            (_changed(leaf), index, count, beside),
            (leaf, index, count, [*beside, leaf]),
            *((leaf, place, count, beside) for place in range(-1, count + 1) if place != index),
            *(
                (leaf, index, count, [*beside[:n], _changed(beside[n]), *beside[n + 1 :]])
                for n in range(len(beside))
            ),
            *((leaf, index, count, beside[:n]) for n in range(len(beside))),
            *((leaf, index, count, beside[n:]) for n in range(1, len(beside))),
        ]

        assert [each for each in wrong if merkle.root_of_path(*each) == root] == []


def test_a_node_does_not_pass_for_a_leaf() -> None:
    leaves = _leaves(4)
    node = b"".join(sha256(b"\x00" + leaf).digest() for leaf in leaves[:2])

    assert merkle.root_of_path(node, 0, 2, [merkle.root(leaves[2:])]) != merkle.root(leaves)


def test_two_trees_of_the_same_leaves_differ_by_their_order() -> None:
    leaves = _leaves(5)

    assert merkle.root(leaves) != merkle.root(leaves[::-1])
    assert merkle.root(leaves) != merkle.root(leaves[:4])
