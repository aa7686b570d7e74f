"""What else happens at the counter of a demo community: a helper, a swap, a part comes back."""

from dataclasses import replace
from datetime import datetime

from sqlalchemy.orm import Session

from ledger import clock, reports
from timebank import codes
from timebank.codes import CodeKeys
from timebank.demo.people import Town, has_phone
from timebank.people import helpers, households
from timebank.people.models import Member
from timebank.shop import held, refunds, till
from timebank.shop.basket import Line
from timebank.shop.goods import find_items
from timebank.shop.held import Aside
from timebank.shop.receipts import Receipt
from timebank.shop.refunds import Return
from timebank.shop.stock import shop_window
from timebank.shop.till import Sale

HELPED, HELPER, SWAPPER = range(3)
"""Who is housebound, who comes for them, who swaps."""
PLACES = (10, 11, 12)
"""Where they stand in the member list: after those who hold an office."""


def tell(session: Session, keys: CodeKeys, town: Town, at: datetime) -> None:
    """Let a helper fetch two pieces and bring one back, a neighbour swap, and a basket wait."""
    with clock.at(at):
        people = [_member(session, town, place) for place in PLACES]
        _agree(session, town, people)
        cheap = _cheapest(session, town)
        if len(cheap) < 2:  # two kinds are swapped
            return
        by_helper = Sale(
            "",
            (Line(cheap[0], 2),),
            f"demo-helper-{town.facts.code}",
            helper=people[HELPER].volunteer_number,
        )
        fetched = _serve(session, keys, town, PLACES[HELPED], by_helper)
        if fetched is not None:
            _bring_one_back(session, town, fetched)
        swaps = (Line(cheap[0], 1),)
        swap = Sale("", (Line(cheap[1], 1),), f"demo-swap-{town.facts.code}", swaps=swaps)
        _serve(session, keys, town, PLACES[SWAPPER], swap)
        aside = Aside((Line(cheap[0], 1),), label=people[SWAPPER].name)
        held.hold(session, town.clerk, aside=aside, nonce=f"demo-held-{town.facts.code}")


def _agree(session: Session, town: Town, people: list[Member]) -> None:
    helpers.agree(
        session,
        town.social_worker,
        member_id=people[HELPED].id,
        helper_id=people[HELPER].id,
        agreed_on=clock.today(town.community.time_zone),
    )
    households.found(
        session,
        town.social_worker,
        label="3栋2单元501",
        member_id=people[SWAPPER].id,
        nonce=f"demo-household-{town.facts.code}",
    )


def _cheapest(session: Session, town: Town) -> list[int]:
    """Return the goods of which two pieces stand there, the cheapest first."""
    entries = [entry for entry in shop_window(session, town.clerk) if entry.available > 1]
    entries.sort(key=lambda entry: entry.item.price_points or 0)
    return [entry.item.number for entry in entries]


def _serve(session: Session, keys: CodeKeys, town: Town, place: int, sale: Sale) -> Receipt | None:
    """Finish a sale for who stands there, if their points are enough."""
    member = _member(session, town, place)
    points = reports.balance(session, member.community_id, member.points_account_id)
    numbers = [line.item_number for line in sale.lines]
    prices = find_items(session, town.clerk, item_numbers=numbers)
    needed = sum(
        line.quantity * (prices[line.item_number].price_points or 0) for line in sale.lines
    )
    if points.available_minor < needed:
        return None
    holder = (
        codes.pay_code(keys, member.community_id, town.aliases[place], clock.now())
        if has_phone(place)
        else town.card_digits[place]
    )
    return till.redeem(session, town.clerk, keys, sale=replace(sale, holder=holder))


def _bring_one_back(session: Session, town: Town, receipt: Receipt) -> None:
    wanted = Return(
        receipt.redemption.receipt_number,
        "线头松了，退一件",
        f"demo-part-{town.facts.code}",
        pieces=((1, 1),),
    )
    refunds.give_back(session, town.clerk, wanted=wanted)


def _member(session: Session, town: Town, place: int) -> Member:
    key = (town.community.community_id, town.cast[place].member_id)
    return session.get_one(Member, key)
