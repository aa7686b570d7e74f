"""Giving a member a sign-in: a phone number and a first password that must be changed."""

import secrets
from typing import Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from ledger import clock
from ledger.ids import new_id
from timebank import audit
from timebank.actors import Actor, Permission
from timebank.people import passwords
from timebank.people.errors import PhoneTaken, SignInMissing
from timebank.people.members import locked_member
from timebank.people.models import Member, Person
from timebank.people.sign_in import normalized_phone, set_password

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

    A number that already signs in a person of another community connects this member with that
    person, whose password stays as it is.

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
        PhoneTaken: the number signs in somebody else of this community (`phone_taken`).
        PasswordTooShort, PasswordTooCommon: (`password_too_short`, `password_too_common`).
    """
    actor.require(Permission.MANAGE_MEMBERS)
    member = locked_member(session, actor, member_id)
    phone = normalized_phone(phone)
    passwords.check_password(password, phone=phone)
    person = _person_with(session, phone, password, must_change=must_change)
    _check_free(session, member, person)
    member.person_id = person.id
    audit.record(session, actor, "give_sign_in", f"member:{member.id}", person=str(person.id))
    session.flush()
    return member


def reset_password(session: Session, actor: Actor, member_id: UUID, *, password: str) -> Member:
    """Give a member who forgot the password a new first one; every browser of theirs is signed out.

    Raises:
        SignInMissing: the member has none (`sign_in_missing`).
        PasswordTooShort, PasswordTooCommon: (`password_too_short`, `password_too_common`).
    """
    actor.require(Permission.MANAGE_MEMBERS)
    member = locked_member(session, actor, member_id)
    if member.person_id is None:
        raise SignInMissing(name=member.name)
    person = session.get_one(Person, member.person_id, with_for_update=True)
    passwords.check_password(password, phone=person.phone)
    set_password(person, password, must_change=True)
    audit.record(session, actor, "reset_password", f"member:{member.id}")
    session.flush()
    return member


def is_first_password(session: Session, member: Member, password: str) -> bool:
    """Tell whether the member signs in with this first password, or had a sign-in before."""
    person = session.get(Person, member.person_id) if member.person_id else None
    return person is not None and passwords.matches(person.password_hash, password)


def phone_of(session: Session, member: Member) -> str | None:
    """Return the phone number a member signs in with, or None."""
    if member.person_id is None:
        return None
    return session.scalar(sa.select(Person.phone).where(Person.id == member.person_id))


def _person_with(session: Session, phone: str, password: str, *, must_change: bool) -> Person:
    """Return the person of a number, locked; made if absent, giving way to a twin."""
    is_sqlite = session.get_bind().dialect.name == "sqlite"
    insert = sqlite.insert if is_sqlite else postgresql.insert
    session.execute(
        insert(Person)
        .values(
            id=new_id(),
            phone=phone,
            password_hash=passwords.hashed(password),
            session_epoch=0,
            must_change_password=must_change,
            created_at=clock.now(),
        )
        .on_conflict_do_nothing(index_elements=["phone"])
    )
    return session.scalars(sa.select(Person).where(Person.phone == phone).with_for_update()).one()


def _check_free(session: Session, member: Member, person: Person) -> None:
    """Refuse a number that already stands for another member of the same community."""
    other = session.scalar(
        sa.select(Member.id).where(
            Member.community_id == member.community_id,
            Member.person_id == person.id,
            Member.id != member.id,
        )
    )
    if other is not None:
        raise PhoneTaken
