"""API of the goods: what is told about them, prices, photos, donations, the window."""

from typing import Any

import marshmallow as ma
from flask_smorest.fields import Upload

from timebank.actors import Permission
from timebank.codes import goods_digits
from timebank.shop import goods, photos, stock, window
from timebank.shop.goods import ItemDetails
from timebank.shop.intake import Intake, receive
from timebank.shop.models import (
    CATEGORY_LENGTH_MAX,
    ITEM_NAME_LENGTH_MAX,
    MAKER_NAME_LENGTH_MAX,
    NONCE_LENGTH_MAX,
    PIECE_COUNT_MAX,
    PRICE_FEN_MAX,
    PRICE_POINTS_MAX,
    SHELF_LENGTH_MAX,
    STORY_LENGTH_MAX,
    Condition,
    Donation,
    IntakeChoice,
    Item,
    Photo,
    ValueBasis,
)
from timebank.shop.price_models import ItemPrice
from timebank.shop.stock import SEARCH_LENGTH_MAX, ShelfEntry
from timebank.shop.window import Wanted, Window
from web.api import Args, Out, QueryArgs, area
from web.auth import allow, current_actor
from web.fields import Checkbox, Choice, Identifier, Lines, Price, Text, WholeNumber
from web.session import begin, reading

NUMBER_MAX = 99_999_999
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
    condition = Choice(Condition, load_default=Condition.GOOD)
    shelf = Text(length_max=SHELF_LENGTH_MAX, load_default="")


class ItemArgs(ItemTextArgs):
    """New goods."""

    nonce = nonce()
    maker_number = number(
        load_default=None, metadata={"description": "7 stands for volunteer V0007."}
    )
    is_single = Checkbox(
        load_default=False, metadata={"description": "There is never a second one of it."}
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
    price_fen = ma.fields.Integer(required=True, allow_none=True)
    condition = Choice(Condition, required=True)
    shelf = ma.fields.String(required=True)
    is_single = ma.fields.Boolean(required=True)
    value_basis = Choice(ValueBasis, required=True)


class ShelfEntryOut(Out):
    """Goods with the pieces that can be taken now."""

    item = ma.fields.Nested(ItemOut, required=True)
    available = ma.fields.Integer(required=True)


class PriceArgs(Args):
    """A price in points, in fen or in both, with its basis."""

    price_points = Price(maximum=PRICE_POINTS_MAX, load_default=None)
    price_fen = WholeNumber(
        minimum=1,
        maximum=PRICE_FEN_MAX,
        load_default=None,
        metadata={"description": "1250 is 12.50 yuan."},
    )
    basis = Choice(BASES, required=True)


class ItemPriceOut(Out):
    """A price that goods had from a moment on."""

    price_points = ma.fields.Integer(required=True, allow_none=True)
    price_fen = ma.fields.Integer(required=True, allow_none=True)
    basis = Choice(ValueBasis, required=True)
    set_at = ma.fields.AwareDateTime(required=True)


class ShopWindowQuery(QueryArgs):
    """What is looked for; left out, everything."""

    text = Text(length_max=SEARCH_LENGTH_MAX, load_default="")
    category = Text(length_max=CATEGORY_LENGTH_MAX, load_default="")
    is_new = WholeNumber(
        minimum=0,
        maximum=1,
        load_default=0,
        metadata={"description": "1: only what came within a week."},
    )


class ShopWindowOut(Out):
    """What stands on the shelf, what has just gone, and the categories there are."""

    on_shelf = ma.fields.List(ma.fields.Nested(ShelfEntryOut), required=True)
    sold_out = ma.fields.List(ma.fields.Nested(ShelfEntryOut), required=True)
    categories = ma.fields.List(ma.fields.String(), required=True)


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


blueprint = area("goods", "Goods: texts, prices, photos, donations, the shop window")


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
            price_fen=args["price_fen"],
            basis=ValueBasis(args["basis"]),
        )


@blueprint.route("/items/<int:item_number>/prices", methods=["GET"])
@allow(Permission.SEE_OWN_RECORD)
@blueprint.response(200, ItemPriceOut(many=True))
def list_prices(item_number: int) -> list[ItemPrice]:
    """List every price that goods ever had, the newest first."""
    with reading() as session:
        return goods.list_prices(session, current_actor(), item_number=item_number)


@blueprint.route("/window", methods=["GET"])
@allow(Permission.SEE_OWN_RECORD)
@blueprint.arguments(ShopWindowQuery, location="query")
@blueprint.response(200, ShopWindowOut)
def show_window(args: dict[str, Any]) -> Window:
    """Search the shop window: on the shelf, sold out, categories."""
    wanted = Wanted(args["text"], args["category"], bool(args["is_new"]))
    with reading() as session:
        return window.read_window(session, current_actor(), wanted=wanted)


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
