"""The application as the benchmark of HTTP serves it: ours, and one view that does nothing."""

from flask import Flask

from timebank.settings import read_settings
from web.app import create_app

EMPTY = "/bench/empty"


def application() -> Flask:
    """Return the application with the empty view that everything is compared with."""
    app = create_app(read_settings())
    app.add_url_rule(EMPTY, "bench_empty", lambda: "")
    return app
