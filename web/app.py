"""Makes the application: `create_app(settings)`.

One request: `web/security.py` numbers it, `web/auth.py` reads who asks (one statement), the view
loads its input, opens one `with begin()` or
`with reading()`, calls one rule and shows the result; `web/errors.py` answers refusals.

A page module has `blueprint` (a Flask Blueprint) and may have `MENU` (see `web/menu.py`); an API
module has `blueprint` made by `web.api.area`.
"""

from importlib import import_module
from types import ModuleType
from typing import Final

from flask import Flask
from flask_compress import Compress
from jinja2 import StrictUndefined

from ledger.database import Database
from timebank.settings import Settings
from web import (
    api,
    assets,
    auth,
    duty_words,
    errors,
    i18n,
    icons,
    logs,
    menu,
    message_words,
    policy_words,
    security,
    service_words,
    session,
    till_number,
    words,
)
from web.preferences import init as init_preferences

PAGES: Final = (
    "web.pages.public",
    "web.pages.books",
    "web.pages.account",
    "web.pages.members",
    "web.pages.member",
    "web.pages.volunteer",
    "web.pages.scan",
    "web.pages.messages",
    "web.pages.calendar",
    "web.pages.leader",
    "web.pages.clerk",
    "web.pages.desk",
    "web.pages.days",
    "web.pages.day_changes",
    "web.pages.rosters",
    "web.pages.duty_people",
    "web.pages.shifts",
    "web.pages.policies",
    "web.pages.commendations",
    "web.pages.certificates",
    "web.pages.till_days",
    "web.pages.safe",
    "web.pages.goods",
    "web.pages.labels",
    "web.pages.stock",
    "web.pages.stocktakes",
    "web.pages.workshops",
    "web.pages.valuation",
    "web.pages.webhooks",
    "web.pages.reservations",
    "web.pages.own_receipts",
    "web.pages.households",
    "web.pages.corrections",
    "web.pages.offline",
    "web.pages.review",
    "web.pages.sheets",
)
API: Final = (
    "web.api.people",
    "web.api.service",
    "web.api.policies",
    "web.api.calendar",
    "web.api.rosters",
    "web.api.swaps",
    "web.api.attendance",
    "web.api.corrections",
    "web.api.offline",
    "web.api.till",
    "web.api.households",
    "web.api.till_days",
    "web.api.goods",
    "web.api.stock",
    "web.api.reservations",
    "web.api.rewards",
    "web.api.proofs",
    "web.api.events",
)


def create_app(settings: Settings, *, database: Database | None = None) -> Flask:
    """Return the application, ready to serve.

    Args:
        settings: checked settings.
        database: an open book to share; None opens the one of the settings.

    Raises:
        AssertionError: a view declares no access, or the menu names a page that does not exist.
    """
    app = Flask(__name__, static_folder=None)
    app.jinja_env.undefined = StrictUndefined
    app.jinja_env.trim_blocks = True
    app.jinja_env.lstrip_blocks = True
    security.configure(app, settings)
    logs.configure()
    session.attach(app, settings, database)
    i18n.init(app)
    auth.init(app)
    security.init(app, settings)
    errors.init(app)
    assets.init(app)
    init_preferences(app)
    app.jinja_env.globals["icon"] = icons.icon
    icons.drawings()
    words.init(app)
    service_words.init(app)
    duty_words.init(app)
    policy_words.init(app)
    message_words.init(app)
    till_number.init(app)
    _compress(app)
    _register(app)
    return app


def _register(app: Flask) -> None:
    """Connect every area and check that each view declares its access."""
    pages = _modules(PAGES)
    for module in pages:
        app.register_blueprint(module.blueprint)
    api.init(app, [module.blueprint for module in _modules(API)])
    menu.gather(app, pages)
    auth.access_table(app)


def _modules(names: tuple[str, ...]) -> list[ModuleType]:
    return [import_module(name) for name in names]


def _compress(app: Flask) -> None:
    app.config.update(
        COMPRESS_ALGORITHM=["br", "gzip"],
        COMPRESS_BR_LEVEL=5,
        COMPRESS_MIMETYPES=[
            "text/html",
            "text/css",
            "text/javascript",
            "application/json",
            "image/svg+xml",
        ],
    )
    Compress(app)
