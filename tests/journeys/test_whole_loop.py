"""The whole loop in a real browser, with a camera that films the leader's screen.

The volunteer scans and serves, the leader confirms, the clerk exchanges points for goods, the
social worker commends, a stranger checks the certificate, and the books agree.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from urllib.parse import urlsplit

import pypdfium2
import pytest
from playwright.sync_api import Browser, Page, expect

from ledger.database import Database
from tests.browser import camera
from tests.browser.neighbourhood import PIN, TITLE, build, local
from tests.browser.site import DESK, PHONE, Site, open_site
from tests.browsers import ARGUMENTS, FAKE_CAMERA
from tests.tools import chromium
from timebank.codes import CodeKeys
from timebank.insight.verification import verify
from timebank.settings import Settings
from timebank.shop.stock import read_entry

TABLET = (1180, 820)
PDF_SCALE = 2.5
"""Pixels for a point of the page: a code of 31 mm gets some 6 pixels a module."""
POINTS_BEFORE, POINTS_EARNED, POINTS_SPENT = 4, 5, 3
"""Last month brought 5, less a scarf; two and a half hours at 2 an hour; a coaster and a scarf."""

SERVED = re.compile("2 小时 3[4567] 分钟")
"""From 8:57 to 11:33, and time flows while the browser works."""


@dataclass
class Story:
    """The site, the film in the camera, and what each act leaves to the next."""

    site: Site
    film: Path

    def sign_in(self, who: str, size: tuple[int, int]) -> Page:
        """Open the site as a stranger and sign in by hand."""
        page = self.site.open(size=size, permissions=["camera"]).new_page()
        person = self.site.place.sign_in(who)
        page.goto("/sign-in")
        page.get_by_label("手机号").fill(person.phone)
        page.get_by_label("密码").fill(person.password)
        page.get_by_role("button", name="登录").click()
        expect(page).not_to_have_url(re.compile("/sign-in"))
        return page


@contextmanager
def camera_browser(browser: Browser, film: Path) -> Iterator[Browser]:
    """Start a second browser whose camera sees `film`."""
    filming = browser.browser_type.launch(
        executable_path=chromium(),
        args=[*ARGUMENTS, *FAKE_CAMERA, f"--use-file-for-fake-video-capture={film}"],
    )
    try:
        yield filming
    finally:
        filming.close()


@pytest.mark.browser
@pytest.mark.databases("sqlite", "postgresql")
def test_a_scan_becomes_points_goods_and_a_certificate_that_anyone_can_check(
    settings: Settings, database: Database, browser: Browser, tmp_path: Path
) -> None:
    film = tmp_path / "camera.mjpeg"
    camera.show_wall(film)
    place = build(database, CodeKeys(settings.secret_key.encode()))
    with (
        camera_browser(browser, film) as filming,
        open_site(settings, place, filming, local("8:57")) as site,
    ):
        story = Story(site, film)
        volunteer = story.sign_in("volunteer", PHONE)
        leader = story.sign_in("leader", TABLET)
        first_code = the_volunteer_checks_in(story, volunteer, leader)
        site.travel.to(local("11:33"))
        assert the_volunteer_leaves(story, volunteer, leader) != first_code
        the_leader_confirms(leader)
        the_statement_says_why(volunteer)
        the_clerk_exchanges_points_for_goods(story, volunteer)
        verify_page, desk = the_social_worker_commends(story)
        the_certificate_is_revoked(verify_page, desk)

    with database.reading() as session:
        assert verify(session).finding_count == 0


# ---------------------------------------------------------------- on site


def scan_the_board(story: Story, volunteer: Page, leader: Page) -> str:
    """Film the code that the leader's screen shows now, and let the volunteer's phone see it."""
    leader.goto("/lead/")
    leader.get_by_role("row", name=re.compile("2026|11月9日")).get_by_role(
        "link", name=re.compile("签到码")
    ).click()
    plate = leader.locator(".plate").first
    expect(plate).to_be_visible()
    code = camera.read_code(plate.screenshot())
    camera.show_code(story.film, code)
    volunteer.goto("/me/")
    volunteer.get_by_role("link", name="扫码签到").click()
    volunteer.wait_for_url(re.compile("/[Ss]/"))
    return code


def the_volunteer_checks_in(story: Story, volunteer: Page, leader: Page) -> str:
    code = scan_the_board(story, volunteer, leader)
    expect(volunteer.get_by_role("heading", name=TITLE)).to_be_visible()

    volunteer.get_by_role("button", name="我到了").click()

    expect(volunteer.get_by_role("heading", level=1)).to_have_text(re.compile("8:5[789] 已签到"))
    leader.reload()
    expect(leader.locator(".headcount .num")).to_contain_text("1")
    return code


def the_volunteer_leaves(story: Story, volunteer: Page, leader: Page) -> str:
    code = scan_the_board(story, volunteer, leader)
    expect(volunteer.get_by_text(SERVED)).to_be_visible()

    volunteer.get_by_role("button", name="我要离开").click()

    expect(volunteer.get_by_role("heading", level=1)).to_have_text(re.compile("11:3[345] 已签退"))
    return code


def the_leader_confirms(leader: Page) -> None:
    leader.get_by_role("link", name="结束，去确认名单").click()
    expect(leader.get_by_role("row", name=re.compile("韦桂芬"))).to_contain_text("2 小时 30 分")

    leader.get_by_role("button", name="确认入账").click()

    settled = leader.get_by_role("row", name=re.compile("韦桂芬"))
    expect(settled).to_contain_text("已入账")
    expect(settled).to_contain_text(str(POINTS_EARNED))


# ---------------------------------------------------------------- what it brought


def the_statement_says_why(volunteer: Page) -> None:
    volunteer.goto("/me/statement/time")
    expect(volunteer.locator(".balance .num")).to_have_text("5小时")
    newest = volunteer.locator(".passbook > li").first
    newest.locator("summary").click()
    expect(newest).to_contain_text(TITLE)
    expect(newest).to_contain_text(SERVED)
    expect(newest).to_contain_text("2 小时 30 分")
    expect(newest).to_contain_text("覃志远")

    volunteer.goto("/me/statement/points")
    expect(volunteer.locator(".balance .num")).to_have_text(f"{POINTS_BEFORE + POINTS_EARNED}分")
    newest = volunteer.locator(".passbook > li").first
    expect(newest.locator(".amount")).to_have_text(f"+{POINTS_EARNED}分")
    expect(newest.locator(".why")).to_contain_text("每小时 2 积分")


def the_clerk_exchanges_points_for_goods(story: Story, volunteer: Page) -> None:
    place = story.site.place
    before = pieces_on_the_shelf(story)
    clerk = story.sign_in("clerk", DESK)
    clerk.goto("/till/")
    expect(clerk.get_by_label("扫描行")).to_be_focused()
    clerk.keyboard.type(place.card.card.digits)
    clerk.keyboard.press("Enter")
    expect(clerk.get_by_role("region", name="会员")).to_contain_text("韦桂芬")
    for digits, item in zip(place.labels(), place.goods, strict=True):
        clerk.keyboard.type(digits)
        clerk.keyboard.press("Enter")
        expect(clerk.get_by_role("row", name=re.compile(item.name))).to_be_visible()
    expect(clerk.locator(".total .num")).to_have_text(f"{POINTS_SPENT}分")

    clerk.keyboard.press("F2")
    expect(clerk.get_by_label("请 韦桂芬 输入支付密码")).to_be_focused()
    clerk.keyboard.type(PIN)
    clerk.keyboard.press("F2")

    left = POINTS_BEFORE + POINTS_EARNED - POINTS_SPENT
    expect(clerk.get_by_role("status")).to_contain_text(f"已兑换，余 {left} 积分")
    volunteer.goto("/me/statement/points")
    expect(volunteer.locator(".balance .num")).to_have_text(f"{left}分")
    assert pieces_on_the_shelf(story) == [pieces - 1 for pieces in before]
    clerk.goto("/till/goods/")
    for item, pieces in zip(place.goods, before, strict=True):
        row = clerk.get_by_role("row", name=re.compile(item.name))
        expect(row.get_by_role("cell", name=str(pieces - 1), exact=True)).to_be_visible()


def pieces_on_the_shelf(story: Story) -> list[int]:
    place = story.site.place
    with story.site.database.reading() as session:
        clerk = place.actor("clerk")
        entries = [read_entry(session, clerk, item_number=item.number) for item in place.goods]
    return [entry.available for entry in entries]


# ---------------------------------------------------------------- the certificate


def the_social_worker_commends(story: Story) -> tuple[Page, Page]:
    """Issue a certificate, print it, and let a stranger scan the paper."""
    desk = story.sign_in("social_worker", DESK)
    desk.goto("/desk/commendations/")
    chosen = desk.get_by_role("row", name=re.compile("韦桂芬"))
    expect(chosen).to_contain_text("计入 5 小时，满 4 小时：二星")
    expect(desk.get_by_role("row", name=re.compile("莫建国"))).to_contain_text("已有一星")
    expect(chosen.get_by_role("checkbox")).not_to_be_checked()
    chosen.get_by_role("checkbox").check()

    desk.get_by_role("button", name="给勾选的人发证明").click()
    desk.goto("/desk/certificates/")
    desk.get_by_role("row", name=re.compile("韦桂芬.*二星")).get_by_role("link").click()

    address = desk.get_by_role("link", name="打印（PDF）").get_attribute("href")
    assert address is not None
    paper = desk.request.get(address)
    assert paper.headers["content-type"] == "application/pdf"
    scanned = urlsplit(camera.read_code(rendered(paper.body())))
    stranger = story.site.open().new_page()
    stranger.goto(scanned.path)
    expect(stranger.get_by_role("heading", level=1)).to_have_text("这张证明有效")
    expect(stranger.locator("main")).to_contain_text("韦")
    expect(stranger.locator("main")).not_to_contain_text("韦桂芬")
    return stranger, desk


def the_certificate_is_revoked(verify_page: Page, desk: Page) -> None:
    desk.get_by_label("原因").fill("姓名写错，重新颁发")
    desk.get_by_role("button", name="作废这张证明").click()
    expect(desk.get_by_text("已作废").first).to_be_visible()

    verify_page.reload()

    expect(verify_page.get_by_role("heading", level=1)).to_have_text("这张证明已经作废")
    expect(verify_page.locator("main")).to_contain_text("姓名写错，重新颁发")


def rendered(paper: bytes) -> bytes:
    """Return the first page of a PDF as a picture."""
    document = pypdfium2.PdfDocument(paper)
    picture = BytesIO()
    document[0].render(scale=PDF_SCALE).to_pil().save(picture, "PNG")
    document.close()
    return picture.getvalue()
