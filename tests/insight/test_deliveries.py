"""Deliveries: a batch is tried until it is received, by one process at a time."""

import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from uuid import UUID

import pytest
import sqlalchemy as sa

from ledger import clock
from ledger.database import Database
from ledger.ids import new_id
from tests.conftest import Book
from tests.insight.receivers import answer, meanwhile, receiver, silent, silent_after
from tests.insight.scene import Scene, sequences
from timebank.insight import deliveries, webhooks
from timebank.insight.deliveries import LEASE, deliver_due, pause_after
from timebank.insight.outward import Answer
from timebank.insight.upkeep import Upkeep, chores_of_webhooks
from timebank.insight.webhook_models import (
    TRY_COUNT_MAX,
    DeliveryState,
    Failure,
    Webhook,
    WebhookDelivery,
    WebhookState,
)

IMPATIENT_SECONDS = 0.3
SOON = timedelta(seconds=1)


# ---------------------------------------------------------------- tries


def test_a_batch_that_was_refused_comes_again_as_it_was(scene: Scene) -> None:
    with receiver(answer(500, "down"), answer(500), answer(500)) as running:
        webhook = scene.add(running.url)
        moment = clock.now() + SOON
        for _ in range(3):
            with clock.at(moment):
                assert scene.deliver() == 1
                scene.happen(1)  # what comes later waits behind what was not received
                assert scene.deliver() == 0
            moment = _next_try_at(scene, webhook)
        with clock.at(moment):
            assert [scene.deliver() for _ in range(3)] == [1, 1, 0]

        bodies = [request.body for request in running.requests]
        ids = [request.delivery_id for request in running.requests]
    assert len(set(bodies[:4])) == len(set(ids[:4])) == 1
    assert ids[4] != ids[3]
    found = scene.view(webhook)
    assert found.waiting_count == 0
    assert [(each.try_count, each.status_code) for each in found.deliveries] == [(1, 200), (4, 200)]


def _next_try_at(scene: Scene, webhook: Webhook) -> datetime:
    return scene.view(webhook).webhook.next_try_at


def test_pauses_grow_from_a_minute_to_half_a_day() -> None:
    pauses = [[pause_after(tries) for _ in range(200)] for tries in range(1, TRY_COUNT_MAX)]

    for number, drawn in enumerate(pauses):
        base = min(timedelta(minutes=2**number), timedelta(hours=12))
        assert min(drawn) >= base
        assert max(drawn) <= min(base * 1.25, timedelta(hours=12))
        assert len(set(drawn)) > 1 or base == timedelta(hours=12)
    assert all(max(first) < min(second) for first, second in pairwise(pauses[:10]))


def test_nothing_is_tried_before_its_time(scene: Scene) -> None:
    with receiver(answer(503)) as running:
        webhook = scene.add(running.url)
        with clock.at(clock.now() + SOON):
            scene.deliver()
        later = _next_try_at(scene, webhook)
        with clock.at(later - timedelta(microseconds=1)):
            assert scene.deliver() == 0
        with clock.at(later):
            assert scene.deliver() == 1
        assert len(running.requests) == 2


def _until_dead(scene: Scene, webhook: Webhook) -> None:
    for _ in range(TRY_COUNT_MAX):
        with clock.at(max(_next_try_at(scene, webhook), clock.now()) + SOON):
            assert scene.deliver() == 1


def test_after_twelve_tries_it_is_a_dead_letter_and_the_webhook_pauses(scene: Scene) -> None:
    with receiver(*[answer(500, "no\x00room\n" + "x" * 900)] * TRY_COUNT_MAX) as running:
        webhook = scene.add(running.url)
        _until_dead(scene, webhook)
        with clock.at(clock.now() + timedelta(days=365)):
            assert scene.deliver() == 0

        found = scene.view(webhook)
        assert found.webhook.state == WebhookState.PAUSED
        (dead,) = found.deliveries
        assert (dead.state, dead.try_count) == (DeliveryState.DEAD, TRY_COUNT_MAX)
        assert (dead.status_code, dead.failure) == (500, Failure.REFUSED)
        assert dead.answer == "noroom" + "x" * 194
        assert found.webhook.cursor_sequence == 0
        with scene.database.reading() as session:
            assert webhooks.paused_count(session, scene.gu.community_id) == 1

        with scene.database.begin() as session:
            webhooks.send_again(session, scene.gu, webhook_id=webhook.id)
        with clock.at(clock.now() + SOON):
            assert scene.deliver() == 1
        assert len({request.delivery_id for request in running.requests}) == 1
    found = scene.view(webhook)
    assert (found.webhook.state, found.waiting_count) == (WebhookState.ON, 0)
    with scene.database.reading() as session:
        assert webhooks.paused_count(session, scene.gu.community_id) == 0


def test_a_try_that_times_out_is_a_try(scene: Scene) -> None:
    with receiver(silent) as running:
        webhook = scene.add(running.url)

        assert scene.deliver(seconds=IMPATIENT_SECONDS) == 1

        (delivery,) = scene.view(webhook).deliveries
        assert (delivery.state, delivery.failure) == (DeliveryState.WAITING, Failure.TIMED_OUT)
        assert delivery.status_code is None


def test_a_private_address_is_refused_when_the_operator_does_not_allow_it_any_more(
    scene: Scene,
) -> None:
    with receiver() as running:
        by_name, by_number = scene.add(running.url), scene.add(f"http://127.0.0.1:{running.port}/")

        assert deliver_due(scene.database, replace(scene.settings, webhooks_private_network=False))

        assert running.requests == []
    for webhook in (by_name, by_number):
        assert scene.view(webhook).deliveries[0].failure == Failure.PRIVATE_ADDRESS


def test_old_received_batches_are_forgotten(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deliveries, "DELIVERED_KEPT_MAX", 3)
    with receiver() as running:
        webhook = scene.add(running.url)
        for _ in range(5):
            scene.deliver()
            scene.happen(1)

        assert sequences(running) == list(range(1, scene.start + 5))
    kept = [each.last_sequence - scene.start for each in scene.view(webhook).deliveries]
    assert kept == [4, 3, 2]


# ---------------------------------------------------------------- processes


def test_no_transaction_is_open_while_the_network_is_waited_for(scene: Scene) -> None:
    in_use: list[int] = []

    def write() -> None:
        in_use.append(scene.database.engine.pool.checkedout())  # type: ignore[attr-defined]
        scene.happen(1)

    with receiver(meanwhile(write, answer(200))) as running:
        scene.add(running.url)

        assert scene.deliver() == 1

    assert in_use == [0]
    assert scene.head() == scene.start + 1


def test_of_two_processes_one_delivers(scene: Scene) -> None:
    counts: list[int] = []

    def second() -> None:
        counts.append(scene.deliver())

    with receiver(meanwhile(second, answer(200))) as running:
        scene.add(running.url)

        counts.append(scene.deliver())

        assert counts == [0, 1]
        assert len(running.requests) == 1


def test_of_many_that_claim_at_once_one_gets_it(scene: Scene) -> None:
    webhook = scene.add()
    start = threading.Barrier(6)

    def take() -> bool:
        start.wait()
        with scene.database.begin() as session:
            return deliveries.claim(session, webhook.community_id, webhook.id) is not None

    with ThreadPoolExecutor(6) as pool:
        taken = list(pool.map(lambda _: take(), range(6)))

    assert sorted(taken) == [False] * 5 + [True]


def test_who_comes_back_after_the_claim_ran_out_changes_nothing(scene: Scene) -> None:
    with receiver() as running:
        webhook = scene.add(running.url)
        with scene.database.begin() as session:
            late = deliveries.claim(session, webhook.community_id, webhook.id)
        assert late is not None
        with clock.at(clock.now() + LEASE - SOON):
            assert scene.deliver() == 0
        with clock.at(clock.now() + LEASE + SOON):
            assert scene.deliver() == 1

        with scene.database.begin() as session:
            deliveries.settle(session, late, Answer(500, Failure.REFUSED))

        assert running.requests[0].delivery_id == str(late.delivery_id)
    assert scene.view(webhook).deliveries[0].state == DeliveryState.DELIVERED
    assert scene.view(webhook).waiting_count == 0


@pytest.mark.databases("sqlite")
def test_a_process_killed_between_sending_and_writing_it_down_sends_again(
    scene: Scene, book: Book, tmp_path: Path
) -> None:
    arrived = threading.Event()
    environment = {
        **os.environ,
        "TIMEBANK_DATABASE_URL": book.url,
        "TIMEBANK_DATA_DIR": str(tmp_path),
        "TIMEBANK_SECRET_KEY": scene.settings.secret_key,
        "TIMEBANK_WEBHOOKS_PRIVATE_NETWORK": "1",
    }
    command = [sys.executable, "-m", "web.cli", "webhooks", "deliver", "--once"]
    with receiver(silent_after(arrived)) as running:
        webhook = scene.add(running.url)
        with subprocess.Popen(command, env=environment) as process:
            assert arrived.wait(60)
            process.kill()
        with clock.at(clock.now() + LEASE + SOON):
            assert scene.deliver() == 1

        first, second = running.requests
        assert (first.delivery_id, first.body) == (second.delivery_id, second.body)
        assert sequences(running) == 2 * list(range(1, scene.start + 1))
    found = scene.view(webhook)
    assert (found.waiting_count, found.webhook.claim_id) == (0, None)


def test_the_server_delivers_by_itself(scene: Scene) -> None:
    arrived = threading.Event()
    chores = chores_of_webhooks(scene.settings)
    with receiver(meanwhile(arrived.set, answer(200))) as running:
        webhook = scene.add(running.url)
        with Upkeep(scene.settings.database_url, chores):
            assert arrived.wait(60)

        assert sequences(running) == list(range(1, scene.start + 1))
    assert scene.view(webhook).waiting_count == 0


def test_a_book_whose_events_cannot_be_read_is_told(scene: Scene, owner_database: Database) -> None:
    failed: list[UUID] = []
    with receiver() as running:
        webhook = scene.add(running.url)
        with owner_database.begin() as session:
            session.execute(
                sa.text("ALTER TABLE ledger_seal_item RENAME COLUMN content_hash TO lost")
            )

        sent = deliver_due(
            scene.database, scene.settings, failed=lambda book, _: failed.append(book)
        )

        assert (sent, failed, running.requests) == (0, [webhook.community_id], [])


def test_the_switch_holds_while_a_batch_is_on_its_way(scene: Scene) -> None:
    def switch_off() -> None:
        scene.switch(webhook, is_on=False)

    with receiver(meanwhile(switch_off, answer(200))) as running:
        webhook = scene.add(running.url)
        assert scene.deliver() == 1
        scene.happen(1)
        assert scene.deliver() == 0

        found = scene.view(webhook)
        assert (found.webhook.state, found.waiting_count) == (WebhookState.OFF, 1)
        scene.switch(webhook, is_on=True)
        assert scene.deliver() == 1
        assert sequences(running) == list(range(1, scene.start + 2))


# ---------------------------------------------------------------- the second guard


@pytest.mark.parametrize(
    "change",
    [
        {"state": DeliveryState.DELIVERED, "status_code": 500},
        {"state": DeliveryState.DELIVERED, "status_code": None},
        {"last_sequence": 0},
        {"try_count": TRY_COUNT_MAX + 1},
        {"answer": "x" * 201},
    ],
)
def test_the_database_refuses_a_delivery_that_cannot_be(
    scene: Scene, change: dict[str, object]
) -> None:
    webhook = scene.add()
    with scene.database.begin() as session:
        assert deliveries.claim(session, webhook.community_id, webhook.id) is not None

    with pytest.raises(sa.exc.IntegrityError), scene.database.begin() as session:
        session.execute(sa.update(WebhookDelivery).values(change))


def test_the_database_refuses_a_second_open_batch(scene: Scene) -> None:
    webhook = scene.add()
    with scene.database.begin() as session:
        deliveries.claim(session, webhook.community_id, webhook.id)

        first = session.scalars(sa.select(WebhookDelivery)).one()
        columns = sa.inspect(WebhookDelivery).columns
        values = {column.key: getattr(first, column.key) for column in columns}
    second = values | {"id": new_id(), "first_sequence": 7_000, "last_sequence": 7_000}

    with pytest.raises(sa.exc.IntegrityError), scene.database.begin() as session:
        session.execute(sa.insert(WebhookDelivery).values(second))
