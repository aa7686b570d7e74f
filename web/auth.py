"""Who is asking, and what each view lets through.

Pages go by the session cookie, the API by a bearer token.

Words: a view's *access* is what it declares: `@allow(Permission.X)` or `@public`; an application
with a view that declares nothing does not start.
The cookie holds `<person id>.<session epoch>`: raising the epoch in the database signs out every
browser at once.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Final, ParamSpec, TypeVar
from uuid import UUID

from flask import Flask, g, redirect, request, session, url_for
from flask_login import LoginManager, current_user, login_user, logout_user
from werkzeug.wrappers import Response

from timebank.actors import Actor, Permission
from timebank.people.errors import SignInRequired
from timebank.people.standing import Standing, standing_of_person, standing_of_token
from web.session import reading

P = ParamSpec("P")
R = TypeVar("R")

COMMUNITY_KEY: Final = "community"
ACCESS_ATTRIBUTE: Final = "access_declaration"
API_PREFIX: Final = "/api/"
BEARER: Final = "Bearer "
PUBLIC: Final = "public"
CRASHED: Final = "crashed"
"""Set on `g` once the book could not be read: the page that says so does not try again."""


@dataclass(frozen=True)
class SignedIn:
    """What Flask-Login keeps of a request: the standing read from the book."""

    standing: Standing
    is_authenticated: bool = True
    is_active: bool = True
    is_anonymous: bool = False

    def get_id(self) -> str:
        """Return what the cookie holds."""
        assert self.standing.person_id is not None, "a browser is signed in by a person"
        return f"{self.standing.person_id.hex}.{self.standing.session_epoch}"


# ---------------------------------------------------------------- declarations


def public(view: Callable[P, R]) -> Callable[P, R]:
    """Declare that a view is open to everybody."""
    setattr(view, ACCESS_ATTRIBUTE, PUBLIC)
    return view


def allow(permission: Permission) -> Callable[[Callable[P, R]], Callable[P, R | Response]]:
    """Declare the permission a view asks for, and ask for it before the view runs.

    Stands directly below `route`. A stranger is led to the sign-in page (a page) or refused with
    401 (the API);
    a member without the permission is refused with 403 `not_allowed`.
    """

    def decorate(view: Callable[P, R]) -> Callable[P, R | Response]:
        @wraps(view)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> R | Response:
            standing = find_standing()
            if standing is None:
                return _ask_to_sign_in()
            standing.actor.require(permission)
            return view(*args, **kwargs)

        setattr(guarded, ACCESS_ATTRIBUTE, permission)
        return guarded

    return decorate


def access_table(app: Flask) -> dict[str, Permission | str]:
    """Return every endpoint with its access: a permission, or `public`.

    Raises:
        AssertionError: a view declares nothing; `create_app` calls this, so such an application
            does not start.
    """
    table: dict[str, Permission | str] = {}
    for endpoint, view in app.view_functions.items():
        access = getattr(view, ACCESS_ATTRIBUTE, None)
        assert access is not None, f"{endpoint} declares neither @allow(…) nor @public"
        table[endpoint] = access
    return table


# ---------------------------------------------------------------- the one who asks


def find_standing() -> Standing | None:
    """Return the standing of the one who asks, or None for a stranger; read once per request."""
    if g.get(CRASHED):
        return None
    if is_api_request():
        if "api_standing" not in g:
            g.api_standing = _standing_of_bearer()
        found: Standing | None = g.api_standing
    else:
        found = current_user.standing if current_user.is_authenticated else None
    if found is not None:
        g.time_zone = found.community.time_zone
    return found


def current_standing() -> Standing:
    """Return the standing of the signed-in member; only for views behind `@allow`."""
    standing = find_standing()
    if standing is None:
        raise SignInRequired
    return standing


def current_actor() -> Actor:
    """Return the signed-in member as the one who acts; only for views behind `@allow`."""
    return current_standing().actor


def is_api_request() -> bool:
    """Tell whether the request is for the API, where only a bearer token counts."""
    return request.path.startswith(API_PREFIX)


def _standing_of_bearer() -> Standing | None:
    header = request.headers.get("Authorization", "")
    if not header.startswith(BEARER):
        return None
    with reading() as book:
        return standing_of_token(book, header.removeprefix(BEARER).strip())


def _ask_to_sign_in() -> Response:
    """Lead a reader to the sign-in page; anything else is told what is missing."""
    if is_api_request() or request.method not in {"GET", "HEAD"} or wants_json():
        raise SignInRequired
    return redirect(url_for("account.sign_in", next=request.full_path.rstrip("?")))


def wants_json() -> bool:
    """Tell whether the answer is for a program: the API, or a script of our own pages."""
    if is_api_request():
        return True
    best = request.accept_mimetypes.best_match(["text/html", "application/json"])
    return best == "application/json"


# ---------------------------------------------------------------- signing in and out


def start_session(standing: Standing) -> None:
    """Let this browser act as the member; whatever the session held before is dropped."""
    session.clear()
    session.permanent = True
    session[COMMUNITY_KEY] = standing.community.id.hex
    login_user(SignedIn(standing))


def choose_community(community_id: UUID) -> None:
    """Let this browser act in another community of the same person."""
    session[COMMUNITY_KEY] = community_id.hex


def end_session() -> None:
    """Forget who was signed in here."""
    logout_user()
    session.clear()


def init(app: Flask) -> None:
    """Connect Flask-Login; the templates see the member as `me` (None for strangers)."""
    manager = LoginManager()
    manager.init_app(app, add_context_processor=False)
    manager.session_protection = None  # phones change networks in the middle of a visit
    manager.user_loader(_load)
    app.context_processor(lambda: {"me": _standing_for_templates()})


def _standing_for_templates() -> Standing | None:
    return None if is_api_request() else find_standing()


def _load(cookie: str) -> SignedIn | None:
    """Return the member behind a session cookie; a malformed or outdated one is nobody."""
    person, _, epoch = cookie.partition(".")
    chosen = session.get(COMMUNITY_KEY)
    try:
        person_id, session_epoch = UUID(person), int(epoch)
        community_id = UUID(chosen) if chosen else None
    except ValueError:
        return None
    with reading() as book:
        standing = standing_of_person(
            book, person_id, session_epoch=session_epoch, community_id=community_id
        )
    return SignedIn(standing) if standing else None
