"""Who did what: one append-only row per act that is not itself a ledger entry or a scan.

Invariant: rows are only inserted; a trigger refuses UPDATE and DELETE on both databases. Details
hold ids and codes, never personal data.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, Session, mapped_column

from ledger import clock
from ledger.base import Base, community_key
from ledger.columns import Document
from ledger.ids import new_id
from timebank.actors import Actor


class AuditEvent(Base):
    """One act: `subject` is `<table>:<id>`."""

    __tablename__ = "audit_event"
    __table_args__ = (Index("ix_audit_event_subject", "community_id", "subject"),)

    community_id: Mapped[UUID] = community_key()
    id: Mapped[UUID] = mapped_column(primary_key=True)
    recorded_at: Mapped[datetime]
    actor: Mapped[str]
    action: Mapped[str]
    subject: Mapped[str]
    details: Mapped[Any] = mapped_column(Document)


def record(session: Session, actor: Actor, action: str, subject: str, **details: Any) -> AuditEvent:
    """Add one audit row to the running transaction.

    Args:
        session: the write session of the act itself, so that act and record stand or fall together.
        actor: who acts.
        action: the rule's name, such as `issue_card`.
        subject: `<table>:<id>` of the thing changed.
        details: JSON values that explain the act; no personal data.
    """
    event = AuditEvent(
        community_id=actor.community_id,
        id=new_id(),
        recorded_at=clock.now(),
        actor=actor.reference,
        action=action,
        subject=subject,
        details=details,
    )
    session.add(event)
    return event
