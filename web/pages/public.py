"""What anybody may open: the first page, the way home, health and the browsable API."""

from typing import Any

from flask import (
    Blueprint,
    Response,
    current_app,
    jsonify,
    redirect,
    render_template,
    url_for,
)
from werkzeug.wrappers import Response as AnyResponse

from timebank.actors import Permission
from timebank.codes import Scan, ScanKind
from timebank.people.cards import member_by_card
from timebank.people.organisations import is_alive
from web.auth import find_standing, public
from web.menu import home_of
from web.session import reading

blueprint = Blueprint("public", __name__)


@blueprint.get("/")
@public
def home() -> str | AnyResponse:
    """Lead a member to their workplace; tell a stranger what this is."""
    standing = find_standing()
    if standing is not None:
        return redirect(home_of(standing.roles))
    return render_template("public/home.html")


@blueprint.get("/healthz")
@public
def health() -> Response:
    """Tell a watcher whether the book can be read."""
    with reading() as book:
        is_alive(book)
    return jsonify(status="ok")


@blueprint.app_template_filter()
def inlined(schema: Any, spec: dict[str, Any]) -> Any:
    """Return a schema with its references replaced by what they name, for reading."""
    if isinstance(schema, list):
        return [inlined(inner, spec) for inner in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return inlined(spec["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]], spec)
    return {key: inlined(inner, spec) for key, inner in schema.items()}


@blueprint.get("/C/<token>")
@blueprint.get("/c/<token>", endpoint="open_card_lower")
@public
def open_card(token: str) -> str | AnyResponse:
    """Tell a stranger what a scanned card is, and lead who manages members to the record.

    An unknown card is answered like a good one, so that nobody learns which exist.
    """
    standing = find_standing()
    if standing is not None and standing.actor.may(Permission.MANAGE_MEMBERS):
        with reading() as book:
            scan = Scan(ScanKind.CARD_TOKEN, token)
            member = member_by_card(book, standing.community.id, scan)
        return redirect(url_for("member.show", member_id=member.id))
    return render_template("public/card.html")


@blueprint.get("/docs")
@public
def api_documentation() -> str:
    """Show every operation of the API from its own specification."""
    return render_template("public/docs.html", spec=current_app.extensions["openapi"])
