"""What a racing process does: kept apart, so that it starts without the test's own imports."""

from datetime import date
from uuid import UUID

from ledger import journal
from ledger.database import Database
from ledger.errors import Refusal
from ledger.journal import Draft, Leg


def spend(url: str, community_id: UUID, source: UUID, target: UUID, key: str) -> str:
    """Move one unit in a database session of this process; return `won` or the refusal's code."""
    legs = (Leg(source, -1), Leg(target, 1))
    draft = Draft("transfer", legs, date(2026, 11, 9), key, "system:test", "race:1", "")
    database = Database(url)
    try:
        with database.begin() as session:
            journal.post(session, community_id, draft)
    except Refusal as refused:
        return refused.code
    finally:
        database.dispose()
    return "won"
