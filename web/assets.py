"""Static files, read once at start and addressed by their content's hash.

So a phone fetches each version once.

Bootstrap's stylesheet comes from the wheel (nothing is vendored); everything else from
`web/static`.
"""

import hashlib
import mimetypes
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from flask import Flask, Response, abort, request, url_for

from web.auth import public
from web.icons import BOOTSTRAP

STATIC: Final = Path(__file__).parent / "static"
YEAR_SECONDS: Final = 365 * 24 * 3600
DIGEST_LENGTH: Final = 12


@dataclass(frozen=True, slots=True)
class Asset:
    """One file as it is served."""

    content: bytes
    media_type: str
    digest: str


@cache
def assets() -> dict[str, Asset]:
    """Return every static file by its name."""
    paths = {path.relative_to(STATIC).as_posix(): path for path in _files(STATIC)}
    paths["bootstrap.min.css"] = BOOTSTRAP / "css" / "bootstrap.min.css"
    return {name: _read(path) for name, path in sorted(paths.items())}


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def _read(path: Path) -> Asset:
    content = path.read_bytes()
    if path.name == "bootstrap.min.css":
        # The wheel names a source map that it does not carry: browsers would ask for it in vain.
        content = content.split(b"/*# sourceMappingURL=")[0]
    media_type = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    if media_type.startswith("text/"):
        media_type += "; charset=utf-8"
    digest = hashlib.sha256(content).hexdigest()[:DIGEST_LENGTH]
    return Asset(content=content, media_type=media_type, digest=digest)


def asset(name: str) -> str:
    """Return the address of a static file, its hash included."""
    return url_for("serve_asset", digest=assets()[name].digest, name=name)


@public
def serve_asset(digest: str, name: str) -> Response:
    """Serve one file.

    Under its present hash it may be kept for a year; under an old one it is the new file, unkept.
    """
    found = assets().get(name)
    if found is None:
        abort(404)
    response = Response(found.content, content_type=found.media_type)
    response.set_etag(found.digest)
    if digest == found.digest:
        response.cache_control.public = True
        response.cache_control.immutable = True
        response.cache_control.max_age = YEAR_SECONDS
    else:
        response.cache_control.no_cache = True
    return response.make_conditional(request)  # type: ignore[return-value]  # werkzeug's own, ours in


def init(app: Flask) -> None:
    """Connect the route and the template function `asset(name)`."""
    app.add_url_rule("/assets/<digest>/<path:name>", "serve_asset", serve_asset)
    app.jinja_env.globals["asset"] = asset
    assets()
