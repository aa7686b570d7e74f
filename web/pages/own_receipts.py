"""A member's own receipts on the phone: what went over the counter, with the proof of each."""

from flask import Blueprint, render_template

from timebank.actors import Permission
from timebank.shop import receipts
from web.auth import allow, current_actor
from web.i18n import _
from web.qr import code128_svg
from web.session import reading

blueprint = Blueprint("own_receipts", __name__, url_prefix="/me/receipts")


@blueprint.get("/")
@allow(Permission.SEE_OWN_RECORD)
def listed() -> str:
    """List the member's receipts, the newest first."""
    with reading() as book:
        own = receipts.list_own_receipts(book, current_actor())
    return render_template("receipts/list.html", receipts=own)


@blueprint.get("/<int:number>")
@allow(Permission.SEE_OWN_RECORD)
def show(number: int) -> str:
    """Show one receipt; another's answers like one that is not there."""
    with reading() as book:
        found = receipts.read_own_receipt(book, current_actor(), receipt_number=number)
    label = _("Barcode of receipt %(number)s", number=found.redemption.receipt_number)
    return render_template(
        "receipts/show.html", receipt=found, barcode=code128_svg(found.digits, label=label)
    )
