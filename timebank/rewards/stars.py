"""The table of stars: how many service minutes make one star, two stars …, by version.

Words: a *table* (star rule) is a version with a start date, released once and never edited; the one
*in force* on a day is the newest that has started.
Source: 100/300/600/1000/1500 hours is the usual national scale; communities may release local ones.
"""

import itertools
from collections.abc import Sequence
from datetime import date
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from ledger import clock
from timebank import audit
from timebank.actors import Actor, Permission
from timebank.people.models import Community
from timebank.rewards.errors import NoStarRule, RuleStartTaken, WrongRuleStart, WrongThresholds
from timebank.rewards.models import STARS_MAX, StarRule

DEFAULT_THRESHOLDS_MINUTES = (6_000, 18_000, 36_000, 60_000, 90_000)
THRESHOLD_MINUTES_MAX = 6_000_000
"""A hundred thousand hours: more than a life of service."""


def release_star_rule(
    session: Session,
    actor: Actor,
    *,
    thresholds_minutes: Sequence[int] = DEFAULT_THRESHOLDS_MINUTES,
    starts_on: date | None = None,
) -> StarRule:
    """Release the next version of the table.

    Args:
        session: a write session.
        actor: a social worker of the community.
        thresholds_minutes: one to five rising numbers of service minutes, each from 1 to 6,000,000.
        starts_on: today or later, after the start of every version so far; None: today.

    Raises:
        WrongThresholds: `wrong_thresholds`.
        WrongRuleStart: `wrong_rule_start`, before today.
        RuleStartTaken: `rule_start_taken`, a version starts on that day or later.
    """
    actor.require(Permission.COMMEND)
    present = today(session, actor)
    starts_on = starts_on or present
    _check_thresholds(thresholds_minutes)
    if starts_on < present:
        raise WrongRuleStart(starts_on=starts_on.isoformat(), today=present.isoformat())
    newest = next(iter(star_rules(session, actor.community_id)), None)
    if newest and newest.starts_on >= starts_on:
        raise RuleStartTaken(
            starts_on=starts_on.isoformat(), last_starts_on=newest.starts_on.isoformat()
        )
    rule = StarRule(
        community_id=actor.community_id,
        version=newest.version + 1 if newest else 1,
        starts_on=starts_on,
        thresholds=list(thresholds_minutes),
        released_by=actor.reference,
        released_at=clock.now(),
    )
    session.add(rule)
    audit.record(session, actor, "release_star_rule", f"star_rule:{rule.version}")
    session.flush()
    return rule


def today(session: Session, actor: Actor) -> date:
    """Return the date on the wall of the actor's community."""
    return clock.today(session.get_one(Community, actor.community_id).time_zone)


def star_rules(session: Session, community_id: UUID) -> list[StarRule]:
    """Return every version, newest first."""
    return list(
        session.scalars(
            select(StarRule)
            .where(StarRule.community_id == community_id)
            .order_by(StarRule.version.desc())
        )
    )


def star_rule_in_force(session: Session, community_id: UUID, on: date) -> StarRule:
    """Return the table in force on a day.

    Raises:
        NoStarRule: `no_star_rule`, none had started.
    """
    rule = session.scalars(
        select(StarRule)
        .where(StarRule.community_id == community_id, StarRule.starts_on <= on)
        .order_by(StarRule.version.desc())
        .limit(1)
    ).first()
    if rule is None:
        raise NoStarRule(on=on.isoformat())
    return rule


def stars_for(minutes: int, thresholds_minutes: Sequence[int]) -> int:
    """Return how many thresholds `minutes` has reached; exactly at a threshold counts."""
    return sum(minutes >= threshold for threshold in thresholds_minutes)


def _check_thresholds(thresholds_minutes: Sequence[int]) -> None:
    is_right = (
        1 <= len(thresholds_minutes) <= STARS_MAX
        and all(1 <= minutes <= THRESHOLD_MINUTES_MAX for minutes in thresholds_minutes)
        and all(low < high for low, high in itertools.pairwise(thresholds_minutes))
    )
    if not is_right:
        raise WrongThresholds(count_max=STARS_MAX, minutes_max=THRESHOLD_MINUTES_MAX)
