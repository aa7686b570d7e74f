"""What the documents say is what the code does."""

import re
from importlib.metadata import packages_distributions, requires
from pathlib import Path

from flask import Flask
from packaging.requirements import Requirement

from tests.reference import PATH, reference
from timebank.settings import PREFIX, Settings
from web.cli import COMMANDS

ROOT = Path(__file__).parent.parent
RUN_AS_PROGRAM = {"tzdata", "psycopg"}
"""Time zones are data for the standard library; SQLAlchemy loads the driver by name."""


def _product_text() -> str:
    folders = ("ledger", "timebank", "web", "migrations")
    files = [path for folder in folders for path in (ROOT / folder).rglob("*.py")]
    return "\n".join(path.read_text(encoding="utf-8") for path in files)


def test_the_reference_is_up_to_date(app: Flask) -> None:
    assert PATH.read_text(encoding="utf-8") == reference(app), "run `make reference`"


def test_the_readme_names_every_setting_and_every_command() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    settings = {f"{PREFIX}{name.upper()}" for name in Settings.__dataclass_fields__}

    assert {name for name in settings if f"`{name}`" not in readme} == set()
    assert {name for name in COMMANDS if f"`timebank {name}" not in readme} == set()


def test_every_package_we_install_is_used() -> None:
    modules: dict[str, list[str]] = {}
    for module, distributions in packages_distributions().items():
        for distribution in distributions:
            modules.setdefault(_canonical(distribution), []).append(module)
    text = _product_text()

    needed = {_canonical(Requirement(line).name) for line in requires("timebank") or []}
    unused = {
        name
        for name in needed - RUN_AS_PROGRAM
        if not any(
            re.search(rf"^\s*(?:import|from) {re.escape(module)}\b", text, re.MULTILINE)
            for module in modules.get(name, [])
        )
    }

    assert unused == set()


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
