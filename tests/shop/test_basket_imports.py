"""Receipts of another system go through the till, wholly or not at all, each on its own day."""

import io
from collections import Counter
from datetime import UTC, date, datetime

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session
from xlsxwriter import Workbook

from ledger.errors import Refusal
from tests.shop import sample_baskets
from tests.shop.makers import World, give_points, stock_of
from tests.shop.test_till_days import findings
from timebank.codes import CodeKeys
from timebank.people import members
from timebank.people.models import Member
from timebank.shop import basket_imports, goods_imports
from timebank.shop.cash_models import TillClosing, TillDay
from timebank.shop.day_sheet import read_sheet
from timebank.shop.goods import set_price
from timebank.shop.models import ValueBasis
from timebank.shop.sale_models import Redemption, RedemptionLine, Refund
from timebank.table_files import RefusedCell

KINDS, MEMBERS, BASKETS = 12, 4, 60
HEAD = "basket,at,till,member,item,quantity,pays_with,price,reason\n"


@pytest.fixture
def shop(session: Session, world: World) -> World:
    """The sample's goods, and its members with points enough."""
    content = sample_baskets.goods_file(KINDS).encode()
    checked = goods_imports.check(session, world.system, content=content, refuse=_fail)
    goods_imports.post(
        session, world.system, checked=checked, refuse=_fail, advance=lambda done, total: None
    )
    while count(session, Member) < MEMBERS:
        members.add_member(session, world.system, name="张三", roles=frozenset())
    for member in session.scalars(sa.select(Member)).all():
        give_points(session, world, member, 10_000)
    return world


def _fail(cell: RefusedCell) -> None:
    raise AssertionError(cell.reason)


def run(
    session: Session, world: World, keys: CodeKeys, content: str | bytes
) -> tuple[int, int, list[RefusedCell]]:
    """Import a file; return what was known, what was new, and what was refused."""
    refused: list[RefusedCell] = []
    raw = content.encode() if isinstance(content, str) else content
    try:
        with session.begin_nested():
            checked = basket_imports.check(
                session, world.system, content=raw, refuse=refused.append
            )
            new_count = basket_imports.post(
                session,
                world.system,
                keys,
                checked=checked,
                refuse=refused.append,
                advance=lambda done, total: None,
            )
    except Refusal:
        return 0, 0, refused
    return checked.known_count, new_count, refused


def count(session: Session, table: type) -> int:
    return session.scalar(sa.select(sa.func.count()).select_from(table)) or 0


def test_the_book_says_what_the_file_adds_up_to(
    session: Session, shop: World, keys: CodeKeys
) -> None:
    content = sample_baskets.baskets_file(BASKETS, KINDS, MEMBERS)
    sums = sample_baskets.sums_of(content)

    known, new, refused = run(session, shop, keys, content)

    assert refused == []
    assert (known, new) == (0, len(sums.receipts) + len(sums.returns))
    assert (count(session, Redemption), count(session, Refund)) == (
        len(sums.receipts),
        len(sums.returns),
    )
    items = goods_imports.imported_items(session, shop.system)
    left = {key: sample_baskets.PIECES - stock_of(session, item) for key, item in items.items()}
    assert left == {key: sums.pieces_out[key] for key in items}
    fen: Counter[tuple[date, int]] = Counter()
    for day in session.scalars(sa.select(TillDay)):
        sheet = read_sheet(session, shop.pricer, day_id=day.id)
        assert sheet.agrees
        fen[day.day_on, day.till_number] = sheet.papers.sales_fen - sheet.papers.returns_fen
    assert fen == sums.fen_by_day
    closings = session.scalars(sa.select(TillClosing)).all()
    assert {closing.difference_fen for closing in closings} == {0}
    assert len(closings) == count(session, TillDay)
    points: Counter[date] = Counter()
    for sale in session.scalars(sa.select(Redemption)):
        points[sale.redeemed_at.date()] += sale.total_points
    for returned in session.scalars(sa.select(Refund)):
        points[returned.refunded_at.date()] -= returned.points_back
    assert +points == +sums.points_by_day
    assert findings(session, shop) == []


def test_a_second_run_does_nothing_and_a_longer_file_only_what_is_new(
    session: Session, shop: World, keys: CodeKeys
) -> None:
    content = HEAD + "R1,2026-02-02 09:00,1,,S0001,2,cash,,\n"
    longer = (
        content
        + "R1,2026-02-03 09:00,1,,S0001,-1,cash,,有瑕疵\nR2,2026-02-03 10:00,1,,S0002,1,cash,,\n"
    )

    runs = [run(session, shop, keys, file)[:2] for file in (content, content, longer)]

    assert runs == [(0, 1), (1, 0), (1, 2)]
    assert (count(session, Redemption), count(session, Refund)) == (2, 1)


@pytest.mark.parametrize(
    ("row", "column", "code"),
    [
        ("R1,2026-02-30 09:00,1,,S0001,1,cash,,", "at", "moment_invalid"),
        ("R1,2026-02-02,1,,S0001,1,cash,,", "at", "moment_invalid"),
        ("R1,2027-02-02 09:00,1,,S0001,1,cash,,", "at", "day_in_future"),
        ("R1,2026-01-01 09:00,1,,S0001,1,cash,,", "price", "price_differs"),
        ("R1,2026-02-02 09:00,10,,S0001,1,cash,,", "till", "till_invalid"),
        ("R1,2026-02-02 09:00,1,V0099,S0001,1,points,,", "member", "member_not_found"),
        ("R1,2026-02-02 09:00,1,,S0001,1,points,,", "member", "member_needed"),
        ("R1,2026-02-02 09:00,1,,S0999,1,cash,,", "item", "item_not_found"),
        ("R1,2026-02-02 09:00,1,,S0001,0,cash,,", "quantity", "quantity_invalid"),
        ("R1,2026-02-02 09:00,1,,S0001,100,cash,,", "quantity", "quantity_invalid"),
        ("R1,2026-02-02 09:00,1,,S0001,1.5,cash,,", "quantity", "quantity_invalid"),
        ("R1,2026-02-02 09:00,1,,S0001,1,card,,", "pays_with", "pays_with_invalid"),
        ("R1,2026-02-02 09:00,1,,S0001,1,cash,3.11,", "price", "price_differs"),
        ("R1,2026-02-02 09:00,1,,S0001,1,cash,3.111,", "price", "price_invalid"),
        ("R1,2026-02-02 09:00,1,,S0001,-1,cash,,", "basket", "basket_not_found"),
        (",2026-02-02 09:00,1,,S0001,1,cash,,", "basket", "cell_missing"),
        ("R1,2026-02-02 09:00,1,,S0001,99,cash,,\nR2,2026-02-02 09:01,1,,S0001,99,cash,,\n"
         "R3,2026-02-02 09:02,1,,S0001,99,cash,,\nR4,2026-02-02 09:03,1,,S0001,99,cash,,\n"
         "R5,2026-02-02 09:04,1,,S0001,99,cash,,", "", "item_gone"),
        ("R1,2026-02-02 09:00,1,V0001,S0008,99,points,,", "", "limit_reached"),
        ("R1,2026-02-02 09:00,1,,S0001,1,cash,,\nR1,2026-02-02 09:01,1,,S0002,1,cash,,",
         "at", "differs_within"),
        ("R1,2026-02-02 09:00,1,,S0001,1,cash,,\nR1,2026-02-03 09:00,1,,S0001,-2,cash,,",
         "", "returned_too_many"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_named_and_nothing_is_imported(
    session: Session, shop: World, keys: CodeKeys, row: str, column: str, code: str
) -> None:
    good = "G1,2026-02-02 08:00,1,,S0002,1,cash,,\n"

    known, new, refused = run(session, shop, keys, HEAD + good + row + "\n")

    assert (refused[-1].column, refused[-1].code) == (column, code)
    assert refused[-1].reason
    assert (known, new, count(session, Redemption), count(session, TillDay)) == (0, 0, 0, 0)


def test_a_price_of_that_day_is_taken_though_another_stands_now(
    session: Session, shop: World, keys: CodeKeys
) -> None:
    item = goods_imports.imported_items(session, shop.system)["S0001"]
    then = item.price_fen
    set_price(
        session,
        shop.pricer,
        item_number=item.number,
        price_points=None,
        price_fen=9_900,
        basis=ValueBasis.COUNCIL,
    )

    run(session, shop, keys, HEAD + "R1,2026-02-02 09:00,1,,S0001,1,cash,,\n")

    assert session.scalar(sa.select(RedemptionLine.price_fen)) == then
    session.refresh(item)
    assert (item.price_points, item.price_fen) == (None, 9_900)


def test_a_key_stands_for_one_content(session: Session, shop: World, keys: CodeKeys) -> None:
    run(session, shop, keys, HEAD + "R1,2026-02-02 09:00,1,,S0001,1,cash,,\n")

    _, _, refused = run(session, shop, keys, HEAD + "R1,2026-02-02 09:00,1,,S0001,2,cash,,\n")

    assert [cell.code for cell in refused] == ["key_reused"]


def test_an_excel_file_keeps_the_time_of_its_moments(
    session: Session, shop: World, keys: CodeKeys
) -> None:
    file = io.BytesIO()
    options = {"default_date_format": "yyyy-mm-dd hh:mm", "remove_timezone": True}
    with Workbook(file, options) as book:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, ["单号", "时间", "货品", "数量", "支付方式"])
        sheet.write_row(1, 0, ["R1"])
        sheet.write_datetime(1, 1, datetime(2026, 2, 2, 9, 30, tzinfo=UTC))
        sheet.write_row(1, 2, ["样品0001", 2, "现金"])

    known, new, refused = run(session, shop, keys, file.getvalue())

    assert (known, new, refused) == (0, 1, [])
    sold_at = session.scalar(sa.select(Redemption.redeemed_at))
    assert sold_at is not None
    assert sold_at.isoformat() == "2026-02-02T01:30:00+00:00"
