"""Projects of teams: proposed with a budget in lines, approved by another, reported, closed.

On approval the whole budget is moved from the fund to an account of the project (`Fund:P0001`). A
ledger hold was the other way: it ends with the first post, and a project pays many times.

Invariants: who proposed does not approve, who reported does not close; the budget never changes;
money of the project can only be spent or go back to the fund that it came from.
"""

from dataclasses import dataclass
from typing import Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from ledger import clock
from ledger.errors import BalanceTooLow
from ledger.ids import new_id
from timebank import audit, chart
from timebank.actors import Actor, Permission
from timebank.commons.common import (
    NUMBER_MAX,
    book,
    check_amount,
    checked,
    checked_reason,
    locked_register,
    person,
    today,
    yuan,
)
from timebank.commons.errors import (
    AlreadyDecided,
    AnotherMustApprove,
    BudgetInvalid,
    FundShort,
    ProjectNotFound,
    ProjectNotOpen,
)
from timebank.commons.funds import find_fund, general_fund
from timebank.commons.models import (
    LINES_MAX,
    NAME_LENGTH_MAX,
    PURPOSE_LENGTH_MAX,
    Fund,
    FundRegister,
    Project,
    ProjectLine,
    ProjectState,
)
from timebank.shop.errors import NonceReused
from timebank.shop.goods import check_nonce

LISTED_MAX: Final = 200


@dataclass(frozen=True, slots=True)
class BudgetLine:
    """One line of a budget: what for, and how much."""

    title: str
    budget_fen: int


@dataclass(frozen=True, slots=True)
class Plan:
    """What a team wants to do.

    Args:
        title: 1 to 60 characters.
        team: who does it, 1 to 60 characters.
        purpose: what it is good for, 1 to 500 characters.
        lines: the budget, 1 to 12 lines.
        nonce: the form's own number; the same nonce returns the same project.
        fund_number: from which fund; 1 is the general fund.
    """

    title: str
    team: str
    purpose: str
    lines: tuple[BudgetLine, ...]
    nonce: str
    fund_number: int = chart.GENERAL_FUND_NUMBER


def propose(session: Session, actor: Actor, *, plan: Plan) -> Project:
    """Propose a project; no money moves before somebody else approves it.

    Args:
        session: write session.
        actor: needs `run_project`.
        plan: what, who, why and how much.

    Raises:
        FundTextInvalid, AmountInvalid, BudgetInvalid: fund_text_invalid, amount_invalid,
            budget_invalid.
        FundNotFound: fund_not_found.
        NonceReused: nonce_reused, it stands for another project.
    """
    member_id = person(actor, Permission.RUN_PROJECT)
    check_nonce(plan.nonce)
    lines = _checked_lines(plan)
    told = {
        "title": checked("title", plan.title, NAME_LENGTH_MAX),
        "team": checked("team", plan.team, NAME_LENGTH_MAX),
        "purpose": checked("purpose", plan.purpose, PURPOSE_LENGTH_MAX),
    }
    register = locked_register(session, actor.community_id)
    general_fund(session, actor.community_id)
    fund = find_fund(session, actor, number=plan.fund_number)
    earlier = session.scalar(
        sa.select(Project).where(
            Project.community_id == actor.community_id, Project.nonce == plan.nonce
        )
    )
    if earlier is not None:
        kept = [(line.title, line.budget_fen) for line in lines_of(session, earlier)]
        if (earlier.title, earlier.fund_id, kept) != (told["title"], fund.id, lines):
            raise NonceReused
        return earlier
    made = Project(
        community_id=actor.community_id,
        id=new_id(),
        nonce=plan.nonce,
        number=_next_number(session, register),
        fund_id=fund.id,
        proposed_by_id=member_id,
        proposed_at=clock.now(),
        state=ProjectState.PROPOSED,
        decision_reason="",
        report="",
        **told,
    )
    session.add(made)
    session.flush()
    for line_no, (title, budget_fen) in enumerate(lines, start=1):
        key = {"community_id": made.community_id, "project_id": made.id, "line_no": line_no}
        session.add(ProjectLine(**key, title=title, budget_fen=budget_fen))
    session.flush()
    return made


def approve(session: Session, actor: Actor, *, number: int) -> Project:
    """Approve a project: its budget is set apart; who approved gets the same answer again.

    Args:
        session: write session.
        actor: needs `release_money`; not who proposed it.
        number: of the project.

    Raises:
        ProjectNotFound: project_not_found.
        AnotherMustApprove: another_must_approve.
        AlreadyDecided: already_decided.
        FundShort: fund_short, with both numbers.
    """
    member_id = person(actor, Permission.RELEASE_MONEY)
    project = find_project(session, actor, number=number, lock=True)
    if project.proposed_by_id == member_id:
        raise AnotherMustApprove
    if project.state is ProjectState.APPROVED and project.decided_by_id == member_id:
        return project
    if project.state is not ProjectState.PROPOSED:
        raise AlreadyDecided
    project.transaction_id = _set_apart(session, actor, project)
    project.state = ProjectState.APPROVED
    project.decided_by_id, project.decided_at = member_id, clock.now()
    session.flush()
    return project


def refuse(session: Session, actor: Actor, *, number: int, reason: str) -> Project:
    """Refuse a proposal, or take one's own back; no money moves.

    Raises:
        NotAllowed: not_allowed, somebody else's proposal without `release_money`.
        ProjectNotFound: project_not_found; AlreadyDecided: already_decided.
        ReasonInvalid: reason_invalid.
    """
    member_id = person(actor, Permission.RUN_PROJECT)
    why = checked_reason(reason)
    project = find_project(session, actor, number=number, lock=True)
    if project.proposed_by_id != member_id:
        actor.require(Permission.RELEASE_MONEY)
    if project.state is not ProjectState.PROPOSED:
        raise AlreadyDecided
    project.state, project.decision_reason = ProjectState.REFUSED, why
    project.decided_by_id, project.decided_at = member_id, clock.now()
    audit.record(session, actor, "refuse_project", f"project:{project.id}")
    session.flush()
    return project


# ---------------------------------------------------------------- reading


def find_project(session: Session, actor: Actor, *, number: int, lock: bool = False) -> Project:
    """Return a project by its number.

    Raises:
        ProjectNotFound: project_not_found.
    """
    query = sa.select(Project).where(
        Project.community_id == actor.community_id,
        Project.number == min(max(number, 0), NUMBER_MAX),
    )
    if lock:
        query = query.with_for_update().execution_options(populate_existing=True)
    found = session.scalar(query)
    if found is None:
        raise ProjectNotFound
    return found


def require_state(project: Project, state: ProjectState) -> None:
    """Refuse a step that the project does not take now."""
    if project.state is not state:
        raise ProjectNotOpen(project=project.printed_number)


def lines_of(session: Session, project: Project) -> list[ProjectLine]:
    """Return the lines of a budget in their order."""
    query = sa.select(ProjectLine).where(
        ProjectLine.community_id == project.community_id, ProjectLine.project_id == project.id
    )
    return list(session.scalars(query.order_by(ProjectLine.line_no)))


def list_projects(session: Session, actor: Actor) -> list[Project]:
    """Return the newest projects, those that wait for a decision first."""
    actor.require(Permission.RUN_PROJECT)
    return list(
        session.scalars(
            sa.select(Project)
            .where(Project.community_id == actor.community_id)
            .order_by(
                sa.case((Project.state == ProjectState.PROPOSED, 0), else_=1),
                Project.number.desc(),
            )
            .limit(LISTED_MAX)
        )
    )


# ---------------------------------------------------------------- leaves


def _checked_lines(plan: Plan) -> list[tuple[str, int]]:
    if not 1 <= len(plan.lines) <= LINES_MAX:
        raise BudgetInvalid(lines_max=LINES_MAX)
    for line in plan.lines:
        check_amount(line.budget_fen)
    total_fen = sum(line.budget_fen for line in plan.lines)
    check_amount(total_fen)
    return [(checked("line", line.title, NAME_LENGTH_MAX), line.budget_fen) for line in plan.lines]


def _next_number(session: Session, register: FundRegister) -> int:
    register.last_project_number += 1
    session.flush()  # first: the guard asks the register for the number
    return register.last_project_number


def _set_apart(session: Session, actor: Actor, project: Project) -> UUID:
    """Open the accounts of the project and move its budget there."""
    community_id = actor.community_id
    lines = lines_of(session, project)
    for line in lines:
        code = chart.line_account_code(project.number, line.line_no)
        chart.open_line_account(session, community_id, code, budget_fen=line.budget_fen)
    own_id = chart.open_money_account(
        session, community_id, chart.project_account_code(project.number)
    )
    fund = session.get_one(Fund, (community_id, project.fund_id))
    [fund_id] = chart.account_ids(session, community_id, chart.fund_account_code(fund.number))
    needed_fen = sum(line.budget_fen for line in lines)
    try:
        return book(
            session,
            actor,
            legs=(fund_id, own_id),
            amount_fen=needed_fen,
            key=f"project:{project.id}",
            source=f"project:{project.id}",
            occurred_on=today(session, community_id),
            narration=f"budget of {project.printed_number}",
        )
    except BalanceTooLow as short:
        raise FundShort(
            fund=fund.name,
            needed=yuan(needed_fen),
            available=yuan(int(short.details["available_minor"])),
        ) from short
