"""API of events: everything sealed in the book, to read on from anywhere, and webhooks for it."""

from typing import Any, Final
from uuid import UUID

import marshmallow as ma

from timebank.actors import Permission
from timebank.insight import events, webhooks
from timebank.insight.events import CURSOR_MAX, EVENT_COUNT_MAX, EventPage
from timebank.insight.webhook_models import (
    URL_LENGTH_MAX,
    DeliveryState,
    Failure,
    Webhook,
    WebhookState,
)
from web.api import Args, Out, QueryArgs, area
from web.api.proofs import digest, moment
from web.auth import allow, current_actor
from web.fields import Checkbox, Choice, Identifier, Text, WholeNumber
from web.session import begin, keys, reading, settings

EVENTS_PER_PAGE: Final = 100


class EventsQuery(QueryArgs):
    """Where to go on, and how many events at most."""

    after = WholeNumber(
        minimum=0,
        maximum=CURSOR_MAX,
        load_default=0,
        metadata={"description": "The cursor: `next_cursor` of the page before; 0 is the start."},
    )
    limit = WholeNumber(minimum=1, maximum=EVENT_COUNT_MAX, load_default=EVENTS_PER_PAGE)


class EventLegOut(Out):
    """One amount into (+) or out of (-) an account, in the smallest unit of its commodity."""

    account_code = ma.fields.String(required=True)
    commodity = ma.fields.String(required=True)
    amount_minor = ma.fields.Integer(required=True)
    is_pending = ma.fields.Boolean(
        required=True, metadata={"description": "Of a hold: set aside, not moved."}
    )


class EventTransactionOut(Out):
    """What a transaction moved, and where it came from; free texts stay in the book."""

    kind = ma.fields.String(required=True)
    occurred_on = ma.fields.String(required=True, metadata={"format": "date"})
    source = ma.fields.String(required=True)
    reverses_id = Identifier(required=True, allow_none=True)
    resolves_id = Identifier(required=True, allow_none=True)
    expires_at = moment(allow_none=True)
    legs = ma.fields.List(ma.fields.Nested(EventLegOut), required=True)


class EventAccountOut(Out):
    """The account that was opened."""

    code = ma.fields.String(required=True)
    commodity = ma.fields.String(required=True)


class EventActOut(Out):
    """What was decided about an account, or about all days through one."""

    kind = ma.fields.String(required=True)
    account_code = ma.fields.String(required=True, allow_none=True)
    closed_through_on = ma.fields.String(
        required=True, allow_none=True, metadata={"format": "date"}
    )


class EventOut(Out):
    """One sealed item; of `transaction`, `account` and `act` the one named by `kind` is set."""

    sequence = ma.fields.Integer(required=True)
    kind = ma.fields.String(required=True)
    id = Identifier(required=True)
    content_hash = digest()
    recorded_at = moment()
    transaction = ma.fields.Nested(EventTransactionOut, required=True, allow_none=True)
    account = ma.fields.Nested(EventAccountOut, required=True, allow_none=True)
    act = ma.fields.Nested(EventActOut, required=True, allow_none=True)


class EventsOut(Out):
    """A page of events in order, without gaps; an empty one gives the same cursor back."""

    events = ma.fields.List(ma.fields.Nested(EventOut), required=True)
    next_cursor = ma.fields.Integer(required=True)


class AddWebhookArgs(Args):
    """An address, and whether the whole history is sent there first."""

    url = Text(required=True, length_min=1, length_max=URL_LENGTH_MAX)
    from_beginning = Checkbox(load_default=False)


class SwitchArgs(Args):
    """Off, or on again."""

    is_on = Checkbox(required=True)


class WebhookOut(Out):
    """An address that gets every event, and how far it has got."""

    id = Identifier(required=True)
    url = ma.fields.String(required=True)
    state = Choice(WebhookState, required=True)
    cursor_sequence = ma.fields.Integer(required=True)
    next_try_at = ma.fields.AwareDateTime(required=True)
    made_at = ma.fields.AwareDateTime(required=True)


class DeliveryOut(Out):
    """A batch of events; `dead` ones were given up."""

    id = Identifier(required=True)
    first_sequence = ma.fields.Integer(required=True)
    last_sequence = ma.fields.Integer(required=True)
    state = Choice(DeliveryState, required=True)
    try_count = ma.fields.Integer(required=True)
    made_at = ma.fields.AwareDateTime(required=True)
    tried_at = ma.fields.AwareDateTime(required=True, allow_none=True)
    status_code = ma.fields.Integer(required=True, allow_none=True)
    failure = Choice(
        Failure,
        required=True,
        allow_none=True,
        metadata={"enum": [*(str(failure) for failure in Failure), None]},
    )
    answer = ma.fields.String(required=True)


class WebhookDetailOut(Out):
    """One webhook with its secret and its last batches, newest first."""

    webhook = ma.fields.Nested(WebhookOut, required=True)
    secret = digest()
    waiting_count = ma.fields.Integer(required=True)
    deliveries = ma.fields.List(ma.fields.Nested(DeliveryOut), required=True)


blueprint = area("events", "Events of the book, and webhooks")


@blueprint.route("/events", methods=["GET"])
@allow(Permission.READ_BOOKS)
@blueprint.arguments(EventsQuery, location="query")
@blueprint.response(200, EventsOut)
def list_events(args: dict[str, Any]) -> EventPage:
    """List what was sealed behind a cursor, in order and without gaps."""
    with reading() as session:
        return events.read_events(session, current_actor(), **args)


@blueprint.route("/webhooks", methods=["GET"])
@allow(Permission.ADMINISTER)
@blueprint.response(200, WebhookOut(many=True))
def list_webhooks() -> object:
    """List the addresses that get every event."""
    with reading() as session:
        return webhooks.list_webhooks(session, current_actor())


@blueprint.route("/webhooks", methods=["POST"])
@allow(Permission.ADMINISTER)
@blueprint.arguments(AddWebhookArgs)
@blueprint.response(201, WebhookOut)
@blueprint.leads_to("show_webhook", webhook_id="id")
@blueprint.leads_to("switch_webhook", webhook_id="id")
@blueprint.leads_to("send_webhook_again", webhook_id="id")
def add_webhook(args: dict[str, Any]) -> Webhook:
    """Register an address; sending begins at once."""
    with begin() as session:
        return webhooks.add_webhook(
            session,
            current_actor(),
            is_private_allowed=settings().webhooks_private_network,
            **args,
        )


@blueprint.route("/webhooks/<uuid:webhook_id>", methods=["GET"])
@allow(Permission.ADMINISTER)
@blueprint.response(200, WebhookDetailOut)
def show_webhook(webhook_id: UUID) -> dict[str, Any]:
    """Show a webhook, the secret of its signatures, and what became of its last batches."""
    with reading() as session:
        found = webhooks.view_webhook(session, current_actor(), webhook_id)
    return {
        "webhook": found.webhook,
        "secret": webhooks.secret_of(keys(), found.webhook),
        "waiting_count": found.waiting_count,
        "deliveries": found.deliveries,
    }


@blueprint.route("/webhooks/<uuid:webhook_id>/switch", methods=["PUT"])
@allow(Permission.ADMINISTER)
@blueprint.arguments(SwitchArgs)
@blueprint.response(200, WebhookOut)
def switch_webhook(args: dict[str, Any], webhook_id: UUID) -> Webhook:
    """Switch a webhook off, or on again; it goes on where it stopped."""
    with begin() as session:
        return webhooks.switch_webhook(session, current_actor(), webhook_id=webhook_id, **args)


@blueprint.route("/webhooks/<uuid:webhook_id>/send-again", methods=["POST"])
@allow(Permission.ADMINISTER)
@blueprint.response(200, WebhookOut)
def send_webhook_again(webhook_id: UUID) -> Webhook:
    """Send the batch that was not received at once, with fresh tries."""
    with begin() as session:
        return webhooks.send_again(session, current_actor(), webhook_id=webhook_id)
