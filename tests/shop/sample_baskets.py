"""A made-up shop of another system: its goods and its receipts as files, and what they add up to.

`python -m tests.shop.sample_baskets FOLDER [BASKETS [KINDS [MEMBERS]]]` writes `goods.csv` and
`baskets.csv`. The same numbers give the same files. What the book must say afterwards is worked out
here in plain Python from the file alone, and knows nothing of the rules.
"""

import csv
import io
import random
import sys
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

FIRST_DAY = date(2026, 1, 5)
BASKETS_PER_DAY = 20
PIECES = 400
POINTS_PER_DAY = 60
"""Less than any community allows, and less than what asks for a PIN."""
RETURNED_OF_HUNDRED = 6
CASH_OF_HUNDRED = 55
GOODS = ("key", "name", "price_points", "price_yuan", "basis", "pieces", "date")
BASKETS = (*("basket", "at", "till", "member", "item", "quantity", "pays_with", "price", "reason"),)


@dataclass
class Sums:
    """What a file of receipts adds up to."""

    points_by_day: Counter[date] = field(default_factory=Counter)
    fen_by_day: Counter[tuple[date, int]] = field(default_factory=Counter)
    pieces_out: Counter[str] = field(default_factory=Counter)
    receipts: set[str] = field(default_factory=set)
    returns: set[tuple[str, str]] = field(default_factory=set)


def goods_file(kinds: int) -> str:
    """Return the goods, all priced and on the shelf on the first day."""
    rows = [
        (
            f"S{number:04d}",
            f"样品{number:04d}",
            3 + number % 9,
            f"{2 + number % 7}.{number % 10}0",
            "market_estimate",
            PIECES,
            (FIRST_DAY - timedelta(days=1)).isoformat(),
        )
        for number in range(1, kinds + 1)
    ]
    return _csv(GOODS, rows)


def baskets_file(baskets: int, kinds: int, members: int) -> str:
    """Return receipts and returns, in no order of theirs; half of them in cash.

    Args:
        baskets: how many are sold.
        kinds: as in the goods.
        members: volunteers V0001 up to this one.
    """
    chance = random.Random(f"{baskets}:{kinds}:{members}")  # made-up receipts
    rows: list[tuple[object, ...]] = []
    spent: Counter[tuple[date, int]] = Counter()
    for number in range(1, baskets + 1):
        day = FIRST_DAY + timedelta(days=number // BASKETS_PER_DAY)
        at = datetime.combine(day, datetime.min.time()) + timedelta(
            hours=9, minutes=20 * (number % BASKETS_PER_DAY)
        )
        rows += _basket(chance, f"R{number:06d}", at, kinds, (members, spent))
    return _csv(BASKETS, rows)


def sums_of(content: str) -> Sums:
    """Add a file of receipts up, row by row."""
    prices = {row["key"]: row for row in csv.DictReader(io.StringIO(goods_file(9_999)))}
    sums = Sums()
    for row in csv.DictReader(io.StringIO(content)):
        quantity, day = int(row["quantity"]), date.fromisoformat(row["at"][:10])
        goods = prices[row["item"]]
        if row["pays_with"] == "points":
            sums.points_by_day[day] += quantity * int(goods["price_points"])
        else:
            fen = int(Decimal(goods["price_yuan"]) * 100)
            sums.fen_by_day[day, int(row["till"])] += quantity * fen
        sums.pieces_out[row["item"]] += quantity
        if quantity > 0:
            sums.receipts.add(row["basket"])
        else:
            sums.returns.add((row["basket"], row["at"]))
    return sums


def _basket(
    chance: random.Random,
    key: str,
    at: datetime,
    kinds: int,
    people: tuple[int, Counter[tuple[date, int]]],
) -> list[tuple[object, ...]]:
    """Return the rows of one basket, sometimes with a return an hour later."""
    members, spent = people
    member = chance.randint(1, members)
    sold: defaultdict[tuple[int, str], int] = defaultdict(int)
    for number in sorted(chance.sample(range(1, kinds + 1), chance.randint(1, 3))):
        quantity, points = chance.randint(1, 2), 3 + number % 9
        is_cash = chance.randrange(100) < CASH_OF_HUNDRED
        if not is_cash and spent[at.date(), member] + quantity * points > POINTS_PER_DAY:
            is_cash = True
        if not is_cash:
            spent[at.date(), member] += quantity * points
        sold[number, "cash" if is_cash else "points"] += quantity
    has_points = any(way == "points" for _, way in sold)
    who = f"V{member:04d}" if has_points else ""
    till = 1 + chance.randrange(2)
    rows: list[tuple[object, ...]] = [
        (key, f"{at:%Y-%m-%d %H:%M}", till, who, f"S{number:04d}", quantity, way, "", "")
        for (number, way), quantity in sold.items()
    ]
    if chance.randrange(100) < RETURNED_OF_HUNDRED:
        later = at + timedelta(minutes=7)
        number, way = next(iter(sold))
        moment = f"{later:%Y-%m-%d %H:%M}"
        rows.append((key, moment, till, who, f"S{number:04d}", -1, way, "", "有瑕疵"))
    return rows


def _csv(heads: tuple[str, ...], rows: Sequence[tuple[object, ...]]) -> str:
    file = io.StringIO(newline="")
    writer = csv.writer(file)
    writer.writerow(heads)
    writer.writerows(rows)
    return file.getvalue()


def main(folder: str, baskets: str = "2000", kinds: str = "300", members: str = "40") -> None:
    """Write both files."""
    target = Path(folder)
    target.joinpath("goods.csv").write_text(goods_file(int(kinds)), encoding="utf-8")
    content = baskets_file(int(baskets), int(kinds), int(members))
    target.joinpath("baskets.csv").write_text(content, encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
