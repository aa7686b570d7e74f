"""The papers of the counter: every receipt and every return, to the point, the fen and the piece.

A receipt moves what its lines say: points for those paid with points less what was swapped in, cash
for the others, every piece out and every piece brought in. A return is the mirror of its receipt,
or gives back what its own lines say.
"""

from collections import Counter
from collections.abc import Iterator
from itertools import groupby
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from ledger.base import refers
from ledger.findings import Finding
from ledger.schema import Account, Transaction
from timebank import chart
from timebank.insight.papers import Paper
from timebank.people.household_models import Helper
from timebank.people.models import Member
from timebank.shop.models import Item
from timebank.shop.sale_models import Redemption, RedemptionLine, Refund, RefundLine, SwapLine

ROWS_PER_FETCH: Final = 500

Accounts = dict[str, UUID | None]
"""The accounts of the shop by code; of a till that never took cash there is none."""


def redemptions(session: Session, community_id: UUID) -> Iterator[Paper]:
    """Give every receipt with what follows from its lines."""
    accounts = _accounts(session, community_id)
    swaps = _swaps(session, community_id)
    query = (
        sa.select(
            Redemption,
            Member.points_account_id,
            RedemptionLine,
            Item.stock_account_id,
            Item.out_account_id,
        )
        .outerjoin_from(Redemption, Member, refers(Redemption.member_id, Member))
        .outerjoin(
            RedemptionLine,
            sa.and_(
                RedemptionLine.community_id == Redemption.community_id,
                RedemptionLine.redemption_id == Redemption.id,
            ),
        )
        .outerjoin(Item, refers(RedemptionLine.item_id, Item))
        .where(Redemption.community_id == community_id)
        .order_by(Redemption.id, RedemptionLine.line_no)
    )
    found = session.execute(query, execution_options={"yield_per": ROWS_PER_FETCH})
    for redemption_id, rows in groupby(found, key=lambda row: row[0].id):
        yield _redemption(list(rows), swaps.get(redemption_id, []), accounts)


def partial_refunds(session: Session, community_id: UUID) -> Iterator[Paper]:
    """Give every return that is not the mirror of its receipt: it moves what its lines say."""
    accounts = _accounts(session, community_id)
    query = (
        sa.select(
            Refund,
            Member.points_account_id,
            RefundLine,
            RedemptionLine,
            Item.stock_account_id,
            Item.out_account_id,
        )
        .join_from(Refund, Redemption, refers(Refund.redemption_id, Redemption))
        .outerjoin(Member, refers(Redemption.member_id, Member))
        .outerjoin(
            RefundLine,
            sa.and_(
                RefundLine.community_id == Refund.community_id, RefundLine.refund_id == Refund.id
            ),
        )
        .outerjoin(
            RedemptionLine,
            sa.and_(
                RedemptionLine.community_id == RefundLine.community_id,
                RedemptionLine.redemption_id == RefundLine.redemption_id,
                RedemptionLine.line_no == RefundLine.line_no,
            ),
        )
        .outerjoin(Item, refers(RedemptionLine.item_id, Item))
        .join(Transaction, refers(Refund.transaction_id, Transaction))
        .where(Refund.community_id == community_id, Transaction.reverses_id.is_(None))
        .order_by(Refund.id, RefundLine.line_no)
    )
    found = session.execute(query, execution_options={"yield_per": ROWS_PER_FETCH})
    for _, rows in groupby(found, key=lambda row: row[0].id):
        yield _refund(list(rows), accounts)


def refunds_are_whole(session: Session, community_id: UUID) -> Iterator[Finding]:
    """A mirror takes back all of its own receipt; nothing comes back twice; helpers had agreed."""
    yield from _mirrors(session, community_id)
    yield from _returned_twice(session, community_id)
    yield from _helpers(session, community_id)


def pieces_out(session: Session, community_id: UUID) -> dict[UUID, int]:
    """Return the pieces that receipts gave out and returns did not bring back, by item."""
    out = sa.select(RedemptionLine.item_id, RedemptionLine.quantity).where(
        RedemptionLine.community_id == community_id
    )
    back = (
        sa.select(RedemptionLine.item_id, -RefundLine.quantity)
        .join_from(
            RefundLine,
            RedemptionLine,
            sa.and_(
                RedemptionLine.community_id == RefundLine.community_id,
                RedemptionLine.redemption_id == RefundLine.redemption_id,
                RedemptionLine.line_no == RefundLine.line_no,
            ),
        )
        .join(Refund, refers(RefundLine.refund_id, Refund))
        .where(RefundLine.community_id == community_id)
    )
    moved = sa.union_all(out, back).subquery()
    query = sa.select(moved.c.item_id, sa.func.sum(moved.c.quantity)).group_by(moved.c.item_id)
    return {item_id: int(pieces) for item_id, pieces in session.execute(query)}


# ---------------------------------------------------------------- what follows from a paper


def _redemption(rows: list[Any], swaps: list[Any], accounts: Accounts) -> Paper:
    """Fold a receipt's rows, one per line, into its paper."""
    redemption, points_id = rows[0][0], rows[0][1]
    legs: Counter[UUID | None] = Counter()
    problems = []
    if redemption.member_id is not None and points_id is None:
        problems.append("its member is not there")
    points = fen = 0
    for _, _, line, stock_id, out_id in rows:
        if line is None:
            continue
        if stock_id is None:
            problems.append("its goods is not there")
        legs.update({stock_id: -line.quantity, out_id: line.quantity})
        points += line.sum_points or 0
        fen += line.sum_fen or 0
    swapped = 0
    for line, intake_id, stock_id in swaps:
        legs.update({intake_id: -line.quantity, stock_id: line.quantity})
        swapped += line.sum_points
    legs.update(_points_legs(points_id, points - swapped, accounts))
    legs.update(_cash_legs(redemption.till_number, fen, accounts))
    for name, summed, said in (
        ("points", points, redemption.total_points),
        ("fen", fen, redemption.total_fen),
        ("points swapped in", swapped, redemption.swapped_points),
    ):
        if summed != said:
            problems.append(f"its lines sum to {summed} {name}, its total says {said}")
    return Paper(
        source=f"redemption:{redemption.id}",
        transaction_id=redemption.transaction_id,
        legs=_of_accounts(legs),
        problems=tuple(problems),
    )


def _refund(rows: list[Any], accounts: Accounts) -> Paper:
    """Fold a return's rows, one per line, into its paper."""
    refund, points_id = rows[0][0], rows[0][1]
    legs: Counter[UUID | None] = Counter()
    points = fen = 0
    for _, _, returned, line, stock_id, out_id in rows:
        if returned is None or line is None:
            continue
        legs.update({stock_id: returned.quantity, out_id: -returned.quantity})
        points += returned.quantity * (line.price_points or 0)
        fen += returned.quantity * (line.price_fen or 0)
    legs.update({points_id: points, accounts[chart.SHOP_REDEEMED]: -points})
    legs.update(_cash_legs(refund.till_number, -fen, accounts))
    problems = [
        f"its lines come to {summed} {name}, it says {said}"
        for name, summed, said in (
            ("points", points, refund.points_back),
            ("fen", fen, refund.fen_back),
        )
        if summed != said
    ]
    return Paper(
        source=f"refund:{refund.id}",
        transaction_id=refund.transaction_id,
        legs=_of_accounts(legs),
        problems=tuple(problems),
    )


def _points_legs(
    points_id: UUID | None, due_points: int, accounts: Accounts
) -> dict[UUID | None, int]:
    other = chart.SHOP_REDEEMED if due_points > 0 else chart.POINTS_ISSUANCE
    return {points_id: -due_points, accounts[other]: due_points}


def _cash_legs(till_number: int, fen: int, accounts: Accounts) -> dict[UUID | None, int]:
    drawer_id = accounts.get(chart.till_account_code(till_number))
    return {drawer_id: fen, accounts.get(chart.SALES): -fen}


def _of_accounts(legs: Counter[UUID | None]) -> dict[UUID, int]:
    return {id_: amount for id_, amount in legs.items() if id_ is not None and amount}


def _accounts(session: Session, community_id: UUID) -> Accounts:
    found: Accounts = dict(chart.system_accounts(session, community_id))
    rows = session.execute(
        sa.select(Account.code, Account.id).where(
            Account.community_id == community_id, Account.commodity == chart.CNY
        )
    )
    found.update({row.code: row.id for row in rows})
    return found


def _swaps(session: Session, community_id: UUID) -> dict[UUID, list[Any]]:
    query = (
        sa.select(SwapLine, Item.intake_account_id, Item.stock_account_id)
        .outerjoin(Item, refers(SwapLine.item_id, Item))
        .where(SwapLine.community_id == community_id)
    )
    found: dict[UUID, list[Any]] = {}
    for row in session.execute(query):
        found.setdefault(row[0].redemption_id, []).append(row)
    return found


# ---------------------------------------------------------------- what receipts and returns say


def _mirrors(session: Session, community_id: UUID) -> Iterator[Finding]:
    """Name returns that reverse another transaction than their receipt's, or not all of it."""
    pieces = (
        sa.select(sa.func.coalesce(sa.func.sum(RefundLine.quantity), 0))
        .where(RefundLine.community_id == Refund.community_id, RefundLine.refund_id == Refund.id)
        .scalar_subquery()
    )
    sold = (
        sa.select(sa.func.coalesce(sa.func.sum(RedemptionLine.quantity), 0))
        .where(
            RedemptionLine.community_id == Redemption.community_id,
            RedemptionLine.redemption_id == Redemption.id,
        )
        .scalar_subquery()
    )
    query = (
        sa.select(Refund, Redemption, Transaction.reverses_id, Transaction.id, pieces, sold)
        .join_from(Refund, Redemption, refers(Refund.redemption_id, Redemption))
        .outerjoin(Transaction, refers(Refund.transaction_id, Transaction))
        .where(Refund.community_id == community_id)
    )
    for refund, redemption, reverses_id, found_id, back_count, sold_count in session.execute(query):
        subject = f"refund:{refund.id}"
        if found_id is not None and reverses_id is None and not redemption.swapped_points:
            continue  # a part, whose paper says what it moves
        if reverses_id != redemption.transaction_id:
            yield Finding(
                "refund_differs", subject, "its transaction does not reverse its redemption"
            )
            continue
        back = refund.points_back, refund.fen_back, back_count
        if back != (redemption.paid_points, redemption.total_fen, sold_count):
            yield Finding("refund_differs", subject, "it does not say that all of it came back")


def _returned_twice(session: Session, community_id: UUID) -> Iterator[Finding]:
    """Name lines of which more pieces came back than went out."""
    query = (
        sa.select(
            RedemptionLine.redemption_id,
            RedemptionLine.line_no,
            RedemptionLine.quantity,
            sa.func.sum(RefundLine.quantity),
        )
        .join_from(
            RedemptionLine,
            RefundLine,
            sa.and_(
                RedemptionLine.community_id == RefundLine.community_id,
                RedemptionLine.redemption_id == RefundLine.redemption_id,
                RedemptionLine.line_no == RefundLine.line_no,
            ),
        )
        .where(RedemptionLine.community_id == community_id)
        .group_by(RedemptionLine.redemption_id, RedemptionLine.line_no, RedemptionLine.quantity)
        .having(sa.func.sum(RefundLine.quantity) > RedemptionLine.quantity)
    )
    for redemption_id, line_no, sold, back in session.execute(query):
        yield Finding(
            "returned_too_many",
            f"redemption:{redemption_id}",
            f"of row {line_no} {back} pieces came back, {sold} went out",
        )


def _helpers(session: Session, community_id: UUID) -> Iterator[Finding]:
    """Name receipts whose helper the member had not agreed to when they were made."""
    agreed = sa.exists().where(
        Helper.community_id == Redemption.community_id,
        Helper.member_id == Redemption.member_id,
        Helper.helper_member_id == Redemption.helper_member_id,
        sa.or_(Helper.ended_at.is_(None), Helper.ended_at >= Redemption.redeemed_at),
    )
    query = sa.select(Redemption.id).where(
        Redemption.community_id == community_id,
        Redemption.helper_member_id.is_not(None),
        ~agreed,
    )
    for redemption_id in session.scalars(query):
        yield Finding(
            "helper_not_agreed",
            f"redemption:{redemption_id}",
            "the member had not agreed that this helper comes",
        )
