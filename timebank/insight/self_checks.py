"""Self-checks: when a book was last checked from the beginning, and what was found.

A check is done by hand at the desk or by the operator; each leaves one audit row that only counts
what was found, so that the inbox and the public pages can say in constant time when the book was
last whole.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from timebank import audit
from timebank.actors import Actor, Permission
from timebank.audit import AuditEvent
from timebank.insight.verification import BookReport

ACTION = "verify_book"


@dataclass(frozen=True, slots=True)
class SelfCheck:
    """One check that was done."""

    checked_at: datetime
    transaction_count: int
    finding_count: int

    @property
    def is_clean(self) -> bool:
        """Whether everything was as it should be."""
        return self.finding_count == 0


def keep(session: Session, actor: Actor, report: BookReport) -> SelfCheck:
    """Keep the result of a check (`verification.verify_book`) that the actor has just done.

    The check itself reads one snapshot in a session of its own, so that nobody waits for it.

    Args:
        session: a write session, for the one row that is kept.
        actor: needs `read_books`.
        report: of the actor's own book.

    Raises:
        NotAllowed: `not_allowed`.
    """
    actor.require(Permission.READ_BOOKS)
    event = audit.record(
        session,
        actor,
        ACTION,
        _subject(actor.community_id),
        transaction_count=report.transaction_count,
        finding_count=len(report.findings),
    )
    session.flush()
    return SelfCheck(event.recorded_at, report.transaction_count, len(report.findings))


def last_check(session: Session, community_id: UUID) -> SelfCheck | None:
    """Return the newest check of a book, or None when nobody has checked it yet."""
    event = session.scalars(
        sa.select(AuditEvent)
        .where(
            AuditEvent.community_id == community_id,
            AuditEvent.subject == _subject(community_id),
            AuditEvent.action == ACTION,
        )
        .order_by(AuditEvent.recorded_at.desc(), AuditEvent.id.desc())
        .limit(1)
    ).first()
    if event is None:
        return None
    counts = event.details
    return SelfCheck(event.recorded_at, counts["transaction_count"], counts["finding_count"])


def _subject(community_id: UUID) -> str:
    return f"book:{community_id}"
