"""Scans of a device without a network, told later: what each case comes to."""

from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError

from ledger import clock
from ledger.errors import NotAllowed
from tests.service.offline import BACK, CAME, LEFT, NO, UNKNOWN, found, queued, stay, tell
from tests.service.world import World, local, make_world
from timebank import codes
from timebank.people import cards, members
from timebank.service import review, sync
from timebank.service.changes import cancel_occasion
from timebank.service.decide import Effect, Intent, Status
from timebank.service.errors import NotHere, WrongField
from timebank.service.models import Attendance, AttendanceState, Occasion, Provenance
from timebank.service.occasions import SlotPlan
from timebank.service.offline_models import CodeKind, OfflineScan, Outcome, Why
from timebank.service.offline_outcome import DeviceDecision

# ---------------------------------------------------------------- what fits


def test_a_day_without_a_network_comes_to_the_same_as_one_with(
    world: World, occasion: Occasion
) -> None:
    scans = [
        queued(occasion, world.charlie, local("8:58")),
        queued(occasion, world.charlie, local("11:34"), LEFT, sequence=2),
    ]

    told = tell(world, *scans)

    row = world.row(world.charlie, occasion)
    assert [found(each) for each in told] == [(Outcome.ACCEPTED, None)] * 2
    assert (row.in_at, row.out_at) == (local("8:58"), local("11:34"))
    assert (row.provenance, row.in_by_id) == (Provenance.LEADER_SCANNED, world.bob.id)
    world.confirm(occasion, world.mark(world.charlie, occasion), at="13:10")
    assert world.minutes(world.charlie) == 150


def test_six_hours_away_are_no_doubt(world: World, occasion: Occasion) -> None:
    told = tell(world, queued(occasion, world.charlie, local("8:58")), at=local("14:58"))

    assert found(told[0]) == (Outcome.ACCEPTED, None)


def test_the_same_nonce_gets_the_same_answer(world: World, occasion: Occasion) -> None:
    scan = queued(occasion, world.charlie, local("8:58"))

    first, again = tell(world, scan), tell(world, scan, at=BACK + timedelta(hours=1))

    assert first[0].id == again[0].id
    assert world.session.scalar(select(func.count()).select_from(OfflineScan)) == 1


def test_the_same_nonce_twice_in_one_batch_is_one_scan(world: World, occasion: Occasion) -> None:
    scan = queued(occasion, world.charlie, local("8:58"))

    told = tell(world, scan, scan)

    assert told[0].id == told[1].id


def test_a_walk_in_takes_a_place(world: World, occasion: Occasion) -> None:
    before = world.slot(occasion).enrolled_count
    joined = DeviceDecision(Status.OK, Effect.JOIN)

    told = tell(world, queued(occasion, world.dora, local("9:00"), joined))

    world.session.expire_all()
    assert (told[0].outcome, told[0].effect) == (Outcome.ACCEPTED, "join")
    assert world.slot(occasion).enrolled_count == before + 1


def test_the_leaders_own_name_waits_for_anothers_yes(world: World, occasion: Occasion) -> None:
    world.enrol(occasion, world.bob)
    said = DeviceDecision(Status.REVIEW, Effect.CHECK_IN, "needs_lead")

    told = tell(world, queued(occasion, world.bob, local("9:00"), said))

    assert told[0].outcome is Outcome.ACCEPTED
    assert world.row(world.bob, occasion).needs_lead


def test_a_clock_a_little_slow_is_put_right(world: World, occasion: Occasion) -> None:
    late = timedelta(minutes=4)
    scan = queued(occasion, world.charlie, local("8:58") - late, device_offset=late)

    tell(world, scan, sent_at=BACK - late)

    assert world.row(world.charlie, occasion).in_at == local("8:58")


# ---------------------------------------------------------------- two devices


def test_of_two_devices_the_earlier_check_in_counts(world: World, occasion: Occasion) -> None:
    late = tell(world, queued(occasion, world.charlie, local("9:00")), device="two")
    early = tell(world, queued(occasion, world.charlie, local("8:58")), device="one")
    last = tell(world, queued(occasion, world.charlie, local("9:02")), device="three")

    assert found(late[0]) == (Outcome.ACCEPTED, None)
    assert found(early[0]) == (Outcome.FLAGGED, Why.MOVED_EARLIER)
    assert found(last[0]) == (Outcome.FLAGGED, Why.EARLIER_COUNTS)
    assert world.row(world.charlie, occasion).in_at == local("8:58")


@pytest.mark.parametrize("order", list(permutations(range(4))))
def test_four_scans_told_in_any_order_end_alike(
    world: World, occasion: Occasion, order: tuple[int, ...]
) -> None:
    scans = [
        queued(occasion, world.charlie, local("8:58")),
        queued(occasion, world.charlie, local("9:00")),
        queued(occasion, world.charlie, local("11:30"), LEFT),
        queued(occasion, world.charlie, local("11:34"), LEFT),
    ]

    for place in order:
        tell(world, scans[place])

    ends = (AttendanceState.OUT, local("8:58"), local("11:30"))
    assert stay(world, world.charlie, occasion) == ends
    assert review.waiting_count(world.session, occasion.community_id) == 0


@pytest.mark.parametrize("order", [("one", "two"), ("two", "one")])
def test_two_tablets_six_hours_away_with_the_same_people_agree(
    world: World, occasion: Occasion, order: tuple[str, str]
) -> None:
    people = [world.charlie, world.dora]
    world.enrol(occasion, world.dora)
    seen = {"one": ("8:58", "11:34"), "two": ("9:03", "11:31")}
    scans = {
        device: [
            queued(occasion, each, local(moment), said, sequence=number)
            for each in people
            for number, (moment, said) in enumerate(zip(moments, (CAME, LEFT), strict=True))
        ]
        for device, moments in seen.items()
    }

    for device in order:
        tell(world, *scans[device], at=local("14:58"), device=device)

    ends = (AttendanceState.OUT, local("8:58"), local("11:31"))
    assert [stay(world, each, occasion) for each in people] == [ends, ends]
    assert review.waiting_count(world.session, occasion.community_id) == 0


def test_a_phone_with_a_network_and_a_tablet_without_agree(
    world: World, occasion: Occasion
) -> None:
    with clock.at(local("9:05")):
        world.press(world.charlie, occasion)

    tell(world, queued(occasion, world.charlie, local("8:58")), at=local("9:30"))

    row = world.row(world.charlie, occasion)
    assert (row.in_at, row.provenance) == (local("8:58"), Provenance.LEADER_SCANNED)


# ---------------------------------------------------------------- what does not fit


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"snapshot_at": None}, Why.SNAPSHOT_OLD),
        ({"snapshot_at": local("8:57") - timedelta(hours=24)}, Why.SNAPSHOT_OLD),
        ({"snapshot_at": local("9:04")}, Why.CLOCK_WRONG),
        ({"device_offset": timedelta(minutes=6)}, Why.CLOCK_WRONG),
        ({"device_at": BACK + timedelta(minutes=2)}, Why.IN_FUTURE),
    ],
)
def test_a_moment_that_cannot_be_trusted_is_looked_at(
    world: World, occasion: Occasion, change: dict[str, Any], why: Why
) -> None:
    told = tell(world, queued(occasion, world.charlie, local("8:58"), **change))

    assert found(told[0]) == (Outcome.REVIEW, why)
    assert world.row(world.charlie, occasion).state is AttendanceState.ENROLLED


def test_a_list_of_exactly_24_hours_is_good(world: World, occasion: Occasion) -> None:
    made = local("8:58") - timedelta(hours=24)

    told = tell(world, queued(occasion, world.charlie, local("8:58"), snapshot_at=made))

    assert told[0].outcome is Outcome.ACCEPTED


@pytest.mark.parametrize(
    "off",
    [
        timedelta(minutes=5, seconds=1),
        timedelta(minutes=10),
        timedelta(minutes=-10),
        timedelta(days=-300),
    ],
)
def test_a_wrong_clock_is_looked_at(world: World, occasion: Occasion, off: timedelta) -> None:
    scan = queued(occasion, world.charlie, local("8:58") - off, device_offset=off)

    told = tell(world, scan, sent_at=BACK - off)

    assert found(told[0]) == (Outcome.REVIEW, Why.CLOCK_WRONG)


def test_a_card_replaced_after_the_scan_was_good(world: World, occasion: Occasion) -> None:
    old = cards.issue_card(world.session, world.desk, world.charlie.id)
    code = codes.token_digest(old.token).hex()
    with clock.at(local("10:00")):
        cards.issue_card(world.session, world.desk, world.charlie.id)
    before = queued(occasion, None, local("8:58"), kind=CodeKind.CARD, code=code)
    after = queued(occasion, None, local("11:30"), LEFT, kind=CodeKind.DIGITS, code=old.card.digits)

    told = tell(world, before, after)

    assert found(told[0]) == (Outcome.FLAGGED, Why.CARD_REPLACED)
    assert (found(told[1]), told[1].reason) == ((Outcome.REVIEW, Why.REFUSED), "revoked")
    assert stay(world, world.charlie, occasion) == (AttendanceState.IN, local("8:58"), None)


def test_a_service_called_off_after_people_came_is_looked_at(
    world: World, occasion: Occasion
) -> None:
    with clock.at(local("8:00")):
        cancel_occasion(world.session, world.desk, occasion_id=occasion.id, reason="下雨")

    told = tell(world, queued(occasion, world.charlie, local("8:58")))

    assert (found(told[0]), told[0].reason) == ((Outcome.REVIEW, Why.REFUSED), "cancelled")


def test_a_card_that_the_device_did_not_know(world: World, occasion: Occasion) -> None:
    card = cards.issue_card(world.session, world.desk, world.dora.id)
    known = queued(
        occasion, None, local("9:00"), UNKNOWN, kind=CodeKind.DIGITS, code=card.card.digits
    )
    nobodys = queued(
        occasion, None, local("9:01"), UNKNOWN, kind=CodeKind.DIGITS, code="1000000008"
    )

    told = tell(world, known, nobodys)

    assert found(told[0]) == (Outcome.FLAGGED, Why.UNKNOWN_AT_DEVICE)
    assert found(told[1]) == (Outcome.REVIEW, Why.UNKNOWN_CARD)
    assert world.row(world.dora, occasion).state is AttendanceState.IN


def test_a_text_that_is_no_card_needs_nobody(world: World, occasion: Occasion) -> None:
    no = DeviceDecision(Status.REFUSED, Effect.NONE, "invalid")

    told = tell(world, queued(occasion, None, local("9:00"), no, kind=CodeKind.UNKNOWN))

    assert found(told[0]) == (Outcome.ACCEPTED, None)


def test_who_was_sent_away_by_the_device_is_not_entered_in_silence(
    world: World, occasion: Occasion
) -> None:
    told = tell(world, queued(occasion, world.charlie, local("9:00"), NO))

    assert found(told[0]) == (Outcome.REVIEW, Why.DEVICE_SAID_NO)
    assert world.row(world.charlie, occasion).in_at is None


def test_a_settled_list_is_not_changed(world: World, occasion: Occasion) -> None:
    world.serve(world.charlie, occasion, "9:05", "11:34")
    world.confirm(occasion, world.mark(world.charlie, occasion))

    told = tell(
        world,
        queued(occasion, world.charlie, local("8:58")),
        queued(occasion, world.charlie, local("9:10")),
    )

    assert found(told[0]) == (Outcome.REVIEW, Why.LIST_SETTLED)
    assert found(told[1]) == (Outcome.FLAGGED, Why.EARLIER_COUNTS)
    assert world.row(world.charlie, occasion).in_at == local("9:05")


def test_nobody_was_in_two_places(world: World, occasion: Occasion) -> None:
    other = world.plan(SlotPlan("10:00", "11:00", 5), title="看望老人")
    world.enrol(occasion, world.dora)
    with clock.at(local("9:00")):
        world.press(world.dora, other, is_joining=True)

    inside = tell(world, queued(occasion, world.dora, local("9:30")))
    before = tell(world, queued(occasion, world.dora, local("8:30")))

    assert (found(inside[0]), inside[0].reason) == ((Outcome.REVIEW, Why.REFUSED), "overlap")
    assert found(before[0]) == (Outcome.REVIEW, Why.OVERLAP)
    assert world.row(world.dora, occasion).state is AttendanceState.ENROLLED


def test_a_check_out_told_later_clears_the_overlap(world: World, occasion: Occasion) -> None:
    other = world.plan(SlotPlan("10:00", "11:00", 5), title="看望老人")
    world.enrol(occasion, world.dora)
    with clock.at(local("9:50")):
        world.press(world.dora, other, is_joining=True)
    tell(world, queued(occasion, world.dora, local("8:30")))

    told = tell(world, queued(occasion, world.dora, local("9:40"), LEFT))

    assert told[0].outcome is Outcome.ACCEPTED
    assert stay(world, world.dora, occasion)[1:] == (local("8:30"), local("9:40"))
    assert review.waiting_count(world.session, occasion.community_id) == 0


def test_the_last_place_goes_to_the_first(world: World) -> None:
    small = world.plan(SlotPlan("09:00", "11:30", 1))
    joined = DeviceDecision(Status.OK, Effect.JOIN)

    told = tell(
        world,
        queued(small, world.dora, local("9:10"), joined),
        queued(small, world.charlie, local("9:00"), joined),
    )

    assert (found(told[0]), told[0].reason) == ((Outcome.REVIEW, Why.REFUSED), "full")
    assert told[1].outcome is Outcome.ACCEPTED


def test_who_was_suspended_meanwhile_is_looked_at(world: World, occasion: Occasion) -> None:
    members.suspend(world.session, world.desk, world.charlie.id, reason="test")

    told = tell(world, queued(occasion, world.charlie, local("8:58")))

    assert (found(told[0]), told[0].reason) == ((Outcome.REVIEW, Why.REFUSED), "suspended")


def test_rows_are_unchanged_by_what_is_only_a_repetition(world: World, occasion: Occasion) -> None:
    with clock.at(local("8:58")):
        world.press(world.charlie, occasion)
    again = DeviceDecision(Status.REPLAY, Effect.NONE, "already_in")

    told = tell(world, queued(occasion, world.charlie, local("9:20"), again, intent=Intent.AUTO))

    rows = world.session.scalars(select(Attendance)).all()
    assert found(told[0]) == (Outcome.ACCEPTED, None)
    assert [(row.state, row.in_at) for row in rows] == [(AttendanceState.IN, local("8:58"))]


# ---------------------------------------------------------------- who may, and how much


def test_a_volunteer_tells_nothing(world: World, occasion: Occasion) -> None:
    with pytest.raises(NotAllowed):
        tell(world, by=world.actor(world.charlie))


def test_another_communitys_day_is_not_there(world: World, occasion: Occasion) -> None:
    other = make_world(world.session, world.keys, "A")

    with pytest.raises(NotHere):
        tell(other, queued(occasion, other.charlie, local("9:00")))
    with pytest.raises(NotHere):
        tell(world, queued(occasion, other.charlie, local("9:00")))


def test_a_batch_has_an_end(world: World, occasion: Occasion) -> None:
    scans = [queued(occasion, world.charlie, local("9:00")) for _ in range(sync.BATCH_MAX + 1)]

    with pytest.raises(WrongField):
        tell(world, *scans)
    with pytest.raises(WrongField):
        tell(world, scans[0], device="")


def test_what_was_scanned_stays(world: World, occasion: Occasion) -> None:
    tell(world, queued(occasion, world.charlie, local("8:58")))

    with pytest.raises(DBAPIError, match="kept as they are"), world.session.begin_nested():
        world.session.execute(text("UPDATE offline_scan SET outcome = 'review'"))
