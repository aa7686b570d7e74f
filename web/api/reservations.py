"""API of reservations: put goods by, see and cancel what is kept, hand it over at the till."""

from typing import Any
from uuid import UUID

import marshmallow as ma

from timebank.actors import Permission
from timebank.shop import collection, reservations
from timebank.shop.collection import HandOver
from timebank.shop.receipts import Receipt
from timebank.shop.reserved import ReservationState, Reserved
from web.api import Args, Out, QueryArgs, area
from web.api.goods import nonce, number
from web.api.till import PIN_PATTERN, SCAN_LENGTH_MAX, ReceiptOut
from web.auth import allow, current_actor
from web.fields import Choice, Identifier, Points, Quantity, Text
from web.session import begin, keys, reading


class ReservationArgs(Args):
    """Pieces to keep for the one who asks; the price is the server's."""

    nonce = nonce()
    item_number = number(required=True)
    quantity = Quantity(required=True)
    expected_total_points = Points(
        load_default=None, metadata={"description": "The total that was shown to the member."}
    )


class ReservationOut(Out):
    """What is kept, or was, at the price of the moment it was reserved."""

    id = Identifier(required=True, attribute="reservation.id")
    state = Choice(ReservationState, required=True)
    item_number = ma.fields.Integer(required=True, attribute="reservation.item_number")
    item_name = ma.fields.String(required=True, attribute="reservation.item_name")
    quantity = ma.fields.Integer(required=True, attribute="reservation.quantity")
    price_points = ma.fields.Integer(required=True, attribute="reservation.price_points")
    total_points = ma.fields.Integer(required=True, attribute="reservation.total_points")
    reserved_at = ma.fields.AwareDateTime(required=True)
    expires_at = ma.fields.AwareDateTime(
        required=True, metadata={"description": "From this moment on it has lapsed."}
    )
    transaction_id = Identifier(required=True, attribute="reservation.transaction_id")


class ReservationQuery(QueryArgs):
    """Whose reservations; one's own when it is left out."""

    member_number = number(
        load_default=None,
        metadata={"description": "For the shop: what is kept for volunteer V0007 is asked with 7."},
    )


class HandOverArgs(Args):
    """Who stands at the till."""

    nonce = nonce()
    holder = Text(
        required=True,
        length_min=1,
        length_max=SCAN_LENGTH_MAX,
        metadata={"description": "A card, a pay code, or a volunteer number such as V0001."},
    )
    pin = Text(length_max=6, pattern=PIN_PATTERN, load_default=None)


blueprint = area("reservations", "Reservations: goods kept for a member for some days")


@blueprint.route("/reservations", methods=["POST"])
@allow(Permission.SEE_OWN_RECORD)
@blueprint.arguments(ReservationArgs)
@blueprint.response(201, ReservationOut)
@blueprint.alt_response(  # type: ignore[untyped-decorator]  # flask-smorest ships no types
    200, schema=ReservationOut, description="The same nonce was reserved before"
)
@blueprint.leads_to("show_reservation", reservation_id="id")
@blueprint.leads_to("cancel_reservation", reservation_id="id")
def reserve(args: dict[str, Any]) -> tuple[Reserved, int]:
    """Keep pieces for oneself: a hold on the points and on the pieces."""
    with begin() as session:
        kept = reservations.reserve(session, current_actor(), **args)
    return kept, 200 if kept.is_replay else 201


@blueprint.route("/reservations", methods=["GET"])
@allow(Permission.SEE_OWN_RECORD)
@blueprint.arguments(ReservationQuery, location="query")
@blueprint.response(200, ReservationOut(many=True))
def list_reservations(args: dict[str, Any]) -> list[Reserved]:
    """List one's own reservations of a week, or what the shop keeps for a member."""
    with reading() as session:
        if args["member_number"] is None:
            return reservations.list_own(session, current_actor())
        return collection.list_open(session, current_actor(), **args)


@blueprint.route("/reservations/<uuid:reservation_id>", methods=["GET"])
@allow(Permission.SEE_OWN_RECORD)
@blueprint.response(200, ReservationOut)
def show_reservation(reservation_id: UUID) -> Reserved:
    """Show one reservation, to its member and to the shop."""
    with reading() as session:
        return reservations.read_one(session, current_actor(), reservation_id=reservation_id)


@blueprint.route("/reservations/<uuid:reservation_id>/cancel", methods=["POST"])
@allow(Permission.SEE_OWN_RECORD)
@blueprint.response(200, ReservationOut)
def cancel_reservation(reservation_id: UUID) -> Reserved:
    """Call a reservation off, as its member or as the shop; once more changes nothing."""
    with begin() as session:
        return reservations.cancel(session, current_actor(), reservation_id=reservation_id)


@blueprint.route("/reservations/<uuid:reservation_id>/collect", methods=["POST"])
@allow(Permission.KEEP_SHOP)
@blueprint.arguments(HandOverArgs)
@blueprint.response(201, ReceiptOut)
@blueprint.alt_response(  # type: ignore[untyped-decorator]  # flask-smorest ships no types
    200, schema=ReceiptOut, description="The same nonce was handed over before"
)
def collect(args: dict[str, Any], reservation_id: UUID) -> tuple[Receipt, int]:
    """Hand over what is kept, at the reserved price, with a receipt."""
    wanted = HandOver(reservation_id=reservation_id, **args)
    with begin() as session:
        receipt = collection.collect(session, current_actor(), keys(), hand_over=wanted)
    return receipt, 200 if receipt.is_replay else 201
