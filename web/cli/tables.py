"""Commands about the tables themselves."""

import click

from migrations import run as migrations
from timebank.insight import rights
from timebank.settings import read_settings
from web.cli.book import open_book


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


@db.command()
@click.option(
    "--apply",
    "role",
    metavar="ROLE",
    help="Give these rights to the role and make it if absent; needs the owner of the database.",
)
def roles(role: str | None) -> None:
    """Print as SQL exactly what the role of the running application may do on PostgreSQL."""
    with open_book() as book:
        if book.settings.is_sqlite:
            raise click.UsageError("an SQLite book has no roles: its triggers stand guard alone.")
        for statement in rights.statements(book.database, role or rights.ROLE):
            click.echo(f"{statement};")
        if role is not None:
            rights.grant(book.database, role)
            click.echo(f"-- Done: {role} may do this and nothing else with the tables.")
