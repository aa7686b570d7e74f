"""django-hordak beside us: W1, W2, W4 and W6, on the same server in the same run.

Its environment is made once in `.bench/hordak` from `bench/peers/hordak.lock`. It posts as its
documentation says, by `Account.transfer_to` inside `transaction.atomic`. W6 compares how many
postings a second its check of the accounting equation goes through, over what it posted in this
run, with our verification of a book of 10 thousand, which recomputes every hash too.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any
from uuid import UUID

from bench.books import CLIENTS, ISSUANCE, Bench, durable_bench
from bench.clients import Load, post_rate
from bench.large_books import READS, SMALL, made_book, per_second, reads, verified
from bench.measure import Candidate, compare, publish, take_turns

SECONDS = 4
FOLDER = Path(".bench") / "hordak"
LOCK = Path(__file__).with_name("hordak.lock")
PROGRAM = Path(__file__).with_name("hordak_ledger.py")
TIMEOUT_SECONDS = 120


class Hordak:
    """django-hordak on a database of the same server."""

    def __init__(self, bench: Bench) -> None:
        """Make its environment, its tables and its accounts."""
        if not FOLDER.exists():
            subprocess.run([sys.executable, "-m", "venv", str(FOLDER)], check=True)
            pip = [str(FOLDER / "bin" / "python"), "-m", "pip", "install", "--quiet"]
            subprocess.run([*pip, "--require-hashes", "-r", str(LOCK)], check=True)
        self.bench = bench
        self.database = bench.server.create()
        self.count = 0
        self.call("make")

    def call(self, work: str, **options: Any) -> Any:
        """Run one piece of work in its environment and return what it printed."""
        done = subprocess.run(
            [
                # -P: the folder of the program holds a module that is called hordak too.
                *(str(FOLDER / "bin" / "python"), "-P", str(PROGRAM)),
                str(self.bench.server.folder),
                *(self.database, work, json.dumps(options)),
            ],
            capture_output=True,
            text=True,
            timeout=TIMEOUT_SECONDS,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-500:]
        return json.loads(done.stdout)

    def posts(self, *, is_hot: bool) -> Candidate:
        """Posts per second over all clients."""

        def run() -> float:
            done = self.call("post", clients=CLIENTS, seconds=SECONDS, is_hot=is_hot)
            self.count += done["count"]
            return float(done["rate"])

        return run

    def balances(self) -> float:
        """Balances per second."""
        return float(self.call("read", reads=READS["balance"] // 10))

    def checks(self) -> float:
        """Postings per second that its own check goes through."""
        return 2 * self.count / float(self.call("check"))


def run(rounds: int) -> None:
    """Measure both and publish the table."""
    with durable_bench() as bench, made_book(bench.server, "10k postings", SMALL) as small:
        hordak = Hordak(bench)

        def ours(source_id: UUID | None = None) -> float:
            return post_rate(Load(bench.url, CLIENTS, SECONDS, source_id))[0]

        rates = take_turns(
            {
                "post": ours,
                "hordak post": hordak.posts(is_hot=False),
                "post on one account": lambda: ours(ISSUANCE),
                "hordak post on one account": hordak.posts(is_hot=True),
                "balance": reads(small, "balance"),
                "hordak balance": hordak.balances,
                "verify": lambda: SMALL * per_second(lambda: verified(small))(),
                "hordak check": hordak.checks,
            },
            rounds,
        )
    pairs = (
        ("post", "hordak post"),
        ("post on one account", "hordak post on one account"),
        ("balance", "hordak balance"),
        ("verify", "hordak check"),
    )
    publish(
        "peers",
        "django-hordak on the same server: our rate / its rate",
        [compare(rates, mine, its, "> 1") for mine, its in pairs],
    )
