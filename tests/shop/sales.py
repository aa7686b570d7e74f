"""A sale as a clerk makes it, and the refusal of one."""

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy.orm import Session

from ledger.errors import Refusal
from tests.shop.makers import World, fresh
from timebank.codes import CodeKeys
from timebank.insight import provenance
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


def findings(session: Session, world: World) -> list[str]:
    """Return what the papers say against the book; points that a test gave have none."""
    session.flush()
    session.expire_all()
    return [
        finding.message
        for each in provenance.PASSES
        for finding in each(session, world.community.community_id)
        if "it names test:" not in finding.message
    ]
