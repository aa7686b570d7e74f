"""API of swaps: ask, take, decline, withdraw, decide."""

from typing import Any
from uuid import UUID

import marshmallow as ma

from timebank.actors import Permission
from timebank.duty import shifts, swaps
from timebank.duty.models import Swap, SwapState
from web.api import Args, Out, area
from web.auth import allow, current_actor
from web.fields import Checkbox, Choice, Identifier
from web.session import begin, reading


class SwapArgs(Args):
    """Which colleague is asked; null asks anybody."""

    asked_member_id = Identifier(load_default=None, allow_none=True)


class DecisionArgs(Args):
    """Yes or no."""

    agrees = Checkbox(required=True)


class SwapOut(Out):
    """A swap: who gives a shift away, who is asked, who takes it."""

    id = Identifier(required=True)
    slot_id = Identifier(required=True)
    member_id = Identifier(required=True)
    asked_member_id = Identifier(required=True, allow_none=True)
    taker_id = Identifier(required=True, allow_none=True)
    state = Choice(SwapState, required=True)
    asked_at = ma.fields.AwareDateTime(required=True)


blueprint = area("swaps", "Swaps of duty shifts")


@blueprint.route("/slots/<uuid:slot_id>/swaps", methods=["POST"])
@allow(Permission.TAKE_PART)
@blueprint.arguments(SwapArgs)
@blueprint.response(201, SwapOut)
def ask(args: dict[str, Any], slot_id: UUID) -> Swap:
    """Ask a colleague, or anybody, to take one's shift."""
    with begin() as session:
        return swaps.ask(session, current_actor(), slot_id=slot_id, **args)


@blueprint.route("/me/swaps", methods=["GET"])
@allow(Permission.TAKE_PART)
@blueprint.response(200, SwapOut(many=True))
def list_own() -> list[Swap]:
    """List one's own open swaps and those that one can answer."""
    with reading() as session:
        found = shifts.own_shifts(session, current_actor())
        return [line.swap for line in (*found.swaps.values(), *found.asked)]


@blueprint.route("/swaps", methods=["GET"])
@allow(Permission.RUN_OCCASION)
@blueprint.response(200, SwapOut(many=True))
def list_waiting() -> list[Swap]:
    """List the swaps that wait for one's yes as a leader."""
    with reading() as session:
        return [line.swap for line in shifts.waiting_swaps(session, current_actor())]


@blueprint.route("/swaps/<uuid:swap_id>/taking", methods=["POST"])
@allow(Permission.TAKE_PART)
@blueprint.response(200, SwapOut)
def take(swap_id: UUID) -> Swap:
    """Say yes to a colleague; again changes nothing."""
    with begin() as session:
        return swaps.take(session, current_actor(), swap_id=swap_id)


@blueprint.route("/swaps/<uuid:swap_id>/declining", methods=["POST"])
@allow(Permission.TAKE_PART)
@blueprint.response(200, SwapOut)
def decline(swap_id: UUID) -> Swap:
    """Say no to a colleague, or take a yes back."""
    with begin() as session:
        return swaps.decline(session, current_actor(), swap_id=swap_id)


@blueprint.route("/swaps/<uuid:swap_id>/withdrawal", methods=["POST"])
@allow(Permission.TAKE_PART)
@blueprint.response(200, SwapOut)
def withdraw(swap_id: UUID) -> Swap:
    """Ask no longer; again changes nothing."""
    with begin() as session:
        return swaps.withdraw(session, current_actor(), swap_id=swap_id)


@blueprint.route("/swaps/<uuid:swap_id>/decision", methods=["POST"])
@allow(Permission.RUN_OCCASION)
@blueprint.arguments(DecisionArgs)
@blueprint.response(200, SwapOut)
def decide(args: dict[str, Any], swap_id: UUID) -> Swap:
    """Agree to a swap, or refuse it; with a yes the sign-up changes hands."""
    with begin() as session:
        return swaps.decide(session, current_actor(), swap_id=swap_id, agrees=args["agrees"])
