"""The points policy: versions, the day they start, and the two people behind each."""

from datetime import date
from typing import Any
from uuid import uuid4

import pytest
import sqlalchemy as sa

from ledger import clock
from ledger.database import Database
from ledger.errors import NotAllowed
from tests.service.world import World, local, make_world
from timebank.actors import Actor, Role
from timebank.codes import CodeKeys
from timebank.rewards import points, proposals
from timebank.rewards.models import PointsPolicy, PolicyProposal, ProposalState
from timebank.rewards.points import (
    FIRST_RULE,
    PolicyTooEarly,
    PolicyTooFar,
    Rule,
    TwoPeopleNeeded,
    policy_in_force,
)
from timebank.rewards.proposals import (
    NoProposal,
    OwnRule,
    ProposalDecided,
    propose,
    release,
    withdraw,
)
from timebank.rewards.rules import WrongRule

TODAY = local("10:00", date(2026, 11, 9))
DECEMBER = date(2026, 12, 1)


def _rule(points_per_hour: int = 2, **changes: Any) -> Rule:
    return Rule(points_per_hour, {}, 480, FIRST_RULE.points_by_provenance, **changes)


def _administrator(world: World) -> Actor:
    return world.actor(world.bob, Role.ADMINISTRATOR)


@pytest.mark.databases("sqlite")
def test_the_newest_started_version_is_in_force(world: World) -> None:
    with clock.at(TODAY):
        world.release(DECEMBER, _rule(3))
        world.release(date(2027, 1, 1), _rule(4))

    versions = [
        policy_in_force(world.session, world.community.community_id, day).version
        for day in (date(2026, 11, 30), DECEMBER, date(2026, 12, 31), date(2027, 1, 1))
    ]
    assert versions == [1, 2, 2, 3]


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize("starts_on", [date(2026, 1, 1), date(2026, 11, 8), date(2026, 11, 9)])
def test_a_version_starts_on_a_day_to_come(world: World, starts_on: date) -> None:
    with clock.at(TODAY), pytest.raises(PolicyTooEarly, match="2026-11-10"):
        propose(world.session, world.desk, starts_on=starts_on, rule=_rule())


@pytest.mark.databases("sqlite")
def test_of_two_proposals_for_one_day_one_is_released(world: World) -> None:
    with clock.at(TODAY):
        first = propose(world.session, world.desk, starts_on=DECEMBER, rule=_rule(3))
        second = propose(world.session, world.desk, starts_on=DECEMBER, rule=_rule(4))
        release(world.session, _administrator(world), proposal_id=first.id)
        with pytest.raises(PolicyTooEarly, match="2026-12-02"):
            release(world.session, _administrator(world), proposal_id=second.id)


@pytest.mark.databases("sqlite")
def test_a_proposal_whose_day_has_come_is_not_released(world: World) -> None:
    with clock.at(TODAY):
        made = propose(world.session, world.desk, starts_on=DECEMBER, rule=_rule())

    with clock.at(local("8:00", DECEMBER)), pytest.raises(PolicyTooEarly):
        release(world.session, _administrator(world), proposal_id=made.id)


@pytest.mark.databases("sqlite")
def test_a_version_of_the_next_century_is_a_slip(world: World) -> None:
    with clock.at(TODAY), pytest.raises(PolicyTooFar):
        propose(world.session, world.desk, starts_on=date.max, rule=_rule())


@pytest.mark.databases("sqlite")
def test_a_leader_neither_proposes_nor_releases(world: World) -> None:
    with clock.at(TODAY):
        made = propose(world.session, world.desk, starts_on=DECEMBER, rule=_rule())
        with pytest.raises(NotAllowed):
            propose(world.session, world.leader, starts_on=DECEMBER, rule=_rule())
        with pytest.raises(NotAllowed):
            release(world.session, world.leader, proposal_id=made.id)


@pytest.mark.databases("sqlite")
def test_nobody_releases_what_they_proposed(world: World) -> None:
    both = world.actor(world.alice, Role.SOCIAL_WORKER, Role.ADMINISTRATOR)
    with clock.at(TODAY):
        made = propose(world.session, both, starts_on=DECEMBER, rule=_rule())

        with pytest.raises(OwnRule):
            release(world.session, both, proposal_id=made.id)


@pytest.mark.databases("sqlite")
def test_the_system_sets_up_and_nothing_more(world: World) -> None:
    system = Actor.system(world.community.community_id, "test")
    with clock.at(TODAY):
        for act in (points.release, propose):
            with pytest.raises(TwoPeopleNeeded):
                act(world.session, system, starts_on=DECEMBER, rule=_rule())
        made = propose(world.session, world.desk, starts_on=DECEMBER, rule=_rule())
        for decide in (release, withdraw):
            with pytest.raises(TwoPeopleNeeded):
                decide(world.session, system, proposal_id=made.id)


@pytest.mark.databases("sqlite")
def test_a_proposal_is_decided_once(world: World) -> None:
    administrator = _administrator(world)
    with clock.at(TODAY):
        made = propose(world.session, world.desk, starts_on=DECEMBER, rule=_rule(3))
        released = release(world.session, administrator, proposal_id=made.id)
        again = release(world.session, administrator, proposal_id=made.id)
        with pytest.raises(ProposalDecided):
            withdraw(world.session, world.desk, proposal_id=made.id)
        back = propose(world.session, world.desk, starts_on=date(2027, 1, 1), rule=_rule(4))
        withdraw(world.session, world.desk, proposal_id=back.id)
        with pytest.raises(ProposalDecided):
            release(world.session, administrator, proposal_id=back.id)

    assert (released.policy_version, again.policy_version) == (2, 2)
    assert back.state is ProposalState.WITHDRAWN


@pytest.mark.databases("sqlite")
def test_a_rule_names_places_of_its_own_community(world: World, keys: CodeKeys) -> None:
    other = make_world(world.session, keys, "E")
    with clock.at(TODAY):
        own = propose(
            world.session,
            world.desk,
            starts_on=DECEMBER,
            rule=_rule(points_per_hour_by_place={str(world.site.id): 5}),
        )
        with pytest.raises(WrongRule):
            propose(
                world.session,
                world.desk,
                starts_on=DECEMBER,
                rule=_rule(factors_by_place={str(other.site.id): 150}),
            )

    for strange in (own.id, uuid4()):
        with pytest.raises(NoProposal):
            release(world.session, _administrator(other), proposal_id=strange)
    assert proposals.proposals(world.session, other.desk) == []


def test_the_database_takes_no_version_of_one_person(
    database: Database, owner_database: Database, keys: CodeKeys
) -> None:
    with database.begin() as session, clock.at(TODAY):
        world = make_world(session, keys)
        world.release(DECEMBER, _rule(3))
        waiting = propose(session, world.desk, starts_on=date(2027, 1, 1), rule=_rule(4))
        waiting_id, alice_id = waiting.id, world.alice.id

    same = {"decided_by_id": alice_id, "decided_at": TODAY, "policy_version": 3}
    version = sa.select(
        PointsPolicy.community_id,
        sa.literal(3),
        sa.literal(date(2027, 2, 1), PointsPolicy.starts_on.type),
        PointsPolicy.rule,
        sa.literal("system:me"),
        PointsPolicy.released_at,
    ).where(PointsPolicy.version == 1)
    columns = ("community_id", "version", "starts_on", "rule", "released_by", "released_at")
    attempts: list[Any] = [
        sa.insert(PointsPolicy).from_select(columns, version),
        sa.update(PolicyProposal)
        .where(PolicyProposal.id == waiting_id)
        .values(state=ProposalState.RELEASED, **same),
        sa.update(PolicyProposal)
        .where(PolicyProposal.id == waiting_id)
        .values(starts_on=date(2027, 3, 1)),
        sa.update(PolicyProposal)
        .where(PolicyProposal.state == ProposalState.RELEASED)
        .values(decided_by_id=alice_id),
        sa.delete(PolicyProposal),
    ]
    for attempt in attempts:
        with pytest.raises(sa.exc.DatabaseError), owner_database.begin() as session:
            session.execute(attempt)
