"""The basket as the till's page carries it.

Hidden fields that go to the server with every scan and come back with the answer.

Words: the *ticket* proves who was identified (see `timebank/shop/identity.py`); a *row* is `<item
number>:<quantity>:<price shown>`. The price shown is only compared, never charged.
"""

import re
import secrets
from dataclasses import dataclass, field, replace
from typing import Final, Self

from werkzeug.datastructures import MultiDict

from timebank.shop.basket import Basket, Line
from timebank.shop.errors import QuantityInvalid
from timebank.shop.models import QUANTITY_MAX

NONCE_BYTES: Final = 16
PIN_LENGTH_MAX: Final = 12
ROW: Final = re.compile(r"([0-9]{1,8}):([0-9]{1,3}):([0-9]{0,6})")
RESERVATION: Final = re.compile(r"(collect|release)-([0-9a-f]{32})")
ACTION: Final = re.compile(r"([a-z]+)(?:-([0-9]{1,8}))?")


def new_nonce() -> str:
    """Return a fresh number for a form: sent twice, it counts once."""
    return secrets.token_urlsafe(NONCE_BYTES)


@dataclass
class BasketForm:
    """What the page sent.

    Args:
        nonce: of this sale.
        ticket: of the member at the till; empty when nobody stands there.
        lines: the rows, in the order they were scanned.
        scan: what the scan line held, or what was chosen from a search (which posts no action).
        action: what was pressed: scan, find, plus, minus, remove, collect, release, finish.
        reservation: which reservation it is for; empty for none.
        target: the goods the action is for; None for the last row.
        total_points: the total that was shown; None when it was not a number.
        pin: as typed; None when empty.
    """

    nonce: str = field(default_factory=new_nonce)
    ticket: str = ""
    lines: list[Line] = field(default_factory=list)
    scan: str = ""
    action: str = "scan"
    reservation: str = ""
    target: int | None = None
    total_points: int | None = None
    pin: str | None = None

    @classmethod
    def read(cls, sent: MultiDict[str, str]) -> Self:
        """Return the basket of a request.

        Raises:
            QuantityInvalid: quantity_invalid, a row is not three whole numbers.
        """
        pressed = sent.get("action", "scan")
        kept = RESERVATION.fullmatch(pressed)
        action = ACTION.fullmatch(kept[1] if kept else pressed)
        total = sent.get("total", "")
        form = cls(
            nonce=sent.get("nonce", ""),
            ticket=sent.get("ticket", ""),
            lines=[_line(text) for text in sent.getlist("row")],
            scan=sent.get("pick") or sent.get("scan", ""),
            action=action[1] if action else "scan",
            reservation=kept[2] if kept else "",
            target=int(action[2]) if action and action[2] else None,
            total_points=int(total) if re.fullmatch(r"[0-9]{1,7}", total) else None,
            pin=sent.get("pin", "")[:PIN_LENGTH_MAX] or None,
        )
        if form.action == "scan" and form.pin and not form.scan.strip():
            form.action = "finish"  # Enter in the PIN field presses the form's first button
        return form

    def add(self, item_number: int) -> None:
        """Add one piece: a row more, or one more in the row of the same goods."""
        if any(line.item_number == item_number for line in self.lines):
            self.change(item_number, 1)
        else:
            self.lines.append(Line(item_number, 1))
        self.target = item_number

    def change(self, item_number: int | None, pieces: int) -> None:
        """Add pieces to a row, or take some away; one at least stays, 99 at most."""
        number = self._aimed(item_number)
        self.lines = [
            replace(line, quantity=min(max(line.quantity + pieces, 1), QUANTITY_MAX))
            if line.item_number == number
            else line
            for line in self.lines
        ]
        self.target = number

    def remove(self, item_number: int | None) -> None:
        """Take a row out; the last one when none is named."""
        number = self._aimed(item_number)
        self.lines = [line for line in self.lines if line.item_number != number]
        self.target = None

    def _aimed(self, item_number: int | None) -> int | None:
        if item_number is not None or not self.lines:
            return item_number
        return self.lines[-1].item_number


def row_values(basket: Basket) -> list[str]:
    """Return the hidden fields of the rows, each with the price that is shown with it."""
    return [
        f"{row.item.number}:{row.quantity}:{row.item.price_points or ''}" for row in basket.rows
    ]


def _line(text: str) -> Line:
    row = ROW.fullmatch(text)
    if row is None:
        raise QuantityInvalid(quantity_max=QUANTITY_MAX)
    seen = int(row[3]) if row[3] else None
    return Line(item_number=int(row[1]), quantity=int(row[2]), seen_points=seen)
