"""A community with a fund: Alice gives, Bob leads a team, Clara receives, Wen and Ada release."""

from dataclasses import dataclass
from datetime import date
from functools import cached_property
from io import BytesIO
from uuid import UUID

from PIL import Image
from sqlalchemy.orm import Session

from tests.shop.makers import fresh
from timebank.actors import Actor, Role
from timebank.codes import CodeKeys
from timebank.commons import donations, expenses, funds, pictures, projects
from timebank.commons.donations import Gift
from timebank.commons.expenses import Bill
from timebank.commons.models import Fund, Method, MoneyDonation, Project
from timebank.commons.projects import BudgetLine, Plan
from timebank.commons.spending_models import Expense
from timebank.people import members, organisations
from timebank.people.models import Community, Member

TODAY = date(2026, 11, 20)
KEYS = CodeKeys(bytes(range(32)))
PEOPLE = {
    "alice": ("爱丽丝", Role.VOLUNTEER),
    "bob": ("鲍勃", Role.LEADER),
    "clara": ("克拉拉", Role.CLERK),
    "wen": ("文", Role.SOCIAL_WORKER),
    "ada": ("艾达", Role.ADMINISTRATOR),
    "audrey": ("奥黛丽", Role.AUDITOR),
}


@dataclass
class World:
    """One community and its people, by name."""

    community: Community
    people: dict[str, Member]

    def actor(self, name: str) -> Actor:
        member = self.people[name]
        role = PEOPLE[name][1]
        return Actor(member.community_id, member.id, frozenset({role}), member.name)

    @cached_property
    def community_id(self) -> UUID:
        return self.community.community_id


def make_world(session: Session, *, code: str = "D") -> World:
    """Make a community with somebody for each part."""
    street = organisations.add_street(session, name="X街道", name_en="X Street")
    community = organisations.add_community(
        session, street, code=code, name=f"{code}社区", name_en=f"Community {code}"
    )
    system = Actor.system(community.community_id, "test")
    people = {
        name: members.add_member(session, system, name=called, roles=frozenset({role}))
        for name, (called, role) in PEOPLE.items()
    }
    return World(community, people)


def gift(amount_fen: int = 100_00, **changes: object) -> Gift:
    """Return a gift of 100 yuan in cash by Zhang Guifen, who does not want to be named."""
    facts: dict[str, object] = {
        "amount_fen": amount_fen,
        "method": Method.CASH,
        "received_on": TODAY,
        "nonce": fresh(),
        "donor_name": "张桂芬",
    }
    return Gift(**{**facts, **changes})  # type: ignore[arg-type]  # a test's choice


def give(
    session: Session, world: World, amount_fen: int = 100_00, **changes: object
) -> MoneyDonation:
    """Record by Clara and count by Wen."""
    made = donations.record(session, world.actor("clara"), KEYS, gift=gift(amount_fen, **changes))
    return donations.count(session, world.actor("wen"), donation_id=made.id)


def restrict(session: Session, world: World, name: str = "助老餐") -> Fund:
    """Open a restricted fund."""
    return funds.open_fund(
        session, world.actor("wen"), name=name, purpose="只用于老人午餐", nonce=fresh()
    )


def plan(*budgets_fen: int, **changes: object) -> Plan:
    """Return a plan with these lines."""
    lines = tuple(
        BudgetLine(f"第{place}项", fen) for place, fen in enumerate(budgets_fen or (60_00,), 1)
    )
    facts: dict[str, object] = {
        "title": "楼道照明",
        "team": "巡逻队",
        "purpose": "三栋楼换灯",
        "lines": lines,
        "nonce": fresh(),
    }
    return Plan(**{**facts, **changes})  # type: ignore[arg-type]  # a test's choice


def approved(session: Session, world: World, *budgets_fen: int, **changes: object) -> Project:
    """Propose by Bob and approve by Wen."""
    made = projects.propose(session, world.actor("bob"), plan=plan(*budgets_fen, **changes))
    return projects.approve(session, world.actor("wen"), number=made.number)


def photo(session: Session, world: World, color: str = "red") -> UUID:
    """Store a picture."""
    file = BytesIO()
    Image.new("RGB", (20, 10), color).save(file, "PNG")
    stored = pictures.add_picture(session, world.actor("bob"), content=file.getvalue())
    return stored.id


def bill(session: Session, world: World, amount_fen: int, **changes: object) -> Bill:
    """Return a bill on the first line with an invoice of its own."""
    facts: dict[str, object] = {
        "line_no": 1,
        "amount_fen": amount_fen,
        "payee": "五金店",
        "invoice_number": fresh()[:20],
        "photo_id": photo(session, world),
        "spent_on": TODAY,
        "nonce": fresh(),
    }
    return Bill(**{**facts, **changes})  # type: ignore[arg-type]  # a test's choice


def enter(
    session: Session, world: World, project: Project, amount_fen: int, **changes: object
) -> Expense:
    """Enter by Bob."""
    return expenses.enter(
        session,
        world.actor("bob"),
        number=project.number,
        bill=bill(session, world, amount_fen, **changes),
    )


def spend(
    session: Session, world: World, project: Project, amount_fen: int, **changes: object
) -> Expense:
    """Enter by Bob and release by Wen."""
    made = enter(session, world, project, amount_fen, **changes)
    return expenses.release(session, world.actor("wen"), expense_id=made.id)


def fen_of(session: Session, world: World, code: str) -> int:
    """Return what an account holds."""
    return funds.balances_of(session, world.community_id, [code])[code]
