"""Bootstrap Icons, inlined one by one.

The sprite of the wheel is 1.1 MB; a page uses ten of its 2,000 drawings.
"""

import re
from functools import cache
from pathlib import Path
from typing import Final

import flask_bootstrap
from markupsafe import Markup

BOOTSTRAP: Final = Path(flask_bootstrap.__file__).parent / "static" / "bootstrap5"
_SYMBOL: Final = re.compile(
    r'<symbol[^>]*?viewBox="(?P<box>[\d .]+)"[^>]*?id="(?P<name>[a-z0-9-]+)"[^>]*>'
    r"(?P<body>.*?)</symbol>",
    re.DOTALL,
)


@cache
def drawings() -> dict[str, str]:
    """Return every drawing of the sprite as inline SVG, by name; read once."""
    sprite = (BOOTSTRAP / "icons" / "bootstrap-icons.svg").read_text(encoding="utf-8")
    found = {
        match["name"]: (
            f'<svg class="bi" viewBox="{match["box"]}" aria-hidden="true">'
            f"{' '.join(match['body'].split())}</svg>"
        )
        for match in _SYMBOL.finditer(sprite)
    }
    assert found, "the sprite of the Bootstrap-Flask wheel has another form than expected"
    return found


def icon(name: str) -> Markup:
    """Return one drawing; it is decoration and always stands beside a word.

    Args:
        name: of Bootstrap Icons, such as `check-lg`.
    """
    return Markup(drawings()[name])  # noqa: S704  # our own wheel's drawing, no input
