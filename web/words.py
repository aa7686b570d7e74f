"""How states and roles are said; the values themselves are never shown."""

from typing import Final

from flask import Flask

from timebank.actors import Role
from timebank.people.models import MemberStatus
from web.i18n import N_, say

ROLES: Final = {
    Role.VOLUNTEER: N_("volunteer"),
    Role.LEADER: N_("team leader"),
    Role.CLERK: N_("shop clerk"),
    Role.SOCIAL_WORKER: N_("social worker"),
    Role.AUDITOR: N_("auditor"),
    Role.ADMINISTRATOR: N_("administrator"),
}
STATUSES: Final = {
    MemberStatus.ACTIVE: N_("active"),
    MemberStatus.SUSPENDED: N_("suspended"),
    MemberStatus.LEFT: N_("left the team"),
}


def role(value: Role) -> str:
    """Return a role in the reader's language."""
    return say(ROLES[value], {})


def status(value: MemberStatus) -> str:
    """Return a standing in the reader's language."""
    return say(STATUSES[value], {})


def init(app: Flask) -> None:
    """Give the templates these words."""
    app.jinja_env.globals.update(said_role=role, said_status=status)
