"""Every page of the site: each address that answers a GET with HTML, and who opens it.

A new page is found by itself. One whose address carries a part that is not known here stops the
tests with its name, so that no page is forgotten.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from werkzeug.routing import Rule

from ledger import clock
from tests.browser import common_money, counting, storeroom
from tests.browser.site import Site
from timebank import codes
from timebank.actors import PERMISSIONS, Permission, Role
from timebank.codes import CodeKeys
from timebank.service.arrivals import open_venue_code
from web.auth import API_PREFIX, PUBLIC, access_table

VISITOR_OF_ROLE = {
    Role.VOLUNTEER: "volunteer",
    Role.LEADER: "leader",
    Role.CLERK: "clerk",
    Role.SOCIAL_WORKER: "social_worker",
    Role.AUDITOR: "auditor",
    Role.ADMINISTRATOR: "administrator",
}
NOT_PAGES = frozenset(
    {
        *("serve_asset", "goods.photo", "books.proof", "calendar.feed"),
        *("api-docs.openapi_json", "rosters.download", "labels.pdf", "workshops.template"),
        *("valuation.excel", "valuation.csv", "till_days.sheet_pdf"),
        *("fund.receipt", "projects.picture", "public_fund.picture"),
    }
)
LOWER_CASE = re.compile("/[a-z]/<")
"""The second spelling of a scanned address: the same page."""
ALSO_FOR_MEMBERS = frozenset({"scan.open_code", "goods.label_page", "public.open_card"})
"""Public pages that show more to somebody who has signed in."""
HTML = "text/html"
ANSWERS = frozenset({200, 302, 303, 422})
"""Shown, led elsewhere, or shown with a question: a look-up without anything to look up."""
NOWHERE = "/nothing-stands-here"


@dataclass(frozen=True, slots=True)
class Page:
    """One page as one person opens it."""

    path: str
    endpoint: str
    who: str | None

    def __str__(self) -> str:
        return f"{self.who or 'stranger'} {self.path}"


def pages(site: Site) -> list[Page]:
    """Return every page, opened by whom it is made for."""
    missing = [Page(NOWHERE, "missing", who) for who in (None, "volunteer", "leader")]
    return [*(page for page in _candidates(site) if _is_html(site, page)), *missing]


def _candidates(site: Site) -> Iterator[Page]:
    access = access_table(site.app)
    for rule in sorted(site.app.url_map.iter_rules(), key=lambda rule: rule.rule):
        if "GET" not in (rule.methods or ()) or rule.endpoint in NOT_PAGES:
            continue
        if rule.rule.startswith(API_PREFIX) or LOWER_CASE.match(rule.rule):
            continue
        yield Page(_path(site, rule), rule.endpoint, _visitor(access[rule.endpoint]))
        if rule.endpoint in ALSO_FOR_MEMBERS:
            yield Page(_path(site, rule), rule.endpoint, "volunteer")


def _visitor(access: Permission | str) -> str | None:
    """Return the first in the order of roles who may open a page."""
    if access == PUBLIC:
        return None
    allowed = PERMISSIONS[Permission(access)]
    return next(who for role, who in VISITOR_OF_ROLE.items() if role in allowed)


def _path(site: Site, rule: Rule) -> str:
    known = arguments(site)
    values = {
        name: known[f"{rule.endpoint}.{name}"]
        if f"{rule.endpoint}.{name}" in known
        else known[name]
        for name in rule.arguments
    }
    _, path = rule.build(values, append_unknown=False) or (None, None)
    assert path is not None, f"{rule.rule} takes other values than {values}"
    return f"{path}?ticket={scan_ticket(site)}" if rule.endpoint == "scan.arrive" else path


def arguments(site: Site) -> dict[str, object]:
    """Return a value for each part of an address: by its name, or by `endpoint.name`."""
    place = site.place
    assert place.certificate is not None
    assert place.webhook is not None
    return {
        "certificate_id": place.certificate.id,
        "certificates.verify.code": place.certificate.code,
        "volunteer.day.occasion_id": place.next_month.id,
        "book": "points",
        "books.show.code": place.community.code,
        "public_fund.show.code": place.community.code,
        "public_fund.project.code": place.community.code,
        "public_fund.project.number": common_money.PROJECT_NUMBER,
        "projects.show.number": common_money.PROJECT_NUMBER,
        "donation_id": common_money.waiting(site.database, place.community.community_id)[0],
        "calendar.show.code": place.community.code,
        "series_id": place.next_month.series_id,
        "member_id": place.people["volunteer"].id,
        "goods.label_page.code": f"{place.community.code}-{place.goods[0].number}",
        "clerk.receipt.number": place.receipt_number,
        "number": place.goods[0].number,
        "reservation_id": place.reservation_id,
        "attendance_id": place.attendance_id,
        "correction_id": place.correction_id,
        "scan_id": place.doubtful_scan_id,
        "roster_id": place.roster_id,
        "slot_id": place.shift_slot_id,
        "swap_id": place.swap_id,
        "proposal_id": place.proposal_id,
        "occasion_id": place.today.id,
        "token": place.card.token,
        "webhook_id": place.webhook.id,
        **counting.ids(site.database),
        **storeroom.ids(site.database),
        "scan.open_code.code": venue_code(site),
    }


def venue_code(site: Site) -> str:
    """Return what the leader's screen shows now, as it stands in the address behind `/S/`."""
    occasion = site.place.today
    root = CodeKeys(site.app.config["SECRET_KEY"].encode())
    key_id = site.place.community.code_key_id
    step = codes.venue_step(site.travel.now())
    path = codes.venue_path(root, occasion.community_id, key_id, occasion.short_code, step)
    return path.removeprefix("S/")


def scan_ticket(site: Site) -> str:
    """Return the proof that the code on site was seen a moment ago."""
    root = CodeKeys(site.app.config["SECRET_KEY"].encode())
    with clock.at(site.travel.now()), site.database.reading() as session:
        ticket = open_venue_code(session, None, root, code=venue_code(site)).ticket
    assert ticket is not None, "the code on site is good"
    return ticket


def _is_html(site: Site, page: Page) -> bool:
    client = site.app.test_client()
    if page.who is not None:
        client.set_cookie(site.app.config["SESSION_COOKIE_NAME"], site.session_cookie(page.who))
    answer = client.get(page.path)
    assert answer.status_code in ANSWERS, f"{page} answers {answer.status_code}"
    return (
        answer.status_code not in {302, 303} and answer.mimetype == HTML and b"<html" in answer.data
    )
