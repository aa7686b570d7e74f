"""Re-checks the stored book against every promise, trusting none of the guards that keep it.

Words: a *finding* is one thing that is wrong, with a stable code, its subject and a sentence. Each
pass looks for one kind of damage and stands alone, so one broken row never hides another. The
passes are set-based or stream, and read one snapshot: they run on a live book.
"""

from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from ledger import hashing
from ledger.doors import inspection
from ledger.findings import Finding, guarded
from ledger.records import Draft, Leg, Links
from ledger.schema import (
    Account,
    Act,
    BalanceRow,
    ItemKind,
    Outbox,
    Posting,
    SealItem,
    Transaction,
)

_ROWS_PER_READ = 2_000
ITEMS: tuple[tuple[ItemKind, Any], ...] = (
    (ItemKind.TRANSACTION, Transaction),
    (ItemKind.ACCOUNT, Account),
    (ItemKind.ACT, Act),
)


def verify(session: Session, community_id: UUID | None = None) -> list[Finding]:
    """Run every pass and return all findings, none when the book is whole.

    Args:
        session: a reading session, whose snapshot is what is verified.
        community_id: one book; None is every book of the database.
    """
    findings = [
        finding
        for check in PASSES
        for finding in guarded(check.__name__, check(session, community_id))
    ]
    return [*findings, *guarded("door", faults(session))]


def faults(session: Session) -> Iterator[Finding]:
    """Every guard is there, and every reference leads somewhere."""
    for fault in inspection.faults(session):
        yield Finding(*fault)


def legs(session: Session, community_id: UUID | None) -> Iterator[Finding]:
    """Every header has exactly its legs, every leg its header and its account."""
    counted = (
        sa.select(
            Posting.community_id,
            Posting.transaction_id,
            sa.func.count().label("found_count"),
            sa.func.min(Posting.leg_count).label("least"),
            sa.func.max(Posting.leg_count).label("most"),
        )
        .group_by(Posting.community_id, Posting.transaction_id)
        .subquery()
    )
    is_off = sa.or_(
        sa.func.coalesce(counted.c.found_count, 0) != Transaction.leg_count,
        counted.c.least != Transaction.leg_count,
        counted.c.most != Transaction.leg_count,
    )
    query = (
        sa.select(Transaction.id, Transaction.leg_count, sa.func.coalesce(counted.c.found_count, 0))
        .outerjoin(
            counted,
            sa.and_(
                counted.c.community_id == Transaction.community_id,
                counted.c.transaction_id == Transaction.id,
            ),
        )
        .where(is_off, _within(Transaction.community_id, community_id))
    )
    for id_, leg_count, found_count in session.execute(query):
        yield Finding(
            "legs_missing",
            f"transaction:{id_}",
            f"The header counts {leg_count} legs, {found_count} are there.",
            {"leg_count": leg_count, "found_count": found_count},
        )
    yield from _orphans(session, community_id)


def _orphans(session: Session, community_id: UUID | None) -> Iterator[Finding]:
    query = (
        sa.select(Posting.transaction_id, Posting.leg_no, Transaction.id.is_(None))
        .outerjoin(Transaction, _same_transaction(Posting))
        .outerjoin(Account, _same_account(Posting))
        .where(
            sa.or_(Transaction.id.is_(None), Account.id.is_(None)),
            _within(Posting.community_id, community_id),
        )
    )
    for transaction_id, leg_no, is_headless in session.execute(query):
        missing = "header" if is_headless else "account"
        yield Finding(
            f"posting_without_{missing}",
            f"posting:{transaction_id}/{leg_no}",
            f"The posting has no {missing}.",
        )


def sums(session: Session, community_id: UUID | None) -> Iterator[Finding]:
    """Every transaction sums to zero per commodity and layer, and so does the whole book."""
    total = sa.func.sum(Posting.amount_minor)
    for_each = (
        sa.select(Posting.transaction_id, Account.commodity, total)
        .join(Account, _same_account(Posting))
        .where(_within(Posting.community_id, community_id))
        .group_by(
            Posting.community_id, Posting.transaction_id, Account.commodity, Posting.is_pending
        )
        .having(total != 0)
    )
    for transaction_id, commodity, sum_minor in session.execute(for_each):
        yield Finding(
            "unbalanced",
            f"transaction:{transaction_id}",
            f"The {commodity} legs sum to {sum_minor}, not to zero.",
            {"commodity": commodity, "sum_minor": int(sum_minor)},
        )
    whole = (
        sa.select(Posting.community_id, Account.commodity, total)
        .join(Account, _same_account(Posting))
        .where(_within(Posting.community_id, community_id))
        .group_by(Posting.community_id, Account.commodity, Posting.is_pending)
        .having(total != 0)
    )
    for book, commodity, sum_minor in session.execute(whole):
        yield Finding(
            "trial_balance_off",
            f"book:{book}",
            f"All {commodity} postings of the book sum to {sum_minor}, not to zero.",
            {"commodity": commodity, "sum_minor": int(sum_minor)},
        )


def balances(session: Session, community_id: UUID | None) -> Iterator[Finding]:
    """Every bounded account has one balance row, equal to the sum of its postings."""
    paid_in = sa.case((Posting.amount_minor > 0, Posting.amount_minor), else_=0)
    paid_out = sa.case((Posting.amount_minor < 0, -Posting.amount_minor), else_=0)
    moved = (
        sa.select(
            Posting.community_id,
            Posting.account_id,
            sa.func.sum(paid_in).label("paid_in"),
            sa.func.sum(paid_out).label("paid_out"),
        )
        .where(sa.not_(Posting.is_pending))
        .group_by(Posting.community_id, Posting.account_id)
        .subquery()
    )
    found_in = sa.func.coalesce(moved.c.paid_in, 0)
    found_out = sa.func.coalesce(moved.c.paid_out, 0)
    query = (
        sa.select(Account.code, BalanceRow.posted_in, BalanceRow.posted_out, found_in, found_out)
        .outerjoin(BalanceRow, _same_balance())
        .outerjoin(
            moved,
            sa.and_(moved.c.community_id == Account.community_id, moved.c.account_id == Account.id),
        )
        .where(
            _within(Account.community_id, community_id),
            sa.or_(
                sa.and_(Account.is_bounded, BalanceRow.account_id.is_(None)),
                sa.and_(sa.not_(Account.is_bounded), BalanceRow.account_id.is_not(None)),
                BalanceRow.posted_in != found_in,
                BalanceRow.posted_out != found_out,
            ),
        )
    )
    for code, posted_in, posted_out, in_minor, out_minor in session.execute(query):
        stored = "no row" if posted_in is None else f"{posted_in} in, {posted_out} out"
        yield Finding(
            "balance_differs",
            f"account:{code}",
            f"The balance row says {stored}; the postings say {in_minor} in, {out_minor} out.",
        )


def bounds(session: Session, community_id: UUID | None) -> Iterator[Finding]:
    """Every bounded account stands within its bounds, holds included."""
    posted = BalanceRow.posted_in - BalanceRow.posted_out
    query = (
        sa.select(Account.code, posted, BalanceRow.floor_minor, BalanceRow.ceiling_minor)
        .join(BalanceRow, _same_balance())
        .where(
            _within(Account.community_id, community_id),
            sa.or_(
                posted - BalanceRow.pending_out < BalanceRow.floor_minor,
                posted + BalanceRow.pending_in > BalanceRow.ceiling_minor,
            ),
        )
    )
    for code, posted_minor, floor_minor, ceiling_minor in session.execute(query):
        yield Finding(
            "out_of_bounds",
            f"account:{code}",
            f"The balance is {posted_minor}, bounds are {floor_minor} and {ceiling_minor}.",
        )


def reversals(session: Session, community_id: UUID | None) -> Iterator[Finding]:
    """Every reversal mirrors each leg of one transaction that is no reversal itself."""
    original, leg, twin = aliased(Transaction), aliased(Posting), aliased(Posting)
    mirrored = (
        sa.select(sa.func.count())
        .select_from(leg)
        .join(
            twin,
            sa.and_(
                twin.community_id == leg.community_id,
                twin.leg_no == leg.leg_no - leg.leg_count + twin.leg_count,
                twin.account_id == leg.account_id,
                twin.amount_minor == -leg.amount_minor,
            ),
        )
        .where(
            leg.community_id == Transaction.community_id,
            leg.transaction_id == Transaction.reverses_id,
            sa.not_(leg.is_pending),
            twin.transaction_id == Transaction.id,
        )
        .scalar_subquery()
    )
    posted_count = (
        sa.select(sa.func.count())
        .select_from(leg)
        .where(
            leg.community_id == Transaction.community_id,
            leg.transaction_id == Transaction.reverses_id,
            sa.not_(leg.is_pending),
        )
        .scalar_subquery()
    )
    query = (
        sa.select(Transaction.id, Transaction.reverses_id)
        .outerjoin(
            original,
            sa.and_(
                original.community_id == Transaction.community_id,
                original.id == Transaction.reverses_id,
            ),
        )
        .where(
            Transaction.reverses_id.is_not(None),
            _within(Transaction.community_id, community_id),
            sa.or_(
                original.id.is_(None),
                original.reverses_id.is_not(None),
                posted_count != Transaction.leg_count,
                mirrored != Transaction.leg_count,
            ),
        )
    )
    for id_, reverses_id in session.execute(query):
        yield Finding(
            "not_mirrored",
            f"transaction:{id_}",
            f"The reversal does not mirror transaction {reverses_id}.",
        )


def outbox(session: Session, community_id: UUID | None) -> Iterator[Finding]:
    """Every transaction is sealed or waits in the outbox; nothing else waits there."""
    for kind, table in ITEMS:
        unsent = (
            sa.select(table.id)
            .outerjoin(
                Outbox,
                sa.and_(Outbox.community_id == table.community_id, Outbox.item_id == table.id),
            )
            .outerjoin(
                SealItem,
                sa.and_(SealItem.community_id == table.community_id, SealItem.item_id == table.id),
            )
            .where(
                _within(table.community_id, community_id),
                Outbox.item_id.is_(None) == SealItem.item_id.is_(None),
            )
        )
        for id_ in session.scalars(unsent):
            yield Finding(
                "outbox_differs",
                f"{kind}:{id_}",
                "It must stand either in the outbox or in the seal.",
            )
    known = sa.union_all(
        *(sa.select(table.community_id, table.id) for _, table in ITEMS)
    ).subquery()
    lost = (
        sa.select(Outbox.item_id)
        .outerjoin(
            known,
            sa.and_(known.c.community_id == Outbox.community_id, known.c.id == Outbox.item_id),
        )
        .where(known.c.id.is_(None), _within(Outbox.community_id, community_id))
    )
    for id_ in session.scalars(lost):
        yield Finding(
            "item_missing",
            f"item:{id_}",
            "The outbox holds an item that is not in the book.",
        )


def hashes(session: Session, community_id: UUID | None) -> Iterator[Finding]:
    """Every request hash and content hash is what the stored fields give."""
    stored_legs = _legs_in_order(session, community_id)
    key, leg = next(stored_legs, (None, None))
    headers = (
        sa.select(*Transaction.__table__.columns)
        .where(_within(Transaction.community_id, community_id))
        .order_by(Transaction.community_id, Transaction.id)
        .execution_options(yield_per=_ROWS_PER_READ)
    )
    for header in session.execute(headers):
        mine = (header.community_id, header.id)
        collected: list[Leg] = []
        while key is not None and leg is not None and key <= mine:
            if key == mine:
                collected.append(leg)
            key, leg = next(stored_legs, (None, None))
        yield from _compare(header, tuple(collected))


def _legs_in_order(
    session: Session, community_id: UUID | None
) -> Iterator[tuple[tuple[UUID, UUID], Leg]]:
    query = (
        sa.select(
            *(Posting.community_id, Posting.transaction_id),
            *(Posting.account_id, Posting.amount_minor, Posting.is_pending),
        )
        .where(_within(Posting.community_id, community_id))
        .order_by(Posting.community_id, Posting.transaction_id, Posting.leg_no)
        .execution_options(yield_per=_ROWS_PER_READ)
    )
    for row in session.execute(query):
        leg = Leg(row.account_id, row.amount_minor, row.is_pending)
        yield (row.community_id, row.transaction_id), leg


def _compare(header: sa.Row[Any], stored_legs: tuple[Leg, ...]) -> Iterator[Finding]:
    draft = Draft(
        header.kind,
        stored_legs,
        header.occurred_on,
        header.idempotency_key,
        header.actor,
        header.source,
        header.narration,
    )
    links = Links(header.reverses_id, header.resolves_id, header.expires_at)
    request = hashing.request_hash(draft, links)
    content = hashing.content_hash(header.community_id, header.id, header.recorded_at, request)
    if request != header.request_hash or content != header.content_hash:
        yield Finding(
            "content_changed",
            f"transaction:{header.id}",
            "The stored fields do not give the stored hash: something was changed.",
        )


PASSES: tuple[Callable[[Session, UUID | None], Iterator[Finding]], ...] = (
    legs,
    sums,
    balances,
    bounds,
    reversals,
    outbox,
    hashes,
)


def _within(column: Any, community_id: UUID | None) -> sa.ColumnElement[bool]:
    return sa.true() if community_id is None else column == community_id


def _same_transaction(table: type[Posting]) -> sa.ColumnElement[bool]:
    return sa.and_(
        Transaction.community_id == table.community_id, Transaction.id == table.transaction_id
    )


def _same_account(table: type[Posting]) -> sa.ColumnElement[bool]:
    return sa.and_(Account.community_id == table.community_id, Account.id == table.account_id)


def _same_balance() -> sa.ColumnElement[bool]:
    return sa.and_(
        BalanceRow.community_id == Account.community_id, BalanceRow.account_id == Account.id
    )
