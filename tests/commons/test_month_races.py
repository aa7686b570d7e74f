"""Raw SQL and two people at once against the month end."""

from datetime import timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from ledger import clock
from ledger.database import Database
from ledger.errors import Refusal
from tests.commons.makers import World, make_world
from tests.commons.test_month_end import NOVEMBER, make_ready
from tests.shop.makers import NOON
from tests.shop.racers import in_threads
from timebank.insight import month_end, periods

DECEMBER = NOON + timedelta(days=20)


@pytest.fixture
def world(database: Database) -> World:
    with clock.at(DECEMBER), database.begin() as session:
        made = make_world(session)
        make_ready(session, made)
        month_end.prepare(session, made.actor("wen"), month_on=NOVEMBER)
        return made


@pytest.mark.parametrize(
    "change",
    [
        "state = 'closed', decided_by_id = prepared_by_id, decided_at = prepared_at",
        "through = '2026-12-31'",
        "state = 'closed'",
    ],
)
def test_a_month_end_is_decided_once_by_another(
    owner_database: Database, world: World, change: str
) -> None:
    for statement in (f"UPDATE month_end SET {change}", "DELETE FROM month_end"):
        with pytest.raises(DBAPIError), owner_database.begin() as session:
            session.execute(sa.text(statement))

    assert world.community.code == "D"


def test_many_who_close_one_month_close_it_once(database: Database, world: World) -> None:
    with database.reading() as session:
        prepared = month_end.read_checklist(session, world.actor("audrey"), month_on=NOVEMBER)
    assert prepared.prepared is not None
    month_end_id = prepared.prepared.id
    others = (world.actor("ada"), world.actor("wen"))

    def attempt(place: int) -> str:
        actor = others[place % 2]
        rule = month_end.close if place % 2 == 0 else month_end.withdraw
        try:
            with clock.at(DECEMBER), database.begin() as session:
                rule(session, actor, month_end_id=month_end_id)
        except Refusal as refusal:
            return refusal.code
        return rule.__name__

    answers = in_threads(8, attempt)

    won = set(answers) - {"month_decided"}
    assert len(won) == 1
    with database.reading() as session:
        closed = periods.closed_through(session, world.actor("audrey"))
    assert (closed is not None) == (won == {"close"})
