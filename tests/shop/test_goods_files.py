"""Goods from files: consignments at the counter and the import; every bad cell is named."""

import io
from collections.abc import Sequence
from datetime import date
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session
from xlsxwriter import Workbook

from ledger import verification
from ledger.errors import Refusal
from tests.shop.makers import World, make_item, points_of, stock_of
from timebank.actors import Actor
from timebank.shop import goods_imports
from timebank.shop.consignments import ConsignmentRefused, receive_file
from timebank.shop.goods_imports import GoodsRefused, imported_items
from timebank.shop.models import Donation, Item
from timebank.shop.price_models import ItemPrice
from timebank.shop.stock_models import IntakeBatch
from timebank.shop.workshops import list_batches
from timebank.table_files import RefusedCell

HEAD = ["名称", "件数", "制作人编号", "捐赠或兑换"]
IMPORT_HEAD = "key,name,category,maker,condition,shelf,price_points,price_yuan,basis,pieces,date"


def csv_of(*rows: Sequence[object]) -> bytes:
    return "\r\n".join(",".join(map(str, row)) for row in rows).encode()


def excel_of(*rows: list[Any], merge: str = "") -> bytes:
    file = io.BytesIO()
    with Workbook(file) as book:
        sheet = book.add_worksheet()
        day = book.add_format({"num_format": "yyyy-mm-dd"})
        for row, cells in enumerate(rows):
            for column, cell in enumerate(cells):
                if isinstance(cell, date):
                    sheet.write_datetime(row, column, cell, day)
                else:
                    sheet.write(row, column, cell)
        if merge:
            sheet.merge_range(merge, "合并")
    return file.getvalue()


def refused_of(session: Session, world: World, content: bytes) -> list[tuple[int, str, str]]:
    with pytest.raises(ConsignmentRefused) as refused, session.begin_nested():
        receive_file(session, world.clerk, content=content, title="编织组")
    return [(cell.row, cell.column, cell.code) for cell in refused.value.refused]


# ---------------------------------------------------------------- consignments


def test_a_consignment_comes_in_once(session: Session, world: World) -> None:
    cup = make_item(session, world, maker=world.bob, pieces=0)
    head = ["货品号", *HEAD]
    content = excel_of(
        head, ["", "毛线帽", 3.0, "V0001", "捐赠"], [cup.number, "", 2, "v0002", "兑换"]
    )

    batch = receive_file(session, world.clerk, content=content, title="编织组")
    again = receive_file(session, world.clerk, content=content, title="又一次")

    hat = session.scalars(sa.select(Item).where(Item.name == "毛线帽")).one()
    assert batch.id == again.id
    assert (stock_of(session, hat), stock_of(session, cup)) == (3, 2)
    assert (hat.maker_name, hat.price_points) == ("爱丽丝", None)
    assert points_of(session, world.bob) == 24
    assert [(rows, pieces) for _, rows, pieces in list_batches(session, world.clerk)] == [(2, 5)]
    assert verification.verify(session) == []


def test_every_bad_cell_is_named_and_nothing_comes_in(session: Session, world: World) -> None:
    content = excel_of(
        HEAD,
        ["毛线帽", "=1+1", "V0001", "捐赠"],
        ["围巾", 1.5, "某人", "送"],
        ["", 2, "", ""],
        ["手套", "", "", ""],
        ["好的", 1, "", ""],
    )

    assert refused_of(session, world, content) == [
        (2, "件数", "is_formula"),
        (3, "件数", "number_invalid"),
        (3, "制作人编号", "volunteer_invalid"),
        (3, "捐赠或兑换", "word_unknown"),
        (4, "", "goods_missing"),
        (5, "", "pieces_missing"),
    ]
    assert session.scalar(sa.select(sa.func.count()).select_from(Item)) == 0


def test_rules_of_the_counter_are_named_by_row(session: Session, world: World) -> None:
    content = csv_of(
        HEAD,
        ["毛线帽", 1, "V0001", "捐赠"],
        ["围巾", 1, "V0001", "兑换"],
        ["手套", 1, "V0003", "捐赠"],
        ["袜子", 1, "V0099", "捐赠"],
    )

    assert refused_of(session, world, content) == [
        (3, "", "not_priced"),
        (4, "", "receiver_is_donor"),
        (5, "", "member_not_found"),
    ]
    counts = sa.select(sa.func.count())
    for table in (Item, Donation, IntakeBatch):
        assert session.scalar(counts.select_from(table)) == 0


def test_merged_cells_are_named(session: Session, world: World) -> None:
    content = excel_of(HEAD, ["毛线帽", 1, "", ""], ["围巾", 1, "", ""], merge="A2:A3")

    assert refused_of(session, world, content) == [
        (2, "名称", "is_merged"),
        (3, "名称", "is_merged"),
    ]


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "file_empty"),
        (csv_of(HEAD), "file_empty"),
        (csv_of(["name", "price_points", "pieces"], ["x", 1, 1]), "header_invalid"),
        (csv_of(["name", "name", "pieces"], ["x", "y", 1]), "header_invalid"),
        (csv_of(["name"], ["x"]), "header_invalid"),
        (b'name,pieces\n"x,1', "quoting_invalid"),
        (b"\xff\xfe\x00\x01", "not_text"),
        (b"PK\x03\x04 nothing of the kind", "file_damaged"),
        (csv_of(["name", "pieces"], *([["x", 1]] * 20_000)), "too_many_rows"),
        (b"x" * (8 * 1024 * 1024 + 1), "file_too_large"),
    ],
)
def test_a_file_that_is_none_is_refused_as_a_whole(
    session: Session, world: World, content: bytes, code: str
) -> None:
    assert [(row, found) for row, _, found in refused_of(session, world, content)] == [(0, code)]


def test_a_file_in_gb18030_is_read(session: Session, world: World) -> None:
    content = csv_of(HEAD, ["虎头鞋", "２", "", ""]).decode().encode("gb18030")

    receive_file(session, world.clerk, content=content, title="编织组")

    shoe = session.scalars(sa.select(Item)).one()
    assert (shoe.name, stock_of(session, shoe)) == ("虎头鞋", 2)


# ---------------------------------------------------------------- the import


def imported(session: Session, actor: Actor, content: bytes) -> tuple[int, int]:
    def refuse(cell: RefusedCell) -> None:
        raise AssertionError(cell)

    checked = goods_imports.check(session, actor, content=content, refuse=refuse)
    new = goods_imports.post(
        session, actor, checked=checked, refuse=refuse, advance=lambda done, total: None
    )
    return checked.known_count, new


def import_refused(session: Session, actor: Actor, content: bytes) -> list[tuple[int, str, str]]:
    found: list[RefusedCell] = []

    def run() -> None:
        checked = goods_imports.check(session, actor, content=content, refuse=found.append)
        goods_imports.post(
            session,
            actor,
            checked=checked,
            refuse=found.append,
            advance=lambda done, total: None,
        )

    with pytest.raises(GoodsRefused), session.begin_nested():
        run()
    return [(cell.row, cell.column, cell.code) for cell in found]


def rows_of(*rows: str) -> bytes:
    return "\n".join([IMPORT_HEAD, *rows]).encode()


def test_goods_with_prices_are_imported_on_their_day(session: Session, world: World) -> None:
    content = rows_of(
        "A-1,毛线帽,编织,V0002,new,A1,12,12.50,council_price,5,2026-10-09",
        "A-2,围巾,,,,,,0.01,,,",
    )

    first, again = (imported(session, world.system, content) for _ in range(2))

    items = imported_items(session, world.system)
    hat, scarf = items["A-1"], items["A-2"]
    assert (first, again) == ((0, 2), (2, 0))
    assert (hat.price_points, hat.price_fen, hat.shelf, stock_of(session, hat)) == (
        12,
        1250,
        "A1",
        5,
    )
    assert (scarf.price_points, scarf.price_fen, stock_of(session, scarf)) == (None, 1, 0)
    assert hat.created_at.date() == date(2026, 10, 9)
    setters = session.scalars(sa.select(ItemPrice.set_by_id)).all()
    assert set(setters) == {None}
    assert verification.verify(session) == []


def test_a_file_that_grew_brings_only_what_is_new(session: Session, world: World) -> None:
    first = "A-1,毛线帽,,,,,12,,,5,2026-10-09"
    imported(session, world.system, rows_of(first))

    assert imported(session, world.system, rows_of(first, "A-2,围巾,,,,,3,,,1,")) == (1, 1)


def test_excel_dates_and_numbers_are_exact(session: Session, world: World) -> None:
    content = excel_of(
        IMPORT_HEAD.split(","),
        ["A-1", "毛线帽", "", "", "", "", 12, 12.5, "", 5, date(2026, 10, 9)],
    )

    imported(session, world.system, content)

    hat = imported_items(session, world.system)["A-1"]
    assert (hat.price_fen, hat.created_at.date()) == (1250, date(2026, 10, 9))


def test_what_the_check_refuses(session: Session, world: World) -> None:
    imported(session, world.system, rows_of("A-1,毛线帽,,,,,12,,,5,2026-10-09"))
    head = IMPORT_HEAD + ",pricer"
    rows = (
        "A-1,毛线帽,,,,,12,,,6,2026-10-09,",
        "A-2,围巾,,V0002,,,12,,,1,,V0002",
        "A-3,手套,,V0099,,,12,,,1,,",
        "A-4,袜子,,,,,12,1.005,,1,,",
        "A-5,鞋,,,,,10001,,,1,2026年11月9日,",
        "A-6,帽,,,坏的,,,,council_price,1,2027-01-01,",
        ",,,,,,1,,,1,,",
        "A-7,x,,,,,1,,,1,,",
        "A-7,x,,,,,1,,,1,,",
    )

    found = import_refused(session, world.system, "\n".join([head, *rows]).encode())

    assert sorted(found) == [
        (2, "key", "key_reused"),
        (3, "pricer", "maker_never_prices"),
        (4, "maker", "member_not_found"),
        (5, "price_yuan", "yuan_invalid"),
        (6, "date", "day_invalid"),
        (6, "price_points", "number_invalid"),
        (7, "condition", "word_unknown"),
        (8, "key", "key_missing"),
        (8, "name", "name_missing"),
        (10, "key", "key_repeated"),
    ]


def test_what_the_counter_refuses_takes_everything_back(session: Session, world: World) -> None:
    head = "key,name,maker,price_points,pieces,choice"
    rows = ("A-1,毛线帽,V0002,12,5,donate", "A-2,围巾,V0002,10,51,exchange", "A-3,鞋,,1,1,exchange")

    found = import_refused(session, world.system, "\n".join([head, *rows]).encode())

    assert found == [(3, "", "exchange_limit_reached"), (4, "", "exchange_needs_maker")]
    assert session.scalar(sa.select(sa.func.count()).select_from(Item)) == 0


def test_only_who_administers_imports(session: Session, world: World) -> None:
    with pytest.raises(Refusal) as refused:
        goods_imports.check(session, world.clerk, content=b"", refuse=print)

    assert refused.value.code == "not_allowed"
