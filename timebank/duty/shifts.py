"""What volunteers and leaders see: own shifts, what colleagues ask, swaps that wait for a yes.

Invariant: each list is read in a fixed number of statements.
"""

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.orm import Session, aliased

from ledger import clock
from ledger.base import refers
from timebank.actors import Actor, Permission
from timebank.duty import able
from timebank.duty.errors import NotOnShift
from timebank.duty.models import OPEN_SWAPS, Swap, SwapState
from timebank.people.models import Member, MemberStatus
from timebank.service import calendar, checks
from timebank.service.calendar import SlotLine
from timebank.service.models import Occasion, OccasionKind, OccasionStatus, Site, Slot

LISTED_MAX: Final = 200


@dataclass(frozen=True, slots=True)
class SwapLine:
    """A swap with the shift and the names of its people."""

    swap: Swap
    slot: Slot
    occasion: Occasion
    site: Site
    giver: Member
    taker: Member | None
    asked: Member | None


@dataclass(frozen=True, slots=True)
class OwnShifts:
    """What a member has before them.

    `swaps` are one's own open ones by slot; `asked` are those a colleague asks one for, or anybody.
    """

    shifts: list[SlotLine]
    swaps: dict[UUID, SwapLine]
    asked: list[SwapLine]


@dataclass(frozen=True, slots=True)
class Question:
    """One's own shift, and the colleagues who could be asked for it."""

    line: SlotLine
    colleagues: list[Member]


def own_shifts(session: Session, actor: Actor) -> OwnShifts:
    """Return the reader's coming duty shifts, and the swaps that concern them."""
    actor.require(Permission.TAKE_PART)
    lines = [
        line
        for line in calendar.upcoming_slots(session, actor)
        if line.is_mine and line.occasion.kind is OccasionKind.DUTY_SHIFT
    ]
    me = actor.member_id
    found = _swap_lines(
        session,
        actor,
        or_(
            Swap.member_id == me,
            Swap.taker_id == me,
            and_(
                Swap.state == SwapState.ASKED,
                or_(Swap.asked_member_id.is_(None), Swap.asked_member_id == me),
            ),
        ),
    )
    mine = {each.slot.id: each for each in found if each.swap.member_id == me}
    asked = [each for each in found if each.swap.member_id != me]
    return OwnShifts(lines, mine, asked)


def question(session: Session, actor: Actor, slot_id: UUID) -> Question:
    """Return one's own shift with the colleagues who could take it, by number.

    Raises:
        NotHere: `not_found`.
        NotOnShift: `not_on_shift`.
    """
    actor.require(Permission.TAKE_PART)
    slot = checks.fetch(session, actor, Slot, slot_id, "slot")
    lines = calendar.slots_of(session, actor, slot.occasion_id)
    line = next((each for each in lines if each.slot.id == slot_id and each.is_mine), None)
    if line is None:
        raise NotOnShift(name=actor.name)
    members = session.scalars(
        select(Member)
        .where(
            Member.community_id == actor.community_id,
            Member.status == MemberStatus.ACTIVE,
            Member.id != actor.member_id,
        )
        .order_by(Member.number)
        .limit(LISTED_MAX)
    ).all()
    kept_away = able.reasons(session, line.occasion, slot, members)
    return Question(line, [member for member in members if kept_away[member.id] is None])


def waiting_swaps(session: Session, actor: Actor) -> list[SwapLine]:
    """Return the swaps that wait for the reader's yes: of shifts they lead, or all at the desk."""
    actor.require(Permission.RUN_OCCASION)
    condition = Swap.state == SwapState.TAKEN
    if not actor.may(Permission.PLAN_SERVICE):
        condition = and_(condition, Occasion.leader_member_id == actor.member_id)
    return _swap_lines(session, actor, condition)


def taken_swaps(session: Session, actor: Actor) -> tuple[int, Occasion | None]:
    """Return how many swaps of the community wait for a yes, and the occasion of the first."""
    actor.require(Permission.READ_BOOKS)
    found = session.execute(
        select(Occasion, func.count().over())
        .join(Slot, refers(Slot.occasion_id, Occasion))
        .join(Swap, refers(Swap.slot_id, Slot))
        .where(
            Occasion.community_id == actor.community_id,
            Swap.state == SwapState.TAKEN,
            Slot.starts_at > clock.now(),
            Occasion.status == OccasionStatus.PLANNED,
        )
        .order_by(Slot.starts_at, Swap.id)
        .limit(1)
    ).first()
    return (found[1], found[0]) if found else (0, None)


def _swap_lines(session: Session, actor: Actor, condition: ColumnElement[bool]) -> list[SwapLine]:
    """Return open swaps of shifts that have not begun, by begin."""
    giver, taker, asked = aliased(Member), aliased(Member), aliased(Member)
    found = session.execute(
        select(Swap, Slot, Occasion, Site, giver, taker, asked)
        .join(Slot, refers(Swap.slot_id, Slot))
        .join(Occasion, refers(Slot.occasion_id, Occasion))
        .join(Site, refers(Occasion.site_id, Site))
        .join(giver, refers(Swap.member_id, giver))
        .outerjoin(taker, refers(Swap.taker_id, taker))
        .outerjoin(asked, refers(Swap.asked_member_id, asked))
        .where(
            Swap.community_id == actor.community_id,
            Swap.state.in_(OPEN_SWAPS),
            Slot.starts_at > clock.now(),
            Occasion.status == OccasionStatus.PLANNED,
            condition,
        )
        .order_by(Slot.starts_at, Swap.id)
        .limit(LISTED_MAX)
    )
    return [SwapLine(*line) for line in found]
