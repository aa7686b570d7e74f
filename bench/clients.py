"""Clients that post through `standalone.post`, each a process with its own connection."""

import multiprocessing
import random
import time
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from bench.books import ACCOUNT_COUNT, BOOK
from ledger import ids, standalone
from ledger.database import Database
from ledger.journal import Draft, Leg

DAY = date(2026, 11, 9)


@dataclass(frozen=True)
class Load:
    """What one round of clients does.

    Attributes:
        url: the ledger.
        clients: number of processes.
        seconds: how long each posts.
        source_id: the account that every post debits; None is any account.
        account_ids: the accounts to choose from; none are those of `bench.books`.
    """

    url: str
    clients: int
    seconds: float
    source_id: UUID | None = None
    account_ids: tuple[UUID, ...] = ()


def post_rate(load: Load) -> tuple[float, int]:
    """Return posts per second over all clients, and the number of posts that were acknowledged."""
    context = multiprocessing.get_context("fork")
    results: Any = context.Queue()
    barrier: Any = context.Barrier(load.clients)
    workers = [
        context.Process(target=_client, args=(load, number, barrier, results))
        for number in range(load.clients)
    ]
    for worker in workers:
        worker.start()
    counted = [results.get() for _ in workers]
    for worker in workers:
        worker.join()
    return sum(count / elapsed for count, elapsed in counted), sum(count for count, _ in counted)


def _client(load: Load, number: int, barrier: Any, results: Any) -> None:
    database = Database(load.url)
    chance = random.Random(number)
    _post(database, chance, load)  # the first post prepares its statement
    barrier.wait()
    start, count = time.perf_counter(), 0
    while time.perf_counter() - start < load.seconds:
        _post(database, chance, load)
        count += 1
    results.put((count, time.perf_counter() - start))
    database.dispose()


def _post(database: Database, chance: random.Random, load: Load) -> None:
    if load.account_ids:
        source, target = chance.sample(load.account_ids, 2)
    else:
        source = load.source_id or UUID(int=chance.randint(1, ACCOUNT_COUNT // 2))
        target = UUID(int=chance.randint(ACCOUNT_COUNT // 2 + 1, ACCOUNT_COUNT))
    key = ids.new_id().hex
    legs = (Leg(source, -1), Leg(target, 1))
    draft = Draft("transfer", legs, DAY, key, "system:bench", "bench:1", "")
    standalone.post(database, BOOK, draft)
