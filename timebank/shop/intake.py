"""Intake: pieces come in, donated or exchanged for points.

Words: to *donate* gives the pieces and earns no points; to *exchange* pays the maker pieces times
price, from the issuance, in the same ledger transaction that puts the pieces on the shelf.

Invariants: nobody receives their own goods; an exchange needs a price, which the maker never sets;
one maker is paid at most `EXCHANGE_POINTS_PER_DAY_MAX` points a day; every donation names its one
transaction (kind `donation`, source `donation:<id>`).
"""

from dataclasses import dataclass
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from ledger import clock
from ledger.errors import BalanceTooHigh
from ledger.ids import new_id
from ledger.journal import Draft, Leg, post
from ledger.schema import TransactionKind
from timebank import chart
from timebank.actors import Actor, Permission
from timebank.people.errors import MemberNotFound
from timebank.people.models import Community, Member
from timebank.shop.errors import (
    ExchangeLimitReached,
    ExchangeNeedsMaker,
    MakerNeverPrices,
    NonceReused,
    NotPriced,
    PieceCountInvalid,
    ReceiverIsDonor,
)
from timebank.shop.goods import check_nonce, find_item
from timebank.shop.limits import exchange_left
from timebank.shop.models import (
    PIECE_COUNT_MAX,
    Donation,
    IntakeChoice,
    Item,
)
from timebank.shop.stock_errors import MakerDiffers, SinglePiece


@dataclass(frozen=True, slots=True)
class Intake:
    """What was handed over.

    Args:
        item_number: which goods.
        piece_count: 1 to 10,000.
        choice: donate, or exchange (only the maker's own goods).
        donor_number: the volunteer number of the one who brought it, as an integer; None for a
            resident. For an exchange the maker is the donor, whatever stands here.
        nonce: the form's own number; the same nonce returns the same donation.
        maker_number: of pieces of a kind with many makers, as a workshop brings them: who made
            these; None otherwise.
    """

    item_number: int
    piece_count: int
    choice: IntakeChoice
    nonce: str
    donor_number: int | None = None
    maker_number: int | None = None


def receive(session: Session, actor: Actor, *, intake: Intake) -> Donation:
    """Put pieces on the shelf, and pay the maker when they are exchanged.

    Args:
        session: write session.
        actor: needs `handle_goods`, and is not the one who brings the goods.
        intake: what was handed over.

    Raises:
        PieceCountInvalid: piece_count_invalid.
        ItemNotFound, MemberNotFound: item_not_found, member_not_found.
        ReceiverIsDonor: receiver_is_donor.
        ExchangeNeedsMaker, NotPriced, ExchangeLimitReached: exchange_needs_maker, not_priced,
            exchange_limit_reached.
        SinglePiece, MakerDiffers: single_piece, maker_differs.
        NonceReused: nonce_reused, the nonce stands for another intake.
    """
    actor.require(Permission.HANDLE_GOODS)
    check_nonce(intake.nonce)
    if not 1 <= intake.piece_count <= PIECE_COUNT_MAX:
        raise PieceCountInvalid(piece_count_max=PIECE_COUNT_MAX)
    item = find_item(session, actor, item_number=intake.item_number)
    donor = _lock_donor(session, actor, item, intake)
    earlier = _earlier(session, actor, intake.nonce)
    if earlier is not None:
        _check_same(earlier, item, intake)
        return earlier
    if donor is not None and donor.id == actor.member_id:
        raise ReceiverIsDonor
    if item.is_single and intake.piece_count > 1:
        raise SinglePiece(item_name=item.name)
    donation = Donation(
        community_id=actor.community_id,
        id=new_id(),
        nonce=intake.nonce,
        item_id=item.id,
        donor_member_id=donor.id if donor else None,
        choice=intake.choice,
        piece_count=intake.piece_count,
        price_points=item.price_points,
        points=_points(session, item, donor, intake),
        received_by_id=actor.member_id,
        received_at=clock.now(),
    )
    donation.transaction_id = _post(session, actor, item, donor, donation)
    session.add(donation)
    session.flush()
    return donation


def _lock_donor(session: Session, actor: Actor, item: Item, intake: Intake) -> Member | None:
    """Return the donor, locked so that two intakes cannot both pass the day's limit."""
    is_donor = _whose(item, intake)
    if is_donor is None:
        return None
    donor = session.scalar(
        sa.select(Member)
        .where(Member.community_id == actor.community_id, is_donor)
        .with_for_update(key_share=True)
    )
    if donor is None:
        raise MemberNotFound
    if intake.maker_number is not None and item.maker_member_id not in {None, donor.id}:
        raise MakerDiffers(item_name=item.name)
    return donor


def _whose(item: Item, intake: Intake) -> sa.ColumnElement[bool] | None:
    """Return the condition of who brings the pieces; None is a resident."""
    if intake.maker_number is not None:
        return Member.number == min(max(intake.maker_number, 0), 10**8)
    if intake.choice is IntakeChoice.EXCHANGE:
        if item.maker_member_id is None:
            raise ExchangeNeedsMaker(item_name=item.name)
        return Member.id == item.maker_member_id
    if intake.donor_number is None:
        return None
    return Member.number == min(max(intake.donor_number, 0), 10**8)


def _earlier(session: Session, actor: Actor, nonce: str) -> Donation | None:
    return session.scalar(
        sa.select(Donation).where(
            Donation.community_id == actor.community_id, Donation.nonce == nonce
        )
    )


def _check_same(earlier: Donation, item: Item, intake: Intake) -> None:
    stored = (earlier.item_id, earlier.piece_count, earlier.choice)
    if stored != (item.id, intake.piece_count, intake.choice):
        raise NonceReused


def _points(session: Session, item: Item, donor: Member | None, intake: Intake) -> int:
    """Return what the maker is paid.

    Nothing for a donation, else pieces times price within the day's limit.
    """
    if intake.choice is IntakeChoice.DONATE:
        return 0
    assert donor is not None, "an exchange has its maker as donor"
    if item.price_points is None:
        raise NotPriced(item_name=item.name)
    if item.priced_by_id == donor.id:
        raise MakerNeverPrices
    points = intake.piece_count * item.price_points
    community = session.get_one(Community, donor.community_id)
    left = exchange_left(session, donor, community)
    if points > left:
        raise ExchangeLimitReached(needed=points, left=left)
    return points


def _post(
    session: Session, actor: Actor, item: Item, donor: Member | None, donation: Donation
) -> UUID:
    legs = [
        Leg(item.intake_account_id, -donation.piece_count),
        Leg(item.stock_account_id, donation.piece_count),
    ]
    if donation.points:
        assert donor is not None, "points go to a member"
        issuance = chart.points_issuance_id(session, actor.community_id)
        legs += [Leg(issuance, -donation.points), Leg(donor.points_account_id, donation.points)]
    community = session.get_one(Community, actor.community_id)
    draft = Draft(
        kind=TransactionKind.DONATION,
        legs=tuple(legs),
        occurred_on=clock.today(community.time_zone),
        idempotency_key=f"donation:{donation.nonce}",
        actor=actor.reference,
        source=f"donation:{donation.id}",
        narration=f"{item.name} × {donation.piece_count}",
    )
    try:
        return post(session, actor.community_id, draft).transaction_id
    except BalanceTooHigh as refusal:
        raise SinglePiece(item_name=item.name) from refusal
