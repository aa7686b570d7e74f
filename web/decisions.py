"""Buttons that decide something: one rule, then a sentence on the page that the button stood on."""

from collections.abc import Callable

from flask import flash, redirect
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from timebank.errors import NotFound, Refusal
from web.i18n import said
from web.session import begin


def decide(rule: Callable[[Session], object], *, done: str, back: str) -> Response:
    """Run a rule in the one write session of a view, and lead back with what came of it.

    Args:
        rule: decides; what is not there stays an answer of its own (404).
        done: said when it was done, in the reader's language.
        back: address of the page that shows it.
    """
    try:
        with begin() as session:
            rule(session)
    except NotFound:
        raise
    except Refusal as refusal:
        flash(said(refusal), "no")
    else:
        flash(done, "ok")
    return redirect(back)
