"""W1, W1s, W2: single durable posts on PostgreSQL, against pgbench's own transaction.

W1: uniform over all accounts through the public Python call. W1s: the function called by pgbench,
so the server alone. W2: every post debits one account: the issuance, which is insert-only here, and
a twin of it with a balance row, which is what a ledger with one row per account does.
"""

from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import UUID

from bench.books import (
    ACCOUNT_COUNT,
    BOOK,
    CLIENTS,
    HOT,
    ISSUANCE,
    Bench,
    check_books,
    durable_bench,
    pgbench_rate,
)
from bench.clients import Load, post_rate
from bench.measure import Candidate, compare, publish, take_turns

SECONDS = 4

# What the caller hands over is made from random numbers: an id that grows with time, a fresh key
# and two hashes, as our own client would. Making them costs the server a little: against us.
_SCRIPT = """
\\set target random({half} + 1, {all})
\\set source random(1, {half})
\\set noise random(0, 281474976710655)
SELECT ledger_post('{book}',
    (lpad(to_hex((extract(epoch FROM clock_timestamp()) * 1000)::bigint), 12, '0') || '7000'
     || lpad(to_hex(:noise::bigint), 16, '8'))::uuid,
    'transfer', '2026-11-09', now(), NULL,
    clock_timestamp()::text || :noise::bigint,
    sha256(int8send(:noise::bigint)), sha256(int8send(:noise::bigint)),
    'system', 'bench', '',
    ARRAY[{source}, lpad(to_hex(:target::bigint), 32, '0')::uuid], ARRAY[-1, 1]::bigint[]);
"""
_ANY = "lpad(to_hex(:source::bigint), 32, '0')::uuid"


class Posts:
    """The candidates over one bench, and the number of posts they were told are written."""

    def __init__(self, bench: Bench, folder: Path) -> None:
        """Write the pgbench scripts."""
        self.bench = bench
        self.folder = folder
        self.acknowledged = 0

    def tpcb(self, clients: int) -> Candidate:
        """The tpcb-like transaction of pgbench."""
        return lambda: pgbench_rate(self.bench.server, self.bench.tpcb, clients, SECONDS)

    def python(self, clients: int, source_id: UUID | None = None) -> Candidate:
        """Posts through `journal.post`."""

        def run() -> float:
            rate, count = post_rate(Load(self.bench.url, clients, SECONDS, source_id))
            self.acknowledged += count
            return rate

        return run

    def function(self, name: str, source: str) -> Candidate:
        """Posts by pgbench, which calls the function itself."""
        path = self.folder / f"{name}.sql"
        script = _SCRIPT.format(
            book=BOOK, half=ACCOUNT_COUNT // 2, all=ACCOUNT_COUNT, source=source
        )
        path.write_text(script, encoding="utf-8")
        return lambda: pgbench_rate(
            self.bench.server, self.bench.ledger, CLIENTS, SECONDS, "-f", str(path)
        )


def run(rounds: int) -> None:
    """Measure W1, W1s and W2 on one server and check the book."""
    with durable_bench() as bench, TemporaryDirectory() as folder:
        posts = Posts(bench, Path(folder))
        _uniform(posts, rounds)
        _hot(posts, rounds)
        check_books(bench.server.url(bench.ledger), posts.acknowledged)


def _uniform(posts: Posts, rounds: int) -> None:
    rates = take_turns(
        {
            "tpcb-like, 16 clients": posts.tpcb(CLIENTS),
            "post in Python, 16 clients": posts.python(CLIENTS),
            "post by pgbench, 16 clients": posts.function("any", _ANY),
            "tpcb-like, 1 client": posts.tpcb(1),
            "post in Python, 1 client": posts.python(1),
        },
        rounds,
    )
    many, single = "tpcb-like, 16 clients", "tpcb-like, 1 client"
    publish(
        "W1",
        f"single durable posts over {ACCOUNT_COUNT} accounts, PostgreSQL",
        [
            compare(rates, "post in Python, 16 clients", many, ">= 0.45"),
            compare(rates, "post in Python, 1 client", single, ">= 0.5"),
        ],
    )
    publish(
        "W1s",
        "the same, called by pgbench: the server alone",
        [compare(rates, "post by pgbench, 16 clients", many, ">= 0.9")],
    )


def _hot(posts: Posts, rounds: int) -> None:
    rates = take_turns(
        {
            "tpcb-like": posts.tpcb(CLIENTS),
            "post in Python": posts.python(CLIENTS, ISSUANCE),
            "post by pgbench": posts.function("issuance", f"'{ISSUANCE}'::uuid"),
            "one balance row": posts.function("hot", f"'{HOT}'::uuid"),
        },
        rounds,
    )
    publish(
        "W2",
        "every post debits one account, 16 clients, PostgreSQL",
        [
            compare(rates, "post in Python", "tpcb-like", ">= 0.45"),
            compare(rates, "post by pgbench", "tpcb-like", ">= 0.9"),
            compare(rates, "post by pgbench", "one balance row", ">= 3"),
        ],
    )
