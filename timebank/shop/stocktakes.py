"""Stocktakes: what stands on the shelf is counted, and the book is brought to it by two people.

Words: a stocktake is *open* for one shelf or for all; a *count* adds pieces or says the total of a
kind; a count is *out of date* once the book has moved under it (the till goes on selling).

Invariants: one stocktake is open at a time; a kind that nobody counted is left alone; the
difference is taken against the book at the moment of posting, in one transaction, each with its
reason; whoever opened it or counted does not close it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from ledger import clock, reports
from ledger.errors import NotAllowed
from ledger.ids import new_id
from timebank import audit
from timebank.actors import Actor, Permission
from timebank.people.models import Community
from timebank.shop.adjusting import post_differences
from timebank.shop.counts import Counted, read_counts
from timebank.shop.errors import ItemInvalid, NonceReused, ReasonInvalid
from timebank.shop.goods import check_nonce, find_item
from timebank.shop.models import PIECE_COUNT_MAX, REASON_LENGTH_MAX, SHELF_LENGTH_MAX, Item
from timebank.shop.stock_errors import (
    ClosedByAnother,
    CountAgain,
    CountInvalid,
    DifferenceChanged,
    DifferenceNeedsReason,
    NothingCounted,
    NotOnShelf,
    StocktakeEnded,
    StocktakeNotFound,
    StocktakeOpen,
)
from timebank.shop.stock_models import (
    Stocktake,
    StocktakeCount,
    StocktakeLine,
    StocktakeState,
)

LISTED_MAX: Final = 50


@dataclass(frozen=True, slots=True)
class Closing:
    """What the closing person saw and says of one kind that differs.

    Args:
        difference: as it was shown: counted less booked.
        reason: 1 to 200 characters.
    """

    difference: int
    reason: str


# ---------------------------------------------------------------- opening and counting


def open_stocktake(session: Session, actor: Actor, *, shelf: str | None, nonce: str) -> Stocktake:
    """Begin to count a shelf, or all of them.

    Args:
        session: write session.
        actor: a member with `handle_goods`.
        shelf: as it stands on the goods; None counts everything.
        nonce: the form's own number; the same nonce is the same stocktake.

    Raises:
        ItemInvalid: item_invalid, the name of the shelf is too long.
        StocktakeOpen: stocktake_open.
        NonceReused: nonce_reused.
    """
    member_id = _counting_member(actor)
    check_nonce(nonce)
    place = None if shelf is None else shelf.strip()
    if place is not None and len(place) > SHELF_LENGTH_MAX:
        raise ItemInvalid(field="shelf", length_min=0, length_max=SHELF_LENGTH_MAX)
    _lock_community(session, actor)
    known = session.scalar(
        sa.select(Stocktake).where(
            Stocktake.community_id == actor.community_id, Stocktake.nonce == nonce
        )
    )
    if known is not None:
        if (known.shelf, known.opened_by_id) != (place, member_id):
            raise NonceReused
        return known
    if find_open(session, actor) is not None:
        raise StocktakeOpen
    stocktake = Stocktake(
        community_id=actor.community_id,
        id=new_id(),
        nonce=nonce,
        shelf=place,
        state=StocktakeState.OPEN,
        opened_by_id=member_id,
        opened_at=clock.now(),
    )
    session.add(stocktake)
    session.flush()
    return stocktake


def count(  # noqa: PLR0913  # what is counted, how many, how, and the form's number
    session: Session,
    actor: Actor,
    *,
    stocktake_id: UUID,
    item_number: int,
    piece_count: int,
    is_total: bool,
    nonce: str,
) -> StocktakeCount:
    """Write down pieces that were counted: more of them, or the total of a kind.

    Args:
        session: write session.
        actor: a member with `handle_goods`; several people may count.
        stocktake_id: an open stocktake.
        item_number: which goods.
        piece_count: 1 to 10,000 more, or 0 to 10,000 in all.
        is_total: whether this is all of them, and what was counted before is left out.
        nonce: the scan's own number; the same nonce counts once.

    Raises:
        CountInvalid: count_invalid.
        ItemNotFound, StocktakeNotFound: item_not_found, stocktake_not_found.
        NotOnShelf, StocktakeEnded, NonceReused: not_on_shelf, stocktake_ended, nonce_reused.
    """
    member_id = _counting_member(actor)
    check_nonce(nonce)
    count_min = 0 if is_total else 1
    if not count_min <= piece_count <= PIECE_COUNT_MAX:
        raise CountInvalid(count_min=count_min, count_max=PIECE_COUNT_MAX)
    item = find_item(session, actor, item_number=item_number)
    stocktake = _lock(session, actor, stocktake_id)
    known = session.scalar(
        sa.select(StocktakeCount).where(
            StocktakeCount.community_id == actor.community_id, StocktakeCount.nonce == nonce
        )
    )
    if known is not None:
        _check_same(known, (stocktake.id, item.id, piece_count, is_total))
        return known
    _refuse_ended(stocktake)
    if stocktake.shelf is not None and item.shelf != stocktake.shelf:
        raise NotOnShelf(item_name=item.name, shelf=item.shelf)
    held = reports.balance(session, actor.community_id, item.stock_account_id)
    counted = StocktakeCount(
        community_id=actor.community_id,
        id=new_id(),
        nonce=nonce,
        stocktake_id=stocktake.id,
        item_id=item.id,
        piece_count=piece_count,
        is_total=is_total,
        book_count=held.posted_minor,
        counted_by_id=member_id,
        counted_at=clock.now(),
    )
    session.add(counted)
    session.flush()
    return counted


# ---------------------------------------------------------------- ending


def close(
    session: Session, actor: Actor, *, stocktake_id: UUID, closings: Mapping[int, Closing]
) -> Stocktake:
    """Bring the book to what was counted: one transaction, a line per kind.

    Args:
        session: write session.
        actor: a member with `handle_goods` who neither opened it nor counted.
        stocktake_id: an open stocktake; one that is closed already by the same person is returned.
        closings: by item number, for every kind that differs.

    Raises:
        StocktakeNotFound, StocktakeEnded: stocktake_not_found, stocktake_ended.
        ClosedByAnother: closed_by_another.
        NothingCounted, CountAgain, DifferenceChanged: nothing_counted, count_again,
            difference_changed.
        DifferenceNeedsReason, ReasonInvalid: difference_needs_reason, reason_invalid.
        PiecesReserved: pieces_reserved, fewer were found than are reserved.
    """
    member_id = _counting_member(actor)
    stocktake = _lock(session, actor, stocktake_id)
    if stocktake.state is StocktakeState.CLOSED and stocktake.ended_by_id == member_id:
        return stocktake
    _refuse_ended(stocktake)
    _refuse_counter(session, stocktake, member_id)
    counts = [row for row in read_counts(session, stocktake) if row.counted is not None]
    if not counts:
        raise NothingCounted
    lines = [_line(stocktake, row, closings.get(row.item.number)) for row in counts]
    differing = [row for row in counts if row.difference]
    if differing:
        stocktake.transaction_id = post_differences(session, actor, stocktake, differing)
    session.add_all(lines)
    stocktake.state = StocktakeState.CLOSED
    stocktake.ended_by_id, stocktake.ended_at = member_id, clock.now()
    session.flush()
    return stocktake


def call_off(session: Session, actor: Actor, *, stocktake_id: UUID) -> Stocktake:
    """End a stocktake without any change; again changes nothing.

    Raises:
        StocktakeNotFound, StocktakeEnded: stocktake_not_found, stocktake_ended (it was closed).
    """
    member_id = _counting_member(actor)
    stocktake = _lock(session, actor, stocktake_id)
    if stocktake.state is StocktakeState.CALLED_OFF:
        return stocktake
    _refuse_ended(stocktake)
    stocktake.state = StocktakeState.CALLED_OFF
    stocktake.ended_by_id, stocktake.ended_at = member_id, clock.now()
    audit.record(session, actor, "call_off_stocktake", f"stocktake:{stocktake.id}")
    session.flush()
    return stocktake


# ---------------------------------------------------------------- reading


def find_open(session: Session, actor: Actor) -> Stocktake | None:
    """Return the stocktake that is open, if there is one."""
    actor.require(Permission.HANDLE_GOODS)
    return session.scalar(
        sa.select(Stocktake).where(
            Stocktake.community_id == actor.community_id, Stocktake.state == StocktakeState.OPEN
        )
    )


def read_stocktake(session: Session, actor: Actor, *, stocktake_id: UUID) -> Stocktake:
    """Return a stocktake.

    Raises:
        StocktakeNotFound: stocktake_not_found.
    """
    actor.require(Permission.HANDLE_GOODS)
    found = session.get(Stocktake, (actor.community_id, stocktake_id))
    if found is None:
        raise StocktakeNotFound
    return found


def list_stocktakes(session: Session, actor: Actor) -> list[Stocktake]:
    """Return the newest fifty stocktakes, the newest first."""
    actor.require(Permission.HANDLE_GOODS)
    found = session.scalars(
        sa.select(Stocktake)
        .where(Stocktake.community_id == actor.community_id)
        .order_by(Stocktake.id.desc())
        .limit(LISTED_MAX)
    )
    return list(found)


def list_shelves(session: Session, actor: Actor) -> list[str]:
    """Return the shelves that goods stand on, in the order of their names."""
    actor.require(Permission.HANDLE_GOODS)
    shelves = session.scalars(
        sa.select(Item.shelf)
        .where(Item.community_id == actor.community_id, Item.shelf != "")
        .distinct()
        .order_by(Item.shelf)
    )
    return list(shelves)


# ---------------------------------------------------------------- leaves


def _counting_member(actor: Actor) -> UUID:
    """Return who acts: a person, since two of them sign a stocktake."""
    actor.require(Permission.HANDLE_GOODS)
    if actor.member_id is None:
        raise NotAllowed(permission=Permission.HANDLE_GOODS.value)
    return actor.member_id


def _lock_community(session: Session, actor: Actor) -> None:
    """Let a second opening wait for the first."""
    session.execute(
        sa.select(Community.community_id)
        .where(Community.community_id == actor.community_id)
        .with_for_update(key_share=True)
    )


def _lock(session: Session, actor: Actor, stocktake_id: UUID) -> Stocktake:
    """Return a stocktake as it is under its lock: counting and closing wait for each other."""
    found = session.scalar(
        sa.select(Stocktake)
        .where(Stocktake.community_id == actor.community_id, Stocktake.id == stocktake_id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    if found is None:
        raise StocktakeNotFound
    return found


def _refuse_ended(stocktake: Stocktake) -> None:
    if stocktake.state is not StocktakeState.OPEN:
        raise StocktakeEnded


def _check_same(known: StocktakeCount, asked: tuple[UUID, UUID, int, bool]) -> None:
    if (known.stocktake_id, known.item_id, known.piece_count, known.is_total) != asked:
        raise NonceReused


def _refuse_counter(session: Session, stocktake: Stocktake, member_id: UUID) -> None:
    counted = sa.select(StocktakeCount.id).where(
        StocktakeCount.community_id == stocktake.community_id,
        StocktakeCount.stocktake_id == stocktake.id,
        StocktakeCount.counted_by_id == member_id,
    )
    if stocktake.opened_by_id == member_id or session.scalar(counted.limit(1)) is not None:
        raise ClosedByAnother


def _line(stocktake: Stocktake, row: Counted, closing: Closing | None) -> StocktakeLine:
    """Return the line of one kind; what the closing person saw must still be so."""
    assert row.counted is not None, "only what was counted has a line"
    if row.is_out_of_date:
        raise CountAgain(item_number=row.item.number, item_name=row.item.name)
    reason = closing.reason.strip() if closing and row.difference else ""
    if row.difference and not reason:
        raise DifferenceNeedsReason(
            item_number=row.item.number, item_name=row.item.name, difference=row.difference
        )
    if closing is not None and closing.difference != row.difference:
        raise DifferenceChanged(
            item_number=row.item.number, item_name=row.item.name, difference=row.difference
        )
    if len(reason) > REASON_LENGTH_MAX or "\0" in reason:
        raise ReasonInvalid(length_max=REASON_LENGTH_MAX)
    return StocktakeLine(
        community_id=stocktake.community_id,
        stocktake_id=stocktake.id,
        item_id=row.item.id,
        counted=row.counted,
        book_count=row.booked,
        difference=row.difference,
        reason=reason,
    )
