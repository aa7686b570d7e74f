"""Tables that people hand in: CSV or Excel, read whole, every cell that cannot be taken named.

Words: a *column* is known by its names in Chinese and English; a *row* is numbered as the program
shows it (1 is the heading); a cell is *refused* with its row, its column, a stable code and a
sentence.

Invariants: numbers stay exact (12.0 of a spreadsheet is 12; 0.1 + 0.2 is refused where two decimals
are wanted); a formula, a merged cell and an error are never taken for what they show; a file that
unpacks to far more than it weighs is not opened.
"""

import csv
import io
import re
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

from python_calamine import CalamineError, CalamineSheet, CalamineWorkbook

from ledger.errors import N_

FILE_MEGABYTES_MAX: Final = 8
UNPACKED_MEGABYTES_MAX: Final = 64
MEGABYTE: Final = 1024 * 1024
CELL_LENGTH_MAX: Final = 2_000
COLUMNS_MAX: Final = 60
FIRST_ROW: Final = 2
_ZIP_MAGIC: Final = b"PK\x03\x04"
_ENCODINGS: Final = ("utf-8-sig", "gb18030")
"""What spreadsheets in China write as CSV."""
_FORMULA: Final = re.compile(
    rb'<(?:\w+:)?c\b[^>]*?\br="([A-Z]{1,3})([0-9]{1,7})"[^>]*>\s*<(?:\w+:)?f[\s/>]'
)
_FIRST_SHEET: Final = re.compile(rb"<(?:\w+:)?sheet\b[^>]*?\b\w+:id=\"([^\"]+)\"")
_CONTROLS: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")

Value = str | int | Decimal | date
"""What a cell holds; an empty cell holds nothing."""


@dataclass(frozen=True, slots=True)
class RefusedCell:
    """What cannot be taken.

    Args:
        row: as the program numbers it; 0 is the file as a whole.
        column: its name in the file; may be empty.
        code: stable.
        template: msgid of the sentence.
        details: facts of the sentence.
    """

    row: int
    column: str
    code: str
    template: str
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def reason(self) -> str:
        """The sentence in English."""
        return self.template % self.details if self.details else self.template


@dataclass(frozen=True, slots=True)
class Row:
    """One row that is not empty, by the keys of its columns."""

    number: int
    values: Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class Table:
    """A file as it was read: rows, names of the columns as they stand there, what was refused."""

    rows: Sequence[Row]
    names: Mapping[str, str]
    refused: Sequence[RefusedCell]


class _Unreadable(Exception):
    """The file as a whole cannot be taken."""

    def __init__(self, code: str, template: str, **details: Any) -> None:
        self.refused = RefusedCell(0, "", code, template, details)
        super().__init__(code)


def read_table(
    content: bytes,
    *,
    columns: Mapping[str, Sequence[str]],
    required: Sequence[str],
    rows_max: int,
    keeps_times: bool = False,
) -> Table:
    """Read a CSV or Excel file.

    Args:
        content: the file; what it is, is seen by its first bytes.
        columns: key to the names under which a column may stand, in any case.
        required: keys of columns that must be there.
        rows_max: most rows that are taken; more are refused as a whole.
        keeps_times: whether a day with a time is given with it; otherwise as the day alone.
    """
    try:
        if len(content) > FILE_MEGABYTES_MAX * MEGABYTE:
            raise _Unreadable(
                "file_too_large",
                N_("The file has more than %(megabytes_max)s MB."),
                megabytes_max=FILE_MEGABYTES_MAX,
            )
        is_excel = content.startswith(_ZIP_MAGIC)
        grid = _excel(content) if is_excel else _csv(content)
        table = _table(grid, columns, required, rows_max)
        return table if keeps_times else _without_times(table)
    except _Unreadable as unreadable:
        return Table((), {}, (unreadable.refused,))


# ---------------------------------------------------------------- grids


@dataclass(slots=True)
class _Grid:
    """Cells as they came, and the places that are not what they show."""

    cells: list[list[Any]]
    formulas: set[tuple[int, int]] = field(default_factory=set)
    merged: set[tuple[int, int]] = field(default_factory=set)


def _csv(content: bytes) -> _Grid:
    for encoding in _ENCODINGS:
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        try:
            return _Grid(list(csv.reader(io.StringIO(text, newline=""), strict=True)))
        except csv.Error as error:
            raise _Unreadable(
                "quoting_invalid", N_("The quotation marks of this file do not match.")
            ) from error
    raise _Unreadable(
        "not_text", N_("This is neither an Excel file (.xlsx) nor a CSV file in UTF-8 or GB18030.")
    )


def _excel(content: bytes) -> _Grid:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            unpacked = sum(part.file_size for part in packed.infolist())
            if unpacked > UNPACKED_MEGABYTES_MAX * MEGABYTE:
                raise _Unreadable(
                    "file_too_large",
                    N_("The file has more than %(megabytes_max)s MB."),
                    megabytes_max=UNPACKED_MEGABYTES_MAX,
                )
            formulas = _formulas(packed)
        sheet = CalamineWorkbook.from_filelike(io.BytesIO(content)).get_sheet_by_index(0)
        cells = sheet.to_python(skip_empty_area=False)
    except (zipfile.BadZipFile, CalamineError, KeyError, IndexError, ValueError) as error:
        raise _Unreadable(
            "file_damaged", N_("This Excel file cannot be opened. Please save it anew as .xlsx.")
        ) from error
    return _Grid(cells, formulas, _merged(sheet))


def _formulas(packed: zipfile.ZipFile) -> set[tuple[int, int]]:
    """Return the places of formulas on the first sheet, counted from 0."""
    first = _FIRST_SHEET.search(packed.read("xl/workbook.xml"))
    if first is None:
        return set()
    named = re.escape(first[1])
    relations = packed.read("xl/_rels/workbook.xml.rels")
    for tag in re.findall(rb"<Relationship\b[^>]*>", relations):
        if re.search(rb'\bId="' + named + b'"', tag):
            target = re.search(rb'\bTarget="/?(?:xl/)?([^"]+)"', tag)
            assert target is not None, "a relation has a target"
            text = packed.read(f"xl/{target[1].decode()}")
            return {(int(row) - 1, _place(letters)) for letters, row in _FORMULA.findall(text)}
    return set()


def _place(letters: bytes) -> int:
    """Return 0 for A, 26 for AA."""
    place = 0
    for letter in letters:
        place = place * 26 + letter - ord("A") + 1
    return place - 1


def _merged(sheet: CalamineSheet) -> set[tuple[int, int]]:
    """Return the places inside merged ranges, as far as a table goes."""
    places: set[tuple[int, int]] = set()
    for (top, left), (bottom, right) in sheet.merged_cell_ranges or ():
        for row in range(top, min(bottom, top + 100_000) + 1):
            places.update((row, column) for column in range(left, min(right, COLUMNS_MAX) + 1))
    return places


# ---------------------------------------------------------------- rows


def _table(
    grid: _Grid, columns: Mapping[str, Sequence[str]], required: Sequence[str], rows_max: int
) -> Table:
    if not grid.cells or all(_is_empty(cell) for cell in grid.cells[0]):
        raise _Unreadable(
            "file_empty", N_("The file holds no row. The first one names the columns.")
        )
    keys = _keys(grid.cells[0], columns, required)
    filled = [
        (number, cells)
        for number, cells in enumerate(grid.cells[1:], start=FIRST_ROW)
        if not all(_is_empty(cell) for cell in cells)
    ]
    if not filled:
        raise _Unreadable(
            "file_empty", N_("The file holds no row. The first one names the columns.")
        )
    if len(filled) > rows_max:
        raise _Unreadable(
            "too_many_rows",
            N_("The file has %(rows)s rows, at most %(rows_max)s are taken at once."),
            rows=len(filled),
            rows_max=rows_max,
        )
    names = {key: str(grid.cells[0][place]).strip() for place, key in keys.items()}
    refused: list[RefusedCell] = []
    rows = [
        Row(number, dict(_values(grid, number, cells, keys, refused))) for number, cells in filled
    ]
    return Table(rows, names, refused)


def _keys(
    head: list[Any], columns: Mapping[str, Sequence[str]], required: Sequence[str]
) -> dict[int, str]:
    """Return which column stands where."""
    known = {name.casefold(): key for key, names in columns.items() for name in names}
    found: dict[int, str] = {}
    for place, cell in enumerate(head[:COLUMNS_MAX]):
        name = str(cell).strip()
        if not name:
            continue
        key = known.get(name.casefold())
        if key is None or key in found.values():
            raise _Unreadable(
                "header_invalid",
                N_("Column “%(name)s” is not known here, or stands there twice."),
                name=name[:40],
            )
        found[place] = key
    missing = [columns[key][0] for key in required if key not in found.values()]
    if missing:
        raise _Unreadable("header_invalid", N_("Column “%(name)s” is missing."), name=missing[0])
    return found


def _values(  # the cells of one row, and where they stand
    grid: _Grid,
    number: int,
    cells: list[Any],
    keys: Mapping[int, str],
    refused: list[RefusedCell],
) -> Iterator[tuple[str, Value]]:
    for place, key in keys.items():
        cell = cells[place] if place < len(cells) else ""
        problem = _problem(grid, (number - 1, place), cell)
        if problem is not None:
            name = str(grid.cells[0][place]).strip()
            refused.append(RefusedCell(number, name, *problem))
        elif not _is_empty(cell):
            yield key, _plain(cell)


def _problem(grid: _Grid, place: tuple[int, int], cell: Any) -> tuple[str, str] | None:
    if place in grid.formulas:
        return "is_formula", N_("This is a formula. Please paste its value.")
    if place in grid.merged:
        return "is_merged", N_("This cell is merged with others. Please split it.")
    if isinstance(cell, str) and (len(cell) > CELL_LENGTH_MAX or _CONTROLS.search(cell)):
        return "text_invalid", N_("This text is too long or holds control characters.")
    if isinstance(cell, str | int | float | date):
        return None
    return "value_invalid", N_("This cell holds a time or an error, not a value.")


def _without_times(table: Table) -> Table:
    """Return the table with days for moments."""

    def day(value: Value) -> Value:
        return value.date() if isinstance(value, datetime) else value

    rows = [
        Row(row.number, {key: day(value) for key, value in row.values.items()})
        for row in table.rows
    ]
    return Table(rows, table.names, table.refused)


def _is_empty(cell: Any) -> bool:
    return isinstance(cell, str) and not cell.strip()


def _plain(cell: Any) -> Value:
    """Return the exact value of a cell: 12 for 12.0."""
    if isinstance(cell, bool):
        return str(cell)
    if isinstance(cell, float):
        return int(cell) if cell.is_integer() else Decimal(repr(cell))
    if isinstance(cell, str):
        return cell.strip()
    value: Value = cell
    return value
