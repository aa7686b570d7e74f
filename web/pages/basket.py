"""The basket as the till's page carries it.

Hidden fields that go to the server with every scan and come back with the answer.

Words: the *ticket* proves who was identified (see `timebank/shop/identity.py`); a *row* is `<item
number>:<quantity>:<points shown>`, and where it needs to be said `:<fen shown>:<way>`: p for
points, c for cash, i for goods brought in. What was shown is only compared, never charged.
"""

import re
import secrets
from dataclasses import dataclass, field, replace
from typing import Final, Self

from werkzeug.datastructures import MultiDict

from timebank.shop.basket import Basket, Line, Row
from timebank.shop.errors import QuantityInvalid
from timebank.shop.models import QUANTITY_MAX
from timebank.shop.sale_models import PaysWith

NONCE_BYTES: Final = 16
PIN_LENGTH_MAX: Final = 12
TENDERED_LENGTH_MAX: Final = 20
ROW: Final = re.compile(
    r"([0-9]{1,8}):([0-9]{1,3}):([0-9]{0,6})(?::([0-9]{0,8}):([pci]?))?", re.ASCII
)
TOTAL: Final = re.compile(r"-?[0-9]{1,7}", re.ASCII)
TOTAL_FEN: Final = re.compile(r"[0-9]{1,10}", re.ASCII)
NAMED: Final = re.compile(r"(collect|release|take)-([0-9a-f]{32})")
ACTION: Final = re.compile(r"([a-z]+)(?:-([0-9]{1,8}))?")
WAYS: Final = {"p": PaysWith.POINTS, "c": PaysWith.CASH}
LETTERS: Final = {None: "", PaysWith.POINTS: "p", PaysWith.CASH: "c"}
BROUGHT_IN: Final = "i"


def new_nonce() -> str:
    """Return a fresh number for a form: sent twice, it counts once."""
    return secrets.token_urlsafe(NONCE_BYTES)


@dataclass
class BasketForm:
    """What the page sent.

    Args:
        nonce: of this sale.
        ticket: of the member at the till; empty when nobody stands there.
        helper: ticket of who came for the member; empty for nobody.
        expects_helper: whether the next card is the helper's.
        lines: the rows, in the order they were scanned.
        brought_in: the goods among them that the member brings in.
        scan: what the scan line held, or what was chosen from a search (which posts no action).
        action: what was pressed: scan, find, plus, minus, remove, switch, swap, hold, take, helper,
            collect, release, finish.
        named: which reservation or waiting basket it is for; empty for none.
        target: the goods the action is for; None for the last row.
        total_points: the total that was shown; None when it was not a number.
        total_fen: the same in cash.
        tendered: as typed: what the buyer laid down.
        pin: as typed; None when empty.
    """

    nonce: str = field(default_factory=new_nonce)
    ticket: str = ""
    helper: str = ""
    expects_helper: bool = False
    lines: list[Line] = field(default_factory=list)
    brought_in: set[int] = field(default_factory=set)
    scan: str = ""
    action: str = "scan"
    named: str = ""
    target: int | None = None
    total_points: int | None = None
    total_fen: int | None = None
    tendered: str = ""
    pin: str | None = None

    @classmethod
    def read(cls, sent: MultiDict[str, str]) -> Self:
        """Return the basket of a request.

        Raises:
            QuantityInvalid: quantity_invalid, a row is not made of whole numbers.
        """
        pressed = sent.get("action", "scan")
        named = NAMED.fullmatch(pressed)
        action = ACTION.fullmatch(named[1] if named else pressed)
        rows = [_row(text) for text in sent.getlist("row")]
        form = cls(
            nonce=sent.get("nonce", ""),
            ticket=sent.get("ticket", ""),
            helper=sent.get("helper", ""),
            expects_helper=bool(sent.get("expects_helper")),
            lines=[line for line, _ in rows],
            brought_in={line.item_number for line, is_brought_in in rows if is_brought_in},
            scan=sent.get("pick") or sent.get("scan", ""),
            action=action[1] if action else "scan",
            named=named[2] if named else "",
            target=int(action[2]) if action and action[2] else None,
            total_points=_number(TOTAL, sent.get("total", "")),
            total_fen=_number(TOTAL_FEN, sent.get("total_fen", "")),
            tendered=sent.get("tendered", "").strip()[:TENDERED_LENGTH_MAX],
            pin=sent.get("pin", "")[:PIN_LENGTH_MAX] or None,
        )
        if form.action == "scan" and (form.pin or form.tendered) and not form.scan.strip():
            form.action = "finish"  # Enter in these fields presses the form's first button
        return form

    @property
    def taken(self) -> tuple[Line, ...]:
        """Return the rows that go out."""
        return tuple(line for line in self.lines if line.item_number not in self.brought_in)

    @property
    def swapped(self) -> tuple[Line, ...]:
        """Return the rows that the member brings in."""
        return tuple(line for line in self.lines if line.item_number in self.brought_in)

    def add(self, item_number: int) -> None:
        """Add one piece: a row more, or one more in the row of the same goods."""
        if any(line.item_number == item_number for line in self.lines):
            self.change(item_number, 1)
        else:
            self.lines.append(Line(item_number, 1))
        self.target = item_number

    def change(self, item_number: int | None, pieces: int) -> None:
        """Add pieces to a row, or take some away; one at least stays, 99 at most."""
        number = self.aimed(item_number)
        self.lines = [
            replace(line, quantity=min(max(line.quantity + pieces, 1), QUANTITY_MAX))
            if line.item_number == number
            else line
            for line in self.lines
        ]
        self.target = number

    def remove(self, item_number: int | None) -> None:
        """Take a row out; the last one when none is named."""
        number = self.aimed(item_number)
        self.lines = [line for line in self.lines if line.item_number != number]
        self.brought_in.discard(number or 0)
        self.target = None

    def pay(self, row: Row) -> None:
        """Let a row be paid the other way, where it has both prices."""
        other = PaysWith.POINTS if row.is_cash else PaysWith.CASH
        self.lines = [
            replace(line, pays_with=other)
            if line.item_number == row.item.number and row.can_switch
            else line
            for line in self.lines
        ]
        self.target = row.item.number

    def swap(self, item_number: int | None) -> None:
        """Turn a row round: the member brings it in, or takes it after all."""
        number = self.aimed(item_number)
        if any(line.item_number == number for line in self.lines) and number is not None:
            self.brought_in ^= {number}
        self.target = number

    def aimed(self, item_number: int | None) -> int | None:
        """Return the goods that an action is for: the last row where none is named."""
        if item_number is not None or not self.lines:
            return item_number
        return self.lines[-1].item_number


def row_values(form: BasketForm, basket: Basket) -> list[str]:
    """Return the hidden fields of the rows, each with the prices that are shown with it."""
    shown = {row.item.number: row for row in (*basket.rows, *basket.swaps)}
    values = []
    for line in form.lines:
        row = shown[line.item_number]
        way = BROUGHT_IN if line.item_number in form.brought_in else LETTERS[line.pays_with]
        fen = row.item.price_fen or ""
        more = f":{fen}:{way}" if fen or way else ""
        values.append(f"{row.item.number}:{row.quantity}:{row.item.price_points or ''}{more}")
    return values


def _row(text: str) -> tuple[Line, bool]:
    """Return a row, and whether it is brought in."""
    row = ROW.fullmatch(text)
    if row is None:
        raise QuantityInvalid(quantity_max=QUANTITY_MAX)
    line = Line(
        item_number=int(row[1]),
        quantity=int(row[2]),
        seen_points=int(row[3]) if row[3] else None,
        pays_with=WAYS.get(row[5] or ""),
        seen_fen=int(row[4]) if row[4] else None,
    )
    return line, row[5] == BROUGHT_IN


def _number(pattern: re.Pattern[str], text: str) -> int | None:
    return int(text) if pattern.fullmatch(text) else None
