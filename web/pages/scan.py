"""Scanning the venue code: the camera page, the page behind the code, the button, the answer.

The page behind a code is open to everybody; a stranger reads what the service is, and may sign in
and come back to it with the ticket made when the code was opened.
"""

import secrets
from typing import Any, Final

from flask import Blueprint, jsonify, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from timebank import clock
from timebank.actors import Permission
from timebank.codes import Scan, ScanKind, read_scan
from timebank.service import arrivals, checkin
from timebank.service.arrivals import Arrival
from timebank.service.checkin import NONCE_LENGTH_MAX, NONCE_LENGTH_MIN, Press
from timebank.service.decide import Decision, Intent, Reason, Status, Verdict
from timebank.service.flags import DEVICE_LENGTH_MAX
from timebank.service.models import AttendanceState
from web import service_words
from web.api import Args
from web.auth import allow, current_actor, find_standing, public
from web.fields import Checkbox, Choice, Text
from web.forms import Form
from web.i18n import _
from web.pictures import NotAPicture, read_codes
from web.preferences import YEAR_SECONDS
from web.security import limiter
from web.session import begin, keys, reading, settings

blueprint = Blueprint("scan", __name__)

NONCE_BYTES: Final = 16
DEVICE_BYTES: Final = 16
DEVICE_COOKIE: Final = "device"
"""A random text that tells two phones apart and nothing else; see `timebank.service.flags`."""
TICKET_LENGTH_MAX: Final = 120
FRAMES_PER_MINUTE: Final = "120 per minute"
PATHS: Final = {ScanKind.VENUE: "S", ScanKind.GOODS_PAGE: "G", ScanKind.CERTIFICATE: "V"}
JOINABLE: Final = (Reason.NOT_ENROLLED, Reason.WRONG_OCCASION)


class PressForm(Args):
    """The button of the page: the ticket, a nonce of the page, what the button said."""

    ticket = Text(required=True, length_min=1, length_max=TICKET_LENGTH_MAX)
    nonce = Text(required=True, length_min=NONCE_LENGTH_MIN, length_max=NONCE_LENGTH_MAX)
    intent = Choice(Intent, load_default=Intent.AUTO)
    join = Checkbox(load_default=False)


# ---------------------------------------------------------------- the page behind a code


@blueprint.get("/S/<code>")
@blueprint.get("/s/<code>", endpoint="open_code_lower")
@public
def open_code(code: str) -> str | tuple[str, int]:
    """Open a scanned venue code; nothing is written."""
    standing = find_standing()
    actor = standing.actor if standing else None
    with reading() as session:
        arrival = arrivals.open_venue_code(session, actor, keys(), code=code)
    return _arrival_page(arrival)


@blueprint.get("/me/arrive")
@allow(Permission.TAKE_PART)
def arrive() -> str | tuple[str, int]:
    """Open the page again after signing in, by its ticket."""
    ticket = request.args.get("ticket", "")[:TICKET_LENGTH_MAX]
    with reading() as session:
        arrival = arrivals.open_scan_ticket(session, current_actor(), keys(), ticket=ticket)
    return _arrival_page(arrival)


@blueprint.post("/me/check-in")
@allow(Permission.TAKE_PART)
def check_in() -> Response | tuple[str, int]:
    """Do what the button says, and say what happened."""
    form = Form.read(PressForm)
    if not form.is_valid:
        return _refusal_page(service_words.verdict(Verdict.INVALID), None), form.status
    device = _device()
    press = Press(form.data["nonce"], form.data["intent"], form.data["join"], device)
    with begin() as session:
        answer = checkin.check_in(
            session, current_actor(), keys(), ticket=form.data["ticket"], press=press
        )
    page = render_template(
        "volunteer/answer.html",
        answer=answer,
        kind=service_words.KINDS[answer.status],
        advice=service_words.advice(answer.reason),
    )
    response = make_response(page, answer.http_status)
    response.set_cookie(
        DEVICE_COOKIE,
        device,
        max_age=YEAR_SECONDS,
        samesite="Lax",
        httponly=True,
        secure=settings().is_secure,
    )
    return response


def _device() -> str:
    """Return what this browser was given at its first check-in; something new the first time."""
    kept = request.cookies.get(DEVICE_COOKIE, "")
    return kept[:DEVICE_LENGTH_MAX] or secrets.token_urlsafe(DEVICE_BYTES)


def _arrival_page(arrival: Arrival) -> str | tuple[str, int]:
    """Show the button, or at once what stands in the way."""
    if arrival.verdict is not Verdict.VALID:
        refusal = service_words.verdict(arrival.verdict)
        status = 404 if arrival.venue is None else 200
        return _refusal_page(refusal, arrival), status
    preview = arrival.preview
    is_refused = preview is not None and preview.status is Status.REFUSED
    if preview is not None and is_refused and preview.reason not in JOINABLE:
        return _refusal_page(preview, arrival)
    is_joining = is_refused or (preview is not None and preview.reason is Reason.NOT_ENROLLED)
    return render_template(
        "volunteer/arrive.html",
        arrival=arrival,
        venue=arrival.venue,
        preview=preview,
        is_joining=is_joining,
        is_leaving=arrival.state is AttendanceState.IN,
        served_minutes=_served_minutes(arrival),
        nonce=secrets.token_urlsafe(NONCE_BYTES),
    )


def _served_minutes(arrival: Arrival) -> int:
    if arrival.in_at is None:
        return 0
    return int((clock.now() - arrival.in_at).total_seconds()) // 60


def _refusal_page(refusal: Decision, arrival: Arrival | None) -> str:
    return render_template(
        "volunteer/refused.html",
        refusal=refusal,
        venue=arrival.venue if arrival else None,
        advice=service_words.advice(refusal.reason),
    )


# ---------------------------------------------------------------- the camera


@blueprint.get("/me/scan")
@allow(Permission.TAKE_PART)
def camera() -> str:
    """Show the camera page."""
    return render_template("volunteer/scan.html", problem="")


@blueprint.post("/me/scan")
@allow(Permission.TAKE_PART)
def photo() -> Response | tuple[str, int]:
    """Read a photo and go where its code leads."""
    file = request.files.get("photo")
    content = file.read() if file else b""
    try:
        path = _path_in(content)
    except NotAPicture:
        problem = _("This file is not a picture. Please choose a JPEG, PNG or WEBP photo.")
        return render_template("volunteer/scan.html", problem=problem), 422
    if path is None:
        problem = _("No code of ours was found in the picture. Please go closer and hold still.")
        return render_template("volunteer/scan.html", problem=problem), 422
    return redirect(path)


@blueprint.post("/me/scan/frame")
@allow(Permission.TAKE_PART)
@limiter.limit(FRAMES_PER_MINUTE)
def frame() -> Response:
    """Read one frame of the camera; `path` is where its code leads, or null."""
    return jsonify(path=_path_in(request.get_data()))


@blueprint.post("/me/scan/text")
@allow(Permission.TAKE_PART)
def text() -> Response:
    """Go where a text leads that the browser itself read from the camera."""
    sent: Any = request.get_json(silent=True)
    read = sent.get("text") if isinstance(sent, dict) else None
    return jsonify(path=_path_of(read_scan(read)) if isinstance(read, str) else None)


def _path_in(content: bytes) -> str | None:
    paths = [_path_of(read_scan(found)) for found in read_codes(content)]
    return next((path for path in paths if path), None)


def _path_of(scan: Scan) -> str | None:
    """Return the page of a code of ours; never an address on another host."""
    letter = PATHS.get(scan.kind)
    if letter is None:
        return None
    if letter == "S":
        return url_for("scan.open_code", code=scan.value)
    return f"/{letter}/{scan.value}"
