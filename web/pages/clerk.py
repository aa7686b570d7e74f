"""The clerk's till: scan, rows, F2, receipt, return.

The page works without JavaScript: every scan posts the whole basket, and the answer is the page
with the basket in it. With JavaScript the same answer comes as a fragment (header `X-Fragment`), so
that the scan line never loses the focus.
"""

import re
from dataclasses import dataclass, field
from datetime import date
from http import HTTPStatus
from typing import Final
from uuid import UUID

from flask import Blueprint, flash, make_response, redirect, render_template, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from timebank import clock
from timebank.actors import Permission
from timebank.codes import goods_digits
from timebank.errors import Refusal
from timebank.people.organisations import get_community
from timebank.shop import receipts, scans
from timebank.shop.basket import Basket, read_basket
from timebank.shop.booking import needs_pin
from timebank.shop.collection import HandOver, collect, list_open
from timebank.shop.identity import Holder, identify
from timebank.shop.receipts import Receipt
from timebank.shop.refunds import refund
from timebank.shop.reservations import cancel
from timebank.shop.reserved import Reserved
from timebank.shop.sale_models import IdentifiedBy
from timebank.shop.scans import FoundByName, Scanned
from timebank.shop.till import Sale, redeem
from web import fields
from web.api import Args
from web.auth import allow, current_actor, current_standing
from web.forms import Form
from web.i18n import N_, _
from web.menu import Entry, Place
from web.pages.basket import BasketForm, new_nonce, row_values
from web.qr import code128_svg
from web.session import begin, keys, reading
from web.till_number import this_till

FRAGMENT_HEADER: Final = "X-Fragment"
DIGITS: Final = re.compile("[0-9]{1,8}")
STEPS: Final = {"plus": 1, "minus": -1}
"""What a key does to the quantity of a row."""

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


@dataclass
class Counter:
    """What the till shows: the basket, who stands there, and what the last key led to."""

    form: BasketForm
    basket: Basket | None = None
    holder: Holder | None = None
    purchases: list[Receipt] = field(default_factory=list)
    reserved: list[Reserved] = field(default_factory=list)
    found: FoundByName | None = None
    refusal: Refusal | None = None
    receipt_number: int | None = None
    done: Receipt | None = None
    released: Reserved | None = None
    today_count: int = 0
    day_limit: int = 0

    @property
    def sound(self) -> str:
        """Return which sound a staff device plays: accepted, refused or none."""
        if self.refusal is not None or (self.basket is not None and self.basket.refused):
            return "refused"
        return "accepted" if self.done or self.released or self.holder or self.form.lines else ""

    @property
    def asks_pin(self) -> bool:
        """Whether F2, or handing over one of the reservations, will ask for the PIN."""
        if self.holder is None or self.basket is None:
            return False
        totals = [kept.reservation.total_points for kept in self.reserved]
        return any(self._needs_pin(points) for points in [self.basket.total_points, *totals])

    @property
    def reserved_in_rows(self) -> list[Reserved]:
        """Return what is kept for the member and was scanned as well: it may be the same piece."""
        scanned = {line.item_number for line in self.form.lines}
        return [kept for kept in self.reserved if kept.reservation.item_number in scanned]

    @property
    def waits_for_pin(self) -> bool:
        """Whether the last key was refused for want of the PIN, so that it is typed next."""
        is_pin = self.refusal is not None and self.refusal.code in {"pin_required", "pin_wrong"}
        return is_pin and self.asks_pin

    def asks_pin_for(self, kept: Reserved) -> bool:
        """Whether handing over a reservation will ask for the PIN."""
        return self._needs_pin(kept.reservation.total_points)

    def _needs_pin(self, points: int) -> bool:
        if self.holder is None or self.basket is None or not points:
            return False
        return needs_pin(self.holder, self.basket.by_card_today + points)

    @property
    def left_after(self) -> int | None:
        """Return what can still be redeemed today once this basket is finished."""
        if self.basket is None or self.basket.left_today is None:
            return None
        return self.basket.left_today - self.basket.total_points


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
        shown.today_count = _today_count(book)
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
        if form.reservation:
            _on_reservation(shown)
    except Refusal as refusal:
        shown.refusal = refusal
    with reading() as book:
        _apply(book, shown)
        _look(book, shown)
    if shown.receipt_number is not None:
        address = url_for("clerk.receipt", number=shown.receipt_number)
        return redirect(address, HTTPStatus.SEE_OTHER)
    return _show(shown)


def _finish(form: BasketForm) -> Response:
    sale = Sale(
        holder=form.ticket,
        lines=tuple(form.lines),
        nonce=form.nonce,
        expected_total_points=form.total_points,
        pin=form.pin,
        till_number=this_till(),
    )
    with begin() as book:
        finished = redeem(book, current_actor(), keys(), sale=sale)
    number = finished.redemption.receipt_number
    return redirect(url_for("clerk.counter", done=number), HTTPStatus.SEE_OTHER)


def _on_reservation(shown: Counter) -> None:
    """Hand a reservation over, or call it off; member and basket stay on the counter."""
    form, reservation_id = shown.form, UUID(shown.form.reservation)
    with begin() as book:
        if form.action == "release":
            shown.released = cancel(book, current_actor(), reservation_id=reservation_id)
            return
        wanted = HandOver(
            reservation_id, form.ticket, form.nonce, form.pin, till_number=this_till()
        )
        shown.done = collect(book, current_actor(), keys(), hand_over=wanted)
    form.nonce = new_nonce()
    if shown.done.redemption.identified_by is IdentifiedBy.PAY_CODE:
        form.ticket = ""  # a pay code is good once: for the rest the next one is scanned


def _apply(book: Session, shown: Counter) -> None:
    """Bring the basket to where the key or the scan leads."""
    form = shown.form
    if form.action == "find":
        shown.found = scans.find_by_name(book, current_actor(), text=form.scan)
    elif form.action in STEPS:
        form.change(form.target, STEPS[form.action])
    elif form.action == "remove":
        form.remove(form.target)
    elif form.action == "scan" and form.scan.strip():
        try:
            _take(shown, scans.read(book, current_actor(), keys(), text=form.scan))
        except Refusal as refusal:
            shown.refusal = refusal


def _take(shown: Counter, scanned: Scanned) -> None:
    """Put on the counter what was scanned."""
    shown.receipt_number = scanned.receipt_number
    if scanned.holder is not None:
        shown.form.ticket = scanned.holder.ticket
    if scanned.item_number is not None:
        shown.form.add(scanned.item_number)


def _look(book: Session, shown: Counter) -> None:
    """Read from the book what the counter shows.

    A member whose ticket is no longer good has left it.
    """
    actor = current_actor()
    community = get_community(book, actor.community_id)
    if shown.form.ticket:
        try:
            shown.holder = identify(book, actor, keys(), scan=shown.form.ticket)
            shown.purchases = receipts.last_purchases(book, shown.holder.member)
            number = shown.holder.member.number
            shown.reserved = list_open(book, actor, member_number=number)
        except Refusal as refusal:
            shown.refusal = shown.refusal or refusal
            shown.form.ticket = ""
    member = shown.holder.member if shown.holder else None
    lines = tuple(shown.form.lines)
    shown.basket = read_basket(book, actor, lines=lines, member=member, community=community)
    shown.today_count = receipts.count_today(book, community)
    shown.day_limit = community.redeem_points_per_day_max


def _today_count(book: Session) -> int:
    return receipts.count_today(book, get_community(book, current_actor().community_id))


def _show(shown: Counter) -> Response:
    """Answer with the page, or with its moving part when a script asked for that alone."""
    is_fragment = FRAGMENT_HEADER in request.headers
    template = "clerk/_counter.html" if is_fragment else "clerk/till.html"
    response = make_response(
        render_template(
            template,
            shown=shown,
            rows=row_values(shown.basket) if shown.basket else [],
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
    """Return the goods of a receipt."""
    form = Form.read(RefundArgs)
    if form.is_valid:
        try:
            with begin() as book:
                refund(
                    book,
                    current_actor(),
                    receipt_number=number,
                    till_number=this_till(),
                    **form.data,
                )
        except Refusal as refusal:
            form.refuse(refusal)
    if form.is_valid:
        flash(_("Returned: the points are back and the goods stand on the shelf again."), "ok")
        return redirect(url_for("clerk.receipt", number=number), HTTPStatus.SEE_OTHER)
    with reading() as book:
        found = receipts.read_receipt(book, current_actor(), receipt_number=number)
    return make_response(_receipt_page(found, form), form.status)


def _receipt_page(found: Receipt, form: Form) -> str:
    label = _("Barcode of receipt %(number)s", number=found.redemption.receipt_number)
    return render_template(
        "clerk/receipt.html",
        receipt=found,
        form=form,
        barcode=code128_svg(found.digits, label=label),
    )


def _chosen_day(text: str) -> date | None:
    """Return the day of a link, or None for what is no day."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
