"""API of the statements of a month and of the month end. Money is in fen."""

from datetime import date
from typing import Any
from uuid import UUID

import marshmallow as ma

from timebank.actors import Permission
from timebank.commons.fund_statements import FundStatement, read_month
from timebank.commons.statements import Books, month_of, read_books
from timebank.insight import month_end
from timebank.insight.month_models import MonthEnd, MonthState
from web.api import Args, Out, QueryArgs, area
from web.auth import allow, current_actor
from web.fields import Choice, Date, Identifier
from web.session import begin, reading


class MonthQuery(QueryArgs):
    """Any day of the month."""

    month = Date(required=True)


class MonthArgs(Args):
    """Any day of the month."""

    month = Date(required=True)


class StatementRowOut(Out):
    """An account, or all accounts of members or goods, in the smallest unit."""

    code = ma.fields.String(required=True)
    opening_minor = ma.fields.Integer(required=True)
    in_minor = ma.fields.Integer(required=True)
    out_minor = ma.fields.Integer(required=True)
    closing_minor = ma.fields.Integer(required=True)


class SectionOut(Out):
    """One unit of the book; its closings sum to zero."""

    commodity = ma.fields.String(required=True)
    category = ma.fields.String(required=True)
    rows = ma.fields.List(ma.fields.Nested(StatementRowOut), required=True)


class MoneyResultOut(Out):
    """Income statement and balance of money."""

    opening_fen = ma.fields.Integer(required=True)
    income_fen = ma.fields.Integer(required=True)
    expenses_fen = ma.fields.Integer(required=True)
    other_fen = ma.fields.Integer(required=True)
    result_fen = ma.fields.Integer(required=True)
    closing_fen = ma.fields.Integer(required=True)


class BooksOut(Out):
    """Everything that the book says of a month."""

    first_on = Date(required=True)
    last_on = Date(required=True)
    money = ma.fields.Nested(MoneyResultOut, required=True)
    sections = ma.fields.List(ma.fields.Nested(SectionOut), required=True)


class FundRowOut(Out):
    """One fund or project in a month; every column is signed as it changed the balance."""

    code = ma.fields.String(required=True)
    name = ma.fields.String(required=True)
    opening_fen = ma.fields.Integer(required=True)
    donations_fen = ma.fields.Integer(required=True)
    takings_fen = ma.fields.Integer(required=True)
    moved_fen = ma.fields.Integer(required=True)
    spent_fen = ma.fields.Integer(required=True)
    other_fen = ma.fields.Integer(required=True)
    closing_fen = ma.fields.Integer(required=True)


class FundStatementOut(Out):
    """The funds in a month."""

    first_on = Date(required=True)
    last_on = Date(required=True)
    rows = ma.fields.List(ma.fields.Nested(FundRowOut), required=True)
    total = ma.fields.Nested(FundRowOut, required=True)


class CheckOut(Out):
    """One point of the checklist; 0 is as it should be."""

    name = ma.fields.String(required=True)
    count = ma.fields.Integer(required=True)


class MonthEndOut(Out):
    """A month that was prepared, and what became of it."""

    id = Identifier(required=True)
    through = Date(required=True)
    state = Choice(MonthState, required=True)
    prepared_by_id = Identifier(required=True)
    decided_by_id = Identifier(required=True, allow_none=True)


class ChecklistOut(Out):
    """What stands open of a month, and how far the books are closed."""

    first_on = Date(required=True)
    last_on = Date(required=True)
    checks = ma.fields.List(ma.fields.Nested(CheckOut), required=True)
    closed_through = Date(required=True, allow_none=True)
    is_closed = ma.fields.Boolean(required=True)
    prepared = ma.fields.Nested(MonthEndOut, required=True, allow_none=True)


blueprint = area("statements", "Statements of a month, and the month end")


@blueprint.route("/statements", methods=["GET"])
@allow(Permission.READ_BOOKS)
@blueprint.arguments(MonthQuery, location="query")
@blueprint.response(200, BooksOut)
def show_statements(args: dict[str, date]) -> Books:
    """Show income, expenses and balances of a month, per unit."""
    first_on, last_on = month_of(args["month"])
    with reading() as session:
        return read_books(session, current_actor(), first_on=first_on, last_on=last_on)


@blueprint.route("/fund-statements", methods=["GET"])
@allow(Permission.READ_BOOKS)
@blueprint.arguments(MonthQuery, location="query")
@blueprint.response(200, FundStatementOut)
def show_fund_statement(args: dict[str, date]) -> FundStatement:
    """Show the funds and projects in a month."""
    first_on, last_on = month_of(args["month"])
    with reading() as session:
        return read_month(session, current_actor(), first_on=first_on, last_on=last_on)


@blueprint.route("/month-ends/checklist", methods=["GET"])
@allow(Permission.READ_BOOKS)
@blueprint.arguments(MonthQuery, location="query")
@blueprint.response(200, ChecklistOut)
def show_checklist(args: dict[str, date]) -> month_end.Checklist:
    """Show what still stands open of a month."""
    with reading() as session:
        return month_end.read_checklist(session, current_actor(), month_on=args["month"])


@blueprint.route("/month-ends", methods=["POST"])
@allow(Permission.RELEASE_MONEY)
@blueprint.arguments(MonthArgs)
@blueprint.response(201, MonthEndOut)
@blueprint.leads_to("close_month", month_end_id="id")
@blueprint.leads_to("withdraw_month_end", month_end_id="id")
def prepare_month_end(args: dict[str, Any]) -> MonthEnd:
    """Say that a month is ready to be closed; somebody else closes the books."""
    with begin() as session:
        return month_end.prepare(session, current_actor(), month_on=args["month"])


@blueprint.route("/month-ends/<uuid:month_end_id>/close", methods=["POST"])
@allow(Permission.ADMINISTER)
@blueprint.response(200, MonthEndOut)
def close_month(month_end_id: UUID) -> MonthEnd:
    """Close the books through a month that somebody else prepared."""
    with begin() as session:
        return month_end.close(session, current_actor(), month_end_id=month_end_id)


@blueprint.route("/month-ends/<uuid:month_end_id>/withdraw", methods=["POST"])
@allow(Permission.RELEASE_MONEY)
@blueprint.response(200, MonthEndOut)
def withdraw_month_end(month_end_id: UUID) -> MonthEnd:
    """Take a preparation back."""
    with begin() as session:
        return month_end.withdraw(session, current_actor(), month_end_id=month_end_id)
