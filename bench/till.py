"""W8t: two tills, eight threads at each, 500 baskets a thread over twenty scarce kinds.

The same crowd as in the tests (points, cash, both, goods swapped in, returns of a part), on each
database as shipped, with verification at its end. Like `rosters` it is no ratio: it prints what was
sold, what was refused and why, and baskets a second. A refusal that is not right for what was asked
fails the run.
"""

import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from ledger import clock, verification
from ledger.database import Database
from migrations import run as migrations
from tests.servers import APPLICATION, postgresql
from tests.shop import crowd
from tests.shop.makers import NOON, make_world
from tests.shop.sales import findings
from timebank.people import passwords

DATABASES = ("sqlite", "postgresql")
TILLS = 2
THREADS_PER_TILL = 8
BASKETS = 500
PIECES = 250
POINTS = 2_000
ROOT = bytes(range(32))


def run(rounds: int) -> None:
    """Play the crowd once on each database; `rounds` means nothing here."""
    del rounds
    passwords.use_profile(passwords.CHEAP)
    for kind in DATABASES:
        with TemporaryDirectory() as folder, _book(kind, Path(folder)) as url:
            _play(kind, url)


@contextmanager
def _book(kind: str, folder: Path) -> Iterator[str]:
    """Give the address of an empty book, as the application opens it, on a server as shipped."""
    if kind == "sqlite":
        url = f"sqlite:///{folder}/book.sqlite3"
        migrations.upgrade(url)
        yield url
        return
    with postgresql(durable=True) as server:
        name = server.create()
        migrations.upgrade(server.url(name), application_role=APPLICATION)
        yield server.url(name, APPLICATION)


def _play(kind: str, url: str) -> None:
    database = Database(url)
    with clock.at(NOON), database.begin() as session:
        world = make_world(session, points=POINTS)
        people = crowd.gather(session, world, pieces=PIECES, points=POINTS)
    threads = TILLS * THREADS_PER_TILL
    start = time.perf_counter()
    with ThreadPoolExecutor(threads) as pool:
        said = pool.map(
            lambda seed: crowd.serve(database, people, ROOT, seed=seed, baskets=BASKETS),
            range(threads),
        )
        answers = sum(said, Counter[str]())
    seconds = time.perf_counter() - start
    told = ", ".join(f"{code} {count}" for code, count in answers.most_common())
    print(f"  {kind}: {threads * BASKETS} baskets, {threads * BASKETS / seconds:.0f}/s: {told}")
    assert answers.keys() <= crowd.EXPECTED, answers.keys() - crowd.EXPECTED
    with clock.at(NOON), database.reading() as session:
        found = [*crowd.disagreements(session, people), *findings(session, world)]
        found += [finding.message for finding in verification.verify(session)]
    assert not found, found[:3]
    print(f"  {kind}: verified, no finding")
    database.dispose()
