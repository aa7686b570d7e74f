"""The public calendar: a month at a glance and a feed for calendar programs, without any name."""

from datetime import date
from typing import Final

from flask import Blueprint, Response, g, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from timebank.people import organisations
from timebank.service import announcements, icalendar
from timebank.service.announcements import Announcement
from web import service_words
from web.auth import public
from web.i18n import say
from web.security import limiter
from web.session import reading, settings

LOOKS_PER_ADDRESS: Final = "120/minute"
KEPT_SECONDS: Final = 300
MONTH_LENGTH_MAX: Final = 20

blueprint = Blueprint("calendar", __name__, url_prefix="/calendar")


@blueprint.get("/")
@public
@limiter.limit(LOOKS_PER_ADDRESS)
def choose() -> str | AnyResponse:
    """Let the reader choose a community; lead on where there is only one."""
    with reading() as session:
        communities = organisations.list_communities(session)
    if len(communities) == 1:
        return redirect(url_for("calendar.show", code=communities[0].code))
    return render_template("calendar/choose.html", communities=communities)


@blueprint.get("/<code>/")
@public
@limiter.limit(LOOKS_PER_ADDRESS)
def show(code: str) -> str:
    """Show one month."""
    asked = request.args.get("month", "")[:MONTH_LENGTH_MAX]
    with reading() as session:
        month = announcements.read_month(session, code=code, month_of=_month(asked))
    g.time_zone = month.community.time_zone
    is_shown = asked in ("", f"{month.begins_on:%Y-%m}")
    return render_template(
        "calendar/show.html", month=month, unknown_month="" if is_shown else asked
    )


@blueprint.get("/<code>/services.ics")
@public
@limiter.limit(LOOKS_PER_ADDRESS)
def feed(code: str) -> Response:
    """Return the feed: from a month ago on, called-off days included."""
    with reading() as session:
        community, lines = announcements.read_feed(session, code=code)
    page = f"{settings().base_url}{url_for('calendar.show', code=community.code)}"
    text = icalendar.write(community.name, (_event(line, page) for line in lines))
    answer = Response(text, content_type="text/calendar; charset=utf-8")
    answer.headers["Content-Disposition"] = f'inline; filename="{community.code}.ics"'
    answer.headers["Cache-Control"] = f"public, max-age={KEPT_SECONDS}"
    return answer


def _event(line: Announcement, page: str) -> icalendar.Event:
    occasion = line.occasion
    return icalendar.Event(
        uid=f"{occasion.id}@timebank",
        sequence=occasion.sequence,
        revised_at=line.revised_at,
        starts_at=occasion.starts_at,
        ends_at=occasion.ends_at,
        summary=occasion.title,
        location=f"{line.site.name} {line.site.address}",
        category=say(service_words.KINDS_OF_OCCASION[occasion.kind], {}),
        url=f"{page}?month={occasion.occurs_on:%Y-%m}",
        is_called_off=line.is_called_off,
    )


def _month(text: str) -> date | None:
    """Return the first day of `2026-11`, or None for what is no month."""
    try:
        return date.fromisoformat(f"{text}-01")
    except ValueError:
        return None
