"""The drawer and the safe of the neighbourhood: a day that was closed, and a move that waits."""

from datetime import date, datetime, time
from typing import TYPE_CHECKING, Any
from uuid import UUID
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.orm import Session

from ledger import clock
from ledger.database import Database
from timebank.shop import safe, till_days
from timebank.shop.cash_models import SafeMove, SafeMoveKind, TillDay
from timebank.shop.safe import Wanted
from timebank.shop.till_days import Counting

if TYPE_CHECKING:
    from tests.browser.neighbourhood import Neighbourhood

TABLES: dict[str, Any] = {"till_day_id": TillDay, "safe_move_id": SafeMove}


def fill(session: Session, place: "Neighbourhood", on: date) -> None:
    """Let one of each happen on a day, at till 2."""
    clerk = place.actor("clerk")
    with clock.at(datetime.combine(on, time(18), ZoneInfo("Asia/Shanghai"))):
        opened = till_days.open_day(
            session, clerk, till_number=2, counting=Counting("opening of the month before")
        )
        till_days.close_day(
            session, clerk, day_id=opened.day.id, counting=Counting("closing of the month before")
        )
        wanted = Wanted("waiting move", SafeMoveKind.DEPOSIT, 20_000, "备用金")
        safe.hand_over(session, place.actor("social_worker"), wanted=wanted)


def ids(database: Database) -> dict[str, UUID]:
    """Return one of each by the name of the part of an address that takes it."""
    with database.reading() as session:
        found = {
            name: session.scalar(sa.select(table.id).limit(1)) for name, table in TABLES.items()
        }
    return {name: found_id for name, found_id in found.items() if found_id is not None}
