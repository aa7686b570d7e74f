"""Raw SQL against the tables of the till's day and the safe: the database itself refuses."""

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from ledger.database import Database
from tests.shop.drawers import close_till, counted, enter, open_till
from tests.shop.makers import World
from timebank.shop import till_days
from timebank.tables import Base

APPEND_ONLY = ("till_day", "till_closing", "till_signature", "safe_move", "safe_decision")
FRESH = {
    "id": "transaction_id",
    "nonce": "'another'",
    "transaction_id": "id",
    "day_on": "'2026-11-21'",
}


@pytest.fixture
def history(session: Session, world: World) -> World:
    """Till 1 closed short and signed, till 2 open, one move of the safe waiting."""
    first = open_till(session, world)
    short = counted(19_900, difference_fen=-100, reason="找零多给了", left_fen=100)
    close_till(session, world, first, short)
    till_days.sign_day(session, world.pricer, day_id=first.day.id)
    open_till(session, world, till_number=2, float_fen=100)
    enter(session, world)
    session.commit()
    return world


def refuses(database: Database, statement: str) -> None:
    with pytest.raises(DBAPIError), database.begin() as session:
        session.execute(sa.text(statement))


def copy(table: str, changes: dict[str, str], where: str = "1 = 1") -> str:
    """Return the statement that writes the rows of a table once more, with changes."""
    columns = [column.name for column in Base.metadata.tables[table].columns]
    given = ", ".join(changes.get(column, column) for column in columns)
    return f"INSERT INTO {table} ({', '.join(columns)}) SELECT {given} FROM {table} WHERE {where}"


@pytest.mark.parametrize("table", APPEND_ONLY)
def test_what_was_counted_is_neither_changed_nor_deleted(
    owner_database: Database, history: World, table: str
) -> None:
    refuses(owner_database, f"UPDATE {table} SET community_id = community_id")
    refuses(owner_database, f"DELETE FROM {table}")
    if owner_database.is_sqlite:
        refuses(owner_database, f"INSERT OR REPLACE INTO {table} SELECT * FROM {table}")
    else:
        refuses(owner_database, f"TRUNCATE {table} CASCADE")

    with owner_database.reading() as session:
        assert session.scalar(sa.text(f"SELECT count(*) FROM {table}"))
    assert history.community.code == "D"


def test_the_unchanged_copy_of_a_closed_day_would_be_taken(
    owner_database: Database, history: World
) -> None:
    """Shows that the refusals below come from their one change, and not from the copying."""
    fresh = FRESH | {"till_number": "3"}

    with owner_database.begin() as session:
        session.execute(sa.text(copy("till_day", fresh, "till_number = 1")))
        made = session.scalar(sa.text("SELECT count(*) FROM till_day WHERE till_number = 3"))

    assert made == 1
    assert history.clara.number == 3


@pytest.mark.parametrize(
    ("changed", "value"),
    [
        ("till_number", "0"),
        ("till_number", "10"),
        ("float_fen", "float_fen + 1"),
        ("yuan_1", "yuan_1 + 1"),
        ("yuan_1", "-1"),
        ("from_safe_fen", "from_safe_fen - 1"),
        ("left_fen", "-1"),
        ("difference_fen", "-1"),
        ("transaction_id", "NULL"),
        ("nonce", "nonce"),
        ("nonce", "''"),
        ("ends_at", "starts_at"),
    ],
)
def test_an_opened_day_keeps_its_rules(
    owner_database: Database, history: World, changed: str, value: str
) -> None:
    fresh = FRESH | {"till_number": "3", changed: value}

    refuses(owner_database, copy("till_day", fresh, "till_number = 1"))

    assert history.clara.number == 3


def test_of_one_till_one_day_is_open_at_a_time(owner_database: Database, history: World) -> None:
    refuses(owner_database, copy("till_day", FRESH, "till_number = 2"))

    assert history.clara.number == 3


@pytest.mark.parametrize(
    ("changed", "value"),
    [
        ("counted_fen", "counted_fen + 1"),
        ("expected_fen", "expected_fen + 1"),
        ("difference_fen", "0"),
        ("difference_reason", "''"),
        ("jiao_1", "jiao_1 + 1"),
        ("left_fen", "-1"),
        ("left_fen", "counted_fen + 1"),
        ("transaction_id", "NULL"),
        ("nonce", "nonce"),
    ],
)
def test_a_closing_keeps_its_rules(
    owner_database: Database, history: World, changed: str, value: str
) -> None:
    fresh = {
        "till_day_id": "(SELECT id FROM till_day WHERE till_number = 2)",
        "nonce": "'another'",
        "transaction_id": "till_day_id",
        changed: value,
    }

    refuses(owner_database, copy("till_closing", fresh))

    assert history.clara.number == 3


def test_a_day_is_closed_once(owner_database: Database, history: World) -> None:
    fresh = {"nonce": "'another'", "transaction_id": "till_day_id"}

    refuses(owner_database, copy("till_closing", fresh))

    assert history.clara.number == 3


@pytest.mark.parametrize(
    "changes",
    [
        {"signed_by_id": "closed_by_id"},
        {"closed_by_id": "signed_by_id", "signed_by_id": "closed_by_id"},
        {"closed_by_id": "NULL", "signed_by_id": "closed_by_id"},
        {"signed_by_id": "NULL"},
    ],
    ids=["own", "exchanged", "nobody closed", "nobody signs"],
)
def test_a_day_is_signed_by_another(
    owner_database: Database, history: World, changes: dict[str, str]
) -> None:
    """The day of till 2 is closed by hand, so that it has no signature yet."""
    second = "(SELECT id FROM till_day WHERE till_number = 2)"
    with owner_database.begin() as session:
        closing = {"till_day_id": second, "nonce": "'2'", "transaction_id": "till_day_id"}
        session.execute(sa.text(copy("till_closing", closing)))

    refuses(owner_database, copy("till_signature", {"till_day_id": second} | changes))

    with owner_database.begin() as session:
        session.execute(sa.text(copy("till_signature", {"till_day_id": second})))
    assert history.wen.number == 4


@pytest.mark.parametrize(
    ("changed", "value"),
    [("amount_fen", "0"), ("amount_fen", "100000001"), ("note", "''"), ("kind", "'gift'")],
)
def test_a_move_of_the_safe_keeps_its_rules(
    owner_database: Database, history: World, changed: str, value: str
) -> None:
    waiting = "id NOT IN (SELECT safe_move_id FROM safe_decision)"
    fresh = {"id": "proposed_by_id", "nonce": "'another'", changed: value}

    refuses(owner_database, copy("safe_move", fresh, waiting))

    assert history.wen.number == 4


@pytest.mark.parametrize(
    "changes",
    [
        {"decided_by_id": "proposed_by_id"},
        {"proposed_by_id": "decided_by_id", "decided_by_id": "proposed_by_id"},
        {"transaction_id": "NULL"},
        {"is_confirmed": "is_confirmed = (1 = 0)"},
        {"decided_by_id": "NULL"},
    ],
    ids=["own", "exchanged", "not posted", "posted and declined", "nobody"],
)
def test_a_move_is_decided_by_another_and_posted_when_confirmed(
    owner_database: Database, history: World, changes: dict[str, str]
) -> None:
    waiting = "(SELECT id FROM safe_move WHERE id NOT IN (SELECT safe_move_id FROM safe_decision))"
    fresh = {"safe_move_id": waiting, "transaction_id": "safe_move_id"} | changes
    one = "safe_move_id = (SELECT min(CAST(safe_move_id AS TEXT)) FROM safe_decision)"
    where = (
        one
        if owner_database.is_sqlite
        else one.replace("safe_move_id =", "CAST(safe_move_id AS TEXT) =")
    )

    refuses(owner_database, copy("safe_decision", fresh, where))

    as_before = {"safe_move_id": waiting, "transaction_id": "safe_move_id"}
    with owner_database.begin() as session:
        session.execute(sa.text(copy("safe_decision", as_before, where)))
    assert history.wen.number == 4
