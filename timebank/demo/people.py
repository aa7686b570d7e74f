"""The people of a demo community: who belongs to it, who signs in, who carries a card."""

from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy.orm import Session

from ledger import clock
from timebank.actors import Actor, Role
from timebank.codes import CodeKeys
from timebank.demo.facts import TEAMS, CommunityFacts, member_name
from timebank.demo.visitors import (
    ADMINISTRATOR,
    AUDITOR,
    CLERK,
    LEADER,
    PASSWORD,
    PIN,
    SOCIAL_WORKER,
    VOLUNTEER,
    phone,
)
from timebank.people import cards, documents, members, organisations, pins, sign_ins
from timebank.people.models import Community, Street
from timebank.rewards import points, stars

OFFICES = {
    LEADER: Role.LEADER,
    CLERK: Role.CLERK,
    SOCIAL_WORKER: Role.SOCIAL_WORKER,
    AUDITOR: Role.AUDITOR,
    ADMINISTRATOR: Role.ADMINISTRATOR,
}
LEADERS = (LEADER, 6, 7, 8, 9)
"""Places in the member list of those who lead an activity each."""
WITHOUT_PHONE_EVERY = 4
"""Every fourth volunteer has no phone and carries a card."""


@dataclass
class Town:
    """A demo community while its story is told: the cast by place in the member list."""

    community: Community
    facts: CommunityFacts
    cast: list[Actor] = field(default_factory=list)
    aliases: list[str] = field(default_factory=list)
    card_digits: dict[int, str] = field(default_factory=dict)

    @property
    def system(self) -> Actor:
        """Return the actor of the set-up."""
        return Actor.system(self.community.community_id, "demo")

    @property
    def social_worker(self) -> Actor:
        """Return the one who plans, prices and commends."""
        return self.cast[SOCIAL_WORKER]

    @property
    def clerk(self) -> Actor:
        """Return the one at the till."""
        return self.cast[CLERK]


def found(
    session: Session, keys: CodeKeys, street: Street, facts: CommunityFacts, founded_at: datetime
) -> Town:
    """Found a community with its rules and its people, on the day it began."""
    with clock.at(founded_at):
        community = organisations.add_community(
            session,
            street,
            code=facts.code,
            name=facts.name,
            name_en=facts.name_en,
            issuer_name=facts.issuer_name,
            issuer_contact=facts.issuer_contact,
            responsible_name=facts.responsible_name,
        )
        town = Town(community, facts)
        today = clock.today(community.time_zone)
        points.release(session, town.system, starts_on=today, rule=points.FIRST_RULE)
        stars.release_star_rule(
            session, town.system, thresholds_minutes=facts.star_thresholds_minutes
        )
        for place in range(facts.member_count):
            _join(session, keys, town, place)
    return town


def has_phone(place: int) -> bool:
    """Tell whether the member at a place signs in with a phone; all who hold an office do."""
    return place <= max(LEADERS) or place % WITHOUT_PHONE_EVERY != 0


def _join(session: Session, keys: CodeKeys, town: Town, place: int) -> None:
    roles = {Role.VOLUNTEER}
    if place in OFFICES:
        roles.add(OFFICES[place])
    if place in LEADERS:
        roles.add(Role.LEADER)
    name = member_name(place + (0 if town.facts.code == "D" else 400))
    member = members.add_member(
        session, town.system, name=name, team=TEAMS[place % len(TEAMS)], roles=frozenset(roles)
    )
    town.cast.append(Actor(member.community_id, member.id, frozenset(roles), name))
    town.aliases.append(member.alias)
    if has_phone(place):
        sign_ins.give_sign_in(
            session,
            town.system,
            member.id,
            phone=phone(town.facts, place),
            password=PASSWORD,
            must_change=False,
        )
    if place == VOLUNTEER or not has_phone(place):
        town.card_digits[place] = cards.issue_card(session, town.system, member.id).card.digits
    if place == VOLUNTEER:
        pins.set_pin(session, town.cast[place], member.id, pin=PIN)
        documents.set_document(
            session, town.system, keys, member.id, kind="Identity card", number="450000196003090000"
        )
