"""Writing messages, reading one's own, and the address they are sent to.

Invariants: a message is written in the transaction of what it tells of, so that both stand or fall
together; the same reference is written once; nobody reads or marks another member's messages.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from ledger import clock
from ledger.errors import N_, Invalid
from ledger.ids import new_id
from timebank.actors import Actor, Permission
from timebank.messages.models import EMAIL_LENGTH_MAX, MailAddress, Message, MessageKind

LISTED_MAX: Final = 100
_LOCAL: Final = r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}"
_LABEL: Final = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_EMAIL: Final = re.compile(rf"{_LOCAL}@{_LABEL}(?:\.{_LABEL})+")
"""The addresses that HTML's `<input type=email>` takes, with a dot in the domain."""


class WrongEmail(Invalid):
    """The address cannot be written to."""

    code = "wrong_email"
    message = N_("%(email)s is not an e-mail address.")


@dataclass(frozen=True, slots=True)
class Notice:
    """What one member is to be told.

    Args:
        member_id: who.
        kind: what.
        facts: as `MessageKind` lists them; text and whole numbers, no names. Moments are written
            `2026-11-09 9:00` on the community's wall clock.
        reference: names the event; a second one with the same reference is not written.
    """

    member_id: UUID
    kind: MessageKind
    facts: Mapping[str, str | int]
    reference: str


def write(session: Session, community_id: UUID, notices: Sequence[Notice]) -> list[Message]:
    """Write messages to members; what was said before under the same reference is left out.

    Args:
        session: the write session of the event itself.
        community_id: of the members.
        notices: any number, in three statements.

    Returns:
        The messages written.
    """
    if not notices:
        return []
    said = set(
        session.scalars(
            sa.select(Message.reference).where(
                Message.community_id == community_id,
                Message.reference.in_([notice.reference for notice in notices]),
            )
        )
    )
    reachable = set(
        session.scalars(
            sa.select(MailAddress.member_id).where(
                MailAddress.community_id == community_id,
                MailAddress.member_id.in_({notice.member_id for notice in notices}),
            )
        )
    )
    now = clock.now()
    made = [
        Message(
            community_id=community_id,
            id=new_id(),
            member_id=notice.member_id,
            kind=notice.kind,
            facts=dict(notice.facts),
            reference=notice.reference,
            created_at=now,
            next_try_at=now if notice.member_id in reachable else None,
            try_count=0,
        )
        for notice in notices
        if notice.reference not in said
    ]
    session.add_all(made)
    session.flush()
    return made


def own_messages(session: Session, actor: Actor) -> list[Message]:
    """Return the reader's messages, newest first, at most a hundred."""
    actor.require(Permission.SEE_OWN_RECORD)
    return list(
        session.scalars(
            sa.select(Message)
            .where(Message.community_id == actor.community_id, Message.member_id == actor.member_id)
            .order_by(Message.id.desc())
            .limit(LISTED_MAX)
        )
    )


def mark_read(session: Session, actor: Actor, *, up_to: UUID) -> int:
    """Mark the reader's messages as read, up to the newest one seen; again changes nothing.

    Args:
        session: a write session.
        actor: the reader.
        up_to: id of the newest message on the page; one that came since stays new.

    Returns:
        How many were new.
    """
    actor.require(Permission.SEE_OWN_RECORD)
    marked = session.scalars(
        sa.update(Message)
        .where(
            Message.community_id == actor.community_id,
            Message.member_id == actor.member_id,
            Message.id <= up_to,
            Message.read_at.is_(None),
        )
        .values(read_at=clock.now())
        .returning(Message.id)
    ).all()
    return len(marked)


# ---------------------------------------------------------------- the address


def own_email(session: Session, actor: Actor) -> str:
    """Return the reader's address; empty without one."""
    actor.require(Permission.SEE_OWN_RECORD)
    assert actor.member_id is not None, "a page of one's own is opened by a member"
    found = session.get(MailAddress, (actor.community_id, actor.member_id))
    return found.email if found else ""


def set_email(session: Session, actor: Actor, *, email: str) -> str:
    """Keep the reader's address, or forget it.

    Args:
        session: a write session.
        actor: the reader.
        email: at most 254 characters; empty forgets it, and what waits to be sent is not sent.

    Raises:
        WrongEmail: `wrong_email`.
    """
    actor.require(Permission.SEE_OWN_RECORD)
    assert actor.member_id is not None, "a page of one's own is opened by a member"
    wanted = email.strip()
    if wanted and (len(wanted) > EMAIL_LENGTH_MAX or not _EMAIL.fullmatch(wanted)):
        raise WrongEmail(email=wanted[:EMAIL_LENGTH_MAX])
    found = session.get(MailAddress, (actor.community_id, actor.member_id))
    if wanted and found is None:
        session.add(
            MailAddress(community_id=actor.community_id, member_id=actor.member_id, email=wanted)
        )
    elif wanted and found is not None:
        found.email = wanted
    elif found is not None:
        session.delete(found)
        _stop_sending(session, actor)
    session.flush()
    return wanted


def _stop_sending(session: Session, actor: Actor) -> None:
    session.execute(
        sa.update(Message)
        .where(
            Message.community_id == actor.community_id,
            Message.member_id == actor.member_id,
            Message.next_try_at.is_not(None),
        )
        .values(next_try_at=None)
    )
