"""Members: added with number, alias and accounts; changed only by those who may."""

from collections.abc import Callable
from dataclasses import dataclass
from uuid import uuid4

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from ledger.database import Database
from ledger.errors import NotAllowed
from ledger.schema import Account
from tests.makers import actor_of, make_community, make_member, system_actor
from timebank.actors import Role
from timebank.audit import AuditEvent
from timebank.people import members
from timebank.people.errors import (
    MemberNotFound,
    NameInvalid,
    OwnRecord,
    ReasonMissing,
    StatusUnchanged,
)
from timebank.people.members import MemberOrder
from timebank.people.models import Community, Member, MemberStatus

LONGEST_NAME = "农" * 60


@dataclass
class People:
    community: Community
    alice: Member
    wen: Member
    admin: Member


@pytest.fixture
def people(session: Session) -> People:
    community = make_community(session)
    return People(
        community=community,
        alice=make_member(session, community, "Alice"),
        wen=make_member(session, community, "文", Role.SOCIAL_WORKER),
        admin=make_member(session, community, "安", Role.ADMINISTRATOR),
    )


def test_members_get_the_next_number_an_alias_and_accounts(
    session: Session, people: People
) -> None:
    member = members.add_member(
        session, actor_of(people.wen, Role.SOCIAL_WORKER), name="Bob", team="三组"
    )

    codes = session.scalars(
        sa.select(Account.code)
        .where(Account.id.in_([member.service_account_id, member.points_account_id]))
        .order_by(Account.code)
    ).all()
    assert member.volunteer_number == "V0004"
    assert member.alias.isdigit()
    assert len(member.alias) == 9
    assert codes == ["Members:V0004:Points", "Members:V0004:Service"]


def test_a_form_sent_twice_adds_one_member(session: Session, people: People) -> None:
    actor = actor_of(people.wen, Role.SOCIAL_WORKER)
    sent_id = uuid4()

    first = members.add_member(session, actor, name="Bob", member_id=sent_id)
    second = members.add_member(session, actor, name="Bob", member_id=sent_id)

    assert first.number == second.number == people.community.last_member_number


@pytest.mark.parametrize("name", ["𠮷", "<script>alert(1)</script>", LONGEST_NAME, " 空格 "])
def test_any_text_is_a_name(session: Session, people: People, name: str) -> None:
    member = members.add_member(session, system_actor(people.community), name=name)

    session.expire(member)
    assert member.name == name.strip()


@pytest.mark.parametrize("name", ["", "  ", LONGEST_NAME + "农", "a\x00b", "a\nb", "\ud800"])
def test_what_is_no_name_is_refused(session: Session, people: People, name: str) -> None:
    with pytest.raises(NameInvalid):
        members.add_member(session, system_actor(people.community), name=name)


def test_volunteers_do_not_add_members(session: Session, people: People) -> None:
    with pytest.raises(NotAllowed):
        members.add_member(session, actor_of(people.alice), name="Bob")


def test_social_workers_give_the_roles_of_the_field(session: Session, people: People) -> None:
    actor = actor_of(people.wen, Role.SOCIAL_WORKER)
    wanted = frozenset({Role.VOLUNTEER, Role.LEADER, Role.CLERK})

    members.set_roles(session, actor, people.alice.id, roles=wanted)

    assert members.roles_of(session, actor, people.alice.id) == wanted


@pytest.mark.parametrize("role", [Role.SOCIAL_WORKER, Role.AUDITOR, Role.ADMINISTRATOR])
def test_trusted_roles_are_given_by_administrators_alone(
    session: Session, people: People, role: Role
) -> None:
    wanted = frozenset({Role.VOLUNTEER, role})

    with pytest.raises(NotAllowed):
        members.set_roles(
            session, actor_of(people.wen, Role.SOCIAL_WORKER), people.alice.id, roles=wanted
        )
    members.set_roles(
        session, actor_of(people.admin, Role.ADMINISTRATOR), people.alice.id, roles=wanted
    )

    assert role in members.roles_of(session, system_actor(people.community), people.alice.id)


def test_trusted_roles_are_taken_by_administrators_alone(session: Session, people: People) -> None:
    with pytest.raises(NotAllowed):
        members.set_roles(
            session,
            actor_of(people.wen, Role.SOCIAL_WORKER),
            people.admin.id,
            roles=frozenset({Role.VOLUNTEER}),
        )


def test_nobody_changes_their_own_roles_or_standing(session: Session, people: People) -> None:
    admin = actor_of(people.admin, Role.ADMINISTRATOR)

    with pytest.raises(OwnRecord):
        members.set_roles(session, admin, people.admin.id, roles=frozenset(Role))
    with pytest.raises(OwnRecord):
        members.suspend(session, admin, people.admin.id, reason="holiday")


def test_members_are_suspended_return_and_leave(session: Session, people: People) -> None:
    actor = actor_of(people.wen, Role.SOCIAL_WORKER)
    seen = []

    for rule in (members.suspend, members.let_return, members.let_leave, members.let_return):
        seen.append(rule(session, actor, people.alice.id, reason="本人要求").status)

    assert seen == [
        MemberStatus.SUSPENDED,
        MemberStatus.ACTIVE,
        MemberStatus.LEFT,
        MemberStatus.ACTIVE,
    ]


def test_a_standing_that_is_already_there_is_refused(session: Session, people: People) -> None:
    actor = actor_of(people.wen, Role.SOCIAL_WORKER)

    with pytest.raises(StatusUnchanged):
        members.let_return(session, actor, people.alice.id, reason="again")


@pytest.mark.parametrize("reason", ["", "  ", "x" * 201])
def test_a_change_of_standing_needs_its_reason(
    session: Session, people: People, reason: str
) -> None:
    actor = actor_of(people.wen, Role.SOCIAL_WORKER)

    with pytest.raises(ReasonMissing):
        members.suspend(session, actor, people.alice.id, reason=reason)


def test_a_reason_of_two_hundred_characters_is_kept(session: Session, people: People) -> None:
    actor = actor_of(people.wen, Role.SOCIAL_WORKER)

    members.suspend(session, actor, people.alice.id, reason="x" * 200)

    kept = session.scalars(sa.select(AuditEvent).where(AuditEvent.action == "suspend")).one()
    assert kept.details == {"reason": "x" * 200}
    assert kept.actor == str(people.wen.id)


def test_another_communitys_member_is_not_there(session: Session, people: People) -> None:
    other = make_community(session, code="A")
    bob = make_member(session, other, "Bob")
    actor = actor_of(people.wen, Role.SOCIAL_WORKER)

    attempts: tuple[Callable[[], object], ...] = (
        lambda: members.show_member(session, actor, bob.id),
        lambda: members.edit_member(session, actor, bob.id, name="Mine", team=""),
        lambda: members.suspend(session, actor, bob.id, reason="no"),
        lambda: members.set_roles(session, actor, bob.id, roles=frozenset({Role.VOLUNTEER})),
    )
    for attempt in attempts:
        with pytest.raises(MemberNotFound):
            attempt()


def test_members_see_their_own_record_and_no_other(session: Session, people: People) -> None:
    alice = actor_of(people.alice)

    assert members.show_member(session, alice, people.alice.id) is people.alice
    with pytest.raises(MemberNotFound):
        members.show_member(session, alice, people.wen.id)


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("ali", ["Alice"]),
        ("V0001", ["Alice"]),
        ("2", ["文"]),
        ("%", []),
        ("_", []),
        ("巡查", ["文"]),
    ],
)
def test_a_search_takes_the_text_as_it_is(
    session: Session, people: People, search: str, found: list[str]
) -> None:
    actor = actor_of(people.admin, Role.ADMINISTRATOR)
    members.edit_member(session, actor, people.wen.id, name="文", team="巡查队")

    page = members.list_members(session, actor, search=search)

    assert [member.name for member in page.members] == found
    assert page.total_count == len(found)


def test_a_list_is_sorted_and_cut(session: Session, people: People) -> None:
    actor = actor_of(people.wen, Role.SOCIAL_WORKER)

    members.edit_member(session, actor, people.admin.id, name="Anna", team="")

    page = members.list_members(session, actor, order=MemberOrder.NAME, limit=2)

    assert [member.name for member in page.members] == ["Alice", "Anna"]
    assert page.total_count == 3


def test_numbers_stay_gapless_after_a_refusal(database: Database) -> None:
    with database.begin() as session:
        community = make_community(session)
    with pytest.raises(NameInvalid), database.begin() as session:
        members.add_member(session, system_actor(community), name="")

    with database.begin() as session:
        added = make_member(session, community)

    assert added.number == 1


def test_an_audit_row_is_never_changed(database: Database) -> None:
    with database.begin() as session:
        make_member(session, make_community(session))

    for statement in ("UPDATE audit_event SET action = 'x'", "DELETE FROM audit_event"):
        with pytest.raises(sa.exc.DBAPIError), database.begin() as session:
            session.execute(sa.text(statement))
