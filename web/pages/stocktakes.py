"""Stocktakes: open, scan, review the differences, close by a second person."""

import re
from http import HTTPStatus
from typing import Final
from uuid import UUID

from flask import Blueprint, flash, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from timebank.actors import Permission
from timebank.errors import Refusal
from timebank.shop import stocktakes
from timebank.shop.counts import read_counts, read_lines
from timebank.shop.scans import read_goods
from timebank.shop.stock_models import StocktakeState
from timebank.shop.stocktakes import Closing
from web.auth import allow, current_actor
from web.forms import Form
from web.i18n import _, said
from web.pages.basket import new_nonce
from web.pages.stock_forms import STOCKTAKE_STATES, CountForm, OpenForm
from web.session import begin, reading

REASON_FIELD: Final = re.compile("reason-([0-9]{1,8})")
DIFFERENCE: Final = re.compile("-?[0-9]{1,6}", re.ASCII)

blueprint = Blueprint("stocktakes", __name__, url_prefix="/till/stocktakes")


@blueprint.get("/")
@allow(Permission.HANDLE_GOODS)
def list_() -> str:
    """List the stocktakes, and the form that opens one."""
    return _list_page(Form(OpenForm, {"nonce": new_nonce()}))


@blueprint.post("/")
@allow(Permission.HANDLE_GOODS)
def open_() -> Response:
    """Open a stocktake of a shelf, or of all."""
    form = Form.read(OpenForm)
    if form.is_valid:
        shelf = form.data["shelf"] or None
        try:
            with begin() as book:
                taken = stocktakes.open_stocktake(
                    book, current_actor(), shelf=shelf, nonce=form.data["nonce"]
                )
                stocktake_id = taken.id
        except Refusal as refusal:
            form.refuse(refusal)
    if not form.is_valid:
        return make_response(_list_page(form), form.status)
    return redirect(url_for("stocktakes.show", stocktake_id=stocktake_id))


@blueprint.get("/<uuid:stocktake_id>")
@allow(Permission.HANDLE_GOODS)
def show(stocktake_id: UUID) -> str:
    """Show a stocktake: the scan line and the counts, or what it found."""
    return _page(stocktake_id, _count_form())


@blueprint.post("/<uuid:stocktake_id>/counts")
@allow(Permission.HANDLE_GOODS)
def count(stocktake_id: UUID) -> Response:
    """Count a scanned label."""
    form = Form.read(CountForm)
    if form.is_valid:
        try:
            with begin() as book:
                number = read_goods(book, current_actor(), text=form.data["code"])
                stocktakes.count(
                    book,
                    current_actor(),
                    stocktake_id=stocktake_id,
                    item_number=number,
                    piece_count=form.data["pieces"],
                    is_total=form.data["is_total"],
                    nonce=form.data["nonce"],
                )
        except Refusal as refusal:
            form.refuse(refusal, "pieces" if refusal.code == "count_invalid" else "code")
    if not form.is_valid:
        return make_response(_page(stocktake_id, form), form.status)
    return redirect(url_for("stocktakes.show", stocktake_id=stocktake_id, last=number))


@blueprint.post("/<uuid:stocktake_id>/close")
@allow(Permission.HANDLE_GOODS)
def close(stocktake_id: UUID) -> Response:
    """Bring the book to what was counted."""
    try:
        with begin() as book:
            stocktakes.close(book, current_actor(), stocktake_id=stocktake_id, closings=_closings())
    except Refusal as refusal:
        if refusal.status == HTTPStatus.NOT_FOUND:
            raise
        page = _page(stocktake_id, _count_form(), said(refusal))
        return make_response(page, refusal.status)
    flash(_("The stocktake is closed; the book says what was counted."), "ok")
    return redirect(url_for("stocktakes.show", stocktake_id=stocktake_id))


@blueprint.post("/<uuid:stocktake_id>/call-off")
@allow(Permission.HANDLE_GOODS)
def call_off(stocktake_id: UUID) -> Response:
    """End a stocktake without any change."""
    try:
        with begin() as book:
            stocktakes.call_off(book, current_actor(), stocktake_id=stocktake_id)
    except Refusal as refusal:
        if refusal.status == HTTPStatus.NOT_FOUND:
            raise
        return make_response(_page(stocktake_id, _count_form(), said(refusal)), refusal.status)
    flash(_("Called off. Nothing was changed."), "ok")
    return redirect(url_for("stocktakes.list_"))


# ---------------------------------------------------------------- leaves


def _count_form() -> Form:
    return Form(CountForm, {"nonce": new_nonce(), "pieces": 1})


def _closings() -> dict[int, Closing]:
    """Return the reasons that were written, each with the difference that was shown."""
    found: dict[int, Closing] = {}
    for name, text in request.form.items():
        named = REASON_FIELD.fullmatch(name)
        shown = request.form.get(f"difference-{named[1]}", "") if named else ""
        if named and DIFFERENCE.fullmatch(shown):
            found[int(named[1])] = Closing(int(shown), text)
    return found


def _list_page(form: Form) -> str:
    with reading() as book:
        found = stocktakes.list_stocktakes(book, current_actor())
        shelves = stocktakes.list_shelves(book, current_actor())
    return render_template(
        "stock/stocktakes.html",
        stocktakes=found,
        shelves=shelves,
        form=form,
        states=STOCKTAKE_STATES,
        is_open=any(taken.state is StocktakeState.OPEN for taken in found),
    )


def _page(stocktake_id: UUID, form: Form, problem: str = "") -> str:
    with reading() as book:
        taken = stocktakes.read_stocktake(book, current_actor(), stocktake_id=stocktake_id)
        is_open = taken.state is StocktakeState.OPEN
        counts = read_counts(book, taken) if is_open else []
        lines = [] if is_open else read_lines(book, taken)
    return render_template(
        "stock/stocktake.html" if is_open else "stock/stocktake_done.html",
        stocktake=taken,
        counts=counts,
        lines=lines,
        form=form,
        problem=problem,
        state=STOCKTAKE_STATES[taken.state],
        last=request.args.get("last", ""),
        reasons={name: text[:200] for name, text in request.form.items()},
    )
