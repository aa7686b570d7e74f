"""Commands about webhooks: deliver what is due."""

import click

from timebank.insight import deliveries
from timebank.insight.upkeep import Upkeep, chores_of_webhooks
from web.cli.book import open_book
from web.cli.sealing import run_until_stopped


@click.group()
def webhooks() -> None:
    """Send events to the registered addresses."""


@webhooks.command()
@click.option("--once", "is_once", is_flag=True, help="End when nothing is due any more.")
def deliver(*, is_once: bool) -> None:
    """Send what is due to every webhook; without --once go on, as `serve` does by itself.

    Two that run at once do no harm: each batch is claimed by one.
    """
    with open_book() as book:
        if is_once:
            count = 0
            while sent_count := deliveries.deliver_due(book.database, book.settings):
                count += sent_count
            click.echo(f"{count} batches were sent.")
            return
        upkeep = Upkeep(book.settings.database_url, chores_of_webhooks(book.settings))
    run_until_stopped(upkeep)
