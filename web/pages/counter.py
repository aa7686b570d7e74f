"""What the till shows, and what each key does to it.

Words: *shown* is the counter on its way to the page; a key that writes (hand over, put aside, take
up) is done first, then the basket is read anew, so that what stands there is always the book's.
"""

from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

import marshmallow as ma
from sqlalchemy.orm import Session

from timebank.actors import Actor
from timebank.errors import Refusal
from timebank.people import helpers
from timebank.people.organisations import get_community
from timebank.shop import receipts, scans
from timebank.shop.basket import Basket, Row, read_basket
from timebank.shop.booking import needs_pin
from timebank.shop.cash_errors import AmountInvalid
from timebank.shop.collection import HandOver, collect, list_open
from timebank.shop.held import Aside, hold, list_held, take_up
from timebank.shop.identity import Holder, identify
from timebank.shop.receipts import Receipt
from timebank.shop.reservations import cancel
from timebank.shop.reserved import Reserved
from timebank.shop.sale_errors import HelperNeedsMember
from timebank.shop.sale_models import HeldBasket, IdentifiedBy
from timebank.shop.scans import FoundByName, Scanned
from timebank.shop.till import Sale, accept_helper
from web import fields
from web.auth import current_actor
from web.pages.basket import BasketForm, new_nonce
from web.session import begin, keys
from web.till_number import this_till

STEPS: Final = {"plus": 1, "minus": -1}
"""What a key does to the quantity of a row."""
ROW_KEYS: Final = {*STEPS, "remove", "swap", "switch"}
HELPER: Final = "helper"


@dataclass
class Counter:
    """What the till shows: the basket, who stands there, and what the last key led to."""

    form: BasketForm
    basket: Basket | None = None
    holder: Holder | None = None
    helper: Holder | None = None
    purchases: list[Receipt] = field(default_factory=list)
    reserved: list[Reserved] = field(default_factory=list)
    held: list[HeldBasket] = field(default_factory=list)
    found: FoundByName | None = None
    refusal: Refusal | None = None
    receipt_number: int | None = None
    done: Receipt | None = None
    released: Reserved | None = None
    put_aside: HeldBasket | None = None
    today_count: int = 0
    day_limit: int = 0

    @property
    def sound(self) -> str:
        """Return which sound a staff device plays: accepted, refused or none."""
        if self.refusal is not None or (self.basket is not None and self.basket.refused):
            return "refused"
        is_good = self.done or self.released or self.put_aside or self.holder or self.form.lines
        return "accepted" if is_good else ""

    @property
    def rows(self) -> list[Row]:
        """Return the rows that go out, then those brought in."""
        return [] if self.basket is None else [*self.basket.rows, *self.basket.swaps]

    @property
    def is_cash_alone(self) -> bool:
        """Whether every row is paid in cash, so that nobody need stand there."""
        if self.basket is None or self.basket.swaps:
            return False
        return bool(self.basket.rows) and all(row.is_cash for row in self.basket.rows)

    @property
    def is_ready(self) -> bool:
        """Whether F2 has nothing in its way."""
        if self.basket is None or not self.basket.counted or self.basket.refused:
            return False
        return (self.holder is not None or self.is_cash_alone) and not self.basket.missing_points

    @property
    def asks_pin(self) -> bool:
        """Whether F2, or handing over one of the reservations, will ask for the PIN."""
        if self.holder is None or self.basket is None:
            return False
        totals = [kept.reservation.total_points for kept in self.reserved]
        return self._sale_needs_pin or any(self._needs_pin(points) for points in totals)

    @property
    def reserved_in_rows(self) -> list[Reserved]:
        """Return what is kept for the member and was scanned as well: it may be the same piece."""
        scanned = {line.item_number for line in self.form.taken}
        return [kept for kept in self.reserved if kept.reservation.item_number in scanned]

    @property
    def waits_for_pin(self) -> bool:
        """Whether the last key was refused for want of the PIN, so that it is typed next."""
        is_pin = self.refusal is not None and self.refusal.code in {"pin_required", "pin_wrong"}
        return is_pin and self.asks_pin

    @property
    def focus(self) -> str:
        """Return which field waits for the clerk; empty: the scan line."""
        if self.waits_for_pin:
            return "pin"
        is_short = self.refusal is not None and self.refusal.code in {
            "tendered_too_little",
            "cash_amount_invalid",
        }
        return "tendered" if is_short else ""

    def asks_pin_for(self, kept: Reserved) -> bool:
        """Whether handing over a reservation will ask for the PIN."""
        return self._needs_pin(kept.reservation.total_points)

    @property
    def _sale_needs_pin(self) -> bool:
        assert self.basket is not None, "asked of a basket"
        if not self.basket.total_points and not self.basket.swaps:
            return False
        return self._needs_pin(max(self.basket.due_points, 0), is_swap=bool(self.basket.swaps))

    def _needs_pin(self, points: int, *, is_swap: bool = False) -> bool:
        if self.holder is None or self.basket is None or not (points or is_swap):
            return False
        return needs_pin(self.holder, self.basket.by_card_today + points)

    @property
    def left_after(self) -> int | None:
        """Return what can still be redeemed today once this basket is finished."""
        if self.basket is None or self.basket.left_today is None:
            return None
        return self.basket.left_today - max(self.basket.due_points, 0)


# ---------------------------------------------------------------- keys that write


def sale_of(form: BasketForm) -> Sale:
    """Return what F2 finishes.

    Raises:
        AmountInvalid: cash_amount_invalid, what the buyer laid down is no amount.
    """
    return Sale(
        holder=form.ticket,
        lines=form.taken,
        nonce=form.nonce,
        expected_total_points=form.total_points,
        pin=form.pin,
        swaps=form.swapped,
        helper=form.helper,
        till_number=this_till(),
        expected_total_fen=form.total_fen,
        tendered_fen=_fen(form.tendered) if form.total_fen else None,
    )


def write(shown: Counter) -> None:
    """Do what changes the book: hand over, call off, put aside, take up.

    Raises:
        Refusal: as the rule behind the key.
    """
    form = shown.form
    if form.action in {"collect", "release"} and form.named:
        _on_reservation(shown, UUID(form.named))
    elif form.action == "hold":
        with begin() as book:
            shown.put_aside = _put_aside(book, form)
        shown.form = BasketForm(action="")
    elif form.action == "take" and form.named:
        with begin() as book:
            if form.lines:
                shown.put_aside = _put_aside(book, form)
            aside = take_up(book, current_actor(), held_id=UUID(form.named))
        shown.form = BasketForm(
            ticket=aside.ticket,
            helper=aside.helper,
            lines=[*aside.lines, *aside.swaps],
            brought_in={line.item_number for line in aside.swaps},
            action="",
        )


def _on_reservation(shown: Counter, reservation_id: UUID) -> None:
    """Hand a reservation over, or call it off; member and basket stay on the counter."""
    form = shown.form
    with begin() as book:
        if form.action == "release":
            shown.released = cancel(book, current_actor(), reservation_id=reservation_id)
            return
        wanted = HandOver(
            reservation_id, form.ticket, form.nonce, form.pin, till_number=this_till()
        )
        shown.done = collect(book, current_actor(), keys(), hand_over=wanted)
    form.nonce = new_nonce()
    if shown.done.redemption.identified_by is IdentifiedBy.PAY_CODE:
        form.ticket = ""  # a pay code is good once: for the rest the next one is scanned


def _put_aside(book: Session, form: BasketForm) -> HeldBasket:
    """Put the basket aside, named after its member while the ticket is good."""
    actor, label = current_actor(), ""
    if form.ticket:
        try:
            label = identify(book, actor, keys(), scan=form.ticket).member.name
        except Refusal:
            form.ticket = form.helper = ""
    aside = Aside(form.taken, form.swapped, form.ticket, form.helper, label, this_till())
    return hold(book, actor, aside=aside, nonce=form.nonce)


def _fen(text: str) -> int | None:
    if not text:
        return None
    try:
        fen: int = fields.Yuan().deserialize(text)
    except ma.ValidationError as error:
        raise AmountInvalid(amount_max=fields.FEN_MAX // 100) from error
    return fen


# ---------------------------------------------------------------- keys that change the basket


def apply(book: Session, shown: Counter) -> None:
    """Bring the basket to where the key or the scan leads."""
    form = shown.form
    try:
        if form.action == "find":
            shown.found = scans.find_by_name(book, current_actor(), text=form.scan)
        elif form.action in ROW_KEYS:
            _change_row(book, form)
        elif form.action == HELPER or form.expects_helper:
            _expect_helper(book, form)
        elif form.action == "scan" and form.scan.strip():
            _take(book, shown, scans.read(book, current_actor(), keys(), text=form.scan))
    except Refusal as refusal:
        shown.refusal = refusal


def _change_row(book: Session, form: BasketForm) -> None:
    if form.action in STEPS:
        form.change(form.target, STEPS[form.action])
    elif form.action == "remove":
        form.remove(form.target)
    elif form.action == "swap":
        form.swap(form.target)
    else:
        _switch(book, form)


def _switch(book: Session, form: BasketForm) -> None:
    """Let the row be paid the other way; which one it is now, the book says."""
    number = form.aimed(form.target)
    basket = _basket(book, form, _holder(book, form))
    for row in basket.rows:
        if row.item.number == number:
            form.pay(row)


def _expect_helper(book: Session, form: BasketForm) -> None:
    """Take the helper's card, or wait for it; the same key once more lets the helper go."""
    scan = form.scan.strip()
    if not scan:
        form.expects_helper = form.action == HELPER and not (form.expects_helper or form.helper)
        form.helper = ""
        return
    form.expects_helper = False
    if not form.ticket:
        raise HelperNeedsMember
    actor = current_actor()
    member = identify(book, actor, keys(), scan=form.ticket).member
    form.helper = accept_helper(book, actor, keys(), member=member, scan=scan).ticket


def _take(book: Session, shown: Counter, scanned: Scanned) -> None:
    """Put on the counter what was scanned; a second card may be that of an agreed helper."""
    form = shown.form
    shown.receipt_number = scanned.receipt_number
    if scanned.holder is not None:
        before = _holder(book, form)
        if before is not None and helpers.has_agreed(book, before.member, scanned.holder.member):
            form.helper = scanned.holder.ticket
        else:
            form.ticket, form.helper = scanned.holder.ticket, ""
    if scanned.item_number is not None:
        form.add(scanned.item_number)


def _holder(book: Session, form: BasketForm) -> Holder | None:
    """Return who stands there; nobody once the ticket is no longer good."""
    if not form.ticket:
        return None
    try:
        return identify(book, current_actor(), keys(), scan=form.ticket)
    except Refusal:
        return None


# ---------------------------------------------------------------- reading


def look(book: Session, shown: Counter) -> None:
    """Read from the book what the counter shows.

    A member whose ticket is no longer good has left it.
    """
    actor, form = current_actor(), shown.form
    if form.ticket:
        try:
            _look_at_member(book, actor, shown)
        except Refusal as refusal:
            shown.refusal = shown.refusal or refusal
            form.helper = "" if shown.holder else form.helper
            form.ticket = form.ticket if shown.holder else ""
    shown.basket = _basket(book, form, shown.holder)
    look_around(book, shown)


def look_around(book: Session, shown: Counter) -> None:
    """Read what stands beside the basket: today's count, the limit, and what waits."""
    community = get_community(book, current_actor().community_id)
    shown.held = list_held(book, current_actor())
    shown.today_count = receipts.count_today(book, community)
    shown.day_limit = community.redeem_points_per_day_max


def _look_at_member(book: Session, actor: Actor, shown: Counter) -> None:
    form = shown.form
    shown.holder = identify(book, actor, keys(), scan=form.ticket)
    member = shown.holder.member
    shown.purchases = receipts.last_purchases(book, member)
    shown.reserved = list_open(book, actor, member_number=member.number)
    if form.helper:
        shown.helper = accept_helper(book, actor, keys(), member=member, scan=form.helper)


def _basket(book: Session, form: BasketForm, holder: Holder | None) -> Basket:
    actor = current_actor()
    return read_basket(
        book,
        actor,
        lines=form.taken,
        member=holder.member if holder else None,
        community=get_community(book, actor.community_id),
        swaps=form.swapped,
    )
