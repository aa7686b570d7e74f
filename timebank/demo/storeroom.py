"""The storeroom of the demo shop: shelves, prices in yuan, a workshop, a stocktake, two moves."""

from datetime import timedelta
from typing import Final

from sqlalchemy.orm import Session

from ledger import clock
from timebank.codes import CodeKeys
from timebank.demo.people import Town
from timebank.shop import goods, stock_moves, stocktakes, workshops
from timebank.shop.counts import read_counts
from timebank.shop.goods import ItemDetails, find_items
from timebank.shop.models import IntakeChoice, ValueBasis
from timebank.shop.stock_models import MoveKind
from timebank.shop.stock_moves import Proposal
from timebank.shop.stocktakes import Closing
from timebank.shop.workshops import Made, WorkshopForm

PLACES: Final = {
    1: ("编织", "A1", 4_500),
    2: ("布艺", "A2", 1_250),
    3: ("编织", "A1", 3_000),
    4: ("布艺", "A2", None),
    5: ("日用", "B1", 800),
    6: ("布艺", "B1", 1_500),
    7: ("纸艺", "B2", None),
    8: ("竹编", "B2", 3_800),
}
"""Category, shelf and price in fen of the goods that the shop opened with."""
MAKERS: Final = (12, 16, 20)
PIECES_EACH: Final = 4
SHELF_COUNTED: Final = "B1"
LOST_PIECES: Final = 1


def fill(session: Session, keys: CodeKeys, town: Town) -> None:
    """Let the last fortnight of the storeroom happen."""
    now = clock.now()
    with clock.at(now - timedelta(days=14)):
        _arrange(session, town)
    with clock.at(now - timedelta(days=9)):
        _knit(session, town)
    with clock.at(now - timedelta(days=2)):
        _count(session, town)
    with clock.at(now - timedelta(days=1)):
        _take_off(session, keys, town)


def _arrange(session: Session, town: Town) -> None:
    """Give the goods their shelves, and most of them a price in yuan."""
    items = find_items(session, town.clerk, item_numbers=list(PLACES))
    for number, (category, shelf, fen) in PLACES.items():
        item = items[number]
        told = ItemDetails(
            name=item.name,
            story=item.story,
            category=category,
            maker_name=item.maker_name,
            shelf=shelf,
        )
        goods.edit_item(session, town.clerk, item_number=number, details=told)
        if fen is not None:
            goods.set_price(
                session,
                town.social_worker,
                item_number=number,
                price_points=item.price_points,
                price_fen=fen,
                basis=ValueBasis.COUNCIL,
            )


def _knit(session: Session, town: Town) -> None:
    """Take in what three knitters made together, and price it afterwards."""
    community = town.community
    form = WorkshopForm(
        held_on=clock.today(community.time_zone),
        title="冬日编织活动",
        place="社区活动室",
        goods=ItemDetails(name="毛线手套", category="编织", shelf="A1", maker_name="编织小组"),
        rows=tuple(Made(place + 1, PIECES_EACH, IntakeChoice.DONATE) for place in MAKERS),
        nonce=f"demo-workshop-{town.facts.code}",
    )
    batch = workshops.record_workshop(session, town.clerk, form=form)
    made = workshops.read_batch_lines(session, batch)[0][1]
    goods.set_price(
        session,
        town.social_worker,
        item_number=made.number,
        price_points=10,
        price_fen=2_000,
        basis=ValueBasis.COUNCIL,
    )


def _count(session: Session, town: Town) -> None:
    """Count one shelf: of its first kind a piece is missing."""
    nonce = f"demo-stocktake-{town.facts.code}"
    taken = stocktakes.open_stocktake(session, town.clerk, shelf=SHELF_COUNTED, nonce=nonce)
    for place, row in enumerate(read_counts(session, taken)):
        stocktakes.count(
            session,
            town.clerk,
            stocktake_id=taken.id,
            item_number=row.item.number,
            piece_count=max(row.booked - (0 if place else LOST_PIECES), 0),
            is_total=True,
            nonce=f"{nonce}-{place}",
        )
    closings = {
        row.item.number: Closing(row.difference, "少了一件，没有找到")
        for row in read_counts(session, taken)
        if row.difference
    }
    stocktakes.close(session, town.social_worker, stocktake_id=taken.id, closings=closings)


def _take_off(session: Session, keys: CodeKeys, town: Town) -> None:
    """Write off a soaked piece, and propose a gift that waits for a second person."""
    for number, kind, reason, recipient in (
        (5, MoveKind.WRITE_OFF, "受潮结块", ""),
        (6, MoveKind.GIFT, "冬天御寒", "低保名册 D-017"),
    ):
        proposal = Proposal(
            item_number=number,
            piece_count=1,
            kind=kind,
            reason=reason,
            nonce=f"demo-move-{town.facts.code}-{number}",
            recipient=recipient,
        )
        stock_moves.propose(session, town.clerk, keys, proposal=proposal)
