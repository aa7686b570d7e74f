"""The API's tests happen on the service day, in a neighbourhood that the tests of a file share."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from ledger import clock
from ledger.database import Database
from tests.api.world import NOW, Neighbourhood, make_neighbourhood
from tests.applications import application, settings_for


@pytest.fixture(scope="module")
def home(
    sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Neighbourhood]:
    """The neighbourhood of a whole file: no test may depend on what another one left."""
    folder = tmp_path_factory.mktemp("home")
    shutil.copyfile(sqlite_template, folder / "book.sqlite3")
    settings = settings_for(f"sqlite:///{folder / 'book.sqlite3'}", folder)
    database = Database(settings.database_url)
    with clock.at(NOW):
        yield make_neighbourhood(application(settings, database), database)
    database.dispose()


@pytest.fixture
def fresh_home(app: Flask, database: Database) -> Iterator[Neighbourhood]:
    """A neighbourhood for one test, on the database the test is marked with."""
    with clock.at(NOW):
        yield make_neighbourhood(app, database)
