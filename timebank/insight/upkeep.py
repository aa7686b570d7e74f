"""Upkeep: what the server does by itself behind the pages, in a thread or two.

Those that wait for foreign machines have a thread of their own, so that nothing is sealed later
because a receiver is slow.

It runs in the process that starts the workers, not in a worker: so there is one per server, however
many workers there are, and its hashing takes no time from a page. Two servers on one database, or a
`timebank seal` beside them, do no harm: whoever is overtaken goes on with the next block.
"""

import threading
import time
from collections.abc import Callable
from typing import Final, NamedTuple
from uuid import UUID

import structlog

from ledger.database import Database, UnfitDatabase
from ledger.errors import Unavailable
from timebank.insight import deliveries, sealing
from timebank.messages import sending
from timebank.messages.channels import Smtp
from timebank.service import reminders
from timebank.settings import Settings

TICK_SECONDS: Final = 1.0
WAIT_SECONDS_MAX: Final = 60.0
"""While the database cannot be reached, each wait is twice as long as the one before."""
STOP_SECONDS_MAX: Final = 3.0
"""For the block in hand; one that is cut off is written whole or not at all."""

log = structlog.get_logger()


class Chore(NamedTuple):
    """One kind of work: its name in the log, how often it comes, and what it does.

    `work` takes the database, whom to tell of a book that fails, and a question whether to stop;
    see `sealing.seal_waiting`.
    """

    name: str
    every_seconds: float
    work: Callable[[Database, sealing.Failed, Callable[[], bool]], object]


def chores_of_books() -> tuple[Chore, ...]:
    """Return what every book needs: its seal, an end of what is set aside, its reminders."""
    return (
        Chore("seal", TICK_SECONDS, _seal),
        Chore("sweep", 60.0, lambda book, failed, _: sealing.expire_due(book, failed=failed)),
        Chore("remind", 600.0, lambda book, failed, _: reminders.remind_due(book, failed=failed)),
    )


def chores_of_webhooks(settings: Settings) -> tuple[Chore, ...]:
    """Return what webhooks need; it waits for foreign machines."""

    def deliver(database: Database, failed: sealing.Failed, is_stopped: Callable[[], bool]) -> None:
        while deliveries.deliver_due(database, settings, failed=failed, is_stopped=is_stopped):
            pass

    return (Chore("deliver", TICK_SECONDS, deliver),)


def chores_of_messages(settings: Settings, compose: sending.Compose) -> tuple[Chore, ...]:
    """Return what sends messages out of the house; none without a mail server.

    Args:
        settings: names the server and the sender.
        compose: puts a message into words.
    """
    if not settings.smtp_url:
        return ()
    channel = Smtp(settings.smtp_url, settings.mail_sender)

    def send(database: Database, failed: sealing.Failed, is_stopped: Callable[[], bool]) -> None:
        sending.send_due(database, channel, compose, failed=failed, is_stopped=is_stopped)

    return (Chore("send", 5.0, send),)


class Upkeep:
    """The thread and its chores; `with Upkeep(url):` runs it for the length of the block."""

    def __init__(self, database_url: str, chores: tuple[Chore, ...] | None = None) -> None:
        """Prepare; nothing is opened before `start`.

        Args:
            database_url: of the books; the thread has a connection of its own.
            chores: what it does; None is what every book needs.
        """
        self._url = database_url
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._failing: dict[tuple[str, UUID], str] = {}
        self._chores = chores_of_books() if chores is None else chores

    def __enter__(self) -> "Upkeep":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start the thread."""
        assert self._thread is None, "the upkeep runs once"
        if not self._chores:
            return
        self._stop = threading.Event()  # a thread that was not waited for keeps the old one
        self._thread = threading.Thread(target=self.run, name="upkeep", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Let the thread finish what it has in hand, and end it."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(STOP_SECONDS_MAX)
            self._thread = None

    def restart(self) -> None:
        """Stop and start again: called just before the server forks a worker.

        A fork while the thread is inside the database's library would copy a lock that nobody in
        the new process ever opens; a fresh thread sleeps first.
        """
        self.stop()
        self.start()

    def run(self) -> None:
        """Do the chores whenever they are due, until `stop`."""
        stop, wait_seconds = self._stop, TICK_SECONDS
        database: Database | None = None
        due = dict.fromkeys(self._chores, 0.0)
        while not stop.wait(wait_seconds):
            try:
                database = database or Database(self._url)
                self._do_what_is_due(database, due, stop.is_set)
                wait_seconds = TICK_SECONDS
            except (Unavailable, UnfitDatabase) as error:
                wait_seconds = min(wait_seconds * 2, WAIT_SECONDS_MAX)
                log.warning("upkeep_waits", reason=str(error), seconds=wait_seconds)
        if database is not None:
            database.dispose()

    def _do_what_is_due(
        self, database: Database, due: dict[Chore, float], is_stopped: Callable[[], bool]
    ) -> None:
        for chore in self._chores:
            if time.monotonic() >= due[chore]:
                due[chore] = time.monotonic() + chore.every_seconds
                self._do(chore, database, is_stopped)

    def _do(self, chore: Chore, database: Database, is_stopped: Callable[[], bool]) -> None:
        """Do one chore; a book that fails is one line when it begins to, not one every second."""
        failing: dict[tuple[str, UUID], str] = {}

        def failed(community_id: UUID, failure: BaseException) -> None:
            reason = f"{type(failure).__name__}: {str(failure).partition(chr(10))[0]}"
            failing[chore.name, community_id] = reason
            if self._failing.get((chore.name, community_id)) != reason:
                log.error(f"{chore.name}_failed", book=str(community_id), reason=reason)

        chore.work(database, failed, is_stopped)
        others = {key: reason for key, reason in self._failing.items() if key[0] != chore.name}
        self._failing = {**others, **failing}


def _seal(database: Database, failed: sealing.Failed, is_stopped: Callable[[], bool]) -> int:
    return sealing.seal_waiting(database, failed=failed, is_stopped=is_stopped)
