"""Donations of money: two people, a receipt, a name that is kept to itself."""

from datetime import timedelta

import pytest
from sqlalchemy.orm import Session

from ledger.errors import NotAllowed
from tests.commons.makers import (
    KEYS,
    TODAY,
    World,
    approved,
    fen_of,
    gift,
    give,
    make_world,
    restrict,
)
from tests.shop.makers import fresh
from timebank.actors import Actor
from timebank.commons import donations, reversals
from timebank.commons.errors import (
    AlreadyDecided,
    AlreadySpent,
    AmountInvalid,
    AnotherMustCount,
    AnotherMustReverse,
    DayToCome,
    FundNotFound,
    MoneyDonationNotFound,
    NothingToReverse,
    OwnDonation,
    PersonNeeded,
)
from timebank.commons.models import AMOUNT_FEN_MAX, DonationState
from timebank.shop.errors import NonceReused, ReasonInvalid


def test_nothing_is_booked_before_somebody_else_counted(session: Session, world: World) -> None:
    made = donations.record(session, world.actor("clara"), KEYS, gift=gift())

    assert (made.state, made.receipt_number) == (DonationState.RECORDED, None)
    assert fen_of(session, world, "Fund:General") == 0


def test_counting_books_the_money_and_gives_the_next_receipt(
    session: Session, world: World
) -> None:
    first, second = give(session, world, 100_00), give(session, world, 1)

    assert (first.receipt_number, second.receipt_number) == (1, 2)
    assert fen_of(session, world, "Fund:General") == 100_01
    assert fen_of(session, world, "Income:Donations:General") == -100_01


def test_a_restricted_donation_lies_in_its_own_fund(session: Session, world: World) -> None:
    fund = restrict(session, world)
    give(session, world, 50_00, fund_number=fund.number)

    assert fund.number == 2
    assert fen_of(session, world, "Fund:F0002") == 50_00
    assert fen_of(session, world, "Income:Donations:F0002") == -50_00
    assert fen_of(session, world, "Fund:General") == 0


def test_who_recorded_does_not_count(session: Session, world: World) -> None:
    made = donations.record(session, world.actor("clara"), KEYS, gift=gift())

    with pytest.raises(AnotherMustCount):
        donations.count(session, world.actor("clara"), donation_id=made.id)


def test_nobody_records_or_counts_their_own(session: Session, world: World) -> None:
    own = world.people["clara"].number
    with pytest.raises(OwnDonation):
        donations.record(session, world.actor("clara"), KEYS, gift=gift(donor_number=own))
    made = donations.record(session, world.actor("wen"), KEYS, gift=gift(donor_number=own))

    with pytest.raises(OwnDonation):
        donations.count(session, world.actor("clara"), donation_id=made.id)
    assert donations.count(session, world.actor("ada"), donation_id=made.id).receipt_number == 1


def test_counting_twice_books_once(session: Session, world: World) -> None:
    made = give(session, world)

    again = donations.count(session, world.actor("wen"), donation_id=made.id)

    assert again.receipt_number == 1
    assert fen_of(session, world, "Fund:General") == 100_00
    with pytest.raises(AlreadyDecided):
        donations.count(session, world.actor("ada"), donation_id=made.id)


def test_one_nonce_is_one_donation_and_no_other(session: Session, world: World) -> None:
    one = gift(nonce="n")
    first = donations.record(session, world.actor("clara"), KEYS, gift=one)

    assert donations.record(session, world.actor("clara"), KEYS, gift=one).id == first.id
    with pytest.raises(NonceReused):
        donations.record(session, world.actor("clara"), KEYS, gift=gift(1, nonce="n"))


@pytest.mark.parametrize("amount_fen", [0, -1, AMOUNT_FEN_MAX + 1])
def test_an_amount_is_a_fen_to_ten_million_yuan(
    session: Session, world: World, amount_fen: int
) -> None:
    with pytest.raises(AmountInvalid):
        donations.record(session, world.actor("clara"), KEYS, gift=gift(amount_fen))

    largest = gift(AMOUNT_FEN_MAX)
    assert donations.record(session, world.actor("clara"), KEYS, gift=largest).amount_fen


def test_money_does_not_come_tomorrow_nor_into_no_fund(session: Session, world: World) -> None:
    clara = world.actor("clara")
    with pytest.raises(DayToCome):
        donations.record(session, clara, KEYS, gift=gift(received_on=TODAY + timedelta(days=1)))
    with pytest.raises(FundNotFound):
        donations.record(session, clara, KEYS, gift=gift(fund_number=7))


@pytest.mark.parametrize("name", ["alice", "bob", "audrey"])
def test_volunteers_leaders_and_auditors_take_no_money(
    session: Session, world: World, name: str
) -> None:
    with pytest.raises(NotAllowed):
        donations.record(session, world.actor(name), KEYS, gift=gift())


def test_the_system_takes_no_money(session: Session, world: World) -> None:
    with pytest.raises(PersonNeeded):
        donations.record(session, Actor.system(world.community_id, "x"), KEYS, gift=gift())


def test_the_name_is_kept_encrypted_and_shown_masked(session: Session, world: World) -> None:
    made = give(session, world)

    assert made.shown_name == "张**"
    assert "张桂芬".encode() not in (made.donor_name_encrypted or b"")
    assert donations.donor_name(world.actor("wen"), KEYS, made) == "张桂芬"


def test_who_agreed_is_named_and_who_gave_none_is_nobody(session: Session, world: World) -> None:
    named, nameless = give(session, world, may_be_named=True), give(session, world, donor_name="")

    assert (named.shown_name, nameless.shown_name) == ("张桂芬", "")
    assert nameless.donor_name_encrypted is None
    assert donations.donor_name(world.actor("wen"), KEYS, nameless) == ""


def test_a_record_is_refused_with_a_reason_and_stays(session: Session, world: World) -> None:
    made = donations.record(session, world.actor("clara"), KEYS, gift=gift())
    with pytest.raises(ReasonInvalid):
        donations.refuse(session, world.actor("wen"), donation_id=made.id, reason=" ")

    donations.refuse(session, world.actor("wen"), donation_id=made.id, reason="少了 10 元")

    assert made.state is DonationState.REFUSED
    with pytest.raises(AlreadyDecided):
        donations.count(session, world.actor("ada"), donation_id=made.id)


def test_a_donation_is_taken_back_by_another_with_a_reason(session: Session, world: World) -> None:
    made = give(session, world)
    undo = {"donation_id": made.id, "reason": "银行退回", "nonce": "n"}
    with pytest.raises(AnotherMustReverse):
        reversals.reverse_donation(session, world.actor("wen"), **undo)  # type: ignore[arg-type]

    first = reversals.reverse_donation(
        session, world.actor("ada"), donation_id=made.id, reason="银行退回", nonce="n"
    )
    again = reversals.reverse_donation(
        session, world.actor("ada"), donation_id=made.id, reason="银行退回", nonce="n"
    )

    assert first.id == again.id
    assert (made.state, fen_of(session, world, "Fund:General")) == (DonationState.REVERSED, 0)
    with pytest.raises(NothingToReverse):
        reversals.reverse_donation(
            session, world.actor("ada"), donation_id=made.id, reason="再退", nonce=fresh()
        )


def test_a_donation_that_went_on_cannot_be_taken_back(session: Session, world: World) -> None:
    made = give(session, world, 100_00)
    approved(session, world, 60_00)

    with pytest.raises(AlreadySpent) as refused:
        reversals.reverse_donation(
            session, world.actor("ada"), donation_id=made.id, reason="银行退回", nonce=fresh()
        )
    assert refused.value.details == {"needed": "100.00", "available": "40.00"}


def test_another_communitys_donation_is_not_there(session: Session, world: World) -> None:
    other = make_world(session, code="A")
    made = donations.record(session, other.actor("clara"), KEYS, gift=gift())

    with pytest.raises(MoneyDonationNotFound):
        donations.count(session, world.actor("wen"), donation_id=made.id)
