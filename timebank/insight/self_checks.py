"""Self-checks: when a book was last checked, how, and what was found.

Words: a *checkpoint* is the last block of a book that was found whole; the next check goes on from
there.

A check is done by hand at the desk or by the operator; each leaves one audit row that only counts
what was found, so that the inbox and the public pages can say in constant time when the book was
last whole. Checkpoints are rows of their own: a long check leaves one after every range of blocks,
so that an interrupted one need not begin anew.
"""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from ledger.seal import Head
from timebank import audit
from timebank.actors import Actor, Permission
from timebank.audit import AuditEvent
from timebank.insight.verification import BookReport, Checkpoint

ACTION: Final = "verify_book"
CHECKPOINT_ACTION: Final = "keep_checkpoint"


@dataclass(frozen=True, slots=True)
class SelfCheck:
    """One check that was done.

    Attributes:
        item_count: what was gone through; None for a check of an earlier version.
        milliseconds: how long it took; None likewise.
        is_full: False where only what was new since the last check was gone through.
    """

    checked_at: datetime
    transaction_count: int
    finding_count: int
    item_count: int | None = None
    milliseconds: int | None = None
    is_full: bool = True

    @property
    def is_clean(self) -> bool:
        """Whether everything was as it should be."""
        return self.finding_count == 0


def keep(session: Session, actor: Actor, report: BookReport) -> SelfCheck:
    """Keep the result of a check (`verification.verify_book`) that the actor has just done.

    The check itself reads one snapshot in a session of its own, so that nobody waits for it.

    Args:
        session: a write session, for the rows that are kept.
        actor: needs `read_books`.
        report: of the actor's own book.

    Raises:
        NotAllowed: `not_allowed`.
    """
    actor.require(Permission.READ_BOOKS)
    if report.checkpoint is not None and not report.findings:
        keep_checkpoint(session, actor, report.checkpoint)
    event = audit.record(
        session,
        actor,
        ACTION,
        _subject(actor.community_id),
        transaction_count=report.transaction_count,
        finding_count=len(report.findings),
        item_count=report.item_count,
        milliseconds=report.milliseconds,
        is_full=report.is_full,
    )
    session.flush()
    return _self_check(event)


def keep_checkpoint(session: Session, actor: Actor, found: Checkpoint) -> None:
    """Keep the last block that was found whole, unless it is kept already.

    Args:
        session: a write session.
        actor: needs `read_books`.
        found: of the actor's own book.

    Raises:
        NotAllowed: `not_allowed`.
    """
    actor.require(Permission.READ_BOOKS)
    if checkpoint(session, actor.community_id) != found.head:
        subject = _subject(actor.community_id)
        audit.record(session, actor, CHECKPOINT_ACTION, subject, **asdict(found))
        session.flush()


def checkpoint(session: Session, community_id: UUID) -> Head | None:
    """Return the block from which on a book need be checked, or None: from the beginning."""
    event = _newest(session, community_id, CHECKPOINT_ACTION)
    return None if event is None else Checkpoint(**event.details).head


def checkpoints(session: Session) -> dict[UUID, Head]:
    """Return the block from which on each book need be checked, where there is one."""
    books = session.scalars(
        sa.select(AuditEvent.community_id).where(AuditEvent.action == CHECKPOINT_ACTION).distinct()
    )
    found = {book: checkpoint(session, book) for book in books.all()}
    return {book: head for book, head in found.items() if head is not None}


def last_check(session: Session, community_id: UUID) -> SelfCheck | None:
    """Return the newest check of a book, or None when nobody has checked it yet."""
    event = _newest(session, community_id, ACTION)
    return None if event is None else _self_check(event)


def _self_check(event: AuditEvent) -> SelfCheck:
    return SelfCheck(event.recorded_at, **event.details)


def _newest(session: Session, community_id: UUID, action: str) -> AuditEvent | None:
    return session.scalars(
        sa.select(AuditEvent)
        .where(
            AuditEvent.community_id == community_id,
            AuditEvent.subject == _subject(community_id),
            AuditEvent.action == action,
        )
        .order_by(AuditEvent.recorded_at.desc(), AuditEvent.id.desc())
        .limit(1)
    ).first()


def _subject(community_id: UUID) -> str:
    return f"book:{community_id}"
