"""Shifts on the phone: one's own, wishes, swaps; and the swaps that wait for a leader's yes."""

from typing import Any, Final
from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, url_for
from werkzeug.wrappers import Response

from timebank.actors import Permission
from timebank.duty import shifts, swaps, wishes
from web.api import Args
from web.auth import allow, current_actor
from web.fields import Checkbox, Identifier
from web.forms import Form
from web.i18n import N_, _
from web.menu import Entry
from web.pages.duty_people import WishesForm, wanted_of, wishes_form
from web.session import begin, reading

blueprint = Blueprint("shifts", __name__)

TAKE_PART: Final = Permission.TAKE_PART
RUN: Final = Permission.RUN_OCCASION
MENU = (Entry("shifts.waiting", N_("Swaps"), "arrow-left-right", RUN, order=23),)
Answer = Response | str | tuple[str, int]


class AskForm(Args):
    """Which colleague is asked; nobody named asks anybody."""

    asked_member_id = Identifier(load_default=None, metadata={"label": N_("Whom do you ask?")})


class DecisionForm(Args):
    """Yes or no."""

    agrees = Checkbox()


@blueprint.get("/me/shifts")
@allow(TAKE_PART)
def own() -> str:
    """Show one's coming shifts, and what colleagues ask."""
    with reading() as session:
        found = shifts.own_shifts(session, current_actor())
    return render_template("shifts/own.html", own=found, me_id=current_actor().member_id)


@blueprint.get("/me/shifts/wishes")
@allow(TAKE_PART)
def show_wishes() -> str:
    """Show when one comes gladly, rather not or never."""
    with reading() as session:
        wanted = wishes.wishes_of(session, current_actor())
    return render_template("shifts/wishes.html", form=wishes_form(wanted))


@blueprint.post("/me/shifts/wishes")
@allow(TAKE_PART)
def set_wishes() -> Answer:
    """Keep when one can come."""
    form = Form.read(WishesForm)
    if not form.is_valid:
        return render_template("shifts/wishes.html", form=form), form.status
    with begin() as session:
        wishes.set_wishes(session, current_actor(), wanted=wanted_of(form))
    flash(_("Saved. It applies from the next planning on."), "ok")
    return redirect(url_for("shifts.own"))


@blueprint.get("/me/shifts/<uuid:slot_id>/swap")
@allow(TAKE_PART)
def question(slot_id: UUID) -> str:
    """Show who could take one's shift."""
    with reading() as session:
        found = shifts.question(session, current_actor(), slot_id)
    return render_template("shifts/ask.html", question=found)


@blueprint.post("/me/shifts/<uuid:slot_id>/swap")
@allow(TAKE_PART)
def ask(slot_id: UUID) -> Response:
    """Ask a colleague, or anybody."""
    form = Form.read(AskForm)
    if form.is_valid:
        with begin() as session:
            swaps.ask(session, current_actor(), slot_id=slot_id, **form.data)
        flash(_("Asked. The shift stays yours until a colleague and the leader say yes."), "ok")
    else:
        flash(form.summary()[0].text, "no")
    return redirect(url_for("shifts.own"))


@blueprint.post("/me/swaps/<uuid:swap_id>/take")
@allow(TAKE_PART)
def take(swap_id: UUID) -> Response:
    """Say yes to a colleague."""
    return _answer(swaps.take, swap_id, _("Thank you. The leader still has to agree."))


@blueprint.post("/me/swaps/<uuid:swap_id>/decline")
@allow(TAKE_PART)
def decline(swap_id: UUID) -> Response:
    """Say no to a colleague."""
    return _answer(swaps.decline, swap_id, _("Your colleague has been told."))


@blueprint.post("/me/swaps/<uuid:swap_id>/withdraw")
@allow(TAKE_PART)
def withdraw(swap_id: UUID) -> Response:
    """Ask no longer."""
    return _answer(swaps.withdraw, swap_id, _("You are no longer asking. The shift is yours."))


@blueprint.get("/lead/swaps")
@allow(RUN)
def waiting() -> str:
    """Show the swaps that wait for a yes."""
    with reading() as session:
        found = shifts.waiting_swaps(session, current_actor())
    return render_template("shifts/waiting.html", swaps=found, me_id=current_actor().member_id)


@blueprint.post("/lead/swaps/<uuid:swap_id>")
@allow(RUN)
def decide(swap_id: UUID) -> Response:
    """Agree to a swap, or refuse it."""
    form = Form.read(DecisionForm)
    agrees: bool = form.is_valid and form.data["agrees"]
    with begin() as session:
        swaps.decide(session, current_actor(), swap_id=swap_id, agrees=agrees)
    flash(_("Agreed. Both have been told.") if agrees else _("Refused. Both have been told."), "ok")
    return redirect(url_for("shifts.waiting"))


def _answer(rule: Any, swap_id: UUID, text: str) -> Response:
    with begin() as session:
        rule(session, current_actor(), swap_id=swap_id)
    flash(text, "ok")
    return redirect(url_for("shifts.own"))
