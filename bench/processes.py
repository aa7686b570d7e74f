"""A server of ours in a process of its own, for as long as a benchmark asks it."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from timebank.settings import Settings

START_SECONDS_MAX = 60
ROOT = Path(__file__).parent.parent


def environment(settings: Settings, port: int) -> dict[str, str]:
    """Return what a program of ours reads its settings from, and nothing of the caller's own."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TIMEBANK_")}
    return {
        **kept,
        "TIMEBANK_DATABASE_URL": settings.database_url,
        "TIMEBANK_DATA_DIR": str(settings.data_dir),
        "TIMEBANK_SECRET_KEY": settings.secret_key,
        "TIMEBANK_BASE_URL": settings.base_url,
        "TIMEBANK_HOST": "127.0.0.1",
        "TIMEBANK_PORT": str(port),
    }


def timebank(settings: Settings, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run one command of the command line to its end."""
    return subprocess.run(
        [sys.executable, "-m", "web.cli", *arguments],
        env=environment(settings, settings.port),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


@contextmanager
def serving(
    settings: Settings, command: Callable[[int], list[str]]
) -> Iterator[tuple["subprocess.Popen[bytes]", int]]:
    """Run a server for the length of the block.

    Args:
        settings: of the book.
        command: what follows `python -m`, for a port.

    Returns:
        the process and its port.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", *command(port)],
        env=environment(settings, port),
        cwd=ROOT,
        start_new_session=True,
    )
    try:
        _await(process, port)
        yield process, port
    finally:
        process.terminate()  # it ends its workers itself
        process.wait(START_SECONDS_MAX)


def _await(process: "subprocess.Popen[bytes]", port: int) -> None:
    deadline = time.monotonic() + START_SECONDS_MAX
    while time.monotonic() < deadline:
        assert process.poll() is None, "the server ended"
        with suppress(OSError):
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        time.sleep(0.1)
    raise TimeoutError("the server does not listen")
