"""Nobody takes over a person: not from another community, not from below."""

from collections.abc import Callable

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from ledger.errors import NotAllowed
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
from timebank.people import cards, members, pins, sign_ins, tokens
from timebank.people.errors import PersonNotFound, PhoneElsewhere, SharedPerson, WrongPassword
from timebank.people.models import Community, Member, Person
from timebank.people.sign_in import change_password, sign_in, sign_out_everywhere
from timebank.people.standing import standing_of_token

NEW_PASSWORD = "十里河堤柳树青青"
OTHER_PHONE = "13712345678"
Act = Callable[[Session, Actor, Member], object]

SIGN_IN_ACTS: dict[str, Act] = {
    "give": lambda session, actor, member: sign_ins.give_sign_in(
        session, actor, member.id, phone=OTHER_PHONE, password=NEW_PASSWORD
    ),
    "reset": lambda session, actor, member: sign_ins.reset_password(
        session, actor, member.id, password=NEW_PASSWORD
    ),
    "pin": lambda session, actor, member: pins.set_pin(session, actor, member.id, pin="4826"),
}
ACTS: dict[str, Act] = SIGN_IN_ACTS | {
    "card": lambda session, actor, member: cards.issue_card(session, actor, member.id),
    "suspend": lambda session, actor, member: members.suspend(
        session, actor, member.id, reason="holiday"
    ),
}
HIGH_ROLES = [Role.SOCIAL_WORKER, Role.AUDITOR, Role.ADMINISTRATOR]


@pytest.fixture
def community(session: Session) -> Community:
    return make_community(session)


@pytest.fixture
def alice(session: Session, community: Community) -> Member:
    return make_member(session, community)


@pytest.fixture
def who(session: Session, alice: Member) -> SignIn:
    return make_sign_in(session, alice)


@pytest.fixture
def bob(session: Session, community: Community) -> Member:
    """The social worker of Alice's community."""
    return make_member(session, community, "Bob", Role.SOCIAL_WORKER)


@pytest.fixture
def twin(session: Session) -> Member:
    """A member of another community."""
    return make_member(session, make_community(session, code="A"), "Alice")


def _connected(session: Session, twin: Member, who: SignIn) -> None:
    sign_ins.connect_person(
        session, Actor.system(twin.community_id, "test"), twin.id, phone=who.phone
    )


def _by(member: Member) -> Actor:
    return actor_of(member, Role.SOCIAL_WORKER)


# ---------------------------------------------------------------- across communities


def test_a_number_of_another_community_is_refused(
    session: Session, who: SignIn, twin: Member
) -> None:
    for actor in (_by(twin), Actor.system(twin.community_id, "test")):
        with pytest.raises(PhoneElsewhere):
            sign_ins.give_sign_in(session, actor, twin.id, phone=who.phone, password=NEW_PASSWORD)

    assert twin.person_id is None


def test_the_operator_connects_a_person_whose_password_stays(
    session: Session, alice: Member, who: SignIn, twin: Member
) -> None:
    _connected(session, twin, who)

    assert twin.person_id == alice.person_id
    assert sign_in(session, phone=who.phone, password=PASSWORD).member_id == twin.id


def test_no_member_connects_a_person(session: Session, who: SignIn, twin: Member) -> None:
    with pytest.raises(NotAllowed):
        sign_ins.connect_person(
            session, actor_of(twin, Role.ADMINISTRATOR), twin.id, phone=who.phone
        )


def test_a_number_nobody_has_connects_nothing(session: Session, twin: Member) -> None:
    with pytest.raises(PersonNotFound):
        _connected(session, twin, SignIn(OTHER_PHONE))


@pytest.mark.parametrize("name", SIGN_IN_ACTS)
def test_no_community_changes_a_shared_person(
    session: Session, alice: Member, bob: Member, who: SignIn, twin: Member, name: str
) -> None:
    _connected(session, twin, who)

    with pytest.raises(SharedPerson):
        SIGN_IN_ACTS[name](session, _by(bob), alice)

    assert sign_in(session, phone=who.phone, password=PASSWORD).person_id == alice.person_id


@pytest.mark.parametrize("name", SIGN_IN_ACTS)
def test_the_operator_changes_a_shared_person(
    session: Session, alice: Member, community: Community, who: SignIn, twin: Member, name: str
) -> None:
    _connected(session, twin, who)

    assert SIGN_IN_ACTS[name](session, system_actor(community), alice) is alice


def test_a_shared_person_sets_the_own_pin(
    session: Session, alice: Member, who: SignIn, twin: Member
) -> None:
    _connected(session, twin, who)

    assert pins.set_pin(session, actor_of(alice), alice.id, pin="4826").pin_hash


def test_a_number_given_up_starts_anew(
    session: Session, alice: Member, bob: Member, who: SignIn
) -> None:
    charlie = members.add_member(session, _by(bob), name="Charlie")
    SIGN_IN_ACTS["give"](session, _by(bob), alice)

    sign_ins.give_sign_in(session, _by(bob), charlie.id, phone=who.phone, password=NEW_PASSWORD)

    assert sign_in(session, phone=who.phone, password=NEW_PASSWORD).member_id == charlie.id
    assert session.scalar(sa.select(sa.func.count()).select_from(Person)) == 2
    with pytest.raises(WrongPassword):
        sign_in(session, phone=who.phone, password=PASSWORD)


# ---------------------------------------------------------------- from below


@pytest.mark.parametrize("role", HIGH_ROLES)
@pytest.mark.parametrize("name", ACTS)
def test_a_social_worker_does_not_take_over_whom_only_an_administrator_appoints(
    session: Session, community: Community, bob: Member, name: str, role: Role
) -> None:
    boss = make_member(session, community, "Charlie", role)
    make_sign_in(session, boss)
    administrator = actor_of(bob, Role.ADMINISTRATOR)

    with pytest.raises(NotAllowed):
        ACTS[name](session, _by(bob), boss)

    assert ACTS[name](session, administrator, boss)


@pytest.mark.parametrize("name", ACTS)
def test_a_social_worker_looks_after_volunteers_and_clerks(
    session: Session, community: Community, bob: Member, name: str
) -> None:
    clerk = make_member(session, community, "Charlie", Role.CLERK, Role.LEADER)
    make_sign_in(session, clerk)

    assert ACTS[name](session, _by(bob), clerk)


def test_a_social_worker_has_a_pin_and_a_card_of_their_own(session: Session, bob: Member) -> None:
    assert pins.set_pin(session, _by(bob), bob.id, pin="4826").pin_hash
    assert cards.issue_card(session, _by(bob), bob.id).card.version == 1


# ---------------------------------------------------------------- tokens


@pytest.mark.parametrize("name", ["sign_out", "change", "reset", "give"])
def test_whatever_voids_the_cookies_voids_the_tokens(
    session: Session, alice: Member, bob: Member, who: SignIn, name: str
) -> None:
    issued = tokens.issue_token(
        session, phone=who.phone, password=who.password, community_code="D", name="kiosk"
    )
    acts = SIGN_IN_ACTS | {
        "sign_out": lambda session, _, member: sign_out_everywhere(session, actor_of(member)),
        "change": lambda session, _, member: change_password(
            session, actor_of(member), present=PASSWORD, wanted=NEW_PASSWORD
        ),
    }
    assert standing_of_token(session, issued.token) is not None

    acts[name](session, _by(bob), alice)

    assert standing_of_token(session, issued.token) is None
