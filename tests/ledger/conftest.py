"""Fixtures of the kernel's tests.

A test of `world` gets a fresh book in a database that all of them share, which shows on the way
that books do not touch each other. A test that damages the database asks for `own_world`.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger.database import Database
from tests.ledger.makers import World, make_world
from tests.servers import APPLICATION, Server


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def shared_database(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Database]:
    """A migrated database for the whole run: on PostgreSQL as the restricted role."""
    if request.param == "sqlite":
        path: Path = tmp_path_factory.mktemp("shared") / "book.sqlite3"
        shutil.copyfile(request.getfixturevalue("sqlite_template"), path)
        opened = Database(f"sqlite:///{path}")
    else:
        server: Server = request.getfixturevalue("server")
        name = server.create(request.getfixturevalue("postgresql_template"))
        opened = Database(server.url(name, APPLICATION))
    yield opened
    opened.dispose()


@pytest.fixture
def world(shared_database: Database) -> World:
    """A fresh book with its accounts, on SQLite and on PostgreSQL."""
    return make_world(shared_database)


@pytest.fixture
def own_world(database: Database) -> World:
    """The same in a database of its own."""
    return make_world(database)
