"""The review tray: scans of devices without a network that a person has to look at."""

from datetime import datetime
from typing import Final
from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, url_for
from werkzeug.wrappers import Response

from timebank.actors import Permission
from timebank.errors import Refusal
from timebank.service import review, timing
from timebank.service.offline_models import REASON_LENGTH_MAX
from timebank.service.review import TrayLine
from web.api import Args
from web.auth import allow, current_actor, current_standing
from web.fields import Text
from web.forms import Form
from web.i18n import N_, _
from web.menu import Entry
from web.offline_words import said_why
from web.session import begin, reading

blueprint = Blueprint("review", __name__, url_prefix="/lead/review")

RUN: Final = Permission.RUN_OCCASION
MENU = (Entry("review.tray", N_("Review tray"), "inbox-fill", RUN, order=16),)
CLOCK_LENGTH_MAX: Final = 5
NUMBER_LENGTH_MAX: Final = 12
Answer = Response | str | tuple[str, int]


class AcceptForm(Args):
    """The time to write in, and whose it is when nobody knows the card."""

    come = Text(required=True, length_max=CLOCK_LENGTH_MAX, metadata={"label": N_("Came at")})
    go = Text(required=True, length_max=CLOCK_LENGTH_MAX, metadata={"label": N_("Left at")})
    number = Text(
        load_default="",
        length_max=NUMBER_LENGTH_MAX,
        metadata={"label": N_("Volunteer number")},
    )


class AcceptHereForm(AcceptForm):
    """The same while the slot runs: who is still there has not left."""

    go = Text(load_default="", length_max=CLOCK_LENGTH_MAX, metadata={"label": N_("Left at")})


class DismissForm(Args):
    """Why a scan is left without effect."""

    reason = Text(
        required=True, length_max=REASON_LENGTH_MAX, metadata={"label": N_("Why it does not count")}
    )


@blueprint.get("/")
@allow(RUN)
def tray() -> str:
    """Show what waits for a decision."""
    with reading() as session:
        lines = review.tray(session, current_actor())
    return render_template("leader/review.html", lines=lines, said_why=said_why)


@blueprint.get("/<uuid:scan_id>")
@allow(RUN)
def decide(scan_id: UUID) -> str:
    """Show one person's scans with both ways to decide."""
    line = _line(scan_id)
    return _decide_page(line, _proposed(line), Form(DismissForm))


@blueprint.post("/<uuid:scan_id>/accept")
@allow(RUN)
def accept(scan_id: UUID) -> Answer:
    """Write the time by hand; another person confirms it."""
    line = _line(scan_id)
    form = Form.read(_accept_form(line))
    if not form.is_valid:
        return _decide_page(line, form, Form(DismissForm)), form.status
    try:
        with begin() as session:
            come, go = _times(line, form)
            review.accept(
                session,
                current_actor(),
                scan_id=scan_id,
                in_at=come,
                out_at=go,
                volunteer_number=form.data["number"],
            )
    except Refusal as refusal:
        is_number = refusal.details.get("thing") == "member"
        if refusal.status in {403, 404} and not is_number:
            raise
        shown = form.refuse(refusal, "number" if is_number else "")
        status = 422 if is_number else refusal.status
        return _decide_page(_line(scan_id), shown, Form(DismissForm)), status
    flash(_("Written in. Somebody else has to confirm it."), "wait")
    return redirect(url_for("review.tray"))


@blueprint.post("/<uuid:scan_id>/dismiss")
@allow(RUN)
def dismiss(scan_id: UUID) -> Answer:
    """Leave the scans without effect; the reason is kept."""
    form = Form.read(DismissForm)
    if not form.is_valid:
        line = _line(scan_id)
        return _decide_page(line, _proposed(line), form), form.status
    with begin() as session:
        review.dismiss(session, current_actor(), scan_id=scan_id, reason=form.data["reason"])
    flash(_("Dismissed; the scan and the reason are kept."), "ok")
    return redirect(url_for("review.tray"))


def _line(scan_id: UUID) -> TrayLine:
    """Return the line of the tray that holds a scan.

    Raises:
        NotHere: `not_found`; AlreadyReviewed: `already_reviewed`.
    """
    with reading() as session:
        return review.tray_line(session, current_actor(), scan_id)


def _times(line: TrayLine, form: Form) -> tuple[datetime, datetime | None]:
    """Return begin and end as typed; no end: still there.

    Raises:
        WrongTimes: `wrong_times`, not a time of day.
    """
    zone, slot = current_standing().community.time_zone, line.slot
    come = timing.moment_near(slot.starts_at, slot.ends_at, form.data["come"], zone)
    if not form.data["go"]:
        return come, None
    return come, timing.moment_near(slot.starts_at, slot.ends_at, form.data["go"], zone)


def _accept_form(line: TrayLine) -> type[AcceptForm]:
    return AcceptHereForm if line.is_running else AcceptForm


def _proposed(line: TrayLine) -> Form:
    return Form(_accept_form(line), _clock_texts(line))


def _clock_texts(line: TrayLine) -> dict[str, str]:
    """Return the times that are proposed, as they are typed."""
    zone = current_standing().community.time_zone
    times = (("come", line.come_at), ("go", line.go_at))
    return {name: timing.local_text(moment, zone, moment) for name, moment in times if moment}


def _decide_page(line: TrayLine, form: Form, dismissal: Form) -> str:
    return render_template(
        "leader/review_one.html",
        line=line,
        form=form,
        dismissal=dismissal,
        said_why=said_why,
        times=_clock_texts(line),
    )
