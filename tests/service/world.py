"""A community with a service day: what the tests of service days begin with.

Alice is the social worker, Bob leads, Charlie and Dora are volunteers. The service day is Monday 9
November 2026, 9:00–11:30 in Shanghai.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from ledger import clock, reports
from ledger.database import Database
from timebank import codes
from timebank.actors import Actor, Role
from timebank.codes import CodeKeys
from timebank.contributions import Category
from timebank.people import members, organisations
from timebank.people.models import Community, Member
from timebank.rewards import points, proposals
from timebank.rewards.models import PolicyProposal
from timebank.rewards.rules import Rule
from timebank.service import arrivals, checkin, occasions, signup
from timebank.service.answers import Answer
from timebank.service.attendance import Confirmation, Mark, RowMark, confirm
from timebank.service.checkin import Press
from timebank.service.decide import Intent
from timebank.service.models import Attendance, Occasion, Site, Slot
from timebank.service.occasions import Activity, SlotPlan

ZONE = "Asia/Shanghai"
SERVICE_DAY = date(2026, 11, 9)
TITLE = "菜市场环境巡查"


def local(clock_text: str, day: date = SERVICE_DAY) -> datetime:
    """Return a moment of the service day, such as 8:58."""
    hour, minute = clock_text.split(":")[:2]
    second = int(clock_text.split(":")[2]) if clock_text.count(":") == 2 else 0
    return datetime(
        day.year, day.month, day.day, int(hour), int(minute), second, tzinfo=ZoneInfo(ZONE)
    )


SIGN_UP_TIME = local("10:00", date(2026, 11, 1))


@dataclass
class World:
    """One community, with shortcuts that do what a page does."""

    session: Session
    keys: CodeKeys
    community: Community
    alice: Member
    bob: Member
    charlie: Member
    dora: Member
    site: Site

    # ---- who acts

    def actor(self, member: Member, *roles: Role) -> Actor:
        return Actor(
            self.community.community_id,
            member.id,
            frozenset(roles or {Role.VOLUNTEER}),
            member.name,
        )

    @property
    def desk(self) -> Actor:
        return self.actor(self.alice, Role.SOCIAL_WORKER)

    @property
    def leader(self) -> Actor:
        return self.actor(self.bob, Role.LEADER)

    # ---- makers with valid defaults

    def activity(self, title: str = TITLE, category: Category = Category.ENVIRONMENT) -> Activity:
        return Activity(self.site.id, self.bob.id, title, category)

    def plan(
        self,
        *times: SlotPlan,
        title: str = TITLE,
        on: date = SERVICE_DAY,
        category: Category = Category.ENVIRONMENT,
    ) -> Occasion:
        with clock.at(SIGN_UP_TIME):
            return occasions.create_occasion(
                self.session,
                self.desk,
                activity=self.activity(title, category),
                occurs_on=on,
                slots=times or (SlotPlan("09:00", "11:30", 15),),
            )

    def slot(self, occasion: Occasion) -> Slot:
        return self.slots(occasion)[0]

    def slots(self, occasion: Occasion) -> Sequence[Slot]:
        return self.session.scalars(
            select(Slot).where(Slot.occasion_id == occasion.id).order_by(Slot.starts_at)
        ).all()

    def enrol(self, occasion: Occasion, *people: Member) -> None:
        with clock.at(SIGN_UP_TIME):
            for member in people:
                signup.sign_up(self.session, self.actor(member), slot_id=self.slot(occasion).id)

    def add(self, name: str, *roles: Role) -> Member:
        return members.add_member(
            self.session,
            Actor.system(self.community.community_id, "test"),
            name=name,
            roles=frozenset({Role.VOLUNTEER, *roles}),
        )

    def release(self, starts_on: date, rule: Rule) -> PolicyProposal:
        """Let Alice propose a points rule and the administrator release it, now."""
        made = proposals.propose(self.session, self.desk, starts_on=starts_on, rule=rule)
        administrator = self.actor(self.bob, Role.ADMINISTRATOR)
        return proposals.release(self.session, administrator, proposal_id=made.id)

    # ---- the day itself

    def ticket(self, occasion: Occasion, *, is_poster: bool = False) -> str:
        return codes.scan_ticket(
            self.keys,
            occasion.community_id,
            occasion.short_code,
            is_poster=is_poster,
            moment=clock.now(),
        )

    def press(
        self,
        member: Member,
        occasion: Occasion,
        intent: Intent = Intent.AUTO,
        *,
        is_joining: bool = False,
        nonce: str = "",
    ) -> Answer:
        """Scan the code on site and press the button, now."""
        return checkin.check_in(
            self.session,
            self.actor(member),
            self.keys,
            ticket=self.ticket(occasion),
            press=Press(nonce or secrets.token_hex(8), intent, is_joining),
        )

    def serve(
        self, member: Member, occasion: Occasion, come: str = "8:58", go: str = "11:34"
    ) -> None:
        """Let an enrolled member come and go."""
        with clock.at(local(come, occasion.occurs_on)):
            self.press(member, occasion, Intent.IN)
        with clock.at(local(go, occasion.occurs_on)):
            self.press(member, occasion, Intent.OUT)

    def row(self, member: Member, occasion: Occasion) -> Attendance:
        return self.session.scalars(
            select(Attendance).where(
                Attendance.member_id == member.id, Attendance.occasion_id == occasion.id
            )
        ).one()

    def mark(self, member: Member, occasion: Occasion, mark: Mark = Mark.PRESENT) -> RowMark:
        return RowMark(self.row(member, occasion).id, mark)

    def confirm(
        self, occasion: Occasion, *marks: RowMark, by: Actor | None = None, at: str = "12:10"
    ) -> Confirmation:
        with clock.at(local(at, occasion.occurs_on)):
            return confirm(self.session, by or self.leader, occasion_id=occasion.id, marks=marks)

    # ---- what the book says

    def minutes(self, member: Member) -> int:
        return self._balance(member, member.service_account_id)

    def points(self, member: Member) -> int:
        return self._balance(member, member.points_account_id)

    def _balance(self, member: Member, account_id: object) -> int:
        held = reports.balances(self.session, member.community_id, [account_id])  # type: ignore[list-item]
        return next(iter(held.values())).posted_minor

    def arrive(self, member: Member | None, code: str) -> arrivals.Arrival:
        actor = self.actor(member) if member else None
        return arrivals.open_venue_code(self.session, actor, self.keys, code=code)


def make_world(
    session: Session, keys: CodeKeys, code: str = "D", *, rule: Rule = points.FIRST_RULE
) -> World:
    """Make a community with its people, site and first points rule."""
    with clock.at(SIGN_UP_TIME):
        street = organisations.add_street(session, name="X街道", name_en="Street X")
        community = organisations.add_community(
            session, street, code=code, name=f"{code}社区", name_en=f"Community {code}"
        )
        system = Actor.system(community.community_id, "test")

        def add(name: str, *roles: Role) -> Member:
            return members.add_member(
                session, system, name=name, roles=frozenset({Role.VOLUNTEER, *roles})
            )

        world = World(
            session=session,
            keys=keys,
            community=community,
            alice=add("蒙小燕", Role.SOCIAL_WORKER),
            bob=add("覃志远", Role.LEADER),
            charlie=add("韦桂芬"),
            dora=add("莫建国"),
            site=occasions.create_site(session, system, name="幸福路菜市场", address="东门"),
        )
        points.release(session, system, starts_on=date(2026, 1, 1), rule=rule)
    return world


def is_sqlite(database: Database) -> bool:
    return database.engine.dialect.name == "sqlite"
