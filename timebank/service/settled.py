"""A row that its list's confirmation has settled, and what it would be worth with other times.

What corrections and disputes begin with.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy.orm import Session

from timebank.actors import Actor
from timebank.people.models import Member
from timebank.rewards.awards import NOTHING_BEFORE
from timebank.rewards.points import policy_in_force
from timebank.service import checks, posting, stays
from timebank.service.errors import NotHere, NotSettled
from timebank.service.models import Attendance, AttendanceState, Occasion, Provenance, Slot
from timebank.service.occasions import lock_occasion
from timebank.service.posting import Stay, Worth

SETTLED_STATES: Final = (AttendanceState.POSTED, AttendanceState.VOID, AttendanceState.NO_SHOW)
"""A row in one of these has been decided; only a correction changes it."""
NOTHING: Final = Worth(0, 0, 0, None)
"""What it is worth not to have been there."""
Times = tuple[datetime, datetime]


@dataclass(frozen=True, slots=True)
class SettledRow:
    """A settled row with what belongs to it."""

    row: Attendance
    slot: Slot
    occasion: Occasion
    member: Member

    @property
    def worth(self) -> Worth:
        """Return what the row is worth as it stands."""
        row = self.row
        if row.state is not AttendanceState.POSTED:
            return replace(NOTHING, policy_version=row.policy_version)
        return Worth(
            row.actual_minutes or 0, row.counted_minutes or 0, row.points or 0, row.policy_version
        )

    def says(self, times: Times | None) -> bool:
        """Tell whether the row says these times already, as far as they lie inside the slot."""
        row, slot = self.row, self.slot
        if times is None or row.state is AttendanceState.NO_SHOW:
            return times is None and row.state is not AttendanceState.POSTED
        assert row.in_at is not None, "a row that was valued has its times"
        assert row.out_at is not None, "a row that was valued has its times"
        return times == (max(row.in_at, slot.starts_at), min(row.out_at, slot.ends_at))


def person_of(actor: Actor) -> UUID:
    """Return who acts; signing takes a person.

    Raises:
        NotHere: `not_found`, the system acts.
    """
    if actor.member_id is None:
        raise NotHere(thing="member")
    return actor.member_id


def locked_row(session: Session, actor: Actor, attendance_id: UUID) -> SettledRow:
    """Return a settled row, its occasion and its member locked in this order.

    Raises:
        NotHere: `not_found`, also for a row of another community.
        NotSettled: `not_settled`, its list has not been confirmed.
    """
    row = checks.fetch(session, actor, Attendance, attendance_id, "row")
    occasion = lock_occasion(session, actor, row.occasion_id)
    member = checks.lock_member(session, actor.community_id, row.member_id)
    session.refresh(row)
    if row.state not in SETTLED_STATES:
        raise NotSettled
    slot = checks.fetch(session, actor, Slot, row.slot_id, "slot")
    return SettledRow(row, slot, occasion, member)


def worth_of(session: Session, actor: Actor, settled: SettledRow, times: Times | None) -> Worth:
    """Return what a row would be worth with other times, by the policy of its day.

    Args:
        session: any session.
        actor: in whose community the member's other stays are looked at.
        settled: the row.
        times: begin and end; None: was not there.

    Raises:
        WrongTimes: `wrong_times`, outside the slot, backwards or in the future.
        Overlap: `overlap`, another stay of the member.
        NoPolicy: `no_policy`.
    """
    row, occasion = settled.row, settled.occasion
    if times is None:
        return replace(NOTHING, policy_version=row.policy_version)
    stays.require_inside(session, actor, settled.slot, *times)
    around = stays.rows_around(session, settled.member, occasion)
    others = [line for line in around if line[0].id != row.id]
    stays.refuse_overlap(session, actor, others, times)
    policy = policy_in_force(session, occasion.community_id, occasion.occurs_on)
    had = posting.had_before(session, occasion, policy.rule, [row.member_id], except_id=row.id)
    zone = checks.community_of(session, actor).time_zone
    stay = Stay(*times, row.provenance or Provenance.BACK_FILLED)
    before = had.get(row.member_id, NOTHING_BEFORE)
    return posting.worth(stay, settled.slot, occasion, policy, zone, before)
