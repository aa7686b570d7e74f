"""The one transaction of a stocktake: every shelf is brought to what was counted.

Invariant: what the till sold between reading and posting is found in the balances afterwards, and
nothing is left of the transaction then.
"""

from uuid import UUID

from sqlalchemy.orm import Session

from ledger import clock, reports
from ledger.errors import BalanceTooHigh, BalanceTooLow, Refusal
from ledger.journal import Draft, Leg, post
from ledger.schema import TransactionKind
from timebank import chart
from timebank.actors import Actor
from timebank.people.models import Community
from timebank.shop.counts import Counted
from timebank.shop.stock_errors import CountAgain, PiecesReserved, SinglePiece
from timebank.shop.stock_models import Stocktake


def post_differences(
    session: Session, actor: Actor, stocktake: Stocktake, differing: list[Counted]
) -> UUID:
    """Post all differences at once.

    What the till sold between reading and posting shows in the balances afterwards.
    """
    legs: list[Leg] = []
    for row in differing:
        adjusted_id = chart.open_goods_account(
            session, actor.community_id, row.item.number, chart.ADJUSTED
        )
        legs += [
            Leg(row.item.stock_account_id, row.difference),
            Leg(adjusted_id, -row.difference),
        ]
    community = session.get_one(Community, actor.community_id)
    draft = Draft(
        kind=TransactionKind.STOCK,
        legs=tuple(legs),
        occurred_on=clock.today(community.time_zone),
        idempotency_key=f"stocktake:{stocktake.id}",
        actor=actor.reference,
        source=f"stocktake:{stocktake.id}",
        narration="",
    )
    try:
        posted = post(session, actor.community_id, draft)
    except (BalanceTooLow, BalanceTooHigh) as refusal:
        raise _in_words(refusal, differing) from refusal
    accounts = [row.item.stock_account_id for row in differing]
    held = reports.balances(session, actor.community_id, accounts)
    for row in differing:
        if held[row.item.stock_account_id].posted_minor != row.counted:
            raise CountAgain(item_number=row.item.number, item_name=row.item.name)
    return posted.transaction_id


def _in_words(refusal: BalanceTooLow | BalanceTooHigh, differing: list[Counted]) -> Refusal:
    """Return the kernel's refusal in the shop's words."""
    for row in differing:
        if refusal.details["account"] != chart.stock_account_code(row.item.number):
            continue
        if isinstance(refusal, BalanceTooHigh):
            return SinglePiece(item_name=row.item.name)
        return PiecesReserved(
            item_number=row.item.number,
            item_name=row.item.name,
            need=-row.difference,
            have=refusal.details["available_minor"],
        )
    return refusal
