"""Balances, statements and the trial balance."""

from datetime import date, timedelta

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from ledger import journal, reports
from ledger.database import Database
from ledger.errors import UnknownAccount
from ledger.ids import new_id
from ledger.journal import Leg
from ledger.records import Balance
from ledger.reports import Statement
from tests.ledger.makers import NINTH, World, draft, make_world, move


def _statement(world: World, limit: int, before: object = None) -> Statement:
    with world.database.reading() as session:
        return reports.statement(
            session,
            world.community_id,
            world.alice,
            limit=limit,
            before=before,  # type: ignore[arg-type]  # handed on as it came
        )


def _statement_count(database: Database, world: World, limit: int) -> int:
    statements: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        statements.append(statement)

    sa.event.listen(database.engine, "before_cursor_execute", note)
    try:
        _statement(world, limit)
    finally:
        sa.event.remove(database.engine, "before_cursor_execute", note)
    return len(statements)


def test_an_account_without_history_has_an_empty_statement(world: World) -> None:
    assert _statement(world, 50) == Statement(0, [], 0, None)


def test_a_statement_runs_from_the_newest_line_back(world: World) -> None:
    for amount in (10, 20, 30):
        world.give(world.alice, amount)
    world.post(move(world.alice, world.bob, 5))

    page = _statement(world, 50)

    assert [(line.amount_minor, line.balance_minor) for line in page.lines] == [
        (-5, 55),
        (30, 60),
        (20, 30),
        (10, 10),
    ]
    assert (page.opening_minor, page.closing_minor, page.next_cursor) == (0, 55, None)


def test_two_legs_of_one_transaction_are_one_line(world: World) -> None:
    world.post(draft(Leg(world.issuance, -8), Leg(world.alice, 3), Leg(world.alice, 5)))

    page = _statement(world, 1)

    assert [line.amount_minor for line in page.lines] == [8]
    assert page.next_cursor is None


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 8])
def test_pages_show_every_transaction_once_and_join(world: World, limit: int) -> None:
    for amount in range(1, 8):
        world.give(world.alice, amount)

    seen, cursor, closing = [], None, 28
    while True:
        page = _statement(world, limit, cursor)
        assert page.closing_minor == closing
        seen += [line.amount_minor for line in page.lines]
        closing, cursor = page.opening_minor, page.next_cursor
        if cursor is None:
            break

    assert seen == [7, 6, 5, 4, 3, 2, 1]
    assert closing == 0


def test_an_unknown_account_has_no_statement(world: World) -> None:
    with world.database.reading() as session, pytest.raises(UnknownAccount):
        reports.statement(session, world.community_id, new_id())


def test_balances_answer_for_bounded_and_unbounded_accounts_at_once(world: World) -> None:
    world.give(world.alice, 7)
    wanted = [world.alice, world.issuance, world.bob, world.minutes]

    with world.database.reading() as session:
        held = reports.balances(session, world.community_id, wanted)
        with pytest.raises(UnknownAccount):
            reports.balances(session, world.community_id, [world.alice, new_id()])

    assert held == {
        world.alice: Balance(7, 7),
        world.issuance: Balance(-7, -7),
        world.bob: Balance(0, 0),
        world.minutes: Balance(0, 0),
    }


def test_the_trial_balance_shows_every_account_and_sums_to_zero(world: World) -> None:
    world.give(world.alice, 7)

    with world.database.reading() as session:
        shown = reports.trial_balance(session, world.community_id)

    assert [(account.code, posted_minor) for account, posted_minor in shown] == [
        ("Box", 0),
        ("Issuance:Points", -7),
        ("Issuance:Service", 0),
        ("Members:V0001:Points", 7),
        ("Members:V0002:Points", 0),
    ]


def test_a_back_dated_post_changes_only_later_dates(world: World) -> None:
    def alice_on(day: date) -> int:
        with world.database.reading() as session:
            shown = reports.trial_balance(session, world.community_id, as_of=day)
        return next(minor for account, minor in shown if account.id == world.alice)

    world.post(move(world.issuance, world.alice, 10, on=NINTH))
    before = [alice_on(NINTH + timedelta(days=n)) for n in (-8, -7, -6, 0, 1)]
    world.post(move(world.issuance, world.alice, 3, on=NINTH - timedelta(days=7)))
    after = [alice_on(NINTH + timedelta(days=n)) for n in (-8, -7, -6, 0, 1)]

    assert before == [0, 0, 0, 10, 10]
    assert [new - old for old, new in zip(before, after, strict=True)] == [0, 3, 3, 3, 3]


def test_the_number_of_statements_does_not_grow_with_the_history(world: World) -> None:
    world.give(world.alice, 1)
    few = _statement_count(world.database, world, 50)
    world.post_many([move(world.issuance, world.alice, 1) for _ in range(120)])

    assert _statement_count(world.database, world, 50) == few <= 4


@given(amounts=st.lists(st.integers(-20, 20).filter(bool), max_size=15), limit=st.integers(1, 5))
def test_any_history_pages_to_the_same_lines(
    shared_database: Database, amounts: list[int], limit: int
) -> None:
    world = make_world(shared_database)
    with world.database.begin() as session:
        open_ended = journal.open_account(
            session, world.community_id, code="Any", commodity="POINT", is_bounded=True
        ).id
        journal.post_many(
            session, world.community_id, [move(world.issuance, open_ended, n) for n in amounts]
        )

    lines: list[tuple[int, int]] = []
    cursor = None
    with world.database.reading() as session:
        while lines == [] or cursor is not None:
            page = reports.statement(
                session, world.community_id, open_ended, limit=limit, before=cursor
            )
            lines += [(line.amount_minor, line.balance_minor) for line in page.lines]
            cursor = page.next_cursor
            if not page.lines:
                break

    running = [sum(amounts[: n + 1]) for n in range(len(amounts))]
    assert lines == list(zip(amounts, running, strict=True))[::-1]
