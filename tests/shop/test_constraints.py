"""Raw SQL against the shop's tables: the database itself refuses."""

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from ledger import clock
from ledger.database import Database
from tests.shop.makers import World, fresh, make_item
from timebank import codes
from timebank.codes import CodeKeys
from timebank.shop.basket import Line
from timebank.shop.intake import Intake, receive
from timebank.shop.models import IntakeChoice
from timebank.shop.refunds import refund
from timebank.shop.reservations import reserve
from timebank.shop.till import Sale, redeem

APPEND_ONLY = (
    *("donation", "redemption", "redemption_line", "refund", "pay_code_use"),
    "reservation",
)


@pytest.fixture
def history(session: Session, world: World, keys: CodeKeys) -> World:
    """One donation, one exchange, one redemption by pay code, one return, one reservation."""
    item = make_item(session, world, maker=world.bob)
    receive(session, world.clerk, intake=Intake(item.number, 2, IntakeChoice.EXCHANGE, fresh()))
    code = codes.pay_code(keys, world.community.community_id, world.alice.alias, clock.now())
    sale = Sale(holder=code, lines=(Line(item.number, 1),), nonce=fresh())
    redeem(session, world.clerk, keys, sale=sale)
    refund(session, world.clerk, receipt_number=1, reason="断线了", nonce=fresh())
    alice = world.actor(world.alice)
    reserve(session, alice, item_number=item.number, quantity=1, nonce=fresh())
    session.commit()
    return world


def refuses(database: Database, statement: str) -> None:
    with pytest.raises(DBAPIError), database.begin() as session:
        session.execute(sa.text(statement))


@pytest.mark.parametrize("table", APPEND_ONLY)
def test_history_is_neither_changed_nor_deleted(
    owner_database: Database, history: World, table: str
) -> None:
    refuses(owner_database, f"UPDATE {table} SET community_id = community_id")
    refuses(owner_database, f"DELETE FROM {table}")
    if not owner_database.is_sqlite:
        refuses(owner_database, f"TRUNCATE {table} CASCADE")

    with owner_database.reading() as session:
        assert session.scalar(sa.text(f"SELECT count(*) FROM {table}")) >= 1
    assert history.community.code == "D"


@pytest.mark.parametrize("table", APPEND_ONLY)
def test_replace_does_not_rewrite_history(
    owner_database: Database, history: World, table: str
) -> None:
    if owner_database.is_sqlite:
        refuses(owner_database, f"INSERT OR REPLACE INTO {table} SELECT * FROM {table}")
    else:
        refuses(owner_database, f"INSERT INTO {table} SELECT * FROM {table}")

    assert history.alice.number == 1


@pytest.mark.parametrize(
    "change",
    [
        "priced_by_id = maker_member_id",
        "price_points = 0",
        "price_points = 10001",
        "price_points = NULL",
        "priced_at = NULL",
        "value_basis = 'unvalued'",
        "value_basis = 'whatever'",
        "name = ''",
        "number = 0",
    ],
)
def test_goods_keep_their_rules(owner_database: Database, history: World, change: str) -> None:
    refuses(owner_database, f"UPDATE item SET {change} WHERE maker_member_id IS NOT NULL")

    assert history.bob.number == 2


@pytest.mark.parametrize(
    ("columns", "values"),
    [
        ("quantity, sum_points", "0, 0"),
        ("quantity, sum_points", "100, 1200"),
        ("quantity, sum_points", "-1, -12"),
        ("quantity, sum_points", "2, 12"),
        ("quantity, sum_points", "1, 11"),
    ],
)
def test_a_line_is_quantity_times_price(
    owner_database: Database, history: World, columns: str, values: str
) -> None:
    refuses(
        owner_database,
        "INSERT INTO redemption_line (community_id, redemption_id, line_no, item_id, item_number,"
        f" item_name, price_points, {columns})"
        " SELECT community_id, redemption_id, line_no + 1, item_id, item_number, item_name,"
        f" price_points, {values} FROM redemption_line",
    )

    assert history.wen.number == 4


@pytest.mark.parametrize(
    ("changed", "value"),
    [
        ("clerk_member_id", "member_id"),
        ("receipt_number", "receipt_number"),
        ("transaction_id", "transaction_id"),
        ("total_points", "0"),
        ("balance_points_after", "-1"),
        ("identified_by", "'face'"),
        ("member_id", "id"),
    ],
)
def test_a_redemption_keeps_its_rules(
    owner_database: Database, history: World, changed: str, value: str
) -> None:
    fresh_values = {
        "id": "transaction_id",
        "nonce": "'another'",
        "receipt_number": "receipt_number + 1",
        "transaction_id": "id",
        changed: value,
    }
    columns = (
        "community_id, id, nonce, receipt_number, member_id, clerk_member_id, identified_by,"
        " total_points, balance_points_after, redeemed_at, transaction_id"
    )
    chosen = ", ".join(fresh_values.get(name, name) for name in columns.split(", "))

    refuses(owner_database, f"INSERT INTO redemption ({columns}) SELECT {chosen} FROM redemption")

    assert history.clara.number == 3


@pytest.mark.parametrize(
    ("changed", "value"),
    [
        ("points", "points + 1"),
        ("points", "0"),
        ("choice", "'donate'"),
        ("piece_count", "0"),
        ("price_points", "NULL"),
        ("donor_member_id", "NULL"),
        ("received_by_id", "donor_member_id"),
    ],
)
def test_an_exchange_pays_pieces_times_price(
    owner_database: Database, history: World, changed: str, value: str
) -> None:
    columns = (
        "community_id, id, nonce, item_id, donor_member_id, choice, piece_count, price_points,"
        " points, received_by_id, received_at, transaction_id"
    )
    fresh_values = {
        "id": "transaction_id",
        "nonce": "'another'",
        "transaction_id": "id",
        changed: value,
    }
    chosen = ", ".join(fresh_values.get(name, name) for name in columns.split(", "))

    refuses(
        owner_database,
        f"INSERT INTO donation ({columns}) SELECT {chosen} FROM donation WHERE choice = 'exchange'",
    )

    assert history.bob.name == "鲍勃"


@pytest.mark.parametrize(
    ("changed", "value"),
    [
        ("nonce", "nonce"),
        ("nonce", "''"),
        ("transaction_id", "transaction_id"),
        ("quantity", "0"),
        ("quantity", "100"),
        ("quantity", "2"),
        ("price_points", "0"),
        ("total_points", "total_points + 1"),
        ("member_id", "id"),
        ("item_id", "id"),
    ],
)
def test_a_reservation_keeps_its_rules(
    owner_database: Database, history: World, changed: str, value: str
) -> None:
    columns = (
        "community_id, id, nonce, member_id, item_id, item_number, item_name, quantity,"
        " price_points, total_points, transaction_id"
    )
    fresh_values = {
        "id": "transaction_id",
        "nonce": "'another'",
        "transaction_id": "id",
        changed: value,
    }
    chosen = ", ".join(fresh_values.get(name, name) for name in columns.split(", "))

    refuses(owner_database, f"INSERT INTO reservation ({columns}) SELECT {chosen} FROM reservation")

    assert history.alice.number == 1
