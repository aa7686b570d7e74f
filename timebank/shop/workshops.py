"""Workshop sessions 手工活动: many pieces by many makers, taken in with one form.

Words: a *session* is one batch of donations of one kind of goods; a *row* is one maker with their
pieces and what they chose.

Invariants: all rows are taken in or none; each maker has one row and one donation; the receiver is
none of the makers; the exchange limits hold for each maker as they do at the counter.
"""

import hashlib
from dataclasses import dataclass
from datetime import date
from typing import Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from ledger import clock
from ledger.ids import new_id
from timebank import chart
from timebank.actors import Actor, Permission
from timebank.people.models import Community, Member
from timebank.shop.errors import NonceReused
from timebank.shop.goods import ItemDetails, add_item, check_nonce, find_item
from timebank.shop.intake import Intake, receive
from timebank.shop.models import Donation, IntakeChoice, Item
from timebank.shop.stock_errors import (
    BatchNotFound,
    DayInFuture,
    RowRepeats,
    RowsInvalid,
    TitleInvalid,
)
from timebank.shop.stock_models import (
    PLACE_LENGTH_MAX,
    TITLE_LENGTH_MAX,
    BatchKind,
    IntakeBatch,
    IntakeBatchLine,
)

ROWS_MAX: Final = 60
LISTED_MAX: Final = 50


@dataclass(frozen=True, slots=True)
class Made:
    """One row: what one maker brought.

    Args:
        maker_number: 7 stands for volunteer V0007.
        piece_count: 1 to 10,000.
        choice: donate, or exchange at the price that the goods have.
    """

    maker_number: int
    piece_count: int
    choice: IntakeChoice


@dataclass(frozen=True, slots=True)
class WorkshopForm:
    """A session as it was written down.

    Args:
        held_on: the day, not in the future.
        title: 1 to 60 characters.
        place: up to 60 characters.
        goods: the number of goods that are there, or what is told about new ones.
        rows: 1 to 60, each with a maker of its own.
        nonce: the form's own number; the same nonce is the same session.
    """

    held_on: date
    title: str
    place: str
    goods: int | ItemDetails
    rows: tuple[Made, ...]
    nonce: str


def record_workshop(session: Session, actor: Actor, *, form: WorkshopForm) -> IntakeBatch:
    """Take in what a session made: one donation per maker, all of them or none.

    Args:
        session: write session; an exception must roll it back.
        actor: needs `handle_goods`, and is none of the makers.
        form: the session.

    Raises:
        TitleInvalid, DayInFuture, RowsInvalid, RowRepeats: title_invalid, day_in_future,
            rows_invalid, row_repeats.
        ItemNotFound, MemberNotFound: item_not_found, member_not_found.
        ReceiverIsDonor, MakerDiffers: receiver_is_donor, maker_differs.
        NotPriced, MakerNeverPrices, ExchangeLimitReached: not_priced, maker_never_prices,
            exchange_limit_reached.
        NonceReused: nonce_reused.
    """
    actor.require(Permission.HANDLE_GOODS)
    check_nonce(form.nonce)
    community = session.get_one(Community, actor.community_id)
    _check(form, clock.today(community.time_zone))
    _lock_makers(session, actor, form)
    known = find_batch(session, actor, nonce=form.nonce)
    if known is not None:
        _check_same(session, known, form)
        return known
    batch = IntakeBatch(
        community_id=actor.community_id,
        id=new_id(),
        nonce=form.nonce,
        kind=BatchKind.WORKSHOP,
        title=form.title.strip(),
        place=form.place.strip(),
        held_on=form.held_on,
        recorded_by_id=actor.member_id,
        recorded_at=clock.now(),
    )
    item = _goods(session, actor, form)
    donations = [
        receive(session, actor, intake=_intake(item, form.nonce, line_no, row))
        for line_no, row in enumerate(form.rows, start=1)
    ]
    write_batch(session, batch, donations)
    return batch


def write_batch(session: Session, batch: IntakeBatch, donations: list[Donation]) -> None:
    """Write a batch with one line per donation, in their order."""
    session.add(batch)
    session.flush()
    session.add_all(
        IntakeBatchLine(
            community_id=batch.community_id,
            batch_id=batch.id,
            line_no=line_no,
            donation_id=donation.id,
        )
        for line_no, donation in enumerate(donations, start=1)
    )
    session.flush()


def find_batch(session: Session, actor: Actor, *, nonce: str) -> IntakeBatch | None:
    """Return the batch that was made under a form's number, if there is one."""
    return session.scalar(
        sa.select(IntakeBatch).where(
            IntakeBatch.community_id == actor.community_id, IntakeBatch.nonce == nonce
        )
    )


def read_batch(session: Session, actor: Actor, *, batch_id: UUID) -> IntakeBatch:
    """Return a session or a file.

    Raises:
        BatchNotFound: batch_not_found.
    """
    actor.require(Permission.HANDLE_GOODS)
    found = session.get(IntakeBatch, (actor.community_id, batch_id))
    if found is None:
        raise BatchNotFound
    return found


def list_batches(session: Session, actor: Actor) -> list[tuple[IntakeBatch, int, int]]:
    """Return the newest fifty batches with their rows and pieces, the newest first."""
    actor.require(Permission.HANDLE_GOODS)
    rows = session.execute(
        sa.select(IntakeBatch, sa.func.count(), sa.func.sum(Donation.piece_count))
        .join(
            IntakeBatchLine,
            sa.and_(
                IntakeBatchLine.community_id == IntakeBatch.community_id,
                IntakeBatchLine.batch_id == IntakeBatch.id,
            ),
        )
        .join(
            Donation,
            sa.and_(
                Donation.community_id == IntakeBatchLine.community_id,
                Donation.id == IntakeBatchLine.donation_id,
            ),
        )
        .where(IntakeBatch.community_id == actor.community_id)
        .group_by(*IntakeBatch.__table__.columns)
        .order_by(IntakeBatch.id.desc())
        .limit(LISTED_MAX)
    )
    return [(batch, row_count, int(pieces)) for batch, row_count, pieces in rows]


def read_batch_lines(
    session: Session, batch: IntakeBatch
) -> list[tuple[Donation, Item, Member | None]]:
    """Return the donations of a batch with goods and donor, in their order."""
    rows = session.execute(
        sa.select(Donation, Item, Member)
        .join_from(
            IntakeBatchLine,
            Donation,
            sa.and_(
                Donation.community_id == IntakeBatchLine.community_id,
                Donation.id == IntakeBatchLine.donation_id,
            ),
        )
        .join(
            Item, sa.and_(Item.community_id == Donation.community_id, Item.id == Donation.item_id)
        )
        .outerjoin(
            Member,
            sa.and_(
                Member.community_id == Donation.community_id,
                Member.id == Donation.donor_member_id,
            ),
        )
        .where(
            IntakeBatchLine.community_id == batch.community_id,
            IntakeBatchLine.batch_id == batch.id,
        )
        .order_by(IntakeBatchLine.line_no)
    )
    return [(donation, item, member) for donation, item, member in rows]


# ---------------------------------------------------------------- leaves


def _check(form: WorkshopForm, today: date) -> None:
    title, place = form.title.strip(), form.place.strip()
    if not 1 <= len(title) <= TITLE_LENGTH_MAX or len(place) > PLACE_LENGTH_MAX:
        raise TitleInvalid(length_max=TITLE_LENGTH_MAX)
    if form.held_on > today:
        raise DayInFuture(on=form.held_on.isoformat())
    if not 1 <= len(form.rows) <= ROWS_MAX:
        raise RowsInvalid(rows_max=ROWS_MAX)
    seen: set[int] = set()
    for row in form.rows:
        if row.maker_number in seen:
            raise RowRepeats(volunteer=chart.volunteer_number(row.maker_number))
        seen.add(row.maker_number)


def _lock_makers(session: Session, actor: Actor, form: WorkshopForm) -> None:
    """Lock all makers in the order of their ids, before each is locked by its own row."""
    numbers = [min(max(row.maker_number, 0), 10**8) for row in form.rows]
    session.execute(
        sa.select(Member.id)
        .where(Member.community_id == actor.community_id, Member.number.in_(numbers))
        .order_by(Member.id)
        .with_for_update(key_share=True)
    )


def _goods(session: Session, actor: Actor, form: WorkshopForm) -> Item:
    if isinstance(form.goods, int):
        return find_item(session, actor, item_number=form.goods)
    return add_item(session, actor, details=form.goods, nonce=form.nonce)


def _intake(item: Item, nonce: str, line_no: int, row: Made) -> Intake:
    return Intake(
        item_number=item.number,
        piece_count=row.piece_count,
        choice=row.choice,
        nonce=row_nonce(nonce, line_no),
        maker_number=row.maker_number,
    )


def row_nonce(nonce: str, line_no: int) -> str:
    """Return the number of one row's donation: short, and made of the form's own."""
    return f"row:{hashlib.sha256(nonce.encode()).hexdigest()[:40]}:{line_no}"


def _check_same(session: Session, known: IntakeBatch, form: WorkshopForm) -> None:
    """Refuse a nonce that stands for another session."""
    stored = [
        (member.number if member else None, donation.piece_count, donation.choice)
        for donation, _, member in read_batch_lines(session, known)
    ]
    asked = [(row.maker_number, row.piece_count, row.choice) for row in form.rows]
    if (known.held_on, stored) != (form.held_on, asked):
        raise NonceReused
