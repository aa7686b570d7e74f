"""API of duty rosters: plans, wishes, qualifications."""

from typing import Any
from uuid import UUID

import marshmallow as ma

from timebank.actors import Permission
from timebank.duty import planning, publishing, rosters, wishes
from timebank.duty.diary import Obstacle, Part, Wish
from timebank.duty.models import (
    DAILY_MINUTES_MAX,
    PEOPLE_COUNT_MAX,
    REST_MINUTES_MAX,
    SHIFTS_PER_WEEK_MAX,
    Assignment,
    AssignmentState,
    Roster,
    RosterState,
)
from timebank.duty.rosters import MEMBER_COUNT_MAX, SERIES_COUNT_MAX, Terms
from timebank.duty.scene import Scene
from timebank.duty.wishes import TIMES, Wanted
from timebank.people import qualifications
from timebank.people.qualification_models import Qualification, QualificationKind
from timebank.service import repeating
from timebank.service.models import TITLE_LENGTH_MAX, Series
from web.api import Args, Out, area
from web.auth import allow, current_actor
from web.fields import Choice, Date, Identifier, Text, WholeNumber
from web.session import begin, reading

PLAN = Permission.PLAN_SERVICE


class RosterArgs(Args):
    """What a roster is to plan; minutes are whole."""

    title = Text(required=True, length_min=1, length_max=TITLE_LENGTH_MAX)
    begins_on = Date(required=True)
    ends_on = Date(required=True)
    series_ids = ma.fields.List(
        Identifier(), required=True, validate=ma.validate.Length(1, SERIES_COUNT_MAX)
    )
    member_ids = ma.fields.List(
        Identifier(), required=True, validate=ma.validate.Length(1, MEMBER_COUNT_MAX)
    )
    rest_minutes = WholeNumber(minimum=0, maximum=REST_MINUTES_MAX, load_default=11 * 60)
    daily_minutes_max = WholeNumber(minimum=1, maximum=DAILY_MINUTES_MAX, load_default=4 * 60)
    people_count = WholeNumber(minimum=1, maximum=PEOPLE_COUNT_MAX, load_default=2)


class PlanningArgs(Args):
    """How much of the present plan stays."""

    mode = Choice(planning.Mode, load_default=planning.Mode.AGAIN)


class SeatArgs(Args):
    """Who on which shift."""

    slot_id = Identifier(required=True)
    member_id = Identifier(required=True)


class WishArgs(Args):
    """One part of a weekday; 0 is Monday."""

    weekday = WholeNumber(minimum=0, maximum=6, required=True)
    part = Choice(Part, required=True)
    wish = Choice(Wish, required=True)


class WishesArgs(Args):
    """When somebody can come; what is not listed is "any time"."""

    shifts_per_week_max = WholeNumber(minimum=0, maximum=SHIFTS_PER_WEEK_MAX, required=True)
    wishes = ma.fields.List(
        ma.fields.Nested(WishArgs), required=True, validate=ma.validate.Length(max=len(TIMES))
    )


class GrantArgs(Args):
    """What a member was trained for."""

    kind = Choice(QualificationKind, required=True)
    granted_on = Date(required=True)
    expires_on = Date(required=True)


class RequirementArgs(Args):
    """What a series asks for; null asks for nothing."""

    kind = Choice(QualificationKind, required=True, allow_none=True)


class RosterOut(Out):
    """A roster."""

    id = Identifier(required=True)
    title = ma.fields.String(required=True)
    begins_on = Date(required=True)
    ends_on = Date(required=True)
    rest_minutes = ma.fields.Integer(required=True)
    daily_minutes_max = ma.fields.Integer(required=True)
    people_count = ma.fields.Integer(required=True)
    state = Choice(RosterState, required=True)


class AssignmentOut(Out):
    """Somebody on a shift; without a state they signed up by themselves."""

    slot_id = Identifier(required=True)
    member_id = Identifier(required=True)
    is_fixed = ma.fields.Boolean(required=True)
    state = Choice(AssignmentState, required=True)


class ShiftOut(Out):
    """A shift of a roster with the members on it."""

    slot_id = Identifier(required=True)
    occasion_id = Identifier(required=True)
    title = ma.fields.String(required=True)
    starts_at = ma.fields.AwareDateTime(required=True)
    ends_at = ma.fields.AwareDateTime(required=True)
    is_open = ma.fields.Boolean(required=True)
    people_count = ma.fields.Integer(required=True)
    member_ids = ma.fields.List(Identifier(), required=True)


class RosterShiftsOut(RosterOut):
    """A roster with its shifts by begin."""

    shifts = ma.fields.List(ma.fields.Nested(ShiftOut), required=True)


class GapOut(Out):
    """Places for which nobody can come, and how many people each reason keeps away."""

    slot_id = Identifier(required=True, attribute="shift_id")
    missing_count = ma.fields.Integer(required=True)
    reasons = ma.fields.Dict(required=True)


class PlanOut(Out):
    """What planning did."""

    added_count = ma.fields.Integer(required=True)
    gaps = ma.fields.List(ma.fields.Nested(GapOut), required=True)


class RefusedOut(Out):
    """Who was not put on a list; a null reason is "all places are taken"."""

    slot_id = Identifier(required=True)
    member_id = Identifier(required=True)
    reason = Choice(Obstacle, required=True, allow_none=True)


class PublicationOut(Out):
    """What publishing did."""

    enrolled_count = ma.fields.Integer(required=True)
    withdrawn_count = ma.fields.Integer(required=True)
    refused = ma.fields.List(ma.fields.Nested(RefusedOut), required=True)


class WishOut(Out):
    """One part of a weekday; 0 is Monday."""

    weekday = ma.fields.Integer(required=True)
    part = Choice(Part, required=True)
    wish = Choice(Wish, required=True)


class WishesOut(Out):
    """When somebody can come."""

    shifts_per_week_max = ma.fields.Integer(required=True)
    wishes = ma.fields.List(ma.fields.Nested(WishOut), required=True)


class QualificationOut(Out):
    """What a member was trained for."""

    member_id = Identifier(required=True)
    kind = Choice(QualificationKind, required=True)
    granted_on = Date(required=True)
    expires_on = Date(required=True)


class RequirementOut(Out):
    """What a series asks for."""

    id = Identifier(required=True)
    qualification = Choice(QualificationKind, required=True, allow_none=True)


blueprint = area("rosters", "Duty rosters, wishes, qualifications")


# ---------------------------------------------------------------- rosters


@blueprint.route("/rosters", methods=["GET"])
@allow(PLAN)
@blueprint.response(200, RosterOut(many=True))
def list_rosters() -> list[Roster]:
    """List the rosters, the latest days first."""
    with reading() as session:
        return rosters.rosters(session, current_actor())


@blueprint.route("/rosters", methods=["POST"])
@allow(PLAN)
@blueprint.arguments(RosterArgs)
@blueprint.response(201, RosterOut)
def create_roster(args: dict[str, Any]) -> Roster:
    """Make an empty roster."""
    lists = {name: frozenset(args[name]) for name in ("series_ids", "member_ids")}
    with begin() as session:
        return rosters.create_roster(session, current_actor(), terms=Terms(**{**args, **lists}))


@blueprint.route("/rosters/<uuid:roster_id>", methods=["GET"])
@allow(PLAN)
@blueprint.response(200, RosterShiftsOut)
def show_roster(roster_id: UUID) -> dict[str, Any]:
    """Return a roster with its shifts and who is on them."""
    with reading() as session:
        return _shown(rosters.show(session, current_actor(), roster_id))


@blueprint.route("/rosters/<uuid:roster_id>/planning", methods=["POST"])
@allow(PLAN)
@blueprint.arguments(PlanningArgs)
@blueprint.response(200, PlanOut)
def plan_roster(args: dict[str, Any], roster_id: UUID) -> dict[str, Any]:
    """Fill the places of a roster by fairness; nobody is told yet."""
    with begin() as session:
        done = planning.plan_roster(session, current_actor(), roster_id=roster_id, **args)
    return {"added_count": len(done.added), "gaps": done.gaps}


@blueprint.route("/rosters/<uuid:roster_id>/assignments", methods=["POST"])
@allow(PLAN)
@blueprint.arguments(SeatArgs)
@blueprint.response(201, AssignmentOut)
def assign(args: dict[str, Any], roster_id: UUID) -> Assignment:
    """Put a member on a shift by hand."""
    with begin() as session:
        return planning.assign(session, current_actor(), roster_id=roster_id, **args)


@blueprint.route("/rosters/<uuid:roster_id>/assignments/removal", methods=["POST"])
@allow(PLAN)
@blueprint.arguments(SeatArgs)
@blueprint.response(200, RosterOut)
def take_off(args: dict[str, Any], roster_id: UUID) -> Roster:
    """Take a member off a shift."""
    with begin() as session:
        return planning.take_off(session, current_actor(), roster_id=roster_id, **args)


@blueprint.route("/rosters/<uuid:roster_id>/publication", methods=["POST"])
@allow(PLAN)
@blueprint.response(200, PublicationOut)
def publish(roster_id: UUID) -> dict[str, Any]:
    """Make sign-ups of the plan and tell the members; again does only what changed."""
    with begin() as session:
        done = publishing.publish(session, current_actor(), roster_id=roster_id)
        return {
            "enrolled_count": len(done.enrolled),
            "withdrawn_count": len(done.withdrawn),
            "refused": [
                {
                    "slot_id": each.line.slot.id,
                    "member_id": each.member.id,
                    "reason": each.reason,
                }
                for each in done.refused
            ],
        }


# ---------------------------------------------------------------- wishes and qualifications


@blueprint.route("/me/wishes", methods=["GET"])
@allow(Permission.TAKE_PART)
@blueprint.response(200, WishesOut)
def show_own_wishes() -> dict[str, Any]:
    """Return when one can come."""
    with reading() as session:
        return _said(wishes.wishes_of(session, current_actor()))


@blueprint.route("/me/wishes", methods=["PUT"])
@allow(Permission.TAKE_PART)
@blueprint.arguments(WishesArgs)
@blueprint.response(200, WishesOut)
def set_own_wishes(args: dict[str, Any]) -> dict[str, Any]:
    """Say when one can come."""
    with begin() as session:
        return _said(wishes.set_wishes(session, current_actor(), wanted=_wanted(args)))


@blueprint.route("/members/<uuid:member_id>/wishes", methods=["PUT"])
@allow(PLAN)
@blueprint.arguments(WishesArgs)
@blueprint.response(200, WishesOut)
def set_wishes(args: dict[str, Any], member_id: UUID) -> dict[str, Any]:
    """Say for a member when they can come."""
    with begin() as session:
        done = wishes.set_wishes(
            session, current_actor(), wanted=_wanted(args), member_id=member_id
        )
        return _said(done)


@blueprint.route("/members/<uuid:member_id>/qualifications", methods=["POST"])
@allow(PLAN)
@blueprint.arguments(GrantArgs)
@blueprint.response(201, QualificationOut)
def grant(args: dict[str, Any], member_id: UUID) -> Qualification:
    """Enter what a member was trained for."""
    with begin() as session:
        return qualifications.grant(session, current_actor(), member_id=member_id, **args)


@blueprint.route("/series/<uuid:series_id>/qualification", methods=["PUT"])
@allow(PLAN)
@blueprint.arguments(RequirementArgs)
@blueprint.response(200, RequirementOut)
def require_qualification(args: dict[str, Any], series_id: UUID) -> Series:
    """Ask for a qualification of whoever signs up for a series."""
    with begin() as session:
        return repeating.require_qualification(
            session, current_actor(), series_id=series_id, kind=args["kind"]
        )


# ---------------------------------------------------------------- private


def _shown(scene: Scene) -> dict[str, Any]:
    names = RosterOut().fields.keys()
    return {
        **{name: getattr(scene.roster, name) for name in names},
        "shifts": [
            {
                "slot_id": line.slot.id,
                "occasion_id": line.occasion.id,
                "title": line.occasion.title,
                "starts_at": line.slot.starts_at,
                "ends_at": line.slot.ends_at,
                "is_open": line.is_open,
                "people_count": line.shift.people_count,
                "member_ids": list(scene.posts.get(line.slot.id, ())),
            }
            for line in scene.lines.values()
        ],
    }


def _wanted(args: dict[str, Any]) -> Wanted:
    said = {(each["weekday"], each["part"]): each["wish"] for each in args["wishes"]}
    return Wanted(args["shifts_per_week_max"], said)


def _said(wanted: Wanted) -> dict[str, Any]:
    return {
        "shifts_per_week_max": wanted.shifts_per_week_max,
        "wishes": [
            {"weekday": when[0], "part": when[1], "wish": wish}
            for when, wish in wanted.wishes.items()
        ],
    }
