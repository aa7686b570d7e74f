"""Commands about the books: check them, write them out."""

import json
import os
import sys
from dataclasses import asdict
from typing import TextIO
from uuid import UUID

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from timebank.actors import Actor
from timebank.insight import self_checks, verification
from timebank.insight.anchors import read_anchors
from timebank.insight.verification import Checkpoint, Scope
from web.cli.book import (
    ACTOR_NAME,
    FAILED,
    open_book,
)


@click.command()
@click.option("--full", "is_full", is_flag=True, help="Check from the beginning, papers included.")
@click.option(
    "--anchor",
    "anchor_file",
    type=click.File("r", encoding="utf-8"),
    help="Heads that were written down (`seal --anchor`): each must still be in its chain.",
)
@click.option("--json", "is_json", is_flag=True, help="Print everything as JSON.")
def verify(*, is_full: bool, anchor_file: TextIO | None, is_json: bool) -> None:
    """Check every book: sums, balances, holds, hashes, chain, and what stands behind each entry.

    What was found whole is not gone through again: a check goes on from the block where the last
    clean one ended. With --full, and the first time, everything is checked, and where each minute,
    point and piece came from. Ends with 1 if there is any finding.
    """
    try:
        anchors = read_anchors(anchor_file or ())
    except ValueError as error:
        raise click.ClickException(f"{anchor_file and anchor_file.name}: {error}") from None
    if anchor_file is not None and not anchors:
        raise click.ClickException(
            f"{anchor_file.name}: no head in it; `seal --anchor` writes them"
        )
    with open_book() as book:
        with book.database.reading() as session:
            since = {} if is_full else self_checks.checkpoints(session)

        def keep(community_id: UUID, checkpoint: Checkpoint) -> None:
            with book.database.begin() as writing:
                self_checks.keep_checkpoint(writing, _actor(community_id), checkpoint)

        with book.database.reading() as session:
            scope = Scope(
                since=since,
                anchors=anchors,
                is_seal_due=True,
                keep=keep,
                worker_count=os.cpu_count() or 1,
            )
            found = verification.verify(session, scope)
        if is_json:
            click.echo(json.dumps(asdict(found), ensure_ascii=False, default=str))
        else:
            _show(found)
        with book.database.begin() as session:
            for report in found.books:
                self_checks.keep(session, _actor(report.community_id), report)
    if found.finding_count:
        sys.exit(FAILED)


def _show(found: verification.Verification) -> None:
    console = Console(soft_wrap=True)
    table = Table("community", "transactions", "checked", "items", "seconds", "findings")
    for book in found.books:
        table.add_row(
            Text(book.community_code),  # a name is no markup
            str(book.transaction_count),
            "everything" if book.is_full else f"new since block {book.since_block_no}",
            str(book.item_count),
            f"{book.milliseconds / 1000:.1f}",
            str(len(book.findings)),
        )
    console.print(table)
    for code, findings in (
        *((book.community_code, book.findings) for book in found.books),
        ("database", found.database_findings),
    ):
        for finding in findings:
            line = f"{code}: {finding.code}: {finding.subject}: {finding.message}"
            console.print(line, markup=False, emoji=False, highlight=False)
    count = found.finding_count
    plural = "finding" if count == 1 else "findings"
    click.echo(f"{count} {plural}." if count else "Everything is whole.")


def _actor(community_id: UUID) -> Actor:
    return Actor.system(community_id, ACTOR_NAME)
