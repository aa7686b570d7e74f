"""Communities and people with valid defaults, made by the same rules as in real use.

Alice, Bob and Charlie are volunteers; whoever else a test needs gets the roles it asks for.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count

from sqlalchemy.orm import Session

from ledger import clock
from timebank.actors import Actor, Role
from timebank.people import members, organisations, sign_ins
from timebank.people.models import Community, Member
from timebank.rewards import points, stars

FOUNDED_AT = datetime(2026, 1, 1, 1, 0, tzinfo=UTC)
"""Nine in the morning in Shanghai."""
PASSWORD = "银杏树下的长椅上"
FIRST_PHONE = 13800000000

_phones = count(FIRST_PHONE)


@dataclass(frozen=True, slots=True)
class SignIn:
    """What a person types to sign in."""

    phone: str
    password: str = PASSWORD


def make_community(session: Session, *, code: str = "D") -> Community:
    """Found a community whose rules of points and stars are in force since January 2026."""
    with clock.at(FOUNDED_AT):
        street = organisations.add_street(session, name="X街道", name_en="X Street")
        community = organisations.add_community(
            session,
            street,
            code=code,
            name=f"{code}社区",
            name_en=f"Community {code}",
            issuer_name=f"L市{code}社区居民委员会",
            issuer_contact="0770-555 0109",
            responsible_name="农世安",
        )
        actor = system_actor(community)
        points.release(
            session,
            actor,
            starts_on=(FOUNDED_AT + timedelta(days=1)).date(),
            rule=points.FIRST_RULE,
        )
        stars.release_star_rule(session, actor)
    return community


def system_actor(community: Community) -> Actor:
    """Return the actor that sets a test's scene; it may do everything."""
    return Actor.system(community.community_id, "test")


def make_member(
    session: Session, community: Community, name: str = "Alice", *roles: Role
) -> Member:
    """Add a member; without roles, a volunteer."""
    held = frozenset(roles or {Role.VOLUNTEER})
    return members.add_member(session, system_actor(community), name=name, roles=held)


def make_sign_in(session: Session, member: Member) -> SignIn:
    """Give a member a phone number nobody has and the password of all tests."""
    phone = str(next(_phones))
    actor = Actor.system(member.community_id, "test")
    sign_ins.give_sign_in(
        session, actor, member.id, phone=phone, password=PASSWORD, must_change=False
    )
    return SignIn(phone)


def actor_of(member: Member, *roles: Role) -> Actor:
    """Return a member as the one who acts; without roles, as a volunteer."""
    return Actor(
        community_id=member.community_id,
        member_id=member.id,
        roles=frozenset(roles or {Role.VOLUNTEER}),
        name=member.name,
    )
