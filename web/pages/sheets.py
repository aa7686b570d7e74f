"""The paper sheet of an occasion: typed in row by row, as it lies beside the keyboard."""

from collections.abc import Mapping
from typing import Final
from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from timebank.actors import Permission
from timebank.contributions import Provenance
from timebank.errors import Refusal
from timebank.service import roster, sheets
from timebank.service.errors import WrongLine
from timebank.service.roster import Roster
from timebank.service.sheets import SheetLine
from web.auth import allow, current_actor
from web.i18n import N_, ngettext, said, say
from web.session import begin, reading

blueprint = Blueprint("sheets", __name__, url_prefix="/lead")

RUN: Final = Permission.RUN_OCCASION
EMPTY_ROWS: Final = 5
"""Rows for walk-ins, on the paper and here."""
CLOCK_LENGTH_MAX: Final = 5
PERSON_LENGTH_MAX: Final = 60
Answer = Response | str | tuple[str, int]


@blueprint.get("/<uuid:occasion_id>/sheet")
@allow(RUN)
def show(occasion_id: UUID) -> str:
    """Show the rows of the paper sheet, to be typed in."""
    return _page(occasion_id, {})


@blueprint.post("/<uuid:occasion_id>/sheet")
@allow(RUN)
def enter(occasion_id: UUID) -> Answer:
    """Write the rows in, all of them or none; somebody else confirms them."""
    sent = request.form.to_dict()
    try:
        with begin() as session:
            shown = roster.roster(session, current_actor(), occasion_id)
            lines = _lines(shown, sent)
            made = sheets.enter(session, current_actor(), occasion_id=occasion_id, lines=lines)
            by_hand = sum(row.provenance is Provenance.BACK_FILLED for row in made)
            left = len(made) - by_hand
    except Refusal as refusal:
        if refusal.status in {403, 404}:
            raise
        return _page(occasion_id, sent, *_said(refusal)), refusal.status
    if left:
        told = ngettext(
            "One time of leaving is written in.",
            "%(count)s times of leaving are written in.",
            left,
            count=left,
        )
        flash(told, "ok")
    if by_hand:
        told = ngettext(
            "One row is written in. Somebody else has to confirm it.",
            "%(count)s rows are written in. Somebody else has to confirm them.",
            by_hand,
            count=by_hand,
        )
        flash(told, "wait")
    return redirect(url_for("leader.confirm_list", occasion_id=occasion_id))


def _lines(shown: Roster, sent: Mapping[str, str]) -> list[SheetLine]:
    """Return the rows in which something was typed."""
    listed = shown.by_number
    lines = []
    for number in range(1, len(listed) + EMPTY_ROWS + 1):
        come, go = (_typed(sent, name, number, CLOCK_LENGTH_MAX) for name in ("come", "go"))
        known = listed[number - 1].member.volunteer_number if number <= len(listed) else ""
        volunteer = known or _typed(sent, "number", number, PERSON_LENGTH_MAX)
        if come or go or (volunteer and not known):
            lines.append(SheetLine(number, volunteer, come, go))
    return lines


def _typed(sent: Mapping[str, str], name: str, number: int, length_max: int) -> str:
    return sent.get(f"{name}-{number}", "").strip()[:length_max]


def _said(refusal: Refusal) -> tuple[str, int]:
    """Return what stands in the way, and the row of the paper; 0 is none."""
    cause = refusal.__cause__
    if isinstance(refusal, WrongLine) and isinstance(cause, Refusal):
        sentence = N_("Row %(number)s: %(problem)s")
        row = int(refusal.details["number"])
        return say(sentence, {"problem": said(cause), "number": row}), row
    return say(N_("Nothing was typed in."), {}), 0


def _page(occasion_id: UUID, sent: Mapping[str, str], problem: str = "", wrong_row: int = 0) -> str:
    with reading() as session:
        shown = roster.roster(session, current_actor(), occasion_id)
    return render_template(
        "leader/sheet.html",
        line=shown.line,
        rows=shown.by_number,
        empty_rows=EMPTY_ROWS,
        sent=sent,
        problem=problem,
        wrong_row=wrong_row,
    )
