"""How the database is opened, and what its silence is turned into."""

import sqlite3
import threading
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa

from ledger import database as module
from ledger import journal
from ledger.database import Database, UnfitDatabase
from ledger.errors import Busy, Unavailable
from tests.conftest import Book
from tests.ledger.makers import World, move


@pytest.mark.databases("sqlite")
def test_every_pragma_reads_back(database: Database) -> None:
    with database.begin() as session:
        found = {
            name: session.scalar(sa.text(f"PRAGMA {name}"))
            for name in ("journal_mode", "synchronous", "foreign_keys", "recursive_triggers")
        }

    assert found == {
        "journal_mode": "wal",
        "synchronous": 2,
        "foreign_keys": 1,
        "recursive_triggers": 1,
    }


def test_a_book_in_memory_is_refused() -> None:
    with pytest.raises(UnfitDatabase, match="journal_mode"):
        Database("sqlite://")


def test_another_database_is_refused() -> None:
    with pytest.raises(UnfitDatabase, match="mysql"):
        Database("mysql://localhost/book")


def test_a_file_that_cannot_be_opened_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(Unavailable):
        Database(f"sqlite:///{tmp_path}/missing/book.sqlite3")


def test_a_server_that_is_not_there_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(Unavailable):
        Database(f"postgresql://nobody@/book?host={tmp_path}")


def test_a_reading_session_cannot_write(own_world: World) -> None:
    with pytest.raises(sa.exc.DBAPIError), own_world.database.reading() as session:
        session.execute(sa.text("CREATE TABLE written (id integer)"))

    own_world.give(own_world.alice, 1)


def test_a_reading_session_sees_one_snapshot(own_world: World) -> None:
    count = sa.text("SELECT count(*) FROM ledger_transaction")
    with own_world.database.reading() as session:
        before = session.scalar(count)
        own_world.give(own_world.alice, 1)

        assert session.scalar(count) == before


@pytest.mark.databases("sqlite")
def test_a_lock_that_lasts_is_busy(book: Book, own_world: World) -> None:
    blocker = sqlite3.connect(book.url.removeprefix("sqlite:///"), isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    own_world.database.dispose()
    own_world.database.engine.pool = own_world.database.engine.pool.recreate()
    sa.event.listen(
        own_world.database.engine,
        "connect",
        lambda connection, _: connection.execute("PRAGMA busy_timeout = 50"),
    )

    with pytest.raises(Busy):
        own_world.give(own_world.alice, 1)

    blocker.execute("ROLLBACK")
    blocker.close()
    own_world.give(own_world.alice, 1)


@pytest.mark.databases("postgresql")
def test_a_lock_that_lasts_is_busy_on_postgresql(own_world: World) -> None:
    def lock() -> None:
        with own_world.database.begin() as session:
            session.execute(sa.text("SET LOCAL lock_timeout = '50ms'"))
            session.execute(sa.text("SELECT pg_advisory_xact_lock(7)"))

    with own_world.database.begin() as blocker:
        blocker.execute(sa.text("SELECT pg_advisory_xact_lock(7)"))
        with pytest.raises(Busy):
            lock()


@pytest.mark.databases("postgresql")
def test_a_lost_connection_is_unavailable_and_the_next_session_works(own_world: World) -> None:
    def lose_the_connection() -> None:
        with own_world.database.begin() as session:
            own_process = session.scalar(sa.text("SELECT pg_backend_pid()"))
            with own_world.database.begin() as other:
                other.execute(sa.text(f"SELECT pg_terminate_backend({own_process})"))
            session.execute(sa.text("SELECT 1"))

    with pytest.raises(Unavailable):
        lose_the_connection()

    own_world.give(own_world.alice, 1)


def test_work_is_tried_again_with_the_same_key(own_world: World) -> None:
    tries: list[int] = []
    wanted = move(own_world.issuance, own_world.alice, 5)

    def work(session: sa.orm.Session) -> str:
        journal.post(session, own_world.community_id, wanted)
        tries.append(1)
        if len(tries) < module.ATTEMPTS_MAX:
            raise Busy
        return "done"

    assert own_world.database.attempt(work) == "done"
    assert own_world.holds(own_world.alice) == 5


def test_work_is_not_tried_for_ever(own_world: World) -> None:
    tries: list[int] = []

    def work(_session: sa.orm.Session) -> None:
        tries.append(1)
        raise Busy

    with pytest.raises(Busy):
        own_world.database.attempt(work)

    assert len(tries) == module.ATTEMPTS_MAX


@pytest.mark.databases("postgresql")
def test_a_deadlock_is_busy_and_can_be_tried_again(own_world: World) -> None:
    first_has_one, second_has_two = threading.Event(), threading.Event()
    outcomes: list[str] = []

    def lock(numbers: tuple[int, int], mine: threading.Event, other: threading.Event) -> None:
        try:
            with own_world.database.begin() as session:
                session.execute(sa.text(f"SELECT pg_advisory_xact_lock({numbers[0]})"))
                mine.set()
                other.wait(10)
                session.execute(sa.text(f"SELECT pg_advisory_xact_lock({numbers[1]})"))
        except Busy:
            outcomes.append("busy")
        else:
            outcomes.append("done")

    threads = [
        threading.Thread(target=lock, args=((1, 2), first_has_one, second_has_two)),
        threading.Thread(target=lock, args=((2, 1), second_has_two, first_has_one)),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(outcomes) == ["busy", "done"]


def test_an_error_of_our_own_passes_as_it_is(database: Database) -> None:
    driver_error = sqlite3.Error if database.is_sqlite else psycopg.Error

    with pytest.raises(driver_error, match="nowhere"), database.begin() as session:
        session.connection().connection.cursor().execute("SELECT missing FROM nowhere")
