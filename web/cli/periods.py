"""Commands about periods: close the books through a day, reopen them, say how far they are."""

import getpass
import os
from datetime import date, datetime

import click

from timebank.insight import periods
from web.cli.book import choose_community, community_option, open_book, system_actor

reason_option = click.option("--reason", required=True, help="Why; kept for ever.")
by_option = click.option(
    "--by", metavar="WHO", help="Who decided it, added to the reason; your login if left out."
)


def _day(_: click.Context, __: click.Parameter, moment: datetime | None) -> date | None:
    return moment.date() if moment else None


@click.group()
def period() -> None:
    """Close and reopen the books of a time that is over."""


@period.command()
@click.option(
    "--through",
    required=True,
    type=click.DateTime(["%Y-%m-%d"]),
    callback=_day,
    metavar="DATE",
    help="Last day of the period, such as 2026-10-31.",
)
@reason_option
@by_option
@community_option
def close(through: date, reason: str, by: str | None, community: str | None) -> None:
    """Close the books through a day: nothing is dated on it or before it any more."""
    with open_book() as book, book.database.begin() as session:
        actor = system_actor(choose_community(session, community))
        periods.close_period(session, actor, through=through, reason=_signed(reason, by))
    click.echo(f"The books are closed through {through}.")


@period.command()
@click.option(
    "--through",
    type=click.DateTime(["%Y-%m-%d"]),
    callback=_day,
    metavar="DATE",
    help="They stay closed through this day; if left out every day is open.",
)
@reason_option
@by_option
@community_option
def reopen(through: date | None, reason: str, by: str | None, community: str | None) -> None:
    """Reopen a closed period, wholly or from a day on."""
    with open_book() as book, book.database.begin() as session:
        actor = system_actor(choose_community(session, community))
        periods.reopen_period(session, actor, through=through, reason=_signed(reason, by))
    click.echo(_said(through))


@period.command()
@community_option
def show(community: str | None) -> None:
    """Say through which day the books are closed."""
    with open_book() as book, book.database.reading() as session:
        actor = system_actor(choose_community(session, community))
        click.echo(_said(periods.closed_through(session, actor)))


def _said(through: date | None) -> str:
    return f"The books are closed through {through}." if through else "Every day is open."


def _signed(reason: str, by: str | None) -> str:
    """Return the reason with who gave it; a blank one stays blank and is refused."""
    return f"{reason} ({by or _login()})" if reason.strip() else reason


def _login() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container without a name for its user
        return f"user {os.getuid()}"
