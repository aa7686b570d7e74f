"""Raw SQL against the tables of the fund: the database itself refuses."""

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from ledger import clock
from ledger.database import Database
from ledger.errors import BalanceTooHigh, BalanceTooLow
from ledger.journal import Draft, Leg, post
from tests.commons.makers import (
    KEYS,
    World,
    approved,
    enter,
    fen_of,
    gift,
    give,
    photo,
    plan,
    restrict,
    spend,
)
from tests.shop.makers import fresh
from timebank import chart
from timebank.commons import projects, reporting, reversals
from timebank.commons.donations import record
from timebank.commons.models import FundRegister
from timebank.commons.projects import propose

CLOSED = ("fund", "project_line", "fund_reversal", "project_picture")
KEPT = ("fund_register", "money_donation", "project", "expense")


@pytest.fixture
def history(session: Session, world: World) -> World:
    """A fund, donations counted, recorded and taken back, a project with one of everything."""
    restrict(session, world)
    give(session, world, 200_00)
    undone = give(session, world, 5_00)
    reversals.reverse_donation(
        session, world.actor("ada"), donation_id=undone.id, reason="退回", nonce=fresh()
    )
    record(session, world.actor("clara"), KEYS, gift=gift(nonce="waits"))
    project = approved(session, world, 60_00)
    spend(session, world, project, 10_00, invoice_number="PAID")
    propose(session, world.actor("bob"), plan=plan(nonce="proposed"))
    second = approved(session, world, 1_00)
    reporting.report(
        session,
        world.actor("bob"),
        number=second.number,
        text="好",
        photo_ids=(photo(session, world),),
    )
    enter(session, world, project, 10_00, invoice_number="WAITS")
    session.commit()
    return world


def refuses(database: Database, statement: str) -> None:
    with pytest.raises(DBAPIError), database.begin() as session:
        session.execute(sa.text(statement))


@pytest.mark.parametrize("table", [*CLOSED, *KEPT])
def test_history_is_not_deleted(owner_database: Database, history: World, table: str) -> None:
    refuses(owner_database, f"DELETE FROM {table}")
    if not owner_database.is_sqlite:
        refuses(owner_database, f"TRUNCATE {table} CASCADE")

    with owner_database.reading() as session:
        assert session.scalar(sa.text(f"SELECT count(*) FROM {table}")) >= 1
    assert history.community.code == "D"


@pytest.mark.parametrize("table", CLOSED)
def test_closed_history_is_not_changed(
    owner_database: Database, history: World, table: str
) -> None:
    refuses(owner_database, f"UPDATE {table} SET community_id = community_id")

    assert history.community.code == "D"


@pytest.mark.parametrize(
    "change",
    [
        # one person alone
        "money_donation SET state = 'counted', decided_by_id = recorded_by_id,"
        " decided_at = recorded_at, receipt_number = 3, transaction_id = id"
        " WHERE state = 'recorded'",
        "project SET state = 'approved', decided_by_id = proposed_by_id,"
        " decided_at = proposed_at, transaction_id = id WHERE state = 'proposed'",
        "expense SET state = 'released', decided_by_id = entered_by_id,"
        " decided_at = entered_at, transaction_id = id WHERE state = 'entered'",
        "project SET state = 'closed', closed_by_id = reported_by_id,"
        " closed_at = reported_at, returned_fen = 0 WHERE state = 'reported'",
        # what was written
        "money_donation SET amount_fen = amount_fen + 1 WHERE state = 'recorded'",
        "money_donation SET shown_name = 'x'",
        "project SET title = 'x'",
        "expense SET amount_fen = 1",
        "expense SET payee = 'x' WHERE state = 'entered'",
        # a second decision
        "money_donation SET state = 'refused', decision_reason = 'x' WHERE state = 'counted'",
        "money_donation SET state = 'counted' WHERE state = 'reversed'",
        "expense SET state = 'entered' WHERE state = 'released'",
        "project SET state = 'proposed' WHERE state = 'approved'",
        "project SET state = 'closed' WHERE state = 'approved'",
        # the register
        "fund_register SET last_receipt_number = last_receipt_number - 1",
        "fund_register SET last_fund_number = 0",
    ],
)
def test_what_stands_is_decided_once_by_another(
    owner_database: Database, history: World, change: str
) -> None:
    refuses(owner_database, f"UPDATE {change}")

    assert history.community.code == "D"


def _wen(world: World, database: Database) -> str:
    wen = world.people["wen"].id
    return f"'{wen.hex}'" if database.is_sqlite else f"'{wen}'"


@pytest.mark.parametrize("number", [1, 2, 4])
def test_a_receipt_number_comes_from_the_register_alone(
    owner_database: Database, history: World, number: int
) -> None:
    refuses(
        owner_database,
        f"UPDATE money_donation SET state = 'counted', receipt_number = {number},"
        f" decided_by_id = {_wen(history, owner_database)}, decided_at = recorded_at,"
        " transaction_id = id WHERE state = 'recorded'",
    )

    with owner_database.reading() as session:
        register = session.get_one(FundRegister, history.community_id)
        assert register.last_receipt_number == 2


def test_nothing_begins_decided(owner_database: Database, history: World) -> None:
    columns = {
        "money_donation": (
            "community_id, id, nonce, fund_id, amount_fen, method, shown_name, received_on, note,"
            " recorded_by_id, recorded_at, state, decided_by_id, decided_at, decision_reason,"
            " receipt_number, transaction_id"
        ),
        "expense": (
            "community_id, id, nonce, project_id, line_no, amount_fen, payee, invoice_number,"
            " photo_id, spent_on, entered_by_id, entered_at, state, decided_by_id, decided_at,"
            " decision_reason, transaction_id"
        ),
    }
    for table, names in columns.items():
        fresh_values = {
            "id": "transaction_id",
            "nonce": "'another'",
            "transaction_id": "id",
            "receipt_number": "receipt_number + 10",
            "invoice_number": "'another'",
        }
        chosen = ", ".join(fresh_values.get(name, name) for name in names.split(", "))
        refuses(
            owner_database,
            f"INSERT INTO {table} ({names}) SELECT {chosen} FROM {table}"
            " WHERE state IN ('counted', 'released')",
        )

    assert history.community.code == "D"


def test_a_budget_gets_no_line_after_its_approval(owner_database: Database, history: World) -> None:
    refuses(
        owner_database,
        "INSERT INTO project_line (community_id, project_id, line_no, title, budget_fen)"
        " SELECT l.community_id, l.project_id, 9, l.title, l.budget_fen FROM project_line l"
        " JOIN project p ON p.community_id = l.community_id AND p.id = l.project_id"
        " WHERE p.state = 'approved'",
    )

    assert history.community.code == "D"


def test_an_invoice_stands_once(owner_database: Database, history: World) -> None:
    names = (
        "community_id, id, nonce, project_id, line_no, amount_fen, payee, invoice_number,"
        " photo_id, spent_on, entered_by_id, entered_at, state, decision_reason"
    )
    chosen = names.replace(" id,", " photo_id,", 1).replace("nonce", "'another'")
    refuses(
        owner_database,
        f"INSERT INTO expense ({names}) SELECT {chosen} FROM expense WHERE state = 'entered'",
    )

    assert history.community.code == "D"


def test_who_confirmed_takes_nothing_back(owner_database: Database, history: World) -> None:
    names = (
        "community_id, id, nonce, expense_id, first_decided_by_id, reason, reversed_by_id,"
        " reversed_at, transaction_id"
    )
    for reverser, decider in (
        ("decided_by_id", "decided_by_id"),
        ("decided_by_id", "entered_by_id"),
    ):
        refuses(
            owner_database,
            f"INSERT INTO fund_reversal ({names}) SELECT community_id, photo_id, 'x', id,"
            f" {decider}, 'x', {reverser}, decided_at, id FROM expense WHERE state = 'released'",
        )

    assert history.community.code == "D"


def test_a_fund_and_a_line_are_never_overspent_by_hand(
    session: Session, world: World, database: Database
) -> None:
    """The ledger holds the floor of a restricted fund and the ceiling of a line."""
    fund = restrict(session, world)
    give(session, world, 50_00, fund_number=fund.number)
    give(session, world, 500_00)
    approved(session, world, 60_00, 60_00)
    restricted_id, general_id, own_id, line_id = chart.account_ids(
        *(session, world.community_id, "Fund:F0002", "Fund:General"),
        *("Fund:P0001", "Expenses:P0001:1"),
    )

    def move(from_id: object, to_id: object, fen: int) -> None:
        legs = (Leg(from_id, -fen), Leg(to_id, fen))  # type: ignore[arg-type]  # ids of accounts
        day = clock.today("Asia/Shanghai")
        draft = Draft("fund", legs, day, fresh(), "system:test", "test:1", "")
        post(session, world.community_id, draft)

    with pytest.raises(BalanceTooLow):
        move(restricted_id, general_id, 50_01)
    with pytest.raises(BalanceTooHigh):
        move(own_id, line_id, 60_01)
    move(own_id, line_id, 60_00)
    assert fen_of(session, world, "Expenses:P0001:1") == 60_00
    assert (
        projects.lines_of(session, projects.find_project(session, world.actor("wen"), number=1))[
            0
        ].budget_fen
        == 60_00
    )
    assert database is not None
