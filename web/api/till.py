"""API of the till: baskets paid in points, cash and goods; receipts; returns; baskets that wait."""

from datetime import date
from typing import Any
from uuid import UUID

import marshmallow as ma

from timebank import clock
from timebank.actors import Permission
from timebank.people.organisations import get_community
from timebank.shop import held, receipts, refunds, till
from timebank.shop.basket import ROWS_MAX, Line
from timebank.shop.held import Aside
from timebank.shop.models import REASON_LENGTH_MAX
from timebank.shop.receipts import Receipt, Returned
from timebank.shop.refunds import Return
from timebank.shop.sale_models import (
    FIRST_TILL,
    LABEL_LENGTH_MAX,
    TILL_NUMBER_MAX,
    HeldBasket,
    IdentifiedBy,
    PaysWith,
)
from timebank.shop.till import Sale
from web.api import Args, Out, QueryArgs, area
from web.api.goods import nonce, number
from web.auth import allow, current_actor, current_standing
from web.fields import FEN_MAX, POINTS_MAX, Choice, Date, Identifier, Quantity, Text, WholeNumber
from web.session import begin, keys, reading

SCAN_LENGTH_MAX = 200
PIN_PATTERN = "^[0-9]{4,6}$"
HOLDER = "A card, a pay code, or a volunteer number such as V0001; empty: a buyer without a card."


def till_number() -> WholeNumber:
    """Return the field of the till at which it happens."""
    return WholeNumber(minimum=1, maximum=TILL_NUMBER_MAX, load_default=FIRST_TILL)


def fen(description: str) -> WholeNumber:
    """Return the field of an amount of money, in fen."""
    return WholeNumber(
        minimum=0, maximum=FEN_MAX, load_default=None, metadata={"description": description}
    )


# ---------------------------------------------------------------- schemas


class SwapLineArgs(Args):
    """Goods that the member brings in; the price is the server's."""

    item_number = number(required=True)
    quantity = Quantity(required=True)


class BasketLineArgs(SwapLineArgs):
    """One row of a basket; the price is the server's."""

    pays_with = Choice(PaysWith, load_default=None)


class BasketArgs(Args):
    """The rows of a basket."""

    nonce = nonce()
    lines = ma.fields.List(
        ma.fields.Nested(BasketLineArgs), required=True, validate=ma.validate.Length(1, ROWS_MAX)
    )
    swaps = ma.fields.List(
        ma.fields.Nested(SwapLineArgs), load_default=[], validate=ma.validate.Length(0, ROWS_MAX)
    )
    till_number = till_number()


class RedemptionArgs(BasketArgs):
    """A basket to finish."""

    holder = Text(length_max=SCAN_LENGTH_MAX, load_default="", metadata={"description": HOLDER})
    helper = Text(
        length_max=SCAN_LENGTH_MAX,
        load_default="",
        metadata={"description": "Card or number of who came for the member."},
    )
    expected_total_points = WholeNumber(
        minimum=-POINTS_MAX,
        maximum=POINTS_MAX,
        load_default=None,
        metadata={"description": "The points due that were shown, swapped goods taken off."},
    )
    expected_total_fen = fen("The cash due that was shown.")
    tendered_fen = fen("What the buyer laid down; the answer says the change.")
    pin = Text(length_max=6, pattern=PIN_PATTERN, load_default=None)


class ReceiptLineOut(Out):
    """One row of a receipt, with the name and price of the moment."""

    line_no = ma.fields.Integer(required=True)
    item_number = ma.fields.Integer(required=True)
    item_name = ma.fields.String(required=True)
    quantity = ma.fields.Integer(required=True)
    pays_with = Choice(PaysWith, required=True)
    price_points = ma.fields.Integer(required=True, allow_none=True)
    sum_points = ma.fields.Integer(required=True, allow_none=True)
    price_fen = ma.fields.Integer(required=True, allow_none=True)
    sum_fen = ma.fields.Integer(required=True, allow_none=True)


class SwapLineOut(Out):
    """Goods that were brought in."""

    item_number = ma.fields.Integer(required=True)
    item_name = ma.fields.String(required=True)
    quantity = ma.fields.Integer(required=True)
    price_points = ma.fields.Integer(required=True)
    sum_points = ma.fields.Integer(required=True)


class PiecesOut(Out):
    """How many pieces of a row came back."""

    line_no = ma.fields.Integer(required=True)
    quantity = ma.fields.Integer(required=True)


class RefundOut(Out):
    """What came back at one time, why, and what was given for it."""

    id = Identifier(required=True, attribute="refund.id")
    reason = ma.fields.String(required=True, attribute="refund.reason")
    refunded_at = ma.fields.AwareDateTime(required=True, attribute="refund.refunded_at")
    till_number = ma.fields.Integer(required=True, attribute="refund.till_number")
    points_back = ma.fields.Integer(required=True, attribute="refund.points_back")
    fen_back = ma.fields.Integer(required=True, attribute="refund.fen_back")
    transaction_id = Identifier(required=True, attribute="refund.transaction_id")
    pieces = ma.fields.Function(
        lambda returned: _pieces(returned),
        required=True,
        metadata={
            "type": "array",
            "items": {
                "type": "object",
                "required": ["line_no", "quantity"],
                "properties": {
                    "line_no": {"type": "integer"},
                    "quantity": {"type": "integer"},
                },
            },
        },
    )


class ReceiptOut(Out):
    """A finished basket."""

    receipt_number = ma.fields.Integer(required=True, attribute="redemption.receipt_number")
    digits = ma.fields.String(required=True)
    member_number = ma.fields.String(
        required=True, allow_none=True, attribute="member.volunteer_number", dump_default=None
    )
    helper_number = ma.fields.String(
        required=True, allow_none=True, attribute="helper.volunteer_number", dump_default=None
    )
    identified_by = Choice(
        IdentifiedBy, required=True, allow_none=True, attribute="redemption.identified_by"
    )
    till_number = ma.fields.Integer(required=True, attribute="redemption.till_number")
    total_points = ma.fields.Integer(required=True, attribute="redemption.total_points")
    swapped_points = ma.fields.Integer(required=True, attribute="redemption.swapped_points")
    paid_points = ma.fields.Integer(required=True, attribute="redemption.paid_points")
    balance_points_after = ma.fields.Integer(
        required=True, allow_none=True, attribute="redemption.balance_points_after"
    )
    total_fen = ma.fields.Integer(required=True, attribute="redemption.total_fen")
    tendered_fen = ma.fields.Integer(
        required=True, allow_none=True, attribute="redemption.tendered_fen"
    )
    change_fen = ma.fields.Integer(
        required=True, allow_none=True, attribute="redemption.change_fen"
    )
    redeemed_at = ma.fields.AwareDateTime(required=True, attribute="redemption.redeemed_at")
    transaction_id = Identifier(required=True, attribute="redemption.transaction_id")
    lines = ma.fields.List(ma.fields.Nested(ReceiptLineOut), required=True)
    swaps = ma.fields.List(ma.fields.Nested(SwapLineOut), required=True)
    returns = ma.fields.List(ma.fields.Nested(RefundOut), required=True)
    is_returned = ma.fields.Boolean(required=True)


class DayQuery(QueryArgs):
    """Which day; today when it is left out."""

    on = Date(load_default=None)


class PiecesArgs(Args):
    """Pieces of one row of the receipt."""

    line_no = WholeNumber(minimum=1, maximum=ROWS_MAX, required=True)
    quantity = Quantity(required=True)


class RefundArgs(Args):
    """What of a receipt comes back; without `pieces` all that is left."""

    nonce = nonce()
    receipt_number = number(required=True)
    reason = Text(required=True, length_min=1, length_max=REASON_LENGTH_MAX)
    pieces = ma.fields.List(
        ma.fields.Nested(PiecesArgs),
        load_default=None,
        allow_none=True,
        validate=ma.validate.Length(1, ROWS_MAX),
    )
    till_number = till_number()


class AsideArgs(BasketArgs):
    """A basket to put aside."""

    label = Text(length_max=LABEL_LENGTH_MAX, load_default="")


class AsideLineOut(Out):
    """A row as it was scanned, without a price."""

    item_number = ma.fields.Integer(required=True)
    quantity = ma.fields.Integer(required=True)
    pays_with = Choice(PaysWith, required=True, allow_none=True)


class AsideOut(Out):
    """A basket taken up again: prices and stock are read anew."""

    label = ma.fields.String(required=True)
    lines = ma.fields.List(ma.fields.Nested(AsideLineOut), required=True)
    swaps = ma.fields.List(ma.fields.Nested(AsideLineOut), required=True)


class HeldBasketOut(Out):
    """A basket that waits."""

    id = Identifier(required=True)
    label = ma.fields.String(required=True)
    till_number = ma.fields.Integer(required=True)
    held_at = ma.fields.AwareDateTime(required=True)


blueprint = area("till", "The till: baskets, receipts, returns, baskets that wait")


# ---------------------------------------------------------------- receipts


@blueprint.route("/redemptions", methods=["POST"])
@allow(Permission.KEEP_SHOP)
@blueprint.arguments(RedemptionArgs)
@blueprint.response(201, ReceiptOut)
@blueprint.alt_response(  # type: ignore[untyped-decorator]  # flask-smorest ships no types
    200, schema=ReceiptOut, description="The same nonce was finished before"
)
@blueprint.leads_to("show_redemption", receipt_number="receipt_number")
def redeem(args: dict[str, Any]) -> tuple[Receipt, int]:
    """Finish a basket: points, cash and all pieces in one transaction."""
    sale = Sale(**{**args, "lines": _lines(args["lines"]), "swaps": _lines(args["swaps"])})
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


@blueprint.route("/receipts", methods=["GET"])
@allow(Permission.SEE_OWN_RECORD)
@blueprint.response(200, ReceiptOut(many=True))
def list_own_receipts() -> list[Receipt]:
    """List the receipts of the one who asks, the newest first."""
    with reading() as session:
        return receipts.list_own_receipts(session, current_actor())


@blueprint.route("/receipts/<int:receipt_number>", methods=["GET"])
@allow(Permission.SEE_OWN_RECORD)
@blueprint.response(200, ReceiptOut)
def show_own_receipt(receipt_number: int) -> Receipt:
    """Show a receipt of the one who asks; another's is not there."""
    with reading() as session:
        return receipts.read_own_receipt(session, current_actor(), receipt_number=receipt_number)


@blueprint.route("/refunds", methods=["POST"])
@allow(Permission.KEEP_SHOP)
@blueprint.arguments(RefundArgs)
@blueprint.response(201, ReceiptOut)
@blueprint.alt_response(  # type: ignore[untyped-decorator]  # flask-smorest ships no types
    200, schema=ReceiptOut, description="The same nonce was returned before"
)
def refund(args: dict[str, Any]) -> tuple[Receipt, int]:
    """Take goods back: points and cash go back, the goods stand on the shelf again."""
    sent = args["pieces"]
    pieces = None if sent is None else tuple((row["line_no"], row["quantity"]) for row in sent)
    with begin() as session:
        receipt = refunds.give_back(
            session, current_actor(), wanted=Return(**{**args, "pieces": pieces})
        )
    return receipt, 200 if receipt.is_replay else 201


# ---------------------------------------------------------------- baskets that wait


@blueprint.route("/held-baskets", methods=["GET"])
@allow(Permission.KEEP_SHOP)
@blueprint.response(200, HeldBasketOut(many=True))
def list_held_baskets() -> list[HeldBasket]:
    """List the baskets that wait, the oldest first."""
    with reading() as session:
        return held.list_held(session, current_actor())


@blueprint.route("/held-baskets", methods=["POST"])
@allow(Permission.KEEP_SHOP)
@blueprint.arguments(AsideArgs)
@blueprint.response(201, HeldBasketOut)
@blueprint.leads_to("take_up_basket", held_id="id")
def hold_basket(args: dict[str, Any]) -> HeldBasket:
    """Put a basket aside; any till can take it up again."""
    aside = Aside(
        lines=_lines(args["lines"]),
        swaps=_lines(args["swaps"]),
        label=args["label"],
        till_number=args["till_number"],
    )
    with begin() as session:
        return held.hold(session, current_actor(), aside=aside, nonce=args["nonce"])


@blueprint.route("/held-baskets/<uuid:held_id>/take-up", methods=["POST"])
@allow(Permission.KEEP_SHOP)
@blueprint.response(200, AsideOut)
def take_up_basket(held_id: UUID) -> Aside:
    """Take a basket up again; it waits no more."""
    with begin() as session:
        return held.take_up(session, current_actor(), held_id=held_id)


def _lines(rows: list[dict[str, Any]]) -> tuple[Line, ...]:
    return tuple(
        Line(**{**row, "pays_with": PaysWith(row["pays_with"]) if row.get("pays_with") else None})
        for row in rows
    )


def _pieces(returned: Returned) -> list[dict[str, int]]:
    return [
        {"line_no": line_no, "quantity": quantity}
        for line_no, quantity in sorted(returned.pieces.items())
    ]
