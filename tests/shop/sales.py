"""A sale as a clerk makes it, and the refusal of one."""

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy.orm import Session

from ledger.errors import Refusal
from tests.shop.makers import World, fresh
from timebank.codes import CodeKeys
from timebank.shop.basket import Line
from timebank.shop.receipts import Receipt
from timebank.shop.till import Sale, redeem


def sale_of(world: World, *lines: tuple[int, int], **changes: Any) -> Sale:
    sale = Sale(holder=world.alice_card, lines=tuple(Line(*line) for line in lines), nonce=fresh())
    return replace(sale, **changes)


def do(session: Session, world: World, keys: CodeKeys, sale: Sale) -> Receipt:
    return redeem(session, world.clerk, keys, sale=sale)


def refusal_of(session: Session, world: World, keys: CodeKeys, sale: Sale) -> Refusal:
    with pytest.raises(Refusal) as caught:
        do(session, world, keys, sale)
    return caught.value
