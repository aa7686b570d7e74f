"""Cash as it lies in a hand: notes and coins, counted by kind.

Words: a *face* is a kind of note or coin; a *count* says how many pieces there are of each.

Invariant: a count is worth the sum of its pieces, in whole fen; the database checks the same sum.
"""

from collections.abc import Mapping
from typing import Final

from timebank.shop.cash_errors import CountInvalid

FACES: Final[dict[str, int]] = {
    "yuan_100": 10_000,
    "yuan_50": 5_000,
    "yuan_20": 2_000,
    "yuan_10": 1_000,
    "yuan_5": 500,
    "yuan_1": 100,
    "jiao_5": 50,
    "jiao_1": 10,
    "fen_1": 1,
}
"""What each note or coin is worth, in fen; the largest first."""
PIECES_MAX: Final = 9_999
"""Of one face, in one count."""

Count = Mapping[str, int]
"""Pieces by face; a face that is left out has none."""


def worth_fen(count: Count) -> int:
    """Return what a count is worth.

    Raises:
        CountInvalid: cash_count_invalid, a face that is none, or pieces out of range.
    """
    is_right = count.keys() <= FACES.keys() and all(
        0 <= pieces <= PIECES_MAX for pieces in count.values()
    )
    if not is_right:
        raise CountInvalid(pieces_max=PIECES_MAX)
    return sum(FACES[face] * pieces for face, pieces in count.items())


def whole_count(count: Count) -> dict[str, int]:
    """Return the count with every face named."""
    return {face: count.get(face, 0) for face in FACES}


def fewest_pieces(amount_fen: int) -> dict[str, int]:
    """Return an amount as a count, in the largest notes and coins.

    Args:
        amount_fen: 0 or more.
    """
    assert amount_fen >= 0, "nobody holds less than nothing"
    count = {}
    for face, worth in FACES.items():
        count[face], amount_fen = divmod(amount_fen, worth)
    return count


def yuan(amount_fen: int) -> str:
    """Return an amount as people write it, such as 12.50, for a sentence."""
    sign = "−" if amount_fen < 0 else ""
    return f"{sign}{abs(amount_fen) // 100}.{abs(amount_fen) % 100:02d}"
