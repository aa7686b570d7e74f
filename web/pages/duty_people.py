"""The desk says for a member without a phone when they can come, and what they were trained for."""

from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, url_for
from werkzeug.wrappers import Response

from timebank import clock
from timebank.actors import Permission
from timebank.duty import wishes
from timebank.duty.diary import Wish
from timebank.duty.models import SHIFTS_PER_WEEK_MAX
from timebank.duty.wishes import TIMES, Wanted, key_of
from timebank.errors import Refusal
from timebank.people import members, qualifications
from timebank.people.qualification_models import QualificationKind
from timebank.service import repeating
from web import duty_words
from web.api import Args
from web.auth import allow, current_actor, current_standing
from web.fields import Choice, Date, WholeNumber
from web.forms import Form
from web.i18n import N_, _
from web.session import begin, reading

blueprint = Blueprint("duty_people", __name__, url_prefix="/desk/rosters")

PLAN: Final = Permission.PLAN_SERVICE
VALID: Final = timedelta(days=2 * 365)
PREFIX: Final = "wish_"
Answer = Response | str | tuple[str, int]

_WISH_FIELDS: dict[str, Any] = {
    f"{PREFIX}{key_of(when)}": Choice(Wish, load_default=None) for when in TIMES
}
WishesForm: type[Args] = type(
    "WishesForm",
    (Args,),
    {
        **_WISH_FIELDS,
        "shifts_per_week_max": WholeNumber(
            minimum=0,
            maximum=SHIFTS_PER_WEEK_MAX,
            required=True,
            metadata={"label": N_("Shifts a week, at most")},
        ),
    },
)


class GrantForm(Args):
    """What a member was trained for."""

    kind = Choice(QualificationKind, required=True, metadata={"label": N_("Qualification")})
    granted_on = Date(required=True, metadata={"label": N_("Valid from")})
    expires_on = Date(required=True, metadata={"label": N_("Valid until")})


class KindForm(Args):
    """One qualification, or none."""

    kind = Choice(QualificationKind, load_default=None, metadata={"label": N_("Qualification")})


@blueprint.get("/people/<uuid:member_id>")
@allow(PLAN)
def show(member_id: UUID) -> str:
    """Show when a member can come, and what they were trained for."""
    return _page(member_id)


@blueprint.post("/people/<uuid:member_id>/wishes")
@allow(PLAN)
def set_wishes(member_id: UUID) -> Answer:
    """Keep when a member can come."""
    form = Form.read(WishesForm)
    if not form.is_valid:
        return _page(member_id, said=form), form.status
    with begin() as session:
        wishes.set_wishes(session, current_actor(), wanted=wanted_of(form), member_id=member_id)
    flash(_("Saved. It applies from the next planning on."), "ok")
    return redirect(url_for("duty_people.show", member_id=member_id))


@blueprint.post("/people/<uuid:member_id>/qualifications")
@allow(PLAN)
def grant(member_id: UUID) -> Answer:
    """Enter what a member was trained for."""
    form = Form.read(GrantForm)
    if form.is_valid:
        try:
            with begin() as session:
                qualifications.grant(session, current_actor(), member_id=member_id, **form.data)
        except Refusal as refusal:
            if refusal.status == 404:
                raise
            form.refuse(refusal, "expires_on" if refusal.code == "expires_too_early" else "")
        else:
            flash(_("Saved."), "ok")
            return redirect(url_for("duty_people.show", member_id=member_id))
    return _page(member_id, granting=form), form.status


@blueprint.post("/people/<uuid:member_id>/qualifications/removal")
@allow(PLAN)
def take_back(member_id: UUID) -> Answer:
    """Take a qualification away that was entered wrongly."""
    form = Form.read(KindForm)
    if not form.is_valid or form.data["kind"] is None:
        return _page(member_id), 422
    with begin() as session:
        qualifications.take_back(
            session, current_actor(), member_id=member_id, kind=form.data["kind"]
        )
    flash(_("Saved."), "ok")
    return redirect(url_for("duty_people.show", member_id=member_id))


@blueprint.post("/series/<uuid:series_id>/qualification")
@allow(PLAN)
def require(series_id: UUID) -> Answer:
    """Ask for a qualification of whoever signs up for a series."""
    form = Form.read(KindForm)
    if form.is_valid:
        with begin() as session:
            repeating.require_qualification(
                session, current_actor(), series_id=series_id, kind=form.data["kind"]
            )
        flash(_("Saved."), "ok")
    else:
        flash(form.summary()[0].text, "no")
    return redirect(url_for("day_changes.series", series_id=series_id))


# ---------------------------------------------------------------- shared with the phone


def wanted_of(form: Form) -> Wanted:
    """Return what a valid form of wishes says."""
    said = {when: form.data[f"{PREFIX}{key_of(when)}"] for when in TIMES}
    return Wanted(
        form.data["shifts_per_week_max"], {when: wish for when, wish in said.items() if wish}
    )


def wishes_form(wanted: Wanted) -> Form:
    """Return the form that shows what a member said."""
    values: dict[str, object] = {"shifts_per_week_max": wanted.shifts_per_week_max}
    for when, wish in wanted.wishes.items():
        values[f"{PREFIX}{key_of(when)}"] = wish.value
    return Form(WishesForm, values)


def _page(member_id: UUID, said: Form | None = None, granting: Form | None = None) -> str:
    with reading() as session:
        actor = current_actor()
        member = members.get_member(session, actor, member_id)
        wanted = wishes.wishes_of(session, actor, member_id)
        held = qualifications.qualifications_of(session, actor, member_id)
    today = clock.today(current_standing().community.time_zone)
    fresh = {"granted_on": today.isoformat(), "expires_on": (today + VALID).isoformat()}
    return render_template(
        "rosters/person.html",
        member=member,
        form=said or wishes_form(wanted),
        granting=granting or Form(GrantForm, fresh),
        held=held,
        today=today,
        kinds=[(kind.value, duty_words.qualification(kind)) for kind in QualificationKind],
    )
