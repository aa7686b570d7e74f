"""The reader's own choices on this device: language, colours, elder version and text size.

They are cookies, because they belong to the phone and not to the person; a GET never writes, so
each switch is a one-tap form.
"""

from typing import Any, Final
from urllib.parse import urlsplit

from flask import Flask, current_app, redirect, request, url_for
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response

from timebank.settings import LOCALES
from web import session
from web.auth import public
from web.i18n import LOCALE_COOKIE

YEAR_SECONDS: Final = 365 * 24 * 3600
CHOICES: Final = {
    LOCALE_COOKIE: LOCALES,
    "theme": ("auto", "light", "dark"),
    "elder": ("0", "1", "2", "3"),
}
"""Cookie name -> the values it may have; `elder` 1 to 3 is the text size 20, 24 or 30 pixels."""
DEFAULTS: Final = {"theme": "auto", "elder": "0"}


def preference(name: str) -> str:
    """Return the reader's choice for `theme` or `elder`."""
    chosen = request.cookies.get(name, "")
    return chosen if chosen in CHOICES[name] else DEFAULTS[name]


@public
def set_preferences() -> Response:
    """Keep the choices sent and lead back to the page they were made on."""
    answer = redirect(local_path(request.form.get("next", "")))
    for name, values in CHOICES.items():
        chosen = request.form.get(name, "")
        if chosen in values:
            answer.set_cookie(
                name,
                chosen,
                max_age=YEAR_SECONDS,
                samesite="Lax",
                httponly=True,
                secure=session.settings().is_secure,
            )
    return answer


def local_path(address: str) -> str:
    """Return `address` when it is a path of ours, else the home page.

    So no link of a stranger leads away from here.
    """
    parts = urlsplit(address)
    is_ours = address.startswith("/") and not parts.scheme and not parts.netloc
    has_tricks = "\\" in address or any(ord(char) < ord(" ") for char in address)
    return address if is_ours and not has_tricks and not address.startswith("//") else "/"


def here() -> str:
    """Return where a switch on this page leads back to.

    This page if it can be opened by GET, else home.
    """
    adapter = current_app.create_url_adapter(request)
    assert adapter is not None
    try:
        adapter.match(request.path, method="GET")
    except HTTPException:
        return "/"
    return request.full_path.rstrip("?") if request.method == "GET" else request.path


def init(app: Flask) -> None:
    """Connect the route and the template functions."""
    app.add_url_rule("/preferences", "set_preferences", set_preferences, methods=["POST"])

    def for_templates() -> dict[str, Any]:
        return {"preference": preference, "here": here, "switch_to": url_for("set_preferences")}

    app.context_processor(for_templates)
