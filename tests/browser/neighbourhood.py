"""The neighbourhood that browser tests visit: its people, shop and service days, made by the rules.

The day is Monday 9 November 2026. A month ago everybody served and the list was confirmed; today's
service runs from 9:00 to 11:30 at the market; the next one is planned.
"""

import secrets
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from ledger import clock, seal
from ledger.database import Database
from ledger.ids import new_id
from tests.browser import counting, storeroom
from tests.browser.common_money import keep_money
from tests.browser.proposals import propose_rule
from tests.browser.watch import keep_watch
from tests.makers import PASSWORD, SignIn
from timebank import codes
from timebank.actors import Actor, Role
from timebank.codes import CodeKeys, goods_digits
from timebank.contributions import Category
from timebank.insight import webhooks
from timebank.insight.webhook_models import (
    TRY_COUNT_MAX,
    DeliveryState,
    Failure,
    Webhook,
    WebhookDelivery,
    WebhookState,
)
from timebank.people import cards, members, organisations, pins, sign_ins
from timebank.people.cards import IssuedCard
from timebank.people.models import Community, Member
from timebank.rewards import points
from timebank.rewards.commendations import issue
from timebank.rewards.models import Certificate
from timebank.rewards.shortlist import dry_run
from timebank.rewards.stars import release_star_rule
from timebank.service import checkin, corrections, disputes, occasions, repeating, rows, signup
from timebank.service.arrivals import open_venue_code
from timebank.service.attendance import Mark, RowMark, confirm
from timebank.service.checkin import Press
from timebank.service.decide import Effect, Intent, Status
from timebank.service.models import Attendance, Occasion, Slot
from timebank.service.occasions import Activity, SlotPlan
from timebank.service.offline_models import CodeKind
from timebank.service.offline_outcome import DeviceDecision, QueuedScan
from timebank.service.sync import tell
from timebank.shop.goods import ItemDetails, add_item, set_price
from timebank.shop.intake import Intake, receive
from timebank.shop.models import IntakeChoice, Item, ValueBasis
from timebank.shop.reservations import reserve
from timebank.shop.till import Line, Sale, redeem

ZONE = "Asia/Shanghai"
TODAY = date(2026, 11, 9)
LAST_MONTH = date(2026, 10, 9)
NEXT_MONTH = date(2026, 12, 9)
TITLE = "菜市场环境巡查"
KEY_ID = "A"
PIN = "4826"
PIN_ABOVE_POINTS = 2
THRESHOLDS_MINUTES = (120, 240, 1_200, 2_400, 4_800)
"""A young community: two hours make the first star, two service days the second."""
PEOPLE = {
    "volunteer": ("韦桂芬", Role.VOLUNTEER),
    "neighbour": ("莫建国", Role.VOLUNTEER),
    "leader": ("覃志远", Role.LEADER),
    "clerk": ("罗春梅", Role.CLERK),
    "social_worker": ("蒙小燕", Role.SOCIAL_WORKER),
    "auditor": ("邓海涛", Role.AUDITOR),
    "administrator": ("唐世明", Role.ADMINISTRATOR),
}
FIRST_PHONE = 13700000001
GOODS = (("布艺杯垫", 2), ("手织围巾", 1))


def local(clock_text: str, day: date = TODAY) -> datetime:
    """Return a moment in the neighbourhood, such as 8:58."""
    hour, minute = map(int, clock_text.split(":"))
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=ZoneInfo(ZONE))


@dataclass
class Neighbourhood:
    """Who lives there and what stands where, by id and number: readable after the session."""

    community: Community
    people: dict[str, Member]
    card: IssuedCard
    last_month: Occasion
    today: Occasion
    next_month: Occasion
    goods: list[Item]
    certificate: Certificate | None = None
    webhook: Webhook | None = None
    receipt_number: int = 0
    reservation_id: UUID | None = None
    attendance_id: UUID | None = None
    correction_id: UUID | None = None
    dispute_id: UUID | None = None
    doubtful_scan_id: UUID | None = None
    roster_id: UUID | None = None
    shift_slot_id: UUID | None = None
    swap_id: UUID | None = None
    proposal_id: UUID | None = None

    def sign_in(self, who: str) -> SignIn:
        """Return what a person types."""
        return SignIn(str(FIRST_PHONE + list(PEOPLE).index(who)))

    def actor(self, who: str) -> Actor:
        """Return a person as the one who acts."""
        member = self.people[who]
        roles = frozenset({Role.VOLUNTEER, PEOPLE[who][1]})
        return Actor(self.community.community_id, member.id, roles, member.name)

    def labels(self) -> list[str]:
        """Return the digits of the goods' labels."""
        return [goods_digits(item.number) for item in self.goods]


def build(database: Database, keys: CodeKeys) -> Neighbourhood:
    """Make the neighbourhood in an empty book."""
    with database.begin() as session:
        with clock.at(local("9:00", date(2026, 9, 1))):
            community = _found(session)
            system = Actor.system(community.community_id, "test")
            people = _move_in(session, community, system)
            card = cards.issue_card(session, system, people["volunteer"].id)
            pins.set_pin(session, system, people["volunteer"].id, pin=PIN)
            goods = _stock(session, community, people)
        with clock.at(local("9:00", date(2026, 9, 2))):
            made = _plan(session, community, people)
        neighbourhood = Neighbourhood(community, people, card, *made, goods)
        _serve(session, keys, neighbourhood)
        _reward(session, keys, neighbourhood)
        for occasion in (neighbourhood.today, neighbourhood.next_month):
            _enrol(session, neighbourhood, occasion)
        _keep(session, neighbourhood)
        counting.fill(session, neighbourhood, LAST_MONTH)
        storeroom.fill(session, neighbourhood, LAST_MONTH)
        _question(session, neighbourhood)
        _watch(session, neighbourhood)
        session.flush()
        session.expunge_all()
    with clock.at(local("9:00", LAST_MONTH)):
        with database.begin() as session:
            seal.seal(session, neighbourhood.community.community_id)
        with database.begin() as session:
            _follow(session, neighbourhood)
            _doubt(session, neighbourhood)
            _propose(session, neighbourhood)
            session.flush()
            session.expunge_all()
    return neighbourhood


def _follow(session: Session, neighbourhood: Neighbourhood) -> None:
    """Register an address that received one batch and refused the next one for good."""
    webhook = webhooks.add_webhook(
        session,
        neighbourhood.actor("administrator"),
        url="https://books.example.org/timebank/events?key=4f1c",
        from_beginning=True,
        is_private_allowed=False,
    )
    webhook.state, webhook.cursor_sequence = WebhookState.PAUSED, 3
    for first, last, state, try_count, status, failure, answer in (
        (1, 3, DeliveryState.DELIVERED, 1, 204, None, ""),
        (4, 23, DeliveryState.DEAD, TRY_COUNT_MAX, 503, Failure.REFUSED, "Service Unavailable"),
    ):
        session.add(
            WebhookDelivery(
                community_id=webhook.community_id,
                id=new_id(),
                webhook_id=webhook.id,
                first_sequence=first,
                last_sequence=last,
                state=state,
                try_count=try_count,
                made_at=webhook.made_at,
                tried_at=webhook.made_at,
                status_code=status,
                failure=failure,
                answer=answer,
            )
        )
    neighbourhood.webhook = webhook


def _doubt(session: Session, place: Neighbourhood) -> None:
    """Let the leader tell of a scan whose list was too old: it waits in the review tray."""
    scan = QueuedScan(
        nonce="last-month",
        sequence=1,
        occasion_id=place.last_month.id,
        kind=CodeKind.NAME,
        device_at=local("9:02", LAST_MONTH),
        decision=DeviceDecision(Status.REVIEW, Effect.NONE, "snapshot_old"),
        member_id=place.people["clerk"].id,
    )
    with clock.at(local("12:30", LAST_MONTH)):
        leader, sent_at = place.actor("leader"), clock.now()
        told = tell(session, leader, device="tablet", sent_at=sent_at, scans=[scan])
    place.doubtful_scan_id = told[0].scan.id


def _propose(session: Session, place: Neighbourhood) -> None:
    """Let the social worker propose a points rule, and count and release money of the fund."""
    desk = place.actor("social_worker")
    keep_money(session, place.actor("clerk"), place.actor("leader"), desk)
    place.proposal_id = propose_rule(session, desk, place.today.site_id)


def _found(session: Session) -> Community:
    community = organisations.add_community(
        session,
        organisations.add_street(session, name="思阳街道", name_en="Siyang Street"),
        code="D",
        name="D社区",
        name_en="Community D",
        issuer_name="L市D社区居民委员会",
        issuer_contact="0770-555 0109",
        responsible_name="农世安",
        pin_above_points=PIN_ABOVE_POINTS,
    )
    system = Actor.system(community.community_id, "test")
    points.release(session, system, starts_on=date(2026, 9, 1), rule=points.FIRST_RULE)
    release_star_rule(session, system, thresholds_minutes=THRESHOLDS_MINUTES)
    return community


def _move_in(session: Session, community: Community, system: Actor) -> dict[str, Member]:
    people = {}
    for place, (key, (name, role)) in enumerate(PEOPLE.items()):
        roles = frozenset({Role.VOLUNTEER, role})
        member = members.add_member(session, system, name=name, team="巷管队", roles=roles)
        sign_ins.give_sign_in(
            session,
            system,
            member.id,
            phone=str(FIRST_PHONE + place),
            password=PASSWORD,
            must_change=False,
        )
        people[key] = member
    return people


def _stock(session: Session, community: Community, people: dict[str, Member]) -> list[Item]:
    def actor(who: str) -> Actor:
        member = people[who]
        return Actor(community.community_id, member.id, frozenset({PEOPLE[who][1]}), member.name)

    items = []
    for name, price in GOODS:
        details = ItemDetails(name=name, maker_number=people["neighbour"].number)
        item = add_item(session, actor("clerk"), details=details, nonce=secrets.token_hex(8))
        set_price(
            session,
            actor("social_worker"),
            item_number=item.number,
            price_points=price,
            basis=ValueBasis.COUNCIL,
        )
        intake = Intake(item.number, 5, IntakeChoice.DONATE, secrets.token_hex(8))
        receive(session, actor("clerk"), intake=intake)
        items.append(item)
    return items


def _plan(
    session: Session, community: Community, people: dict[str, Member]
) -> tuple[Occasion, Occasion, Occasion]:
    desk = Actor(
        community.community_id, people["social_worker"].id, frozenset({Role.SOCIAL_WORKER}), "desk"
    )
    site = occasions.create_site(session, desk, name="幸福路菜市场", address="东门")
    series = repeating.create_series(
        session,
        desk,
        activity=Activity(site.id, people["leader"].id, TITLE, Category.ENVIRONMENT),
        rule="FREQ=MONTHLY;BYMONTHDAY=9",
        starts_on=LAST_MONTH,
        slot=SlotPlan("09:00", "11:30", 15),
    )
    first, second, third = repeating.plan_series(
        session, desk, series_id=series.id, until=NEXT_MONTH
    )
    return first, second, third


def _enrol(session: Session, place: Neighbourhood, occasion: Occasion) -> None:
    slot_id = session.scalars(
        select(Slot.id).where(
            Slot.community_id == occasion.community_id, Slot.occasion_id == occasion.id
        )
    ).one()
    for who in ("volunteer", "neighbour"):
        with clock.at(local("20:00", date(2026, 10, 1))):
            signup.sign_up(session, place.actor(who), slot_id=slot_id)


def _serve(session: Session, keys: CodeKeys, place: Neighbourhood) -> None:
    """Let last month's service day run its course: two with one phone, whom the leader sees."""
    occasion = place.last_month
    _enrol(session, place, occasion)
    for moment, intent in (("8:58", Intent.IN), ("11:31", Intent.OUT)):
        with clock.at(local(moment, LAST_MONTH)):
            for who in ("volunteer", "neighbour"):
                scan_in(session, keys, place.actor(who), occasion, intent, "one phone")
    with clock.at(local("12:10", LAST_MONTH)):
        listed = session.scalars(
            select(Attendance.id).where(
                Attendance.community_id == occasion.community_id,
                Attendance.occasion_id == occasion.id,
            )
        )
        marks = [RowMark(row_id, Mark.PRESENT) for row_id in listed]
        for mark in marks:
            rows.see(session, place.actor("leader"), attendance_id=mark.attendance_id)
        confirm(session, place.actor("leader"), occasion_id=occasion.id, marks=marks)


def _reward(session: Session, keys: CodeKeys, place: Neighbourhood) -> None:
    """Commend both for last month, and let the volunteer take one scarf home."""
    with clock.at(local("15:00", LAST_MONTH)):
        desk = place.actor("social_worker")
        basis = dry_run(session, desk).basis
        chosen = [place.people["volunteer"].id, place.people["neighbour"].id]
        place.certificate = issue(session, desk, keys, member_ids=chosen, basis=basis)[0]
        sale = Sale(place.card.card.digits, (Line(place.goods[1].number, 1),), "last-month")
        receipt = redeem(session, place.actor("clerk"), keys, sale=sale)
        place.receipt_number = receipt.redemption.receipt_number


def _keep(session: Session, place: Neighbourhood) -> None:
    """Let the volunteer reserve a scarf last month, and never come for it."""
    with clock.at(local("16:00", LAST_MONTH)):
        volunteer, number = place.actor("volunteer"), place.goods[1].number
        kept = reserve(session, volunteer, item_number=number, quantity=1, nonce="last-month")
        place.reservation_id = kept.reservation.id


def _question(session: Session, place: Neighbourhood) -> None:
    """Let the volunteer ask about last month, and the leader propose a correction of it."""
    with clock.at(local("17:00", LAST_MONTH)):
        row_id = session.scalars(
            select(Attendance.id).where(
                Attendance.community_id == place.community.community_id,
                Attendance.occasion_id == place.last_month.id,
                Attendance.member_id == place.people["volunteer"].id,
            )
        ).one()
        volunteer, leader = place.actor("volunteer"), place.actor("leader")
        asked = disputes.ask(session, volunteer, attendance_id=row_id, text="我十点才到")
        right = {"in_at": local("10:00", LAST_MONTH), "out_at": local("11:30", LAST_MONTH)}
        why = "签到表上写的是十点"
        made = corrections.propose(session, leader, attendance_id=row_id, reason=why, **right)
        place.attendance_id, place.correction_id, place.dispute_id = row_id, made.id, asked.id


def _watch(session: Session, place: Neighbourhood) -> None:
    """Publish a week of shifts; the neighbour's is to go to the volunteer."""
    desk, leader = place.actor("social_worker"), place.people["leader"]
    with clock.at(local("9:00", date(2026, 11, 2))):
        place.roster_id, place.shift_slot_id, place.swap_id = keep_watch(
            session, desk, leader, place.actor("volunteer"), place.actor("neighbour")
        )


def scan_in(
    session: Session,
    keys: CodeKeys,
    actor: Actor,
    occasion: Occasion,
    intent: Intent,
    device: str = "",
) -> None:
    """Scan the venue code and press the button, now."""
    step = codes.venue_step(clock.now())
    path = codes.venue_path(keys, occasion.community_id, KEY_ID, occasion.short_code, step)
    code = path.removeprefix("S/")
    ticket = open_venue_code(session, actor, keys, code=code).ticket
    assert ticket is not None, "the code on site is good"
    press = Press(secrets.token_hex(8), intent, device=device)
    checkin.check_in(session, actor, keys, ticket=ticket, press=press)
