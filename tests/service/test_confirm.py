"""Confirming the list: who may, what counts, what is posted, once."""

from datetime import date

import pytest
from sqlalchemy import select

from ledger import clock
from ledger.errors import NotAllowed
from ledger.schema import Transaction
from tests.service.world import SERVICE_DAY, World, local
from timebank.contributions import Category
from timebank.rewards import points
from timebank.service import changes, occasions, rows
from timebank.service.attendance import Mark, RowMark, Waiting
from timebank.service.decide import Intent
from timebank.service.errors import (
    NotHere,
    OccasionCancelled,
    OwnRow,
    WrongField,
    WrongTimes,
)
from timebank.service.models import AttendanceState, Occasion, OccasionStatus
from timebank.service.occasions import SlotPlan

pytestmark = pytest.mark.databases("sqlite")


def test_confirming_posts_minutes_and_points_once(world: World, occasion: Occasion) -> None:
    world.serve(world.charlie, occasion)

    first = world.confirm(occasion, world.mark(world.charlie, occasion))
    second = world.confirm(occasion, world.mark(world.charlie, occasion))

    row = world.row(world.charlie, occasion)
    assert (world.minutes(world.charlie), world.points(world.charlie)) == (150, 5)
    assert (row.actual_minutes, row.counted_minutes, row.points) == (156, 150, 5)
    assert (row.policy_version, row.confirmed_by_id) == (1, world.bob.id)
    assert (first.minutes, first.points, len(first.posted)) == (150, 5, 1)
    assert second == first
    assert world.session.scalar(select(Transaction.narration)) == f"{occasion.title} 2026-11-09"


@pytest.mark.parametrize(
    ("second", "is_overruled"),
    [(Mark.PRESENT, False), (Mark.NOT_SEEN, True), (Mark.LEFT_EARLY, True)],
)
def test_who_comes_second_hears_that_the_row_was_settled_otherwise(
    world: World, occasion: Occasion, second: Mark, is_overruled: bool
) -> None:
    world.serve(world.charlie, occasion)
    world.confirm(occasion, world.mark(world.charlie, occasion))
    other = RowMark(world.row(world.charlie, occasion).id, second, local("10:00"))

    done = world.confirm(occasion, other, by=world.desk)

    assert [each.member.id for each in done.overruled] == [world.charlie.id] * is_overruled
    assert len(done.settled) == (not is_overruled)
    assert world.minutes(world.charlie) == 150


def test_the_entry_names_its_row_and_its_leader(world: World, occasion: Occasion) -> None:
    world.serve(world.charlie, occasion)

    world.confirm(occasion, world.mark(world.charlie, occasion))

    entry = world.session.scalars(select(Transaction)).one()
    key = f"attendance:{world.row(world.charlie, occasion).id}"
    assert (entry.kind, entry.source, entry.idempotency_key) == ("service", key, key)
    assert (entry.actor, entry.occurred_on) == (str(world.bob.id), SERVICE_DAY)


@pytest.mark.parametrize(
    ("come", "go", "actual", "counted", "expected_points"),
    [
        ("8:58", "11:34", 156, 150, 5),
        ("9:00", "11:30", 150, 150, 5),
        ("9:00:01", "11:30", 149, 149, 4),
        ("8:30", "9:00", 30, 0, 0),
        ("8:30", "9:01", 31, 1, 0),
        ("9:00", "9:29", 29, 29, 0),
        ("9:00", "9:30", 30, 30, 1),
        ("11:30", "11:40", 10, 0, 0),
    ],
)
def test_only_time_inside_the_slot_counts(  # one row of a table
    world: World,
    occasion: Occasion,
    come: str,
    go: str,
    actual: int,
    counted: int,
    expected_points: int,
) -> None:
    world.serve(world.charlie, occasion, come, go)

    world.confirm(occasion, world.mark(world.charlie, occasion))

    row = world.row(world.charlie, occasion)
    assert (row.actual_minutes, row.counted_minutes, row.points) == (
        actual,
        counted,
        expected_points,
    )
    assert row.state is (AttendanceState.POSTED if counted else AttendanceState.VOID)
    assert world.minutes(world.charlie) == counted


def test_a_missing_check_out_counts_to_the_planned_end(world: World, occasion: Occasion) -> None:
    with clock.at(local("9:10")):
        world.press(world.charlie, occasion)

    world.confirm(occasion, world.mark(world.charlie, occasion))

    row = world.row(world.charlie, occasion)
    assert (row.is_out_missing, row.out_at, row.counted_minutes) == (True, local("11:30"), 140)


def test_who_is_still_serving_is_left_alone(world: World, occasion: Occasion) -> None:
    with clock.at(local("9:00")):
        world.press(world.charlie, occasion)

    early = world.confirm(occasion, world.mark(world.charlie, occasion), at="11:29")
    at_end = world.confirm(occasion, world.mark(world.charlie, occasion), at="11:30")

    assert [reason for _, reason in early.waiting] == [Waiting.STILL_HERE]
    assert len(at_end.posted) == 1


def test_leaving_early_counts_to_what_the_leader_saw(world: World, occasion: Occasion) -> None:
    with clock.at(local("9:00")):
        world.press(world.charlie, occasion)
    row_id = world.row(world.charlie, occasion).id

    world.confirm(occasion, RowMark(row_id, Mark.LEFT_EARLY, local("10:00")))

    row = world.row(world.charlie, occasion)
    assert (row.counted_minutes, row.is_out_missing, row.out_by_id) == (60, False, world.bob.id)


@pytest.mark.parametrize("out", [None, "8:59", "11:31", "12:00"])
def test_a_time_of_leaving_outside_the_stay_is_invalid(
    world: World, occasion: Occasion, out: str | None
) -> None:
    with clock.at(local("9:00")):
        world.press(world.charlie, occasion)
    row_id = world.row(world.charlie, occasion).id

    with pytest.raises(WrongTimes, match="韦桂芬"):
        world.confirm(occasion, RowMark(row_id, Mark.LEFT_EARLY, local(out) if out else None))


def test_the_leader_never_adds_to_a_scanned_check_out(world: World, occasion: Occasion) -> None:
    world.serve(world.charlie, occasion, "9:00", "10:00")
    row_id = world.row(world.charlie, occasion).id

    with pytest.raises(WrongTimes):
        world.confirm(occasion, RowMark(row_id, Mark.LEFT_EARLY, local("10:01")))


def test_who_was_not_seen_gets_nothing_and_no_minus(world: World, occasion: Occasion) -> None:
    done = world.confirm(occasion, world.mark(world.charlie, occasion, Mark.NOT_SEEN))

    assert world.row(world.charlie, occasion).state is AttendanceState.NO_SHOW
    assert (world.minutes(world.charlie), done.open_count) == (0, 0)


def test_present_without_a_check_in_needs_a_time_by_hand(world: World, occasion: Occasion) -> None:
    done = world.confirm(occasion, world.mark(world.charlie, occasion))

    assert [reason for _, reason in done.waiting] == [Waiting.NOT_COME]


# ---------------------------------------------------------------- who confirms


def test_nobody_confirms_themselves(world: World, occasion: Occasion) -> None:
    world.enrol(occasion, world.bob)
    world.serve(world.bob, occasion)

    with pytest.raises(OwnRow):
        world.confirm(occasion, world.mark(world.bob, occasion))

    assert world.row(world.bob, occasion).state is AttendanceState.OUT


def test_the_leaders_row_waits_for_somebody_else(world: World, occasion: Occasion) -> None:
    world.enrol(occasion, world.bob)
    for member in (world.bob, world.charlie):
        world.serve(member, occasion)
    marks = [world.mark(member, occasion) for member in (world.bob, world.charlie)]

    mine = world.confirm(occasion, *marks)
    status_between = occasion.status
    theirs = world.confirm(occasion, marks[0], by=world.desk)

    assert [line.member.name for line in mine.posted] == ["韦桂芬"]
    assert [reason for _, reason in mine.waiting] == [Waiting.OWN_ROW]
    assert status_between is OccasionStatus.PLANNED
    assert [line.member.name for line in theirs.posted] == ["覃志远"]
    assert occasion.status is OccasionStatus.CLOSED


def test_a_volunteer_confirms_nothing(world: World, occasion: Occasion) -> None:
    with pytest.raises(NotAllowed):
        world.confirm(occasion, world.mark(world.charlie, occasion), by=world.actor(world.dora))


def test_a_walk_in_is_posted_only_when_accepted(world: World, occasion: Occasion) -> None:
    with clock.at(local("9:00")):
        world.press(world.dora, occasion, is_joining=True)
    with clock.at(local("11:30")):
        world.press(world.dora, occasion, Intent.OUT)
    row_id = world.row(world.dora, occasion).id

    waiting = world.confirm(occasion, RowMark(row_id, Mark.PRESENT))
    accepted = world.confirm(occasion, RowMark(row_id, Mark.PRESENT, is_accepted=True))

    assert [reason for _, reason in waiting.waiting] == [Waiting.NEEDS_LEAD]
    assert len(accepted.posted) == 1


def test_accepting_on_site_is_enough_and_may_be_repeated(world: World, occasion: Occasion) -> None:
    with clock.at(local("9:00")):
        world.press(world.dora, occasion, is_joining=True)
    row_id = world.row(world.dora, occasion).id

    for _ in range(2):
        rows.accept(world.session, world.leader, attendance_id=row_id)
    done = world.confirm(occasion, RowMark(row_id, Mark.PRESENT))

    assert len(done.posted) == 1


def test_nobody_accepts_themselves(world: World, occasion: Occasion) -> None:
    with clock.at(local("9:00")):
        world.press(world.bob, occasion, is_joining=True)

    with pytest.raises(OwnRow):
        rows.accept(world.session, world.leader, attendance_id=world.row(world.bob, occasion).id)


def test_a_row_of_another_occasion_is_not_here(world: World, occasion: Occasion) -> None:
    other = world.plan(SlotPlan("14:00", "15:00", 5), title="看望老人")

    with pytest.raises(NotHere):
        world.confirm(other, world.mark(world.charlie, occasion), at="16:00")


def test_two_marks_for_one_row_are_invalid(world: World, occasion: Occasion) -> None:
    mark = world.mark(world.charlie, occasion)

    with pytest.raises(WrongField):
        world.confirm(occasion, mark, mark)


def test_a_called_off_list_is_not_confirmed(world: World, occasion: Occasion) -> None:
    changes.cancel_occasion(world.session, world.desk, occasion_id=occasion.id, reason="下雨")

    with pytest.raises(OccasionCancelled):
        world.confirm(occasion, world.mark(world.charlie, occasion))


def test_an_empty_list_closes(world: World) -> None:
    empty = world.plan()

    before = world.confirm(empty, at="11:00").occasion.status
    after = world.confirm(empty).occasion.status

    assert (before, after) == (OccasionStatus.PLANNED, OccasionStatus.CLOSED)


# ---------------------------------------------------------------- caps and policies


def _policy(world: World, starts_on: date, **changes: object) -> None:
    rule: dict[str, object] = {**points.FIRST_RULE.document(), **changes}
    with clock.at(local("9:00", date(2026, 10, 1))):
        world.release(starts_on, points.read_rule(rule))


def test_the_daily_cap_covers_all_services_of_the_day(world: World) -> None:
    _policy(world, date(2026, 11, 2), daily_minutes_max=180)
    morning = world.plan(SlotPlan("09:00", "11:30", 5))
    afternoon = world.plan(SlotPlan("14:00", "16:00", 5), title="看望老人")
    evening = world.plan(SlotPlan("19:00", "20:00", 5), title="夜间巡逻")
    counted = []
    for each, come, go in (
        (morning, "9:00", "11:30"),
        (afternoon, "14:00", "16:00"),
        (evening, "19:00", "20:00"),
    ):
        world.enrol(each, world.charlie)
        world.serve(world.charlie, each, come, go)
        world.confirm(each, world.mark(world.charlie, each), at="21:00")
        counted.append(world.row(world.charlie, each).counted_minutes)

    assert counted == [150, 30, 0]
    assert world.minutes(world.charlie) == 180
    assert world.row(world.charlie, evening).state is AttendanceState.VOID


def test_the_policy_of_the_day_counts_not_that_of_the_confirmation(world: World) -> None:
    _policy(world, date(2026, 11, 10), points_per_hour=20)
    old, new = world.plan(), world.plan(on=date(2026, 11, 10))
    for each in (old, new):
        world.enrol(each, world.charlie)
        world.serve(world.charlie, each)
    world.confirm(new, world.mark(world.charlie, new))
    with clock.at(local("12:00", date(2026, 11, 11))):
        world.confirm(old, world.mark(world.charlie, old), at="23:00")

    versions = [world.row(world.charlie, each).policy_version for each in (old, new)]
    awarded = [world.row(world.charlie, each).points for each in (old, new)]
    assert (versions, awarded) == ([1, 2], [5, 50])


def test_a_category_may_be_worth_more(world: World) -> None:
    _policy(world, date(2026, 11, 2), points_per_hour_by_category={"safety": 6})
    patrol = world.plan(category=Category.SAFETY)
    world.enrol(patrol, world.charlie)
    world.serve(world.charlie, patrol)

    world.confirm(patrol, world.mark(world.charlie, patrol))

    assert world.points(world.charlie) == 15


def test_without_a_policy_nothing_is_posted(world: World) -> None:
    long_ago = date(2025, 12, 31)
    with clock.at(local("9:00", date(2025, 12, 1))):
        planned = occasions.create_occasion(
            world.session,
            world.desk,
            activity=world.activity(),
            occurs_on=long_ago,
            slots=[SlotPlan("09:00", "11:30", 5)],
        )
    with clock.at(local("9:00", long_ago)):
        world.press(world.charlie, planned, is_joining=True)

    with pytest.raises(points.NoPolicy, match="2025-12-31"):
        world.confirm(
            planned, RowMark(world.row(world.charlie, planned).id, Mark.PRESENT, is_accepted=True)
        )
