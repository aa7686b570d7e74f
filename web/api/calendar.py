"""API of the calendar: what becomes of planned occasions, the queue of a full slot, messages."""

from typing import Any
from uuid import UUID

import marshmallow as ma

from timebank.actors import Permission
from timebank.messages import outbox
from timebank.messages.models import Message, MessageKind
from timebank.service import changes, moving, repeating, waiting
from timebank.service.models import (
    ADDRESS_LENGTH_MAX,
    CAPACITY_MAX,
    TITLE_LENGTH_MAX,
    Occasion,
    OccasionStatus,
    Slot,
    Wait,
    WaitState,
)
from timebank.service.occasions import SlotPlan
from web import message_words
from web.api import Args, Out, area
from web.api.service import CLOCK_LENGTH, CLOCK_PATTERN, SlotArgs
from web.auth import allow, current_actor
from web.fields import Choice, Date, Identifier, Text, WholeNumber
from web.session import begin, reading


class PlanArgs(Args):
    """How far a series is planned."""

    until = Date(required=True)


class CancellationArgs(Args):
    """Why something is called off."""

    reason = Text(required=True, length_min=1, length_max=ADDRESS_LENGTH_MAX)


class EndArgs(CancellationArgs):
    """From which day on a series has no days, and why."""

    from_on = Date(required=True)


class MoveArgs(Args):
    """The new day; without `start_time` at the same time of day."""

    occurs_on = Date(required=True)
    start_time = Text(
        load_default=None, allow_none=True, length_max=CLOCK_LENGTH, pattern=CLOCK_PATTERN
    )


class ChangeArgs(Args):
    """What is left out stays as it is; an end before the begin is past midnight."""

    title = Text(load_default=None, allow_none=True, length_min=1, length_max=TITLE_LENGTH_MAX)
    leader_member_id = Identifier(load_default=None, allow_none=True)
    end_time = Text(
        load_default=None, allow_none=True, length_max=CLOCK_LENGTH, pattern=CLOCK_PATTERN
    )


class ExtraDayArgs(Args):
    """A day that the rule does not have; without `slot` with the times of the series."""

    occurs_on = Date(required=True)
    slot = ma.fields.Nested(SlotArgs, load_default=None, allow_none=True)


class CapacityArgs(Args):
    """How many places a slot has."""

    capacity = WholeNumber(required=True, minimum=1, maximum=CAPACITY_MAX)


class WaitArgs(Args):
    """Who waits; without `member_id` the one who asks."""

    member_id = Identifier(load_default=None)


class ReadArgs(Args):
    """The newest message that was seen."""

    up_to = Identifier(required=True)


class OccasionIdOut(Out):
    """An occasion that was planned or changed."""

    id = Identifier(required=True)
    title = ma.fields.String(required=True)
    occurs_on = Date(required=True)
    starts_at = ma.fields.AwareDateTime(required=True)
    status = Choice(OccasionStatus, required=True)


class EndingOut(Out):
    """The days that were called off, and those kept because somebody had come."""

    called_off = ma.fields.List(ma.fields.Nested(OccasionIdOut), required=True)
    kept = ma.fields.List(ma.fields.Nested(OccasionIdOut), required=True)


class PlacesOut(Out):
    """A slot and its places."""

    id = Identifier(required=True)
    occasion_id = Identifier(required=True)
    capacity = ma.fields.Integer(required=True)
    enrolled_count = ma.fields.Integer(required=True)


class WaitOut(Out):
    """A member in the queue of a slot; `place` is the order of asking."""

    id = Identifier(required=True)
    slot_id = Identifier(required=True)
    member_id = Identifier(required=True)
    place = ma.fields.Integer(required=True)
    state = Choice(WaitState, required=True)
    asked_at = ma.fields.AwareDateTime(required=True)


class MessageOut(Out):
    """A message; `text` is in the language of Accept-Language."""

    id = Identifier(required=True)
    kind = Choice(MessageKind, required=True)
    facts = ma.fields.Dict(required=True)
    text = ma.fields.Function(
        lambda message: message_words.text(message), metadata={"type": "string"}, required=True
    )
    created_at = ma.fields.AwareDateTime(required=True)
    read_at = ma.fields.AwareDateTime(required=True, allow_none=True)


class ReadOut(Out):
    """How many messages were new."""

    count = ma.fields.Integer(required=True)


blueprint = area("calendar", "Changes of occasions and series, waiting lists, messages")


# ---------------------------------------------------------------- occasions and series


@blueprint.route("/occasions/<uuid:occasion_id>/cancellation", methods=["POST"])
@allow(Permission.PLAN_OCCASION)
@blueprint.arguments(CancellationArgs)
@blueprint.response(200, OccasionIdOut)
def cancel_occasion(args: dict[str, Any], occasion_id: UUID) -> Occasion:
    """Call an occasion off while nobody has checked in; again changes nothing."""
    with begin() as session:
        return changes.cancel_occasion(
            session, current_actor(), occasion_id=occasion_id, reason=args["reason"]
        )


@blueprint.route("/occasions/<uuid:occasion_id>/move", methods=["POST"])
@allow(Permission.PLAN_OCCASION)
@blueprint.arguments(MoveArgs)
@blueprint.response(200, OccasionIdOut)
def move_occasion(args: dict[str, Any], occasion_id: UUID) -> Occasion:
    """Move an occasion to another day or time; sign-ups stay and are told."""
    with begin() as session:
        return moving.move_occasion(session, current_actor(), occasion_id=occasion_id, **args)


@blueprint.route("/occasions/<uuid:occasion_id>/change", methods=["POST"])
@allow(Permission.PLAN_OCCASION)
@blueprint.arguments(ChangeArgs)
@blueprint.response(200, OccasionIdOut)
def change_occasion(args: dict[str, Any], occasion_id: UUID) -> Occasion:
    """Change title, leader or end of an occasion; another end is told to who is signed up."""
    with begin() as session:
        return moving.change_occasion(session, current_actor(), occasion_id=occasion_id, **args)


@blueprint.route("/series/<uuid:series_id>/occasions", methods=["POST"])
@allow(Permission.PLAN_OCCASION)
@blueprint.arguments(PlanArgs)
@blueprint.response(201, OccasionIdOut(many=True))
def plan_series(args: dict[str, Any], series_id: UUID) -> list[Occasion]:
    """Plan a series up to a day; answers the occasions that were missing."""
    with begin() as session:
        return repeating.plan_series(
            session, current_actor(), series_id=series_id, until=args["until"]
        )


@blueprint.route("/series/<uuid:series_id>/extra-days", methods=["POST"])
@allow(Permission.PLAN_OCCASION)
@blueprint.arguments(ExtraDayArgs)
@blueprint.response(201, OccasionIdOut)
def add_day(args: dict[str, Any], series_id: UUID) -> Occasion:
    """Add a day to a series that its rule does not have."""
    slot = SlotPlan(**args["slot"]) if args["slot"] else None
    with begin() as session:
        return repeating.add_day(
            session,
            current_actor(),
            series_id=series_id,
            occurs_on=args["occurs_on"],
            slot=slot,
        )


@blueprint.route("/series/<uuid:series_id>/end", methods=["POST"])
@allow(Permission.PLAN_OCCASION)
@blueprint.arguments(EndArgs)
@blueprint.response(200, EndingOut)
def end_series(args: dict[str, Any], series_id: UUID) -> changes.Ending:
    """End a series in one step; planned days without arrivals are called off."""
    with begin() as session:
        return changes.end_series(session, current_actor(), series_id=series_id, **args)


# ---------------------------------------------------------------- places


@blueprint.route("/slots/<uuid:slot_id>/capacity", methods=["POST"])
@allow(Permission.PLAN_OCCASION)
@blueprint.arguments(CapacityArgs)
@blueprint.response(200, PlacesOut)
def set_capacity(args: dict[str, Any], slot_id: UUID) -> Slot:
    """Give a slot more or fewer places; more go at once to those who wait."""
    with begin() as session:
        slot = changes.set_capacity(session, current_actor(), slot_id=slot_id, **args)
        session.refresh(slot)
        return slot


@blueprint.route("/slots/<uuid:slot_id>/waits", methods=["POST"])
@allow(Permission.TAKE_PART)
@blueprint.arguments(WaitArgs)
@blueprint.response(201, WaitOut)
def wait(args: dict[str, Any], slot_id: UUID) -> Wait:
    """Ask for a place in a full slot; again changes nothing."""
    with begin() as session:
        return waiting.wait(session, current_actor(), slot_id=slot_id, **args)


@blueprint.route("/slots/<uuid:slot_id>/waits/leave", methods=["POST"])
@allow(Permission.TAKE_PART)
@blueprint.arguments(WaitArgs)
@blueprint.response(200, WaitOut)
def leave(args: dict[str, Any], slot_id: UUID) -> Wait:
    """Leave the queue of a slot; again changes nothing."""
    with begin() as session:
        return waiting.leave(session, current_actor(), slot_id=slot_id, **args)


# ---------------------------------------------------------------- messages


@blueprint.route("/me/messages", methods=["GET"])
@allow(Permission.SEE_OWN_RECORD)
@blueprint.response(200, MessageOut(many=True))
def list_messages() -> list[Message]:
    """List one's own messages, newest first, at most a hundred."""
    with reading() as session:
        return outbox.own_messages(session, current_actor())


@blueprint.route("/me/messages/read", methods=["POST"])
@allow(Permission.SEE_OWN_RECORD)
@blueprint.arguments(ReadArgs)
@blueprint.response(200, ReadOut)
def mark_read(args: dict[str, Any]) -> dict[str, int]:
    """Mark one's own messages as read up to one; again changes nothing."""
    with begin() as session:
        return {"count": outbox.mark_read(session, current_actor(), up_to=args["up_to"])}
