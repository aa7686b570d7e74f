"""The desk plans duty rosters: a week at a time, a shift at a time, on paper and in Excel."""

import re
from datetime import date, timedelta
from typing import Any, Final
from uuid import UUID

import marshmallow as ma
from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as Redirection

from timebank import clock
from timebank.actors import Permission
from timebank.duty import board, planning, publishing, rosters
from timebank.duty.models import (
    DAILY_MINUTES_MAX,
    PEOPLE_COUNT_MAX,
    REST_MINUTES_MAX,
)
from timebank.duty.rosters import MEMBER_COUNT_MAX, SERIES_COUNT_MAX, Terms
from timebank.duty.scene import Scene
from timebank.errors import Refusal
from timebank.service import repeating
from timebank.service.models import TITLE_LENGTH_MAX, OccasionKind
from web import excel
from web.api import Args
from web.auth import allow, current_actor, current_standing
from web.fields import Choice, Date, Identifier, Text, WholeNumber
from web.forms import Form
from web.i18n import N_, _, said
from web.menu import Entry
from web.session import begin, reading

blueprint = Blueprint("rosters", __name__, url_prefix="/desk/rosters")

PLAN: Final = Permission.PLAN_SERVICE
MENU = (Entry("rosters.list_all", N_("Duty rosters"), "calendar-week", PLAN, order=22),)
SPAN: Final = timedelta(days=27)
_DAY: Final = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
Answer = Redirection | str | tuple[str, int]


class RosterForm(Args):
    """What a roster plans; minutes are whole."""

    title = Text(
        required=True, length_min=1, length_max=TITLE_LENGTH_MAX, metadata={"label": N_("Title")}
    )
    begins_on = Date(required=True, metadata={"label": N_("From")})
    ends_on = Date(required=True, metadata={"label": N_("Until")})
    series_ids = ma.fields.List(
        Identifier(),
        load_default=list,
        validate=ma.validate.Length(max=SERIES_COUNT_MAX),
        metadata={"label": N_("Duty shifts")},
    )
    member_ids = ma.fields.List(
        Identifier(),
        load_default=list,
        validate=ma.validate.Length(max=MEMBER_COUNT_MAX),
        metadata={"label": N_("Members")},
    )
    people_count = WholeNumber(
        minimum=1,
        maximum=PEOPLE_COUNT_MAX,
        required=True,
        metadata={"label": N_("People on each shift")},
    )
    rest_minutes = WholeNumber(
        minimum=0,
        maximum=REST_MINUTES_MAX,
        required=True,
        metadata={"label": N_("Rest between two services, in minutes")},
    )
    daily_minutes_max = WholeNumber(
        minimum=1,
        maximum=DAILY_MINUTES_MAX,
        required=True,
        metadata={"label": N_("Minutes on one day, at most")},
    )


class MembersForm(Args):
    """Whom a roster plans."""

    member_ids = ma.fields.List(
        Identifier(), load_default=list, validate=ma.validate.Length(max=MEMBER_COUNT_MAX)
    )


class PlanForm(Args):
    """How much of the present plan stays."""

    mode = Choice(planning.Mode, required=True)


class PersonForm(Args):
    """Who is put on a shift, or taken off it."""

    member_id = Identifier(required=True, metadata={"label": N_("Who")})


# ---------------------------------------------------------------- rosters


@blueprint.get("/")
@allow(PLAN)
def list_all() -> str:
    """Show the rosters."""
    with reading() as session:
        found = rosters.rosters(session, current_actor())
    return render_template("rosters/list.html", rosters=found, today=_today())


@blueprint.get("/new")
@allow(PLAN)
def new() -> str:
    """Show the form of a new roster: the coming four weeks, everybody."""
    monday = _today() + timedelta(days=7 - _today().weekday())
    values = {
        "begins_on": monday.isoformat(),
        "ends_on": (monday + SPAN).isoformat(),
        "people_count": 2,
        "rest_minutes": 11 * 60,
        "daily_minutes_max": 4 * 60,
    }
    return _new_page(Form(RosterForm, values), is_fresh=True)


@blueprint.post("/new")
@allow(PLAN)
def create() -> Answer:
    """Make a roster and fill it."""
    form = Form.read(RosterForm)
    if form.is_valid:
        try:
            with begin() as session:
                made = rosters.create_roster(session, current_actor(), terms=_terms(form.data))
                roster_id = made.id
                planning.plan_roster(
                    session, current_actor(), roster_id=roster_id, mode=planning.Mode.AGAIN
                )
        except Refusal as refusal:
            _show_at(form, refusal)
        else:
            flash(_("Planned. Look at it, change what you like, then publish it."), "ok")
            return redirect(url_for("rosters.show", roster_id=roster_id))
    return _new_page(form), form.status


@blueprint.get("/<uuid:roster_id>")
@allow(PLAN)
def show(roster_id: UUID) -> str:
    """Show one week of a roster, with all weeks and everybody's minutes."""
    return _board_page("rosters/show.html", roster_id)


@blueprint.get("/<uuid:roster_id>/print")
@allow(PLAN)
def print_all(roster_id: UUID) -> str:
    """Show every week, for the wall."""
    return _board_page("rosters/print.html", roster_id)


@blueprint.get("/<uuid:roster_id>/excel")
@allow(PLAN)
def download(roster_id: UUID) -> Response:
    """Send the roster as an Excel file."""
    with reading() as session:
        scene = rosters.show(session, current_actor(), roster_id)
        content = excel.roster_file(scene.roster, board.board(scene))
    return Response(
        content,
        mimetype=excel.MEDIA_TYPE,
        headers={"Content-Disposition": f'attachment; filename="roster-{roster_id.hex[-6:]}.xlsx"'},
    )


@blueprint.post("/<uuid:roster_id>/plan")
@allow(PLAN)
def plan(roster_id: UUID) -> Redirection:
    """Fill the gaps, or plan again."""
    form = Form.read(PlanForm)
    mode = form.data["mode"] if form.is_valid else planning.Mode.FILL
    with begin() as session:
        done = planning.plan_roster(session, current_actor(), roster_id=roster_id, mode=mode)
    missing = sum(gap.missing_count for gap in done.gaps)
    if missing:
        text = _(
            "Places filled: %(added)s. Still empty, as nobody can come: %(missing)s.",
            added=len(done.added),
            missing=missing,
        )
        flash(text, "wait")
    else:
        flash(_("Places filled: %(added)s. None is empty.", added=len(done.added)), "ok")
    return _back(roster_id)


@blueprint.post("/<uuid:roster_id>/publish")
@allow(PLAN)
def publish(roster_id: UUID) -> Redirection:
    """Put what was planned on the lists and tell the members."""
    with begin() as session:
        done = publishing.publish(session, current_actor(), roster_id=roster_id)
        refused = [
            (each.member.name, each.line.occasion.title, each.line.occasion.occurs_on.isoformat())
            for each in done.refused
        ]
    flash(
        _(
            "Sign-ups made: %(added)s, taken back: %(removed)s. Everybody concerned has been told.",
            added=len(done.enrolled),
            removed=len(done.withdrawn),
        ),
        "ok",
    )
    for name, title, day in refused[:10]:
        text = N_("%(name)s cannot be put on %(title)s, %(day)s: see why on the shift.")
        flash(_(text, name=name, title=title, day=day), "wait")
    return _back(roster_id)


@blueprint.get("/<uuid:roster_id>/members")
@allow(PLAN)
def choose(roster_id: UUID) -> str:
    """Show whom a roster plans."""
    return _members_page(roster_id, "")


@blueprint.post("/<uuid:roster_id>/members")
@allow(PLAN)
def set_members(roster_id: UUID) -> Answer:
    """Choose anew whom a roster plans."""
    form = Form.read(MembersForm)
    try:
        with begin() as session:
            rosters.set_members(
                session,
                current_actor(),
                roster_id=roster_id,
                member_ids=frozenset(form.data.get("member_ids", ())),
            )
    except Refusal as refusal:
        if refusal.status in {403, 404}:
            raise
        return _members_page(roster_id, said(refusal)), refusal.status
    flash(_("Saved. Plan again to apply it."), "ok")
    return _back(roster_id)


# ---------------------------------------------------------------- one shift


@blueprint.get("/<uuid:roster_id>/shifts/<uuid:slot_id>")
@allow(PLAN)
def shift(roster_id: UUID, slot_id: UUID) -> str:
    """Show one shift: who is on it, who could be, and why the others cannot."""
    return _shift_page(roster_id, slot_id, "")


@blueprint.post("/<uuid:roster_id>/shifts/<uuid:slot_id>/assign")
@allow(PLAN)
def assign(roster_id: UUID, slot_id: UUID) -> Answer:
    """Put somebody on a shift."""
    return _change(planning.assign, roster_id, slot_id)


@blueprint.post("/<uuid:roster_id>/shifts/<uuid:slot_id>/take-off")
@allow(PLAN)
def take_off(roster_id: UUID, slot_id: UUID) -> Answer:
    """Take somebody off a shift."""
    return _change(planning.take_off, roster_id, slot_id)


# ---------------------------------------------------------------- private


def _change(rule: Any, roster_id: UUID, slot_id: UUID) -> Answer:
    form = Form.read(PersonForm)
    if not form.is_valid:
        return _shift_page(roster_id, slot_id, form.summary()[0].text), form.status
    try:
        with begin() as session:
            rule(session, current_actor(), roster_id=roster_id, slot_id=slot_id, **form.data)
    except Refusal as refusal:
        if refusal.status in {403, 404}:
            raise
        return _shift_page(roster_id, slot_id, said(refusal)), refusal.status
    flash(_("Saved."), "ok")
    return redirect(url_for("rosters.shift", roster_id=roster_id, slot_id=slot_id))


def _terms(data: dict[str, Any]) -> Terms:
    lists = {name: frozenset(data[name]) for name in ("series_ids", "member_ids")}
    return Terms(**{**data, **lists})


def _show_at(form: Form, refusal: Refusal) -> None:
    if refusal.status in {403, 404}:
        raise refusal
    fields = {"nothing_to_plan": "series_ids", "not_a_shift": "series_ids"}
    form.refuse(refusal, fields.get(refusal.code, str(refusal.details.get("field", ""))))


def _today() -> date:
    return clock.today(current_standing().community.time_zone)


def _asked_week() -> date:
    text = request.values.get("week", "")
    try:
        return date.fromisoformat(text) if _DAY.fullmatch(text) else _today()
    except ValueError:
        return _today()


def _back(roster_id: UUID) -> Redirection:
    week = request.form.get("week", "")
    shown = week if _DAY.fullmatch(week) else None
    return redirect(url_for("rosters.show", roster_id=roster_id, week=shown))


def _new_page(form: Form, *, is_fresh: bool = False) -> str:
    with reading() as session:
        lines = repeating.series(session, current_actor())
        people = rosters.active_members(session, current_actor())
    shifts = [line for line in lines if line.series.kind is OccasionKind.DUTY_SHIFT]
    if is_fresh:
        form.values["series_ids"] = [
            str(line.series.id) for line in shifts if not line.series.ended_on
        ]
        form.values["member_ids"] = [str(member.id) for member in people]
    return render_template("rosters/new.html", form=form, shifts=shifts, people=people)


def _members_page(roster_id: UUID, problem: str) -> str:
    with reading() as session:
        scene = rosters.show(session, current_actor(), roster_id)
        people = rosters.active_members(session, current_actor())
    left = [member for member in scene.members.values() if member.status != "active"]
    return render_template(
        "rosters/members.html", scene=scene, people=people, left=left, problem=problem
    )


def _board_page(template: str, roster_id: UUID) -> str:
    with reading() as session:
        scene = rosters.show(session, current_actor(), roster_id)
    shown = board.board(scene)
    week = shown.week(_asked_week())
    beside = shown.beside(week) if week else (None, None)
    return render_template(template, scene=scene, board=shown, week=week, beside=beside)


def _shift_page(roster_id: UUID, slot_id: UUID, problem: str) -> str:
    with reading() as session:
        scene: Scene = rosters.show(session, current_actor(), roster_id)
        people = planning.candidates(scene, slot_id)
    return render_template(
        "rosters/shift.html",
        scene=scene,
        cell=board.cell_of(scene, slot_id),
        people=people,
        problem=problem,
    )
