"""The till's day on the clerk's PC: count and open, count and close, sign, print the sheet.

The form of a count asks for the pieces of each note and coin and adds them up; a difference is told
with both numbers, and only then asked for its reason.
"""

from http import HTTPStatus
from typing import Any
from uuid import UUID

import marshmallow as ma
from flask import Blueprint, flash, make_response, redirect, render_template, url_for
from werkzeug.wrappers import Response

from timebank.actors import Permission
from timebank.chart import SAFE
from timebank.errors import Refusal
from timebank.people.organisations import get_community
from timebank.shop import till_days
from timebank.shop.cash import FACES, PIECES_MAX
from timebank.shop.cash_errors import TillStillOpen
from timebank.shop.day_sheet import read_sheet
from timebank.shop.drawers import drawer_fen, held_fen
from timebank.shop.models import NONCE_LENGTH_MAX, REASON_LENGTH_MAX
from timebank.shop.sale_models import TILL_NUMBER_MAX
from timebank.shop.till_days import Counting
from timebank.shop.till_standing import DayOfTill, find_current, list_days, read_day
from web.api import Args
from web.auth import allow, current_actor
from web.day_sheet import day_sheet_pdf
from web.fields import FEN_MAX, Text, WholeNumber, Yuan, label_of
from web.forms import Form
from web.i18n import N_, _, said, say, yuan_figure
from web.menu import Entry, Place
from web.pages.basket import new_nonce
from web.session import begin, reading
from web.till_number import NUMBERS, keep_number, this_till

DAYS_SHOWN = 60

blueprint = Blueprint("till_days", __name__, url_prefix="/till/days")

MENU = (
    Entry("till_days.days", N_("Till days"), "cash-stack", Permission.HANDLE_CASH, Place.DESK, 13),
)


def _pieces(label: str) -> WholeNumber:
    return WholeNumber(minimum=0, maximum=PIECES_MAX, load_default=0, metadata={"label": label})


class CountForm(Args):
    """The pieces of each note and coin, and what is said about a difference."""

    nonce = Text(required=True, length_min=1, length_max=NONCE_LENGTH_MAX)
    yuan_100 = _pieces(N_("100 yuan"))
    yuan_50 = _pieces(N_("50 yuan"))
    yuan_20 = _pieces(N_("20 yuan"))
    yuan_10 = _pieces(N_("10 yuan"))
    yuan_5 = _pieces(N_("5 yuan"))
    yuan_1 = _pieces(N_("1 yuan"))
    jiao_5 = _pieces(N_("5 jiao"))
    jiao_1 = _pieces(N_("1 jiao"))
    fen_1 = _pieces(N_("1 fen"))
    difference = WholeNumber(minimum=-FEN_MAX, maximum=FEN_MAX, load_default=0)
    reason = Text(length_max=REASON_LENGTH_MAX, load_default="", metadata={"label": N_("Reason")})


class CloseForm(CountForm):
    """The count at the end of a day."""

    left = Yuan(minimum=0, load_default=0, metadata={"label": N_("Stays in the drawer, in yuan")})


class NumberForm(Args):
    """Which till this PC is."""

    till = WholeNumber(required=True, minimum=1, maximum=TILL_NUMBER_MAX)


# ---------------------------------------------------------------- lists


@blueprint.get("/")
@allow(Permission.HANDLE_CASH)
def days() -> str:
    """List the days of all tills, those that are open or unsigned before the rest."""
    with reading() as book:
        listed = list_days(book, current_actor(), limit=DAYS_SHOWN)
    return render_template(
        "till_days/days.html",
        days=listed,
        till_number=this_till(),
        numbers=[(number, str(number)) for number in NUMBERS],
        may_keep=current_actor().may(Permission.KEEP_SHOP),
    )


@blueprint.post("/number")
@allow(Permission.KEEP_SHOP)
def choose_till() -> Response:
    """Keep which till this PC is."""
    form = Form.read(NumberForm)
    answer = redirect(url_for("till_days.days"), HTTPStatus.SEE_OTHER)
    if form.is_valid:
        flash(_("This PC is till %(number)s now.", number=form.data["till"]), "ok")
        keep_number(answer, form.data["till"])
    return answer


# ---------------------------------------------------------------- opening and closing


@blueprint.get("/open")
@allow(Permission.KEEP_SHOP)
def ask_opening() -> Response:
    """Ask for the count of the drawer; a day that stands open is led to instead."""
    return _opening(Form(CountForm, {"nonce": new_nonce()}))


@blueprint.post("/open")
@allow(Permission.KEEP_SHOP)
def open_day() -> Response:
    """Open today's day of this till."""
    form = Form.read(CountForm)
    if form.is_valid:
        try:
            with begin() as book:
                till_days.open_day(
                    book, current_actor(), till_number=this_till(), counting=_counting(form.data)
                )
        except Refusal as refusal:
            _refuse(form, refusal)
    if not form.is_valid:
        return _opening(form)
    flash(_("Till %(number)s is open.", number=this_till()), "ok")
    return redirect(url_for("clerk.counter"), HTTPStatus.SEE_OTHER)


@blueprint.get("/<uuid:till_day_id>/close")
@allow(Permission.KEEP_SHOP)
def ask_closing(till_day_id: UUID) -> Response:
    """Ask for the count at the end of the day."""
    with reading() as book:
        standing = read_day(book, current_actor(), day_id=till_day_id)
    if not standing.is_open:
        return redirect(url_for("till_days.day", till_day_id=till_day_id), HTTPStatus.SEE_OTHER)
    left = yuan_figure(standing.day.float_fen)
    return _closing(standing, Form(CloseForm, {"nonce": new_nonce(), "left": left}))


@blueprint.post("/<uuid:till_day_id>/close")
@allow(Permission.KEEP_SHOP)
def close_day(till_day_id: UUID) -> Response:
    """Close the day."""
    form = Form.read(CloseForm)
    if form.is_valid:
        try:
            with begin() as book:
                till_days.close_day(
                    book, current_actor(), day_id=till_day_id, counting=_counting(form.data)
                )
        except Refusal as refusal:
            _refuse(form, refusal)
    if not form.is_valid:
        with reading() as book:
            standing = read_day(book, current_actor(), day_id=till_day_id)
        return _closing(standing, form)
    flash(_("The day is closed. Now somebody else signs it."), "ok")
    return redirect(url_for("till_days.day", till_day_id=till_day_id), HTTPStatus.SEE_OTHER)


# ---------------------------------------------------------------- one day


@blueprint.get("/<uuid:till_day_id>")
@allow(Permission.HANDLE_CASH)
def day(till_day_id: UUID) -> str:
    """Show the sheet of one day: what moved, what was counted, by whom, and who signed."""
    actor = current_actor()
    with reading() as book:
        sheet = read_sheet(book, actor, day_id=till_day_id)
    closing = sheet.standing.closing
    return render_template(
        "till_days/day.html",
        sheet=sheet,
        faces=_faces(CountForm()),
        may_keep=actor.may(Permission.KEEP_SHOP),
        may_sign=closing is not None and closing.closed_by_id != actor.member_id,
    )


@blueprint.get("/<uuid:till_day_id>/sheet.pdf")
@allow(Permission.HANDLE_CASH)
def sheet_pdf(till_day_id: UUID) -> Response:
    """Return the sheet of a closed day on paper."""
    actor = current_actor()
    with reading() as book:
        sheet = read_sheet(book, actor, day_id=till_day_id)
        community = get_community(book, actor.community_id)
    if sheet.standing.closing is None:
        raise TillStillOpen(till_number=sheet.standing.day.till_number)
    answer = Response(day_sheet_pdf(sheet, community), content_type="application/pdf")
    day_on, number = sheet.standing.day.day_on, sheet.standing.day.till_number
    name = f"day-sheet-{day_on.isoformat()}-till-{number}.pdf"
    answer.headers["Content-Disposition"] = f'inline; filename="{name}"'
    return answer


@blueprint.post("/<uuid:till_day_id>/sign")
@allow(Permission.HANDLE_CASH)
def sign(till_day_id: UUID) -> Response:
    """Sign a closed day as the second person."""
    try:
        with begin() as book:
            till_days.sign_day(book, current_actor(), day_id=till_day_id)
    except Refusal as refusal:
        if refusal.status == HTTPStatus.NOT_FOUND:
            raise
        flash(said(refusal), "no")
    else:
        flash(_("Signed."), "ok")
    return redirect(url_for("till_days.day", till_day_id=till_day_id), HTTPStatus.SEE_OTHER)


# ---------------------------------------------------------------- leaves


def _opening(form: Form) -> Response:
    """Return the page that asks for the float; a day that stands in the way is led to."""
    number = this_till()
    with reading() as book:
        standing = find_current(book, current_actor(), till_number=number)
        left_fen = drawer_fen(book, current_actor(), number)
        safe_fen = held_fen(book, current_actor(), SAFE)
    page = render_template(
        "till_days/open.html",
        form=form,
        faces=_faces(form.schema),
        till_number=number,
        standing=standing,
        left_fen=left_fen,
        safe_fen=safe_fen,
    )
    return make_response(page, form.status)


def _closing(standing: DayOfTill, form: Form) -> Response:
    page = render_template(
        "till_days/close.html", form=form, faces=_faces(form.schema), standing=standing
    )
    return make_response(page, form.status)


def _faces(schema: ma.Schema) -> list[tuple[str, str, int]]:
    """Return name, label and worth in fen of each note and coin."""
    return [(face, say(label_of(schema.fields[face]), {}), worth) for face, worth in FACES.items()]


def _counting(sent: dict[str, Any]) -> Counting:
    return Counting(
        nonce=sent["nonce"],
        count={face: sent[face] for face in FACES},
        difference_fen=sent["difference"],
        reason=sent["reason"],
        left_fen=sent.get("left", 0),
    )


def _refuse(form: Form, refusal: Refusal) -> None:
    """Show a refusal; a difference that was told is carried along, so that its reason counts."""
    field = {"difference_reason_invalid": "reason", "left_invalid": "left"}
    if refusal.code == "drawer_differs":
        form.values["difference"] = refusal.details["difference_fen"]
    form.refuse(refusal, field.get(refusal.code, ""))
