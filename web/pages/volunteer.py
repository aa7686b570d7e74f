"""The volunteer's phone: home, statements, pay code, service days."""

from itertools import groupby
from typing import Final
from uuid import UUID

import marshmallow as ma
from flask import Blueprint, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from timebank import clock
from timebank.actors import Permission
from timebank.service import calendar, record, signup, waiting
from timebank.service.attended import attended
from timebank.service.record import Book
from web.auth import allow, current_actor
from web.fields import Identifier
from web.forms import Form
from web.i18n import N_, _
from web.menu import Entry, Place
from web.qr import code128_svg, qr_svg
from web.session import begin, keys, reading

blueprint = Blueprint("volunteer", __name__, url_prefix="/me")

MENU = (
    Entry("volunteer.home", N_("Home"), "house", Permission.SEE_OWN_RECORD, Place.PHONE, 10),
    Entry("volunteer.days", N_("Service days"), "calendar3", Permission.TAKE_PART, Place.PHONE, 20),
)
PAY_CODE_GROUP: Final = 4


class StatementQuery(ma.Schema):
    """Which page of the passbook."""

    class Meta:
        """Options of marshmallow: a link may carry more than we know."""

        unknown = ma.EXCLUDE

    before = Identifier(load_default=None)


class DaysQuery(ma.Schema):
    """Which month of the service days."""

    class Meta:
        """Options of marshmallow: a link may carry more than we know."""

        unknown = ma.EXCLUDE

    month = ma.fields.String(load_default="")


@blueprint.get("/")
@allow(Permission.SEE_OWN_RECORD)
def home() -> str:
    """Show the three numbers, the next shift and the ways on."""
    actor = current_actor()
    with reading() as session:
        shown = record.home(session, actor)
    return render_template(
        "volunteer/home.html", home=shown, is_leading=actor.may(Permission.RUN_OCCASION)
    )


@blueprint.get("/statement/<any(time, points):book>")
@allow(Permission.SEE_OWN_RECORD)
def statement(book: str) -> str:
    """Show one page of the passbook."""
    query = Form.read(StatementQuery, request.args)
    before: UUID | None = query.data.get("before")
    with reading() as session:
        page = record.statement(session, current_actor(), book=Book(book), before=before)
    return render_template("volunteer/statement.html", page=page, is_newest=before is None)


@blueprint.get("/services")
@allow(Permission.SEE_OWN_RECORD)
def services() -> str:
    """Show the services that are over, also those of which nothing stands in the book."""
    query = Form.read(StatementQuery, request.args)
    with reading() as session:
        page = attended(session, current_actor(), before=query.data.get("before"))
    return render_template("volunteer/services.html", page=page)


@blueprint.get("/pay-code")
@allow(Permission.SEE_OWN_RECORD)
def pay_code() -> str:
    """Show the code for the clerk, as QR, bars and digits."""
    return _pay_code_page("volunteer/pay_code.html")


@blueprint.get("/pay-code/plate")
@allow(Permission.SEE_OWN_RECORD)
def pay_code_plate() -> str:
    """Return the code alone, for the page that keeps itself fresh."""
    return _pay_code_page("volunteer/_pay_code.html")


@blueprint.get("/days")
@allow(Permission.TAKE_PART)
def days() -> str:
    """Show the reader's own sign-ups, then what else is on in one month, day by day."""
    wanted = Form.read(DaysQuery, request.args).data.get("month", "")
    with reading() as session:
        lines = calendar.upcoming_slots(session, current_actor())
    own = [line for line in lines if line.is_mine or line.place_in_line]
    others = [line for line in lines if not (line.is_mine or line.place_in_line)]
    months = {f"{line.occasion.occurs_on:%Y-%m}": line.occasion.occurs_on for line in others}
    chosen = wanted if wanted in months else next(iter(months), "")
    shown = [line for line in others if f"{line.occasion.occurs_on:%Y-%m}" == chosen]
    by_day = groupby(shown, key=lambda line: line.occasion.occurs_on)
    return render_template(
        "volunteer/days.html",
        own=own,
        months=months,
        chosen=chosen,
        days=[(on, list(group)) for on, group in by_day],
    )


@blueprint.get("/days/<uuid:occasion_id>")
@allow(Permission.TAKE_PART)
def day(occasion_id: UUID) -> str:
    """Show one service day with its slots."""
    with reading() as session:
        lines = calendar.slots_of(session, current_actor(), occasion_id)
        slots = [line.slot for line in lines]
        clashes = signup.clashes(session, current_actor(), occasion_id=occasion_id, slots=slots)
    return render_template("volunteer/day.html", lines=lines, clashes=clashes, now=clock.now())


@blueprint.post("/days/sign-up/<uuid:slot_id>")
@allow(Permission.TAKE_PART)
def sign_up(slot_id: UUID) -> Response:
    """Sign up for a slot; pressing again changes nothing."""
    with begin() as session:
        row = signup.sign_up(session, current_actor(), slot_id=slot_id)
        occasion_id = row.occasion_id
    flash(_("You are on the list. See you there!"), "ok")
    return redirect(url_for("volunteer.day", occasion_id=occasion_id))


@blueprint.post("/days/<uuid:occasion_id>/withdraw")
@allow(Permission.TAKE_PART)
def withdraw(occasion_id: UUID) -> Response:
    """Take the sign-up back; pressing again changes nothing."""
    with begin() as session:
        signup.withdraw(session, current_actor(), occasion_id=occasion_id)
    flash(_("Your sign-up has been withdrawn; the place is free for somebody else."), "ok")
    return redirect(url_for("volunteer.day", occasion_id=occasion_id))


@blueprint.post("/days/wait/<uuid:slot_id>")
@allow(Permission.TAKE_PART)
def wait(slot_id: UUID) -> Response:
    """Wait for a place in a full slot; pressing again changes nothing."""
    with begin() as session:
        asked = waiting.wait(session, current_actor(), slot_id=slot_id)
        occasion_id = calendar.occasion_of(session, current_actor(), asked.slot_id)
    told = _(
        "You are on the waiting list. When a place comes free it is yours, and you get a message."
    )
    flash(told, "ok")
    return redirect(url_for("volunteer.day", occasion_id=occasion_id))


@blueprint.post("/days/leave/<uuid:slot_id>")
@allow(Permission.TAKE_PART)
def leave(slot_id: UUID) -> Response:
    """Wait no longer; pressing again changes nothing."""
    with begin() as session:
        left = waiting.leave(session, current_actor(), slot_id=slot_id)
        occasion_id = calendar.occasion_of(session, current_actor(), left.slot_id)
    flash(_("You are no longer on the waiting list."), "ok")
    return redirect(url_for("volunteer.day", occasion_id=occasion_id))


def _pay_code_page(template: str) -> str:
    with reading() as session:
        code = record.pay_code(session, current_actor(), keys())
    digits = code.digits
    groups = [digits[at : at + PAY_CODE_GROUP] for at in range(0, len(digits), PAY_CODE_GROUP)]
    return render_template(
        template,
        code=code,
        grouped=" ".join(groups),
        qr=qr_svg(digits, label=_("Pay code as QR"), level="M"),
        bars=code128_svg(digits, label=_("Pay code as bars")),
    )
