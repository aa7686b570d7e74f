"""A community on its service day, with signed-in browsers: what the benchmark of HTTP presses."""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from uuid import UUID, uuid4

import sqlalchemy as sa
from flask import session as cookie_session
from flask_wtf.csrf import generate_csrf
from sqlalchemy.orm import Session

from ledger import clock
from ledger.database import Database
from ledger.journal import Draft, Leg, post
from tests.applications import application
from timebank import chart, codes
from timebank.actors import Actor, Role
from timebank.codes import CodeKeys
from timebank.contributions import Category
from timebank.people import cards, members, organisations, passwords, sign_ins
from timebank.people.models import Community, Member
from timebank.people.standing import standing_of_person
from timebank.rewards import points, stars
from timebank.service import occasions, signup
from timebank.service.models import Slot
from timebank.service.occasions import Activity, SlotPlan
from timebank.settings import Settings
from timebank.shop.goods import ItemDetails, add_item, set_price
from timebank.shop.intake import Intake, receive
from timebank.shop.models import IntakeChoice, ValueBasis
from web.auth import start_session

ITEM_COUNT = 5
PIECES_A_TIME = 90
POINTS = 480
HOLDER_COUNT = 16
COOKIE = "timebank"


@dataclass(frozen=True)
class Browser:
    """A browser that is signed in: its cookie and the token of its forms."""

    cookie: str
    csrf_token: str


@dataclass(frozen=True)
class Place:
    """What the clients need to know."""

    settings: Settings
    community_id: UUID
    short_code: str
    volunteers: tuple[Browser, ...]
    clerk: Browser
    cards: tuple[str, ...]
    item_numbers: tuple[int, ...]

    def ticket(self) -> str:
        """Return what a phone holds that has just scanned the leader's screen."""
        return codes.scan_ticket(
            CodeKeys(self.settings.secret_key.encode()),
            self.community_id,
            self.short_code,
            is_poster=False,
            moment=clock.now(),
        )

    def check_in_fields(self, browser: Browser) -> dict[str, str]:
        """Return the form of the button."""
        return {
            "csrf_token": browser.csrf_token,
            "ticket": self.ticket(),
            "nonce": secrets.token_hex(8),
            "intent": "in",
        }

    def redemption_fields(self, card: str) -> list[tuple[str, str]]:
        """Return the form of F2 with five goods."""
        rows = [("row", f"{number}:1:1") for number in self.item_numbers]
        return [
            ("csrf_token", self.clerk.csrf_token),
            ("ticket", card),
            ("nonce", secrets.token_hex(8)),
            ("action", "finish"),
            ("total", str(ITEM_COUNT)),
            *rows,
        ]


def noon_zone() -> str:
    """Return a zone in which it is about noon, so that the service day never ends meanwhile."""
    shift = 12 - clock.now().hour
    return f"Etc/GMT{-shift:+d}" if shift else "Etc/GMT"


def make_place(database: Database, settings: Settings, volunteer_count: int) -> Place:
    """Make everything through the rules of real use."""
    passwords.use_profile(passwords.CHEAP)
    yesterday = clock.now() - timedelta(days=1)
    with database.begin() as session, clock.at(yesterday):
        street = organisations.add_street(session, name="X街道", name_en="X Street")
        community = organisations.add_community(
            session, street, code="D", name="D社区", name_en="Community D", time_zone=noon_zone()
        )
        # The holders redeem more in one day than a card may without its PIN.
        community.pin_above_points = community.redeem_points_per_day_max
        actor = Actor.system(community.community_id, "bench")
        points.release(session, actor, starts_on=date(2026, 1, 1), rule=points.FIRST_RULE)
        stars.release_star_rule(session, actor)
        people = list(_people(session, actor, volunteer_count))
        clerk = add_person(session, actor, volunteer_count, Role.CLERK)
        short_code = _service_day(session, actor, community, people)
        held = [
            cards.issue_card(session, actor, one.id).card.digits for one in people[:HOLDER_COUNT]
        ]
        for one in people[:HOLDER_COUNT]:
            _give_points(session, community, one)
        numbers = tuple(_goods(session, actor, volunteer_count) for _ in range(ITEM_COUNT))
    browsers = signed_in(settings, database, [*people, clerk])
    return Place(
        settings, community.community_id, short_code, tuple(browsers[:-1]), browsers[-1],
        tuple(held), numbers,
    )  # fmt: skip


def _people(session: Session, actor: Actor, count: int) -> Iterator[Member]:
    for place in range(count):
        yield add_person(session, actor, place, Role.VOLUNTEER)


def add_person(session: Session, actor: Actor, place: int, role: Role) -> Member:
    """Add a member with one role and a sign-in; `place` tells their telephone numbers apart."""
    member = members.add_member(session, actor, name=f"志愿者{place}", roles=frozenset({role}))
    phone = str(13_800_000_000 + place)
    sign_ins.give_sign_in(
        session, actor, member.id, phone=phone, password="十六位数的口令吧", must_change=False
    )
    return member


def _service_day(session: Session, actor: Actor, community: Community, people: list[Member]) -> str:
    """Plan today from morning to evening, with everybody signed up; return the printed code."""
    leader = add_person(session, actor, len(people) + 1, Role.LEADER)
    site = occasions.create_site(session, actor, name="菜市场", address="东门")
    today = clock.today(community.time_zone) + timedelta(days=1)
    occasion = occasions.create_occasion(
        session,
        actor,
        activity=Activity(site.id, leader.id, "巡查", Category.ENVIRONMENT),
        occurs_on=today,
        slots=[SlotPlan("12:00", "16:00", 900)],
    )
    slot_id = session.scalars(sa.select(Slot.id).where(Slot.occasion_id == occasion.id)).one()
    for member in people:
        signup.sign_up(session, actor, slot_id=slot_id, member_id=member.id)
    return occasion.short_code


def _give_points(session: Session, community: Community, member: Member) -> None:
    legs = (
        Leg(chart.points_issuance_id(session, community.community_id), -POINTS),
        Leg(member.points_account_id, POINTS),
    )
    draft = Draft(
        kind="transfer",
        legs=legs,
        occurred_on=clock.today(community.time_zone),
        idempotency_key=f"bench:{member.id}",
        actor="system:bench",
        source=f"bench:{uuid4()}",
        narration="",
    )
    post(session, community.community_id, draft)


def _goods(session: Session, actor: Actor, count: int) -> int:
    """Put goods at one point each on the shelf, more pieces than will be asked for."""
    item = add_item(session, actor, details=ItemDetails(name="杯垫"), nonce=uuid4().hex)
    set_price(session, actor, item_number=item.number, price_points=1, basis=ValueBasis.COUNCIL)
    for _ in range(count // PIECES_A_TIME + 2):
        intake = Intake(item.number, PIECES_A_TIME, IntakeChoice.DONATE, uuid4().hex)
        receive(session, actor, intake=intake)
    return item.number


def signed_in(settings: Settings, database: Database, people: list[Member]) -> list[Browser]:
    """Sign everybody in as the sign-in page does, without its deliberate slowness."""
    app = application(settings, database)
    signer = app.session_interface.get_signing_serializer(app)  # type: ignore[attr-defined]
    assert signer is not None
    made = []
    for member in people:
        assert member.person_id is not None
        with database.reading() as session:
            standing = standing_of_person(
                session, member.person_id, session_epoch=0, community_id=member.community_id
            )
        assert standing is not None
        with app.test_request_context():
            start_session(standing)
            token = generate_csrf()
            made.append(Browser(f"{COOKIE}={signer.dumps(dict(cookie_session))}", token))
    return made
