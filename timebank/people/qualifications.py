"""What members have been trained for: granted by a social worker, valid until a day.

Invariants: nobody grants their own; what the dates were before stands in the audit.
"""

from datetime import date
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from ledger import clock
from ledger.errors import N_, Invalid, NotAllowed
from timebank import audit
from timebank.actors import Actor, Permission
from timebank.people import members, organisations
from timebank.people.qualification_models import Qualification, QualificationKind


class OwnQualification(NotAllowed):
    """Nobody vouches for themselves."""

    code = "own_qualification"
    message = N_("A qualification of your own has to be entered by somebody else.")


class ExpiresTooEarly(Invalid):
    """The last valid day is over, or before the first one."""

    code = "expires_too_early"
    message = N_("Valid until %(expires_on)s is over already, or before the day it begins.")


def grant(
    session: Session,
    actor: Actor,
    *,
    member_id: UUID,
    kind: QualificationKind,
    granted_on: date,
    expires_on: date,
) -> Qualification:
    """Enter what a member was trained for; a newer course moves the dates of the same kind.

    Args:
        session: a write session.
        actor: a social worker, not the member.
        member_id: who.
        kind: for what.
        granted_on: the first valid day.
        expires_on: the last valid day, today or later.

    Raises:
        NotAllowed: `not_allowed`; OwnQualification: `own_qualification`.
        MemberNotFound: `not_found`.
        ExpiresTooEarly: `expires_too_early`.
    """
    actor.require(Permission.PLAN_SERVICE)
    member = members.locked_member(session, actor, member_id)
    if member.id == actor.member_id:
        raise OwnQualification
    community = organisations.get_community(session, actor.community_id)
    if expires_on < max(granted_on, clock.today(community.time_zone)):
        raise ExpiresTooEarly(expires_on=expires_on.isoformat())
    row = session.get(Qualification, (actor.community_id, member_id, kind))
    if row is None:
        row = Qualification(community_id=actor.community_id, member_id=member_id, kind=kind)
        session.add(row)
    row.granted_on, row.expires_on = granted_on, expires_on
    row.granted_by_id = actor.member_id
    audit.record(
        session,
        actor,
        "grant_qualification",
        f"member:{member_id}",
        kind=kind.value,
        granted_on=granted_on.isoformat(),
        expires_on=expires_on.isoformat(),
    )
    session.flush()
    return row


def take_back(session: Session, actor: Actor, *, member_id: UUID, kind: QualificationKind) -> None:
    """Take a qualification away that was entered wrongly; again changes nothing.

    Raises:
        NotAllowed: `not_allowed`.
        MemberNotFound: `not_found`.
    """
    actor.require(Permission.PLAN_SERVICE)
    members.locked_member(session, actor, member_id)
    row = session.get(Qualification, (actor.community_id, member_id, kind))
    if row is not None:
        session.delete(row)
        audit.record(
            session, actor, "take_qualification_back", f"member:{member_id}", kind=kind.value
        )
        session.flush()


def qualifications_of(session: Session, actor: Actor, member_id: UUID) -> list[Qualification]:
    """Return what a member was trained for, expired ones too, by kind.

    Raises:
        NotAllowed: `not_allowed`, for another member by somebody who plans no service.
    """
    actor.require(
        Permission.SEE_OWN_RECORD if member_id == actor.member_id else Permission.PLAN_SERVICE
    )
    return list(
        session.scalars(
            select(Qualification)
            .where(
                Qualification.community_id == actor.community_id,
                Qualification.member_id == member_id,
            )
            .order_by(Qualification.kind)
        )
    )


def is_qualified(
    session: Session, community_id: UUID, member_id: UUID, kind: QualificationKind, day: date
) -> bool:
    """Tell whether a member holds a kind that is valid on a day."""
    row = session.get(Qualification, (community_id, member_id, kind))
    return row is not None and row.is_valid_on(day)
