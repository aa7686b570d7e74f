"""Places: every item stands in the outbox or in the seal, once, and nothing else stands there."""

from collections.abc import Iterator
from typing import Final

from ledger.findings import Finding
from ledger.schema import ItemKind
from ledger.seal import NOTHING, Head
from ledger.verification.book import Book
from ledger.verification.headers import Header
from ledger.verification.rows import Raw

_TABLES: Final = {
    ItemKind.TRANSACTION: "ledger_transaction",
    ItemKind.ACCOUNT: "ledger_account",
    ItemKind.ACT: "ledger_act",
}
_TWICE: Final = """
SELECT KEY(o.item_id), i.block_no FROM ledger_outbox o
  JOIN ledger_seal_item i ON i.community_id = o.community_id AND i.item_id = o.item_id
 WHERE o.community_id = :book
"""
_COUNTS: Final = """
SELECT (SELECT count(*) FROM ledger_transaction WHERE community_id = :book),
       (SELECT count(*) FROM ledger_account WHERE community_id = :book),
       (SELECT count(*) FROM ledger_act WHERE community_id = :book),
       (SELECT count(*) FROM ledger_outbox WHERE community_id = :book),
       (SELECT count(*) FROM ledger_seal_item WHERE community_id = :book)
"""
_NOWHERE: Final = """
SELECT KEY(t.id) FROM {table} t
  LEFT JOIN ledger_outbox o ON o.community_id = t.community_id AND o.item_id = t.id
  LEFT JOIN ledger_seal_item i ON i.community_id = t.community_id AND i.item_id = t.id
 WHERE t.community_id = :book AND o.item_id IS NULL AND i.item_id IS NULL
"""
_REPEATED: Final = """
SELECT KEY(item_id), min(block_no) FROM ledger_seal_item WHERE community_id = :book
 GROUP BY item_id HAVING count(*) > 1
"""
_ACT_SEQUENCES: Final = """
SELECT KEY(i.item_id), i.sequence FROM ledger_act a
  JOIN ledger_seal_item i ON i.community_id = a.community_id AND i.item_id = a.id
 WHERE a.community_id = :book
"""


def load(book: Book) -> Iterator[Finding]:
    """Read the places of the acts; a pass of its own, because it may meet what it cannot read."""
    book.act_sequences = dict(book.rows.read(_ACT_SEQUENCES))
    yield from ()


def check_once(book: Book) -> Iterator[Finding]:
    """No item stands in the outbox and in the seal."""
    for key, block_no in book.rows.read(_TWICE):
        yield _differs(book, "item", key, block_no)


def check_all(book: Book, head: Head, nowhere: list[Raw]) -> Iterator[Finding]:
    """Every item has a place, and no item has two of them.

    Args:
        book: the book, gone through: where a place holds nothing of it, another is without place.
        head: what stands nowhere was sealed behind it, if it was.
        nowhere: where the transactions without a place are added.
    """
    counts = book.rows.read(_COUNTS)[0]
    if sum(counts[:3]) == sum(counts[3:]) and not book.has_empty_places:
        return
    cut_off = head.block_no + 1 if head != NOTHING else None
    for kind, table in _TABLES.items():
        for (key,) in book.rows.read(_NOWHERE.format(table=table)):
            if kind is ItemKind.TRANSACTION:
                nowhere.append(key)
            yield _differs(book, kind, key, cut_off)
    for key, block_no in book.rows.read(_REPEATED):
        yield _differs(book, "item", key, block_no)


def check_other(book: Book, place: Header) -> Iterator[Finding]:
    """Check the place of what is no transaction: an account, an act, or nothing at all."""
    book.item_count += 1
    account, act = book.accounts.get(place.id), book.acts.get(place.id)
    if account is not None:
        yield from check_sealed(book, place, account.content_hash, ItemKind.ACCOUNT)
        moment = account.opened_at
    elif act is not None:
        yield from check_sealed(book, place, act.content_hash, ItemKind.ACT)
        moment = act.recorded_at
    else:
        book.has_empty_places = True
        where = "outbox" if place.block_no is None else "seal"
        yield Finding(
            "item_missing",
            f"item:{book.rows.name(place.id)}",
            f"The {where} holds an item that is not in the book.",
            book.suspect(place.block_no),
        )
        return
    if place.block_no is None:
        waits_since(book, moment)


def check_sealed(
    book: Book, place: Header, content_hash: bytes, kind: ItemKind
) -> Iterator[Finding]:
    """What was sealed is what stands in the book."""
    if place.block_no is None or (place.sealed_kind, place.sealed_hash) == (kind, content_hash):
        return
    yield Finding(
        "seal_differs",
        f"{kind}:{book.rows.name(place.id)}",
        f"Block {place.block_no} sealed another hash or kind of it.",
        book.suspect(place.block_no),
    )


def waits_since(book: Book, moment: Raw) -> None:
    """Note since when an item waits to be sealed."""
    microseconds = book.rows.microseconds(moment)
    oldest = book.oldest_waiting_microseconds
    if oldest is None or microseconds < oldest:
        book.oldest_waiting_microseconds = microseconds


def _differs(book: Book, kind: str, key: Raw, block_no: int | None) -> Finding:
    return Finding(
        "outbox_differs",
        f"{kind}:{book.rows.name(key)}",
        "It must stand either in the outbox or in the seal, once.",
        book.suspect(block_no),
    )
