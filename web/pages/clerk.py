"""The clerk's till: scan, rows, F2, receipt, return.

The page works without JavaScript: every scan posts the whole basket, and the answer is the page
with the basket in it. With JavaScript the same answer comes as a fragment (header `X-Fragment`), so
that the scan line never loses the focus.
"""

import re
from datetime import date
from http import HTTPStatus
from typing import Final

from flask import Blueprint, flash, make_response, redirect, render_template, request, url_for
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response

from timebank import clock
from timebank.actors import Permission
from timebank.codes import goods_digits
from timebank.errors import Refusal
from timebank.people.organisations import get_community
from timebank.shop import receipts
from timebank.shop.models import QUANTITY_MAX
from timebank.shop.receipts import Receipt
from timebank.shop.refunds import Return, give_back
from timebank.shop.till import redeem
from web import fields
from web.api import Args
from web.auth import allow, current_actor, current_standing
from web.forms import Form
from web.i18n import N_, _
from web.menu import Entry, Place
from web.pages.basket import BasketForm, new_nonce, row_values
from web.pages.counter import Counter, apply, look, look_around, sale_of, write
from web.qr import code128_svg
from web.session import begin, keys, reading
from web.till_number import this_till

FRAGMENT_HEADER: Final = "X-Fragment"
DIGITS: Final = re.compile("[0-9]{1,8}")
PIECES: Final = re.compile(r"pieces-([0-9]{1,3})", re.ASCII)
COUNT: Final = re.compile(r"[0-9]{1,2}", re.ASCII)

blueprint = Blueprint("clerk", __name__, url_prefix="/till")

MENU = (
    Entry("clerk.counter", N_("Till"), "upc-scan", Permission.KEEP_SHOP, Place.DESK, 10),
    Entry("clerk.day", N_("Receipts"), "receipt", Permission.KEEP_SHOP, Place.DESK, 12),
)


class RefundArgs(Args):
    """Why goods come back."""

    nonce = fields.Text(length_min=1, length_max=80, required=True)
    reason = fields.Text(
        length_min=1, length_max=200, required=True, metadata={"label": N_("Reason")}
    )


class ReturnArgs(RefundArgs):
    """Whether all that is left comes back, or the pieces chosen."""

    what = fields.Choice(["all", "chosen"], load_default="all")


# ---------------------------------------------------------------- the counter


@blueprint.get("/")
@allow(Permission.KEEP_SHOP)
def counter() -> Response:
    """Show an empty counter, or above it the sale that was just finished."""
    done = request.args.get("done", "")
    shown = Counter(BasketForm())
    with reading() as book:
        if DIGITS.fullmatch(done):
            shown.done = receipts.read_receipt(book, current_actor(), receipt_number=int(done))
        look_around(book, shown)
    return _show(shown)


@blueprint.post("/")
@allow(Permission.KEEP_SHOP)
def act() -> Response:
    """Do what was scanned or pressed."""
    form = BasketForm.read(request.form)
    if form.action == "cancel":
        return redirect(url_for("clerk.counter"), HTTPStatus.SEE_OTHER)
    shown = Counter(form)
    try:
        if form.action == "finish":
            return _finish(form)
        write(shown)
    except Refusal as refusal:
        shown.refusal = refusal
    with reading() as book:
        apply(book, shown)
        look(book, shown)
    if shown.receipt_number is not None:
        address = url_for("clerk.receipt", number=shown.receipt_number)
        return redirect(address, HTTPStatus.SEE_OTHER)
    return _show(shown)


def _finish(form: BasketForm) -> Response:
    sale = sale_of(form)
    with begin() as book:
        finished = redeem(book, current_actor(), keys(), sale=sale)
    number = finished.redemption.receipt_number
    return redirect(url_for("clerk.counter", done=number), HTTPStatus.SEE_OTHER)


def _show(shown: Counter) -> Response:
    """Answer with the page, or with its moving part when a script asked for that alone."""
    is_fragment = FRAGMENT_HEADER in request.headers
    template = "clerk/_counter.html" if is_fragment else "clerk/till.html"
    response = make_response(
        render_template(
            template,
            shown=shown,
            rows=row_values(shown.form, shown.basket) if shown.basket else [],
            till_number=this_till(),
            digits_of=goods_digits,
            now=clock.now(),
        )
    )
    response.status_code = shown.refusal.status if shown.refusal else HTTPStatus.OK
    response.headers[FRAGMENT_HEADER] = "1" if is_fragment else "0"
    return response


# ---------------------------------------------------------------- receipts and returns


@blueprint.get("/receipts/")
@allow(Permission.KEEP_SHOP)
def day() -> str:
    """List the receipts of one day, today unless another is chosen."""
    zone = current_standing().community.time_zone
    chosen = _chosen_day(request.args.get("on", "")) or clock.today(zone)
    with reading() as book:
        community = get_community(book, current_actor().community_id)
        listed = receipts.read_receipts_of_day(
            book, current_actor(), community=community, on=chosen
        )
    return render_template("clerk/day.html", receipts=listed, on=chosen)


@blueprint.get("/receipts/<int:number>")
@allow(Permission.KEEP_SHOP)
def receipt(number: int) -> str:
    """Show one receipt, ready to print on 80 mm paper."""
    with reading() as book:
        found = receipts.read_receipt(book, current_actor(), receipt_number=number)
    return _receipt_page(found, Form(RefundArgs, {"nonce": new_nonce()}))


@blueprint.get("/return")
@allow(Permission.KEEP_SHOP)
def ask_receipt() -> str:
    """Ask for the receipt that comes back."""
    return render_template("clerk/ask_receipt.html", refusal=None)


@blueprint.post("/return")
@allow(Permission.KEEP_SHOP)
def find_receipt() -> Response:
    """Lead from the scanned receipt, or its typed number, to its page."""
    text = request.form.get("scan", "")
    try:
        with reading() as book:
            found = receipts.read_scanned_receipt(book, current_actor(), text=text)
    except Refusal as refusal:
        page = render_template("clerk/ask_receipt.html", refusal=refusal)
        return make_response(page, refusal.status)
    number = found.redemption.receipt_number
    return redirect(url_for("clerk.receipt", number=number), HTTPStatus.SEE_OTHER)


@blueprint.post("/receipts/<int:number>")
@allow(Permission.KEEP_SHOP)
def return_goods(number: int) -> Response:
    """Return the goods of a receipt, all that is left or the pieces chosen."""
    named = [(name, text) for name, text in request.form.items() if not PIECES.fullmatch(name)]
    form = Form.read(ReturnArgs, MultiDict(named))
    if form.is_valid:
        try:
            with begin() as book:
                give_back(book, current_actor(), wanted=_return_of(number, form))
        except Refusal as refusal:
            form.refuse(refusal)
    if form.is_valid:
        flash(_("Returned: the goods stand on the shelf again."), "ok")
        return redirect(url_for("clerk.receipt", number=number), HTTPStatus.SEE_OTHER)
    with reading() as book:
        found = receipts.read_receipt(book, current_actor(), receipt_number=number)
    return make_response(_receipt_page(found, form), form.status)


def _return_of(number: int, form: Form) -> Return:
    """Return what the form wants back."""
    pieces = None
    if form.data["what"] == "chosen":
        pieces = tuple(
            (line_no, int(text) if COUNT.fullmatch(text) else QUANTITY_MAX + 1)
            for line_no, text in _chosen().items()
            if text not in {"", "0"}
        )
    return Return(number, form.data["reason"], form.data["nonce"], pieces, this_till())


def _chosen() -> dict[int, str]:
    """Return what was typed as pieces of each line; nothing where the page is only opened."""
    sent = [(PIECES.fullmatch(name), text.strip()) for name, text in request.form.items()]
    return {int(row[1]): text for row, text in sent if row}


def _receipt_page(found: Receipt, form: Form) -> str:
    label = _("Barcode of receipt %(number)s", number=found.redemption.receipt_number)
    return render_template(
        "clerk/receipt.html",
        receipt=found,
        form=form,
        chosen=_chosen(),
        till_number=this_till(),
        barcode=code128_svg(found.digits, label=label),
    )


def _chosen_day(text: str) -> date | None:
    """Return the day of a link, or None for what is no day."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
