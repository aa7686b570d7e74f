"""The statements of a month as an Excel file: units, income and balance of money, funds, projects.

Every text is written as a string, never as a formula; money is a number with two decimals.
"""

from decimal import Decimal
from io import BytesIO
from typing import Any, Final

from xlsxwriter import Workbook
from xlsxwriter.worksheet import Worksheet

from timebank.commons.fund_statements import FundStatement
from timebank.commons.statements import Books
from web.fund_words import UNITS
from web.i18n import _, say
from web.statement_rows import (
    Row,
    fund_heads,
    fund_rows,
    money_rows,
    project_rows,
    section_heads,
    section_rows,
)

MEDIA_TYPE: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
FEN: Final = 100
NOT_IN_A_NAME: Final = "[]:*?/\\'"
NAME_LENGTH_MAX: Final = 31
"""Of a sheet, says Excel."""
_FIRST_WIDTH: Final = 42


class _Sheets:
    """A workbook that is written sheet by sheet."""

    def __init__(self, book: Workbook) -> None:
        self.book = book
        self.bold = book.add_format({"bold": True, "bottom": 1})
        self.money = book.add_format({"num_format": "#,##0.00"})
        self.whole = book.add_format({"num_format": "#,##0"})

    def write(self, name: str, heads: tuple[str, ...], rows: list[Row]) -> None:
        """Write one sheet."""
        place = len(self.book.worksheets()) + 1
        plain = "".join(" " if char in NOT_IN_A_NAME else char for char in name)
        sheet = self.book.add_worksheet(f"{place} {plain}"[:NAME_LENGTH_MAX].strip())
        sheet.set_column(0, 0, _FIRST_WIDTH)
        sheet.set_column(1, len(heads), 14)
        sheet.freeze_panes(1, 1)
        sheet.set_landscape()
        sheet.set_paper(9)  # A4
        for place, head in enumerate(heads):
            sheet.write_string(0, place, head, self.bold)
        for line, row in enumerate(rows, start=1):
            self._row(sheet, line, row)

    def _row(self, sheet: Worksheet, line: int, row: Row) -> None:
        sheet.write_string(line, 0, row.name)
        for place, minor in enumerate(row.figures, start=1):
            if row.is_money:
                sheet.write_number(line, place, Decimal(minor) / FEN, self.money)
            else:
                sheet.write_number(line, place, minor, self.whole)


def statement_file(books: Books, fund: FundStatement) -> bytes:
    """Return the statements of a month as the bytes of an .xlsx file, in the reader's language."""
    file = BytesIO()
    options: dict[str, Any] = {"in_memory": True, "strings_to_formulas": False}
    with Workbook(file, options) as book:
        title = f"{books.first_on:%Y-%m}"
        book.set_properties({"title": title})
        sheets = _Sheets(book)
        sheets.write(_("Money"), (title, _("Amount")), money_rows(books.money, fund.names))
        sheets.write(_("Funds"), (title, *fund_heads()), fund_rows(fund))
        sheets.write(
            _("Projects"), (title, _("Budget"), _("Spent"), _("Still left")), project_rows(fund)
        )
        for section in books.sections:
            unit = say(UNITS[section.commodity], {}) if section.commodity in UNITS else ""
            name = f"{unit or section.commodity} {section.category}".strip()
            heads = (name, *section_heads())
            sheets.write(name, heads, section_rows(section, fund.names))
    return file.getvalue()
