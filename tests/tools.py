"""Programs that are not Python packages: found, else installed where that may be done.

Run as a program (`python -m tests.tools`) it makes ready what the whole test run needs, or says in
one line what is missing and ends with 1.
"""

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

INSTALL_SECONDS_MAX = 600


class ToolMissingError(Exception):
    """A program that the tests need is not here and cannot be installed; one line says which."""


def hledger() -> Path:
    """Return hledger."""
    return _program("hledger", package="hledger")


def ledger_cli() -> Path:
    """Return ledger, the program that gave the file format its name."""
    return _program("ledger", package="ledger")


def bean_check() -> Path:
    """Return beancount's checker, which comes with the development packages."""
    beside = Path(sys.executable).parent / "bean-check"
    if not beside.exists():
        raise ToolMissingError("bean-check: not found beside Python; run `make setup`.")
    return beside


def chromium() -> Path:
    """Return a Chromium or Chrome: installed, playwright's own, the distribution's, or fetched."""
    for find in (_installed_browser, _playwright_browser, _packaged_browser, _fetched_browser):
        found = find()
        if found is not None:
            return found
    raise ToolMissingError(
        "Chromium: not found and not installable; install chromium or google-chrome."
    )


def _program(name: str, *, package: str) -> Path:
    found = shutil.which(name) or (_install(package) and shutil.which(name))
    if not found:
        raise ToolMissingError(f"{name}: not found; install the package {package}.")
    return Path(found)


def _installed_browser() -> Path | None:
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
    found = next(filter(None, map(shutil.which, names)), None)
    return Path(found) if found else None


def _packaged_browser() -> Path | None:
    return _installed_browser() if _install("chromium", "fonts-noto-cjk") else None


def _playwright_browser() -> Path | None:
    """Ask playwright in a process of its own: its event loop does not mix with a test's."""
    script = (
        "from playwright.sync_api import sync_playwright as start\n"
        "with start() as playwright: print(playwright.chromium.executable_path)"
    )
    asked = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    path = Path(asked.stdout.strip() or "/nonexistent")
    return path if path.is_file() else None


def _fetched_browser() -> Path | None:
    fetched = subprocess.run(
        [sys.executable, "-m", "playwright", "install", "chromium"],
        capture_output=True,
        timeout=INSTALL_SECONDS_MAX,
        check=False,
    )
    return None if fetched.returncode else _playwright_browser()


def _install(*packages: str) -> bool:
    """Install distribution packages where that may be done; tell whether it was.

    One at a time: several test processes may come here at once, and the second finds it done.
    """
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        return False
    with open(Path(tempfile.gettempdir()) / "timebank-apt.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        apt = ["apt-get", "-q", "-o", f"DPkg::Lock::Timeout={INSTALL_SECONDS_MAX}"]
        update = [*apt, "update"]
        install = [*apt, "install", "-y", "--no-install-recommends", *packages]
        return _succeeds(update) and _succeeds(install)


def _succeeds(command: list[str]) -> bool:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    return (
        subprocess.run(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=INSTALL_SECONDS_MAX,
            check=False,
        ).returncode
        == 0
    )


def main() -> int:
    """Make every tool ready; return 1 and name them if some are missing."""
    tools: tuple[Callable[[], Path], ...] = (chromium, hledger, ledger_cli, bean_check)
    missing = 0
    for tool in tools:
        try:
            tool()
        except ToolMissingError as error:
            sys.stderr.write(f"{error}\n")
            missing = 1
    return missing


if __name__ == "__main__":
    sys.exit(main())
