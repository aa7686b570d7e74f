"""Commands about the books: check them, write them out."""

import json
import sys
from dataclasses import asdict
from typing import TextIO

import click
from rich.console import Console
from rich.table import Table

from timebank.insight import exports, verification
from timebank.insight.exports import JournalFormat
from web.cli.book import (
    FAILED,
    choose_community,
    community_option,
    open_book,
    system_actor,
)


@click.command()
@click.option("--json", "is_json", is_flag=True, help="Print everything as JSON.")
def verify(*, is_json: bool) -> None:
    """Check every book: sums, balances, hashes, and where each minute, point and piece came from.

    Ends with 1 if there is any finding.
    """
    with open_book() as book, book.database.reading() as session:
        found = verification.verify(session)
    if is_json:
        click.echo(json.dumps(asdict(found), ensure_ascii=False))
    else:
        _show(found)
    if found.finding_count:
        sys.exit(FAILED)


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
def journal(format_name: str, output: TextIO, community: str | None) -> None:
    """Write one community's book as a journal that an outside program can check."""
    with open_book() as book, book.database.reading() as session:
        actor = system_actor(choose_community(session, community))
        output.writelines(
            exports.journal(session, actor, journal_format=JournalFormat(format_name))
        )


def _show(found: verification.Verification) -> None:
    console = Console(soft_wrap=True)
    table = Table("community", "transactions", "findings")
    for book in found.books:
        table.add_row(book.community_code, str(book.transaction_count), str(len(book.findings)))
    console.print(table)
    for code, findings in (
        *((book.community_code, book.findings) for book in found.books),
        ("database", found.database_findings),
    ):
        for finding in findings:
            line = f"{code}: {finding.code}: {finding.subject}: {finding.message}"
            console.print(line, markup=False, highlight=False)
    click.echo(
        "Everything is whole." if not found.finding_count else f"{found.finding_count} findings."
    )
