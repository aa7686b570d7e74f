"""Swaps: a member asks for somebody to take a shift, a colleague says yes, the leader agrees.

The story: `ask` one colleague, or anybody; `take` it or `decline`; the leader of the occasion or a
social worker `decide`s. Until then the sign-up stays where it is; with the leader's yes it changes
hands in one transaction. Nothing is swapped once the shift has begun, so an open swap ends there by
itself.

Invariants: of two who say yes at once one wins (the swap's row is locked); every guard of a sign-up
is asked when the colleague says yes and again when the leader does; nobody decides about a swap of
their own. Locks: roster, swap, occasion, members by id.
"""

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from ledger import clock
from ledger.ids import new_id
from timebank import audit
from timebank.actors import Actor, Permission
from timebank.duty import able
from timebank.duty.errors import (
    CannotTake,
    NotAShift,
    NotOnShift,
    OwnSwap,
    SwapClosed,
    SwapOpen,
    SwapOver,
)
from timebank.duty.models import (
    OPEN_SWAPS,
    Assignment,
    AssignmentState,
    Roster,
    Swap,
    SwapState,
)
from timebank.messages import outbox
from timebank.messages.models import MessageKind
from timebank.messages.outbox import Notice
from timebank.people.models import Member
from timebank.service import checks, notices, places, waiting
from timebank.service.errors import NotHere
from timebank.service.models import Attendance, AttendanceState, Occasion, OccasionKind, Slot
from timebank.service.occasions import hold_occasion, lock_occasion, require_standing


def ask(
    session: Session, actor: Actor, *, slot_id: UUID, asked_member_id: UUID | None = None
) -> Swap:
    """Ask a colleague, or anybody, to take one's shift.

    Args:
        session: a write session.
        actor: the member who is on the list of the shift.
        slot_id: the shift.
        asked_member_id: one colleague, who is told; None asks anybody who can.

    Raises:
        NotAllowed: `not_allowed`.
        NotHere: `not_found`.
        OccasionCancelled, SwapOver, NotAShift, NotOnShift, SwapOpen, CannotTake: 409.
    """
    actor.require(Permission.TAKE_PART)
    slot, occasion = _shift(session, actor, slot_id)
    _require_time(session, actor, slot, occasion)
    if occasion.kind is not OccasionKind.DUTY_SHIFT:
        raise NotAShift(title=occasion.title)
    member_id = places.subject(actor, None)
    giver = checks.lock_member(session, actor.community_id, member_id)
    _require_on_list(session, giver, occasion, slot)
    if _open_swap(session, actor, slot_id, giver.id) is not None:
        raise SwapOpen
    if asked_member_id is not None:
        asked = checks.fetch(session, actor, Member, asked_member_id, "member")
        if asked.id == giver.id:
            raise CannotTake(name=asked.name, reason="on_the_list")
        able.require(session, occasion, slot, asked)
    now = clock.now()
    swap = Swap(
        community_id=actor.community_id,
        id=new_id(),
        slot_id=slot_id,
        member_id=giver.id,
        asked_member_id=asked_member_id,
        state=SwapState.ASKED,
        asked_at=now,
        changed_at=now,
    )
    session.add(swap)
    session.flush()
    if asked_member_id is not None:
        _tell(session, swap, occasion, slot, {asked_member_id: MessageKind.SWAP_ASKED})
    return swap


def take(session: Session, actor: Actor, *, swap_id: UUID) -> Swap:
    """Say yes to a colleague; the leader is told. Saying yes again changes nothing.

    Raises:
        NotAllowed: `not_allowed`.
        NotHere: `not_found`, also for a swap that asks somebody else.
        SwapClosed: `swap_closed`, somebody was faster.
        OccasionCancelled, SwapOver, NotOnShift, CannotTake: 409.
    """
    actor.require(Permission.TAKE_PART)
    swap = _lock_swap(session, actor, swap_id)
    _require_asked(actor, swap)
    if swap.state is SwapState.TAKEN and swap.taker_id == actor.member_id:
        return swap
    if swap.state is not SwapState.ASKED:
        raise SwapClosed
    slot, occasion = _shift(session, actor, swap.slot_id)
    people = _lock_people(session, actor, swap.member_id, places.subject(actor, None))
    _require_time(session, actor, slot, occasion)
    taker = people[places.subject(actor, None)]
    _require_on_list(session, people[swap.member_id], occasion, slot)
    able.require(session, occasion, slot, taker)
    _change(swap, SwapState.TAKEN)
    swap.taker_id = taker.id
    session.flush()
    _tell(session, swap, occasion, slot, {occasion.leader_member_id: MessageKind.SWAP_WAITS})
    return swap


def decline(session: Session, actor: Actor, *, swap_id: UUID) -> Swap:
    """Say no to a colleague, or take a yes back before the leader agreed.

    A swap that asks anybody is open again when its taker leaves it.

    Raises:
        NotAllowed: `not_allowed`.
        NotHere: `not_found`, the swap does not ask the actor.
        SwapClosed: `swap_closed`.
    """
    actor.require(Permission.TAKE_PART)
    swap = _lock_swap(session, actor, swap_id)
    if actor.member_id not in {swap.asked_member_id, swap.taker_id}:
        raise NotHere(thing="swap")
    if swap.state is SwapState.DECLINED:
        return swap
    if swap.state not in OPEN_SWAPS:
        raise SwapClosed
    if swap.asked_member_id is None:
        _change(swap, SwapState.ASKED)
        swap.taker_id = None
    else:
        _change(swap, SwapState.DECLINED)
    session.flush()
    slot, occasion = _shift(session, actor, swap.slot_id)
    _tell(session, swap, occasion, slot, {swap.member_id: MessageKind.SWAP_DECLINED})
    return swap


def withdraw(session: Session, actor: Actor, *, swap_id: UUID) -> Swap:
    """Ask no longer; again changes nothing.

    Raises:
        NotAllowed: `not_allowed`.
        NotHere: `not_found`, not the actor's.
        SwapClosed: `swap_closed`, it was decided.
    """
    actor.require(Permission.TAKE_PART)
    swap = _lock_swap(session, actor, swap_id)
    if swap.member_id != actor.member_id:
        raise NotHere(thing="swap")
    if swap.state is SwapState.WITHDRAWN:
        return swap
    if swap.state not in OPEN_SWAPS:
        raise SwapClosed
    _change(swap, SwapState.WITHDRAWN)
    session.flush()
    return swap


def decide(session: Session, actor: Actor, *, swap_id: UUID, agrees: bool) -> Swap:
    """Agree to a swap, or refuse it; with a yes the sign-up changes hands at once.

    Args:
        session: a write session.
        actor: the leader of the occasion, or a social worker.
        swap_id: a swap that a colleague has said yes to.
        agrees: yes or no.

    Raises:
        NotAllowed: `not_allowed`; OwnSwap: `own_swap`.
        NotHere: `not_found`.
        SwapClosed: `swap_closed`, decided or taken back.
        OccasionCancelled, SwapOver, NotOnShift, CannotTake: 409, as things stand now.
    """
    actor.require(Permission.RUN_OCCASION)
    roster = _lock_roster_of(session, actor, swap_id)
    swap = _lock_swap(session, actor, swap_id)
    slot = checks.fetch(session, actor, Slot, swap.slot_id, "slot")
    occasion = lock_occasion(session, actor, slot.occasion_id)
    if occasion.leader_member_id != actor.member_id:
        actor.require(Permission.PLAN_SERVICE)
    if actor.member_id in {swap.member_id, swap.taker_id}:
        raise OwnSwap
    if swap.state is not SwapState.TAKEN or swap.taker_id is None:
        raise SwapClosed
    people = _lock_people(session, actor, swap.member_id, swap.taker_id)
    if agrees:
        session.refresh(slot)
        _hand_over(session, actor, swap, (occasion, slot), people, roster)
    _change(swap, SwapState.AGREED if agrees else SwapState.REFUSED)
    swap.decided_by_id = actor.member_id
    audit.record(session, actor, "decide_swap", f"duty_swap:{swap.id}", agrees=agrees)
    session.flush()
    kind = MessageKind.SWAP_AGREED if agrees else MessageKind.SWAP_REFUSED
    _tell(session, swap, occasion, slot, {swap.member_id: kind, swap.taker_id: kind})
    return swap


# ---------------------------------------------------------------- private


def _hand_over(
    session: Session,
    actor: Actor,
    swap: Swap,
    shift: tuple[Occasion, Slot],
    people: dict[UUID, Member],
    roster: Roster | None,
) -> None:
    """Take the giver off the list and put the taker on it: the number of places stays."""
    occasion, slot = shift
    assert swap.taker_id is not None, "a taken swap has a taker"
    giver, taker = people[swap.member_id], people[swap.taker_id]
    _require_time(session, actor, slot, occasion)
    given = _require_on_list(session, giver, occasion, slot)
    able.require(session, occasion, slot, taker)
    given.state = AttendanceState.WITHDRAWN
    row = session.scalars(places.row_of(taker, occasion)).one_or_none() or places.fresh_row(
        taker.community_id, taker.id, occasion.id
    )
    row.slot_id, row.state, row.enrolled_at = slot.id, AttendanceState.ENROLLED, clock.now()
    session.add(row)
    waiting.end_waits(session, occasion, member_id=taker.id)
    if roster is not None:
        for member, state in ((giver, None), (taker, AssignmentState.PUBLISHED)):
            _move_assignment(session, roster, slot, member, state)


def _move_assignment(
    session: Session,
    roster: Roster,
    slot: Slot,
    member: Member,
    state: AssignmentState | None,
) -> None:
    """Let the roster know: the giver is off the shift, the taker is fixed there."""
    row = session.get(Assignment, (roster.community_id, roster.id, slot.id, member.id))
    if state is None and row is not None:
        session.delete(row)
    elif state is not None:
        if row is None:
            row = Assignment(
                community_id=roster.community_id,
                roster_id=roster.id,
                slot_id=slot.id,
                member_id=member.id,
            )
            session.add(row)
        row.state, row.is_fixed = state, True


def _shift(session: Session, actor: Actor, slot_id: UUID) -> tuple[Slot, Occasion]:
    """Return a shift whose occasion is held as it is."""
    slot = checks.fetch(session, actor, Slot, slot_id, "slot")
    occasion = hold_occasion(session, actor, slot.occasion_id)
    session.refresh(slot)
    return slot, occasion


def _require_time(session: Session, actor: Actor, slot: Slot, occasion: Occasion) -> None:
    require_standing(occasion)
    if clock.now() >= slot.starts_at:
        raise SwapOver(title=occasion.title, began=places.said(session, actor, slot.starts_at))


def _require_on_list(
    session: Session, member: Member, occasion: Occasion, slot: Slot
) -> Attendance:
    row = session.scalars(
        places.row_of(member, occasion).execution_options(populate_existing=True)
    ).one_or_none()
    if row is None or row.state is not AttendanceState.ENROLLED or row.slot_id != slot.id:
        raise NotOnShift(name=member.name)
    return row


def _require_asked(actor: Actor, swap: Swap) -> None:
    """Refuse a swap that asks somebody else, and one's own."""
    if swap.member_id == actor.member_id:
        raise OwnSwap
    if swap.asked_member_id not in {None, actor.member_id}:
        raise NotHere(thing="swap")


def _open_swap(session: Session, actor: Actor, slot_id: UUID, member_id: UUID) -> Swap | None:
    return session.scalars(
        select(Swap).where(
            Swap.community_id == actor.community_id,
            Swap.slot_id == slot_id,
            Swap.member_id == member_id,
            Swap.state.in_(OPEN_SWAPS),
        )
    ).one_or_none()


def _lock_swap(session: Session, actor: Actor, swap_id: UUID) -> Swap:
    swap = checks.fetch(session, actor, Swap, swap_id, "swap")
    session.refresh(swap, with_for_update=True)
    return swap


def _lock_roster_of(session: Session, actor: Actor, swap_id: UUID) -> Roster | None:
    """Return the roster of the giver's assignment, locked; it goes before the swap."""
    swap = checks.fetch(session, actor, Swap, swap_id, "swap")
    return session.scalars(
        select(Roster)
        .where(
            Roster.community_id == actor.community_id,
            Roster.id.in_(
                select(Assignment.roster_id).where(
                    Assignment.community_id == actor.community_id,
                    Assignment.slot_id == swap.slot_id,
                    Assignment.member_id == swap.member_id,
                    Assignment.state == AssignmentState.PUBLISHED,
                )
            ),
        )
        .with_for_update(key_share=True)
    ).first()


def _lock_people(session: Session, actor: Actor, *ids: UUID) -> dict[UUID, Member]:
    found = session.scalars(
        select(Member)
        .where(Member.community_id == actor.community_id, Member.id.in_(ids))
        .order_by(Member.id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    return {member.id: member for member in found}


def _change(swap: Swap, state: SwapState) -> None:
    swap.state, swap.changed_at = state, clock.now()


def _tell(
    session: Session,
    swap: Swap,
    occasion: Occasion,
    slot: Slot,
    kinds: dict[UUID, MessageKind],
) -> None:
    facts = notices.facts(session, occasion, slot.starts_at)
    event = new_id().hex
    outbox.write(
        session,
        swap.community_id,
        [
            Notice(member_id, kind, facts, f"swap:{event}:{member_id.hex}")
            for member_id, kind in kinds.items()
        ],
    )
