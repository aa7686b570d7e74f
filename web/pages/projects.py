"""Projects of teams: propose, approve, enter and release expenses, report, close."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from flask import Blueprint, flash, make_response, redirect, render_template, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from timebank import clock
from timebank.actors import Permission
from timebank.commons import expenses, funds, projects, reporting, reversals
from timebank.commons.common import names_of
from timebank.commons.fund_statements import project_statements
from timebank.commons.pictures import pictures_of, read_picture
from timebank.commons.spending_models import PICTURES_MAX
from timebank.errors import Refusal
from web.auth import allow, current_actor, current_standing
from web.decisions import decide
from web.forms import FieldProblem, Form
from web.i18n import N_, _, say
from web.menu import Entry
from web.pages.basket import new_nonce
from web.pages.fund_forms import (
    LINES_SHOWN,
    ExpenseForm,
    ProjectForm,
    ReasonForm,
    ReportForm,
    bill,
    has_picture,
    plan,
    sent_pictures,
)
from web.session import begin, reading

blueprint = Blueprint("projects", __name__, url_prefix="/desk/projects")

RUN = Permission.RUN_PROJECT
RELEASE = Permission.RELEASE_MONEY
MENU = (Entry("projects.show_all", N_("Projects"), "hammer", RUN, order=71),)
FIELDS = {
    "over_budget": "amount",
    "invoice_used": "invoice_number",
    "day_to_come": "spent_on",
    "expense_not_found": "line",
    "member_not_found": "payee_number",
}
"""The field at which a refusal is shown."""
Answer = Response | str | tuple[str, int]


@blueprint.get("/")
@allow(RUN)
def show_all() -> str:
    """List the projects, those that wait for approval first."""
    with reading() as session:
        found = projects.list_projects(session, current_actor())
    return render_template("fund/projects.html", projects=found)


@blueprint.get("/new")
@allow(RUN)
def ask_new() -> str:
    """Show the form of a project."""
    return _form_page(Form(ProjectForm, {"nonce": new_nonce()}))


@blueprint.post("/new")
@allow(RUN)
def propose() -> Answer:
    """Propose a project; somebody else approves it."""
    form = Form.read(ProjectForm)
    if form.is_valid:
        try:
            with begin() as session:
                made = projects.propose(session, current_actor(), plan=plan(form.data))
                number = made.number
        except Refusal as refusal:
            form.refuse(refusal)
        else:
            flash(_("Proposed. Somebody else approves it; then there is money."), "ok")
            return redirect(url_for("projects.show", number=number))
    return _form_page(form), form.status


@blueprint.get("/<int:number>")
@allow(RUN)
def show(number: int) -> str:
    """Show a project: budget, expenses, report, and what can be done."""
    return _page(number)


@blueprint.post("/<int:number>/approve")
@allow(RELEASE)
def approve(number: int) -> Response:
    """Approve a project: its budget is set apart."""
    return _decided(
        number,
        lambda session: projects.approve(session, current_actor(), number=number),
        _("Approved: the money is set apart for this project."),
    )


@blueprint.post("/<int:number>/refuse")
@allow(RUN)
def refuse(number: int) -> Response:
    """Refuse a proposal, or take one's own back."""
    reason = Form.read(ReasonForm).value("reason")
    return _decided(
        number,
        lambda session: projects.refuse(session, current_actor(), number=number, reason=reason),
        _("Noted: the project is not approved."),
    )


@blueprint.post("/<int:number>/expenses")
@allow(RUN)
def enter(number: int) -> Answer:
    """Enter an expense with the picture of its invoice."""
    form, actor = Form.read(ExpenseForm), current_actor()
    if not has_picture():
        text = say(N_("Please take a picture of the invoice."), {})
        form.problems.append(FieldProblem("photo", text))
    if form.is_valid:
        try:
            with begin() as session:
                [photo_id, *_rest] = sent_pictures(session, actor)
                expenses.enter(session, actor, number=number, bill=bill(form.data, photo_id))
        except Refusal as refusal:
            form.refuse(refusal, _field_of(refusal))
        else:
            flash(_("Entered. It is paid once somebody else releases it."), "ok")
            return redirect(url_for("projects.show", number=number))
    return _page(number, expense_form=form), form.status


@blueprint.post("/<int:number>/expenses/<uuid:expense_id>/release")
@allow(RELEASE)
def release(number: int, expense_id: UUID) -> Response:
    """Release an expense."""
    return _decided(
        number,
        lambda session: expenses.release(session, current_actor(), expense_id=expense_id),
        _("Released: the expense is booked."),
    )


@blueprint.post("/<int:number>/expenses/<uuid:expense_id>/refuse")
@allow(RUN)
def refuse_expense(number: int, expense_id: UUID) -> Response:
    """Refuse an expense, or take one's own entry back."""
    reason = Form.read(ReasonForm).value("reason")
    return _decided(
        number,
        lambda session: expenses.refuse(
            session, current_actor(), expense_id=expense_id, reason=reason
        ),
        _("Noted: nothing was paid."),
    )


@blueprint.post("/<int:number>/expenses/<uuid:expense_id>/reverse")
@allow(RELEASE)
def reverse(number: int, expense_id: UUID) -> Response:
    """Take a released expense back."""
    form = Form.read(ReasonForm)
    return _decided(
        number,
        lambda session: reversals.reverse_expense(
            session,
            current_actor(),
            expense_id=expense_id,
            reason=form.value("reason"),
            nonce=form.value("nonce"),
        ),
        _("Taken back: the money is the project's again."),
    )


@blueprint.post("/<int:number>/report")
@allow(RUN)
def report(number: int) -> Answer:
    """Report what came of a project."""
    form, actor = Form.read(ReportForm), current_actor()
    if form.is_valid:
        try:
            with begin() as session:
                reporting.report(
                    session,
                    actor,
                    number=number,
                    text=form.data["report"],
                    photo_ids=sent_pictures(session, actor),
                )
        except Refusal as refusal:
            form.refuse(refusal, "photo" if refusal.code.startswith("p") else "report")
        else:
            flash(_("Reported. Somebody else reads it and closes the project."), "ok")
            return redirect(url_for("projects.show", number=number))
    return _page(number, report_form=form), form.status


@blueprint.post("/<int:number>/close")
@allow(RELEASE)
def close(number: int) -> Response:
    """Close a reported project: what remains goes back."""
    return _decided(
        number,
        lambda session: reporting.close(session, current_actor(), number=number),
        _("Closed. What remained went back to the fund."),
    )


@blueprint.get("/pictures/<uuid:photo_id>")
@allow(RUN)
def picture(photo_id: UUID) -> Response:
    """Serve the picture of an invoice to those who run projects."""
    with reading() as session:
        found = read_picture(session, current_actor(), photo_id=photo_id)
    answer = make_response(found.content)
    answer.content_type = found.media_type
    answer.set_etag(found.id.hex)
    return answer.make_conditional(request)


# ---------------------------------------------------------------- leaves


def _decided(number: int, rule: Callable[[Session], Any], done: str) -> Response:
    return decide(rule, done=done, back=url_for("projects.show", number=number))


def _field_of(refusal: Refusal) -> str:
    """Return the field that a refusal speaks of."""
    return "photo" if refusal.code.startswith("photo") else FIELDS.get(refusal.code, "")


def _form_page(form: Form) -> str:
    with reading() as session:
        found = funds.list_funds(session, current_actor())
    return render_template(
        "fund/new_project.html", form=form, funds=found, places=range(1, LINES_SHOWN + 1)
    )


def _page(number: int, *, expense_form: Form | None = None, report_form: Form | None = None) -> str:
    """Return the page of a project; a form that was sent keeps what was typed."""
    with reading() as session:
        actor = current_actor()
        project = projects.find_project(session, actor, number=number)
        lines = projects.lines_of(session, project)
        bills = expenses.expenses_of(session, project)
        people = names_of(session, actor, _people(project, bills))
        found = project_statements(session, actor.community_id, number=number)
        undone = reversals.reversals_of(session, actor, [each.id for each in bills])
        pictures = pictures_of(session, project)
        funds_known = funds.list_funds(session, actor)
    today = clock.today(current_standing().community.time_zone).isoformat()
    return render_template(
        "fund/project.html",
        project=project,
        fund=next(each.fund for each in funds_known if each.fund.id == project.fund_id),
        lines=lines,
        bills=bills,
        undone=undone,
        people=people,
        statement=found[0] if found else None,
        pictures=pictures,
        pictures_max=PICTURES_MAX,
        actor=actor,
        may_release=actor.may(RELEASE),
        nonce=new_nonce(),
        reason_form=Form(ReasonForm),
        expense_form=expense_form or Form(ExpenseForm, {"nonce": new_nonce(), "spent_on": today}),
        report_form=report_form or Form(ReportForm),
    )


def _people(project: Any, bills: list[Any]) -> set[UUID | None]:
    """Return who had a part in a project."""
    ids = {project.proposed_by_id, project.decided_by_id}
    ids |= {project.reported_by_id, project.closed_by_id}
    for each in bills:
        ids |= {each.entered_by_id, each.decided_by_id}
    return ids
