"""Periods: the books are closed through a day that is over, and reopened with a reason.

From then on nothing is dated on that day or before it; a late correction carries a later date. The
kernel seals every closing in the sequence of the book; here it is decided who may, and audited.
"""

from datetime import date
from typing import Any

from sqlalchemy.orm import Session

from ledger import acts, clock
from ledger.errors import N_, Refused
from timebank import audit
from timebank.actors import Actor, Permission
from timebank.people import organisations


class PeriodNotOver(Refused):
    """A day that is not over still takes its own entries."""

    code = "period_not_over"
    message = N_("%(through)s is not over yet: books are closed through a past day.")


class NothingClosed(Refused):
    """There is nothing to reopen."""

    code = "nothing_closed"
    message = N_("The books are open: there is nothing to reopen.")


def closed_through(session: Session, actor: Actor) -> date | None:
    """Return the last day that takes no more entries, or None while every day does.

    Args:
        session: any session.
        actor: needs `read_books`.

    Raises:
        NotAllowed: `not_allowed`.
    """
    actor.require(Permission.READ_BOOKS)
    return acts.closed_through(session, actor.community_id)


def close_period(session: Session, actor: Actor, *, through: date, reason: str) -> None:
    """Close the books of the actor's community through a day.

    Args:
        session: a write session.
        actor: needs `administer`.
        through: the last day of the period; before today on the community's own calendar.
        reason: 1 to 500 characters.

    Raises:
        NotAllowed: `not_allowed`.
        PeriodNotOver: (`period_not_over`).
        PeriodUnchanged: they are closed as far already (`period_unchanged`).
        ReasonRequired: (`reason_required`).
    """
    actor.require(Permission.ADMINISTER)
    community = organisations.get_community(session, actor.community_id)
    if through >= clock.today(community.time_zone):
        raise PeriodNotOver(through=through.isoformat())
    acts.close_period(
        session, actor.community_id, through=through, reason=reason, actor=actor.reference
    )
    _record(session, actor, "close_period", through=through.isoformat(), reason=reason)


def reopen_period(session: Session, actor: Actor, *, through: date | None, reason: str) -> None:
    """Leave the books closed only through an earlier day.

    Args:
        session: a write session.
        actor: needs `administer`.
        through: the day through which they stay closed; None opens every day.
        reason: 1 to 500 characters.

    Raises:
        NotAllowed: `not_allowed`.
        NothingClosed: (`nothing_closed`).
        PeriodUnchanged: they are not closed beyond that day (`period_unchanged`).
        ReasonRequired: (`reason_required`).
    """
    actor.require(Permission.ADMINISTER)
    if acts.closed_through(session, actor.community_id) is None:
        raise NothingClosed
    acts.reopen_period(
        session, actor.community_id, through=through, reason=reason, actor=actor.reference
    )
    day = through.isoformat() if through else None
    _record(session, actor, "reopen_period", through=day, reason=reason)


def _record(session: Session, actor: Actor, action: str, **details: Any) -> None:
    audit.record(session, actor, action, f"book:{actor.community_id}", **details)
