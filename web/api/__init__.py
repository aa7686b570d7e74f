"""The JSON API under /api/v1: what every area's blueprint shares.

An area writes its schemas (`…Args` in, `…Out` out; subclasses of `Args` and `Out`), then its
endpoints:

    blueprint = area("members", "Members of the community")

    @blueprint.route("/members", methods=["POST"])
    @allow(Permission.MANAGE_MEMBERS)
    @blueprint.arguments(AddMemberArgs)
    @blueprint.response(201, MemberOut)
    def add_member(args: dict[str, Any]) -> Member: ...

Only a bearer token counts here (`Authorization: Bearer …`), so no CSRF token is asked for. The
errors that any operation may answer are documented
by `area` itself.
"""

from collections.abc import Callable, Iterable
from functools import wraps
from http import HTTPStatus
from typing import Any, Final, TypeVar, cast

import flask_smorest
import marshmallow as ma
from flask import Flask, Request, request
from webargs.flaskparser import FlaskParser
from werkzeug.exceptions import BadRequest, UnsupportedMediaType

from timebank.actors import Permission
from web.auth import ACCESS_ATTRIBUTE, public
from web.fields import QuerySchema
from web.security import csrf

PREFIX: Final = "/api/v1"
REFUSALS_ATTRIBUTE: Final = "refusals_documented"
LINKS_ATTRIBUTE: Final = "links_documented"
View = TypeVar("View", bound=Callable[..., Any])
SPECIFICATION: Final = "api-docs.openapi_json"
BEARER_SCHEME: Final = "token"
ERROR_REFERENCE: Final = {"$ref": "#/components/schemas/ErrorOut"}
"""Written out: to look `ErrorOut` up for each of 700 answers takes a tenth of the start."""
ERRORS_OF_ALL: Final = (400, 405, 413, 415, 422, 429, 503)
MEDIA_TYPES: Final = {"json": "application/json", "files": "multipart/form-data"}
"""What a body has to be, by where the arguments are."""
ERRORS_OF_MEMBERS: Final = (401, 403, 404, 409)


class Args(ma.Schema):
    """What comes in: unknown fields are refused."""

    class Meta:
        """Options of marshmallow."""

        unknown = ma.RAISE


class QueryArgs(QuerySchema):
    """What comes in the query string: unknown names are refused too."""

    class Meta:
        """Options of marshmallow."""

        unknown = ma.RAISE


class Out(ma.Schema):
    """What goes out."""


class ErrorOut(ma.Schema):
    """The one error shape; the answer to a scan adds its status, reason and next action."""

    class Meta:
        """Options of marshmallow: further members are allowed."""

        unknown = ma.INCLUDE

    code = ma.fields.String(required=True, metadata={"description": "Stable, snake_case."})
    message = ma.fields.String(
        required=True, metadata={"description": "In the language of Accept-Language."}
    )
    details = ma.fields.Dict(
        required=True, metadata={"description": "The facts; `fields` names each wrong field."}
    )


class _Parser(FlaskParser):
    """Reads bodies; one too deep or with too long a number is a bad request like any other."""

    def load_json(self, req: Request, schema: ma.Schema) -> Any:
        """Return the body as JSON; 400 if it cannot be read."""
        try:
            return super().load_json(req, schema)
        except (RecursionError, ValueError) as error:
            raise BadRequest from error


class Area(flask_smorest.Blueprint):  # type: ignore[misc]  # flask-smorest ships no types
    """A blueprint whose operations document the errors that any of them may answer."""

    ARGUMENTS_PARSER = _Parser()

    def __init__(self, name: str, description: str) -> None:
        """Make the blueprint; its names begin with `api_`, its paths with /api/v1."""
        super().__init__(f"api_{name}", name, url_prefix=PREFIX, description=description)
        self.ARGUMENTS_PARSER.DEFAULT_UNKNOWN_BY_LOCATION["query"] = ma.RAISE
        self._prepare_doc_cbks.append(_document_errors)

    def _store_endpoint_docs(
        self, endpoint: str, obj: Any, parameters: Any, tags: Any, **options: Any
    ) -> None:
        super()._store_endpoint_docs(endpoint, obj, parameters, tags, **options)
        access = getattr(obj, ACCESS_ATTRIBUTE, None)
        refusals = getattr(obj, REFUSALS_ATTRIBUTE, ())
        for method, info in self._docs[endpoint].items():
            if method != "parameters":
                info["access"] = access
                info["refusals"] = refusals
                info["links"] = getattr(obj, LINKS_ATTRIBUTE, {})
                info["operation"] = endpoint

    def route(self, rule: str, **options: Any) -> Callable[[View], View]:
        """Connect an operation; as of flask-smorest, with types."""
        return cast("Callable[[View], View]", super().route(rule, **options))

    def arguments(self, schema: type[ma.Schema], **options: Any) -> Callable[[View], View]:
        """Load the body, the files or the query through a schema.

        A body of another media type than the documented one is refused with 415.
        """
        connect = cast("Callable[[View], View]", super().arguments(schema, **options))
        media_type = MEDIA_TYPES.get(options.get("location", "json"))

        def decorate(view: View) -> View:
            loading = connect(view)

            @wraps(loading)
            def checked(*args: Any, **kwargs: Any) -> Any:
                if media_type and request.content_length and request.mimetype != media_type:
                    raise UnsupportedMediaType
                return loading(*args, **kwargs)

            return cast("View", checked)

        return decorate

    def response(
        self, status_code: int, schema: type[ma.Schema] | ma.Schema | None = None, **options: Any
    ) -> Callable[[View], View]:
        """Dump the result through a schema; as of flask-smorest, with types."""
        return cast("Callable[[View], View]", super().response(status_code, schema, **options))

    @staticmethod
    def leads_to(operation: str, **parameters: str) -> Callable[[View], View]:
        """Document what can be asked next about the thing that was just made.

        Args:
            operation: name of the view.
            parameters: of its path, each the field of the answer that holds the value.
        """

        def decorate(view: View) -> View:
            expressions = {name: f"$response.body#/{at}" for name, at in parameters.items()}
            known = getattr(view, LINKS_ATTRIBUTE, {})
            link = {"operationId": operation, "parameters": expressions}
            setattr(view, LINKS_ATTRIBUTE, {**known, operation: link})
            return view

        return decorate

    @staticmethod
    def may_refuse(*statuses: int) -> Callable[[View], View]:
        """Document further refusals of a public operation; the others stand by themselves."""

        def decorate(view: View) -> View:
            setattr(view, REFUSALS_ATTRIBUTE, statuses)
            return view

        return decorate


def area(name: str, description: str) -> Area:
    """Return the blueprint of one area's operations.

    Args:
        name: plural noun; the tag in the documentation.
        description: one line for the documentation.
    """
    return Area(name, description)


def _document_errors(doc: dict[str, Any], doc_info: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Add the error answers, the links and the token to one operation's documentation."""
    access = doc_info.get("access")
    is_open = not isinstance(access, Permission)
    statuses = ERRORS_OF_ALL if is_open else ERRORS_OF_ALL + ERRORS_OF_MEMBERS
    responses = doc.setdefault("responses", {})
    responses.pop("default", None)  # it would excuse every status that nobody wrote down
    for status in sorted({*statuses, *doc_info.get("refusals", ())}):
        responses[str(status)] = {
            "description": HTTPStatus(status).phrase,
            "content": {"application/json": {"schema": ERROR_REFERENCE}},
        }
        responses.pop(status, None)
    doc["operationId"] = doc_info["operation"]
    if doc_info["links"]:
        responses.setdefault(HTTPStatus.CREATED, {})["links"] = doc_info["links"]
    doc["security"] = [] if is_open else [{BEARER_SCHEME: []}]
    if not is_open:
        doc["x-permission"] = str(access)
    return doc


class _Api(flask_smorest.Api):  # type: ignore[misc]  # flask-smorest ships no types
    """flask-smorest without its own error answers: `web/errors.py` gives the one shape."""

    ERROR_SCHEMA = ErrorOut

    def _register_error_handlers(self) -> None:
        """Leave errors to `web/errors.py`."""


def _open_to_all(view: Callable[[], Any]) -> Callable[[], Any]:
    """Return a view of the library as a public one of ours."""

    @public
    def specification() -> Any:
        return view()

    return specification


def init(app: Flask, areas: Iterable[Area]) -> None:
    """Connect the areas, the specification at /openapi.json and the page at /docs."""
    app.config.update(
        API_TITLE="timebank",
        API_VERSION="v1",
        OPENAPI_VERSION="3.1.0",
        OPENAPI_URL_PREFIX="/",
        OPENAPI_JSON_PATH="openapi.json",
    )
    api = _Api(app)
    api.spec.components.security_scheme(BEARER_SCHEME, {"type": "http", "scheme": "bearer"})
    app.view_functions[SPECIFICATION] = _open_to_all(app.view_functions[SPECIFICATION])
    for blueprint in areas:
        csrf.exempt(blueprint)
        api.register_blueprint(blueprint)
    app.extensions["openapi"] = api.spec.to_dict()
