"""Drawers and the safe in the book: what lies there, and how money moves between them."""

from datetime import date
from uuid import UUID

from sqlalchemy.orm import Session

from ledger import reports
from ledger.errors import BalanceTooLow
from ledger.journal import Draft, Leg, post
from ledger.schema import TransactionKind
from timebank import chart
from timebank.actors import Actor
from timebank.shop import cash
from timebank.shop.cash_errors import CashShort


def drawer_fen(session: Session, actor: Actor, till_number: int) -> int:
    """Return what the book says lies in a drawer."""
    return held_fen(session, actor, chart.till_account_code(till_number))


def held_fen(session: Session, actor: Actor, code: str) -> int:
    """Return what the book says lies where an account stands for; 0 before it was first used."""
    account_id = chart.find_account_id(session, actor.community_id, code)
    if account_id is None:
        return 0
    return reports.balance(session, actor.community_id, account_id).posted_minor


def move_cash(  # the facts of one transaction
    session: Session, actor: Actor, on: date, moved: dict[str, int], *, key: str, source: str
) -> UUID | None:
    """Post amounts by account code as one transaction of kind `cash`; nothing when all are zero.

    Raises:
        CashShort: cash_short, the account that pays holds less.
    """
    legs = tuple(
        Leg(chart.open_money_account(session, actor.community_id, code), amount_fen)
        for code, amount_fen in moved.items()
        if amount_fen
    )
    if not legs:
        return None
    draft = Draft(
        kind=TransactionKind.CASH,
        legs=legs,
        occurred_on=on,
        idempotency_key=key,
        actor=actor.reference,
        source=source,
        narration="",
    )
    try:
        return post(session, actor.community_id, draft).transaction_id
    except BalanceTooLow as refusal:
        available = refusal.details["available_minor"]
        needed = -moved[refusal.details["account"]]
        raise CashShort(needed=cash.yuan(needed), available=cash.yuan(available)) from refusal
