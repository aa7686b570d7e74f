"""API of households and helpers: who keeps house together, and who comes for whom."""

from typing import Any
from uuid import UUID

import marshmallow as ma

from timebank.actors import Permission
from timebank.people import helpers, households
from timebank.people.helpers import Agreement
from timebank.people.household_models import LABEL_LENGTH_MAX, Helper
from timebank.people.households import Home, HouseholdNotFound
from web.api import Args, Out, area
from web.api.goods import nonce
from web.auth import allow, current_actor
from web.fields import Date, Identifier, Text
from web.session import begin, reading


class HouseholdArgs(Args):
    """A new household with its first member."""

    nonce = nonce()
    member_id = Identifier(required=True)
    label = Text(required=True, length_min=1, length_max=LABEL_LENGTH_MAX)


class HousemateOut(Out):
    """A member of a household."""

    id = Identifier(required=True)
    number = ma.fields.String(required=True, attribute="volunteer_number")
    name = ma.fields.String(required=True)


class HouseholdOut(Out):
    """A household with its members."""

    id = Identifier(required=True, attribute="household.id")
    label = ma.fields.String(required=True, attribute="household.label")
    members = ma.fields.List(ma.fields.Nested(HousemateOut), required=True)


class HelperArgs(Args):
    """Who comes to the shop for the member."""

    helper_id = Identifier(required=True)
    agreed_on = Date(required=True)


class HelperOut(Out):
    """What a member agreed."""

    id = Identifier(required=True)
    member_id = Identifier(required=True)
    helper_member_id = Identifier(required=True)
    agreed_on = Date(required=True)
    ended_at = ma.fields.AwareDateTime(required=True, allow_none=True)


blueprint = area("households", "Households and helpers; every look at a household is logged")


@blueprint.route("/households", methods=["POST"])
@allow(Permission.MANAGE_MEMBERS)
@blueprint.arguments(HouseholdArgs)
@blueprint.response(201, HouseholdOut)
def found_household(args: dict[str, Any]) -> Home:
    """Make a household with its first member."""
    with begin() as session:
        return households.found(session, current_actor(), **args)


@blueprint.route("/members/<uuid:member_id>/household", methods=["GET"])
@allow(Permission.MANAGE_MEMBERS)
@blueprint.response(200, HouseholdOut)
def show_household(member_id: UUID) -> Home:
    """Show the household of a member; the look is written down."""
    with begin() as session:
        home = households.look_at(session, current_actor(), member_id=member_id)
    if home is None:
        raise HouseholdNotFound
    return home


@blueprint.route("/households/<uuid:household_id>/members/<uuid:member_id>", methods=["PUT"])
@allow(Permission.MANAGE_MEMBERS)
@blueprint.response(200, HouseholdOut)
def join_household(household_id: UUID, member_id: UUID) -> Home:
    """Take a member into a household."""
    with begin() as session:
        return households.join(
            session, current_actor(), household_id=household_id, member_id=member_id
        )


@blueprint.route("/households/<uuid:household_id>/members/<uuid:member_id>", methods=["DELETE"])
@allow(Permission.MANAGE_MEMBERS)
@blueprint.response(200, HouseholdOut)
def leave_household(household_id: UUID, member_id: UUID) -> Home:
    """Take a member out of a household."""
    with begin() as session:
        return households.leave(
            session, current_actor(), household_id=household_id, member_id=member_id
        )


@blueprint.route("/members/<uuid:member_id>/helpers", methods=["GET"])
@allow(Permission.MANAGE_MEMBERS)
@blueprint.response(200, HelperOut(many=True))
def list_helpers(member_id: UUID) -> list[Helper]:
    """List who comes for a member now."""
    with reading() as session:
        agreed: list[Agreement] = helpers.list_agreed(session, current_actor(), member_id=member_id)
    return [each.row for each in agreed]


@blueprint.route("/members/<uuid:member_id>/helpers", methods=["POST"])
@allow(Permission.MANAGE_MEMBERS)
@blueprint.arguments(HelperArgs)
@blueprint.response(201, HelperOut)
@blueprint.leads_to("end_helper", helper_row_id="id")
def agree_helper(args: dict[str, Any], member_id: UUID) -> Helper:
    """Write down that a member agreed that another comes for them."""
    with begin() as session:
        return helpers.agree(session, current_actor(), member_id=member_id, **args)


@blueprint.route("/helpers/<uuid:helper_row_id>/end", methods=["POST"])
@allow(Permission.MANAGE_MEMBERS)
@blueprint.response(200, HelperOut)
def end_helper(helper_row_id: UUID) -> Helper:
    """End what was agreed."""
    with begin() as session:
        return helpers.end(session, current_actor(), helper_row_id=helper_row_id)
