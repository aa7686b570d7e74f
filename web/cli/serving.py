"""Commands that start things: serve the pages, load the demo world."""

import socket
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final

import click
from granian.constants import Interfaces
from granian.log import LogLevels
from granian.server import Server
from granian.server.common import AbstractServer

from migrations import run as migrations
from timebank.insight import rights
from timebank.insight.upkeep import Upkeep, chores_of_messages, chores_of_webhooks
from timebank.people import organisations
from timebank.people.sign_in import find_person
from timebank.settings import Settings
from web import logs, message_words
from web.cli.book import OpenBook, open_book, require_current

if TYPE_CHECKING:
    from timebank.demo.visitors import SignIn

BLOCKING_THREADS: Final = 4
"""Threads that run views; more would only wait for the one writer of an SQLite book."""
STOP_SECONDS_MAX: Final = 3
"""Ctrl-C reaches the worker twice, from terminal and parent, and may leave it waiting."""
APPLICATION: Final = "web.serving:application"


@click.command()
@click.option(
    "--demo", "is_demo", is_flag=True, help="Load the demo world first if the book is empty."
)
def serve(*, is_demo: bool) -> None:
    """Serve the pages and the API until Ctrl-C or SIGTERM.

    An SQLite book is made and brought up to date by itself; on PostgreSQL that is for
    `timebank db upgrade`.
    """
    with open_book(is_current=False) as book:
        _require_free_port(book.settings)
        _bring_up_to_date(book)
        _warn_of_rights(book)
        if is_demo:
            _load_if_empty(book)
        _announce(book, is_demo=is_demo)
        settings = book.settings
    _serve(settings)


@click.command()
def demo() -> None:
    """Load the demo world into an empty book: two communities, 24 months of service days."""
    with open_book(is_current=False) as book:
        _bring_up_to_date(book)
        if not _load_if_empty(book):
            raise click.ClickException("the book is not empty; the demo world needs an empty one.")
        _announce(book, is_demo=True)


def _require_free_port(settings: Settings) -> None:
    """Fail before any work if something else listens there; the server itself would retry."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            raise click.ClickException(
                f"cannot listen on {settings.host}:{settings.port}: {error.strerror}. "
                "Set TIMEBANK_PORT or TIMEBANK_HOST to something free."
            ) from error


def _bring_up_to_date(book: OpenBook) -> None:
    """Upgrade an SQLite book; only check any other, whose owner is somebody else."""
    if not book.settings.is_sqlite:
        require_current(book.database)
    elif migrations.present_revision(book.database) != migrations.newest_revision():
        migrations.upgrade(book.settings.database_url)


def _warn_of_rights(book: OpenBook) -> None:
    """Say in one line that the role could do more than its work needs; SQLite has no roles."""
    if not book.settings.is_sqlite and (line := rights.warning(book.database)):
        click.echo(f"Warning: {line}", err=True)


def _load_if_empty(book: OpenBook) -> bool:
    with book.database.reading() as session:
        if organisations.list_communities(session):
            return False
    # Only the first start needs these, and the second is to be quick.
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    from timebank.demo.load import load

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed}/{task.total}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("Demo world", total=None)
        load(
            book.database,
            book.keys,
            lambda done, total: bar.update(task, completed=done, total=total),
        )
    return True


def _announce(book: OpenBook, *, is_demo: bool) -> None:
    """Print the address, and the demo sign-ins while they still open a door."""
    click.echo(f"timebank: {book.settings.base_url}")
    for sign_in in _open_sign_ins(book) if is_demo else []:
        click.echo(f"  {sign_in.phone}  {sign_in.password}  {sign_in.role}")


def _open_sign_ins(book: OpenBook) -> list["SignIn"]:
    """Return the demo sign-ins whose password is still the demo's."""
    from timebank.demo.visitors import sign_ins

    def is_open(each: "SignIn") -> bool:
        with book.database.reading() as session:
            return find_person(session, phone=each.phone, password=each.password) is not None

    listed = sign_ins()
    # A password takes long to check, by design; side by side they hold the start up less.
    with ThreadPoolExecutor(max_workers=len(listed)) as pool:
        return [
            each for each, still in zip(listed, pool.map(is_open, listed), strict=True) if still
        ]


def _serve(settings: Settings) -> None:
    """Serve, and keep the books sealed from this process: once per server, whatever its workers."""
    logs.configure()
    upkeep = Upkeep(settings.database_url)
    post = Upkeep(settings.database_url, chores_of_webhooks(settings))
    # A thread of its own: a mail server that does not answer holds up neither seals nor webhooks.
    letters = Upkeep(
        settings.database_url,
        chores_of_messages(settings, message_words.composer(settings)),
    )
    server = Server(
        APPLICATION,
        factory=True,
        interface=Interfaces.WSGI,
        address=settings.host,
        port=settings.port,
        workers=1,
        blocking_threads=BLOCKING_THREADS,
        websockets=False,
        workers_kill_timeout=STOP_SECONDS_MAX,
        log_level=LogLevels.warning,
    )
    server.on_reload(upkeep.restart)
    server.on_reload(post.restart)
    server.on_reload(letters.restart)
    with upkeep, post, letters:
        _serve_until_stopped(server)


def _serve_until_stopped(server: AbstractServer[Any]) -> None:
    """Serve; a worker that the terminal's Ctrl-C ended before its parent did has not failed."""
    try:
        server.serve()
    except SystemExit:
        if not server.interrupt_signal:
            raise
