"""Import: a file of transactions or transfers becomes entries of a book, wholly or not at all.

Words: the *check* reads the whole file and writes nothing; the *posting* reads it again and writes
everything in one database transaction. A line that is *refused* has a number, a column, a stable
code and a reason; with any refused line nothing is posted.

Invariants: keys come from the file, so that a second run of the same file, or of the same file
grown longer, posts only what is new; memory does not grow with the file. Behind the transactions of
a run stands its paper, a `FileImport`, which verification compares with the book.
"""

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from ledger import acts, bulk
from ledger.errors import N_, Invalid, Refusal, Refused
from ledger.ids import new_id
from ledger.schema import Transaction
from timebank import audit
from timebank.actors import Actor, Permission
from timebank.insight import bare_books, import_items
from timebank.insight.file_lines import Advance, FileReading, RefusedLine
from timebank.insight.import_drafts import Drafting, DraftOfItem, KnownAccount, Mark
from timebank.insight.import_items import Item, Refuse, Transfers
from timebank.insight.import_papers import SOURCE_PREFIX
from timebank.insight.models import FileImport, ImportKind
from timebank.insight.seen_keys import SeenKeys

CHUNK_COUNT: Final = bulk.CHUNK_COUNT_MAX


class FileRefused(Invalid):
    """Lines of the file cannot be taken; nothing of it was imported."""

    code = "file_refused"
    message = N_("%(count)s refused: nothing was imported.")


class LineRefused(Refused):
    """The book refused a line of the file when its turn came; nothing was imported."""

    code = "line_refused"
    message = N_("Line %(line)s: %(reason)s Nothing was imported.")


class FileChanged(Refused):
    """Somebody wrote to the file while it was imported."""

    code = "file_changed"
    message = N_("The file changed while it was read: nothing was imported.")


@dataclass(frozen=True, slots=True)
class Source:
    """What to import.

    Attributes:
        path: the file.
        transfers: how its transfers become transactions; None for a file of transactions.
        decimal_places: of the commodity of the transfers.
        is_day_given: whether somebody chose the day of the transfers; otherwise that of an earlier
            run of the same file is taken.
    """

    path: Path
    transfers: Transfers | None = None
    decimal_places: int = 0
    is_day_given: bool = False

    @property
    def kind(self) -> ImportKind:
        """What the file holds."""
        return ImportKind.TRANSACTIONS if self.transfers is None else ImportKind.TRANSFERS


@dataclass(frozen=True, slots=True)
class Checked:
    """A file that was read to its end without a refused line.

    Attributes:
        digest: SHA-256 of the unpacked file.
        transaction_count: how many it holds.
    """

    digest: bytes
    transaction_count: int


@dataclass(frozen=True, slots=True)
class Imported:
    """What a run did: transactions posted, and those that were in the book before."""

    new_count: int
    known_count: int


def check(
    session: Session, actor: Actor, source: Source, refuse: Refuse, advance: Advance
) -> Checked:
    """Read a whole file against the book; write nothing.

    Args:
        session: a reading session.
        actor: needs `ADMINISTER`.
        source: what to import.
        refuse: told of every line that cannot be taken, in the order of the file as far as it goes.
        advance: told how far the reading is.

    Raises:
        NotAllowed: `not_allowed`.
        FileRefused: at least one line was refused (`file_refused`).
        CommodityDiffers: `commodity_differs`.
        OSError: the file cannot be read.
    """
    actor.require(Permission.ADMINISTER)
    refused_count = 0

    def count_and_refuse(refused: RefusedLine) -> None:
        nonlocal refused_count
        refused_count += 1
        refuse(refused)

    reading = FileReading(source.path, advance)
    checking = _Checking(session, actor, source, count_and_refuse)
    with closing(checking):
        transaction_count = sum(
            checking.look_at(items) for items in _chunks(_items(source, reading, count_and_refuse))
        )
    if not transaction_count and not refused_count:
        count_and_refuse(RefusedLine(1, "", "file_empty", "The file holds no transaction."))
    if refused_count:
        raise FileRefused(count=f"{refused_count:,} {'line' if refused_count == 1 else 'lines'}")
    return Checked(reading.digest, transaction_count)


def post(
    session: Session, actor: Actor, source: Source, checked: Checked, advance: Advance
) -> Imported:
    """Post a file that was checked, all of it in the caller's transaction.

    Args:
        session: a write session; an exception must roll it back.
        actor: needs `ADMINISTER`.
        source: as it was checked.
        checked: what the check said.
        advance: told how far the reading is.

    Raises:
        NotAllowed: `not_allowed`.
        LineRefused: the book refuses a line, such as one below a floor (`line_refused`).
        FileChanged: it is not the file that was checked (`file_changed`).
        OSError: the file cannot be read.
    """
    actor.require(Permission.ADMINISTER)
    import_id = new_id()
    source = _keyed(session, actor, source, checked)
    posting = _Posting(session, actor, source, import_id)
    reading = FileReading(source.path, advance)
    for items in _chunks(_items(source, reading, _refuse_at_once)):
        posting.post(items)
    if reading.digest != checked.digest:
        raise FileChanged
    written = posting.bulk
    if written.new_count:
        session.add(
            FileImport(
                community_id=actor.community_id,
                id=import_id,
                kind=source.kind,
                imported_at=written.recorded_at,
                actor=actor.reference,
                file_digest=checked.digest,
                transaction_count=written.new_count,
                content_digest=written.content_digest,
            )
        )
        subject = f"{SOURCE_PREFIX}{import_id}"
        audit.record(session, actor, "import_file", subject, transaction_count=written.new_count)
        session.flush()
    return Imported(written.new_count, written.known_count)


def _keyed(session: Session, actor: Actor, source: Source, checked: Checked) -> Source:
    """Return the source with keys from its digest and the day of an earlier run of the same file.

    Without that day a second run tomorrow would ask for other transactions under the same keys.
    """
    if source.transfers is None:
        return source
    transfers = replace(source.transfers, key_prefix=f"transfers:{checked.digest.hex()}")
    earlier = sa.select(FileImport.id).where(
        FileImport.community_id == actor.community_id, FileImport.file_digest == checked.digest
    )
    import_id = session.scalar(earlier.limit(1))
    if import_id is not None and not source.is_day_given:
        day = sa.select(Transaction.occurred_on).where(
            Transaction.community_id == actor.community_id,
            Transaction.source == f"{SOURCE_PREFIX}{import_id}",
        )
        occurred_on = session.scalar(day.limit(1)) or transfers.occurred_on
        transfers = replace(transfers, occurred_on=occurred_on)
    return replace(source, transfers=transfers)


# ---------------------------------------------------------------- checking


class _Checking:
    """The first pass: everything that can be known before anything is written."""

    def __init__(self, session: Session, actor: Actor, source: Source, refuse: Refuse) -> None:
        self._session = session
        self._community_id = actor.community_id
        self._refuse = refuse
        self._closed_through_on = acts.closed_through(session, actor.community_id)
        self._drafting = Drafting(
            session, actor.community_id, Mark(actor.reference, f"{SOURCE_PREFIX}check")
        )
        self._transfers = source.transfers
        if source.transfers is not None:
            self._drafting.settle(source.transfers.commodity, source.decimal_places)
        self._keys = SeenKeys()
        bulk.use_indexes(session)

    def look_at(self, items: list[Item]) -> int:
        """Check some items; return how many drafts they make."""
        missing = self._drafting.missing_codes(items)
        if self._transfers is not None:
            for code in missing:  # they will be opened
                unopened = KnownAccount(_UNOPENED, self._transfers.commodity, True)
                self._drafting.accounts[code] = unopened
        made = self._drafting.drafts(items, self._refuse)
        found = dict(
            bulk.known(self._session, self._community_id, [draft for _, draft in made])
            if self._transfers is None
            else ()
        )
        for place, (item, draft) in enumerate(made):
            reused = found.get(place)
            if reused is not None:
                self._refuse(RefusedLine(item.line_number, "key", reused.code, str(reused)))
            elif place not in found:
                self._look_at_new(item, DraftOfItem(item, draft))
        return len(made)

    def close(self) -> None:
        """Let the temporary file go."""
        self._keys.close()

    def _look_at_new(self, item: Item, made: DraftOfItem) -> None:
        line_number = item.line_number
        if self._transfers is None:
            first_line = self._keys.differs_from(made.draft, line_number)
            if first_line is not None:
                reason = f"The key stands for another transaction on line {first_line}."
                self._refuse(RefusedLine(line_number, "key", "key_reused", reason))
        closed = self._closed_through_on
        if closed is not None and made.draft.occurred_on <= closed:
            reason = f"The books are closed through {closed}."
            self._refuse(RefusedLine(line_number, "occurred_on", "period_closed", reason))
        for part in item.parts:
            if not self._drafting.accounts[part.account_code].is_open:
                reason = f"Account {part.account_code} is closed."
                self._refuse(RefusedLine(part.line_number, "account", "account_closed", reason))


_UNOPENED: Final = UUID(int=0)


# ---------------------------------------------------------------- posting


class _Posting:
    """The second pass: everything goes through the door."""

    def __init__(self, session: Session, actor: Actor, source: Source, import_id: UUID) -> None:
        self._session = session
        self._community_id = actor.community_id
        self._transfers = source.transfers
        if source.transfers is not None:
            bare_books.settle_commodity(
                session, actor.community_id, source.transfers.commodity, source.decimal_places
            )
        mark = Mark(actor.reference, f"{SOURCE_PREFIX}{import_id}")
        self._drafting = Drafting(session, actor.community_id, mark)
        self.bulk = bulk.Bulk(session, actor.community_id)

    def post(self, items: list[Item]) -> None:
        """Post some items."""
        missing = self._drafting.missing_codes(items)
        if missing and self._transfers is not None:
            commodity = self._transfers.commodity
            accounts = [(code, commodity) for code in sorted(missing)]
            bulk.open_accounts(self._session, self._community_id, accounts)
            self._drafting.missing_codes(items)
        made = self._drafting.drafts(items, _refuse_at_once)
        try:
            self.bulk.post([draft for _, draft in made])
        except Refusal as refused:
            if "index" not in refused.details:
                raise
            line_number = made[refused.details["index"]].item.line_number
            raise LineRefused(line=line_number, reason=str(refused)) from refused


def _refuse_at_once(refused: RefusedLine) -> None:
    """Between the passes somebody changed the book or the file.

    Raises:
        LineRefused: `line_refused`.
    """
    raise LineRefused(line=refused.line_number, reason=refused.reason)


# ---------------------------------------------------------------- reading


def _items(source: Source, reading: FileReading, refuse: Refuse) -> Iterator[Item]:
    read: Callable[..., Iterator[Item]] = import_items.transactions
    if source.transfers is not None:
        read = source.transfers.items
    return read(reading.lines(), refuse)


def _chunks(items: Iterator[Item]) -> Iterator[list[Item]]:
    while chunk := list(islice(items, CHUNK_COUNT)):
        yield chunk
