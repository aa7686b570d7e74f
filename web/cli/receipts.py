"""Commands about receipts: write one out of the book, check one without it."""

import sys
from typing import BinaryIO, Final
from uuid import UUID

import click

from timebank.insight import receipt_check, receipt_document, receipts
from timebank.insight.receipt_document import NotAReceipt
from web.cli.book import FAILED, choose_community, community_option, open_book, system_actor

NO_RECEIPT: Final = 2
DIGEST_LENGTH: Final = 32


def _digests(_: click.Context, __: click.Parameter, texts: tuple[str, ...]) -> list[bytes]:
    try:
        found = [bytes.fromhex(text) for text in texts]
    except ValueError as error:
        raise click.BadParameter("expected 64 hexadecimal digits.") from error
    if any(len(digest) != DIGEST_LENGTH for digest in found):
        raise click.BadParameter("expected 64 hexadecimal digits.")
    return found


@click.group()
def receipt() -> None:
    """Prove that an entry stands in the sealed book."""


@receipt.command()
@click.argument("transaction_id", type=click.UUID)
@click.option(
    "--through",
    "block_no",
    type=click.IntRange(min=1),
    default=1,
    help="Let the chain go on to this block; to the end of the day if left out.",
)
@community_option
def export(transaction_id: UUID, block_no: int, community: str | None) -> None:
    """Print the receipt of a transaction as JSON."""
    with open_book() as book, book.database.reading() as session:
        actor = system_actor(choose_community(session, community))
        found = receipts.make_receipt(
            session, actor, transaction_id=transaction_id, through_block_no=block_no
        )
    click.echo(receipt_document.write(found), nl=False)


@receipt.command()
@click.argument("file", type=click.File("rb"))
@click.option(
    "--head",
    "heads",
    multiple=True,
    callback=_digests,
    metavar="HEX",
    help="Hash of a block as published: on the public page, or in an anchor. May be repeated.",
)
def check(file: BinaryIO, heads: list[bytes]) -> None:
    """Check a receipt by itself, without any book; ends with 1 if it is not valid.

    Works offline and needs no settings. Ends with 2 for a file that is no receipt.
    """
    try:
        found = receipt_document.read(file.read(receipt_document.BYTES_MAX + 1))
    except (NotAReceipt, OSError) as error:
        click.echo(f"No receipt: {error}.", err=True)
        sys.exit(NO_RECEIPT)
    verdict = receipt_check.check(found, heads)
    click.echo(verdict.sentence)
    if not verdict.is_valid:
        sys.exit(FAILED)
