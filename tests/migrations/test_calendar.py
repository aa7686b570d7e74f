"""What stood before the calendar came stands after it, as a service day that was never moved."""

import sqlalchemy as sa
from alembic import command

from ledger import clock
from ledger.database import Database
from migrations.run import configuration
from tests.service.world import SIGN_UP_TIME, make_world
from timebank.codes import CodeKeys
from timebank.service import repeating
from timebank.service.models import Attendance, AttendanceState, Occasion, OccasionKind, Series
from timebank.service.occasions import SlotPlan


def test_occasions_with_sign_ups_survive(
    database: Database, owner_database: Database, keys: CodeKeys
) -> None:
    with database.begin() as session, clock.at(SIGN_UP_TIME):
        world = make_world(session, keys)
        series = repeating.create_series(
            session,
            world.desk,
            activity=world.activity(),
            rule="FREQ=MONTHLY;BYMONTHDAY=9",
            starts_on=SIGN_UP_TIME.date(),
            slot=SlotPlan("09:00", "11:30", 15),
        )
        [planned] = repeating.plan_series(
            session, world.desk, series_id=series.id, until=SIGN_UP_TIME.date().replace(day=30)
        )
        world.enrol(planned, world.charlie)
    with owner_database.engine.begin() as connection:
        command.downgrade(configuration(connection), "0010_calendar-1")
    with owner_database.engine.begin() as connection:
        command.upgrade(configuration(connection), "head")

    with owner_database.reading() as session:
        occasion = session.scalars(sa.select(Occasion)).one()
        kinds = session.scalars(sa.select(Series.kind)).all()
        state = session.scalars(sa.select(Attendance.state)).one()
    assert (occasion.kind, kinds) == (OccasionKind.SERVICE_DAY, [OccasionKind.SERVICE_DAY])
    assert (occasion.sequence, occasion.moved_from_on) == (0, None)
    assert state is AttendanceState.ENROLLED
