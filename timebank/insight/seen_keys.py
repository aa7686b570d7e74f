"""The keys of a file, so that one that comes twice is found however long the file is.

They stand in a temporary file that goes with the object: memory does not grow with the import.
"""

import sqlite3
from hashlib import sha256

from ledger.journal import Draft


class SeenKeys:
    """The keys met so far."""

    def __init__(self) -> None:
        """Begin with none."""
        self._kept = sqlite3.connect("", isolation_level=None)
        self._kept.execute(
            "CREATE TABLE seen (key TEXT PRIMARY KEY, line INTEGER, content BLOB) WITHOUT ROWID"
        )
        self._kept.execute("BEGIN")

    def differs_from(self, draft: Draft, line_number: int) -> int | None:
        """Keep a draft's key; return the line that used it for another transaction, or None."""
        content = sha256(repr(draft).encode()).digest()
        row = (draft.idempotency_key, line_number, content)
        if self._kept.execute("INSERT OR IGNORE INTO seen VALUES (?, ?, ?)", row).rowcount:
            return None
        first = self._kept.execute("SELECT line, content FROM seen WHERE key = ?", row[:1])
        first_line, first_content = first.fetchone()
        return None if first_content == content else int(first_line)

    def close(self) -> None:
        """Let the temporary file go."""
        self._kept.close()
