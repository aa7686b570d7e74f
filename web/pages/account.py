"""Signing in and out, and one's own account (我的)."""

from typing import Any
from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from timebank.actors import Permission
from timebank.errors import Refusal
from timebank.messages import outbox
from timebank.people import sign_in as rules
from timebank.people.cards import latest_card
from timebank.people.members import get_member
from timebank.people.pins import set_pin
from timebank.people.standing import communities_of_person
from web import auth
from web.api import Args
from web.auth import allow, current_actor, current_standing, find_standing, public
from web.fields import Identifier, Phone, Secret
from web.forms import Form
from web.i18n import N_, _
from web.menu import Entry, Place, workplace_of
from web.preferences import local_path
from web.security import limiter
from web.session import begin, reading, settings

blueprint = Blueprint("account", __name__)

MENU = (
    Entry(
        "account.show", N_("Me"), "person", Permission.SEE_OWN_RECORD, place=Place.PHONE, order=90
    ),
    Entry("account.show", N_("My account"), "person", Permission.SEE_OWN_RECORD, order=99),
)
SIGN_INS_PER_ADDRESS = "60/minute"


class SignInForm(Args):
    """Phone number and password."""

    phone = Phone(required=True, metadata={"label": N_("Phone number")})
    password = Secret(required=True, metadata={"label": N_("Password")})


class PasswordForm(Args):
    """A change of one's own password."""

    present = Secret(required=True, metadata={"label": N_("Current password")})
    wanted = Secret(required=True, metadata={"label": N_("New password")})


class PinForm(Args):
    """A PIN of one's own."""

    pin = Secret(required=True, metadata={"label": N_("New PIN")})


class CommunityForm(Args):
    """The community to act in."""

    community = Identifier(required=True, metadata={"label": N_("Community")})


# ---------------------------------------------------------------- in and out


@blueprint.get("/sign-in")
@public
def sign_in() -> str | Response:
    """Show the sign-in page."""
    if find_standing() is not None:
        return redirect(local_path(request.args.get("next", "")))
    return _sign_in_page(Form(SignInForm))


@blueprint.post("/sign-in")
@limiter.limit(SIGN_INS_PER_ADDRESS)
@public
def do_sign_in() -> Response | tuple[str, int]:
    """Sign in, and lead to where the reader wanted to go."""
    form = Form.read(SignInForm)
    if not form.is_valid:
        return _sign_in_page(form), form.status
    try:
        with begin() as session:
            standing = rules.sign_in(session, **form.data)
    except Refusal as refusal:
        return _sign_in_page(form.refuse(refusal)), refusal.status
    auth.start_session(standing)
    if standing.must_change_password:
        return redirect(url_for("account.password"))
    return redirect(local_path(request.form.get("next", "")))


def _sign_in_page(form: Form) -> str:
    return render_template(
        "account/sign_in.html", form=form, wanted=local_path(request.values.get("next", ""))
    )


@blueprint.post("/sign-out")
@public
def sign_out() -> Response:
    """Sign this browser out."""
    auth.end_session()
    return redirect(url_for("public.home"))


@blueprint.post("/account/sign-out-everywhere")
@allow(Permission.SEE_OWN_RECORD)
def sign_out_everywhere() -> Response:
    """Sign every browser of the person out."""
    with begin() as session:
        rules.sign_out_everywhere(session, current_actor())
    auth.end_session()
    flash(_("You are signed out on every device."), "ok")
    return redirect(url_for("account.sign_in"))


# ---------------------------------------------------------------- my account


@blueprint.get("/account/")
@allow(Permission.SEE_OWN_RECORD)
def show() -> str:
    """Show one's own account."""
    standing = current_standing()
    with reading() as session:
        return render_template(
            "account/show.html",
            member=get_member(session, standing.actor, standing.member_id),
            card=latest_card(session, standing.actor, standing.member_id),
            email=outbox.own_email(session, standing.actor),
            is_mail_on=bool(settings().smtp_url),
            workplace=workplace_of(standing.roles),
            communities=communities_of_person(session, standing.person_id)
            if standing.person_id
            else [],
        )


@blueprint.get("/account/password")
@allow(Permission.SEE_OWN_RECORD)
def password() -> str:
    """Show the form for a new password."""
    return render_template("account/password.html", form=Form(PasswordForm))


@blueprint.post("/account/password")
@allow(Permission.SEE_OWN_RECORD)
def change_password() -> Response | tuple[str, int]:
    """Change the password; this browser stays signed in, every other one does not."""
    form = Form.read(PasswordForm)
    if not form.is_valid:
        return render_template("account/password.html", form=form), form.status
    try:
        with begin() as session:
            rules.change_password(session, current_actor(), **form.data)
            standing = rules.standing_after(session, current_standing())
    except Refusal as refusal:
        form.refuse(refusal, _field_of(refusal))
        return render_template("account/password.html", form=form), refusal.status
    auth.start_session(standing)
    flash(_("The new password counts from now on."), "ok")
    return redirect(url_for("account.show"))


@blueprint.get("/account/pin")
@allow(Permission.SEE_OWN_RECORD)
def pin() -> str:
    """Show the form for a PIN."""
    return render_template("account/pin.html", form=Form(PinForm))


@blueprint.post("/account/pin")
@allow(Permission.SEE_OWN_RECORD)
def change_pin() -> Response | tuple[str, int]:
    """Set one's own PIN."""
    form = Form.read(PinForm)
    standing = current_standing()
    if not form.is_valid:
        return render_template("account/pin.html", form=form), form.status
    try:
        with begin() as session:
            set_pin(session, standing.actor, standing.member_id, **form.data)
    except Refusal as refusal:
        return render_template("account/pin.html", form=form.refuse(refusal, "pin")), refusal.status
    flash(_("The new PIN counts from now on."), "ok")
    return redirect(url_for("account.show"))


@blueprint.post("/account/community")
@allow(Permission.SEE_OWN_RECORD)
def choose_community() -> Response:
    """Act in another community of one's own."""
    form = Form.read(CommunityForm)
    chosen: dict[str, Any] = form.data
    standing = current_standing()
    if form.is_valid and standing.person_id:
        with reading() as session:
            known: set[UUID] = {
                facts.id for facts in communities_of_person(session, standing.person_id)
            }
        if chosen["community"] in known:
            auth.choose_community(chosen["community"])
    return redirect(url_for("public.home"))


def _field_of(refusal: Refusal) -> str:
    return "present" if refusal.code == "wrong_password" else "wanted"
