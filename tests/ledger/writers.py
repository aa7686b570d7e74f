"""What a writing process of the crash test does: kept apart, so that it starts fast.

Every writer moves one unit at a time from the issuance to an account of its own, under keys that
say who wrote them and as the how-many-eth. It notes a key before it sends it and again when it was
acknowledged, each note synced to disk, so that the notes outlive the writer.
"""

import os
from datetime import date
from uuid import UUID

from ledger import journal, standalone
from ledger.database import Database
from ledger.errors import Unavailable
from ledger.journal import Draft, Leg, Posted

ALONE, IN_SESSION = "alone", "session"


def draft(issuance: UUID, account: UUID, key: str) -> Draft:
    """The transfer of one unit under a key."""
    legs = (Leg(issuance, -1), Leg(account, 1))
    return Draft("transfer", legs, date(2026, 11, 9), key, "system:test", "crash:1", "")


def send(database: Database, book: UUID, drafted: Draft, way: str) -> Posted:
    """Post it in one of the two ways that repeat by themselves."""
    if way == ALONE:
        return standalone.post(database, book, drafted)
    return database.attempt(lambda session: journal.post(session, book, drafted))


def write_until_killed(url: str, ids: tuple[UUID, UUID, UUID], name: str, path: str) -> None:
    """Post one after the other; what stays unknown is sent again until it is known."""
    database, (book, issuance, account) = Database(url), ids
    notes = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    way, number = name.split("-")[0], 0
    while True:
        number += 1
        drafted = draft(issuance, account, f"{name}-{number}")
        _note(notes, f"sent {drafted.idempotency_key}")
        while True:
            try:
                send(database, book, drafted, way)
            except Unavailable:
                continue
            break
        _note(notes, f"done {drafted.idempotency_key}")


def _note(notes: int, line: str) -> None:
    os.write(notes, f"{line}\n".encode())
    os.fsync(notes)
