"""What anybody may open: the first page, the way home, health and the browsable API."""

from typing import Any

from flask import Blueprint, Response, current_app, jsonify, redirect, render_template
from werkzeug.wrappers import Response as AnyResponse

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


@blueprint.get("/docs")
@public
def api_documentation() -> str:
    """Show every operation of the API from its own specification."""
    return render_template("public/docs.html", spec=current_app.extensions["openapi"])
