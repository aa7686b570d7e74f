"""The receipt of a transaction: proof that it stands in the sealed book, to be checked without it.

A receipt may be had by whoever may see the transaction: a member whose account a leg names, whoever
may read the books, and the clerk for what went over the counter.
"""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.orm import Session

from ledger import seal
from ledger.errors import N_, Refused, UnknownTransaction
from ledger.records import AccountFacts, Block, Draft, Leg, Links
from ledger.schema import Account, BalanceRow, Posting, Transaction
from ledger.seal import Proof
from timebank.actors import Actor, Permission
from timebank.insight.receipt_document import Place, Receipt, SealedAccount, SealedTransaction
from timebank.people import organisations
from timebank.people.models import Member
from timebank.shop.sale_models import (
    Redemption,
    Refund,
)

_DAYS_AT_ONCE: Final = seal.MOMENT_COUNT_MAX


class NotSealedYet(Refused):
    """The sealer has not come by since the transaction was posted."""

    code = "not_sealed_yet"
    message = N_("This entry is not sealed yet. Please try again in a moment.")


def make_receipt(
    session: Session, actor: Actor, *, transaction_id: UUID, through_block_no: int = 0
) -> Receipt:
    """Return the receipt of a transaction.

    Args:
        session: a reading session.
        actor: sees the transaction.
        transaction_id: of the actor's own book.
        through_block_no: the chain goes on to this block, where a later head is to be compared;
            else it ends with the last block of the day on which the transaction was sealed.

    Raises:
        UnknownTransaction: not in this book, or not for the actor's eyes (`unknown_transaction`).
        NotSealedYet: (`not_sealed_yet`).
    """
    community_id = actor.community_id
    row = session.scalar(
        sa.select(Transaction).where(
            Transaction.community_id == community_id, Transaction.id == transaction_id
        )
    )
    accounts = _accounts(session, community_id, transaction_id)
    if row is None or not _may_see(session, actor, transaction_id, accounts):
        raise UnknownTransaction(transaction_id=str(transaction_id))
    item_ids = {transaction_id, *(facts.id for facts, _ in accounts)}
    proofs = seal.prove_all(session, community_id, item_ids)
    if len(proofs) < len(item_ids):
        raise NotSealedYet
    return Receipt(
        community_id=community_id,
        transaction=_transaction(row, _legs(session, row), proofs[row.id]),
        accounts=[
            SealedAccount(facts, content_hash, _place(proofs[facts.id]))
            for facts, content_hash in accounts
        ],
        blocks=_chain(session, community_id, proofs, (transaction_id, through_block_no)),
    )


def _may_see(
    session: Session, actor: Actor, transaction_id: UUID, accounts: list[tuple[AccountFacts, bytes]]
) -> bool:
    if actor.may(Permission.READ_BOOKS):
        return True
    if actor.may(Permission.KEEP_SHOP) and _is_of_shop(session, actor, transaction_id):
        return True
    member = session.scalar(
        sa.select(Member).where(
            Member.community_id == actor.community_id, Member.id == actor.member_id
        )
    )
    own = f"Members:{member.volunteer_number}:" if member else None
    return own is not None and any(facts.code.startswith(own) for facts, _ in accounts)


def _is_of_shop(session: Session, actor: Actor, transaction_id: UUID) -> bool:
    over_the_counter = sa.union_all(
        *(
            sa.select(table.id).where(
                table.community_id == actor.community_id, table.transaction_id == transaction_id
            )
            for table in (Redemption, Refund)
        )
    )
    return session.execute(over_the_counter).first() is not None


def _legs(session: Session, row: Transaction) -> tuple[Leg, ...]:
    legs = session.execute(
        sa.select(Posting.account_id, Posting.amount_minor, Posting.is_pending)
        .where(Posting.community_id == row.community_id, Posting.transaction_id == row.id)
        .order_by(Posting.leg_no)
    )
    return tuple(Leg(*leg) for leg in legs)


def _accounts(
    session: Session, community_id: UUID, transaction_id: UUID
) -> list[tuple[AccountFacts, bytes]]:
    """Return the accounts of the legs by code, each with its content hash."""
    named = sa.select(Posting.account_id).where(
        Posting.community_id == community_id, Posting.transaction_id == transaction_id
    )
    rows = session.execute(
        sa.select(Account, BalanceRow.floor_minor, BalanceRow.ceiling_minor)
        .outerjoin(
            BalanceRow,
            sa.and_(
                BalanceRow.community_id == Account.community_id, BalanceRow.account_id == Account.id
            ),
        )
        .where(Account.community_id == community_id, Account.id.in_(named))
        .order_by(Account.code)
    )
    return [
        (
            AccountFacts(
                *(community_id, account.id, account.code, account.commodity, account.is_bounded),
                *(floor_minor, ceiling_minor, account.opened_at),
            ),
            account.content_hash,
        )
        for account, floor_minor, ceiling_minor in rows
    ]


def _transaction(row: Transaction, legs: tuple[Leg, ...], proof: Proof) -> SealedTransaction:
    return SealedTransaction(
        id=row.id,
        draft=Draft(
            *(row.kind, legs, row.occurred_on, row.idempotency_key),
            *(row.actor, row.source, row.narration),
        ),
        links=Links(row.reverses_id, row.resolves_id, row.expires_at),
        recorded_at=row.recorded_at,
        request_hash=row.request_hash,
        content_hash=row.content_hash,
        place=_place(proof),
    )


def _place(proof: Proof) -> Place:
    return Place(proof.sequence, proof.block.block_no, proof.beside)


def _chain(
    session: Session, community_id: UUID, proofs: dict[UUID, Proof], through: tuple[UUID, int]
) -> list[Block]:
    """Return the blocks from every item to the last of its day.

    Args:
        session: any session.
        community_id: the book.
        proofs: of the items.
        through: an item whose run goes on, and to which block.
    """
    zone = ZoneInfo(organisations.get_community(session, community_id).time_zone)
    ends = {proof.block.block_no: day_end(proof.block.sealed_at, zone) for proof in proofs.values()}
    moments = sorted(set(ends.values()))
    last_nos = {
        moment: block.block_no if block else 0
        for start in range(0, len(moments), _DAYS_AT_ONCE)
        for moment, block in zip(
            moments[start : start + _DAYS_AT_ONCE],
            seal.last_blocks_before(session, community_id, moments[start : start + _DAYS_AT_ONCE]),
            strict=True,
        )
    }
    runs = {first: max(first, last_nos[end]) for first, end in ends.items()}
    item_id, through_block_no = through
    first = proofs[item_id].block.block_no
    runs[first] = max(runs[first], through_block_no)
    return list(seal.blocks(session, community_id, _merged(runs)))


def day_end(moment: datetime, zone: ZoneInfo) -> datetime:
    """Return the midnight that ends the local day of a moment."""
    local = moment.astimezone(zone)
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    return midnight + timedelta(days=1)


def _merged(runs: dict[int, int]) -> list[tuple[int, int]]:
    """Return the runs without those that lie inside another."""
    merged: list[tuple[int, int]] = []
    for first, last in sorted(runs.items()):
        if not merged or last > merged[-1][1]:
            merged.append((first, last))
    return merged
