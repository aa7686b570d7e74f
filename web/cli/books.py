"""Commands about the books: check them, write them out."""

import json
import sys
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
@click.option("--json", "is_json", is_flag=True, help="Print the findings as JSON.")
def verify(*, is_json: bool) -> None:
    """Check every book: sums, balances, hashes, and where each point and piece came from.

    Ends with 1 if there is any finding.
    """
    with open_book() as book, book.database.reading() as session:
        reports = verification.verify_all(session)
    if is_json:
        click.echo(json.dumps([report.as_json() for report in reports], ensure_ascii=False))
    else:
        _show(reports)
    if any(report.findings for report in reports):
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


def _show(reports: list[verification.BookReport]) -> None:
    console = Console()
    for report in reports:
        table = Table(title=f"{report.community_code}: {report.transaction_count} transactions")
        table.add_column("check")
        table.add_column("findings", justify="right")
        for name, count in report.counts().items():
            table.add_row(name, str(count) if count else "✓")
        console.print(table)
        for finding in report.findings:
            console.print(f"{finding.check}: {finding.subject}: {finding.message}", markup=False)
