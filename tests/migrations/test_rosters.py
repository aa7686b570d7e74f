"""Messages survive that their list of kinds grows and shrinks; so do their guards."""

import pytest
import sqlalchemy as sa
from alembic import command

from ledger import clock
from ledger.database import Database
from migrations.run import configuration
from tests.service.world import SIGN_UP_TIME, make_world
from timebank.codes import CodeKeys
from timebank.messages import outbox
from timebank.messages.models import Message, MessageKind
from timebank.messages.outbox import Notice

FACTS = {"title": "巡查", "when": "2026-11-09 9:00", "place": "东门"}


def test_messages_of_before_survive_and_the_kinds_stay_guarded(
    database: Database, owner_database: Database, keys: CodeKeys
) -> None:
    with database.begin() as session, clock.at(SIGN_UP_TIME):
        charlie = make_world(session, keys).charlie
        outbox.write(
            session,
            charlie.community_id,
            [
                Notice(charlie.id, MessageKind.REMINDER, FACTS, "kept"),
                Notice(charlie.id, MessageKind.SWAP_ASKED, FACTS, "gone"),
            ],
        )
    with owner_database.engine.begin() as connection:
        command.downgrade(configuration(connection), "0012_rosters-1")
    with owner_database.engine.begin() as connection:
        command.upgrade(configuration(connection), "head")

    with owner_database.begin() as session:
        kept = session.scalars(sa.select(Message)).one()
        assert (kept.reference, kept.facts) == ("kept", FACTS)
        for change in ("kind = 'nonsense'", "try_count = 9", "reference = ''"):
            with pytest.raises(sa.exc.IntegrityError), session.begin_nested():
                session.execute(sa.text(f"UPDATE message SET {change}"))
        session.execute(sa.text("UPDATE message SET kind = 'swap_asked'"))
