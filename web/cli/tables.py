"""Commands about the tables themselves."""

import click

from migrations import run as migrations
from timebank.settings import read_settings


@click.group()
def db() -> None:
    """Make and change the tables of the book."""


@db.command()
@click.option(
    "--app-role",
    metavar="ROLE",
    help="PostgreSQL: role of the running application; may then read the ledger and call its door.",
)
def upgrade(app_role: str | None) -> None:
    """Bring the tables up to date, all or nothing; on PostgreSQL as the owner of the database."""
    settings = read_settings()
    if app_role and settings.is_sqlite:
        raise click.UsageError("--app-role is for PostgreSQL; an SQLite book has no roles.")
    migrations.upgrade(settings.database_url, application_role=app_role)
    click.echo(f"The tables stand at {migrations.newest_revision()}.")
