"""Bare books, the decimals of their units, and the files that transactions came from."""

import sqlalchemy as sa
from alembic import op

from ledger import columns
from migrations import history

revision = "0006_books"
down_revision = "0005_rewards"
branch_labels = None
depends_on = None

TABLES = ("book", "book_commodity", "file_import")


def upgrade() -> None:
    """Make the tables; what a unit is and what a file brought in stays as it was written."""
    _make_book()
    _make_book_commodity()
    _make_file_import()
    history.close("book_commodity", ("commodity",))
    history.close("file_import", ("id",))


def downgrade() -> None:
    """Drop the tables; their triggers go with them."""
    for table in reversed(TABLES):
        op.drop_table(table)


def _make_book() -> None:
    op.create_table(
        "book",
        sa.Column("community_id", columns.Key(), nullable=False),
        sa.Column("name", columns.Text, nullable=False),
        sa.Column("founded_at", columns.Timestamp(), nullable=False),
        sa.PrimaryKeyConstraint("community_id", name="pk_book"),
        sa.UniqueConstraint("name", name="uq_book_name"),
        sa.CheckConstraint("length(name) BETWEEN 1 AND 60", name=op.f("ck_book_name_length")),
        sqlite_strict=True,
    )


def _make_book_commodity() -> None:
    op.create_table(
        "book_commodity",
        sa.Column("community_id", columns.Key(), nullable=False),
        sa.Column("commodity", columns.Text, nullable=False),
        sa.Column("decimal_places", columns.Count, nullable=False),
        sa.PrimaryKeyConstraint("community_id", "commodity", name="pk_book_commodity"),
        sa.ForeignKeyConstraint(
            ["community_id"], ["book.community_id"], name="fk_book_commodity_community_id"
        ),
        sa.CheckConstraint(
            "length(commodity) BETWEEN 1 AND 24", name=op.f("ck_book_commodity_commodity_length")
        ),
        sa.CheckConstraint(
            "decimal_places BETWEEN 0 AND 9", name=op.f("ck_book_commodity_decimal_places")
        ),
        sqlite_strict=True,
    )


def _make_file_import() -> None:
    op.create_table(
        "file_import",
        sa.Column("community_id", columns.Key(), nullable=False),
        sa.Column("id", columns.Key(), nullable=False),
        sa.Column("kind", columns.States("kind", ["transactions", "transfers"]), nullable=False),
        sa.Column("imported_at", columns.Timestamp(), nullable=False),
        sa.Column("actor", columns.Text, nullable=False),
        sa.Column("file_digest", columns.Digest, nullable=False),
        sa.Column("transaction_count", columns.Minor, nullable=False),
        sa.Column("content_digest", columns.Digest, nullable=False),
        sa.PrimaryKeyConstraint("community_id", "id", name="pk_file_import"),
        sa.CheckConstraint("transaction_count > 0", name=op.f("ck_file_import_transaction_count")),
        sa.CheckConstraint(
            "length(file_digest) = 32", name=op.f("ck_file_import_file_digest_length")
        ),
        sa.CheckConstraint(
            "length(content_digest) = 32", name=op.f("ck_file_import_content_digest_length")
        ),
        sqlite_strict=True,
    )
