"""The application as tests start it, with settings that stand still."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flask import Flask

from ledger.database import Database
from timebank.settings import Settings
from web import session
from web.app import create_app
from web.security import limiter

SECRET_KEY = "a secret that only the tests know, long enough"
BASE_URL = "http://localhost"


def settings_for(database_url: str, folder: Path) -> Settings:
    """Return what an operator would have set for a book."""
    return Settings(
        database_url=database_url,
        data_dir=folder,
        host="127.0.0.1",
        port=8000,
        secret_key=SECRET_KEY,
        base_url=BASE_URL,
        default_locale="zh",
    )


def application(settings: Settings, database: Database | None = None) -> Flask:
    """Return the application in testing mode, with nobody's tries counted yet."""
    app = create_app(settings, database=database)
    app.config.update(TESTING=True)
    limiter.reset()
    return app


@contextmanager
def on_book(app: Flask, settings: Settings, database: Database) -> Iterator[None]:
    """Let an application work on another book, with nobody's tries counted and its options kept."""
    kept = dict(app.config)
    session.attach(app, settings, database)
    limiter.reset()
    yield
    app.config.clear()
    app.config.update(kept)
