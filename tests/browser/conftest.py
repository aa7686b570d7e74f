"""One neighbourhood for all tests that only look; a fresh one for those that press buttons."""

import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ledger.database import Database
from tests.applications import settings_for
from tests.browser.neighbourhood import Neighbourhood, build, local
from tests.browser.site import Site, copied_book, open_site
from timebank.codes import CodeKeys
from timebank.insight import sealing

if TYPE_CHECKING:
    from playwright.sync_api import Browser

MORNING = local("9:10")


@pytest.fixture(scope="session")
def furnished(
    sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Neighbourhood]:
    """A book with the neighbourhood in it, to be copied."""
    path = tmp_path_factory.mktemp("furnished") / "book.sqlite3"
    shutil.copyfile(sqlite_template, path)
    settings = settings_for(f"sqlite:///{path}", path.parent)
    database = Database(settings.database_url)
    neighbourhood = build(database, CodeKeys(settings.secret_key.encode()))
    sealing.seal_waiting(database)
    database.dispose()
    return path, neighbourhood


@pytest.fixture(scope="session")
def site(
    furnished: tuple[Path, Neighbourhood],
    browser: "Browser",
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Site]:
    """The site that everybody looks at; nobody changes it."""
    with _opened(furnished, browser, tmp_path_factory.mktemp("looked-at")) as opened:
        opened.travel.stop_at(MORNING)
        yield opened


@pytest.fixture
def own_site(
    furnished: tuple[Path, Neighbourhood], browser: "Browser", tmp_path: Path
) -> Iterator[Site]:
    """A site of this test alone."""
    with _opened(furnished, browser, tmp_path) as opened:
        yield opened


def _opened(
    furnished: tuple[Path, Neighbourhood], browser: "Browser", folder: Path
) -> AbstractContextManager[Site]:
    path, neighbourhood = furnished
    settings = settings_for(copied_book(path, folder), folder)
    return open_site(settings, neighbourhood, browser, MORNING)
