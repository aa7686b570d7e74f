"""Labels: choose goods and how many of each, then print a sheet or a roll."""

import re
from typing import Final

from flask import Blueprint, make_response, render_template, request
from werkzeug.wrappers import Response

from timebank import clock
from timebank.actors import Permission
from timebank.shop.goods import find_items
from timebank.shop.stock import read_shelf
from web.auth import allow, current_actor, current_standing
from web.i18n import _
from web.labels import LABELS_MAX, Layout, Wanted, labels_pdf
from web.session import reading, settings

COUNT_FIELD: Final = re.compile("n([0-9]{1,8})")
WHOLE: Final = re.compile("[0-9]{1,3}", re.ASCII)

blueprint = Blueprint("labels", __name__, url_prefix="/till/labels")


@blueprint.get("/")
@allow(Permission.HANDLE_GOODS)
def choose() -> str:
    """Show all goods, each with a box for the number of labels."""
    return _choose_page()


@blueprint.get("/labels.pdf")
@allow(Permission.HANDLE_GOODS)
def pdf() -> Response:
    """Return the labels as a PDF; nothing is written."""
    counts = _counts()
    total = sum(counts.values())
    if not 1 <= total <= LABELS_MAX:
        problem = _(
            "Choose 1 to %(count_max)s labels; you chose %(count)s.",
            count_max=LABELS_MAX,
            count=total,
        )
        return make_response(_choose_page(problem), 422)
    with reading() as book:
        items = find_items(book, current_actor(), item_numbers=list(counts))
    community = current_standing().community
    made = labels_pdf(
        [Wanted(items[number], count) for number, count in counts.items()],
        layout=Layout.ROLL if request.args.get("layout") == Layout.ROLL else Layout.SHEET,
        community_code=community.code,
        base_url=settings().base_url,
        on=clock.today(community.time_zone),
    )
    response = make_response(made)
    response.content_type = "application/pdf"
    response.headers["Content-Disposition"] = 'inline; filename="labels.pdf"'
    return response


def _choose_page(problem: str = "") -> str:
    with reading() as book:
        entries = read_shelf(book, current_actor())
    return render_template(
        "goods/choose_labels.html",
        entries=entries,
        counts=_counts(),
        problem=problem,
        count_max=LABELS_MAX,
    )


def _counts() -> dict[int, int]:
    """Return how many labels of which goods the query asks for."""
    found: dict[int, int] = {}
    for name, value in request.args.items():
        named = COUNT_FIELD.fullmatch(name)
        if named and WHOLE.fullmatch(value.strip()) and int(value):
            found[int(named[1])] = int(value)
    return found
