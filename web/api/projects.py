"""API of projects: propose, approve, spend by two people, report, close. Money is in fen."""

from typing import Any
from uuid import UUID

import marshmallow as ma

from timebank.actors import Permission
from timebank.commons import expenses, projects, reporting, reversals
from timebank.commons.expenses import Bill
from timebank.commons.models import (
    LINES_MAX,
    PURPOSE_LENGTH_MAX,
    REPORT_LENGTH_MAX,
    Project,
    ProjectState,
)
from timebank.commons.projects import BudgetLine, Plan
from timebank.commons.spending_models import (
    INVOICE_LENGTH_MAX,
    PICTURES_MAX,
    Expense,
    ExpenseState,
    FundReversal,
)
from web.api import Args, Out, area
from web.api.fund import FundReasonArgs, FundReversalArgs, FundReversalOut, fen, name
from web.api.goods import nonce, number
from web.auth import allow, current_actor
from web.fields import Choice, Date, Identifier, Lines, Text, WholeNumber
from web.session import begin, reading


class BudgetLineArgs(Args):
    """One line of a budget."""

    title = name()
    budget_fen = fen(required=True)


class ProjectArgs(Args):
    """What a team wants to do."""

    nonce = nonce()
    title = name()
    team = name()
    purpose = Lines(required=True, length_min=1, length_max=PURPOSE_LENGTH_MAX)
    fund_number = number(load_default=1)
    lines = ma.fields.List(
        ma.fields.Nested(BudgetLineArgs),
        required=True,
        validate=ma.validate.Length(1, LINES_MAX),
    )


class ProjectOut(Out):
    """A project and how far it is."""

    id = Identifier(required=True)
    number = ma.fields.Integer(required=True)
    fund_id = Identifier(required=True)
    title = ma.fields.String(required=True)
    team = ma.fields.String(required=True)
    purpose = ma.fields.String(required=True)
    state = Choice(ProjectState, required=True)
    proposed_by_id = Identifier(required=True)
    decided_by_id = Identifier(required=True, allow_none=True)
    decision_reason = ma.fields.String(required=True)
    transaction_id = Identifier(required=True, allow_none=True)
    report = ma.fields.String(required=True)
    reported_by_id = Identifier(required=True, allow_none=True)
    closed_by_id = Identifier(required=True, allow_none=True)
    returned_fen = ma.fields.Integer(required=True, allow_none=True)


class ExpenseArgs(Args):
    """An invoice of a project."""

    nonce = nonce()
    line_no = WholeNumber(required=True, minimum=1, maximum=LINES_MAX)
    amount_fen = fen(required=True)
    payee = name()
    payee_number = number(
        load_default=None, metadata={"description": "7 stands for volunteer V0007."}
    )
    invoice_number = Text(required=True, length_min=1, length_max=INVOICE_LENGTH_MAX)
    photo_id = Identifier(required=True)
    spent_on = Date(required=True)


class ExpenseOut(Out):
    """An expense and what became of it."""

    id = Identifier(required=True)
    project_id = Identifier(required=True)
    line_no = ma.fields.Integer(required=True)
    amount_fen = ma.fields.Integer(required=True)
    payee = ma.fields.String(required=True)
    invoice_number = ma.fields.String(required=True)
    photo_id = Identifier(required=True)
    spent_on = Date(required=True)
    state = Choice(ExpenseState, required=True)
    entered_by_id = Identifier(required=True)
    decided_by_id = Identifier(required=True, allow_none=True)
    decision_reason = ma.fields.String(required=True)
    transaction_id = Identifier(required=True, allow_none=True)


class ProjectReportArgs(Args):
    """What came of a project; text and pictures become public when it is closed."""

    text = Lines(required=True, length_min=1, length_max=REPORT_LENGTH_MAX)
    photo_ids = ma.fields.List(
        Identifier(), load_default=list, validate=ma.validate.Length(max=PICTURES_MAX)
    )


blueprint = area("projects", "Projects of teams: budget, expenses, report")


@blueprint.route("/projects", methods=["GET"])
@allow(Permission.RUN_PROJECT)
@blueprint.response(200, ProjectOut(many=True))
def list_projects() -> list[Project]:
    """List the newest projects, those that wait for a decision first."""
    with reading() as session:
        return projects.list_projects(session, current_actor())


@blueprint.route("/projects", methods=["POST"])
@allow(Permission.RUN_PROJECT)
@blueprint.arguments(ProjectArgs)
@blueprint.response(201, ProjectOut)
@blueprint.leads_to("approve_project", project_number="number")
@blueprint.leads_to("refuse_project", project_number="number")
@blueprint.leads_to("list_expenses", project_number="number")
def propose_project(args: dict[str, Any]) -> Project:
    """Propose a project; somebody else approves it."""
    lines = tuple(BudgetLine(**line) for line in args["lines"])
    with begin() as session:
        return projects.propose(session, current_actor(), plan=Plan(**{**args, "lines": lines}))


@blueprint.route("/projects/<int:project_number>/approve", methods=["POST"])
@allow(Permission.RELEASE_MONEY)
@blueprint.response(200, ProjectOut)
def approve_project(project_number: int) -> Project:
    """Approve a project: its budget is set apart."""
    with begin() as session:
        return projects.approve(session, current_actor(), number=project_number)


@blueprint.route("/projects/<int:project_number>/refuse", methods=["POST"])
@allow(Permission.RUN_PROJECT)
@blueprint.arguments(FundReasonArgs)
@blueprint.response(200, ProjectOut)
def refuse_project(args: dict[str, Any], project_number: int) -> Project:
    """Refuse a proposal, or take one's own back."""
    with begin() as session:
        return projects.refuse(session, current_actor(), number=project_number, **args)


@blueprint.route("/projects/<int:project_number>/expenses", methods=["GET"])
@allow(Permission.RUN_PROJECT)
@blueprint.response(200, ExpenseOut(many=True))
def list_expenses(project_number: int) -> list[Expense]:
    """List the expenses of a project."""
    with reading() as session:
        found = projects.find_project(session, current_actor(), number=project_number)
        return expenses.expenses_of(session, found)


@blueprint.route("/projects/<int:project_number>/expenses", methods=["POST"])
@allow(Permission.RUN_PROJECT)
@blueprint.arguments(ExpenseArgs)
@blueprint.response(201, ExpenseOut)
@blueprint.leads_to("release_expense", expense_id="id")
@blueprint.leads_to("refuse_expense", expense_id="id")
def enter_expense(args: dict[str, Any], project_number: int) -> Expense:
    """Enter an expense; somebody else releases it."""
    with begin() as session:
        return expenses.enter(session, current_actor(), number=project_number, bill=Bill(**args))


@blueprint.route("/expenses/<uuid:expense_id>/release", methods=["POST"])
@allow(Permission.RELEASE_MONEY)
@blueprint.response(200, ExpenseOut)
def release_expense(expense_id: UUID) -> Expense:
    """Release an expense that somebody else entered."""
    with begin() as session:
        return expenses.release(session, current_actor(), expense_id=expense_id)


@blueprint.route("/expenses/<uuid:expense_id>/refuse", methods=["POST"])
@allow(Permission.RUN_PROJECT)
@blueprint.arguments(FundReasonArgs)
@blueprint.response(200, ExpenseOut)
def refuse_expense(args: dict[str, Any], expense_id: UUID) -> Expense:
    """Refuse an expense, or take one's own entry back."""
    with begin() as session:
        return expenses.refuse(session, current_actor(), expense_id=expense_id, **args)


@blueprint.route("/expenses/<uuid:expense_id>/reverse", methods=["POST"])
@allow(Permission.RELEASE_MONEY)
@blueprint.arguments(FundReversalArgs)
@blueprint.response(201, FundReversalOut)
def reverse_expense(args: dict[str, Any], expense_id: UUID) -> FundReversal:
    """Take a released expense back."""
    with begin() as session:
        return reversals.reverse_expense(session, current_actor(), expense_id=expense_id, **args)


@blueprint.route("/projects/<int:project_number>/report", methods=["POST"])
@allow(Permission.RUN_PROJECT)
@blueprint.arguments(ProjectReportArgs)
@blueprint.response(200, ProjectOut)
def report_project(args: dict[str, Any], project_number: int) -> Project:
    """Report what came of a project."""
    with begin() as session:
        return reporting.report(
            session,
            current_actor(),
            number=project_number,
            text=args["text"],
            photo_ids=tuple(args["photo_ids"]),
        )


@blueprint.route("/projects/<int:project_number>/close", methods=["POST"])
@allow(Permission.RELEASE_MONEY)
@blueprint.response(200, ProjectOut)
def close_project(project_number: int) -> Project:
    """Close a reported project: what remains goes back to its fund."""
    with begin() as session:
        return reporting.close(session, current_actor(), number=project_number)
