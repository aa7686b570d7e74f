"""Every refusal and every error as a clear answer.

A page in the reader's language with the next step, or one JSON shape.

    {"code": "insufficient", "message": "…", "details": {"have": 12, "need": 30}}

A problem of a field stands in `details.fields`: `{"pieces": ["…"]}`. Never a stack trace.
"""

from http import HTTPStatus
from typing import Any, Final

import structlog
from flask import Flask, Response, g, jsonify, make_response, render_template, request, url_for
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException, InternalServerError, MethodNotAllowed

from timebank.errors import Refusal
from timebank.people.errors import SignInRequired
from web.auth import CRASHED, find_standing, wants_json
from web.fields import problem_text
from web.i18n import N_, said, say
from web.menu import workplace_entry

log = structlog.get_logger()

GENERIC: Final = {
    400: ("bad_request", N_("The request could not be read. Please go back and try again.")),
    404: ("not_found", N_("There is nothing here.")),
    405: ("method_not_allowed", N_("This address cannot be used in this way.")),
    413: ("too_large", N_("This is too large: files may have up to 8 MB.")),
    415: ("unsupported_media_type", N_("This kind of content cannot be read here.")),
    422: ("invalid", N_("Please check what was entered.")),
    503: ("unavailable", N_("The book cannot be reached at the moment. Please try again.")),
    429: (
        "rate_limited",
        N_("Too many tries in a short time. Please wait a minute and try again."),
    ),
    500: (
        "internal_error",
        N_("Something went wrong on our side. Nothing was changed. Please try again."),
    ),
}
ADVICE: Final = {
    403: N_("If you think you should be able to, ask the community office."),
    404: N_("Perhaps the address is old, or it belongs to another community."),
    405: N_("Please start again from the home page."),
    413: N_("Please choose a smaller file, or take the picture again with less detail."),
    429: N_("Nothing is lost; what was entered so far stays as it is."),
    500: N_("If it happens again, tell the community office the number below."),
}
CSRF_MESSAGE: Final = N_(
    "This page was open for a long time, or cookies are off. "
    "Please open it again and send once more."
)


def init(app: Flask) -> None:
    """Connect the handlers."""
    app.register_error_handler(Refusal, on_refusal)
    app.register_error_handler(CSRFError, on_csrf_error)
    app.register_error_handler(HTTPException, on_http_error)
    app.register_error_handler(InternalServerError, on_crash)


def on_refusal(refusal: Refusal) -> Response:
    """Answer a rule's refusal."""
    advice = getattr(refusal, "advice", None) or ADVICE.get(refusal.status)
    answer = _answer(refusal.status, refusal.code, said(refusal), refusal.details, advice)
    if isinstance(refusal, SignInRequired):
        answer.headers["WWW-Authenticate"] = "Bearer"
    return answer


def on_csrf_error(error: CSRFError) -> Response:
    """Answer a form without a good CSRF token."""
    del error
    return _answer(HTTPStatus.BAD_REQUEST, "csrf", say(CSRF_MESSAGE, {}), {}, None)


def on_http_error(error: HTTPException) -> Response:
    """Answer what the framework refuses; field problems of the API come this way too."""
    if error.response is not None and error.code is None:
        return make_response(error.response)
    status = error.code or HTTPStatus.INTERNAL_SERVER_ERROR
    if status < HTTPStatus.BAD_REQUEST:
        return make_response(error.get_response())
    code, message = GENERIC.get(status, GENERIC[400])
    answer = _answer(status, code, say(message, {}), _field_details(error), ADVICE.get(status))
    if isinstance(error, MethodNotAllowed) and error.valid_methods:
        answer.headers["Allow"] = ", ".join(sorted(error.valid_methods))
    for name, value in _retry_headers(error):
        answer.headers[name] = value
    return answer


def on_crash(error: InternalServerError) -> Response:
    """Answer a fault of ours: logged with the request's number, which the reader is shown."""
    log.error("crash", path=request.path, exc_info=error.original_exception or error)
    code, message = GENERIC[500]
    return _answer(500, code, say(message, {}), {"request": g.get("request_id", "")}, ADVICE[500])


def _answer(
    status: int, code: str, message: str, details: dict[str, Any], advice: str | None
) -> Response:
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        setattr(g, CRASHED, True)
    if wants_json():
        answer = jsonify(code=code, message=message, details=details)
    else:
        workplace = workplace_entry()
        answer = make_response(
            render_template(
                "errors/at_work.html" if workplace else "errors/refusal.html",
                workplace=workplace,
                status=status,
                message=message,
                advice=say(advice, {}) if advice else "",
                number=g.get("request_id", "")
                if status == HTTPStatus.INTERNAL_SERVER_ERROR
                else "",
                way_back=_way_back(),
                sign_in=_sign_in_address() if status == HTTPStatus.UNAUTHORIZED else "",
            )
        )
    answer.status_code = status
    return answer


def _field_details(error: HTTPException) -> dict[str, Any]:
    """Return the translated problems by field that webargs attached, if any."""
    messages = getattr(error, "data", {}).get("messages", {}) if hasattr(error, "data") else {}
    fields: dict[str, Any] = {}
    for by_field in messages.values():
        if isinstance(by_field, dict):
            fields.update({str(name): _translated(texts) for name, texts in by_field.items()})
        else:
            fields["request"] = _translated(by_field)
    return {"fields": fields} if fields else {}


def _translated(texts: Any) -> Any:
    if isinstance(texts, dict):
        return {str(key): _translated(inner) for key, inner in texts.items()}
    if isinstance(texts, list):
        return [_translated(inner) for inner in texts]
    return problem_text(texts)


def _retry_headers(error: HTTPException) -> list[tuple[str, str]]:
    kept = {"retry-after", "www-authenticate"}
    return [(name, value) for name, value in error.get_headers() if name.lower() in kept]


def _way_back() -> str:
    """Return the page the reader came from, if it is ours."""
    referrer = request.referrer or ""
    return referrer if referrer.startswith(request.host_url) and referrer != request.url else ""


def _sign_in_address() -> str:
    assert find_standing() is None, "a signed-in reader is never asked to sign in"
    return url_for("account.sign_in")
