"""What a settled attendance is worth, and its entry in the book.

Invariants: one transaction per attendance, under the key `attendance:<id>`; its source is the same
words, so every minute and point leads back to one confirmed row. What a correction posts instead
names the correction in the same way.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session

from ledger.base import refers
from ledger.journal import Draft, Leg, post_many
from ledger.schema import TransactionKind
from timebank import chart
from timebank.actors import Actor
from timebank.contributions import Provenance
from timebank.people.models import Member
from timebank.rewards import awards
from timebank.rewards.awards import NOTHING_BEFORE, Before, Contribution, Reason
from timebank.rewards.models import PointsAward
from timebank.rewards.points import Policy
from timebank.rewards.rules import Rule
from timebank.service import timing
from timebank.service.models import Attendance, AttendanceState, Occasion, Slot


@dataclass(frozen=True, slots=True)
class Issuance:
    """The accounts that minutes and points come from."""

    service_id: UUID
    points_id: UUID


@dataclass(frozen=True, slots=True)
class Stay:
    """When somebody came and left, and how that came to be known."""

    in_at: datetime
    out_at: datetime
    provenance: Provenance


@dataclass(frozen=True, slots=True)
class Worth:
    """What a stay is worth: minutes there, minutes that count, points, by which policy, and why."""

    actual_minutes: int
    counted_minutes: int
    points: int
    policy_version: int | None
    reason: Reason | None = None


def issuance_of(session: Session, community_id: UUID) -> Issuance:
    """Return the accounts that minutes and points come from."""
    return Issuance(
        chart.service_issuance_id(session, community_id),
        chart.points_issuance_id(session, community_id),
    )


def had_before(
    session: Session,
    occasion: Occasion,
    rule: Rule,
    member_ids: Sequence[UUID],
    *,
    except_id: UUID | None = None,
) -> dict[UUID, Before]:
    """Return what members' stays in the book have had of the caps of a rule, where there are any.

    Args:
        session: any session.
        occasion: on whose day, month and so on.
        rule: only what its caps ask for is looked at.
        member_ids: whose.
        except_id: an attendance that is valued anew.
    """
    day = occasion.occurs_on
    first, last = day.replace(day=1), last_of_month(day)
    points = func.coalesce(Attendance.points, 0)
    is_that_day = Occasion.occurs_on == day
    is_that_month = Occasion.occurs_on.between(first, last)
    reach = is_that_day if rule.monthly_points_max is None else is_that_month
    query = (
        select(
            Attendance.member_id,
            func.sum(case((is_that_day, Attendance.counted_minutes), else_=0)),
            func.sum(case((is_that_day, points), else_=0)),
            func.sum(case((is_that_month, points), else_=0)),
            func.sum(points),
        )
        .join(Occasion, refers(Attendance.occasion_id, Occasion))
        .where(
            Attendance.community_id == occasion.community_id,
            Attendance.member_id.in_(member_ids),
            Attendance.state == AttendanceState.POSTED,
        )
        .group_by(Attendance.member_id)
    )
    if rule.total_points_max is None:
        query = query.where(reach)
    if except_id is not None:
        query = query.where(Attendance.id != except_id)
    return {
        member_id: Before(*(int(each or 0) for each in sums)).asked_by(rule)
        for member_id, *sums in session.execute(query)
    }


def contribution(stay: Stay, slot: Slot, occasion: Occasion, zone: str) -> Contribution:
    """Return a stay as a points rule sees it: clipped to its slot."""
    return Contribution(
        category=occasion.category,
        site_id=occasion.site_id,
        series_id=occasion.series_id,
        provenance=stay.provenance,
        begin=max(stay.in_at, slot.starts_at),
        end=min(stay.out_at, slot.ends_at),
        zone=zone,
    )


def worth(
    stay: Stay,
    slot: Slot,
    occasion: Occasion,
    policy: Policy,
    zone: str,
    before: Before = NOTHING_BEFORE,
) -> Worth:
    """Return what a stay is worth.

    Args:
        stay: check-in and check-out.
        slot: what the stay is clipped to.
        occasion: whose category, site and series have rates.
        policy: in force that day.
        zone: of the community.
        before: what the member's other attendances have had.
    """
    of = contribution(stay, slot, occasion, zone)
    counted = awards.counted_minutes(policy.rule, of, before)
    reason = awards.award(policy.rule, policy.version, of, counted, before)
    return Worth(
        actual_minutes=timing.whole_minutes(stay.in_at, stay.out_at),
        counted_minutes=counted,
        points=reason["points"],
        policy_version=policy.version,
        reason=reason,
    )


def stay_of(row: Attendance) -> Stay:
    """Return the stay of a row that has come and gone."""
    assert row.in_at is not None, "only who came is valued"
    assert row.out_at is not None, "a missing check-out was filled in"
    assert row.provenance is not None, "a stay came to be known somehow"
    return Stay(row.in_at, row.out_at, row.provenance)


def write(row: Attendance, found: Worth) -> None:
    """Write what a stay is worth into its row."""
    row.actual_minutes, row.counted_minutes = found.actual_minutes, found.counted_minutes
    row.points, row.policy_version = found.points, found.policy_version


def post_rows(
    session: Session,
    actor: Actor,
    occasion: Occasion,
    rows: Sequence[tuple[Attendance, Member, Worth]],
) -> None:
    """Post valued rows, all in one call, and write the transaction into each; keep the reasons.

    Args:
        session: a write session.
        actor: who confirms.
        occasion: of all the rows.
        rows: with counted minutes above zero; the members' accounts receive.
    """
    if not rows:
        return
    issuance = issuance_of(session, occasion.community_id)
    drafts = [_draft(actor, occasion, row, member, issuance) for row, member, _ in rows]
    answers = post_many(session, occasion.community_id, drafts)
    for (row, _, found), posted in zip(rows, answers, strict=True):
        row.transaction_id, row.state = posted.transaction_id, AttendanceState.POSTED
        keep_reason(session, row.community_id, posted.transaction_id, found)


def keep_reason(session: Session, community_id: UUID, transaction_id: UUID, found: Worth) -> None:
    """Write beside an entry why it has its minutes and points."""
    session.add(
        PointsAward(community_id=community_id, transaction_id=transaction_id, reason=found.reason)
    )


def service_legs(
    issuance: Issuance, member: Member, counted_minutes: int, points: int
) -> tuple[Leg, ...]:
    """Return the legs of an award: minutes, and points where there are any."""
    assert counted_minutes, "nothing counted, nothing posted"
    legs = [
        Leg(issuance.service_id, -counted_minutes),
        Leg(member.service_account_id, counted_minutes),
    ]
    if points:
        legs += [Leg(issuance.points_id, -points), Leg(member.points_account_id, points)]
    return tuple(legs)


def narration(occasion: Occasion) -> str:
    """Return what an award's entry says: the service and its day."""
    return f"{occasion.title} {occasion.occurs_on.isoformat()}"


def last_of_month(day: date) -> date:
    """Return the last day of a day's month."""
    return (day.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)


def _draft(
    actor: Actor, occasion: Occasion, row: Attendance, member: Member, issuance: Issuance
) -> Draft:
    key = f"attendance:{row.id}"
    return Draft(
        kind=TransactionKind.SERVICE,
        legs=service_legs(issuance, member, row.counted_minutes or 0, row.points or 0),
        occurred_on=occasion.occurs_on,
        idempotency_key=key,
        actor=actor.reference,
        source=key,
        narration=narration(occasion),
    )
