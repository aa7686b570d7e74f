"""The server as the operator starts and stops it."""

import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
START_SECONDS_MAX = 60


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _environment(folder: Path, port: int) -> dict[str, str]:
    own = {name: value for name, value in os.environ.items() if not name.startswith("TIMEBANK_")}
    return {**own, "TIMEBANK_DATA_DIR": str(folder), "TIMEBANK_PORT": str(port)}


@contextmanager
def _serving(folder: Path, port: int) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "web.cli", "serve"]
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env=_environment(folder, port),
        text=True,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def _answer(process: subprocess.Popen[str], port: int) -> int:
    """Return the status of the health page, as soon as there is one."""
    deadline = time.monotonic() + START_SECONDS_MAX
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz") as page:
                status: int = page.status
                return status
        except urllib.error.URLError:
            time.sleep(0.05)
    return 0


def _refused(folder: Path, port: int, **settings: str) -> str:
    """Return the one line that `serve` says when it cannot."""
    environment = {**_environment(folder, port), **settings}
    command = [sys.executable, "-m", "web.cli", "serve"]
    ended = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    (line,) = ended.stderr.strip().splitlines()
    assert ended.returncode == 1
    return line


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_an_empty_folder_becomes_a_book_that_serves_and_stops_cleanly(
    tmp_path: Path, stop: signal.Signals
) -> None:
    folder, port = tmp_path / "data", _free_port()

    with _serving(folder, port) as process:
        status = _answer(process, port)
        os.killpg(process.pid, stop)  # as a terminal does: the worker gets it too
        said, _ = process.communicate(timeout=START_SECONDS_MAX)

    assert status == 200
    assert process.returncode == 0
    assert said.splitlines()[0] == f"timebank: http://127.0.0.1:{port}"
    assert "Traceback" not in said
    assert {"secret-key", "timebank.sqlite3"} <= {path.name for path in folder.iterdir()}


def test_what_is_entered_while_it_serves_is_sealed_by_itself(tmp_path: Path) -> None:
    folder, port = tmp_path / "data", _free_port()

    with _serving(folder, port) as process:
        assert _answer(process, port) == 200
        command = [sys.executable, "-m", "web.cli", "community", "add", "D", "D社区"]
        subprocess.run(command, cwd=ROOT, env=_environment(folder, port), check=True)
        head = _head(port)
        process.terminate()
        process.communicate(timeout=START_SECONDS_MAX)

    assert process.returncode == 0
    with sqlite3.connect(folder / "timebank.sqlite3") as book:
        assert book.execute("SELECT hex(block_hash) FROM ledger_seal_block").fetchall() == [(head,)]
        assert book.execute("SELECT count(*) FROM ledger_outbox").fetchone() == (0,)
    book.close()


def _head(port: int) -> str:
    """Return the seal code of the public page, as soon as there is one."""
    deadline = time.monotonic() + START_SECONDS_MAX
    while time.monotonic() < deadline:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/books/D/") as page:
            text = page.read().decode().replace("<wbr>", "")
        if found := re.search(r'class="seal-code">([0-9a-f]{64})<', text):
            return found[1].upper()
        time.sleep(0.1)
    return ""


def test_a_taken_port_is_one_line(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        line = _refused(tmp_path, port)

    assert line.startswith(f"Error: cannot listen on 127.0.0.1:{port}: Address already in use.")


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    line = _refused(tmp_path / "file" / "data", _free_port())

    assert line.startswith("Error: TIMEBANK_DATA_DIR: expected a folder that can be written")


def test_a_database_that_nobody_upgraded_is_one_line(tmp_path: Path) -> None:
    url = "postgresql://nobody@127.0.0.1:1/none"

    line = _refused(tmp_path, _free_port(), TIMEBANK_DATABASE_URL=url)

    assert line.startswith("Error: ")


def test_too_old_a_python_is_one_line(tmp_path: Path) -> None:
    for name in ("python3", "python3.11", "python3.12", "python3.13", "python3.14"):
        script = tmp_path / name
        script.write_text('#!/bin/sh\n[ "$1" = -V ] && echo Python 3.9.2\n')
        script.chmod(0o755)
    (tmp_path / "sh").symlink_to("/bin/sh")

    ended = subprocess.run(
        [str(ROOT / ".ci" / "install"), str(tmp_path / "venv"), "requirements.lock"],
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert ended.returncode == 1
    assert ended.stderr == ("setup: Python 3.11 or newer is needed; python3 is Python 3.9.2.\n")
