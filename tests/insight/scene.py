"""A community whose events are sent to webhooks, and what arrived there."""

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import count

from ledger import journal, seal
from ledger.database import Database
from tests.insight.receivers import Receiver
from tests.makers import actor_of, make_community, make_member
from timebank.actors import Actor, Role
from timebank.insight import webhooks
from timebank.insight.deliveries import deliver_due
from timebank.insight.webhook_models import Webhook
from timebank.insight.webhooks import WebhookView
from timebank.settings import Settings

NOON = datetime(2026, 11, 9, 4, 0, tzinfo=UTC)
URL = "https://example.org/events"
_numbers = count(1)


@dataclass
class Scene:
    """A community with an administrator and, where asked for, a webhook."""

    database: Database
    settings: Settings
    gu: Actor
    start: int = 0
    """The last sequence number when it was made."""

    def add(self, url: str = URL, *, from_beginning: bool = True) -> Webhook:
        with self.database.begin() as session:
            return webhooks.add_webhook(
                session, self.gu, url=url, from_beginning=from_beginning, is_private_allowed=True
            )

    def happen(self, event_count: int) -> None:
        """Let so many things happen, and seal them."""
        with self.database.begin() as session:
            for _ in range(event_count):
                journal.open_account(
                    session, self.gu.community_id, code=f"Test:{next(_numbers)}", commodity="POINT"
                )
        with self.database.begin() as session:
            seal.seal(session, self.gu.community_id)

    def deliver(self, *, seconds: float = 20.0) -> int:
        return deliver_due(self.database, self.settings, timeout_seconds=seconds)

    def switch(self, webhook: Webhook, *, is_on: bool) -> None:
        with self.database.begin() as session:
            webhooks.switch_webhook(session, self.gu, webhook_id=webhook.id, is_on=is_on)

    def view(self, webhook: Webhook) -> WebhookView:
        with self.database.reading() as session:
            return webhooks.view_webhook(session, self.gu, webhook.id)

    def head(self) -> int:
        with self.database.reading() as session:
            return seal.head(session, self.gu.community_id).last_sequence


def make_scene(database: Database, settings: Settings) -> Scene:
    with database.begin() as session:
        community = make_community(session)
        gu = actor_of(make_member(session, community, "Gu"), Role.ADMINISTRATOR)
    made = Scene(database, replace(settings, webhooks_private_network=True), gu)
    made.happen(1)
    made.start = made.head()
    return made


def sequences(running: Receiver) -> list[int]:
    """Return the sequence numbers that arrived, in the order of their arrival."""
    return [
        event["sequence"]
        for request in running.requests
        for event in json.loads(request.body)["events"]
    ]
