"""How a visitor signs in to the demo world: numbers, the password, what each one is.

Apart from the rest of the demo world, because every start prints it and is to be quick.
"""

from dataclasses import dataclass

from timebank.demo.facts import COMMUNITY_A, COMMUNITY_D, CommunityFacts

PASSWORD = "shequ-demo-9"  # noqa: S105  # the demo world is public
PIN = "2468"
VOLUNTEER, LEADER, CLERK, SOCIAL_WORKER, AUDITOR, ADMINISTRATOR = range(6)
"""Places in the member list."""


@dataclass(frozen=True, slots=True)
class SignIn:
    """What a visitor types to see the demo world as somebody."""

    role: str
    phone: str
    password: str


def sign_ins() -> list[SignIn]:
    """Return one sign-in for each kind of person in community D, and a volunteer of community A."""
    roles = {
        f"volunteer 志愿者 (PIN {PIN})": VOLUNTEER,
        "leader 带队": LEADER,
        "clerk 店员": CLERK,
        "social worker 社工": SOCIAL_WORKER,
        "auditor 审计": AUDITOR,
        "administrator 管理员": ADMINISTRATOR,
    }
    listed = [SignIn(role, phone(COMMUNITY_D, place), PASSWORD) for role, place in roles.items()]
    other = phone(COMMUNITY_A, VOLUNTEER)
    return [*listed, SignIn("volunteer of community A A社区志愿者", other, PASSWORD)]


def phone(facts: CommunityFacts, place: int) -> str:
    """Return the invented phone number of a place: 13900000001 is the first."""
    return f"{facts.phone_prefix}{place + 1:04d}"
