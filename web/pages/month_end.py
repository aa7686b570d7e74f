"""The desk's books: the statements of a month, as page, Excel and PDF, and the end of a month."""

from datetime import date
from uuid import UUID

from flask import Blueprint, Response, render_template, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from timebank import clock
from timebank.actors import Permission
from timebank.commons.fund_statements import FundStatement, read_month
from timebank.commons.statements import Books, month_of, read_books
from timebank.insight import month_end
from web import statement_rows
from web.auth import allow, current_actor, current_standing
from web.decisions import decide
from web.fund_paper import statement_pdf
from web.i18n import N_, _
from web.menu import Entry
from web.pages.public_fund import month_asked
from web.session import reading
from web.statement_file import MEDIA_TYPE, statement_file

blueprint = Blueprint("month_end", __name__, url_prefix="/desk")

READ = Permission.READ_BOOKS
MENU = (
    Entry("month_end.books", N_("Statements"), "bar-chart-line", READ, order=80),
    Entry("month_end.checklist", N_("Month end"), "calendar-check", READ, order=81),
)


@blueprint.get("/statements/")
@allow(READ)
def books() -> str:
    """Show the statements of a month."""
    month_on = _month()
    with reading() as session:
        found, fund = _statements(session, month_on)
    return render_template(
        "fund/books.html",
        books=found,
        fund=fund,
        statement_rows=statement_rows,
        earlier=_before(found),
        later=_after(found),
    )


@blueprint.get("/statements/month.xlsx")
@allow(READ)
def excel() -> Response:
    """Return the statements of a month as an Excel file."""
    with reading() as session:
        found, fund = _statements(session, _month())
    answer = Response(statement_file(found, fund), content_type=MEDIA_TYPE)
    name = f"statements-{found.first_on:%Y-%m}.xlsx"
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


@blueprint.get("/statements/month.pdf")
@allow(READ)
def pdf() -> Response:
    """Return the statements of a month to print."""
    with reading() as session:
        found, fund = _statements(session, _month())
    answer = Response(statement_pdf(found, fund), content_type="application/pdf")
    name = f"statements-{found.first_on:%Y-%m}.pdf"
    answer.headers["Content-Disposition"] = f'inline; filename="{name}"'
    return answer


@blueprint.get("/month-end/")
@allow(READ)
def checklist() -> str:
    """Show what still stands open of a month, and the months that were closed."""
    with reading() as session:
        actor = current_actor()
        asked = month_asked(request.args.get("month", ""))
        month_on = asked or month_end.next_month(session, actor)
        found = month_end.read_checklist(session, actor, month_on=month_on)
        made = month_end.history(session, actor)
    return render_template(
        "fund/month_end.html",
        list=found,
        made=made,
        actor=actor,
        may_prepare=actor.may(Permission.RELEASE_MONEY),
        may_close=actor.may(Permission.ADMINISTER),
    )


@blueprint.post("/month-end/prepare")
@allow(Permission.RELEASE_MONEY)
def prepare() -> AnyResponse:
    """Say that a month is ready to be closed."""
    month_on = month_asked(request.form.get("month", "")) or _today().replace(day=1)
    return decide(
        lambda session: month_end.prepare(session, current_actor(), month_on=month_on),
        done=_("Prepared. Somebody else closes the books."),
        back=url_for("month_end.checklist", month=f"{month_on:%Y-%m}"),
    )


@blueprint.post("/month-end/<uuid:month_end_id>/close")
@allow(Permission.ADMINISTER)
def close(month_end_id: UUID) -> AnyResponse:
    """Close the books through a month that somebody else prepared."""
    return decide(
        lambda session: month_end.close(session, current_actor(), month_end_id=month_end_id),
        done=_("The books are closed: nothing is dated in this month any more."),
        back=url_for("month_end.checklist"),
    )


@blueprint.post("/month-end/<uuid:month_end_id>/withdraw")
@allow(Permission.RELEASE_MONEY)
def withdraw(month_end_id: UUID) -> AnyResponse:
    """Take a preparation back."""
    return decide(
        lambda session: month_end.withdraw(session, current_actor(), month_end_id=month_end_id),
        done=_("Taken back. Nothing changes."),
        back=url_for("month_end.checklist"),
    )


def _statements(session: Session, month_on: date) -> tuple[Books, FundStatement]:
    """Return everything of a month, from one snapshot."""
    first_on, last_on = month_of(month_on)
    actor = current_actor()
    return (
        read_books(session, actor, first_on=first_on, last_on=last_on),
        read_month(session, actor, first_on=first_on, last_on=last_on),
    )


def _month() -> date:
    return month_asked(request.args.get("month", "")) or _today()


def _today() -> date:
    return clock.today(current_standing().community.time_zone)


def _before(found: Books) -> str:
    return f"{date.fromordinal(found.first_on.toordinal() - 1):%Y-%m}"


def _after(found: Books) -> str:
    """Return the month after; empty where it has not come yet."""
    after = date.fromordinal(found.last_on.toordinal() + 1)
    return f"{after:%Y-%m}" if after <= month_of(_today())[1] else ""
