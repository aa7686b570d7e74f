"""Fixtures of every test: real databases, fresh and migrated, the application, a fixed key.

A test that asks for `database`, `session` or `book` runs on SQLite and on PostgreSQL. A test that
asks for `app` runs on SQLite only. The mark `@pytest.mark.databases("sqlite", "postgresql")` says
otherwise for one test. The web and the browser are imported by the fixtures that need them, so that
tests of the kernel load neither.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings as hypothesis_settings
from sqlalchemy.orm import Session

from ledger.database import Database
from migrations import run as migrations
from tests.books import Book, Doors, Furniture, PostgresqlShelf, SqliteShelf
from tests.servers import APPLICATION, OWNER, Server, postgresql
from timebank.codes import CodeKeys
from timebank.people import passwords
from timebank.settings import Settings

if TYPE_CHECKING:
    from flask import Flask
    from flask.testing import FlaskClient
    from playwright.sync_api import Browser

    from tests.makers import SignIn

__all__ = ["ROOT_KEY", "Book"]

SQLITE = "sqlite"
POSTGRESQL = "postgresql"
ROOT_KEY = bytes(range(32))

hypothesis_settings.register_profile("check", deadline=None, max_examples=30, derandomize=True)
hypothesis_settings.register_profile("search", deadline=None, max_examples=2000)
hypothesis_settings.load_profile("check")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Choose the databases of a test that needs one."""
    if "book" not in metafunc.fixturenames:
        return
    mark = metafunc.definition.get_closest_marker("databases")
    default = (SQLITE,) if "app" in metafunc.fixturenames else (SQLITE, POSTGRESQL)
    metafunc.parametrize("book", mark.args if mark else default, indirect=True)


@pytest.fixture(scope="session", autouse=True)
def _cheap_passwords() -> None:
    """Hash passwords fast: the profile of real use takes as long as a whole test."""
    passwords.use_profile(passwords.CHEAP)


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """A PostgreSQL server of this test process."""
    with postgresql() as running:
        yield running


@pytest.fixture(scope="session")
def postgresql_template(server: Server) -> str:
    """A migrated database that every PostgreSQL test starts from as a copy."""
    name = server.create()
    migrations.upgrade(server.url(name), application_role=APPLICATION)
    return name


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated file that every SQLite test starts from as a copy."""
    path = tmp_path_factory.mktemp("template") / "book.sqlite3"
    migrations.upgrade(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def doors() -> Doors:
    """What the tests of this process open their books with."""
    return Doors()


@pytest.fixture(scope="session")
def sqlite_shelf(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> SqliteShelf:
    """The place of the SQLite file of every test."""
    return SqliteShelf(sqlite_template, tmp_path_factory.mktemp("shelf"))


@pytest.fixture(scope="session")
def postgresql_shelf(
    server: Server, postgresql_template: str, doors: Doors
) -> Iterator[PostgresqlShelf]:
    """The place of the PostgreSQL database of every test."""
    shelf = PostgresqlShelf(server, postgresql_template, doors)
    yield shelf
    shelf.close()


@pytest.fixture
def furniture() -> Furniture | None:
    """What stands in the book already; a folder of tests may have its own."""
    return None


@pytest.fixture
def furnished(
    request: pytest.FixtureRequest, book: Book, session: Session, furniture: Furniture
) -> object:
    """The furniture of this test's book: on SQLite found in the file, on PostgreSQL made."""
    if not book.is_sqlite:
        return furniture.make(session)
    files: SqliteShelf = request.getfixturevalue("sqlite_shelf")
    return files.found(session, furniture)


@pytest.fixture
def book(request: pytest.FixtureRequest, furniture: Furniture | None) -> Iterator[Book]:
    """A fresh, migrated book, empty but for the furniture that the test asks for."""
    if request.param == SQLITE:
        files: SqliteShelf = request.getfixturevalue("sqlite_shelf")
        yield files.take(furniture if "furnished" in request.fixturenames else None)
        return
    shelf: PostgresqlShelf = request.getfixturevalue("postgresql_shelf")
    yield shelf.take()
    shelf.put_back()


@pytest.fixture
def database(book: Book, doors: Doors) -> Iterator[Database]:
    """The book as the application sees it: on PostgreSQL, through the restricted role."""
    opened = doors.at(book.url, APPLICATION)
    yield opened.lend()
    opened.take_back()


@pytest.fixture
def owner_database(book: Book, doors: Doors) -> Iterator[Database]:
    """The same book as the owner of its tables sees it."""
    opened = doors.at(book.owner_url, OWNER)
    yield opened.lend()
    opened.take_back()


@pytest.fixture
def session(database: Database) -> Iterator[Session]:
    """A write session, committed at the end of the test."""
    with database.begin() as opened:
        yield opened


@pytest.fixture
def keys() -> CodeKeys:
    """Keys that sign the same code the same way in every run."""
    return CodeKeys(ROOT_KEY)


@pytest.fixture
def settings(book: Book, tmp_path: Path) -> Settings:
    """What an operator would have set for the book of this test."""
    from tests.applications import settings_for

    return settings_for(book.url, tmp_path)


@pytest.fixture(scope="session")
def one_app(sqlite_template: Path) -> "Iterator[Flask]":
    """The application of this test process: to make one, and to compile its pages, is slow."""
    from tests.applications import application, settings_for

    settings = settings_for(f"sqlite:///{sqlite_template}", sqlite_template.parent)
    book = Database(settings.database_url)
    yield application(settings, book)
    book.dispose()


@pytest.fixture
def app(one_app: "Flask", settings: Settings, database: Database) -> "Iterator[Flask]":
    """The application on the book of this test; shares its connections with `database`."""
    from tests.applications import on_book

    with on_book(one_app, settings, database):
        yield one_app


@pytest.fixture
def client(app: "Flask") -> "FlaskClient":
    """A browser without JavaScript and without a sign-in."""
    return app.test_client()


@pytest.fixture
def sign_in(app: "Flask") -> "Callable[[SignIn], FlaskClient]":
    """Open a browser of their own for a person and sign them in."""
    from tests.visitors import sign_in

    return lambda who: sign_in(app.test_client(), who)


@pytest.fixture(scope="session")
def browser() -> "Iterator[Browser]":
    """One Chromium per test process; every test opens its own context."""
    from tests.browsers import launched

    with launched() as running:
        yield running


@pytest.fixture
def address(app: "Flask") -> Iterator[str]:
    """The address of the application, served on a free port."""
    from tests.browsers import served

    with served(app) as url:
        yield url
