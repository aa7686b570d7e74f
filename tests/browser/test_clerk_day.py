"""A whole day of a clerk by keys and scanner: from the float in the morning to the signed sheet."""

import re
import time

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import select

from ledger import clock
from tests.browser.site import DESK, Site
from tests.browser.test_keyboard import (
    SCANNER_SECONDS,
    composed_key,
    goods_row,
    member,
    scan,
    scan_line,
    tab_to,
)
from timebank.shop import safe
from timebank.shop.cash_models import SafeMoveKind, TillClosing
from timebank.shop.goods import set_price
from timebank.shop.models import ValueBasis
from timebank.shop.safe import Wanted

pytestmark = pytest.mark.browser

CUP_FEN = 1_250


@pytest.fixture
def site(own_site: Site) -> Site:
    """The cup costs 12.50 yuan or 2 points, and two people have put 500 yuan into the safe."""
    place = own_site.place
    with clock.at(own_site.travel.now()), own_site.database.begin() as session:
        set_price(
            session,
            place.actor("social_worker"),
            item_number=place.goods[0].number,
            price_points=2,
            price_fen=CUP_FEN,
            basis=ValueBasis.COUNCIL,
        )
        wanted = Wanted("first-float", SafeMoveKind.DEPOSIT, 50_000, "开店备用金")
        entered = safe.hand_over(session, place.actor("social_worker"), wanted=wanted)
        safe.decide(session, place.actor("clerk"), move_id=entered.move.id, is_confirmed=True)
    return own_site


def press_count(page: Page, **pieces: str) -> None:
    """Type a count line by line, Enter after each; the focus stands on the first line."""
    for face in (
        *("yuan_100", "yuan_50", "yuan_20", "yuan_10", "yuan_5"),
        *("yuan_1", "jiao_5", "jiao_1", "fen_1"),
    ):
        expect(page.locator(f"#{face}")).to_be_focused()
        page.keyboard.type(pieces.get(face, ""))
        page.keyboard.press("Enter" if face != "fen_1" else "Tab")


def press(page: Page, button: str) -> None:
    tab_to(page, page.get_by_role("button", name=re.compile(button)))
    page.keyboard.press("Enter")


def scan_while_composing(page: Page, digits: str) -> None:
    """Scan while the input method shows candidates for what was typed before."""
    protocol = page.context.new_cdp_session(page)
    protocol.send("Input.imeSetComposition", {"text": "ni", "selectionStart": 2, "selectionEnd": 2})
    expect(scan_line(page)).to_have_value("ni")
    pressed_at = time.time()
    for code in [*(f"Digit{digit}" for digit in digits), "Enter"]:
        pressed_at += SCANNER_SECONDS
        composed_key(protocol, code, pressed_at)
    protocol.detach()


def done(page: Page, text: str) -> None:
    expect(page.get_by_role("status")).to_contain_text(text)
    expect(scan_line(page)).to_be_focused()


def test_a_day_at_the_till_ends_without_a_difference_and_is_signed(site: Site) -> None:
    page = site.open("clerk", size=DESK).new_page()
    page.goto("/till/")

    open_with_a_float(page)
    take_in_goods(page)
    exchange_points(page, site)
    sell_under_an_input_method(page, site)
    sell_a_mixed_basket(page, site)
    take_a_part_back(page)
    close_the_day(page)
    sheet = page.url
    with site.database.reading() as session:
        closing = session.scalars(select(TillClosing).where(TillClosing.expected_fen > 0)).one()
    page.context.close()
    paper = sign(site, sheet)

    assert (closing.expected_fen, closing.difference_fen, closing.left_fen) == (11_250, 0, 10_000)
    assert paper.startswith(b"%PDF-")


def open_with_a_float(page: Page) -> None:
    """100 yuan are counted into the drawer."""
    expect(page.locator("#ime-ok")).to_be_visible()  # the script listens
    page.keyboard.press("F1")
    press_count(page, yuan_50="1", yuan_10="5")
    press(page, "开台$")
    expect(page.locator("#ime-ok")).to_be_visible()


def take_in_goods(page: Page) -> None:
    """A neighbour brings two hats."""
    page.keyboard.press("F8")
    tab_to(page, page.get_by_label("货品名称"))
    page.keyboard.type("毛线帽")
    tab_to(page, page.get_by_label("带来的件数"))
    page.keyboard.type("2")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text("毛线帽")
    page.goto("/till/")


def exchange_points(page: Page, site: Site) -> None:
    """A scarf for a point."""
    scan(page, site.place.card.card.digits)
    scan(page, site.place.labels()[1])
    expect(goods_row(page, "手织围巾")).to_be_visible()
    page.keyboard.press("F2")
    done(page, "已兑换，余 3 积分")


def sell_under_an_input_method(page: Page, site: Site) -> None:
    """A cup for 12.50 yuan to somebody without a card, who lays down 20."""
    scan_while_composing(page, site.place.labels()[0])
    expect(goods_row(page, "布艺杯垫")).to_contain_text("12.50")
    page.keyboard.press("F2")
    expect(page.get_by_label("顾客付了（元）")).to_be_focused()
    page.keyboard.type("20")
    page.keyboard.press("F2")
    done(page, "找零 7.50 元")


def sell_a_mixed_basket(page: Page, site: Site) -> None:
    """The cup in cash and the scarf for a point, on one receipt."""
    scan(page, site.place.card.card.digits)
    expect(member(page)).to_contain_text("韦桂芬")
    scan(page, site.place.labels()[0])
    expect(goods_row(page, "布艺杯垫")).to_be_visible()
    page.keyboard.press("F3")
    expect(goods_row(page, "布艺杯垫")).to_contain_text("12.50")
    scan(page, site.place.labels()[1])
    expect(goods_row(page, "手织围巾")).to_be_visible()
    page.keyboard.press("F2")
    expect(page.get_by_label("顾客付了（元）")).to_be_focused()
    page.keyboard.press("F2")  # paid exactly
    done(page, "已收现金 12.50 元")


def take_a_part_back(page: Page) -> None:
    """The cup of the last receipt comes back, and its money out of the drawer."""
    page.keyboard.press("F10")
    tab_to(page, page.get_by_label(re.compile("布艺杯垫")))
    page.keyboard.type("1")
    tab_to(page, page.get_by_label("原因"))
    page.keyboard.type("缝线开了")
    press(page, "只退选中的件数")
    expect(page.get_by_text("缝线开了").first).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#ime-ok")).to_be_visible()


def close_the_day(page: Page) -> None:
    """100 + 12.50 + 12.50 - 12.50 yuan lie in the drawer; 100 stay there."""
    page.keyboard.press("F1")
    tab_to(page, page.get_by_role("link", name="点钱并结账"))
    page.keyboard.press("Enter")
    press_count(page, yuan_100="1", yuan_10="1", yuan_1="2", jiao_5="1")
    press(page, "结账$")
    expect(page.get_by_text("请另一个人复核签字").first).to_be_visible()


def sign(site: Site, sheet: str) -> bytes:
    """Sign as the second person; return the sheet on paper."""
    page = site.open("social_worker", size=DESK).new_page()
    page.goto(sheet)
    press(page, "复核签字")
    expect(page.get_by_text("已签字").first).to_be_visible()
    paper = page.request.get(f"{sheet}/sheet.pdf").body()
    page.context.close()
    return paper
