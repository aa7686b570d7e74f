"""Rows straight from the driver: what a check of a million postings can afford.

A *raw* value is what comes cheapest out of each database, and is turned into bytes only where a
hash needs it. On SQLite a key is its 32 hex digits, a moment and a day are text; on PostgreSQL they
are the bytes of its own binary form. The SQL is written once, with these words of our own:

`KEY(x)`, `MOMENT(x)`, `DAY(x)`: the raw value of a column;
`AMONG(:x)`: behind a column, that it is one of a list of keys;
`:x`: a parameter.
"""

import json
import re
import sqlite3
import struct
from abc import ABC, abstractmethod
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from ledger.hashing import EPOCH, integer_bytes

Raw = Any
"""A raw value; `str` or `bytes`, by database."""
Row = tuple[Any, ...]

_WORD = re.compile(r"(KEY|MOMENT|DAY)\(([\w.]+)\)")
_AMONG = re.compile(r"AMONG\(:(\w+)\)")
_PARAMETER = re.compile(r"(?<![:\w]):(\w+)")
_SENDERS = {"KEY": "uuid_send", "MOMENT": "timestamptz_send", "DAY": "date_send"}
_MOMENT_TEXT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.", re.ASCII)
_MOMENT_END = "+00:00"
_SECOND_MICROSECONDS = 1_000_000
_SERVER_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_SERVER_OFFSET = (_SERVER_EPOCH - EPOCH) // timedelta(microseconds=1)
_CACHED_COUNT_MAX = 10_000


class Rows(ABC):
    """Reads one book inside the transaction of a session.

    Attributes:
        lowest: a parameter below every key.
    """

    lowest: object

    def __init__(self, session: Session, community_id: UUID) -> None:
        """Stand on a session and a book."""
        self._driver: Any = session.connection().connection.driver_connection
        self.community_id = community_id
        self._texts: dict[Raw, str] = {}

    @abstractmethod
    def read(self, sql: str, **parameters: object) -> list[Row]:
        """Return every row of a query; `:book` is known to each."""

    @abstractmethod
    def by_index(self, is_on: bool) -> None:
        """Read by index only, or as the planner likes: ranges are small, tables are not."""

    @abstractmethod
    def bytes_of(self, key: Raw) -> bytes:
        """Return the sixteen bytes of a key."""

    @abstractmethod
    def moment(self, raw: Raw) -> bytes:
        """Return the eight bytes that a hash takes of a moment.

        Raises:
            ValueError: it is not written as the book writes moments.
        """

    @abstractmethod
    def parameter(self, key: Raw) -> object:
        """Return a raw key as a parameter."""

    @abstractmethod
    def _day(self, raw: Raw) -> str: ...

    def day(self, raw: Raw) -> str:
        """Return the ISO text of a day; every day of a book is worked out once."""
        found = self._texts.get(raw)
        if found is None:
            if len(self._texts) > _CACHED_COUNT_MAX:
                self._texts.clear()
            found = self._texts[raw] = self._day(raw)
        return found

    def uuid(self, key: Raw) -> UUID:
        """Return a key as a UUID."""
        return UUID(bytes=self.bytes_of(key))

    def name(self, key: Raw) -> str:
        """Return a key for a message, whatever stands in its place."""
        try:
            return str(self.uuid(key))
        except (ValueError, TypeError):
            return repr(key)

    def microseconds(self, raw: Raw) -> int:
        """Return a moment as microseconds since 1970."""
        return int.from_bytes(self.moment(raw), "big", signed=True)

    def datetime(self, raw: Raw) -> datetime:
        """Return a moment."""
        return EPOCH + timedelta(microseconds=self.microseconds(raw))

    def date(self, raw: Raw) -> date | None:
        """Return a day, None for none."""
        return None if raw is None else date.fromisoformat(self.day(raw))


class SqliteRows(Rows):
    """On SQLite: raw values are text."""

    lowest = ""
    _seconds: dict[str, int]

    def __init__(self, session: Session, community_id: UUID) -> None:
        """Stand on a session and a book."""
        super().__init__(session, community_id)
        self._seconds = {}

    def read(self, sql: str, **parameters: object) -> list[Row]:
        """Return every row of a query."""
        sent = {
            name: json.dumps(value) if isinstance(value, list) else value
            for name, value in parameters.items()
        }
        sent["book"] = self.community_id.hex
        try:
            return self._driver.execute(_for_sqlite(sql), sent).fetchall()  # type: ignore[no-any-return]
        except sqlite3.Error as error:
            raise sa.exc.DBAPIError(sql, None, error) from error

    def by_index(self, is_on: bool) -> None:
        """SQLite joins by index anyway."""

    def bytes_of(self, key: Raw) -> bytes:
        """Return the sixteen bytes of a key."""
        return bytes.fromhex(key)

    def moment(self, raw: Raw) -> bytes:
        """Return the eight bytes of a moment; every second of a book is worked out once."""
        start = raw[:20]
        seconds = self._seconds.get(start)
        if seconds is None:
            seconds = self._new_second(start)
        fraction = raw[20:26]
        if raw[26:] != _MOMENT_END or not fraction.isdecimal():
            raise ValueError(f"{raw!r} is no moment")
        return integer_bytes(seconds + int(fraction))

    def parameter(self, key: Raw) -> object:
        """Return a raw key as a parameter."""
        return key

    def _new_second(self, start: str) -> int:
        if not _MOMENT_TEXT.fullmatch(start):
            raise ValueError(f"{start!r} begins no moment")
        moment = datetime.fromisoformat(start[:19] + _MOMENT_END)
        if len(self._seconds) > _CACHED_COUNT_MAX:
            self._seconds.clear()
        seconds = self._seconds[start] = int(moment.timestamp()) * _SECOND_MICROSECONDS
        return seconds

    def _day(self, raw: Raw) -> str:
        if date.fromisoformat(raw).isoformat() != raw:
            raise ValueError(f"{raw!r} is no day")
        return str(raw)


class PostgresqlRows(Rows):
    """On PostgreSQL: raw values are the bytes of its binary form."""

    lowest = UUID(int=0)

    def read(self, sql: str, **parameters: object) -> list[Row]:
        """Return every row of a query."""
        import psycopg

        sent = {**parameters, "book": self.community_id}
        try:
            with self._driver.cursor(binary=True) as cursor:
                return cursor.execute(_for_postgresql(sql), sent).fetchall()  # type: ignore[no-any-return]
        except psycopg.Error as error:
            is_lost = self._driver.closed or error.sqlstate is None
            raise sa.exc.DBAPIError(
                sql, None, error, connection_invalidated=bool(is_lost)
            ) from error

    def by_index(self, is_on: bool) -> None:
        """Tell the planner; it would read whole tables for every range."""
        word = "off" if is_on else "on"
        names = ("enable_seqscan", "enable_hashjoin", "enable_mergejoin", "jit")
        calls = ", ".join(f"set_config('{name}', '{word}', true)" for name in names)
        self.read(f"SELECT {calls}")

    def bytes_of(self, key: Raw) -> bytes:
        """Return the sixteen bytes of a key."""
        return bytes(key)

    def moment(self, raw: Raw) -> bytes:
        """Return the eight bytes of a moment: the server counts from the year 2000."""
        since = int.from_bytes(raw, "big", signed=True)
        try:
            return integer_bytes(since + _SERVER_OFFSET)
        except struct.error as error:
            raise ValueError("no moment") from error

    def parameter(self, key: Raw) -> object:
        """Return a raw key as a parameter."""
        return UUID(bytes=bytes(key))

    def _day(self, raw: Raw) -> str:
        days = int.from_bytes(raw, "big", signed=True)
        return (_SERVER_EPOCH.date() + timedelta(days=days)).isoformat()


def rows_of(session: Session, community_id: UUID) -> Rows:
    """Return the reader of a book."""
    is_sqlite = session.get_bind().dialect.name == "sqlite"
    return (SqliteRows if is_sqlite else PostgresqlRows)(session, community_id)


def parameters(rows: Rows, keys: Sequence[Raw]) -> list[object]:
    """Return raw keys as the parameter of `AMONG`."""
    return [rows.parameter(key) for key in keys]


@cache
def _for_sqlite(sql: str) -> str:
    return _AMONG.sub(r"IN (SELECT value FROM json_each(:\1))", _WORD.sub(r"\2", sql))


@cache
def _for_postgresql(sql: str) -> str:
    sql = _WORD.sub(lambda word: f"{_SENDERS[word[1]]}({word[2]})", sql)
    return _PARAMETER.sub(r"%(\1)s", _AMONG.sub(r"= ANY(:\1)", sql))
