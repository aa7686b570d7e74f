"""Tables as CSV files that a spreadsheet opens rightly.

UTF-8 with BOM, and no cell that could run as a formula.
"""

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Final

from flask import Response

BOM: Final = "\ufeff"
FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r")


def csv_response(name: str, header: Sequence[str], rows: Iterable[Sequence[object]]) -> Response:
    """Return a CSV file for download.

    Args:
        name: ASCII file name, such as `members.csv`.
        header: the column titles, in the reader's language.
        rows: the cells; text that begins like a formula gets an apostrophe in front.
    """
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(header)
    writer.writerows([_harmless(cell) for cell in row] for row in rows)
    response = Response(BOM + file.getvalue(), content_type="text/csv; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _harmless(cell: object) -> object:
    if isinstance(cell, str) and cell.startswith(FORMULA_STARTS):
        return "'" + cell
    return cell
