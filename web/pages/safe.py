"""The safe on the desk: what lies there, what was entered, and the second person's decision."""

from http import HTTPStatus
from uuid import UUID

from flask import Blueprint, flash, make_response, redirect, render_template, url_for
from werkzeug.wrappers import Response

from timebank.actors import Permission
from timebank.errors import Refusal
from timebank.shop import safe
from timebank.shop.cash_models import AMOUNT_FEN_MAX, NOTE_LENGTH_MAX, SafeMoveKind
from timebank.shop.models import NONCE_LENGTH_MAX
from timebank.shop.safe import Wanted
from web.api import Args
from web.auth import allow, current_actor
from web.fields import Choice, Text, Yuan
from web.forms import Form
from web.i18n import N_, _, said
from web.pages.basket import new_nonce
from web.session import begin, reading

KIND_WORDS = {
    SafeMoveKind.DEPOSIT: N_("Somebody brings money into the safe"),
    SafeMoveKind.FROM_FUND: N_("From the community fund into the safe"),
    SafeMoveKind.TO_FUND: N_("From the safe to the community fund"),
}

blueprint = Blueprint("safe", __name__, url_prefix="/till/days/safe")


class MoveForm(Args):
    """What one person enters."""

    nonce = Text(required=True, length_min=1, length_max=NONCE_LENGTH_MAX)
    kind = Choice(SafeMoveKind, required=True, metadata={"label": N_("From where to where")})
    amount = Yuan(required=True, maximum=AMOUNT_FEN_MAX, metadata={"label": N_("Amount in yuan")})
    note = Text(
        required=True,
        length_min=1,
        length_max=NOTE_LENGTH_MAX,
        metadata={"label": N_("What the money is for")},
    )


@blueprint.get("/")
@allow(Permission.HANDLE_CASH)
def moves() -> Response:
    """Show what lies in the safe, and what waits for a second person."""
    return _page(Form(MoveForm, {"nonce": new_nonce(), "kind": SafeMoveKind.DEPOSIT.value}))


@blueprint.post("/")
@allow(Permission.HANDLE_CASH)
def enter() -> Response:
    """Enter a move of money."""
    form = Form.read(MoveForm)
    if form.is_valid:
        sent = form.data
        wanted = Wanted(sent["nonce"], sent["kind"], sent["amount"], sent["note"])
        try:
            with begin() as book:
                safe.hand_over(book, current_actor(), wanted=wanted)
        except Refusal as refusal:
            form.refuse(refusal)
    if not form.is_valid:
        return _page(form)
    flash(_("Entered. Now somebody else counts the money and confirms."), "ok")
    return redirect(url_for("safe.moves"), HTTPStatus.SEE_OTHER)


@blueprint.post("/<uuid:safe_move_id>/confirm")
@allow(Permission.HANDLE_CASH)
def confirm(safe_move_id: UUID) -> Response:
    """Confirm as the second person that the money was counted and moved."""
    return _decide(safe_move_id, is_confirmed=True)


@blueprint.post("/<uuid:safe_move_id>/decline")
@allow(Permission.HANDLE_CASH)
def decline(safe_move_id: UUID) -> Response:
    """Decline as the second person: nothing moves."""
    return _decide(safe_move_id, is_confirmed=False)


def _decide(move_id: UUID, *, is_confirmed: bool) -> Response:
    try:
        with begin() as book:
            safe.decide(book, current_actor(), move_id=move_id, is_confirmed=is_confirmed)
    except Refusal as refusal:
        if refusal.status == HTTPStatus.NOT_FOUND:
            raise
        flash(said(refusal), "no")
    else:
        flash(_("Confirmed.") if is_confirmed else _("Declined: nothing was moved."), "ok")
    return redirect(url_for("safe.moves"), HTTPStatus.SEE_OTHER)


def _page(form: Form) -> Response:
    with reading() as book:
        listed = safe.list_moves(book, current_actor())
        held_fen = safe.safe_fen(book, current_actor())
    page = render_template(
        "safe/moves.html",
        form=form,
        moves=listed,
        held_fen=held_fen,
        kinds=KIND_WORDS,
        member_id=current_actor().member_id,
    )
    return make_response(page, form.status)
