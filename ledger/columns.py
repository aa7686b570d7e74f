"""Column types that hold the same value on SQLite and PostgreSQL.

On SQLite they use only the storage classes a STRICT table knows (INTEGER, TEXT, BLOB), so an
integer can never turn into a float and a moment never loses its zone.
"""

import json
from collections.abc import Sequence
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator, TypeEngine

SQLITE = "sqlite"


class Key(TypeDecorator[UUID]):
    """A UUID: native on PostgreSQL, 32 lower-case hex digits on SQLite (both sort alike)."""

    impl = sa.Uuid
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """TEXT on SQLite, uuid elsewhere."""
        return dialect.type_descriptor(sa.TEXT() if dialect.name == SQLITE else sa.Uuid())

    def process_bind_param(self, value: UUID | None, dialect: Dialect) -> Any:
        """Write."""
        return value.hex if value is not None and dialect.name == SQLITE else value

    def process_result_value(self, value: Any, dialect: Dialect) -> UUID | None:
        """Read."""
        return UUID(value) if value is not None and dialect.name == SQLITE else value


class Timestamp(TypeDecorator[datetime]):
    """An aware UTC moment with microseconds: timestamptz, or ISO text of fixed width on SQLite."""

    impl = sa.DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """TEXT on SQLite, timestamptz elsewhere."""
        return dialect.type_descriptor(
            sa.TEXT() if dialect.name == SQLITE else sa.DateTime(timezone=True)
        )

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        """Write; a naive moment is a programmer's error."""
        if value is None:
            return None
        assert value.tzinfo is not None, "a stored moment carries its zone"
        value = value.astimezone(UTC)
        return value.isoformat(timespec="microseconds") if dialect.name == SQLITE else value

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """Read."""
        if value is None:
            return None
        return (datetime.fromisoformat(value) if dialect.name == SQLITE else value).astimezone(UTC)


class Day(TypeDecorator[date]):
    """A calendar date: date, or ISO text on SQLite."""

    impl = sa.Date
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """TEXT on SQLite, date elsewhere."""
        return dialect.type_descriptor(sa.TEXT() if dialect.name == SQLITE else sa.Date())

    def process_bind_param(self, value: date | None, dialect: Dialect) -> Any:
        """Write."""
        return value.isoformat() if value is not None and dialect.name == SQLITE else value

    def process_result_value(self, value: Any, dialect: Dialect) -> date | None:
        """Read."""
        return date.fromisoformat(value) if value is not None and dialect.name == SQLITE else value


class Document(TypeDecorator[Any]):
    """A JSON value: jsonb, or canonical text on SQLite."""

    impl = sa.JSON
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """TEXT on SQLite, jsonb elsewhere."""
        return dialect.type_descriptor(sa.TEXT() if dialect.name == SQLITE else postgresql.JSONB())

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        """Write."""
        if value is None or dialect.name != SQLITE:
            return value
        return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:
        """Read."""
        return json.loads(value) if value is not None and dialect.name == SQLITE else value


class Flag(TypeDecorator[bool]):
    """True or false: boolean, or 1 and 0 on SQLite."""

    impl = sa.Boolean
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """INTEGER on SQLite, boolean elsewhere."""
        return dialect.type_descriptor(sa.INTEGER() if dialect.name == SQLITE else sa.Boolean())

    def process_bind_param(self, value: bool | None, dialect: Dialect) -> Any:
        """Write."""
        return int(value) if value is not None and dialect.name == SQLITE else value

    def process_result_value(self, value: Any, dialect: Dialect) -> bool | None:
        """Read."""
        return None if value is None else bool(value)


Minor = sa.BigInteger().with_variant(sa.INTEGER(), SQLITE)
"""Signed amount in the smallest unit."""

Count = sa.Integer().with_variant(sa.INTEGER(), SQLITE)
"""A small whole number."""

Digest = (
    sa.LargeBinary().with_variant(postgresql.BYTEA(), "postgresql").with_variant(sa.BLOB(), SQLITE)
)
"""Raw bytes: hashes, photos, encrypted values."""

Text = sa.Text().with_variant(sa.TEXT(), SQLITE)
"""Text; its length is a CHECK where it matters."""


class States(TypeDecorator[Any]):
    """One of a fixed list of words, guarded by a CHECK; a StrEnum where one is given."""

    impl = sa.Enum
    cache_ok = True

    def __init__(
        self, name: str, values: Sequence[str], enumeration: type[StrEnum] | None = None
    ) -> None:
        """Name the CHECK and list the words.

        Args:
            name: last part of the constraint's name.
            values: the words, in the order of the story.
            enumeration: None in a migration, which stays true when the enumeration later grows.
        """
        super().__init__(*values, name=name, native_enum=False, create_constraint=True, length=32)
        self.name = name
        self.values = tuple(values)  # hashable: part of the cache key of a statement
        self.enumeration = enumeration

    def copy(self, **_: Any) -> "States":
        """Return a twin for a copied column."""
        return States(self.name, self.values, self.enumeration)

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """TEXT on SQLite, varchar elsewhere."""
        return dialect.type_descriptor(sa.TEXT() if dialect.name == SQLITE else sa.String(32))

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        """Write; an unknown word is a programmer's error."""
        if value is None:
            return None
        assert value in self.values, f"{value!r} is none of {self.values}"
        return str(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:
        """Read."""
        return value if value is None or self.enumeration is None else self.enumeration(value)


def states(enumeration: type[StrEnum], name: str) -> States:
    """Return the type of a column that holds a StrEnum's value, guarded by a CHECK named `name`."""
    return States(name, [member.value for member in enumeration], enumeration)
