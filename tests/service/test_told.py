"""What members are told of decisions about their rows, in the decision's own transaction."""

from collections.abc import Sequence
from datetime import date

import pytest
import sqlalchemy as sa

from ledger import clock
from tests.service.offline import LEFT, queued, tell
from tests.service.test_corrections import LATER, _agree, _confirmed, _propose
from tests.service.world import World, local
from timebank.messages.models import Message, MessageKind
from timebank.people.models import Member
from timebank.service import disputes, moving, review, waiting
from timebank.service.correction_models import Dispute, DisputeState
from timebank.service.errors import DisputeAnswered, NotHere
from timebank.service.models import Occasion
from timebank.service.occasions import SlotPlan


def _told(world: World, member: Member) -> Sequence[Message]:
    return world.session.scalars(
        sa.select(Message).where(Message.member_id == member.id).order_by(Message.id)
    ).all()


def test_an_agreed_correction_is_told_with_what_was_and_is(
    world: World, occasion: Occasion
) -> None:
    row = _confirmed(world, occasion, world.charlie)
    proposed = _propose(world, row)
    assert _told(world, world.charlie) == []

    _agree(world, proposed)

    [message] = _told(world, world.charlie)
    assert message.kind is MessageKind.ROW_CORRECTED
    assert message.facts["row"] == str(row.id)
    assert message.facts["old_minutes"] == 150
    assert message.facts["minutes"] == row.counted_minutes
    assert (message.facts["old_stay"], message.facts["old_points"]) == ("8:58–11:34", 5)
    _agree(world, proposed)
    assert len(_told(world, world.charlie)) == 1


def _ask(world: World, occasion: Occasion) -> Dispute:
    row = _confirmed(world, occasion, world.charlie)
    with clock.at(local("9:00", LATER)):
        return disputes.ask(
            world.session, world.actor(world.charlie), attendance_id=row.id, text="少算了"
        )


def test_an_answer_is_told(world: World, occasion: Occasion) -> None:
    asked = _ask(world, occasion)

    disputes.explain(world.session, world.desk, dispute_id=asked.id, text="没有错")

    [message] = _told(world, world.charlie)
    assert (message.kind, message.facts["row"]) == (
        MessageKind.QUESTION_ANSWERED,
        str(asked.attendance_id),
    )
    with pytest.raises(DisputeAnswered):
        disputes.withdraw(world.session, world.actor(world.charlie), dispute_id=asked.id)


def test_a_question_is_taken_back_by_who_asked_while_nobody_answered(
    world: World, occasion: Occasion
) -> None:
    asked = _ask(world, occasion)
    with pytest.raises(NotHere):
        disputes.withdraw(world.session, world.actor(world.dora), dispute_id=asked.id)

    for _ in range(2):
        disputes.withdraw(world.session, world.actor(world.charlie), dispute_id=asked.id)

    assert (asked.state, asked.answered_by_id) == (DisputeState.WITHDRAWN, None)
    with pytest.raises(DisputeAnswered):
        disputes.explain(world.session, world.desk, dispute_id=asked.id, text="没有错")
    again = disputes.ask(
        world.session, world.actor(world.charlie), attendance_id=asked.attendance_id, text="再问"
    )
    assert again.state is DisputeState.OPEN


def test_the_database_keeps_a_question_that_was_taken_back(
    world: World, occasion: Occasion
) -> None:
    asked = _ask(world, occasion)
    disputes.withdraw(world.session, world.actor(world.charlie), dispute_id=asked.id)

    with pytest.raises(sa.exc.DBAPIError), world.session.begin_nested():
        world.session.execute(
            sa.update(Dispute)
            .where(Dispute.id == asked.id)
            .values(state=DisputeState.OPEN, answered_at=None)
        )


def test_who_is_told_another_time_by_the_device_learns_it(world: World, occasion: Occasion) -> None:
    tell(world, queued(occasion, world.charlie, local("9:00")))
    tell(world, queued(occasion, world.charlie, local("9:14"), LEFT, sequence=2))
    assert _told(world, world.charlie) == []

    tell(world, queued(occasion, world.charlie, local("9:11"), LEFT), device="other")

    [message] = _told(world, world.charlie)
    assert message.kind is MessageKind.SCAN_DIFFERS
    assert (message.facts["site_stay"], message.facts["site_minutes"]) == ("9:00–9:11", 11)


def test_a_scan_in_the_tray_is_told_and_so_is_what_became_of_it(
    world: World, occasion: Occasion
) -> None:
    first, second = (
        tell(world, queued(occasion, member, local("8:58"), snapshot_at=None))[0]
        for member in (world.charlie, world.dora)
    )
    with clock.at(local("13:05")):
        review.accept(
            world.session,
            world.leader,
            scan_id=first.id,
            in_at=local("9:00"),
            out_at=local("11:30"),
        )
    review.dismiss(world.session, world.leader, scan_id=second.id, reason="认错人")

    assert [each.kind for each in _told(world, world.charlie)] == [
        MessageKind.SCAN_WAITS,
        MessageKind.SCAN_ENTERED,
    ]
    waits, dismissed = _told(world, world.dora)
    assert (waits.kind, dismissed.kind) == (MessageKind.SCAN_WAITS, MessageKind.SCAN_DISMISSED)
    assert dismissed.facts["reason"] == "认错人"


def test_a_doubt_that_the_same_batch_clears_is_not_told(world: World, occasion: Occasion) -> None:
    left = queued(occasion, world.charlie, local("11:00"), LEFT, sequence=2)
    tell(world, queued(occasion, world.charlie, local("9:00")), left)

    assert _told(world, world.charlie) == []


def test_who_waits_is_told_of_a_move_in_words_of_their_own(world: World) -> None:
    occasion = world.plan(SlotPlan("09:00", "11:30", 1))
    world.enrol(occasion, world.charlie)
    with clock.at(local("10:00", date(2026, 11, 2))):
        waiting.wait(world.session, world.actor(world.dora), slot_id=world.slot(occasion).id)
        moving.move_occasion(
            world.session, world.desk, occasion_id=occasion.id, occurs_on=date(2026, 11, 10)
        )

    assert [each.kind for each in _told(world, world.charlie)] == [MessageKind.MOVED]
    assert [each.kind for each in _told(world, world.dora)] == [MessageKind.MOVED_WAITING]
