"""What the server loads: `granian --interface wsgi --factory web.serving:application`."""

from flask import Flask

from timebank.settings import read_settings
from web.app import create_app


def application() -> Flask:
    """Return the application with the settings of the environment."""
    return create_app(read_settings())
