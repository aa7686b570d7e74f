"""The queue of a full slot: asking for a place, leaving, and who gets a place that comes free.

The rule is the simplest honest one: a place that comes free goes at once to the first who waits and
can come, with a message; it is theirs like any other place, and can be withdrawn from like any
other. Places are given until three hours before the slot, the moment until which they can be
withdrawn from; later ones stay free for whoever signs up or comes first.

Invariants: the order is the order of asking; one free place goes to one member; nobody who could
come is passed over; who could not come (busy at that time, suspended) is told so. Everything here
holds the occasion for itself, so that neither its queues nor its places change meanwhile: signing
up and checking in hold it too, with others of their kind.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, cast
from uuid import UUID

from sqlalchemy import CursorResult, Select, func, or_, select, update
from sqlalchemy.orm import Session

from ledger import clock
from ledger.base import refers
from ledger.ids import new_id
from timebank import audit
from timebank.actors import Actor, Permission
from timebank.messages import outbox
from timebank.messages.models import MessageKind
from timebank.messages.outbox import Notice
from timebank.people.models import Member, MemberStatus
from timebank.service import checks, notices, places, timing
from timebank.service.errors import (
    NothingToLeave,
    OnTheList,
    PlacesFree,
    QueueFull,
    TooLateToWait,
)
from timebank.service.models import (
    Attendance,
    AttendanceState,
    Occasion,
    OccasionStatus,
    Slot,
    Wait,
    WaitState,
)
from timebank.service.occasions import lock_occasion, require_standing

QUEUE_COUNT_MAX: Final = 100
"""Of one slot; who stands behind a hundred others would wait for nothing."""


@dataclass(frozen=True, slots=True)
class QueueLine:
    """Somebody who waits, and for which slot."""

    wait: Wait
    member: Member
    slot: Slot


def queue(session: Session, actor: Actor, occasion_id: UUID) -> list[QueueLine]:
    """Return who waits at an occasion, by slot and in the order of asking.

    Raises:
        NotAllowed: `not_allowed`.
    """
    actor.require(Permission.RUN_OCCASION)
    found = session.execute(
        select(Wait, Member, Slot)
        .join(Slot, refers(Wait.slot_id, Slot))
        .join(Member, refers(Wait.member_id, Member))
        .where(
            Wait.community_id == actor.community_id,
            Wait.state == WaitState.WAITING,
            Slot.occasion_id == occasion_id,
        )
        .order_by(Slot.starts_at, Wait.place)
    )
    return [QueueLine(*line) for line in found]


def wait(session: Session, actor: Actor, *, slot_id: UUID, member_id: UUID | None = None) -> Wait:
    """Ask for a place in a full slot; asking again changes nothing.

    Args:
        session: a write session.
        actor: the member, or somebody who runs occasions.
        slot_id: the slot.
        member_id: for whom a leader asks; None is the actor.

    Returns:
        The wait, also when it stood there already.

    Raises:
        NotAllowed: `not_allowed`.
        NotHere: `not_found`.
        Suspended, OccasionCancelled, NotQualified, Overlap: 409, as when signing up.
        OnTheList: `on_the_list`; PlacesFree: `places_free`; QueueFull: `queue_full`.
        TooLateToWait: `too_late_to_wait`, no place is given any more.
    """
    member_id = places.subject(actor, member_id)
    slot = checks.fetch(session, actor, Slot, slot_id, "slot")
    occasion = lock_occasion(session, actor, slot.occasion_id)
    member = checks.lock_member(session, actor.community_id, member_id)
    checks.require_active(member)
    require_standing(occasion)
    session.refresh(slot)
    standing = session.scalars(_open_waits(slot).where(Wait.member_id == member.id)).one_or_none()
    if standing is not None:
        return standing
    places.require_qualified(session, occasion, member)
    _require_reason_to_wait(session, actor, member, slot, occasion)
    last, waiting_count = session.execute(
        select(
            func.coalesce(func.max(Wait.place), 0),
            func.count().filter(Wait.state == WaitState.WAITING),
        ).where(Wait.community_id == slot.community_id, Wait.slot_id == slot.id)
    ).one()
    if waiting_count >= QUEUE_COUNT_MAX:
        raise QueueFull(count=waiting_count)
    made = Wait(
        community_id=slot.community_id,
        id=new_id(),
        slot_id=slot.id,
        member_id=member.id,
        place=last + 1,
        state=WaitState.WAITING,
        asked_at=clock.now(),
    )
    session.add(made)
    session.flush()
    return made


def leave(session: Session, actor: Actor, *, slot_id: UUID, member_id: UUID | None = None) -> Wait:
    """Leave the queue; leaving again changes nothing.

    Returns:
        The last wait of the member for this slot, which waits no more.

    Raises:
        NotAllowed: `not_allowed`.
        NotHere: `not_found`.
        NothingToLeave: `nothing_to_leave`, the member never waited here.
    """
    member_id = places.subject(actor, member_id)
    slot = checks.fetch(session, actor, Slot, slot_id, "slot")
    occasion = lock_occasion(session, actor, slot.occasion_id)
    last = session.scalars(
        select(Wait)
        .where(
            Wait.community_id == slot.community_id,
            Wait.slot_id == slot.id,
            Wait.member_id == member_id,
        )
        .order_by(Wait.place.desc())
        .limit(1)
        .execution_options(populate_existing=True)
    ).one_or_none()
    if last is None:
        raise NothingToLeave(title=occasion.title)
    if last.state is WaitState.WAITING:
        last.state, last.ended_at = WaitState.LEFT, clock.now()
        if member_id != actor.member_id:
            audit.record(session, actor, "leave_queue", f"slot_wait:{last.id}")
        session.flush()
    return last


# ---------------------------------------------------------------- giving places


def lock_queue(session: Session, occasion: Occasion, *others: UUID) -> dict[UUID, Member]:
    """Return who waits at any slot of an occasion, and `others`, locked in the order of ids.

    Args:
        session: a write session that holds the occasion for itself.
        occasion: whose queues.
        others: further members of the same act; all in one statement, so that two acts that lock
            the same people wait for each other instead of stopping each other.
    """
    waiting = (
        select(Wait.member_id)
        .join(Slot, refers(Wait.slot_id, Slot))
        .where(
            Wait.community_id == occasion.community_id,
            Slot.occasion_id == occasion.id,
            Wait.state == WaitState.WAITING,
        )
    )
    found = session.scalars(
        select(Member)
        .where(
            Member.community_id == occasion.community_id,
            or_(Member.id.in_(waiting), Member.id.in_(others)),
        )
        .order_by(Member.id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    return {member.id: member for member in found}


def fill(
    session: Session, occasion: Occasion, slot: Slot, people: Mapping[UUID, Member]
) -> list[Attendance]:
    """Give the free places of a slot to those who wait, in the order of asking, and tell them.

    Args:
        session: a write session that holds the occasion for itself.
        occasion: of the slot.
        slot: where a place may have come free.
        people: what `lock_queue` returned.

    Returns:
        The new rows on the list.
    """
    session.refresh(slot)
    free_count = slot.capacity - slot.enrolled_count
    is_over = clock.now() > timing.withdraw_until(slot.starts_at)
    if free_count < 1 or is_over or occasion.status is not OccasionStatus.PLANNED:
        return []
    queue = session.scalars(_open_waits(slot).order_by(Wait.place)).all()
    if not queue:
        return []
    chosen, passed_over = _divide(session, occasion, slot, queue, people)
    chosen, now = chosen[:free_count], clock.now()
    last_place = chosen[-1].place if len(chosen) == free_count else queue[-1].place
    passed_over = [each for each in passed_over if each.place <= last_place]
    for each in passed_over:
        each.state, each.ended_at = WaitState.PASSED_OVER, now
    for each in chosen:
        each.state, each.ended_at = WaitState.PLACED, now
    rows = _placed(session, occasion, slot, chosen)
    _tell(session, occasion, slot, chosen, passed_over)
    session.flush()
    return rows


def end_waits(session: Session, occasion: Occasion, *, member_id: UUID | None = None) -> None:
    """End the waits at an occasion, of one member who got a place, or of all: it is called off."""
    slots = select(Slot.id).where(
        Slot.community_id == occasion.community_id, Slot.occasion_id == occasion.id
    )
    of_whom = [Wait.member_id == member_id] if member_id else []
    session.execute(
        update(Wait)
        .where(
            Wait.community_id == occasion.community_id,
            Wait.slot_id.in_(slots),
            Wait.state == WaitState.WAITING,
            *of_whom,
        )
        .values(state=WaitState.LEFT, ended_at=clock.now())
        .execution_options(synchronize_session=False)
    )


# ---------------------------------------------------------------- private


def _open_waits(slot: Slot) -> Select[Wait]:
    return (
        select(Wait)
        .where(
            Wait.community_id == slot.community_id,
            Wait.slot_id == slot.id,
            Wait.state == WaitState.WAITING,
        )
        .execution_options(populate_existing=True)
    )


def _require_reason_to_wait(
    session: Session, actor: Actor, member: Member, slot: Slot, occasion: Occasion
) -> None:
    until = timing.withdraw_until(slot.starts_at)
    if clock.now() > until:
        raise TooLateToWait(until=places.said(session, actor, until))
    row = session.scalars(places.row_of(member, occasion)).one_or_none()
    if row is not None and row.state is not AttendanceState.WITHDRAWN:
        raise OnTheList(title=occasion.title)
    if slot.enrolled_count < slot.capacity:
        raise PlacesFree(free=slot.capacity - slot.enrolled_count)
    places.refuse_overlap(session, actor, member, slot)


def _divide(
    session: Session,
    occasion: Occasion,
    slot: Slot,
    queue: Sequence[Wait],
    people: Mapping[UUID, Member],
) -> tuple[list[Wait], list[Wait]]:
    """Divide the queue into who can come and who cannot, each in the order of asking."""
    held = places.held_elsewhere(occasion.community_id, people.keys(), occasion.id)
    busy = set(
        session.scalars(
            held.with_only_columns(Attendance.member_id).where(
                Slot.starts_at < slot.ends_at, Slot.ends_at > slot.starts_at
            )
        )
    )
    able = [
        each
        for each in queue
        if people[each.member_id].status is MemberStatus.ACTIVE and each.member_id not in busy
    ]
    return able, [each for each in queue if each not in able]


def _placed(
    session: Session, occasion: Occasion, slot: Slot, chosen: Sequence[Wait]
) -> list[Attendance]:
    """Put those chosen on the list, all places taken by one guarded statement."""
    if not chosen:
        return []
    taken = session.execute(
        update(Slot)
        .where(
            Slot.community_id == slot.community_id,
            Slot.id == slot.id,
            Slot.enrolled_count + len(chosen) <= Slot.capacity,
        )
        .values(enrolled_count=Slot.enrolled_count + len(chosen))
        .execution_options(synchronize_session=False)
    )
    assert cast("CursorResult[object]", taken).rowcount == 1, "the occasion is held"
    session.expire(slot, ["enrolled_count"])
    known = {
        row.member_id: row
        for row in session.scalars(
            select(Attendance).where(
                Attendance.community_id == occasion.community_id,
                Attendance.occasion_id == occasion.id,
                Attendance.member_id.in_([each.member_id for each in chosen]),
            )
        )
    }
    rows = []
    for each in chosen:
        row = known.get(each.member_id) or places.fresh_row(
            occasion.community_id, each.member_id, occasion.id
        )
        row.slot_id, row.state = slot.id, AttendanceState.ENROLLED
        row.enrolled_at = clock.now()
        rows.append(row)
    session.add_all(rows)
    return rows


def _tell(
    session: Session,
    occasion: Occasion,
    slot: Slot,
    chosen: Sequence[Wait],
    passed_over: Sequence[Wait],
) -> None:
    facts = notices.facts(session, occasion, slot.starts_at)
    outbox.write(
        session,
        occasion.community_id,
        [
            *(
                Notice(each.member_id, MessageKind.PLACE_GIVEN, facts, f"place:{each.id.hex}")
                for each in chosen
            ),
            *(
                Notice(each.member_id, MessageKind.PASSED_OVER, facts, f"place:{each.id.hex}")
                for each in passed_over
            ),
        ],
    )
