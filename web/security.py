"""What every answer carries: security policy, cache rules, the request's number.

And the cookies that fit the address.
"""

import secrets
from datetime import timedelta
from typing import Any, Final

import structlog
from flask import Flask, Response, g
from flask.json.provider import DefaultJSONProvider
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from flask_wtf.csrf import CSRFProtect

from timebank.settings import Settings

SESSION_LIFETIME: Final = timedelta(days=30)
UPLOAD_BYTES_MAX: Final = 8 * 1024 * 1024
FORM_FIELDS_MAX: Final = 2_000
REQUEST_ID_BYTES: Final = 5
POLICY: Final = "; ".join(
    (
        "default-src 'self'",
        "img-src 'self' data: blob:",
        "media-src 'self' blob:",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
HEADERS: Final = {
    "Content-Security-Policy": POLICY,
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
}

csrf = CSRFProtect()
limiter = Limiter(key_func=get_remote_address, storage_uri="memory://", headers_enabled=True)
"""Its headers tell a program how long to wait."""


class BoundedJson(DefaultJSONProvider):
    """JSON of requests: a body nested too deep is malformed, not a crash."""

    def loads(self, s: str | bytes, **kwargs: Any) -> Any:
        """Return the value of a text.

        Raises:
            ValueError: the text cannot be read.
        """
        try:
            return super().loads(s, **kwargs)
        except RecursionError as error:
            raise ValueError("the text is nested too deep") from error


def configure(app: Flask, settings: Settings) -> None:
    """Set the cookies, the limits and the JSON of the framework."""
    app.json = BoundedJson(app)
    app.config.update(
        SECRET_KEY=settings.secret_key,
        SESSION_COOKIE_NAME="__Host-timebank" if settings.is_secure else "timebank",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=settings.is_secure,
        PERMANENT_SESSION_LIFETIME=SESSION_LIFETIME,
        MAX_CONTENT_LENGTH=UPLOAD_BYTES_MAX,
        MAX_FORM_PARTS=FORM_FIELDS_MAX,
        PREFERRED_URL_SCHEME="https" if settings.is_secure else "http",
        WTF_CSRF_TIME_LIMIT=None,  # nobody is hurried: a page may stay open
        WTF_CSRF_HEADERS=["X-CSRFToken"],
    )


def init(app: Flask, settings: Settings) -> None:
    """Connect CSRF protection, rate limits and the headers."""
    csrf.init_app(app)
    limiter.init_app(app)
    app.before_request(_number_request)

    def finish(response: Response) -> Response:
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        if settings.is_secure:
            response.headers.setdefault("Strict-Transport-Security", "max-age=31536000")
        if "Cache-Control" not in response.headers:
            response.headers["Cache-Control"] = "private, no-store"
        response.headers["X-Request-ID"] = g.get("request_id", "")
        return response

    app.after_request(finish)


def _number_request() -> None:
    """Give the request a short number that a reader can tell by telephone."""
    g.request_id = secrets.token_hex(REQUEST_ID_BYTES)
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(request_id=g.request_id)
