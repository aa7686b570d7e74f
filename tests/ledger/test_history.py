"""Balances and statements of another day, and as they were known before later corrections."""

from datetime import date, timedelta
from uuid import UUID

import pytest
import sqlalchemy as sa

from ledger import history, reports, seal
from ledger.errors import UnknownAccount
from ledger.history import Month
from ledger.ids import new_id
from ledger.schema import Posting, Transaction
from tests.ledger.makers import World, move

DAYS = [date(2026, month, day) for month in (8, 9, 10, 11) for day in (1, 9, 30)]


def _give(world: World, day: date, amount_minor: int) -> UUID:
    return world.post(move(world.issuance, world.alice, amount_minor, on=day)).transaction_id


def _seal(world: World) -> int:
    with world.database.begin() as session:
        while seal.seal(session, world.community_id):
            pass
        return seal.head(session, world.community_id).last_sequence


def _on(world: World, account_id: UUID, day: date | None, known_at: int | None = None) -> int:
    with world.database.reading() as session:
        return history.balance_on(
            session, world.community_id, account_id, as_of=day, known_at=known_at
        )


@pytest.fixture
def dated(world: World) -> World:
    """Ten more on each of the days; the first half is sealed, a reversal is not."""
    for number, day in enumerate(DAYS):
        _give(world, day, 10)
        if number == len(DAYS) // 2:
            _seal(world)
    return world


def test_each_day_counts_what_had_occurred(dated: World) -> None:
    for number, day in enumerate(DAYS, 1):
        assert _on(dated, dated.alice, day) == 10 * number
        assert _on(dated, dated.issuance, day) == -10 * number
        assert _on(dated, dated.alice, day - timedelta(days=1)) == 10 * (number - 1)
    assert _on(dated, dated.alice, None) == dated.holds(dated.alice)


@pytest.mark.parametrize("is_sealed", [True, False])
def test_a_back_dated_entry_changes_its_day_and_all_later_ones(
    dated: World, is_sealed: bool
) -> None:
    late = date(2026, 9, 15)
    before = {day: _on(dated, dated.alice, day) for day in DAYS}
    _give(dated, late, 7)
    if is_sealed:
        _seal(dated)

    after = {day: _on(dated, dated.alice, day) for day in DAYS}

    assert {day: after[day] - before[day] for day in DAYS} == {
        day: 7 if day >= late else 0 for day in DAYS
    }


def test_what_was_known_is_found_again_after_a_correction(dated: World) -> None:
    sequence = _seal(dated)
    wrong = _give(dated, DAYS[0], 500)
    _seal(dated)
    dated.reverse(wrong)
    _give(dated, DAYS[0], 5)

    assert _on(dated, dated.alice, DAYS[0], sequence) == 10
    assert _on(dated, dated.alice, None, sequence) == 120
    assert _on(dated, dated.alice, DAYS[0]) == 515
    assert _on(dated, dated.alice, None) == 125
    assert _on(dated, dated.alice, None, 0) == 0


def test_a_period_has_an_opening_its_lines_and_a_closing(dated: World) -> None:
    late = _give(dated, DAYS[4], 1)
    with dated.database.reading() as session:
        page = history.statement_on(
            session, dated.community_id, dated.alice, first_on=DAYS[3], last_on=DAYS[5]
        )

    assert (page.opening_minor, page.closing_minor, page.next_cursor) == (30, 61, None)
    assert [line.transaction.occurred_on for line in page.lines] == [
        *(DAYS[5], DAYS[4], DAYS[4], DAYS[3])
    ]
    assert page.lines[1].transaction.id == late
    assert [line.balance_minor for line in page.lines] == [61, 51, 50, 40]


def test_the_pages_of_a_period_fit_together(dated: World) -> None:
    seen: list[UUID] = []
    before, closing = None, 120
    with dated.database.reading() as session:
        while True:
            page = history.statement_on(
                *(session, dated.community_id, dated.alice),
                first_on=DAYS[0],
                last_on=DAYS[-1],
                limit=5,
                before=before,
            )
            assert page.closing_minor == closing
            seen += [line.transaction.id for line in page.lines]
            if page.next_cursor is None:
                break
            oldest = page.lines[-1].transaction
            before, closing = (oldest.occurred_on, oldest.id), page.opening_minor
        everything = session.scalars(
            sa.select(Transaction.id)
            .join(Posting, Posting.transaction_id == Transaction.id)
            .where(Posting.account_id == dated.alice)
            .order_by(Transaction.occurred_on.desc(), Transaction.id.desc())
        ).all()

    assert seen == list(everything)
    assert page.opening_minor == 0


def test_the_months_hold_what_is_sealed_and_what_waits(dated: World) -> None:
    expected = [Month(date(2026, month, 1), 30, 0, 3) for month in (8, 9, 10, 11)]
    for _ in range(2):
        with dated.database.reading() as session:
            assert history.months(session, dated.community_id, dated.alice) == expected
            assert reports.balance(session, dated.community_id, dated.issuance) == (-120, -120)
        _seal(dated)


def test_an_account_of_another_book_is_not_there(dated: World) -> None:
    with dated.database.reading() as session:
        for community_id, account_id in (
            (dated.community_id, new_id()),
            (new_id(), dated.alice),
        ):
            with pytest.raises(UnknownAccount):
                history.balance_on(session, community_id, account_id)
            with pytest.raises(UnknownAccount):
                history.months(session, community_id, account_id)
