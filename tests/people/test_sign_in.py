"""Signing in: right and wrong passwords, the throttle, sign-out everywhere, communities."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from ledger import clock
from tests.makers import (
    PASSWORD,
    SignIn,
    actor_of,
    make_community,
    make_member,
    make_sign_in,
    system_actor,
)
from timebank.actors import Actor, Role
from timebank.people import members, passwords, sign_ins
from timebank.people.errors import (
    NoMembership,
    PasswordTooCommon,
    PasswordTooShort,
    PhoneInvalid,
    PhoneTaken,
    SignInThrottled,
    WrongPassword,
)
from timebank.people.models import Member, Person, SignInThrottle
from timebank.people.sign_in import (
    change_password,
    normalized_phone,
    sign_in,
    sign_out_everywhere,
    wait_after,
)
from timebank.people.standing import standing_of_person

NOON = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)


@pytest.fixture
def alice(session: Session) -> Member:
    return make_member(session, make_community(session))


@pytest.fixture
def who(session: Session, alice: Member) -> SignIn:
    return make_sign_in(session, alice)


def _fail(session: Session, phone: str, times: int) -> None:
    for _ in range(times):
        with pytest.raises(WrongPassword):
            sign_in(session, phone=phone, password="wrong")


def test_phone_and_password_sign_in(session: Session, alice: Member, who: SignIn) -> None:
    standing = sign_in(session, phone=who.phone, password=who.password)

    assert standing.member_id == alice.id
    assert standing.roles == {Role.VOLUNTEER}


@pytest.mark.parametrize(
    "typed", ["+86 138 0013 8000", "0086-138-0013-8000", "１３８００１３８０００"]
)
def test_a_phone_number_is_read_as_people_type_it(typed: str) -> None:
    assert normalized_phone(typed) == "13800138000"


@pytest.mark.parametrize("typed", ["", "12345", "1" * 16, "138a0013800", "++8613800138000"])
def test_what_is_no_phone_number_is_refused(typed: str) -> None:
    with pytest.raises(PhoneInvalid):
        normalized_phone(typed)


def test_unknown_number_and_wrong_password_answer_alike(session: Session, who: SignIn) -> None:
    answers = set()

    for phone in (who.phone, "13999999999"):
        with pytest.raises(WrongPassword) as refused:
            sign_in(session, phone=phone, password="wrong")
        answers.add((refused.value.code, str(refused.value)))

    assert len(answers) == 1


def test_five_wrong_tries_are_free_of_waiting_and_the_sixth_waits(
    session: Session, who: SignIn
) -> None:
    with clock.at(NOON):
        _fail(session, who.phone, 5)

        with pytest.raises(SignInThrottled) as refused:
            sign_in(session, phone=who.phone, password=who.password)

    assert refused.value.details == {"minutes": 1}


def test_the_throttle_keeps_no_phone_number(session: Session, who: SignIn) -> None:
    _fail(session, "13999999999", 1)

    row = session.scalars(sa.select(SignInThrottle)).one()
    assert len(row.phone_digest) == 32
    assert b"13999999999" not in row.phone_digest


def test_after_the_wait_the_right_password_signs_in_and_clears_the_count(
    session: Session, who: SignIn
) -> None:
    with clock.at(NOON):
        _fail(session, who.phone, 5)

    with clock.at(NOON + timedelta(minutes=1)):
        sign_in(session, phone=who.phone, password=who.password)

    assert session.scalar(sa.select(sa.func.count()).select_from(SignInThrottle)) == 0


def test_a_day_later_the_count_starts_anew(session: Session, who: SignIn) -> None:
    with clock.at(NOON):
        _fail(session, who.phone, 5)

    with clock.at(NOON + timedelta(hours=24, seconds=1)):
        _fail(session, who.phone, 1)

    assert session.scalars(sa.select(SignInThrottle)).one().failed_count == 1


@pytest.mark.parametrize(
    ("failed_count", "minutes"), [(0, 0), (4, 0), (5, 1), (6, 2), (10, 32), (11, 60), (10_000, 60)]
)
def test_the_wait_doubles_up_to_an_hour(failed_count: int, minutes: int) -> None:
    assert wait_after(failed_count) == timedelta(minutes=minutes)


def test_sign_out_everywhere_voids_every_cookie(
    session: Session, alice: Member, who: SignIn
) -> None:
    before = sign_in(session, phone=who.phone, password=who.password)
    assert before.person_id is not None

    sign_out_everywhere(session, actor_of(alice))

    after = standing_of_person(
        session, before.person_id, session_epoch=before.session_epoch, community_id=None
    )
    assert after is None


def test_a_new_password_voids_the_old_one_and_every_cookie(
    session: Session, alice: Member, who: SignIn
) -> None:
    epoch = sign_in(session, phone=who.phone, password=who.password).session_epoch

    change_password(session, actor_of(alice), present=who.password, wanted="十里河堤柳树青青")

    assert sign_in(session, phone=who.phone, password="十里河堤柳树青青").session_epoch > epoch
    _fail(session, who.phone, 1)


def test_a_change_of_password_asks_for_the_present_one(session: Session, alice: Member) -> None:
    make_sign_in(session, alice)

    with pytest.raises(WrongPassword):
        change_password(session, actor_of(alice), present="wrong", wanted="十里河堤柳树青青")


@pytest.mark.parametrize(
    ("password", "refusal"),
    [
        ("1234567", PasswordTooShort),
        ("12345678", PasswordTooCommon),
        ("Password", PasswordTooCommon),
        ("zzzzzzzz", PasswordTooCommon),
        ("13800138000", PasswordTooCommon),
        ("00138000", PasswordTooCommon),
    ],
)
def test_weak_passwords_are_refused(password: str, refusal: type[Exception]) -> None:
    with pytest.raises(refusal):
        passwords.check_password(password, phone="13800138000")


def test_eight_characters_are_enough() -> None:
    passwords.check_password("k3-tulpe", phone="13800138000")

    assert passwords.matches(passwords.hashed("k3-tulpe"), "k3-tulpe")


def test_a_person_of_two_communities_chooses(session: Session, alice: Member, who: SignIn) -> None:
    other = make_community(session, code="A")
    twin = make_member(session, other, "Alice", Role.LEADER)
    sign_ins.connect_person(session, system_actor(other), twin.id, phone=who.phone)

    first = sign_in(session, phone=who.phone, password=PASSWORD)
    chosen = sign_in(session, phone=who.phone, password=PASSWORD, community_id=alice.community_id)

    assert first.member_id == twin.id
    assert chosen.member_id == alice.id
    assert session.scalar(sa.select(sa.func.count()).select_from(Person)) == 1


def test_two_members_of_a_community_do_not_share_a_number(
    session: Session, alice: Member, who: SignIn
) -> None:
    community_actor = actor_of(alice, Role.SOCIAL_WORKER)
    bob = members.add_member(session, community_actor, name="Bob")

    with pytest.raises(PhoneTaken):
        sign_ins.give_sign_in(
            session, community_actor, bob.id, phone=who.phone, password="another-one"
        )


def test_a_suspended_member_signs_in_as_a_volunteer(session: Session) -> None:
    clara = make_member(session, make_community(session), "Clara", Role.CLERK, Role.VOLUNTEER)
    who = make_sign_in(session, clara)
    system = Actor.system(clara.community_id, "test")
    members.suspend(session, system, clara.id, reason="holiday")

    standing = sign_in(session, phone=who.phone, password=who.password)

    assert standing.roles == {Role.VOLUNTEER}


def test_who_left_does_not_sign_in(session: Session, alice: Member, who: SignIn) -> None:
    system = Actor.system(alice.community_id, "test")
    members.let_leave(session, system, alice.id, reason="moved away")

    with pytest.raises(NoMembership):
        sign_in(session, phone=who.phone, password=who.password)


def test_first_passwords_are_digits_without_twins() -> None:
    made = {sign_ins.new_first_password() for _ in range(50)}

    assert all(len(password) == 8 and password.isdigit() for password in made)
    assert all(a != b for password in made for a, b in pairwise(password))
    assert len(made) > 45
