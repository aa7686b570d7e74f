"""The seal: every item of a book gets its place in a gapless sequence, block by block.

Words: an *item* is a transaction, an account or an act; a *block* holds consecutive items under one
Merkle root and names the hash of the block before it, so its own hash, the *head*, stands for the
whole history; a *proof* shows that an item is in a block, without the book.

The seal is made behind the posts, never inside them: a post only leaves its id in the outbox. In
the transaction of a block the monthly activity is brought up to date, so that activity plus outbox
is always the balance.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from ledger import clock, doors, merkle
from ledger.hashing import hash_of
from ledger.records import Block
from ledger.schema import Account, Act, ItemKind, Outbox, SealBlock, SealItem, Transaction

BLOCK_ITEM_COUNT_MAX = 1_000
MOMENT_COUNT_MAX = 400
"""SQLite joins at most 500 selects into one."""
GENESIS = bytes(32)
"""What the first block names as the hash before it."""


class Head(NamedTuple):
    """The last block of a book: enough to recognise its whole history."""

    block_no: int
    last_sequence: int
    block_hash: bytes


NOTHING = Head(0, 0, GENESIS)


@dataclass(frozen=True, slots=True)
class Proof:
    """That an item stands at its place of a block.

    Attributes:
        sequence: of the item.
        beside: the Merkle path, from the leaf up.
        block: the block that holds it.
    """

    sequence: int
    beside: list[bytes]
    block: Block


def seal(session: Session, community_id: UUID) -> int:
    """Seal one block of what waits in the outbox.

    Args:
        session: a write session of its own: nothing else is written in it.
        community_id: the book.

    Returns:
        how many items were sealed: 0 when none waits, at most 1,000.

    Raises:
        SealOvertaken: another sealer wrote this block (`seal_overtaken`).
    """
    # The head first: read the other way round, a block that another sealer writes in between would
    # take items that were already read, and the block of this one would name them a second time.
    last = head(session, community_id)
    items = _waiting(session, community_id)
    if not items:
        return 0
    first_sequence = last.last_sequence + 1
    unhashed = Block(
        community_id=community_id,
        block_no=last.block_no + 1,
        first_sequence=first_sequence,
        last_sequence=last.last_sequence + len(items),
        merkle_root=merkle.root([content_hash for _, _, content_hash in items]),
        previous_hash=last.block_hash,
        block_hash=b"",
        sealed_at=clock.now(),
    )
    block = unhashed._replace(block_hash=block_hash(unhashed))
    doors.of(session).seal(block, items)
    return len(items)


def block_hash(block: Block) -> bytes:
    """Return the hash of a block: of every field but itself."""
    return hash_of("block", *block._replace(block_hash=b""))


def head(session: Session, community_id: UUID) -> Head:
    """Return the last block of a book; `NOTHING` when none is sealed yet."""
    row = session.execute(
        sa.select(SealBlock.block_no, SealBlock.last_sequence, SealBlock.block_hash)
        .where(SealBlock.community_id == community_id)
        .order_by(SealBlock.block_no.desc())
        .limit(1)
    ).first()
    return Head(*row) if row else NOTHING


def last_blocks_before(
    session: Session, community_id: UUID, moments: Sequence[datetime]
) -> list[Block | None]:
    """Return for each moment the last block that was sealed before it; in one statement.

    Args:
        session: any session.
        community_id: the book.
        moments: at least one, at most 400; aware.
    """
    assert 0 < len(moments) <= MOMENT_COUNT_MAX, "a statement has room for so many looks"
    looks = [
        sa.select(
            sa.literal(place).label("place"),
            sa.select(SealBlock.block_no)
            .where(SealBlock.community_id == community_id, SealBlock.sealed_at < moment)
            .order_by(SealBlock.sealed_at.desc(), SealBlock.block_no.desc())
            .limit(1)
            .scalar_subquery()
            .label("block_no"),
        )
        for place, moment in enumerate(moments)
    ]
    look = sa.union_all(*looks).subquery()
    rows = session.execute(
        sa.select(look.c.place, SealBlock).join(
            SealBlock,
            sa.and_(SealBlock.community_id == community_id, SealBlock.block_no == look.c.block_no),
        )
    )
    found = {place: as_block(row) for place, row in rows}
    return [found.get(place) for place in range(len(moments))]


def blocks(
    session: Session, community_id: UUID, runs: Sequence[tuple[int, int]]
) -> Iterator[Block]:
    """Give the blocks of some runs in order, each once.

    Args:
        session: any session.
        community_id: the book.
        runs: at least one; number of the first block and of the last.
    """
    rows = session.scalars(
        sa.select(SealBlock)
        .where(
            SealBlock.community_id == community_id,
            sa.or_(*(SealBlock.block_no.between(first_no, last_no) for first_no, last_no in runs)),
        )
        .order_by(SealBlock.block_no)
    )
    return map(as_block, rows)


def waiting_books(session: Session) -> Sequence[UUID]:
    """Return the books that have something to seal: one look per book, however much waits."""
    first = sa.select(Outbox.community_id).order_by(Outbox.community_id).limit(1)
    found = sa.select(first.scalar_subquery().label("book")).cte("found", recursive=True)
    next_one = first.where(Outbox.community_id > found.c.book).correlate(found).scalar_subquery()
    found = found.union_all(sa.select(next_one).where(found.c.book.is_not(None)))
    return session.scalars(sa.select(found.c.book).where(found.c.book.is_not(None))).all()


def prove(session: Session, community_id: UUID, item_id: UUID) -> Proof | None:
    """Return the proof of an item, or None while it is not sealed yet."""
    return prove_all(session, community_id, [item_id]).get(item_id)


def prove_all(
    session: Session, community_id: UUID, item_ids: Collection[UUID]
) -> dict[UUID, Proof]:
    """Return the proofs of those of the items that are sealed, in two statements."""
    found = session.execute(
        sa.select(SealItem.item_id, SealItem.sequence, SealBlock)
        .join(
            SealBlock,
            sa.and_(
                SealBlock.community_id == SealItem.community_id,
                SealBlock.block_no == SealItem.block_no,
            ),
        )
        .where(SealItem.community_id == community_id, SealItem.item_id.in_(item_ids))
    ).all()
    leaves = _leaves(session, community_id, {row.block_no for _, _, row in found})
    proofs = {}
    for item_id, sequence, row in found:
        beside = merkle.path(leaves[row.block_no], sequence - row.first_sequence)
        proofs[item_id] = Proof(sequence, beside, as_block(row))
    return proofs


def _leaves(
    session: Session, community_id: UUID, block_nos: Collection[int]
) -> dict[int, list[bytes]]:
    leaves: dict[int, list[bytes]] = {block_no: [] for block_no in block_nos}
    if not leaves:
        return leaves
    rows = session.execute(
        sa.select(SealItem.block_no, SealItem.content_hash)
        .join(
            SealBlock,
            sa.and_(
                SealBlock.community_id == SealItem.community_id,
                SealItem.sequence.between(SealBlock.first_sequence, SealBlock.last_sequence),
            ),
        )
        .where(SealBlock.community_id == community_id, SealBlock.block_no.in_(block_nos))
        .order_by(SealItem.sequence)
    )
    for block_no, content_hash in rows:
        leaves[block_no].append(content_hash)
    return leaves


def as_block(row: SealBlock) -> Block:
    """Return a stored block as a plain value."""
    return Block(*(getattr(row, field) for field in Block._fields))


def is_proven(content_hash: bytes, proof: Proof) -> bool:
    """Return whether the proof leads from an item to the hash of its block; needs no book."""
    block = proof.block
    root = merkle.root_of_path(
        content_hash,
        proof.sequence - block.first_sequence,
        block.last_sequence - block.first_sequence + 1,
        proof.beside,
    )
    return root == block.merkle_root and block_hash(block) == block.block_hash


def _waiting(session: Session, community_id: UUID) -> list[tuple[UUID, str, bytes]]:
    """Return id, kind and content hash of the oldest items of the outbox, by id."""
    oldest = (
        sa.select(Outbox.item_id)
        .where(Outbox.community_id == community_id)
        .order_by(Outbox.item_id)
        .limit(BLOCK_ITEM_COUNT_MAX)
    )
    ids = session.scalars(oldest).all()
    kinds = ((ItemKind.TRANSACTION, Transaction), (ItemKind.ACCOUNT, Account), (ItemKind.ACT, Act))
    found: dict[UUID, tuple[str, bytes]] = {}
    for kind, table in kinds:
        missing = [item_id for item_id in ids if item_id not in found]
        if missing:
            rows = session.execute(
                sa.select(table.id, table.content_hash).where(
                    table.community_id == community_id, table.id.in_(missing)
                )
            )
            found |= {item_id: (str(kind), content_hash) for item_id, content_hash in rows}
    assert len(found) == len(ids), "the outbox holds items of the book"
    return [(item_id, *found[item_id]) for item_id in ids]
