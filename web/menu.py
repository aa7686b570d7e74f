"""The ways through the house: what stands in the tab bar of a phone and in the sidebar of the desk.

A page module names its own entries in a module constant `MENU: tuple[Entry, ...]`; `create_app`
gathers them. A reader sees the entries that one
of their roles may open, in the order given.
"""

from dataclasses import dataclass
from enum import StrEnum
from types import ModuleType
from typing import Final

from flask import Flask, current_app, request, url_for

from timebank.actors import Permission, Role
from web.auth import find_standing

EXTENSION: Final = "timebank-menu"


class Place(StrEnum):
    """Which bar an entry stands in."""

    PHONE = "phone"
    DESK = "desk"


@dataclass(frozen=True, slots=True)
class Entry:
    """One way to a page.

    Args:
        endpoint: of the page, without parameters in its path.
        label: msgid, marked with `N_`.
        icon: of Bootstrap Icons.
        permission: who sees it.
        place: phone tab bar (at most four) or desk sidebar.
        order: small numbers come first.
    """

    endpoint: str
    label: str
    icon: str
    permission: Permission
    place: Place = Place.DESK
    order: int = 50


HOME_BY_ROLE: Final = (
    (Role.SOCIAL_WORKER, "/desk/"),
    (Role.CLERK, "/till/"),
    (Role.LEADER, "/lead/"),
    (Role.ADMINISTRATOR, "/desk/"),
    (Role.AUDITOR, "/desk/"),
)
HOME_OF_VOLUNTEERS: Final = "/me/"


def workplace_of(roles: frozenset[Role]) -> str:
    """Return where the first role held works; empty for volunteers alone."""
    return next((path for role, path in HOME_BY_ROLE if role in roles), "")


def home_of(roles: frozenset[Role]) -> str:
    """Return where `/` leads: the workplace, else the volunteer's home."""
    return workplace_of(roles) or HOME_OF_VOLUNTEERS


def gather(app: Flask, modules: list[ModuleType]) -> None:
    """Keep the entries of the page modules, in order.

    Raises:
        AssertionError: an entry names an endpoint that does not exist.
    """
    entries = [entry for module in modules for entry in getattr(module, "MENU", ())]
    for entry in entries:
        assert entry.endpoint in app.view_functions, f"the menu names {entry.endpoint}"
    app.extensions[EXTENSION] = sorted(entries, key=lambda entry: entry.order)
    app.jinja_env.globals.update(menu=menu, is_here=is_here)


def workplace_entry() -> Entry | None:
    """Return the entry of the page where the reader works.

    None for strangers, for volunteers alone, and on the pages where everybody is a volunteer.
    """
    standing = find_standing()
    if standing is None or request.path.startswith(HOME_OF_VOLUNTEERS):
        return None
    path = workplace_of(standing.actor.roles)
    return next((entry for entry in menu(Place.DESK) if url_for(entry.endpoint) == path), None)


def menu(place: str) -> list[Entry]:
    """Return the entries the reader may open, in order; strangers have none."""
    standing = find_standing()
    if standing is None:
        return []
    return [
        entry
        for entry in current_app.extensions[EXTENSION]
        if entry.place == place and standing.actor.may(entry.permission)
    ]


def is_here(entry: Entry) -> bool:
    """Tell whether the present page is the entry's.

    So is a page that no entry names and whose address continues the entry's: of two such entries
    the longer address counts, `/me/days` before `/me/`.
    """
    entries: list[Entry] = current_app.extensions[EXTENSION]
    if any(known.endpoint == request.endpoint for known in entries):
        return request.endpoint == entry.endpoint
    above = [
        known
        for known in entries
        if known.place == entry.place and request.path.startswith(_address(known))
    ]
    return bool(above) and max(above, key=lambda known: len(_address(known))) == entry


def _address(entry: Entry) -> str:
    """Return where an entry leads, as the beginning of the addresses below it."""
    return url_for(entry.endpoint).rstrip("/") + "/"
