"""Who a request comes from: a person's standing in one community, read with one statement.

Words: a *standing* is person + member + community + roles at this moment. A suspended member keeps
the standing of a volunteer (they may
read their own record) and loses every other role; a member who left has none.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from ledger import clock
from ledger.base import refers
from timebank import codes
from timebank.actors import Actor, Role
from timebank.people.models import (
    ApiToken,
    Community,
    Member,
    MemberRole,
    MemberStatus,
    Person,
)

TOKEN_SEPARATOR = "."  # noqa: S105  # stands between community code and secret


@dataclass(frozen=True, slots=True)
class CommunityFacts:
    """What every page says about the community it belongs to."""

    id: UUID
    code: str
    name: str
    name_en: str
    time_zone: str


@dataclass(frozen=True, slots=True)
class Standing:
    """A member with the roles held now.

    `person_id` is None for a token of a member without a sign-in.
    """

    person_id: UUID | None
    session_epoch: int
    must_change_password: bool
    member_id: UUID
    name: str
    number: int
    team: str
    status: MemberStatus
    community: CommunityFacts
    roles: frozenset[Role]
    unread_count: int = 0
    """Messages that the member has not read."""

    @property
    def volunteer_number(self) -> str:
        """Return the printed number, such as V0001."""
        return f"V{self.number:04d}"

    @property
    def actor(self) -> Actor:
        """Return the member as the one who acts."""
        return Actor(
            community_id=self.community.id,
            member_id=self.member_id,
            roles=self.roles,
            name=self.name,
        )


# Only the table of messages is named here: the areas that write them stand on this one.
_message = sa.table("message", *map(sa.column, ("community_id", "member_id", "read_at")))
_UNREAD: Final = (
    sa.select(sa.func.count())
    .select_from(_message)
    .where(
        _message.c.community_id == Member.community_id,
        _message.c.member_id == Member.id,
        _message.c.read_at.is_(None),
    )
    .scalar_subquery()
)


def _standing_columns() -> sa.Select[*tuple[Any, ...]]:
    return (
        sa.select(
            Member.person_id,
            Person.session_epoch,
            Person.must_change_password,
            Member.id.label("member_id"),
            Member.name,
            Member.number,
            Member.team,
            Member.status,
            Community.community_id,
            Community.code,
            Community.name.label("community_name"),
            Community.name_en,
            Community.time_zone,
            MemberRole.role,
            _UNREAD.label("unread_count"),
        )
        .select_from(Member)
        .join(Community, Community.community_id == Member.community_id)
        .outerjoin(Person, Person.id == Member.person_id)
        .outerjoin(MemberRole, refers(MemberRole.member_id, Member))
        .where(Member.status != MemberStatus.LEFT)
        .order_by(Community.code, Member.id)
    )


# Built once: to build a statement of this size costs each request more than to run it.
_OF_PERSON: Final = _standing_columns().where(
    Person.id == sa.bindparam("person"), Person.session_epoch == sa.bindparam("epoch")
)
_OF_PERSON_HERE: Final = _OF_PERSON.where(Member.community_id == sa.bindparam("community"))
_OF_TOKEN: Final = (
    _standing_columns()
    .join(ApiToken, refers(ApiToken.member_id, Member))
    .where(
        Community.code == sa.bindparam("code"),
        ApiToken.token_digest == sa.bindparam("digest"),
        ApiToken.revoked_at.is_(None),
        ApiToken.expires_at > sa.bindparam("now"),
    )
)


def standing_of_person(
    session: Session, person_id: UUID, *, session_epoch: int, community_id: UUID | None
) -> Standing | None:
    """Return the standing behind a session cookie, or None when the cookie is void.

    Args:
        session: a read session.
        person_id: from the cookie.
        session_epoch: from the cookie; an older one is void (signed out everywhere, password
            changed).
        community_id: the community chosen in this browser; None takes the first by code.
    """
    query = _OF_PERSON if community_id is None else _OF_PERSON_HERE
    which = {"person": person_id, "epoch": session_epoch, "community": community_id}
    return _first_standing(session.execute(query, which).all())


def standing_of_token(session: Session, token: str) -> Standing | None:
    """Return the standing behind a bearer token such as `D.ABC…`, or None."""
    code, separator, secret = token.partition(TOKEN_SEPARATOR)
    if not (separator and code and secret):
        return None
    which = {"code": code, "digest": codes.token_digest(secret), "now": clock.now()}
    return _first_standing(session.execute(_OF_TOKEN, which).all())


def communities_of_person(session: Session, person_id: UUID) -> list[CommunityFacts]:
    """Return the communities in which the person is a member, by code."""
    rows = session.execute(
        sa.select(
            Community.community_id,
            Community.code,
            Community.name,
            Community.name_en,
            Community.time_zone,
        )
        .join(Member, Member.community_id == Community.community_id)
        .where(Member.person_id == person_id, Member.status != MemberStatus.LEFT)
        .order_by(Community.code)
    )
    return [CommunityFacts(*row) for row in rows]


def _first_standing(rows: Sequence[sa.Row[Any]]) -> Standing | None:
    """Fold the rows of the first member (one per role) into a standing."""
    if not rows:
        return None
    first = rows[0]
    roles = {row.role for row in rows if row.member_id == first.member_id and row.role is not None}
    is_suspended = first.status == MemberStatus.SUSPENDED
    return Standing(
        person_id=first.person_id,
        session_epoch=first.session_epoch or 0,
        must_change_password=bool(first.must_change_password),
        member_id=first.member_id,
        name=first.name,
        number=first.number,
        team=first.team,
        status=first.status,
        community=CommunityFacts(
            id=first.community_id,
            code=first.code,
            name=first.community_name,
            name_en=first.name_en,
            time_zone=first.time_zone,
        ),
        roles=frozenset({Role.VOLUNTEER}) if is_suspended else frozenset(roles),
        unread_count=first.unread_count,
    )
