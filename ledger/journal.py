"""The journal: open an account, post transactions, reverse one, try one out.

Words: see `ledger.records`. Every call takes the caller's write session and leaves the commit to
it; after a refusal nothing of the attempt stays, and the session can be used on.

Invariants (checked here before the write, again by the database, and once more by
`ledger.verification`): a transaction has 2 to 1000 legs that sum to zero per commodity; a bounded
account never passes its bounds; a key has one effect; what is posted stays.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from ledger import clock, doors, entries, ids, replays
from ledger.base import refers
from ledger.checks import check_account, check_draft, check_reason, check_texts
from ledger.errors import (
    AccountDiffers,
    IsHold,
    IsReversal,
    KeyReused,
    Refusal,
    UnknownTransaction,
)
from ledger.hashing import account_hash
from ledger.holds import with_room
from ledger.records import AccountFacts, Draft, Entry, Leg, Links, Posted
from ledger.schema import Account, BalanceRow, Posting, Transaction, TransactionKind

__all__ = ["Draft", "Leg", "Posted", "dry_run", "open_account", "post", "post_many", "reverse"]

POST_MANY_COUNT_MAX = 5_000


def open_account(  # noqa: PLR0913  # the facts of an account, each named at the call
    session: Session,
    community_id: UUID,
    *,
    code: str,
    commodity: str,
    floor_minor: int | None = None,
    ceiling_minor: int | None = None,
    is_bounded: bool | None = None,
) -> Account:
    """Open an account; the same code with the same facts is the same account.

    Args:
        session: a write session.
        community_id: the book.
        code: colon path of at most 120 characters.
        commodity: what it holds; at most 24 characters.
        floor_minor: the balance never falls below it (zero or less); None is no floor.
        ceiling_minor: the balance never rises above it (zero or more); None is no ceiling.
        is_bounded: whether it has a balance row; None means that it has one when it has a bound.

    Raises:
        AccountDiffers: the code stands for an account with other facts (`account_differs`).
        BoundsInvalid: bounds without `is_bounded`, or zero is not between them (`bounds_invalid`).
        TextOutOfRange: code or commodity (`text_out_of_range`).
    """
    if is_bounded is None:
        is_bounded = floor_minor is not None or ceiling_minor is not None
    check_account(code, commodity, is_bounded, (floor_minor, ceiling_minor))
    facts = AccountFacts(
        *(community_id, ids.new_id(), code, commodity),
        *(is_bounded, floor_minor, ceiling_minor, clock.now()),
    )
    account_id = doors.of(session).open_account(facts, account_hash(facts))
    account, floor_found, ceiling_found = session.execute(
        sa.select(Account, BalanceRow.floor_minor, BalanceRow.ceiling_minor)
        .outerjoin(BalanceRow, refers(BalanceRow.account_id, Account))
        .where(Account.community_id == community_id, Account.id == account_id)
    ).one()
    found = {
        "commodity": account.commodity,
        "is_bounded": account.is_bounded,
        "floor_minor": floor_found,
        "ceiling_minor": ceiling_found,
    }
    for field, value in found.items():
        if getattr(facts, field) != value:
            raise AccountDiffers(account=code, field=field)
    return account


def post(session: Session, community_id: UUID, draft: Draft) -> Posted:
    """Post one transaction.

    Returns:
        the answer; with `is_replay` when this key was posted before with the same draft.

    Raises:
        UnknownAccount: a leg's account is not in this book (`unknown_account`).
        Unbalanced: the legs of a commodity do not sum to zero (`unbalanced`).
        BalanceTooLow: it would fall below its floor (`balance_too_low`).
        BalanceTooHigh: it would rise above its ceiling (`balance_too_high`).
        AccountClosed: a bounded account is closed (`account_closed`).
        PeriodClosed: the books are closed on that day (`period_closed`).
        KeyReused: the key stands for another draft (`key_reused`).
        Invalid: the draft itself is wrong (`too_few_legs`, `too_many_legs`, `amount_out_of_range`,
            `narration_too_long`, `text_out_of_range`, `kind_reserved`).
    """
    check_draft(draft)
    return _post(session, community_id, draft, entries.NO_LINKS)


def dry_run(session: Session, community_id: UUID, draft: Draft) -> Posted:
    """Answer what `post` would at this moment, and leave nothing behind.

    Args:
        session: a write session; what it has written before counts.
        community_id: the book.
        draft: as for `post`.

    Raises:
        Refusal: as `post`.
    """
    with session.begin_nested() as attempt:
        answer = post(session, community_id, draft)
        attempt.rollback()
    return answer


def post_many(session: Session, community_id: UUID, drafts: list[Draft]) -> list[Posted]:
    """Post many transactions, all or none, as if one after the other.

    Drafts whose key is known are answered as replays and have no second effect.

    Returns:
        one answer per draft, in their order.

    Raises:
        Refusal: as `post`; `details["index"]` is the place (from 0) of the first bad draft.
    """
    assert len(drafts) <= POST_MANY_COUNT_MAX, "a longer list is a bulk import"
    recorded_at = clock.now()
    wanted: dict[str, Entry] = {}
    for index, draft in enumerate(drafts):
        with _naming(index):
            check_draft(draft)
            twin = wanted.get(draft.idempotency_key)
            if twin is None:
                wanted[draft.idempotency_key] = entries.make(community_id, draft, recorded_at)
            else:
                replays.check_same(twin.draft, draft)
    answers: dict[str, Posted] = {}
    door = doors.of(session)
    while fresh := [entry for key, entry in wanted.items() if key not in answers]:
        day = fresh[0].draft.occurred_on
        try:
            is_written = with_room(
                session, community_id, day, lambda: door.post_many(community_id, fresh)
            )
        except Refusal as refused:
            refused.details["index"] = drafts.index(fresh[refused.details["index"]].draft)
            raise
        if is_written:
            answers |= {entry.draft.idempotency_key: entries.posted(entry) for entry in fresh}
        else:
            answers |= _known(session, community_id, fresh, drafts)
    return _in_order(drafts, answers)


def reverse(  # noqa: PLR0913  # a reversal is a transaction of its own: who, when, why, from what
    session: Session,
    community_id: UUID,
    transaction_id: UUID,
    *,
    reason: str,
    idempotency_key: str,
    actor: str,
    occurred_on: date,
    source: str,
) -> Posted:
    """Post the mirror of a transaction: every posted leg with the opposite sign, in the same order.

    Args:
        session: a write session.
        community_id: the book.
        transaction_id: what to reverse.
        reason: becomes the narration; may not be blank.
        idempotency_key: as of any post.
        actor: who corrects.
        occurred_on: the community's date of the correction, not of the original.
        source: `<table>:<uuid>` of the row that asks for it.

    Raises:
        UnknownTransaction: not in this book (`unknown_transaction`).
        IsReversal: a reversal is not reversed again (`is_reversal`).
        IsHold: a hold, or one that was voided or expired, moved nothing (`is_hold`).
        AlreadyReversed: by another key (`already_reversed`).
        ReasonRequired: the reason is blank (`reason_required`).
        BalanceTooLow: what was given is no longer there; the account is named (`balance_too_low`).
        Refusal: as `post`.
    """
    check_reason(reason)
    original = session.get(Transaction, (community_id, transaction_id))
    if original is None:
        raise UnknownTransaction(transaction_id=str(transaction_id))
    if original.reverses_id is not None:
        raise IsReversal(transaction_id=str(transaction_id))
    legs = session.execute(
        sa.select(Posting.account_id, -Posting.amount_minor)
        .where(
            Posting.community_id == community_id,
            Posting.transaction_id == transaction_id,
            sa.not_(Posting.is_pending),
        )
        .order_by(Posting.leg_no)
    )
    mirror = tuple(Leg(account_id, amount_minor) for account_id, amount_minor in legs)
    if not mirror:
        raise IsHold(transaction_id=str(transaction_id))
    draft = Draft(
        TransactionKind.REVERSAL, mirror, occurred_on, idempotency_key, actor, source, reason
    )
    check_texts(draft)
    return _post(session, community_id, draft, Links(reverses_id=transaction_id))


def _post(session: Session, community_id: UUID, draft: Draft, links: Links) -> Posted:
    entry = entries.make(community_id, draft, clock.now(), links)
    door = doors.of(session)
    is_written = with_room(
        session, community_id, draft.occurred_on, lambda: door.post(community_id, entry)
    )
    return entries.answer(session, community_id, entry, is_written)


def _known(
    session: Session, community_id: UUID, fresh: list[Entry], drafts: list[Draft]
) -> dict[str, Posted]:
    """Return the earlier answers; the first draft whose key stands for another one is named."""
    try:
        return replays.answers(session, community_id, fresh)
    except KeyReused as reused:
        keys = [draft.idempotency_key for draft in drafts]
        reused.details["index"] = keys.index(reused.details["idempotency_key"])
        raise


def _in_order(drafts: list[Draft], answers: dict[str, Posted]) -> list[Posted]:
    """One answer per draft; the second draft of a key in one call is a replay of the first."""
    answered: set[str] = set()
    ordered = []
    for draft in drafts:
        answer = answers[draft.idempotency_key]
        ordered.append(
            answer._replace(is_replay=answer.is_replay or draft.idempotency_key in answered)
        )
        answered.add(draft.idempotency_key)
    return ordered


@contextmanager
def _naming(index: int) -> Iterator[None]:
    """Put the place of the draft into a refusal."""
    try:
        yield
    except Refusal as refused:
        refused.details["index"] = index
        raise
