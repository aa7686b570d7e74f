"""What every table of the system stands on: one metadata, one way to name, one first key column."""

from datetime import date, datetime
from typing import Any, ClassVar
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, InstrumentedAttribute, Mapped, mapped_column

from ledger.columns import Day, Digest, Flag, Key, Minor, Text, Timestamp


class Base(DeclarativeBase):
    """One metadata for the whole system; constraint names follow from table and column."""

    metadata = sa.MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        UUID: Key,
        datetime: Timestamp,
        date: Day,
        bool: Flag,
        int: Minor,
        bytes: Digest,
        str: Text,
    }


def community_key() -> Mapped[UUID]:
    """Return the column that begins every primary key."""
    return mapped_column("community_id", Key, primary_key=True)


def refers(
    key: InstrumentedAttribute[UUID] | InstrumentedAttribute[UUID | None], table: type[Base]
) -> sa.ColumnElement[bool]:
    """Return the condition of a join: the row of `table` that a key refers to, in its community.

    Args:
        key: a column that holds an id, of a table or of an alias, such as `Attendance.slot_id`.
        table: the table (or alias) whose id it is, such as `Slot`.
    """
    one: Any = key.parent.entity
    other: Any = table
    return sa.and_(other.community_id == one.community_id, other.id == key)


SQLITE_ONLY = {"only_on": "sqlite"}
"""PostgreSQL parses each CHECK anew for every statement: there the door, sole writer, checks."""


def is_made_on(item: sa.Constraint | sa.Index, dialect_name: str) -> bool:
    """Return whether a constraint or index of the models is made on this database."""
    return bool(item.info.get("only_on", dialect_name) == dialect_name)


def sqlite_check(condition: str, name: str) -> sa.CheckConstraint:
    """Return a CHECK that only SQLite makes."""
    return sa.CheckConstraint(condition, name=name, info=SQLITE_ONLY).ddl_if(dialect="sqlite")
