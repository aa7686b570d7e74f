"""kill -9 of the writers, of PostgreSQL and of the process that holds SQLite, at random moments.

A round starts writers in several processes, kills some of them and the server in the middle, starts
the server again, and looks: what was acknowledged is there once, what was sent and not acknowledged
is there once after it is sent again, and the book is whole. `TIMEBANK_CRASH_ROUNDS` says how many
rounds there are on each database; `make test-long` plays 25.
"""

import multiprocessing
import os
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from uuid import UUID

import pytest
import sqlalchemy as sa

from ledger.database import Database
from ledger.schema import Transaction
from ledger.verification import verify
from migrations import run as migrations
from tests.ledger.makers import World, make_world
from tests.ledger.writers import ALONE, IN_SESSION, draft, send, write_until_killed
from tests.servers import APPLICATION, Server, kill, postgresql, start_again, stop

ROUND_COUNT = int(os.environ.get("TIMEBANK_CRASH_ROUNDS", "3"))
WAYS = (ALONE, IN_SESSION, ALONE)
START_SECONDS_MAX = 60
RUN_SECONDS = (0.05, 0.5)
"""How long the writers write before the first kill, once all of them do."""

processes = multiprocessing.get_context("forkserver")
processes.set_forkserver_preload(["tests.ledger.writers"])


@dataclass
class Crashes:
    """A book, its writers' notes, and how its server is killed and started again."""

    world: World
    folder: Path
    kill_server: Callable[[], None]
    start_server: Callable[[], None]
    chance: random.Random = field(default_factory=lambda: random.Random(1))
    acknowledged_count: int = 0
    ambiguous_count: int = 0

    def play(self, number: int) -> None:
        """One round."""
        notes = [self.folder / f"{number}-{place}" for place in range(len(WAYS))]
        writers = [self._start(number, place) for place in range(len(WAYS))]
        try:
            for path in notes:
                _wait_for_a_post(path)
            time.sleep(self.chance.uniform(*RUN_SECONDS))
            killed = self.chance.sample(writers, self.chance.randint(0, len(writers)))
            for writer in killed:
                writer.kill()
            self.kill_server()
        finally:
            for writer in writers:
                writer.kill()
                writer.join()
        self.start_server()
        self.world.database.dispose()  # it never read from the server that is gone
        for place, path in enumerate(notes):
            self._look(place, path.read_text().splitlines())

    def _start(self, number: int, place: int) -> ForkServerProcess:
        world = self.world
        writer = processes.Process(
            target=write_until_killed,
            args=(
                world.database.url.render_as_string(hide_password=False),
                (world.community_id, world.issuance, self._account(place)),
                f"{WAYS[place]}-{number}-{place}",
                str(self.folder / f"{number}-{place}"),
            ),
        )
        writer.start()
        return writer

    def _account(self, place: int) -> UUID:
        return (self.world.alice, self.world.bob, self.world.alice)[place]

    def _look(self, place: int, lines: list[str]) -> None:
        """Compare the notes of one writer with the book."""
        sent = [line.split()[1] for line in lines if line.startswith("sent ")]
        done = {line.split()[1] for line in lines if line.startswith("done ")}
        found = self._found(sent)
        assert {key: found[key] for key in done} == dict.fromkeys(done, 1), "acknowledged, lost"
        for key in sent:
            drafted = draft(self.world.issuance, self._account(place), key)
            posted = send(self.world.database, self.world.community_id, drafted, WAYS[place])
            assert posted.is_replay == bool(found[key])
        assert set(self._found(sent).values()) <= {1}, "doubled"
        self.acknowledged_count += len(done)
        self.ambiguous_count += len(sent) - len(done)

    def _found(self, keys: list[str]) -> Counter[str]:
        with self.world.database.reading() as session:
            query = sa.select(Transaction.idempotency_key).where(
                Transaction.community_id == self.world.community_id,
                Transaction.idempotency_key.in_(keys),
            )
            return Counter(session.scalars(query))

    def check_book(self) -> None:
        """The whole book after all rounds: as many units as keys, and verified."""
        world = self.world
        with world.database.reading() as session:
            count = session.scalar(sa.select(sa.func.count()).select_from(Transaction))
            assert verify(session) == []
        assert count == self.acknowledged_count + self.ambiguous_count
        assert world.holds(world.alice) + world.holds(world.bob) == count
        assert world.holds(world.issuance) == -count


def _wait_for_a_post(notes: Path) -> None:
    deadline = time.monotonic() + START_SECONDS_MAX
    while not (notes.exists() and b"done" in notes.read_bytes()):
        assert time.monotonic() < deadline, "a writer does not come to write"
        time.sleep(0.01)


@pytest.fixture
def mortal() -> Iterator[Server]:
    """A server as shipped (every commit is synced), that a test may kill."""
    with postgresql(durable=True) as running:
        yield running


def _report(capsys: pytest.CaptureFixture[str], crashes: Crashes) -> None:
    with capsys.disabled():
        sys.stdout.write(
            f" {ROUND_COUNT} rounds: {crashes.acknowledged_count} acknowledged, 0 lost, 0 doubled,"
            f" {crashes.ambiguous_count} unknown and sent again "
        )


def test_nothing_is_lost_or_doubled_when_the_holders_of_sqlite_are_killed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The writers hold the file themselves: killing them is killing the database."""
    url = f"sqlite:///{tmp_path / 'book.sqlite3'}"
    migrations.upgrade(url)
    crashes = Crashes(make_world(Database(url)), tmp_path, lambda: None, lambda: None)

    for number in range(ROUND_COUNT):
        crashes.play(number)

    crashes.check_book()
    crashes.world.database.dispose()
    _report(capsys, crashes)


def test_nothing_is_lost_or_doubled_when_postgresql_is_killed(
    mortal: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Postmaster and backends die at once; the writers that live meet a server that is gone."""
    name = mortal.create()
    migrations.upgrade(mortal.url(name), application_role=APPLICATION)
    opened = Database(mortal.url(name, APPLICATION))
    started: list[subprocess.Popen[bytes]] = []
    crashes = Crashes(
        make_world(opened),
        tmp_path,
        lambda: kill(mortal),
        lambda: started.append(start_again(mortal)),
    )

    try:
        for number in range(ROUND_COUNT):
            crashes.play(number)
        crashes.check_book()
    finally:
        opened.dispose()
        for process in started:
            stop(process)
    _report(capsys, crashes)
