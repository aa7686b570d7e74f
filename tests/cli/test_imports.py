"""The commands that import and export: what they say, and what they leave behind."""

import csv
import gzip
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.conftest import Book
from web.cli import main

Run = Callable[..., Result]
TRANSFERS = ("import", "transfers", "--book", "S")


@pytest.fixture
def run(book: Book, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command on the book of this test."""
    monkeypatch.setenv("TIMEBANK_DATABASE_URL", book.url)
    monkeypatch.setenv("TIMEBANK_DATA_DIR", str(tmp_path))

    def run_command(*arguments: str | Path) -> Result:
        return CliRunner().invoke(main, [*map(str, arguments)], prog_name="timebank")

    return run_command


def _transfers(run: Run, path: Path, *more: str) -> Result:
    return run("import", "transfers", path, "--book", "Sarafu", "--commodity", "SRF:3", *more)


def _file(folder: Path, content: bytes) -> Path:
    path = folder / "transfers.csv"
    path.write_bytes(content)
    return path


def test_transfers_are_imported_once_and_the_books_stay_whole(run: Run, tmp_path: Path) -> None:
    path = _file(tmp_path, gzip.compress(b"6 8 321.5\n5 8 114\n9 5 12.125\n"))

    assert _transfers(run, path).stdout == "0 already there, 3 new.\n"
    assert _transfers(run, path).stdout == "3 already there, 0 new.\n"
    assert run("verify").exit_code == 0
    journal = run("export", "journal", "--format", "hledger", "--book", "Sarafu").stdout
    assert "    Accounts:SRF:8  321.500 SRF\n" in journal
    assert "    Accounts:SRF:9  0 SRF = -12.125 SRF\n" in journal


def test_transactions_go_into_a_community(run: Run, tmp_path: Path) -> None:
    assert run("community", "add", "D", "D社区").exit_code == 0
    lines = b"key,occurred_on,account,amount\n1,2026-11-09,Issuance:Points,-5\n1,,Shop:Redeemed,5\n"

    done = run("import", "transactions", _file(tmp_path, lines))

    assert done.stdout == "0 already there, 1 new.\n"
    assert run("verify").exit_code == 0


@pytest.mark.databases("sqlite")
def test_twenty_refused_lines_are_shown_and_all_are_reported(run: Run, tmp_path: Path) -> None:
    path = _file(tmp_path, b"1 2 x\n" * 30)
    report = tmp_path / "report.csv"

    refused = _transfers(run, path, "--report", str(report))

    shown = [line for line in refused.stderr.splitlines() if "amount_invalid" in line]
    assert refused.exit_code == 1
    assert len(shown) == 20
    assert shown[0].startswith("line 1, amount: amount_invalid: ")
    assert "Error: 30 lines refused: nothing was imported." in refused.stderr
    with report.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["line_number"] for row in rows] == [str(number) for number in range(1, 31)]
    assert (
        "no book called Sarafu" in run("export", "book", tmp_path / "b", "--book", "Sarafu").stderr
    )


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((*TRANSFERS, "{folder}", "--commodity", "S:0"), "Is a directory"),
        ((*TRANSFERS, "/none", "--commodity", "S:0"), "No such file"),
        ((*TRANSFERS, "{file}", "--commodity", "SRF"), "expected capital"),
        ((*TRANSFERS, "{file}", "--commodity", "S:10"), "expected capital"),
        (("import", "transfers", "{file}", "--book", " ", "--commodity", "S:0"), "A book's name"),
        (("import", "transactions", "{file}"), "the book is empty"),
        (("import", "book", "{file}"), "no line of an exported book"),
        (("import", "book", "{folder}"), "Is a directory"),
        (("export", "book", "/none/x", "--book", "S"), "no book called S"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_said_in_one_line(
    run: Run, tmp_path: Path, arguments: tuple[str, ...], expected: str
) -> None:
    path = _file(tmp_path, b"1 2 3\n")

    result = run(*(part.format(folder=tmp_path, file=path) for part in arguments))

    assert result.exit_code != 0
    assert isinstance(result.exception, SystemExit)
    assert expected in result.stderr.strip().splitlines()[-1]


def test_a_whole_book_comes_back_by_its_file(run: Run, tmp_path: Path) -> None:
    _transfers(run, _file(tmp_path, b"6 8 321.5\n"))
    assert run("seal", "--once").exit_code == 0
    assert run("export", "book", tmp_path / "book.gz", "--book", "Sarafu").exit_code == 0

    assert "is in this database already" in run("import", "book", tmp_path / "book.gz").stderr


@pytest.mark.databases("sqlite")
def test_a_full_disk_leaves_nothing(book: Book, run: Run, tmp_path: Path) -> None:
    path = _file(tmp_path, b"".join(b"%d 9 1\n" % number for number in range(20_000, 26_000)))
    present = Path(book.url.removeprefix("sqlite:///")).stat().st_size
    # No file may grow beyond this: the disk is full for this process alone.
    limited = (
        "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({present + 1_000_000},) * 2);"
        "from web.cli import main; main(sys.argv[1:])"
    )
    arguments = ("import", "transfers", str(path), "--book", "Sarafu", "--commodity", "SRF:3")

    failed = subprocess.run(
        [sys.executable, "-c", limited, *arguments],
        env=dict(os.environ),
        capture_output=True,
        text=True,
        check=False,
    )

    assert failed.returncode == 1
    assert re.search(r"^Error: .+$", failed.stderr.strip().splitlines()[-1])
    assert "Traceback" not in failed.stderr
    assert run("verify").exit_code == 0
    assert _transfers(run, path).stdout == "0 already there, 6,000 new.\n"
