"""A reservation from the phone to the receipt: by keys alone, and without a fault on the way."""

import secrets
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from ledger import clock
from tests.browser.measures import violations
from tests.browser.neighbourhood import PIN
from tests.browser.site import DESK, PHONE, Site
from tests.browser.test_keyboard import goods_row, member, sales_count, scan, scan_line, tab_to
from timebank.shop.reservations import list_own, reserve
from timebank.shop.reserved import ReservationState

pytestmark = pytest.mark.browser

SALES_BEFORE = 1


@pytest.fixture
def till(own_site: Site) -> Iterator[Page]:
    """The open till of a clerk."""
    page = own_site.open("clerk", size=DESK).new_page()
    page.goto("/till/")
    expect(scan_line(page)).to_be_focused()
    yield page
    page.context.close()


def put_by(site: Site, place: int = 0) -> None:
    """Let the volunteer reserve one piece."""
    with clock.at(site.travel.now()), site.database.begin() as session:
        reserve(
            session,
            site.place.actor("volunteer"),
            item_number=site.place.goods[place].number,
            quantity=1,
            nonce=secrets.token_hex(8),
        )


def states(site: Site) -> list[ReservationState]:
    with clock.at(site.travel.now()), site.database.reading() as session:
        return [one.state for one in list_own(session, site.place.actor("volunteer"))]


def test_keys_alone_reserve_and_cancel(own_site: Site) -> None:
    page = own_site.open("volunteer", size=PHONE).new_page()
    page.goto(f"/me/shop/{own_site.place.goods[0].number}")

    tab_to(page, page.get_by_role("link", name="预留", exact=True))
    page.keyboard.press("Enter")
    tab_to(page, page.get_by_role("button", name="确认预留"))
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="已为您留好")).to_be_visible()
    tab_to(page, page.get_by_role("link", name="好，知道了"))
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="我的预留")).to_be_visible()
    tab_to(page, page.locator("details.ask summary"))
    page.keyboard.press("Enter")
    tab_to(page, page.get_by_role("button", name="确认取消"))
    page.keyboard.press("Enter")

    expect(page.get_by_role("status")).to_contain_text("布艺杯垫 已取消预留")
    assert states(own_site) == [ReservationState.CANCELLED]


def test_f9_hands_over_and_the_basket_stays(till: Page, own_site: Site) -> None:
    put_by(own_site)
    scan(till, own_site.place.card.card.digits)
    expect(member(till)).to_contain_text("韦桂芬")
    scan(till, own_site.place.labels()[1])
    expect(goods_row(till, "手织围巾")).to_be_visible()

    till.keyboard.press("F9")

    expect(till.get_by_role("status")).to_contain_text("已兑换")
    expect(till.get_by_role("button", name="交付")).to_have_count(0)
    expect(goods_row(till, "手织围巾")).to_be_visible()
    expect(scan_line(till)).to_be_focused()
    assert sales_count(own_site) == SALES_BEFORE + 1
    assert states(own_site) == [ReservationState.COLLECTED]


def test_f9_asks_for_the_pin_and_goes_on_after_a_wrong_one(till: Page, own_site: Site) -> None:
    put_by(own_site)
    till.keyboard.type(own_site.place.people["volunteer"].volunteer_number)
    till.keyboard.press("Enter")
    expect(member(till)).to_contain_text("韦桂芬")
    scan(till, own_site.place.labels()[1])
    expect(goods_row(till, "手织围巾")).to_be_visible()

    till.keyboard.press("F9")
    expect(till.locator("#pin")).to_be_focused()
    till.keyboard.type("1357")
    till.keyboard.press("Enter")
    expect(till.locator("#trouble")).to_contain_text("4 次")
    expect(till.locator("#pin")).to_be_focused()
    till.keyboard.type(PIN)
    till.keyboard.press("Enter")

    expect(till.get_by_role("status")).to_contain_text("已兑换")
    expect(goods_row(till, "手织围巾")).to_be_visible()
    assert sales_count(own_site) == SALES_BEFORE + 1
    assert states(own_site) == [ReservationState.COLLECTED]


def test_f9_twice_hands_over_once(till: Page, own_site: Site) -> None:
    put_by(own_site)
    scan(till, own_site.place.card.card.digits)
    expect(till.get_by_role("button", name="交付")).to_be_visible()

    till.keyboard.press("F9")
    till.keyboard.press("F9")

    expect(till.get_by_role("status")).to_contain_text("已兑换")
    expect(till.get_by_role("button", name="交付")).to_have_count(0)
    assert sales_count(own_site) == SALES_BEFORE + 1


@pytest.mark.parametrize("choices", [{}, {"elder": "1"}], ids=["standard", "elder"])
def test_pages_with_something_reserved_break_no_rule(
    own_site: Site, choices: dict[str, str]
) -> None:
    put_by(own_site)
    phone = own_site.open("volunteer", size=PHONE, choices=choices).new_page()
    found = []
    for path in ("/me/", "/me/shop", f"/me/shop/{own_site.place.goods[0].number}/reserve"):
        phone.goto(path)
        if phone.locator("details.ask").count():
            phone.locator("details.ask summary").click()
        found += violations(phone)
    phone.goto("/me/shop")
    phone.locator("a[href*='/me/shop/reservations/']").first.click()
    expect(phone.get_by_role("heading", name="已为您留好")).to_be_visible()
    found += violations(phone)
    counter = own_site.open("clerk", size=DESK, choices=choices).new_page()
    counter.goto("/till/")
    scan(counter, own_site.place.card.card.digits)
    expect(counter.get_by_role("button", name="交付")).to_be_visible()
    counter.locator("details.ask summary").click()
    found += violations(counter)

    assert found == []
