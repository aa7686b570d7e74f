"""The end of a project: the team reports, somebody else reads it and closes.

What remains goes back to the fund at the closing, not at the report: so money moves only when two
people agreed, and a mistake that is found while the report is read can still be taken back.
"""

from uuid import UUID

from sqlalchemy.orm import Session

from ledger import clock
from timebank import chart
from timebank.actors import Actor, Permission
from timebank.commons.common import book, checked, person, today
from timebank.commons.errors import AnotherMustClose, ExpensesWait, PicturesInvalid
from timebank.commons.expenses import expenses_of
from timebank.commons.funds import balances_of
from timebank.commons.models import (
    REPORT_LENGTH_MAX,
    Fund,
    Project,
    ProjectState,
)
from timebank.commons.projects import find_project, require_state
from timebank.commons.spending_models import PICTURES_MAX, ExpenseState, ProjectPicture
from timebank.shop.errors import PhotoNotFound
from timebank.shop.models import Photo


def report(
    session: Session, actor: Actor, *, number: int, text: str, photo_ids: tuple[UUID, ...] = ()
) -> Project:
    """Report what came of a project; nothing is spent in it any more.

    The same text once more gets the same answer again.

    Args:
        session: write session.
        actor: needs `run_project`.
        number: of the project.
        text: 1 to 2000 characters; public once the project is closed.
        photo_ids: up to six pictures; the people shown agreed, since they become public too.

    Raises:
        ProjectNotFound, PhotoNotFound: project_not_found, photo_not_found.
        FundTextInvalid, PicturesInvalid: fund_text_invalid, pictures_invalid.
        ProjectNotOpen: project_not_open; ExpensesWait: expenses_wait.
    """
    member_id = person(actor, Permission.RUN_PROJECT)
    told = checked("report", text, REPORT_LENGTH_MAX)
    if len(photo_ids) > PICTURES_MAX:
        raise PicturesInvalid(pictures_max=PICTURES_MAX)
    project = find_project(session, actor, number=number, lock=True)
    if (project.state, project.report) == (ProjectState.REPORTED, told):
        return project
    require_state(project, ProjectState.APPROVED)
    waiting = [each for each in expenses_of(session, project) if each.state is ExpenseState.ENTERED]
    if waiting:
        raise ExpensesWait(count=len(waiting))
    _add_pictures(session, project, photo_ids)
    project.report, project.state = told, ProjectState.REPORTED
    project.reported_by_id, project.reported_at = member_id, clock.now()
    session.flush()
    return project


def close(session: Session, actor: Actor, *, number: int) -> Project:
    """Close a reported project: what remains goes back to its fund.

    Who closed it gets the same answer again.

    Args:
        session: write session.
        actor: needs `release_money`; not who reported.
        number: of the project.

    Raises:
        ProjectNotFound: project_not_found.
        AnotherMustClose: another_must_close; ProjectNotOpen: project_not_open.
    """
    member_id = person(actor, Permission.RELEASE_MONEY)
    project = find_project(session, actor, number=number, lock=True)
    if project.state is ProjectState.CLOSED and project.closed_by_id == member_id:
        return project
    require_state(project, ProjectState.REPORTED)
    if project.reported_by_id == member_id:
        raise AnotherMustClose
    project.returned_fen, project.return_transaction_id = _give_back(session, actor, project)
    project.state = ProjectState.CLOSED
    project.closed_by_id, project.closed_at = member_id, clock.now()
    session.flush()
    return project


def _add_pictures(session: Session, project: Project, photo_ids: tuple[UUID, ...]) -> None:
    community_id = project.community_id
    for place, photo_id in enumerate(dict.fromkeys(photo_ids), start=1):
        if session.get(Photo, (community_id, photo_id)) is None:
            raise PhotoNotFound
        key = {"community_id": community_id, "project_id": project.id, "place": place}
        session.add(ProjectPicture(**key, photo_id=photo_id))


def _give_back(session: Session, actor: Actor, project: Project) -> tuple[int, UUID | None]:
    """Move what is left to the fund; return how much, and the transaction if there was any."""
    community_id = actor.community_id
    own = chart.project_account_code(project.number)
    left_fen = balances_of(session, community_id, [own])[own]
    if not left_fen:
        return 0, None
    fund = session.get_one(Fund, (community_id, project.fund_id))
    own_id, fund_id = chart.account_ids(
        session, community_id, own, chart.fund_account_code(fund.number)
    )
    transaction_id = book(
        session,
        actor,
        legs=(own_id, fund_id),
        amount_fen=left_fen,
        key=f"project_return:{project.id}",
        source=f"project:{project.id}",
        occurred_on=today(session, community_id),
        narration=f"what remained of {project.printed_number}",
    )
    return left_fen, transaction_id
