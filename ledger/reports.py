"""What the book says: balances, statements and the trial balance.

A bounded account's balance is one row. An unbounded account's balance is its sealed months plus its
tail, the postings still in the outbox. The number of statements never grows with the history.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from ledger import clock
from ledger.base import refers
from ledger.errors import UnknownAccount
from ledger.records import Balance
from ledger.schema import Account, Activity, BalanceRow, Hold, Outbox, Posting, Transaction

STATEMENT_LIMIT_MAX = 500


class Line(NamedTuple):
    """One transaction on a statement: what it moved in this account, and the balance after it."""

    transaction: Transaction
    amount_minor: int
    balance_minor: int


@dataclass(frozen=True, slots=True)
class Statement:
    """A page of an account's history, newest line first.

    Attributes:
        opening_minor: balance before the oldest line of the page.
        lines: at most `limit`.
        closing_minor: balance after the newest line of the page.
        next_cursor: hand it in as `before` to get the page of older lines; None on the last page.
    """

    opening_minor: int
    lines: list[Line]
    closing_minor: int
    next_cursor: UUID | None


def balance(session: Session, community_id: UUID, account_id: UUID) -> Balance:
    """Return what an account holds.

    Raises:
        UnknownAccount: not in this book (`unknown_account`).
    """
    return balances(session, community_id, [account_id])[account_id]


def balances(
    session: Session, community_id: UUID, account_ids: Collection[UUID]
) -> dict[UUID, Balance]:
    """Return what each of the accounts holds, in at most three statements.

    Raises:
        UnknownAccount: one is not in this book (`unknown_account`).
    """
    rows = session.execute(
        sa.select(
            Account.id,
            Account.is_bounded,
            BalanceRow.posted_in - BalanceRow.posted_out,
            BalanceRow.pending_out,
        )
        .outerjoin(BalanceRow, refers(BalanceRow.account_id, Account))
        .where(Account.community_id == community_id, Account.id.in_(account_ids))
    )
    found: dict[UUID, Balance] = {}
    unbounded: list[UUID] = []
    for account_id, is_bounded, posted_minor, held_minor in rows:
        if is_bounded:
            found[account_id] = Balance(posted_minor, posted_minor - held_minor)
        else:
            unbounded.append(account_id)
    found |= _unbounded(session, community_id, unbounded)
    for account_id in account_ids:
        if account_id not in found:
            raise UnknownAccount(account_id=str(account_id))
    return found


def spendable(
    session: Session, community_id: UUID, account_ids: Collection[UUID]
) -> dict[UUID, Balance]:
    """Return what each of the accounts holds, overdue holds counted as given back.

    A post expires what is overdue before it refuses, so this is what could leave an account now,
    whenever the sweeper comes by. One statement more than `balances`, and only where something is
    held.

    Raises:
        UnknownAccount: one is not in this book (`unknown_account`).
    """
    found = balances(session, community_id, account_ids)
    holding = [key for key, held in found.items() if held.available_minor < held.posted_minor]
    if not holding:
        return found
    overdue = session.execute(
        sa.select(Posting.account_id, sa.func.sum(Posting.amount_minor))
        .join(
            Hold,
            sa.and_(
                Hold.community_id == Posting.community_id,
                Hold.transaction_id == Posting.transaction_id,
            ),
        )
        .where(
            Hold.community_id == community_id,
            Hold.expires_at <= clock.now(),
            Posting.account_id.in_(holding),
            Posting.amount_minor < 0,
        )
        .group_by(Posting.account_id)
    )
    for account_id, held_minor in overdue:
        posted_minor, available_minor = found[account_id]
        found[account_id] = Balance(posted_minor, available_minor - int(held_minor))
    return found


def statement(
    session: Session,
    community_id: UUID,
    account_id: UUID,
    *,
    limit: int = 50,
    before: UUID | None = None,
) -> Statement:
    """Return one page of an account's history, newest first.

    Args:
        session: any session.
        community_id: the book.
        account_id: the account.
        limit: lines per page, 1 to 500.
        before: the `next_cursor` of the page with the newer lines; None is the newest page.

    Raises:
        UnknownAccount: not in this book (`unknown_account`).
    """
    assert 1 <= limit <= STATEMENT_LIMIT_MAX, "a page has 1 to 500 lines"
    closing_minor = balance(session, community_id, account_id).posted_minor
    if before is not None:
        closing_minor -= _newer_minor(session, community_id, account_id, before)
    moved = (
        sa.select(Posting.transaction_id, sa.func.sum(Posting.amount_minor).label("amount_minor"))
        .where(_of(Posting, community_id, account_id))
        .group_by(Posting.transaction_id)
        .order_by(Posting.transaction_id.desc())
        .limit(limit + 1)
    )
    if before is not None:
        moved = moved.where(Posting.transaction_id < before)
    page = moved.subquery()
    rows = session.execute(
        sa.select(Transaction, page.c.amount_minor)
        .join(
            page,
            sa.and_(
                Transaction.community_id == community_id, Transaction.id == page.c.transaction_id
            ),
        )
        .order_by(Transaction.id.desc())
    ).all()
    lines: list[Line] = []
    balance_minor = closing_minor
    for transaction, amount_minor in rows[:limit]:
        lines.append(Line(transaction, int(amount_minor), balance_minor))
        balance_minor -= int(amount_minor)
    next_cursor = lines[-1].transaction.id if len(rows) > limit else None
    return Statement(balance_minor, lines, closing_minor, next_cursor)


def trial_balance(
    session: Session, community_id: UUID, *, as_of: date | None = None
) -> list[tuple[Account, int]]:
    """Return every account with the sum of its postings, by code.

    Args:
        session: any session.
        community_id: the book.
        as_of: only what had occurred by the end of this day; None is everything.
    """
    postings = sa.select(Posting.account_id, Posting.amount_minor).where(
        Posting.community_id == community_id, sa.not_(Posting.is_pending)
    )
    if as_of is not None:
        postings = postings.join(Transaction, refers(Posting.transaction_id, Transaction)).where(
            Transaction.occurred_on <= as_of
        )
    totals = session.execute(
        postings.with_only_columns(Posting.account_id, sa.func.sum(Posting.amount_minor)).group_by(
            Posting.account_id
        )
    )
    sums = {account_id: int(total) for account_id, total in totals}
    accounts = session.scalars(
        sa.select(Account).where(Account.community_id == community_id).order_by(Account.code)
    )
    return [(account, sums.get(account.id, 0)) for account in accounts]


def _unbounded(
    session: Session, community_id: UUID, account_ids: list[UUID]
) -> dict[UUID, Balance]:
    if not account_ids:
        return {}
    sealed = sa.select(
        Activity.account_id, (Activity.in_minor - Activity.out_minor).label("amount_minor")
    ).where(Activity.community_id == community_id, Activity.account_id.in_(account_ids))
    tail = (
        sa.select(Posting.account_id, Posting.amount_minor)
        .join(
            Outbox,
            sa.and_(
                Outbox.community_id == Posting.community_id,
                Outbox.item_id == Posting.transaction_id,
            ),
        )
        .where(
            Posting.community_id == community_id,
            Posting.account_id.in_(account_ids),
            sa.not_(Posting.is_pending),
        )
    )
    moved = sa.union_all(sealed, tail).subquery()
    sums = session.execute(
        sa.select(moved.c.account_id, sa.func.sum(moved.c.amount_minor)).group_by(
            moved.c.account_id
        )
    )
    found = dict.fromkeys(account_ids, Balance(0, 0))
    found |= {account_id: Balance(int(total), int(total)) for account_id, total in sums}
    return found


def _of(table: type[Posting], community_id: UUID, account_id: UUID) -> sa.ColumnElement[bool]:
    return sa.and_(
        table.community_id == community_id,
        table.account_id == account_id,
        sa.not_(table.is_pending),
    )


def _newer_minor(session: Session, community_id: UUID, account_id: UUID, before: UUID) -> int:
    """Return the sum of the postings from the cursor on, which the newer pages have shown."""
    total = session.scalar(
        sa.select(sa.func.coalesce(sa.func.sum(Posting.amount_minor), 0)).where(
            _of(Posting, community_id, account_id), Posting.transaction_id >= before
        )
    )
    return int(total or 0)
