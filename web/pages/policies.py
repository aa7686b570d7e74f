"""The desk's points rules: what is in force; proposing, trying and releasing a new one."""

from datetime import date
from typing import Final
from uuid import UUID

import marshmallow as ma
from flask import Blueprint, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from timebank import clock
from timebank.actors import Permission
from timebank.errors import Refusal
from timebank.rewards import points, proposals
from timebank.rewards.models import ProposalState
from timebank.rewards.rules import read_rule
from timebank.service import preview
from web import policy_forms
from web.auth import allow, current_actor, current_standing
from web.forms import Form
from web.i18n import N_, _
from web.menu import Entry
from web.session import begin, reading

blueprint = Blueprint("policies", __name__, url_prefix="/desk/policies")

RELEASE = Permission.RELEASE_POLICY
MENU = (Entry("policies.show", N_("Points rule"), "list-ol", RELEASE, order=60),)
FIELDS: Final = {
    "policy_too_early": "starts_on",
    "policy_too_far": "starts_on",
    "windows_overlap": "begin_1",
}
"""The field at which a refusal is shown."""
Answer = Response | str | tuple[str, int]


@blueprint.get("/")
@allow(RELEASE)
def show() -> str:
    """Show the rule in force, what waits for a second person, and every version."""
    with reading() as session:
        actor = current_actor()
        known, places = points.policies(session, actor), proposals.places(session, actor)
        made = proposals.proposals(session, actor)
        names = proposals.names(session, actor, made)
    today = clock.today(current_standing().community.time_zone)
    in_force = next((policy for policy in known if policy.starts_on <= today), None)
    return render_template(
        "policies/list.html",
        policies=known,
        waiting=[each for each in made if each.state is ProposalState.OPEN],
        names=names,
        in_force=in_force,
        today=today,
        places=places,
        may_propose=current_actor().may(Permission.PLAN_SERVICE),
    )


@blueprint.get("/new")
@allow(Permission.PLAN_SERVICE)
def ask_new() -> str:
    """Show the form of a new rule, filled with the newest one."""
    with reading() as session:
        known = points.policies(session, current_actor())
        places = proposals.places(session, current_actor())
    rule = known[0].rule if known else points.FIRST_RULE
    form = Form(policy_forms.schema_for(rule), policy_forms.values_of(rule))
    return _form_page(form, places)


@blueprint.post("/new")
@allow(Permission.PLAN_SERVICE)
def propose() -> Answer:
    """Propose a new rule, and lead to where it is tried and released."""
    form = Form.read(policy_forms.schema_of(request.form))
    if form.is_valid:
        try:
            with begin() as session:
                made = proposals.propose(
                    session,
                    current_actor(),
                    starts_on=form.data["starts_on"],
                    rule=policy_forms.rule_of(form.data),
                )
                proposal_id = made.id
        except Refusal as refusal:
            form.refuse(refusal, FIELDS.get(refusal.code, ""))
        except ma.ValidationError as wrong:
            form.problems += policy_forms.problems_of(wrong)
        else:
            flash(_("Proposed. Try it on a past month; somebody else releases it."), "ok")
            return redirect(url_for("policies.show_proposal", proposal_id=proposal_id))
    with reading() as session:
        places = proposals.places(session, current_actor())
    return _form_page(form, places), form.status


@blueprint.get("/proposals/<uuid:proposal_id>")
@allow(RELEASE)
def show_proposal(proposal_id: UUID) -> str:
    """Show a proposed rule in sentences of both languages, tried on a past month."""
    return _proposal_page(proposal_id, Form(ma.Schema))


@blueprint.post("/proposals/<uuid:proposal_id>/release")
@allow(RELEASE)
def release(proposal_id: UUID) -> Answer:
    """Release a rule that somebody else proposed."""
    try:
        with begin() as session:
            made = proposals.release(session, current_actor(), proposal_id=proposal_id)
            starts_on = made.starts_on
    except (points.PolicyTooEarly, proposals.ProposalDecided) as refusal:
        form = Form(ma.Schema).refuse(refusal)
        return _proposal_page(proposal_id, form), refusal.status
    flash(_("Released: it counts from %(day)s on.", day=starts_on), "ok")
    return redirect(url_for("policies.show"))


@blueprint.post("/proposals/<uuid:proposal_id>/withdraw")
@allow(RELEASE)
def withdraw(proposal_id: UUID) -> Answer:
    """Take a proposal back."""
    try:
        with begin() as session:
            proposals.withdraw(session, current_actor(), proposal_id=proposal_id)
    except proposals.ProposalDecided as refusal:
        form = Form(ma.Schema).refuse(refusal)
        return _proposal_page(proposal_id, form), refusal.status
    flash(_("Taken back. Nothing changes."), "ok")
    return redirect(url_for("policies.show"))


# ---------------------------------------------------------------- private


def _form_page(form: Form, places: dict[UUID, str]) -> str:
    return render_template(
        "policies/new.html",
        form=form,
        places=[("", "–"), *((str(place), name) for place, name in places.items())],
        categories=policy_forms.categories(),
        provenances=policy_forms.provenances(),
        window_rows=policy_forms.rows(form, "begin"),
        place_rows=policy_forms.rows(form, "place"),
    )


def _proposal_page(proposal_id: UUID, form: Form) -> str:
    with reading() as session:
        actor = current_actor()
        proposal = proposals.proposal(session, actor, proposal_id=proposal_id)
        rule = read_rule(proposal.rule)
        months = preview.months(session, actor)
        month = _chosen(months)
        tried = preview.preview(session, actor, rule=rule, month=month)
        return render_template(
            "policies/proposal.html",
            proposal=proposal,
            rule=rule,
            form=form,
            months=months,
            month=month,
            tried=tried,
            places=proposals.places(session, actor),
            names=proposals.names(session, actor, [proposal]),
            is_own=proposal.proposed_by_id == actor.member_id,
        )


def _chosen(months: list[date]) -> date:
    """Return the month asked for in the address; the last one where it names none that is known."""
    asked = request.args.get("month", "")
    return next((month for month in months if f"{month:%Y-%m}" == asked), months[0])
