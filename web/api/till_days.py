"""API of the till's day and of the safe: amounts are whole fen, a count is pieces by face."""

from typing import Any
from uuid import UUID

import marshmallow as ma

from timebank.actors import Permission
from timebank.shop import safe, till_days
from timebank.shop.cash import PIECES_MAX
from timebank.shop.cash_models import AMOUNT_FEN_MAX, NOTE_LENGTH_MAX, SafeMoveKind
from timebank.shop.day_sheet import DaySheet, read_sheet
from timebank.shop.models import NONCE_LENGTH_MAX, REASON_LENGTH_MAX
from timebank.shop.safe import Move, Wanted
from timebank.shop.sale_models import TILL_NUMBER_MAX
from timebank.shop.till_days import Counting
from timebank.shop.till_standing import DayOfTill, list_days
from web.api import Args, Out, QueryArgs, area
from web.auth import allow, current_actor
from web.fields import FEN_MAX, Checkbox, Choice, Identifier, Text, WholeNumber
from web.session import begin, reading

DAYS_MAX = 100


class CashCountArgs(Args):
    """Pieces by face."""

    yuan_100 = WholeNumber(minimum=0, maximum=PIECES_MAX, load_default=0)
    yuan_50 = WholeNumber(minimum=0, maximum=PIECES_MAX, load_default=0)
    yuan_20 = WholeNumber(minimum=0, maximum=PIECES_MAX, load_default=0)
    yuan_10 = WholeNumber(minimum=0, maximum=PIECES_MAX, load_default=0)
    yuan_5 = WholeNumber(minimum=0, maximum=PIECES_MAX, load_default=0)
    yuan_1 = WholeNumber(minimum=0, maximum=PIECES_MAX, load_default=0)
    jiao_5 = WholeNumber(minimum=0, maximum=PIECES_MAX, load_default=0)
    jiao_1 = WholeNumber(minimum=0, maximum=PIECES_MAX, load_default=0)
    fen_1 = WholeNumber(minimum=0, maximum=PIECES_MAX, load_default=0)


class TillCountingArgs(Args):
    """What was counted in a drawer, and what is said about a difference."""

    nonce = Text(required=True, length_min=1, length_max=NONCE_LENGTH_MAX)
    count = ma.fields.Nested(CashCountArgs, required=True)
    difference_fen = WholeNumber(
        minimum=-FEN_MAX,
        maximum=FEN_MAX,
        load_default=0,
        metadata={"description": "As `drawer_differs` told it; 0 states that there is none."},
    )
    reason = Text(length_max=REASON_LENGTH_MAX, load_default="")


class TillOpeningArgs(TillCountingArgs):
    """The count in the morning."""

    till_number = WholeNumber(required=True, minimum=1, maximum=TILL_NUMBER_MAX)


class TillClosingArgs(TillCountingArgs):
    """The count in the evening."""

    left_fen = WholeNumber(
        minimum=0,
        maximum=FEN_MAX,
        load_default=0,
        metadata={"description": "What stays in the drawer; the rest goes to the safe."},
    )


class TillDayOut(Out):
    """A day of a till; what has not happened yet is null."""

    id = Identifier(required=True, attribute="day.id")
    till_number = ma.fields.Integer(required=True, attribute="day.till_number")
    day_on = ma.fields.Date(required=True, attribute="day.day_on")
    opened_at = ma.fields.AwareDateTime(required=True, attribute="day.opened_at")
    opened_by = ma.fields.String(required=True)
    float_fen = ma.fields.Integer(required=True, attribute="day.float_fen")
    closed_at = ma.fields.Function(lambda each: _moment(each.closing, "closed_at"))
    closed_by = ma.fields.String(required=True)
    expected_fen = ma.fields.Function(lambda each: _value(each.closing, "expected_fen"))
    counted_fen = ma.fields.Function(lambda each: _value(each.closing, "counted_fen"))
    difference_fen = ma.fields.Function(lambda each: _value(each.closing, "difference_fen"))
    difference_reason = ma.fields.Function(lambda each: _value(each.closing, "difference_reason"))
    left_fen = ma.fields.Function(lambda each: _value(each.closing, "left_fen"))
    signed_at = ma.fields.Function(lambda each: _moment(each.signature, "signed_at"))
    signed_by = ma.fields.String(required=True)


class GoodsRowOut(Out):
    """One kind of goods on a sheet."""

    item_number = ma.fields.Integer(required=True)
    item_name = ma.fields.String(required=True)
    out_count = ma.fields.Integer(required=True)
    in_count = ma.fields.Integer(required=True)


class ReturnRowOut(Out):
    """One return on a sheet."""

    receipt_number = ma.fields.Integer(required=True)
    refunded_at = ma.fields.AwareDateTime(required=True)
    reason = ma.fields.String(required=True)
    piece_count = ma.fields.Integer(required=True)
    points_back = ma.fields.Integer(required=True)
    fen_back = ma.fields.Integer(required=True)
    clerk = ma.fields.String(required=True)


class DaySheetOut(Out):
    """All that stands on a day sheet; `agrees` tells that receipts and book say the same."""

    day = ma.fields.Nested(TillDayOut, required=True, attribute="standing")
    receipt_count = ma.fields.Integer(required=True)
    first_receipt = ma.fields.Integer(required=True, allow_none=True)
    last_receipt = ma.fields.Integer(required=True, allow_none=True)
    points_taken = ma.fields.Integer(required=True, attribute="papers.points_taken")
    points_given = ma.fields.Integer(required=True, attribute="papers.points_given")
    sales_fen = ma.fields.Integer(required=True, attribute="papers.sales_fen")
    returns_fen = ma.fields.Integer(required=True, attribute="papers.returns_fen")
    goods = ma.fields.List(ma.fields.Nested(GoodsRowOut), required=True)
    returns = ma.fields.List(ma.fields.Nested(ReturnRowOut), required=True)
    agrees = ma.fields.Boolean(required=True)


class TillDayQuery(QueryArgs):
    """How many days."""

    limit = WholeNumber(minimum=1, maximum=DAYS_MAX, load_default=DAYS_MAX)


class SafeMoveArgs(Args):
    """Money that comes into the safe or goes out of it."""

    nonce = Text(required=True, length_min=1, length_max=NONCE_LENGTH_MAX)
    kind = Choice(SafeMoveKind, required=True)
    amount_fen = WholeNumber(required=True, minimum=1, maximum=AMOUNT_FEN_MAX)
    note = Text(required=True, length_min=1, length_max=NOTE_LENGTH_MAX)


class SafeDecisionArgs(Args):
    """What the second person says."""

    is_confirmed = Checkbox(required=True)


class SafeMoveOut(Out):
    """A move with its decision; null while it waits."""

    id = Identifier(required=True, attribute="move.id")
    kind = Choice(SafeMoveKind, required=True, attribute="move.kind")
    amount_fen = ma.fields.Integer(required=True, attribute="move.amount_fen")
    note = ma.fields.String(required=True, attribute="move.note")
    proposed_by = ma.fields.String(required=True)
    proposed_at = ma.fields.AwareDateTime(required=True, attribute="move.proposed_at")
    decided_by = ma.fields.String(required=True)
    is_confirmed = ma.fields.Function(lambda each: _value(each.decision, "is_confirmed"))


blueprint = area("till-days", "The till's day: opened, closed and signed; the safe")


# ---------------------------------------------------------------- the day


@blueprint.route("/till-days", methods=["GET"])
@allow(Permission.HANDLE_CASH)
@blueprint.arguments(TillDayQuery, location="query")
@blueprint.response(200, TillDayOut(many=True))
def list_till_days(args: dict[str, Any]) -> list[DayOfTill]:
    """List the days of all tills, those that are open first, then the newest."""
    with reading() as session:
        return list_days(session, current_actor(), **args)


@blueprint.route("/till-days", methods=["POST"])
@allow(Permission.KEEP_SHOP)
@blueprint.arguments(TillOpeningArgs)
@blueprint.response(201, TillDayOut)
@blueprint.leads_to("show_day_sheet", till_day_id="id")
@blueprint.leads_to("close_till_day", till_day_id="id")
def open_till_day(args: dict[str, Any]) -> DayOfTill:
    """Open today's day of a till with a counted float; cash is taken from then on."""
    number = args.pop("till_number")
    counting = Counting(**args)
    with begin() as session:
        return till_days.open_day(session, current_actor(), till_number=number, counting=counting)


@blueprint.route("/till-days/<uuid:till_day_id>", methods=["GET"])
@allow(Permission.HANDLE_CASH)
@blueprint.response(200, DaySheetOut)
def show_day_sheet(till_day_id: UUID) -> DaySheet:
    """Show the sheet of a day: what moved, what was counted, by whom."""
    with reading() as session:
        return read_sheet(session, current_actor(), day_id=till_day_id)


@blueprint.route("/till-days/<uuid:till_day_id>/close", methods=["POST"])
@allow(Permission.KEEP_SHOP)
@blueprint.arguments(TillClosingArgs)
@blueprint.response(200, TillDayOut)
def close_till_day(args: dict[str, Any], till_day_id: UUID) -> DayOfTill:
    """Close a day: a difference is stated with its reason, the takings go to the safe."""
    with begin() as session:
        return till_days.close_day(
            session, current_actor(), day_id=till_day_id, counting=Counting(**args)
        )


@blueprint.route("/till-days/<uuid:till_day_id>/sign", methods=["POST"])
@allow(Permission.HANDLE_CASH)
@blueprint.response(200, TillDayOut)
def sign_till_day(till_day_id: UUID) -> DayOfTill:
    """Sign a closed day as the second person; once more changes nothing."""
    with begin() as session:
        return till_days.sign_day(session, current_actor(), day_id=till_day_id)


# ---------------------------------------------------------------- the safe


@blueprint.route("/safe-moves", methods=["GET"])
@allow(Permission.HANDLE_CASH)
@blueprint.response(200, SafeMoveOut(many=True))
def list_safe_moves() -> list[Move]:
    """List the moves of the safe, those that wait for a second person first."""
    with reading() as session:
        return safe.list_moves(session, current_actor())


@blueprint.route("/safe-moves", methods=["POST"])
@allow(Permission.HANDLE_CASH)
@blueprint.arguments(SafeMoveArgs)
@blueprint.response(201, SafeMoveOut)
@blueprint.leads_to("decide_safe_move", safe_move_id="id")
def enter_safe_move(args: dict[str, Any]) -> Move:
    """Enter a move of money; it waits for a second person."""
    with begin() as session:
        return safe.hand_over(session, current_actor(), wanted=Wanted(**args))


@blueprint.route("/safe-moves/<uuid:safe_move_id>/decide", methods=["POST"])
@allow(Permission.HANDLE_CASH)
@blueprint.arguments(SafeDecisionArgs)
@blueprint.response(200, SafeMoveOut)
def decide_safe_move(args: dict[str, Any], safe_move_id: UUID) -> Move:
    """Confirm as the second person that the money was counted and moved, or decline it."""
    with begin() as session:
        return safe.decide(session, current_actor(), move_id=safe_move_id, **args)


# ---------------------------------------------------------------- leaves


def _value(found: Any, name: str) -> Any:
    """Return a value of what has happened, or None."""
    return None if found is None else getattr(found, name)


def _moment(found: Any, name: str) -> str | None:
    moment = _value(found, name)
    return None if moment is None else moment.isoformat()
