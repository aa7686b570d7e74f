"""Sending: what is due is handed to a channel, and again after a pause, until it is taken.

One try is three steps: *claim* (the next try is set before this one begins), *send* (no database
transaction is open while the network is waited for), *settle*. A process that dies in between has
already set the next try; so a letter is sent at least once, under the same Message-ID. Of two
processes one claims.

Invariants: a letter that was refused eight times, or is two days old, is given up: it still stands
in the application; a channel that is down holds up nothing else.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final, NamedTuple
from uuid import UUID

import sqlalchemy as sa
import structlog

from ledger import clock
from ledger.database import Database
from ledger.errors import Unavailable
from ledger.findings import UNREADABLE
from timebank.messages.channels import Channel, ChannelDown, Letter
from timebank.messages.models import TRY_COUNT_MAX, MailAddress, Message, MessageKind

ROUND_COUNT_MAX: Final = 50
RETRY_FIRST: Final = timedelta(minutes=1)
RETRY_LONGEST: Final = timedelta(hours=6)
GIVEN_UP_AFTER: Final = timedelta(days=2)
"""A reminder of the day before yesterday helps nobody; no heap is sent when mail is switched on."""

Failed = Callable[[UUID, BaseException], None]
log = structlog.get_logger()


class Content(NamedTuple):
    """What a letter says: the web puts kind and facts into words."""

    subject: str
    text: str


Compose = Callable[[MessageKind, dict[str, str | int]], Content]


class _Due(NamedTuple):
    community_id: UUID
    id: UUID
    kind: MessageKind
    facts: dict[str, str | int]
    email: str
    created_at: datetime
    next_try_at: datetime
    try_count: int


def send_due(
    database: Database,
    channel: Channel,
    compose: Compose,
    *,
    failed: Failed,
    is_stopped: Callable[[], bool] = lambda: False,
) -> int:
    """Send what is due in every book, at most fifty letters a round.

    Args:
        database: the books.
        channel: takes the letters.
        compose: puts a message into words.
        failed: told of a book whose message could not be read or written; the others go on.
        is_stopped: asked before every letter.

    Returns:
        How many letters the channel took; the round ends with the first that it does not take.

    Raises:
        Unavailable: the database cannot be reached.
    """
    sent_count = 0
    for due in _due(database):
        if is_stopped():
            break
        try:
            sent_count += _try(database, channel, compose, due)
        except Unavailable:
            raise  # this says nothing about the book
        except ChannelDown as error:
            log.warning("message_not_sent", message=str(due.id), reason=str(error)[:200])
            break  # the server may be away: the others wait for the next round, not for it
        except UNREADABLE as failure:
            failed(due.community_id, failure)
    return sent_count


def pause_before(try_count: int) -> timedelta:
    """Return the pause after the n-th try (from 1): doubled each time, six hours at most."""
    doublings = 1 << (try_count - 1)
    return min(RETRY_FIRST * doublings, RETRY_LONGEST)


def _due(database: Database) -> list[_Due]:
    with database.reading() as session:
        found = session.execute(
            sa.select(
                Message.community_id,
                Message.id,
                Message.kind,
                Message.facts,
                MailAddress.email,
                Message.created_at,
                Message.next_try_at,
                Message.try_count,
            )
            .join(
                MailAddress,
                sa.and_(
                    MailAddress.community_id == Message.community_id,
                    MailAddress.member_id == Message.member_id,
                ),
            )
            .where(Message.next_try_at <= clock.now())
            .order_by(Message.next_try_at, Message.id)
            .limit(ROUND_COUNT_MAX)
        )
        return [_Due(*row) for row in found]


def _try(database: Database, channel: Channel, compose: Compose, due: _Due) -> bool:
    if not _claim(database, due):
        return False
    if clock.now() - due.created_at > GIVEN_UP_AFTER:
        _settle(database, due, next_try_at=None)
        return False
    content = compose(due.kind, due.facts)
    try:
        channel.send(Letter(due.email, content.subject, content.text, due.id.hex))
    except ChannelDown:
        if due.try_count + 1 >= TRY_COUNT_MAX:
            _settle(database, due, next_try_at=None)
        raise
    _settle(database, due, next_try_at=None, sent_at=clock.now())
    return True


def _claim(database: Database, due: _Due) -> bool:
    """Set the next try and count this one; False when another process was faster."""
    with database.begin() as session:
        claimed = session.scalars(
            sa.update(Message)
            .where(
                Message.community_id == due.community_id,
                Message.id == due.id,
                Message.next_try_at == due.next_try_at,
                Message.try_count < TRY_COUNT_MAX,
            )
            .values(
                try_count=Message.try_count + 1,
                next_try_at=clock.now() + pause_before(due.try_count + 1),
            )
            .returning(Message.id)
        ).all()
    return bool(claimed)


def _settle(
    database: Database,
    due: _Due,
    *,
    next_try_at: datetime | None,
    sent_at: datetime | None = None,
) -> None:
    with database.begin() as session:
        session.execute(
            sa.update(Message)
            .where(Message.community_id == due.community_id, Message.id == due.id)
            .values(next_try_at=next_try_at, sent_at=sent_at)
        )
