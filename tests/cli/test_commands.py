"""The commands: what they do, and the one line that they say when they cannot."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa
from click.testing import CliRunner, Result

from tests.conftest import Book
from tests.makers import PASSWORD
from web.cli import main

Run = Callable[..., Result]


@pytest.fixture
def run(book: Book, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command on the book of this test."""
    monkeypatch.setenv("TIMEBANK_DATABASE_URL", book.url)
    monkeypatch.setenv("TIMEBANK_DATA_DIR", str(tmp_path))

    def run_command(*arguments: str, typed: str = "") -> Result:
        return CliRunner().invoke(main, arguments, input=typed, prog_name="timebank")

    return run_command


def _one_line(result: Result) -> str:
    """Return what a command that could not do it says."""
    assert result.exit_code != 0
    assert isinstance(result.exception, SystemExit)
    lines = result.stderr.strip().splitlines()
    assert lines[-1].startswith("Error: ")
    return lines[-1]


def _found(run: Run) -> None:
    assert run("community", "add", "D", "D社区").exit_code == 0


def _add(run: Run, *roles: str) -> Result:
    given = [part for role in roles for part in ("--role", role)]
    return run("user", "add", "农世安", "--phone", "139 0000 0001", *given, typed=f"{PASSWORD}\n")


def test_a_community_and_its_first_administrator_are_made(run: Run) -> None:
    _found(run)

    result = _add(run, "administrator", "social_worker")

    assert result.output == "农世安 is V0001.\n"
    assert run("user", "role", "V0001", "--role", "leader").output == "农世安 is now leader.\n"
    changed = run("user", "password", "v0001", typed="另一个足够长的密码\n")
    assert changed.output == "农世安 has a new password, to be changed at the next sign-in.\n"


def test_an_empty_book_is_whole(run: Run) -> None:
    _found(run)

    assert run("verify").exit_code == 0
    found = json.loads(run("verify", "--json").output)
    assert [book["community_code"] for book in found["books"]] == ["D"]
    assert found["books"][0]["findings"] == found["database_findings"] == []


@pytest.mark.parametrize("name", ["hledger", "ledger", "beancount"])
def test_a_journal_goes_to_the_output_or_into_a_file(run: Run, tmp_path: Path, name: str) -> None:
    _found(run)
    path = tmp_path / "journal"

    shown = run("export", "journal", "--format", name)
    kept = run("export", "journal", "--format", name, "--output", str(path))

    assert shown.exit_code == kept.exit_code == 0
    assert kept.output == ""
    assert path.read_text(encoding="utf-8") == shown.output != ""


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize(
    ("arguments", "typed", "expected"),
    [
        (("community", "add", "D", "E社区"), "", "The code D is already used"),
        (("community", "add", "d", "E社区"), "", "expected 1 to 4 capital letters"),
        (("community", "add", "E", " "), "", "A name has 1 to 60 characters"),
        (("community", "add", "E", "E", "--time-zone", "Mars"), "", "expected a time zone"),
        (("user", "add", "李", "--phone", "12"), PASSWORD, "This is not a phone number"),
        (
            ("user", "add", "李", "--phone", "1390000"),
            "short",
            "at least 8 characters; you typed 5",
        ),
        (
            ("user", "add", "李", "--phone", "1390000", "--role", "king"),
            PASSWORD,
            "'king' is not one",
        ),
        (("user", "role", "V0099", "--role", "clerk"), "", "There is no such volunteer"),
        (("user", "password", "V0099"), PASSWORD, "There is no such volunteer"),
        (("verify", "--community", "X"), "", "No such option"),
        (("export", "journal", "--format", "excel"), "", "'excel' is not one of"),
        (("export", "journal", "--format", "ledger", "--community", "X"), "", "no such community"),
        (("export", "journal", "--format", "ledger", "--output", "/none/x"), "", "No such file"),
        (("db", "upgrade", "--app-role", "bank"), "", "an SQLite book has no roles"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(
    run: Run, arguments: tuple[str, ...], typed: str, expected: str
) -> None:
    _found(run)

    assert expected in _one_line(run(*arguments, typed=typed))


def test_two_communities_must_be_told_apart(run: Run) -> None:
    _found(run)
    assert run("community", "add", "E", "E社区").exit_code == 0

    assert "--community D | E" in _one_line(run("export", "journal", "--format", "ledger"))


def test_a_book_without_a_community_says_so(run: Run) -> None:
    assert "the book is empty" in _one_line(run("export", "journal", "--format", "ledger"))


@pytest.mark.databases("sqlite")
def test_a_wrong_setting_is_named(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIMEBANK_PORT", "http")

    assert "TIMEBANK_PORT: expected a whole number" in _one_line(run("verify"))


@pytest.mark.databases("sqlite")
def test_a_database_out_of_reach_is_one_line(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    for url in ("postgresql://nobody@localhost:1/none", "sqlite:////none/none/book"):
        monkeypatch.setenv("TIMEBANK_DATABASE_URL", url)

        assert _one_line(run("verify")) != "Error: "


@pytest.mark.databases("sqlite")
def test_tables_of_another_version_are_named(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TIMEBANK_DATABASE_URL", f"sqlite:///{tmp_path}/new.sqlite3")

    assert "run `timebank db upgrade`" in _one_line(run("verify"))
    assert run("db", "upgrade").exit_code == 0
    assert run("verify").exit_code == 0


@pytest.mark.databases("sqlite")
def test_tables_of_a_newer_version_are_one_line(run: Run, book: Book) -> None:
    engine = sa.create_engine(book.url)
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999_later'"))
    engine.dispose()

    for command in (("serve",), ("db", "upgrade")):
        assert "this version does not know the tables" in _one_line(run(*command))


def test_a_person_of_another_community_is_connected(run: Run) -> None:
    _found(run)
    _add(run)
    assert run("community", "add", "E", "E社区").exit_code == 0
    user = ("--community", "E", "--phone", "13900000001")
    assert "connect the two" in _one_line(run("user", "add", "世安", *user, typed=f"{PASSWORD}\n"))
    added = run("user", "add", "世安", "--phone", "13900000002", *user[:2], typed=f"{PASSWORD}\n")
    assert added.exit_code == 0

    result = run("user", "connect", "V0001", *user)

    assert result.output == "世安 signs in with 13900000001.\n"


@pytest.mark.databases("postgresql")
def test_the_owner_upgrades_and_lets_the_application_in(
    run: Run, book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "permission denied" in _one_line(run("db", "upgrade", "--app-role", "timebank_app"))

    monkeypatch.setenv("TIMEBANK_DATABASE_URL", book.owner_url)

    assert run("db", "upgrade", "--app-role", "timebank_app").exit_code == 0
