"""Commands about the seal: make it, keep its head outside, end the holds whose time is over."""

import signal
import sys
from pathlib import Path
from types import FrameType
from uuid import UUID

import click

from timebank.insight import sealing
from timebank.insight.upkeep import Upkeep
from web import logs
from web.cli.book import FAILED, open_book


@click.command()
@click.option("--once", "is_once", is_flag=True, help="Seal everything that waits, then end.")
@click.option(
    "--anchor",
    "anchor_path",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Append the head of every book to this file; for a place where only you can write.",
)
def seal(*, is_once: bool, anchor_path: Path | None) -> None:
    """Seal what waits in every book; without --once go on until Ctrl-C, as `serve` does by itself.

    An anchor is one line per book: code, number of the last block, its hash, when it was sealed.
    """
    if not is_once:
        if anchor_path is not None:
            raise click.UsageError("--anchor goes with --once.")
        _keep_sealing()
        return
    failures: list[str] = []

    def failed(community_id: UUID, failure: BaseException) -> None:
        failures.append(f"book {community_id}: {str(failure).partition(chr(10))[0]}")

    with open_book() as book:
        count = sealing.seal_waiting(book.database, failed=failed)
        with book.database.reading() as session:
            anchors = sealing.anchors(session)
    if anchor_path is not None:
        sealing.append(anchor_path, anchors)
    click.echo(f"Sealed {count} items; {len(anchors)} books have a seal.")
    for line in failures:
        click.echo(f"Error: not sealed: {line}", err=True)
    if failures:
        sys.exit(FAILED)


def _keep_sealing() -> None:
    with open_book() as book:
        upkeep = Upkeep(book.settings.database_url)
    run_until_stopped(upkeep)


def run_until_stopped(upkeep: Upkeep) -> None:
    """Do chores in this thread until Ctrl-C or SIGTERM."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        upkeep.stop()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    logs.configure()
    upkeep.run()


@click.group()
def holds() -> None:
    """See to amounts that are set aside."""


@holds.command()
def sweep() -> None:
    """Give back what holds still keep after their time; `serve` does it every minute."""
    with open_book() as book:
        count = sealing.expire_due(book.database)
    click.echo(f"{count} holds expired.")
