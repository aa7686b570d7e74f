"""Raw SQL against the tables of the counter: the database itself refuses, on both."""

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from ledger.database import Database
from tests.shop.drawers import open_till
from tests.shop.makers import NOON, World, fresh, make_cash_item, make_item
from tests.shop.sales import do, sale_of
from timebank.codes import CodeKeys
from timebank.people import helpers
from timebank.shop.basket import Line
from timebank.shop.refunds import Return, give_back

REDEMPTION = (
    "community_id, id, nonce, receipt_number, member_id, clerk_member_id, identified_by,"
    " total_points, balance_points_after, redeemed_at, transaction_id, helper_member_id,"
    " till_number, total_fen, tendered_fen, swapped_points"
)
LINE = (
    "community_id, redemption_id, line_no, item_id, item_number, item_name, quantity, pays_with,"
    " price_points, sum_points, price_fen, sum_fen"
)


@pytest.fixture
def history(session: Session, world: World, keys: CodeKeys) -> World:
    """Receipt 1: two cups by a helper, one cash scarf; receipt 2: a swap; one cup came back."""
    open_till(session, world, float_fen=0)
    cup, bag = make_item(session, world, price=12), make_item(session, world, price=6, pieces=0)
    scarf = make_cash_item(session, world, price_fen=1250)
    helpers.agree(
        session,
        world.pricer,
        member_id=world.alice.id,
        helper_id=world.bob.id,
        agreed_on=NOON.date(),
    )
    sold = sale_of(world, (cup.number, 2), (scarf.number, 1), helper="V0002", tendered_fen=2000)
    do(session, world, keys, sold)
    do(session, world, keys, sale_of(world, (cup.number, 1), swaps=(Line(bag.number, 1),)))
    give_back(session, world.clerk, wanted=Return(1, "断线了", fresh(), ((1, 1),)))
    session.commit()
    return world


def refuses(database: Database, statement: str) -> None:
    with pytest.raises(DBAPIError), database.begin() as session:
        session.execute(sa.text(statement))


def copied(table: str, columns: str, changes: dict[str, str], where: str) -> str:
    chosen = ", ".join(changes.get(name, name) for name in columns.split(", "))
    return f"INSERT INTO {table} ({columns}) SELECT {chosen} FROM {table} WHERE {where}"


NEW = {
    "id": "transaction_id",
    "nonce": "'another'",
    "receipt_number": "receipt_number + 9",
    "transaction_id": "id",
}


def test_the_unchanged_copy_of_a_receipt_would_be_taken(
    owner_database: Database, history: World
) -> None:
    with owner_database.begin() as session:
        session.execute(sa.text(copied("redemption", REDEMPTION, NEW, "receipt_number = 1")))
        count = session.scalar(sa.text("SELECT count(*) FROM redemption"))
        session.rollback()

    assert count == 3
    assert history.alice.number == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"member_id": "NULL"},
        {"identified_by": "NULL"},
        {"balance_points_after": "NULL"},
        {"total_points": "0", "total_fen": "0", "tendered_fen": "NULL"},
        {"total_points": "-1"},
        {"total_fen": "-1", "tendered_fen": "NULL"},
        {"tendered_fen": "1249"},
        {"total_fen": "0"},
        {"swapped_points": "-1"},
        {"till_number": "0"},
        {"till_number": "10"},
        {"helper_member_id": "member_id"},
        {"helper_member_id": "clerk_member_id"},
        {"clerk_member_id": "helper_member_id"},
        {"helper_member_id": "id"},
        {
            "member_id": "NULL",
            "identified_by": "NULL",
            "balance_points_after": "NULL",
            "helper_member_id": "NULL",
        },
    ],
)
def test_a_receipt_keeps_its_rules(
    owner_database: Database, history: World, changes: dict[str, str]
) -> None:
    statement = copied("redemption", REDEMPTION, NEW | changes, "receipt_number = 1")

    refuses(owner_database, statement)

    assert history.bob.number == 2


def test_a_helper_who_had_not_agreed_stands_on_no_receipt(
    owner_database: Database, history: World
) -> None:
    with owner_database.begin() as session:
        session.execute(sa.text("UPDATE helper SET ended_at = recorded_at"))

    refuses(owner_database, copied("redemption", REDEMPTION, NEW, "receipt_number = 1"))
    refuses(owner_database, "UPDATE helper SET ended_at = NULL")
    refuses(owner_database, "DELETE FROM helper")
    assert history.wen.number == 4


@pytest.mark.parametrize(
    "change",
    ["agreed_on = '2020-01-01'", "helper_member_id = recorded_by_id", "recorded_by_id = NULL"],
)
def test_what_was_agreed_stays(owner_database: Database, history: World, change: str) -> None:
    refuses(owner_database, f"UPDATE helper SET {change}")

    assert history.clara.number == 3


@pytest.mark.parametrize(
    ("pays_with", "changes"),
    [
        ("points", {"pays_with": "'cash'"}),
        ("points", {"price_points": "NULL"}),
        ("points", {"sum_points": "sum_points + 1"}),
        ("points", {"price_fen": "1", "sum_fen": "2"}),
        ("points", {"pays_with": "'favour'"}),
        ("cash", {"pays_with": "'points'"}),
        ("cash", {"price_fen": "NULL"}),
        ("cash", {"sum_fen": "sum_fen - 1"}),
        ("cash", {"price_fen": "0", "sum_fen": "0"}),
        ("cash", {"price_points": "1", "sum_points": "1"}),
    ],
)
def test_a_line_is_paid_with_one_of_the_two(
    owner_database: Database, history: World, pays_with: str, changes: dict[str, str]
) -> None:
    another = "(SELECT id FROM item WHERE id NOT IN (SELECT item_id FROM redemption_line))"
    fresh_line = {"line_no": "line_no + 9", "item_id": another} | changes
    statement = copied("redemption_line", LINE, fresh_line, f"pays_with = '{pays_with}'")

    refuses(owner_database, f"{statement} LIMIT 1")

    assert history.community.code == "D"


def test_no_more_pieces_come_back_than_went_out(owner_database: Database, history: World) -> None:
    columns = "community_id, refund_id, line_no, redemption_id, quantity"
    swap = "(SELECT id FROM redemption WHERE receipt_number = 2)"
    for changes in (
        {"line_no": "2", "quantity": "2"},  # one scarf went out
        {"line_no": "2", "quantity": "0"},
        {"line_no": "3"},
        {"line_no": "2", "redemption_id": swap},
        {"redemption_id": swap},
    ):
        refuses(owner_database, copied("refund_line", columns, changes, "line_no = 1"))

    with owner_database.begin() as session:
        session.execute(sa.text(copied("refund_line", columns, {"line_no": "2"}, "line_no = 1")))
        session.rollback()
    assert history.community.code == "D"


def test_who_brings_goods_in_did_not_price_them(owner_database: Database, history: World) -> None:
    columns = (
        "community_id, redemption_id, line_no, item_id, item_number, item_name, quantity,"
        " price_points, sum_points"
    )
    with owner_database.begin() as session:
        session.execute(
            sa.text("UPDATE item SET priced_by_id = (SELECT id FROM member WHERE number = 1)")
        )
    another = "(SELECT id FROM item WHERE id NOT IN (SELECT item_id FROM swap_line) LIMIT 1)"
    own = {"line_no": "2", "item_id": another}

    refuses(owner_database, copied("swap_line", columns, own, "line_no = 1"))

    assert history.community.code == "D"


@pytest.mark.parametrize("table", ["swap_line", "refund_line", "refund", "redemption_line"])
def test_the_counter_is_history(owner_database: Database, history: World, table: str) -> None:
    refuses(owner_database, f"UPDATE {table} SET community_id = community_id")
    refuses(owner_database, f"DELETE FROM {table}")
    if not owner_database.is_sqlite:
        refuses(owner_database, f"TRUNCATE {table} CASCADE")

    assert history.community.code == "D"
