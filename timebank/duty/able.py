"""Whether a member can take one shift outside a plan: for swaps, and for whom a colleague may ask.

The rules are those of the roster that plans the shift, where one does; "never" and the weekly
maximum bind the plan, not a member who says yes.
"""

from collections import defaultdict
from collections.abc import Collection
from datetime import timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from ledger.base import refers
from timebank.duty.diary import Diary, Obstacle, Part, Person, Rules, Shift, Span
from timebank.duty.errors import CannotTake
from timebank.duty.models import DAILY_MINUTES_MAX, SHIFTS_PER_WEEK_MAX, Roster, RosterSeries
from timebank.duty.scene import span_of
from timebank.people.models import Member, MemberStatus
from timebank.people.qualification_models import Qualification
from timebank.service.models import (
    Attendance,
    AttendanceState,
    Occasion,
    OccasionStatus,
    Series,
    Slot,
)

_AROUND: Final = timedelta(days=7)
_NO_RULES: Final = Rules(0, DAILY_MINUTES_MAX)
_NO_WEEKLY_MAX: Final = SHIFTS_PER_WEEK_MAX + 14
_HELD: Final = (AttendanceState.ENROLLED, AttendanceState.IN, AttendanceState.OUT)


def require(session: Session, occasion: Occasion, slot: Slot, member: Member) -> None:
    """Refuse (409 `cannot_take`, with the reason) a member who cannot take a shift.

    Args:
        session: any session; to decide by the answer, hold the occasion and lock the member.
        occasion: of the slot.
        slot: the shift.
        member: who would take it.
    """
    reason = reasons(session, occasion, slot, [member])[member.id]
    if reason is not None:
        raise CannotTake(name=member.name, reason=reason)


def reasons(
    session: Session, occasion: Occasion, slot: Slot, members: Collection[Member]
) -> dict[UUID, str | None]:
    """Return, by member, why they cannot take a shift; None where they can. Four statements."""
    rules, series = _rules(session, occasion)
    shift = Shift(
        slot.id,
        Span(slot.starts_at, slot.ends_at, occasion.occurs_on),
        Part.MORNING,  # no wishes are asked
        1,
        series.qualification if series else None,
    )
    held, on_list = _held(session, occasion, members)
    valid = {
        (row.member_id, row.kind): (row.granted_on, row.expires_on)
        for row in session.scalars(
            select(Qualification).where(
                Qualification.community_id == occasion.community_id,
                Qualification.member_id.in_([member.id for member in members]),
            )
        )
    }
    found: dict[UUID, str | None] = {}
    for member in members:
        diary = Diary(
            Person(
                id=member.id,
                number=member.number,
                shifts_per_week_max=_NO_WEEKLY_MAX,
                qualifications={
                    kind: days for (who, kind), days in valid.items() if who == member.id
                },
                held=tuple(held[member.id]),
                is_active=member.status is MemberStatus.ACTIVE,
            )
        )
        reason: Obstacle | None = diary.obstacle(shift, rules)
        is_there = member.id in on_list
        found[member.id] = "on_the_list" if is_there else reason.value if reason else None
    return found


def _rules(session: Session, occasion: Occasion) -> tuple[Rules, Series | None]:
    """Return the rules of the roster that plans an occasion, and the occasion's series."""
    if occasion.series_id is None:
        return _NO_RULES, None
    series = session.get(Series, (occasion.community_id, occasion.series_id))
    roster = session.scalars(
        select(Roster)
        .join(RosterSeries, refers(RosterSeries.roster_id, Roster))
        .where(
            Roster.community_id == occasion.community_id,
            RosterSeries.series_id == occasion.series_id,
            Roster.begins_on <= occasion.occurs_on,
            Roster.ends_on >= occasion.occurs_on,
        )
        .limit(1)
    ).first()
    rules = Rules(roster.rest_minutes, roster.daily_minutes_max) if roster else _NO_RULES
    return rules, series


def _held(
    session: Session, occasion: Occasion, members: Collection[Member]
) -> tuple[dict[UUID, list[Span]], set[UUID]]:
    """Return what members hold around an occasion, and who of them is on its list."""
    rows = session.execute(
        select(Attendance, Slot, Occasion)
        .join(Slot, refers(Attendance.slot_id, Slot))
        .join(Occasion, refers(Attendance.occasion_id, Occasion))
        .where(
            Attendance.community_id == occasion.community_id,
            Attendance.member_id.in_([member.id for member in members]),
            Attendance.state.in_(_HELD),
            Occasion.status == OccasionStatus.PLANNED,
            Occasion.occurs_on.between(occasion.occurs_on - _AROUND, occasion.occurs_on + _AROUND),
        )
    )
    held: dict[UUID, list[Span]] = defaultdict(list)
    on_list: set[UUID] = set()
    for row, slot, other in rows:
        if other.id == occasion.id:
            on_list.add(row.member_id)
        else:
            held[row.member_id].append(span_of(row, slot, other))
    return held, on_list
