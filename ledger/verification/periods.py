"""Acts: numbered without a gap, hashed, each changing something; and what they forbid is not there.

When a period is closed, posts that are on their way are waited for, for as long as a lock is waited
for. So a moment alone says whether a transaction was recorded before an act or after it only where
more time than that lies between the two. The sequence says it too: of two items that wait in the
outbox together, the one with the lower id is sealed first; what has a lower id than an act and yet
a later place was not there when the act was sealed.
"""

from collections.abc import Iterator
from datetime import date
from typing import Final

from ledger.database import LOCK_TIMEOUT_MILLISECONDS
from ledger.findings import UNREADABLE, Finding
from ledger.hashing import act_hash
from ledger.records import ActFacts
from ledger.schema import ActKind
from ledger.verification.book import Book, StoredAct
from ledger.verification.rows import Raw, Row

_WAIT_MICROSECONDS: Final = LOCK_TIMEOUT_MILLISECONDS * 1_000
_PERIODS: Final = (ActKind.PERIOD_CLOSED, ActKind.PERIOD_REOPENED)
_NEVER: Final = ""
"""Earlier than the text of any day."""


class Periods:
    """How far the books were closed, act by act.

    Attributes:
        is_empty: True where they never were.
    """

    def __init__(self, book: Book) -> None:
        """Stand on a book whose acts are loaded."""
        self._rows = book.rows
        acts = [act for act in book.acts.values() if act.kind in _PERIODS]
        self._acts = sorted(acts, key=lambda act: act.act_no)
        self._days = [_day(book, act) for act in self._acts]
        self._moments = [book.rows.microseconds(act.recorded_at) for act in self._acts]
        self._sequences = [book.act_sequences.get(act.id) for act in self._acts]
        self._latest = max(self._days, default=_NEVER)
        self.is_empty = not self._latest

    def is_kept(self, header: Row) -> bool:
        """Return whether a transaction may have been recorded while its day was open.

        Args:
            header: fields of a `ledger.verification.headers.Header`.
        """
        day = self._rows.day(header[7])
        if self.is_empty or day > self._latest:
            return True
        moment = self._rows.microseconds(header[8])
        base = -1
        for number in range(len(self._acts)):
            if self._is_before(number, header[0], header[1], moment):
                base = number
        if base < 0:
            return True
        open_after = self._days[base]
        for number in range(base + 1, len(self._acts)):
            if self._moments[number] <= moment + _WAIT_MICROSECONDS:
                open_after = min(open_after, self._days[number])
        return day > open_after

    def _is_before(self, number: int, id_: Raw, sequence: int | None, moment: int) -> bool:
        """Return whether an act was surely done before a transaction was recorded."""
        if self._moments[number] + _WAIT_MICROSECONDS < moment:
            return True
        sealed_as = self._sequences[number]
        if sealed_as is None or self._acts[number].id < id_:
            return False
        return sequence is None or sealed_as < sequence


def check(book: Book) -> Iterator[Finding]:
    """Acts are numbered from 1, hashed, of a known kind, and each changes something."""
    closed_through = _NEVER
    for number, act in enumerate(book.acts.values(), 1):
        subject = f"act:{book.rows.name(act.id)}"
        if act.act_no != number:
            yield Finding(
                "act_number_differs",
                subject,
                f"The act has number {act.act_no}, not {number}.",
                book.suspect_item(act.id),
            )
        try:
            is_whole = _hash(book, act) == act.content_hash
        except UNREADABLE:
            is_whole = False
        if not is_whole:
            yield Finding(
                "content_changed",
                subject,
                "The stored fields do not give the stored hash: something was changed.",
                book.suspect_item(act.id),
            )
        if act.account_id is not None and act.account_id not in book.accounts:
            yield Finding("act_without_account", subject, "The act names no account of the book.")
        if act.kind in _PERIODS:
            day = _day(book, act)
            if (day > closed_through) != (
                act.kind == ActKind.PERIOD_CLOSED
            ) or day == closed_through:
                yield Finding(
                    "act_without_effect",
                    subject,
                    "It closes no further, or reopens no earlier day.",
                )
            closed_through = day


def _day(book: Book, act: StoredAct) -> str:
    return book.rows.day(act.closed_through_on) if act.closed_through_on is not None else _NEVER


def _hash(book: Book, act: StoredAct) -> bytes:
    rows = book.rows
    closed_through_on: date | None = rows.date(act.closed_through_on)
    return act_hash(
        ActFacts(
            community_id=book.community_id,
            id=rows.uuid(act.id),
            kind=act.kind,
            account_id=rows.uuid(act.account_id) if act.account_id is not None else None,
            closed_through_on=closed_through_on,
            reason=act.reason,
            actor=act.actor,
            recorded_at=rows.datetime(act.recorded_at),
        )
    )
