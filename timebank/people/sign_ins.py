"""Giving a member a sign-in: a phone number and a first password that must be changed.

Invariant: a person of several communities decides for themselves. No community connects its member
with a person of another one, or changes a password that opens another one; only the system (the
command line) does.
"""

import secrets
from typing import Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from ledger import clock
from ledger.errors import NotAllowed
from ledger.ids import new_id
from timebank import audit
from timebank.actors import Actor, Permission
from timebank.people import passwords
from timebank.people.errors import (
    PersonNotFound,
    PhoneElsewhere,
    PhoneTaken,
    SharedPerson,
    SignInMissing,
)
from timebank.people.members import locked_member, require_right_over
from timebank.people.models import Member, Person
from timebank.people.sign_in import normalized_phone, revoke_tokens, set_password

FIRST_PASSWORD_DIGITS: Final = 8


def new_first_password() -> str:
    """Return eight random digits, no two neighbours alike.

    Easy to read out, good for one sign-in.
    """
    digits = str(secrets.randbelow(10))
    while len(digits) < FIRST_PASSWORD_DIGITS:
        digit = str(secrets.randbelow(10))
        digits += digit if digit != digits[-1] else ""
    return digits


def give_sign_in(
    session: Session,
    actor: Actor,
    member_id: UUID,
    *,
    phone: str,
    password: str,
    must_change: bool = True,
) -> Member:
    """Let a member sign in with a phone number.

    The number that the member already has keeps its password.

    Args:
        session: a write session.
        actor: needs `manage_members`.
        member_id: who gets the sign-in; an earlier one of theirs is replaced.
        phone: as typed.
        password: the first password, told to the member.
        must_change: whether the member is asked for a password of their own at the first sign-in.

    Raises:
        MemberNotFound: (`member_not_found`).
        PhoneInvalid: (`phone_invalid`).
        NotAllowed: as of `require_right_over` (`not_allowed`).
        SharedPerson: the member's present sign-in opens another community too (`shared_person`).
        PhoneTaken: the number signs in somebody else of this community (`phone_taken`).
        PhoneElsewhere: it signs in somebody of another community (`phone_elsewhere`).
        PasswordTooShort, PasswordTooCommon: (`password_too_short`, `password_too_common`).
    """
    actor.require(Permission.MANAGE_MEMBERS)
    member = _own_member(session, actor, member_id)
    phone = normalized_phone(phone)
    passwords.check_password(password, phone=phone)
    person = _person_with(session, phone, password, must_change=must_change)
    if _communities_with(session, member, person) - {member.community_id}:
        raise PhoneElsewhere
    _check_free(session, member, person)
    return _sign_in_as(session, actor, member, person)


def connect_person(session: Session, actor: Actor, member_id: UUID, *, phone: str) -> Member:
    """Let a member sign in as a person who already signs in elsewhere; the password stays.

    Args:
        session: a write session.
        actor: the system alone: whoever runs the server has asked the person.
        member_id: the member who is that person.
        phone: what the person signs in with.

    Raises:
        NotAllowed: a member acts (`not_allowed`).
        MemberNotFound: (`member_not_found`).
        PersonNotFound: nobody signs in with the number (`person_not_found`).
        PhoneTaken: it signs in somebody else of this community (`phone_taken`).
    """
    if actor.member_id is not None:
        raise NotAllowed(permission=Permission.ADMINISTER.value)
    member = locked_member(session, actor, member_id)
    person = session.scalar(
        sa.select(Person).where(Person.phone == normalized_phone(phone)).with_for_update()
    )
    if person is None:
        raise PersonNotFound
    _check_free(session, member, person)
    return _sign_in_as(session, actor, member, person)


def reset_password(session: Session, actor: Actor, member_id: UUID, *, password: str) -> Member:
    """Give a member who forgot the password a new first one; browsers and tokens are signed out.

    Raises:
        NotAllowed: as of `require_right_over` (`not_allowed`).
        SharedPerson: the sign-in opens another community too (`shared_person`).
        SignInMissing: the member has none (`sign_in_missing`).
        PasswordTooShort, PasswordTooCommon: (`password_too_short`, `password_too_common`).
    """
    actor.require(Permission.MANAGE_MEMBERS)
    member = _own_member(session, actor, member_id)
    if member.person_id is None:
        raise SignInMissing(name=member.name)
    person = session.get_one(Person, member.person_id, with_for_update=True)
    passwords.check_password(password, phone=person.phone)
    set_password(session, person, password, must_change=True)
    audit.record(session, actor, "reset_password", f"member:{member.id}")
    session.flush()
    return member


def check_not_shared(session: Session, actor: Actor, member: Member) -> None:
    """Refuse to change for a member what also counts in another community.

    Raises:
        SharedPerson: the person is a member elsewhere, and the actor is not the system
            (`shared_person`).
    """
    if actor.member_id is None or member.person_id is None:
        return
    person = session.get_one(Person, member.person_id, with_for_update=True)
    if _communities_with(session, member, person) - {member.community_id}:
        raise SharedPerson(name=member.name)


def is_first_password(session: Session, member: Member, password: str) -> bool:
    """Tell whether the member signs in with this first password, not with an earlier one."""
    person = session.get(Person, member.person_id) if member.person_id else None
    return person is not None and passwords.matches(person.password_hash, password)


def phone_of(session: Session, member: Member) -> str | None:
    """Return the phone number a member signs in with, or None."""
    if member.person_id is None:
        return None
    return session.scalar(sa.select(Person.phone).where(Person.id == member.person_id))


def _own_member(session: Session, actor: Actor, member_id: UUID) -> Member:
    """Return a member whose sign-in the actor may change, locked."""
    member = locked_member(session, actor, member_id)
    require_right_over(session, actor, member_id)
    check_not_shared(session, actor, member)
    return member


def _person_with(session: Session, phone: str, password: str, *, must_change: bool) -> Person:
    """Return the person of a number, locked; made if absent, giving way to a twin.

    A number that nobody holds any more starts anew, so that its earlier password opens nothing.
    """
    is_sqlite = session.get_bind().dialect.name == "sqlite"
    insert = sqlite.insert if is_sqlite else postgresql.insert
    made_id = new_id()
    session.execute(
        insert(Person)
        .values(
            id=made_id,
            phone=phone,
            password_hash=passwords.hashed(password),
            session_epoch=0,
            must_change_password=must_change,
            created_at=clock.now(),
        )
        .on_conflict_do_nothing(index_elements=["phone"])
    )
    person = session.scalars(sa.select(Person).where(Person.phone == phone).with_for_update()).one()
    held = sa.select(Member.id).where(Member.person_id == person.id).limit(1)
    if person.id != made_id and session.scalar(held) is None:
        set_password(session, person, password, must_change=must_change)
    return person


def _communities_with(session: Session, member: Member, person: Person) -> set[UUID]:
    """Return the communities in which others than this member sign in as the person."""
    return set(
        session.scalars(
            sa.select(Member.community_id).where(
                Member.person_id == person.id, Member.id != member.id
            )
        )
    )


def _check_free(session: Session, member: Member, person: Person) -> None:
    """Refuse a number that already stands for another member of the same community."""
    if member.community_id in _communities_with(session, member, person):
        raise PhoneTaken


def _sign_in_as(session: Session, actor: Actor, member: Member, person: Person) -> Member:
    if member.person_id is not None and member.person_id != person.id:
        # The tokens were given to whoever held the earlier number.
        revoke_tokens(session, member.person_id)
    member.person_id = person.id
    audit.record(session, actor, "give_sign_in", f"member:{member.id}", person=str(person.id))
    session.flush()
    return member
