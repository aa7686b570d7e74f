"""The empty Excel file of a consignment, with its columns and the words that they take."""

from io import BytesIO
from typing import Final

from xlsxwriter import Workbook

from timebank.shop.consignments import FILE_COLUMNS, ROWS_MAX
from timebank.shop.goods_rows import COLUMNS
from web.i18n import _, is_chinese

MEDIA_TYPE: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
WIDTH: Final = 14
_WORDS: Final = {
    "condition": (("new", "good", "fair"), ("全新", "良好", "一般")),
    "single": (("yes", "no"), ("是", "否")),
    "choice": (("donate", "exchange"), ("捐赠", "兑换")),
}


def template_file() -> bytes:
    """Return the file in the reader's language: headings, and lists to choose from."""
    place_of_language = 1 if is_chinese() else 0
    file = BytesIO()
    with Workbook(file, {"in_memory": True, "strings_to_formulas": False}) as book:
        bold = book.add_format({"bold": True, "bottom": 1})
        sheet = book.add_worksheet(_("Goods"))
        for place, key in enumerate(FILE_COLUMNS):
            sheet.write_string(0, place, COLUMNS[key][place_of_language], bold)
            sheet.set_column(place, place, WIDTH)
            if key in _WORDS:
                words = list(_WORDS[key][place_of_language])
                sheet.data_validation(
                    1, place, ROWS_MAX, place, {"validate": "list", "source": words}
                )
        sheet.freeze_panes(1, 0)
        notes = book.add_worksheet(_("How to fill this in"))
        notes.set_column(0, 0, 100)
        for row, text in enumerate(_notes()):
            notes.write_string(row, 0, text)
    return file.getvalue()


def _notes() -> list[str]:
    return [
        _("One row for each kind of goods; at most %(rows_max)s rows.", rows_max=ROWS_MAX),
        _("Give the number of goods that are there already, or the name of new ones."),
        _("Write values, no formulas, and merge no cells. Only the first sheet is read."),
        _("Prices are set afterwards, never by the maker; the file has no column for them."),
        _("Exchange needs goods that have a price already."),
    ]
