"""Coming and going: by the rotating code, by the poster, by the leader's scan."""

import secrets
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from ledger import clock
from tests.service.world import World, local, make_world
from timebank import codes
from timebank.people import members
from timebank.service import arrivals, changes, checkin
from timebank.service.checkin import Press
from timebank.service.decide import Effect, Intent, NextAction, Reason, Status, Verdict
from timebank.service.errors import NonceReused, WrongField
from timebank.service.models import Attendance, AttendanceState, Occasion, Provenance, ScanEvent
from timebank.service.occasions import SlotPlan

pytestmark = pytest.mark.databases("sqlite")


def _scans(world: World) -> int:
    return world.session.scalar(select(func.count()).select_from(ScanEvent)) or 0


def _code(world: World, occasion: Occasion) -> str:
    path = arrivals.venue_path(world.session, world.leader, world.keys, occasion_id=occasion.id)
    return path.removeprefix("S/")


# ---------------------------------------------------------------- opening a code


def test_opening_a_fresh_code_gives_a_ticket_and_writes_nothing(
    world: World, occasion: Occasion
) -> None:
    with clock.at(local("8:58")):
        arrival = world.arrive(world.charlie, _code(world, occasion))

    assert arrival.verdict is Verdict.VALID
    assert arrival.ticket is not None
    assert arrival.preview is not None
    assert arrival.preview.effect is Effect.CHECK_IN
    assert not world.session.dirty
    assert _scans(world) == 0


def test_a_stranger_sees_what_the_service_is(world: World, occasion: Occasion) -> None:
    with clock.at(local("8:58")):
        arrival = world.arrive(None, _code(world, occasion).lower())

    assert arrival.venue is not None
    assert (arrival.venue.title, arrival.venue.leader_name) == (occasion.title, "覃志远")
    assert arrival.preview is None
    assert arrival.ticket is not None


@pytest.mark.parametrize(
    ("seconds", "verdict"),
    [
        (0, Verdict.VALID),
        (89, Verdict.VALID),
        (90, Verdict.CODE_EXPIRED),
        (3600, Verdict.CODE_EXPIRED),
    ],
)
def test_a_code_lives_for_three_steps(
    world: World, occasion: Occasion, seconds: int, verdict: Verdict
) -> None:
    with clock.at(local("9:00")):
        code = _code(world, occasion)

    with clock.at(local("9:00") + timedelta(seconds=seconds)):
        arrival = world.arrive(world.charlie, code)

    assert arrival.verdict is verdict
    assert (arrival.ticket is None) == (verdict is not Verdict.VALID)


def test_a_code_forged_by_one_character_is_not_genuine(world: World, occasion: Occasion) -> None:
    with clock.at(local("9:00")):
        code = _code(world, occasion)
        forged = code[:-1] + ("A" if code[-1] != "A" else "B")

        arrival = world.arrive(world.charlie, forged)

    assert arrival.verdict is Verdict.BAD_SIGNATURE


def test_a_signature_of_another_occasion_is_not_genuine(world: World, occasion: Occasion) -> None:
    other = world.plan(SlotPlan("14:00", "16:00", 5), title="看望老人")
    with clock.at(local("9:00")):
        mine, theirs = _code(world, occasion), _code(world, other)
        mixed = mine.split(".")[0] + "." + theirs.split(".", 1)[1]

        assert world.arrive(world.charlie, mixed).verdict is Verdict.BAD_SIGNATURE


@pytest.mark.parametrize(
    "code", ["", "x", "D-AAAAAA", "D-AAAAAA.1.B", "Ｄ", "D-AAAAAA.1.A" + "A" * 16]
)
def test_any_other_text_is_no_code(world: World, code: str) -> None:
    assert world.arrive(world.charlie, code).verdict is Verdict.INVALID


# ---------------------------------------------------------------- the button


def test_coming_in_and_going_out(world: World, occasion: Occasion) -> None:
    with clock.at(local("8:58")):
        came = world.press(world.charlie, occasion, Intent.IN)
    with clock.at(local("11:34")):
        left = world.press(world.charlie, occasion, Intent.OUT)

    row = world.row(world.charlie, occasion)
    assert (came.status, came.effect, came.http_status) == (Status.OK, Effect.CHECK_IN, 201)
    assert (left.status, left.details["minutes"]) == (Status.OK, 156)
    assert (row.state, row.in_at, row.out_at) == (
        AttendanceState.OUT,
        local("8:58"),
        local("11:34"),
    )
    assert (row.provenance, row.in_by_id) == (Provenance.SELF_SCANNED, None)
    assert _scans(world) == 2


def test_a_second_scan_says_when_and_changes_nothing(world: World, occasion: Occasion) -> None:
    with clock.at(local("8:58")):
        world.press(world.charlie, occasion)

    with clock.at(local("9:01")):
        again = world.press(world.charlie, occasion)

    assert (again.status, again.reason, again.http_status) == (
        Status.REPLAY,
        Reason.ALREADY_IN,
        200,
    )
    assert again.first_seen == local("8:58")
    assert world.row(world.charlie, occasion).in_at == local("8:58")


def test_the_same_nonce_gives_the_stored_answer(world: World, occasion: Occasion) -> None:
    with clock.at(local("8:58")):
        world.press(world.charlie, occasion, nonce="one-and-the-same")

    with clock.at(local("11:34")):
        again = world.press(world.charlie, occasion, Intent.OUT, nonce="one-and-the-same")

    assert (again.status, again.effect, again.details) == (
        Status.REPLAY,
        Effect.CHECK_IN,
        {"since": "8:58"},
    )
    assert world.row(world.charlie, occasion).state is AttendanceState.IN
    assert _scans(world) == 1


def test_a_refusal_stays_a_refusal_for_the_same_nonce(world: World, occasion: Occasion) -> None:
    with clock.at(local("7:00")):
        world.press(world.charlie, occasion, nonce="too-early-by-far")

    with clock.at(local("9:00")):
        again = world.press(world.charlie, occasion, nonce="too-early-by-far")

    assert (again.status, again.reason) == (Status.REFUSED, Reason.NOT_OPEN)


def test_a_nonce_of_another_occasion_is_refused(world: World, occasion: Occasion) -> None:
    other = world.plan(SlotPlan("09:00", "10:00", 5), title="看望老人")
    with clock.at(local("9:00")):
        world.press(world.charlie, occasion, nonce="one-and-the-same")

        with pytest.raises(NonceReused):
            world.press(world.charlie, other, nonce="one-and-the-same")


def test_two_people_may_happen_to_use_one_nonce(world: World, occasion: Occasion) -> None:
    world.enrol(occasion, world.dora)
    with clock.at(local("9:00")):
        world.press(world.charlie, occasion, nonce="one-and-the-same")

        other = world.press(world.dora, occasion, nonce="one-and-the-same")

    assert other.status is Status.OK


@pytest.mark.parametrize(
    "nonce", ["short", "x" * 65, "with a blank", "with\nline", "数字数字数字数字"]
)
def test_a_nonce_of_another_form_is_invalid(world: World, occasion: Occasion, nonce: str) -> None:
    with clock.at(local("9:00")), pytest.raises(WrongField):
        world.press(world.charlie, occasion, nonce=nonce)


def test_a_ticket_is_good_for_ten_minutes(world: World, occasion: Occasion) -> None:
    with clock.at(local("8:50")):
        ticket = world.ticket(occasion)
    press = Press(secrets.token_hex(8), Intent.IN)

    with clock.at(local("9:00:01")):
        late = checkin.check_in(
            world.session, world.actor(world.charlie), world.keys, ticket=ticket, press=press
        )

    assert (late.status, late.reason) == (Status.REFUSED, Reason.CODE_EXPIRED)
    assert world.row(world.charlie, occasion).state is AttendanceState.ENROLLED


def test_a_ticket_changed_by_one_character_is_refused(world: World, occasion: Occasion) -> None:
    with clock.at(local("9:00")):
        ticket = world.ticket(occasion)
        forged = ticket[:-1] + ("A" if ticket[-1] != "A" else "B")

        answer = checkin.check_in(
            world.session,
            world.actor(world.charlie),
            world.keys,
            ticket=forged,
            press=Press(secrets.token_hex(8)),
        )

    assert (answer.reason, answer.http_status) == (Reason.BAD_SIGNATURE, 404)
    assert _scans(world) == 1


def test_a_ticket_that_is_no_ticket_is_invalid(world: World) -> None:
    answer = checkin.check_in(
        world.session,
        world.actor(world.charlie),
        world.keys,
        ticket="x" * 40,
        press=Press(secrets.token_hex(8)),
    )

    assert (answer.reason, answer.occasion_id) == (Reason.INVALID, None)


def test_another_communitys_code_names_the_community(world: World, occasion: Occasion) -> None:
    other = make_world(world.session, world.keys, "A")
    with clock.at(local("9:00")):
        arrival = other.arrive(other.charlie, _code(world, occasion))
        answer = checkin.check_in(
            other.session,
            other.actor(other.charlie),
            other.keys,
            ticket=world.ticket(occasion),
            press=Press(secrets.token_hex(8)),
        )

    assert arrival.preview is not None
    assert arrival.preview.reason is Reason.WRONG_COMMUNITY
    assert (answer.reason, answer.details) == (Reason.WRONG_COMMUNITY, {"community": "D社区"})


def test_a_suspended_member_is_refused(world: World, occasion: Occasion) -> None:
    admin = world.actor(world.alice, *world.desk.roles)
    members.suspend(world.session, admin, world.charlie.id, reason="搬家")

    with clock.at(local("9:00")):
        answer = world.press(world.charlie, occasion)

    assert answer.reason is Reason.SUSPENDED


def test_a_called_off_service_is_refused(world: World, occasion: Occasion) -> None:
    changes.cancel_occasion(world.session, world.desk, occasion_id=occasion.id, reason="下雨")

    with clock.at(local("9:00")):
        assert world.press(world.charlie, occasion).reason is Reason.CANCELLED


# ---------------------------------------------------------------- walk-ins


def test_who_is_not_on_the_list_is_offered_to_join(world: World, occasion: Occasion) -> None:
    with clock.at(local("9:00")):
        refused = world.press(world.dora, occasion)
        joined = world.press(world.dora, occasion, is_joining=True)

    row = world.row(world.dora, occasion)
    assert (refused.reason, refused.next_action) == (Reason.NOT_ENROLLED, NextAction.JOIN)
    assert (joined.status, joined.reason, joined.http_status) == (
        Status.REVIEW,
        Reason.NEEDS_LEAD,
        201,
    )
    assert (row.state, row.needs_lead) == (AttendanceState.IN, True)
    assert world.slot(occasion).enrolled_count == 2


def test_joining_takes_the_last_place_and_no_more(world: World) -> None:
    small = world.plan(SlotPlan("09:00", "11:30", 1))
    with clock.at(local("9:00")):
        first = world.press(world.charlie, small, is_joining=True)
        second = world.press(world.dora, small, is_joining=True)

    assert first.status is Status.REVIEW
    assert second.reason is Reason.FULL
    assert world.slot(small).enrolled_count == 1


def test_a_walk_in_joins_the_slot_that_is_running(world: World) -> None:
    day = world.plan(SlotPlan("08:00", "09:00", 5), SlotPlan("09:30", "11:00", 5))

    with clock.at(local("9:20")):
        world.press(world.dora, day, is_joining=True)

    assert world.row(world.dora, day).slot_id == world.slots(day)[1].id


# ---------------------------------------------------------------- elsewhere


def test_nobody_is_in_two_places(world: World, occasion: Occasion) -> None:
    other = world.plan(SlotPlan("11:30", "13:00", 5), title="看望老人")
    world.enrol(other, world.charlie)
    with clock.at(local("9:00")):
        world.press(world.charlie, occasion)

    with clock.at(local("11:00")):
        answer = world.press(world.charlie, other)

    assert (answer.reason, answer.details) == (Reason.OVERLAP, {"other": occasion.title})


def test_a_forgotten_check_out_does_not_keep_from_the_next(
    world: World, occasion: Occasion
) -> None:
    other = world.plan(SlotPlan("11:30", "13:00", 5), title="看望老人")
    world.enrol(other, world.charlie)
    with clock.at(local("9:00")):
        world.press(world.charlie, occasion)

    with clock.at(local("11:59:59")):
        before = world.press(world.charlie, other)
    with clock.at(local("12:00")):
        after = world.press(world.charlie, other)

    assert before.reason is Reason.OVERLAP
    assert after.status is Status.OK


def test_the_right_service_is_named(world: World, occasion: Occasion) -> None:
    other = world.plan(SlotPlan("09:00", "11:30", 5), title="看望老人")

    with clock.at(local("9:00")):
        answer = world.press(world.charlie, other)

    assert (answer.reason, answer.details) == (Reason.WRONG_OCCASION, {"other": occasion.title})


def test_one_row_per_member_and_occasion(world: World, occasion: Occasion) -> None:
    for clock_text in ("8:30", "9:00", "11:00", "11:20"):
        with clock.at(local(clock_text)):
            world.press(world.charlie, occasion)

    count = world.session.scalar(select(func.count()).select_from(Attendance))
    assert count == 1


def test_keys_of_another_root_open_nothing(world: World, occasion: Occasion) -> None:
    with clock.at(local("9:00")):
        code = _code(world, occasion)
        stranger = codes.CodeKeys(bytes(32))

        arrival = arrivals.open_venue_code(
            world.session, world.actor(world.charlie), stranger, code=code
        )

    assert arrival.verdict is Verdict.BAD_SIGNATURE
