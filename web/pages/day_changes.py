"""The desk changes what was planned: another day, more places, a day more, the end of a series."""

from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, url_for
from werkzeug.wrappers import Response

from timebank import clock
from timebank.actors import Permission
from timebank.errors import Refusal
from timebank.service import calendar, changes, moving, repeating
from timebank.service.models import ADDRESS_LENGTH_MAX, CAPACITY_MAX
from web.api import Args
from web.auth import allow, current_actor, current_standing
from web.fields import Date, Text, WholeNumber
from web.forms import Form
from web.i18n import N_, _, local
from web.session import begin, reading

blueprint = Blueprint("day_changes", __name__, url_prefix="/desk/days")

PLAN = Permission.PLAN_OCCASION
Answer = Response | tuple[str, int]
CLOCK_LENGTH_MAX = 5


class MoveForm(Args):
    """Another day or time."""

    occurs_on = Date(required=True, metadata={"label": N_("Day")})
    start_time = Text(
        required=True,
        length_min=4,
        length_max=CLOCK_LENGTH_MAX,
        metadata={"label": N_("Begins at")},
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
    """The first day without the series, and why."""

    from_on = Date(required=True, metadata={"label": N_("From")})
    reason = Text(
        required=True, length_min=1, length_max=ADDRESS_LENGTH_MAX, metadata={"label": N_("Reason")}
    )


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
                flash(_("Moved. Everybody on the list has a message."), "ok")
            else:
                flash(
                    _("It is planned for that day and time already; nothing was changed."), "wait"
                )
            return redirect(url_for("days.show", occasion_id=occasion_id))
    return _change_page(occasion_id, form), form.status


@blueprint.post("/<uuid:occasion_id>/places/<uuid:slot_id>")
@allow(PLAN)
def set_places(occasion_id: UUID, slot_id: UUID) -> Answer:
    """Give a slot more or fewer places; more go to those who wait."""
    form = Form.read(PlacesForm)
    if not form.is_valid:
        flash(form.summary()[0].text, "no")
        return _change_page(occasion_id, None), form.status
    with begin() as session:
        changes.set_capacity(session, current_actor(), slot_id=slot_id, **form.data)
    flash(_("Saved."), "ok")
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
    """End a series in one step."""
    form = Form.read(EndForm)
    if form.is_valid:
        try:
            with begin() as session:
                ending = changes.end_series(
                    session, current_actor(), series_id=series_id, **form.data
                )
                count = len(ending.called_off)
        except Refusal as refusal:
            _show_at(form, refusal, {})
        else:
            flash(_("Ended; %(count)s planned days are called off.", count=count), "ok")
            return redirect(url_for("days.series"))
    return _series_page(series_id, ending=form), form.status


# ---------------------------------------------------------------- private


def _show_at(form: Form, refusal: Refusal, fields: dict[str, str]) -> None:
    """Show a refusal at the field it speaks of; nothing here is answered by its own page."""
    if refusal.status in {403, 404}:
        raise refusal
    form.refuse(refusal, fields.get(refusal.code, str(refusal.details.get("field", ""))))


def _change_page(occasion_id: UUID, form: Form | None) -> str:
    with reading() as session:
        line = calendar.occasion_line(session, current_actor(), occasion_id)
        lines = calendar.slots_of(session, current_actor(), occasion_id)
    begins = local(line.occasion.starts_at)
    values = {"occurs_on": begins.date().isoformat(), "start_time": f"{begins:%H:%M}"}
    return render_template(
        "days/change.html", line=line, slots=lines, form=form or Form(MoveForm, values)
    )


def _series_page(series_id: UUID, extra: Form | None = None, ending: Form | None = None) -> str:
    with reading() as session:
        line = repeating.series_line(session, current_actor(), series_id)
    today = clock.today(current_standing().community.time_zone)
    return render_template(
        "days/one_series.html",
        line=line,
        extra=extra or Form(ExtraDayForm),
        ending=ending or Form(EndForm, {"from_on": today.isoformat()}),
    )
