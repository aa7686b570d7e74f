"""What a name may be: 1 to 60 characters of any script, no control characters."""

import unicodedata

from timebank.people.errors import NameInvalid
from timebank.people.models import NAME_LENGTH_MAX


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
