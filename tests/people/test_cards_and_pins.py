"""Cards, PINs, tokens and documents: one in force, five tries, nothing secret kept in the clear."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy.orm import Session

from ledger import clock
from ledger.errors import NotAllowed
from tests.makers import actor_of, make_community, make_member, make_sign_in
from timebank import codes
from timebank.actors import Actor, Role
from timebank.codes import CodeKeys
from timebank.people import cards, documents, members, pins, tokens
from timebank.people.errors import (
    CardMissing,
    CardNotFound,
    CardRevoked,
    CommunityNotFound,
    DocumentInvalid,
    MemberNotFound,
    MemberSuspended,
    PinInvalid,
    PinLocked,
    PinMissing,
    PinRequired,
    PinWrong,
    TokenNotFound,
)
from timebank.people.models import Member
from timebank.people.standing import standing_of_token

NOON = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)
ID_NUMBER = "452601195503071236"


@pytest.fixture
def alice(session: Session) -> Member:
    return make_member(session, make_community(session))


@pytest.fixture
def wen(session: Session, alice: Member) -> Actor:
    """The social worker of Alice's community."""
    return Actor.system(alice.community_id, "test")


# ---------------------------------------------------------------- cards


def test_a_card_is_known_by_its_token_and_its_digits(
    session: Session, alice: Member, wen: Actor
) -> None:
    issued = cards.issue_card(session, wen, alice.id)

    for text in (f"HTTPS://BANK.EXAMPLE/C/{issued.token}", issued.card.digits):
        scan = codes.read_scan(text)
        assert cards.member_by_card(session, alice.community_id, scan) is alice
    assert issued.token.encode() not in issued.card.token_digest
    assert codes.has_valid_check_digit(issued.card.digits)


def test_a_new_card_revokes_the_one_before(session: Session, alice: Member, wen: Actor) -> None:
    first = cards.issue_card(session, wen, alice.id)
    second = cards.issue_card(session, wen, alice.id)

    assert (first.card.version, second.card.version) == (1, 2)
    with pytest.raises(CardRevoked):
        cards.member_by_card(session, alice.community_id, codes.read_scan(first.card.digits))


def test_a_lost_card_is_revoked_once(session: Session, alice: Member, wen: Actor) -> None:
    cards.issue_card(session, wen, alice.id)

    assert cards.revoke_card(session, wen, alice.id).revoked_at is not None
    with pytest.raises(CardMissing):
        cards.revoke_card(session, wen, alice.id)


def test_an_unknown_card_is_not_valid(session: Session, alice: Member) -> None:
    for scan in (codes.Scan(codes.ScanKind.CARD, "1000000009"), codes.read_scan("5000000012")):
        with pytest.raises(CardNotFound):
            cards.member_by_card(session, alice.community_id, scan)


def test_another_communitys_card_is_not_valid(session: Session, alice: Member, wen: Actor) -> None:
    issued = cards.issue_card(session, wen, alice.id)
    other = make_community(session, code="A")

    with pytest.raises(CardNotFound):
        cards.member_by_card(session, other.community_id, codes.read_scan(issued.card.digits))


def test_the_suspended_get_no_card_and_theirs_does_not_count(
    session: Session, alice: Member, wen: Actor
) -> None:
    issued = cards.issue_card(session, wen, alice.id)
    members.suspend(session, wen, alice.id, reason="holiday")

    with pytest.raises(MemberSuspended):
        cards.issue_card(session, wen, alice.id)
    with pytest.raises(MemberSuspended):
        cards.member_by_card(session, alice.community_id, codes.read_scan(issued.card.digits))


def test_volunteers_issue_no_cards(session: Session, alice: Member) -> None:
    with pytest.raises(NotAllowed):
        cards.issue_card(session, actor_of(alice), alice.id)


# ---------------------------------------------------------------- PIN


def test_the_right_pin_passes(session: Session, alice: Member) -> None:
    pins.set_pin(session, actor_of(alice), alice.id, pin="4826")

    pins.check_pin(session, alice, "4826")

    assert alice.pin_failed_count == 0
    assert "4826" not in str(alice.pin_hash)


def test_five_wrong_pins_lock_it_and_a_new_one_opens_it(
    session: Session, alice: Member, wen: Actor
) -> None:
    pins.set_pin(session, actor_of(alice), alice.id, pin="4826")
    left = []
    for _ in range(5):
        with pytest.raises(PinWrong) as refused:
            pins.check_pin(session, alice, "0000")
        left.append(refused.value.details["left"])

    with pytest.raises(PinLocked):
        pins.check_pin(session, alice, "4826")
    pins.set_pin(session, wen, alice.id, pin="591374")
    pins.check_pin(session, alice, "591374")

    assert left == [4, 3, 2, 1, 0]


def test_a_right_pin_forgets_the_wrong_ones(session: Session, alice: Member) -> None:
    pins.set_pin(session, actor_of(alice), alice.id, pin="4826")
    for _ in range(4):
        with pytest.raises(PinWrong):
            pins.check_pin(session, alice, "0000")

    pins.check_pin(session, alice, "4826")

    assert alice.pin_failed_count == 0


def test_a_missing_pin_is_told_from_an_untyped_one(session: Session, alice: Member) -> None:
    with pytest.raises(PinMissing):
        pins.check_pin(session, alice, "4826")
    pins.set_pin(session, actor_of(alice), alice.id, pin="4826")
    with pytest.raises(PinRequired):
        pins.check_pin(session, alice, None)


@pytest.mark.parametrize("pin", ["", "123", "1234567", "12a4", "1234", "9876", "7777", "４８２６"])
def test_a_pin_nobody_should_have_is_refused(session: Session, alice: Member, pin: str) -> None:
    with pytest.raises(PinInvalid):
        pins.set_pin(session, actor_of(alice), alice.id, pin=pin)


def test_nobody_sets_the_pin_of_another(session: Session, alice: Member) -> None:
    bob = members.add_member(session, Actor.system(alice.community_id, "test"), name="Bob")

    with pytest.raises(NotAllowed):
        pins.set_pin(session, actor_of(bob), alice.id, pin="4826")


# ---------------------------------------------------------------- tokens


def test_a_token_acts_as_its_member_until_it_is_revoked(session: Session, alice: Member) -> None:
    who = make_sign_in(session, alice)
    issued = tokens.issue_token(
        session, phone=who.phone, password=who.password, community_code="D", name="kiosk"
    )

    standing = standing_of_token(session, issued.token)
    tokens.revoke_token(session, actor_of(alice), issued.row.id)

    assert standing is not None
    assert standing.member_id == alice.id
    assert standing_of_token(session, issued.token) is None


def test_a_token_ends_after_ninety_days(session: Session, alice: Member) -> None:
    who = make_sign_in(session, alice)
    with clock.at(NOON):
        issued = tokens.issue_token(
            session, phone=who.phone, password=who.password, community_code="D", name="kiosk"
        )

    with clock.at(NOON + tokens.LIFETIME - timedelta(seconds=1)):
        assert standing_of_token(session, issued.token) is not None
    with clock.at(NOON + tokens.LIFETIME):
        assert standing_of_token(session, issued.token) is None


@pytest.mark.parametrize("token", ["", "D", "D.", ".X", "D.AAAA", "Z.AAAA", "D.A.B"])
def test_a_made_up_token_is_nobodys(session: Session, alice: Member, token: str) -> None:
    assert standing_of_token(session, token) is None


def test_a_token_of_an_unknown_community_is_refused(session: Session, alice: Member) -> None:
    who = make_sign_in(session, alice)

    with pytest.raises(CommunityNotFound):
        tokens.issue_token(
            session, phone=who.phone, password=who.password, community_code="Z", name="kiosk"
        )


def test_nobody_revokes_the_token_of_another(session: Session, alice: Member) -> None:
    bob = members.add_member(session, Actor.system(alice.community_id, "test"), name="Bob")
    who = make_sign_in(session, alice)
    issued = tokens.issue_token(
        session, phone=who.phone, password=who.password, community_code="D", name="kiosk"
    )

    with pytest.raises(TokenNotFound):
        tokens.revoke_token(session, actor_of(bob), issued.row.id)


# ---------------------------------------------------------------- documents


def test_a_document_number_is_kept_encrypted_and_shown_masked(
    session: Session, alice: Member, wen: Actor, keys: CodeKeys
) -> None:
    documents.set_document(
        session, wen, keys, alice.id, kind="Identity card", number=" 4526011955 03071236"
    )

    assert alice.document_number_masked == "452*************36"
    assert ID_NUMBER.encode() not in (alice.document_number_encrypted or b"")
    assert documents.read_document(session, wen, keys, alice.id) == ID_NUMBER


def test_an_empty_number_takes_the_document_out(
    session: Session, alice: Member, wen: Actor, keys: CodeKeys
) -> None:
    documents.set_document(session, wen, keys, alice.id, kind="Passport", number="E12345678")
    documents.set_document(session, wen, keys, alice.id, kind="Passport", number="")

    assert alice.document_number_encrypted is None
    assert documents.read_document(session, wen, keys, alice.id) is None


@pytest.mark.parametrize("number", ["123", "X" * 41, "452601!", "四五二六"])
def test_what_is_no_document_number_is_refused(
    session: Session, alice: Member, wen: Actor, keys: CodeKeys, number: str
) -> None:
    with pytest.raises(DocumentInvalid):
        documents.set_document(session, wen, keys, alice.id, kind="Passport", number=number)


def test_only_those_who_manage_members_read_documents(
    session: Session, alice: Member, keys: CodeKeys
) -> None:
    with pytest.raises(NotAllowed):
        documents.read_document(session, actor_of(alice, Role.LEADER), keys, alice.id)


def test_another_communitys_document_is_not_there(
    session: Session, alice: Member, keys: CodeKeys
) -> None:
    other = make_community(session, code="A")

    with pytest.raises(MemberNotFound):
        documents.read_document(session, Actor.system(other.community_id, "test"), keys, alice.id)


@pytest.mark.parametrize(
    ("number", "masked"),
    [("E1234", "***34"), ("E12345678", "*******78"), ("E123456789", "E12*****89")],
)
def test_a_short_number_shows_its_end_only(number: str, masked: str) -> None:
    assert documents.masked_number(number) == masked
