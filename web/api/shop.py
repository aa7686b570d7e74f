"""API of the shop: goods and their prices, photos, donations, redemptions, returns."""

from datetime import date
from typing import Any

import marshmallow as ma
from flask_smorest.fields import Upload

from timebank import clock
from timebank.actors import Permission
from timebank.codes import goods_digits
from timebank.people.organisations import get_community
from timebank.shop import goods, photos, receipts, refunds, stock, till
from timebank.shop.basket import ROWS_MAX, Line
from timebank.shop.goods import ItemDetails
from timebank.shop.intake import Intake, receive
from timebank.shop.models import (
    CATEGORY_LENGTH_MAX,
    ITEM_NAME_LENGTH_MAX,
    MAKER_NAME_LENGTH_MAX,
    NONCE_LENGTH_MAX,
    PIECE_COUNT_MAX,
    PRICE_POINTS_MAX,
    REASON_LENGTH_MAX,
    STORY_LENGTH_MAX,
    Donation,
    IntakeChoice,
    Item,
    Photo,
    ValueBasis,
)
from timebank.shop.receipts import Receipt
from timebank.shop.sale_models import IdentifiedBy
from timebank.shop.stock import ShelfEntry
from timebank.shop.till import Sale
from web.api import Args, Out, QueryArgs, area
from web.auth import allow, current_actor, current_standing
from web.fields import (
    Choice,
    Date,
    Identifier,
    Lines,
    Points,
    Price,
    Quantity,
    Text,
    WholeNumber,
)
from web.session import begin, keys, reading

NUMBER_MAX = 99_999_999
SCAN_LENGTH_MAX = 200
PIN_PATTERN = "^[0-9]{4,6}$"
BASES = [basis.value for basis in ValueBasis if basis is not ValueBasis.UNVALUED]


def nonce() -> Text:
    """Return the field that keeps a repeated request from counting twice."""
    return Text(
        required=True,
        length_min=1,
        length_max=NONCE_LENGTH_MAX,
        metadata={"description": "Made by the sender: sent twice, it counts once."},
    )


def number(**options: Any) -> WholeNumber:
    """Return the field of a running number."""
    return WholeNumber(minimum=1, maximum=NUMBER_MAX, **options)


# ---------------------------------------------------------------- schemas


class ItemTextArgs(Args):
    """What is told about goods."""

    name = Text(required=True, length_min=1, length_max=ITEM_NAME_LENGTH_MAX)
    story = Lines(length_max=STORY_LENGTH_MAX, load_default="")
    category = Text(length_max=CATEGORY_LENGTH_MAX, load_default="")
    maker_name = Text(length_max=MAKER_NAME_LENGTH_MAX, load_default="")
    photo_id = Identifier(load_default=None)


class ItemArgs(ItemTextArgs):
    """New goods."""

    nonce = nonce()
    maker_number = number(
        load_default=None, metadata={"description": "7 stands for volunteer V0007."}
    )


class ItemOut(Out):
    """A kind of goods; `label` is the ten digits of its barcode."""

    id = Identifier(required=True)
    number = ma.fields.Integer(required=True)
    label = ma.fields.Function(
        lambda item: goods_digits(item.number), required=True, metadata={"type": "string"}
    )
    name = ma.fields.String(required=True)
    story = ma.fields.String(required=True)
    category = ma.fields.String(required=True)
    maker_name = ma.fields.String(required=True)
    photo_id = Identifier(required=True, allow_none=True)
    price_points = ma.fields.Integer(required=True, allow_none=True)
    value_basis = Choice(ValueBasis, required=True)


class ShelfEntryOut(Out):
    """Goods with the pieces that can be taken now."""

    item = ma.fields.Nested(ItemOut, required=True)
    available = ma.fields.Integer(required=True)


class PriceArgs(Args):
    """A price with its basis."""

    price_points = Price(required=True, maximum=PRICE_POINTS_MAX)
    basis = Choice(BASES, required=True)


class PhotoArgs(Args):
    """A picture: JPEG, PNG or WEBP, up to 8 MB."""

    photo = Upload(required=True)


class PhotoOut(Out):
    """A stored picture."""

    id = Identifier(required=True)
    media_type = ma.fields.String(required=True)
    width = ma.fields.Integer(required=True)
    height = ma.fields.Integer(required=True)


class DonationArgs(Args):
    """Pieces that somebody brought."""

    nonce = nonce()
    item_number = number(required=True)
    piece_count = WholeNumber(minimum=1, maximum=PIECE_COUNT_MAX, required=True)
    choice = Choice(IntakeChoice, required=True)
    donor_number = number(load_default=None)


class DonationOut(Out):
    """Pieces on the shelf, and the points paid for them."""

    id = Identifier(required=True)
    item_id = Identifier(required=True)
    piece_count = ma.fields.Integer(required=True)
    choice = Choice(IntakeChoice, required=True)
    points = ma.fields.Integer(required=True)
    received_at = ma.fields.AwareDateTime(required=True)
    transaction_id = Identifier(required=True)


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


blueprint = area("shop", "The shop: goods, donations, redemptions, returns")


# ---------------------------------------------------------------- goods


@blueprint.route("/items", methods=["GET"])
@allow(Permission.SEE_OWN_RECORD)
@blueprint.response(200, ShelfEntryOut(many=True))
def list_items() -> list[ShelfEntry]:
    """List what can be redeemed now."""
    with reading() as session:
        return stock.shop_window(session, current_actor())


@blueprint.route("/items", methods=["POST"])
@allow(Permission.HANDLE_GOODS)
@blueprint.arguments(ItemArgs)
@blueprint.response(201, ItemOut)
@blueprint.leads_to("show_item", item_number="number")
@blueprint.leads_to("set_price", item_number="number")
def add_item(args: dict[str, Any]) -> Item:
    """Add a kind of goods; it is on sale once it has a price and pieces."""
    told = {name: value for name, value in args.items() if name != "nonce"}
    with begin() as session:
        return goods.add_item(
            session, current_actor(), details=ItemDetails(**told), nonce=args["nonce"]
        )


@blueprint.route("/items/<int:item_number>", methods=["GET"])
@allow(Permission.SEE_OWN_RECORD)
@blueprint.response(200, ShelfEntryOut)
def show_item(item_number: int) -> ShelfEntry:
    """Show one kind of goods with its pieces."""
    with reading() as session:
        return stock.read_entry(session, current_actor(), item_number=item_number)


@blueprint.route("/items/<int:item_number>", methods=["PUT"])
@allow(Permission.HANDLE_GOODS)
@blueprint.arguments(ItemTextArgs)
@blueprint.response(200, ItemOut)
def edit_item(args: dict[str, Any], item_number: int) -> Item:
    """Change what is told about goods."""
    with begin() as session:
        return goods.edit_item(
            session, current_actor(), item_number=item_number, details=ItemDetails(**args)
        )


@blueprint.route("/items/<int:item_number>/price", methods=["PUT"])
@allow(Permission.PRICE_GOODS)
@blueprint.arguments(PriceArgs)
@blueprint.response(200, ItemOut)
def set_price(args: dict[str, Any], item_number: int) -> Item:
    """Set the price; the maker never does."""
    with begin() as session:
        return goods.set_price(
            session,
            current_actor(),
            item_number=item_number,
            price_points=args["price_points"],
            basis=ValueBasis(args["basis"]),
        )


@blueprint.route("/photos", methods=["POST"])
@allow(Permission.HANDLE_GOODS)
@blueprint.arguments(PhotoArgs, location="files")
@blueprint.response(201, PhotoOut)
def add_photo(files: dict[str, Any]) -> Photo:
    """Store a photo; place, device and time inside the file are dropped."""
    content = files["photo"].read()
    with begin() as session:
        return photos.add_photo(session, current_actor(), content=content)


@blueprint.route("/donations", methods=["POST"])
@allow(Permission.HANDLE_GOODS)
@blueprint.arguments(DonationArgs)
@blueprint.response(201, DonationOut)
def donate(args: dict[str, Any]) -> Donation:
    """Put pieces on the shelf; an exchange pays the maker."""
    with begin() as session:
        return receive(session, current_actor(), intake=Intake(**args))


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
