"""Commands that write books out: as journals of other programs, and whole."""

import gzip
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import BinaryIO, Final, TextIO, cast

import click
from sqlalchemy.orm import Session

from timebank.actors import Actor
from timebank.insight import bare_books, books, exports
from timebank.insight.exports import JournalFormat
from web.cli.book import (
    ACTOR_NAME,
    choose_community,
    community_option,
    open_book,
    system_actor,
)

book_option: Final = click.option(
    "--book", "book_name", metavar="NAME", help="Name of a book without a community."
)


@click.group()
def export() -> None:
    """Write the books out."""


@export.command()
@click.option(
    "--format",
    "format_name",
    type=click.Choice([member.value for member in JournalFormat]),
    required=True,
    help="The program that will read it.",
)
@click.option(
    "--output",
    type=click.File("w", encoding="utf-8", lazy=True),
    default="-",
    help="File to write; the standard output if left out.",
)
@community_option
@book_option
def journal(format_name: str, output: TextIO, community: str | None, book_name: str | None) -> None:
    """Write one community's book as a journal that an outside program can check."""
    with open_book() as book, book.database.reading() as session:
        actor, _ = _whose(session, community, book_name)
        output.writelines(
            exports.journal(session, actor, journal_format=JournalFormat(format_name))
        )


@export.command("book")
@click.argument("path", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False))
@community_option
@book_option
def export_book(path: Path, community: str | None, book_name: str | None) -> None:
    """Write a whole book, hashes and seal included, so that `timebank import book` makes it again.

    A FILE that ends in .gz is packed.
    """
    with open_book() as book, book.database.reading() as session:
        actor, name = _whose(session, community, book_name)
        lines = books.export_book(session, actor, name=name)
        with path.open("wb") as raw, _packed(raw, is_packed=path.suffix == ".gz") as file:
            for line in lines:
                file.write(line.encode())


def _packed(raw: BinaryIO, *, is_packed: bool) -> AbstractContextManager[BinaryIO]:
    """Return what packs into a file; without name and time, so that equal books are equal files."""
    if not is_packed:
        return nullcontext(raw)
    packed = gzip.GzipFile(filename="", fileobj=raw, mode="wb", mtime=0)
    return cast(AbstractContextManager[BinaryIO], packed)


def _whose(session: Session, community: str | None, book_name: str | None) -> tuple[Actor, str]:
    """Return who exports which book, and what it is called."""
    if book_name is None:
        chosen = choose_community(session, community)
        return system_actor(chosen), chosen.name
    if community is not None:
        raise click.UsageError("--community and --book name two books; give one of them.")
    found = bare_books.find_book(session, name=book_name)
    return Actor.system(found.community_id, ACTOR_NAME), found.name
