"""The application knows every module of pages and operations, and every view its access."""

from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from ledger.database import Database
from tests.applications import application
from timebank.actors import Permission
from timebank.settings import Settings
from web import app as factory
from web.auth import PUBLIC, access_table
from web.menu import EXTENSION, HOME_BY_ROLE, HOME_OF_VOLUNTEERS, Place

WEB = Path(factory.__file__).parent
TABS_MAX = 4


def test_every_module_with_a_blueprint_is_connected() -> None:
    found = {
        f"web.{path.parent.name}.{path.stem}"
        for folder in ("pages", "api")
        for path in (WEB / folder).glob("*.py")
        if "\nblueprint = " in path.read_text(encoding="utf-8")
    }

    assert found == {*factory.PAGES, *factory.API}


def test_every_view_declares_its_access(app: Flask) -> None:
    table = access_table(app)

    assert set(table) == set(app.view_functions)
    assert {type(access) for access in table.values()} == {Permission, str}
    assert {access for access in table.values() if not isinstance(access, Permission)} == {PUBLIC}


@pytest.mark.databases("sqlite")
def test_a_view_without_a_declaration_stops_the_start(
    settings: Settings, database: Database
) -> None:
    app = application(settings, database)
    app.add_url_rule("/open", view_func=lambda: "anybody")

    with pytest.raises(AssertionError, match="declares neither"):
        access_table(app)


def test_every_home_exists(client: FlaskClient) -> None:
    for path in (HOME_OF_VOLUNTEERS, *(path for _role, path in HOME_BY_ROLE)):
        answer = client.get(path)

        assert answer.headers["Location"] == f"/sign-in?next={path}"


def test_a_phone_has_four_tabs(app: Flask) -> None:
    tabs = [entry for entry in app.extensions[EXTENSION] if entry.place is Place.PHONE]

    assert 1 < len(tabs) <= TABS_MAX
