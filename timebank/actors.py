"""Who acts, and what each role may do: the one table of permissions.

Words: a *role* is held by a member in one community; a *permission* is what a rule asks for; an
*actor* is a signed-in member with the roles held in the community they are in at the moment.
"""

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from ledger.errors import NotAllowed


class Role(StrEnum):
    """What a member is trusted with, per community."""

    VOLUNTEER = "volunteer"
    LEADER = "leader"
    CLERK = "clerk"
    SOCIAL_WORKER = "social_worker"
    AUDITOR = "auditor"
    ADMINISTRATOR = "administrator"


class Permission(StrEnum):
    """What a rule or a route asks for."""

    SEE_OWN_RECORD = "see_own_record"
    TAKE_PART = "take_part"
    RUN_OCCASION = "run_occasion"
    PLAN_OCCASION = "plan_occasion"
    PLAN_SERVICE = "plan_service"
    RELEASE_POLICY = "release_policy"
    KEEP_SHOP = "keep_shop"
    HANDLE_GOODS = "handle_goods"
    PRICE_GOODS = "price_goods"
    HANDLE_CASH = "handle_cash"
    COMMEND = "commend"
    MANAGE_MEMBERS = "manage_members"
    READ_BOOKS = "read_books"
    ADMINISTER = "administer"


EVERYONE = frozenset(Role)

PERMISSIONS: dict[Permission, frozenset[Role]] = {
    Permission.SEE_OWN_RECORD: EVERYONE,
    Permission.TAKE_PART: EVERYONE,
    Permission.RUN_OCCASION: frozenset({Role.LEADER, Role.SOCIAL_WORKER}),
    Permission.PLAN_OCCASION: frozenset({Role.LEADER, Role.SOCIAL_WORKER}),
    Permission.PLAN_SERVICE: frozenset({Role.SOCIAL_WORKER}),
    Permission.RELEASE_POLICY: frozenset({Role.SOCIAL_WORKER, Role.ADMINISTRATOR}),
    Permission.KEEP_SHOP: frozenset({Role.CLERK}),
    Permission.HANDLE_GOODS: frozenset({Role.CLERK, Role.SOCIAL_WORKER}),
    Permission.PRICE_GOODS: frozenset({Role.SOCIAL_WORKER}),
    Permission.HANDLE_CASH: frozenset({Role.CLERK, Role.SOCIAL_WORKER}),
    Permission.COMMEND: frozenset({Role.SOCIAL_WORKER}),
    Permission.MANAGE_MEMBERS: frozenset({Role.SOCIAL_WORKER, Role.ADMINISTRATOR}),
    Permission.READ_BOOKS: frozenset({Role.AUDITOR, Role.SOCIAL_WORKER, Role.ADMINISTRATOR}),
    Permission.ADMINISTER: frozenset({Role.ADMINISTRATOR}),
}


@dataclass(frozen=True, slots=True)
class Actor:
    """A member acting in one community.

    `member_id` is None only for the system itself (set-up, command line).
    """

    community_id: UUID
    member_id: UUID | None
    roles: frozenset[Role]
    name: str = "system"

    @classmethod
    def system(cls, community_id: UUID, name: str) -> "Actor":
        """Return the actor of a command or job.

        It holds every role and is recorded as `system:<name>`.
        """
        return cls(community_id=community_id, member_id=None, roles=EVERYONE, name=name)

    @property
    def reference(self) -> str:
        """What the ledger and the audit record as the actor: a member's id, never a name."""
        return str(self.member_id) if self.member_id else f"system:{self.name}"

    def may(self, permission: Permission) -> bool:
        """Tell whether one of the actor's roles has the permission."""
        return not self.roles.isdisjoint(PERMISSIONS[permission])

    def require(self, permission: Permission) -> None:
        """Refuse (403 `not_allowed`) unless one of the actor's roles has the permission."""
        if not self.may(permission):
            raise NotAllowed(permission=permission.value)
