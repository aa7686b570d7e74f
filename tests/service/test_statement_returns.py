"""What the passbook says of goods that came back to the shop."""

from collections.abc import Iterator

import pytest
from sqlalchemy.orm import Session

from ledger import clock
from tests.shop.makers import NOON, World, fresh, make_item, make_world
from timebank.actors import Role
from timebank.codes import CodeKeys
from timebank.service import record
from timebank.service.record import Book, Line
from timebank.shop import basket
from timebank.shop.refunds import refund
from timebank.shop.till import Sale, redeem

pytestmark = pytest.mark.databases("sqlite")


@pytest.fixture(autouse=True)
def noon() -> Iterator[None]:
    with clock.at(NOON):
        yield


def _lines(session: Session, shop: World) -> list[Line]:
    reader = shop.actor(shop.alice, Role.VOLUNTEER)
    return record.statement(session, reader, book=Book.POINTS).lines


def test_a_return_names_the_goods_that_came_back(session: Session, keys: CodeKeys) -> None:
    shop = make_world(session)
    for price in (12, 7):
        item = make_item(session, shop, price=price, pieces=5)
        sale = Sale(shop.alice_card, (basket.Line(item.number, 2),), fresh())
        redeem(session, shop.clerk, keys, sale=sale)

    refund(session, shop.clerk, receipt_number=1, reason="断线了", nonce=fresh())

    back, second, first = _lines(session, shop)[:3]
    assert (back.returned, back.narration, back.amount_minor) == (first.narration, "断线了", 24)
    assert "× 2" in (back.returned or "")
    assert (first.returned, second.returned) == (None, None)
