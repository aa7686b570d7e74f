"""Rows of an older system's receipts: what each column may say, and how rows become baskets.

Words: a *row* is one kind of goods in a basket, or, with a negative quantity, pieces of it that
came back; the *basket* of a row is the number that the receipt had in the old system.

Invariant: nothing is guessed. A moment without a time, a quantity of none, a price with three
decimals: the row is refused and its column named.
"""

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

from ledger.errors import N_
from timebank.shop.models import PRICE_FEN_MAX, PRICE_POINTS_MAX, QUANTITY_MAX, REASON_LENGTH_MAX
from timebank.shop.sale_models import FIRST_TILL, TILL_NUMBER_MAX, PaysWith
from timebank.table_files import RefusedCell, Row, Table, Value

KEY_LENGTH_MAX: Final = 40
ITEM_LENGTH_MAX: Final = 60
COLUMNS: Final[Mapping[str, tuple[str, ...]]] = {
    "basket": ("basket", "单号", "小票号"),
    "at": ("at", "时间", "日期时间"),
    "till": ("till", "收银台"),
    "member": ("member", "会员编号", "志愿者编号"),
    "item": ("item", "货品", "货品编号"),
    "quantity": ("quantity", "数量"),
    "pays_with": ("pays_with", "支付方式"),
    "price": ("price", "单价"),
    "reason": ("reason", "退货原因"),
}
REQUIRED: Final = ("basket", "at", "item", "quantity", "pays_with")
WAYS: Final = {
    **{word.value: word for word in PaysWith},
    "积分": PaysWith.POINTS,
    "现金": PaysWith.CASH,
}
_VOLUNTEER: Final = re.compile(r"[Vv]?([0-9]{1,8})", re.ASCII)
_MOMENT: Final = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})[ T]([0-9]{2}):([0-9]{2})(?::([0-9]{2}))?", re.ASCII
)
_WHOLE: Final = re.compile(r"-?[0-9]{1,6}", re.ASCII)
_PRICE: Final = re.compile(r"[0-9]{1,6}(?:\.[0-9]{1,2})?", re.ASCII)


@dataclass(frozen=True, slots=True)
class BasketRow:
    """One row that is sound in itself; `at` is the moment on the wall of the shop."""

    row: int
    basket: str
    at: datetime
    item: str
    quantity: int
    pays_with: PaysWith
    till: int = FIRST_TILL
    member: int | None = None
    price: Decimal | None = None
    """In points or in yuan, as the row pays."""
    reason: str = ""

    @property
    def is_return(self) -> bool:
        """Whether pieces came back."""
        return self.quantity < 0

    @property
    def price_minor(self) -> int | None:
        """Return the price in points or in fen."""
        if self.price is None:
            return None
        return int(self.price * (100 if self.pays_with is PaysWith.CASH else 1))


class _Wrong(Exception):
    """A cell is not what its column holds."""

    def __init__(self, code: str, template: str, **details: Any) -> None:
        self.code, self.template, self.details = code, template, details
        super().__init__(code)


def read_rows(table: Table, refuse: Callable[[RefusedCell], None]) -> list[BasketRow]:
    """Return the rows that are sound; everything that is wrong with the others is told.

    Args:
        table: as it was read, with its times.
        refuse: told of every cell that cannot be taken, in the order of the file.
    """
    broken = {cell.row for cell in table.refused}
    found = list(table.refused)
    rows: list[BasketRow] = []
    for row in table.rows:
        wrong, values = _read(row, table.names)
        found += wrong
        if not wrong and row.number not in broken:
            rows.append(BasketRow(row.number, **values))
    for cell in sorted(found, key=lambda cell: cell.row):
        refuse(cell)
    return rows


def _read(row: Row, names: Mapping[str, str]) -> tuple[list[RefusedCell], dict[str, Any]]:
    wrong: list[RefusedCell] = []
    values: dict[str, Any] = {}
    for key in REQUIRED:
        if key not in row.values:
            template = N_("This cell is empty.")
            wrong.append(RefusedCell(row.number, names.get(key, key), "cell_missing", template))
    for key, value in row.values.items():
        try:
            values[key] = _READERS[key](value)
        except _Wrong as problem:
            wrong.append(
                RefusedCell(row.number, names[key], problem.code, problem.template, problem.details)
            )
    price = values.get("price")
    if price is not None and values.get("pays_with") is PaysWith.POINTS and price % 1:
        template = N_("A price in points is a whole number.")
        wrong.append(RefusedCell(row.number, names["price"], "price_invalid", template))
    return wrong, values


# ---------------------------------------------------------------- cells


def _folded(value: Value) -> str:
    """Return a cell as text, full-width characters as their ordinary ones."""
    return unicodedata.normalize("NFKC", str(value)).strip()


def _key(value: Value) -> str:
    return _line(value, KEY_LENGTH_MAX)


def _item(value: Value) -> str:
    return _line(value, ITEM_LENGTH_MAX)


def _reason(value: Value) -> str:
    return _line(value, REASON_LENGTH_MAX)


def _line(value: Value, length_max: int) -> str:
    text = unicodedata.normalize("NFC", str(value)).strip()
    if len(text) > length_max:
        raise _Wrong(
            "text_too_long", N_("At most %(length_max)s characters."), length_max=length_max
        )
    return text


def _at(value: Value) -> datetime:
    if isinstance(value, datetime):
        return value.replace(tzinfo=None)
    found = None if isinstance(value, date) else _MOMENT.fullmatch(_folded(value))
    try:
        if found is not None:
            year, month, day, hour, minute, second = (int(part or 0) for part in found.groups())
            return datetime(year, month, day, hour, minute, second)  # noqa: DTZ001  # the wall's
    except ValueError:
        pass  # the 31st of February: told like any other wrong moment
    raise _Wrong("moment_invalid", N_("This is not a moment such as 2026-11-09 09:30."))


def _till(value: Value) -> int:
    text = _folded(value)
    number = int(text) if _WHOLE.fullmatch(text) else 0
    if not 1 <= number <= TILL_NUMBER_MAX:
        raise _Wrong(
            "till_invalid",
            N_("A till has a number from 1 to %(number_max)s."),
            number_max=TILL_NUMBER_MAX,
        )
    return number


def _member(value: Value) -> int:
    found = _VOLUNTEER.fullmatch(_folded(value))
    if found is None or not int(found[1]):
        raise _Wrong("volunteer_invalid", N_("This is not a volunteer number such as V0012."))
    return int(found[1])


def _quantity(value: Value) -> int:
    text = _folded(value)
    number = int(text) if _WHOLE.fullmatch(text) else 0
    if not 1 <= abs(number) <= QUANTITY_MAX:
        raise _Wrong(
            "quantity_invalid",
            N_("A quantity is a whole number from 1 to %(max)s; a return has a minus in front."),
            max=QUANTITY_MAX,
        )
    return number


def _pays_with(value: Value) -> PaysWith:
    way = WAYS.get(_folded(value).lower())
    if way is None:
        raise _Wrong("pays_with_invalid", N_("This is points or cash."))
    return way


def _price(value: Value) -> Decimal:
    text = _folded(value)
    price = Decimal(text) if _PRICE.fullmatch(text) else Decimal(0)
    if not 0 < price <= max(PRICE_POINTS_MAX, PRICE_FEN_MAX // 100):
        raise _Wrong("price_invalid", N_("This is not a price such as 12 or 12.50."))
    return price


_READERS: Final[Mapping[str, Callable[[Value], Any]]] = {
    "basket": _key,
    "at": _at,
    "till": _till,
    "member": _member,
    "item": _item,
    "quantity": _quantity,
    "pays_with": _pays_with,
    "price": _price,
    "reason": _reason,
}
