"""The book that the tests of a process borrow one after the other, always fresh, seldom made anew.

To make a database, to open connections and to compile statements costs more than most tests. So
one address serves them all: the SQLite file is copied over, the PostgreSQL database is emptied, and
only one whose tables, guards or rights a test has changed is dropped. Who opens the address gets
engines of their own, so that listeners end with their test; what was compiled stays.
"""

import shutil
from collections.abc import Callable
from copy import copy
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import psycopg
import sqlalchemy as sa
from psycopg import sql
from sqlalchemy.orm import Session

from ledger.base import Base
from ledger.database import Database
from tests.servers import APPLICATION, OWNER, Server

Connection = psycopg.Connection[Any]

_CATALOGUES = (
    "pg_attrdef",
    "pg_attribute",
    "pg_class",
    "pg_constraint",
    "pg_db_role_setting",
    "pg_default_acl",
    "pg_event_trigger",
    "pg_index",
    "pg_inherits",
    "pg_namespace",
    "pg_policy",
    "pg_proc",
    "pg_rewrite",
    "pg_sequence",
    "pg_trigger",
    "pg_type",
    "alembic_version",
)
_STATE = "SELECT " + ", ".join(
    f"(SELECT count(*) FROM {table}), (SELECT sum(xmin::text::bigint) FROM {table})"
    for table in (
        *_CATALOGUES,
        "(SELECT xmin FROM pg_database WHERE datname = current_database()) AS itself",
    )
)
"""Every change of a table, guard, function or right changes a count or a transaction's number."""

_AS_CONNECTED = (
    "RESET SESSION AUTHORIZATION; RESET ALL; CLOSE ALL; UNLISTEN *;"
    " SELECT pg_advisory_unlock_all(); DISCARD TEMP; DISCARD SEQUENCES"
)


@dataclass
class Book:
    """One fresh database: the address of the application and that of the owner of its tables."""

    url: str
    owner_url: str

    @property
    def is_sqlite(self) -> bool:
        return self.url.startswith("sqlite")


class Opened:
    """A `Database` for one address after another test's: same compiled statements, nothing else."""

    def __init__(self, url: str) -> None:
        self._database = Database(url)
        self._database.dispose()
        first, reading, door = _engines(self._database)
        own = {id(engine.dialect): engine for engine in (first, reading, door)}
        self._pools = [(engine, engine.pool) for engine in own.values()]
        self._idle: dict[int, Connection] = {}
        for engine in own.values() if engine_keeps(first) else ():
            sa.event.listen(engine, "do_connect", self._reconnect)

    @property
    def process_ids(self) -> list[int]:
        """Return the server's processes of the connections kept for the next test."""
        return [connection.info.backend_pid for connection in self._idle.values()]

    def lend(self) -> Database:
        """Give the database with pools and engines that no test has listened to."""
        for engine, pool in self._pools:
            engine.pool = pool.recreate()
        first, reading, door = _engines(self._database)
        lent = copy(self._database)
        lent.engine = first.execution_options()
        shares = reading.dialect is first.dialect
        options = reading.get_execution_options()
        lent._reading_engine = (lent.engine if shares else reading).execution_options(**options)
        lent._door_engine = lent.engine if door is first else door.execution_options()
        return lent

    def take_back(self) -> None:
        """Close the connections of a test, but keep one of each pool where it is a server's."""
        for engine, _ in self._pools:
            if engine_keeps(engine) and engine.pool.checkedin():  # type: ignore[attr-defined]
                self._keep_one(engine)
            engine.dispose()

    def forget(self) -> None:
        """Close the connections kept for the next test: their database is about to go."""
        for connection in self._idle.values():
            connection.close()
        self._idle.clear()

    def _keep_one(self, engine: sa.Engine) -> None:
        borrowed = engine.raw_connection()
        connection = borrowed.driver_connection
        assert isinstance(connection, psycopg.Connection)
        borrowed.detach()
        try:
            connection.execute(_AS_CONNECTED)
            connection.commit()
        except psycopg.Error:  # the test has ended it
            connection.close()
        else:
            self._idle[id(engine.dialect)] = connection

    def _reconnect(self, dialect: sa.Dialect, *_: object) -> Connection | None:
        return self._idle.pop(id(dialect), None)


def engine_keeps(engine: sa.Engine) -> bool:
    """Return whether a connection may outlive a test: one to a file would keep the old file."""
    return engine.dialect.name == "postgresql"


def _engines(database: Database) -> tuple[sa.Engine, sa.Engine, sa.Engine]:
    return database.engine, database._reading_engine, database._door_engine


@dataclass
class Doors:
    """Every address that tests of this process open, with what opened it last."""

    _opened: dict[tuple[str, str], Opened] = field(default_factory=dict)

    def at(self, url: str, role: str) -> Opened:
        """Return what opens an address for a role; on SQLite both roles have the same address."""
        if (url, role) not in self._opened:
            self._opened[url, role] = Opened(url)
        return self._opened[url, role]

    def process_ids(self) -> list[int]:
        return [number for opened in self._opened.values() for number in opened.process_ids]

    def forget(self) -> None:
        for opened in self._opened.values():
            opened.forget()


@dataclass(frozen=True)
class Furniture:
    """A world that many tests begin with: made by the rules once, then found in a copied file.

    Args:
        name: of what is made, the same in every test of this process that wants it.
        make: makes it in an empty book; returns a dataclass of rows and plain values.
    """

    name: str
    make: Callable[[Session], Any]


class SqliteShelf:
    """The file that every SQLite test finds as it was made."""

    def __init__(self, template: Path, folder: Path) -> None:
        self._template = template
        self._folder = folder
        self._path = folder / "book.sqlite3"
        self._furnished: dict[str, tuple[Path, Any]] = {}

    def take(self, furniture: Furniture | None = None) -> Book:
        """Put a fresh copy in the place of the last test's file, with furniture if it is wanted."""
        for ending in ("", "-wal", "-shm", "-journal"):
            self._path.with_name(self._path.name + ending).unlink(missing_ok=True)
        shutil.copyfile(self._furnish(furniture) if furniture else self._template, self._path)
        return Book(f"sqlite:///{self._path}", f"sqlite:///{self._path}")

    def found(self, session: Session, furniture: Furniture) -> Any:
        """Return what was made, as the rows of this test's session."""
        _, made = self._furnished[furniture.name]
        values = {each.name: _here(session, getattr(made, each.name)) for each in fields(made)}
        return replace(made, **values)

    def _furnish(self, furniture: Furniture) -> Path:
        """Return the file with the furniture; the first time it is made there."""
        if furniture.name not in self._furnished:
            path = self._folder / f"{len(self._furnished)}.furnished.sqlite3"
            shutil.copyfile(self._template, path)
            opened = Database(f"sqlite:///{path}")
            with opened.begin() as session:
                made = furniture.make(session)
            opened.dispose()  # the last connection writes the log into the file
            self._furnished[furniture.name] = path, made
        return self._furnished[furniture.name][0]


def _here(session: Session, value: Any) -> Any:
    """Return a row of another session as one of this; anything else as it is."""
    if isinstance(value, Session):
        return session
    if isinstance(value, Base):
        identity = sa.inspect(value).identity
        return session.get_one(type(value), identity)
    return value


class PostgresqlShelf:
    """The database that every PostgreSQL test finds as it was made."""

    def __init__(self, server: Server, template: str, doors: Doors) -> None:
        self._server = server
        self._template = template
        self._doors = doors
        self._name = server.create(template)
        self._begin()

    def take(self) -> Book:
        """Return the addresses of the database."""
        return Book(self._server.url(self._name, APPLICATION), self._server.url(self._name, OWNER))

    def put_back(self) -> None:
        """Make the database fresh again, in the cheapest way that is true."""
        self._connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname ="
            " current_database() AND pid <> pg_backend_pid() AND pid <> ALL (%s)",
            [self._doors.process_ids()],
        )
        if self._connection.execute(_STATE).fetchone() == self._state:
            self._connection.execute(self._wipe)
            return
        self.close()
        self._server.drop(self._name)
        self._server.create(self._template, name=self._name)
        self._begin()

    def close(self) -> None:
        """Close every connection to the database."""
        self._doors.forget()
        self._connection.close()

    def _begin(self) -> None:
        self._connection = self._server.connect(self._name)
        self._connection.execute("SET session_replication_role = replica")  # triggers sleep
        tables = self._connection.execute(
            "SELECT tablename FROM pg_tables"
            " WHERE schemaname = 'public' AND tablename <> 'alembic_version'"
        )
        self._wipe = sql.SQL("; ").join(
            sql.SQL("DELETE FROM {}").format(sql.Identifier(table)) for (table,) in tables
        )
        self._state = self._connection.execute(_STATE).fetchone()
