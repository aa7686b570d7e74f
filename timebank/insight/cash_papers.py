"""The papers of cash: every fen that came into a drawer or left it, and who counted.

Words: as in `timebank.shop.till_days` and `timebank.shop.safe`.
"""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from ledger.findings import Finding
from ledger.schema import Account
from timebank import chart
from timebank.insight.papers import Legs, Paper
from timebank.shop import cash
from timebank.shop.cash_models import (
    SafeDecision,
    SafeMove,
    TillClosing,
    TillDay,
    TillSignature,
)
from timebank.shop.safe import MOVES

ROWS_PER_FETCH = 500


def moves(session: Session, community_id: UUID) -> Iterator[Paper]:
    """Give all of the papers below."""
    yield from openings(session, community_id)
    yield from closings(session, community_id)
    yield from safe_moves(session, community_id)


def openings(session: Session, community_id: UUID) -> Iterator[Paper]:
    """Give the till days that moved money when they were opened."""
    accounts = _accounts(session, community_id)
    query = sa.select(TillDay).where(
        TillDay.community_id == community_id, TillDay.transaction_id.is_not(None)
    )
    for (day,) in _stream(session, query):
        moved = {
            chart.SAFE: -day.from_safe_fen,
            chart.till_account_code(day.till_number): day.from_safe_fen + day.difference_fen,
            chart.CASH_DIFFERENCES: -day.difference_fen,
        }
        yield _paper(f"till_day:{day.id}", day.transaction_id, moved, accounts)


def closings(session: Session, community_id: UUID) -> Iterator[Paper]:
    """Give the closings that moved money: takings to the safe, differences to their account."""
    accounts = _accounts(session, community_id)
    query = (
        sa.select(TillClosing, TillDay.till_number)
        .join(
            TillDay,
            (TillDay.community_id == TillClosing.community_id)
            & (TillDay.id == TillClosing.till_day_id),
        )
        .where(TillClosing.community_id == community_id, TillClosing.transaction_id.is_not(None))
    )
    for end, till_number in _stream(session, query):
        moved = {
            chart.till_account_code(till_number): end.difference_fen - end.takings_fen,
            chart.CASH_DIFFERENCES: -end.difference_fen,
            chart.SAFE: end.takings_fen,
        }
        yield _paper(f"till_closing:{end.till_day_id}", end.transaction_id, moved, accounts)


def safe_moves(session: Session, community_id: UUID) -> Iterator[Paper]:
    """Give the moves of the safe that a second person confirmed."""
    accounts = _accounts(session, community_id)
    query = (
        sa.select(SafeDecision, SafeMove)
        .join(
            SafeMove,
            (SafeMove.community_id == SafeDecision.community_id)
            & (SafeMove.id == SafeDecision.safe_move_id),
        )
        .where(SafeDecision.community_id == community_id, SafeDecision.is_confirmed)
    )
    for decision, move in _stream(session, query):
        source, target = MOVES[move.kind]
        moved = {source: -move.amount_fen, target: move.amount_fen}
        problems = []
        if decision.decided_by_id == move.proposed_by_id:
            problems.append("who entered it decided it")
        yield _paper(
            f"safe_move:{move.id}", decision.transaction_id, moved, accounts, tuple(problems)
        )


def cash_is_counted(session: Session, community_id: UUID) -> Iterator[Finding]:
    """Every count is worth what it says, every difference has its reason, two people signed."""
    for table, amount in ((TillDay, "float_fen"), (TillClosing, "counted_fen")):
        for (row,) in _stream(session, sa.select(table).where(table.community_id == community_id)):
            subject = f"till_day:{row.id if isinstance(row, TillDay) else row.till_day_id}"
            yield from _counting_problems(subject, row, getattr(row, amount))
    yield from _signed_by_one(session, community_id)


def _signed_by_one(session: Session, community_id: UUID) -> Iterator[Finding]:
    query = (
        sa.select(TillSignature, TillClosing.closed_by_id)
        .join(
            TillClosing,
            (TillClosing.community_id == TillSignature.community_id)
            & (TillClosing.till_day_id == TillSignature.till_day_id),
        )
        .where(TillSignature.community_id == community_id)
    )
    for signature, closed_by_id in _stream(session, query):
        if signature.signed_by_id == closed_by_id:
            subject = f"till_day:{signature.till_day_id}"
            yield Finding("till_day_differs", subject, "who closed it signed it")


def _counting_problems(
    subject: str, row: TillDay | TillClosing, counted_fen: int
) -> Iterator[Finding]:
    worth = sum(cash.FACES[face] * pieces for face, pieces in row.count.items())
    if worth != counted_fen:
        text = f"its notes and coins are {worth} fen, it says {counted_fen}"
        yield Finding("till_day_differs", subject, text)
    if bool(row.difference_fen) != bool(row.difference_reason):
        text = f"a difference of {row.difference_fen} fen, its reason: {row.difference_reason!r}"
        yield Finding("till_day_differs", subject, text)


def _paper(
    source: str,
    transaction_id: UUID,
    moved: dict[str, int],
    accounts: dict[str, UUID],
    problems: tuple[str, ...] = (),
) -> Paper:
    """Return a paper with its legs by account code; zero amounts move nothing."""
    legs: Legs = {}
    absent = []
    for code, amount_fen in moved.items():
        if not amount_fen:
            continue
        if code in accounts:
            legs[accounts[code]] = amount_fen
        else:
            absent.append(f"its account {code} is not there")
    return Paper(source, transaction_id, legs, (*problems, *absent))


def _accounts(session: Session, community_id: UUID) -> dict[str, UUID]:
    """Return the accounts of money by code."""
    rows = session.execute(
        sa.select(Account.code, Account.id).where(
            Account.community_id == community_id, Account.commodity == chart.CNY
        )
    )
    return dict(rows.all())


def _stream(session: Session, query: sa.Select[*tuple[Any, ...]]) -> Iterator[Any]:
    return iter(session.execute(query, execution_options={"yield_per": ROWS_PER_FETCH}))
