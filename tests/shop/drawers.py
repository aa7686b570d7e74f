"""A drawer as a clerk counts it, and the safe as two people fill it."""

from sqlalchemy.orm import Session

from tests.shop.makers import World, fresh
from timebank.actors import Actor, Role
from timebank.people import members
from timebank.shop import cash, safe, till_days
from timebank.shop.cash_models import SafeMoveKind
from timebank.shop.safe import Move, Wanted
from timebank.shop.till_days import Counting
from timebank.shop.till_standing import DayOfTill

FLOAT = 20_000
"""200 yuan."""


def counted(amount_fen: int, **changes: object) -> Counting:
    """Return the counting of an amount."""
    given: dict[str, object] = {"nonce": fresh(), "count": cash.fewest_pieces(amount_fen)}
    return Counting(**(given | changes))  # type: ignore[arg-type]  # a test names what it changes


def fill_safe(session: Session, world: World, amount_fen: int = 100_000) -> Move:
    """Let Wen bring money for the safe, and Clara count it."""
    move = enter(session, world, amount_fen)
    return safe.decide(session, world.clerk, move_id=move.move.id, is_confirmed=True)


def enter(
    session: Session,
    world: World,
    amount_fen: int = 100_000,
    kind: SafeMoveKind = SafeMoveKind.DEPOSIT,
) -> Move:
    """Let Wen enter a move of money."""
    wanted = Wanted(fresh(), kind, amount_fen, "开店备用金")
    return safe.hand_over(session, world.pricer, wanted=wanted)


def open_till(
    session: Session, world: World, *, till_number: int = 1, float_fen: int = FLOAT
) -> DayOfTill:
    """Let Clara open a till; the safe is filled before."""
    if float_fen:
        fill_safe(session, world)
    return till_days.open_day(
        session, world.clerk, till_number=till_number, counting=counted(float_fen)
    )


def close_till(session: Session, world: World, day: DayOfTill, counting: Counting) -> DayOfTill:
    """Let Clara close a day."""
    return till_days.close_day(session, world.clerk, day_id=day.day.id, counting=counting)


def second_clerk(session: Session, world: World, name: str = "戴安娜") -> Actor:
    """Return another clerk."""
    made = members.add_member(session, world.system, name=name, roles=frozenset({Role.CLERK}))
    return world.actor(made, Role.CLERK)
