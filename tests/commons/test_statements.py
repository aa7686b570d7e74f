"""Statements: one layer, equal to the trial balance, each row summing up by itself."""

import csv
import subprocess
from datetime import date, timedelta
from decimal import Decimal
from io import StringIO
from pathlib import Path

import pytest
from sqlalchemy.orm import Session

from ledger import clock, reports
from ledger.database import Database
from ledger.journal import Draft, Leg, post
from ledger.schema import TransactionKind
from tests import tools
from tests.commons.makers import (
    TODAY,
    World,
    approved,
    give,
    restrict,
    spend,
)
from tests.shop.makers import NOON, fresh
from timebank import chart
from timebank.commons import reporting, reversals
from timebank.commons.fund_statements import read_month, read_public, read_public_project
from timebank.commons.statements import month_of, read_books
from timebank.errors import NotAllowed
from timebank.insight.exports import JournalFormat, journal

LAST_MONTH = date(2026, 10, 31)


def hand_over(session: Session, world: World, amount_fen: int) -> None:
    """Let the shop's takings come into the general fund, through the safe."""
    community_id = world.community_id
    sales, safe, fund = (
        chart.open_money_account(session, community_id, code)
        for code in (chart.SALES, chart.SAFE, chart.GENERAL_FUND)
    )
    for kind, pair in (("sale", (sales, safe)), (TransactionKind.FUND, (safe, fund))):
        legs = (Leg(pair[0], -amount_fen), Leg(pair[1], amount_fen))
        post(session, community_id, Draft(kind, legs, TODAY, fresh(), "x", "test:1", ""))


@pytest.fixture
def told(session: Session, world: World) -> World:
    """A donation last month; two, takings, a project with two expenses, one taken back, now."""
    with clock.at(NOON - timedelta(days=20)):
        give(session, world, 10_00, received_on=LAST_MONTH)
    fund = restrict(session, world)
    give(session, world, 100_00, fund_number=fund.number, may_be_named=True)
    give(session, world, 30_01, donor_name="")
    hand_over(session, world, 55_50)
    project = approved(session, world, 60_00, 20_00, fund_number=fund.number)
    spend(session, world, project, 25_25)
    undone = spend(session, world, project, 1_00)
    spend(session, world, project, 19_99, line_no=2)
    reversals.reverse_expense(
        session, world.actor("ada"), expense_id=undone.id, reason="退货", nonce=fresh()
    )
    return world


def test_the_public_month_sums_up_by_row_and_in_all(session: Session, told: World) -> None:
    found = read_public(session, code="D", on=TODAY, today=TODAY)

    rows = {row.code: row for row in found.rows}
    general, restricted, project = (
        rows[code] for code in ("Fund:General", "Fund:F0002", "Fund:P0001")
    )
    assert (general.opening_fen, general.donations_fen) == (10_00, 30_01)
    assert (general.takings_fen, general.closing_fen) == (55_50, 95_51)
    assert (restricted.donations_fen, restricted.moved_fen) == (100_00, -80_00)
    assert (project.moved_fen, project.spent_fen, project.closing_fen) == (80_00, -45_24, 34_76)
    assert (found.total.moved_fen, found.total.other_fen) == (0, 0)
    assert found.total.closing_fen == 10_00 + 130_01 + 55_50 - 45_24
    assert found.total.closing_fen == sum(row.closing_fen for row in found.rows)


def test_the_public_month_names_only_who_agreed(session: Session, told: World) -> None:
    found = read_public(session, code="D", on=TODAY, today=TODAY)
    before = read_public(session, code="D", on=LAST_MONTH, today=TODAY)

    assert [each.name for each in found.donations] == ["张桂芬", ""]
    assert [each.name for each in before.donations] == ["张**"]
    assert (before.total.closing_fen, before.projects) == (10_00, ())


def test_the_bars_are_twelve_months(session: Session, told: World) -> None:
    bars = read_public(session, code="D", on=TODAY, today=TODAY).bars

    assert len(bars) == 12
    assert (bars[-1].income_fen, bars[-1].spent_fen) == (185_51, 45_24)
    assert (bars[-2].income_fen, bars[-2].spent_fen) == (10_00, 0)


def test_a_public_project_shows_lines_and_what_is_left(session: Session, told: World) -> None:
    _, found = read_public_project(session, code="D", number=1)

    assert found is not None
    assert [(line.budget_fen, line.spent_fen) for line in found.lines] == [
        (60_00, 25_25),
        (20_00, 19_99),
    ]
    assert (found.spent_fen, found.left_fen) == (45_24, 34_76)
    reporting.report(session, told.actor("bob"), number=1, text="好")
    reporting.close(session, told.actor("wen"), number=1)
    _, closed = read_public_project(session, code="D", number=1)
    assert closed is not None
    assert (closed.left_fen, closed.project.returned_fen) == (0, 34_76)
    assert read_public_project(session, code="D", number=9)[1] is None


def test_the_books_are_the_trial_balance(session: Session, told: World) -> None:
    for month_on in (LAST_MONTH, TODAY):
        first_on, last_on = month_of(month_on)
        books = read_books(session, told.actor("audrey"), first_on=first_on, last_on=last_on)

        closings: dict[str, int] = {}
        for section in books.sections:
            for row in section.rows:
                closings[row.code] = row.closing_minor
            assert sum(row.closing_minor for row in section.rows) == 0
            assert sum(row.in_minor - row.out_minor for row in section.rows) == 0
        trial = reports.trial_balance(session, told.community_id, as_of=last_on)
        assert closings == {
            account.code: minor for account, minor in trial if minor or account.code in closings
        }
        money = books.money
        assert money.opening_fen + money.result_fen + money.other_fen == money.closing_fen
        assert money.other_fen == 0


def test_the_income_statement_says_where_money_came_from(session: Session, told: World) -> None:
    first_on, last_on = month_of(TODAY)
    money = read_books(session, told.actor("audrey"), first_on=first_on, last_on=last_on).money

    assert (money.opening_fen, money.income_fen, money.expenses_fen) == (10_00, 185_51, 45_24)
    assert money.result_fen == 140_27
    assert money.closing_fen == 150_27


def test_only_who_reads_books_reads_them(session: Session, told: World) -> None:
    for name in ("alice", "clara", "bob"):
        with pytest.raises(NotAllowed):
            read_books(session, told.actor(name), first_on=TODAY, last_on=TODAY)
        with pytest.raises(NotAllowed):
            read_month(session, told.actor(name), first_on=TODAY, last_on=TODAY)


def test_hledger_makes_the_same_statement(
    session: Session, told: World, database: Database, tmp_path: Path
) -> None:
    session.commit()
    first_on, last_on = month_of(TODAY)
    with database.reading() as reading:
        books = read_books(reading, told.actor("audrey"), first_on=first_on, last_on=last_on)
        path = tmp_path / "book.journal"
        path.write_text(
            "".join(journal(reading, told.actor("audrey"), journal_format=JournalFormat.HLEDGER)),
            encoding="utf-8",
        )
    ours = {row.code: row for section in books.sections for row in section.rows}

    closing = _hledger(path, "--historical", f"--end={last_on + timedelta(days=1)}")
    change = _hledger(path, f"--begin={first_on}", f"--end={last_on + timedelta(days=1)}")

    assert closing == {code: _yuan(row.closing_minor) for code, row in ours.items()}
    assert change == {code: _yuan(row.in_minor - row.out_minor) for code, row in ours.items()}
    checked = [str(tools.hledger()), "check", "--strict", "-f", str(path)]
    assert subprocess.run(checked, check=False).returncode == 0


def _hledger(path: Path, *options: str) -> dict[str, Decimal]:
    command = [
        *(str(tools.hledger()), "balance", "--flat", "--empty", "-N", "-O", "csv"),
        *("cur:CNY", "-f", str(path), *options),
    ]
    table = subprocess.run(command, capture_output=True, text=True, check=True)
    return {
        account: Decimal(amount.split()[0])
        for account, amount in list(csv.reader(StringIO(table.stdout)))[1:]
    }


def _yuan(fen: int) -> Decimal:
    return Decimal(fen) / 100
