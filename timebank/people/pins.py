"""The PIN of a member: 4 to 6 digits that a card asks for above a limit.

Five wrong tries lock it.
"""

from typing import Final
from uuid import UUID

from sqlalchemy.orm import Session

from timebank import audit
from timebank.actors import Actor, Permission
from timebank.people import passwords
from timebank.people.errors import PinLocked, PinMissing, PinRequired, PinWrong
from timebank.people.members import get_member, locked_member, require_right_over
from timebank.people.models import Member
from timebank.people.sign_ins import check_not_shared

TRIES_MAX: Final = 5


def set_pin(session: Session, actor: Actor, member_id: UUID, *, pin: str) -> Member:
    """Set a PIN, one's own or (with `manage_members`) a member's; a locked one is open again.

    Raises:
        MemberNotFound: (`member_not_found`).
        NotAllowed: somebody else's, without the right over them (`not_allowed`).
        SharedPerson: somebody else's who belongs to another community too (`shared_person`).
        PinInvalid: (`pin_invalid`).
    """
    if member_id != actor.member_id:
        actor.require(Permission.MANAGE_MEMBERS)
    passwords.check_pin(pin)
    member = locked_member(session, actor, member_id)
    if member_id != actor.member_id:
        require_right_over(session, actor, member_id)
        check_not_shared(session, actor, member)
    member.pin_hash = passwords.hashed(pin)
    member.pin_failed_count = 0
    audit.record(session, actor, "set_pin", f"member:{member.id}")
    session.flush()
    return member


def check_pin(session: Session, member: Member, pin: str | None) -> None:
    """Let a right PIN through; count a wrong one.

    Call it before anything else is written: the count of a wrong PIN is committed although the
        request is refused.

    Args:
        session: a write session; the member's row is locked, so tries queue up.
        member: whose PIN.
        pin: as typed; None when none was typed yet.

    Raises:
        PinMissing: the member has none (`pin_missing`).
        PinLocked: five wrong tries (`pin_locked`).
        PinRequired: none was typed (`pin_required`).
        PinWrong: counted, with the tries left (`pin_wrong`).
    """
    session.refresh(member, with_for_update=True)
    if member.pin_hash is None:
        raise PinMissing(name=member.name)
    if member.pin_failed_count >= TRIES_MAX:
        raise PinLocked(tries=TRIES_MAX)
    if not pin:
        raise PinRequired
    if not passwords.matches(member.pin_hash, pin):
        member.pin_failed_count += 1
        session.flush()
        raise PinWrong(left=TRIES_MAX - member.pin_failed_count)
    if member.pin_failed_count:
        member.pin_failed_count = 0
        session.flush()


def has_pin(session: Session, actor: Actor) -> bool:
    """Tell whether the actor has a PIN."""
    assert actor.member_id is not None, "the system has no PIN"
    return get_member(session, actor, actor.member_id).pin_hash is not None
