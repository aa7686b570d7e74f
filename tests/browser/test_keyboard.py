"""Hands on the keys: from the sign-in to the receipt, a scanner that types, a network that goes."""

import re
import time
from collections.abc import Iterator
from urllib.parse import urlencode

import pytest
from playwright.sync_api import CDPSession, Locator, Page, expect
from sqlalchemy import func, select

from ledger import reports
from tests.browser.neighbourhood import PIN, TITLE
from tests.browser.pages import venue_code
from tests.browser.site import DESK, Site
from timebank.service.models import Attendance, AttendanceState
from timebank.shop.sale_models import Redemption

pytestmark = pytest.mark.browser

TABS_MAX = 40
"""More presses of Tab than any page has places to go."""
SALES_BEFORE = 1
SCANNER_SECONDS = 0.004
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.fixture
def till(own_site: Site) -> Iterator[Page]:
    """The open till of a clerk, its scan line in focus."""
    page = own_site.open("clerk", size=DESK).new_page()
    page.goto("/till/")
    expect(scan_line(page)).to_be_focused()
    yield page
    page.context.close()


def scan_line(page: Page) -> Locator:
    return page.get_by_label("扫描行")


def goods_row(page: Page, name: str) -> Locator:
    return page.get_by_role("row", name=re.compile(name))


def member(page: Page) -> Locator:
    return page.get_by_role("region", name="会员")


def tab_to(page: Page, target: Locator) -> None:
    """Press Tab until the target has the focus."""
    expect(target).to_be_visible()
    for _ in range(TABS_MAX):
        if target.evaluate("element => element === document.activeElement"):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"{target} cannot be reached by Tab")


def scan(page: Page, digits: str) -> None:
    """Type as a wedge scanner does: a key every few milliseconds, then Enter.

    The keys carry the moments at which a scanner would have pressed them, however long they take to
    get from this test to a busy browser.
    """
    protocol = page.context.new_cdp_session(page)
    pressed_at = time.time()
    for key in [*digits, "Enter"]:
        code, number = ("Enter", 13) if key == "Enter" else (f"Digit{key}", ord(key))
        pressed_at += SCANNER_SECONDS
        event = {"key": key, "code": code, "windowsVirtualKeyCode": number, "timestamp": pressed_at}
        text = "\r" if key == "Enter" else key
        protocol.send("Input.dispatchKeyEvent", {"type": "keyDown", "text": text, **event})
        protocol.send("Input.dispatchKeyEvent", {"type": "keyUp", **event})
    protocol.detach()


def sales_count(site: Site) -> int:
    with site.database.reading() as session:
        return session.scalars(select(func.count()).select_from(Redemption)).one()


# ---------------------------------------------------------------- keys alone


def test_keys_alone_lead_from_the_sign_in_to_the_receipt(own_site: Site) -> None:
    place = own_site.place
    page = own_site.open(size=DESK).new_page()
    clerk = place.sign_in("clerk")

    page.goto("/")
    tab_to(page, page.get_by_role("link", name="登录"))
    page.keyboard.press("Enter")
    tab_to(page, page.get_by_label("手机号"))
    page.keyboard.type(clerk.phone)
    tab_to(page, page.get_by_label("密码"))
    page.keyboard.type(clerk.password)
    page.keyboard.press("Enter")
    expect(scan_line(page)).to_be_focused()
    scan(page, place.card.card.digits)
    expect(member(page)).to_contain_text("韦桂芬")
    scan(page, place.labels()[0])
    scan(page, place.labels()[1])
    expect(goods_row(page, "手织围巾")).to_be_visible()
    page.keyboard.press("F2")
    page.keyboard.type(PIN)
    page.keyboard.press("F2")
    expect(page.get_by_role("status")).to_contain_text("已兑换，余 1 积分")
    page.keyboard.press("F10")

    expect(page.get_by_role("article", name="收据")).to_contain_text("布艺杯垫")
    assert sales_count(own_site) == SALES_BEFORE + 1


def test_the_keys_on_the_screen_change_the_basket(till: Page, own_site: Site) -> None:
    scan(till, own_site.place.labels()[0])
    expect(goods_row(till, "布艺杯垫")).to_be_visible()
    expect(scan_line(till)).to_be_focused()

    till.keyboard.press("+")
    expect(till.locator(".total .num")).to_have_text("4分")
    till.keyboard.press("-")
    expect(till.locator(".total .num")).to_have_text("2分")
    till.keyboard.press("Delete")
    expect(goods_row(till, "布艺杯垫")).to_have_count(0)
    scan(till, own_site.place.labels()[1])
    expect(goods_row(till, "手织围巾")).to_be_visible()
    till.keyboard.press("Escape")

    expect(goods_row(till, "手织围巾")).to_have_count(0)
    expect(scan_line(till)).to_be_focused()


# ---------------------------------------------------------------- the scanner


def test_scans_faster_than_the_answers_all_arrive(till: Page, own_site: Site) -> None:
    for _ in range(3):
        scan(till, own_site.place.labels()[1])
    scan(till, own_site.place.card.card.digits)

    expect(goods_row(till, "手织围巾")).to_contain_text("3")
    expect(till.locator(".total .num")).to_have_text("3分")
    expect(member(till)).to_contain_text("韦桂芬")


def test_a_scan_into_another_field_still_is_a_scan(till: Page, own_site: Site) -> None:
    scan(till, own_site.place.card.card.digits)
    scan(till, own_site.place.labels()[0])
    expect(goods_row(till, "布艺杯垫")).to_be_visible()
    scan(till, own_site.place.labels()[1])
    pin = till.get_by_label("请 韦桂芬 输入支付密码")
    pin.focus()
    till.keyboard.type("48", delay=120)

    scan(till, own_site.place.labels()[1])

    expect(goods_row(till, "手织围巾")).to_contain_text("2")
    expect(scan_line(till)).to_have_value("")


def test_a_scan_while_the_input_method_composes_is_read(till: Page, own_site: Site) -> None:
    """The input method shows candidates, and the scanner's keys reach the page marked 229."""
    protocol = till.context.new_cdp_session(till)
    protocol.send("Input.imeSetComposition", {"text": "ni", "selectionStart": 2, "selectionEnd": 2})
    expect(scan_line(till)).to_have_value("ni")

    pressed_at = time.time()
    for code in [*(f"Digit{digit}" for digit in own_site.place.labels()[0]), "Enter"]:
        pressed_at += SCANNER_SECONDS
        composed_key(protocol, code, pressed_at)

    expect(goods_row(till, "布艺杯垫")).to_be_visible()
    expect(till.get_by_text("请切到英文输入")).to_be_visible()
    expect(scan_line(till)).to_have_value("")


def composed_key(protocol: CDPSession, code: str, pressed_at: float) -> None:
    """Press a key that the input method takes: the page learns only which one it was."""
    key = {
        "key": "Process",
        "code": code,
        "windowsVirtualKeyCode": 229,
        "timestamp": pressed_at,
    }
    protocol.send("Input.dispatchKeyEvent", {"type": "rawKeyDown", **key})
    protocol.send("Input.dispatchKeyEvent", {"type": "keyUp", **key})


def test_full_width_digits_typed_by_hand_are_read(till: Page, own_site: Site) -> None:
    wide = own_site.place.labels()[0].translate(str.maketrans("0123456789", "０１２３４５６７８９"))
    scan_line(till).fill(wide)

    till.get_by_role("button", name="读取").click()

    expect(goods_row(till, "布艺杯垫")).to_be_visible()


# ---------------------------------------------------------------- twice, and without a network


def test_f2_pressed_twice_is_one_sale(till: Page, own_site: Site) -> None:
    scan(till, own_site.place.card.card.digits)
    scan(till, own_site.place.labels()[1])
    expect(goods_row(till, "手织围巾")).to_be_visible()
    expect(member(till)).to_be_visible()

    till.keyboard.press("F2")
    till.keyboard.press("F2")

    expect(till.get_by_role("status")).to_contain_text("已兑换，余 3 积分")
    assert sales_count(own_site) == SALES_BEFORE + 1


def test_a_lost_network_keeps_the_basket_and_goes_on_by_itself(till: Page, own_site: Site) -> None:
    scan(till, own_site.place.card.card.digits)
    scan(till, own_site.place.labels()[1])
    expect(goods_row(till, "手织围巾")).to_be_visible()

    till.context.set_offline(True)
    till.keyboard.press("F2")
    expect(till.get_by_role("alert")).to_contain_text("没有网络")
    expect(goods_row(till, "手织围巾")).to_be_visible()
    assert sales_count(own_site) == SALES_BEFORE
    till.context.set_offline(False)

    expect(till.get_by_role("status")).to_contain_text("已兑换，余 3 积分")
    assert sales_count(own_site) == SALES_BEFORE + 1


def test_a_sale_sent_again_from_the_history_is_the_same_sale(till: Page, own_site: Site) -> None:
    """The answer was lost on its way: the browser sends the very same form once more."""
    scan(till, own_site.place.card.card.digits)
    scan(till, own_site.place.labels()[1])
    expect(member(till)).to_be_visible()
    expect(goods_row(till, "手织围巾")).to_be_visible()
    form = till.locator("#basket").evaluate("form => [...new FormData(form)]")
    body = [(str(name), str(value)) for name, value in form] + [("action", "finish")]

    pages = [till.request.post("/till/", headers=FORM, data=urlencode(body)) for _ in range(2)]

    assert [page.url for page in pages] == [f"{own_site.address}/till/?done=2"] * 2
    assert sales_count(own_site) == SALES_BEFORE + 1


# ---------------------------------------------------------------- without JavaScript


def test_a_phone_without_javascript_checks_in_once(own_site: Site) -> None:
    place = own_site.place
    page = own_site.open("volunteer", java_script_enabled=False).new_page()

    page.goto(f"/S/{venue_code(own_site)}")
    expect(page.get_by_role("heading", level=1)).to_have_text(TITLE)
    page.get_by_role("button", name="我到了").dblclick()

    expect(page.get_by_role("heading", level=1)).to_contain_text("签到")
    with own_site.database.reading() as session:
        states = session.scalars(
            select(Attendance.state).where(
                Attendance.occasion_id == place.today.id,
                Attendance.member_id == place.people["volunteer"].id,
            )
        ).all()
    assert states == [AttendanceState.IN]


def test_the_till_sells_without_javascript(own_site: Site) -> None:
    place = own_site.place
    page = own_site.open("clerk", size=DESK, java_script_enabled=False).new_page()

    page.goto("/till/")
    for digits in (place.card.card.digits, place.labels()[1]):
        scan_line(page).fill(digits)
        page.keyboard.press("Enter")
    page.get_by_role("button", name="完成兑换").click()

    expect(page.get_by_role("status")).to_contain_text("已兑换，余 3 积分")
    with own_site.database.reading() as session:
        account_id = place.goods[1].stock_account_id
        left = reports.balance(session, place.community.community_id, account_id)
    assert left.posted_minor == 3
