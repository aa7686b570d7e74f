"""Writes the items of an exported book through the door, and seals them as they were sealed.

Words: an item is *early* when the door refuses it for something that has not come yet: a bound that
a later gift makes room for, a hold, a reversed transaction, an act whose number is not next. It is
kept and tried again after what comes next; blocks wait until all of their items are written.
"""

from collections import deque
from collections.abc import Iterable
from uuid import UUID

from sqlalchemy.orm import Session

from ledger import bulk, doors, merkle
from ledger.errors import Refusal
from ledger.records import Block, Entry
from ledger.schema import HOLD_RESOLUTIONS, ItemKind, TransactionKind
from ledger.seal import block_hash
from timebank.insight.book_file import AccountItem, ActItem, Item

EARLY_COUNT_MAX = 10_000
"""More than this cannot have been on its way at one moment: the file is not a book's."""


class Writing:
    """The writing of one book in one write session."""

    def __init__(self, session: Session, community_id: UUID) -> None:
        """Begin with nothing written."""
        self._door = doors.of(session)
        self._community_id = community_id
        self._fresh: list[Item] = []
        self._early: list[Item] = []
        self._unsealed: list[tuple[UUID, str, bytes]] = []
        self._blocks: deque[Block] = deque()
        self._act_count = 0
        bulk.use_indexes(session)

    def take(self, item: Item) -> None:
        """Take the next item; it is written with others before the next block, or at the end."""
        self._fresh.append(item)
        self._unsealed.append((_id(item), str(_kind(item)), item.content_hash))
        if len(self._fresh) == bulk.CHUNK_COUNT_MAX:
            self._write()

    def seal(self, block: Block) -> None:
        """Seal the items since the last block.

        Raises:
            ValueError: its hashes are not those of its items.
        """
        self._blocks.append(block)
        self._write()
        self._seal_ready()

    def finish(self) -> None:
        """Write what is left.

        Raises:
            Refusal: of an item that nothing made possible.
            ValueError: a block has not the items that it names.
        """
        self._write()
        self._seal_ready()
        if self._early:
            self._write_one(self._early[0])
        if self._blocks or self._early:
            raise ValueError("an item or a block of it cannot be written")

    def _write(self) -> None:
        """Write what can be written; keep what is early."""
        waiting = [*self._early, *self._fresh]
        self._early, self._fresh = [], []
        while waiting:
            left = self._pass(waiting)
            if len(left) == len(waiting):
                break
            waiting = left
        self._early = waiting
        if len(self._early) > EARLY_COUNT_MAX:
            self._write_one(self._early[0])

    def _pass(self, items: list[Item]) -> list[Item]:
        """Write items in their order, plain transactions together; return those refused."""
        left: list[Item] = []
        plain: list[Entry] = []
        for item in items:
            if isinstance(item, Entry) and _is_plain(item):
                plain.append(item)
                continue
            left += self._write_plain(plain)
            plain = []
            left += self._refused([item])
        return left + self._write_plain(plain)

    def _write_plain(self, entries: list[Entry]) -> list[Item]:
        if not entries:
            return []
        try:
            if self._door.post_many(self._community_id, entries):
                return []
        except Refusal:
            pass
        return self._refused(entries)

    def _refused(self, items: Iterable[Item]) -> list[Item]:
        """Write items one by one; return those that are early."""
        early = []
        for item in items:
            try:
                self._write_one(item)
            except (Refusal, _NotNext):
                early.append(item)
        return early

    def _write_one(self, item: Item) -> None:
        match item:
            case AccountItem(facts, content_hash):
                if self._door.open_account(facts, content_hash) != facts.id:
                    raise ValueError(f"the account {facts.code} comes twice")
            case ActItem(facts, act_no, content_hash):
                if act_no != self._act_count + 1:
                    raise _NotNext(f"act {act_no} is not the next one")
                if not self._door.act(facts, content_hash):
                    raise _NotNext("the account stands so already")
                self._act_count += 1
            case Entry():
                if not self._posted(item):
                    raise ValueError(f"the key {item.draft.idempotency_key} comes twice")

    def _posted(self, entry: Entry) -> bool:
        kind = entry.draft.kind
        if kind == TransactionKind.HOLD:
            return self._door.place_hold(self._community_id, entry)
        if kind in HOLD_RESOLUTIONS:
            return self._door.resolve_hold(self._community_id, entry, posted_amounts(entry))
        return self._door.post(self._community_id, entry)

    def _seal_ready(self) -> None:
        """Seal, in their order, the blocks whose items are all written."""
        early = {_id(item) for item in self._early}
        while self._blocks:
            block = self._blocks[0]
            count = block.last_sequence - block.first_sequence + 1
            items, rest = self._unsealed[:count], self._unsealed[count:]
            if any(item_id in early for item_id, _, _ in items):
                return
            hashes = [content_hash for _, _, content_hash in items]
            is_whole = len(items) == count > 0 and merkle.root(hashes) == block.merkle_root
            if not is_whole or block_hash(block) != block.block_hash:
                raise ValueError(f"block {block.block_no} has not the hashes of its items")
            self._door.seal(block, items)
            self._blocks.popleft()
            self._unsealed = rest


class _NotNext(ValueError):
    """Its turn has not come."""


def posted_amounts(entry: Entry) -> list[int]:
    """Return what a resolution posts of each leg of its hold, zero for what it gives back only."""
    released = [leg for leg in entry.draft.legs if leg.is_pending]
    posted = deque(leg for leg in entry.draft.legs if not leg.is_pending)
    amounts = []
    for leg in released:
        is_next = (
            bool(posted)
            and posted[0].account_id == leg.account_id
            and (posted[0].amount_minor > 0) != (leg.amount_minor > 0)
            and abs(posted[0].amount_minor) <= abs(leg.amount_minor)
        )
        amounts.append(posted.popleft().amount_minor if is_next else 0)
    if posted:
        raise ValueError("it posts what was not held")
    return amounts


def _is_plain(entry: Entry) -> bool:
    return not any(entry.links)


def _id(item: Item) -> UUID:
    return item.id if isinstance(item, Entry) else item.facts.id


def _kind(item: Item) -> ItemKind:
    if isinstance(item, Entry):
        return ItemKind.TRANSACTION
    return ItemKind.ACCOUNT if isinstance(item, AccountItem) else ItemKind.ACT
