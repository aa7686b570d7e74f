"""The four kinds of refusal, as the web knows them.

Each area's own refusals stand in `timebank/<area>/errors.py`.
"""

from ledger.errors import Invalid, NotAllowed, NotFound, Refusal, Refused

__all__ = ["Invalid", "NotAllowed", "NotFound", "Refusal", "Refused"]
