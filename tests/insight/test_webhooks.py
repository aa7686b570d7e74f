"""Webhooks: every event arrives, in order; who may register one, and what is refused."""

import hmac
import json
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from ledger import clock, feed
from tests.insight.receivers import receiver
from tests.insight.scene import NOON, URL, Scene, sequences
from tests.makers import actor_of, make_community, make_member
from timebank.actors import Actor, Role
from timebank.audit import AuditEvent
from timebank.codes import CodeKeys
from timebank.errors import NotAllowed
from timebank.insight import deliveries, webhooks
from timebank.insight.deliveries import BATCH_EVENT_COUNT_MAX
from timebank.insight.errors import (
    AddressInvalid,
    AddressPrivate,
    NothingToSendAgain,
    TooManyWebhooks,
    WebhookKnown,
    WebhookNotFound,
)
from timebank.insight.events import document
from timebank.insight.webhook_models import (
    DeliveryState,
    Webhook,
)

# ---------------------------------------------------------------- what arrives


def test_every_event_arrives_in_order_batch_by_batch(scene: Scene) -> None:
    with receiver() as running:
        webhook = scene.add(running.url)
        scene.happen(2 * BATCH_EVENT_COUNT_MAX + 7)

        sent = [scene.deliver() for _ in range(4)]

        assert sent == [1, 1, 1, 0]
        assert sequences(running) == list(range(1, scene.head() + 1))
    found = scene.view(webhook)
    assert (found.webhook.cursor_sequence, found.waiting_count) == (scene.head(), 0)
    assert [each.state for each in found.deliveries] == [DeliveryState.DELIVERED] * 3


def test_what_happens_later_is_sent_later(scene: Scene) -> None:
    with receiver() as running:
        scene.add(running.url, from_beginning=False)
        assert scene.deliver() == 0
        scene.happen(2)

        assert scene.deliver() == 1
        assert sequences(running) == [scene.start + 1, scene.start + 2]


def test_the_body_is_what_the_feed_says_and_signed(scene: Scene) -> None:
    with receiver() as running:
        webhook = scene.add(running.url)
        with clock.at(NOON.replace(year=2099)):
            scene.deliver()
        (request,) = running.requests

    with scene.database.reading() as session:
        told = feed.events(session, scene.gu.community_id, after=0, limit=10)
    assert json.loads(request.body) == {
        "community_id": str(scene.gu.community_id),
        "webhook_id": str(webhook.id),
        "delivery_id": request.delivery_id,
        "events": [document(event) for event in told],
    }
    secret = webhooks.secret_of(CodeKeys(scene.settings.secret_key.encode()), webhook)
    moment = int(NOON.replace(year=2099).timestamp())
    expected = hmac.new(secret.encode(), f"{moment}.".encode() + request.body, "sha256").hexdigest()
    assert request.headers["Timebank-Signature"] == f"t={moment},v1={expected}"
    assert request.headers["Content-Type"] == "application/json"


def test_the_check_in_the_documents_tells_ours_from_forged() -> None:
    text = (Path(__file__).parents[2] / "docs" / "webhooks.md").read_text(encoding="utf-8")
    found: dict[str, Callable[[str, str, bytes], bool]] = {}
    exec(text.partition("```python\n")[2].partition("```")[0], found)
    is_ours = found["is_ours"]
    now = int(clock.now().timestamp())
    header = deliveries.signature("secret", b"body", now)

    assert is_ours("secret", header, b"body")
    assert not is_ours("secret", header, b"body.")
    assert not is_ours("other", header, b"body")
    assert not is_ours("secret", header.replace(str(now), str(now + 1)), b"body")
    assert not is_ours("secret", deliveries.signature("secret", b"body", now - 400), b"body")


def test_each_webhook_has_a_secret_of_its_own_that_stands_nowhere(scene: Scene) -> None:
    keys = CodeKeys(scene.settings.secret_key.encode())
    first, second = scene.add("https://a.org"), scene.add("https://b.org")

    secrets = {webhooks.secret_of(keys, first), webhooks.secret_of(keys, second)}

    assert len(secrets) == 2
    assert secrets == {webhooks.secret_of(keys, first), webhooks.secret_of(keys, second)}
    with scene.database.reading() as session:
        stored = str(
            [
                session.execute(sa.select(table)).all()
                for table in (Webhook.__table__, AuditEvent.__table__)
            ]
        )
    assert not any(secret in stored for secret in secrets)


# ---------------------------------------------------------------- who, and what is refused


def test_only_administrators_have_to_do_with_webhooks(scene: Scene) -> None:
    webhook = scene.add()
    others = frozenset(Role) - {Role.ADMINISTRATOR}
    alice = Actor(scene.gu.community_id, scene.gu.member_id, others, "Alice")

    with scene.database.begin() as session:
        for attempt in (
            lambda: webhooks.list_webhooks(session, alice),
            lambda: webhooks.view_webhook(session, alice, webhook.id),
            lambda: webhooks.switch_webhook(session, alice, webhook_id=webhook.id, is_on=False),
            lambda: webhooks.send_again(session, alice, webhook_id=webhook.id),
            lambda: webhooks.add_webhook(
                session, alice, url=URL, from_beginning=True, is_private_allowed=True
            ),
        ):
            with pytest.raises(NotAllowed):
                attempt()


def test_another_communitys_webhook_is_not_there(scene: Scene) -> None:
    webhook = scene.add()
    with scene.database.begin() as session:
        other = make_community(session, code="A")
        frieda = actor_of(make_member(session, other, "Frieda"), Role.ADMINISTRATOR)

        assert webhooks.list_webhooks(session, frieda) == []
        for attempt in (
            lambda: webhooks.view_webhook(session, frieda, webhook.id),
            lambda: webhooks.switch_webhook(session, frieda, webhook_id=webhook.id, is_on=False),
            lambda: webhooks.send_again(session, frieda, webhook_id=webhook.id),
        ):
            with pytest.raises(WebhookNotFound):
                attempt()


def test_every_act_leaves_its_row_without_the_path_of_the_address(scene: Scene) -> None:
    webhook = scene.add("https://example.org/events?key=abc")
    scene.switch(webhook, is_on=False)
    scene.switch(webhook, is_on=True)

    with scene.database.reading() as session:
        rows = session.execute(
            sa.select(AuditEvent.action, AuditEvent.actor, AuditEvent.details)
            .where(AuditEvent.subject == f"webhook:{webhook.id}")
            .order_by(AuditEvent.id)
        ).all()
    assert [tuple(row) for row in rows] == [
        ("add_webhook", scene.gu.reference, {"host": "example.org"}),
        ("switch_webhook", scene.gu.reference, {"is_on": False}),
        ("switch_webhook", scene.gu.reference, {"is_on": True}),
    ]


def test_an_address_is_registered_once(scene: Scene) -> None:
    scene.add()

    with pytest.raises(WebhookKnown):
        scene.add()


def test_there_are_ten_webhooks_at_most(scene: Scene) -> None:
    for number in range(webhooks.WEBHOOK_COUNT_MAX):
        scene.add(f"{URL}/{number}")

    with pytest.raises(TooManyWebhooks):
        scene.add()


def test_bad_addresses_are_refused(scene: Scene) -> None:
    with scene.database.begin() as session:
        for url, refusal in (("ftp://a.org", AddressInvalid), ("http://10.0.0.1", AddressPrivate)):
            with pytest.raises(refusal):
                webhooks.add_webhook(
                    session, scene.gu, url=url, from_beginning=True, is_private_allowed=False
                )


def test_what_was_received_is_not_sent_again(scene: Scene) -> None:
    with receiver() as running:
        webhook = scene.add(running.url)
        scene.deliver()

    with scene.database.begin() as session, pytest.raises(NothingToSendAgain):
        webhooks.send_again(session, scene.gu, webhook_id=webhook.id)
