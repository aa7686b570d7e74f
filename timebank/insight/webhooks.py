"""Webhooks: addresses outside that get every event of a community's book, in order.

An administrator registers an address, switches it off and on, sees what became of each batch, and
sends again what was given up. The sending itself is in `timebank/insight/deliveries.py`.

Invariant: the secret of a webhook is stored nowhere: it is derived from the root key and the id of
the webhook. A leaked one is answered by a new webhook.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from ledger import clock, seal
from ledger.ids import new_id
from timebank import audit
from timebank.actors import Actor, Permission
from timebank.codes import CodeKeys, Purpose
from timebank.insight.errors import (
    NothingToSendAgain,
    TooManyWebhooks,
    WebhookKnown,
    WebhookNotFound,
)
from timebank.insight.outward import read_target
from timebank.insight.webhook_models import DeliveryState, Webhook, WebhookDelivery, WebhookState
from timebank.people.models import Community

WEBHOOK_COUNT_MAX: Final = 10
DELIVERIES_SHOWN_MAX: Final = 20


@dataclass(frozen=True, slots=True)
class WebhookView:
    """A webhook with its last batches, newest first, and how many events it has not received."""

    webhook: Webhook
    deliveries: Sequence[WebhookDelivery]
    waiting_count: int

    @property
    def has_unreceived(self) -> bool:
        """Whether a batch was sent and not received."""
        return any(each.state != DeliveryState.DELIVERED for each in self.deliveries)


def list_webhooks(session: Session, actor: Actor) -> Sequence[Webhook]:
    """Return the webhooks of the actor's community, oldest first.

    Raises:
        NotAllowed: needs `administer` (`not_allowed`).
    """
    actor.require(Permission.ADMINISTER)
    return session.scalars(
        sa.select(Webhook)
        .where(Webhook.community_id == actor.community_id)
        .order_by(Webhook.made_at, Webhook.id)
    ).all()


def view_webhook(session: Session, actor: Actor, webhook_id: UUID) -> WebhookView:
    """Return one webhook with what became of its last batches.

    Raises:
        NotAllowed: needs `administer` (`not_allowed`).
        WebhookNotFound: not of this community (`webhook_not_found`).
    """
    webhook = _get(session, actor, webhook_id)
    deliveries = session.scalars(
        sa.select(WebhookDelivery)
        .where(
            WebhookDelivery.community_id == actor.community_id,
            WebhookDelivery.webhook_id == webhook_id,
        )
        .order_by(WebhookDelivery.first_sequence.desc())
        .limit(DELIVERIES_SHOWN_MAX)
    ).all()
    head = seal.head(session, actor.community_id)
    return WebhookView(webhook, deliveries, head.last_sequence - webhook.cursor_sequence)


def secret_of(keys: CodeKeys, webhook: Webhook) -> str:
    """Return the 64 characters whose bytes are the key of a webhook's signatures."""
    return keys.derive(webhook.community_id, Purpose.WEBHOOK, webhook.id.hex).hex()


def add_webhook(
    session: Session, actor: Actor, *, url: str, from_beginning: bool, is_private_allowed: bool
) -> Webhook:
    """Register an address; it gets the events from now on.

    Args:
        session: a write session.
        actor: needs `administer`.
        url: http(s)://HOST[:PORT][/PATH].
        from_beginning: True sends the whole history first.
        is_private_allowed: the operator's setting.

    Raises:
        NotAllowed: `not_allowed`.
        AddressInvalid: `webhook_address_invalid`.
        AddressPrivate: `webhook_address_private`.
        WebhookKnown: `webhook_known`.
        TooManyWebhooks: `too_many_webhooks`.
    """
    actor.require(Permission.ADMINISTER)
    target = read_target(url, is_private_allowed=is_private_allowed)
    _lock_list(session, actor.community_id)
    known = session.scalars(
        sa.select(Webhook.url).where(Webhook.community_id == actor.community_id)
    ).all()
    if url in known:
        raise WebhookKnown
    if len(known) >= WEBHOOK_COUNT_MAX:
        raise TooManyWebhooks(count=len(known))
    head = seal.head(session, actor.community_id)
    webhook = Webhook(
        community_id=actor.community_id,
        id=new_id(),
        url=url,
        state=WebhookState.ON,
        cursor_sequence=0 if from_beginning else head.last_sequence,
        next_try_at=clock.now(),
        made_at=clock.now(),
    )
    session.add(webhook)
    # The path may hold a key of the receiver's: the record of acts keeps the host alone.
    audit.record(session, actor, "add_webhook", _subject(webhook.id), host=target.host)
    session.flush()
    return webhook


def switch_webhook(session: Session, actor: Actor, *, webhook_id: UUID, is_on: bool) -> Webhook:
    """Switch a webhook off, or on again; it goes on where it stopped, with fresh tries.

    Raises:
        NotAllowed: needs `administer` (`not_allowed`).
        WebhookNotFound: not of this community (`webhook_not_found`).
    """
    webhook = _get(session, actor, webhook_id, is_locked=True)
    if is_on:
        _start_over(session, webhook)
    else:
        webhook.state = WebhookState.OFF
    audit.record(session, actor, "switch_webhook", _subject(webhook.id), is_on=is_on)
    session.flush()
    return webhook


def send_again(session: Session, actor: Actor, *, webhook_id: UUID) -> Webhook:
    """Let the batch that was not received be sent at once, with fresh tries.

    Raises:
        NotAllowed: needs `administer` (`not_allowed`).
        WebhookNotFound: not of this community (`webhook_not_found`).
        NothingToSendAgain: everything was received (`nothing_to_send_again`).
    """
    webhook = _get(session, actor, webhook_id, is_locked=True)
    if not _start_over(session, webhook):
        raise NothingToSendAgain
    audit.record(session, actor, "send_webhook_again", _subject(webhook.id))
    session.flush()
    return webhook


def paused_count(session: Session, community_id: UUID) -> int:
    """Return how many webhooks wait for somebody to send a dead letter again."""
    return (
        session.scalar(
            sa.select(sa.func.count())
            .select_from(Webhook)
            .where(Webhook.community_id == community_id, Webhook.state == WebhookState.PAUSED)
        )
        or 0
    )


def _lock_list(session: Session, community_id: UUID) -> None:
    """Let one administrator add at a time, so that two together do not pass the limit."""
    session.execute(
        sa.select(Community.community_id)
        .where(Community.community_id == community_id)
        .with_for_update(key_share=True)
    )


def _start_over(session: Session, webhook: Webhook) -> bool:
    """Switch on, and give a batch that was not received fresh tries; tell if there is one."""
    webhook.state = WebhookState.ON
    webhook.next_try_at = clock.now()
    open_delivery = session.scalar(
        sa.select(WebhookDelivery).where(
            WebhookDelivery.community_id == webhook.community_id,
            WebhookDelivery.webhook_id == webhook.id,
            WebhookDelivery.state != DeliveryState.DELIVERED,
        )
    )
    if open_delivery is None:
        return False
    open_delivery.state = DeliveryState.WAITING
    open_delivery.try_count = 0
    return True


def _get(session: Session, actor: Actor, webhook_id: UUID, *, is_locked: bool = False) -> Webhook:
    """Return a webhook; locked, so that a delivery that ends now does not undo the change."""
    actor.require(Permission.ADMINISTER)
    chosen = sa.select(Webhook).where(
        Webhook.community_id == actor.community_id, Webhook.id == webhook_id
    )
    found = session.scalar(chosen.with_for_update() if is_locked else chosen)
    if found is None:
        raise WebhookNotFound
    return found


def _subject(webhook_id: UUID) -> str:
    return f"webhook:{webhook_id}"
