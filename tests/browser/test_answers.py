"""Pages that only a press of a button shows: answers, forms with errors, the till at work."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, Response, expect

from tests.browser import measures
from tests.browser.pages import scan_ticket
from tests.browser.site import DESK, PHONE, Site
from timebank.codes import goods_digits

pytestmark = pytest.mark.browser

EMPTY_FORMS = (
    (None, "/sign-in"),
    ("volunteer", "/account/password"),
    ("volunteer", "/account/pin"),
    ("volunteer", "/me/scan"),
    ("leader", "/lead/{today}/by-hand"),
    ("clerk", "/till/goods/new"),
    ("clerk", "/till/return"),
    ("social_worker", "/desk/members/new"),
    ("social_worker", "/desk/days/new"),
    ("social_worker", "/desk/days/series"),
    ("social_worker", "/desk/days/sites"),
    ("social_worker", "/desk/commendations/"),
    ("social_worker", "/desk/commendations/tables"),
)
"""Who sends which form with nothing in it."""
SEND_EMPTY = """
(form) => {
  for (const field of form.querySelectorAll("input:not([type=hidden]), textarea")) {
    field.value = "";
    field.checked = false;
  }
  form.submit();
}
"""
TOO_MANY = 9
"""More pieces than the shelf holds of anything."""


def faults(page: Page) -> list[str]:
    checks = (measures.violations, measures.night_violations, measures.wide_elements)
    found = [f"{page.url}: {fault}" for check in checks for fault in check(page)]
    small = measures.small_targets(page, measures.TAP_PIXELS)
    return found + [f"{page.url}: {target}" for target in small]


def sent_empty(page: Page) -> Response:
    """Send the page's form with nothing in it, past what the browser itself would say."""
    form = page.locator("main form[method=post]:not([action$='/plan'])").first
    with page.expect_navigation() as navigation:
        form.evaluate(SEND_EMPTY)
    return navigation.value


def test_a_form_with_errors_breaks_no_rule(site: Site) -> None:
    found: list[str] = []
    for who, path in EMPTY_FORMS:
        page = site.open(who).new_page()
        page.goto(path.format(today=site.place.today.id))

        assert sent_empty(page).status == 422, path
        expect(page.locator(".notice.no, .state.no").first).to_be_visible()
        found += faults(page)
        page.context.close()

    assert found == []


def test_the_answers_to_a_volunteer_and_a_leader_break_no_rule(own_site: Site) -> None:
    found: list[str] = []
    phone = own_site.open("volunteer").new_page()
    arrive = f"/me/arrive?ticket={scan_ticket(own_site)}"
    for said in ("已签到", "才能签退"):
        phone.goto(arrive)
        press = phone.locator("main form[method=post] button")
        if press.count():
            press.first.click()
        expect(phone.locator(".result h1")).to_contain_text(said)
        found += faults(phone)
    tablet = own_site.open("leader", size=DESK).new_page()
    tablet.goto(f"/lead/{own_site.place.today.id}/board")
    for scanned, said in (
        ("1234567890", "请再扫一次卡"),
        (own_site.place.card.card.digits, "韦桂芬："),
    ):
        tablet.locator("#text").fill(scanned)
        tablet.keyboard.press("Enter")
        expect(tablet.locator(".notice")).to_contain_text(said)
        found += faults(tablet)

    assert found == []


@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
def test_the_till_at_work_breaks_no_rule(own_site: Site, size: tuple[int, int]) -> None:
    page = own_site.open("clerk", size=size).new_page()
    page.goto("/till/")

    found = [fault for _ in work(own_site, page) for fault in faults(page)]

    assert found == []


def work(site: Site, page: Page) -> Iterator[None]:
    """Bring the till into each of its states: trouble, rows, a member, a refused row, a receipt."""
    items = site.place.goods
    yield from scanned(page, "99999", "#trouble .notice")
    for item in items:
        yield from scanned(page, goods_digits(item.number), f"tr[data-item='{item.number}']")
    yield from scanned(page, site.place.card.card.digits, ".member")
    for _ in range(TOO_MANY):
        with page.expect_response("**/till/"):
            page.locator("button[value=plus]").click()
    expect(page.locator("tr.is-refused")).to_be_visible()
    yield
    page.goto(f"/till/receipts/{site.place.receipt_number}")
    with page.expect_navigation():
        page.locator("main form[method=post]").first.evaluate(SEND_EMPTY)
    yield


def scanned(page: Page, digits: str, shown: str) -> Iterator[None]:
    """Scan, and wait for what it brings."""
    page.locator("#scan").fill(digits)
    with page.expect_response("**/till/"):
        page.keyboard.press("Enter")
    expect(page.locator(shown)).to_be_visible()
    yield
