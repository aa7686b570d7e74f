"""Rows of goods in a file: what each column may say, in words that are the same for every file.

Words: a *row* is one kind of goods with the pieces that came; the *key* of a row is the number that
it had in the old system.

Invariant: nothing is guessed. A price with three decimals, a day that could be two, a number with a
fraction: the row is refused and its column named.
"""

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Final

from ledger.errors import N_
from timebank.shop.models import (
    CATEGORY_LENGTH_MAX,
    ITEM_NAME_LENGTH_MAX,
    MAKER_NAME_LENGTH_MAX,
    PIECE_COUNT_MAX,
    PRICE_FEN_MAX,
    PRICE_POINTS_MAX,
    SHELF_LENGTH_MAX,
    STORY_LENGTH_MAX,
    Condition,
    IntakeChoice,
    ValueBasis,
)
from timebank.table_files import RefusedCell, Row, Table, Value

KEY_LENGTH_MAX: Final = 40
NUMBER_MAX: Final = 99_999_999
COLUMNS: Final[Mapping[str, tuple[str, ...]]] = {
    "key": ("key", "编号", "原编号"),
    "number": ("number", "货品号"),
    "name": ("name", "名称", "货品名称"),
    "category": ("category", "类别"),
    "story": ("story", "故事"),
    "maker": ("maker", "制作人编号", "制作人"),
    "maker_name": ("maker_name", "制作人姓名"),
    "condition": ("condition", "成色"),
    "shelf": ("shelf", "货架"),
    "single": ("single", "孤品"),
    "price_points": ("price_points", "积分价"),
    "price_yuan": ("price_yuan", "现金价", "现金价（元）"),
    "basis": ("basis", "定价依据"),
    "pricer": ("pricer", "定价人编号", "定价人"),
    "pieces": ("pieces", "件数"),
    "choice": ("choice", "捐赠或兑换"),
    "donor": ("donor", "送来人编号", "捐赠人编号"),
    "day": ("date", "日期"),
}
CONDITIONS: Final = {
    **{word.value: word for word in Condition},
    "全新": Condition.NEW,
    "良好": Condition.GOOD,
    "一般": Condition.FAIR,
}
BASES: Final = {
    **{word.value: word for word in ValueBasis if word is not ValueBasis.UNVALUED},
    "代金券": ValueBasis.VOUCHER,
    "市场估价": ValueBasis.MARKET,
    "议事会定价": ValueBasis.COUNCIL,
    "象征性价格": ValueBasis.NOMINAL,
}
CHOICES: Final = {
    **{word.value: word for word in IntakeChoice},
    "捐赠": IntakeChoice.DONATE,
    "兑换": IntakeChoice.EXCHANGE,
}
YES_NO: Final = {
    "yes": True,
    "no": False,
    "1": True,
    "0": False,
    "true": True,
    "false": False,
    "是": True,
    "否": False,
}
_VOLUNTEER: Final = re.compile(r"[Vv]?([0-9]{1,8})")
_YUAN: Final = re.compile(r"[0-9]{1,5}(?:\.[0-9]{1,2})?")
_DAY: Final = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})")


@dataclass(frozen=True, slots=True)
class GoodsRow:
    """One row that is sound in itself."""

    row: int
    key: str = ""
    number: int | None = None
    name: str = ""
    category: str = ""
    story: str = ""
    maker: int | None = None
    maker_name: str = ""
    condition: Condition = Condition.GOOD
    shelf: str = ""
    single: bool = False
    price_points: int | None = None
    price_yuan: int | None = None
    """In fen."""
    basis: ValueBasis | None = None
    pricer: int | None = None
    pieces: int | None = None
    choice: IntakeChoice = IntakeChoice.DONATE
    donor: int | None = None
    day: date | None = None


class _Wrong(Exception):
    """A cell is not what its column holds."""

    def __init__(self, code: str, template: str, **details: Any) -> None:
        self.code, self.template, self.details = code, template, details
        super().__init__(code)


def read_rows(table: Table, refuse: Callable[[RefusedCell], None]) -> list[GoodsRow]:
    """Return the rows that are sound; everything that is wrong with the others is told.

    Args:
        table: as it was read.
        refuse: told of every cell that cannot be taken, in the order of the file.
    """
    broken = {cell.row for cell in table.refused}
    found = list(table.refused)
    rows: list[GoodsRow] = []
    for row in table.rows:
        wrong, values = _read(row, table.names)
        found += wrong
        if not wrong and row.number not in broken:
            rows.append(GoodsRow(row.number, **values))
    for cell in sorted(found, key=lambda cell: cell.row):
        refuse(cell)
    return rows


def _read(row: Row, names: Mapping[str, str]) -> tuple[list[RefusedCell], dict[str, Any]]:
    wrong: list[RefusedCell] = []
    values: dict[str, Any] = {}
    for key, value in row.values.items():
        try:
            values[key] = _READERS[key](value)
        except _Wrong as problem:
            wrong.append(
                RefusedCell(row.number, names[key], problem.code, problem.template, problem.details)
            )
    return wrong, values


# ---------------------------------------------------------------- cells


def _text(length_max: int) -> Callable[[Value], str]:
    def read(value: Value) -> str:
        text = unicodedata.normalize("NFC", _shown(value)).replace("\r\n", "\n").strip()
        if len(text) > length_max:
            raise _Wrong(
                "text_too_long", N_("At most %(length_max)s characters."), length_max=length_max
            )
        return text

    return read


def _whole(maximum: int, minimum: int = 1) -> Callable[[Value], int]:
    def read(value: Value) -> int:
        text = _folded(value)
        number = int(text) if re.fullmatch("[0-9]{1,9}", text, re.ASCII) else -1
        if not minimum <= number <= maximum:
            raise _Wrong(
                "number_invalid",
                N_("This must be a whole number from %(min)s to %(max)s."),
                min=minimum,
                max=maximum,
            )
        return number

    return read


def _volunteer(value: Value) -> int:
    found = _VOLUNTEER.fullmatch(_folded(value))
    if found is None or not int(found[1]):
        raise _Wrong("volunteer_invalid", N_("This is not a volunteer number such as V0012."))
    return int(found[1])


def _fen(value: Value) -> int:
    text = _folded(value)
    fen = int(Decimal(text) * 100) if _YUAN.fullmatch(text) else 0
    if not 1 <= fen <= PRICE_FEN_MAX:
        raise _Wrong(
            "yuan_invalid",
            N_("A price in yuan has at most two decimals and lies between 0.01 and %(max)s."),
            max=PRICE_FEN_MAX // 100,
        )
    return fen


def _word(words: Mapping[str, Any]) -> Callable[[Value], Any]:
    def read(value: Value) -> Any:
        found = words.get(_folded(value).casefold())
        if found is None:
            raise _Wrong(
                "word_unknown",
                N_("Choose one of these: %(choices)s."),
                choices=", ".join(word for word in words),
            )
        return found

    return read


def _day(value: Value) -> date:
    if isinstance(value, date):
        return value
    found = _DAY.fullmatch(_folded(value))
    try:
        if found is not None:
            return date(*map(int, found.groups()))
    except ValueError:
        pass  # the 31st of February: told like any other wrong day
    raise _Wrong(
        "day_invalid",
        N_("This is not a day. Please format the cell as a date, or write 2026-11-09."),
    )


def _shown(value: Value) -> str:
    return value.isoformat() if isinstance(value, date) else str(value)


def _folded(value: Value) -> str:
    """Return the text with full-width digits as ordinary ones."""
    return unicodedata.normalize("NFKC", _shown(value)).strip()


_READERS: Final[Mapping[str, Callable[[Value], Any]]] = {
    "key": _text(KEY_LENGTH_MAX),
    "number": _whole(NUMBER_MAX),
    "name": _text(ITEM_NAME_LENGTH_MAX),
    "category": _text(CATEGORY_LENGTH_MAX),
    "story": _text(STORY_LENGTH_MAX),
    "maker": _volunteer,
    "maker_name": _text(MAKER_NAME_LENGTH_MAX),
    "condition": _word(CONDITIONS),
    "shelf": _text(SHELF_LENGTH_MAX),
    "single": _word(YES_NO),
    "price_points": _whole(PRICE_POINTS_MAX),
    "price_yuan": _fen,
    "basis": _word(BASES),
    "pricer": _volunteer,
    "pieces": _whole(PIECE_COUNT_MAX),
    "choice": _word(CHOICES),
    "donor": _volunteer,
    "day": _day,
}
