"""API of service days: occasions with slots, sites, series, signing up, points policies."""

from itertools import groupby
from typing import Any
from uuid import UUID

import marshmallow as ma

from timebank.actors import Permission
from timebank.contributions import Category
from timebank.service import calendar, occasions, repeating, signup
from timebank.service.calendar import SlotLine
from timebank.service.models import (
    ADDRESS_LENGTH_MAX,
    CAPACITY_MAX,
    TITLE_LENGTH_MAX,
    Attendance,
    AttendanceState,
    OccasionKind,
    OccasionStatus,
    Site,
)
from timebank.service.occasions import SLOTS_MAX, Activity, SlotPlan
from timebank.service.recurrence import RULE_LENGTH_MAX
from timebank.service.repeating import SeriesLine
from web.api import Args, Out, area
from web.auth import allow, current_actor
from web.fields import Choice, Date, Identifier, Text, WholeNumber
from web.session import begin, reading

CLOCK_PATTERN = "^([01][0-9]|2[0-3]):[0-5][0-9]$"
CLOCK_LENGTH = 5


class SiteArgs(Args):
    """A place where people meet."""

    name = Text(required=True, length_min=1, length_max=TITLE_LENGTH_MAX)
    address = Text(required=True, length_min=1, length_max=ADDRESS_LENGTH_MAX)


class SiteOut(Out):
    """A place where people meet."""

    id = Identifier(required=True)
    name = ma.fields.String(required=True)
    address = ma.fields.String(required=True)


class SlotArgs(Args):
    """A time window: local times and places."""

    start_time = Text(required=True, length_max=CLOCK_LENGTH, pattern=CLOCK_PATTERN)
    end_time = Text(required=True, length_max=CLOCK_LENGTH, pattern=CLOCK_PATTERN)
    capacity = WholeNumber(required=True, minimum=1, maximum=CAPACITY_MAX)


class ActivityArgs(Args):
    """What is done where, led by whom."""

    site_id = Identifier(required=True)
    leader_member_id = Identifier(required=True)
    title = Text(required=True, length_min=1, length_max=TITLE_LENGTH_MAX)
    category = Choice(Category, required=True)
    kind = Choice(OccasionKind, load_default=OccasionKind.SERVICE_DAY)


class OccasionArgs(ActivityArgs):
    """One occasion with its slots."""

    occurs_on = Date(required=True)
    slots = ma.fields.List(
        ma.fields.Nested(SlotArgs), required=True, validate=ma.validate.Length(1, SLOTS_MAX)
    )


class SeriesArgs(ActivityArgs):
    """A recurring activity; `rule` is an RRULE by days."""

    rule = Text(required=True, length_min=1, length_max=RULE_LENGTH_MAX)
    starts_on = Date(required=True)
    slot = ma.fields.Nested(SlotArgs, required=True)


class EnrolmentArgs(Args):
    """A sign-up; without `member_id` the one who asks."""

    slot_id = Identifier(required=True)
    member_id = Identifier(load_default=None)


class WithdrawalArgs(Args):
    """A withdrawal; without `member_id` the one who asks."""

    member_id = Identifier(load_default=None)


class SlotOut(Out):
    """A time window with its free places; `mine` is the state of the asker's own row.

    `place_in_line` counts from 1; 0 is not waiting.
    """

    id = Identifier(required=True, attribute="slot.id")
    starts_at = ma.fields.AwareDateTime(required=True, attribute="slot.starts_at")
    ends_at = ma.fields.AwareDateTime(required=True, attribute="slot.ends_at")
    capacity = ma.fields.Integer(required=True, attribute="slot.capacity")
    places_left = ma.fields.Integer(required=True)
    waiting_count = ma.fields.Integer(required=True)
    place_in_line = ma.fields.Integer(required=True)
    mine = Choice(AttendanceState, required=True, allow_none=True)


class OccasionOut(Out):
    """One activity on one day."""

    id = Identifier(required=True)
    title = ma.fields.String(required=True)
    category = Choice(Category, required=True)
    kind = Choice(OccasionKind, required=True)
    occurs_on = Date(required=True)
    starts_at = ma.fields.AwareDateTime(required=True)
    ends_at = ma.fields.AwareDateTime(required=True)
    status = Choice(OccasionStatus, required=True)
    site = ma.fields.Nested(SiteOut, required=True)
    leader = ma.fields.String(required=True)
    slots = ma.fields.List(ma.fields.Nested(SlotOut), required=True)


class SeriesOut(Out):
    """A recurring activity."""

    id = Identifier(required=True, attribute="series.id")
    title = ma.fields.String(required=True, attribute="series.title")
    category = Choice(Category, required=True, attribute="series.category")
    kind = Choice(OccasionKind, required=True, attribute="series.kind")
    ended_on = Date(required=True, allow_none=True, attribute="series.ended_on")
    rule = ma.fields.String(required=True, attribute="series.rule")
    starts_on = Date(required=True, attribute="series.starts_on")
    start_time = ma.fields.String(required=True, attribute="series.start_time")
    end_time = ma.fields.String(required=True, attribute="series.end_time")
    capacity = ma.fields.Integer(required=True, attribute="series.capacity")
    site = ma.fields.Nested(SiteOut, required=True)
    leader = ma.fields.String(required=True, attribute="leader_name")
    planned_until = Date(required=True, allow_none=True)


class EnrolmentOut(Out):
    """A row on a list."""

    id = Identifier(required=True)
    occasion_id = Identifier(required=True)
    slot_id = Identifier(required=True)
    member_id = Identifier(required=True)
    state = Choice(AttendanceState, required=True)


blueprint = area("service", "Occasions, sites, series, signing up")


# ---------------------------------------------------------------- occasions


@blueprint.route("/occasions", methods=["GET"])
@allow(Permission.TAKE_PART)
@blueprint.response(200, OccasionOut(many=True))
def list_occasions() -> list[dict[str, Any]]:
    """List the occasions of the coming two months with their slots."""
    with reading() as session:
        lines = calendar.upcoming_slots(session, current_actor())
    ordered = sorted(lines, key=lambda line: (line.occasion.starts_at, line.occasion.id))
    return [_grouped(list(of)) for _, of in groupby(ordered, lambda line: line.occasion.id)]


@blueprint.route("/occasions", methods=["POST"])
@allow(Permission.PLAN_OCCASION)
@blueprint.arguments(OccasionArgs)
@blueprint.response(201, OccasionOut)
@blueprint.leads_to("show_venue_code", occasion_id="id")
@blueprint.leads_to("scan_for", occasion_id="id")
@blueprint.leads_to("list_attendances", occasion_id="id")
def create_occasion(args: dict[str, Any]) -> dict[str, Any]:
    """Plan one occasion with its slots."""
    with begin() as session:
        made = occasions.create_occasion(
            session,
            current_actor(),
            activity=_activity(args),
            occurs_on=args["occurs_on"],
            slots=[SlotPlan(**slot) for slot in args["slots"]],
        )
        return _grouped(calendar.slots_of(session, current_actor(), made.id))


@blueprint.route("/occasions/<uuid:occasion_id>", methods=["GET"])
@allow(Permission.TAKE_PART)
@blueprint.response(200, OccasionOut)
def show_occasion(occasion_id: UUID) -> dict[str, Any]:
    """Show one occasion with its slots."""
    with reading() as session:
        return _grouped(calendar.slots_of(session, current_actor(), occasion_id))


# ---------------------------------------------------------------- sites and series


@blueprint.route("/sites", methods=["GET"])
@allow(Permission.TAKE_PART)
@blueprint.response(200, SiteOut(many=True))
def list_sites() -> list[Site]:
    """List the sites by name."""
    with reading() as session:
        return calendar.sites(session, current_actor())


@blueprint.route("/sites", methods=["POST"])
@allow(Permission.PLAN_OCCASION)
@blueprint.arguments(SiteArgs)
@blueprint.response(201, SiteOut)
def create_site(args: dict[str, Any]) -> Site:
    """Add a site."""
    with begin() as session:
        return occasions.create_site(session, current_actor(), **args)


@blueprint.route("/series", methods=["GET"])
@allow(Permission.PLAN_OCCASION)
@blueprint.response(200, SeriesOut(many=True))
def list_series() -> list[SeriesLine]:
    """List the series by title."""
    with reading() as session:
        return repeating.series(session, current_actor())


@blueprint.route("/series", methods=["POST"])
@allow(Permission.PLAN_OCCASION)
@blueprint.arguments(SeriesArgs)
@blueprint.response(201, SeriesOut)
def create_series(args: dict[str, Any]) -> SeriesLine:
    """Add a series; its occasions are planned by a call of their own."""
    with begin() as session:
        made = repeating.create_series(
            session,
            current_actor(),
            activity=_activity(args),
            rule=args["rule"],
            starts_on=args["starts_on"],
            slot=SlotPlan(**args["slot"]),
        )
        return repeating.series_line(session, current_actor(), made.id)


# ---------------------------------------------------------------- signing up


@blueprint.route("/enrolments", methods=["POST"])
@allow(Permission.TAKE_PART)
@blueprint.arguments(EnrolmentArgs)
@blueprint.response(201, EnrolmentOut)
def sign_up(args: dict[str, Any]) -> Attendance:
    """Sign up for a slot; again changes nothing."""
    with begin() as session:
        return signup.sign_up(session, current_actor(), **args)


@blueprint.route("/occasions/<uuid:occasion_id>/withdrawals", methods=["POST"])
@allow(Permission.TAKE_PART)
@blueprint.arguments(WithdrawalArgs)
@blueprint.response(200, EnrolmentOut)
def withdraw(args: dict[str, Any], occasion_id: UUID) -> Attendance:
    """Take a sign-up back, until three hours before the start; again changes nothing."""
    with begin() as session:
        return signup.withdraw(session, current_actor(), occasion_id=occasion_id, **args)


# ---------------------------------------------------------------- private


def _activity(args: dict[str, Any]) -> Activity:
    names = ("site_id", "leader_member_id", "title", "category", "kind")
    return Activity(**{name: args[name] for name in names})


def _grouped(lines: list[SlotLine]) -> dict[str, Any]:
    """Return one occasion with its slots, as `OccasionOut` dumps it."""
    first = lines[0]
    names = ("id", "title", "category", "kind", "occurs_on", "starts_at", "ends_at", "status")
    return {
        **{name: getattr(first.occasion, name) for name in names},
        "site": first.site,
        "leader": first.leader_name,
        "slots": lines,
    }
