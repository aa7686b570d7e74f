"""API of the stock: stocktakes, pieces taken off the shelf, workshops, files, worth."""

from datetime import date
from typing import Any
from uuid import UUID

import marshmallow as ma
from flask_smorest.fields import Upload

from timebank import clock
from timebank.actors import Permission
from timebank.shop import stock_moves, stocktakes, workshops
from timebank.shop.consignments import receive_file
from timebank.shop.counts import Counted, read_counts
from timebank.shop.models import (
    PIECE_COUNT_MAX,
    REASON_LENGTH_MAX,
    SHELF_LENGTH_MAX,
    IntakeChoice,
)
from timebank.shop.stock_models import (
    PLACE_LENGTH_MAX,
    TITLE_LENGTH_MAX,
    BatchKind,
    IntakeBatch,
    MoveKind,
    MoveState,
    StockMove,
    Stocktake,
    StocktakeState,
)
from timebank.shop.stock_moves import RECIPIENT_LENGTH_MAX, Proposal
from timebank.shop.stocktakes import Closing
from timebank.shop.valuation import Valuation, value_stock
from timebank.shop.workshops import ROWS_MAX, Made, WorkshopForm
from web.api import Args, Out, QueryArgs, area
from web.api.goods import nonce, number
from web.auth import allow, current_actor, current_standing
from web.fields import Checkbox, Choice, Date, Identifier, Text, WholeNumber
from web.session import begin, keys, reading

MOVES = [kind.value for kind in MoveKind if kind is not MoveKind.REVERSAL]


def reason() -> Text:
    """Return the field that says why."""
    return Text(required=True, length_min=1, length_max=REASON_LENGTH_MAX)


# ---------------------------------------------------------------- schemas


class StocktakeArgs(Args):
    """Which shelf is counted; null is every one."""

    nonce = nonce()
    shelf = Text(length_max=SHELF_LENGTH_MAX, load_default=None, allow_none=True)


class StocktakeOut(Out):
    """A stocktake."""

    id = Identifier(required=True)
    shelf = ma.fields.String(required=True, allow_none=True)
    state = Choice(StocktakeState, required=True)
    opened_at = ma.fields.AwareDateTime(required=True)
    ended_at = ma.fields.AwareDateTime(required=True, allow_none=True)
    transaction_id = Identifier(required=True, allow_none=True)


class StocktakeCountArgs(Args):
    """Pieces that were counted: more of them, or all of them."""

    nonce = nonce()
    item_number = number(required=True)
    piece_count = WholeNumber(minimum=0, maximum=PIECE_COUNT_MAX, required=True)
    is_total = Checkbox(load_default=False)


class CountedOut(Out):
    """One kind of goods: in the book, counted, and by how much they differ."""

    item_number = ma.fields.Integer(required=True, attribute="item.number")
    item_name = ma.fields.String(required=True, attribute="item.name")
    booked = ma.fields.Integer(required=True)
    counted = ma.fields.Integer(required=True, allow_none=True)
    difference = ma.fields.Integer(required=True)
    is_out_of_date = ma.fields.Boolean(required=True)


class ClosingArgs(Args):
    """The difference that was shown, and why."""

    item_number = number(required=True)
    difference = WholeNumber(minimum=-PIECE_COUNT_MAX, maximum=PIECE_COUNT_MAX, required=True)
    reason = reason()


class CloseStocktakeArgs(Args):
    """A reason for every kind that differs."""

    closings = ma.fields.List(
        ma.fields.Nested(ClosingArgs), required=True, validate=ma.validate.Length(0, 1000)
    )


class StockMoveArgs(Args):
    """Pieces that are to leave the shelf."""

    nonce = nonce()
    item_number = number(required=True)
    piece_count = WholeNumber(minimum=1, maximum=PIECE_COUNT_MAX, required=True)
    kind = Choice(MOVES, required=True)
    reason = reason()
    recipient = Text(
        length_max=RECIPIENT_LENGTH_MAX,
        load_default="",
        metadata={"description": "For a gift only: the office's reference of the household."},
    )


class PutBackArgs(Args):
    """Why the pieces come back."""

    nonce = nonce()
    reason = reason()


class StockMoveOut(Out):
    """Pieces that leave the shelf, or wait for a second person; never to whom a gift goes."""

    id = Identifier(required=True)
    kind = Choice(MoveKind, required=True)
    state = Choice(MoveState, required=True)
    piece_count = ma.fields.Integer(required=True)
    points_value = ma.fields.Integer(required=True)
    fen_value = ma.fields.Integer(required=True)
    reason = ma.fields.String(required=True)
    corrects_id = Identifier(required=True, allow_none=True)
    transaction_id = Identifier(required=True, allow_none=True)


class RecipientOut(Out):
    """To whom a gift went."""

    recipient = ma.fields.String(required=True)


class MadeArgs(Args):
    """One maker with their pieces."""

    maker_number = number(required=True)
    piece_count = WholeNumber(minimum=1, maximum=PIECE_COUNT_MAX, required=True)
    choice = Choice(IntakeChoice, required=True)


class WorkshopArgs(Args):
    """A session of goods that are there already."""

    nonce = nonce()
    held_on = Date(required=True)
    title = Text(required=True, length_min=1, length_max=TITLE_LENGTH_MAX)
    place = Text(length_max=PLACE_LENGTH_MAX, load_default="")
    item_number = number(required=True)
    rows = ma.fields.List(
        ma.fields.Nested(MadeArgs), required=True, validate=ma.validate.Length(1, ROWS_MAX)
    )


class BatchOut(Out):
    """A session or a file whose donations came in together."""

    id = Identifier(required=True)
    kind = Choice(BatchKind, required=True)
    title = ma.fields.String(required=True)
    place = ma.fields.String(required=True)
    held_on = Date(required=True)


class ConsignmentQuery(QueryArgs):
    """Whose goods the file brings."""

    title = Text(required=True, length_min=1, length_max=TITLE_LENGTH_MAX)


class ConsignmentArgs(Args):
    """An Excel or CSV file, up to 8 MB."""

    file = Upload(required=True)


class ValuationQuery(QueryArgs):
    """The day; today when it is left out."""

    on = Date(load_default=None)


class WorthOut(Out):
    """Pieces and what they are worth."""

    pieces = ma.fields.Integer(required=True)
    points = ma.fields.Integer(required=True)
    fen = ma.fields.Integer(required=True)


class ValuedItemOut(Out):
    """One kind of goods at the prices of the day."""

    item_number = ma.fields.Integer(required=True, attribute="item.number")
    item_name = ma.fields.String(required=True, attribute="item.name")
    category = ma.fields.String(required=True, attribute="item.category")
    price_points = ma.fields.Integer(required=True, allow_none=True)
    price_fen = ma.fields.Integer(required=True, allow_none=True)
    worth = ma.fields.Nested(WorthOut, required=True)


class ValuationOut(Out):
    """The stock at the end of a day."""

    on = Date(required=True)
    total = ma.fields.Nested(WorthOut, required=True)
    by_category = ma.fields.Dict(
        keys=ma.fields.String(), values=ma.fields.Nested(WorthOut), required=True
    )
    items = ma.fields.List(ma.fields.Nested(ValuedItemOut), required=True)


blueprint = area("stock", "Stock: stocktakes, write-offs and gifts, workshops, files, worth")


# ---------------------------------------------------------------- stocktakes


@blueprint.route("/stocktakes", methods=["POST"])
@allow(Permission.HANDLE_GOODS)
@blueprint.arguments(StocktakeArgs)
@blueprint.response(201, StocktakeOut)
@blueprint.leads_to("list_counts", stocktake_id="id")
def open_stocktake(args: dict[str, Any]) -> Stocktake:
    """Begin to count a shelf, or all of them."""
    with begin() as session:
        return stocktakes.open_stocktake(session, current_actor(), **args)


@blueprint.route("/stocktakes", methods=["GET"])
@allow(Permission.HANDLE_GOODS)
@blueprint.response(200, StocktakeOut(many=True))
def list_stocktakes() -> list[Stocktake]:
    """List the stocktakes, the newest first."""
    with reading() as session:
        return stocktakes.list_stocktakes(session, current_actor())


@blueprint.route("/stocktakes/<uuid:stocktake_id>/counts", methods=["GET"])
@allow(Permission.HANDLE_GOODS)
@blueprint.response(200, CountedOut(many=True))
def list_counts(stocktake_id: UUID) -> list[Counted]:
    """List what was counted so far beside the book: differences first."""
    with reading() as session:
        found = stocktakes.read_stocktake(session, current_actor(), stocktake_id=stocktake_id)
        return read_counts(session, found)


@blueprint.route("/stocktakes/<uuid:stocktake_id>/counts", methods=["POST"])
@allow(Permission.HANDLE_GOODS)
@blueprint.arguments(StocktakeCountArgs)
@blueprint.response(201, CountedOut(many=True))
def count(args: dict[str, Any], stocktake_id: UUID) -> list[Counted]:
    """Count pieces; the answer is the list as it stands then."""
    with begin() as session:
        stocktakes.count(session, current_actor(), stocktake_id=stocktake_id, **args)
        found = stocktakes.read_stocktake(session, current_actor(), stocktake_id=stocktake_id)
        return read_counts(session, found)


@blueprint.route("/stocktakes/<uuid:stocktake_id>/close", methods=["POST"])
@allow(Permission.HANDLE_GOODS)
@blueprint.arguments(CloseStocktakeArgs)
@blueprint.response(200, StocktakeOut)
def close_stocktake(args: dict[str, Any], stocktake_id: UUID) -> Stocktake:
    """Bring the book to what was counted, as somebody who neither opened nor counted."""
    closings = {
        row["item_number"]: Closing(row["difference"], row["reason"]) for row in args["closings"]
    }
    with begin() as session:
        return stocktakes.close(
            session, current_actor(), stocktake_id=stocktake_id, closings=closings
        )


@blueprint.route("/stocktakes/<uuid:stocktake_id>/call-off", methods=["POST"])
@allow(Permission.HANDLE_GOODS)
@blueprint.response(200, StocktakeOut)
def call_off_stocktake(stocktake_id: UUID) -> Stocktake:
    """End a stocktake without any change."""
    with begin() as session:
        return stocktakes.call_off(session, current_actor(), stocktake_id=stocktake_id)


# ---------------------------------------------------------------- taken off the shelf


@blueprint.route("/stock-moves", methods=["POST"])
@allow(Permission.HANDLE_GOODS)
@blueprint.arguments(StockMoveArgs)
@blueprint.response(201, StockMoveOut)
@blueprint.leads_to("confirm_move", move_id="id")
@blueprint.leads_to("decline_move", move_id="id")
def propose_move(args: dict[str, Any]) -> StockMove:
    """Propose to take pieces off the shelf; a few of little value leave at once."""
    proposal = Proposal(**{**args, "kind": MoveKind(args["kind"])})
    with begin() as session:
        return stock_moves.propose(session, current_actor(), keys(), proposal=proposal)


@blueprint.route("/stock-moves", methods=["GET"])
@allow(Permission.HANDLE_GOODS)
@blueprint.response(200, StockMoveOut(many=True))
def list_moves() -> list[StockMove]:
    """List the moves: those that wait first, then the newest."""
    with reading() as session:
        return [move for move, _item in stock_moves.list_moves(session, current_actor())]


@blueprint.route("/stock-moves/<uuid:move_id>/confirm", methods=["POST"])
@allow(Permission.HANDLE_GOODS)
@blueprint.response(200, StockMoveOut)
def confirm_move(move_id: UUID) -> StockMove:
    """Confirm a move that somebody else proposed."""
    with begin() as session:
        return stock_moves.confirm(session, current_actor(), move_id=move_id)


@blueprint.route("/stock-moves/<uuid:move_id>/decline", methods=["POST"])
@allow(Permission.HANDLE_GOODS)
@blueprint.response(200, StockMoveOut)
def decline_move(move_id: UUID) -> StockMove:
    """Decline a move, or take back one's own."""
    with begin() as session:
        return stock_moves.decline(session, current_actor(), move_id=move_id)


@blueprint.route("/stock-moves/<uuid:move_id>/reverse", methods=["POST"])
@allow(Permission.HANDLE_GOODS)
@blueprint.arguments(PutBackArgs)
@blueprint.response(201, StockMoveOut)
def reverse_move(args: dict[str, Any], move_id: UUID) -> StockMove:
    """Propose to put back what left by mistake."""
    with begin() as session:
        return stock_moves.propose_reversal(session, current_actor(), move_id=move_id, **args)


@blueprint.route("/stock-moves/<uuid:move_id>/recipient", methods=["POST"])
@allow(Permission.MANAGE_MEMBERS)
@blueprint.response(200, RecipientOut)
def show_recipient(move_id: UUID) -> dict[str, str]:
    """Tell to whom a gift went; the look is noted."""
    with begin() as session:
        told = stock_moves.read_recipient(session, current_actor(), keys(), move_id=move_id)
    return {"recipient": told}


# ---------------------------------------------------------------- many at once


@blueprint.route("/workshops", methods=["POST"])
@allow(Permission.HANDLE_GOODS)
@blueprint.arguments(WorkshopArgs)
@blueprint.response(201, BatchOut)
def record_workshop(args: dict[str, Any]) -> IntakeBatch:
    """Take in what a session made, wholly or not at all."""
    rows = tuple(Made(**row) for row in args.pop("rows"))
    form = WorkshopForm(goods=args.pop("item_number"), rows=rows, **args)
    with begin() as session:
        return workshops.record_workshop(session, current_actor(), form=form)


@blueprint.route("/consignments", methods=["POST"])
@allow(Permission.HANDLE_GOODS)
@blueprint.arguments(ConsignmentQuery, location="query")
@blueprint.arguments(ConsignmentArgs, location="files")
@blueprint.response(201, BatchOut)
def take_file(args: dict[str, Any], files: dict[str, Any]) -> IntakeBatch:
    """Take in a file of goods, wholly or not at all; `details.rows` names what is wrong."""
    content = files["file"].read()
    with begin() as session:
        return receive_file(session, current_actor(), content=content, title=args["title"])


@blueprint.route("/stock", methods=["GET"])
@allow(Permission.READ_BOOKS)
@blueprint.arguments(ValuationQuery, location="query")
@blueprint.response(200, ValuationOut)
def show_stock(args: dict[str, Any]) -> Valuation:
    """Value the stock at the end of a day."""
    on: date = args["on"] or clock.today(current_standing().community.time_zone)
    with reading() as session:
        return value_stock(session, current_actor(), on=on)
