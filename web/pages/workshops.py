"""Many pieces at once: workshop sessions with one form, consignments with one Excel file."""

from http import HTTPStatus
from typing import Any, Final
from uuid import UUID

from flask import Blueprint, flash, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from timebank import clock
from timebank.actors import Permission
from timebank.errors import Refusal
from timebank.shop.consignments import ConsignmentRefused, receive_file
from timebank.shop.goods import ItemDetails
from timebank.shop.workshops import (
    ROWS_MAX,
    Made,
    WorkshopForm,
    list_batches,
    read_batch,
    read_batch_lines,
    record_workshop,
)
from web.auth import allow, current_actor, current_standing
from web.consignment_file import MEDIA_TYPE, template_file
from web.forms import Form
from web.i18n import N_, _, say
from web.pages.basket import new_nonce
from web.pages.goods_forms import CHOICE_WORDS
from web.pages.stock_forms import WORKSHOP_ROWS, FileForm, WorkshopHead
from web.pages.workshop_rows import RowProblem, TypedRow, read_typed_rows
from web.session import begin, reading

blueprint = Blueprint("workshops", __name__, url_prefix="/till/workshops")
FILE_NAME: Final = "consignment.xlsx"


@blueprint.get("/")
@allow(Permission.HANDLE_GOODS)
def list_() -> str:
    """List sessions and files, and the form that takes a file."""
    return _list_page(Form(FileForm))


@blueprint.get("/new")
@allow(Permission.HANDLE_GOODS)
def new() -> str:
    """Show the form of a session."""
    today = clock.today(current_standing().community.time_zone)
    return _new_page(Form(WorkshopHead, {"nonce": new_nonce(), "held_on": today.isoformat()}), [])


@blueprint.post("/new")
@allow(Permission.HANDLE_GOODS)
def add() -> Response:
    """Take in what a session made, wholly or not at all."""
    form = Form.read(WorkshopHead, _head())
    rows, typed, wrong = read_typed_rows(request.form)
    for problem in wrong:
        form.problems.append(problem)
    if form.is_valid and not _has_goods(form.data):
        form.problems.append(
            RowProblem("goods", _("Give the number of the goods, or a name for new ones."))
        )
    if form.is_valid:
        try:
            with begin() as book:
                batch = record_workshop(
                    book, current_actor(), form=_workshop(form.data, tuple(rows))
                )
                batch_id = batch.id
        except Refusal as refusal:
            form.refuse(refusal)
    if not form.is_valid:
        return make_response(_new_page(form, typed), form.status)
    flash(_("All pieces of the session stand on the shelf."), "ok")
    return redirect(url_for("workshops.show", batch_id=batch_id))


@blueprint.get("/<uuid:batch_id>")
@allow(Permission.HANDLE_GOODS)
def show(batch_id: UUID) -> str:
    """Show what a session or a file brought."""
    with reading() as book:
        batch = read_batch(book, current_actor(), batch_id=batch_id)
        lines = read_batch_lines(book, batch)
    return render_template("stock/batch.html", batch=batch, lines=lines, choice_words=CHOICE_WORDS)


@blueprint.get("/template.xlsx")
@allow(Permission.HANDLE_GOODS)
def template() -> Response:
    """Return the empty file with its columns, in the reader's language."""
    response = make_response(template_file())
    response.content_type = MEDIA_TYPE
    response.headers["Content-Disposition"] = f'attachment; filename="{FILE_NAME}"'
    return response


@blueprint.post("/file")
@allow(Permission.HANDLE_GOODS)
def take_file() -> Response:
    """Take in a file, wholly or not at all."""
    form = Form.read(FileForm)
    sent = request.files.get("file")
    content = sent.read() if sent else b""
    refused: list[dict[str, object]] = []
    if form.is_valid and not content:
        form.problems.append(RowProblem("file", _("Please choose a file.")))
    if form.is_valid:
        try:
            with begin() as book:
                batch = receive_file(
                    book, current_actor(), content=content, title=form.data["title"]
                )
                batch_id = batch.id
        except ConsignmentRefused as refusal:
            form.refuse(refusal, "file")
            refused = [
                {
                    "row": cell.row,
                    "column": cell.column,
                    "code": cell.code,
                    "reason": say(cell.template, cell.details),
                }
                for cell in refusal.refused
            ]
        except Refusal as refusal:
            form.refuse(refusal)
    if not form.is_valid:
        return make_response(_list_page(form, refused), HTTPStatus.UNPROCESSABLE_ENTITY)
    flash(_("All pieces of the file stand on the shelf."), "ok")
    return redirect(url_for("workshops.show", batch_id=batch_id))


# ---------------------------------------------------------------- leaves


def _list_page(form: Form, refused: list[dict[str, object]] | None = None) -> str:
    with reading() as book:
        batches = list_batches(book, current_actor())
    words = {"workshop": N_("session"), "file": N_("file")}
    return render_template(
        "stock/batches.html", batches=batches, form=form, refused=refused or [], kind_words=words
    )


def _new_page(form: Form, typed: list[TypedRow]) -> str:
    missing = max(WORKSHOP_ROWS - len(typed), 1)
    rows = [*typed, *(TypedRow() for _place in range(missing))][: ROWS_MAX + 1]
    return render_template("stock/workshop.html", form=form, rows=rows, choice_words=CHOICE_WORDS)


def _head() -> Any:
    """Return what was sent without the rows: those have names of their own."""
    head = request.form.copy()
    for name in list(head):
        if name.rpartition("-")[0] in {"maker", "pieces", "choice"}:
            head.poplist(name)
    return head


def _has_goods(data: dict[str, Any]) -> bool:
    return ("goods" in data) != bool(data["name"])


def _workshop(data: dict[str, Any], rows: tuple[Made, ...]) -> WorkshopForm:
    new_goods = ItemDetails(name=data["name"], category=data["category"])
    return WorkshopForm(
        held_on=data["held_on"],
        title=data["title"],
        place=data["place"],
        goods=data.get("goods", new_goods),
        rows=rows,
        nonce=data["nonce"],
    )
