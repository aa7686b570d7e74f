"""Receipts of before survive that they grow wider, and come back as they were."""

import pytest
import sqlalchemy as sa
from alembic import command
from sqlalchemy import Connection

from ledger import clock
from ledger.database import Database
from migrations.run import changing, configuration
from tests.shop.makers import NOON, fresh, make_item, make_world
from tests.shop.sales import do, sale_of
from timebank.codes import CodeKeys
from timebank.shop.refunds import refund

KEPT = (
    "SELECT receipt_number, member_id, identified_by, total_points, balance_points_after"
    " FROM redemption ORDER BY receipt_number"
)


def test_receipts_and_whole_returns_go_down_and_up_again(
    database: Database, owner_database: Database, keys: CodeKeys
) -> None:
    with clock.at(NOON), database.begin() as session:
        world = make_world(session)
        cup = make_item(session, world, price=12)
        do(session, world, keys, sale_of(world, (cup.number, 2)))
        do(session, world, keys, sale_of(world, (cup.number, 1)))
        refund(session, world.clerk, receipt_number=1, reason="断线了", nonce=fresh())
    before = _read(owner_database, KEPT)

    _to(owner_database, "0016_prices")
    narrow = _read(owner_database, KEPT)
    _to(owner_database, "head")

    assert before == narrow == _read(owner_database, KEPT)
    pieces = "SELECT line_no, quantity, points_back, fen_back FROM refund_line JOIN refund"
    assert _read(owner_database, f"{pieces} ON refund.id = refund_line.refund_id") == [
        (1, 2, 24, 0)
    ]
    with pytest.raises(sa.exc.DBAPIError), owner_database.begin() as session:
        session.execute(sa.text("UPDATE refund SET points_back = 0"))


def _read(database: Database, query: str) -> list[tuple[object, ...]]:
    with database.reading() as session:
        return [tuple(row) for row in session.execute(sa.text(query))]


def _to(database: Database, revision: str) -> None:
    with database.engine.connect() as connection, changing(connection):
        _move(connection, revision)


def _move(connection: Connection, revision: str) -> None:
    move = command.upgrade if revision == "head" else command.downgrade
    move(configuration(connection), revision)
