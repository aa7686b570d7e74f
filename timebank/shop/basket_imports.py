"""Import of an older system's receipts: sold, redeemed and brought back, each on its own day.

Words: a *basket* is all rows of one key that were sold; a *giving back* is all rows of one key with
negative quantities at one moment; *events* are both, in the order of their moments.

Invariants: wholly or not at all; every event goes through the functions of the till at its own
moment, so limits, stock and points are judged as they were then; a price in the file is one that
the goods had on that day, and the goods carry the price of the moment for the length of the event
alone; a till's day is opened when cash first moves in it, with change from the safe, and closed
before its next one, without a difference; a key stands for one content for ever, so that a second
run does nothing.
"""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from ledger import clock
from ledger.errors import N_, Invalid, Refusal
from timebank import audit
from timebank.actors import Actor, Permission
from timebank.chart import SAFE
from timebank.codes import CodeKeys
from timebank.people.models import Community, Member
from timebank.shop import cash, till, till_days
from timebank.shop.basket import Line
from timebank.shop.basket_checks import SOLD, Event, Shop, event_problems, grouped, known_nonces
from timebank.shop.basket_rows import COLUMNS, REQUIRED, BasketRow, read_rows
from timebank.shop.drawers import drawer_fen, held_fen
from timebank.shop.identity import ticket_from_file
from timebank.shop.models import Item
from timebank.shop.refunds import Return, give_back
from timebank.shop.sale_models import PaysWith, Redemption, RedemptionLine
from timebank.shop.till_days import Counting
from timebank.shop.till_standing import DayOfTill
from timebank.table_files import RefusedCell, read_table

ROWS_MAX: Final = 20_000
EVENTS_PER_ADVANCE: Final = 20
REASON: Final = "—"
"""What stands for the reason of a return that the older system did not keep."""

Refuse = Callable[[RefusedCell], None]
Advance = Callable[[int, int], None]
"""Told how many events are done, and how many there are."""


class BasketsRefused(Invalid):
    """Rows of the file cannot be taken; nothing of it was imported."""

    code = "file_refused"
    message = N_("%(count)s refused: nothing was imported.")


@dataclass(frozen=True, slots=True)
class Checked:
    """A file without a refused row: what is new in it, and how many events were there before."""

    new: tuple[Event, ...]
    known_count: int
    digest: bytes


# ---------------------------------------------------------------- the two passes


def check(session: Session, actor: Actor, *, content: bytes, refuse: Refuse) -> Checked:
    """Read a whole file against the shop; write nothing.

    Args:
        session: a reading session.
        actor: needs `administer`.
        content: CSV or Excel.
        refuse: told of everything that cannot be taken.

    Raises:
        BasketsRefused: file_refused.
    """
    actor.require(Permission.ADMINISTER)
    table = read_table(
        content, columns=COLUMNS, required=REQUIRED, rows_max=ROWS_MAX, keeps_times=True
    )
    told = _Told(refuse)
    rows = read_rows(table, told.refuse)
    shop = Shop(session, actor)
    for row in rows:
        for cell in shop.problems(row):
            told.refuse(cell)
    known = known_nonces(session, actor)
    sold = {row.basket for row in rows if not row.is_return} | known.keys()
    events = [Event(tuple(group)) for group in grouped(rows)]
    for event in events:
        for cell in event_problems(event, known, sold):
            told.refuse(cell)
    told.end("cell")
    nonces = {nonce for of_key in known.values() for nonce in of_key}
    new = tuple(event for event in events if event.nonce not in nonces)
    return Checked(new, len(events) - len(new), hashlib.sha256(content).digest())


def post(
    session: Session,
    actor: Actor,
    keys: CodeKeys,
    *,
    checked: Checked,
    refuse: Refuse,
    advance: Advance,
) -> int:
    """Put every new event of a file that was checked through the till; return how many.

    Args:
        session: a write session; an exception must roll it back.
        actor: the system, with `administer`.
        keys: the root key.
        checked: what the check said.
        refuse: told of every event that the till refuses, at its first row.
        advance: told how far it is.

    Raises:
        BasketsRefused: file_refused.
    """
    actor.require(Permission.ADMINISTER)
    told = _Told(refuse)
    counter = _Counter(session, actor, keys, checked.new)
    for done, event in enumerate(checked.new):
        if done % EVENTS_PER_ADVANCE == 0:
            advance(done, len(checked.new))
        try:
            with session.begin_nested():
                counter.take(event)
        except Refusal as refusal:
            head = event.head
            told.refuse(
                RefusedCell(head.row, "", refusal.code, refusal.message, dict(refusal.details))
            )
    counter.close_all()
    told.end("basket")
    if checked.new:
        audit.record(
            session,
            actor,
            "import_baskets",
            f"community:{actor.community_id}",
            event_count=len(checked.new),
            file_digest=checked.digest.hex(),
        )
    session.flush()
    advance(len(checked.new), len(checked.new))
    return len(checked.new)


# ---------------------------------------------------------------- checking


class _Told:
    """Counts what is refused."""

    def __init__(self, refuse: Refuse) -> None:
        self._refuse = refuse
        self.count = 0

    def refuse(self, cell: RefusedCell) -> None:
        """Pass it on."""
        self.count += 1
        self._refuse(cell)

    def end(self, word: str) -> None:
        """Refuse the file where anything in it was refused."""
        if self.count:
            raise BasketsRefused(count=f"{self.count:,} {word}{'' if self.count == 1 else 's'}")


# ---------------------------------------------------------------- posting


class _Counter:
    """A till through which the events pass, each at its own moment."""

    def __init__(
        self, session: Session, actor: Actor, keys: CodeKeys, events: tuple[Event, ...]
    ) -> None:
        self._session, self._actor, self._keys = session, actor, keys
        self._shop = Shop(session, actor)
        self._change_fen: defaultdict[tuple[int, date], int] = defaultdict(int)
        """By till and day: the most that returns can take out of the drawer."""
        for row in (row for event in events for row in event.rows):
            if row.is_return and row.pays_with is PaysWith.CASH:
                dearest_fen = self._shop.dearest_fen(row)
                self._change_fen[row.till, row.at.date()] -= row.quantity * dearest_fen
        self._open: dict[int, tuple[DayOfTill, datetime]] = {}
        """By till: the day that stands open, and the last moment in it."""

    def take(self, event: Event) -> None:
        """Sell a basket, or take pieces of one back."""
        moment = self._shop.moment(event.head)
        with clock.at(moment):
            takes_cash = any(row.pays_with is PaysWith.CASH for row in event.rows)
            self._stand_open(event.head.till, event.head.at.date(), moment, takes_cash=takes_cash)
            if event.head.is_return:
                self._give_back(event)
            else:
                with _prices_of_the_moment(self._shop, event):
                    self._sell(event)

    def close_all(self) -> None:
        """Close what stands open."""
        for till_number in sorted(self._open):
            self._close(till_number)

    def _stand_open(
        self, till_number: int, on: date, moment: datetime, *, takes_cash: bool
    ) -> None:
        """Open the day of a till where cash moves; the one before it is closed first."""
        standing = self._open.get(till_number)
        if standing is not None and standing[0].day.day_on != on:
            self._close(till_number)
            standing = None
        if standing is not None or takes_cash:
            day = standing[0] if standing else self._opened(till_number, on)
            self._open[till_number] = day, moment

    def _opened(self, till_number: int, on: date) -> DayOfTill:
        """Open with what lies there, and from the safe what returns may need."""
        in_safe = held_fen(self._session, self._actor, SAFE)
        from_safe = min(in_safe, self._change_fen[till_number, on])
        held = drawer_fen(self._session, self._actor, till_number)
        there = cash.fewest_pieces(held + from_safe)
        nonce = f"import:{till_number}:{clock.now():%Y%m%d%H%M%S}"
        return till_days.open_day(
            self._session, self._actor, till_number=till_number, counting=Counting(nonce, there)
        )

    def _close(self, till_number: int) -> None:
        day, moment = self._open.pop(till_number)
        there = cash.fewest_pieces(drawer_fen(self._session, self._actor, till_number))
        with clock.at(moment):
            till_days.close_day(
                self._session,
                self._actor,
                day_id=day.day.id,
                counting=Counting(f"import:{day.day.id}", there),
            )

    def _sell(self, event: Event) -> None:
        head = event.head
        quantities: defaultdict[tuple[int, PaysWith], int] = defaultdict(int)
        for row in event.rows:
            quantities[self._shop.item(row).number, row.pays_with] += row.quantity
        lines = tuple(
            Line(number, quantity, pays_with=way) for (number, way), quantity in quantities.items()
        )
        sale = till.Sale(
            holder=self._holder(head), lines=lines, nonce=event.nonce, till_number=head.till
        )
        till.redeem(self._session, self._actor, self._keys, sale=sale)

    def _holder(self, row: BasketRow) -> str:
        if row.member is None:
            return ""
        community = self._session.get_one(Community, self._actor.community_id)
        key = (self._actor.community_id, self._shop.member_id(row))
        member = self._session.get_one(Member, key)
        return ticket_from_file(self._actor, self._keys, member=member, community=community)

    def _give_back(self, event: Event) -> None:
        head = event.head
        number, lines = self._receipt(head.basket)
        pieces: defaultdict[int, int] = defaultdict(int)
        for row in event.rows:
            line_no = lines.get((self._shop.item(row).id, row.pays_with), 0)
            pieces[line_no] -= row.quantity
        wanted = Return(
            number,
            next((row.reason for row in event.rows if row.reason), REASON),
            event.nonce,
            pieces=tuple(pieces.items()),
            till_number=head.till,
        )
        give_back(self._session, self._actor, wanted=wanted)

    def _receipt(self, key: str) -> tuple[int, dict[tuple[UUID, PaysWith], int]]:
        """Return the number of an imported receipt, and its lines by goods and way of paying."""
        rows = self._session.execute(
            sa.select(
                Redemption.receipt_number,
                RedemptionLine.item_id,
                RedemptionLine.pays_with,
                RedemptionLine.line_no,
            )
            .join(
                RedemptionLine,
                (RedemptionLine.community_id == Redemption.community_id)
                & (RedemptionLine.redemption_id == Redemption.id),
            )
            .where(
                Redemption.community_id == self._actor.community_id,
                Redemption.nonce.startswith(f"{SOLD}{key}:", autoescape=True),
            )
        ).all()
        number = rows[0].receipt_number if rows else 0
        return number, {(item_id, way): line_no for _, item_id, way, line_no in rows}


@contextmanager
def _prices_of_the_moment(shop: Shop, event: Event) -> Iterator[None]:
    """Let the goods of a basket carry the price that they had then; afterwards today's again."""
    kept: dict[UUID, tuple[Item, int | None, int | None]] = {}
    for row in event.rows:
        item, price = shop.item(row), shop.price(row)
        assert price is not None, "the check found the price"
        kept.setdefault(item.id, (item, item.price_points, item.price_fen))
        item.price_points, item.price_fen = price.price_points, price.price_fen
    try:
        yield
    finally:
        for item, price_points, price_fen in kept.values():
            item.price_points, item.price_fen = price_points, price_fen
