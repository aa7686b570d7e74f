"""The history of the tables: from nothing to now, and now is what the code says."""

from alembic import command
from alembic.script import ScriptDirectory

from ledger.database import Database
from migrations.run import configuration, newest_revision, present_revision


def test_an_empty_database_comes_up_to_date(owner_database: Database) -> None:
    assert present_revision(owner_database) == newest_revision()


def test_the_tables_are_those_of_the_code(owner_database: Database) -> None:
    with owner_database.engine.begin() as connection:
        command.check(configuration(connection))

    assert ScriptDirectory.from_config(configuration()).get_heads() == [newest_revision()]


def test_the_history_goes_down_to_nothing_and_up_again(owner_database: Database) -> None:
    with owner_database.engine.begin() as connection:
        command.downgrade(configuration(connection), "base")
    assert present_revision(owner_database) is None

    with owner_database.engine.begin() as connection:
        command.upgrade(configuration(connection), "head")
    assert present_revision(owner_database) == newest_revision()
