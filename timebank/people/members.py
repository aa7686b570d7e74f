"""Members: add, edit, suspend, return, leave, list; and the roles they hold.

Invariants: numbers V0001… are gapless per community and never given twice; a member is never
deleted; accounts are opened with the member; another
community's member is not there; every change leaves an audit row without personal data.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from ledger import clock
from ledger.ids import new_id
from timebank import audit, chart
from timebank.actors import Actor, Permission, Role
from timebank.codes import new_alias
from timebank.people.errors import (
    MemberNotFound,
    OwnRecord,
    ReasonMissing,
    StatusUnchanged,
)
from timebank.people.models import Community, Member, MemberRole, MemberStatus
from timebank.people.names import checked_name

TEAM_LENGTH_MAX: Final = 60
REASON_LENGTH_MAX: Final = 200
LIST_COUNT_MAX: Final = 20_000
ROLES_GIVEN_BY_ADMINISTRATORS: Final = frozenset(
    {Role.SOCIAL_WORKER, Role.AUDITOR, Role.ADMINISTRATOR}
)
"""Who may manage members or read everything is decided by an administrator alone."""


class MemberOrder(StrEnum):
    """How a list of members is sorted."""

    NUMBER = "number"
    NAME = "name"
    JOINED = "joined"
    TEAM = "team"


# ---------------------------------------------------------------- adding and changing


def add_member(
    session: Session,
    actor: Actor,
    *,
    name: str,
    team: str = "",
    roles: frozenset[Role] = frozenset({Role.VOLUNTEER}),
    member_id: UUID | None = None,
) -> Member:
    """Add a member with the next number, an alias and accounts.

    A sign-in is a step of its own (`sign_ins.give_sign_in`).

    Args:
        session: a write session; the community's counter is locked until it ends.
        actor: needs `manage_members`; roles above volunteer, leader and clerk need `administer`.
        name: 1 to 60 characters.
        team: the team's name, at most 60 characters; empty for none.
        roles: held from the start.
        member_id: made by the sender, so that a form sent twice adds one member: the second time
            the member is returned as added before. None makes one here.

    Raises:
        NameInvalid: (`name_invalid`).
        NotAllowed: (`not_allowed`).
    """
    actor.require(Permission.MANAGE_MEMBERS)
    _require_right_to_give(actor, roles)
    name = checked_name(name)
    # Locked first: numbers stay gapless, and a twin of this request waits and finds the member.
    community = session.get_one(Community, actor.community_id, with_for_update=True)
    known = session.get(Member, (actor.community_id, member_id)) if member_id else None
    if known is not None:
        return known
    community.last_member_number += 1
    number = community.last_member_number
    accounts = chart.open_member_accounts(session, actor.community_id, number)
    member = Member(
        community_id=actor.community_id,
        id=member_id or new_id(),
        number=number,
        name=name,
        joined_on=clock.today(community.time_zone),
        team=_checked_team(team),
        alias=_free_alias(session, actor.community_id),
        service_account_id=accounts.service_id,
        points_account_id=accounts.points_id,
    )
    session.add(member)
    session.flush()
    session.add_all(
        MemberRole(community_id=actor.community_id, member_id=member.id, role=role)
        for role in sorted(roles)
    )
    audit.record(session, actor, "add_member", f"member:{member.id}", roles=sorted(roles))
    session.flush()
    return member


def edit_member(session: Session, actor: Actor, member_id: UUID, *, name: str, team: str) -> Member:
    """Change name and team; issued certificates keep the name they were issued with.

    Raises:
        MemberNotFound: (`member_not_found`).
        NameInvalid: (`name_invalid`).
    """
    actor.require(Permission.MANAGE_MEMBERS)
    member = locked_member(session, actor, member_id)
    changed = [
        field
        for field, value in (("name", checked_name(name)), ("team", _checked_team(team)))
        if getattr(member, field) != value
    ]
    member.name, member.team = checked_name(name), _checked_team(team)
    if changed:
        audit.record(session, actor, "edit_member", f"member:{member.id}", fields=changed)
    session.flush()
    return member


def suspend(session: Session, actor: Actor, member_id: UUID, *, reason: str) -> Member:
    """Let a member take no part for a while; the record stays, the roles sleep.

    Raises:
        OwnRecord: nobody suspends themselves (`own_record`).
        NotAllowed: as of `require_right_over` (`not_allowed`).
        StatusUnchanged: not active (`status_unchanged`).
        ReasonMissing: (`reason_missing`).
    """
    return _change_status(session, actor, member_id, {MemberStatus.ACTIVE}, "suspend", reason)


def let_return(session: Session, actor: Actor, member_id: UUID, *, reason: str) -> Member:
    """Let a suspended member, or one who left, take part again under the old number."""
    origins = {MemberStatus.SUSPENDED, MemberStatus.LEFT}
    return _change_status(session, actor, member_id, origins, "let_return", reason)


def let_leave(session: Session, actor: Actor, member_id: UUID, *, reason: str) -> Member:
    """Let a member leave; number, record and accounts stay in the book."""
    origins = {MemberStatus.ACTIVE, MemberStatus.SUSPENDED}
    return _change_status(session, actor, member_id, origins, "let_leave", reason)


STANDING_RULES: Final = {"suspend": suspend, "let_return": let_return, "let_leave": let_leave}
"""The changes of standing by name, for whoever offers the choice."""
_WANTED: Final = {
    "suspend": MemberStatus.SUSPENDED,
    "let_return": MemberStatus.ACTIVE,
    "let_leave": MemberStatus.LEFT,
}


def _change_status(  # the three changes differ by these words only
    session: Session,
    actor: Actor,
    member_id: UUID,
    origins: set[MemberStatus],
    action: str,
    reason: str,
) -> Member:
    actor.require(Permission.MANAGE_MEMBERS)
    member = locked_member(session, actor, member_id)
    if member.id == actor.member_id:
        raise OwnRecord
    require_right_over(session, actor, member_id)
    if not reason.strip() or len(reason) > REASON_LENGTH_MAX:
        raise ReasonMissing(max=REASON_LENGTH_MAX)
    if member.status not in origins:
        raise StatusUnchanged(name=member.name, status=member.status.value)
    member.status = _WANTED[action]
    audit.record(session, actor, action, f"member:{member.id}", reason=reason.strip())
    session.flush()
    return member


# ---------------------------------------------------------------- roles


def set_roles(session: Session, actor: Actor, member_id: UUID, *, roles: frozenset[Role]) -> Member:
    """Let the member hold exactly these roles.

    Raises:
        OwnRecord: nobody changes their own roles (`own_record`).
        NotAllowed: social worker, auditor and administrator are given and taken by an administrator
            (`not_allowed`).
        MemberNotFound: (`member_not_found`).
    """
    actor.require(Permission.MANAGE_MEMBERS)
    member = locked_member(session, actor, member_id)
    if member.id == actor.member_id:
        raise OwnRecord
    present = roles_of(session, actor, member_id)
    _require_right_to_give(actor, present ^ roles)
    mine = (MemberRole.community_id == actor.community_id, MemberRole.member_id == member_id)
    session.execute(sa.delete(MemberRole).where(*mine, MemberRole.role.in_(present - roles)))
    session.add_all(
        MemberRole(community_id=actor.community_id, member_id=member_id, role=role)
        for role in sorted(roles - present)
    )
    if present != roles:
        audit.record(
            session,
            actor,
            "set_roles",
            f"member:{member_id}",
            granted=sorted(roles - present),
            revoked=sorted(present - roles),
        )
    session.flush()
    return member


def roles_of(session: Session, actor: Actor, member_id: UUID) -> frozenset[Role]:
    """Return the roles a member of the actor's community holds."""
    return frozenset(
        session.scalars(
            sa.select(MemberRole.role).where(
                MemberRole.community_id == actor.community_id, MemberRole.member_id == member_id
            )
        )
    )


def require_right_over(session: Session, actor: Actor, member_id: UUID) -> None:
    """Refuse whoever could take over a member with more rights than they may give.

    Whoever sets a password, a PIN or a standing holds the member's roles, or ends them.

    Raises:
        NotAllowed: the member is social worker, auditor or administrator, which is for an
            administrator (`not_allowed`).
    """
    _require_right_to_give(actor, roles_of(session, actor, member_id))


def has_right_over(actor: Actor, roles: frozenset[Role]) -> bool:
    """Tell whether `require_right_over` lets the actor change a member of these roles."""
    return actor.may(Permission.ADMINISTER) or not roles & ROLES_GIVEN_BY_ADMINISTRATORS


def _require_right_to_give(actor: Actor, roles: frozenset[Role]) -> None:
    if not has_right_over(actor, roles):
        actor.require(Permission.ADMINISTER)


# ---------------------------------------------------------------- finding


def get_member(session: Session, actor: Actor, member_id: UUID) -> Member:
    """Return a member of the actor's community.

    Raises:
        MemberNotFound: not there, or another community's (`member_not_found`).
    """
    member = session.get(Member, (actor.community_id, member_id))
    if member is None:
        raise MemberNotFound
    return member


def member_by_number(session: Session, actor: Actor, *, number: int) -> Member:
    """Return the member with a volunteer number in the actor's community.

    Raises:
        MemberNotFound: `member_not_found`.
    """
    found = session.scalar(
        sa.select(Member).where(
            Member.community_id == actor.community_id, Member.number == min(max(number, 0), 10**8)
        )
    )
    if found is None:
        raise MemberNotFound
    return found


def show_member(session: Session, actor: Actor, member_id: UUID) -> Member:
    """Return a member's record to somebody who manages members, or to the member.

    Raises:
        MemberNotFound: not there, or not for the actor's eyes: the two answer alike
            (`member_not_found`).
    """
    if member_id != actor.member_id and not actor.may(Permission.MANAGE_MEMBERS):
        raise MemberNotFound
    return get_member(session, actor, member_id)


def locked_member(session: Session, actor: Actor, member_id: UUID) -> Member:
    """Return a member of the actor's community, locked until the session ends."""
    member = session.get(Member, (actor.community_id, member_id), with_for_update=True)
    if member is None:
        raise MemberNotFound
    return member


@dataclass(frozen=True, slots=True)
class MemberPage:
    """Some members of a list, with the number of all that fit."""

    members: Sequence[Member]
    total_count: int


def list_members(  # a list is filtered, sorted and cut
    session: Session,
    actor: Actor,
    *,
    search: str = "",
    order: MemberOrder = MemberOrder.NUMBER,
    limit: int = 50,
    offset: int = 0,
) -> MemberPage:
    """Return members of the actor's community.

    Args:
        session: a read session.
        actor: needs `manage_members`.
        search: part of a name or team, or a number such as V0012; empty for all.
        order: how they are sorted; equal ones by number.
        limit: at most so many, up to 20,000.
        offset: how many to pass over.
    """
    actor.require(Permission.MANAGE_MEMBERS)
    assert 0 < limit <= LIST_COUNT_MAX, "a page has a limit"
    found = sa.select(Member).where(Member.community_id == actor.community_id)
    if search.strip():
        found = found.where(_fits(search.strip()))
    columns = {
        MemberOrder.NUMBER: Member.number,
        MemberOrder.NAME: Member.name,
        MemberOrder.JOINED: Member.joined_on.desc(),
        MemberOrder.TEAM: Member.team,
    }
    total = session.scalar(sa.select(sa.func.count()).select_from(found.subquery())) or 0
    page = found.order_by(columns[order], Member.number).limit(limit).offset(offset)
    return MemberPage(members=session.scalars(page).all(), total_count=total)


def _fits(search: str) -> sa.ColumnElement[bool]:
    """Return the condition of a search: the text is taken as it is, % and _ included."""
    digits = search[1:] if search[:1] in {"V", "v"} else search
    conditions = [
        Member.name.icontains(search, autoescape=True),
        Member.team.icontains(search, autoescape=True),
    ]
    if digits.isascii() and digits.isdigit() and len(digits) < 9:
        conditions.append(Member.number == int(digits))
    return sa.or_(*conditions)


def _checked_team(team: str) -> str:
    return checked_name(team) if team.strip() else ""


def _free_alias(session: Session, community_id: UUID) -> str:
    """Return an alias nobody in the community has.

    The community's row is locked, so no twin takes it meanwhile.
    """
    while True:
        alias = new_alias()
        taken = sa.select(Member.id).where(
            Member.community_id == community_id, Member.alias == alias
        )
        if session.scalar(taken) is None:
            return alias
