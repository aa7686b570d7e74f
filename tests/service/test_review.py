"""The review tray, and the list that a device takes along."""

from datetime import timedelta

import pytest

from ledger import clock
from ledger.errors import NotAllowed
from tests.service.offline import LEFT, UNKNOWN, queued, tell
from tests.service.world import World, local, make_world
from timebank import codes
from timebank.people import cards
from timebank.service import review, snapshot
from timebank.service.attendance import Waiting
from timebank.service.decide import Intent
from timebank.service.errors import (
    AlreadyReviewed,
    NotHere,
    OwnRow,
    RowSettled,
    WrongField,
    WrongTimes,
)
from timebank.service.models import Attendance, AttendanceState, Occasion, Provenance
from timebank.service.offline_models import CodeKind

# ---------------------------------------------------------------- the tray


def test_an_accepted_scan_is_time_by_hand(world: World, occasion: Occasion) -> None:
    scans = [
        queued(occasion, world.charlie, local("8:58"), snapshot_at=None),
        queued(occasion, world.charlie, local("11:34"), LEFT, snapshot_at=None, sequence=2),
    ]
    told = tell(world, *scans)

    [line] = review.tray(world.session, world.leader)
    assert (line.come_at, line.go_at) == (local("9:00"), local("11:30"))
    assert line.member is not None
    with clock.at(local("13:05")):
        row = review.accept(
            world.session,
            world.leader,
            scan_id=told[1].id,
            in_at=line.come_at,
            out_at=line.go_at,
        )

    mark = world.mark(world.charlie, occasion)
    alone = world.confirm(occasion, mark, at="13:10")
    assert row.provenance is Provenance.BACK_FILLED
    assert [why for _, why in alone.waiting] == [Waiting.SECOND_PERSON]
    assert review.tray(world.session, world.leader) == []
    world.confirm(occasion, mark, by=world.desk, at="13:15")
    assert (world.minutes(world.charlie), world.points(world.charlie)) == (150, 0)


def test_a_dismissed_scan_keeps_its_reason(world: World, occasion: Occasion) -> None:
    told = tell(world, queued(occasion, world.charlie, local("8:58"), snapshot_at=None))

    with pytest.raises(WrongField):
        review.dismiss(world.session, world.leader, scan_id=told[0].id, reason=" ")
    kept = review.dismiss(world.session, world.leader, scan_id=told[0].id, reason="认错人")

    assert (kept.reason, kept.decided_by_id) == ("认错人", world.bob.id)
    with pytest.raises(AlreadyReviewed):
        review.dismiss(world.session, world.desk, scan_id=told[0].id, reason="again")


def test_nobody_decides_about_their_own_scan(world: World, occasion: Occasion) -> None:
    told = tell(world, queued(occasion, world.bob, local("8:58"), snapshot_at=None))

    assert [line.is_own for line in review.tray(world.session, world.leader)] == [True]
    with pytest.raises(OwnRow):
        review.dismiss(world.session, world.leader, scan_id=told[0].id, reason="mine")
    with pytest.raises(OwnRow), clock.at(local("13:05")):
        review.accept(
            world.session,
            world.leader,
            scan_id=told[0].id,
            in_at=local("9:00"),
            out_at=local("10:00"),
        )


def test_a_card_that_nobody_knows_is_given_its_person(world: World, occasion: Occasion) -> None:
    told = tell(
        world,
        queued(occasion, None, local("9:01"), UNKNOWN, kind=CodeKind.DIGITS, code="1000000008"),
    )

    def accept(number: str) -> Attendance:
        return review.accept(
            world.session,
            world.leader,
            scan_id=told[0].id,
            in_at=local("9:01"),
            out_at=local("11:00"),
            volunteer_number=number,
        )

    with clock.at(local("13:05")):
        with pytest.raises(NotHere):
            accept("V9999")
        row = accept(world.dora.volunteer_number)

    assert row.member_id == world.dora.id


def test_the_tray_is_closed_to_volunteers_and_other_communities(
    world: World, occasion: Occasion
) -> None:
    told = tell(world, queued(occasion, world.charlie, local("8:58"), snapshot_at=None))
    other = make_world(world.session, world.keys, "A")

    assert review.tray(other.session, other.leader) == []
    with pytest.raises(NotHere):
        review.dismiss(other.session, other.leader, scan_id=told[0].id, reason="not ours")
    with pytest.raises(NotAllowed):
        review.tray(world.session, world.actor(world.charlie))


# ---------------------------------------------------------------- the list that goes along


def test_the_list_names_nobody(world: World, occasion: Occasion) -> None:
    card = cards.issue_card(world.session, world.desk, world.charlie.id)
    with clock.at(local("8:00")):
        taken = snapshot.take(world.session, world.leader)

    [listed] = taken.occasions
    [person] = listed.people
    assert (listed.occasion.id, person.name) == (occasion.id, "韦*芬")
    assert [each.token_digest for each in person.cards] == [codes.token_digest(card.token).hex()]
    assert card.card.digits not in repr(person.cards)


def test_the_list_holds_what_the_leader_leads_within_the_day(
    world: World, occasion: Occasion
) -> None:
    with clock.at(local("8:00")):
        assert snapshot.take(world.session, world.desk).occasions == []
    with clock.at(local("8:00") - timedelta(days=2)):
        assert snapshot.take(world.session, world.leader).occasions == []
    with clock.at(local("12:31")):
        assert snapshot.take(world.session, world.leader).occasions == []


# ---------------------------------------------------------------- rows that say something already


def test_who_is_still_there_is_checked_in_by_hand(world: World, occasion: Occasion) -> None:
    slow = queued(occasion, world.charlie, local("9:10"), snapshot_at=None)
    [told] = tell(world, slow, at=local("10:00"))

    with clock.at(local("10:05")):
        [line] = review.tray(world.session, world.leader)
        assert line.go_at is None
        with pytest.raises(WrongTimes):
            review.accept(
                world.session,
                world.leader,
                scan_id=told.id,
                in_at=local("10:06"),
                out_at=None,
            )
        row = review.accept(
            world.session, world.leader, scan_id=told.id, in_at=local("9:10"), out_at=None
        )
    assert (row.state, row.provenance) == (AttendanceState.IN, Provenance.BACK_FILLED)
    with clock.at(local("11:00")):
        world.press(world.charlie, occasion, Intent.OUT)

    mark = world.mark(world.charlie, occasion)
    alone = world.confirm(occasion, mark)
    assert [why for _, why in alone.waiting] == [Waiting.SECOND_PERSON]
    world.confirm(occasion, mark, by=world.desk)
    assert (world.minutes(world.charlie), world.points(world.charlie)) == (110, 0)


def test_nobody_is_still_there_after_the_end(world: World, occasion: Occasion) -> None:
    [told] = tell(world, queued(occasion, world.charlie, local("9:10"), snapshot_at=None))

    with clock.at(local("13:05")), pytest.raises(WrongTimes):
        review.accept(
            world.session, world.leader, scan_id=told.id, in_at=local("9:10"), out_at=None
        )


def test_a_settled_row_is_shown_and_not_written_over(world: World, occasion: Occasion) -> None:
    world.serve(world.charlie, occasion)
    world.confirm(occasion, world.mark(world.charlie, occasion))
    [told] = tell(world, queued(occasion, world.charlie, local("11:50"), LEFT))

    [line] = review.tray(world.session, world.leader)
    assert (line.is_settled, line.is_free) == (True, False)
    assert line.row == world.row(world.charlie, occasion)
    with pytest.raises(RowSettled), clock.at(local("13:05")):
        review.accept(
            world.session,
            world.leader,
            scan_id=told.id,
            in_at=local("9:00"),
            out_at=local("11:30"),
        )
