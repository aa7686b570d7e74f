"""The morning of the 9th: a community with twenty sites, and everybody who is about to come."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from itertools import count
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from bench.http_world import Browser, add_person, noon_zone, signed_in
from ledger import clock
from ledger.database import Database
from timebank.actors import Actor, Role
from timebank.contributions import Category
from timebank.people import cards, organisations, passwords
from timebank.people.models import Member
from timebank.rewards import points, stars
from timebank.service import occasions, signup
from timebank.service.models import Slot
from timebank.service.occasions import Activity, SlotPlan
from timebank.settings import Settings

SITE_COUNT = 20
PHONES_A_SITE = 100
WALK_INS_A_SITE = 5
CARDS_A_SITE = 3
PLACES = 200


class Way(StrEnum):
    """How somebody checks in."""

    PHONE = "phone"
    WALK_IN = "walk-in"
    CARD = "card"


HOW_MANY = {Way.PHONE: PHONES_A_SITE, Way.WALK_IN: WALK_INS_A_SITE, Way.CARD: CARDS_A_SITE}


@dataclass(frozen=True)
class Person:
    """Somebody who comes: to which site, how, with which browser or card."""

    member_id: UUID
    site: int
    way: Way
    browser: Browser
    digits: str


@dataclass(frozen=True)
class Site:
    """One of the twenty: its occasion and its leader's tablet."""

    occasion_id: UUID
    leader: Browser


@dataclass(frozen=True)
class Morning:
    """What the clients need to know."""

    settings: Settings
    zone: str
    sites: tuple[Site, ...]
    people: tuple[Person, ...]


@dataclass(frozen=True)
class _Planned:
    """Somebody before they are signed in."""

    member: Member
    site: int
    way: Way
    digits: str = ""


def make_morning(database: Database, settings: Settings) -> Morning:
    """Make everything through the rules of real use, the day before."""
    passwords.use_profile(passwords.CHEAP)
    zone = noon_zone()
    with database.begin() as session, clock.at(clock.now() - timedelta(days=1)):
        street = organisations.add_street(session, name="X街道", name_en="X Street")
        community = organisations.add_community(
            session, street, code="D", name="D社区", name_en="Community D", time_zone=zone
        )
        actor = Actor.system(community.community_id, "bench")
        points.release(session, actor, starts_on=date(2026, 1, 1), rule=points.FIRST_RULE)
        stars.release_star_rule(session, actor)
        numbers = count()
        leaders = [
            add_person(session, actor, next(numbers), Role.LEADER) for _ in range(SITE_COUNT)
        ]
        on = clock.today(zone) + timedelta(days=1)
        occasion_ids = [_occasion(session, actor, leader, on) for leader in leaders]
        planned = [
            each
            for site, occasion_id in enumerate(occasion_ids)
            for each in _people_of(session, actor, (site, occasion_id), numbers)
        ]
    browsers = signed_in(settings, database, [*leaders, *(each.member for each in planned)])
    return Morning(
        settings,
        zone,
        tuple(map(Site, occasion_ids, browsers)),
        tuple(
            Person(each.member.id, each.site, each.way, browser, each.digits)
            for each, browser in zip(planned, browsers[SITE_COUNT:], strict=True)
        ),
    )


def _occasion(session: Session, actor: Actor, leader: Member, on: date) -> UUID:
    """Plan the service of one site; its code can be scanned from an hour before noon."""
    site = occasions.create_site(session, actor, name=f"{leader.name}的点位", address="东门")
    occasion = occasions.create_occasion(
        session,
        actor,
        activity=Activity(site.id, leader.id, "巡查", Category.ENVIRONMENT),
        occurs_on=on,
        slots=[SlotPlan("12:00", "16:00", PLACES)],
    )
    return occasion.id


def _people_of(
    session: Session, actor: Actor, place: tuple[int, UUID], numbers: "count[int]"
) -> Iterator[_Planned]:
    """Give everybody of a site a sign-in, a place unless they walk in, a card if they bring one."""
    site, occasion_id = place
    slot_id = session.scalars(sa.select(Slot.id).where(Slot.occasion_id == occasion_id)).one()
    for way, how_many in HOW_MANY.items():
        for _ in range(how_many):
            member = add_person(session, actor, next(numbers), Role.VOLUNTEER)
            if way is not Way.WALK_IN:
                signup.sign_up(session, actor, slot_id=slot_id, member_id=member.id)
            card = cards.issue_card(session, actor, member.id).card if way is Way.CARD else None
            yield _Planned(member, site, way, card.digits if card else "")
