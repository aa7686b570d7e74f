"""What a settled attendance is worth, and its entry in the book.

Invariants: one transaction per attendance, under the key `attendance:<id>`; its source is the same
words, so every minute and point leads back to one confirmed row. What a correction posts instead
names the correction in the same way.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import and_, func, select
from sqlalchemy.orm import Session

from ledger.journal import Draft, Leg, post_many
from ledger.schema import TransactionKind
from timebank import chart
from timebank.actors import Actor
from timebank.contributions import Provenance
from timebank.people.models import Member
from timebank.rewards.points import Policy
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
    """What a stay is worth: minutes there, minutes that count, points, and by which policy."""

    actual_minutes: int
    counted_minutes: int
    points: int
    policy_version: int | None


def issuance_of(session: Session, community_id: UUID) -> Issuance:
    """Return the accounts that minutes and points come from."""
    return Issuance(
        chart.service_issuance_id(session, community_id),
        chart.points_issuance_id(session, community_id),
    )


def counted_that_day(
    session: Session, occasion: Occasion, member_ids: Sequence[UUID]
) -> dict[UUID, int]:
    """Return the minutes already counted on the occasion's day, per member who has any."""
    found = session.execute(
        select(Attendance.member_id, func.sum(Attendance.counted_minutes))
        .join(
            Occasion,
            and_(
                Occasion.community_id == Attendance.community_id,
                Occasion.id == Attendance.occasion_id,
            ),
        )
        .where(
            Attendance.community_id == occasion.community_id,
            Attendance.member_id.in_(member_ids),
            Attendance.state == AttendanceState.POSTED,
            Occasion.occurs_on == occasion.occurs_on,
        )
        .group_by(Attendance.member_id)
    )
    return {member_id: int(minutes or 0) for member_id, minutes in found}


def worth(
    stay: Stay, slot: Slot, occasion: Occasion, policy: Policy, counted_minutes_before: int
) -> Worth:
    """Return what a stay is worth.

    Args:
        stay: check-in and check-out.
        slot: what the stay is clipped to.
        occasion: whose category has a rate.
        policy: in force that day.
        counted_minutes_before: what the member's other attendances of the day have counted.
    """
    inside = timing.minutes_in_slot(stay.in_at, stay.out_at, slot.starts_at, slot.ends_at)
    counted = timing.capped(inside, counted_minutes_before, policy.rule.daily_minutes_max)
    return Worth(
        actual_minutes=timing.whole_minutes(stay.in_at, stay.out_at),
        counted_minutes=counted,
        points=policy.rule.award(occasion.category, stay.provenance, counted),
        policy_version=policy.version,
    )


def value(
    row: Attendance, slot: Slot, occasion: Occasion, policy: Policy, counted_minutes_before: int
) -> None:
    """Write actual and counted minutes, points and the policy's version into a row.

    Args:
        row: with check-in and check-out.
        slot: what the stay is clipped to.
        occasion: whose category has a rate.
        policy: in force that day.
        counted_minutes_before: what the member's other attendances of the day have counted.
    """
    assert row.in_at is not None, "only who came is valued"
    assert row.out_at is not None, "a missing check-out was filled in"
    assert row.provenance is not None, "a stay came to be known somehow"
    stay = Stay(row.in_at, row.out_at, row.provenance)
    write(row, worth(stay, slot, occasion, policy, counted_minutes_before))


def write(row: Attendance, found: Worth) -> None:
    """Write what a stay is worth into its row."""
    row.actual_minutes, row.counted_minutes = found.actual_minutes, found.counted_minutes
    row.points, row.policy_version = found.points, found.policy_version


def post_rows(
    session: Session,
    actor: Actor,
    occasion: Occasion,
    rows: Sequence[tuple[Attendance, Member]],
) -> None:
    """Post valued rows, all in one call, and write the transaction into each.

    Args:
        session: a write session.
        actor: who confirms.
        occasion: of all the rows.
        rows: with counted minutes above zero; the members' accounts receive.
    """
    if not rows:
        return
    issuance = issuance_of(session, occasion.community_id)
    drafts = [_draft(actor, occasion, row, member, issuance) for row, member in rows]
    answers = post_many(session, occasion.community_id, drafts)
    for (row, _), posted in zip(rows, answers, strict=True):
        row.transaction_id, row.state = posted.transaction_id, AttendanceState.POSTED


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
