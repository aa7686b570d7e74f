"""Which till this PC is: chosen once, kept by the browser.

A cookie, because the number belongs to the counter and not to the clerk; without one it is till 1.
"""

import re
from typing import Final

from flask import Flask, request
from werkzeug.wrappers import Response

from timebank.shop.sale_models import TILL_NUMBER_MAX
from web import session
from web.preferences import YEAR_SECONDS

COOKIE: Final = "till"
FIRST: Final = 1
NUMBER: Final = re.compile(f"[1-{TILL_NUMBER_MAX}]")
NUMBERS: Final = tuple(range(1, TILL_NUMBER_MAX + 1))


def this_till() -> int:
    """Return the number of the till that asks."""
    kept = request.cookies.get(COOKIE, "")
    return int(kept) if NUMBER.fullmatch(kept) else FIRST


def keep_number(answer: Response, till_number: int) -> Response:
    """Let the browser keep which till it is."""
    answer.set_cookie(
        COOKIE,
        str(till_number),
        max_age=YEAR_SECONDS,
        samesite="Lax",
        httponly=True,
        secure=session.settings().is_secure,
    )
    return answer


def init(app: Flask) -> None:
    """Give the templates the number of the till that asks."""
    app.jinja_env.globals["this_till"] = this_till
