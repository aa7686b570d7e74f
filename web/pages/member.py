"""One volunteer's record at the desk.

Name and team, roles, sign-in, PIN, document, card, standing.
"""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import marshmallow as ma
from flask import Blueprint, flash, redirect, render_template, url_for
from flask import session as browser
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from timebank.actors import Permission, Role
from timebank.errors import Refusal
from timebank.people import cards, documents, members, pins, sign_ins
from timebank.people.models import NAME_LENGTH_MAX
from web import words
from web.api import Args
from web.auth import allow, current_actor
from web.fields import Choice, Phone, Secret, Text
from web.forms import Form
from web.i18n import N_, _
from web.qr import code128_svg, qr_svg
from web.session import begin, keys, reading, settings

blueprint = Blueprint("member", __name__, url_prefix="/desk/members/<uuid:member_id>")

MANAGE = Permission.MANAGE_MEMBERS
DOCUMENT_KINDS = (N_("Identity card"), N_("Passport"), N_("Permit for Hong Kong and Macao"))
CARD_KEY = "printed_card"
"""Where this browser keeps the sealed token of the card it issued last."""
Change = Callable[[Session, dict[str, Any]], object]
Answer = Response | str | tuple[str, int]


class EditForm(Args):
    """Name and team."""

    name = Text(
        required=True, length_min=1, length_max=NAME_LENGTH_MAX, metadata={"label": N_("Name")}
    )
    team = Text(length_max=members.TEAM_LENGTH_MAX, load_default="", metadata={"label": N_("Team")})


class DocumentForm(Args):
    """Kind and number of the identity document."""

    kind = Text(
        required=True, length_min=1, length_max=NAME_LENGTH_MAX, metadata={"label": N_("Kind")}
    )
    number = Text(length_max=60, load_default="", metadata={"label": N_("Document number")})


class RolesForm(Args):
    """The roles a member is to hold."""

    roles = ma.fields.List(Choice(Role), load_default=list, metadata={"label": N_("Roles")})


class StandingForm(Args):
    """A change of standing, with its reason."""

    action = Choice(list(members.STANDING_RULES), required=True, metadata={"label": N_("Change")})
    reason = Text(
        required=True,
        length_min=1,
        length_max=members.REASON_LENGTH_MAX,
        metadata={"label": N_("Reason")},
    )


class PhoneForm(Args):
    """The phone number of a sign-in."""

    phone = Phone(required=True, metadata={"label": N_("Phone number")})


class PinForm(Args):
    """A PIN typed by the member at the desk."""

    pin = Secret(required=True, metadata={"label": N_("New PIN")})


# ---------------------------------------------------------------- the record


@blueprint.get("/")
@allow(MANAGE)
def show(member_id: UUID) -> str:
    """Show the record."""
    return _record_page(member_id, {})


@blueprint.post("/")
@allow(MANAGE)
def edit(member_id: UUID) -> Answer:
    """Change name and team."""

    def change(session: Session, data: dict[str, Any]) -> object:
        return members.edit_member(session, current_actor(), member_id, **data)

    return _changed(member_id, EditForm, change, "name")


@blueprint.post("/document")
@allow(MANAGE)
def set_document(member_id: UUID) -> Answer:
    """Keep the number of the identity document."""

    def change(session: Session, data: dict[str, Any]) -> object:
        return documents.set_document(session, current_actor(), keys(), member_id, **data)

    return _changed(member_id, DocumentForm, change, "number")


@blueprint.post("/roles")
@allow(MANAGE)
def set_roles(member_id: UUID) -> Answer:
    """Let the member hold exactly the ticked roles."""

    def change(session: Session, data: dict[str, Any]) -> object:
        roles = frozenset(data["roles"])
        return members.set_roles(session, current_actor(), member_id, roles=roles)

    return _changed(member_id, RolesForm, change, "roles")


@blueprint.post("/standing")
@allow(MANAGE)
def set_standing(member_id: UUID) -> Answer:
    """Suspend, let return or let leave."""

    def change(session: Session, data: dict[str, Any]) -> object:
        rule = members.STANDING_RULES[data["action"]]
        return rule(session, current_actor(), member_id, reason=data["reason"])

    return _changed(member_id, StandingForm, change, "reason")


@blueprint.post("/pin")
@allow(MANAGE)
def set_pin(member_id: UUID) -> Answer:
    """Keep the PIN that the member typed."""

    def change(session: Session, data: dict[str, Any]) -> object:
        return pins.set_pin(session, current_actor(), member_id, pin=data["pin"])

    return _changed(member_id, PinForm, change, "pin")


# ---------------------------------------------------------------- sign-in


@blueprint.post("/sign-in")
@allow(MANAGE)
def give_sign_in(member_id: UUID) -> Answer:
    """Give the member a sign-in and show its first password once."""
    form = Form.read(PhoneForm)
    password = sign_ins.new_first_password()
    if not form.is_valid:
        return _record_page(member_id, {PhoneForm: form}), form.status
    try:
        with begin() as session:
            member = sign_ins.give_sign_in(
                session, current_actor(), member_id, phone=form.data["phone"], password=password
            )
            shown = sign_ins.is_first_password(session, member, password)
    except Refusal as refusal:
        return _record_page(member_id, {PhoneForm: form.refuse(refusal, "phone")}), refusal.status
    if not shown:
        flash(_("They already sign in with this number; the password stays as it is."), "ok")
        return redirect(url_for("member.show", member_id=member_id))
    return render_template(
        "members/first_password.html", member=member, phone=form.data["phone"], password=password
    )


@blueprint.post("/password")
@allow(MANAGE)
def reset_password(member_id: UUID) -> Answer:
    """Make a new first password and show it once."""
    password = sign_ins.new_first_password()
    with begin() as session:
        member = sign_ins.reset_password(session, current_actor(), member_id, password=password)
        phone = sign_ins.phone_of(session, member)
    return render_template(
        "members/first_password.html", member=member, phone=phone, password=password
    )


# ---------------------------------------------------------------- card


@blueprint.post("/card")
@allow(MANAGE)
def issue_card(member_id: UUID) -> Response:
    """Issue a card and lead to its page for printing."""
    with begin() as session:
        issued = cards.issue_card(session, current_actor(), member_id)
    browser[CARD_KEY] = cards.sealed_token(current_actor(), keys(), issued)
    return redirect(url_for("member.print_card", member_id=member_id))


@blueprint.get("/card")
@allow(MANAGE)
def print_card(member_id: UUID) -> Answer:
    """Show the card that this browser has just issued; loading the page again issues nothing."""
    sealed = str(browser.get(CARD_KEY, ""))
    with reading() as session:
        issued = cards.card_to_print(session, current_actor(), keys(), member_id, sealed=sealed)
    if issued is None:
        flash(_("This card cannot be shown any more. Issue a new one if it was not printed."), "no")
        return redirect(url_for("member.show", member_id=member_id))
    text = f"{settings().base_url}/C/{issued.token}".upper()
    digits = issued.card.digits
    return render_template(
        "members/card.html",
        issued=issued,
        qr=qr_svg(text, label=_("QR code of the card"), level="H"),
        bars=code128_svg(digits, label=_("Barcode %(digits)s", digits=digits)),
        digits=f"{digits[:1]} {digits[1:5]} {digits[5:9]} {digits[9:]}",
        host=settings().base_url.partition("://")[2],
    )


@blueprint.post("/card/revoke")
@allow(MANAGE)
def revoke_card(member_id: UUID) -> Answer:
    """Revoke a lost card."""
    with begin() as session:
        cards.revoke_card(session, current_actor(), member_id)
    flash(_("The card does not count any more."), "ok")
    return redirect(url_for("member.show", member_id=member_id))


# ---------------------------------------------------------------- private


def _changed(member_id: UUID, schema: type[ma.Schema], change: Change, field: str) -> Answer:
    """Run one change of the record; a problem stands at its field on the record's page."""
    form = Form.read(schema)
    if not form.is_valid:
        return _record_page(member_id, {schema: form}), form.status
    try:
        with begin() as session:
            change(session, form.data)
    except Refusal as refusal:
        if refusal.status in {403, 404}:
            raise
        return _record_page(member_id, {schema: form.refuse(refusal, field)}), refusal.status
    flash(_("Saved."), "ok")
    return redirect(url_for("member.show", member_id=member_id))


def _record_page(member_id: UUID, sent: dict[type[ma.Schema], Form]) -> str:
    """Show the record, with the form that was sent last as it was sent."""
    actor = current_actor()
    with reading() as session:
        member = members.show_member(session, actor, member_id)
        roles = members.roles_of(session, actor, member_id)
        card = cards.latest_card(session, actor, member_id)
        phone = sign_ins.phone_of(session, member)
    shown: dict[type[ma.Schema], dict[str, object]] = {
        EditForm: {"name": member.name, "team": member.team},
        DocumentForm: {"kind": member.document_kind},
        RolesForm: {"roles": [role.value for role in roles]},
        StandingForm: {},
        PhoneForm: {"phone": phone},
        PinForm: {},
    }
    forms = {schema: sent.get(schema) or Form(schema, values) for schema, values in shown.items()}
    return render_template(
        "members/show.html",
        member=member,
        card=card,
        phone=phone,
        own=member.id == actor.member_id,
        may_change=members.has_right_over(actor, roles),
        edit_form=forms[EditForm],
        document_form=forms[DocumentForm],
        roles_form=forms[RolesForm],
        standing_form=forms[StandingForm],
        phone_form=forms[PhoneForm],
        pin_form=forms[PinForm],
        all_roles=[(role.value, words.role(role)) for role in Role],
        document_kinds=[(kind, _(kind)) for kind in DOCUMENT_KINDS],
        problem_form=next(iter(sent.values()), None),
    )
