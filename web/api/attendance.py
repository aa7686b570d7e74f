"""API of the day itself: the venue code, scans, the list, confirming, one's own statement."""

from datetime import datetime
from typing import Any, Final, cast
from uuid import UUID

import marshmallow as ma

from timebank import clock, codes
from timebank.actors import Permission
from timebank.contributions import Provenance
from timebank.service import arrivals, attendance, checkin, record, roster, rows
from timebank.service.answers import Answer
from timebank.service.attendance import MARKS_MAX, Confirmation, Mark, RowMark, Waiting
from timebank.service.checkin import NONCE_LENGTH_MAX, NONCE_LENGTH_MIN, Press
from timebank.service.decide import Intent, NextAction, Status, Verdict
from timebank.service.flags import DEVICE_LENGTH_MAX, Flag
from timebank.service.models import AttendanceState, OccasionStatus
from timebank.service.record import Book
from timebank.service.roster import RosterRow
from web import service_words
from web.api import Args, ErrorOut, Out, QueryArgs, View, area
from web.auth import allow, current_actor
from web.fields import Choice, Date, Identifier, Strict, Text
from web.i18n import N_
from web.session import begin, keys, reading, settings

TICKET_LENGTH_MAX: Final = 120
SCAN_LENGTH_MAX: Final = 200
NONCE_PATTERN: Final = f"^[!-~]{{{NONCE_LENGTH_MIN},{NONCE_LENGTH_MAX}}}$"
YEAR_MIN: Final = 2000
YEAR_MAX: Final = 2099
MOMENT_PATTERN: Final = (
    r"^20[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])T([01][0-9]|2[0-3]):[0-5][0-9]"
    r":[0-5][0-9](\.[0-9]{1,6})?(Z|[+-](0[0-9]|1[0-3]):[0-5][0-9])$"
)


class Moment(Strict):
    """A moment with its zone, in this century."""

    def __init__(self, **kwargs: Any) -> None:
        """Describe the text."""
        metadata = {"type": "string", "format": "date-time", "pattern": MOMENT_PATTERN}
        super().__init__(metadata={**metadata, **kwargs.pop("metadata", {})}, **kwargs)

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> datetime:
        problem = self.problem(
            N_("Please give date and time with the zone, such as 2026-11-09T09:00:00+08:00.")
        )
        if not isinstance(value, str):
            raise problem
        try:
            moment = datetime.fromisoformat(value)
        except ValueError as error:
            raise problem from error
        if moment.tzinfo is None or not YEAR_MIN <= moment.year <= YEAR_MAX:
            raise problem
        return moment


class PressArgs(Args):
    """The button; a retry sends the same nonce and gets the stored answer."""

    nonce = Text(required=True, length_max=NONCE_LENGTH_MAX, pattern=NONCE_PATTERN)
    intent = Choice(Intent, load_default=Intent.AUTO)


class CheckinArgs(PressArgs):
    """The button with the ticket of an opened code."""

    ticket = Text(required=True, length_min=1, length_max=TICKET_LENGTH_MAX)
    is_joining = ma.fields.Boolean(load_default=False, truthy={True}, falsy={False})
    device = Text(length_max=DEVICE_LENGTH_MAX, load_default="")
    """A random text that the phone keeps; only a digest of it is stored."""


class ScanArgs(PressArgs):
    """A leader's scan: the text of a card, or a member."""

    text = Text(length_max=SCAN_LENGTH_MAX, load_default="")
    member_id = Identifier(load_default=None)


class OccasionRefOut(Out):
    """Which occasion."""

    id = Identifier(required=True)
    title = ma.fields.String(required=True)


class AnswerOut(ErrorOut):
    """The answer to a scan; a refusal has the error shape as well."""

    status = Choice(Status, required=True)
    reason = ma.fields.String(required=True, allow_none=True)
    first_seen = ma.fields.AwareDateTime(required=True, allow_none=True)
    occasion = ma.fields.Nested(OccasionRefOut, required=True, allow_none=True)
    next_action = Choice(NextAction, required=True)


class VenueCodeOut(Out):
    """The code to show now."""

    path = ma.fields.String(required=True)
    url = ma.fields.String(required=True)
    seconds_left = ma.fields.Integer(required=True)


class ArrivalOut(Out):
    """An opened code; `ticket` is good for ten minutes."""

    verdict = Choice(Verdict, required=True)
    occasion = ma.fields.Nested(OccasionRefOut, required=True, allow_none=True)
    ticket = ma.fields.String(required=True, allow_none=True)


class AttendanceOut(Out):
    """One row of a list."""

    id = Identifier(required=True, attribute="row.id")
    member_id = Identifier(required=True, attribute="member.id")
    number = ma.fields.String(required=True, attribute="member.volunteer_number")
    name = ma.fields.String(required=True, attribute="member.name")
    state = Choice(AttendanceState, required=True, attribute="row.state")
    needs_lead = ma.fields.Boolean(required=True, attribute="row.needs_lead")
    provenance = Choice(Provenance, required=True, allow_none=True, attribute="row.provenance")
    in_at = ma.fields.AwareDateTime(required=True, allow_none=True, attribute="row.in_at")
    out_at = ma.fields.AwareDateTime(required=True, allow_none=True, attribute="row.out_at")
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


class RosterRowOut(AttendanceOut):
    """One row of the leader's list; flags change nothing, they are worth a look."""

    flags = ma.fields.List(Choice(Flag), required=True)
    seen_at = ma.fields.AwareDateTime(
        required=True, allow_none=True, attribute="sighting.seen_at", dump_default=None
    )


class SightingOut(Out):
    """Who saw on site that it is that person."""

    attendance_id = Identifier(required=True)
    seen_by_id = Identifier(required=True)
    seen_at = ma.fields.AwareDateTime(required=True)


class ByHandArgs(Args):
    """A time written by hand."""

    slot_id = Identifier(required=True)
    member_id = Identifier(required=True)
    in_at = Moment(required=True)
    out_at = Moment(required=True)


class ChangedRowOut(Out):
    """A single row that was changed."""

    id = Identifier(required=True)
    state = Choice(AttendanceState, required=True)
    needs_lead = ma.fields.Boolean(required=True)


class MarkArgs(Args):
    """What the leader says of one row."""

    attendance_id = Identifier(required=True)
    mark = Choice(Mark, required=True)
    out_at = Moment(load_default=None)
    is_accepted = ma.fields.Boolean(load_default=False, truthy={True}, falsy={False})


class ConfirmationArgs(Args):
    """The marks of a list."""

    marks = ma.fields.List(
        ma.fields.Nested(MarkArgs), required=True, validate=ma.validate.Length(0, MARKS_MAX)
    )


class WaitingOut(Out):
    """A marked row that still waits."""

    attendance_id = Identifier(required=True)
    reason = Choice(Waiting, required=True)


class ConfirmationOut(Out):
    """What confirming did; the same again when it is repeated."""

    status = Choice(OccasionStatus, required=True, attribute="occasion.status")
    settled = ma.fields.List(ma.fields.Nested(AttendanceOut), required=True)
    waiting = ma.fields.List(ma.fields.Nested(WaitingOut), required=True)
    overruled = ma.fields.List(
        ma.fields.Nested(AttendanceOut),
        required=True,
        metadata={"description": "Settled otherwise by somebody before; the mark changed nothing."},
    )
    open_count = ma.fields.Integer(required=True)
    minutes = ma.fields.Integer(required=True)
    points = ma.fields.Integer(required=True)


class StatementQuery(QueryArgs):
    """Which page of which book."""

    book = Choice(Book, load_default=Book.TIME)
    before = Identifier(load_default=None)


class StatementLineOut(Out):
    """One entry with the balance after it."""

    transaction_id = Identifier(required=True)
    kind = ma.fields.String(required=True)
    occurred_on = Date(required=True)
    narration = ma.fields.String(required=True)
    amount_minor = ma.fields.Integer(required=True)
    balance_minor = ma.fields.Integer(required=True)
    source = ma.fields.String(required=True)


class StatementOut(Out):
    """A page of the passbook, newest line first; `next_cursor` asks for the older page."""

    book = Choice(Book, required=True)
    opening_minor = ma.fields.Integer(required=True)
    closing_minor = ma.fields.Integer(required=True)
    lines = ma.fields.List(ma.fields.Nested(StatementLineOut), required=True)
    next_cursor = Identifier(required=True, allow_none=True)


blueprint = area("attendance", "Venue codes, scans, lists, confirming, statements")


def _or_again(view: View) -> View:
    """Document the answer to a repeated scan; refusals have the error shape and stand already."""
    return cast("View", blueprint.alt_response(200, schema=AnswerOut)(view))


# ---------------------------------------------------------------- scans


@blueprint.route("/occasions/<uuid:occasion_id>/venue-code", methods=["GET"])
@allow(Permission.RUN_OCCASION)
@blueprint.response(200, VenueCodeOut)
def show_venue_code(occasion_id: UUID) -> dict[str, Any]:
    """Show the code of this half minute."""
    with reading() as session:
        path = arrivals.venue_path(session, current_actor(), keys(), occasion_id=occasion_id)
    left = codes.STEP_SECONDS - int(clock.now().timestamp()) % codes.STEP_SECONDS
    return {"path": path, "url": f"{settings().base_url}/{path}".upper(), "seconds_left": left}


@blueprint.route("/venue-codes/<string:code>", methods=["GET"])
@allow(Permission.TAKE_PART)
@blueprint.response(200, ArrivalOut)
def open_venue_code(code: str) -> dict[str, Any]:
    """Open a scanned code and get the ticket for checking in; nothing is written."""
    with reading() as session:
        arrival = arrivals.open_venue_code(session, current_actor(), keys(), code=code)
    place = arrival.venue
    occasion = {"id": place.occasion_id, "title": place.title} if place else None
    return {"verdict": arrival.verdict, "occasion": occasion, "ticket": arrival.ticket}


@blueprint.route("/checkins", methods=["POST"])
@allow(Permission.TAKE_PART)
@blueprint.arguments(CheckinArgs)
@blueprint.response(201, AnswerOut)
@_or_again
def check_in(args: dict[str, Any]) -> tuple[dict[str, Any], int]:
    """Check in or out with the ticket of an opened code."""
    press = Press(args["nonce"], args["intent"], args["is_joining"], args["device"])
    with begin() as session:
        answer = checkin.check_in(
            session, current_actor(), keys(), ticket=args["ticket"], press=press
        )
    return _answer(answer), answer.http_status


@blueprint.route("/occasions/<uuid:occasion_id>/checkins", methods=["POST"])
@allow(Permission.RUN_OCCASION)
@blueprint.arguments(ScanArgs)
@blueprint.response(201, AnswerOut)
@_or_again
def scan_for(args: dict[str, Any], occasion_id: UUID) -> tuple[dict[str, Any], int]:
    """Check somebody in or out by card, digits or member."""
    press = Press(args.pop("nonce"), args.pop("intent"))
    with begin() as session:
        answer = checkin.scan_for(
            session, current_actor(), occasion_id=occasion_id, press=press, **args
        )
    return _answer(answer), answer.http_status


# ---------------------------------------------------------------- the list


@blueprint.route("/occasions/<uuid:occasion_id>/attendances", methods=["GET"])
@allow(Permission.RUN_OCCASION)
@blueprint.response(200, RosterRowOut(many=True))
def list_attendances(occasion_id: UUID) -> list[RosterRow]:
    """List the rows of an occasion."""
    with reading() as session:
        return roster.roster(session, current_actor(), occasion_id).rows


@blueprint.route("/attendances", methods=["POST"])
@allow(Permission.RUN_OCCASION)
@blueprint.arguments(ByHandArgs)
@blueprint.response(201, ChangedRowOut)
def write_by_hand(args: dict[str, Any]) -> object:
    """Write a time by hand; somebody else confirms it."""
    with begin() as session:
        return rows.back_fill(session, current_actor(), **args)


@blueprint.route("/attendances/<uuid:attendance_id>/acceptance", methods=["POST"])
@allow(Permission.RUN_OCCASION)
@blueprint.response(200, ChangedRowOut)
def accept(attendance_id: UUID) -> object:
    """Say the leader's yes to a walk-in; again changes nothing."""
    with begin() as session:
        return rows.accept(session, current_actor(), attendance_id=attendance_id)


@blueprint.route("/attendances/<uuid:attendance_id>/sighting", methods=["POST"])
@allow(Permission.RUN_OCCASION)
@blueprint.response(200, SightingOut)
def see(attendance_id: UUID) -> object:
    """Note that the leader sees on site that it is that person; again leaves the first."""
    with begin() as session:
        return rows.see(session, current_actor(), attendance_id=attendance_id)


@blueprint.route("/occasions/<uuid:occasion_id>/confirmations", methods=["POST"])
@allow(Permission.RUN_OCCASION)
@blueprint.arguments(ConfirmationArgs)
@blueprint.response(201, ConfirmationOut)
def confirm(args: dict[str, Any], occasion_id: UUID) -> dict[str, Any]:
    """Settle the marked rows and post them; again posts nothing more."""
    marks = [RowMark(**mark) for mark in args["marks"]]
    with begin() as session:
        done = attendance.confirm(session, current_actor(), occasion_id=occasion_id, marks=marks)
        return _confirmation(done)


# ---------------------------------------------------------------- one's own record


@blueprint.route("/me/statement", methods=["GET"])
@allow(Permission.SEE_OWN_RECORD)
@blueprint.arguments(StatementQuery, location="query")
@blueprint.response(200, StatementOut)
def show_statement(args: dict[str, Any]) -> object:
    """Show a page of one's own time or points."""
    with reading() as session:
        return record.statement(session, current_actor(), **args)


# ---------------------------------------------------------------- private


def _answer(answer: Answer) -> dict[str, Any]:
    occasion = {"id": answer.occasion_id, "title": answer.title} if answer.occasion_id else None
    return {
        "code": answer.reason.value if answer.reason else answer.status.value,
        "message": service_words.answer(answer),
        "details": answer.details,
        "status": answer.status,
        "reason": answer.reason.value if answer.reason else None,
        "first_seen": answer.first_seen,
        "occasion": occasion,
        "next_action": answer.next_action,
    }


def _confirmation(done: Confirmation) -> dict[str, Any]:
    waiting = [{"attendance_id": line.row.id, "reason": reason} for line, reason in done.waiting]
    same = ("occasion", "settled", "overruled", "open_count", "minutes", "points")
    return {"waiting": waiting, **{name: getattr(done, name) for name in same}}
