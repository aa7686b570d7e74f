"""Every page, in both languages, light, dark and in the elder version, by rule and by measure.

The rules (axe) look at structure and colour, which do not change with the language: they are asked
of every page in Chinese, by day, by night, in the elder version and at a desk, and in English by
day. Measures of size are taken in both languages everywhere.
"""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import BrowserContext
from playwright.sync_api import Page as Window

from tests.browser import measures
from tests.browser.pages import Page, pages
from tests.browser.site import DESK, PHONE, Site

pytestmark = pytest.mark.browser

LARGE, LARGEST = {"elder": "1"}, {"elder": "3"}
Check = Callable[[Window], list[str]]


@pytest.fixture(scope="session")
def every_page(site: Site) -> list[Page]:
    return pages(site)


def opened(
    site: Site, every_page: list[Page], choices: dict[str, str], size: tuple[int, int]
) -> Iterator[tuple[Page, Window]]:
    """Open every page, with one window per person."""
    contexts: dict[str | None, BrowserContext] = {}
    windows: dict[str | None, Window] = {}
    for page in every_page:
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


def small_targets(window: Window) -> list[str]:
    return measures.small_targets(window, measures.TAP_PIXELS)


def small_elder_targets(window: Window) -> list[str]:
    return measures.small_targets(window, measures.ELDER_TAP_PIXELS)


def small_elder_texts(window: Window) -> list[str]:
    return measures.small_texts(window, measures.ELDER_TEXT_PIXELS)


@pytest.mark.parametrize(
    ("locale", "rules"),
    [("zh", [measures.violations, measures.night_violations]), ("en", [measures.violations])],
    ids=["zh", "en"],
)
def test_no_page_breaks_a_rule_or_a_measure_on_a_phone_by_day_or_by_night(
    site: Site, every_page: list[Page], locale: str, rules: list[Check]
) -> None:
    visits = opened(site, every_page, {"locale": locale}, PHONE)

    assert findings(visits, *rules, small_targets, measures.wide_elements) == []


@pytest.mark.parametrize(
    ("locale", "rules"), [("zh", [measures.violations]), ("en", [])], ids=["zh", "en"]
)
def test_no_page_breaks_a_rule_or_a_measure_in_the_elder_version(
    site: Site, every_page: list[Page], locale: str, rules: list[Check]
) -> None:
    visits = opened(site, every_page, {"locale": locale, **LARGE}, PHONE)

    found = findings(visits, *rules, small_elder_targets, small_elder_texts, measures.wide_elements)

    assert found == []


@pytest.mark.parametrize("locale", ["zh", "en"])
def test_the_largest_type_still_fits_a_phone(
    site: Site, every_page: list[Page], locale: str
) -> None:
    visits = opened(site, every_page, {"locale": locale, **LARGEST}, PHONE)

    assert findings(visits, measures.wide_elements) == []


def test_no_page_breaks_a_rule_at_a_desk(site: Site, every_page: list[Page]) -> None:
    visits = opened(site, every_page, {}, DESK)

    assert findings(visits, measures.violations, measures.wide_elements) == []
