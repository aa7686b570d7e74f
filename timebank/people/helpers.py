"""Helpers: who may come to the shop for a member who cannot come themself.

Words: a member *agrees* that a *helper* comes for them; staff who is neither of the two writes it
down; it holds until it is ended.

Invariants: nobody writes down an agreement of their own; what was agreed stays, and is ended once.
"""

from dataclasses import dataclass
from datetime import date
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from ledger import clock
from ledger.base import refers
from ledger.errors import N_, Invalid, NotAllowed, NotFound, Refused
from ledger.ids import new_id
from timebank import audit
from timebank.actors import Actor, Permission
from timebank.people import members
from timebank.people.household_models import Helper
from timebank.people.models import Community, Member, MemberStatus


class HelpsThemself(Invalid):
    """Nobody is their own helper."""

    code = "helps_themself"
    message = N_("Member and helper must be two people.")


class RecordedByOneOfTwo(NotAllowed):
    """A third person writes it down."""

    code = "recorded_by_one_of_two"
    message = N_("You are one of the two, so somebody else must write this down.")


class AlreadyHelper(Refused):
    """It was written down before."""

    code = "already_helper"
    message = N_("%(helper)s already comes for %(name)s.")


class AgreedTooLate(Invalid):
    """An agreement lies in the past or is made today."""

    code = "agreed_too_late"
    message = N_("The day of the agreement cannot lie in the future.")


class HelperNotFound(NotFound):
    """No such agreement in this community."""

    code = "helper_not_found"
    message = N_("There is no such agreement here.")


@dataclass(frozen=True, slots=True)
class Agreement:
    """Who comes for the member."""

    row: Helper
    helper: Member


def agree(
    session: Session, actor: Actor, *, member_id: UUID, helper_id: UUID, agreed_on: date
) -> Helper:
    """Write down that a member agreed that another comes for them.

    Args:
        session: write session.
        actor: needs `manage_members`; neither of the two.
        member_id: who cannot come.
        helper_id: who comes.
        agreed_on: today or before.

    Raises:
        MemberNotFound, HelpsThemself, RecordedByOneOfTwo, AgreedTooLate, AlreadyHelper:
            not_found, helps_themself, recorded_by_one_of_two, agreed_too_late, already_helper.
    """
    actor.require(Permission.MANAGE_MEMBERS)
    if member_id == helper_id:
        raise HelpsThemself
    first, second = sorted((member_id, helper_id))
    both = {id_: members.locked_member(session, actor, id_) for id_ in (first, second)}
    if actor.member_id in both:
        raise RecordedByOneOfTwo
    community = session.get_one(Community, actor.community_id)
    if agreed_on > clock.today(community.time_zone):
        raise AgreedTooLate
    if has_agreed(session, both[member_id], both[helper_id]):
        raise AlreadyHelper(name=both[member_id].name, helper=both[helper_id].name)
    row = Helper(
        community_id=actor.community_id,
        id=new_id(),
        member_id=member_id,
        helper_member_id=helper_id,
        agreed_on=agreed_on,
        recorded_by_id=actor.member_id,
        recorded_at=clock.now(),
    )
    session.add(row)
    session.flush()
    return row


def end(session: Session, actor: Actor, *, helper_row_id: UUID) -> Helper:
    """End an agreement; once more changes nothing.

    Raises:
        HelperNotFound: helper_not_found.
    """
    actor.require(Permission.MANAGE_MEMBERS)
    row = session.scalars(
        sa.select(Helper)
        .where(Helper.community_id == actor.community_id, Helper.id == helper_row_id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    ).one_or_none()
    if row is None:
        raise HelperNotFound
    if row.ended_at is None:
        row.ended_at = clock.now()
        audit.record(session, actor, "end_helper", f"helper:{row.id}")
        session.flush()
    return row


def list_agreed(session: Session, actor: Actor, *, member_id: UUID) -> list[Agreement]:
    """Return who comes for a member now, the longest agreed first.

    Raises:
        MemberNotFound: not_found.
    """
    actor.require(Permission.MANAGE_MEMBERS)
    return agreed(session, members.get_member(session, actor, member_id))


def agreed(session: Session, member: Member) -> list[Agreement]:
    """Return who comes for a member now, to a rule that has asked for its own permission."""
    rows = session.execute(
        sa.select(Helper, Member)
        .join(Member, refers(Helper.helper_member_id, Member))
        .where(
            Helper.community_id == member.community_id,
            Helper.member_id == member.id,
            Helper.ended_at.is_(None),
            Member.status == MemberStatus.ACTIVE,
        )
        .order_by(Helper.agreed_on, Helper.id)
    )
    return [Agreement(row, helper) for row, helper in rows]


def has_agreed(session: Session, member: Member, helper: Member) -> bool:
    """Tell whether a member agreed that this helper comes for them."""
    found = session.scalar(
        sa.select(Helper.id).where(
            Helper.community_id == member.community_id,
            Helper.member_id == member.id,
            Helper.helper_member_id == helper.id,
            Helper.ended_at.is_(None),
        )
    )
    return found is not None
