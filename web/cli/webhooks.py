"""Commands about webhooks: deliver what is due."""

import time
from typing import Final

import click

from timebank.insight import deliveries
from web.cli.book import open_book

TICK_SECONDS: Final = 1.0


@click.group()
def webhooks() -> None:
    """Send events to the registered addresses."""


@webhooks.command()
@click.option("--once", "is_once", is_flag=True, help="End when nothing is due any more.")
def deliver(*, is_once: bool) -> None:
    """Send every batch of events that is due; `serve` does the same by itself.

    Two that run at once do no harm: each batch is claimed by one.
    """
    total_count = 0
    with open_book() as book:
        while True:
            sent_count = deliveries.deliver_due(book.database, book.settings)
            total_count += sent_count
            if not sent_count and is_once:
                break
            if not sent_count:
                time.sleep(TICK_SECONDS)
    click.echo(f"{total_count} batches were sent.")
