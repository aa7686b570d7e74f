"""A small community with a shop: Alice redeems, Bob makes, Clara keeps the till, Wen prices."""

from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import uuid4

from sqlalchemy.orm import Session

from ledger import clock, reports
from ledger.journal import Draft, Leg, post
from timebank import chart
from timebank.actors import Actor, Role
from timebank.people import cards, members, organisations, pins
from timebank.people.models import Community, Member
from timebank.shop.goods import ItemDetails, add_item, set_price
from timebank.shop.intake import Intake, receive
from timebank.shop.models import IntakeChoice, Item, ValueBasis

NOON = datetime(2026, 11, 20, 4, 0, tzinfo=UTC)
"""Noon in Shanghai on a Friday."""
PIN = "4826"


def fresh() -> str:
    """Return a nonce nobody has used."""
    return uuid4().hex


@dataclass
class World:
    """One community and its people."""

    community: Community
    alice: Member
    alice_card: str
    bob: Member
    clara: Member
    wen: Member
    system: Actor

    @property
    def clerk(self) -> Actor:
        return self.actor(self.clara, Role.CLERK)

    @property
    def pricer(self) -> Actor:
        return self.actor(self.wen, Role.SOCIAL_WORKER)

    def actor(self, member: Member, *roles: Role) -> Actor:
        return Actor(
            community_id=self.community.community_id,
            member_id=member.id,
            roles=frozenset(roles or {Role.VOLUNTEER}),
            name=member.name,
        )


def make_world(session: Session, *, code: str = "D", points: int = 120) -> World:
    """Make a community; Alice has a card, a PIN and points."""
    street = organisations.add_street(session, name="X街道", name_en="X Street")
    community = organisations.add_community(
        session, street, code=code, name=f"{code}社区", name_en=f"Community {code}"
    )
    system = Actor.system(community.community_id, "test")
    alice, bob, clara, wen = (
        members.add_member(session, system, name=name, roles=frozenset({role}))
        for name, role in (
            ("爱丽丝", Role.VOLUNTEER),
            ("鲍勃", Role.VOLUNTEER),
            ("克拉拉", Role.CLERK),
            ("文", Role.SOCIAL_WORKER),
        )
    )
    pins.set_pin(session, system, alice.id, pin=PIN)
    card = cards.issue_card(session, system, alice.id).card.digits
    made = World(community, alice, card, bob, clara, wen, system)
    if points:
        give_points(session, made, alice, points)
    return made


def give_points(session: Session, world: World, member: Member, points: int) -> None:
    """Award points without a service, straight into the book."""
    community_id = world.community.community_id
    legs = (
        Leg(chart.points_issuance_id(session, community_id), -points),
        Leg(member.points_account_id, points),
    )
    draft = Draft(
        kind="transfer",
        legs=legs,
        occurred_on=clock.today(world.community.time_zone),
        idempotency_key=f"test:{fresh()}",
        actor="system:test",
        source=f"test:{uuid4()}",
        narration="",
    )
    post(session, community_id, draft)


def make_item(
    session: Session,
    world: World,
    *,
    name: str = "布艺杯垫",
    price: int | None = 12,
    pieces: int = 5,
    maker: Member | None = None,
) -> Item:
    """Make goods: priced and on the shelf unless told otherwise."""
    details = ItemDetails(name=name, maker_number=maker.number if maker else None)
    item = add_item(session, world.clerk, details=details, nonce=fresh())
    if price is not None:
        set_price(
            session,
            world.pricer,
            item_number=item.number,
            price_points=price,
            basis=ValueBasis.COUNCIL,
        )
    if pieces:
        intake = Intake(item.number, pieces, IntakeChoice.DONATE, fresh())
        receive(session, world.clerk, intake=intake)
    return item


def points_of(session: Session, member: Member) -> int:
    """Return what a member has."""
    return reports.balance(session, member.community_id, member.points_account_id).posted_minor


def stock_of(session: Session, item: Item) -> int:
    """Return the pieces on the shelf."""
    return reports.balance(session, item.community_id, item.stock_account_id).posted_minor


def out_of(session: Session, item: Item) -> int:
    """Return the pieces that went over the counter."""
    return reports.balance(session, item.community_id, item.out_account_id).posted_minor


def make_cash_item(
    session: Session,
    world: World,
    *,
    name: str = "围巾",
    price: int | None = None,
    price_fen: int = 1250,
    pieces: int = 5,
) -> Item:
    """Make goods that are sold for money, and for points too where a price is given."""
    item = make_item(session, world, name=name, price=None, pieces=pieces)
    return set_price(
        session,
        world.pricer,
        item_number=item.number,
        price_points=price,
        price_fen=price_fen,
        basis=ValueBasis.COUNCIL,
    )


def fen_in(session: Session, world: World, code: str = "Cash:Till:1") -> int:
    """Return what the book says lies where an account of money stands for."""
    account_id = chart.open_money_account(session, world.community.community_id, code)
    return reports.balance(session, world.community.community_id, account_id).posted_minor
