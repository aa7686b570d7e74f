"""The desk's service days: sites, series that repeat, occasions, one occasion with its list."""

import secrets
from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from timebank import clock
from timebank.actors import Permission
from timebank.contributions import Category
from timebank.errors import Refusal
from timebank.service import (
    calendar,
    changes,
    occasions,
    recurrence,
    repeating,
    roster,
    signup,
    waiting,
)
from timebank.service.models import (
    ADDRESS_LENGTH_MAX,
    CAPACITY_MAX,
    TITLE_LENGTH_MAX,
    OccasionKind,
)
from timebank.service.occasions import Activity, SlotPlan
from web import service_words
from web.api import Args
from web.auth import allow, current_actor, current_standing
from web.fields import Choice, Date, Identifier, Text, WholeNumber
from web.forms import Form
from web.i18n import N_, _, say
from web.menu import Entry
from web.session import begin, reading

blueprint = Blueprint("days", __name__, url_prefix="/desk/days")

PLAN: Final = Permission.PLAN_OCCASION
MENU = (Entry("days.list_all", N_("Service days"), "calendar3", PLAN, order=20),)
LIST_BACK: Final = timedelta(days=45)
LIST_AHEAD: Final = timedelta(days=92)
PLAN_AHEAD: Final = timedelta(days=366)
NONCE_BYTES: Final = 16
RULE_LENGTH_MAX: Final = recurrence.RULE_LENGTH_MAX
Answer = Response | str | tuple[str, int]


class SiteForm(Args):
    """A place where people meet."""

    name = Text(
        required=True,
        length_min=1,
        length_max=TITLE_LENGTH_MAX,
        metadata={"label": N_("Name of the place")},
    )
    address = Text(
        required=True,
        length_min=1,
        length_max=ADDRESS_LENGTH_MAX,
        metadata={"label": N_("Where exactly")},
    )


class ActivityForm(Args):
    """What single occasions and series share."""

    title = Text(
        required=True, length_min=1, length_max=TITLE_LENGTH_MAX, metadata={"label": N_("Title")}
    )
    category = Choice(Category, required=True, metadata={"label": N_("Field of work")})
    kind = Choice(OccasionKind, required=True, metadata={"label": N_("Type of activity")})
    site_id = Identifier(required=True, metadata={"label": N_("Site")})
    leader_member_id = Identifier(required=True, metadata={"label": N_("Leader")})
    start_time = Text(
        required=True, length_min=4, length_max=5, metadata={"label": N_("Begins at")}
    )
    end_time = Text(required=True, length_min=4, length_max=5, metadata={"label": N_("Ends at")})
    capacity = WholeNumber(
        minimum=1, maximum=CAPACITY_MAX, required=True, metadata={"label": N_("Places")}
    )


class OccasionForm(ActivityForm):
    """One occasion."""

    occurs_on = Date(required=True, metadata={"label": N_("Day")})


class SeriesForm(ActivityForm):
    """A repeated occasion: a day of the month, or an RRULE for anything else."""

    month_day = WholeNumber(
        minimum=1, maximum=31, load_default=None, metadata={"label": N_("Every month on day")}
    )
    rule = Text(length_max=RULE_LENGTH_MAX, load_default="", metadata={"label": N_("Other rule")})
    starts_on = Date(required=True, metadata={"label": N_("From")})


class CancelForm(Args):
    """Why an occasion is called off."""

    reason = Text(
        required=True, length_min=1, length_max=ADDRESS_LENGTH_MAX, metadata={"label": N_("Reason")}
    )


class PersonForm(Args):
    """Who is signed up at the desk."""

    slot_id = Identifier(required=True, metadata={"label": N_("Time slot")})
    member_id = Identifier(required=True, metadata={"label": N_("Who")})


# ---------------------------------------------------------------- occasions


@blueprint.get("/")
@allow(PLAN)
def list_all() -> str:
    """Show the occasions around today."""
    today = clock.today(current_standing().community.time_zone)
    with reading() as session:
        lines = calendar.occasions_between(
            session, current_actor(), begin=today - LIST_BACK, end=today + LIST_AHEAD
        )
    coming = [line for line in lines if line.occasion.occurs_on >= today]
    past = [line for line in reversed(lines) if line.occasion.occurs_on < today]
    return render_template("days/list.html", coming=coming, past=past)


@blueprint.get("/new")
@allow(PLAN)
def new() -> str:
    """Show the form of one occasion."""
    return _activity_page("days/new.html", Form(OccasionForm, {"capacity": 15}))


@blueprint.post("/new")
@allow(PLAN)
def create() -> Answer:
    """Plan one occasion."""
    form = Form.read(OccasionForm)
    if form.is_valid:
        try:
            with begin() as session:
                made = occasions.create_occasion(
                    session,
                    current_actor(),
                    activity=_activity(form.data),
                    occurs_on=form.data["occurs_on"],
                    slots=[_slot(form.data)],
                )
                occasion_id = made.id
        except Refusal as refusal:
            form.refuse(refusal, _field(refusal))
        else:
            flash(_("Planned. People can sign up now, or be added below."), "ok")
            return redirect(url_for("days.show", occasion_id=occasion_id))
    return _activity_page("days/new.html", form), form.status


@blueprint.get("/<uuid:occasion_id>")
@allow(PLAN)
def show(occasion_id: UUID) -> str:
    """Show one occasion with its list."""
    return _occasion_page(occasion_id, Form(CancelForm))


@blueprint.post("/<uuid:occasion_id>/cancel")
@allow(PLAN)
def cancel(occasion_id: UUID) -> Answer:
    """Call an occasion off."""
    form = Form.read(CancelForm)
    if form.is_valid:
        try:
            with begin() as session:
                changes.cancel_occasion(
                    session, current_actor(), occasion_id=occasion_id, reason=form.data["reason"]
                )
        except Refusal as refusal:
            if refusal.status in {403, 404}:
                raise
            form.refuse(refusal, "reason")
        else:
            flash(_("Called off."), "ok")
            return redirect(url_for("days.show", occasion_id=occasion_id))
    return _occasion_page(occasion_id, form), form.status


@blueprint.post("/<uuid:occasion_id>/sign-up")
@allow(PLAN)
def sign_up(occasion_id: UUID) -> Answer:
    """Sign somebody up who has no phone."""
    return _put_down(occasion_id, signup.sign_up, _("On the list."))


@blueprint.post("/<uuid:occasion_id>/wait")
@allow(PLAN)
def wait(occasion_id: UUID) -> Answer:
    """Let somebody wait who has no phone: the slot is full."""
    return _put_down(
        occasion_id, waiting.wait, _("On the waiting list; a place that comes free is theirs.")
    )


@blueprint.post("/<uuid:occasion_id>/withdraw/<uuid:member_id>")
@allow(PLAN)
def withdraw(occasion_id: UUID, member_id: UUID) -> Response:
    """Take somebody off the list before it begins."""
    with begin() as session:
        signup.withdraw(session, current_actor(), occasion_id=occasion_id, member_id=member_id)
    flash(_("Off the list."), "ok")
    return redirect(url_for("days.show", occasion_id=occasion_id))


# ---------------------------------------------------------------- series


@blueprint.get("/series")
@allow(PLAN)
def series() -> str:
    """Show the series and the form of a new one."""
    today = clock.today(current_standing().community.time_zone)
    values = {"month_day": 9, "capacity": 15, "starts_on": today.isoformat()}
    return _activity_page("days/series.html", Form(SeriesForm, values))


@blueprint.post("/series")
@allow(PLAN)
def create_series() -> Answer:
    """Add a series and plan its first year."""
    form = Form.read(SeriesForm)
    if form.is_valid:
        month_day, rule = form.data["month_day"], form.data["rule"]
        today = clock.today(current_standing().community.time_zone)
        try:
            with begin() as session:
                made = repeating.create_series(
                    session,
                    current_actor(),
                    activity=_activity(form.data),
                    rule=rule or recurrence.monthly_on(month_day or 0),
                    starts_on=form.data["starts_on"],
                    slot=_slot(form.data),
                )
                planned = repeating.plan_series(
                    session, current_actor(), series_id=made.id, until=today + PLAN_AHEAD
                )
                count = len(planned)
        except Refusal as refusal:
            form.refuse(refusal, _field(refusal))
        else:
            flash(service_words.planned(count), "ok")
            return redirect(url_for("days.series"))
    return _activity_page("days/series.html", form), form.status


@blueprint.post("/series/<uuid:series_id>/plan")
@allow(PLAN)
def plan(series_id: UUID) -> Response:
    """Plan a series one year ahead; what stands is left alone."""
    today = clock.today(current_standing().community.time_zone)
    with begin() as session:
        made = repeating.plan_series(
            session, current_actor(), series_id=series_id, until=today + PLAN_AHEAD
        )
        count = len(made)
    flash(service_words.planned(count), "ok")
    return redirect(url_for("days.series"))


# ---------------------------------------------------------------- sites


@blueprint.get("/sites")
@allow(PLAN)
def sites() -> str:
    """Show the sites and the form of a new one."""
    return _sites_page(Form(SiteForm))


@blueprint.post("/sites")
@allow(PLAN)
def create_site() -> Answer:
    """Add a site."""
    form = Form.read(SiteForm)
    if not form.is_valid:
        return _sites_page(form), form.status
    with begin() as session:
        occasions.create_site(session, current_actor(), **form.data)
    flash(_("Saved."), "ok")
    return redirect(url_for("days.sites"))


# ---------------------------------------------------------------- private


def _activity(data: dict[str, Any]) -> Activity:
    names = ("site_id", "leader_member_id", "title", "category", "kind")
    return Activity(**{name: data[name] for name in names})


def _slot(data: dict[str, Any]) -> SlotPlan:
    return SlotPlan(data["start_time"], data["end_time"], data["capacity"])


def _field(refusal: Refusal) -> str:
    """Return the field that a refusal speaks of."""
    fields = {
        "wrong_times": "start_time",
        "wrong_length": "end_time",
        "same_service": "title",
        "wrong_recurrence": "rule",
        "never_occurs": "rule",
        "not_a_leader": "leader_member_id",
    }
    return str(refusal.details.get("field") or fields.get(refusal.code, ""))


def _activity_page(template: str, form: Form) -> str:
    with reading() as session:
        known_sites = calendar.sites(session, current_actor())
        known_leaders = calendar.leaders(session, current_actor())
        lines = repeating.series(session, current_actor())
    today = clock.today(current_standing().community.time_zone)
    ended = [line for line in lines if line.series.ended_on and line.series.ended_on <= today]
    return render_template(
        template,
        form=form,
        series=[line for line in lines if line not in ended],
        ended=ended,
        sites=[(site.id, f"{site.name} {site.address}") for site in known_sites],
        leaders=[(leader.id, leader.name) for leader in known_leaders],
        kinds=[
            (value.value, say(text, {})) for value, text in service_words.KINDS_OF_OCCASION.items()
        ],
        categories=[
            (value.value, say(text, {})) for value, text in service_words.CATEGORIES.items()
        ],
    )


def _put_down(occasion_id: UUID, rule: Callable[..., object], done: str) -> Answer:
    """Put somebody on the list or into the queue; what stands in the way is said on the page."""
    form = Form.read(PersonForm)
    if form.is_valid:
        try:
            with begin() as session:
                rule(session, current_actor(), **form.data)
        except Refusal as refusal:
            if refusal.status in {403, 404}:
                raise
            form.refuse(refusal)
        else:
            flash(done, "ok")
            return redirect(url_for("days.show", occasion_id=occasion_id))
    return _occasion_page(occasion_id, Form(CancelForm), form), form.status


def _occasion_page(occasion_id: UUID, form: Form, person: Form | None = None) -> str:
    search = request.args.get("find", "")[: roster.SEARCH_LENGTH_MAX]
    with reading() as session:
        actor = current_actor()
        shown = roster.roster(session, actor, occasion_id)
        found = roster.find_people(session, actor, occasion_id, search=search)
        facts = {
            "slots": calendar.slots_of(session, actor, occasion_id),
            "queue": waiting.queue(session, actor, occasion_id),
            "reason": changes.why_called_off(session, actor, shown.line.occasion),
        }
    return render_template(
        "days/show.html",
        form=form,
        person=person or Form(PersonForm),
        roster=shown,
        line=shown.line,
        found=found,
        search=search,
        now=clock.now(),
        nonce=secrets.token_urlsafe(NONCE_BYTES),
        **facts,
    )


def _sites_page(form: Form) -> str:
    with reading() as session:
        known = calendar.sites(session, current_actor())
    return render_template("days/sites.html", form=form, sites=known)
