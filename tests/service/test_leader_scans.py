"""The leader's device: a card, its digits, a tapped name."""

import secrets

import pytest
from sqlalchemy import func, select

from ledger import clock
from ledger.errors import NotAllowed
from tests.service.world import World, local, make_world
from timebank.people import cards
from timebank.service import checkin
from timebank.service.checkin import Press
from timebank.service.decide import Effect, Reason, Status
from timebank.service.errors import NotHere
from timebank.service.models import AttendanceState, Occasion, Provenance, ScanEvent

pytestmark = pytest.mark.databases("sqlite")


def _scans(world: World) -> int:
    return world.session.scalar(select(func.count()).select_from(ScanEvent)) or 0


def _scan_for(world: World, occasion: Occasion, text: str = "", **more: object):  # type: ignore[no-untyped-def]
    return checkin.scan_for(
        world.session,
        world.leader,
        occasion_id=occasion.id,
        text=text,
        press=Press(secrets.token_hex(8)),
        **more,  # type: ignore[arg-type]
    )


def test_the_leader_scans_a_card_and_types_its_digits(world: World, occasion: Occasion) -> None:
    card = cards.issue_card(world.session, world.desk, world.charlie.id)
    with clock.at(local("9:00")):
        came = _scan_for(world, occasion, f"HTTPS://HOST/C/{card.token}")
    with clock.at(local("11:30")):
        left = _scan_for(world, occasion, card.card.digits)

    row = world.row(world.charlie, occasion)
    assert (came.effect, left.effect) == (Effect.CHECK_IN, Effect.CHECK_OUT)
    assert came.member_name == "韦桂芬"
    assert (row.provenance, row.in_by_id) == (Provenance.LEADER_SCANNED, world.bob.id)


def test_the_leader_taps_a_name(world: World, occasion: Occasion) -> None:
    with clock.at(local("9:00")):
        answer = _scan_for(world, occasion, member_id=world.charlie.id)

    assert answer.effect is Effect.CHECK_IN


def test_a_leaders_scan_of_a_walk_in_is_the_leaders_yes(world: World, occasion: Occasion) -> None:
    with clock.at(local("9:00")):
        answer = _scan_for(world, occasion, member_id=world.dora.id)

    assert (answer.status, answer.effect) == (Status.OK, Effect.JOIN)
    assert not world.row(world.dora, occasion).needs_lead


@pytest.mark.parametrize("is_signed_up", [False, True])
def test_a_leader_who_taps_their_own_name_needs_anothers_yes(
    world: World, occasion: Occasion, is_signed_up: bool
) -> None:
    if is_signed_up:
        world.enrol(occasion, world.bob)
    with clock.at(local("9:00")):
        answer = _scan_for(world, occasion, member_id=world.bob.id)

    row = world.row(world.bob, occasion)
    scan = world.session.scalars(select(ScanEvent)).one()
    assert (answer.status, row.needs_lead) == (Status.REVIEW, True)
    assert (row.provenance, row.in_by_id) == (Provenance.LEADER_SCANNED, world.bob.id)
    assert scan.scanned_by_id == world.bob.id


def test_a_leader_who_scans_the_code_by_phone_scanned_in_person(
    world: World, occasion: Occasion
) -> None:
    world.enrol(occasion, world.bob)
    with clock.at(local("9:00")):
        world.press(world.bob, occasion)

    row = world.row(world.bob, occasion)
    assert (row.provenance, row.in_by_id) == (Provenance.SELF_SCANNED, None)
    assert not row.needs_lead


@pytest.mark.parametrize(
    "text", ["", "hello", "1234567890", "5000000018", "ＨＴＴＰＳ：／／Ｘ", "x" * 500]
)
def test_what_is_no_card_is_invalid_and_recorded(
    world: World, occasion: Occasion, text: str
) -> None:
    with clock.at(local("9:00")):
        answer = _scan_for(world, occasion, text)

    assert (answer.reason, answer.http_status) == (Reason.INVALID, 404)
    assert _scans(world) == 1


def test_a_full_width_scan_is_read(world: World, occasion: Occasion) -> None:
    card = cards.issue_card(world.session, world.desk, world.charlie.id)
    garbled = card.card.digits.translate({ord(str(n)): chr(0xFF10 + n) for n in range(10)})

    with clock.at(local("9:00")):
        assert _scan_for(world, occasion, garbled).effect is Effect.CHECK_IN


def test_a_replaced_card_is_revoked(world: World, occasion: Occasion) -> None:
    old = cards.issue_card(world.session, world.desk, world.charlie.id)
    cards.issue_card(world.session, world.desk, world.charlie.id)

    with clock.at(local("9:00")):
        answer = _scan_for(world, occasion, old.card.digits)

    assert answer.reason is Reason.REVOKED
    assert world.row(world.charlie, occasion).state is AttendanceState.ENROLLED


def test_a_volunteer_scans_for_nobody(world: World, occasion: Occasion) -> None:
    with pytest.raises(NotAllowed):
        checkin.scan_for(
            world.session,
            world.actor(world.charlie),
            occasion_id=occasion.id,
            member_id=world.dora.id,
            press=Press(secrets.token_hex(8)),
        )


def test_another_communitys_leader_finds_nothing(world: World, occasion: Occasion) -> None:
    other = make_world(world.session, world.keys, "A")

    with pytest.raises(NotHere):
        checkin.scan_for(
            other.session,
            other.leader,
            occasion_id=occasion.id,
            member_id=other.charlie.id,
            press=Press(secrets.token_hex(8)),
        )
