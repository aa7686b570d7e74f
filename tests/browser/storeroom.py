"""The storeroom of the neighbourhood: a workshop, a stocktake that is open, a gift that waits."""

from datetime import date, datetime, time
from typing import TYPE_CHECKING, Any
from uuid import UUID
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.orm import Session

from ledger import clock
from ledger.database import Database
from tests.conftest import ROOT_KEY
from timebank.codes import CodeKeys
from timebank.shop import stock_moves, stocktakes
from timebank.shop.models import IntakeChoice
from timebank.shop.stock_models import IntakeBatch, MoveKind, StockMove, Stocktake
from timebank.shop.stock_moves import Proposal
from timebank.shop.workshops import Made, WorkshopForm, record_workshop

if TYPE_CHECKING:
    from tests.browser.neighbourhood import Neighbourhood

TABLES: dict[str, Any] = {"stocktake_id": Stocktake, "move_id": StockMove, "batch_id": IntakeBatch}


def fill(session: Session, place: "Neighbourhood", on: date) -> None:
    """Let one of each happen on a day."""
    clerk, number = place.actor("clerk"), place.goods[0].number
    with clock.at(datetime.combine(on, time(18), ZoneInfo("Asia/Shanghai"))):
        rows = (Made(place.people["neighbour"].number, 1, IntakeChoice.DONATE),)
        form = WorkshopForm(on, "手工活动", "活动室", number, rows, "workshop")
        record_workshop(session, clerk, form=form)
        taken = stocktakes.open_stocktake(session, clerk, shelf=None, nonce="stocktake")
        stocktakes.count(
            session,
            clerk,
            stocktake_id=taken.id,
            item_number=number,
            piece_count=1,
            is_total=True,
            nonce="count",
        )
        gift = Proposal(number, 1, MoveKind.GIFT, "冬衣", "gift", "D-017")
        stock_moves.propose(session, clerk, CodeKeys(ROOT_KEY), proposal=gift)


def ids(database: Database) -> dict[str, UUID]:
    """Return one of each by the name of the part of an address that takes it."""
    with database.reading() as session:
        found = {
            name: session.scalar(sa.select(table.id).limit(1)) for name, table in TABLES.items()
        }
    return {name: found_id for name, found_id in found.items() if found_id is not None}
