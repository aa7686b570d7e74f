"""A member's household and helpers on one page of the desk; every look at a household is logged."""

from http import HTTPStatus
from uuid import UUID

import marshmallow as ma
from flask import Blueprint, flash, make_response, redirect, render_template, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from timebank import clock
from timebank.actors import Permission
from timebank.errors import Refusal
from timebank.people import helpers, households
from timebank.people.household_models import LABEL_LENGTH_MAX
from timebank.people.members import get_member, member_by_number
from web import fields
from web.api import Args
from web.auth import allow, current_actor, current_standing
from web.forms import Form
from web.i18n import N_, _
from web.pages.basket import new_nonce
from web.session import begin

NUMBER_PATTERN = "^[Vv]?[0-9]{1,8}$"

blueprint = Blueprint("households", __name__, url_prefix="/desk/members")


class FoundForm(Args):
    """A new household of the member."""

    nonce = fields.Text(length_min=1, length_max=80, required=True)
    label = fields.Text(
        length_min=1,
        length_max=LABEL_LENGTH_MAX,
        required=True,
        metadata={"label": N_("Where the household lives")},
    )


class OtherForm(Args):
    """Another member, by volunteer number."""

    number = fields.Text(
        pattern=NUMBER_PATTERN, required=True, metadata={"label": N_("Volunteer number")}
    )


class HelperForm(Args):
    """Who comes for the member, since when."""

    helper = fields.Text(
        pattern=NUMBER_PATTERN,
        required=True,
        metadata={"label": N_("Volunteer number of the helper")},
    )
    agreed_on = fields.Date(required=True, metadata={"label": N_("Agreed on")})


@blueprint.get("/<uuid:member_id>/household")
@allow(Permission.MANAGE_MEMBERS)
def show(member_id: UUID) -> Response:
    """Show with whom a member keeps house, and who comes to the shop for them."""
    return _page(member_id)


@blueprint.post("/<uuid:member_id>/household")
@allow(Permission.MANAGE_MEMBERS)
def found(member_id: UUID) -> Response:
    """Make a household with the member in it."""
    form = Form.read(FoundForm)
    if form.is_valid:
        try:
            with begin() as book:
                households.found(book, current_actor(), member_id=member_id, **form.data)
        except Refusal as refusal:
            form.refuse(refusal)
    return _answer(member_id, form, _("The household is written down."))


@blueprint.post("/<uuid:member_id>/household/<uuid:household_id>/join")
@allow(Permission.MANAGE_MEMBERS)
def join(member_id: UUID, household_id: UUID) -> Response:
    """Take another member into the household."""
    form = Form.read(OtherForm)
    if form.is_valid:
        try:
            with begin() as book:
                other = _by_number(book, form.data["number"])
                households.join(book, current_actor(), household_id=household_id, member_id=other)
        except Refusal as refusal:
            form.refuse(refusal)
    return _answer(member_id, form, _("They belong to the household now."))


@blueprint.post("/<uuid:member_id>/household/<uuid:household_id>/leave/<uuid:other_id>")
@allow(Permission.MANAGE_MEMBERS)
def leave(member_id: UUID, household_id: UUID, other_id: UUID) -> Response:
    """Take a member out of the household."""
    with begin() as book:
        households.leave(book, current_actor(), household_id=household_id, member_id=other_id)
    flash(_("They no longer belong to the household."), "ok")
    return redirect(url_for("households.show", member_id=member_id), HTTPStatus.SEE_OTHER)


@blueprint.post("/<uuid:member_id>/helpers")
@allow(Permission.MANAGE_MEMBERS)
def agree(member_id: UUID) -> Response:
    """Write down who comes to the shop for the member."""
    form = Form.read(HelperForm)
    if form.is_valid:
        try:
            with begin() as book:
                helpers.agree(
                    book,
                    current_actor(),
                    member_id=member_id,
                    helper_id=_by_number(book, form.data["helper"]),
                    agreed_on=form.data["agreed_on"],
                )
        except Refusal as refusal:
            form.refuse(refusal)
    return _answer(member_id, form, _("The helper is written down."))


@blueprint.post("/<uuid:member_id>/helpers/<uuid:helper_row_id>/end")
@allow(Permission.MANAGE_MEMBERS)
def end(member_id: UUID, helper_row_id: UUID) -> Response:
    """End what was agreed."""
    with begin() as book:
        helpers.end(book, current_actor(), helper_row_id=helper_row_id)
    flash(_("The helper comes no more."), "ok")
    return redirect(url_for("households.show", member_id=member_id), HTTPStatus.SEE_OTHER)


def _by_number(book: Session, text: str) -> UUID:
    number = int(text.lstrip("Vv"))
    return member_by_number(book, current_actor(), number=number).id


def _answer(member_id: UUID, form: Form, done: str) -> Response:
    if not form.is_valid:
        return _page(member_id, form)
    flash(done, "ok")
    return redirect(url_for("households.show", member_id=member_id), HTTPStatus.SEE_OTHER)


def _page(member_id: UUID, sent: Form | None = None) -> Response:
    """Show the page; the look is written down, so it takes a write session."""
    today = clock.today(current_standing().community.time_zone)
    forms: dict[type[ma.Schema], Form] = {
        FoundForm: Form(FoundForm, {"nonce": new_nonce()}),
        OtherForm: Form(OtherForm),
        HelperForm: Form(HelperForm, {"agreed_on": today.isoformat()}),
    }
    if sent is not None:
        forms[type(sent.schema)] = sent
    with begin() as book:
        actor = current_actor()
        page = render_template(
            "households/show.html",
            member=get_member(book, actor, member_id),
            home=households.look_at(book, actor, member_id=member_id),
            agreed=helpers.list_agreed(book, actor, member_id=member_id),
            sent=sent,
            found_form=forms[FoundForm],
            other_form=forms[OtherForm],
            helper_form=forms[HelperForm],
        )
    return make_response(page, sent.status if sent else HTTPStatus.OK)
