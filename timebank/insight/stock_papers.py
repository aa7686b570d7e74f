"""Papers of the stock: what a stocktake adjusted, what left the shelf unsold, what was put back.

Besides: a single piece has a shelf for one, and nobody priced what they made.
"""

from collections.abc import Iterator
from itertools import groupby
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from ledger.base import refers
from ledger.findings import Finding
from ledger.schema import Account, BalanceRow, Transaction
from timebank import chart
from timebank.insight.comparing import compared
from timebank.insight.papers import Paper
from timebank.shop.models import Donation, IntakeChoice, Item
from timebank.shop.move_posting import WHERE_TO
from timebank.shop.price_models import ItemPrice
from timebank.shop.stock_models import (
    MoveKind,
    MoveState,
    StockMove,
    Stocktake,
    StocktakeLine,
    StocktakeState,
)

ROWS_PER_FETCH = 500


def stocktakes(session: Session, community_id: UUID) -> Iterator[Paper]:
    """Give every stocktake that found a difference: shelf against `Adjusted`."""
    accounts = _accounts(session, community_id, chart.ADJUSTED)
    query = (
        sa.select(Stocktake, StocktakeLine, Item)
        .join(StocktakeLine, refers(StocktakeLine.stocktake_id, Stocktake))
        .join(Item, refers(StocktakeLine.item_id, Item))
        .where(Stocktake.community_id == community_id, StocktakeLine.difference != 0)
        .order_by(Stocktake.id, StocktakeLine.item_id)
    )
    rows = session.execute(query, execution_options={"yield_per": ROWS_PER_FETCH})
    for _, lines in groupby(rows, key=lambda row: row[0].id):
        yield _stocktake(list(lines), accounts)


def moves(session: Session, community_id: UUID) -> Iterator[Paper]:
    """Give every move that was done, save reversals, which are looked at by themselves."""
    accounts = {kind: _accounts(session, community_id, name) for kind, name in WHERE_TO.items()}
    query = (
        sa.select(StockMove, Item)
        .join(Item, refers(StockMove.item_id, Item))
        .where(
            StockMove.community_id == community_id,
            StockMove.state == MoveState.DONE,
            StockMove.kind != MoveKind.REVERSAL,
        )
        .order_by(StockMove.id)
    )
    for move, item in session.execute(query, execution_options={"yield_per": ROWS_PER_FETCH}):
        place_id = accounts[move.kind].get(item.number)
        assert move.transaction_id is not None, "the database keeps it with what was done"
        yield Paper(
            source=f"stock_move:{move.id}",
            transaction_id=move.transaction_id,
            legs={}
            if place_id is None
            else {item.stock_account_id: -move.piece_count, place_id: move.piece_count},
            problems=() if place_id else ("the account of where its pieces went is not there",),
        )


def stocktakes_are_posted(session: Session, community_id: UUID) -> Iterator[Finding]:
    """Every stocktake has brought the book to what was counted, and nothing else."""
    return compared(session, community_id, stocktakes(session, community_id))


def stock_moves_are_posted(session: Session, community_id: UUID) -> Iterator[Finding]:
    """Every write-off, recycling and gift has taken its pieces off the shelf."""
    return compared(session, community_id, moves(session, community_id))


def stock_is_whole(session: Session, community_id: UUID) -> Iterator[Finding]:
    """Reversals take back their move, closed stocktakes posted what they found, and the rest."""
    yield from _reversals(session, community_id)
    yield from _unposted(session, community_id)
    yield from _singles(session, community_id)
    yield from _prices(session, community_id)


# ---------------------------------------------------------------- leaves


def _accounts(session: Session, community_id: UUID, name: str) -> dict[int, UUID]:
    """Return the accounts of one name by the number of their goods."""
    rows = session.execute(
        sa.select(Account.code, Account.id).where(
            Account.community_id == community_id, Account.code.like(f"Goods:%:{name}")
        )
    )
    return {int(code.split(":")[1]): account_id for code, account_id in rows}


def _stocktake(rows: list[Any], accounts: dict[int, UUID]) -> Paper:
    """Fold the lines of one stocktake into its paper."""
    stocktake = rows[0][0]
    legs: dict[UUID, int] = {}
    problems: list[str] = []
    for _, line, item in rows:
        adjusted_id = accounts.get(item.number)
        if adjusted_id is None:
            problems.append(f"goods {item.number:04d} have no account of adjustments")
            continue
        legs |= {item.stock_account_id: line.difference, adjusted_id: -line.difference}
    if stocktake.transaction_id is None:
        problems.append("it found differences, and names no transaction")
    return Paper(
        source=f"stocktake:{stocktake.id}",
        transaction_id=stocktake.transaction_id or stocktake.id,
        legs=legs,
        problems=tuple(problems),
    )


def _reversals(session: Session, community_id: UUID) -> Iterator[Finding]:
    wrong = aliased(StockMove)
    query = (
        sa.select(StockMove.id, wrong.transaction_id, Transaction.reverses_id, Transaction.source)
        .join(wrong, refers(StockMove.corrects_id, wrong))
        .outerjoin(Transaction, refers(StockMove.transaction_id, Transaction))
        .where(
            StockMove.community_id == community_id,
            StockMove.state == MoveState.DONE,
            StockMove.kind == MoveKind.REVERSAL,
        )
    )
    for move_id, moved_id, reversed_id, source in session.execute(query):
        if moved_id != reversed_id or source != f"stock_move:{move_id}":
            yield Finding(
                "stock_differs",
                f"stock_move:{move_id}",
                "its transaction does not put back what the move took",
            )


def _unposted(session: Session, community_id: UUID) -> Iterator[Finding]:
    """Name stocktakes that say they posted something, without a line that differs."""
    differs = sa.exists().where(
        StocktakeLine.community_id == Stocktake.community_id,
        StocktakeLine.stocktake_id == Stocktake.id,
        StocktakeLine.difference != 0,
    )
    query = sa.select(Stocktake.id).where(
        Stocktake.community_id == community_id,
        sa.or_(Stocktake.transaction_id.is_not(None), Stocktake.state != StocktakeState.CLOSED),
        sa.case((Stocktake.state == StocktakeState.CLOSED, sa.not_(differs)), else_=differs),
    )
    for stocktake_id in session.scalars(query):
        yield Finding(
            "stock_differs",
            f"stocktake:{stocktake_id}",
            "what it posted and what its lines say do not belong together",
        )


def _singles(session: Session, community_id: UUID) -> Iterator[Finding]:
    """Name goods whose shelf holds more than a single piece may, or less than others do."""
    query = (
        sa.select(Item.id, Item.number, Item.is_single, BalanceRow.ceiling_minor)
        .join(
            BalanceRow,
            sa.and_(
                BalanceRow.community_id == Item.community_id,
                BalanceRow.account_id == Item.stock_account_id,
            ),
        )
        .where(Item.community_id == community_id)
    )
    for item_id, number, is_single, ceiling in session.execute(query):
        if is_single != (ceiling == 1):
            yield Finding(
                "single_differs",
                f"item:{item_id}",
                f"goods {number:04d}: single piece {is_single}, its shelf takes {ceiling}",
            )


def _prices(session: Session, community_id: UUID) -> Iterator[Finding]:
    """Name prices set by who made the goods, or was paid for pieces of them."""
    is_paid = sa.exists().where(
        Donation.community_id == ItemPrice.community_id,
        Donation.item_id == ItemPrice.item_id,
        Donation.choice == IntakeChoice.EXCHANGE,
        Donation.donor_member_id == ItemPrice.set_by_id,
        Donation.received_at <= ItemPrice.set_at,
    )
    query = (
        sa.select(ItemPrice.id)
        .join(Item, refers(ItemPrice.item_id, Item))
        .where(
            ItemPrice.community_id == community_id,
            sa.or_(Item.maker_member_id == ItemPrice.set_by_id, is_paid),
        )
    )
    for price_id in session.scalars(query):
        yield Finding("maker_priced", f"item_price:{price_id}", "the maker set this price")
