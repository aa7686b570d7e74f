"""The sealer beside the posts: single durable posts with a sealer running, and without one.

PostgreSQL, 16 clients. The sealer is a process of its own that seals whatever waits, and rests only
where nothing does. The book is verified afterwards.
"""

import multiprocessing
from typing import Any

from bench.books import BOOK, CLIENTS
from bench.clients import Load, post_rate
from bench.large_books import SMALL, LargeBook, made_book, verified
from bench.measure import compare, publish, take_turns
from ledger import seal
from ledger.database import Database
from tests.servers import postgresql

SECONDS = 4
PAUSE_SECONDS = 0.2


def run(rounds: int) -> None:
    """Measure posts with and without the sealer."""
    with postgresql(durable=True) as server, made_book(server, "10k postings", SMALL) as book:
        rates = take_turns(
            {"posts": lambda: _posts(book), "posts beside the sealer": lambda: _beside(book)},
            rounds,
        )
        verified(book)
    publish(
        "sealer",
        "single durable posts, 16 clients, PostgreSQL",
        [compare(rates, "posts beside the sealer", "posts", ">= 0.9")],
    )


def _posts(book: LargeBook) -> float:
    return post_rate(Load(_url(book), CLIENTS, SECONDS, None, tuple(book.account_ids)))[0]


def _beside(book: LargeBook) -> float:
    context = multiprocessing.get_context("fork")
    over: Any = context.Event()
    sealer = context.Process(target=_seal, args=(_url(book), over))
    sealer.start()
    rate = _posts(book)
    over.set()
    sealer.join()
    return rate


def _seal(url: str, over: Any) -> None:
    database = Database(url)
    while not over.is_set():
        with database.begin() as session:
            sealed_count = seal.seal(session, BOOK)
        if not sealed_count:
            over.wait(PAUSE_SECONDS)
    database.dispose()


def _url(book: LargeBook) -> str:
    return book.database.url.render_as_string(hide_password=False)
