"""The book in public: the head of every day for anybody, and the proof of one's own entries."""

import unicodedata
from datetime import date
from typing import Final
from uuid import UUID

from flask import Blueprint, Response, g, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from timebank.actors import Permission
from timebank.insight import heads, receipt_document, receipts
from timebank.people import organisations
from web.auth import allow, current_actor, public
from web.fields import plain_number
from web.security import limiter
from web.session import reading

LOOKS_PER_ADDRESS: Final = "120/minute"
NUMBER_LENGTH_MAX: Final = 20

blueprint = Blueprint("books", __name__)


@blueprint.get("/books/")
@public
@limiter.limit(LOOKS_PER_ADDRESS)
def choose() -> str | AnyResponse:
    """Let the reader choose a community; lead on where there is only one."""
    with reading() as session:
        communities = organisations.list_communities(session)
    if len(communities) == 1:
        return redirect(url_for("books.show", code=communities[0].code))
    return render_template("books/choose.html", communities=communities)


@blueprint.get("/books/<code>/")
@public
@limiter.limit(LOOKS_PER_ADDRESS)
def show(code: str) -> str:
    """Show the head of the book today and on the days before."""
    with reading() as session:
        book = heads.read_public_book(
            session,
            code=code,
            until=_day(request.args.get("until")),
            block_no=_block_no(request.args.get("seal", "")),
        )
    g.time_zone = book.community.time_zone
    return render_template("books/show.html", book=book, asked=request.args.get("seal", ""))


def _day(text: str | None) -> date | None:
    """Return the day of a link, or None for what is no day."""
    try:
        return date.fromisoformat(text or "")
    except ValueError:
        return None


def _block_no(text: str) -> int | None:
    """Return the number that was typed, on whatever keyboard, or None for what is no number."""
    number = plain_number(unicodedata.normalize("NFKC", text[:NUMBER_LENGTH_MAX]))
    return number if isinstance(number, int) else None


@blueprint.get("/proof/<uuid:transaction_id>.json")
@allow(Permission.SEE_OWN_RECORD)
def proof(transaction_id: UUID) -> Response:
    """Return the proof of an entry as a file: the reader's own, or one that they may see."""
    with reading() as session:
        found = receipts.make_receipt(session, current_actor(), transaction_id=transaction_id)
    answer = Response(receipt_document.write(found), content_type="application/json")
    name = f"receipt-{transaction_id}.json"
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer
