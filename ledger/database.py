"""The database behind the book: SQLite or PostgreSQL, opened the one safe way.

`begin()` is a write session that commits when its block ends and rolls back when an exception
leaves it; `reading()` is one consistent, read-only snapshot. Both turn locks that last too long and
lost connections into `Busy` and `Unavailable`.

SQLite: a write session starts with BEGIN IMMEDIATE, so two writers queue at the door instead of
    failing in the middle. The pragmas are read back on every new connection: a book that could lose
    an acknowledged entry, or skip its triggers, is not opened at all.
PostgreSQL: writes run at READ COMMITTED (the kernel's guarded updates are made for it), readings in
    one snapshot.
"""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import psycopg
import sqlalchemy as sa
from sqlalchemy.orm import Session

from ledger import doors
from ledger.errors import Busy, Unavailable

LOCK_TIMEOUT_MILLISECONDS = 10_000
IDLE_TIMEOUT_MILLISECONDS = 60_000
ATTEMPTS_MAX = 4
_POOL_SIZE = 16

_SQLITE_PRAGMAS: dict[str, tuple[str, object]] = {
    # name: (as set, as read back)
    "journal_mode": ("WAL", "wal"),
    "synchronous": ("FULL", 2),
    "foreign_keys": ("ON", 1),
    "recursive_triggers": ("ON", 1),
    "busy_timeout": (str(LOCK_TIMEOUT_MILLISECONDS), LOCK_TIMEOUT_MILLISECONDS),
}
_IN_DOUBT = "commit_in_doubt"
_IN_DOUBT_SQLSTATE = "01000"
_BUSY_SQLSTATES = {"40001", "40P01", "55P03"}
_BUSY_SQLITE = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_UNAVAILABLE_SQLITE = {sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL}

Result = TypeVar("Result")


class UnfitDatabase(RuntimeError):
    """The database does not keep a promise that the book stands on; raised when it is opened."""


class Database:
    """One book-keeping database and its pool of connections."""

    def __init__(self, url: str | sa.URL) -> None:
        """Open the database and check that it is fit to hold a book.

        Args:
            url: `sqlite:///path` (a file) or `postgresql://user@host/name`.

        Raises:
            UnfitDatabase: a pragma does not read back as set, or another kind of database.
            Unavailable: it cannot be reached (`unavailable`).
        """
        self.url = sa.make_url(url)
        makers = {"sqlite": _sqlite_engines, "postgresql": _postgresql_engines}
        if self.url.get_backend_name() not in makers:
            raise UnfitDatabase(f"a book needs SQLite or PostgreSQL, not {self.url.drivername}")
        self.engine, self._reading_engine, self._door_engine = makers[self.url.get_backend_name()](
            self.url
        )
        with _clear_errors(), self.engine.connect():
            pass

    @property
    def is_sqlite(self) -> bool:
        """True on SQLite, false on PostgreSQL."""
        return self.engine.dialect.name == "sqlite"

    @contextmanager
    def begin(self) -> Iterator[Session]:
        """Give a write session: commits at the end of the block, rolls back on any exception.

        Raises:
            Busy: a lock was not given within ten seconds, or a deadlock was broken (`busy`).
            Unavailable: the database went away (`unavailable`); the commit may or may not have
                happened, repeat with the same keys.
        """
        with (
            _clear_errors(),
            Session(self.engine, expire_on_commit=False) as session,
            session.begin(),
        ):
            info = session.connection().info
            info.pop(_IN_DOUBT, None)
            yield session
        _check_commit(info)

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """Give a read-only session over one snapshot; a write in it is refused by the database.

        Raises:
            Unavailable: the database went away (`unavailable`).
        """
        with (
            _clear_errors(),
            Session(self._reading_engine, expire_on_commit=False) as session,
        ):
            yield session

    @contextmanager
    def door(self) -> Iterator[doors.Door]:
        """Give the door itself for one call, which commits by itself; faster than a session.

        Raises:
            Busy: as `begin` (`busy`).
            Unavailable: as `begin` (`unavailable`).
        """
        with _clear_errors():
            connection = self._door_engine.raw_connection()
            driver, info = connection.driver_connection, connection.info
            info.pop(_IN_DOUBT, None)
            try:
                with self._alone(driver):
                    yield doors.at(self.engine.dialect.name, driver)
            except (psycopg.Error, sqlite3.Error):
                connection.invalidate()
                if not self.is_sqlite and driver is not None and driver.closed:
                    # The server went away: the others in the pool are as dead, and each would cost
                    # an attempt.
                    self._door_engine.dispose()
                raise
            finally:
                connection.close()
        _check_commit(info)

    @contextmanager
    def _alone(self, driver: Any) -> Iterator[None]:
        """On SQLite begin and commit by hand; PostgreSQL commits each statement by itself."""
        if not self.is_sqlite:
            yield
            return
        driver.execute("BEGIN IMMEDIATE")
        try:
            yield
            driver.execute("COMMIT")
        finally:
            if driver.in_transaction:  # not after a commit, nor where a full disk rolled it back
                driver.execute("ROLLBACK")

    def attempt(self, work: Callable[[Session], Result]) -> Result:
        """Run `work` in a write session, again from the start when the database asks for it.

        Every post in `work` carries an idempotency key, so a repetition after a commit whose answer
        was lost has no second effect.

        Raises:
            Busy: four times in a row (`busy`).
            Unavailable: four times in a row (`unavailable`).
        """
        for _ in range(ATTEMPTS_MAX - 1):
            try:
                with self.begin() as session:
                    return work(session)
            except Unavailable:
                continue
        with self.begin() as session:
            return work(session)

    def dispose(self) -> None:
        """Close every pooled connection."""
        for engine in (self.engine, self._reading_engine, self._door_engine):
            engine.dispose()


def _sqlite_engines(url: sa.URL) -> tuple[sa.Engine, sa.Engine, sa.Engine]:
    """Return the writer, the reader and the engine of the door; reader and writer share nothing.

    To switch one connection between the two by `query_only` would make SQLite compile every
    statement and trigger anew after each switch: ten times the cost of a post.
    """
    writer = _sqlite_engine(url, "BEGIN IMMEDIATE")
    return writer, _sqlite_engine(url, "BEGIN"), writer


def _sqlite_engine(url: sa.URL, begin: str) -> sa.Engine:
    engine = sa.create_engine(url, pool_size=_POOL_SIZE, poolclass=sa.pool.QueuePool)
    sa.event.listen(engine, "connect", _prepare_sqlite)
    if begin == "BEGIN":
        sa.event.listen(engine, "connect", _only_read)
    sa.event.listen(engine, "begin", lambda connection: connection.exec_driver_sql(begin))
    return engine


def _only_read(connection: sqlite3.Connection, _record: Any) -> None:
    connection.execute("PRAGMA query_only = ON")


def _prepare_sqlite(connection: sqlite3.Connection, _record: Any) -> None:
    """Take over transaction control from the driver, set the pragmas and read them back."""
    connection.isolation_level = None
    for name, (setting, expected) in _SQLITE_PRAGMAS.items():
        connection.execute(f"PRAGMA {name} = {setting}")
        found = connection.execute(f"PRAGMA {name}").fetchone()[0]
        if found != expected:
            raise UnfitDatabase(f"SQLite keeps {name} at {found!r} where {expected!r} is needed")


def _postgresql_engines(url: sa.URL) -> tuple[sa.Engine, sa.Engine, sa.Engine]:
    options = (
        f"-c lock_timeout={LOCK_TIMEOUT_MILLISECONDS}"
        f" -c idle_in_transaction_session_timeout={IDLE_TIMEOUT_MILLISECONDS}"
        " -c timezone=UTC"
    )
    writer, alone = (
        sa.create_engine(
            url.set(drivername="postgresql+psycopg"),
            isolation_level=isolation_level,
            pool_size=_POOL_SIZE,
            connect_args={"options": options},
        )
        for isolation_level in ("READ COMMITTED", "AUTOCOMMIT")
    )
    for engine in (writer, alone):
        sa.event.listen(engine, "connect", _listen_for_doubt)
    reader = writer.execution_options(postgresql_readonly=True, isolation_level="REPEATABLE READ")
    return writer, reader, alone


def _listen_for_doubt(connection: psycopg.Connection[Any], record: Any) -> None:
    """Note a commit that was cancelled while it waited for its replica: it reports success."""

    def note(diagnostic: psycopg.errors.Diagnostic) -> None:
        if diagnostic.sqlstate == _IN_DOUBT_SQLSTATE:
            record.info[_IN_DOUBT] = True

    connection.add_notice_handler(note)


def _check_commit(info: dict[Any, Any]) -> None:
    """Refuse to call a commit done that may not be.

    Raises:
        Unavailable: it is not known whether it is durable; repeat with the same keys.
    """
    if info.pop(_IN_DOUBT, False):
        raise Unavailable


@contextmanager
def _clear_errors() -> Iterator[None]:
    """Turn the drivers' words for "not now" into refusals; every other error passes as it is."""
    try:
        yield
    except (sa.exc.DBAPIError, psycopg.Error, sqlite3.Error) as error:
        cause = error.orig if isinstance(error, sa.exc.DBAPIError) else error
        raise (_translated(cause) or error) from error
    except sa.exc.TimeoutError as error:  # every pooled connection is in use
        raise Busy from error


def _translated(cause: BaseException | None) -> Unavailable | None:
    if isinstance(cause, sqlite3.OperationalError):
        return _translated_sqlite(cause)
    if isinstance(cause, psycopg.Error):
        return _translated_postgresql(cause)
    return None


def _translated_sqlite(cause: sqlite3.OperationalError) -> Unavailable | None:
    primary_code = getattr(cause, "sqlite_errorcode", 0) & 0xFF
    if primary_code in _BUSY_SQLITE:
        return Busy()
    return Unavailable() if primary_code in _UNAVAILABLE_SQLITE else None


def _translated_postgresql(cause: psycopg.Error) -> Unavailable | None:
    if cause.sqlstate in _BUSY_SQLSTATES:
        return Busy()
    if cause.sqlstate is None:  # raised by the driver itself: the connection is gone
        return Unavailable() if isinstance(cause, psycopg.OperationalError) else None
    # 08: connection, 53: resources, 57P: shut down by the administrator, 25P03: idle for too long
    return Unavailable() if cause.sqlstate.startswith(("08", "53", "57P", "25P03")) else None
