"""When members come gladly, rather not or never, and how many shifts a week at most.

Set by the volunteer on the phone, or by a social worker for those without one. What is planned
already stays: wishes count from the next planning on.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from sqlalchemy.orm import Session

from timebank import audit
from timebank.actors import Actor, Permission
from timebank.duty.diary import WEEKDAYS, Part, When, Wish
from timebank.duty.models import SHIFTS_PER_WEEK, SHIFTS_PER_WEEK_MAX, Wishes
from timebank.people.models import Member
from timebank.service import checks

TIMES: Final[tuple[When, ...]] = tuple(
    (weekday, part) for weekday in range(WEEKDAYS) for part in Part
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a member said."""

    shifts_per_week_max: int = SHIFTS_PER_WEEK
    wishes: Mapping[When, Wish] = field(default_factory=dict)


def key_of(when: When) -> str:
    """Return how a weekday and part are written, such as `0_morning`."""
    return f"{when[0]}_{when[1].value}"


def read(row: Wishes | None) -> Wanted:
    """Return what a stored row says; no row says "any time"."""
    if row is None:
        return Wanted()
    said = {when: Wish(row.wishes[key_of(when)]) for when in TIMES if key_of(when) in row.wishes}
    return Wanted(row.shifts_per_week_max, said)


def wishes_of(session: Session, actor: Actor, member_id: UUID | None = None) -> Wanted:
    """Return what a member said; None is the reader.

    Raises:
        NotAllowed: `not_allowed`, for another member by somebody who plans no service.
        NotHere: `not_found`.
    """
    member = _subject(session, actor, member_id)
    return read(session.get(Wishes, (member.community_id, member.id)))


def set_wishes(
    session: Session, actor: Actor, *, wanted: Wanted, member_id: UUID | None = None
) -> Wanted:
    """Keep what a member says, in place of what was said before.

    Args:
        session: a write session.
        actor: the member, or a social worker.
        wanted: at most 0..14 shifts a week, and the wishes.
        member_id: for whom a social worker says it; None is the actor.

    Raises:
        NotAllowed: `not_allowed`.
        NotHere: `not_found`.
        WrongField: `wrong_field`.
    """
    member = _subject(session, actor, member_id)
    checks.number("shifts_per_week_max", wanted.shifts_per_week_max, 0, SHIFTS_PER_WEEK_MAX)
    checks.lock_member(session, actor.community_id, member.id)
    row = session.get(Wishes, (member.community_id, member.id), populate_existing=True)
    if row is None:
        row = Wishes(community_id=member.community_id, member_id=member.id)
        session.add(row)
    row.shifts_per_week_max = wanted.shifts_per_week_max
    row.wishes = {key_of(when): wish.value for when, wish in wanted.wishes.items()}
    if member.id != actor.member_id:
        audit.record(session, actor, "set_wishes", f"member:{member.id}")
    session.flush()
    return wanted


def _subject(session: Session, actor: Actor, member_id: UUID | None) -> Member:
    is_own = member_id is None or member_id == actor.member_id
    actor.require(Permission.TAKE_PART if is_own else Permission.PLAN_SERVICE)
    found = member_id or actor.member_id
    assert found is not None, "wishes are a member's"
    return checks.fetch(session, actor, Member, found, "member")
