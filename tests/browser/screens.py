"""Take the pictures of the main pages: `python -m tests.browser.screens FOLDER`.

Loads the demo world into a book of its own, opens the ten pages people live in, at the width of a
phone and of a desk, in Chinese and English and in the elder version, and writes one PNG for each.
"""

import re
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from flask import Flask
from playwright.sync_api import Browser, BrowserContext, Page

from ledger.database import Database
from migrations import run as migrations
from tests.applications import application, settings_for
from tests.browser.camera import read_code
from tests.browser.site import DESK, PHONE
from tests.browsers import launched, served
from tests.makers import SignIn
from tests.visitors import sign_in
from timebank.codes import CodeKeys, goods_digits
from timebank.demo import load as demo
from timebank.demo.visitors import sign_ins

TALL = 1700
"""Phone pages are pictured whole, up to this many pixels."""
STYLES: dict[str, tuple[tuple[int, int], dict[str, str]]] = {
    "phone-zh": (PHONE, {"locale": "zh"}),
    "phone-en": (PHONE, {"locale": "en"}),
    "phone-elder": (PHONE, {"locale": "zh", "elder": "1"}),
    "desk-zh": (DESK, {"locale": "zh"}),
    "desk-en": (DESK, {"locale": "en"}),
}
RUNNING = "今天的值守"
"""The demo world opens a service that runs while a visitor looks at it."""
VOLUNTEER, LEADER, CLERK, SOCIAL_WORKER = range(4)
"""Places in the list of demo sign-ins."""


class Studio:
    """A served demo world, and a browser window for each person and style."""

    def __init__(self, app: Flask, browser: Browser, address: str, folder: Path) -> None:
        """Sign everybody in once."""
        self.address, self.folder, self.browser = address, folder, browser
        self.cookie_name = str(app.config["SESSION_COOKIE_NAME"])
        self.cookies: list[str] = []
        for person in sign_ins()[: SOCIAL_WORKER + 1]:
            client = sign_in(app.test_client(), SignIn(person.phone, person.password))
            cookie = client.get_cookie(self.cookie_name)
            assert cookie is not None
            self.cookies.append(cookie.value)

    def window(self, who: int, style: str) -> Page:
        """Open a window for a person."""
        size, choices = STYLES[style]
        context = self.browser.new_context(
            base_url=self.address, viewport={"width": size[0], "height": size[1]}
        )
        cookies = {**choices, self.cookie_name: self.cookies[who]}
        context.add_cookies(
            [{"name": name, "value": value, "url": self.address} for name, value in cookies.items()]
        )
        return context.new_page()

    def picture(self, name: str, style: str, page: Page) -> None:
        """Write one picture, and close the window."""
        height = int(page.evaluate("document.documentElement.scrollHeight"))
        width, shown = STYLES[style][0]
        if style.startswith("phone"):
            page.set_viewport_size({"width": width, "height": min(max(height, shown), TALL)})
        page.screenshot(path=self.folder / f"{name}-{style}.png")
        context: BrowserContext = page.context
        context.close()


def at(path: str) -> Callable[[Page, Studio], None]:
    """Return how to open a page whose address is known."""
    return lambda page, studio: _go(page, path)


def _go(page: Page, path: str) -> None:
    page.goto(path)


def board(page: Page, studio: Studio) -> None:
    """Open the screen with the code of the service that runs now."""
    page.goto("/lead/")
    page.locator("tr", has_text=RUNNING).locator("a[href$='/board']").click()
    page.wait_for_load_state()


def confirm_list(page: Page, studio: Studio) -> None:
    """Open the first list of the leader."""
    page.goto("/lead/")
    page.locator("a[href$='/confirm']").first.click()
    page.wait_for_load_state()


def arrive(page: Page, studio: Studio) -> None:
    """Open what the leader's code leads to."""
    screen = studio.window(LEADER, "desk-zh")
    board(screen, studio)
    scanned = read_code(screen.locator(".plate").first.screenshot())
    screen.context.close()
    page.goto(urlsplit(scanned).path)


def till(page: Page, studio: Studio) -> None:
    """Put two goods on the counter for the volunteer who shows the pay code."""
    phone = studio.window(VOLUNTEER, "phone-zh")
    phone.goto("/me/pay-code")
    digits = re.search(r"8[\d ]{17,25}", phone.locator("main").inner_text())
    assert digits is not None
    phone.context.close()
    page.goto("/till/")
    for scan in (digits[0].replace(" ", ""), goods_digits(1), goods_digits(2)):
        with page.expect_response("**/till/"):
            page.locator("#scan").fill(scan)
            page.keyboard.press("Enter")
    page.locator("tr[data-item='2']").wait_for()


def verified(page: Page, studio: Studio) -> None:
    """Open what anybody sees behind the newest certificate."""
    desk = studio.window(SOCIAL_WORKER, "desk-zh")
    desk.goto("/desk/certificates/")
    desk.locator("tbody a").first.click()
    link = desk.locator("a[href*='/V/' i]").first
    path = link.get_attribute("href")
    desk.context.close()
    assert path is not None
    page.goto(path)


PAGES: dict[str, tuple[int, Callable[[Page, Studio], None]]] = {
    "home": (VOLUNTEER, at("/me/")),
    "statement": (VOLUNTEER, at("/me/statement/points")),
    "arrive": (VOLUNTEER, arrive),
    "pay-code": (VOLUNTEER, at("/me/pay-code")),
    "board": (LEADER, board),
    "confirm": (LEADER, confirm_list),
    "till": (CLERK, till),
    "desk": (SOCIAL_WORKER, at("/desk/")),
    "commendations": (SOCIAL_WORKER, at("/desk/commendations/")),
    "verify": (VOLUNTEER, verified),
}


def take(folder: Path, address: str, app: Flask, browser: Browser) -> None:
    """Take every picture."""
    studio = Studio(app, browser, address, folder)
    for name, (who, opens) in PAGES.items():
        for style in STYLES:
            page = studio.window(who, style)
            opens(page, studio)
            studio.picture(name, style, page)


def main(folder: Path) -> None:
    """Load the demo world and take the pictures."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as place:
        settings = settings_for(f"sqlite:///{place}/book.sqlite3", Path(place))
        migrations.upgrade(settings.database_url)
        database = Database(settings.database_url)
        demo.load(database, CodeKeys(settings.secret_key.encode()), lambda done, total: None)
        app = application(settings, database)
        with launched() as browser, served(app) as address:
            take(folder, address, app, browser)
        database.engine.dispose()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
