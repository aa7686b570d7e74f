"""One's own messages, and the address they are sent to as well."""

from flask import Blueprint, flash, redirect, render_template, url_for
from werkzeug.wrappers import Response

from timebank.actors import Permission
from timebank.errors import Refusal
from timebank.messages import outbox
from timebank.messages.models import EMAIL_LENGTH_MAX
from web.api import Args
from web.auth import allow, current_actor
from web.fields import Identifier, Text
from web.forms import Form
from web.i18n import N_, _
from web.session import begin, reading, settings

blueprint = Blueprint("messages", __name__, url_prefix="/me/messages")


class ReadForm(Args):
    """The newest message on the page."""

    up_to = Identifier(required=True)


class MailForm(Args):
    """Where messages are sent to; empty is nowhere."""

    email = Text(
        length_max=EMAIL_LENGTH_MAX, load_default="", metadata={"label": N_("E-mail address")}
    )


@blueprint.get("/")
@allow(Permission.SEE_OWN_RECORD)
def list_own() -> str:
    """Show the messages, newest first."""
    with reading() as session:
        found = outbox.own_messages(session, current_actor())
    return render_template("messages/list.html", messages=found)


@blueprint.post("/read")
@allow(Permission.SEE_OWN_RECORD)
def mark_read() -> Response:
    """Mark what stood on the page as read."""
    form = Form.read(ReadForm)
    if form.is_valid:
        with begin() as session:
            outbox.mark_read(session, current_actor(), up_to=form.data["up_to"])
    return redirect(url_for("messages.list_own"))


@blueprint.get("/mail")
@allow(Permission.SEE_OWN_RECORD)
def mail() -> str:
    """Show the address."""
    return _mail_page(None)


@blueprint.post("/mail")
@allow(Permission.SEE_OWN_RECORD)
def set_mail() -> Response | tuple[str, int]:
    """Keep the address, or forget it."""
    form = Form.read(MailForm)
    if form.is_valid:
        try:
            with begin() as session:
                outbox.set_email(session, current_actor(), email=form.data["email"])
        except Refusal as refusal:
            form.refuse(refusal, "email")
        else:
            flash(_("Saved."), "ok")
            return redirect(url_for("messages.list_own"))
    return _mail_page(form), form.status


def _mail_page(form: Form | None) -> str:
    with reading() as session:
        email = outbox.own_email(session, current_actor())
    return render_template(
        "messages/mail.html",
        form=form or Form(MailForm, {"email": email}),
        email=email,
        is_mail_on=bool(settings().smtp_url),
    )
