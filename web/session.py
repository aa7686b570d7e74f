"""Where the web meets the book.

A view has exactly one `with begin()` (or `reading()`), and nothing else opens a session.

This is the one module of `web` that may import the ledger.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

from flask import Flask, current_app
from sqlalchemy.orm import Session

from ledger.database import Database
from timebank.codes import CodeKeys
from timebank.errors import Refusal
from timebank.people.errors import Counted
from timebank.settings import Settings

EXTENSION = "timebank"


@dataclass(frozen=True, slots=True)
class Services:
    """What one application holds: the settings, the book and the root of every code."""

    settings: Settings
    database: Database
    keys: CodeKeys


def attach(app: Flask, settings: Settings, database: Database | None = None) -> None:
    """Give the application its book.

    Args:
        app: the application being made.
        settings: checked settings; the secret key is the root of every code.
        database: an open book to share (tests, command line); None opens the one of the settings.
    """
    app.extensions[EXTENSION] = Services(
        settings=settings,
        database=database or Database(settings.database_url),
        keys=CodeKeys(settings.secret_key.encode()),
    )


def services() -> Services:
    """Return what the running application holds."""
    held = current_app.extensions[EXTENSION]
    assert isinstance(held, Services), "create_app attaches the services first"
    return held


@contextmanager
def begin() -> Iterator[Session]:
    """Open the one write session of a view; it commits at the end and rolls back on any exception.

    One exception commits: a counted refusal (wrong password, wrong PIN), whose count must stay; its
        rule has written nothing else.
    """
    counted: Refusal | None = None
    with services().database.begin() as session:
        try:
            yield session
        except Refusal as refusal:
            if not isinstance(refusal, Counted):
                raise
            counted = refusal
    if counted is not None:
        raise counted


def reading() -> AbstractContextManager[Session]:
    """Open the one read-only session of a view."""
    return services().database.reading()


def keys() -> CodeKeys:
    """Return the root key of every code."""
    return services().keys


def settings() -> Settings:
    """Return the operator's settings."""
    return services().settings
