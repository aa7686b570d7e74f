"""Commands that bring files into a book: transactions, transfers, goods, baskets."""

import csv
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Final
from uuid import UUID

import click
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn
from sqlalchemy.orm import Session

from timebank import clock
from timebank.actors import Actor
from timebank.ids import new_id
from timebank.insight import bare_books, book_imports, imports
from timebank.insight.bare_books import BookNotFound
from timebank.insight.file_lines import Advance, RefusedLine
from timebank.insight.import_items import Transfers
from timebank.insight.imports import FileRefused, Imported, Source
from timebank.insight.models import DECIMAL_PLACES_MAX
from timebank.shop import basket_imports, goods_imports
from timebank.shop.basket_imports import BasketsRefused
from timebank.shop.goods_imports import GoodsRefused
from timebank.table_files import FILE_MEGABYTES_MAX, MEGABYTE, RefusedCell
from web.cli.book import (
    ACTOR_NAME,
    OpenBook,
    choose_community,
    community_option,
    open_book,
    system_actor,
)

SHOWN_COUNT: Final = 20
CLOCK_ZONE: Final = "UTC"

file_argument: Final = click.argument("path", metavar="FILE", type=click.Path(path_type=Path))
report_option: Final = click.option(
    "--report",
    "report_path",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE.csv",
    help="Write every refused line there; the screen shows the first 20.",
)


@click.group("import")
def import_() -> None:
    """Bring files into a book, wholly or not at all; docs/import.md says how they look."""


@import_.command()
@file_argument
@report_option
@community_option
def transactions(path: Path, report_path: Path | None, community: str | None) -> None:
    """Post the transactions of a CSV file (or its gzip) into a community's book.

    All of them or none; run again, it posts only what is new.
    """
    with open_book() as book:
        with book.database.reading() as session:
            actor = system_actor(choose_community(session, community))
        _run(book, lambda session: actor, actor, Source(path), report_path)


def _read_commodity(
    _context: click.Context, _parameter: click.Parameter, value: str
) -> tuple[str, int]:
    name, _, places = value.partition(":")
    is_word = name.isascii() and name.isupper() and name.isalpha() and len(name) <= 24
    if not (is_word and places in map(str, range(DECIMAL_PLACES_MAX + 1))):
        raise click.BadParameter("expected capital letters, a colon and 0 to 9 decimals: SRF:3.")
    return name, int(places)


@import_.command()
@file_argument
@click.option("--book", "book_name", required=True, metavar="NAME", help="Made if there is none.")
@click.option(
    "--commodity",
    required=True,
    callback=_read_commodity,
    metavar="SRF:3",
    help="What is transferred, and how many decimals it has.",
)
@click.option(
    "--on",
    "day",
    type=click.DateTime(["%Y-%m-%d"]),
    help="The day of the transfers; today if left out.",
)
@report_option
def transfers(
    path: Path,
    book_name: str,
    commodity: tuple[str, int],
    day: datetime | None,
    report_path: Path | None,
) -> None:
    """Post the lines `source target amount` of a file into a book without a community.

    The book and its accounts, which have no bounds, are made as needed. All lines or none; run
    again, it posts only what is new.
    """
    occurred_on = day.date() if day else clock.today(CLOCK_ZONE)
    source = Source(
        path,
        Transfers(commodity[0], occurred_on, "transfers:check"),
        decimal_places=commodity[1],
        is_day_given=day is not None,
    )
    with open_book() as book:
        with book.database.reading() as session:
            found = _find(session, book_name)
        community_id = found or new_id()

        def prepare(session: Session) -> Actor:
            if found is None:
                bare_books.found_book(session, name=book_name, community_id=community_id)
            return _actor(community_id)

        _run(book, prepare, _actor(community_id), source, report_path)


@import_.command("goods")
@file_argument
@report_option
@community_option
def import_goods(path: Path, report_path: Path | None, community: str | None) -> None:
    """Bring kinds of goods, prices and pieces from a CSV or Excel file into a community's shop.

    All of them or none; run again, it brings only what is new.
    """
    _refuse_folder(path)
    with path.open("rb") as file:
        content = file.read(FILE_MEGABYTES_MAX * MEGABYTE + 1)  # a longer one is refused
    with open_book() as book, _report(report_path) as refuse:

        def refuse_cell(cell: RefusedCell) -> None:
            refuse(RefusedLine(cell.row, cell.column, cell.code, cell.reason))

        with book.database.reading() as session:
            actor = system_actor(choose_community(session, community))
            checked = goods_imports.check(session, actor, content=content, refuse=refuse_cell)
        with _bar("Posting") as advance, book.database.begin() as session:
            new_count = goods_imports.post(
                session,
                actor,
                checked=checked,
                refuse=refuse_cell,
                advance=lambda done, total: advance(
                    len(content) * done // max(total, 1), len(content)
                ),
            )
    click.echo(f"{checked.known_count:,} already there, {new_count:,} new.")


@import_.command("baskets")
@file_argument
@report_option
@community_option
def import_baskets(path: Path, report_path: Path | None, community: str | None) -> None:
    """Put the receipts and returns of an older system through the till, each on its own day.

    All of them or none; run again, it takes only what is new.
    """
    _refuse_folder(path)
    content = path.read_bytes()
    with open_book() as book, _report(report_path) as refuse:

        def refuse_cell(cell: RefusedCell) -> None:
            refuse(RefusedLine(cell.row, cell.column, cell.code, cell.reason))

        with book.database.reading() as session:
            actor = system_actor(choose_community(session, community))
            checked = basket_imports.check(session, actor, content=content, refuse=refuse_cell)
        with _bar("Posting") as advance, book.database.begin() as session:
            new_count = basket_imports.post(
                session, actor, book.keys, checked=checked, refuse=refuse_cell, advance=advance
            )
    click.echo(f"{checked.known_count:,} already there, {new_count:,} new.")


@import_.command("book")
@file_argument
@click.option(
    "--name", metavar="NAME", help="What the book is called here; its own name if left out."
)
def import_book(path: Path, name: str | None) -> None:
    """Make a whole book from what `timebank export book` wrote, to the last hash, or nothing."""
    _refuse_folder(path)
    with (
        open_book() as book,
        _bar("Importing") as advance,
        book.database.begin() as session,
    ):
        made = book_imports.import_book(
            session, _actor(new_id()), path=path, name=name, advance=advance
        )
    click.echo(
        f"{made.name}: {made.account_count:,} accounts, {made.transaction_count:,} transactions,"
        f" {made.block_count:,} blocks; head {made.head_hash.hex() or 'none'}."
    )


def _refuse_folder(path: Path) -> None:
    if path.is_dir():
        raise click.ClickException(f"{path}: Is a directory")


def _find(session: Session, name: str) -> UUID | None:
    try:
        return bare_books.find_book(session, name=name).community_id
    except BookNotFound:
        return None


def _actor(community_id: UUID) -> Actor:
    return Actor.system(community_id, ACTOR_NAME)


# ---------------------------------------------------------------- both passes


def _run(
    book: OpenBook,
    prepare: Callable[[Session], Actor],
    checking_actor: Actor,
    source: Source,
    report_path: Path | None,
) -> None:
    """Check, then post, each with its bar; say what was done."""
    _refuse_folder(source.path)
    with (
        _report(report_path) as refuse,
        _bar("Checking") as advance,
        book.database.reading() as session,
    ):
        checked = imports.check(session, checking_actor, source, refuse, advance)
    with _bar("Posting") as advance, book.database.begin() as session:
        done = imports.post(session, prepare(session), source, checked, advance)
    _say(done)


def _say(done: Imported) -> None:
    click.echo(f"{done.known_count:,} already there, {done.new_count:,} new.")


@contextmanager
def _report(path: Path | None) -> Iterator[Callable[[RefusedLine], None]]:
    """Give what takes the refused lines; show the first of them when the check has failed."""
    first: list[RefusedLine] = []
    with ExitStack() as opened:
        writer = None
        if path is not None:
            file = opened.enter_context(path.open("w", encoding="utf-8", newline=""))
            writer = csv.writer(file)
            writer.writerow(RefusedLine._fields)

        def refuse(refused: RefusedLine) -> None:
            if len(first) < SHOWN_COUNT:
                first.append(refused)
            if writer is not None:
                writer.writerow(refused)

        try:
            yield refuse
        except (FileRefused, GoodsRefused, BasketsRefused):
            for line_number, column, code, reason in first:
                place = f"line {line_number}{', ' if column else ''}{column}"
                click.echo(f"{place}: {code}: {reason}", err=True)
            raise


@contextmanager
def _bar(description: str) -> Iterator[Advance]:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(description, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
