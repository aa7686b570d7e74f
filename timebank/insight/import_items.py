"""Transactions as a file writes them, read line by line; nothing of the book is known here.

Words: an *item* is one transaction of the file, a *part* one of its legs, still as text. Two kinds
of files: *transactions*, a CSV with one line per leg, and *transfers*, `source target amount`.
`docs/import.md` describes both for those who make them.

Invariant: every line that cannot be taken is refused by name, and reading goes on; only a wrong
header ends it, since nothing behind it could be understood.
"""

import csv
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Final, NamedTuple

from ledger.schema import LEG_COUNT_MAX, TransactionKind
from timebank.insight.file_lines import Line, RefusedLine

REQUIRED_COLUMNS: Final = ("key", "occurred_on", "account", "amount")
OPTIONAL_COLUMNS: Final = ("kind", "narration", "commodity")
SHARED_COLUMNS: Final = ("occurred_on", "kind", "narration")
"""Said once for a transaction: on its later lines they are empty or the same."""
SHOWN_LENGTH_MAX: Final = 40
_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_NAME: Final = re.compile(r"[A-Z0-9][A-Za-z0-9-]{0,59}", re.ASCII)

Refuse = Callable[[RefusedLine], None]


class Part(NamedTuple):
    """A leg as it is written; an empty commodity is that of the account."""

    line_number: int
    account_code: str
    amount: str
    commodity: str


@dataclass(slots=True)
class Item:
    """A transaction as it is written.

    Attributes:
        line_number: of its first line.
        key: idempotency key.
        occurred_on: the day; None where it could not be read.
        kind: what it records.
        narration: text of it.
        parts: its legs in the order of the lines.
        is_sound: whether no line of it was refused yet.
    """

    line_number: int
    key: str
    occurred_on: date | None
    kind: str
    narration: str
    parts: list[Part] = field(default_factory=list)
    is_sound: bool = True


def shown(text: str) -> str:
    """Return a text of the file as a reason quotes it."""
    is_long = len(text) > SHOWN_LENGTH_MAX
    return f'"{text[:SHOWN_LENGTH_MAX]}{"…" if is_long else ""}"'


# ---------------------------------------------------------------- transactions


def transactions(lines: Iterable[Line], refuse: Refuse) -> Iterator[Item]:
    """Give the items of a CSV of legs; consecutive lines of one key are one item.

    Args:
        lines: of the file, its header first.
        refuse: told of every line that cannot be taken.
    """
    rows = iter(lines)
    columns = _columns(next(rows, None), refuse)
    if columns is None:
        return
    item: Item | None = None
    is_torn = False
    for line in rows:
        row = _row(line, columns, refuse)
        if row is None:
            # Whether it belonged to the transaction before it or behind it cannot be known.
            is_torn = True
            if item is not None:
                item.is_sound = False
            continue
        if item is None or row["key"] != item.key:
            if item is not None:
                yield item
            item = _begun(line.number, row, refuse, is_torn=is_torn)
            is_torn = False
        else:
            _continue(item, line.number, row, refuse)
        _add(item, line.number, row, refuse)
    if item is not None:
        yield item


def _columns(header: Line | None, refuse: Refuse) -> Sequence[str] | None:
    if header is None:
        refuse(RefusedLine(1, "", "file_empty", "The file is empty."))
        return None
    if header.refused is not None:
        refuse(header.refused)
        return None
    columns = [name.strip() for name in _fields(header.text) or ()]
    missing = [name for name in REQUIRED_COLUMNS if name not in columns]
    unknown = [name for name in columns if name not in REQUIRED_COLUMNS + OPTIONAL_COLUMNS]
    if missing or unknown or len(set(columns)) != len(columns):
        wanted = ", ".join((*REQUIRED_COLUMNS, *(f"[{name}]" for name in OPTIONAL_COLUMNS)))
        reason = f"The first line names the columns: {wanted}; found {shown(header.text)}."
        refuse(RefusedLine(1, "", "header_invalid", reason))
        return None
    return columns


def _row(line: Line, columns: Sequence[str], refuse: Refuse) -> dict[str, str] | None:
    if line.refused is not None:
        refuse(line.refused)
        return None
    fields = _fields(line.text)
    if fields is None:
        reason = "A quotation mark is not closed on its line, or stands inside a field."
        refuse(RefusedLine(line.number, "", "quoting_invalid", reason))
        return None
    if len(fields) != len(columns):
        reason = f"The line has {len(fields)} fields where the header has {len(columns)}."
        refuse(RefusedLine(line.number, "", "field_count", reason))
        return None
    return dict(zip(columns, map(str.strip, fields), strict=True))


def _fields(text: str) -> list[str] | None:
    if '"' not in text:
        return text.split(",")
    try:
        return next(csv.reader([text], strict=True), [])
    except csv.Error:
        return None


def _begun(line_number: int, row: dict[str, str], refuse: Refuse, *, is_torn: bool) -> Item:
    """Begin an item; one that is torn may have lost its first line, which said the day."""
    item = Item(
        line_number,
        row["key"],
        read_day(row["occurred_on"]),
        row.get("kind") or TransactionKind.TRANSFER,
        row.get("narration", ""),
        is_sound=not is_torn,
    )
    if not item.key:
        item.is_sound = False
        refuse(RefusedLine(line_number, "key", "key_missing", "The line has no key."))
    if item.occurred_on is None and (row["occurred_on"] or not is_torn):
        item.is_sound = False
        reason = f"Expected a day such as 2026-11-09, not {shown(row['occurred_on'])}."
        refuse(RefusedLine(line_number, "occurred_on", "day_invalid", reason))
    return item


def _continue(item: Item, line_number: int, row: dict[str, str], refuse: Refuse) -> None:
    said = {
        "occurred_on": item.occurred_on.isoformat() if item.occurred_on else "",
        "kind": item.kind,
        "narration": item.narration,
    }
    for column in SHARED_COLUMNS:
        again = row.get(column)
        if again and again != said[column] and item.is_sound:
            item.is_sound = False
            reason = f"The transaction began with {shown(said[column])}, here is {shown(again)}."
            refuse(RefusedLine(line_number, column, "differs_within", reason))


def _add(item: Item, line_number: int, row: dict[str, str], refuse: Refuse) -> None:
    part = Part(line_number, row["account"], row["amount"], row.get("commodity", ""))
    if len(item.parts) < LEG_COUNT_MAX:
        item.parts.append(part)
    elif item.is_sound:
        item.is_sound = False
        reason = f"A transaction takes {LEG_COUNT_MAX} lines at most."
        refuse(RefusedLine(line_number, "key", "too_many_legs", reason))


def read_day(text: str) -> date | None:
    """Return the day that a text names as 2026-11-09, or None."""
    if not _DAY.fullmatch(text):
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


# ---------------------------------------------------------------- transfers


@dataclass(frozen=True, slots=True)
class Transfers:
    """How the transfers of a file become transactions.

    Attributes:
        commodity: what is transferred.
        occurred_on: the day of all of them: the file names none.
        key_prefix: what their keys begin with; the line's number follows.
    """

    commodity: str
    occurred_on: date
    key_prefix: str

    def items(self, lines: Iterable[Line], refuse: Refuse) -> Iterator[Item]:
        """Give one item per line; empty lines are passed over.

        Args:
            lines: of the file.
            refuse: told of every line that cannot be taken.
        """
        is_empty = True
        for line in lines:
            if line.refused is not None:
                refuse(line.refused)
            elif fields := line.text.split():
                item = self._item(line.number, fields, refuse)
                if item is not None:
                    yield item
            else:
                continue
            is_empty = False
        if is_empty:
            refuse(RefusedLine(1, "", "file_empty", "The file is empty."))

    def _item(self, line_number: int, fields: list[str], refuse: Refuse) -> Item | None:
        refused = _wrong_transfer(line_number, fields)
        if refused is not None:
            refuse(refused)
            return None
        source, target, amount = fields
        item = Item(
            line_number,
            f"{self.key_prefix}:{line_number}",
            self.occurred_on,
            TransactionKind.TRANSFER,
            "",
        )
        for name, signed in ((target, amount), (source, f"-{amount}")):
            code = f"Accounts:{self.commodity}:{name}"
            item.parts.append(Part(line_number, code, signed, self.commodity))
        return item


def _wrong_transfer(line_number: int, fields: list[str]) -> RefusedLine | None:
    if len(fields) != 3:  # source, target, amount
        reason = f"Expected three words: source, target, amount; found {len(fields)}."
        return RefusedLine(line_number, "", "field_count", reason)
    for column, name in zip(("source", "target"), fields, strict=False):
        if not _NAME.fullmatch(name):
            reason = (
                "A name has at most 60 letters, digits and hyphens and begins with a capital"
                f" letter or a digit, not {shown(name)}."
            )
            return RefusedLine(line_number, column, "name_invalid", reason)
    if fields[0] == fields[1]:
        reason = f"{shown(fields[0])} transfers to itself."
        return RefusedLine(line_number, "target", "same_account", reason)
    if fields[2].startswith(("-", "+")):
        reason = f"A transfer has an amount without a sign, not {shown(fields[2])}."
        return RefusedLine(line_number, "amount", "amount_invalid", reason)
    return None
