"""Duty rosters as Excel files: one sheet of shifts, one of minutes.

Every text is written as a string, never as a formula, so a name that begins with = stays a name.
"""

from io import BytesIO
from typing import Final

from xlsxwriter import Workbook
from xlsxwriter.worksheet import Worksheet

from timebank.duty.board import Board
from timebank.duty.models import Roster
from web.i18n import _, time_range, weekday

MEDIA_TYPE: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_WIDTHS: Final = (12, 6, 14, 24, 18, 40, 8)


def roster_file(roster: Roster, shown: Board) -> bytes:
    """Return a roster as the bytes of an .xlsx file, in the reader's language."""
    file = BytesIO()
    with Workbook(file, {"in_memory": True}) as book:
        bold = book.add_format({"bold": True, "bottom": 1})
        book.set_properties({"title": roster.title})
        shifts = book.add_worksheet(_("Shifts"))
        heads = (
            *(_("Day"), _("Weekday"), _("Time"), _("Service")),
            *(_("Site"), _("On the shift"), _("Missing")),
        )
        _heads(shifts, heads, bold)
        _write_shifts(shifts, shown)
        shares = book.add_worksheet(_("Minutes"))
        _heads(shares, (_("Number"), _("Name"), _("Shifts"), _("Minutes")), bold)
        for place, share in enumerate(shown.shares, start=1):
            shares.write_string(place, 0, share.member.volunteer_number)
            shares.write_string(place, 1, share.member.name)
            shares.write_number(place, 2, share.shift_count)
            shares.write_number(place, 3, share.minutes)
    return file.getvalue()


def _heads(sheet: Worksheet, heads: tuple[str, ...], bold: object) -> None:
    for place, head in enumerate(heads):
        sheet.write_string(0, place, head, bold)
        sheet.set_column(place, place, _WIDTHS[place])
    sheet.freeze_panes(1, 0)
    sheet.set_landscape()
    sheet.set_paper(9)  # A4
    sheet.repeat_rows(0)


def _write_shifts(sheet: Worksheet, shown: Board) -> None:
    place = 0
    for week in shown.weeks:
        for day, of_day in week.rows.items():
            for cell in (each for cells in of_day.values() for each in cells):
                place += 1
                slot, occasion = cell.line.slot, cell.line.occasion
                names = "、".join(seat.post.member.name for seat in cell.seats)
                texts = (
                    *(day.isoformat(), weekday(day), time_range(slot.starts_at, slot.ends_at)),
                    *(occasion.title, cell.line.site_name),
                    _("called off") if cell.is_cancelled else names,
                )
                for column, text in enumerate(texts):
                    sheet.write_string(place, column, text)
                sheet.write_number(place, len(texts), cell.missing_count)
