"""The common money in a verified book, and the line between points and money."""

from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from ledger import clock
from ledger.database import Database
from ledger.journal import Draft, Leg, post
from tests.commons.makers import World, approved, give, make_world, restrict, spend
from tests.shop.makers import NOON, fresh
from timebank import chart
from timebank.commons import reporting, reversals
from timebank.insight import fund_papers
from timebank.insight.fund_papers import mixing_problems
from timebank.insight.verification import Verification, verify


@pytest.fixture
def told(database: Database) -> Iterator[World]:
    """One of everything: two funds, a donation taken back, a project that came to its end."""
    with clock.at(NOON):
        with database.begin() as session:
            world = make_world(session)
            fund = restrict(session, world)
            give(session, world, 100_00, fund_number=fund.number)
            undone = give(session, world, 5_00)
            reversals.reverse_donation(
                session, world.actor("ada"), donation_id=undone.id, reason="退", nonce=fresh()
            )
            project = approved(session, world, 60_00, fund_number=fund.number)
            spend(session, world, project, 20_00)
            wrong = spend(session, world, project, 10_00)
            reversals.reverse_expense(
                session, world.actor("ada"), expense_id=wrong.id, reason="退", nonce=fresh()
            )
            reporting.report(session, world.actor("bob"), number=1, text="好")
            reporting.close(session, world.actor("wen"), number=1)
        yield world


def verified(database: Database) -> Verification:
    with database.reading() as session:
        return verify(session)


def codes(database: Database) -> set[str]:
    found = verified(database)
    return {each.code for book in found.books for each in book.findings}


def test_a_fund_with_one_of_everything_has_its_papers(database: Database, told: World) -> None:
    found = verified(database)

    assert [book.findings for book in found.books] == [()]
    assert told.community.code == "D"


DAMAGES = [
    ("money_donation", "amount_fen = amount_fen + 1", "paper_differs"),
    ("money_donation", "transaction_id = id WHERE state = 'counted'", "paper_differs"),
    ("expense", "amount_fen = amount_fen - 1", "paper_differs"),
    ("project", "returned_fen = returned_fen - 1", "paper_differs"),
    ("project_line", "budget_fen = budget_fen + 1", "paper_differs"),
    ("money_donation", "state = 'counted' WHERE state = 'reversed'", "reversal_differs"),
    ("money_donation", "state = 'reversed' WHERE state = 'counted'", "reversal_differs"),
    ("fund_reversal", "transaction_id = id", "reversal_without_paper"),
    ("fund_register", "last_receipt_number = last_receipt_number + 1", "number_missing"),
    ("fund_register", "last_project_number = 0", "number_beyond"),
]


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize(("table", "change", "code"), DAMAGES)
def test_a_changed_paper_is_found(
    owner_database: Database, database: Database, told: World, table: str, change: str, code: str
) -> None:
    with owner_database.begin() as session:
        triggers = session.scalars(
            sa.text("SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = :name"),
            {"name": table},
        ).all()
        for trigger in triggers:
            session.execute(sa.text(f"DROP TRIGGER {trigger}"))
        session.execute(sa.text(f"UPDATE {table} SET {change}"))

    assert code in codes(database)
    assert told.community.code == "D"


def test_money_without_a_paper_is_found(database: Database, told: World) -> None:
    with database.begin() as session:
        _move(session, told, {"Fund:F0002": -1, "Fund:General": 1})

    assert codes(database) == {"without_paper"}


def _move(session: Session, world: World, legs: dict[str, int]) -> None:
    ids = chart.account_ids(session, world.community_id, *legs)
    draft = Draft(
        *("fund", tuple(map(Leg, ids, legs.values())), clock.today("Asia/Shanghai"), fresh()),
        *("system:test", "test:1", ""),
    )
    post(session, world.community_id, draft)


@pytest.mark.parametrize("sign", [1, -1])
def test_points_that_became_money_are_found(database: Database, told: World, sign: int) -> None:
    alice = told.people["alice"].volunteer_number
    with database.begin() as session:
        for code in (chart.SAFE, chart.SALES):
            chart.open_money_account(session, told.community_id, code)
        if sign < 0:
            points = {chart.POINTS_ISSUANCE: -5, f"Members:{alice}:Points": 5}
            _move(session, told, points)
            _move(session, told, {chart.SALES: -5, chart.SAFE: 5})
        _move(
            session,
            told,
            {
                f"Members:{alice}:Points": sign * 5,
                chart.SHOP_REDEEMED: -sign * 5,
                chart.SAFE: sign * 5,
                chart.SALES: -sign * 5,
            },
        )

    with database.reading() as session:
        found = list(fund_papers.no_points_become_money(session, told.community_id))
    assert {each.code for each in found} == {"points_and_money"}
    assert any("points" in each.message for each in found)


CUP, POINT, CNY = "GOODS-0001", "POINT", "CNY"
PAID = [("Members:V0001:Points", POINT, -5), ("Shop:Redeemed", POINT, 5)]
CASH = [("Cash:Till:1", CNY, 700), ("Income:Sales", CNY, -700)]
OUT = [("Goods:0001:Stock", CUP, -1), ("Goods:0001:Out", CUP, 1)]
BROUGHT = [("Goods:0002:Intake", "GOODS-0002", -1), ("Goods:0002:Stock", "GOODS-0002", 1)]
SWAPPED = [*BROUGHT, ("Issuance:Points", POINT, -5), ("Members:V0001:Points", POINT, 5)]


def _back(*legs: tuple[str, str, int]) -> list[tuple[str, str, int]]:
    return [(code, unit, -amount) for code, unit, amount in legs]


@pytest.mark.parametrize(
    "legs",
    [
        CASH + OUT,
        PAID + CASH + OUT,
        _back(*PAID, *CASH, *OUT),
        _back(*CASH, *OUT),
        CASH + OUT + BROUGHT,
        CASH + OUT + SWAPPED,
        _back(*CASH, *OUT, *SWAPPED),
    ],
)
def test_a_sale_and_its_return_mix_units(legs: list[tuple[str, str, int]]) -> None:
    assert list(mixing_problems(legs)) == []


@pytest.mark.parametrize(
    "legs",
    [
        PAID + CASH,
        _back(*PAID) + CASH + OUT,
        PAID + _back(*CASH) + OUT,
        PAID + CASH + _back(*OUT),
        CASH + _back(*OUT),
        _back(*CASH) + BROUGHT,
        _back(*CASH) + _back(*OUT) + BROUGHT,
        _back(*CASH) + OUT + SWAPPED,
        [*OUT, ("Fund:General", CNY, 700), ("Income:Sales", CNY, -700)],
        [*OUT, ("Cash:Safe", CNY, 700), ("Income:Donations:General", CNY, -700)],
        CASH + OUT + [("Issuance:Points", POINT, -5), ("Members:V0001:Points", POINT, 5)],
        [*CASH, ("Members:V0001:Service", "SERVICE", 5), ("Issuance:Service", "SERVICE", -5)],
    ],
)
def test_anything_else_that_mixes_money_is_a_finding(legs: list[tuple[str, str, int]]) -> None:
    assert list(mixing_problems(legs)) != []
