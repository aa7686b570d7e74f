"""What a cheap phone has to fetch before its owner sees the first page."""

from typing import Any

import pytest

from tests.browser.site import Site

pytestmark = pytest.mark.browser

BYTES_MAX = 120_000
REQUEST_COUNT_MAX = 8


def test_the_volunteers_home_is_light_on_the_first_visit(site: Site) -> None:
    page = site.open("volunteer").new_page()
    received: list[dict[str, Any]] = []
    protocol = page.context.new_cdp_session(page)
    protocol.send("Network.enable")
    protocol.on("Network.loadingFinished", lambda event: received.append(event))

    page.goto("/me/", wait_until="networkidle")

    total_bytes = sum(int(each["encodedDataLength"]) for each in received)
    assert 3 <= len(received) <= REQUEST_COUNT_MAX
    assert 0 < total_bytes <= BYTES_MAX, f"{total_bytes} bytes in {len(received)} answers"
    page.context.close()


def test_what_was_fetched_once_is_not_fetched_again(site: Site) -> None:
    page = site.open("volunteer").new_page()
    page.goto("/me/", wait_until="networkidle")
    protocol = page.context.new_cdp_session(page)
    protocol.send("Network.enable")
    fetched: list[dict[str, Any]] = []
    protocol.on("Network.loadingFinished", lambda event: fetched.append(event))

    page.goto("/me/days", wait_until="networkidle")

    own = [each for each in fetched if int(each["encodedDataLength"]) > 0]
    assert len(own) <= 2
    page.context.close()
