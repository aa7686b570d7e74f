"""A new points rule: proposed by one person, released by another.

The story: a social worker proposes a rule with its first day; it is read as plain sentences and
tried on a past month; somebody else, who may be the administrator, releases it as the next version,
or either takes it back. What was proposed never changes: another figure is another proposal.
"""

from collections.abc import Sequence
from datetime import date
from typing import Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from ledger import clock
from ledger.errors import N_, NotAllowed, NotFound, Refused
from ledger.ids import new_id
from timebank import audit
from timebank.actors import Actor, Permission
from timebank.people.models import Member
from timebank.rewards import points
from timebank.rewards.models import PolicyProposal, ProposalState
from timebank.rewards.points import TwoPeopleNeeded
from timebank.rewards.rules import Rule, WrongRule, read_rule
from timebank.service.models import Series, Site

PROPOSALS_LISTED_MAX: Final = 50


class NoProposal(NotFound):
    """No such proposal in this community."""

    message = N_("This is not there, or it belongs to another community.")


class OwnRule(NotAllowed):
    """Who proposed a rule does not release it."""

    code = "own_rule"
    message = N_("You proposed this rule; somebody else has to release it.")


class ProposalDecided(Refused):
    """A proposal is released or taken back once."""

    code = "proposal_decided"
    message = N_("This proposal was already released or taken back.")


def propose(session: Session, actor: Actor, *, starts_on: date, rule: Rule) -> PolicyProposal:
    """Propose the next version; nothing changes until somebody else releases it.

    Args:
        session: a write session.
        actor: a social worker.
        starts_on: first day, after today and after the start of every version.
        rule: what it promises; its sites and series are the community's own.

    Raises:
        NotAllowed: `not_allowed`; TwoPeopleNeeded: `two_people_needed`, the system acts.
        PolicyTooEarly: `policy_too_early`; PolicyTooFar: `policy_too_far`.
        WrongRule: `wrong_rule`.
    """
    actor.require(Permission.PLAN_SERVICE)
    if actor.member_id is None:
        raise TwoPeopleNeeded
    checked = read_rule(rule.document())
    if checked.places - places(session, actor).keys():
        raise WrongRule(field="places", expected="site / series")
    community = points.locked_community(session, actor.community_id)
    points.require_start(session, community, starts_on)
    made = PolicyProposal(
        community_id=actor.community_id,
        id=new_id(),
        state=ProposalState.OPEN,
        starts_on=starts_on,
        rule=checked.document(),
        proposed_by_id=actor.member_id,
        proposed_at=clock.now(),
    )
    session.add(made)
    audit.record(session, actor, "propose_points_policy", f"policy_proposal:{made.id}")
    session.flush()
    return made


def release(session: Session, actor: Actor, *, proposal_id: UUID) -> PolicyProposal:
    """Release a proposal as the next version; who released it gets the same answer again.

    Raises:
        NotAllowed: `not_allowed`; `own_rule`; `two_people_needed`, the system acts.
        NoProposal: `not_found`.
        ProposalDecided: `proposal_decided`; PolicyTooEarly: `policy_too_early`, its first day has
            come or another version starts on it by now.
    """
    actor.require(Permission.RELEASE_POLICY)
    if actor.member_id is None:
        raise TwoPeopleNeeded
    community = points.locked_community(session, actor.community_id)
    found = proposal(session, actor, proposal_id=proposal_id)
    if found.proposed_by_id == actor.member_id:
        raise OwnRule
    if found.state is ProposalState.RELEASED and found.decided_by_id == actor.member_id:
        return found
    if found.state is not ProposalState.OPEN:
        raise ProposalDecided
    points.require_start(session, community, found.starts_on)
    last = points.newest(session, actor.community_id)
    found.state, found.policy_version = ProposalState.RELEASED, last.version + 1 if last else 1
    found.decided_by_id, found.decided_at = actor.member_id, clock.now()
    session.flush()  # first: the guard of the versions asks for the released proposal
    points.add_version(session, actor, starts_on=found.starts_on, rule=read_rule(found.rule))
    return found


def withdraw(session: Session, actor: Actor, *, proposal_id: UUID) -> PolicyProposal:
    """Take a proposal back, one's own or a colleague's; once more changes nothing.

    Raises:
        NotAllowed: `not_allowed`; `two_people_needed`, the system acts.
        NoProposal: `not_found`; ProposalDecided: `proposal_decided`, it was released.
    """
    actor.require(Permission.RELEASE_POLICY)
    if actor.member_id is None:
        raise TwoPeopleNeeded
    points.locked_community(session, actor.community_id)
    found = proposal(session, actor, proposal_id=proposal_id)
    if found.state is ProposalState.WITHDRAWN:
        return found
    if found.state is not ProposalState.OPEN:
        raise ProposalDecided
    found.state = ProposalState.WITHDRAWN
    found.decided_by_id, found.decided_at = actor.member_id, clock.now()
    audit.record(session, actor, "withdraw_points_policy", f"policy_proposal:{found.id}")
    session.flush()
    return found


def proposal(session: Session, actor: Actor, *, proposal_id: UUID) -> PolicyProposal:
    """Return one proposal, as it stands in the database now.

    Raises:
        NotAllowed: `not_allowed`; NoProposal: `not_found`.
    """
    actor.require(Permission.RELEASE_POLICY)
    found = session.get(PolicyProposal, (actor.community_id, proposal_id), populate_existing=True)
    if found is None:
        raise NoProposal
    return found


def proposals(session: Session, actor: Actor) -> Sequence[PolicyProposal]:
    """Return the newest proposals, newest first, whatever became of them."""
    actor.require(Permission.RELEASE_POLICY)
    return session.scalars(
        select(PolicyProposal)
        .where(PolicyProposal.community_id == actor.community_id)
        .order_by(PolicyProposal.proposed_at.desc(), PolicyProposal.id.desc())
        .limit(PROPOSALS_LISTED_MAX)
    ).all()


def names(session: Session, actor: Actor, made: Sequence[PolicyProposal]) -> dict[UUID | None, str]:
    """Return the names of who proposed and who decided, by member."""
    people = {each.proposed_by_id for each in made} | {each.decided_by_id for each in made}
    found = session.execute(
        select(Member.id, Member.name).where(
            Member.community_id == actor.community_id, Member.id.in_(people - {None})
        )
    )
    return dict(found.all())


def places(session: Session, actor: Actor) -> dict[UUID, str]:
    """Return the sites and series that a rule may name, with their names, by name."""
    actor.require(Permission.SEE_OWN_RECORD)
    found: dict[UUID, str] = {}
    for table, name in ((Site, Site.name), (Series, Series.title)):
        rows = session.execute(
            select(table.id, name).where(table.community_id == actor.community_id).order_by(name)
        )
        found |= dict(rows.all())
    return found
