"""A file of goods as an old system would give it: deterministic, any number of kinds.

`python -m tests.shop.sample_goods 400 > goods.csv` writes one.
"""

import csv
import io
import sys
from datetime import date, timedelta

FIRST_DAY = date(2026, 1, 5)
HEAD = (
    *("key", "name", "category", "condition", "shelf", "price_points", "price_yuan", "basis"),
    *("pieces", "date"),
)
KINDS = ("围巾", "毛线帽", "杯垫", "布袋", "虎头鞋", "香囊", "中国结", "手套", "坐垫", "风铃")
COLOURS = ("红", "蓝", "绿", "黄", "紫", "灰", "白", "黑")
CATEGORIES = ("编织", "布艺", "纸艺", "陶艺")
CONDITIONS = ("new", "good", "fair")
PIECES_MIN = 30


def sample_goods(count: int) -> bytes:
    """Return so many kinds; each third is sold for money too, each seventh for money alone."""
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(HEAD)
    for place in range(1, count + 1):
        points = "" if place % 7 == 0 else 2 + place * 5 % 38
        yuan = f"{3 + place % 20}.{place % 10}0" if place % 3 == 0 or place % 7 == 0 else ""
        colour, kind = COLOURS[place % len(COLOURS)], KINDS[place * 3 % len(KINDS)]
        writer.writerow(
            (
                *(f"OLD-{place:05d}", f"{colour}{kind} {place}", CATEGORIES[place % 4]),
                *(CONDITIONS[place % 3], f"{'ABCD'[place % 4]}{1 + place % 5}", points, yuan),
                *("council_price", PIECES_MIN + place % 50),
                (FIRST_DAY + timedelta(days=place % 28)).isoformat(),
            )
        )
    return file.getvalue().encode()


if __name__ == "__main__":
    sys.stdout.buffer.write(sample_goods(int(sys.argv[1])))
