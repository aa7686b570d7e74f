"""The running site of a browser test, with a clock that the test moves.

The server runs in threads of the test process. Around every request its middleware sets the one
clock of the application to the time of the story, which flows like real time: the application needs
no door for tests.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flask import Flask
from playwright.sync_api import expect

from ledger import clock
from ledger.database import Database
from tests.applications import application
from tests.browser.neighbourhood import Neighbourhood
from tests.browsers import served
from tests.visitors import sign_in
from timebank.settings import Settings

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment
    from playwright.sync_api import Browser, BrowserContext

PHONE = (390, 844)
DESK = (1366, 768)
ANSWER_MS_MAX = 10_000
"""How long a test waits for what it expects; a page answers within a fraction of it."""


@dataclass
class Travel:
    """How far the story is from the clock on the wall, or the moment at which it stands still."""

    offset: timedelta = field(default_factory=timedelta)
    stands_at: datetime | None = None

    def to(self, moment: datetime) -> None:
        """Let it be `moment` now; time flows on from there."""
        self.offset, self.stands_at = moment - datetime.now(UTC), None

    def stop_at(self, moment: datetime) -> None:
        """Let it be `moment` for good: what is looked at stays the same."""
        self.stands_at = moment

    def now(self) -> datetime:
        """Return the time of the story."""
        return self.stands_at or datetime.now(UTC) + self.offset

    def around(self, application: "WSGIApplication") -> "WSGIApplication":
        """Return the application in the time of the story."""

        def travelling(
            environ: "WSGIEnvironment", start_response: "StartResponse"
        ) -> Iterable[bytes]:
            with clock.at(self.now()):
                return application(environ, start_response)

        return travelling


@dataclass
class Site:
    """What a browser test holds: the address, the clock, who lives there, and the browser."""

    address: str
    travel: Travel
    place: Neighbourhood
    app: Flask
    database: Database
    browser: "Browser"
    cookies: dict[str, str] = field(default_factory=dict)

    def session_cookie(self, who: str) -> str:
        """Return the cookie of somebody who signed in; signing in itself is tested elsewhere."""
        if who not in self.cookies:
            client = sign_in(self.app.test_client(), self.place.sign_in(who))
            cookie = client.get_cookie(self.app.config["SESSION_COOKIE_NAME"])
            assert cookie is not None
            self.cookies[who] = cookie.value
        return self.cookies[who]

    def open(
        self,
        who: str | None = None,
        *,
        size: tuple[int, int] = PHONE,
        choices: dict[str, str] | None = None,
        **options: Any,
    ) -> "BrowserContext":
        """Open a browser window of its own.

        Args:
            who: signed in as; None: a stranger.
            size: width and height in pixels.
            choices: the reader's choices, such as `{"locale": "en", "elder": "1"}`.
            options: further options of a browser context.
        """
        context = self.browser.new_context(
            base_url=self.address,
            viewport={"width": size[0], "height": size[1]},
            locale="zh-CN",
            reduced_motion="reduce",
            **options,
        )
        context.set_default_timeout(ANSWER_MS_MAX)
        cookies = dict(choices or {})
        if who is not None:
            cookies[self.app.config["SESSION_COOKIE_NAME"]] = self.session_cookie(who)
        context.add_cookies(
            [{"name": name, "value": value, "url": self.address} for name, value in cookies.items()]
        )
        return context


@contextmanager
def open_site(
    settings: Settings, place: Neighbourhood, browser: "Browser", moment: datetime
) -> Iterator[Site]:
    """Serve a furnished book, in the time of the story."""
    expect.set_options(timeout=ANSWER_MS_MAX)
    database = Database(settings.database_url)
    app = application(settings, database)
    travel = Travel()
    travel.to(moment)
    setattr(app, "wsgi_app", travel.around(app.wsgi_app))  # noqa: B010  # as Flask documents it
    try:
        with served(app) as address:
            yield Site(address, travel, place, app, database, browser)
    finally:
        database.engine.dispose()


def copied_book(path: Path, folder: Path) -> str:
    """Copy a book to a folder; return its address."""
    copy = folder / "book.sqlite3"
    copy.write_bytes(path.read_bytes())
    return f"sqlite:///{copy}"
