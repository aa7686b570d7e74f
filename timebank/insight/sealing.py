"""Sealing in operation: every book's outbox sealed block by block, overdue holds expired.

Words: an *anchor* is a line about the last block of a book, kept where nobody who could rewrite the
book can rewrite it: from then on the whole history before it is fixed.
"""

import os
import sqlite3
import stat
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final
from uuid import UUID

import psycopg
import sqlalchemy as sa
from sqlalchemy.orm import Session

from ledger import clock, holds, seal
from ledger.database import Database
from ledger.errors import SealOvertaken, Unavailable
from ledger.findings import UNREADABLE
from ledger.schema import Hold, SealBlock
from timebank.insight.models import Book
from timebank.people.models import Community

ZONE_OF_NOBODY: Final = "UTC"
"""Of a book that no community stands behind."""

FAILURES: Final = (*UNREADABLE, sqlite3.Error, psycopg.Error)
"""What one damaged book meets; the database refuses to go on behind a block written by hand."""
Failed = Callable[[UUID, BaseException], None]
"""Told the book, and what kept it from being sealed or swept."""


@dataclass(frozen=True, slots=True)
class Anchor:
    """The last block of a book; `code` is the community's, or the name of a bare book."""

    code: str
    block_no: int
    block_hash: bytes
    sealed_at: datetime

    @property
    def line(self) -> str:
        """Return the anchor as one line of an anchor file."""
        moment = self.sealed_at.isoformat(timespec="microseconds")
        return f"{self.code} {self.block_no} {self.block_hash.hex()} {moment}\n"


def _raise(_community_id: UUID, failure: BaseException) -> None:
    raise failure


def seal_waiting(
    database: Database, *, failed: Failed = _raise, is_stopped: Callable[[], bool] = lambda: False
) -> int:
    """Seal what waits in every book, a block of each in turn, so that no book holds up the others.

    Args:
        database: the books.
        failed: told of a book that could not be sealed; the others go on. By default it is raised.
        is_stopped: asked before every block; what is not sealed then waits for the next time.

    Returns:
        how many items were sealed.

    Raises:
        Unavailable: the database cannot be reached (`unavailable`, `busy`).
    """
    with database.reading() as session:
        books = list(seal.waiting_books(session))
    sealed_count = 0
    while books and not is_stopped():
        sizes = {book: _seal_block(database, book, failed) for book in books if not is_stopped()}
        sealed_count += sum(size or 0 for size in sizes.values())
        books = [book for book, size in sizes.items() if size in (None, seal.BLOCK_ITEM_COUNT_MAX)]
    return sealed_count


def _seal_block(database: Database, community_id: UUID, failed: Failed) -> int | None:
    """Return the size of the block, None if another sealer was faster: then it goes on."""
    try:
        with database.begin() as session:
            return seal.seal(session, community_id)
    except SealOvertaken:
        return None
    except Unavailable:
        raise  # this says nothing about the book
    except FAILURES as failure:
        failed(community_id, failure)
        return 0


def expire_due(database: Database, *, failed: Failed = _raise) -> int:
    """Expire the holds of every book whose time is over, on the community's own day.

    Args:
        database: the books.
        failed: told of a book whose holds could not be expired; by default it is raised.

    Returns:
        how many were expired.

    Raises:
        Unavailable: the database cannot be reached (`unavailable`, `busy`).
    """
    with database.reading() as session:
        due = session.execute(
            sa.select(Hold.community_id, Community.time_zone)
            .outerjoin(Community, Community.community_id == Hold.community_id)
            .where(Hold.expires_at <= clock.now())
            .distinct()
        ).all()
    return sum(_sweep(database, book, zone or ZONE_OF_NOBODY, failed) for book, zone in due)


def _sweep(database: Database, community_id: UUID, zone: str, failed: Failed) -> int:
    swept_count = 0
    try:
        while True:
            with database.begin() as session:
                count = holds.expire_due(session, community_id, clock.today(zone))
            swept_count += count
            if count < holds.SWEEP_COUNT_MAX:
                return swept_count
    except Unavailable:
        raise
    except FAILURES as failure:
        failed(community_id, failure)
        return swept_count


def anchors(session: Session) -> list[Anchor]:
    """Return the last block of every book that has one, by code."""
    last = (
        sa.select(SealBlock.community_id, sa.func.max(SealBlock.block_no).label("block_no"))
        .group_by(SealBlock.community_id)
        .subquery()
    )
    rows = session.execute(
        sa.select(SealBlock, sa.func.coalesce(Community.code, Book.name))
        .join(
            last,
            sa.and_(
                last.c.community_id == SealBlock.community_id,
                last.c.block_no == SealBlock.block_no,
            ),
        )
        .outerjoin(Community, Community.community_id == SealBlock.community_id)
        .outerjoin(Book, Book.community_id == SealBlock.community_id)
    )
    found = [
        Anchor(code or str(block.community_id), block.block_no, block.block_hash, block.sealed_at)
        for block, code in rows
    ]
    return sorted(found, key=lambda anchor: anchor.code)


def append(path: Path, listed: list[Anchor]) -> None:
    """Append the anchors to a file and wait until they are on the disk.

    What stands there is never rewritten; a last line that was cut off is ended first.

    Raises:
        OSError: the file cannot be written.
    """
    text = "".join(anchor.line for anchor in listed)
    try:
        with path.open("ab+") as file:
            if file.tell() and _lacks_line_end(file.fileno(), file.tell()):
                text = "\n" + text
            file.write(text.encode())
            file.flush()
            if stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                os.fsync(file.fileno())
    except OSError as error:
        error.filename = str(path)  # a disk that is full does not say whose it is
        raise


def _lacks_line_end(descriptor: int, length: int) -> bool:
    return os.pread(descriptor, 1, length - 1) != b"\n"
