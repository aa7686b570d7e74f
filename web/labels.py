"""Labels of goods as a PDF: an A4 sheet of 24 or a roll of 40 x 30 mm.

Each label carries the name, what it costs, a barcode of ten digits for the till's scanner and a QR
code that any phone opens.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any, Final

import typst

from timebank.codes import goods_digits
from timebank.shop.models import Item
from web.i18n import _, language, points, yuan
from web.pdf import fonts, standing_alone
from web.qr import code128_svg, qr_svg

TEMPLATE: Final = Path(__file__).parent / "templates" / "goods" / "labels.typ"
LABELS_MAX: Final = 480
"""Twenty sheets."""


class Layout(StrEnum):
    """What the printer holds."""

    SHEET = "sheet"
    ROLL = "roll"


@dataclass(frozen=True, slots=True)
class Wanted:
    """So many labels of one kind of goods."""

    item: Item
    count: int


def labels_pdf(
    wanted: Sequence[Wanted], *, layout: Layout, community_code: str, base_url: str, on: date
) -> bytes:
    """Return the labels in the reader's language, as many of each as are wanted.

    Args:
        wanted: at most 480 labels in all.
        layout: sheet or roll.
        community_code: of the shop, for the QR code.
        base_url: public address of this system.
        on: the day printed into the file's own description.
    """
    assert sum(each.count for each in wanted) <= LABELS_MAX, "a print job has its limit"
    pictures: dict[str, str] = {}
    labels: list[dict[str, Any]] = []
    for each in wanted:
        label = _label(each.item)
        pictures |= _pictures(each.item, label, f"{base_url}/G/{community_code}".upper())
        labels += [label] * each.count
    page = {
        "title": _("Labels"),
        "layout": layout.value,
        "lang": language(),
        "on": [on.year, on.month, on.day],
        "host": base_url.partition("://")[2],
        "labels": labels,
    }
    made = typst.compile(
        _template(),
        font_paths=fonts(),
        ignore_system_fonts=True,
        format="pdf",
        sys_inputs={
            "data": json.dumps(page, ensure_ascii=False),
            "pictures": json.dumps(pictures, ensure_ascii=False),
        },
    )
    assert isinstance(made, bytes), "one document, one file"
    return made


def _label(item: Item) -> dict[str, Any]:
    prices = [
        *([points(item.price_points)] if item.price_points is not None else []),
        *([yuan(item.price_fen)] if item.price_fen is not None else []),
    ]
    made_by = _("made by %(name)s", name=item.maker_name) if item.maker_name else ""
    return {
        "name": item.name,
        "maker": made_by,
        "prices": prices,
        "digits": goods_digits(item.number),
        "qr": f"qr-{item.number}",
        "bars": f"bars-{item.number}",
    }


def _pictures(item: Item, label: dict[str, Any], address: str) -> dict[str, str]:
    return {
        label["qr"]: standing_alone(qr_svg(f"{address}-{item.number}", label=item.name)),
        label["bars"]: standing_alone(code128_svg(label["digits"], label=label["digits"])),
    }


@cache
def _template() -> bytes:
    return TEMPLATE.read_bytes()
