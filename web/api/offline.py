"""API of a device without a network: the list to take along, telling of its scans, the review tray.

Moments of the device are milliseconds since 1970 by its own clock, right or wrong: that clock is
measured, not believed.
"""

from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

import marshmallow as ma

from timebank import clock
from timebank.actors import Permission
from timebank.people.names import masked_name
from timebank.service import review, snapshot, sync
from timebank.service.checkin import NONCE_LENGTH_MAX
from timebank.service.decide import Effect, Intent, Status
from timebank.service.models import AttendanceState
from timebank.service.offline_models import (
    REASON_LENGTH_MAX,
    CodeKind,
    Disposal,
    Outcome,
    Why,
)
from timebank.service.offline_outcome import DeviceDecision, QueuedScan
from timebank.service.review import TrayLine
from timebank.service.snapshot import CardDigests, Listed, Person, Snapshot
from timebank.service.sync import BATCH_MAX, DEVICE_LENGTH_MAX, Told
from web.api import Args, Out, area
from web.api.attendance import NONCE_PATTERN, Moment
from web.auth import allow, current_actor
from web.fields import Choice, Identifier, Text, WholeNumber
from web.offline_words import said_of
from web.session import begin, reading

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
MILLIS_MAX: Final = 4_102_444_800_000
"""The year 2100: what a device may believe it is."""
SEQUENCE_MAX: Final = 2_000_000_000
CODE_PATTERN: Final = "^([0-9a-f]{64}|[0-9]{10}|)$"
CODE_LENGTH_MAX: Final = 64
REASON_CODE_LENGTH_MAX: Final = 32
NUMBER_LENGTH_MAX: Final = 12


class Clock(WholeNumber):
    """A moment by the device's clock, in milliseconds since 1970."""

    def __init__(self, **kwargs: Any) -> None:
        """Keep the bounds."""
        super().__init__(minimum=0, maximum=MILLIS_MAX, **kwargs)


class DeviceDecisionArgs(Args):
    """What the device told the person."""

    status = Choice(Status, required=True)
    effect = Choice(Effect, required=True)
    reason = Text(load_default=None, allow_none=True, length_max=REASON_CODE_LENGTH_MAX)


class QueuedScanArgs(Args):
    """One scan of the queue; `code` is a card's digits, or the SHA-256 of its token."""

    nonce = Text(required=True, length_max=NONCE_LENGTH_MAX, pattern=NONCE_PATTERN)
    sequence = WholeNumber(required=True, minimum=0, maximum=SEQUENCE_MAX)
    occasion_id = Identifier(required=True)
    kind = Choice(CodeKind, required=True)
    code = Text(load_default="", length_max=CODE_LENGTH_MAX, pattern=CODE_PATTERN)
    member_id = Identifier(load_default=None, allow_none=True)
    intent = Choice(Intent, load_default=Intent.AUTO)
    device_at_ms = Clock(required=True)
    offset_ms = WholeNumber(
        load_default=None, allow_none=True, minimum=-MILLIS_MAX, maximum=MILLIS_MAX
    )
    snapshot_at_ms = Clock(load_default=None, allow_none=True)
    decision = ma.fields.Nested(DeviceDecisionArgs, required=True)


class TellArgs(Args):
    """A part of a device's queue; `sent_at_ms` is the device's clock at the moment of sending."""

    device = Text(required=True, length_min=1, length_max=DEVICE_LENGTH_MAX)
    sent_at_ms = Clock(required=True)
    scans = ma.fields.List(
        ma.fields.Nested(QueuedScanArgs),
        required=True,
        validate=ma.validate.Length(max=BATCH_MAX),
    )


class ToldScanOut(Out):
    """What became of one scan; a flag or a doubt has a reason."""

    nonce = ma.fields.String(required=True)
    outcome = Choice(Outcome, required=True)
    why = Choice(Why, required=True, allow_none=True)
    message = ma.fields.String(required=True)
    name = ma.fields.String(
        required=True, metadata={"description": "Whose it is, masked; empty for an unknown card."}
    )
    is_replay = ma.fields.Boolean(required=True)


class ToldOut(Out):
    """What became of the scans, in the order told."""

    scans = ma.fields.List(ma.fields.Nested(ToldScanOut), required=True)


class CardDigestsOut(Out):
    """What a card is recognised by."""

    token_digest = ma.fields.String(required=True)
    digits_digest = ma.fields.String(required=True)
    is_revoked = ma.fields.Boolean(required=True)


class PersonOut(Out):
    """Somebody on the list, under a masked name."""

    member_id = Identifier(required=True)
    name = ma.fields.String(required=True)
    slot_id = Identifier(required=True)
    attendance = Choice(AttendanceState, required=True)
    in_at_ms = ma.fields.Integer(required=True, allow_none=True)
    out_at_ms = ma.fields.Integer(required=True, allow_none=True)
    is_waiting_for_lead = ma.fields.Boolean(required=True)
    is_suspended = ma.fields.Boolean(required=True)
    is_own = ma.fields.Boolean(required=True)
    volunteer_number = ma.fields.String(required=True)
    is_in_review = ma.fields.Boolean(
        required=True, metadata={"description": "A scan of theirs waits for a decision."}
    )
    other_open = ma.fields.String(required=True, allow_none=True)
    cards = ma.fields.List(ma.fields.Nested(CardDigestsOut), required=True)


class ListedSlotOut(Out):
    """A time window."""

    id = Identifier(required=True)
    starts_at_ms = ma.fields.Integer(required=True)
    ends_at_ms = ma.fields.Integer(required=True)
    places_left = ma.fields.Integer(required=True)


class ListedOut(Out):
    """One occasion with its list."""

    id = Identifier(required=True)
    title = ma.fields.String(required=True)
    is_cancelled = ma.fields.Boolean(required=True)
    slots = ma.fields.List(ma.fields.Nested(ListedSlotOut), required=True)
    people = ma.fields.List(ma.fields.Nested(PersonOut), required=True)


class SnapshotOut(Out):
    """The lists of the day; good for 24 hours after `made_at_ms`."""

    made_at_ms = ma.fields.Integer(required=True)
    leader_id = Identifier(required=True)
    zone = ma.fields.String(required=True)
    occasions = ma.fields.List(ma.fields.Nested(ListedOut), required=True)


class TrayScanOut(Out):
    """A scan that waits."""

    id = Identifier(required=True)
    kind = Choice(CodeKind, required=True)
    intent = Choice(Intent, required=True)
    scanned_at = ma.fields.AwareDateTime(required=True)
    why = Choice(Why, required=True)
    reason = ma.fields.String(required=True, allow_none=True)


class TrayLineOut(Out):
    """What waits for a decision about one person at one occasion, with the times proposed."""

    occasion_id = Identifier(required=True, attribute="occasion.id")
    title = ma.fields.String(required=True, attribute="occasion.title")
    member_id = Identifier(required=True, allow_none=True)
    scanned_by = ma.fields.String(required=True, attribute="scanned_by_name")
    is_own = ma.fields.Boolean(required=True)
    come_at = ma.fields.AwareDateTime(required=True)
    go_at = ma.fields.AwareDateTime(
        required=True, allow_none=True, metadata={"description": "None: may still be there."}
    )
    scans = ma.fields.List(ma.fields.Nested(TrayScanOut), required=True)


class AcceptArgs(Args):
    """The time to write by hand; `volunteer_number` for a card that nobody knows."""

    in_at = Moment(required=True)
    out_at = Moment(
        load_default=None,
        allow_none=True,
        metadata={"description": "None while the slot runs: still there."},
    )
    volunteer_number = Text(load_default="", length_max=NUMBER_LENGTH_MAX)


class DismissArgs(Args):
    """Why the scan is left without effect."""

    reason = Text(required=True, length_min=1, length_max=REASON_LENGTH_MAX)


class DisposalOut(Out):
    """What was made of a scan."""

    scan_id = Identifier(required=True)
    disposal = Choice(Disposal, required=True)
    attendance_id = Identifier(required=True, allow_none=True)


blueprint = area("offline", "Devices without a network: list, scans told later, review tray")


@blueprint.route("/offline/list", methods=["GET"])
@allow(Permission.RUN_OCCASION)
@blueprint.response(200, SnapshotOut)
def take_list() -> dict[str, Any]:
    """Take the lists of the day along: masked names, digests of cards."""
    with reading() as session:
        return listed(snapshot.take(session, current_actor()))


@blueprint.route("/offline/scans", methods=["POST"])
@allow(Permission.RUN_OCCASION)
@blueprint.arguments(TellArgs)
@blueprint.response(200, ToldOut)
def tell_scans(args: dict[str, Any]) -> dict[str, Any]:
    """Tell of scans that the device decided by itself; the same nonce is the same scan."""
    return tell(args)


@blueprint.route("/offline/reviews", methods=["GET"])
@allow(Permission.RUN_OCCASION)
@blueprint.response(200, TrayLineOut(many=True))
def list_reviews() -> list[dict[str, Any]]:
    """List the scans that wait for a decision."""
    with reading() as session:
        return [_tray_line(line) for line in review.tray(session, current_actor())]


@blueprint.route("/offline/reviews/<uuid:scan_id>/acceptance", methods=["POST"])
@allow(Permission.RUN_OCCASION)
@blueprint.arguments(AcceptArgs)
@blueprint.response(200, DisposalOut)
def accept_review(args: dict[str, Any], scan_id: UUID) -> dict[str, Any]:
    """Write the time by hand; another person confirms it."""
    with begin() as session:
        row = review.accept(session, current_actor(), scan_id=scan_id, **args)
        return {"scan_id": scan_id, "disposal": Disposal.ACCEPTED, "attendance_id": row.id}


@blueprint.route("/offline/reviews/<uuid:scan_id>/dismissal", methods=["POST"])
@allow(Permission.RUN_OCCASION)
@blueprint.arguments(DismissArgs)
@blueprint.response(200, DisposalOut)
def dismiss_review(args: dict[str, Any], scan_id: UUID) -> object:
    """Leave the scan without effect; the reason is kept."""
    with begin() as session:
        return review.dismiss(session, current_actor(), scan_id=scan_id, reason=args["reason"])


# ---------------------------------------------------------------- shared with the page


def tell(args: dict[str, Any]) -> dict[str, Any]:
    """Take in loaded `TellArgs`; return what `ToldOut` dumps."""
    with begin() as session:
        told = sync.tell(
            session,
            current_actor(),
            device=args["device"],
            sent_at=_moment(args["sent_at_ms"]),
            scans=[_queued(scan) for scan in args["scans"]],
        )
        return {"scans": [_told(each) for each in told]}


def listed(taken: Snapshot) -> dict[str, Any]:
    """Return what `SnapshotOut` dumps."""
    return {
        "made_at_ms": _millis(taken.made_at),
        "leader_id": taken.leader_id,
        "zone": taken.zone,
        "occasions": [_occasion(each) for each in taken.occasions],
    }


# ---------------------------------------------------------------- private


def _moment(millis: int) -> datetime:
    return EPOCH + timedelta(milliseconds=millis)


def _millis(moment: datetime) -> int:
    return (moment - EPOCH) // timedelta(milliseconds=1)


def _queued(scan: dict[str, Any]) -> QueuedScan:
    offset, made = scan["offset_ms"], scan["snapshot_at_ms"]
    names = ("nonce", "sequence", "occasion_id", "kind", "code", "member_id", "intent")
    return QueuedScan(
        **{name: scan[name] for name in names},
        device_at=_moment(scan["device_at_ms"]),
        device_offset=None if offset is None else timedelta(milliseconds=offset),
        snapshot_at=None if made is None else _moment(made),
        decision=DeviceDecision(**scan["decision"]),
    )


def _told(each: Told) -> dict[str, Any]:
    scan = each.scan
    return {
        "nonce": scan.nonce,
        "outcome": scan.outcome,
        "why": scan.why,
        "message": said_of(scan, clock.now()),
        "name": masked_name(each.member_name) if each.member_name else "",
        "is_replay": each.is_replay,
    }


def _occasion(each: Listed) -> dict[str, Any]:
    return {
        "id": each.occasion.id,
        "title": each.occasion.title,
        "is_cancelled": each.is_cancelled,
        "slots": [
            {
                "id": slot.id,
                "starts_at_ms": _millis(slot.starts_at),
                "ends_at_ms": _millis(slot.ends_at),
                "places_left": slot.capacity - slot.enrolled_count,
            }
            for slot in each.slots
        ],
        "people": [_person(person) for person in each.people],
    }


def _person(person: Person) -> dict[str, Any]:
    names = ("member_id", "name", "slot_id", "attendance", "is_waiting_for_lead", "is_suspended")
    cards: list[CardDigests] = person.cards
    return {
        **{name: getattr(person, name) for name in names},
        "is_own": person.is_own,
        "volunteer_number": person.volunteer_number,
        "is_in_review": person.is_in_review,
        "other_open": person.other_open,
        "in_at_ms": _millis(person.in_at) if person.in_at else None,
        "out_at_ms": _millis(person.out_at) if person.out_at else None,
        "cards": cards,
    }


def _tray_line(line: TrayLine) -> dict[str, Any]:
    names = ("occasion", "scanned_by_name", "is_own", "come_at", "go_at", "scans")
    member_id = line.member.id if line.member else None
    return {**{name: getattr(line, name) for name in names}, "member_id": member_id}
