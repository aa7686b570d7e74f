"""A draft made ready for the door: id, moment and hashes; and the answer to it."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from ledger import ids, replays
from ledger.hashing import content_hash, request_hash
from ledger.records import Draft, Entry, Links, Posted

NO_LINKS = Links()


def make(community_id: UUID, draft: Draft, recorded_at: datetime, links: Links = NO_LINKS) -> Entry:
    """Return the entry of a draft, with a fresh id.

    Args:
        community_id: the book.
        draft: checked already.
        recorded_at: aware moment of the writing.
        links: what ties it to other transactions.
    """
    transaction_id = ids.new_id()
    request = request_hash(draft, links)
    content = content_hash(community_id, transaction_id, recorded_at, request)
    return Entry(transaction_id, draft, recorded_at, links, request, content)


def answer(session: Session, community_id: UUID, entry: Entry, is_written: bool) -> Posted:
    """Return what a door's call comes to: this entry, or the earlier one with its key.

    Raises:
        KeyReused: the key stands for another request (`key_reused`).
    """
    if is_written:
        return posted(entry)
    earlier = replays.answers(session, community_id, [entry])[entry.draft.idempotency_key]
    # It is the same entry when its first sending was written and the answer to it was lost.
    return earlier._replace(is_replay=earlier.transaction_id != entry.id)


def posted(entry: Entry) -> Posted:
    """Return the answer to an entry that was written now."""
    return Posted(entry.id, entry.recorded_at, entry.content_hash, False)
