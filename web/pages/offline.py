"""The leader's page that works without a network: page, worker, manifest and its two calls.

The page is kept on the device by a service worker whose text names the content of every file, so
that a new release takes its place. What the page knows comes from `list`, what it scanned goes to
`scans`; the rules are `timebank/service/snapshot.py` and `sync.py`, the page's own are
`web/static/js/offline*.js`.
"""

import hashlib
import json
from functools import cache
from typing import Any, Final

import marshmallow as ma
from flask import Blueprint, Response, jsonify, render_template, request, url_for
from flask_wtf.csrf import generate_csrf

from timebank.actors import Permission
from timebank.service import snapshot
from web.api.offline import SnapshotOut, TellArgs, ToldOut, listed, tell
from web.assets import asset, assets
from web.auth import allow, current_actor, public
from web.errors import GENERIC
from web.i18n import _, say
from web.offline_words import page_words
from web.session import reading

blueprint = Blueprint("offline", __name__, url_prefix="/lead/offline")

RUN: Final = Permission.RUN_OCCASION
WORKER: Final = "js/offline-worker.js"
FILES: Final = (
    "bootstrap.min.css",
    "timebank.css",
    "service.css",
    "icon.svg",
    "timebank.js",
    "js/offline.js",
    "js/offline-store.js",
    "js/offline-scan.js",
    "js/decide.js",
    "js/timing.js",
    "js/tones.js",
)
"""What the page needs; the tests open it without a network, so none can be forgotten."""
MARK_LENGTH: Final = 16


@blueprint.get("/")
@allow(RUN)
def page() -> str:
    """Show the page; it holds no names, they come with the list."""
    return render_template("leader/offline.html", words=json.dumps(page_words()))


@blueprint.get("/worker.js")
@public
def worker() -> Response:
    """Serve the worker of this release; a browser asks for it anew at every visit."""
    files = [asset(name) for name in FILES]
    release = {"page": url_for("offline.page"), "files": files, "mark": _mark()}
    text = f"const RELEASE = {json.dumps(release)};\n" + assets()[WORKER].content.decode()
    response = Response(text, content_type="text/javascript; charset=utf-8")
    response.cache_control.no_cache = True
    # every page of the leader leads to this one where there is no network
    response.headers["Service-Worker-Allowed"] = url_for("leader.list_all")
    return response


@blueprint.get("/app.webmanifest")
@public
def manifest() -> Response:
    """Serve what a tablet needs to put the page on its home screen."""
    response = jsonify(
        name=_("Check-in without a network"),
        short_name=_("Check-in"),
        start_url=url_for("offline.page"),
        scope=url_for("offline.page"),
        id=url_for("offline.page"),
        display="standalone",
        background_color="#fbf8f2",
        theme_color="#fbf8f2",
        icons=[{"src": asset("icon.svg"), "sizes": "any", "type": "image/svg+xml"}],
    )
    response.mimetype = "application/manifest+json"
    response.cache_control.no_cache = True
    return response


@blueprint.get("/list")
@allow(RUN)
def take_list() -> Response:
    """Give the lists of the day, with the token for what is told later."""
    with reading() as session:
        taken = listed(snapshot.take(session, current_actor()))
    return jsonify({**SnapshotOut().dump(taken), "csrf_token": generate_csrf()})


@blueprint.post("/scans")
@allow(RUN)
def tell_scans() -> Response:
    """Take in a part of the queue."""
    try:
        args: dict[str, Any] = TellArgs().load(request.get_json())
    except ma.ValidationError as error:
        return _unreadable(error)
    return jsonify(ToldOut().dump(tell(args)))


def _unreadable(error: ma.ValidationError) -> Response:
    """Answer a queue that no page of ours sends, in the one shape of errors."""
    code, template = GENERIC[422]
    message = say(template, {})
    names = error.messages if isinstance(error.messages, dict) else {}
    fields = {str(name): [message] for name in names}
    response = jsonify(code=code, message=message, details={"fields": fields})
    response.status_code = 422
    return response


@cache
def _mark() -> str:
    """Return a mark of the content of everything that is kept on the device."""
    digests = "".join(assets()[name].digest for name in (*FILES, WORKER))
    return hashlib.sha256(digests.encode()).hexdigest()[:MARK_LENGTH]
