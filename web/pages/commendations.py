"""Commendations at the desk: the dry run with reasons for everybody, issuing, star tables."""

from collections.abc import Callable, Iterable
from datetime import date
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

import marshmallow as ma
from flask import Blueprint, flash, redirect, render_template, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from timebank.actors import Permission
from timebank.errors import Refusal
from timebank.rewards import commendations, stars
from timebank.rewards.commendations import NOTES_LENGTH_MAX, Basis, DryRun, Row
from timebank.rewards.errors import NoStarRule
from timebank.rewards.models import STARS_MAX
from timebank.rewards.shortlist import BEGINNING_ON
from web import reward_words
from web.api import Args
from web.auth import allow, current_actor
from web.csv_files import csv_response
from web.fields import Choice, Date, Identifier, Text, WholeNumber
from web.forms import Form
from web.i18n import N_, _, duration
from web.menu import Entry
from web.session import begin, keys, reading

blueprint = Blueprint("commendations", __name__, url_prefix="/desk/commendations")

MENU = (Entry("commendations.dry_run", N_("Commendations"), "award", Permission.COMMEND, order=60),)
DIGEST_PATTERN: Final = "^[0-9a-f]{64}$"
MINUTES_PER_HOUR: Final = 60
HOURS_MAX: Final = stars.THRESHOLD_MINUTES_MAX // MINUTES_PER_HOUR
VERSION_MAX: Final = 10_000
Page = str | Response | tuple[str, int]


class Order(StrEnum):
    """How the rows are sorted."""

    NUMBER = "number"
    NAME = "name"
    TEAM = "team"
    MINUTES = "minutes"
    STARS = "stars"


class Show(StrEnum):
    """Which rows are shown."""

    ALL = "all"
    IN = "in"
    NOT_IN = "not_in"


SORTS: Final[dict[Order, Callable[[Row], Any]]] = {
    Order.NUMBER: lambda row: 0,
    Order.NAME: lambda row: row.name,
    Order.TEAM: lambda row: row.team,
    Order.MINUTES: lambda row: -row.counted_minutes,
    Order.STARS: lambda row: (not row.is_eligible, -row.stars_reached, -row.counted_minutes),
}
"""Sorting is stable: equal rows stay in the order of volunteer numbers."""


class PeriodForm(ma.Schema):
    """The period of a dry run, and how it is shown."""

    class Meta:
        """Options of marshmallow: a link may carry more than we know."""

        unknown = ma.EXCLUDE

    period_from = Date(load_default=None, metadata={"label": N_("From")})
    period_to = Date(load_default=None, metadata={"label": N_("To")})
    order = Choice(Order, load_default=Order.STARS)
    show = Choice(Show, load_default=Show.ALL)


class IssueForm(Args):
    """Who is ticked, and what the page had shown."""

    member_ids = ma.fields.List(
        Identifier(), load_default=list, metadata={"label": N_("People ticked")}
    )
    period_from = Date(required=True, metadata={"label": N_("From")})
    period_to = Date(required=True, metadata={"label": N_("To")})
    rule_version = WholeNumber(
        required=True, minimum=1, maximum=VERSION_MAX, metadata={"label": N_("Table of stars")}
    )
    evidence_digest = Text(
        required=True, length_max=64, pattern=DIGEST_PATTERN, metadata={"label": N_("Digest")}
    )
    notes = Text(
        length_max=NOTES_LENGTH_MAX, load_default="", metadata={"label": N_("Notes on the paper")}
    )


def _hours(number: int) -> WholeNumber:
    return WholeNumber(
        minimum=1,
        maximum=HOURS_MAX,
        required=number == 1,
        load_default=ma.missing if number == 1 else None,
        metadata={"label": reward_words.STARS[number - 1]},
    )


class TableForm(Args):
    """A new table of stars, in hours; empty fields at the end make a shorter table."""

    stars_1 = _hours(1)
    stars_2 = _hours(2)
    stars_3 = _hours(3)
    stars_4 = _hours(4)
    stars_5 = _hours(5)
    starts_on = Date(required=True, metadata={"label": N_("Starts on")})


# ---------------------------------------------------------------- the dry run


@blueprint.get("/")
@allow(Permission.COMMEND)
def dry_run() -> Page:
    """Show who would get stars for a period, and why everybody else would not."""
    period = Form.read(PeriodForm, request.args)
    with reading() as session:
        return _list_page(session, period, Form(IssueForm))


@blueprint.get("/export.csv")
@allow(Permission.COMMEND)
def export() -> Page:
    """Return the dry run for a spreadsheet."""
    period = Form.read(PeriodForm, request.args)
    with reading() as session:
        if not period.is_valid:
            return _list_page(session, period, Form(IssueForm))
        run = _run(session, period)
    header = [
        *(_("Volunteer number"), _("Name"), _("Team"), _("Minutes"), _("Counted")),
        *(_("Stars reached"), _("Stars before"), _("Gets stars"), _("Why")),
    ]
    return csv_response("commendations.csv", header, map(_cells, _sorted(run, period)))


def _cells(row: Row) -> list[object]:
    return [
        row.volunteer_number,
        row.name,
        row.team,
        row.counted_minutes,
        duration(row.counted_minutes),
        row.stars_reached,
        row.stars_before,
        _("yes") if row.is_eligible else _("no"),
        _("; ").join(map(reward_words.reason, row.reasons)),
    ]


def _run(session: Session, period: Form) -> DryRun:
    return commendations.dry_run(
        session,
        current_actor(),
        period_from=period.data["period_from"],
        period_to=period.data["period_to"],
    )


def _sorted(run: DryRun, period: Form) -> list[Row]:
    wanted = {Show.ALL: (True, False), Show.IN: (True,), Show.NOT_IN: (False,)}
    rows = [row for row in run.rows if row.is_eligible in wanted[period.data["show"]]]
    return sorted(rows, key=SORTS[period.data["order"]])


def _list_page(session: Session, period: Form, form: Form) -> tuple[str, int]:
    """Return the page of the dry run; what is wrong with the period stands above an empty list."""
    run: DryRun | None = None
    if period.is_valid:
        try:
            run = _run(session, period)
        except NoStarRule as refusal:
            return render_template("commendations/no_table.html", refusal=refusal), 200
        except Refusal as refusal:
            period.refuse(refusal, "period_to")
    page = render_template(
        "commendations/dry_run.html",
        period=period,
        shown={"order": Order.STARS, "show": Show.ALL} | period.data,
        form=form,
        run=run,
        rows=_sorted(run, period) if run else [],
        beginning=BEGINNING_ON,
    )
    return page, period.status if form.is_valid else form.status


# ---------------------------------------------------------------- issuing


@blueprint.post("/")
@allow(Permission.COMMEND)
def issue() -> Page:
    """Issue what is ticked, if the book still gives what the page had shown."""
    form = Form.read(IssueForm)
    with begin() as session:
        if form.is_valid:
            try:
                with session.begin_nested():
                    issued = _issue(session, form.data)
            except Refusal as refusal:
                form.refuse(refusal)
        if not form.is_valid:
            return _list_page(session, _same_period(form), form)
    first, last = issued[0].printed_number, issued[-1].printed_number
    if len(issued) == 1:
        flash(_("Certificate %(number)s is issued.", number=first), "ok")
    else:
        flash(
            _(
                "%(count)s certificates are issued: %(first)s to %(last)s.",
                count=len(issued),
                first=first,
                last=last,
            ),
            "ok",
        )
    return redirect(url_for("certificates.register"))


def _issue(session: Session, data: dict[str, Any]) -> list[Any]:
    basis = Basis(
        period_from=data["period_from"],
        period_to=data["period_to"],
        rule_version=data["rule_version"],
        evidence_digest=data["evidence_digest"],
    )
    ids: list[UUID] = data["member_ids"]
    return list(
        commendations.issue(
            session, current_actor(), keys(), member_ids=ids, basis=basis, notes=data["notes"]
        )
    )


def _same_period(form: Form) -> Form:
    """Return the period that the refused form was about."""
    period = Form(PeriodForm)
    period.values = {name: form.value(name) for name in ("period_from", "period_to")}
    sent = {name: text for name, text in period.values.items() if text}
    try:
        period.data = period.schema.load(sent)
    except ma.ValidationError:
        period.data = period.schema.load({})
    return period


# ---------------------------------------------------------------- tables of stars


@blueprint.get("/tables")
@allow(Permission.COMMEND)
def tables() -> str:
    """Show every table of stars and the form for a new one."""
    return _tables_page(Form(TableForm, _default_hours()))


@blueprint.post("/tables")
@allow(Permission.COMMEND)
def release() -> Page:
    """Release a new table of stars."""
    form = Form.read(TableForm)
    if not form.is_valid:
        return _tables_page(form), form.status
    try:
        with begin() as session:
            rule = stars.release_star_rule(
                session,
                current_actor(),
                thresholds_minutes=list(_minutes(form.data)),
                starts_on=form.data["starts_on"],
            )
    except Refusal as refusal:
        name = "starts_on" if "start" in refusal.code else "stars_1"
        return _tables_page(form.refuse(refusal, name)), refusal.status
    flash(_("Table %(version)s is released.", version=rule.version), "ok")
    return redirect(url_for("commendations.tables"))


def _minutes(data: dict[str, Any]) -> Iterable[int]:
    """Return the thresholds in minutes; a gap in the middle is refused as not rising."""
    hours = [data[f"stars_{number}"] for number in range(1, STARS_MAX + 1)]
    while hours and hours[-1] is None:
        hours.pop()
    return ((value or 0) * MINUTES_PER_HOUR for value in hours)


def _default_hours() -> dict[str, object]:
    return {
        f"stars_{number}": minutes // MINUTES_PER_HOUR
        for number, minutes in enumerate(stars.DEFAULT_THRESHOLDS_MINUTES, start=1)
    }


def _tables_page(form: Form) -> str:
    with reading() as session:
        actor = current_actor()
        released = stars.star_rules(session, actor.community_id)
        today = stars.today(session, actor)
    if not form.value("starts_on"):
        form.values["starts_on"] = today.isoformat()
    return render_template(
        "commendations/tables.html",
        form=form,
        tables=released,
        in_force=_in_force(released, today),
        count_max=STARS_MAX,
    )


def _in_force(released: list[Any], today: date) -> int:
    return next((rule.version for rule in released if rule.starts_on <= today), 0)
