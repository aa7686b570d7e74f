"""Deliveries: events sent to webhooks, in order, until each batch is received once at least.

One try is three steps: *claim* (the right to deliver is lent until a moment, and the batch fixed),
*send*, *settle* (the cursor moves on, or the next try is set). No database transaction is open
while the network is waited for. A process that dies between send and settle leaves a claim that
runs out; whoever claims next sends the same batch under the same delivery id, so a receiver that
keeps ids can tell.

Invariants: the cursor moves behind an answer of 2xx only; of two processes one delivers; a batch
that was refused twelve times is a dead letter, and its webhook pauses until somebody looks.
"""

import hmac
import json
import secrets
from collections.abc import Callable
from datetime import timedelta
from typing import Final, NamedTuple
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from ledger import clock, feed
from ledger.database import Database
from ledger.errors import Unavailable
from ledger.feed import Event
from ledger.findings import UNREADABLE
from ledger.ids import new_id
from ledger.schema import SealItem
from timebank.codes import CodeKeys
from timebank.insight import events, outward, webhooks
from timebank.insight.errors import AddressPrivate
from timebank.insight.outward import Answer
from timebank.insight.sealing import Failed
from timebank.insight.webhook_models import (
    TRY_COUNT_MAX,
    DeliveryState,
    Failure,
    Webhook,
    WebhookDelivery,
    WebhookState,
)
from timebank.settings import Settings

BATCH_EVENT_COUNT_MAX: Final = 100
ROUND_WEBHOOK_COUNT_MAX: Final = 100
LEASE: Final = timedelta(minutes=2)
"""Longer than a try takes, the look-up of the name included."""
RETRY_FIRST: Final = timedelta(minutes=1)
RETRY_LONGEST: Final = timedelta(hours=12)
JITTER_PART: Final = 4
"""Up to a quarter is added to a pause, so that many webhooks do not come back at one moment."""
DELIVERED_KEPT_MAX: Final = 100
"""Of each webhook; older received batches are forgotten, the events stay in the feed."""
USER_AGENT: Final = "timebank-webhooks"


class Claim(NamedTuple):
    """The right to deliver one batch, and the batch."""

    webhook: Webhook
    claim_id: UUID
    delivery_id: UUID
    events: list[Event]


def _raise(_community_id: UUID, failure: BaseException) -> None:
    raise failure


def deliver_due(
    database: Database,
    settings: Settings,
    *,
    timeout_seconds: float = outward.TIMEOUT_SECONDS,
    failed: Failed = _raise,
    is_stopped: Callable[[], bool] = lambda: False,
) -> int:
    """Try one batch of every webhook that is due.

    Args:
        database: the books.
        settings: the root key, and whether private addresses are allowed.
        timeout_seconds: for each try.
        failed: told of a book whose events cannot be read; the others go on. By default it is
            raised.
        is_stopped: asked before every try; what is left then waits for the next time.

    Returns:
        how many batches were sent, whatever was answered; 0 when none is due.

    Raises:
        Unavailable: the database cannot be reached (`unavailable`, `busy`).
    """
    with database.reading() as session:
        listed = due(session)
    sent_count = 0
    for community_id, webhook_id in listed:
        if is_stopped():
            break
        try:
            with database.begin() as session:
                claimed = claim(session, community_id, webhook_id)
            if claimed is None:  # another process was faster, or somebody switched it off
                continue
            answer = send(claimed, settings, timeout_seconds=timeout_seconds)
            with database.begin() as session:
                settle(session, claimed, answer)
            sent_count += 1
        except Unavailable:
            raise
        except UNREADABLE as failure:
            failed(community_id, failure)
    return sent_count


def due(session: Session) -> list[tuple[UUID, UUID]]:
    """Return community and id of the webhooks that have something to send now."""
    has_more = (
        sa.select(SealItem.sequence)
        .where(
            SealItem.community_id == Webhook.community_id,
            SealItem.sequence > Webhook.cursor_sequence,
        )
        .exists()
    )
    rows = session.execute(
        sa.select(Webhook.community_id, Webhook.id)
        .where(_is_free(), has_more)
        .order_by(Webhook.next_try_at)
        .limit(ROUND_WEBHOOK_COUNT_MAX)
    )
    return [(row[0], row[1]) for row in rows]


def claim(session: Session, community_id: UUID, webhook_id: UUID) -> Claim | None:
    """Take the right to deliver the next batch.

    Args:
        session: a write session that ends before anything is sent.
        community_id: the book.
        webhook_id: the webhook.

    Returns:
        the batch, the same as before where one was not received yet; None if the webhook is not
        due any more, or another process delivers.
    """
    claim_id = new_id()
    taken = session.execute(
        sa.update(Webhook)
        .where(Webhook.community_id == community_id, Webhook.id == webhook_id, _is_free())
        .values(claim_id=claim_id, claimed_until=clock.now() + LEASE)
        .returning(Webhook.id)
        .execution_options(synchronize_session=False)
    ).first()
    if taken is None:
        return None
    webhook = session.get_one(Webhook, (community_id, webhook_id))
    delivery = session.scalar(
        sa.select(WebhookDelivery).where(
            WebhookDelivery.community_id == community_id,
            WebhookDelivery.webhook_id == webhook_id,
            WebhookDelivery.state == DeliveryState.WAITING,
        )
    )
    batch = _batch(session, webhook, delivery)
    if not batch:  # the last event was delivered since the webhook was found due
        webhook.claim_id = webhook.claimed_until = None
        return None
    if delivery is None:
        delivery = _new_delivery(webhook, batch)
        session.add(delivery)
    session.flush()
    return Claim(webhook, claim_id, delivery.id, batch)


def send(claimed: Claim, settings: Settings, *, timeout_seconds: float) -> Answer:
    """Send a batch; needs no database."""
    webhook = claimed.webhook
    content = {
        "community_id": str(webhook.community_id),
        "webhook_id": str(webhook.id),
        "delivery_id": str(claimed.delivery_id),
        "events": [events.document(event) for event in claimed.events],
    }
    body = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
    secret = webhooks.secret_of(CodeKeys(settings.secret_key.encode()), webhook)
    headers = {
        "Content-Type": "application/json",
        "User-Agent": USER_AGENT,
        "Timebank-Delivery": str(claimed.delivery_id),
        "Timebank-Signature": signature(secret, body, int(clock.now().timestamp())),
    }
    is_private_allowed = settings.webhooks_private_network
    try:
        target = outward.read_target(webhook.url, is_private_allowed=is_private_allowed)
    except AddressPrivate:  # allowed when it was registered, not any more
        return Answer(None, Failure.PRIVATE_ADDRESS)
    return outward.send(
        target,
        body,
        headers,
        is_private_allowed=is_private_allowed,
        timeout_seconds=timeout_seconds,
    )


def signature(secret: str, body: bytes, unix_seconds: int) -> str:
    """Return `t=<unix seconds>,v1=<hex HMAC-SHA256 over "<unix seconds>.<body>">`."""
    signed = f"{unix_seconds}.".encode() + body
    return f"t={unix_seconds},v1={hmac.digest(secret.encode(), signed, 'sha256').hex()}"


def settle(session: Session, claimed: Claim, answer: Answer) -> None:
    """Write down what was answered, unless the claim ran out and somebody else took it."""
    community_id, webhook_id = claimed.webhook.community_id, claimed.webhook.id
    webhook = session.scalar(
        sa.select(Webhook)
        .where(
            Webhook.community_id == community_id,
            Webhook.id == webhook_id,
            Webhook.claim_id == claimed.claim_id,
        )
        .with_for_update()
    )
    if webhook is None:
        return
    delivery = session.get_one(WebhookDelivery, (community_id, claimed.delivery_id))
    webhook.claim_id = webhook.claimed_until = None
    delivery.tried_at = clock.now()
    delivery.try_count += 1
    delivery.status_code, delivery.failure, delivery.answer = answer
    if answer.failure is None:
        delivery.state = DeliveryState.DELIVERED
        webhook.cursor_sequence = delivery.last_sequence
        session.flush()
        _forget_old(session, delivery)
    elif delivery.try_count >= TRY_COUNT_MAX:
        delivery.state = DeliveryState.DEAD
        if webhook.state == WebhookState.ON:
            webhook.state = WebhookState.PAUSED
    else:
        webhook.next_try_at = clock.now() + pause_after(delivery.try_count)
    session.flush()


def pause_after(try_count: int) -> timedelta:
    """Return how long to wait after so many tries: twice as long each time, with some jitter."""
    pause = min(RETRY_FIRST * (1 << (try_count - 1)), RETRY_LONGEST)
    jitter_seconds = secrets.randbelow(int(pause.total_seconds()) // JITTER_PART + 1)
    return min(pause + timedelta(seconds=jitter_seconds), RETRY_LONGEST)


def _is_free() -> sa.ColumnElement[bool]:
    now = clock.now()
    return sa.and_(
        Webhook.state == WebhookState.ON,
        Webhook.next_try_at <= now,
        sa.or_(Webhook.claimed_until.is_(None), Webhook.claimed_until <= now),
    )


def _batch(session: Session, webhook: Webhook, delivery: WebhookDelivery | None) -> list[Event]:
    """Return the events of a batch: those of the first try, or the next ones."""
    after, limit = webhook.cursor_sequence, BATCH_EVENT_COUNT_MAX
    if delivery is not None:
        after = delivery.first_sequence - 1
        limit = delivery.last_sequence - after
    return feed.events(session, webhook.community_id, after=after, limit=limit)


def _new_delivery(webhook: Webhook, batch: list[Event]) -> WebhookDelivery:
    return WebhookDelivery(
        community_id=webhook.community_id,
        id=new_id(),
        webhook_id=webhook.id,
        first_sequence=batch[0].sequence,
        last_sequence=batch[-1].sequence,
        state=DeliveryState.WAITING,
        try_count=0,
        made_at=clock.now(),
        answer="",
    )


def _forget_old(session: Session, newest: WebhookDelivery) -> None:
    """Forget received batches beyond the number kept."""
    of_webhook = sa.and_(
        WebhookDelivery.community_id == newest.community_id,
        WebhookDelivery.webhook_id == newest.webhook_id,
        WebhookDelivery.state == DeliveryState.DELIVERED,
    )
    oldest_kept = (
        sa.select(WebhookDelivery.first_sequence)
        .where(of_webhook)
        .order_by(WebhookDelivery.first_sequence.desc())
        .offset(DELIVERED_KEPT_MAX - 1)
        .limit(1)
        .scalar_subquery()
    )
    session.execute(
        sa.delete(WebhookDelivery)
        .where(of_webhook, WebhookDelivery.first_sequence < oldest_kept)
        .execution_options(synchronize_session=False)
    )
