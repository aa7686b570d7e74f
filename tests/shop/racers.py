"""Tills that press F2 at the same moment: threads of one process, and processes of their own."""

import multiprocessing
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from uuid import UUID

from ledger import clock
from ledger.database import Database
from ledger.errors import Refusal
from tests.shop.makers import NOON, fresh
from timebank.actors import Actor, Role
from timebank.codes import CodeKeys
from timebank.shop.basket import Line
from timebank.shop.till import Sale, redeem

SOLD = "sold"
WAIT_SECONDS = 60


def attempt(
    database: Database, clerk: tuple[UUID, UUID], root: bytes, holder: str, item_number: int
) -> str:
    """Try to redeem one piece; return `sold` or the refusal's code."""
    community_id, member_id = clerk
    actor = Actor(community_id=community_id, member_id=member_id, roles=frozenset({Role.CLERK}))
    sale = Sale(holder=holder, lines=(Line(item_number, 1),), nonce=fresh())
    try:
        with clock.at(NOON), database.begin() as session:
            redeem(session, actor, CodeKeys(root), sale=sale)
    except Refusal as refusal:
        return refusal.code
    return SOLD


def in_threads(count: int, work: Callable[[int], str]) -> list[str]:
    """Run `work` in so many threads that start together."""
    start = Barrier(count)

    def run(place: int) -> str:
        start.wait(WAIT_SECONDS)
        return work(place)

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(run, range(count)))


def in_processes(
    count: int, url: str, clerk: tuple[UUID, UUID], root: bytes, basket: tuple[str, int]
) -> list[str]:
    """Redeem the same basket from so many processes at once."""
    context = multiprocessing.get_context("forkserver")  # what they import is loaded once
    context.set_forkserver_preload([__name__])
    start, answers = context.Barrier(count), context.Queue()
    racers = [
        context.Process(target=_race, args=(url, clerk, root, basket, start, answers))
        for _ in range(count)
    ]
    for racer in racers:
        racer.start()
    found = [answers.get(timeout=WAIT_SECONDS) for _ in racers]
    for racer in racers:
        racer.join(WAIT_SECONDS)
    return found


def _race(
    url: str,
    clerk: tuple[UUID, UUID],
    root: bytes,
    basket: tuple[str, int],
    start: "multiprocessing.synchronize.Barrier",
    answers: "multiprocessing.Queue[str]",
) -> None:
    database = Database(url)
    start.wait(WAIT_SECONDS)
    answers.put(attempt(database, clerk, root, *basket))
    database.dispose()
