"""The leader's page where there is no network: thirty cards, six hours, and the book told later.

The network is cut in the browser. Its clock is set to the time of the story, as a tablet's is.
"""

import secrets
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import func, select

from ledger import clock
from tests.browser.conftest import MORNING
from tests.browser.measures import small_targets, violations
from tests.browser.neighbourhood import TITLE, local
from tests.browser.site import DESK, Site
from timebank.actors import Actor, Role
from timebank.people import cards, members
from timebank.people.cards import IssuedCard
from timebank.service import review, signup
from timebank.service.models import Attendance, AttendanceState, Slot
from timebank.service.offline_models import OfflineScan, Outcome, Why
from web.pages import offline

pytestmark = pytest.mark.browser

TABLET = (1024, 768)
CARD_COUNT = 30
PAGE = "/lead/offline/"
IN_TRAY_BEFORE = 1


@pytest.fixture
def printed(own_site: Site) -> list[IssuedCard]:
    """Thirty people with cards; all but the last are signed up for places that are there."""
    place = own_site.place
    system = Actor.system(place.community.community_id, "test")
    made = []
    with clock.at(local("8:30")), own_site.database.begin() as session:
        slot = session.scalars(select(Slot).where(Slot.occasion_id == place.today.id)).one()
        slot.capacity = CARD_COUNT + 5
        session.flush()
        for number in range(CARD_COUNT):
            roles = frozenset({Role.VOLUNTEER})
            member = members.add_member(session, system, name=f"队员{number}号", roles=roles)
            if number < CARD_COUNT - 1:
                signup.sign_up(session, system, slot_id=slot.id, member_id=member.id)
            made.append(cards.issue_card(session, system, member.id))
        session.flush()
        session.expunge_all()
    return made


@pytest.fixture
def tablet(own_site: Site, printed: list[IssuedCard]) -> Iterator[Page]:
    """The leader's page, opened once with a network and kept by its worker."""
    page = own_site.open("leader", size=TABLET).new_page()
    page.clock.install(time=MORNING)
    page.goto(PAGE)
    page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    expect(page.locator("#people li").first).to_be_visible()
    yield page
    page.context.close()


def scan(page: Page, text: str) -> None:
    """Let a wedge scanner type, wherever the focus is."""
    page.keyboard.type(text)
    page.keyboard.press("Enter")


def queue(page: Page, count: int) -> None:
    expect(page.locator("#queue")).to_have_text(str(count))


def travel(site: Site, page: Page, moment: datetime) -> None:
    """Let time go by, for us and for the tablet."""
    site.travel.to(moment)
    page.clock.set_system_time(moment)


def told(site: Site) -> dict[Outcome, int]:
    """Return how many scans of the tablet came to what."""
    with site.database.reading() as session:
        rows = session.execute(
            select(OfflineScan.outcome, func.count())
            .where(OfflineScan.device != "tablet")
            .group_by(OfflineScan.outcome)
        )
        return {row[0]: row[1] for row in rows}


def present(site: Site) -> int:
    with site.database.reading() as session:
        here = select(func.count()).where(
            Attendance.occasion_id == site.place.today.id,
            Attendance.state == AttendanceState.IN,
        )
        return session.scalars(here).one()


def test_thirty_cards_scanned_without_a_network_reach_the_book(
    own_site: Site, tablet: Page, printed: list[IssuedCard]
) -> None:
    tablet.context.set_offline(True)
    expect(tablet.get_by_text("没有网络")).to_be_visible()
    for card in printed[:15]:
        scan(tablet, f"HTTPS://LOCALHOST/C/{card.token}")
        expect(tablet.locator("#answer")).to_contain_text("签到")
    for card in printed[15:-1]:
        scan(tablet, card.card.digits)
        expect(tablet.locator("#answer")).to_contain_text("签到")
    scan(tablet, printed[-1].card.digits)
    expect(tablet.locator("#answer .wait")).to_contain_text("已存下")
    queue(tablet, CARD_COUNT)
    assert told(own_site) == {}

    tablet.context.set_offline(False)
    tablet.get_by_role("button", name="立即上传").click()

    queue(tablet, 0)
    assert told(own_site) == {Outcome.ACCEPTED: CARD_COUNT - 1, Outcome.FLAGGED: 1}
    assert present(own_site) == CARD_COUNT
    expect(tablet.locator("#told")).to_contain_text("平板上没有这张卡")
    expect(tablet.get_by_text("已联网")).to_be_visible()


def test_each_answer_is_given_on_the_spot(
    own_site: Site, tablet: Page, printed: list[IssuedCard]
) -> None:
    tablet.context.set_offline(True)
    answer = tablet.locator("#answer")
    scan(tablet, printed[0].card.digits)
    expect(answer.locator(".result:not(.wait):not(.no)")).to_contain_text("队**号")
    scan(tablet, printed[0].card.digits)
    expect(answer).to_contain_text("9:10 已经签到")
    scan(tablet, "1234567890")
    expect(answer.locator(".result.no")).to_be_visible()
    expect(tablet.locator("html")).to_have_attribute("data-sounded", "no")

    tablet.get_by_role("button", name="代签", exact=False).first.click()
    expect(answer.locator(".result:not(.no)")).to_be_visible()
    queue(tablet, 3)  # what is no card was answered, and is not kept

    assert told(own_site) == {}


def test_six_hours_later_the_page_opens_without_a_network_and_tells(
    own_site: Site, tablet: Page, printed: list[IssuedCard]
) -> None:
    tablet.context.set_offline(True)
    scan(tablet, printed[0].card.digits)
    queue(tablet, 1)
    travel(own_site, tablet, MORNING + timedelta(hours=2, minutes=20))
    scan(tablet, printed[0].card.digits)
    expect(tablet.locator("#answer")).to_contain_text("签退")
    queue(tablet, 2)
    travel(own_site, tablet, MORNING + timedelta(hours=6, minutes=1))

    tablet.reload()
    queue(tablet, 2)
    expect(tablet.locator("#age")).to_contain_text("6 小时")
    expect(tablet.get_by_role("heading", level=1)).to_have_text("离线签到")
    tablet.context.set_offline(False)
    tablet.get_by_role("button", name="立即上传").click()

    queue(tablet, 0)
    assert told(own_site) == {Outcome.ACCEPTED: 2}


def test_a_wrong_clock_fills_the_tray_and_a_person_empties_it(
    own_site: Site, tablet: Page, printed: list[IssuedCard]
) -> None:
    tablet.context.set_offline(True)
    scan(tablet, printed[0].card.digits)
    queue(tablet, 1)
    own_site.travel.to(MORNING + timedelta(hours=4))
    tablet.clock.set_system_time(MORNING + timedelta(hours=3))
    tablet.context.set_offline(False)
    tablet.get_by_role("button", name="立即上传").click()
    queue(tablet, 0)
    expect(tablet.locator("#told .wait").last).to_contain_text("时钟偏差")
    assert present(own_site) == 0

    desk = own_site.open("leader", size=DESK).new_page()
    desk.goto("/lead/review/")
    row = desk.get_by_role("row").filter(has_text="时钟偏差")
    row.get_by_role("link", name="处理").click()
    desk.get_by_label("到").first.fill("9:10")
    desk.get_by_role("button", name="补录", exact=False).click()

    expect(desk.get_by_role("status")).to_contain_text("确认")
    with own_site.database.reading() as session:
        actor = own_site.place.actor("leader")
        assert len(review.tray(session, actor)) == IN_TRAY_BEFORE


def test_a_list_older_than_a_day_names_nobody_and_loses_nothing(
    own_site: Site, tablet: Page, printed: list[IssuedCard]
) -> None:
    tablet.context.set_offline(True)
    travel(own_site, tablet, MORNING + timedelta(hours=24, minutes=1))
    tablet.reload()
    expect(tablet.locator("#old")).to_be_visible()
    expect(tablet.locator("#people li")).to_have_count(0)

    scan(tablet, printed[0].card.digits)
    expect(tablet.locator("#answer .wait")).to_contain_text("名单过期")
    tablet.context.set_offline(False)
    tablet.get_by_role("button", name="立即上传").click()

    queue(tablet, 0)
    with own_site.database.reading() as session:
        last = select(OfflineScan.why).where(OfflineScan.device != "tablet")
        assert session.scalars(last).all() == [Why.SNAPSHOT_OLD]


def test_a_new_release_replaces_the_old_one(tablet: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = "caches.keys()"
    assert len(tablet.evaluate(kept)) == 1
    monkeypatch.setattr(offline, "_mark", lambda: "next")

    tablet.evaluate("navigator.serviceWorker.ready.then((each) => each.update()).then(() => true)")

    tablet.evaluate(
        """async () => {
          const isOld = async () => String(await caches.keys()) !== "leader-next";
          while (await isOld()) await new Promise(requestAnimationFrame);
        }"""
    )
    assert tablet.evaluate(kept) == ["leader-next"]


def test_what_the_device_keeps_names_nobody(
    own_site: Site, tablet: Page, printed: list[IssuedCard]
) -> None:
    tablet.context.set_offline(True)
    scan(tablet, f"HTTPS://LOCALHOST/C/{printed[0].token}")
    queue(tablet, 1)

    kept = tablet.evaluate(
        """() => new Promise((resolve) => {
          const asked = indexedDB.open("timebank-leader");
          asked.onsuccess = () => {
            const stores = asked.result.transaction(["keep", "queue"]);
            const list = stores.objectStore("keep").get("list");
            const queue = stores.objectStore("queue").getAll();
            stores.oncomplete = () => resolve(JSON.stringify([list.result, queue.result]));
          };
        })"""
    )

    assert TITLE in kept
    for secret in ("队员0号", "韦桂芬", printed[0].token, printed[1].card.digits):
        assert secret not in kept


def test_the_page_can_be_put_on_the_home_screen(own_site: Site, tablet: Page) -> None:
    manifest = tablet.request.get("/lead/offline/app.webmanifest")
    worker = tablet.request.get("/lead/offline/worker.js")

    said = manifest.json()
    assert manifest.headers["content-type"].startswith("application/manifest+json")
    assert (said["start_url"], said["scope"], said["display"]) == (PAGE, PAGE, "standalone")
    assert worker.headers["cache-control"] == "no-cache"
    assert "default-src 'self'" in worker.headers["content-security-policy"]
    protocol = tablet.context.new_cdp_session(tablet)
    assert protocol.send("Page.getAppManifest")["errors"] == []


@pytest.mark.parametrize("choices", [{}, {"elder": "1"}], ids=["standard", "elder"])
def test_the_page_with_an_answer_breaks_no_rule(
    own_site: Site, printed: list[IssuedCard], choices: dict[str, str]
) -> None:
    page = own_site.open("leader", size=TABLET, choices=choices).new_page()
    page.clock.install(time=MORNING)
    page.goto(PAGE)
    expect(page.locator("#people li").first).to_be_visible()
    page.context.set_offline(True)
    scan(page, printed[-1].card.digits)
    expect(page.locator("#answer .wait")).to_be_visible()

    assert violations(page) == []
    assert small_targets(page, 60 if choices else 44) == []


def test_keys_of_no_card_are_no_harm(own_site: Site, tablet: Page) -> None:
    scan(tablet, f"nothing {secrets.token_hex(4)}")

    expect(tablet.locator("#answer .result.no")).to_be_visible()
    queue(tablet, 0)


def test_somebody_is_found_by_name_and_number_and_named_after_sending(
    own_site: Site, tablet: Page
) -> None:
    tablet.context.set_offline(True)
    number = own_site.place.people["volunteer"].volunteer_number
    tablet.locator("#find").fill(number)
    row = tablet.locator("#people li:visible")
    expect(row).to_have_count(1)
    name = row.locator(".name").inner_text()

    scan_field = tablet.locator("#scan")
    scan_field.fill(number)
    scan_field.press("Enter")
    expect(tablet.locator("#answer")).to_contain_text(name)
    scan_field.fill("V99999")
    scan_field.press("Enter")
    expect(tablet.locator("#answer .no")).to_contain_text("没有 V99999")
    queue(tablet, 1)
    tablet.context.set_offline(False)

    expect(tablet.locator("#told")).to_contain_text("已上传：1 条已入册")


def test_any_page_of_the_leader_opens_the_kept_one_without_a_network(tablet: Page) -> None:
    tablet.context.set_offline(True)

    tablet.goto("/lead/")

    expect(tablet.locator("#people li").first).to_be_visible()
