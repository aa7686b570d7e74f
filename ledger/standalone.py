"""A post that is a database transaction of its own: one round trip, sent again until it is known.

For whoever posts one thing and nothing else; a rule that writes more than the post calls
`journal.post` in its session.

A lost connection, a deadlock, a server that shuts down and a commit that was cancelled while it
waited for its replica leave the same question: is it written? The same entry is then sent again:
either the door writes it now, or it answers that the key is known.
"""

from uuid import UUID

from ledger import clock, entries, journal
from ledger.checks import check_draft
from ledger.database import ATTEMPTS_MAX, Database
from ledger.errors import BalanceTooHigh, BalanceTooLow, Unavailable
from ledger.records import Draft, Entry, Posted


def post(database: Database, community_id: UUID, draft: Draft) -> Posted:
    """Post one transaction and commit it.

    Args:
        database: where the book is.
        community_id: the book.
        draft: as for `journal.post`.

    Returns:
        the answer, once the transaction is durable.

    Raises:
        Busy: four times in a row (`busy`).
        Unavailable: four times in a row (`unavailable`); whether it is written stays unknown, and
            the same draft may be sent again at any time.
        Refusal: as `journal.post`.
    """
    check_draft(draft)
    entry = entries.make(community_id, draft, clock.now())
    try:
        is_written = _send(database, community_id, entry)
    except (BalanceTooLow, BalanceTooHigh):
        # A hold that is overdue may stand in the way: `journal.post` makes room and tries again.
        return database.attempt(lambda session: journal.post(session, community_id, draft))
    if is_written:
        return entries.posted(entry)
    return database.attempt(lambda session: entries.answer(session, community_id, entry, False))


def _send(database: Database, community_id: UUID, entry: Entry) -> bool:
    for _ in range(ATTEMPTS_MAX - 1):
        try:
            with database.door() as door:
                return door.post(community_id, entry)
        except Unavailable:
            continue
    with database.door() as door:
        return door.post(community_id, entry)
