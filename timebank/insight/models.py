"""Tables of books that came from files: bare books, the decimals of their units, the files.

Words: a *bare book* is a ledger without a community behind it: no members, no shop, only accounts
and transactions; a *file import* is the paper behind every transaction that one run posted.
"""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from ledger.base import Base, community_key
from ledger.columns import Count, states
from ledger.schema import COMMODITY_LENGTH_MAX

BOOK_NAME_LENGTH_MAX = 60
DECIMAL_PLACES_MAX = 9


class ImportKind(StrEnum):
    """What a file holds."""

    TRANSACTIONS = "transactions"
    TRANSFERS = "transfers"


class Book(Base):
    """A bare book, by its name."""

    __tablename__ = "book"
    __table_args__ = (
        sa.UniqueConstraint("name"),
        sa.CheckConstraint(
            f"length(name) BETWEEN 1 AND {BOOK_NAME_LENGTH_MAX}", name="name_length"
        ),
    )

    community_id: Mapped[UUID] = community_key()
    name: Mapped[str]
    founded_at: Mapped[datetime]


class BookCommodity(Base):
    """How many decimals a unit of a bare book is written with."""

    __tablename__ = "book_commodity"
    __table_args__ = (
        sa.ForeignKeyConstraint(["community_id"], ["book.community_id"]),
        sa.CheckConstraint(
            f"length(commodity) BETWEEN 1 AND {COMMODITY_LENGTH_MAX}", name="commodity_length"
        ),
        sa.CheckConstraint(
            f"decimal_places BETWEEN 0 AND {DECIMAL_PLACES_MAX}", name="decimal_places"
        ),
    )

    community_id: Mapped[UUID] = community_key()
    commodity: Mapped[str] = mapped_column(primary_key=True)
    decimal_places: Mapped[int] = mapped_column(Count)


class FileImport(Base):
    """One run that posted from a file: the source of its transactions is `file_import:<id>`.

    `content_digest` is the SHA-256 over the content hashes of its transactions, in the order of
    their ids.
    """

    __tablename__ = "file_import"
    __table_args__ = (
        sa.CheckConstraint("transaction_count > 0", name="transaction_count"),
        sa.CheckConstraint("length(file_digest) = 32", name="file_digest_length"),
        sa.CheckConstraint("length(content_digest) = 32", name="content_digest_length"),
    )

    community_id: Mapped[UUID] = community_key()
    id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[ImportKind] = mapped_column(states(ImportKind, "kind"))
    imported_at: Mapped[datetime]
    actor: Mapped[str]
    file_digest: Mapped[bytes]
    transaction_count: Mapped[int]
    content_digest: Mapped[bytes]
