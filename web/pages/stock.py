"""Pieces that leave the shelf unsold: propose, confirm, decline, put back; who was given a gift."""

from collections.abc import Callable
from uuid import UUID

from flask import Blueprint, flash, make_response, redirect, render_template, url_for
from werkzeug.wrappers import Response

from timebank.actors import Permission
from timebank.errors import Refusal
from timebank.shop import stock_moves
from timebank.shop.stock_models import MoveKind, MoveState, StockMove
from timebank.shop.stock_moves import Proposal
from web.auth import allow, current_actor
from web.forms import Form
from web.i18n import _, said
from web.pages.basket import new_nonce
from web.pages.goods import item_page
from web.pages.stock_forms import KIND_WORDS, MOVE_STATES, MoveForm, ReversalForm
from web.session import begin, keys, reading

blueprint = Blueprint("stock", __name__, url_prefix="/till")


@blueprint.post("/goods/<int:number>/moves")
@allow(Permission.HANDLE_GOODS)
def propose(number: int) -> Response:
    """Propose to take pieces off the shelf; a few of little value leave at once."""
    form = Form.read(MoveForm)
    if form.is_valid:
        proposal = Proposal(
            item_number=number,
            piece_count=form.data["pieces"],
            kind=MoveKind(form.data["kind"]),
            reason=form.data["reason"],
            nonce=form.data["nonce"],
            recipient=form.data["recipient"],
        )
        try:
            with begin() as book:
                move = stock_moves.propose(book, current_actor(), keys(), proposal=proposal)
                is_done = move.state is MoveState.DONE
        except Refusal as refusal:
            form.refuse(refusal, _field_of(refusal))
    if not form.is_valid:
        return make_response(item_page(number, "move", form), form.status)
    if is_done:
        flash(_("The pieces have left the shelf."), "ok")
    else:
        flash(_("Proposed. The pieces stay until somebody else confirms it."), "wait")
    return redirect(url_for("stock.moves"))


@blueprint.get("/moves/")
@allow(Permission.HANDLE_GOODS)
def moves() -> str:
    """List what left the shelf unsold, and what waits for a second person."""
    return _moves_page()


@blueprint.post("/moves/<uuid:move_id>/confirm")
@allow(Permission.HANDLE_GOODS)
def confirm(move_id: UUID) -> Response:
    """Confirm a move."""
    return _decide(move_id, stock_moves.confirm, _("Confirmed."))


@blueprint.post("/moves/<uuid:move_id>/decline")
@allow(Permission.HANDLE_GOODS)
def decline(move_id: UUID) -> Response:
    """Decline a move, or take back one's own."""
    return _decide(move_id, stock_moves.decline, _("Declined. The pieces stay where they are."))


@blueprint.post("/moves/<uuid:move_id>/reverse")
@allow(Permission.HANDLE_GOODS)
def put_back(move_id: UUID) -> Response:
    """Propose to put back what left by mistake."""
    form = Form.read(ReversalForm)
    if form.is_valid:
        try:
            with begin() as book:
                stock_moves.propose_reversal(book, current_actor(), move_id=move_id, **form.data)
        except Refusal as refusal:
            form.refuse(refusal)
    if not form.is_valid:
        return make_response(_moves_page(form), form.status)
    flash(_("Proposed. The pieces stay until somebody else confirms it."), "wait")
    return redirect(url_for("stock.moves"))


@blueprint.post("/moves/<uuid:move_id>/recipient")
@allow(Permission.MANAGE_MEMBERS)
def recipient(move_id: UUID) -> str:
    """Show to whom a gift went; the look is noted, so it is not a GET."""
    with begin() as book:
        told = stock_moves.read_recipient(book, current_actor(), keys(), move_id=move_id)
    return render_template("stock/recipient.html", recipient=told)


# ---------------------------------------------------------------- leaves


def _moves_page(form: Form | None = None) -> str:
    with reading() as book:
        found = stock_moves.list_moves(book, current_actor())
    corrected = {move.corrects_id for move, _item in found if move.state is not MoveState.DECLINED}
    return render_template(
        "stock/moves.html",
        moves=found,
        corrected=corrected,
        form=form or Form(ReversalForm),
        nonce=new_nonce(),
        me_id=current_actor().member_id,
        kind_words=KIND_WORDS,
        states=MOVE_STATES,
        may_look=current_actor().may(Permission.MANAGE_MEMBERS),
        may_handle=current_actor().may(Permission.HANDLE_GOODS),
    )


def _decide(move_id: UUID, rule: Callable[..., StockMove], sentence: str) -> Response:
    """Let a rule decide; a refusal is told on the list."""
    try:
        with begin() as book:
            rule(book, current_actor(), move_id=move_id)
    except Refusal as refusal:
        if refusal.status in {403, 404}:
            raise
        flash(said(refusal), "no")
        return redirect(url_for("stock.moves"))
    flash(sentence, "ok")
    return redirect(url_for("stock.moves"))


def _field_of(refusal: Refusal) -> str:
    return {
        "recipient_invalid": "recipient",
        "pieces_reserved": "pieces",
        "reason_invalid": "reason",
    }.get(refusal.code, "")
