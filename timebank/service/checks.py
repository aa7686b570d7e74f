"""Checks of what was typed, and the look-ups that every service rule starts with.

Invariant: whatever is found lies inside the actor's community; what lies outside is not there.
"""

import unicodedata
from typing import TypeVar
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from ledger.base import Base
from timebank.actors import Actor, Role
from timebank.people.models import Community, Member, MemberRole, MemberStatus
from timebank.service.errors import NotALeader, NotHere, Suspended, WrongField

ModelT = TypeVar("ModelT", bound=Base)

LEADING_ROLES = (Role.LEADER, Role.SOCIAL_WORKER)


def text(field: str, value: str, length_max: int) -> str:
    """Return `value` without outer blanks and without characters that nobody sees.

    Those of no width come along with text that was copied; those that turn the direction of
    writing would let a title be read as another. Only the joiners inside an emoji stay.

    Raises:
        WrongField: `wrong_field`, when nothing or too much is left, or a control character is in
        it.
    """
    normal = unicodedata.normalize("NFC", value)
    value = "".join(char for char in normal if not _is_unseen(char)).strip().strip("\u200d")
    if not 1 <= len(value) <= length_max:
        raise WrongField(field=field, expected=f"1–{length_max}")
    if any(unicodedata.category(char) in {"Cc", "Cs", "Zl", "Zp"} for char in value):
        raise WrongField(field=field, expected=f"1–{length_max}")
    return value


def _is_unseen(char: str) -> bool:
    return unicodedata.category(char) == "Cf" and char != "\u200d"


def number(field: str, value: int, minimum: int, maximum: int) -> int:
    """Return `value` if it lies in the range.

    Raises:
        WrongField: `wrong_field`.
    """
    if not minimum <= value <= maximum:
        raise WrongField(field=field, expected=f"{minimum}–{maximum}")
    return value


def fetch(session: Session, actor: Actor, model: type[ModelT], key: UUID, thing: str) -> ModelT:
    """Return one row of the actor's community.

    Args:
        session: any session.
        actor: whose community is searched.
        model: a table whose key is (community_id, id).
        key: the id.
        thing: what the refusal calls it.

    Raises:
        NotHere: `not_found`, also for a row of another community.
    """
    row = session.get(model, (actor.community_id, key))
    if row is None:
        raise NotHere(thing=thing)
    return row


def community_of(session: Session, actor: Actor) -> Community:
    """Return the community the actor is in."""
    return session.get_one(Community, actor.community_id)


def lock_member(session: Session, community_id: UUID, member_id: UUID) -> Member:
    """Return a member with the row locked until the end of the database transaction.

    Everything that decides about one person's places and times takes this lock first, so that two
    taps, two tablets or two occasions decide one after the other. The lock does not hold up rows
    that merely refer to the member.

    Raises:
        NotHere: `not_found`.
    """
    member = session.scalars(
        select(Member)
        .where(Member.community_id == community_id, Member.id == member_id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    ).one_or_none()
    if member is None:
        raise NotHere(thing="member")
    return member


def require_active(member: Member) -> None:
    """Refuse (409 `suspended`) who is suspended or has left."""
    if member.status is not MemberStatus.ACTIVE:
        raise Suspended(name=member.name)


def require_leader(session: Session, actor: Actor, member_id: UUID) -> Member:
    """Return the member who is to lead an occasion.

    Raises:
        NotHere: `not_found`.
        NotALeader: `not_a_leader`, when neither leader nor social worker, or not active.
    """
    member = fetch(session, actor, Member, member_id, "member")
    roles = session.scalars(
        select(MemberRole.role).where(
            MemberRole.community_id == actor.community_id, MemberRole.member_id == member_id
        )
    ).all()
    if member.status is not MemberStatus.ACTIVE or not set(roles) & set(LEADING_ROLES):
        raise NotALeader(name=member.name)
    return member
