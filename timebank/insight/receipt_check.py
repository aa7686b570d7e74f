"""The offline check of a receipt: every hash worked out again from the fields, no book needed.

What it shows: that the transaction, as the document tells it, is an item of a block, and that this
block stands in a chain which ends in the heads of the document. That these heads are the book's is
shown by comparing them with what was published outside: the public page, or an anchor line.
"""

from collections import Counter
from dataclasses import dataclass
from itertools import pairwise

from ledger import merkle, seal
from ledger.hashing import account_hash, content_hash, request_hash
from ledger.records import Block
from timebank.insight.receipt_document import Place, Receipt


class WrongReceipt(Exception):
    """The receipt does not prove what it says; the message names the first thing that is wrong."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the check comes to, in one sentence for a person."""

    is_valid: bool
    sentence: str


def check(receipt: Receipt, heads: list[bytes]) -> Verdict:
    """Check a receipt by itself and against published heads.

    Args:
        receipt: as read from its file.
        heads: hashes of blocks, as published by the community; none checks the receipt by itself.
    """
    try:
        blocks = _checked_blocks(receipt)
        _check_transaction(receipt, blocks)
        _check_accounts(receipt, blocks)
        compared = _compared(receipt, heads)
    except WrongReceipt as wrong:
        return Verdict(is_valid=False, sentence=f"Not valid: {wrong}.")
    transaction = receipt.transaction
    place = transaction.place
    return Verdict(
        is_valid=True,
        sentence=f"Valid: transaction {transaction.id} is item {place.sequence} of book"
        f" {receipt.community_id}, in block {place.block_no}, sealed at"
        f" {blocks[place.block_no].sealed_at:%Y-%m-%d %H:%M:%S} UTC. {compared}",
    )


def _checked_blocks(receipt: Receipt) -> dict[int, Block]:
    for block in receipt.blocks:
        if seal.block_hash(block) != block.block_hash:
            raise WrongReceipt(f"block {block.block_no} does not have the hash of its fields")
        if not 1 <= block.first_sequence <= block.last_sequence:
            raise WrongReceipt(f"block {block.block_no} holds no items")
        is_first = block.block_no == 1
        begins = (block.previous_hash == seal.GENESIS, block.first_sequence == 1)
        if begins != (is_first, is_first):
            raise WrongReceipt(f"block {block.block_no} does not begin where a book begins")
    for before, after in pairwise(receipt.blocks):
        if not _follows(before, after):
            raise WrongReceipt(f"block {after.block_no} does not follow block {before.block_no}")
    return {block.block_no: block for block in receipt.blocks}


def _follows(before: Block, after: Block) -> bool:
    if after.block_no != before.block_no + 1:  # the next run
        return after.block_no > before.block_no and after.first_sequence > before.last_sequence + 1
    is_linked = after.previous_hash == before.block_hash
    return is_linked and after.first_sequence == before.last_sequence + 1


def _check_transaction(receipt: Receipt, blocks: dict[int, Block]) -> None:
    transaction = receipt.transaction
    if request_hash(transaction.draft, transaction.links) != transaction.request_hash:
        raise WrongReceipt("the request hash is not that of the transaction's fields")
    content = content_hash(
        receipt.community_id, transaction.id, transaction.recorded_at, transaction.request_hash
    )
    if content != transaction.content_hash:
        raise WrongReceipt("the content hash is not that of the transaction's fields")
    _check_place("the transaction", content, transaction.place, blocks)


def _check_accounts(receipt: Receipt, blocks: dict[int, Block]) -> None:
    commodities = {}
    for account in receipt.accounts:
        code = account.facts.code
        if account_hash(account.facts) != account.content_hash:
            raise WrongReceipt(f"the hash of account {code} is not that of its fields")
        _check_place(f"account {code}", account.content_hash, account.place, blocks)
        commodities[account.facts.id] = account.facts.commodity
    legs = receipt.transaction.draft.legs
    if commodities.keys() != {leg.account_id for leg in legs}:
        raise WrongReceipt("the accounts are not those of the legs")
    if len(commodities) != len(receipt.accounts):
        raise WrongReceipt("an account stands twice")
    sums: Counter[tuple[str, bool]] = Counter()
    for leg in legs:
        sums[commodities[leg.account_id], leg.is_pending] += leg.amount_minor
    for (commodity, _), sum_minor in sums.items():
        if sum_minor:
            raise WrongReceipt(f"the {commodity} legs sum to {sum_minor}, not to zero")


def _check_place(name: str, content: bytes, place: Place, blocks: dict[int, Block]) -> None:
    block = blocks.get(place.block_no)
    if block is None:
        raise WrongReceipt(f"block {place.block_no} of {name} is not in the document")
    root = merkle.root_of_path(
        content,
        place.sequence - block.first_sequence,
        block.last_sequence - block.first_sequence + 1,
        place.beside,
    )
    if root != block.merkle_root:
        raise WrongReceipt(f"{name} is not item {place.sequence} of block {place.block_no}")


def _runs(blocks: list[Block]) -> list[list[Block]]:
    """Return the blocks in their runs; each ends with the head that was published that day."""
    runs: list[list[Block]] = []
    for block in blocks:
        if runs and runs[-1][-1].block_no == block.block_no - 1:
            runs[-1].append(block)
        else:
            runs.append([block])
    return runs


def _compared(receipt: Receipt, heads: list[bytes]) -> str:
    """Say which heads agree and which are still to be compared.

    Raises:
        WrongReceipt: a head is that of no block behind the transaction or one of its accounts.
    """
    runs = _runs(receipt.blocks)
    numbers = {block.block_hash: block.block_no for block in receipt.blocks}
    for head in heads:
        if head not in numbers:
            span = ", ".join(f"{run[0].block_no} to {run[-1].block_no}" for run in runs)
            raise WrongReceipt(
                f"the head {head.hex()} is that of no block in the document, which holds {span}."
                " If it was published later than this proof was taken, download the proof again"
            )
    agreed = sorted({numbers[head] for head in heads})
    open_heads = [
        run[-1] for run in runs if not any(number in _vouched(receipt, run) for number in agreed)
    ]
    said = f"Agrees with the head of block {', '.join(map(str, agreed))}. " if agreed else ""
    if open_heads:
        listed = ", ".join(
            f"block {block.block_no} {block.block_hash.hex()}" for block in open_heads
        )
        said += f"Compare with the published head: {listed}."
    return said.strip()


def _vouched(receipt: Receipt, run: list[Block]) -> set[int]:
    """Return the blocks of a run whose head vouches for every item that the run was taken for."""
    places = [receipt.transaction.place, *(account.place for account in receipt.accounts)]
    numbers = {block.block_no for block in run}
    last_needed = max((p.block_no for p in places if p.block_no in numbers), default=0)
    return {number for number in numbers if number >= last_needed}
