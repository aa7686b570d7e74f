"""Bearer tokens for machines.

Each acts as its member, lasts 90 days and is kept only as SHA-256.
"""

import base64
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from ledger import clock
from ledger.ids import new_id
from timebank import audit, codes
from timebank.actors import Actor, Permission
from timebank.people.errors import TokenNotFound
from timebank.people.models import ApiToken
from timebank.people.names import checked_name
from timebank.people.organisations import find_community
from timebank.people.sign_in import sign_in
from timebank.people.standing import TOKEN_SEPARATOR

LIFETIME: Final = timedelta(days=90)
SECRET_BYTES: Final = 20


@dataclass(frozen=True, slots=True)
class IssuedToken:
    """A new token with its text, which is never seen again."""

    row: ApiToken
    token: str


def issue_token(
    session: Session, *, phone: str, password: str, community_code: str, name: str
) -> IssuedToken:
    """Exchange phone number and password for a token in one community.

    Args:
        session: a write session.
        phone: as typed.
        password: as typed.
        community_code: such as D.
        name: what the token is for, shown in the list of tokens.

    Raises:
        CommunityNotFound: (`community_not_found`).
        WrongPassword, SignInThrottled, NoMembership: as of `sign_in`.
    """
    community = find_community(session, code=community_code)
    standing = sign_in(session, phone=phone, password=password, community_id=community.community_id)
    secret = base64.b32encode(secrets.token_bytes(SECRET_BYTES)).decode()
    now = clock.now()
    row = ApiToken(
        community_id=community.community_id,
        id=new_id(),
        member_id=standing.member_id,
        name=checked_name(name),
        token_digest=codes.token_digest(secret),
        created_at=now,
        expires_at=now + LIFETIME,
    )
    session.add(row)
    audit.record(session, standing.actor, "issue_token", f"api_token:{row.id}")
    session.flush()
    return IssuedToken(row=row, token=f"{community.code}{TOKEN_SEPARATOR}{secret}")


def list_tokens(session: Session, actor: Actor) -> Sequence[ApiToken]:
    """Return the actor's own tokens that are still good, newest first."""
    actor.require(Permission.SEE_OWN_RECORD)
    return session.scalars(
        sa.select(ApiToken)
        .where(
            ApiToken.community_id == actor.community_id,
            ApiToken.member_id == actor.member_id,
            ApiToken.revoked_at.is_(None),
            ApiToken.expires_at > clock.now(),
        )
        .order_by(ApiToken.created_at.desc())
    ).all()


def revoke_token(session: Session, actor: Actor, token_id: UUID) -> ApiToken:
    """Revoke one of the actor's own tokens; doing it twice is the same as once.

    Raises:
        TokenNotFound: not there, or somebody else's (`token_not_found`).
    """
    actor.require(Permission.SEE_OWN_RECORD)
    row = session.get(ApiToken, (actor.community_id, token_id), with_for_update=True)
    if row is None or row.member_id != actor.member_id:
        raise TokenNotFound
    if row.revoked_at is None:
        row.revoked_at = clock.now()
        audit.record(session, actor, "revoke_token", f"api_token:{row.id}")
    session.flush()
    return row
