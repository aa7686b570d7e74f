"""Refusals: what the system says when it will not do a thing.

    Refusal
    ├── NotFound    404   it is not there, or it is another community's
    ├── NotAllowed  403   the actor may not
    ├── Refused     409   a rule forbids it in the present state
    └── Invalid     422   the input itself is wrong

Each leaf has a stable `code` (snake_case, documented) and an English `message` template whose fields come from
`details`. The web translates the template, then fills in the details; the code and the details go to the API as they are.
"""

from typing import Any, ClassVar


def N_(template: str) -> str:  # noqa: N802  # the name that catalog extraction looks for
    """Mark a message template for the translation catalog; returns it unchanged."""
    return template


class Refusal(Exception):
    """Parent of the four kinds; `details` holds JSON values only."""

    status: ClassVar[int]
    code: ClassVar[str]
    message: ClassVar[str]

    def __init__(self, **details: Any) -> None:
        """Keep the facts that the message names."""
        self.details = details
        super().__init__(self.message % details if details else self.message)


class NotFound(Refusal):
    """It is not there, or it belongs to another community (the two answer alike)."""

    status = 404
    code = "not_found"
    message = N_("There is nothing here.")


class NotAllowed(Refusal):
    """The actor's roles do not permit it."""

    status = 403
    code = "not_allowed"
    message = N_("You are not allowed to do this.")


class Refused(Refusal):
    """A rule forbids it in the present state."""

    status = 409
    code = "refused"
    message = N_("This cannot be done now.")


class Invalid(Refusal):
    """The input itself is wrong."""

    status = 422
    code = "invalid"
    message = N_("Please check what was entered.")
