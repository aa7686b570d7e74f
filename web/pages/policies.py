"""The desk's points rule: the version in force, all versions, releasing a new one."""

from typing import Any, Final

from flask import Blueprint, flash, redirect, render_template, url_for
from werkzeug.wrappers import Response

from timebank import clock
from timebank.actors import Permission
from timebank.contributions import Category, Provenance
from timebank.errors import Refusal
from timebank.rewards import points
from timebank.rewards.points import DAILY_MINUTES_MAX, POINTS_PER_HOUR_MAX, Policy, Rule
from web import service_words
from web.api import Args
from web.auth import allow, current_actor, current_standing
from web.fields import Checkbox, Date, Minutes, Points
from web.forms import Form
from web.i18n import N_, _, say
from web.menu import Entry
from web.session import begin, reading

blueprint = Blueprint("policies", __name__, url_prefix="/desk/policies")

PLAN: Final = Permission.PLAN_SERVICE
MENU = (Entry("policies.show", N_("Points rule"), "list-ol", PLAN, order=60),)
Answer = Response | str | tuple[str, int]


def _rate(category: Category) -> Points:
    """Return the field of one category's own rate."""
    label = {"label": service_words.CATEGORIES[category]}
    return Points(maximum=POINTS_PER_HOUR_MAX, load_default=None, metadata=label)


class RuleForm(Args):
    """A new version of the rule; an empty category has the general rate."""

    starts_on = Date(required=True, metadata={"label": N_("First day")})
    points_per_hour = Points(
        minimum=0,
        maximum=POINTS_PER_HOUR_MAX,
        required=True,
        metadata={"label": N_("Points per hour")},
    )
    environment = _rate(Category.ENVIRONMENT)
    resident_information = _rate(Category.RESIDENT_INFORMATION)
    safety = _rate(Category.SAFETY)
    outreach = _rate(Category.OUTREACH)
    ad_hoc = _rate(Category.AD_HOC)
    daily_minutes_max = Minutes(
        minimum=1,
        maximum=DAILY_MINUTES_MAX,
        required=True,
        metadata={"label": N_("Minutes that count per person and day, at most")},
    )
    back_filled = Checkbox(load_default=False)


@blueprint.get("/")
@allow(PLAN)
def show() -> str:
    """Show the rule in force, its versions and the form of a new one."""
    with reading() as session:
        known = points.policies(session, current_actor())
    return _page(known, Form(RuleForm, _values(known)))


@blueprint.post("/")
@allow(PLAN)
def release() -> Answer:
    """Release a new version."""
    form = Form.read(RuleForm)
    if form.is_valid:
        try:
            with begin() as session:
                points.release(
                    session,
                    current_actor(),
                    starts_on=form.data["starts_on"],
                    rule=_rule(form.data),
                )
        except Refusal as refusal:
            form.refuse(refusal, "starts_on")
        else:
            flash(_("Released: it counts from %(day)s on.", day=form.data["starts_on"]), "ok")
            return redirect(url_for("policies.show"))
    with reading() as session:
        known = points.policies(session, current_actor())
    return _page(known, form), form.status


def _rule(data: dict[str, Any]) -> Rule:
    scanned = {Provenance.SELF_SCANNED.value, Provenance.LEADER_SCANNED.value}
    by_hand = {Provenance.BACK_FILLED.value} if data["back_filled"] else set()
    return Rule(
        points_per_hour=data["points_per_hour"],
        points_per_hour_by_category={
            category.value: data[category.value]
            for category in Category
            if data[category.value] is not None
        },
        daily_minutes_max=data["daily_minutes_max"],
        points_by_provenance=frozenset(scanned | by_hand),
    )


def _values(known: list[Policy]) -> dict[str, object]:
    """Return what the form shows at first: the newest version."""
    rule = known[0].rule if known else points.FIRST_RULE
    return {
        "points_per_hour": rule.points_per_hour,
        "daily_minutes_max": rule.daily_minutes_max,
        "back_filled": "1" if Provenance.BACK_FILLED.value in rule.points_by_provenance else None,
        **rule.points_per_hour_by_category,
    }


def _page(known: list[Policy], form: Form) -> str:
    today = clock.today(current_standing().community.time_zone)
    in_force = next((policy for policy in known if policy.starts_on <= today), None)
    categories = [(value.value, say(text, {})) for value, text in service_words.CATEGORIES.items()]
    return render_template(
        "days/policies.html",
        form=form,
        policies=known,
        in_force=in_force,
        today=today,
        categories=categories,
    )
