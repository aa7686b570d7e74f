"""The desk changes what was planned: another day, more places, a day more, the end of a series."""

from datetime import timedelta
from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, url_for
from werkzeug.wrappers import Response

from timebank import clock
from timebank.actors import Permission
from timebank.errors import Refusal
from timebank.service import calendar, changes, moving, repeating, waiting
from timebank.service.changes import Concern
from timebank.service.errors import PlacesTaken
from timebank.service.models import ADDRESS_LENGTH_MAX, CAPACITY_MAX, TITLE_LENGTH_MAX
from web import service_words
from web.api import Args
from web.auth import allow, current_actor, current_standing
from web.fields import Date, Identifier, Text, WholeNumber
from web.forms import Form
from web.i18n import N_, _, local, said
from web.session import begin, reading

blueprint = Blueprint("day_changes", __name__, url_prefix="/desk/days")

PLAN = Permission.PLAN_OCCASION
Answer = Response | tuple[str, int]
CLOCK_LENGTH_MAX = 5
DAYS_MAX = 10_000
DAYS_BACK = timedelta(days=45)
"""Days of a series from so long ago on are listed."""


class MoveForm(Args):
    """Another day or time."""

    occurs_on = Date(required=True, metadata={"label": N_("Day")})
    start_time = Text(
        required=True,
        length_min=4,
        length_max=CLOCK_LENGTH_MAX,
        metadata={"label": N_("Begins at")},
    )


class DetailsForm(Args):
    """Title, leader and end."""

    title = Text(
        required=True, length_min=1, length_max=TITLE_LENGTH_MAX, metadata={"label": N_("Title")}
    )
    leader_member_id = Identifier(required=True, metadata={"label": N_("Leader")})
    end_time = Text(
        required=True,
        length_min=4,
        length_max=CLOCK_LENGTH_MAX,
        metadata={"label": N_("Ends at")},
    )


class PlacesForm(Args):
    """More or fewer places."""

    capacity = WholeNumber(
        minimum=1, maximum=CAPACITY_MAX, required=True, metadata={"label": N_("Places")}
    )


class ExtraDayForm(Args):
    """A day that the rule does not have."""

    occurs_on = Date(required=True, metadata={"label": N_("Day")})


class EndForm(Args):
    """The first day without the series, and why; `days`: how many the reader was told of."""

    from_on = Date(required=True, metadata={"label": N_("From")})
    reason = Text(
        required=True, length_min=1, length_max=ADDRESS_LENGTH_MAX, metadata={"label": N_("Reason")}
    )
    days = WholeNumber(minimum=0, maximum=DAYS_MAX, load_default=None)


# ---------------------------------------------------------------- one day


@blueprint.get("/<uuid:occasion_id>/change")
@allow(PLAN)
def change(occasion_id: UUID) -> str:
    """Show what can be changed of an occasion."""
    return _change_page(occasion_id, None)


@blueprint.post("/<uuid:occasion_id>/move")
@allow(PLAN)
def move(occasion_id: UUID) -> Answer:
    """Move an occasion; who is signed up is told."""
    form = Form.read(MoveForm)
    if form.is_valid:
        try:
            with begin() as session:
                before = calendar.occasion_line(session, current_actor(), occasion_id)
                sequence = before.occasion.sequence
                moved = moving.move_occasion(
                    session, current_actor(), occasion_id=occasion_id, **form.data
                )
                is_moved = moved.sequence != sequence
        except Refusal as refusal:
            _show_at(form, refusal, {"wrong_times": "start_time", "day_taken": "occurs_on"})
        else:
            if is_moved:
                flash(_("Moved. Everybody on the list has been told."), "ok")
            else:
                flash(
                    _("It is planned for that day and time already; nothing was changed."), "wait"
                )
            return redirect(url_for("days.show", occasion_id=occasion_id))
    return _change_page(occasion_id, form), form.status


@blueprint.post("/<uuid:occasion_id>/details")
@allow(PLAN)
def set_details(occasion_id: UUID) -> Answer:
    """Change title, leader and end; who is signed up is told of another end."""
    form = Form.read(DetailsForm)
    if form.is_valid:
        try:
            with begin() as session:
                before = calendar.occasion_line(session, current_actor(), occasion_id).occasion
                sequence, ends_at = before.sequence, before.ends_at
                after = moving.change_occasion(
                    session, current_actor(), occasion_id=occasion_id, **form.data
                )
                is_changed, is_told = after.sequence != sequence, after.ends_at != ends_at
        except Refusal as refusal:
            wrong = {"wrong_times": "end_time", "wrong_length": "end_time"}
            _show_at(form, refusal, {**wrong, "not_a_leader": "leader_member_id"})
        else:
            if is_told:
                flash(_("Changed. Everybody on the list has been told."), "ok")
            else:
                flash(_("Saved.") if is_changed else _("Nothing was changed."), "ok")
            return redirect(url_for("days.show", occasion_id=occasion_id))
    return _change_page(occasion_id, None, form), form.status


@blueprint.post("/<uuid:occasion_id>/places/<uuid:slot_id>")
@allow(PLAN)
def set_places(occasion_id: UUID, slot_id: UUID) -> Answer:
    """Give a slot more or fewer places; more go to those who wait."""
    form = Form.read(PlacesForm)
    if not form.is_valid:
        flash(form.summary()[0].text, "no")
        return _change_page(occasion_id, None), form.status
    try:
        with begin() as session:
            changes.set_capacity(session, current_actor(), slot_id=slot_id, **form.data)
    except PlacesTaken as refusal:
        flash(said(refusal), "no")
        return _change_page(occasion_id, None), refusal.status
    flash(_("Saved."), "ok")
    return redirect(url_for("days.show", occasion_id=occasion_id))


@blueprint.post("/<uuid:occasion_id>/queue/<uuid:slot_id>/<uuid:member_id>/leave")
@allow(PLAN)
def leave_queue(occasion_id: UUID, slot_id: UUID, member_id: UUID) -> Response:
    """Take somebody out of the queue."""
    with begin() as session:
        waiting.leave(session, current_actor(), slot_id=slot_id, member_id=member_id)
    flash(_("Off the waiting list."), "ok")
    return redirect(url_for("days.show", occasion_id=occasion_id))


# ---------------------------------------------------------------- a series


@blueprint.get("/series/<uuid:series_id>")
@allow(PLAN)
def series(series_id: UUID) -> str:
    """Show a series, to add a day or to end it."""
    return _series_page(series_id)


@blueprint.post("/series/<uuid:series_id>/days")
@allow(PLAN)
def add_day(series_id: UUID) -> Answer:
    """Add a day to a series."""
    form = Form.read(ExtraDayForm)
    if form.is_valid:
        try:
            with begin() as session:
                made = repeating.add_day(session, current_actor(), series_id=series_id, **form.data)
                occasion_id = made.id
        except Refusal as refusal:
            _show_at(form, refusal, {"day_taken": "occurs_on", "series_over": "occurs_on"})
        else:
            flash(_("Planned."), "ok")
            return redirect(url_for("days.show", occasion_id=occasion_id))
    return _series_page(series_id, extra=form), form.status


@blueprint.post("/series/<uuid:series_id>/end")
@allow(PLAN)
def end(series_id: UUID) -> Answer:
    """End a series in one step, once the reader has seen how many days and people it concerns."""
    form = Form.read(EndForm)
    concern = None
    if form.is_valid:
        told_days, actor = form.data.pop("days"), current_actor()
        try:
            with begin() as session:
                concern = changes.ending_of(
                    session, actor, series_id=series_id, from_on=form.data["from_on"]
                )
                is_agreed = told_days == concern.day_count  # else not asked yet, or planned since
                if is_agreed:
                    changes.end_series(session, actor, series_id=series_id, **form.data)
        except Refusal as refusal:
            _show_at(form, refusal, {})
        else:
            if is_agreed:
                flash(service_words.ended(told_days), "ok")
                return redirect(url_for("days.series"))
    return _series_page(series_id, ending=form, concern=concern), form.status


# ---------------------------------------------------------------- private


def _show_at(form: Form, refusal: Refusal, fields: dict[str, str]) -> None:
    """Show a refusal at the field it speaks of; nothing here is answered by its own page."""
    if refusal.status in {403, 404}:
        raise refusal
    form.refuse(refusal, fields.get(refusal.code, str(refusal.details.get("field", ""))))


def _change_page(occasion_id: UUID, form: Form | None, details: Form | None = None) -> str:
    with reading() as session:
        actor = current_actor()
        line = calendar.occasion_line(session, actor, occasion_id)
        lines = calendar.slots_of(session, actor, occasion_id)
        leaders = calendar.leaders(session, actor)
    begins, ends = local(line.occasion.starts_at), local(line.occasion.ends_at)
    values = {"occurs_on": begins.date().isoformat(), "start_time": f"{begins:%H:%M}"}
    present = {
        "title": line.occasion.title,
        "leader_member_id": line.occasion.leader_member_id,
        "end_time": f"{ends:%H:%M}",
    }
    return render_template(
        "days/change.html",
        line=line,
        slots=lines,
        leaders=[(leader.id, leader.name) for leader in leaders],
        form=form or Form(MoveForm, values),
        details=details or Form(DetailsForm, present),
    )


def _series_page(
    series_id: UUID,
    extra: Form | None = None,
    ending: Form | None = None,
    concern: Concern | None = None,
) -> str:
    """Show a series; `concern`: what its end would call off, to be said yes to."""
    today = clock.today(current_standing().community.time_zone)
    with reading() as session:
        actor = current_actor()
        line = repeating.series_line(session, actor, series_id)
        days = calendar.days_of_series(session, actor, series_id, begin=today - DAYS_BACK)
    return render_template(
        "days/one_series.html",
        line=line,
        days=days,
        is_over=line.series.ended_on is not None and line.series.ended_on <= today,
        concern=concern,
        extra=extra or Form(ExtraDayForm),
        ending=ending or Form(EndForm, {"from_on": today.isoformat()}),
    )
