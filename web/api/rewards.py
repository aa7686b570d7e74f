"""API of rewards: dry run, commendations, certificates with their public check, star tables."""

from typing import Any, Final
from uuid import UUID

import marshmallow as ma

from timebank.actors import Permission
from timebank.rewards import certificates, commendations, stars
from timebank.rewards.certificates import Verification
from timebank.rewards.commendations import CHOSEN_COUNT_MAX, NOTES_LENGTH_MAX, Basis, DryRun
from timebank.rewards.models import (
    REASON_LENGTH_MAX,
    STARS_MAX,
    Certificate,
    CertificateStatus,
    StarRule,
)
from web.api import Args, Out, QueryArgs, area
from web.auth import allow, current_actor, public
from web.fields import Choice, Date, Identifier, Text, WholeNumber
from web.security import limiter
from web.session import begin, keys, reading

DIGEST_PATTERN: Final = "^[0-9a-f]{64}$"
VERSION_MAX: Final = 1_000_000
CHECKS_PER_ADDRESS: Final = "60/minute"


class ReasonOut(Out):
    """Why somebody is on the list or not; the facts are minutes and stars."""

    code = ma.fields.String(required=True)
    message = ma.fields.Function(str, required=True, metadata={"type": "string"})
    details = ma.fields.Dict(required=True)


class EvidenceOut(Out):
    """What was counted."""

    transaction_count = ma.fields.Integer(required=True)
    last_transaction_id = Identifier(required=True, allow_none=True)
    digest = ma.fields.String(required=True)


class RowOut(Out):
    """One member of the dry run."""

    member_id = Identifier(required=True)
    number = ma.fields.String(required=True, attribute="volunteer_number")
    name = ma.fields.String(required=True)
    team = ma.fields.String(required=True)
    counted_minutes = ma.fields.Integer(required=True)
    stars_reached = ma.fields.Integer(required=True)
    stars_before = ma.fields.Integer(required=True)
    is_eligible = ma.fields.Boolean(required=True)
    reasons = ma.fields.List(ma.fields.Nested(ReasonOut), required=True)
    evidence = ma.fields.Nested(EvidenceOut, required=True)


class DryRunOut(Out):
    """Everybody, with the evidence to hand back when issuing."""

    period_from = Date(required=True)
    period_to = Date(required=True)
    rule_version = ma.fields.Integer(required=True)
    thresholds_minutes = ma.fields.List(ma.fields.Integer(), required=True)
    evidence = ma.fields.Nested(EvidenceOut, required=True)
    eligible_count = ma.fields.Integer(required=True)
    rows = ma.fields.List(ma.fields.Nested(RowOut), required=True)


class DryRunQuery(QueryArgs):
    """The period; from the beginning to today by default."""

    period_from = Date(load_default=None)
    period_to = Date(load_default=None)


class IssueArgs(Args):
    """Who gets a commendation, and the evidence that the sender has seen."""

    member_ids = ma.fields.List(
        Identifier(), required=True, validate=ma.validate.Length(min=1, max=CHOSEN_COUNT_MAX)
    )
    period_from = Date(required=True)
    period_to = Date(required=True)
    rule_version = WholeNumber(required=True, minimum=1, maximum=VERSION_MAX)
    evidence_digest = Text(required=True, length_max=64, pattern=DIGEST_PATTERN)
    notes = Text(length_max=NOTES_LENGTH_MAX, load_default="")


class CertificateOut(Out):
    """A certificate with everything that stands on it."""

    id = Identifier(required=True)
    number = ma.fields.String(required=True, attribute="printed_number")
    code = ma.fields.String(required=True, metadata={"description": "Number and signature."})
    member_id = Identifier(required=True)
    status = Choice(CertificateStatus, required=True)
    content = ma.fields.Dict(required=True)
    content_hash = ma.fields.Function(
        lambda found: found.content_hash.hex(), required=True, metadata={"type": "string"}
    )
    issued_at = ma.fields.AwareDateTime(required=True)
    revoked_at = ma.fields.AwareDateTime(required=True, allow_none=True)
    revoke_reason = ma.fields.String(required=True, allow_none=True)


class RevokeArgs(Args):
    """Why; everybody who checks the certificate reads it."""

    reason = Text(required=True, length_min=1, length_max=REASON_LENGTH_MAX)


class VerificationOut(Out):
    """What anybody may know about a certificate."""

    number = ma.fields.String(required=True)
    status = Choice(CertificateStatus, required=True)
    name = ma.fields.String(required=True, attribute="name_masked")
    certified_minutes = ma.fields.Integer(required=True)
    stars = ma.fields.Integer(required=True)
    period_from = Date(required=True)
    period_to = Date(required=True)
    issuer = ma.fields.String(required=True, attribute="issuer_name")
    issued_on = Date(required=True)
    revoked_on = Date(required=True, allow_none=True)
    revoke_reason = ma.fields.String(required=True, allow_none=True)


class StarRuleArgs(Args):
    """A new table of stars."""

    thresholds_minutes = ma.fields.List(
        WholeNumber(minimum=1, maximum=stars.THRESHOLD_MINUTES_MAX),
        required=True,
        validate=ma.validate.Length(min=1, max=STARS_MAX),
        metadata={"description": "Rising service minutes for one star, two stars …"},
    )
    starts_on = Date(required=True)


class StarRuleOut(Out):
    """A table of stars."""

    version = ma.fields.Integer(required=True)
    starts_on = Date(required=True)
    thresholds_minutes = ma.fields.List(ma.fields.Integer(), required=True, attribute="thresholds")
    released_at = ma.fields.AwareDateTime(required=True)


blueprint = area("rewards", "Rewards: stars, commendations, certificates")


# ---------------------------------------------------------------- commendations


@blueprint.route("/commendations/dry-run", methods=["GET"])
@allow(Permission.COMMEND)
@blueprint.arguments(DryRunQuery, location="query")
@blueprint.response(200, DryRunOut)
def dry_run(args: dict[str, Any]) -> DryRun:
    """Work out who would get stars, and why everybody else would not."""
    with reading() as session:
        return commendations.dry_run(session, current_actor(), **args)


@blueprint.route("/commendations", methods=["POST"])
@allow(Permission.COMMEND)
@blueprint.arguments(IssueArgs)
@blueprint.response(201, CertificateOut(many=True))
def issue(args: dict[str, Any]) -> list[Certificate]:
    """Issue commendations with numbered certificates, all or none."""
    basis = Basis(
        period_from=args["period_from"],
        period_to=args["period_to"],
        rule_version=args["rule_version"],
        evidence_digest=args["evidence_digest"],
    )
    with begin() as session:
        return commendations.issue(
            session,
            current_actor(),
            keys(),
            member_ids=args["member_ids"],
            basis=basis,
            notes=args["notes"],
        )


# ---------------------------------------------------------------- certificates


@blueprint.route("/certificates", methods=["GET"])
@allow(Permission.COMMEND)
@blueprint.response(200, CertificateOut(many=True))
def list_certificates() -> list[Certificate]:
    """List the register, newest first."""
    with reading() as session:
        return certificates.list_certificates(session, current_actor())


@blueprint.route("/me/certificates", methods=["GET"])
@allow(Permission.SEE_OWN_RECORD)
@blueprint.response(200, CertificateOut(many=True))
def list_own_certificates() -> list[Certificate]:
    """List one's own certificates."""
    with reading() as session:
        return certificates.list_own_certificates(session, current_actor())


@blueprint.route("/certificates/<uuid:certificate_id>", methods=["GET"])
@allow(Permission.SEE_OWN_RECORD)
@blueprint.response(200, CertificateOut)
def show_certificate(certificate_id: UUID) -> Certificate:
    """Show a certificate: one's own, or with `commend` any of the community."""
    with reading() as session:
        return certificates.find_certificate(
            session, current_actor(), certificate_id=certificate_id
        )


@blueprint.route("/certificates/<uuid:certificate_id>/revocation", methods=["POST"])
@allow(Permission.COMMEND)
@blueprint.arguments(RevokeArgs)
@blueprint.response(200, CertificateOut)
def revoke_certificate(args: dict[str, Any], certificate_id: UUID) -> Certificate:
    """Revoke a certificate for good."""
    with begin() as session:
        return certificates.revoke(
            session, current_actor(), certificate_id=certificate_id, reason=args["reason"]
        )


@blueprint.route("/verifications/<string:code>", methods=["GET"])
@limiter.limit(CHECKS_PER_ADDRESS)
@public
@blueprint.response(200, VerificationOut)
@blueprint.may_refuse(404)
def verify(code: str) -> Verification:
    """Tell whether a certificate (number, dot, signature) is ours and stands; open to everybody."""
    with reading() as session:
        return certificates.verify_code(session, keys(), code=code)


# ---------------------------------------------------------------- tables of stars


@blueprint.route("/star-rules", methods=["GET"])
@allow(Permission.SEE_OWN_RECORD)
@blueprint.response(200, StarRuleOut(many=True))
def list_star_rules() -> list[StarRule]:
    """List every table of stars, newest first."""
    with reading() as session:
        return stars.star_rules(session, current_actor().community_id)


@blueprint.route("/star-rules", methods=["POST"])
@allow(Permission.COMMEND)
@blueprint.arguments(StarRuleArgs)
@blueprint.response(201, StarRuleOut)
def release_star_rule(args: dict[str, Any]) -> StarRule:
    """Release a new table of stars."""
    with begin() as session:
        return stars.release_star_rule(session, current_actor(), **args)
