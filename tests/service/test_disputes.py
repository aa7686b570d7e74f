"""Questions of volunteers; and corrections and questions at once, or by raw SQL."""

import pytest
import sqlalchemy as sa

from ledger import clock, reports
from ledger.database import Database
from ledger.errors import NotAllowed, Refusal
from tests.service.test_corrections import LATER, REASON, _agree, _confirmed, _propose
from tests.service.test_races import _at_once
from tests.service.world import World, local, make_world
from timebank.actors import Role
from timebank.codes import CodeKeys
from timebank.people.models import Member
from timebank.service import casework, corrections, disputes
from timebank.service.correction_models import CorrectionState, Dispute, DisputeState
from timebank.service.errors import (
    CorrectionDecided,
    CorrectionOpen,
    DisputeAnswered,
    DisputeOpen,
    NotHere,
    OwnRow,
    WrongField,
)
from timebank.service.models import Attendance, Occasion


@pytest.fixture
def served(world: World, occasion: Occasion) -> Attendance:
    """Charlie's confirmed row: 150 minutes, 5 points."""
    return _confirmed(world, occasion, world.charlie)


# ---------------------------------------------------------------- questions


def _ask(
    world: World, row: Attendance, text: str = "我十二点才走", who: Member | None = None
) -> Dispute:
    with clock.at(local("9:00", LATER)):
        return disputes.ask(
            world.session, world.actor(who or world.charlie), attendance_id=row.id, text=text
        )


def test_a_question_is_answered_by_an_explanation(world: World, served: Attendance) -> None:
    asked = _ask(world, served)
    waiting = casework.open_disputes(world.session, world.desk)

    disputes.explain(world.session, world.desk, dispute_id=asked.id, text="时段只到十一点半")

    assert [line.dispute.id for line in waiting] == [asked.id]
    assert (asked.state, asked.answer) == (DisputeState.EXPLAINED, "时段只到十一点半")
    assert asked.answered_by_id == world.alice.id
    assert casework.open_disputes(world.session, world.desk) == []
    with pytest.raises(DisputeAnswered):
        disputes.explain(world.session, world.desk, dispute_id=asked.id, text="再说一次")


def test_a_question_is_answered_by_a_correction(world: World, served: Attendance) -> None:
    asked = _ask(world, served)

    done = _agree(world, _propose(world, served))

    assert (asked.state, asked.correction_id) == (DisputeState.CORRECTED, done.id)
    assert asked.answered_at == done.decided_at


def test_one_question_at_a_time_and_only_about_ones_own(
    world: World, served: Attendance, occasion: Occasion
) -> None:
    with pytest.raises(NotHere):
        _ask(world, served, who=world.dora)
    asked = _ask(world, served)
    with pytest.raises(DisputeOpen):
        _ask(world, served)

    disputes.explain(world.session, world.desk, dispute_id=asked.id, text="没有错")
    assert _ask(world, served).state is DisputeState.OPEN
    assert occasion.id == served.occasion_id


@pytest.mark.parametrize("text", ["", " ", "长" * 600])
def test_a_question_has_a_few_words(world: World, served: Attendance, text: str) -> None:
    with pytest.raises(WrongField):
        _ask(world, served, text)
    asked = _ask(world, served)
    with pytest.raises(WrongField):
        disputes.explain(world.session, world.desk, dispute_id=asked.id, text=text)


def test_nobody_answers_their_own_question(world: World, occasion: Occasion) -> None:
    world.enrol(occasion, world.alice)
    world.serve(world.alice, occasion)
    world.confirm(occasion, world.mark(world.alice, occasion))
    asked = _ask(world, world.row(world.alice, occasion), who=world.alice)

    with pytest.raises(OwnRow):
        disputes.explain(world.session, world.desk, dispute_id=asked.id, text="没有错")
    with pytest.raises(NotAllowed):
        disputes.explain(world.session, world.actor(world.dora), dispute_id=asked.id, text="没有错")


# ---------------------------------------------------------------- at once, and by raw SQL


@pytest.fixture
def scene(database: Database, keys: CodeKeys) -> tuple[World, Attendance]:
    """Committed, so that every thread sees it."""
    with database.begin() as session:
        world = make_world(session, keys)
        occasion = world.plan()
        world.enrol(occasion, world.charlie)
        row = _confirmed(world, occasion, world.charlie)
        session.flush()
        session.expunge_all()
    return world, row


def _minutes(database: Database, world: World) -> int:
    with database.reading() as session:
        account_id = world.charlie.service_account_id
        return reports.balance(session, world.charlie.community_id, account_id).posted_minor


def test_many_agree_at_once_and_one_correction_is_made(
    database: Database, scene: tuple[World, Attendance]
) -> None:
    world, row = scene
    with database.begin() as session:
        world.session = session
        proposed_id = _propose(world, row).id
        people = [
            world.actor(world.add(f"社工{number}"), Role.SOCIAL_WORKER) for number in range(8)
        ]

    def work(number: int) -> object:
        with clock.at(local("11:00", LATER)), database.begin() as session:
            return corrections.agree(session, people[number], correction_id=proposed_id).state

    answers = _at_once(work, 8)

    assert answers.count(CorrectionState.AGREED) == 1
    assert sum(isinstance(answer, CorrectionDecided) for answer in answers) == 7
    assert _minutes(database, world) == 60


def test_many_propose_and_ask_at_once_and_one_is_open(
    database: Database, scene: tuple[World, Attendance]
) -> None:
    world, row = scene

    def work(number: int) -> object:
        with clock.at(local("11:00", LATER)), database.begin() as session:
            if number % 2:
                charlie = world.actor(world.charlie)
                return disputes.ask(session, charlie, attendance_id=row.id, text="不对").state
            return corrections.propose(
                session,
                world.leader,
                attendance_id=row.id,
                in_at=local("9:00"),
                out_at=local("10:00"),
                reason=REASON,
            ).state

    answers = _at_once(work, 8)

    assert answers.count(CorrectionState.OPEN) == 2  # of each kind one: both say "open"
    refused = [type(answer) for answer in answers if isinstance(answer, Refusal)]
    assert sorted(map(str, refused)) == sorted(map(str, [CorrectionOpen, DisputeOpen] * 3))


FORGERIES = (
    "UPDATE attendance SET counted_minutes = 600 WHERE state = 'posted'",
    "UPDATE attendance SET points = 60 WHERE state = 'posted'",
    "UPDATE attendance SET state = 'no_show', transaction_id = NULL WHERE state = 'posted'",
    "UPDATE attendance SET out_at = in_at WHERE state = 'posted'",
    "UPDATE correction SET decided_by_id = proposed_by_id, state = 'agreed'",
    "UPDATE correction SET reason = 'x'",
    "UPDATE correction SET in_at = NULL, out_at = NULL",
    "DELETE FROM correction",
    "UPDATE dispute SET text = 'x'",
    "UPDATE dispute SET state = 'explained', answer = 'x', answered_at = raised_at,"
    " answered_by_id = member_id",
    "DELETE FROM dispute",
    "INSERT INTO dispute SELECT community_id, member_id, attendance_id, member_id, state, text,"
    " raised_at, answered_by_id, answered_at, answer, correction_id FROM dispute",
)


def test_the_database_refuses_what_two_people_did_not_sign(
    owner_database: Database, database: Database, scene: tuple[World, Attendance]
) -> None:
    world, row = scene
    with database.begin() as session:
        world.session = session
        _propose(world, row)
        _ask(world, row)

    for statement in FORGERIES:
        with pytest.raises(sa.exc.DBAPIError), owner_database.begin() as session:
            assert session.execute(sa.text(statement)).rowcount, statement  # type: ignore[attr-defined]  # a cursor's

    assert _minutes(database, world) == 150
