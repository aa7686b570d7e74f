"""The worth of the stock as an Excel file: by category, and every kind."""

from decimal import Decimal
from io import BytesIO
from typing import Any, Final

from xlsxwriter import Workbook
from xlsxwriter.worksheet import Worksheet

from timebank.shop.valuation import Valuation, Worth
from web.i18n import _

MEDIA_TYPE: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
FEN_PER_YUAN: Final = 100


def valuation_file(valuation: Valuation) -> bytes:
    """Return the file in the reader's language; every figure is a number, every text a text."""
    file = BytesIO()
    with Workbook(file, {"in_memory": True, "strings_to_formulas": False}) as book:
        bold = book.add_format({"bold": True, "bottom": 1})
        money = book.add_format({"num_format": "0.00"})
        total = book.add_worksheet(_("By category"))
        _heads(total, (_("Category"), _("Pieces"), _("Worth (points)"), _("Worth (yuan)")), bold)
        rows = [*valuation.by_category.items(), (_("In all"), valuation.total)]
        for place, (name, worth) in enumerate(rows, start=1):
            total.write_string(place, 0, name or _("without category"))
            _worth(total, (place, 1), worth, money)
        kinds = book.add_worksheet(_("Goods"))
        heads = (_("Number"), _("Goods"), _("Category"), _("Shelf place"))
        worths = (_("Pieces"), _("Worth (points)"), _("Worth (yuan)"))
        _heads(kinds, heads + worths, bold)
        for place, valued in enumerate(valuation.items, start=1):
            kinds.write_number(place, 0, valued.item.number)
            texts = (valued.item.name, valued.item.category, valued.item.shelf)
            for column, text in enumerate(texts, start=1):
                kinds.write_string(place, column, text)
            _worth(kinds, (place, len(heads)), valued.worth, money)
    return file.getvalue()


def _heads(sheet: Worksheet, heads: tuple[str, ...], bold: Any) -> None:
    for place, head in enumerate(heads):
        sheet.write_string(0, place, head, bold)
        sheet.set_column(place, place, 16)
    sheet.freeze_panes(1, 0)


def _worth(sheet: Worksheet, at: tuple[int, int], worth: Worth, money: Any) -> None:
    row, column = at
    sheet.write_number(row, column, worth.pieces)
    sheet.write_number(row, column + 1, worth.points)
    sheet.write_number(row, column + 2, Decimal(worth.fen) / FEN_PER_YUAN, money)
