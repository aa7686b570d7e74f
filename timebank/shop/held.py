"""Baskets put aside while somebody else is served, for any till of the shop to take up again.

Invariants: what is kept is what was scanned, never a price and no stock: whatever was sold or
priced anew meanwhile is said when the basket is taken up; a basket is taken up once.
"""

from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from ledger import clock
from ledger.ids import new_id
from timebank.actors import Actor, Permission
from timebank.shop.basket import Line, check_rows
from timebank.shop.errors import BasketEmpty, NonceReused
from timebank.shop.goods import check_nonce, find_items
from timebank.shop.sale_errors import HeldNotFound, TooManyHeld
from timebank.shop.sale_models import FIRST_TILL, LABEL_LENGTH_MAX, HeldBasket, PaysWith
from timebank.shop.till_money import check_till

HELD_MAX: Final = 20


@dataclass(frozen=True, slots=True)
class Aside:
    """What is put aside.

    Args:
        lines: the goods, each once.
        swaps: what the member brings in.
        ticket: of the member; it goes stale as on the page. Empty for nobody.
        helper: ticket of who came for them; empty for nobody.
        label: how the clerk finds it; empty: the first goods.
        till_number: where it was put aside.
    """

    lines: tuple[Line, ...]
    swaps: tuple[Line, ...] = ()
    ticket: str = ""
    helper: str = ""
    label: str = ""
    till_number: int = FIRST_TILL


def hold(session: Session, actor: Actor, *, aside: Aside, nonce: str) -> HeldBasket:
    """Put a basket aside; the same nonce is the same basket.

    Args:
        session: write session.
        actor: needs `keep_shop`.
        aside: what was scanned so far.
        nonce: the basket's own number.

    Raises:
        Invalid: basket_empty, basket_too_long, basket_repeats, quantity_invalid, nonce_invalid,
            till_invalid.
        ItemNotFound, TooManyHeld, NonceReused: item_not_found, too_many_held, nonce_reused.
    """
    actor.require(Permission.KEEP_SHOP)
    check_nonce(nonce)
    check_till(aside.till_number)
    rows = (*aside.lines, *aside.swaps)
    if not rows:
        raise BasketEmpty
    check_rows(rows)
    content = _written(aside)
    known = session.scalar(
        sa.select(HeldBasket).where(
            HeldBasket.community_id == actor.community_id, HeldBasket.nonce == nonce
        )
    )
    if known is not None:
        if known.content != content:
            raise NonceReused
        return known
    if len(list_held(session, actor)) >= HELD_MAX:
        raise TooManyHeld(count_max=HELD_MAX)
    items = find_items(session, actor, item_numbers=[line.item_number for line in rows])
    label = aside.label.strip() or items[rows[0].item_number].name
    held = HeldBasket(
        community_id=actor.community_id,
        id=new_id(),
        nonce=nonce,
        till_number=aside.till_number,
        label=label[:LABEL_LENGTH_MAX],
        content=content,
        held_by_id=actor.member_id,
        held_at=clock.now(),
    )
    session.add(held)
    session.flush()
    return held


def list_held(session: Session, actor: Actor) -> list[HeldBasket]:
    """Return the baskets that wait, the oldest first."""
    actor.require(Permission.KEEP_SHOP)
    found = session.scalars(
        sa.select(HeldBasket)
        .where(HeldBasket.community_id == actor.community_id, HeldBasket.ended_at.is_(None))
        .order_by(HeldBasket.held_at, HeldBasket.id)
    )
    return list(found)


def take_up(session: Session, actor: Actor, *, held_id: UUID) -> Aside:
    """Take a basket up again, or throw it away: it waits no more.

    Args:
        session: write session.
        actor: needs `keep_shop`; any clerk.
        held_id: which basket.

    Raises:
        HeldNotFound: held_not_found, also when another till was first.
    """
    actor.require(Permission.KEEP_SHOP)
    held = session.scalars(
        sa.select(HeldBasket)
        .where(HeldBasket.community_id == actor.community_id, HeldBasket.id == held_id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    ).one_or_none()
    if held is None or held.ended_at is not None:
        raise HeldNotFound
    aside = _read(held)
    held.ended_at, held.ended_by_id = clock.now(), actor.member_id
    held.content = {**held.content, "ticket": "", "helper": ""}
    session.flush()
    return aside


# ---------------------------------------------------------------- as it is kept


def _written(aside: Aside) -> dict[str, Any]:
    return {
        "lines": [
            [line.item_number, line.quantity, line.pays_with and line.pays_with.value]
            for line in aside.lines
        ],
        "swaps": [[line.item_number, line.quantity] for line in aside.swaps],
        "ticket": aside.ticket,
        "helper": aside.helper,
    }


def _read(held: HeldBasket) -> Aside:
    kept = held.content
    return Aside(
        lines=tuple(
            Line(number, quantity, pays_with=PaysWith(way) if way else None)
            for number, quantity, way in kept["lines"]
        ),
        swaps=tuple(Line(number, quantity) for number, quantity in kept["swaps"]),
        ticket=kept["ticket"],
        helper=kept["helper"],
        label=held.label,
        till_number=held.till_number,
    )
