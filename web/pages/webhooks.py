"""The desk's webhooks: where events are sent, what became of them, sending again."""

from typing import Final
from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, url_for
from werkzeug.wrappers import Response

from timebank.actors import Permission
from timebank.errors import Refusal
from timebank.insight import webhooks as rules
from timebank.insight.webhook_models import (
    TRY_COUNT_MAX,
    URL_LENGTH_MAX,
    DeliveryState,
    Failure,
    WebhookDelivery,
    WebhookState,
)
from web.api import Args
from web.auth import allow, current_actor
from web.fields import Checkbox, Text
from web.forms import Form
from web.i18n import N_, _, say
from web.menu import Entry
from web.session import begin, keys, reading, settings

blueprint = Blueprint("webhooks", __name__, url_prefix="/desk/webhooks")

ADMINISTER: Final = Permission.ADMINISTER
MENU = (Entry("webhooks.list_all", N_("Webhooks"), "broadcast", ADMINISTER, order=92),)
STATES: Final = {
    WebhookState.ON: (N_("sending"), "ok"),
    WebhookState.OFF: (N_("switched off"), "none"),
    WebhookState.PAUSED: (N_("paused"), "no"),
}
DELIVERY_STATES: Final = {
    DeliveryState.WAITING: (N_("waits"), "wait"),
    DeliveryState.DELIVERED: (N_("received"), "ok"),
    DeliveryState.DEAD: (N_("given up"), "no"),
}
FAILURES: Final = {
    Failure.UNKNOWN_HOST: N_("the name of the host was not found"),
    Failure.PRIVATE_ADDRESS: N_("not a public address"),
    Failure.NO_CONNECTION: N_("no connection"),
    Failure.TIMED_OUT: N_("no answer in time"),
    Failure.BROKEN: N_("a wrong certificate, or an answer that cannot be read"),
    Failure.REDIRECTED: N_("led elsewhere, which is not followed"),
    Failure.REFUSED: N_("refused"),
}


class AddForm(Args):
    """A new address."""

    url = Text(
        required=True, length_min=1, length_max=URL_LENGTH_MAX, metadata={"label": N_("Address")}
    )
    from_beginning = Checkbox(load_default=False)


@blueprint.get("/")
@allow(ADMINISTER)
def list_all() -> str:
    """Show the addresses and the form for a new one."""
    return _list(Form(AddForm))


@blueprint.post("/")
@allow(ADMINISTER)
def add() -> Response | tuple[str, int]:
    """Register an address."""
    form = Form.read(AddForm)
    if form.is_valid:
        try:
            with begin() as session:
                webhook = rules.add_webhook(
                    session,
                    current_actor(),
                    is_private_allowed=settings().webhooks_private_network,
                    **form.data,
                )
        except Refusal as refusal:
            form.refuse(refusal, "url")
        else:
            flash(_("Registered: sending begins at once."), "ok")
            return redirect(url_for("webhooks.show", webhook_id=webhook.id))
    return _list(form), form.status


@blueprint.get("/<uuid:webhook_id>")
@allow(ADMINISTER)
def show(webhook_id: UUID) -> str:
    """Show one address, its secret, and what became of the last batches."""
    with reading() as session:
        found = rules.view_webhook(session, current_actor(), webhook_id)
    return render_template(
        "webhooks/show.html",
        view=found,
        secret=rules.secret_of(keys(), found.webhook),
        said_state=_said_state,
        said_delivery=_said_delivery,
        said_outcome=_said_outcome,
        try_count_max=TRY_COUNT_MAX,
    )


@blueprint.post("/<uuid:webhook_id>/on")
@allow(ADMINISTER)
def switch_on(webhook_id: UUID) -> Response:
    """Switch a webhook on again."""
    return _switch(webhook_id, is_on=True)


@blueprint.post("/<uuid:webhook_id>/off")
@allow(ADMINISTER)
def switch_off(webhook_id: UUID) -> Response:
    """Switch a webhook off."""
    return _switch(webhook_id, is_on=False)


@blueprint.post("/<uuid:webhook_id>/send-again")
@allow(ADMINISTER)
def send_again(webhook_id: UUID) -> Response:
    """Send the batch that was not received at once."""
    with begin() as session:
        rules.send_again(session, current_actor(), webhook_id=webhook_id)
    flash(_("It is being sent again; look here in a moment."), "ok")
    return redirect(url_for("webhooks.show", webhook_id=webhook_id))


def _switch(webhook_id: UUID, *, is_on: bool) -> Response:
    with begin() as session:
        rules.switch_webhook(session, current_actor(), webhook_id=webhook_id, is_on=is_on)
    flash(_("Switched on: sending goes on.") if is_on else _("Switched off."), "ok")
    return redirect(url_for("webhooks.show", webhook_id=webhook_id))


def _list(form: Form) -> str:
    with reading() as session:
        found = rules.list_webhooks(session, current_actor())
    return render_template("webhooks/list.html", form=form, webhooks=found, said_state=_said_state)


def _said_state(state: WebhookState) -> tuple[str, str]:
    """Return a state in words, and its kind."""
    text, kind = STATES[state]
    return say(text, {}), kind


def _said_delivery(state: DeliveryState) -> tuple[str, str]:
    text, kind = DELIVERY_STATES[state]
    return say(text, {}), kind


def _said_outcome(delivery: WebhookDelivery) -> str:
    """Return what the last try came to, with the status where there was one."""
    words = say(FAILURES[delivery.failure], {}) if delivery.failure else ""
    status = str(delivery.status_code) if delivery.status_code else ""
    return " ".join(filter(None, (words, status))) or "–"
