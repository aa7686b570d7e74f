"""Calls of the PostgreSQL door: one round trip each; `postgresql.sql` does the work."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from ledger.errors import Refusal, refusal
from ledger.records import Entry

_KEY_KNOWN = "key_known"
_POST = (
    "SELECT ledger_post(%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s::uuid[], %s::bigint[])"
)
_POST_MANY = (
    "SELECT ledger_post_many(%s, %s::uuid[], %s::text[], %s::date[], %s, %s::text[],"
    " %s::bytea[], %s::bytea[],"
    " %s::text[], %s::text[], %s::text[], %s::int[], %s::uuid[], %s::bigint[])"
)
_OPEN_ACCOUNT = "SELECT ledger_open_account(%s, %s, %s, %s, %s, %s, %s, %s)"
_SET_OPEN = "SELECT ledger_set_open(%s, %s, %s)"


def post(session: Session, community_id: UUID, entry: Entry) -> bool:
    """Write one entry; return False when its key is known.

    Raises:
        Refusal: any of the kernel's.
    """
    draft = entry.draft
    answer = _call(
        session,
        _POST,
        (
            community_id,
            entry.id,
            str(draft.kind),
            draft.occurred_on,
            entry.recorded_at,
            entry.reverses_id,
            draft.idempotency_key,
            entry.request_hash,
            entry.content_hash,
            draft.actor,
            draft.source,
            draft.narration,
            [leg.account_id for leg in draft.legs],
            [leg.amount_minor for leg in draft.legs],
        ),
    )
    return _is_written(answer)


def post_many(session: Session, community_id: UUID, entries: list[Entry]) -> bool:
    """Write all entries, recorded at one moment, or none; return False when a key is known.

    Raises:
        Refusal: any of the kernel's.
    """
    drafts = [entry.draft for entry in entries]
    legs = [(number, leg) for number, draft in enumerate(drafts, 1) for leg in draft.legs]
    answer = _call(
        session,
        _POST_MANY,
        (
            community_id,
            [entry.id for entry in entries],
            [str(draft.kind) for draft in drafts],
            [draft.occurred_on for draft in drafts],
            entries[0].recorded_at,
            [draft.idempotency_key for draft in drafts],
            [entry.request_hash for entry in entries],
            [entry.content_hash for entry in entries],
            [draft.actor for draft in drafts],
            [draft.source for draft in drafts],
            [draft.narration for draft in drafts],
            [number for number, _ in legs],
            [leg.account_id for _, leg in legs],
            [leg.amount_minor for _, leg in legs],
        ),
    )
    if answer is None or answer["code"] == _KEY_KNOWN:
        return answer is None
    return _post_singly(session, community_id, entries)


def open_account(session: Session, facts: dict[str, Any], opened_at: datetime) -> UUID:
    """Open the account, or find the one of that code; return its id.

    Args:
        session: a write session.
        facts: community_id, id, code, commodity, is_bounded, floor_minor, ceiling_minor, in this
            order.
        opened_at: aware moment.
    """
    found: UUID = _call(session, _OPEN_ACCOUNT, (*facts.values(), opened_at))
    return found


def set_open(session: Session, community_id: UUID, account_id: UUID, is_open: bool) -> bool:
    """Close or reopen a bounded account; return whether there is one."""
    return bool(_call(session, _SET_OPEN, (community_id, account_id, is_open)))


def _post_singly(session: Session, community_id: UUID, entries: list[Entry]) -> bool:
    """Find the first bad member of a refused batch by posting one after the other.

    Raises:
        Refusal: of that member, with its `index`. When there is none any more, because another
            session has just made room, all are written.
    """
    with session.connection().begin_nested() as attempt:
        for index, entry in enumerate(entries):
            try:
                is_written = post(session, community_id, entry)
            except Refusal as refused:
                refused.details["index"] = index
                raise
            if not is_written:
                attempt.rollback()
                return False
    return True


def _call(session: Session, statement: str, parameters: tuple[Any, ...]) -> Any:
    return session.connection().exec_driver_sql(statement, parameters).scalar_one()


def _is_written(answer: dict[str, Any] | None) -> bool:
    if answer is None:
        return True
    if answer["code"] == _KEY_KNOWN:
        return False
    raise refusal(answer["code"], answer["details"])
