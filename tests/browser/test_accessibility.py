"""Every page, in both languages, light, dark and in the elder version, by rule and by measure.

The elder version is one attribute on the page's root and the night one preference of the browser,
so a page is opened once for each language and turned in place. The rules (axe) look at structure
and colour: all of them are asked in Chinese on a phone; where only style differs (elder, desk),
those that look at style. Sizes are measured in both languages everywhere.
"""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import BrowserContext
from playwright.sync_api import Page as Window

from tests.browser import measures
from tests.browser.pages import Page, pages
from tests.browser.site import DESK, PHONE, Site

pytestmark = pytest.mark.browser

Check = Callable[[Window], list[str]]
SHARES = 2
"""Each half of the pages is a test of its own, so that two workers share them."""


@pytest.fixture(scope="session")
def every_page(site: Site) -> list[Page]:
    return pages(site)


def opened(
    site: Site, some_pages: list[Page], choices: dict[str, str], size: tuple[int, int]
) -> Iterator[tuple[Page, Window]]:
    """Open pages, with one window per person."""
    contexts: dict[str | None, BrowserContext] = {}
    windows: dict[str | None, Window] = {}
    for page in some_pages:
        if page.who not in windows:
            contexts[page.who] = site.open(page.who, size=size, choices=choices)
            windows[page.who] = contexts[page.who].new_page()
        windows[page.who].goto(page.path)
        yield page, windows[page.who]
    for context in contexts.values():
        context.close()


def findings(visits: Iterator[tuple[Page, Window]], *checks: Check) -> list[str]:
    return [
        f"{page}: {found}" for page, window in visits for check in checks for found in check(window)
    ]


def standard(window: Window) -> list[str]:
    return [*measures.small_targets(window, measures.TAP_PIXELS), *measures.wide_elements(window)]


def elder(window: Window) -> list[str]:
    """Measure the elder version, then its largest type."""
    measures.turn_elder(window, 1)
    found = [
        *measures.style_violations(window),
        *measures.small_targets(window, measures.ELDER_TAP_PIXELS),
        *measures.small_texts(window, measures.ELDER_TEXT_PIXELS),
        *measures.wide_elements(window),
    ]
    measures.turn_elder(window, 3)
    return [f"(elder) {each}" for each in (*found, *measures.wide_elements(window))]


@pytest.mark.parametrize("share", range(SHARES))
@pytest.mark.parametrize(
    ("locale", "rules"),
    [("zh", [measures.violations, measures.night_violations]), ("en", [])],
    ids=["zh", "en"],
)
def test_no_page_breaks_a_rule_or_a_measure_on_a_phone(
    site: Site, every_page: list[Page], locale: str, rules: list[Check], share: int
) -> None:
    visits = opened(site, every_page[share::SHARES], {"locale": locale}, PHONE)

    assert findings(visits, *rules, standard, elder) == []


def test_the_server_sends_what_the_test_turns(site: Site) -> None:
    context = site.open(None, size=PHONE, choices={"elder": "3"})
    window = context.new_page()

    window.goto("/sign-in")

    assert window.evaluate("document.documentElement.dataset.elder") == "3"
    context.close()


def test_no_page_breaks_a_rule_at_a_desk(site: Site, every_page: list[Page]) -> None:
    visits = opened(site, every_page, {}, DESK)

    assert findings(visits, measures.style_violations, measures.wide_elements) == []
