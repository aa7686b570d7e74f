"""JSON API of points rules: versions, proposals by one person, release by another, preview."""

from datetime import date
from typing import Any
from uuid import UUID

import marshmallow as ma

from timebank.actors import Permission
from timebank.contributions import Category, Provenance
from timebank.rewards import points, proposals
from timebank.rewards.models import PolicyProposal, ProposalState
from timebank.rewards.points import Policy
from timebank.rewards.rules import (
    DAILY_MINUTES_MAX,
    FACTOR_MAX,
    FACTOR_MIN,
    POINTS_CAP_MAX,
    POINTS_PER_ATTENDANCE_MAX,
    POINTS_PER_HOUR_MAX,
    WINDOWS_MAX,
    read_rule,
)
from timebank.service import preview
from timebank.service.preview import Preview
from web.api import Args, Out, QueryArgs, area
from web.auth import allow, current_actor
from web.fields import (
    Choice,
    Date,
    Identifier,
    Minutes,
    Points,
    Text,
    WholeNumber,
)
from web.session import begin, reading

CLOCK_PATTERN = r"^([01][0-9]|2[0-3]):[0-5][0-9]$"
CLOCK_LENGTH = 5


def _by(
    words: type[Category] | type[Provenance], minimum: int, maximum: int, name: str
) -> ma.fields.Nested:
    """Return an object with a number for some of the words."""
    fields: dict[str, ma.fields.Field[Any]] = {
        str(word): WholeNumber(minimum=minimum, maximum=maximum) for word in words
    }
    return ma.fields.Nested(Args.from_dict(fields, name=name), load_default=dict)


def _by_place(field: WholeNumber) -> ma.fields.Dict:
    """Return an object from ids of sites and series to numbers; the rule looks at the ids."""
    return ma.fields.Dict(keys=ma.fields.String(), values=field, load_default=dict)


def _cap(maximum: int) -> Points:
    return Points(minimum=1, maximum=maximum, load_default=None, allow_none=True)


class WindowArgs(Args):
    """A stretch of every day with a factor; one that ends before it begins goes past midnight."""

    begin = Text(required=True, length_max=CLOCK_LENGTH, pattern=CLOCK_PATTERN)
    end = Text(required=True, length_max=CLOCK_LENGTH, pattern=CLOCK_PATTERN)
    factor = WholeNumber(required=True, minimum=FACTOR_MIN, maximum=FACTOR_MAX)


class PointsRuleArgs(Args):
    """What one version of the points policy promises; factors are hundredths."""

    points_per_hour = Points(required=True, maximum=POINTS_PER_HOUR_MAX)
    points_per_hour_by_category = _by(Category, 0, POINTS_PER_HOUR_MAX, "PointsByCategoryArgs")
    points_per_hour_by_place = _by_place(Points(maximum=POINTS_PER_HOUR_MAX))
    points_per_attendance = Points(maximum=POINTS_PER_ATTENDANCE_MAX, load_default=0)
    points_per_attendance_by_category = _by(
        *(Category, 0, POINTS_PER_ATTENDANCE_MAX), "PointsOfAttendanceByCategoryArgs"
    )
    points_per_attendance_by_place = _by_place(Points(maximum=POINTS_PER_ATTENDANCE_MAX))
    factors_by_category = _by(Category, FACTOR_MIN, FACTOR_MAX, "FactorsByCategoryArgs")
    factors_by_place = _by_place(WholeNumber(minimum=FACTOR_MIN, maximum=FACTOR_MAX))
    factors_by_provenance = _by(Provenance, FACTOR_MIN, FACTOR_MAX, "FactorsByProvenanceArgs")
    windows = ma.fields.List(
        ma.fields.Nested(WindowArgs),
        load_default=list,
        validate=ma.validate.Length(max=WINDOWS_MAX),
    )
    daily_minutes_max = Minutes(required=True, minimum=1, maximum=DAILY_MINUTES_MAX)
    attendance_minutes_max = _cap(DAILY_MINUTES_MAX)
    daily_points_max = _cap(POINTS_CAP_MAX)
    monthly_points_max = _cap(POINTS_CAP_MAX)
    total_points_max = _cap(POINTS_CAP_MAX)
    points_by_provenance = ma.fields.List(Choice(Provenance), required=True)


class WindowOut(Out):
    """A stretch of every day with a factor."""

    begin = ma.fields.String(required=True)
    end = ma.fields.String(required=True)
    factor = ma.fields.Integer(required=True)


class PointsRuleOut(Out):
    """What one version of the points policy promises; factors are hundredths."""

    points_per_hour = ma.fields.Integer(required=True)
    points_per_hour_by_category = ma.fields.Dict(required=True)
    points_per_hour_by_place = ma.fields.Dict(required=True)
    points_per_attendance = ma.fields.Integer(required=True)
    points_per_attendance_by_category = ma.fields.Dict(required=True)
    points_per_attendance_by_place = ma.fields.Dict(required=True)
    factors_by_category = ma.fields.Dict(required=True)
    factors_by_place = ma.fields.Dict(required=True)
    factors_by_provenance = ma.fields.Dict(required=True)
    windows = ma.fields.List(ma.fields.Nested(WindowOut), required=True)
    daily_minutes_max = ma.fields.Integer(required=True)
    attendance_minutes_max = ma.fields.Integer(required=True, allow_none=True)
    daily_points_max = ma.fields.Integer(required=True, allow_none=True)
    monthly_points_max = ma.fields.Integer(required=True, allow_none=True)
    total_points_max = ma.fields.Integer(required=True, allow_none=True)
    points_by_provenance = ma.fields.List(ma.fields.String(), required=True)


class ProposalArgs(Args):
    """A new version, to be released by somebody else."""

    starts_on = Date(required=True)
    rule = ma.fields.Nested(PointsRuleArgs, required=True)


class ProposalOut(Out):
    """A proposed version and what became of it."""

    id = Identifier(required=True)
    state = Choice(ProposalState, required=True)
    starts_on = Date(required=True)
    rule = ma.fields.Function(
        lambda made: PointsRuleOut().dump(read_rule(made.rule)), required=True
    )
    proposed_by_id = Identifier(required=True)
    proposed_at = ma.fields.AwareDateTime(required=True)
    decided_by_id = Identifier(required=True, allow_none=True)
    decided_at = ma.fields.AwareDateTime(required=True, allow_none=True)
    policy_version = ma.fields.Integer(required=True, allow_none=True)


class PointsPolicyOut(Out):
    """One version of the points policy."""

    version = ma.fields.Integer(required=True)
    starts_on = Date(required=True)
    rule = ma.fields.Nested(PointsRuleOut, required=True)


class PreviewArgs(QueryArgs):
    """Any day of the month to be looked back on."""

    month = Date(required=True)


class ChangeOut(Out):
    """What a rule would have changed for one member."""

    member_id = Identifier(required=True)
    volunteer_number = ma.fields.String(required=True)
    awarded_points = ma.fields.Integer(required=True)
    points = ma.fields.Integer(required=True)
    awarded_minutes = ma.fields.Integer(required=True)
    minutes = ma.fields.Integer(required=True)


class PreviewOut(Out):
    """A past month by a proposed rule, beside what was given."""

    month = Date(required=True)
    awarded_points = ma.fields.Integer(required=True)
    points = ma.fields.Integer(required=True)
    gainer_count = ma.fields.Integer(required=True)
    loser_count = ma.fields.Integer(required=True)
    changes = ma.fields.List(ma.fields.Nested(ChangeOut), required=True)


blueprint = area("policies", "Points policies: versions, proposals, preview")


@blueprint.route("/points-policies", methods=["GET"])
@allow(Permission.SEE_OWN_RECORD)
@blueprint.response(200, PointsPolicyOut(many=True))
def list_policies() -> list[Policy]:
    """List the versions of the points policy, newest first."""
    with reading() as session:
        return points.policies(session, current_actor())


@blueprint.route("/points-policy-proposals", methods=["GET"])
@allow(Permission.RELEASE_POLICY)
@blueprint.response(200, ProposalOut(many=True))
def list_proposals() -> Any:
    """List the newest proposals, whatever became of them."""
    with reading() as session:
        return proposals.proposals(session, current_actor())


@blueprint.route("/points-policy-proposals", methods=["POST"])
@allow(Permission.PLAN_SERVICE)
@blueprint.arguments(ProposalArgs)
@blueprint.response(201, ProposalOut)
@blueprint.leads_to("preview_proposal", proposal_id="id")
@blueprint.leads_to("withdraw_proposal", proposal_id="id")
def propose_policy(args: dict[str, Any]) -> PolicyProposal:
    """Propose a new version that starts on a day to come."""
    with begin() as session:
        return proposals.propose(
            session,
            current_actor(),
            starts_on=args["starts_on"],
            rule=read_rule(args["rule"]),
        )


@blueprint.route("/points-policy-proposals/<uuid:proposal_id>/release", methods=["POST"])
@allow(Permission.RELEASE_POLICY)
@blueprint.response(200, ProposalOut)
def release_proposal(proposal_id: UUID) -> PolicyProposal:
    """Release what somebody else proposed, as the next version; again changes nothing."""
    with begin() as session:
        return proposals.release(session, current_actor(), proposal_id=proposal_id)


@blueprint.route("/points-policy-proposals/<uuid:proposal_id>/withdraw", methods=["POST"])
@allow(Permission.RELEASE_POLICY)
@blueprint.response(200, ProposalOut)
def withdraw_proposal(proposal_id: UUID) -> PolicyProposal:
    """Take a proposal back; again changes nothing."""
    with begin() as session:
        return proposals.withdraw(session, current_actor(), proposal_id=proposal_id)


@blueprint.route("/points-policy-proposals/<uuid:proposal_id>/preview", methods=["GET"])
@allow(Permission.RELEASE_POLICY)
@blueprint.arguments(PreviewArgs, location="query")
@blueprint.response(200, PreviewOut)
def preview_proposal(args: dict[str, date], proposal_id: UUID) -> Preview:
    """Show what a proposal would have given for a past month; nothing is written."""
    with reading() as session:
        proposal = proposals.proposal(session, current_actor(), proposal_id=proposal_id)
        rule = read_rule(proposal.rule)
        return preview.preview(session, current_actor(), rule=rule, month=args["month"])
