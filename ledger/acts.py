"""Acts: what is decided about a book without moving anything in it.

An account is closed to all postings and reopened; the books are closed through a day, after which
nothing is dated on it or before it, and reopened through an earlier one. Every act says why, stays
for ever, and is sealed in the sequence of its book like a transaction.
"""

from datetime import date
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from ledger import clock, doors, ids
from ledger.checks import check_actor, check_reason
from ledger.hashing import act_hash
from ledger.records import ActFacts
from ledger.schema import Act, ActKind

_PERIODS = (ActKind.PERIOD_CLOSED, ActKind.PERIOD_REOPENED)


def close_account(
    session: Session, community_id: UUID, account_id: UUID, *, reason: str, actor: str
) -> bool:
    """Close a bounded account to all postings; return False when it is closed already.

    Raises:
        UnknownAccount: no bounded account of this book (`unknown_account`).
        ReasonRequired: the reason is blank (`reason_required`).
    """
    kind = ActKind.ACCOUNT_CLOSED
    return _act(session, community_id, kind, account_id, None, reason=reason, actor=actor)


def reopen_account(
    session: Session, community_id: UUID, account_id: UUID, *, reason: str, actor: str
) -> bool:
    """Open a closed account again; return False when it is open.

    Raises:
        UnknownAccount: no bounded account of this book (`unknown_account`).
        ReasonRequired: the reason is blank (`reason_required`).
    """
    kind = ActKind.ACCOUNT_REOPENED
    return _act(session, community_id, kind, account_id, None, reason=reason, actor=actor)


def close_period(
    session: Session, community_id: UUID, *, through: date, reason: str, actor: str
) -> None:
    """Close the books through a day; when it returns, no post of that time is on its way.

    Raises:
        PeriodUnchanged: they are closed as far already (`period_unchanged`).
        ReasonRequired: the reason is blank (`reason_required`).
    """
    kind = ActKind.PERIOD_CLOSED
    _act(session, community_id, kind, None, through, reason=reason, actor=actor)


def reopen_period(
    session: Session, community_id: UUID, *, through: date | None, reason: str, actor: str
) -> None:
    """Leave the books closed only through an earlier day; None is no day at all.

    Raises:
        PeriodUnchanged: they are not closed beyond that day (`period_unchanged`).
        ReasonRequired: the reason is blank (`reason_required`).
    """
    kind = ActKind.PERIOD_REOPENED
    _act(session, community_id, kind, None, through, reason=reason, actor=actor)


def closed_through(session: Session, community_id: UUID) -> date | None:
    """Return the last day that takes no more postings, or None."""
    return session.scalar(
        sa.select(Act.closed_through_on)
        .where(Act.community_id == community_id, Act.kind.in_(_PERIODS))
        .order_by(Act.act_no.desc())
        .limit(1)
    )


def list_acts(session: Session, community_id: UUID) -> list[Act]:
    """Return every act of a book, newest first."""
    query = sa.select(Act).where(Act.community_id == community_id).order_by(Act.act_no.desc())
    return list(session.scalars(query))


def _act(  # noqa: PLR0913  # the facts of an act, from the four calls above
    session: Session,
    community_id: UUID,
    kind: ActKind,
    account_id: UUID | None,
    through: date | None,
    *,
    reason: str,
    actor: str,
) -> bool:
    check_reason(reason)
    check_actor(actor)
    facts = ActFacts(
        *(community_id, ids.new_id(), kind, account_id),
        *(through, reason, actor, clock.now()),
    )
    is_changed: bool = doors.of(session).act(facts, act_hash(facts))
    return is_changed
