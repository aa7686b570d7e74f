"""Export of a whole book: everything that the kernel keeps, in the sealed order, with its hashes.

What the areas keep beside it (people, occasions, goods) is not part of a book. What can be derived
is left out: balances, open holds and monthly activity follow from the transactions.

Invariant: the file is made block by block, so that memory does not grow with the book; two exports
of the same book are the same file.
"""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from hashlib import sha256
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from ledger.base import refers
from ledger.records import ActFacts
from ledger.schema import (
    Account,
    Act,
    BalanceRow,
    ItemKind,
    Outbox,
    Posting,
    SealBlock,
    SealItem,
    Transaction,
)
from timebank.actors import Actor, Permission
from timebank.insight import bare_books
from timebank.insight.book_file import FORMAT, VERSION, Document, plain
from timebank.insight.models import FileImport

BLOCKS_PER_FETCH: Final = 10
IDS_PER_READ: Final = 500
_TRANSACTION_FIELDS: Final = (
    *("id", "kind", "occurred_on", "recorded_at", "reverses_id", "resolves_id", "expires_at"),
    *("idempotency_key", "request_hash", "content_hash", "actor", "source", "narration"),
)


def export_book(session: Session, actor: Actor, *, name: str) -> Iterator[str]:
    """Return the lines of the actor's book, each with its line end.

    Args:
        session: a reading session, whose snapshot is what is exported.
        actor: needs `ADMINISTER`.
        name: what the book is called where it is imported.

    Raises:
        NotAllowed: `not_allowed`.
    """
    actor.require(Permission.ADMINISTER)
    return _lines(session, actor.community_id, name)


def _lines(session: Session, community_id: UUID, name: str) -> Iterator[str]:
    counts: Counter[str] = Counter()
    digest = sha256()
    head = b""
    for word, document in _documents(session, community_id, name):
        line = _line(word, document)
        digest.update(line.encode())
        counts[word] += 1
        counts["posting"] += len(document.get("legs", ()))
        head = bytes.fromhex(document["block_hash"]) if word == "block" else head
        yield line
    counted = ("account", "act", "transaction", "posting", "block")
    end = {f"{word}_count": counts[word] for word in counted}
    yield _line("end", {**end, "head_hash": head.hex(), "digest": digest.hexdigest()})


def _line(word: str, document: Document) -> str:
    return json.dumps({word: document}, ensure_ascii=False, separators=(",", ":")) + "\n"


def _documents(session: Session, community_id: UUID, name: str) -> Iterator[tuple[str, Document]]:
    header = {"format": FORMAT, "version": VERSION, "community_id": str(community_id)}
    yield "book", {**header, "name": name, "decimals": bare_books.units_of(session, community_id)}
    imports = sa.select(FileImport).where(FileImport.community_id == community_id)
    for run in session.scalars(imports.order_by(FileImport.id)):
        yield "file_import", plain(_columns(run))
    blocks = (
        sa.select(SealBlock)
        .where(SealBlock.community_id == community_id)
        .order_by(SealBlock.block_no)
        .execution_options(yield_per=BLOCKS_PER_FETCH)
    )
    for block in session.scalars(blocks):
        sealed = sa.select(SealItem.item_id).where(
            SealItem.community_id == community_id,
            SealItem.sequence.between(block.first_sequence, block.last_sequence),
        )
        ids = session.scalars(sealed.order_by(SealItem.sequence)).all()
        yield from _items(session, community_id, ids)
        yield "block", plain(_columns(block))
    yield from _unsealed(session, community_id)


def _unsealed(session: Session, community_id: UUID) -> Iterator[tuple[str, Document]]:
    after = UUID(int=0)
    waiting = sa.select(Outbox.item_id).where(Outbox.community_id == community_id)
    while ids := session.scalars(
        waiting.where(Outbox.item_id > after).order_by(Outbox.item_id).limit(IDS_PER_READ)
    ).all():
        yield from _items(session, community_id, ids)
        after = ids[-1]


def _items(
    session: Session, community_id: UUID, ids: Sequence[UUID]
) -> Iterator[tuple[str, Document]]:
    """Give the items of these ids in their order."""
    for start in range(0, len(ids), IDS_PER_READ):
        page = ids[start : start + IDS_PER_READ]
        found = {
            **_accounts(session, community_id, page),
            **_acts(session, community_id, page),
            **_transactions(session, community_id, page),
        }
        for item_id in page:
            yield found[item_id]


Found = dict[UUID, tuple[str, Document]]


def _accounts(session: Session, community_id: UUID, ids: Sequence[UUID]) -> Found:
    query = (
        sa.select(Account, BalanceRow.floor_minor, BalanceRow.ceiling_minor)
        .outerjoin(BalanceRow, refers(BalanceRow.account_id, Account))
        .where(Account.community_id == community_id, Account.id.in_(ids))
    )
    return {
        row.id: (
            str(ItemKind.ACCOUNT),
            plain({**_columns(row), "floor_minor": floor_minor, "ceiling_minor": ceiling_minor}),
        )
        for row, floor_minor, ceiling_minor in session.execute(query)
    }


def _acts(session: Session, community_id: UUID, ids: Sequence[UUID]) -> Found:
    query = sa.select(Act).where(Act.community_id == community_id, Act.id.in_(ids))
    names = (*ActFacts._fields, "act_no", "content_hash")
    return {
        row.id: (str(ItemKind.ACT), plain({name: getattr(row, name) for name in names}))
        for row in session.scalars(query)
    }


def _transactions(session: Session, community_id: UUID, ids: Sequence[UUID]) -> Found:
    legs: dict[UUID, list[tuple[str, int, bool]]] = {}
    postings = sa.select(
        Posting.transaction_id, Posting.account_id, Posting.amount_minor, Posting.is_pending
    ).where(Posting.community_id == community_id, Posting.transaction_id.in_(ids))
    for transaction_id, account_id, amount_minor, is_pending in session.execute(
        postings.order_by(Posting.transaction_id, Posting.leg_no)
    ):
        leg = (str(account_id), amount_minor, is_pending)
        legs.setdefault(transaction_id, []).append(leg)
    columns = [getattr(Transaction, name) for name in _TRANSACTION_FIELDS]
    query = sa.select(*columns).where(
        Transaction.community_id == community_id, Transaction.id.in_(ids)
    )
    return {
        row.id: (
            str(ItemKind.TRANSACTION),
            plain({**row._asdict(), "legs": legs.get(row.id, [])}),
        )
        for row in session.execute(query)
    }


def _columns(row: Any) -> Document:
    return {column.name: getattr(row, column.name) for column in row.__table__.columns}
