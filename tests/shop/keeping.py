"""A reservation as a volunteer makes it, and as a clerk hands it over."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from ledger import reports
from tests.shop.makers import (
    World,
    fresh,
)
from timebank.actors import Actor
from timebank.codes import CodeKeys
from timebank.shop.collection import HandOver, collect
from timebank.shop.models import Item
from timebank.shop.receipts import Receipt
from timebank.shop.reservations import reserve
from timebank.shop.reserved import Reserved
from timebank.shop.stock import read_entry

SHANGHAI = ZoneInfo("Asia/Shanghai")
MONDAY_ENDS = datetime(2026, 11, 24, tzinfo=SHANGHAI)
"""Midnight after the third day from the Friday of these tests."""
A_MOMENT = timedelta(microseconds=1)


def alice_of(world: World) -> Actor:
    return world.actor(world.alice)


def put_by(session: Session, world: World, item: Item, quantity: int = 1) -> Reserved:
    return reserve(
        session, alice_of(world), item_number=item.number, quantity=quantity, nonce=fresh()
    )


def hand_over(
    session: Session,
    world: World,
    keys: CodeKeys,
    kept: Reserved,
    *,
    holder: str | None = None,
    nonce: str | None = None,
    pin: str | None = None,
) -> Receipt:
    wanted = HandOver(kept.reservation.id, holder or world.alice_card, nonce or fresh(), pin)
    return collect(session, world.clerk, keys, hand_over=wanted)


def free_points(session: Session, world: World) -> int:
    account_id = world.alice.points_account_id
    held = reports.spendable(session, world.community.community_id, [account_id])
    return held[account_id].available_minor


def free_pieces(session: Session, world: World, item: Item) -> int:
    return read_entry(session, alice_of(world), item_number=item.number).available
