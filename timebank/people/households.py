"""Households: who keeps house together, for the limit that they have in common.

Invariants: a member belongs to one household at most; whoever looks at one is written down; the
label says where, never who.
"""

from dataclasses import dataclass
from typing import Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from ledger import clock
from ledger.base import refers
from ledger.errors import N_, Invalid, NotFound, Refused
from ledger.ids import new_id
from timebank import audit
from timebank.actors import Actor, Permission
from timebank.people import members
from timebank.people.household_models import LABEL_LENGTH_MAX, Household, HouseholdMember
from timebank.people.models import Member

MEMBERS_MAX: Final = 20


class HouseholdNotFound(NotFound):
    """No such household in this community."""

    code = "household_not_found"
    message = N_("There is no such household here.")


class HouseholdLabelInvalid(Invalid):
    """A household is found by its label."""

    code = "household_label_invalid"
    message = N_("Please write in 1 to %(length_max)s characters where the household lives.")


class InAnotherHousehold(Refused):
    """A member belongs to one household."""

    code = "in_another_household"
    message = N_("%(name)s belongs to a household already. Take them out of it first.")


class HouseholdFull(Refused):
    """A household has only so many members."""

    code = "household_full"
    message = N_("A household has at most %(members_max)s members.")


@dataclass(frozen=True, slots=True)
class Home:
    """A household with its members."""

    household: Household
    members: tuple[Member, ...]


def found(session: Session, actor: Actor, *, label: str, member_id: UUID, nonce: str) -> Home:
    """Make a household with its first member; the same nonce is the same household.

    Args:
        session: write session.
        actor: needs `manage_members`.
        label: 1 to 60 characters: where it is.
        member_id: who lives there.
        nonce: the form's own number.

    Raises:
        MemberNotFound, HouseholdLabelInvalid, InAnotherHousehold: not_found,
            household_label_invalid, in_another_household.
    """
    actor.require(Permission.MANAGE_MEMBERS)
    written = label.strip()
    if not 1 <= len(written) <= LABEL_LENGTH_MAX or not written.isprintable():
        raise HouseholdLabelInvalid(length_max=LABEL_LENGTH_MAX)
    member = members.locked_member(session, actor, member_id)
    known = session.scalar(
        sa.select(Household.id).where(
            Household.community_id == actor.community_id, Household.nonce == nonce
        )
    )
    if known is None:
        _refuse_elsewhere(session, member)
        known = new_id()
        session.add(
            Household(
                community_id=actor.community_id,
                id=known,
                nonce=nonce,
                label=written,
                created_at=clock.now(),
            )
        )
        session.flush()
        _add(session, actor, known, member)
    return _read(session, actor, known)


def join(session: Session, actor: Actor, *, household_id: UUID, member_id: UUID) -> Home:
    """Take a member into a household; once more changes nothing.

    Raises:
        HouseholdNotFound, MemberNotFound, InAnotherHousehold, HouseholdFull: household_not_found,
            not_found, in_another_household, household_full.
    """
    actor.require(Permission.MANAGE_MEMBERS)
    member = members.locked_member(session, actor, member_id)
    home = _read(session, actor, household_id, lock=True)
    if member.id in {each.id for each in home.members}:
        return home
    _refuse_elsewhere(session, member)
    if len(home.members) >= MEMBERS_MAX:
        raise HouseholdFull(members_max=MEMBERS_MAX)
    _add(session, actor, household_id, member)
    return _read(session, actor, household_id)


def leave(session: Session, actor: Actor, *, household_id: UUID, member_id: UUID) -> Home:
    """Take a member out of a household; once more changes nothing.

    Raises:
        HouseholdNotFound, MemberNotFound: household_not_found, not_found.
    """
    actor.require(Permission.MANAGE_MEMBERS)
    member = members.locked_member(session, actor, member_id)
    _read(session, actor, household_id, lock=True)
    row = session.get(HouseholdMember, (actor.community_id, household_id, member.id))
    if row is not None:
        session.delete(row)
        subject = f"household:{household_id}"
        audit.record(session, actor, "leave_household", subject, member_id=str(member.id))
        session.flush()
    return _read(session, actor, household_id)


def look_at(session: Session, actor: Actor, *, member_id: UUID) -> Home | None:
    """Return the household of a member, or None; the look is written down.

    Args:
        session: write session: who looks is recorded.
        actor: needs `manage_members`.
        member_id: whose.

    Raises:
        MemberNotFound: not_found.
    """
    actor.require(Permission.MANAGE_MEMBERS)
    member = members.get_member(session, actor, member_id)
    household_id = _household_of(session, member)
    if household_id is None:
        return None
    audit.record(session, actor, "see_household", f"household:{household_id}")
    session.flush()
    return _read(session, actor, household_id)


# ---------------------------------------------------------------- leaves


def _household_of(session: Session, member: Member) -> UUID | None:
    return session.scalar(
        sa.select(HouseholdMember.household_id).where(
            HouseholdMember.community_id == member.community_id,
            HouseholdMember.member_id == member.id,
        )
    )


def _refuse_elsewhere(session: Session, member: Member) -> None:
    if _household_of(session, member) is not None:
        raise InAnotherHousehold(name=member.name)


def _add(session: Session, actor: Actor, household_id: UUID, member: Member) -> None:
    session.add(
        HouseholdMember(
            community_id=actor.community_id, household_id=household_id, member_id=member.id
        )
    )
    subject = f"household:{household_id}"
    audit.record(session, actor, "join_household", subject, member_id=str(member.id))
    session.flush()


def _read(session: Session, actor: Actor, household_id: UUID, *, lock: bool = False) -> Home:
    query = sa.select(Household).where(
        Household.community_id == actor.community_id, Household.id == household_id
    )
    household = session.scalar(query.with_for_update(key_share=True) if lock else query)
    if household is None:
        raise HouseholdNotFound
    people = session.scalars(
        sa.select(Member)
        .join(HouseholdMember, refers(HouseholdMember.member_id, Member))
        .where(
            HouseholdMember.community_id == actor.community_id,
            HouseholdMember.household_id == household_id,
        )
        .order_by(Member.number)
    )
    return Home(household, tuple(people))
