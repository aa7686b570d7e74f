"""The screen with the code on a real tablet: it sleeps, its clock is wrong, its network goes."""

import re
from collections.abc import Iterator
from datetime import timedelta

import pytest
from playwright.sync_api import Page, expect

from ledger import clock
from tests.browser.conftest import MORNING
from tests.browser.measures import small_targets, violations
from tests.browser.site import Site
from timebank.service.arrivals import venue_path
from web.qr import qr_svg
from web.session import Services

pytestmark = pytest.mark.browser

TABLET = (1024, 768)
HALF_MINUTE = timedelta(seconds=30)
HOUR = timedelta(hours=1)
DRAWN = re.compile(r'd="([^"]+)"/></svg>')
CODE = ".code .plate svg path:nth-of-type(2)"
WAKE = """
() => {
  Object.defineProperty(document, "hidden", { configurable: true, get: () => false });
  document.dispatchEvent(new Event("visibilitychange"));
  return document.querySelector(".code .plate") === null;
}
"""
SLEEP = 'Object.defineProperty(document, "hidden", { configurable: true, get: () => true })'


def current(site: Site) -> str:
    """Return how the code of this half minute is drawn, by the server's clock."""
    services: Services = site.app.extensions["timebank"]
    with clock.at(site.travel.now()), site.database.reading() as session:
        leader, today = site.place.actor("leader"), site.place.today.id
        path = venue_path(session, leader, services.keys, occasion_id=today)
    drawn = DRAWN.search(qr_svg(f"{services.settings.base_url}/{path}".upper(), label=""))
    assert drawn is not None
    return drawn[1]


def expect_current(site: Site, page: Page) -> None:
    expect(page.locator(CODE)).to_have_attribute("d", current(site))


@pytest.fixture
def tablet(own_site: Site) -> Iterator[Page]:
    """The board, three hours wrong by its own clock."""
    own_site.travel.stop_at(MORNING)
    page = own_site.open("leader", size=TABLET).new_page()
    page.clock.install(time=MORNING - 3 * HOUR)
    page.goto(f"/lead/{own_site.place.today.id}/board")
    expect_current(own_site, page)
    yield page
    page.context.close()


def test_a_tablet_that_slept_an_hour_never_shows_the_old_code(own_site: Site, tablet: Page) -> None:
    tablet.evaluate(SLEEP)
    asked: list[str] = []
    tablet.on("request", lambda request: asked.append(request.url))
    own_site.travel.stop_at(MORNING + HOUR)
    tablet.clock.set_system_time(MORNING - 2 * HOUR)
    assert asked == []

    assert tablet.evaluate(WAKE), "the old code is gone before anything is painted"

    expect_current(own_site, tablet)
    assert any(url.endswith("/board/code") for url in asked)


def test_a_frozen_page_asks_at_once_when_it_goes_on(own_site: Site, tablet: Page) -> None:
    protocol = tablet.context.new_cdp_session(tablet)
    protocol.send("Page.setWebLifecycleState", {"state": "frozen"})
    own_site.travel.stop_at(MORNING + HOUR)
    tablet.clock.set_system_time(MORNING - 2 * HOUR)
    protocol.send("Page.setWebLifecycleState", {"state": "active"})

    expect_current(own_site, tablet)


def test_the_servers_time_decides_whatever_the_tablets_clock_says(
    own_site: Site, tablet: Page
) -> None:
    for wrong in (-3 * HOUR, -40 * HOUR, timedelta(minutes=10)):
        own_site.travel.stop_at(own_site.travel.now() + HALF_MINUTE)
        tablet.clock.set_system_time(MORNING + wrong)
        tablet.clock.run_for(31_000)

        expect_current(own_site, tablet)


def test_without_a_network_the_screen_says_so_until_there_is_a_code(
    own_site: Site, tablet: Page
) -> None:
    tablet.context.set_offline(True)
    tablet.clock.run_for(31_000)
    expect(tablet.locator(CODE)).to_have_count(1)
    tablet.clock.run_for(31_000)

    expect(tablet.locator(".code .plate")).to_have_count(0)
    expect(tablet.get_by_text("正在取最新的签到码")).to_be_visible()
    expect(tablet.get_by_role("link", name="离线签到")).to_be_visible()
    assert violations(tablet) == []
    assert small_targets(tablet, 44) == []

    own_site.travel.stop_at(MORNING + 2 * HALF_MINUTE)
    tablet.context.set_offline(False)
    tablet.clock.run_for(3_000)
    expect_current(own_site, tablet)
