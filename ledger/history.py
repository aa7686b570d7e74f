"""What the book said on a day, and what it knew at a moment.

Words: *as of* a day counts what had occurred by its end, whenever it was written, so a back-dated
entry is in it; *known at* a sequence number counts what was sealed by then, so that a figure that
was once printed can be found again after later corrections. The two can be asked for together.

Invariant: nothing here is stored; every figure is summed from postings and their seal, with whole
months taken from the monthly activity where that says the same.
"""

from datetime import date, timedelta
from typing import NamedTuple
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from ledger.base import refers
from ledger.errors import UnknownAccount
from ledger.reports import STATEMENT_LIMIT_MAX, Line, Statement
from ledger.schema import Account, Activity, Outbox, Posting, SealItem, Transaction


class Month(NamedTuple):
    """What went into and out of an account in one month, posted layer."""

    month_on: date
    in_minor: int
    out_minor: int
    posting_count: int


def balance_on(
    session: Session,
    community_id: UUID,
    account_id: UUID,
    *,
    as_of: date | None = None,
    known_at: int | None = None,
) -> int:
    """Return the posted balance of an account on a day, as known at a sequence number.

    Args:
        session: any session.
        community_id: the book.
        account_id: the account.
        as_of: what had occurred by the end of this day; None is every day.
        known_at: what had been sealed up to this sequence number; None is everything.

    Raises:
        UnknownAccount: not in this book (`unknown_account`).
    """
    _require(session, community_id, account_id)
    if as_of is None or known_at is not None:
        return _sum(session, _moved(community_id, account_id, as_of, known_at))
    first_on = _month_of(as_of + timedelta(days=1))  # months before it are counted whole
    months = sa.select(
        sa.func.coalesce(sa.func.sum(Activity.in_minor - Activity.out_minor), 0)
    ).where(
        Activity.community_id == community_id,
        Activity.account_id == account_id,
        Activity.month_on < first_on,
    )
    waiting = _moved(community_id, account_id, as_of, None).where(_is_waiting())
    minor = int(session.scalar(months) or 0) + _sum(session, waiting)
    if as_of >= first_on:
        begun = _moved(community_id, account_id, as_of, None).where(
            Transaction.occurred_on >= first_on, sa.not_(_is_waiting())
        )
        minor += _sum(session, begun)
    return minor


def statement_on(  # noqa: PLR0913  # a page of a period: where, from when, to when, known when
    session: Session,
    community_id: UUID,
    account_id: UUID,
    *,
    first_on: date,
    last_on: date,
    known_at: int | None = None,
    limit: int = 50,
    before: tuple[date, UUID] | None = None,
) -> Statement:
    """Return a page of what occurred in a period, newest day first.

    Args:
        session: any session.
        community_id: the book.
        account_id: the account.
        first_on: first day of the period.
        last_on: last day of the period.
        known_at: as for `balance_on`.
        limit: lines per page, 1 to 500.
        before: day and id of the oldest line of the page with the newer ones; None is the first
            page. (`Statement.next_cursor` is that line's id.)

    Raises:
        UnknownAccount: not in this book (`unknown_account`).
    """
    assert 1 <= limit <= STATEMENT_LIMIT_MAX, "a page has 1 to 500 lines"
    _require(session, community_id, account_id)
    place = sa.tuple_(Transaction.occurred_on, Transaction.id)
    earlier = sa.true() if before is None else place < sa.tuple_(*map(sa.literal, before))
    moved = _moved(community_id, account_id, last_on, known_at).where(earlier)
    closing_minor = _sum(session, moved)
    page = (
        moved.where(Transaction.occurred_on >= first_on)
        .with_only_columns(Transaction, sa.func.sum(Posting.amount_minor))
        .group_by(*Transaction.__table__.columns)
        .order_by(Transaction.occurred_on.desc(), Transaction.id.desc())
        .limit(limit + 1)
    )
    rows = session.execute(page).all()
    lines: list[Line] = []
    balance_minor = closing_minor
    for transaction, amount_minor in rows[:limit]:
        lines.append(Line(transaction, int(amount_minor), balance_minor))
        balance_minor -= int(amount_minor)
    next_cursor = lines[-1].transaction.id if len(rows) > limit else None
    return Statement(balance_minor, lines, closing_minor, next_cursor)


def months(session: Session, community_id: UUID, account_id: UUID) -> list[Month]:
    """Return the activity of an account month by month, what is not sealed yet included.

    Raises:
        UnknownAccount: not in this book (`unknown_account`).
    """
    _require(session, community_id, account_id)
    sealed = session.execute(
        sa.select(
            Activity.month_on, Activity.in_minor, Activity.out_minor, Activity.posting_count
        ).where(Activity.community_id == community_id, Activity.account_id == account_id)
    )
    waiting = session.execute(
        _moved(community_id, account_id, None, None)
        .where(_is_waiting())
        .with_only_columns(Transaction.occurred_on, Posting.amount_minor)
    )
    found: dict[date, Month] = {row.month_on: Month(*row) for row in sealed}
    for occurred_on, amount_minor in waiting:
        month_on = _month_of(occurred_on)
        month = found.get(month_on, Month(month_on, 0, 0, 0))
        found[month_on] = Month(
            month_on,
            month.in_minor + max(amount_minor, 0),
            month.out_minor + max(-amount_minor, 0),
            month.posting_count + 1,
        )
    return [found[month_on] for month_on in sorted(found)]


def _require(session: Session, community_id: UUID, account_id: UUID) -> None:
    found = session.scalar(
        sa.select(Account.id).where(Account.community_id == community_id, Account.id == account_id)
    )
    if found is None:
        raise UnknownAccount(account_id=str(account_id))


def _moved(
    community_id: UUID, account_id: UUID, as_of: date | None, known_at: int | None
) -> sa.Select[int]:
    """Return the query of the posted amounts of an account that count."""
    query = (
        sa.select(Posting.amount_minor)
        .join(Transaction, refers(Posting.transaction_id, Transaction))
        .where(
            Posting.community_id == community_id,
            Posting.account_id == account_id,
            sa.not_(Posting.is_pending),
        )
    )
    if as_of is not None:
        query = query.where(Transaction.occurred_on <= as_of)
    if known_at is not None:
        query = query.join(
            SealItem,
            sa.and_(
                SealItem.community_id == Posting.community_id,
                SealItem.item_id == Posting.transaction_id,
            ),
        ).where(SealItem.sequence <= known_at)
    return query


def _is_waiting() -> sa.ColumnElement[bool]:
    return sa.exists().where(
        Outbox.community_id == Posting.community_id, Outbox.item_id == Posting.transaction_id
    )


def _sum(session: Session, moved: sa.Select[int]) -> int:
    total = moved.with_only_columns(sa.func.coalesce(sa.func.sum(Posting.amount_minor), 0))
    return int(session.scalar(total) or 0)


def _month_of(day: date) -> date:
    return day.replace(day=1)
