"""The till's day: opened with a counted float, closed with a counted drawer, signed by another.

Words: the *drawer* of a till is its account in the book (`Cash:Till:1`); a *till day* is one drawer
on one local day; the *float* lies in it when it opens, the *takings* go to the safe when it closes;
what was counted and what the book says may *differ*, with a reason.

Invariants: of one till one day is open at a time; a day is opened once and closed once, whoever
presses first; a difference is stated by who counts before it is posted, so a sale that comes in
between is never taken for one; who signs is not who closed; all that a day moves is dated to that
day, however late it is closed. Locks: the day's row, then the ledger's accounts; a cash sale shares
the row, so that it is in the day or is refused.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from ledger import clock, seal
from ledger.ids import new_id
from timebank import chart
from timebank.actors import Actor, Permission
from timebank.people.models import Community
from timebank.shop import cash
from timebank.shop.cash_errors import (
    AlreadySigned,
    DifferenceReasonInvalid,
    DrawerDiffers,
    LeftInvalid,
    SignerClosed,
    TillNotOpen,
    TillOpen,
    TillStillOpen,
)
from timebank.shop.cash_models import TillClosing, TillDay, TillSignature
from timebank.shop.days import day_end, day_start
from timebank.shop.drawers import drawer_fen, move_cash
from timebank.shop.errors import NonceReused
from timebank.shop.goods import check_nonce
from timebank.shop.models import REASON_LENGTH_MAX
from timebank.shop.till_standing import (
    DayOfTill,
    check_till,
    closed,
    find_current,
    find_days,
    left_open,
    read_day,
    zone_of,
)


@dataclass(frozen=True, slots=True)
class Counting:
    """What somebody counted in a drawer.

    Args:
        nonce: the form's own number; the same nonce is the same counting.
        count: pieces by face, as in `cash.FACES`.
        difference_fen: by how much the drawer differs, as the one who counts states it; 0: not.
        reason: why; empty without a difference.
        left_fen: of a closing: what stays in the drawer as the next float.
    """

    nonce: str
    count: Mapping[str, int] = field(default_factory=dict)
    difference_fen: int = 0
    reason: str = ""
    left_fen: int = 0


# ---------------------------------------------------------------- opening


def open_day(session: Session, actor: Actor, *, till_number: int, counting: Counting) -> DayOfTill:
    """Open today's day of a till; what was counted beyond what lay there came from the safe.

    Args:
        session: write session.
        actor: needs `keep_shop`.
        till_number: 1 to 9.
        counting: what lies in the drawer now.

    Raises:
        Invalid: till_invalid, cash_count_invalid, difference_reason_invalid, nonce_invalid.
        Refused: till_open, till_closed, till_left_open (with the day), drawer_differs (with
            expected and counted), cash_short (the safe holds less), nonce_reused.
    """
    actor.require(Permission.KEEP_SHOP)
    check_till(till_number)
    counted_fen = _check_counting(counting)
    known = _opened_before(session, actor, till_number, counting, counted_fen)
    if known is not None:
        return known
    made = _new_day(session, actor, till_number, counting, counted_fen)
    try:
        with session.begin_nested():
            made.transaction_id = _post_opening(session, actor, made)
            session.add(made)
            session.flush()
    except IntegrityError:  # another clerk opened it since we looked
        known = _opened_before(session, actor, till_number, counting, counted_fen)
        if known is None:
            raise
        return known
    return read_day(session, actor, day_id=made.id)


def _opened_before(
    session: Session, actor: Actor, till_number: int, counting: Counting, counted_fen: int
) -> DayOfTill | None:
    """Return the day that this nonce opened; refuse where the till cannot be opened."""
    today = clock.today(zone_of(session, actor))
    is_wanted = sa.or_(
        TillDay.nonce == counting.nonce,
        sa.and_(
            TillDay.till_number == till_number,
            sa.or_(TillDay.day_on == today, TillClosing.till_day_id.is_(None)),
        ),
    )
    found = find_days(session, actor, is_wanted)
    for earlier in found:
        if earlier.day.nonce == counting.nonce:
            if (earlier.day.till_number, earlier.day.float_fen) != (till_number, counted_fen):
                raise NonceReused
            return earlier
    for standing in found:
        _refuse_opening(session, actor, standing, today)
    return None


def _refuse_opening(session: Session, actor: Actor, standing: DayOfTill, today: date) -> None:
    if standing.day.day_on != today:
        raise left_open(standing)
    if standing.closing is not None:
        raise closed(session, actor, standing)
    raise TillOpen(till_number=standing.day.till_number, name=standing.opened_by)


def _new_day(
    session: Session, actor: Actor, till_number: int, counting: Counting, counted_fen: int
) -> TillDay:
    zone = zone_of(session, actor)
    today = clock.today(zone)
    left_fen = drawer_fen(session, actor, till_number)
    difference_fen = min(counted_fen - left_fen, 0)
    _check_difference(counting, left_fen, counted_fen, difference_fen)
    return TillDay(
        community_id=actor.community_id,
        id=new_id(),
        nonce=counting.nonce,
        till_number=till_number,
        day_on=today,
        starts_at=day_start(zone, today),
        ends_at=day_end(zone, today),
        opened_by_id=actor.member_id,
        opened_at=clock.now(),
        left_fen=left_fen,
        from_safe_fen=max(counted_fen - left_fen, 0),
        float_fen=counted_fen,
        difference_fen=difference_fen,
        difference_reason=counting.reason.strip() if difference_fen else "",
        **cash.whole_count(counting.count),
    )


def _post_opening(session: Session, actor: Actor, day: TillDay) -> UUID | None:
    moved = {
        chart.SAFE: -day.from_safe_fen,
        chart.till_account_code(day.till_number): day.from_safe_fen + day.difference_fen,
        chart.CASH_DIFFERENCES: -day.difference_fen,
    }
    key = f"till_opening:{day.nonce}"
    return move_cash(session, actor, day.day_on, moved, key=key, source=f"till_day:{day.id}")


# ---------------------------------------------------------------- closing


def close_day(session: Session, actor: Actor, *, day_id: UUID, counting: Counting) -> DayOfTill:
    """Close a day: the difference is posted with its reason, the takings go to the safe.

    Args:
        session: write session.
        actor: needs `keep_shop`.
        day_id: which day; one that was left open is closed like today's, and dated to itself.
        counting: what lies in the drawer.

    Raises:
        NotFound: till_day_not_found.
        Invalid: cash_count_invalid, left_invalid, difference_reason_invalid, nonce_invalid.
        Refused: till_closed (when, by whom), drawer_differs (expected, counted, difference),
            nonce_reused.
    """
    actor.require(Permission.KEEP_SHOP)
    counted_fen = _check_counting(counting)
    if not 0 <= counting.left_fen <= counted_fen:
        left = cash.yuan(counting.left_fen)
        raise LeftInvalid(left=left, counted=cash.yuan(counted_fen))
    _lock(session, actor, day_id)
    standing = read_day(session, actor, day_id=day_id)
    if standing.closing is not None:
        return _closed_before(session, actor, standing, counting, counted_fen)
    _check_unused(session, actor, counting.nonce)
    expected_fen = drawer_fen(session, actor, standing.day.till_number)
    difference_fen = counted_fen - expected_fen
    _check_difference(counting, expected_fen, counted_fen, difference_fen)
    made = TillClosing(
        community_id=actor.community_id,
        till_day_id=day_id,
        nonce=counting.nonce,
        closed_by_id=actor.member_id,
        closed_at=clock.now(),
        expected_fen=expected_fen,
        counted_fen=counted_fen,
        difference_fen=difference_fen,
        difference_reason=counting.reason.strip() if difference_fen else "",
        left_fen=counting.left_fen,
        **cash.whole_count(counting.count),
    )
    made.transaction_id = _post_closing(session, actor, standing.day, made)
    session.add(made)
    session.flush()
    return read_day(session, actor, day_id=day_id)


def _lock(session: Session, actor: Actor, day_id: UUID) -> None:
    """Wait for sales that share the row; a second closing waits for the first."""
    session.execute(
        sa.select(TillDay.id)
        .where(TillDay.community_id == actor.community_id, TillDay.id == day_id)
        .with_for_update(key_share=True)
    )


def _closed_before(
    session: Session, actor: Actor, standing: DayOfTill, counting: Counting, counted_fen: int
) -> DayOfTill:
    """Return the closing that this nonce made; another one is told who was first."""
    closing = standing.closing
    assert closing is not None, "it is closed"
    if closing.nonce != counting.nonce:
        raise closed(session, actor, standing)
    if (closing.counted_fen, closing.left_fen) != (counted_fen, counting.left_fen):
        raise NonceReused
    return standing


def _check_unused(session: Session, actor: Actor, nonce: str) -> None:
    used = session.scalar(
        sa.select(TillClosing.till_day_id).where(
            TillClosing.community_id == actor.community_id, TillClosing.nonce == nonce
        )
    )
    if used is not None:
        raise NonceReused


def _post_closing(session: Session, actor: Actor, day: TillDay, end: TillClosing) -> UUID | None:
    moved = {
        chart.till_account_code(day.till_number): end.difference_fen - end.takings_fen,
        chart.CASH_DIFFERENCES: -end.difference_fen,
        chart.SAFE: end.takings_fen,
    }
    key, source = f"till_closing:{end.nonce}", f"till_closing:{day.id}"
    return move_cash(session, actor, day.day_on, moved, key=key, source=source)


# ---------------------------------------------------------------- signing


def sign_day(session: Session, actor: Actor, *, day_id: UUID) -> DayOfTill:
    """Sign a closed day as the second person; once more changes nothing.

    Args:
        session: write session.
        actor: needs `handle_cash`, and did not close the day.
        day_id: which day.

    Raises:
        TillDayNotFound, TillStillOpen, SignerClosed, AlreadySigned: till_day_not_found,
            till_still_open, signer_closed, already_signed.
    """
    actor.require(Permission.HANDLE_CASH)
    assert actor.member_id is not None, "a person signs"
    _lock(session, actor, day_id)
    standing = read_day(session, actor, day_id=day_id)
    if standing.closing is None:
        raise TillStillOpen(till_number=standing.day.till_number)
    if standing.signature is not None:
        if standing.signature.signed_by_id == actor.member_id:
            return standing
        raise AlreadySigned(name=standing.signed_by)
    if standing.closing.closed_by_id == actor.member_id:
        raise SignerClosed
    session.add(
        TillSignature(
            community_id=actor.community_id,
            till_day_id=day_id,
            closed_by_id=standing.closing.closed_by_id,
            signed_by_id=actor.member_id,
            signed_at=clock.now(),
            head_digest=seal.head(session, actor.community_id).block_hash,
        )
    )
    session.flush()
    return read_day(session, actor, day_id=day_id)


# ---------------------------------------------------------------- what the till asks


def require_open(session: Session, actor: Actor, till_number: int) -> TillDay:
    """Return today's open day of a till, shared with other sales until the commit.

    Cash moves in an open day only.

    Raises:
        TillInvalid, TillNotOpen, TillClosed, TillLeftOpen: till_invalid,
            till_not_open, till_closed (when, by whom), till_left_open (which day).
    """
    standing = find_current(session, actor, till_number=till_number, lock=True)
    if standing is None:
        raise TillNotOpen(till_number=till_number)
    if standing.closing is not None:
        raise closed(session, actor, standing)
    if standing.day.day_on != clock.today(zone_of(session, actor)):
        raise left_open(standing)
    return standing.day


def refuse_closed(session: Session, actor: Actor, till_number: int) -> None:
    """Refuse a receipt or a return after today's closing; one without cash needs no more.

    Raises:
        TillInvalid, TillClosed: till_invalid, till_closed (when, by whom).
    """
    standing = find_current(session, actor, till_number=till_number, lock=True)
    if standing is not None and standing.closing is not None:
        raise closed(session, actor, standing)


# ---------------------------------------------------------------- leaves


def _check_counting(counting: Counting) -> int:
    """Return what was counted."""
    check_nonce(counting.nonce)
    return cash.worth_fen(counting.count)


def _check_difference(
    counting: Counting, expected_fen: int, counted_fen: int, difference_fen: int
) -> None:
    """Refuse a difference that was not stated as it is, or that has no reason."""
    if counting.difference_fen != difference_fen:
        raise DrawerDiffers(
            expected=cash.yuan(expected_fen),
            counted=cash.yuan(counted_fen),
            difference=cash.yuan(difference_fen),
            difference_fen=difference_fen,
        )
    reason = counting.reason.strip()
    if difference_fen and (not 1 <= len(reason) <= REASON_LENGTH_MAX or "\0" in reason):
        raise DifferenceReasonInvalid(length_max=REASON_LENGTH_MAX)


def _zone(session: Session, actor: Actor) -> str:
    return session.get_one(Community, actor.community_id).time_zone
