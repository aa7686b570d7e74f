"""What a settled attendance is worth, and its entry in the book.

Invariants: one transaction per attendance, under the key `attendance:<id>`; its source is the same
words, so every minute and point leads back to one confirmed row.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import and_, func, select
from sqlalchemy.orm import Session

from ledger.journal import Draft, Leg, post_many
from ledger.schema import TransactionKind
from timebank import chart
from timebank.actors import Actor
from timebank.people.models import Member
from timebank.rewards.points import Policy
from timebank.service import timing
from timebank.service.models import Attendance, AttendanceState, Occasion, Slot


@dataclass(frozen=True, slots=True)
class Issuance:
    """The accounts that minutes and points come from."""

    service_id: UUID
    points_id: UUID


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
    inside = timing.minutes_in_slot(row.in_at, row.out_at, slot.starts_at, slot.ends_at)
    row.actual_minutes = timing.whole_minutes(row.in_at, row.out_at)
    row.counted_minutes = timing.capped(
        inside, counted_minutes_before, policy.rule.daily_minutes_max
    )
    row.points = policy.rule.award(occasion.category, row.provenance, row.counted_minutes)
    row.policy_version = policy.version


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
    issuance = Issuance(
        chart.service_issuance_id(session, occasion.community_id),
        chart.points_issuance_id(session, occasion.community_id),
    )
    drafts = [_draft(actor, occasion, row, member, issuance) for row, member in rows]
    answers = post_many(session, occasion.community_id, drafts)
    for (row, _), posted in zip(rows, answers, strict=True):
        row.transaction_id, row.state = posted.transaction_id, AttendanceState.POSTED


def _draft(
    actor: Actor, occasion: Occasion, row: Attendance, member: Member, issuance: Issuance
) -> Draft:
    assert row.counted_minutes, "nothing counted, nothing posted"
    legs = [
        Leg(issuance.service_id, -row.counted_minutes),
        Leg(member.service_account_id, row.counted_minutes),
    ]
    if row.points:
        legs += [Leg(issuance.points_id, -row.points), Leg(member.points_account_id, row.points)]
    key = f"attendance:{row.id}"
    return Draft(
        kind=TransactionKind.SERVICE,
        legs=tuple(legs),
        occurred_on=occasion.occurs_on,
        idempotency_key=key,
        actor=actor.reference,
        source=key,
        narration=f"{occasion.title} {occasion.occurs_on.isoformat()}",
    )
