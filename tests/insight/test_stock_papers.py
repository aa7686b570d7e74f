"""Stocktakes and stock moves in a verified book: whole when they are, named when they are not."""

import pytest
from sqlalchemy.orm import Session

from ledger import clock
from ledger.database import Database
from tests.conftest import ROOT_KEY
from tests.insight.story import SHOP_DAY, Story
from tests.insight.test_verification import _named, _verified
from tests.service.world import local
from timebank.actors import Actor, Role
from timebank.codes import CodeKeys
from timebank.shop import stock_moves, stocktakes
from timebank.shop.counts import read_counts
from timebank.shop.goods import ItemDetails, add_item
from timebank.shop.stock_models import MoveKind, StockMove
from timebank.shop.stock_moves import Proposal
from timebank.shop.stocktakes import Closing

KEYS = CodeKeys(ROOT_KEY)


def _move(session: Session, actor: Actor, kind: MoveKind, nonce: str) -> StockMove:
    recipient = "D-017" if kind is MoveKind.GIFT else ""
    proposal = Proposal(1, 1, kind, "旧了", nonce, recipient)
    return stock_moves.propose(session, actor, KEYS, proposal=proposal)


@pytest.fixture
def counted(story: Story, database: Database) -> Story:
    """A write-off, a recycling, a gift, one put back, a stocktake with two differences."""
    world = story.world
    clerk, desk = world.actor(world.bob, Role.CLERK), world.desk
    with clock.at(local("16:00", SHOP_DAY)), database.begin() as session:
        single = ItemDetails(name="虎头鞋", is_single=True)
        add_item(session, clerk, details=single, nonce="story-single")
        _move(session, clerk, MoveKind.WRITE_OFF, "off")
        gift = _move(session, clerk, MoveKind.GIFT, "gift")
        stock_moves.confirm(session, desk, move_id=gift.id)
        back = stock_moves.propose_reversal(
            session, clerk, move_id=gift.id, reason="不要了", nonce="back"
        )
        stock_moves.confirm(session, desk, move_id=back.id)
        _move(session, clerk, MoveKind.RECYCLE, "recycle")
        taken = stocktakes.open_stocktake(session, clerk, shelf=None, nonce="take")
        for number, pieces in ((1, 2), (2, 1)):
            stocktakes.count(
                session,
                clerk,
                stocktake_id=taken.id,
                item_number=number,
                piece_count=pieces,
                is_total=True,
                nonce=f"count-{number}",
            )
        closings = {
            row.item.number: Closing(row.difference, "漏记")
            for row in read_counts(session, taken)
            if row.difference
        }
        stocktakes.close(session, desk, stocktake_id=taken.id, closings=closings)
    return story


DAMAGES = [
    ("UPDATE stocktake SET transaction_id = id WHERE state = 'closed'", "paper_differs"),
    ("UPDATE stocktake SET transaction_id = NULL WHERE state = 'closed'", "without_paper"),
    ("UPDATE stocktake_line SET counted = 9, difference = 9 - book_count", "paper_differs"),
    ("DELETE FROM stocktake_line", "stock_differs"),
    ("UPDATE stock_move SET piece_count = 2 WHERE nonce = 'off'", "paper_differs"),
    ("UPDATE stock_move SET kind = 'recycle' WHERE nonce = 'off'", "paper_differs"),
    ("UPDATE stock_move SET transaction_id = id WHERE nonce = 'off'", "paper_differs"),
    ("DELETE FROM stock_move WHERE nonce = 'off'", "without_paper"),
    ("DELETE FROM stock_move WHERE nonce = 'back'", "reversal_without_paper"),
    (
        "UPDATE stock_move SET corrects_id = (SELECT id FROM stock_move WHERE nonce = 'off')"
        " WHERE nonce = 'back'",
        "stock_differs",
    ),
    ("UPDATE item SET is_single = NOT is_single WHERE number = 1", "single_differs"),
    (
        "UPDATE item_price SET set_by_id = (SELECT maker_member_id FROM item i"
        " WHERE i.id = item_price.item_id) WHERE item_id IN"
        " (SELECT id FROM item WHERE maker_member_id IS NOT NULL)",
        "maker_priced",
    ),
]


def test_the_stock_and_its_papers_go_together(
    counted: Story, database: Database, owner_database: Database
) -> None:
    before = _verified(database)
    named = {damage: _named(owner_database, damage) for damage, _ in DAMAGES}

    assert before.finding_count == 0, before
    assert [(damage, code) for damage, code in DAMAGES if code not in named[damage]] == []
    assert _verified(database).finding_count == 0  # each damage stood alone
    assert counted.kept_receipt_number == 1
