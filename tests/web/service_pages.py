"""A service day as the tests of its pages meet it.

One book, three browsers, the clock standing still.
"""

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from ledger import clock
from ledger.database import Database
from tests.makers import SignIn, make_community, make_member, make_sign_in, system_actor
from tests.visitors import sign_in
from timebank.actors import Actor, Role
from timebank.contributions import Category
from timebank.people.models import Member
from timebank.service import arrivals, occasions, signup
from timebank.service.models import Attendance, Slot
from timebank.service.occasions import Activity, SlotPlan
from web.session import Services

DAY = date(2026, 11, 9)
TITLE = "菜市场环境巡查"
ZONE = ZoneInfo("Asia/Shanghai")


def at(clock_text: str, day: date = DAY) -> datetime:
    """Return a moment of the service day on the wall clock."""
    hour, minute = clock_text.split(":")
    return datetime(day.year, day.month, day.day, int(hour), int(minute), tzinfo=ZONE)


@dataclass
class Day:
    """Charlie is signed up, Dora is not; Bob leads, Alice is the social worker."""

    app: Flask
    database: Database
    people: dict[str, Member]
    signs: dict[str, SignIn]
    browsers: dict[str, FlaskClient]
    occasion_id: UUID
    slot_id: UUID
    site_id: UUID

    def code_path(self) -> str:
        """Return the path that the leader's screen shows now."""
        services: Services = self.app.extensions["timebank"]
        with self.database.reading() as session:
            actor = Actor.system(self.people["bob"].community_id, "test")
            return "/" + arrivals.venue_path(
                session, actor, services.keys, occasion_id=self.occasion_id
            )

    def row(self, name: str) -> Attendance:
        with self.database.reading() as session:
            return session.scalars(
                select(Attendance).where(
                    Attendance.member_id == self.people[name].id,
                    Attendance.occasion_id == self.occasion_id,
                )
            ).one()


def make_day(app: Flask, database: Database) -> Day:
    """Make the community, its people and the service day, a week before."""
    with database.begin() as session, clock.at(at("10:00", date(2026, 11, 2))):
        community = make_community(session)
        system = system_actor(community)
        people = {
            "alice": make_member(session, community, "蒙小燕", Role.VOLUNTEER, Role.SOCIAL_WORKER),
            "bob": make_member(session, community, "覃志远", Role.VOLUNTEER, Role.LEADER),
            "charlie": make_member(session, community, "韦桂芬"),
            "dora": make_member(session, community, "莫建国"),
        }
        signs = {name: make_sign_in(session, member) for name, member in people.items()}
        site = occasions.create_site(session, system, name="幸福路菜市场", address="东门")
        occasion = occasions.create_occasion(
            session,
            system,
            activity=Activity(site.id, people["bob"].id, TITLE, Category.ENVIRONMENT),
            occurs_on=DAY,
            slots=[SlotPlan("09:00", "11:30", 15)],
        )
        slot_id = session.scalars(select(Slot.id).where(Slot.occasion_id == occasion.id)).one()
        signup.sign_up(session, system, slot_id=slot_id, member_id=people["charlie"].id)
        occasion_id, site_id = occasion.id, site.id
        session.flush()
        session.expunge_all()
    browsers = {name: sign_in(app.test_client(), who) for name, who in signs.items()}
    return Day(app, database, people, signs, browsers, occasion_id, slot_id, site_id)
