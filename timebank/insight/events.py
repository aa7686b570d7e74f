"""Events of a book as they leave it: by the API page by page, by webhooks batch by batch.

Words: an *event* is a sealed transaction, account or act; the *cursor* is the sequence number of
the last event that a reader has seen.

Invariant: an event names no person. Accounts stand by their codes, which carry volunteer numbers
at most; who did it (`actor`) and what was written by hand (narration, reason) stay in the book.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy.orm import Session

from ledger import feed
from ledger.feed import AccountContent, ActContent, Event, TransactionContent
from timebank.actors import Actor, Permission

EVENT_COUNT_MAX: Final = feed.EVENT_COUNT_MAX
CURSOR_MAX: Final = 2**53 - 1
"""The largest whole number that every reader of JSON keeps exactly."""
Document = dict[str, Any]
"""Values of JSON, by name."""


@dataclass(frozen=True, slots=True)
class EventPage:
    """Events in their order; `next_cursor` is what to ask behind next time."""

    events: list[Document]
    next_cursor: int


def read_events(session: Session, actor: Actor, *, after: int, limit: int) -> EventPage:
    """Return the events of the actor's book behind a cursor.

    Args:
        session: a reading session.
        actor: needs `read_books`.
        after: the cursor, 0 to `CURSOR_MAX`; 0 begins at the beginning.
        limit: at most so many, 1 to `EVENT_COUNT_MAX`.

    Returns:
        a page; it is empty, its cursor the one given, when there is nothing new.

    Raises:
        NotAllowed: `not_allowed`.
    """
    actor.require(Permission.READ_BOOKS)
    found = feed.events(session, actor.community_id, after=after, limit=limit)
    next_cursor = found[-1].sequence if found else after
    return EventPage([document(event) for event in found], next_cursor)


def document(event: Event) -> Document:
    """Return an event as values of JSON; of the three contents two are null."""
    content = event.content
    return {
        "sequence": event.sequence,
        "kind": str(event.kind),
        "id": str(event.id),
        "content_hash": event.content_hash.hex(),
        "recorded_at": _moment(event.recorded_at),
        "transaction": _transaction(content) if isinstance(content, TransactionContent) else None,
        "account": content._asdict() if isinstance(content, AccountContent) else None,
        "act": _act(content) if isinstance(content, ActContent) else None,
    }


def _transaction(content: TransactionContent) -> Document:
    return {
        "kind": content.kind,
        "occurred_on": content.occurred_on.isoformat(),
        "source": content.source,
        "reverses_id": _id(content.reverses_id),
        "resolves_id": _id(content.resolves_id),
        "expires_at": _moment(content.expires_at) if content.expires_at else None,
        "legs": [leg._asdict() for leg in content.legs],
    }


def _act(content: ActContent) -> Document:
    through = content.closed_through_on
    return {
        "kind": content.kind,
        "account_code": content.account_code,
        "closed_through_on": through.isoformat() if through else None,
    }


def _id(value: UUID | None) -> str | None:
    return str(value) if value else None


def _moment(value: datetime) -> str:
    return value.isoformat(timespec="microseconds")
