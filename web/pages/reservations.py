"""The volunteer's reservations: ask, confirm, look at one, call it off.

The question shows price, pieces, how long and what is left; only its button writes.
"""

import re
from http import HTTPStatus
from typing import Any, Final
from uuid import UUID

from flask import Blueprint, flash, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from timebank.actors import Permission
from timebank.errors import Refusal
from timebank.shop import reservations
from timebank.shop.models import QUANTITY_MAX
from timebank.shop.reservations import Offer
from timebank.shop.stock import ShelfEntry, read_entry
from web import fields
from web.api import Args
from web.auth import allow, current_actor
from web.forms import Form
from web.i18n import _
from web.pages.basket import new_nonce
from web.session import begin, reading

QUANTITY: Final = re.compile("[0-9]{1,3}")

blueprint = Blueprint("reservations", __name__, url_prefix="/me/shop")


class ReserveForm(Args):
    """What the question's button sends; the price is only compared."""

    nonce = fields.Text(length_min=1, length_max=80, required=True)
    quantity = fields.Quantity(required=True)
    total = fields.Points(required=True)


@blueprint.get("/<int:number>/reserve")
@allow(Permission.SEE_OWN_RECORD)
def ask(number: int) -> Response:
    """Ask whether the pieces shall be put by."""
    asked = request.args.get("quantity", "")
    quantity = int(asked) if QUANTITY.fullmatch(asked) else 1
    return _question(number, min(max(quantity, 1), QUANTITY_MAX))


@blueprint.post("/<int:number>/reserve")
@allow(Permission.SEE_OWN_RECORD)
def reserve(number: int) -> Response:
    """Put the pieces by."""
    form = Form.read(ReserveForm)
    if not form.is_valid:
        return _question(number, 1, form=form)
    sent: dict[str, Any] = form.data
    try:
        with begin() as book:
            kept = reservations.reserve(
                book,
                current_actor(),
                item_number=number,
                quantity=sent["quantity"],
                nonce=sent["nonce"],
                expected_total_points=sent["total"],
            )
    except Refusal as refusal:
        form.refuse(refusal)
        return _question(number, sent["quantity"], form=form)
    address = url_for("reservations.show", reservation_id=kept.reservation.id)
    return redirect(address, HTTPStatus.SEE_OTHER)


@blueprint.get("/reservations/<uuid:reservation_id>")
@allow(Permission.SEE_OWN_RECORD)
def show(reservation_id: UUID) -> str:
    """Show one reservation: kept, handed over, cancelled or lapsed."""
    with reading() as book:
        kept = reservations.read_one(book, current_actor(), reservation_id=reservation_id)
    return render_template("reservations/show.html", kept=kept)


@blueprint.post("/reservations/<uuid:reservation_id>/cancel")
@allow(Permission.SEE_OWN_RECORD)
def cancel(reservation_id: UUID) -> Response:
    """Call a reservation off; pressing again changes nothing."""
    try:
        with begin() as book:
            ended = reservations.cancel(book, current_actor(), reservation_id=reservation_id)
    except Refusal as refusal:
        if refusal.status != HTTPStatus.CONFLICT:
            raise
        # Its time ran out, or it was handed over, since the page was opened: the page says which.
        address = url_for("reservations.show", reservation_id=reservation_id)
        return redirect(address, HTTPStatus.SEE_OTHER)
    flash(_("%(name)s is no longer kept for you.", name=ended.reservation.item_name), "ok")
    return redirect(url_for("goods.window"), HTTPStatus.SEE_OTHER)


def _question(number: int, quantity: int, form: Form | None = None) -> Response:
    """Return the question; where the answer could only be no, it says why.

    Args:
        number: of the goods.
        quantity: 1 to 99.
        form: what was sent and refused; None when nobody has answered yet.
    """
    offer: Offer | None = None
    refusal: Refusal | None = None
    with reading() as book:
        entry: ShelfEntry = read_entry(book, current_actor(), item_number=number)
        try:
            offer = reservations.offer(book, current_actor(), item_number=number, quantity=quantity)
        except Refusal as refused:
            refusal = refused
    page = render_template(
        "reservations/ask.html",
        entry=entry,
        offer=offer,
        quantity=quantity,
        refusal=refusal,
        form=form,
        nonce=new_nonce(),
    )
    return make_response(page, form.status if form else HTTPStatus.OK)
