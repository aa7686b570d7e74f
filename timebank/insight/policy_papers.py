"""The papers of points rules: every version has its two people, and every cap was kept.

An award says itself what other stays had had of the caps; here all the stays are added up.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from ledger.base import refers
from ledger.findings import Finding
from timebank.rewards.models import PointsPolicy, PolicyProposal, ProposalState
from timebank.rewards.rules import Rule, read_rule
from timebank.service.models import Attendance, AttendanceState, Occasion

ROWS_PER_FETCH: Final = 500
_CAPS: Final = {
    "minutes a day": "daily_minutes_max",
    "points a day": "daily_points_max",
    "points a month": "monthly_points_max",
    "points in all": "total_points_max",
}


def policies_are_released_by_two(session: Session, community_id: UUID) -> Iterator[Finding]:
    """Every version but the one of the set-up is what a second person released."""
    query = (
        sa.select(PointsPolicy, PolicyProposal)
        .outerjoin(
            PolicyProposal,
            sa.and_(
                PolicyProposal.community_id == PointsPolicy.community_id,
                PolicyProposal.policy_version == PointsPolicy.version,
                PolicyProposal.state == ProposalState.RELEASED,
            ),
        )
        .where(PointsPolicy.community_id == community_id)
        .order_by(PointsPolicy.version)
    )
    found: Iterable[tuple[Any, PolicyProposal | None]] = session.execute(query)
    for policy, proposal in found:
        if proposal is None and _needs_no_second(policy):
            continue
        if proposal is None or (policy.starts_on, policy.rule, policy.released_by) != (
            proposal.starts_on,
            proposal.rule,
            str(proposal.decided_by_id),
        ):
            yield Finding(
                "policy_differs",
                f"points_policy:{policy.version}",
                "it is not what a second person released",
            )


def caps_are_kept(session: Session, community_id: UUID) -> Iterator[Finding]:
    """Nobody has more minutes or points by a version than its caps allow."""
    rules = _rules(session, community_id)
    had: Counter[tuple[str, int, UUID, str]] = Counter()
    query = (
        sa.select(
            Attendance.policy_version,
            Attendance.member_id,
            Occasion.occurs_on,
            sa.func.sum(Attendance.counted_minutes),
            sa.func.sum(Attendance.points),
        )
        .join(Occasion, refers(Attendance.occasion_id, Occasion))
        .where(Attendance.community_id == community_id, Attendance.state == AttendanceState.POSTED)
        .group_by(Attendance.policy_version, Attendance.member_id, Occasion.occurs_on)
    )
    rows = session.execute(query, execution_options={"yield_per": ROWS_PER_FETCH})
    for version, member_id, day, minutes, points in rows:
        if version is None or version not in rules:
            continue  # the attendance has a finding of its own
        rule = rules[version]
        for name, when, amount in _uses(rule, day, int(minutes or 0), int(points or 0)):
            had[name, version, member_id, when] += amount
    for (name, version, member_id, when), amount in had.items():
        cap = getattr(rules[version], _CAPS[name])
        if amount > cap:
            yield Finding(
                "cap_exceeded",
                f"member:{member_id}",
                f"{when} has {amount} {name}, points rule {version} allows {cap}".strip(),
            )


def _uses(rule: Rule, day: Any, minutes: int, points: int) -> Iterator[tuple[str, str, int]]:
    """Give what a day adds to each cap that the rule has: its name, its span, how much."""
    yield "minutes a day", f"{day}", minutes
    if rule.daily_points_max is not None:
        yield "points a day", f"{day}", points
    if rule.monthly_points_max is not None:
        yield "points a month", f"{day:%Y-%m}", points
    if rule.total_points_max is not None:
        yield "points in all", "", points


def _needs_no_second(policy: PointsPolicy) -> bool:
    """Tell whether a version is from the set-up, or from before two people were asked for.

    Versions from before were written with four fields, and none can be written so today.
    """
    is_set_up = policy.version == 1 and policy.released_by.startswith("system:")
    return is_set_up or "windows" not in policy.rule


def _rules(session: Session, community_id: UUID) -> dict[int, Rule]:
    query = sa.select(PointsPolicy.version, PointsPolicy.rule)
    rows = session.execute(query.where(PointsPolicy.community_id == community_id))
    return {version: read_rule(document) for version, document in rows}
