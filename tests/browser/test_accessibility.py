"""Every page, in both languages, light, dark and in the elder version, by rule and by measure."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import BrowserContext
from playwright.sync_api import Page as Window

from tests.browser import measures
from tests.browser.pages import Page, pages
from tests.browser.site import Site

pytestmark = pytest.mark.browser

ELDER_LARGEST = "3"
WIDER = (1366, 768)


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


def findings(
    visits: Iterator[tuple[Page, Window]], *checks: Callable[[Window], list[str]]
) -> list[str]:
    return [
        f"{page}: {found}" for page, window in visits for check in checks for found in check(window)
    ]


@pytest.mark.parametrize("locale", ["zh", "en"])
def test_no_page_breaks_a_rule_by_day_or_by_night(
    site: Site, every_page: list[Page], locale: str
) -> None:
    def by_night(window: Window) -> list[str]:
        window.emulate_media(color_scheme="dark")
        found = [f"(dark) {each}" for each in measures.violations(window)]
        window.emulate_media(color_scheme="light")
        return found

    visits = opened(site, every_page, {"locale": locale}, (390, 844))

    assert findings(visits, measures.violations, by_night) == []


@pytest.mark.parametrize("locale", ["zh", "en"])
def test_every_target_can_be_hit_and_nothing_scrolls_sideways(
    site: Site, every_page: list[Page], locale: str
) -> None:
    visits = opened(site, every_page, {"locale": locale}, (390, 844))

    assert (
        findings(
            visits,
            lambda window: measures.small_targets(window, measures.TAP_PIXELS),
            measures.wide_elements,
        )
        == []
    )


@pytest.mark.parametrize("locale", ["zh", "en"])
def test_the_elder_version_is_large_everywhere(
    site: Site, every_page: list[Page], locale: str
) -> None:
    visits = opened(site, every_page, {"locale": locale, "elder": "1"}, (390, 844))

    assert (
        findings(
            visits,
            measures.violations,
            lambda window: measures.small_targets(window, measures.ELDER_TAP_PIXELS),
            lambda window: measures.small_texts(window, measures.ELDER_TEXT_PIXELS),
            measures.wide_elements,
        )
        == []
    )


def test_the_largest_type_still_fits_a_phone(site: Site, every_page: list[Page]) -> None:
    visits = opened(site, every_page, {"elder": ELDER_LARGEST}, (390, 844))

    assert findings(visits, measures.wide_elements) == []


def test_no_page_breaks_a_rule_at_a_desk(site: Site, every_page: list[Page]) -> None:
    visits = opened(site, every_page, {}, WIDER)

    assert findings(visits, measures.violations, measures.wide_elements) == []
