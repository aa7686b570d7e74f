"""The day sheet says what the receipts say and what the book says, and they agree."""

from datetime import timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from ledger import clock
from ledger.database import Database
from ledger.errors import Refusal
from tests.shop.drawers import FLOAT, close_till, counted, open_till
from tests.shop.makers import NOON, World, fresh, make_item
from tests.shop.test_cash_constraints import copy
from tests.shop.test_till_days import code_of, findings
from timebank.codes import CodeKeys
from timebank.shop import till_days
from timebank.shop.basket import Line
from timebank.shop.day_sheet import read_sheet
from timebank.shop.goods import set_price
from timebank.shop.models import Item, ValueBasis
from timebank.shop.receipts import Receipt
from timebank.shop.refunds import Return, give_back
from timebank.shop.sale_models import PaysWith
from timebank.shop.till import Sale, redeem

CUP_FEN = 1_250


def make_cup(session: Session, world: World, pieces: int = 10) -> Item:
    """Make goods that cost 12 points or 12.50 yuan."""
    item = make_item(session, world, name="竹杯", price=12, pieces=pieces)
    return set_price(
        session,
        world.pricer,
        item_number=item.number,
        price_points=12,
        basis=ValueBasis.COUNCIL,
        price_fen=CUP_FEN,
    )


def sell(
    session: Session, world: World, keys: CodeKeys, item: Item, quantity: int, **named: object
) -> Receipt:
    """Sell for cash to somebody without a card."""
    lines = (Line(item.number, quantity, pays_with=PaysWith.CASH),)
    sale = Sale(holder="", lines=lines, nonce=fresh(), **named)  # type: ignore[arg-type]
    return redeem(session, world.clerk, keys, sale=sale)


def exchange(session: Session, world: World, keys: CodeKeys, item: Item, quantity: int) -> Receipt:
    """Redeem Alice's points."""
    sale = Sale(holder=world.alice_card, lines=(Line(item.number, quantity),), nonce=fresh())
    return redeem(session, world.clerk, keys, sale=sale)


def give(session: Session, world: World, receipt: Receipt, pieces: int) -> Receipt:
    """Take pieces of the first line back."""
    number = receipt.redemption.receipt_number
    wanted = Return(number, "缝线开了", fresh(), pieces=((1, pieces),))
    return give_back(session, world.clerk, wanted=wanted)


def test_a_sheet_holds_the_whole_day_and_agrees_with_the_book(
    session: Session, world: World, keys: CodeKeys
) -> None:
    day = open_till(session, world)
    cup = make_cup(session, world)
    first = sell(session, world, keys, cup, 3, tendered_fen=5_000)
    points = exchange(session, world, keys, cup, 2)
    give(session, world, first, 1)
    give(session, world, points, 2)
    closed = close_till(session, world, day, counted(FLOAT + 2 * CUP_FEN))

    sheet = read_sheet(session, world.pricer, day_id=day.day.id)

    assert closed.closing is not None
    assert closed.closing.expected_fen == sheet.expected_fen == FLOAT + 2 * CUP_FEN
    assert (sheet.papers.sales_fen, sheet.papers.returns_fen) == (3 * CUP_FEN, CUP_FEN)
    assert (sheet.papers.points_taken, sheet.papers.points_given) == (24, 24)
    assert [(row.item_name, row.out_count, row.in_count) for row in sheet.goods] == [("竹杯", 5, 3)]
    assert [(row.reason, row.piece_count, row.fen_back) for row in sheet.returns] == [
        ("缝线开了", 1, CUP_FEN),
        ("缝线开了", 2, 0),
    ]
    assert (sheet.receipt_count, sheet.first_receipt, sheet.last_receipt) == (2, 1, 2)
    assert sheet.papers == sheet.book
    assert sheet.agrees
    assert findings(session, world) == []


def test_each_till_has_its_own_sheet(session: Session, world: World, keys: CodeKeys) -> None:
    first, second = open_till(session, world), open_till(session, world, till_number=2)
    cup = make_cup(session, world)
    sell(session, world, keys, cup, 1)
    sell(session, world, keys, cup, 2, till_number=2)

    sheets = [read_sheet(session, world.pricer, day_id=day.day.id) for day in (first, second)]

    assert [sheet.papers.sales_fen for sheet in sheets] == [CUP_FEN, 2 * CUP_FEN]
    assert all(sheet.agrees for sheet in sheets)


def test_a_return_stands_on_the_sheet_of_the_day_it_happens(
    session: Session, world: World, keys: CodeKeys
) -> None:
    day = open_till(session, world)
    cup = make_cup(session, world)
    receipt = sell(session, world, keys, cup, 2)
    close_till(session, world, day, counted(FLOAT + 2 * CUP_FEN, left_fen=FLOAT))
    with pytest.raises(Refusal) as closed:
        give(session, world, receipt, 1)

    with clock.at(NOON + timedelta(days=1)):
        next_day = till_days.open_day(session, world.clerk, till_number=1, counting=counted(FLOAT))
        give(session, world, receipt, 1)
        old, new = (
            read_sheet(session, world.pricer, day_id=each.day.id) for each in (day, next_day)
        )

    assert code_of(closed) == "till_closed"
    assert (old.papers.returns_fen, new.papers.returns_fen) == (0, CUP_FEN)
    assert old.agrees
    assert new.agrees
    assert findings(session, world) == []


def test_cash_is_refused_before_the_day_is_opened_and_points_are_not(
    session: Session, world: World, keys: CodeKeys
) -> None:
    cup = make_cup(session, world)
    exchange(session, world, keys, cup, 1)

    with pytest.raises(Refusal) as refused:
        sell(session, world, keys, cup, 1)

    assert code_of(refused) == "till_not_open"


def test_nothing_is_sold_after_the_closing(session: Session, world: World, keys: CodeKeys) -> None:
    cup = make_cup(session, world)
    close_till(session, world, open_till(session, world), counted(FLOAT))

    with pytest.raises(Refusal) as cash:
        sell(session, world, keys, cup, 1)
    with pytest.raises(Refusal) as points:
        exchange(session, world, keys, cup, 1)

    assert (code_of(cash), code_of(points)) == ("till_closed", "till_closed")


@pytest.mark.parametrize("table", ["redemption", "refund"])
def test_the_database_takes_no_receipt_into_a_closed_day(
    owner_database: Database, session: Session, world: World, keys: CodeKeys, table: str
) -> None:
    closed = open_till(session, world)
    open_till(session, world, till_number=3)
    cup = make_cup(session, world)
    give(session, world, sell(session, world, keys, cup, 2), 1)
    close_till(session, world, closed, counted(FLOAT + CUP_FEN))
    session.commit()
    second = {"id": "transaction_id", "transaction_id": "id", "nonce": "'another'"}

    def write(till_number: int) -> None:
        changes = second | {"receipt_number": "99", "till_number": str(till_number)}
        with owner_database.begin() as owner:
            owner.execute(sa.text(copy(table, changes)))

    for till_number in (1, 2):  # closed, and with cash outside an open day
        with pytest.raises(DBAPIError, match="till days"):
            write(till_number)
    write(3)
