"""The points policy: which rule is in force from which day on.

Words: a *policy* is a numbered version of the *rule* (`rules`); the policy *in force* on a day is
the newest that has started.

Invariants: a version is never edited; versions start in the order of their numbers; every award
stores its version, so that it can be explained and checked again years later; every version but the
one a community is set up with was proposed by one person and released by another (`proposals`).
"""

from dataclasses import dataclass
from datetime import date
from typing import Final
from uuid import UUID

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from ledger import clock
from ledger.errors import N_, Invalid, NotAllowed, Refused
from timebank import audit
from timebank.actors import Actor, Permission
from timebank.people.models import Community
from timebank.rewards.models import PointsPolicy
from timebank.rewards.rules import FIRST_RULE, Rule, read_rule

__all__ = [
    "FIRST_RULE",
    "NoPolicy",
    "Policy",
    "PolicyTooEarly",
    "PolicyTooFar",
    "Rule",
    "TwoPeopleNeeded",
    "add_version",
    "locked_community",
    "newest",
    "policies",
    "policy_in_force",
    "read_policy",
    "read_rule",
    "release",
    "require_start",
]

POLICIES_LISTED_MAX: Final = 100
START_DAYS_AHEAD_MAX: Final = 1_096
"""Three years."""


class NoPolicy(Refused):
    """Points cannot be counted before the first rule starts."""

    code = "no_policy"
    message = N_("No points rule is in force on %(on)s. Release one first.")


class PolicyTooEarly(Refused):
    """A version that starts today or earlier would change what people were promised."""

    code = "policy_too_early"
    message = N_(
        "A new points rule must start on %(earliest_on)s or later; %(starts_on)s is too early."
    )


class PolicyTooFar(Invalid):
    """A version for the next century is a slip of the keyboard."""

    code = "policy_too_far"
    message = N_("A points rule starts at most %(days)s days ahead; %(starts_on)s is too far.")


class TwoPeopleNeeded(NotAllowed):
    """One person alone releases no rule."""

    code = "two_people_needed"
    message = N_("A points rule is proposed by one person and released by another.")


@dataclass(frozen=True, slots=True)
class Policy:
    """One version, read."""

    version: int
    starts_on: date
    rule: Rule
    released_by: str


def release(session: Session, actor: Actor, *, starts_on: date, rule: Rule) -> Policy:
    """Release the first version of a new community; any day will do, nobody was promised anything.

    Args:
        session: a write session.
        actor: the system; a person proposes.
        starts_on: first day.
        rule: what it promises.

    Raises:
        TwoPeopleNeeded: `two_people_needed`, a person acts, or a version is there already.
        PolicyTooFar: `policy_too_far`.
        WrongRule: `wrong_rule`.
    """
    actor.require(Permission.PLAN_SERVICE)
    community = locked_community(session, actor.community_id)
    if actor.member_id is not None or newest(session, actor.community_id) is not None:
        raise TwoPeopleNeeded
    require_start(session, community, starts_on)
    return add_version(session, actor, starts_on=starts_on, rule=rule)


def locked_community(session: Session, community_id: UUID) -> Community:
    """Return the community locked, so that its versions are released one after the other."""
    return session.scalars(
        select(Community)
        .where(Community.community_id == community_id)
        .with_for_update(key_share=True)
    ).one()


def require_start(session: Session, community: Community, starts_on: date) -> None:
    """Refuse a first day that is too early or too far for the next version.

    Raises:
        PolicyTooEarly: `policy_too_early`, today or before, or not after every other version; the
            first version may start on any day.
        PolicyTooFar: `policy_too_far`.
    """
    today = clock.today(community.time_zone)
    if (starts_on - today).days > START_DAYS_AHEAD_MAX:
        raise PolicyTooFar(days=START_DAYS_AHEAD_MAX, starts_on=starts_on.isoformat())
    last = newest(session, community.community_id)
    if last is None:
        return
    latest_taken = max(today, last.starts_on)
    if starts_on <= latest_taken:
        raise PolicyTooEarly(
            earliest_on=date.fromordinal(latest_taken.toordinal() + 1).isoformat(),
            starts_on=starts_on.isoformat(),
        )


def newest(session: Session, community_id: UUID) -> PointsPolicy | None:
    """Return the version with the highest number, or None before the first."""
    return session.scalars(
        _versions(community_id).order_by(PointsPolicy.version.desc()).limit(1)
    ).one_or_none()


def add_version(session: Session, actor: Actor, *, starts_on: date, rule: Rule) -> Policy:
    """Write the next version; who calls has locked the community and checked the first day."""
    last = newest(session, actor.community_id)
    row = PointsPolicy(
        community_id=actor.community_id,
        version=last.version + 1 if last else 1,
        starts_on=starts_on,
        rule=read_rule(rule.document()).document(),
        released_by=actor.reference,
        released_at=clock.now(),
    )
    session.add(row)
    audit.record(session, actor, "release_points_policy", f"points_policy:{row.version}")
    session.flush()
    return read_policy(row)


def policy_in_force(session: Session, community_id: UUID, on: date) -> Policy:
    """Return the version in force on a day.

    Raises:
        NoPolicy: `no_policy`, none had started by then.
    """
    row = session.scalars(
        _versions(community_id)
        .where(PointsPolicy.starts_on <= on)
        .order_by(PointsPolicy.version.desc())
        .limit(1)
    ).one_or_none()
    if row is None:
        raise NoPolicy(on=on.isoformat())
    return read_policy(row)


def policies(session: Session, actor: Actor) -> list[Policy]:
    """Return every version, newest first.

    What people are promised is no secret inside the community.
    """
    actor.require(Permission.SEE_OWN_RECORD)
    rows = session.scalars(
        _versions(actor.community_id)
        .order_by(PointsPolicy.version.desc())
        .limit(POLICIES_LISTED_MAX)
    )
    return [read_policy(row) for row in rows]


def _versions(community_id: UUID) -> Select[PointsPolicy]:
    return select(PointsPolicy).where(PointsPolicy.community_id == community_id)


def read_policy(row: PointsPolicy) -> Policy:
    """Return a stored version, read."""
    return Policy(row.version, row.starts_on, read_rule(row.rule), row.released_by)
