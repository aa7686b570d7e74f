"""The journal: open an account, post a transaction, reverse one.

Words: see `ledger.records`. Every call takes the caller's write session and leaves the commit to
it; after a refusal nothing of the attempt stays, and the session can be used on.

Invariants (checked here before the write, again by the database, and once more by
`ledger.verification`): a transaction has 2 to 1000 legs that sum to zero per commodity; a bounded
account never passes its bounds; a key has one effect; what is posted stays.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from types import ModuleType
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from ledger import clock, ids, replays
from ledger.checks import check_account, check_draft, check_reason, check_texts
from ledger.doors import postgresql, sqlite
from ledger.errors import AccountDiffers, IsReversal, Refusal, UnknownAccount, UnknownTransaction
from ledger.hashing import content_hash, request_hash
from ledger.records import Draft, Entry, Leg, Posted
from ledger.schema import Account, BalanceRow, Posting, Transaction, TransactionKind

__all__ = ["Draft", "Leg", "Posted", "open_account", "post", "post_many", "reverse", "set_open"]

POST_MANY_COUNT_MAX = 5_000
_DOORS = {"postgresql": postgresql, "sqlite": sqlite}


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
    facts = {
        "community_id": community_id,
        "id": ids.new_id(),
        "code": code,
        "commodity": commodity,
        "is_bounded": is_bounded,
        "floor_minor": floor_minor,
        "ceiling_minor": ceiling_minor,
    }
    account_id = _door(session).open_account(session, facts, clock.now())
    account, floor_found, ceiling_found = session.execute(
        sa.select(Account, BalanceRow.floor_minor, BalanceRow.ceiling_minor)
        .outerjoin(
            BalanceRow,
            sa.and_(
                BalanceRow.community_id == Account.community_id, BalanceRow.account_id == Account.id
            ),
        )
        .where(Account.community_id == community_id, Account.id == account_id)
    ).one()
    found = {
        "commodity": account.commodity,
        "is_bounded": account.is_bounded,
        "floor_minor": floor_found,
        "ceiling_minor": ceiling_found,
    }
    for field, value in found.items():
        if facts[field] != value:
            raise AccountDiffers(account=code, field=field)
    return account


def set_open(session: Session, community_id: UUID, account_id: UUID, *, is_open: bool) -> None:
    """Close a bounded account to all postings, or open it again.

    Raises:
        UnknownAccount: no bounded account of this book (`unknown_account`).
    """
    if not _door(session).set_open(session, community_id, account_id, is_open):
        raise UnknownAccount(account_id=str(account_id))


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
        KeyReused: the key stands for another draft (`key_reused`).
        Invalid: the draft itself is wrong (`too_few_legs`, `too_many_legs`, `amount_out_of_range`,
            `narration_too_long`, `text_out_of_range`, `kind_reserved`).
    """
    check_draft(draft)
    return _post(session, community_id, draft, None)


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
    entries: dict[str, Entry] = {}
    for index, draft in enumerate(drafts):
        with _naming(index):
            check_draft(draft)
            twin = entries.setdefault(
                draft.idempotency_key, _entry(community_id, draft, None, recorded_at)
            )
            replays.check_same(twin.draft, draft)
    answers: dict[str, Posted] = {}
    while fresh := [entry for key, entry in entries.items() if key not in answers]:
        try:
            is_written = _door(session).post_many(session, community_id, fresh)
        except Refusal as refused:
            refused.details["index"] = drafts.index(fresh[refused.details["index"]].draft)
            raise
        if is_written:
            answers |= {entry.draft.idempotency_key: _posted(entry) for entry in fresh}
        else:
            answers |= replays.answers(session, community_id, fresh)
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
    """Post the mirror of a transaction: every leg with the opposite sign, in the same order.

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
        .where(Posting.community_id == community_id, Posting.transaction_id == transaction_id)
        .order_by(Posting.leg_no)
    )
    mirror = tuple(Leg(account_id, amount_minor) for account_id, amount_minor in legs)
    draft = Draft(
        TransactionKind.REVERSAL, mirror, occurred_on, idempotency_key, actor, source, reason
    )
    check_texts(draft)
    return _post(session, community_id, draft, transaction_id)


def _post(session: Session, community_id: UUID, draft: Draft, reverses_id: UUID | None) -> Posted:
    entry = _entry(community_id, draft, reverses_id, clock.now())
    if _door(session).post(session, community_id, entry):
        return _posted(entry)
    return replays.answers(session, community_id, [entry])[draft.idempotency_key]


def _entry(
    community_id: UUID, draft: Draft, reverses_id: UUID | None, recorded_at: datetime
) -> Entry:
    transaction_id = ids.new_id()
    request = request_hash(draft, reverses_id)
    content = content_hash(community_id, transaction_id, recorded_at, request)
    return Entry(transaction_id, draft, recorded_at, reverses_id, request, content)


def _posted(entry: Entry) -> Posted:
    return Posted(entry.id, entry.recorded_at, entry.content_hash, False)


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


def _door(session: Session) -> ModuleType:
    return _DOORS[session.get_bind().dialect.name]
