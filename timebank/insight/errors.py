"""What webhooks refuse, and what they say then."""

from ledger.errors import N_, Invalid, NotFound, Refused


class WebhookNotFound(NotFound):
    """No such webhook in this community."""

    code = "webhook_not_found"
    message = N_("There is no such webhook here.")


class WebhookKnown(Refused):
    """An address gets every event once, so it is registered once."""

    code = "webhook_known"
    message = N_("This address gets the events already.")


class TooManyWebhooks(Refused):
    """A community has a few addresses, not a mailing list."""

    code = "too_many_webhooks"
    message = N_("There are %(count)s webhooks already, and no more are possible.")


class NothingToSendAgain(Refused):
    """Every batch that was sent was received."""

    code = "nothing_to_send_again"
    message = N_("Everything that was sent has been received; there is nothing to send again.")


class AddressInvalid(Invalid):
    """A webhook is an address of the web, without a name and password in it."""

    code = "webhook_address_invalid"
    message = N_("Please enter an address such as https://example.org/events.")


class AddressPrivate(Invalid):
    """Events go to the public network only, unless the operator says otherwise."""

    code = "webhook_address_private"
    message = N_("%(host)s is not a public address; events are not sent there.")
