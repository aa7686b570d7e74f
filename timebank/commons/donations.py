"""Donations of money: recorded by one person, counted and booked by another, with a receipt.

The name of a donor is kept encrypted; the public reads it only if the donor agreed, else 张**, and
nothing of an anonymous donor.

Invariants: nothing is in the book before the second person has counted it; nobody records or counts
their own donation; receipt numbers run without a gap; each donation names its one transaction (kind
`fund`, source `money_donation:<id>`).
"""

import base64
from dataclasses import dataclass
from datetime import date
from typing import Final
from uuid import UUID

import sqlalchemy as sa
from cryptography.fernet import Fernet
from sqlalchemy.orm import Session

from ledger import clock
from ledger.ids import new_id
from timebank import audit, chart
from timebank.actors import Actor, Permission
from timebank.codes import CodeKeys, Purpose
from timebank.commons.common import (
    book,
    check_amount,
    check_day,
    checked,
    checked_reason,
    locked_register,
    member_numbered,
    person,
)
from timebank.commons.errors import (
    AlreadyDecided,
    AnotherMustCount,
    MoneyDonationNotFound,
    OwnDonation,
)
from timebank.commons.funds import find_fund, general_fund
from timebank.commons.models import (
    NAME_LENGTH_MAX,
    NOTE_LENGTH_MAX,
    DonationState,
    Fund,
    Method,
    MoneyDonation,
)
from timebank.shop.errors import NonceReused
from timebank.shop.goods import check_nonce

KEY_ID: Final = "A"
LISTED_MAX: Final = 200


@dataclass(frozen=True, slots=True)
class Gift:
    """What was given.

    Args:
        amount_fen: 1 to 10^9 fen.
        method: cash or transfer.
        received_on: the day on which the money came; not after today.
        nonce: the form's own number; the same nonce returns the same donation.
        fund_number: 1 is the general fund.
        donor_name: up to 60 characters; empty: the donor stays anonymous.
        donor_number: the donor's volunteer number as an integer; None: not a member.
        may_be_named: whether the donor agreed to stand in the public statement.
        note: what the donor said, up to 200 characters; not public.
    """

    amount_fen: int
    method: Method
    received_on: date
    nonce: str
    fund_number: int = chart.GENERAL_FUND_NUMBER
    donor_name: str = ""
    donor_number: int | None = None
    may_be_named: bool = False
    note: str = ""


@dataclass(frozen=True, slots=True)
class Given:
    """A donation with its fund."""

    donation: MoneyDonation
    fund: Fund


def record(session: Session, actor: Actor, keys: CodeKeys, *, gift: Gift) -> MoneyDonation:
    """Record money that was handed over; it is booked once somebody else has counted it.

    Args:
        session: write session.
        actor: needs `receive_money`; not the donor.
        keys: the root key.
        gift: what was given.

    Raises:
        AmountInvalid, DayToCome, FundTextInvalid: amount_invalid, day_to_come, fund_text_invalid.
        FundNotFound, MemberNotFound: fund_not_found, member_not_found.
        OwnDonation: own_donation.
        NonceReused: nonce_reused, it stands for another donation.
    """
    member_id = person(actor, Permission.RECEIVE_MONEY)
    check_nonce(gift.nonce)
    check_amount(gift.amount_fen)
    check_day(session, actor.community_id, gift.received_on)
    name = checked("donor_name", gift.donor_name, NAME_LENGTH_MAX, 0)
    note = checked("note", gift.note, NOTE_LENGTH_MAX, 0)
    # Locked first: a repeated form waits here, and then finds the donation of the first one.
    locked_register(session, actor.community_id)
    general_fund(session, actor.community_id)
    fund = find_fund(session, actor, number=gift.fund_number)
    earlier = session.scalar(
        sa.select(MoneyDonation).where(
            MoneyDonation.community_id == actor.community_id, MoneyDonation.nonce == gift.nonce
        )
    )
    if earlier is not None:
        _check_same(earlier, fund, gift)
        return earlier
    donor = member_numbered(session, actor, gift.donor_number)
    if donor is not None and donor.id == member_id:
        raise OwnDonation
    made = MoneyDonation(
        community_id=actor.community_id,
        id=new_id(),
        nonce=gift.nonce,
        fund_id=fund.id,
        amount_fen=gift.amount_fen,
        method=gift.method,
        donor_member_id=donor.id if donor else None,
        donor_name_encrypted=_box(keys, actor).encrypt(name.encode()) if name else None,
        shown_name=name if gift.may_be_named else masked(name),
        received_on=gift.received_on,
        note=note,
        recorded_by_id=member_id,
        recorded_at=clock.now(),
        state=DonationState.RECORDED,
        decision_reason="",
    )
    session.add(made)
    session.flush()
    return made


def count(session: Session, actor: Actor, *, donation_id: UUID) -> MoneyDonation:
    """Say that the money is there as recorded: it is booked and gets its receipt number.

    Who counted gets the same answer again.

    Args:
        session: write session.
        actor: needs `receive_money`; neither who recorded it nor the donor.
        donation_id: which.

    Raises:
        MoneyDonationNotFound: money_donation_not_found.
        AnotherMustCount, OwnDonation: another_must_count, own_donation.
        AlreadyDecided: already_decided.
    """
    member_id = person(actor, Permission.RECEIVE_MONEY)
    given = find(session, actor, donation_id=donation_id, lock=True)
    donation = given.donation
    if donation.recorded_by_id == member_id:
        raise AnotherMustCount
    if donation.donor_member_id == member_id:
        raise OwnDonation
    if donation.state is DonationState.COUNTED and donation.decided_by_id == member_id:
        return donation
    if donation.state is not DonationState.RECORDED:
        raise AlreadyDecided
    codes = chart.donations_account_code, chart.fund_account_code
    from_id, to_id = chart.account_ids(
        session, actor.community_id, *(code(given.fund.number) for code in codes)
    )
    transaction_id = book(
        session,
        actor,
        legs=(from_id, to_id),
        amount_fen=donation.amount_fen,
        key=f"money_donation:{donation.id}",
        source=f"money_donation:{donation.id}",
        occurred_on=donation.received_on,
        narration="donation of money",
    )
    register = locked_register(session, actor.community_id)
    register.last_receipt_number += 1
    session.flush()  # first: the guard asks the register for the number
    donation.receipt_number = register.last_receipt_number
    donation.transaction_id = transaction_id
    donation.state = DonationState.COUNTED
    donation.decided_by_id, donation.decided_at = member_id, clock.now()
    session.flush()
    return donation


def refuse(session: Session, actor: Actor, *, donation_id: UUID, reason: str) -> MoneyDonation:
    """Say that the money is not there as recorded, or take the record back; nothing is booked.

    Raises:
        MoneyDonationNotFound: money_donation_not_found.
        AlreadyDecided: already_decided; OwnDonation: own_donation.
        ReasonInvalid: reason_invalid.
    """
    member_id = person(actor, Permission.RECEIVE_MONEY)
    why = checked_reason(reason)
    donation = find(session, actor, donation_id=donation_id, lock=True).donation
    if donation.donor_member_id == member_id:
        raise OwnDonation
    if donation.state is not DonationState.RECORDED:
        raise AlreadyDecided
    donation.state, donation.decision_reason = DonationState.REFUSED, why
    donation.decided_by_id, donation.decided_at = member_id, clock.now()
    audit.record(session, actor, "refuse_money_donation", f"money_donation:{donation.id}")
    session.flush()
    return donation


# ---------------------------------------------------------------- reading


def find(session: Session, actor: Actor, *, donation_id: UUID, lock: bool = False) -> Given:
    """Return one donation with its fund.

    Raises:
        NotAllowed: not_allowed; MoneyDonationNotFound: money_donation_not_found.
    """
    actor.require(Permission.RECEIVE_MONEY)
    query = sa.select(MoneyDonation).where(
        MoneyDonation.community_id == actor.community_id, MoneyDonation.id == donation_id
    )
    if lock:
        query = query.with_for_update().execution_options(populate_existing=True)
    donation = session.scalar(query)
    if donation is None:
        raise MoneyDonationNotFound
    return Given(donation, session.get_one(Fund, (actor.community_id, donation.fund_id)))


def list_donations(session: Session, actor: Actor) -> list[Given]:
    """Return the newest donations, those that wait to be counted first."""
    actor.require(Permission.RECEIVE_MONEY)
    rows = session.execute(
        sa.select(MoneyDonation, Fund)
        .join(
            Fund,
            sa.and_(
                Fund.community_id == MoneyDonation.community_id, Fund.id == MoneyDonation.fund_id
            ),
        )
        .where(MoneyDonation.community_id == actor.community_id)
        .order_by(
            sa.case((MoneyDonation.state == DonationState.RECORDED, 0), else_=1),
            MoneyDonation.recorded_at.desc(),
            MoneyDonation.id.desc(),
        )
        .limit(LISTED_MAX)
    )
    return [Given(*row) for row in rows]


def donor_name(actor: Actor, keys: CodeKeys, donation: MoneyDonation) -> str:
    """Return the donor's whole name for the receipt; empty: anonymous."""
    actor.require(Permission.RECEIVE_MONEY)
    if donation.donor_name_encrypted is None:
        return ""
    return _box(keys, actor).decrypt(donation.donor_name_encrypted).decode()


def masked(name: str) -> str:
    """Return 张** for 张桂芬: the first character alone says who is meant to those who know."""
    return name[:1] + "**" if name else ""


# ---------------------------------------------------------------- leaves


def _check_same(earlier: MoneyDonation, fund: Fund, gift: Gift) -> None:
    stored = (earlier.fund_id, earlier.amount_fen, earlier.method, earlier.received_on)
    if stored != (fund.id, gift.amount_fen, gift.method, gift.received_on):
        raise NonceReused


def _box(keys: CodeKeys, actor: Actor) -> Fernet:
    key = keys.derive(actor.community_id, Purpose.DONOR, KEY_ID)
    return Fernet(base64.urlsafe_b64encode(key))
