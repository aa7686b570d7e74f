"""How stars, reasons and kinds of service are said on pages and in tables."""

from collections.abc import Mapping
from typing import Final

from flask.sansio.app import App

from timebank.contributions import Category
from timebank.rewards.shortlist import Reason
from web.i18n import N_, duration, say

STARS: Final = (
    N_("one star"),
    N_("two stars"),
    N_("three stars"),
    N_("four stars"),
    N_("five stars"),
)
CATEGORIES: Final[Mapping[str, str]] = {
    Category.ENVIRONMENT: N_("Environment"),
    Category.RESIDENT_INFORMATION: N_("Residents' information"),
    Category.SAFETY: N_("Safety"),
    Category.OUTREACH: N_("Outreach"),
    Category.AD_HOC: N_("Special tasks"),
    "other": N_("Other service"),
}


def stars(count: int) -> str:
    """Return a number of stars in the reader's language; none is a dash."""
    return say(STARS[count - 1], {}) if count else "—"


def kind(name: str) -> str:
    """Return a category of service in the reader's language."""
    return say(CATEGORIES[name], {})


def reason(value: Reason) -> str:
    """Return a reason of the dry run with minutes and stars as a reader says them."""
    return say(value.message, {name: _said(name, fact) for name, fact in value.details.items()})


def _said(name: str, fact: int | str) -> str:
    if isinstance(fact, int):
        return stars(fact) if name == "stars" else duration(fact)
    return fact


def init(app: App) -> None:
    """Give the templates these words."""
    app.jinja_env.globals.update(said_stars=stars, said_kind=kind, said_reason=reason)
