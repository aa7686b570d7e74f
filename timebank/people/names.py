"""What a name may be: 1 to 60 characters of any script, no control characters."""

import unicodedata

from timebank.people.errors import NameInvalid
from timebank.people.models import NAME_LENGTH_MAX

MASKED_LENGTH_MAX = 2


def checked_name(name: str) -> str:
    """Return a name composed (NFC) and without blanks around it; 𠮷 and <script> are just text.

    Raises:
        NameInvalid: empty, over 60 characters, control characters or half characters
            (`name_invalid`).
    """
    composed = unicodedata.normalize("NFC", name).strip()
    has_forbidden = any(unicodedata.category(char) in {"Cc", "Cs"} for char in composed)
    if has_forbidden or not 1 <= len(composed) <= NAME_LENGTH_MAX:
        raise NameInvalid(max=NAME_LENGTH_MAX)
    return composed


def masked_name(name: str) -> str:
    """Return a name that its holder recognises and a stranger cannot look up: 韦*芬, 农*.

    From four characters on the length is hidden.
    """
    if len(name) <= 1:
        return "*"
    if len(name) == 2:
        return name[0] + "*"
    return name[0] + "*" * min(len(name) - 2, MASKED_LENGTH_MAX) + name[-1]
