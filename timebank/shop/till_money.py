"""What the till asks of its drawer: that its day is open, and where its cash lies.

Invariant: cash moves only between a drawer and `Income:Sales`; a drawer never falls below zero.
"""

from sqlalchemy.orm import Session

from ledger.errors import BalanceTooLow
from ledger.journal import Leg
from timebank import chart
from timebank.actors import Actor
from timebank.shop import till_days
from timebank.shop.sale_errors import DrawerShort
from timebank.shop.till_standing import check_till
from timebank.units import written

__all__ = ["check_day", "check_till", "legs", "short", "yuan"]


def check_day(session: Session, actor: Actor, till_number: int, *, takes_cash: bool) -> None:
    """Refuse what the till's day does not allow: cash before its opening, anything after its end.

    Args:
        session: write session.
        actor: the clerk.
        till_number: which till.
        takes_cash: whether cash moves.

    Raises:
        TillNotOpen, TillClosed, TillLeftOpen: till_not_open, till_closed, till_left_open.
    """
    if takes_cash:
        till_days.require_open(session, actor, till_number)
    else:
        till_days.refuse_closed(session, actor, till_number)


def legs(session: Session, actor: Actor, till_number: int, fen: int) -> tuple[Leg, ...]:
    """Return what a sale in cash moves into the drawer; with a negative amount, what goes back.

    Args:
        session: write session.
        actor: the clerk.
        till_number: whose drawer.
        fen: 0 moves nothing.
    """
    if not fen:
        return ()
    drawer_id = chart.open_money_account(
        session, actor.community_id, chart.till_account_code(till_number)
    )
    sales_id = chart.open_money_account(session, actor.community_id, chart.SALES)
    return Leg(drawer_id, fen), Leg(sales_id, -fen)


def short(refusal: BalanceTooLow, till_number: int, needed_fen: int) -> DrawerShort | None:
    """Return the kernel's refusal in the shop's words, where it was the drawer that fell short."""
    if refusal.details["account"] != chart.till_account_code(till_number):
        return None
    return DrawerShort(
        till_number=till_number,
        needed=yuan(needed_fen),
        available=yuan(int(refusal.details["available_minor"])),
    )


def yuan(fen: int) -> str:
    """Return an amount as people write it: 12.50."""
    return written(fen, chart.CNY)
