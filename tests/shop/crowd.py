"""A crowd at two tills: threads that finish baskets over scarce goods, bring some back, and meet.

Every basket is drawn from a seed: points, cash, both, goods swapped in, a price or a total that is
not the book's. What a thread may be told is listed; anything else is a defect.
"""

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from ledger import clock
from ledger.database import Database
from ledger.errors import Refusal
from ledger.schema import Account, Posting
from tests.shop.drawers import open_till
from tests.shop.makers import NOON, PIN, World, fresh, give_points, make_item
from timebank.actors import Actor, Role
from timebank.codes import CodeKeys
from timebank.people import cards, members
from timebank.people.models import Community
from timebank.shop.basket import Line
from timebank.shop.goods import set_price
from timebank.shop.models import ValueBasis
from timebank.shop.refunds import Return, give_back
from timebank.shop.sale_models import PaysWith, Redemption, RedemptionLine, Refund
from timebank.shop.till import Sale, redeem

SOLD = "sold"
RETURNED = "returned"
BUSY = "busy"
EXPECTED = {
    *(SOLD, RETURNED, "item_gone", "insufficient", "limit_reached"),
    *("price_changed", "cash_price_changed"),
    *("already_refunded", "returned_too_many", "receipt_not_found", "swap_returns_whole"),
    *("exchange_limit_reached", "drawer_short", "tendered_too_little"),
}
"""Every answer that is right when many want the same."""
KINDS = 20
HOLDERS = 6
TILLS = 2
RETURN_EVERY = 8


@dataclass(frozen=True)
class Crowd:
    """Who meets at the tills, by ids that any thread may use."""

    community_id: UUID
    clerk_id: UUID
    holders: tuple[str, ...]
    item_numbers: tuple[int, ...]

    @property
    def clerk(self) -> Actor:
        return Actor(self.community_id, self.clerk_id, frozenset({Role.CLERK}))


def gather(session: Session, world: World, *, pieces: int, points: int) -> Crowd:
    """Make twenty scarce kinds with both prices, six holders with little, and two open tills."""
    community = session.get_one(Community, world.community.community_id)
    community.redeem_points_per_day_max = community.pin_above_points = 100_000
    holders = [world.alice_card]
    for place in range(HOLDERS - 1):
        name = f"客{place}"
        member = members.add_member(
            session, world.system, name=name, roles=frozenset({Role.VOLUNTEER})
        )
        give_points(session, world, member, points)
        holders.append(cards.issue_card(session, world.system, member.id).card.digits)
    items = [make_item(session, world, name=f"货{n}", pieces=pieces) for n in range(KINDS)]
    for place, item in enumerate(items):
        set_price(
            session,
            world.pricer,
            item_number=item.number,
            price_points=1 + place % 5,
            price_fen=50 * (1 + place % 7),
            basis=ValueBasis.COUNCIL,
        )
    for till_number in range(1, TILLS + 1):
        open_till(session, world, till_number=till_number, float_fen=0)
    return Crowd(
        world.community.community_id,
        world.clara.id,
        tuple(holders),
        tuple(item.number for item in items),
    )


def serve(
    database: Database, crowd: Crowd, root: bytes, *, seed: int, baskets: int
) -> Counter[str]:
    """Finish so many baskets at one till, bringing some back; return the answers by code.

    A till that is told to wait sends the same basket again, under the same number.
    """
    chance = random.Random(seed)  # a script that can be played again
    answers: Counter[str] = Counter()
    till_number = 1 + seed % TILLS
    for place in range(baskets):
        asked: Sale | Return = (
            _return(chance, till_number, receipts=max(60, 4 * baskets))
            if place % RETURN_EVERY == RETURN_EVERY - 1
            else _sale(chance, crowd, till_number)
        )
        said = BUSY
        while said == BUSY:
            said = _ask(database, crowd, root, asked)
        answers[said] += 1
    return answers


def _ask(database: Database, crowd: Crowd, root: bytes, asked: Sale | Return) -> str:
    try:
        with clock.at(NOON), database.begin() as session:
            if isinstance(asked, Return):
                give_back(session, crowd.clerk, wanted=asked)
                return RETURNED
            redeem(session, crowd.clerk, CodeKeys(root), sale=asked)
            return SOLD
    except Refusal as refusal:
        return refusal.code


def _sale(chance: random.Random, crowd: Crowd, till_number: int) -> Sale:
    numbers = chance.sample(crowd.item_numbers, chance.randint(1, 4))
    is_stranger = chance.random() < 0.3
    ways = [PaysWith.CASH if is_stranger or chance.random() < 0.4 else None for _ in numbers]
    lines = tuple(
        Line(number, chance.randint(1, 2), pays_with=way)
        for number, way in zip(numbers, ways, strict=True)
    )
    others = [number for number in crowd.item_numbers if number not in numbers]
    swaps = () if is_stranger or chance.random() < 0.8 else (Line(chance.choice(others), 1),)
    return Sale(
        holder="" if is_stranger else chance.choice(crowd.holders),
        lines=lines,
        nonce=fresh(),
        expected_total_points=999 if chance.random() < 0.05 else None,
        pin=PIN,
        swaps=swaps,
        till_number=till_number,
        tendered_fen=100_000 if is_stranger else None,
    )


def _return(chance: random.Random, till_number: int, *, receipts: int) -> Return:
    pieces = ((1, 1),) if chance.random() < 0.6 else None
    return Return(chance.randint(1, receipts), "退", fresh(), pieces, till_number)


def disagreements(session: Session, crowd: Crowd) -> Iterator[str]:
    """Compare the receipts with the shelves by a sum of their own."""
    of_book = Redemption.community_id == crowd.community_id
    numbers = list(session.scalars(sa.select(Redemption.receipt_number).where(of_book)))
    if sorted(numbers) != list(range(1, len(numbers) + 1)):
        yield "the receipt numbers have a gap"
    sums = session.execute(
        sa.select(
            sa.func.coalesce(sa.func.sum(RedemptionLine.sum_fen), 0),
            sa.select(sa.func.coalesce(sa.func.sum(Redemption.total_fen), 0)).scalar_subquery(),
        )
    ).one()
    if sums[0] != sums[1]:
        yield f"rows come to {sums[0]} fen, receipts to {sums[1]}"
    back = session.scalar(sa.select(sa.func.coalesce(sa.func.sum(Refund.fen_back), 0))) or 0
    held = _held(session, crowd)
    if held != sums[1] - back:
        yield f"{held} fen lie in the drawers, receipts less returns say {sums[1] - back}"


def _held(session: Session, crowd: Crowd) -> int:
    total = session.scalar(
        sa.select(sa.func.coalesce(sa.func.sum(Posting.amount_minor), 0))
        .join(
            Account,
            sa.and_(Account.community_id == Posting.community_id, Account.id == Posting.account_id),
        )
        .where(Account.community_id == crowd.community_id, Account.code.like("Cash:Till:%"))
    )
    return int(total or 0)
