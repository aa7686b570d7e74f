from datetime import date

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from tests.rewards.world import World, make_world
from timebank.actors import Actor, Role
from timebank.codes import CodeKeys
from timebank.errors import NotAllowed
from timebank.people import members
from timebank.people.models import Member
from timebank.rewards import errors
from timebank.rewards.certificates import revoke
from timebank.rewards.commendations import dry_run, issue
from timebank.rewards.shortlist import DryRun, Row


def row_of(run: DryRun, member: Member) -> Row:
    return next(row for row in run.rows if row.member_id == member.id)


def reasons_of(run: DryRun, member: Member) -> list[str]:
    return [str(reason) for reason in row_of(run, member).reasons]


def test_exactly_the_threshold_gives_the_star_and_says_why(world: World) -> None:
    world.serve(world.bob, 6_000)

    run = dry_run(world.session, world.desk)

    row = row_of(run, world.bob)
    assert (row.counted_minutes, row.stars_reached, row.is_eligible) == (6_000, 1, True)
    assert reasons_of(run, world.bob) == ["Counted 6000 min, at least 6000 min: 1 star"]
    assert run.eligible_count == 1


def test_one_minute_short_gives_nothing_and_says_what_is_missing(world: World) -> None:
    world.serve(world.bob, 5_999)

    run = dry_run(world.session, world.desk)

    assert not row_of(run, world.bob).is_eligible
    assert reasons_of(run, world.bob) == ["1 min short of 1 star"]


def test_everybody_has_a_row_in_the_order_of_numbers(world: World) -> None:
    run = dry_run(world.session, world.desk)

    assert [row.volunteer_number for row in run.rows] == ["V0001", "V0002", "V0003"]
    assert reasons_of(run, world.charlie) == ["No confirmed service in this period"]


def test_minutes_of_many_days_add_up(world: World) -> None:
    for day in range(1, 11):
        world.serve(world.bob, 1_800, on=date(2026, 3, day))

    row = row_of(dry_run(world.session, world.desk), world.bob)

    assert (row.counted_minutes, row.stars_reached) == (18_000, 2)
    assert (row.evidence.transaction_count, row.first_on) == (10, date(2026, 3, 1))


def test_only_days_of_the_period_count(world: World) -> None:
    for day in (date(2026, 3, 8), date(2026, 3, 9), date(2026, 4, 9), date(2026, 4, 10)):
        world.serve(world.bob, 3_000, on=day)

    run = dry_run(
        world.session, world.desk, period_from=date(2026, 3, 9), period_to=date(2026, 4, 9)
    )

    assert row_of(run, world.bob).counted_minutes == 6_000


def test_a_reversed_service_counts_in_no_period(world: World) -> None:
    wrong = world.serve(world.bob, 6_000, on=date(2026, 3, 9))
    world.serve(world.bob, 100, on=date(2026, 5, 9))
    world.undo(wrong, on=date(2026, 5, 9))

    whole = dry_run(world.session, world.desk)
    march = dry_run(world.session, world.desk, period_to=date(2026, 3, 31))
    may = dry_run(world.session, world.desk, period_from=date(2026, 5, 1))

    assert [row_of(run, world.bob).counted_minutes for run in (whole, march, may)] == [100, 0, 100]


@pytest.mark.parametrize("verb", ["suspend", "let_leave"])
def test_who_is_suspended_or_has_left_gets_nothing(world: World, verb: str) -> None:
    world.serve(world.bob, 6_000)
    getattr(members, verb)(
        world.session, Actor.system(world.id, "test"), world.bob.id, reason="asked for it"
    )

    run = dry_run(world.session, world.desk)

    assert not row_of(run, world.bob).is_eligible
    assert reasons_of(run, world.bob) == [
        {"suspend": "Suspended", "let_leave": "Has left"}[verb],
        "Counted 6000 min, at least 6000 min: 1 star",
    ]


def test_the_issuer_is_on_the_list_and_gets_nothing(world: World) -> None:
    world.serve(world.alice, 6_000)

    run = dry_run(world.session, world.desk)

    assert not row_of(run, world.alice).is_eligible
    assert reasons_of(run, world.alice)[0] == "Is the one who issues"


def test_stars_given_before_are_not_given_again_until_revoked(world: World, keys: CodeKeys) -> None:
    world.serve(world.bob, 6_000)
    run = dry_run(world.session, world.desk)
    (given,) = issue(world.session, world.desk, keys, member_ids=[world.bob.id], basis=run.basis)

    again = dry_run(world.session, world.desk)
    revoke(world.session, world.desk, certificate_id=given.id, reason="a wrong name")
    after = dry_run(world.session, world.desk)

    assert reasons_of(again, world.bob) == [
        "Already has 1 star by D2026-000001",
        "12000 min short of 2 stars",
    ]
    assert not row_of(again, world.bob).is_eligible
    assert row_of(after, world.bob).is_eligible


def test_a_higher_level_is_given_on_top_of_a_lower(world: World, keys: CodeKeys) -> None:
    world.serve(world.bob, 6_000)
    first = dry_run(world.session, world.desk)
    issue(world.session, world.desk, keys, member_ids=[world.bob.id], basis=first.basis)
    world.serve(world.bob, 12_000)

    row = row_of(dry_run(world.session, world.desk), world.bob)

    assert (row.stars_before, row.stars_reached, row.is_eligible) == (1, 2, True)


def test_the_highest_level_has_nothing_above_it(world: World, keys: CodeKeys) -> None:
    world.serve(world.bob, 90_000)
    first = dry_run(world.session, world.desk)
    issue(world.session, world.desk, keys, member_ids=[world.bob.id], basis=first.basis)

    run = dry_run(world.session, world.desk)

    assert reasons_of(run, world.bob) == ["Already has 5 stars by D2026-000001"]


def test_the_same_book_gives_the_same_list_and_digest(world: World) -> None:
    world.serve(world.bob, 6_000)

    first, second = (dry_run(world.session, world.desk) for _ in range(2))

    assert first == second
    assert first.evidence.transaction_count == 1


def test_the_digest_moves_with_the_book_the_period_and_the_members(world: World) -> None:
    wrong = world.serve(world.bob, 60)
    digests = [dry_run(world.session, world.desk).evidence.digest]

    world.serve(world.charlie, 60)
    digests.append(dry_run(world.session, world.desk).evidence.digest)
    world.undo(wrong)
    digests.append(dry_run(world.session, world.desk).evidence.digest)
    world.add("新人")
    digests.append(dry_run(world.session, world.desk).evidence.digest)
    digests.append(dry_run(world.session, world.desk, period_to=date(2026, 11, 19)).evidence.digest)

    assert len(set(digests)) == 5


def test_another_community_does_not_count(world: World, session: Session) -> None:
    other = make_world(session, code="A")
    other.serve(other.bob, 6_000)

    run = dry_run(session, world.desk)

    assert run.eligible_count == 0
    assert {row.member_id for row in run.rows} == {
        member.id for member in (world.alice, world.bob, world.charlie)
    }


def test_a_period_runs_forward_and_ends_today_at_the_latest(world: World) -> None:
    backwards = {"period_from": date(2026, 3, 2), "period_to": date(2026, 3, 1)}
    for period in (backwards, {"period_to": date(2026, 11, 21)}):
        with pytest.raises(errors.WrongPeriod):
            dry_run(world.session, world.desk, **period)

    day = date(2026, 11, 20)
    assert dry_run(world.session, world.desk, period_from=day, period_to=day).rows


def test_before_the_first_table_there_is_no_list(world: World) -> None:
    with pytest.raises(errors.NoStarRule):
        dry_run(world.session, world.desk, period_to=date(2025, 12, 31))


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize(
    "role", [Role.VOLUNTEER, Role.LEADER, Role.CLERK, Role.AUDITOR, Role.ADMINISTRATOR]
)
def test_only_a_social_worker_sees_the_list(world: World, role: Role) -> None:
    with pytest.raises(NotAllowed):
        dry_run(world.session, world.actor(world.charlie, role))


def test_statements_do_not_grow_with_members_or_history(world: World) -> None:
    def statements() -> int:
        seen: list[str] = []

        def note(_c: object, _u: object, statement: str, *_: object) -> None:
            seen.append(statement)

        engine = world.session.get_bind()
        sa.event.listen(engine, "before_cursor_execute", note)
        dry_run(world.session, world.desk)
        sa.event.remove(engine, "before_cursor_execute", note)
        return len(seen)

    small = statements()
    for number in range(5):
        person = world.add(f"志愿者{number}")
        for day in range(1, 5):
            world.serve(person, 60, on=date(2026, 2, day))

    assert statements() == small <= 5
