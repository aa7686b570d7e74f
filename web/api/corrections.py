"""API around a confirmed attendance: where its minutes came from, questions, corrections."""

from typing import Any
from uuid import UUID

import marshmallow as ma

from timebank.actors import Permission
from timebank.contributions import Provenance
from timebank.service import casework, corrections, disputes
from timebank.service.attended import AttendedPage, attended
from timebank.service.casework import CorrectionLine
from timebank.service.correction_models import (
    TEXT_LENGTH_MAX,
    Correction,
    CorrectionState,
    Dispute,
    DisputeState,
)
from timebank.service.models import AttendanceState
from timebank.service.trail import Trail, read_trail
from web.api import Args, Out, QueryArgs, area
from web.api.attendance import Moment
from web.auth import allow, current_actor
from web.fields import Choice, Date, Identifier, Text
from web.session import begin, reading


class TextArgs(Args):
    """A question, or its answer."""

    text = Text(required=True, length_min=1, length_max=TEXT_LENGTH_MAX)


class ReasonArgs(Args):
    """Why a proposal is refused."""

    reason = Text(required=True, length_min=1, length_max=TEXT_LENGTH_MAX)


class CorrectionArgs(ReasonArgs):
    """What a row should say; without times: the member was not there."""

    in_at = Moment(load_default=None, allow_none=True)
    out_at = Moment(load_default=None, allow_none=True)


class CorrectionOut(Out):
    """A proposal and what became of it; what begins with `old_` is the row before."""

    id = Identifier(required=True)
    attendance_id = Identifier(required=True)
    member_id = Identifier(required=True)
    state = Choice(CorrectionState, required=True)
    reason = ma.fields.String(required=True)
    proposed_by_id = Identifier(required=True)
    proposed_at = ma.fields.AwareDateTime(required=True)
    decided_by_id = Identifier(required=True, allow_none=True)
    decided_at = ma.fields.AwareDateTime(required=True, allow_none=True)
    answer = ma.fields.String(required=True, allow_none=True)
    in_at = ma.fields.AwareDateTime(required=True, allow_none=True)
    out_at = ma.fields.AwareDateTime(required=True, allow_none=True)
    old_in_at = ma.fields.AwareDateTime(required=True, allow_none=True)
    old_out_at = ma.fields.AwareDateTime(required=True, allow_none=True)
    old_counted_minutes = ma.fields.Integer(required=True)
    old_points = ma.fields.Integer(required=True)
    counted_minutes = ma.fields.Integer(required=True, allow_none=True)
    points = ma.fields.Integer(required=True, allow_none=True)
    policy_version = ma.fields.Integer(required=True, allow_none=True)
    old_transaction_id = Identifier(required=True, allow_none=True)
    reversal_id = Identifier(required=True, allow_none=True)
    transaction_id = Identifier(required=True, allow_none=True)


class DisputeOut(Out):
    """A volunteer's question and its answer."""

    id = Identifier(required=True)
    attendance_id = Identifier(required=True)
    member_id = Identifier(required=True)
    state = Choice(DisputeState, required=True)
    text = ma.fields.String(required=True)
    raised_at = ma.fields.AwareDateTime(required=True)
    answered_by_id = Identifier(required=True, allow_none=True)
    answered_at = ma.fields.AwareDateTime(required=True, allow_none=True)
    answer = ma.fields.String(required=True, allow_none=True)
    correction_id = Identifier(required=True, allow_none=True)


class ScanOut(Out):
    """One scan of the member there."""

    scanned_at = ma.fields.AwareDateTime(required=True)
    scanned_by = ma.fields.String(
        required=True, allow_none=True, metadata={"description": "None: the member's own phone."}
    )
    status = ma.fields.String(required=True)
    reason = ma.fields.String(required=True, allow_none=True)


class TrailOut(Out):
    """Where the minutes of one attendance came from."""

    attendance_id = Identifier(required=True, attribute="row.id")
    member_id = Identifier(required=True, attribute="member.id")
    title = ma.fields.String(required=True, attribute="occasion.title")
    occurs_on = Date(required=True, attribute="occasion.occurs_on")
    site = ma.fields.String(required=True, attribute="site.name")
    slot_starts_at = ma.fields.AwareDateTime(required=True, attribute="slot.starts_at")
    slot_ends_at = ma.fields.AwareDateTime(required=True, attribute="slot.ends_at")
    state = Choice(AttendanceState, required=True, attribute="row.state")
    provenance = Choice(Provenance, required=True, allow_none=True, attribute="row.provenance")
    in_at = ma.fields.AwareDateTime(required=True, allow_none=True, attribute="row.in_at")
    out_at = ma.fields.AwareDateTime(required=True, allow_none=True, attribute="row.out_at")
    is_out_missing = ma.fields.Boolean(required=True, attribute="row.is_out_missing")
    actual_minutes = ma.fields.Integer(
        required=True, allow_none=True, attribute="row.actual_minutes"
    )
    counted_minutes = ma.fields.Integer(
        required=True, allow_none=True, attribute="row.counted_minutes"
    )
    points = ma.fields.Integer(required=True, allow_none=True, attribute="row.points")
    policy_version = ma.fields.Integer(
        required=True, allow_none=True, attribute="row.policy_version"
    )
    transaction_id = Identifier(required=True, allow_none=True, attribute="row.transaction_id")
    scans = ma.fields.List(ma.fields.Nested(ScanOut), required=True)
    confirmed_by = ma.fields.String(required=True, allow_none=True)
    confirmed_at = ma.fields.AwareDateTime(
        required=True, allow_none=True, attribute="row.confirmed_at"
    )
    agreed_by = ma.fields.String(required=True, allow_none=True)
    agreed_at = ma.fields.AwareDateTime(required=True, allow_none=True)
    corrections = ma.fields.List(ma.fields.Nested(CorrectionOut), required=True)
    disputes = ma.fields.List(ma.fields.Nested(DisputeOut), required=True)


class AttendedOut(Out):
    """One of one's own services that are over, also without an entry in the book."""

    attendance_id = Identifier(required=True, attribute="row.id")
    title = ma.fields.String(required=True, attribute="occasion.title")
    occurs_on = Date(required=True, attribute="occasion.occurs_on")
    slot_starts_at = ma.fields.AwareDateTime(required=True, attribute="slot.starts_at")
    slot_ends_at = ma.fields.AwareDateTime(required=True, attribute="slot.ends_at")
    state = Choice(AttendanceState, required=True, attribute="row.state")
    counted_minutes = ma.fields.Integer(
        required=True, allow_none=True, attribute="row.counted_minutes"
    )
    points = ma.fields.Integer(required=True, allow_none=True, attribute="row.points")
    is_settled = ma.fields.Boolean(required=True)


class AttendedPageOut(Out):
    """A page of services, newest first."""

    lines = ma.fields.List(ma.fields.Nested(AttendedOut), required=True)
    next_cursor = Identifier(required=True, allow_none=True)


class BeforeArgs(QueryArgs):
    """Where the older services begin."""

    before = Identifier(load_default=None)


blueprint = area("corrections", "Where minutes came from, questions about them, corrections")


# ---------------------------------------------------------------- where minutes came from


@blueprint.route("/attendances/<uuid:attendance_id>/provenance", methods=["GET"])
@allow(Permission.SEE_OWN_RECORD)
@blueprint.response(200, TrailOut)
def show_provenance(attendance_id: UUID) -> dict[str, Any]:
    """Show who scanned, confirmed and agreed, by which policy, and every correction since."""
    with reading() as session:
        return _trail(read_trail(session, current_actor(), attendance_id=attendance_id))


@blueprint.route("/me/services", methods=["GET"])
@allow(Permission.SEE_OWN_RECORD)
@blueprint.arguments(BeforeArgs, location="query")
@blueprint.response(200, AttendedPageOut)
def list_own_services(args: dict[str, Any]) -> AttendedPage:
    """List one's own services that are over, also those without an entry, newest first."""
    with reading() as session:
        return attended(session, current_actor(), **args)


# ---------------------------------------------------------------- questions


@blueprint.route("/attendances/<uuid:attendance_id>/disputes", methods=["POST"])
@allow(Permission.SEE_OWN_RECORD)
@blueprint.arguments(TextArgs)
@blueprint.response(201, DisputeOut)
@blueprint.leads_to("explain_dispute", dispute_id="id")
@blueprint.leads_to("withdraw_dispute", dispute_id="id")
def raise_dispute(args: dict[str, Any], attendance_id: UUID) -> Dispute:
    """Ask about one's own settled row; one question at a time."""
    with begin() as session:
        return disputes.ask(session, current_actor(), attendance_id=attendance_id, **args)


@blueprint.route("/disputes", methods=["GET"])
@allow(Permission.RUN_OCCASION)
@blueprint.response(200, DisputeOut(many=True))
def list_disputes() -> list[Dispute]:
    """List the questions that wait for an answer, oldest first."""
    with reading() as session:
        return [line.dispute for line in casework.open_disputes(session, current_actor())]


@blueprint.route("/disputes/<uuid:dispute_id>/withdrawal", methods=["POST"])
@allow(Permission.SEE_OWN_RECORD)
@blueprint.response(200, DisputeOut)
def withdraw_dispute(dispute_id: UUID) -> Dispute:
    """Take one's own question back while nobody has answered; again changes nothing."""
    with begin() as session:
        return disputes.withdraw(session, current_actor(), dispute_id=dispute_id)


@blueprint.route("/disputes/<uuid:dispute_id>/explanation", methods=["POST"])
@allow(Permission.RUN_OCCASION)
@blueprint.arguments(TextArgs)
@blueprint.response(200, DisputeOut)
def explain_dispute(args: dict[str, Any], dispute_id: UUID) -> Dispute:
    """Answer a question by an explanation."""
    with begin() as session:
        return disputes.explain(session, current_actor(), dispute_id=dispute_id, **args)


# ---------------------------------------------------------------- corrections


@blueprint.route("/attendances/<uuid:attendance_id>/corrections", methods=["POST"])
@allow(Permission.RUN_OCCASION)
@blueprint.arguments(CorrectionArgs)
@blueprint.response(201, CorrectionOut)
@blueprint.leads_to("show_correction", correction_id="id")
@blueprint.leads_to("agree_to_correction", correction_id="id")
@blueprint.leads_to("withdraw_correction", correction_id="id")
def propose_correction(args: dict[str, Any], attendance_id: UUID) -> Correction:
    """Propose what a settled row should say; somebody else has to agree."""
    with begin() as session:
        return corrections.propose(session, current_actor(), attendance_id=attendance_id, **args)


@blueprint.route("/corrections", methods=["GET"])
@allow(Permission.RUN_OCCASION)
@blueprint.response(200, CorrectionOut(many=True))
def list_corrections() -> list[Correction]:
    """List the proposals that wait for a decision, oldest first."""
    with reading() as session:
        return [line.correction for line in casework.open_corrections(session, current_actor())]


@blueprint.route("/corrections/<uuid:correction_id>", methods=["GET"])
@allow(Permission.RUN_OCCASION)
@blueprint.response(200, CorrectionOut)
def show_correction(correction_id: UUID) -> Correction:
    """Show one proposal and what became of it."""
    with reading() as session:
        line: CorrectionLine = casework.read_correction(
            session, current_actor(), correction_id=correction_id
        )
        return line.correction


@blueprint.route("/corrections/<uuid:correction_id>/agreement", methods=["POST"])
@allow(Permission.RUN_OCCASION)
@blueprint.response(200, CorrectionOut)
def agree_to_correction(correction_id: UUID) -> Correction:
    """Agree as the second person: reverse, post anew and change the row; again changes nothing."""
    with begin() as session:
        return corrections.agree(session, current_actor(), correction_id=correction_id)


@blueprint.route("/corrections/<uuid:correction_id>/refusal", methods=["POST"])
@allow(Permission.RUN_OCCASION)
@blueprint.arguments(ReasonArgs)
@blueprint.response(200, CorrectionOut)
def refuse_correction(args: dict[str, Any], correction_id: UUID) -> Correction:
    """Refuse a proposal with a reason."""
    with begin() as session:
        return corrections.refuse(session, current_actor(), correction_id=correction_id, **args)


@blueprint.route("/corrections/<uuid:correction_id>/withdrawal", methods=["POST"])
@allow(Permission.RUN_OCCASION)
@blueprint.response(200, CorrectionOut)
def withdraw_correction(correction_id: UUID) -> Correction:
    """Take one's own proposal back; again changes nothing."""
    with begin() as session:
        return corrections.withdraw(session, current_actor(), correction_id=correction_id)


def _trail(found: Trail) -> dict[str, Any]:
    agreement = found.agreement
    return {
        "row": found.row,
        "slot": found.slot,
        "occasion": found.occasion,
        "site": found.site,
        "member": found.member,
        "scans": [
            {
                "scanned_at": scan.scanned_at,
                "scanned_by": found.name(scan.scanned_by_id),
                "status": scan.status,
                "reason": scan.reason,
            }
            for scan in found.scans
        ],
        "confirmed_by": found.name(found.row.confirmed_by_id),
        "agreed_by": found.name(agreement.agreed_by_id) if agreement else None,
        "agreed_at": agreement.agreed_at if agreement else None,
        "corrections": found.corrections,
        "disputes": found.disputes,
    }
