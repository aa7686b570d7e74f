"""The fund in public: what came in, what was spent, project by project; no sign-in, no names."""

import re
from datetime import date
from typing import Final
from uuid import UUID

from flask import Blueprint, g, make_response, render_template, request
from werkzeug.wrappers import Response

from timebank import clock
from timebank.commons.errors import ProjectNotFound
from timebank.commons.fund_statements import FundStatement, read_public, read_public_project
from timebank.commons.models import ProjectState
from timebank.commons.pictures import pictures_of, read_public_picture
from timebank.commons.statements import month_of
from timebank.people.organisations import find_community
from web.auth import public
from web.chart_svg import bars_svg
from web.pages.books import LOOKS_PER_ADDRESS
from web.security import limiter
from web.session import reading

MONTH: Final = re.compile(r"(?P<year>20[0-9]{2})-(?P<month>0[1-9]|1[0-2])")

blueprint = Blueprint("public_fund", __name__)


@blueprint.get("/books/<code>/fund/")
@public
@limiter.limit(LOOKS_PER_ADDRESS)
def show(code: str) -> str:
    """Show the statement of a month; the present one where none is asked for."""
    with reading() as session:
        community = find_community(session, code=code)
        today = clock.today(community.time_zone)
        asked = month_asked(request.args.get("month", ""))
        statement = read_public(session, code=code, on=asked, today=today)
    g.time_zone = community.time_zone
    return render_template(
        "fund/public.html",
        statement=statement,
        chart=bars_svg(statement.bars),
        earlier=_month_before(statement),
        later=_month_after(statement, today),
    )


@blueprint.get("/books/<code>/fund/projects/<int:number>")
@public
@limiter.limit(LOOKS_PER_ADDRESS)
def project(code: str, number: int) -> str:
    """Show an approved project: what for, what was spent line by line, what came of it."""
    with reading() as session:
        community, found = read_public_project(session, code=code, number=number)
        if found is None:
            raise ProjectNotFound
        is_closed = found.project.state is ProjectState.CLOSED
        pictures = pictures_of(session, found.project) if is_closed else []
    g.time_zone = community.time_zone
    return render_template(
        "fund/public_project.html",
        community=community,
        found=found,
        is_closed=is_closed,
        pictures=pictures,
    )


@blueprint.get("/books/<code>/fund/pictures/<uuid:photo_id>")
@public
@limiter.limit(LOOKS_PER_ADDRESS)
def picture(code: str, photo_id: UUID) -> Response:
    """Serve a picture of the report of a closed project."""
    with reading() as session:
        found = read_public_picture(session, code=code, photo_id=photo_id)
    answer = make_response(found.content)
    answer.content_type = found.media_type
    answer.set_etag(found.id.hex)
    answer.cache_control.public = True
    return answer.make_conditional(request)


def month_asked(text: str) -> date | None:
    """Return the first day of a month such as 2026-11; None for what is none."""
    found = MONTH.fullmatch(text)
    return date(int(found["year"]), int(found["month"]), 1) if found else None


def _month_before(statement: FundStatement) -> str:
    return f"{date.fromordinal(statement.first_on.toordinal() - 1):%Y-%m}"


def _month_after(statement: FundStatement, today: date) -> str:
    """Return the month after; empty where it has not come yet."""
    after = date.fromordinal(statement.last_on.toordinal() + 1)
    return f"{after:%Y-%m}" if after <= month_of(today)[1] else ""
