"""The papers behind imported transactions: what a run wrote is still there, and nothing beside it.

A transaction whose source is `file_import:<id>` came from the file of that run. The run's paper
counts its transactions and hashes their content hashes, so that one more, one fewer or another one
is found.
"""

from collections.abc import Iterator
from hashlib import sha256
from typing import Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from ledger.findings import Finding
from ledger.schema import Transaction
from timebank.insight.models import FileImport

SOURCE_PREFIX: Final = "file_import:"
ROWS_PER_FETCH: Final = 2_000


def imports_are_whole(session: Session, community_id: UUID) -> Iterator[Finding]:
    """Every run has exactly its transactions, and every imported transaction its run."""
    runs = session.scalars(
        sa.select(FileImport).where(FileImport.community_id == community_id).order_by(FileImport.id)
    ).all()
    for run in runs:
        found_count, digest = _found(session, run)
        if (found_count, digest) != (run.transaction_count, run.content_digest):
            yield Finding(
                "import_differs",
                f"{SOURCE_PREFIX}{run.id}",
                f"its file brought {run.transaction_count} transactions, {found_count} name it, or"
                " they are not the same",
            )
    query = (
        sa.select(Transaction.source, sa.func.count())
        .where(Transaction.community_id == community_id, is_imported())
        .group_by(Transaction.source)
        .order_by(Transaction.source)
    )
    known = {f"{SOURCE_PREFIX}{run.id}" for run in runs}
    for source, transaction_count in session.execute(query):
        if source not in known:
            yield Finding(
                "without_paper",
                source,
                f"{transaction_count} transactions name an import that never was",
            )


def is_imported() -> sa.ColumnElement[bool]:
    """Return the condition that a transaction says it came from a file."""
    return Transaction.source.like(f"{SOURCE_PREFIX}%")


def _found(session: Session, run: FileImport) -> tuple[int, bytes]:
    query = (
        sa.select(Transaction.content_hash)
        .where(
            Transaction.community_id == run.community_id,
            Transaction.source == f"{SOURCE_PREFIX}{run.id}",
        )
        .order_by(Transaction.id)
        .execution_options(yield_per=ROWS_PER_FETCH)
    )
    digest, found_count = sha256(), 0
    for content_hash in session.scalars(query):
        digest.update(content_hash)
        found_count += 1
    return found_count, digest.digest()
