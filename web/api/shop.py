"""API of the till: redemptions and returns."""

from datetime import date
from typing import Any

import marshmallow as ma

from timebank import clock
from timebank.actors import Permission
from timebank.people.organisations import get_community
from timebank.shop import receipts, refunds, till
from timebank.shop.basket import ROWS_MAX, Line
from timebank.shop.models import (
    REASON_LENGTH_MAX,
    ValueBasis,
)
from timebank.shop.receipts import Receipt
from timebank.shop.sale_models import IdentifiedBy
from timebank.shop.till import Sale
from web.api import Args, Out, QueryArgs, area
from web.api.goods import nonce, number
from web.auth import allow, current_actor, current_standing
from web.fields import (
    Choice,
    Date,
    Identifier,
    Points,
    Quantity,
    Text,
)
from web.session import begin, keys, reading

NUMBER_MAX = 99_999_999
SCAN_LENGTH_MAX = 200
PIN_PATTERN = "^[0-9]{4,6}$"
BASES = [basis.value for basis in ValueBasis if basis is not ValueBasis.UNVALUED]


# ---------------------------------------------------------------- schemas


class BasketLineArgs(Args):
    """One row of a basket; the price is the server's."""

    item_number = number(required=True)
    quantity = Quantity(required=True)


class RedemptionArgs(Args):
    """A basket to finish."""

    nonce = nonce()
    holder = Text(
        required=True,
        length_min=1,
        length_max=SCAN_LENGTH_MAX,
        metadata={"description": "A card, a pay code, or a volunteer number such as V0001."},
    )
    lines = ma.fields.List(
        ma.fields.Nested(BasketLineArgs), required=True, validate=ma.validate.Length(1, ROWS_MAX)
    )
    expected_total_points = Points(
        load_default=None, metadata={"description": "The total that was shown to the member."}
    )
    pin = Text(length_max=6, pattern=PIN_PATTERN, load_default=None)


class ReceiptLineOut(Out):
    """One row of a receipt, with the name and price of the moment."""

    item_number = ma.fields.Integer(required=True)
    item_name = ma.fields.String(required=True)
    quantity = ma.fields.Integer(required=True)
    price_points = ma.fields.Integer(required=True)
    sum_points = ma.fields.Integer(required=True)


class RefundOut(Out):
    """That a receipt came back, and why."""

    id = Identifier(required=True)
    reason = ma.fields.String(required=True)
    refunded_at = ma.fields.AwareDateTime(required=True)
    transaction_id = Identifier(required=True)


class ReceiptOut(Out):
    """A finished basket."""

    receipt_number = ma.fields.Integer(required=True, attribute="redemption.receipt_number")
    digits = ma.fields.String(required=True)
    member_number = ma.fields.String(required=True, attribute="member.volunteer_number")
    identified_by = Choice(IdentifiedBy, required=True, attribute="redemption.identified_by")
    total_points = ma.fields.Integer(required=True, attribute="redemption.total_points")
    balance_points_after = ma.fields.Integer(
        required=True, attribute="redemption.balance_points_after"
    )
    redeemed_at = ma.fields.AwareDateTime(required=True, attribute="redemption.redeemed_at")
    transaction_id = Identifier(required=True, attribute="redemption.transaction_id")
    lines = ma.fields.List(ma.fields.Nested(ReceiptLineOut), required=True)
    refund = ma.fields.Nested(RefundOut, required=True, allow_none=True)


class DayQuery(QueryArgs):
    """Which day; today when it is left out."""

    on = Date(load_default=None)


class RefundArgs(Args):
    """A receipt that comes back."""

    nonce = nonce()
    receipt_number = number(required=True)
    reason = Text(required=True, length_min=1, length_max=REASON_LENGTH_MAX)


blueprint = area("shop", "The till: redemptions, returns")


# ---------------------------------------------------------------- redemptions and returns


@blueprint.route("/redemptions", methods=["POST"])
@allow(Permission.KEEP_SHOP)
@blueprint.arguments(RedemptionArgs)
@blueprint.response(201, ReceiptOut)
@blueprint.alt_response(  # type: ignore[untyped-decorator]  # flask-smorest ships no types
    200, schema=ReceiptOut, description="The same nonce was finished before"
)
@blueprint.leads_to("show_redemption", receipt_number="receipt_number")
def redeem(args: dict[str, Any]) -> tuple[Receipt, int]:
    """Finish a basket: points and all pieces in one transaction."""
    sale = Sale(**{**args, "lines": tuple(Line(**line) for line in args["lines"])})
    with begin() as session:
        receipt = till.redeem(session, current_actor(), keys(), sale=sale)
    return receipt, 200 if receipt.is_replay else 201


@blueprint.route("/redemptions", methods=["GET"])
@allow(Permission.KEEP_SHOP)
@blueprint.arguments(DayQuery, location="query")
@blueprint.response(200, ReceiptOut(many=True))
def list_redemptions(args: dict[str, Any]) -> list[Receipt]:
    """List the receipts of one day, the newest first."""
    on: date = args["on"] or clock.today(current_standing().community.time_zone)
    with reading() as session:
        community = get_community(session, current_actor().community_id)
        return receipts.read_receipts_of_day(session, current_actor(), community=community, on=on)


@blueprint.route("/redemptions/<int:receipt_number>", methods=["GET"])
@allow(Permission.KEEP_SHOP)
@blueprint.response(200, ReceiptOut)
def show_redemption(receipt_number: int) -> Receipt:
    """Show one receipt."""
    with reading() as session:
        return receipts.read_receipt(session, current_actor(), receipt_number=receipt_number)


@blueprint.route("/refunds", methods=["POST"])
@allow(Permission.KEEP_SHOP)
@blueprint.arguments(RefundArgs)
@blueprint.response(201, ReceiptOut)
@blueprint.alt_response(  # type: ignore[untyped-decorator]  # flask-smorest ships no types
    200, schema=ReceiptOut, description="The same nonce was returned before"
)
def refund(args: dict[str, Any]) -> tuple[Receipt, int]:
    """Return a receipt: the points go back, the goods stand on the shelf again."""
    with begin() as session:
        receipt = refunds.refund(session, current_actor(), **args)
    return receipt, 200 if receipt.is_replay else 201
