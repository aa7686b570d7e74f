"""The day sheet on paper: A4, Chinese with small English, lines for two signatures.

Typst sets the page from `templates/till_days/sheet.typ`; what it says goes in as data, never as
markup. The same sheet gives the same bytes.
"""

import json
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import typst

from timebank.people.models import Community
from timebank.shop.cash import FACES
from timebank.shop.day_sheet import DaySheet, ReturnRow
from web.i18n import yuan_figure
from web.pdf import fonts, short_digest

TEMPLATE: Final = Path(__file__).parent / "templates" / "till_days" / "sheet.typ"


def day_sheet_pdf(sheet: DaySheet, community: Community) -> bytes:
    """Return the PDF of a closed day.

    Args:
        sheet: of a day that was closed.
        community: whose name stands on it, and whose clock its times are.
    """
    assert sheet.standing.closing is not None, "only a closed day has a sheet on paper"
    made = typst.compile(
        _template(),
        font_paths=fonts(),
        ignore_system_fonts=True,
        format="pdf",
        sys_inputs={"data": json.dumps(_content(sheet, community), ensure_ascii=False)},
        pdf_standards="a-2b",
    )
    assert isinstance(made, bytes), "one document, one file"
    return made


def _content(sheet: DaySheet, community: Community) -> dict[str, Any]:
    day, papers = sheet.standing.day, sheet.papers
    return {
        "community": community.name,
        "community_en": community.name_en,
        "till_number": day.till_number,
        "day_on": day.day_on.isoformat(),
        "agrees": sheet.agrees,
        "receipts": [sheet.receipt_count, sheet.first_receipt, sheet.last_receipt],
        "points": [papers.points_taken, papers.points_given],
        "goods": [
            [row.item_number, row.item_name, row.out_count, row.in_count] for row in sheet.goods
        ],
        "returns": [_returned(row, ZoneInfo(community.time_zone)) for row in sheet.returns],
        **_people(sheet, ZoneInfo(community.time_zone)),
        **_cash(sheet),
    }


def _people(sheet: DaySheet, zone: ZoneInfo) -> dict[str, str]:
    """Return who opened, closed and signed, and the head of the book when it was signed."""
    standing = sheet.standing
    closing, signature = standing.closing, standing.signature
    assert closing is not None, "the day is closed"
    return {
        "opened": f"{standing.opened_by} {_moment(standing.day.opened_at, zone)}",
        "closed": f"{standing.closed_by} {_moment(closing.closed_at, zone)}",
        "signed": f"{standing.signed_by} {_moment(signature.signed_at, zone)}" if signature else "",
        "closer": standing.closed_by,
        "signer": standing.signed_by if signature else "",
        "head": short_digest(signature.head_digest) if signature else "",
    }


def _cash(sheet: DaySheet) -> dict[str, Any]:
    day, closing = sheet.standing.day, sheet.standing.closing
    assert closing is not None, "the day is closed"
    amounts = {
        "float": day.float_fen,
        "sales": sheet.papers.sales_fen,
        "returns": -sheet.papers.returns_fen,
        "expected": closing.expected_fen,
        "counted": closing.counted_fen,
        "difference": closing.difference_fen,
        "takings": closing.takings_fen,
        "left": closing.left_fen,
    }
    return {
        "cash": {name: yuan_figure(fen) for name, fen in amounts.items()},
        "reason": closing.difference_reason,
        "opening_difference": yuan_figure(day.difference_fen) if day.difference_fen else "",
        "opening_reason": day.difference_reason,
        "count": [
            [face, pieces, yuan_figure(pieces * FACES[face])]
            for face, pieces in closing.count.items()
            if pieces
        ],
    }


def _returned(row: ReturnRow, zone: ZoneInfo) -> list[Any]:
    return [
        row.receipt_number,
        f"{row.refunded_at.astimezone(zone):%H:%M}",
        row.reason,
        row.piece_count,
        row.points_back,
        yuan_figure(row.fen_back),
        row.clerk,
    ]


def _moment(moment: datetime, zone: ZoneInfo) -> str:
    return f"{moment.astimezone(zone):%Y-%m-%d %H:%M}"


@cache
def _template() -> bytes:
    return TEMPLATE.read_bytes()
