"""The points policy: what an hour of confirmed service is worth, from which day on.

Words: a *policy* is a numbered version of the *rule*; the policy *in force* on a day is the newest
that has started; points are *awarded* for counted minutes, whole points only, the rest of an hour
is dropped.

Invariants: a version is never edited; versions start in the order of their numbers; every award
stores its version, so that it can be explained and checked again years later.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final, TypedDict
from uuid import UUID

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from ledger import clock
from ledger.errors import N_, Invalid, Refused
from timebank import audit
from timebank.actors import Actor, Permission
from timebank.contributions import Category, Provenance
from timebank.people.models import Community
from timebank.rewards.models import PointsPolicy

MINUTES_PER_HOUR: Final = 60
POINTS_PER_HOUR_MAX: Final = 60
"""One point a minute is the most any rule may promise."""
DAILY_MINUTES_MAX: Final = 24 * MINUTES_PER_HOUR
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


class WrongRule(Invalid):
    """The rule's JSON is not of the form that `Rule` documents."""

    code = "wrong_rule"
    message = N_("The points rule cannot be used: %(field)s must be %(expected)s.")


class RuleDocument(TypedDict):
    """The rule as it is stored."""

    points_per_hour: int
    points_per_hour_by_category: dict[str, int]
    daily_minutes_max: int
    points_by_provenance: list[str]


class Reason(TypedDict):
    """Why an award is what it is: what a statement says in words."""

    counted_minutes: int
    points_per_hour: int
    points: int
    policy_version: int
    earns: bool


@dataclass(frozen=True, slots=True)
class Rule:
    """What one version promises.

    Args:
        points_per_hour: points for 60 counted minutes, 0..60.
        points_per_hour_by_category: categories that are worth more or less than that.
        daily_minutes_max: counted minutes of one member on one day, 1..1440; later ones count
            nothing.
        points_by_provenance: how a minute must have come to be known to earn points; hours are
            earned always.
    """

    points_per_hour: int
    points_per_hour_by_category: Mapping[str, int]
    daily_minutes_max: int
    points_by_provenance: frozenset[str]

    def rate(self, category: Category) -> int:
        """Return the points of one hour of a category."""
        return self.points_per_hour_by_category.get(category.value, self.points_per_hour)

    def award(self, category: Category, provenance: Provenance, counted_minutes: int) -> int:
        """Return the whole points of counted minutes; rounded down, the one rounding there is."""
        assert counted_minutes >= 0, "minutes are counted up from zero"
        if provenance.value not in self.points_by_provenance:
            return 0
        return counted_minutes * self.rate(category) // MINUTES_PER_HOUR

    def document(self) -> RuleDocument:
        """Return the rule as it is stored."""
        return {
            "points_per_hour": self.points_per_hour,
            "points_per_hour_by_category": dict(self.points_per_hour_by_category),
            "daily_minutes_max": self.daily_minutes_max,
            "points_by_provenance": sorted(self.points_by_provenance),
        }


FIRST_RULE: Final = Rule(
    points_per_hour=2,
    points_per_hour_by_category={},
    daily_minutes_max=480,
    points_by_provenance=frozenset({Provenance.SELF_SCANNED, Provenance.LEADER_SCANNED}),
)
"""What a community starts with.

One point per half hour, eight hours a day, nothing for back-filled time.
"""


@dataclass(frozen=True, slots=True)
class Policy:
    """One version, read."""

    version: int
    starts_on: date
    rule: Rule
    released_by: str

    def explain(
        self, category: Category, provenance: Provenance, counted_minutes: int, points: int
    ) -> Reason:
        """Return the facts that a statement line says in words."""
        return {
            "counted_minutes": counted_minutes,
            "points_per_hour": self.rule.rate(category),
            "points": points,
            "policy_version": self.version,
            "earns": provenance.value in self.rule.points_by_provenance,
        }


def read_rule(document: object) -> Rule:
    """Return the rule of a JSON document.

    Raises:
        WrongRule: `wrong_rule`, naming the field and what was expected.
    """
    if not isinstance(document, Mapping):
        raise WrongRule(field="rule", expected="{…}")
    unknown = sorted(set(document) - set(RuleDocument.__annotations__))
    if unknown:
        raise WrongRule(field=str(unknown[0]), expected="–")
    per_category = document.get("points_per_hour_by_category", {})
    if not isinstance(per_category, Mapping):
        raise WrongRule(field="points_per_hour_by_category", expected="{…}")
    for name in per_category:
        _known("points_per_hour_by_category", name, Category)
    return Rule(
        points_per_hour=_whole(document, "points_per_hour", 0, POINTS_PER_HOUR_MAX),
        points_per_hour_by_category={
            str(name): _whole(per_category, name, 0, POINTS_PER_HOUR_MAX) for name in per_category
        },
        daily_minutes_max=_whole(document, "daily_minutes_max", 1, DAILY_MINUTES_MAX),
        points_by_provenance=_provenances(document.get("points_by_provenance")),
    )


def release(session: Session, actor: Actor, *, starts_on: date, rule: Rule) -> Policy:
    """Release a new version of the rule, to start on a day to come.

    The first version of a community may start on any day: nobody was promised anything before it.

    Args:
        session: a write session.
        actor: a social worker (or the system, at set-up).
        starts_on: first day of the new version, after today and after the start of every other
            version.
        rule: what it promises.

    Returns:
        The new version.

    Raises:
        NotAllowed: `not_allowed`, the actor plans no service.
        PolicyTooEarly: `policy_too_early`; PolicyTooFar: `policy_too_far`.
        WrongRule: `wrong_rule`.
    """
    actor.require(Permission.PLAN_SERVICE)
    checked = read_rule(rule.document())
    community = session.scalars(
        select(Community)
        .where(Community.community_id == actor.community_id)
        .with_for_update(key_share=True)
    ).one()
    today = clock.today(community.time_zone)
    if (starts_on - today).days > START_DAYS_AHEAD_MAX:
        raise PolicyTooFar(days=START_DAYS_AHEAD_MAX, starts_on=starts_on.isoformat())
    newest = session.scalars(
        _versions(actor.community_id).order_by(PointsPolicy.version.desc()).limit(1)
    ).one_or_none()
    if newest is not None:
        earliest = max(today, newest.starts_on)
        if starts_on <= earliest:
            raise PolicyTooEarly(
                earliest_on=date.fromordinal(earliest.toordinal() + 1).isoformat(),
                starts_on=starts_on.isoformat(),
            )
    row = PointsPolicy(
        community_id=actor.community_id,
        version=newest.version + 1 if newest else 1,
        starts_on=starts_on,
        rule=checked.document(),
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


def _whole(document: Mapping[str, object], field: str, minimum: int, maximum: int) -> int:
    value = document.get(field)
    if isinstance(value, int) and not isinstance(value, bool) and minimum <= value <= maximum:
        return value
    raise WrongRule(field=field, expected=f"{minimum}–{maximum}")


def _provenances(value: object) -> frozenset[str]:
    if not isinstance(value, list):
        raise WrongRule(field="points_by_provenance", expected="[…]")
    for name in value:
        _known("points_by_provenance", name, Provenance)
    return frozenset(value)


def _known(field: str, name: object, words: type[Category] | type[Provenance]) -> None:
    known = [word.value for word in words]
    if name not in known:
        raise WrongRule(field=field, expected=" / ".join(known))
