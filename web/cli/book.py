"""What the commands share: the open book, the community they speak of, errors in one line.

This is the one module of the command line that may import the ledger: the session of a command is
made here.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import click
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from ledger.database import Database, UnfitDatabase
from migrations import run as migrations
from timebank.actors import Actor
from timebank.codes import CodeKeys
from timebank.errors import Refusal
from timebank.people import organisations
from timebank.people.models import Community
from timebank.settings import Settings, WrongSettings, read_settings

FAILED: Final = 1
ACTOR_NAME: Final = "command-line"


@dataclass(frozen=True, slots=True)
class OpenBook:
    """The book as a command holds it."""

    settings: Settings
    database: Database
    keys: CodeKeys


@contextmanager
def one_line_errors() -> Iterator[None]:
    """Turn the failures that we foresee into click's own one-line error."""
    try:
        yield
    except (Refusal, WrongSettings, UnfitDatabase) as error:
        raise click.ClickException(str(error)) from error
    except migrations.UnknownTables as error:
        raise click.ClickException(
            f"this version does not know the tables of the book ({_first_line(error)}): "
            "use the newer version that made them."
        ) from error
    except UnicodeEncodeError as error:
        raise click.ClickException(f"{error.object!a} is not text.") from error
    except DBAPIError as error:
        raise click.ClickException(f"the database answers: {_first_line(error.orig)}") from error
    except OSError as error:
        name = f"{error.filename}: " if error.filename else ""
        raise click.ClickException(f"{name}{error.strerror or error}") from error


@contextmanager
def open_book(*, is_current: bool = True) -> Iterator[OpenBook]:
    """Open the book of the settings for the length of a command.

    Args:
        is_current: True refuses a book whose tables are not those this version works with.
    """
    settings = read_settings()
    database = Database(settings.database_url)
    try:
        if is_current:
            require_current(database)
        yield OpenBook(settings, database, CodeKeys(settings.secret_key.encode()))
    finally:
        database.dispose()


def require_current(database: Database) -> None:
    """Fail unless the tables are exactly those that this version works with."""
    present, newest = migrations.present_revision(database), migrations.newest_revision()
    if present != newest:
        raise click.ClickException(
            f"the tables stand at {present or 'nothing'}, this version needs {newest}: "
            "run `timebank db upgrade` as the owner of the database."
        )


community_option: Final = click.option(
    "--community",
    metavar="CODE",
    help="Code of the community, such as D; may be left out where there is only one.",
)


def choose_community(session: Session, code: str | None) -> Community:
    """Return the community that a command speaks of.

    Args:
        session: any session.
        code: its code; None takes the only one there is.
    """
    if code is not None:
        return organisations.find_community(session, code=code)
    communities = organisations.list_communities(session)
    if not communities:
        raise click.ClickException("the book is empty: there is no community yet.")
    if len(communities) > 1:
        codes = " | ".join(community.code for community in communities)
        raise click.UsageError(f"which community? --community {codes}")
    return communities[0]


def system_actor(community: Community) -> Actor:
    """Return the actor of a command: whoever may run it on this machine may do everything."""
    return Actor.system(community.community_id, ACTOR_NAME)


def _first_line(error: BaseException | None) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else "nothing"
