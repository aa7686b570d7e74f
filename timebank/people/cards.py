"""Printed member cards for people without a phone.

Words: a card carries a QR with a *token* (80 random bits, kept only as SHA-256) and a barcode of
ten *digits*; both only identify, neither
authorises. Issuing again raises the version and revokes the card before.

Invariants: one card of a member is in force; the book knows no token, so the card is printed at
the moment of issue or issued anew. For that moment the browser that issued it keeps the token
sealed (Fernet of the cryptography library under a key derived from the root key, per community),
so that a page loaded again is the same page.
"""

import base64
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from cryptography.fernet import Fernet, InvalidToken
from sqlalchemy.orm import Session

from ledger import clock
from ledger.base import refers
from ledger.ids import new_id
from timebank import audit, codes
from timebank.actors import Actor, Permission
from timebank.codes import CodeKeys, Purpose
from timebank.people.errors import CardMissing, CardNotFound, CardRevoked, MemberSuspended
from timebank.people.members import locked_member, require_right_over, show_member
from timebank.people.models import Member, MemberCard, MemberStatus
from timebank.people.organisations import get_community

DIGITS_TRIES_MAX: Final = 100
PRINTING_LASTS_MAX: Final = timedelta(hours=1)
"""How long the page for printing can be loaded again."""
KEY_ID: Final = "A"


@dataclass(frozen=True, slots=True)
class IssuedCard:
    """A new card with its token, which is never seen again."""

    card: MemberCard
    member: Member
    token: str


def issue_card(session: Session, actor: Actor, member_id: UUID) -> IssuedCard:
    """Issue a card; the one before, if any, is revoked.

    Raises:
        MemberNotFound: (`member_not_found`).
        NotAllowed: somebody else's, as of `require_right_over` (`not_allowed`).
        MemberSuspended: not an active member (`suspended`).
    """
    actor.require(Permission.MANAGE_MEMBERS)
    member = locked_member(session, actor, member_id)
    if member_id != actor.member_id:
        require_right_over(session, actor, member_id)
    if member.status is not MemberStatus.ACTIVE:
        raise MemberSuspended(name=member.name)
    earlier = latest_card(session, actor, member_id)
    if earlier is not None and earlier.revoked_at is None:
        earlier.revoked_at = clock.now()
        session.flush()
    token = codes.new_card_token()
    card = MemberCard(
        community_id=actor.community_id,
        id=new_id(),
        member_id=member_id,
        version=earlier.version + 1 if earlier else 1,
        token_digest=codes.token_digest(token),
        digits=_free_digits(session, actor.community_id),
        issued_at=clock.now(),
    )
    session.add(card)
    audit.record(
        session,
        actor,
        "issue_card",
        f"member_card:{card.id}",
        member=str(member_id),
        version=card.version,
    )
    session.flush()
    return IssuedCard(card=card, member=member, token=token)


def sealed_token(actor: Actor, keys: CodeKeys, issued: IssuedCard) -> str:
    """Return the token of a new card for the browser that prints it; only we can read it."""
    now = int(clock.now().timestamp())
    return _box(keys, actor).encrypt_at_time(issued.token.encode(), now).decode()


def card_to_print(
    session: Session, actor: Actor, keys: CodeKeys, member_id: UUID, *, sealed: str
) -> IssuedCard | None:
    """Return a card just issued, for its page loaded again; nothing is issued.

    Args:
        session: a reading session.
        actor: needs `manage_members`.
        keys: the root key.
        member_id: whose card.
        sealed: what `sealed_token` returned; anything else is nobody's card.

    Returns:
        None when the hour of printing is over, or another card is in force by now.

    Raises:
        MemberNotFound: (`member_not_found`).
    """
    actor.require(Permission.MANAGE_MEMBERS)
    member = show_member(session, actor, member_id)
    card = latest_card(session, actor, member_id)
    lasts, now = int(PRINTING_LASTS_MAX.total_seconds()), int(clock.now().timestamp())
    try:
        token = _box(keys, actor).decrypt_at_time(sealed, lasts, now).decode()
    except InvalidToken:
        return None
    if card is None or card.revoked_at or card.token_digest != codes.token_digest(token):
        return None
    return IssuedCard(card=card, member=member, token=token)


def revoke_card(session: Session, actor: Actor, member_id: UUID) -> MemberCard:
    """Revoke a lost card without a new one.

    Raises:
        MemberNotFound: (`member_not_found`).
        CardMissing: no card in force (`card_missing`).
    """
    actor.require(Permission.MANAGE_MEMBERS)
    member = locked_member(session, actor, member_id)
    card = latest_card(session, actor, member_id)
    if card is None or card.revoked_at is not None:
        raise CardMissing(name=member.name)
    card.revoked_at = clock.now()
    audit.record(session, actor, "revoke_card", f"member_card:{card.id}", version=card.version)
    session.flush()
    return card


def latest_card(session: Session, actor: Actor, member_id: UUID) -> MemberCard | None:
    """Return a member's newest card, revoked or not."""
    return session.scalar(
        sa.select(MemberCard)
        .where(MemberCard.community_id == actor.community_id, MemberCard.member_id == member_id)
        .order_by(MemberCard.version.desc())
        .limit(1)
    )


def member_by_card(session: Session, community_id: UUID, scan: codes.Scan) -> Member:
    """Return the active member behind a scanned card, by token or digits.

    Raises:
        CardNotFound: unknown here, or not a card (`invalid`).
        CardRevoked: replaced by a newer one (`revoked`).
        MemberSuspended: (`suspended`).
    """
    row = session.execute(
        sa.select(MemberCard, Member)
        .join(Member, refers(MemberCard.member_id, Member))
        .where(MemberCard.community_id == community_id, _is_card(scan))
    ).one_or_none()
    if row is None:
        raise CardNotFound
    card, member = row
    if card.revoked_at is not None:
        zone = ZoneInfo(get_community(session, community_id).time_zone)
        raise CardRevoked(revoked_on=card.revoked_at.astimezone(zone).date().isoformat())
    if member.status is not MemberStatus.ACTIVE:
        raise MemberSuspended(name=member.name)
    return member


def _box(keys: CodeKeys, actor: Actor) -> Fernet:
    key = keys.derive(actor.community_id, Purpose.CARD, KEY_ID)
    return Fernet(base64.urlsafe_b64encode(key))


def _is_card(scan: codes.Scan) -> sa.ColumnElement[bool]:
    if scan.kind is codes.ScanKind.CARD:
        return MemberCard.digits == scan.value
    if scan.kind is codes.ScanKind.CARD_TOKEN:
        return MemberCard.token_digest == codes.token_digest(scan.value)
    raise CardNotFound


def _free_digits(session: Session, community_id: UUID) -> str:
    """Return digits no card of the community ever had."""
    for _ in range(DIGITS_TRIES_MAX):
        digits = codes.new_card_digits()
        taken = sa.select(MemberCard.id).where(
            MemberCard.community_id == community_id, MemberCard.digits == digits
        )
        if session.scalar(taken) is None:
            return digits
    raise AssertionError("a community has far fewer cards than there are digits")
