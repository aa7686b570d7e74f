"""Goods: the public page behind a label, the volunteer's shop window, and the shop's own pages.

The shop's own pages (list, intake, price, labels) are shared by clerks and social workers; only the
price asks for a permission of its own.
"""

import re
from typing import Final
from uuid import UUID

from flask import Blueprint, flash, g, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from timebank.actors import Permission
from timebank.codes import goods_digits
from timebank.errors import Refusal
from timebank.shop.errors import ItemNotFound
from timebank.shop.goods import add_item, edit_item, list_prices, set_price
from timebank.shop.intake import receive
from timebank.shop.models import CATEGORY_LENGTH_MAX, Condition, IntakeChoice, ValueBasis
from timebank.shop.photos import read_photo
from timebank.shop.reservations import list_own
from timebank.shop.stock import (
    SEARCH_LENGTH_MAX,
    ShelfEntry,
    read_entry,
    read_public_entry,
    read_shelf,
)
from timebank.shop.stocktakes import list_shelves
from timebank.shop.window import Wanted, is_new, list_categories, read_window
from web.auth import allow, current_actor, current_standing, public
from web.forms import Form
from web.i18n import N_, _, yuan_figure
from web.menu import Entry, Place
from web.pages.basket import new_nonce
from web.pages.goods_forms import (
    BASES,
    BASIS_WORDS,
    CHOICE_WORDS,
    CONDITION_WORDS,
    EditForm,
    IntakeForm,
    NewForm,
    PriceForm,
    details,
    intake,
    sent_photo,
)
from web.pages.stock_forms import MOVE_WORDS, MoveForm
from web.qr import code128_svg, qr_svg
from web.session import begin, reading, settings

YEAR_SECONDS: Final = 365 * 24 * 3600
LABELS_DEFAULT: Final = 24
LABELS_MAX: Final = 96
GOODS_CODE: Final = re.compile(r"([A-Za-z0-9]{1,4})-0*([0-9]{1,8})")

blueprint = Blueprint("goods", __name__)

MENU = (
    Entry("goods.window", N_("Shop"), "shop", Permission.SEE_OWN_RECORD, Place.PHONE, 30),
    Entry("goods.shelf", N_("Goods"), "bag", Permission.HANDLE_GOODS, Place.DESK, 30),
)


# ---------------------------------------------------------------- for everybody


@blueprint.get("/G/<code>")
@public
def label_page(code: str) -> str:
    """Show what stands behind a goods label: story, price, available or not."""
    parts = GOODS_CODE.fullmatch(code)
    if parts is None:
        raise ItemNotFound(item_number=code[:20])
    with reading() as book:
        entry, community = read_public_entry(
            book, community_code=parts[1], item_number=int(parts[2])
        )
    g.time_zone = community.time_zone
    return render_template("goods/public.html", entry=entry, community=community)


@blueprint.get("/photos/<uuid:community_id>/<uuid:photo_id>")
@public
def photo(community_id: UUID, photo_id: UUID) -> Response:
    """Serve a photo of goods; it never changes, so a phone fetches it once."""
    with reading() as book:
        found = read_photo(book, community_id=community_id, photo_id=photo_id)
    response = make_response(found.content)
    response.content_type = found.media_type
    response.set_etag(found.id.hex)
    response.cache_control.public = True
    response.cache_control.immutable = True
    response.cache_control.max_age = YEAR_SECONDS
    return response.make_conditional(request)


# ---------------------------------------------------------------- for volunteers


@blueprint.get("/me/shop")
@allow(Permission.SEE_OWN_RECORD)
def window() -> str:
    """Show what can be had now, what is kept for the reader, and what has just gone."""
    wanted = Wanted(
        text=request.args.get("q", "")[:SEARCH_LENGTH_MAX],
        category=request.args.get("category", "")[:CATEGORY_LENGTH_MAX],
        is_new=request.args.get("new") == "1",
    )
    with reading() as book:
        found = read_window(book, current_actor(), wanted=wanted)
        reserved = list_own(book, current_actor()) if wanted.is_everything else []
    return render_template(
        "goods/window.html", window=found, wanted=wanted, reserved=reserved, is_new=is_new
    )


@blueprint.get("/me/shop/<int:number>")
@allow(Permission.SEE_OWN_RECORD)
def window_item(number: int) -> str:
    """Show one kind of goods with its story, and what it cost before."""
    with reading() as book:
        entry = read_entry(book, current_actor(), item_number=number)
        prices = list_prices(book, current_actor(), item_number=number)
    return render_template("goods/window_item.html", entry=entry, prices=prices)


# ---------------------------------------------------------------- for the shop


@blueprint.get("/till/goods/")
@allow(Permission.HANDLE_GOODS)
def shelf() -> str:
    """List all goods, those without a price first."""
    with reading() as book:
        entries = read_shelf(book, current_actor())
    return render_template("goods/shelf.html", entries=entries, basis_words=BASIS_WORDS)


@blueprint.get("/till/goods/new")
@allow(Permission.HANDLE_GOODS)
def new() -> str:
    """Show the form for new goods."""
    return _new_page(Form(NewForm, {"nonce": new_nonce(), "condition": Condition.GOOD.value}))


@blueprint.post("/till/goods/new")
@allow(Permission.HANDLE_GOODS)
def add() -> Response:
    """Add goods with their photo and the pieces that came along."""
    form, actor = Form.read(NewForm), current_actor()
    if form.is_valid:
        try:
            with begin() as book:
                told = details(form.data, sent_photo(book, actor))
                item = add_item(book, actor, details=told, nonce=form.data["nonce"])
                if "pieces" in form.data:
                    receive(book, actor, intake=intake(item.number, form.data))
        except Refusal as refusal:
            form.refuse(refusal, _field_of(refusal))
    if not form.is_valid:
        return make_response(_new_page(form), form.status)
    flash(_("%(name)s is number %(number)s.", name=item.name, number=item.number), "ok")
    return redirect(url_for("goods.item", number=item.number))


@blueprint.get("/till/goods/<int:number>")
@allow(Permission.HANDLE_GOODS)
def item(number: int) -> str:
    """Show one kind of goods to the shop: pieces, price, texts."""
    return item_page(number)


@blueprint.post("/till/goods/<int:number>")
@allow(Permission.HANDLE_GOODS)
def edit(number: int) -> Response:
    """Change what is told about goods."""
    form, actor = Form.read(EditForm), current_actor()
    if form.is_valid:
        try:
            with begin() as book:
                told = details(form.data, sent_photo(book, actor))
                edit_item(book, actor, item_number=number, details=told)
        except Refusal as refusal:
            form.refuse(refusal, _field_of(refusal))
    return _after(number, form, "edit", _("Saved."))


@blueprint.post("/till/goods/<int:number>/pieces")
@allow(Permission.HANDLE_GOODS)
def take_in(number: int) -> Response:
    """Put pieces on the shelf."""
    form = Form.read(IntakeForm)
    if form.is_valid:
        try:
            with begin() as book:
                receive(book, current_actor(), intake=intake(number, form.data))
        except Refusal as refusal:
            form.refuse(refusal)
    return _after(number, form, "intake", _("The pieces stand on the shelf."))


@blueprint.post("/till/goods/<int:number>/price")
@allow(Permission.PRICE_GOODS)
def price(number: int) -> Response:
    """Set the price."""
    form = Form.read(PriceForm)
    if form.is_valid:
        try:
            with begin() as book:
                set_price(
                    book,
                    current_actor(),
                    item_number=number,
                    price_points=form.data.get("price"),
                    price_fen=form.data.get("price_yuan"),
                    basis=ValueBasis(form.data["basis"]),
                )
        except Refusal as refusal:
            form.refuse(refusal, "price")
    return _after(number, form, "price", _("The price is set."))


@blueprint.get("/till/goods/<int:number>/labels")
@allow(Permission.HANDLE_GOODS)
def labels(number: int) -> str:
    """Show a sheet of labels for one kind of goods."""
    asked = request.args.get("count", "")
    count = int(asked) if re.fullmatch("[0-9]{1,4}", asked) else LABELS_DEFAULT
    with reading() as book:
        entry = read_entry(book, current_actor(), item_number=number)
    community = current_standing().community
    digits = goods_digits(number)
    address = f"{settings().base_url}/G/{community.code}-{number}".upper()
    return render_template(
        "goods/labels.html",
        entry=entry,
        count=min(max(count, 1), LABELS_MAX),
        count_max=LABELS_MAX,
        digits=digits,
        host=settings().base_url.partition("://")[2],
        barcode=code128_svg(digits, label=_("Barcode %(digits)s", digits=digits)),
        qr=qr_svg(address, label=_("QR code of %(name)s", name=entry.item.name)),
    )


# ---------------------------------------------------------------- leaves


def _new_page(form: Form) -> str:
    """Return the form for new goods, with the categories that there are."""
    with reading() as book:
        categories = list_categories(book, current_actor())
        shelves = list_shelves(book, current_actor())
    return render_template(
        "goods/new.html",
        form=form,
        categories=categories,
        shelves=shelves,
        condition_words=CONDITION_WORDS,
    )


def item_page(number: int, name: str = "", sent: Form | None = None) -> str:
    """Return the page of one kind of goods; the form that was sent keeps what was typed."""
    with reading() as book:
        entry = read_entry(book, current_actor(), item_number=number)
        prices = list_prices(book, current_actor(), item_number=number)
        categories = list_categories(book, current_actor())
        shelves = list_shelves(book, current_actor())
    forms = _forms(entry)
    if sent is not None:
        forms[name] = sent
    return render_template(
        "goods/item.html",
        entry=entry,
        prices=prices,
        categories=categories,
        shelves=shelves,
        forms=forms,
        digits=goods_digits(entry.item.number),
        basis_words=BASIS_WORDS,
        bases=BASES,
        choice_words=CHOICE_WORDS,
        condition_words=CONDITION_WORDS,
        move_words=MOVE_WORDS,
        may_price=current_actor().may(Permission.PRICE_GOODS),
    )


def _forms(entry: ShelfEntry) -> dict[str, Form]:
    """Return the forms of one kind of goods, with what they show at first."""
    told = entry.item
    texts = {
        "name": told.name,
        "category": told.category,
        "maker_name": told.maker_name,
        "story": told.story,
        "condition": told.condition.value,
        "shelf": told.shelf,
    }
    price = {
        "price": told.price_points,
        "price_yuan": None if told.price_fen is None else yuan_figure(told.price_fen),
        "basis": told.value_basis.value,
    }
    return {
        "edit": Form(EditForm, texts),
        "intake": Form(IntakeForm, {"nonce": new_nonce(), "choice": IntakeChoice.DONATE}),
        "price": Form(PriceForm, price),
        "move": Form(MoveForm, {"nonce": new_nonce()}),
    }


def _after(number: int, form: Form, name: str, message: str) -> Response:
    """Lead back to the goods with a sentence, or show what is to be corrected."""
    if form.is_valid:
        flash(message, "ok")
        return redirect(url_for("goods.item", number=number))
    return make_response(item_page(number, name, form), form.status)


def _field_of(refusal: Refusal) -> str:
    """Return the field that a refusal speaks of."""
    if refusal.code.startswith("photo"):
        return "photo"
    return "maker_number" if refusal.code == "member_not_found" else ""
