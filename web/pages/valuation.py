"""What the stock is worth on a day: page, Excel, CSV."""

from datetime import date

from flask import Blueprint, make_response, render_template, request, url_for
from werkzeug.wrappers import Response

from timebank import clock
from timebank.actors import Permission
from timebank.shop.valuation import Valuation, value_stock
from web.auth import allow, current_actor, current_standing
from web.csv_files import csv_response
from web.i18n import N_, _, yuan_figure
from web.menu import Entry, Place
from web.session import reading
from web.valuation_file import MEDIA_TYPE, valuation_file

blueprint = Blueprint("valuation", __name__, url_prefix="/desk/stock")

MENU = (
    Entry(
        "valuation.show", N_("Worth of the stock"), "boxes", Permission.READ_BOOKS, Place.DESK, 62
    ),
)


@blueprint.get("/")
@allow(Permission.READ_BOOKS)
def show() -> str:
    """Show pieces, points and yuan by category, and every kind below."""
    valuation = _valuation()
    links = {
        name: url_for(f"valuation.{name}", on=valuation.on.isoformat()) for name in ("excel", "csv")
    }
    return render_template("stock/valuation.html", valuation=valuation, links=links)


@blueprint.get("/stock.xlsx")
@allow(Permission.READ_BOOKS)
def excel() -> Response:
    """Return the same as an Excel file."""
    valuation = _valuation()
    response = make_response(valuation_file(valuation))
    response.content_type = MEDIA_TYPE
    name = f"stock-{valuation.on.isoformat()}.xlsx"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


@blueprint.get("/stock.csv")
@allow(Permission.READ_BOOKS)
def csv() -> Response:
    """Return the same as a CSV file."""
    valuation = _valuation()
    header = (
        *(_("Number"), _("Goods"), _("Category"), _("Shelf place"), _("Pieces")),
        *(_("Price (points)"), _("Price (yuan)"), _("Worth (points)"), _("Worth (yuan)")),
    )
    rows = [
        (
            *(valued.item.number, valued.item.name, valued.item.category, valued.item.shelf),
            *(valued.pieces, "" if valued.price_points is None else valued.price_points),
            "" if valued.price_fen is None else yuan_figure(valued.price_fen),
            *(valued.worth.points, yuan_figure(valued.worth.fen)),
        )
        for valued in valuation.items
    ]
    return csv_response(f"stock-{valuation.on.isoformat()}.csv", header, rows)


def _valuation() -> Valuation:
    """Return the stock of the day that the query names; of today where it names none."""
    today = clock.today(current_standing().community.time_zone)
    with reading() as book:
        return value_stock(book, current_actor(), on=_day(request.args.get("on", ""), today))


def _day(text: str, today: date) -> date:
    try:
        return min(date.fromisoformat(text), today)
    except ValueError:
        return today
