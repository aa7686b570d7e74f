"""Signing in by phone number and password, and signing out everywhere.

A throttle in the database slows down whoever guesses.

Invariants: an unknown number and a wrong password answer alike and take the same time; after five
wrong tries each further one doubles the wait, also
across processes and restarts; the throttle keeps a digest of the number, so numbers of strangers
are not collected.
"""

import hashlib
import re
import unicodedata
from datetime import timedelta
from typing import Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from ledger import clock
from timebank import audit
from timebank.actors import Actor, Permission
from timebank.people import passwords
from timebank.people.errors import (
    NoMembership,
    PhoneInvalid,
    SignInRequired,
    SignInThrottled,
    WrongPassword,
)
from timebank.people.models import ApiToken, Member, Person, SignInThrottle
from timebank.people.standing import Standing, standing_of_person

FREE_TRIES: Final = 5
WAIT_FIRST: Final = timedelta(minutes=1)
WAIT_MAX: Final = timedelta(hours=1)
FORGOTTEN_AFTER: Final = timedelta(hours=24)
PHONE_PATTERN: Final = re.compile(r"\+?[0-9]{6,15}")
CHINA_PREFIXES: Final = ("+86", "0086")
CHINA_MOBILE_DIGITS: Final = 11


def normalized_phone(phone: str) -> str:
    """Return a phone number as it is kept: digits only, without the prefix of China.

    Raises:
        PhoneInvalid: not 6 to 15 digits (`phone_invalid`).
    """
    folded = re.sub(r"[\s\-()]", "", unicodedata.normalize("NFKC", phone))
    if not PHONE_PATTERN.fullmatch(folded):
        raise PhoneInvalid
    for prefix in CHINA_PREFIXES:
        if folded.startswith(prefix) and len(folded) == len(prefix) + CHINA_MOBILE_DIGITS:
            return folded.removeprefix(prefix)
    return folded.removeprefix("+")


def wait_after(failed_count: int) -> timedelta:
    """Return how long a number waits after so many wrong tries in a row.

    None up to 4, then a minute, doubling to an hour.
    """
    if failed_count < FREE_TRIES:
        return timedelta(0)
    doublings = min(failed_count - FREE_TRIES, 12)
    return min(WAIT_FIRST * (1 << doublings), WAIT_MAX)


# ---------------------------------------------------------------- in


def check_throttle(session: Session, *, phone: str) -> SignInThrottle:
    """Refuse a try while the number has to wait.

    The row stays locked, so tries for one number queue up.

    Raises:
        SignInThrottled: (`rate_limited`), with the minutes to wait.
    """
    row = _locked_throttle(session, phone)
    now = clock.now()
    if now - row.last_failed_at > FORGOTTEN_AFTER:
        row.failed_count = 0
    left = row.last_failed_at + wait_after(row.failed_count) - now
    if left > timedelta(0):
        raise SignInThrottled(minutes=-(-int(left.total_seconds()) // 60))
    return row


def find_person(session: Session, *, phone: str, password: str) -> Person | None:
    """Return the person behind number and password, or None.

    The answer takes equally long either way.
    """
    person = session.scalar(sa.select(Person).where(Person.phone == normalized_phone(phone)))
    if person is None:
        passwords.spend_as_much(password)
        return None
    return person if passwords.matches(person.password_hash, password) else None


def sign_in(
    session: Session, *, phone: str, password: str, community_id: UUID | None = None
) -> Standing:
    """Check number and password and return the standing of the person who signs in.

    Args:
        session: a write session (the throttle is written).
        phone: as typed; blanks and hyphens do not matter.
        password: as typed.
        community_id: the community to act in; None takes the first by code.

    Raises:
        WrongPassword: wrong number or password; counted (`wrong_password`).
        SignInThrottled: the number has to wait (`rate_limited`).
        NoMembership: right password, but a member of no community (`no_membership`).
        PhoneInvalid: not a phone number (`phone_invalid`).
    """
    phone = normalized_phone(phone)
    throttle = check_throttle(session, phone=phone)
    person = find_person(session, phone=phone, password=password)
    if person is None:
        _count_failure(session, throttle)
        raise WrongPassword
    session.delete(throttle)
    if passwords.is_outdated(person.password_hash):
        person.password_hash = passwords.hashed(password)
    session.flush()
    standing = standing_of_person(
        session, person.id, session_epoch=person.session_epoch, community_id=community_id
    )
    if standing is None:
        raise NoMembership
    audit.record(session, standing.actor, "sign_in", f"person:{person.id}")
    return standing


# ---------------------------------------------------------------- out, and a new password


def sign_out_everywhere(session: Session, actor: Actor) -> Person:
    """Void every cookie of the person, this browser's included, and every token."""
    actor.require(Permission.SEE_OWN_RECORD)
    person = own_person(session, actor)
    person.session_epoch += 1
    revoke_tokens(session, person.id)
    audit.record(session, actor, "sign_out_everywhere", f"person:{person.id}")
    session.flush()
    return person


def change_password(session: Session, actor: Actor, *, present: str, wanted: str) -> Person:
    """Set a new password of one's own; every other browser and every token is signed out.

    Raises:
        WrongPassword: the present one is wrong; counted (`wrong_password`).
        SignInThrottled: too many wrong tries (`rate_limited`).
        PasswordTooShort: fewer than 8 characters (`password_too_short`).
        PasswordTooCommon: easy to guess (`password_too_common`).
    """
    actor.require(Permission.SEE_OWN_RECORD)
    person = own_person(session, actor)
    throttle = check_throttle(session, phone=person.phone)
    if not passwords.matches(person.password_hash, present):
        _count_failure(session, throttle)
        raise WrongPassword
    session.delete(throttle)
    passwords.check_password(wanted, phone=person.phone)
    set_password(session, person, wanted, must_change=False)
    audit.record(session, actor, "change_password", f"person:{person.id}")
    session.flush()
    return person


def standing_after(session: Session, before: Standing) -> Standing:
    """Return the standing after a change that raised the session epoch.

    It is for the browser that made the change.
    """
    assert before.person_id is not None, "a browser is signed in by a person"
    person = session.get_one(Person, before.person_id)
    standing = standing_of_person(
        session,
        person.id,
        session_epoch=person.session_epoch,
        community_id=before.community.id,
    )
    assert standing is not None, "the member has not left meanwhile"
    return standing


def set_password(session: Session, person: Person, password: str, *, must_change: bool) -> None:
    """Give the person a password and void every cookie and token."""
    person.password_hash = passwords.hashed(password)
    person.must_change_password = must_change
    person.session_epoch += 1
    revoke_tokens(session, person.id)


def revoke_tokens(session: Session, person_id: UUID) -> None:
    """Revoke every token of the person, in all communities."""
    is_theirs = sa.exists().where(
        Member.community_id == ApiToken.community_id,
        Member.id == ApiToken.member_id,
        Member.person_id == person_id,
    )
    session.execute(
        sa.update(ApiToken)
        .where(ApiToken.revoked_at.is_(None), is_theirs)
        .values(revoked_at=clock.now())
        .execution_options(synchronize_session="fetch")
    )


def own_person(session: Session, actor: Actor) -> Person:
    """Return the person behind the actor, locked for a change."""
    person = session.scalar(
        sa.select(Person)
        .join(Member, Member.person_id == Person.id)
        .where(Member.community_id == actor.community_id, Member.id == actor.member_id)
        .with_for_update(of=Person)
    )
    if person is None:
        raise SignInRequired
    return person


def _phone_digest(phone: str) -> bytes:
    return hashlib.sha256(b"phone|" + normalized_phone(phone).encode()).digest()


def _locked_throttle(session: Session, phone: str) -> SignInThrottle:
    """Return the number's row, made if absent.

    The insert gives way to a twin, so two first tries do not collide.
    """
    digest = _phone_digest(phone)
    is_sqlite = session.get_bind().dialect.name == "sqlite"
    insert = sqlite.insert if is_sqlite else postgresql.insert
    session.execute(
        insert(SignInThrottle)
        .values(phone_digest=digest, failed_count=0, last_failed_at=clock.now())
        .on_conflict_do_nothing()
    )
    return session.scalars(
        sa.select(SignInThrottle)
        .where(SignInThrottle.phone_digest == digest)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one()


def _count_failure(session: Session, throttle: SignInThrottle) -> None:
    throttle.failed_count += 1
    throttle.last_failed_at = clock.now()
    session.flush()
